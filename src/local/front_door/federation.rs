//! The part of federated sign-in the emulator lacks: a provider asked for by one of its identifiers,
//! attributes that say `true` as Cognito says it, and the PostConfirmation trigger at the first sign-in.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::extract::Query;
use axum::http::header::AUTHORIZATION;
use axum::http::{StatusCode, Uri};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::cognito::home_of_client;
use super::scope::ClientLocation;
use super::trigger::TriggerSource;
use super::users::{Operation, Pool, User, parted};
use super::{Door, RESERVED};

/// Where a sign-in through the browser begins.
pub(super) const AUTHORIZE_PATH: &str = "/oauth2/authorize";
/// Where its code becomes tokens.
pub(super) const TOKEN_PATH: &str = "/oauth2/token";

/// The status of a user who comes from an identity provider.
const EXTERNAL: &str = "EXTERNAL_PROVIDER";
/// The attributes that Cognito keeps as the text `true` or `false`, whatever the provider writes.
const FLAGS: [&str; 2] = ["email_verified", "phone_number_verified"];

type Parameters = BTreeMap<String, String>;

/// Begins a sign-in. The emulator knows a provider by its name alone, so one that is asked for by an
/// identifier, such as a company's mail domain, is looked up first.
pub(super) async fn authorize(door: &Door, mut call: Call) -> Reply {
    let given = parameters(call.uri.query().unwrap_or_default());
    let get = |name: &str| given.get(name).filter(|value| !value.is_empty());
    if get("identity_provider").is_none()
        && let (Some(identifier), Some(client_id)) = (get("idp_identifier"), get("client_id"))
        && let Some(home) = home_of_client(door, client_id).await
    {
        let input = json!({ "UserPoolId": home.pool_id, "IdpIdentifier": identifier });
        let action = "GetIdentityProviderByIdentifier";
        let found = match door.upstream.cognito(&home.scope, action, &input).await {
            Ok(found) => found,
            Err(refusal) => return *refusal,
        };
        let name = found["IdentityProvider"]["ProviderName"]
            .as_str()
            .unwrap_or_default();
        if let Some(uri) = with_provider(&call.uri, name) {
            call.uri = uri;
        }
    }
    door.upstream.forward(&call).await
}

/// Exchanges a code for tokens. Their trigger is the first to read what a provider said of the user, so
/// that is put right before.
pub(super) async fn token(door: &Door, call: Call) -> Reply {
    let given = std::str::from_utf8(&call.body).map(parameters);
    let given = given.unwrap_or_default();
    if given.get("grant_type").map(String::as_str) == Some("authorization_code")
        && let Some(client_id) = client_of(&call, &given)
        && let Some(home) = home_of_client(door, &client_id).await
    {
        settle_flags(door, &home).await;
        if door.strict
            && let Err(refusal) = announce(door, &call, &client_id, &home).await
        {
            return refusal;
        }
    }
    if given.get("grant_type").map(String::as_str) == Some("refresh_token")
        && door.strict
        && let Some(client_id) = client_of(&call, &given)
        && let Some(home) = home_of_client(door, &client_id).await
    {
        return refresh(door, call, &given, &client_id, &home).await;
    }
    door.upstream.forward(&call).await
}

/// A refresh at the token endpoint, which rotates as GetTokensFromRefreshToken does (developer guide, "Refresh tokens").
async fn refresh(
    door: &Door,
    mut call: Call,
    given: &Parameters,
    client_id: &str,
    home: &ClientLocation,
) -> Reply {
    let token = given.get("refresh_token").map_or("", String::as_str);
    if !door.users.rotated().is_good(token) {
        let error = json!({ "error": "invalid_grant" }).to_string();
        return Reply::new(StatusCode::BAD_REQUEST, "application/json", error);
    }
    let fields: Vec<String> = given
        .iter()
        .map(|(name, value)| match name.as_str() {
            "refresh_token" => (name, parted(value).0),
            _ => (name, value.as_str()),
        })
        .map(|(name, value)| {
            let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
            format!("{}={}", encoded(name), encoded(value))
        })
        .collect();
    call.body = fields.join("&").into();
    let input = json!({ "ClientId": client_id });
    let operation = Operation {
        door,
        call: &call,
        action: "",
        input: &input,
        scope: &home.scope,
        ours: true,
    };
    let reply = door.upstream.forward(&call).await;
    operation
        .with_next_token(&home.pool_id, client_id, token, reply)
        .await
}

/// The federated users whose first sign-in the trigger was told of: pool, username.
#[derive(Debug, Default)]
pub(super) struct Announced {
    inner: Mutex<HashSet<(String, String)>>,
}

