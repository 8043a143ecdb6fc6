//! Cognito's operations as they come in: whose an unsigned one is, and the link of a verification mail.
//! What is done with them, [`super::users`] says.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, Method, Uri};
use serde_json::{Value, json};

use super::Door;
use super::call::{Call, Reply};
use super::scope::{ClientLocation, Scope, pool_of_token, region_of_pool};
use super::upstream::COGNITO;
use super::users::Operation;

/// The operations Cognito takes unsigned: whose they are stands in a client ID, a token or a session.
const PUBLIC: &[&str] = &[
    "AssociateSoftwareToken",
    "ChangePassword",
    "ConfirmForgotPassword",
    "ConfirmSignUp",
    "DeleteUser",
    "DeleteUserAttributes",
    "ForgotPassword",
    "GetTokensFromRefreshToken",
    "GetUser",
    "GetUserAttributeVerificationCode",
    "GlobalSignOut",
    "InitiateAuth",
    "ResendConfirmationCode",
    "RespondToAuthChallenge",
    "RevokeToken",
    "SetUserMFAPreference",
    "SignUp",
    "UpdateUserAttributes",
    "VerifySoftwareToken",
    "VerifyUserAttribute",
];

/// The path of the link in a verification mail, as on a Cognito domain.
pub(super) const CONFIRM_PATH: &str = "/confirmUser";

/// Answers a Cognito operation.
pub(super) async fn answer(door: &Door, call: Call, action: &str) -> Reply {
    answer_to(door, call, action, false).await
}

/// Answers an operation of a client, or `ours`, made for somebody who followed a link.
async fn answer_to(door: &Door, mut call: Call, action: &str, ours: bool) -> Reply {
    let Ok(input) = serde_json::from_slice::<Value>(&call.body) else {
        return door.upstream.forward(&call).await;
    };
    let signed = Scope::of(&call.headers).map(|(scope, _)| scope);
    let mut scope = signed.unwrap_or_else(Scope::ambient);
    if PUBLIC.contains(&action)
        && let Some(owner) = owner(door, &input).await
    {
        // AWS looks at no signature here, and takes the call whoever signed it.
        call.sign_as(&owner, "cognito-idp");
        scope = owner;
    }
    let operation = Operation {
        door,
        call: &call,
        action,
        input: &input,
        scope: &scope,
        ours,
    };
    operation.answer().await.unwrap_or_else(|refusal| *refusal)
}

/// Confirms a sign-up by the link of its mail.
pub(super) async fn confirm_by_link(door: &Door, query: &BTreeMap<String, String>) -> Reply {
    let get = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let input = json!({
        "ClientId": get("client_id"),
        "Username": get("user_name"),
        "ConfirmationCode": get("confirmation_code"),
    });
    let mut headers = HeaderMap::new();
    if let Ok(target) = format!("{COGNITO}.ConfirmSignUp").parse() {
        headers.insert("x-amz-target", target);
    }
    let call = Call {
        method: Method::POST,
        uri: Uri::from_static("/"),
        headers,
        body: input.to_string().into(),
    };
    let reply = answer_to(door, call, "ConfirmSignUp", true).await;
    let text = if reply.is_success() {
        "Your registration has been confirmed!".to_owned()
    } else {
        let error = reply.json().unwrap_or_default();
        error["message"]
            .as_str()
            .unwrap_or("The link is not valid.")
            .to_owned()
    };
    Reply::new(reply.status, "text/plain; charset=utf-8", text)
}

/// Finds whose unsigned call this is, by what it carries.
async fn owner(door: &Door, input: &Value) -> Option<Scope> {
    let text = |name: &str| input.get(name).and_then(Value::as_str);
    if let Some(client_id) = text("ClientId") {
        return Some(home_of_client(door, client_id).await?.scope);
    }
    if let Some(pool_id) = ["AccessToken", "Token"]
        .into_iter()
        .find_map(|name| pool_of_token(text(name)?))
    {
        return scope_of_pool(door, &pool_id).await;
    }
    door.scopes.session(text("Session")?)
}

/// Finds the pool an app client belongs to, over all accounts the door has seen.
pub(super) async fn home_of_client(door: &Door, client_id: &str) -> Option<ClientLocation> {
    if let Some(home) = door.scopes.client(client_id) {
        let input = json!({ "UserPoolId": home.pool_id, "ClientId": client_id });
        if door
            .upstream
            .cognito(&home.scope, "DescribeUserPoolClient", &input)
            .await
            .is_ok()
        {
            return Some(home);
        }
        door.scopes.forget_client(client_id);
    }
    for scope in door.scopes.all() {
        let mut page = json!({ "MaxResults": 60 });
        while let Ok(pools) = door.upstream.cognito(&scope, "ListUserPools", &page).await {
            for pool in pools["UserPools"].as_array().into_iter().flatten() {
                let Some(pool_id) = pool["Id"].as_str() else {
                    continue;
                };
                let input = json!({ "UserPoolId": pool_id, "ClientId": client_id });
                if door
                    .upstream
                    .cognito(&scope, "DescribeUserPoolClient", &input)
                    .await
                    .is_ok()
                {
                    let home = ClientLocation {
                        scope,
                        pool_id: pool_id.to_owned(),
                    };
                    door.scopes.remember_client(client_id, &home);
                    return Some(home);
                }
            }
            match pools.get("NextToken") {
                Some(next) if next.is_string() => page["NextToken"] = next.clone(),
                _ => break,
            }
        }
    }
    None
}

/// Finds the account a pool lives in; its region stands in its ID.
async fn scope_of_pool(door: &Door, pool_id: &str) -> Option<Scope> {
    if let Some(scope) = door.scopes.pool(pool_id) {
        return Some(scope);
    }
    let region = region_of_pool(pool_id)?;
    for seen in door.scopes.all() {
        let scope = Scope::new(seen.access_key, region);
        let input = json!({ "UserPoolId": pool_id });
        if door
            .upstream
            .cognito(&scope, "DescribeUserPool", &input)
            .await
            .is_ok()
        {
            door.scopes.remember_pool(pool_id, &scope);
            return Some(scope);
        }
    }
    None
}
