//! The sign-in page of a pool's domain, which the emulator serves: a name in any letters, and no way around
//! a second factor.

use axum::http::StatusCode;
use serde_json::json;

use super::Operation;
use crate::local::front_door::Door;
use crate::local::front_door::call::{Call, Reply};
use crate::local::front_door::cognito::home_of_client;
use crate::local::front_door::federation::{parameters, with_parameter};

const NO_FACTOR: &str = "This user needs a second factor, and the local cloud's sign-in page has none. \
                         Sign in by InitiateAuth here; Cognito's own page asks for it.";

/// Answers the page's form.
pub(in crate::local::front_door) async fn sign_in(door: &Door, mut call: Call) -> Reply {
    let form = std::str::from_utf8(&call.body).map(parameters);
    let form = form.unwrap_or_default();
    let (Some(name), Some(client_id)) = (form.get("username"), form.get("client_id")) else {
        return door.upstream.forward(&call).await;
    };
    let Some(home) = home_of_client(door, client_id).await else {
        return door.upstream.forward(&call).await;
    };
    let asked = call.clone();
    let operation = Operation {
        door,
        call: &asked,
        action: "",
        input: &json!({}),
        scope: &home.scope,
        ours: true,
    };
    let Some(pool) = operation.pool(&home.pool_id).await else {
        return door.upstream.forward(&call).await;
    };
    let Some(user) = operation.find_user(&pool, name).await else {
        return door.upstream.forward(&call).await;
    };
    if user.username != *name {
        let body = std::str::from_utf8(&call.body).unwrap_or_default();
        call.body = with_parameter(body, "username", &user.username).into();
    }
    let reply = door.upstream.forward(&call).await;
    // Only a right password is redirected, with a code for tokens.
    if reply.status.is_redirection() {
        let factors = operation.pool_factors(&pool).await;
        let record = door.users.factors.of(&pool.id, &user.username);
        if factors.required || !record.due(&factors, &user).is_empty() {
            return Reply::new(
                StatusCode::FORBIDDEN,
                "text/plain; charset=utf-8",
                NO_FACTOR,
            );
        }
    }
    reply
}