impl Announced {
    /// Notes a user; `true` the first time.
    fn note(&self, pool_id: &str, username: &str) -> bool {
        self.lock()
            .insert((pool_id.to_owned(), username.to_owned()))
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<(String, String)>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs PostConfirmation for federated users who are new. Cognito does so when it makes their profile, at
/// the first sign-in through a provider, before any token (developer guide, "Lambda triggers for federated
/// users"); a trigger that fails ends that sign-in, and is not run at the next.
async fn announce(
    door: &Door,
    call: &Call,
    client_id: &str,
    home: &ClientLocation,
) -> Result<(), Reply> {
    let input = json!({ "ClientId": client_id });
    let operation = Operation {
        door,
        call,
        action: "",
        input: &input,
        scope: &home.scope,
        ours: true,
    };
    let Some(pool) = operation.pool(&home.pool_id).await else {
        return Ok(());
    };
    for user in operation.federated_users(&pool).await {
        if !door.users.announced().note(&pool.id, &user.username) {
            continue;
        }
        let told = operation
            .post_confirmation(&pool, &user, TriggerSource::ConfirmSignUp)
            .await;
        if let Err(refusal) = told {
            let body = refusal.json().unwrap_or_default();
            let error = json!({
                "error": "invalid_request",
                "error_description": body["message"],
            });
            let kind = "application/json";
            return Err(Reply::new(StatusCode::BAD_REQUEST, kind, error.to_string()));
        }
    }
    Ok(())
}

impl Operation<'_> {
    /// Everybody who came from an identity provider.
    async fn federated_users(&self, pool: &Pool) -> Vec<User> {
        let users = self.every_user(pool).await;
        users
            .into_iter()
            .filter(|user| user.status == EXTERNAL)
            .collect()
    }
}

/// The parameters of a form.
pub(super) fn parameters(form: &str) -> Parameters {
    // A form has the syntax of a query.
    let uri = Uri::try_from(format!("/?{form}")).unwrap_or_default();
    let query = Query::<Parameters>::try_from_uri(&uri);
    query.map(|query| query.0).unwrap_or_default()
}

/// The same address, asking for the provider by its name.
fn with_provider(uri: &Uri, name: &str) -> Option<Uri> {
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    let query = with_parameter(query, "identity_provider", name);
    Uri::try_from(format!("{path}?{query}")).ok()
}

/// The same form, or query, with one parameter that stands in it once.
pub(super) fn with_parameter(form: &str, name: &str, value: &str) -> String {
    // An empty one may stand in it already, and the emulator takes the first.
    let others = form
        .split('&')
        .filter(|pair| pair.split('=').next() != Some(name));
    let others: Vec<&str> = others.collect();
    let value = utf8_percent_encode(value, RESERVED);
    format!("{}&{name}={value}", others.join("&"))
}

/// The client's ID: from the form, or from the user of basic authentication (RFC 6749, 2.3.1).
fn client_of(call: &Call, form: &Parameters) -> Option<String> {
    if let Some(client_id) = form.get("client_id") {
        return Some(client_id.clone());
    }
    let header = call.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = BASE64_STANDARD.decode(credentials.trim()).ok()?;
    let credentials = String::from_utf8(credentials).ok()?;
    let (client_id, _secret) = credentials.split_once(':')?;
    let client_id = percent_decode_str(client_id).decode_utf8().ok()?;
    Some(client_id.into_owned())
}

/// Writes the flags of the pool's federated users as Cognito does. The emulator puts a provider's JSON
/// `true` down as Python's `True`, which no trigger written for Cognito takes for one.
async fn settle_flags(door: &Door, home: &ClientLocation) {
    let ask = async |action: &str, input: &Value| {
        let answer = door.upstream.cognito(&home.scope, action, input).await;
        answer.ok()
    };
    let mut page = json!({ "UserPoolId": home.pool_id });
    while let Some(users) = ask("ListUsers", &page).await {
        for user in users["Users"].as_array().into_iter().flatten() {
            let flags = misspelt_flags(user);
            if !flags.is_empty() {
                let update = json!({
                    "UserPoolId": home.pool_id,
                    "Username": user["Username"],
                    "UserAttributes": flags,
                });
                ask("AdminUpdateUserAttributes", &update).await;
            }
        }
        match users.get("PaginationToken") {
            Some(next) if next.is_string() => page["PaginationToken"] = next.clone(),
            _ => break,
        }
    }
}

/// The flags of a federated user that have to be written anew.
fn misspelt_flags(user: &Value) -> Vec<Value> {
    if user["UserStatus"] != EXTERNAL {
        return Vec::new();
    }
    let attributes = user["Attributes"].as_array().into_iter().flatten();
    attributes
        .filter_map(|attribute| {
            let name = attribute["Name"].as_str()?;
            let value = attribute["Value"].as_str()?;
            let settled = value.to_ascii_lowercase();
            let is_flag = FLAGS.contains(&name) && ["true", "false"].contains(&settled.as_str());
            (is_flag && settled != value).then(|| json!({ "Name": name, "Value": settled }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_named_once() {
        let uri = Uri::from_static("/oauth2/authorize?identity_provider=&client_id=a%2Bb&state=s");
        assert_eq!(
            with_provider(&uri, "my idp").map(|uri| uri.to_string()),
            Some("/oauth2/authorize?client_id=a%2Bb&state=s&identity_provider=my%20idp".to_owned())
        );
    }

    #[test]
    fn only_federated_users_flags_are_written_anew() {
        let user = |status: &str, name: &str, value: &str| {
            let attributes = json!([{ "Name": name, "Value": value }]);
            misspelt_flags(&json!({ "UserStatus": status, "Attributes": attributes }))
        };
        let settled = json!([{ "Name": "email_verified", "Value": "true" }]);
        assert_eq!(json!(user(EXTERNAL, "email_verified", "True")), settled);
        for (status, name, value) in [
            ("CONFIRMED", "email_verified", "True"),
            (EXTERNAL, "email_verified", "true"),
            (EXTERNAL, "email_verified", "Yes"),
            (EXTERNAL, "name", "True"),
        ] {
            assert_eq!(
                user(status, name, value),
                [Value::Null; 0],
                "{name}={value}"
            );
        }
    }
}
