//! Who an access token speaks for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::facts::{Client, Pool, User};
use super::{Operation, ReplyResult, refuse};
use crate::local::front_door::call::Reply;

/// The scope a token needs for the operations on one's own account.
const OWN_ACCOUNT: &str = "aws.cognito.signin.user.admin";

/// The user a call is made by, with the app client they signed in through.
pub(super) struct Bearer {
    pub(super) pool: Pool,
    pub(super) user: User,
    pub(super) client: Option<Client>,
}

/// When users were signed out everywhere, by pool and the pool's own name of them: in seconds since 1970.
#[derive(Debug, Default)]
pub(super) struct SignedOut {
    inner: Mutex<HashMap<(String, String), u64>>,
}

impl SignedOut {
    pub(super) fn now(&self, pool_id: &str, username: &str) {
        let key = (pool_id.to_owned(), username.to_owned());
        self.lock().insert(key, unix_now());
    }

    /// Whether a token of that time is one of those. Tokens tell whole seconds, so one of the same second
    /// may be newer, and passes.
    fn revokes(&self, pool_id: &str, username: &str, issued: u64) -> bool {
        let key = (pool_id.to_owned(), username.to_owned());
        self.lock().get(&key).is_some_and(|time| issued < *time)
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), u64>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds since 1970.
pub(super) fn unix_now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map(|now| now.as_secs()).unwrap_or_default()
}

/// The claims of a token, its signature not looked at: the emulator's keys are its own.
pub(super) fn claims(token: &str) -> Option<Value> {
    let payload = BASE64_URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1)?)
        .ok()?;
    serde_json::from_slice(&payload).ok()
}

impl Operation<'_> {
    /// The user of the call's access token, if it is one that Cognito would take.
    pub(super) async fn bearer(&self) -> Result<Bearer, Box<Reply>> {
        let invalid = || refuse("NotAuthorizedException", "Invalid Access Token");
        let Some(token) = self.text("AccessToken") else {
            return refuse(
                "InvalidParameterException",
                "Missing required parameter AccessToken",
            );
        };
        let Some(claims) = claims(token).filter(|claims| claims["token_use"] == "access") else {
            return invalid();
        };
        let issuer = claims["iss"].as_str().unwrap_or_default();
        let pool_id = issuer.rsplit('/').next().unwrap_or_default();
        let (Some(username), Some(pool)) = (claims["username"].as_str(), self.pool(pool_id).await)
        else {
            return invalid();
        };
        if claims["exp"].as_u64().is_none_or(|end| end <= unix_now()) {
            return refuse("NotAuthorizedException", "Access Token has expired");
        }
        let scope = claims["scope"].as_str().unwrap_or_default();
        if !scope.split(' ').any(|scope| scope == OWN_ACCOUNT) {
            return refuse(
                "NotAuthorizedException",
                "Access Token does not have required scopes",
            );
        }
        let Some(user) = self.user(&pool, username).await else {
            return refuse("UserNotFoundException", "User does not exist.");
        };
        if !user.enabled {
            return refuse("NotAuthorizedException", "User is disabled.");
        }
        let issued = claims["iat"].as_u64().unwrap_or_default();
        let signed_out = &self.door.users.signed_out;
        if signed_out.revokes(&pool.id, &user.username, issued) {
            return refuse("NotAuthorizedException", "Access Token has been revoked");
        }
        let client = match claims["client_id"].as_str() {
            Some(client_id) => self.client_of(&pool.id, client_id).await,
            None => None,
        };
        Ok(Bearer { pool, user, client })
    }

    pub(super) async fn global_sign_out(&self) -> ReplyResult {
        let bearer = self.bearer().await?;
        let reply = self.forward().await?;
        let signed_out = &self.door.users.signed_out;
        signed_out.now(&bearer.pool.id, &bearer.user.username);
        Ok(reply)
    }

    pub(super) async fn delete_user(&self) -> ReplyResult {
        let bearer = self.bearer().await?;
        let reply = self.forward().await?;
        self.forget_user(&bearer.pool, &bearer.user.username);
        Ok(reply)
    }

    /// Tokens for a user who has proved everything asked of them. The emulator checks nothing in its
    /// answer to this challenge, which is what makes it do here.
    pub(super) async fn issue_tokens(&self, client_id: &str, username: &str) -> ReplyResult {
        let mut input = json!({
            "ClientId": client_id,
            "ChallengeName": "MFA_SETUP",
            "ChallengeResponses": { "USERNAME": username },
        });
        if let Some(metadata) = self.input.get("ClientMetadata") {
            input["ClientMetadata"] = metadata.clone();
        }
        self.finish(self.send("RespondToAuthChallenge", &input).await)
    }
}
