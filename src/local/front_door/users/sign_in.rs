//! Beginning a sign-in: the flows an app client allows, and the first factor.

use std::time::Instant;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Builder;

use super::facts::{Client, Pool, User};
use super::rotation::parted;
use super::secret_hash::{self, At};
use super::sessions::Step;
use super::tokens::claims;
use super::{Operation, Refused, ReplyResult, attributes, refuse};
use crate::local::front_door::call::Reply;

impl Operation<'_> {
    pub(super) async fn initiate_auth(&self) -> ReplyResult {
        let Some((pool, client)) = self.client_at_hand().await else {
            return self.pass_on().await;
        };
        let flow = self.text("AuthFlow").unwrap_or_default();
        self.refuse_flow(flow, &client)?;
        if ["REFRESH_TOKEN_AUTH", "REFRESH_TOKEN"].contains(&flow) {
            let token = self.parameter("REFRESH_TOKEN").unwrap_or_default();
            let hash = self.parameter("SECRET_HASH");
            self.refuse_refresh(&pool, &client, token, hash).await?;
            // One from when they were rotated is as good as the first.
            let mut input = self.input.clone();
            input["AuthParameters"]["REFRESH_TOKEN"] = parted(token).0.into();
            return self.finish(self.send(self.action, &input).await);
        }
        let Some(name) = self.parameter("USERNAME") else {
            return refuse(
                "InvalidParameterException",
                "Missing required parameter USERNAME",
            );
        };
        secret_hash::check(&client, At::Start, self.parameter("SECRET_HASH"), &[name])?;
        let user = self.find_user(&pool, name).await;
        if let Some(user) = &user {
            self.refuse_locked_out(&pool, user)?;
        }
        match (flow, user) {
            ("USER_AUTH", user) => self.choose(&pool, &client, name, user).await,
            (_, None) => self.for_no_user(&pool, &client, name).await,
            ("USER_SRP_AUTH", Some(user)) => {
                let srp_a = self.parameter("SRP_A");
                self.begin_srp(&pool, &client, &user, srp_a).await
            }
            ("CUSTOM_AUTH", Some(user)) => {
                let mut input = self.input.clone();
                input["AuthParameters"]["USERNAME"] = user.username.as_str().into();
                self.finish(self.send(self.action, &input).await)
            }
            (_, Some(user)) => {
                let password = self.parameter("PASSWORD");
                self.check_password(&pool, &client, &user, password).await
            }
        }
    }

    /// A sign-in by a name that nobody has. Where the app client hides that, it goes as for somebody: the
    /// emulator makes up a challenge, and wrong passwords lock the name out.
    async fn for_no_user(&self, pool: &Pool, client: &Client, name: &str) -> ReplyResult {
        if !client.hides_users() {
            return self.pass_on().await;
        }
        let nobody = User {
            username: pool.spelling(name),
            ..User::default()
        };
        self.refuse_locked_out(pool, &nobody)?;
        let mut input = self.input.clone();
        if pool.has_username_attributes() {
            // Cognito's own name for a user is no address, here as little as elsewhere.
            input["AuthParameters"]["USERNAME"] = made_up_name(&pool.id, &nobody.username).into();
        }
        let reply = self.send(self.action, &input).await;
        if !reply.is_success() {
            return self.proved(pool, client, Some(&nobody), reply).await;
        }
        self.finish(reply)
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        self.input["AuthParameters"].get(name)?.as_str()
    }

    /// Refuses a flow that the app client doesn't allow, or that is the other operation's.
    fn refuse_flow(&self, flow: &str, client: &Client) -> Refused {
        let allowed = match flow {
            "REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN" => {
                client.allows("REFRESH_TOKEN_AUTH") && !client.rotates_refresh_tokens()
            }
            "ADMIN_NO_SRP_AUTH" | "ADMIN_USER_PASSWORD_AUTH" if !self.is_admins() => {
                return refuse(
                    "InvalidParameterException",
                    "Initiate Auth method not supported.",
                );
            }
            "USER_PASSWORD_AUTH" if self.is_admins() => {
                return refuse(
                    "InvalidParameterException",
                    "Initiate Auth method not supported.",
                );
            }
            "ADMIN_NO_SRP_AUTH" => client.allows("ADMIN_USER_PASSWORD_AUTH"),
            // An unknown one is the emulator's to refuse.
            "USER_SRP_AUTH"
            | "USER_PASSWORD_AUTH"
            | "ADMIN_USER_PASSWORD_AUTH"
            | "CUSTOM_AUTH"
            | "USER_AUTH" => client.allows(flow),
            _ => true,
        };
        if allowed {
            return Ok(());
        }
        match flow {
            "USER_PASSWORD_AUTH" => refuse(
                "InvalidParameterException",
                "USER_PASSWORD_AUTH flow not enabled for this client",
            ),
            "USER_SRP_AUTH" | "CUSTOM_AUTH" | "USER_AUTH" => {
                let message = format!("{flow} is not enabled for the client.");
                refuse("InvalidParameterException", &message)
            }
            _ => refuse(
                "InvalidParameterException",
                "Auth flow not enabled for this client",
            ),
        }
    }

    /// Refuses who has tried too many passwords.
    pub(super) fn refuse_locked_out(&self, pool: &Pool, user: &User) -> Refused {
        let limits = &self.door.users.limits;
        if !limits.is_locked_out(&pool.id, &user.username, Instant::now()) {
            return Ok(());
        }
        refuse("NotAuthorizedException", "Password attempts exceeded")
    }

    /// A sign-in by password, checked by the emulator.
    pub(super) async fn check_password(
        &self,
        pool: &Pool,
        client: &Client,
        user: &User,
        password: Option<&str>,
    ) -> ReplyResult {
        let Some(password) = password else {
            return refuse(
                "InvalidParameterException",
                "Missing required parameter PASSWORD",
            );
        };
        let factors = self.pool_factors(pool).await;
        self.expect_factor(pool, user, &factors).await;
        let mut input = json!({
            "UserPoolId": pool.id,
            "ClientId": client.id,
            "AuthFlow": "ADMIN_USER_PASSWORD_AUTH",
            "AuthParameters": { "USERNAME": user.username, "PASSWORD": password },
        });
        for name in ["ClientMetadata", "ContextData", "UserContextData"] {
            if let Some(value) = self.input.get(name) {
                input[name] = value.clone();
            }
        }
        let reply = self.send("AdminInitiateAuth", &input).await;
        self.proved(pool, client, Some(user), reply).await
    }

    /// The first half of a sign-in by SRP. Its proof is over the pool's own name of the user, which the
    /// emulator tells as `USER_ID_FOR_SRP`.
    pub(super) async fn begin_srp(
        &self,
        pool: &Pool,
        client: &Client,
        user: &User,
        srp_a: Option<&str>,
    ) -> ReplyResult {
        let factors = self.pool_factors(pool).await;
        self.expect_factor(pool, user, &factors).await;
        let mut parameters = json!({ "USERNAME": user.username });
        if let Some(srp_a) = srp_a {
            parameters["SRP_A"] = srp_a.into();
        }
        let input = json!({
            "ClientId": client.id,
            "AuthFlow": "USER_SRP_AUTH",
            "AuthParameters": parameters,
        });
        self.finish(self.send("InitiateAuth", &input).await)
    }

    /// Goes on with what the emulator says of a password: that it was wrong, that it is only for once, or
    /// that it was right.
    pub(super) async fn proved(
        &self,
        pool: &Pool,
        client: &Client,
        user: Option<&User>,
        reply: Reply,
    ) -> ReplyResult {
        let body = reply.json().unwrap_or_default();
        let limits = &self.door.users.limits;
        if !reply.is_success() {
            let wrong = body["message"] == "Incorrect username or password.";
            if let Some(user) = user.filter(|_| wrong) {
                limits.failed(&pool.id, &user.username, Instant::now());
            }
            return self.finish(reply);
        }
        let Some(name) = body["ChallengeName"].as_str() else {
            if let Some(user) = user {
                limits.succeeded(&pool.id, &user.username);
            }
            return Ok(reply);
        };
        let username = body["ChallengeParameters"]["USER_ID_FOR_SRP"]
            .as_str()
            .unwrap_or_default();
        limits.succeeded(&pool.id, username);
        match name {
            "NEW_PASSWORD_REQUIRED" => {
                let username = username.to_owned();
                self.ask_for_password(pool, client, &username, body).await
            }
            "SOFTWARE_TOKEN_MFA" => self.after_password(pool, client, username).await,
            _ => self.finish(reply),
        }
    }

    async fn ask_for_password(
        &self,
        pool: &Pool,
        client: &Client,
        username: &str,
        mut body: Value,
    ) -> ReplyResult {
        let Some(user) = self.user(pool, username).await else {
            return refuse("UserNotFoundException", "User does not exist.");
        };
        let required = attributes::missing(pool, &user);
        let named: Vec<String> = required
            .iter()
            .map(|name| format!("userAttributes.{name}"))
            .collect();
        body["ChallengeParameters"]["requiredAttributes"] = json!(named).to_string().into();
        let step = Step::NewPassword { required };
        body["Session"] = self.open_session(pool, client, Some(username), step).into();
        Ok(super::answer(&body))
    }

    /// GetTokensFromRefreshToken, which proves its client by the secret itself.
    pub(super) async fn refresh(&self) -> ReplyResult {
        let Some((_, client)) = self.client_at_hand().await else {
            return self.pass_on().await;
        };
        if !client.allows("REFRESH_TOKEN_AUTH") && !client.rotates_refresh_tokens() {
            return refuse(
                "InvalidParameterException",
                "Auth flow not enabled for this client",
            );
        }
        if let Some(secret) = client.secret()
            && self.text("ClientSecret") != Some(secret)
        {
            let message = format!("Unable to verify secret for client {}", client.id);
            return refuse("NotAuthorizedException", &message);
        }
        let token = self.text("RefreshToken").unwrap_or_default();
        let rotated = &self.door.users.rotated;
        if !rotated.is_good(token) {
            return refuse(
                "RefreshTokenReuseException",
                "Refresh token has been invalidated by rotation.",
            );
        }
        let mut input = self.input.clone();
        input["RefreshToken"] = parted(token).0.into();
        let reply = self.send(self.action, &input).await;
        let Some(mut answer) = reply.json().filter(|_| reply.is_success()) else {
            return self.finish(reply);
        };
        if client.rotates_refresh_tokens() {
            let next = rotated.rotate(token, &client);
            answer["AuthenticationResult"]["RefreshToken"] = next.into();
        }
        self.finish(reply.with_json(&answer))
    }

    /// RevokeToken ends a sign-in, whichever of its refresh tokens is named.
    pub(super) async fn revoke(&self) -> ReplyResult {
        let token = self.text("Token").unwrap_or_default();
        let mut input = self.input.clone();
        input["Token"] = parted(token).0.into();
        self.finish(self.send(self.action, &input).await)
    }

    /// Refuses a refresh by a client that doesn't prove itself. Its hash is over the name the tokens were
    /// given for, which the caller of a refresh may know by either of two spellings.
    async fn refuse_refresh(
        &self,
        pool: &Pool,
        client: &Client,
        token: &str,
        hash: Option<&str>,
    ) -> Refused {
        if client.secret().is_none() {
            return Ok(());
        }
        let claims = claims(token).unwrap_or_default();
        let Some(subject) = claims["sub"].as_str() else {
            // Not a token: the emulator says so.
            return Ok(());
        };
        let user = self.user(pool, subject).await.unwrap_or_default();
        secret_hash::check(client, At::Continuation, hash, &[subject, &user.username])
    }
}

/// A name as Cognito makes them up, always the same for the same one.
fn made_up_name(pool_id: &str, name: &str) -> String {
    let digest = Sha256::new()
        .chain_update(pool_id)
        .chain_update(name)
        .finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_name_looks_like_every_other_and_stays() {
        let name = made_up_name("p", "nobody@example.com");
        assert_eq!(
            uuid::Uuid::parse_str(&name).map(|id| id.get_version_num()),
            Ok(4)
        );
        assert_eq!(name, made_up_name("p", "nobody@example.com"));
        assert_ne!(name, made_up_name("q", "nobody@example.com"));
    }
}
