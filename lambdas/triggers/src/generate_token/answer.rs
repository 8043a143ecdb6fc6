//! What Cognito is answered (events V2_0 and V3_0).
//!
//! Relied on, all of <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html>:
//! - both tokens take claims of any JSON shape, each from a section of its own;
//! - `groupOverrideDetails` replaces the user's groups, and an empty or null one takes them away. To keep
//!   them, `groupConfiguration` of the request is to be copied there. So it is copied when the user has
//!   groups, and left out when there is nothing to keep;
//! - `scopesToAdd` joins the scopes the token has; no scope may hold a blank;
//! - a machine (client credentials, V3_0 alone) gets an access token and no ID token.

use serde_json::{Map, Value, json};

use super::claims::Claims;
use crate::event::Event;

/// Puts the claims of a user into both tokens.
pub(crate) fn give_user(event: &mut Event, claims: Claims) {
    let mut access = json!({ "claimsToAddOrOverride": merged(&claims.map, claims.access) });
    if !claims.scopes.is_empty() {
        access["scopesToAdd"] = json!(claims.scopes);
    }
    let mut details = json!({
        "idTokenGeneration": { "claimsToAddOrOverride": merged(&claims.map, claims.id) },
        "accessTokenGeneration": access,
    });
    let groups = event.request.rest.get("groupConfiguration");
    if let Some(groups) = groups.filter(|groups| says_something(groups)) {
        details["groupOverrideDetails"] = groups.clone();
    }
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

fn says_something(groups: &Value) -> bool {
    groups.as_object().is_some_and(|groups| {
        groups.values().any(|value| match value {
            Value::Array(names) => !names.is_empty(),
            Value::String(role) => !role.is_empty(),
            _ => false,
        })
    })
}
