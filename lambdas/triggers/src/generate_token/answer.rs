//! What Cognito is answered (events V2_0 and V3_0).
//!
//! Relied on, all of <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html>:
//! - both tokens take claims of any JSON shape, each from a section of its own;
//! - `groupOverrideDetails` replaces the user's groups, and an empty or null one takes them away. To keep
//!   them, `groupConfiguration` of the request is to be copied there. The project's roles have groups of their names,
//!   which nobody joins: the token names the one of the user's role, whatever Cognito has, and others stay;
//! - `scopesToAdd` joins the scopes the token has; no scope may hold a blank;
//! - a machine (client credentials, V3_0 alone) gets an access token and no ID token.

use serde_json::{Map, Value, json};

use super::claims::Claims;
use crate::event::Event;

/// Puts the claims of a user into both tokens.
pub(crate) fn give_user(event: &mut Event, claims: Claims, role: &str, roles: &[String]) {
    let mut access = json!({ "claimsToAddOrOverride": merged(&claims.map, claims.access) });
    if !claims.scopes.is_empty() {
        access["scopesToAdd"] = json!(claims.scopes);
    }
    let mut details = json!({
        "idTokenGeneration": { "claimsToAddOrOverride": merged(&claims.map, claims.id) },
        "accessTokenGeneration": access,
    });
    let mut groups = match event.request.rest.get("groupConfiguration") {
        Some(Value::Object(given)) => given.clone(),
        _ => Map::new(),
    };
    groups.insert(
        "groupsToOverride".to_owned(),
        json!(with_role(&groups, role, roles)),
    );
    details["groupOverrideDetails"] = Value::Object(groups);
    event.response = json!({ "claimsAndScopeOverrideDetails": details });
}

/// Puts claims into a machine's one token.
pub(crate) fn give_machine(event: &mut Event, claims: Map<String, Value>) {
    event.response = json!({
        "claimsAndScopeOverrideDetails": {
            "accessTokenGeneration": { "claimsToAddOrOverride": claims },
        }
    });
}

/// The claims of both tokens, and those of one.
fn merged(both: &Map<String, Value>, own: Map<String, Value>) -> Map<String, Value> {
    let mut claims = both.clone();
    claims.extend(own);
    claims
}

/// The user's groups, but for those of roles: of these the one of the role held.
fn with_role<'a>(given: &'a Map<String, Value>, role: &'a str, roles: &[String]) -> Vec<&'a str> {
    let given = given.get("groupsToOverride").and_then(Value::as_array);
    let given = given.into_iter().flatten().filter_map(Value::as_str);
    let others = given.filter(|group| *group != role && !roles.iter().any(|one| one == group));
    others.chain([role]).collect()
}
