//! Answers to challenges.

use std::time::Instant;

use serde_json::{Value, json};

use super::attributes::{self, Given};
use super::choice::wrong_password;
use super::factors::TOTP;
use super::facts::{Client, Pool, User};
use super::secret_hash::{self, At};
use super::sessions::{Session, Step};
use super::{Operation, Refused, ReplyResult, refuse, refuse_outer_spaces};
use crate::local::front_door::call::Reply;

impl Operation<'_> {
    pub(super) async fn respond(&self) -> ReplyResult {
        let Some((pool, client)) = self.client_at_hand().await else {
            return self.pass_on().await;
        };
        let challenge = self.text("ChallengeName").unwrap_or_default();
        let given = self.response("USERNAME");
        if challenge == "PASSWORD_VERIFIER" {
            return self.verify_proof(&pool, &client, given).await;
        }
        if challenge == "CUSTOM_CHALLENGE" || challenge.starts_with("DEVICE_") {
            self.refuse_hash(&client, &[given.unwrap_or_default()])?;
            return self.pass_on().await;
        }
        let Some(name) = given else {
            return refuse(
                "InvalidParameterException",
                "Missing required parameter USERNAME",
            );
        };
        let Some(token) = self.text("Session") else {
            return refuse(
                "InvalidParameterException",
                "Missing required parameter Session",
            );
        };
        let session = self.session(token)?;
        let user = match &session.username {
            Some(username) => self.user(&pool, username).await,
            None => None,
        };
        let username = user.as_ref().map(|user| user.username.as_str());
        self.refuse_hash(&client, &[name, username.unwrap_or(name)])?;
        if session.client_id != client.id || !session.step.awaits(challenge) {
            return invalid_session();
        }
        // Whoever answers names the user that was asked, by any of their names.
        if let Some(username) = username
            && name != username
            && self
                .find_user(&pool, name)
                .await
                .map(|user| user.username)
                .as_deref()
                != Some(username)
        {
            return invalid_session();
        }
        let answer = Answer {
            pool: &pool,
            client: &client,
            token,
            session: &session,
        };
        match (&session.step, user) {
            (Step::SelectChallenge { challenges }, user) => {
                self.take_choice(&pool, &client, token, user.as_ref(), challenges)
                    .await
            }
            (Step::Code { code, .. }, None) => self.take_code_of(&answer, None, code).await,
            (_, None) => wrong_password(),
            (_, Some(user)) if !user.enabled => {
                refuse("NotAuthorizedException", "User is disabled.")
            }
            (step, Some(user)) => self.take_answer(&answer, step, &user).await,
        }
    }

    fn response(&self, name: &str) -> Option<&str> {
        self.input["ChallengeResponses"].get(name)?.as_str()
    }

    fn refuse_hash(&self, client: &Client, names: &[&str]) -> Refused {
        let hash = self.response("SECRET_HASH");
        secret_hash::check(client, At::Continuation, hash, names)
    }

    /// What a session stands for, in Cognito's words if for nothing.
    pub(super) fn session(&self, token: &str) -> Result<Session, Box<Reply>> {
        let session = self.door.users.sessions.get(token, Instant::now());
        session.or_else(|refusal| refuse("NotAuthorizedException", refusal.message()))
    }

    /// The second half of a sign-in by SRP: the emulator's to check.
    async fn verify_proof(&self, pool: &Pool, client: &Client, name: Option<&str>) -> ReplyResult {
        let user = match name {
            Some(name) => self.find_user(pool, name).await,
            None => None,
        };
        let names = [
            name.unwrap_or_default(),
            user.as_ref().map_or("", |user| user.username.as_str()),
        ];
        self.refuse_hash(client, &names)?;
        if let Some(user) = &user {
            self.refuse_locked_out(pool, user)?;
        }
        let mut input = self.input.clone();
        if let Some(input) = input.as_object_mut() {
            // A session of ours means nothing to the emulator, which finds its own by the secret block.
            let token = self.text("Session").unwrap_or_default();
            if self.door.users.sessions.get(token, Instant::now()).is_ok() {
                input.remove("Session");
            }
        }
        let reply = self.send("RespondToAuthChallenge", &input).await;
        self.proved(pool, client, user.as_ref(), reply).await
    }

    async fn take_answer(&self, answer: &Answer<'_>, step: &Step, user: &User) -> ReplyResult {
        let (pool, client) = (answer.pool, answer.client);
        match step {
            Step::NewPassword { required } => self.take_password(answer, user, required).await,
            Step::MfaSetup { .. } => refuse(
                "InvalidParameterException",
                "User has not completed the setup of a second factor.",
            ),
            Step::MfaIsSetUp => self.let_in(answer, user).await,
            Step::SelectMfa { factors } => {
                let chosen = self.response("ANSWER");
                let Some(chosen) = factors.iter().find(|factor| Some(**factor) == chosen) else {
                    return refuse(
                        "InvalidParameterException",
                        "The selected MFA type is not available.",
                    );
                };
                self.close(answer)?;
                let offered = self.pool_factors(pool).await;
                Ok(self.ask_for_factor(pool, client, user, &offered, chosen))
            }
            Step::Totp => {
                self.refuse_locked_out(pool, user)?;
                let code = self.given_code(TOTP)?;
                if let Err(refusal) = self.check_app(answer.session, &user.username, code) {
                    let limits = &self.door.users.limits;
                    limits.failed(&pool.id, &user.username, Instant::now());
                    return Err(refusal);
                }
                self.let_in(answer, user).await
            }
            Step::Code { code, .. } => self.take_code_of(answer, Some(user), code).await,
            Step::Password => {
                self.refuse_locked_out(pool, user)?;
                let password = self.response("PASSWORD");
                let reply = self.check_password(pool, client, user, password).await?;
                self.close_if(answer, reply)
            }
            Step::PasswordSrp => {
                let srp_a = self.response("SRP_A");
                let reply = self.begin_srp(pool, client, user, srp_a).await?;
                self.close_if(answer, reply)
            }
            Step::SelectChallenge { .. } | Step::SignedUp | Step::Confirmed => invalid_session(),
        }
    }

    fn close(&self, answer: &Answer<'_>) -> Refused {
        if self.door.users.sessions.close(answer.token) {
            return Ok(());
        }
        invalid_session()
    }

    fn close_if(&self, answer: &Answer<'_>, reply: Reply) -> ReplyResult {
        if reply.is_success() {
            self.close(answer)?;
        }
        Ok(reply)
    }

    /// The code of an answer, under the name its challenge gives it.
    fn given_code(&self, challenge: &str) -> Result<&str, Box<Reply>> {
        let name = format!("{challenge}_CODE");
        let code = self.input["ChallengeResponses"][&name].as_str();
        code.map_or_else(
            || {
                let message = format!("Missing required parameter {name}");
                refuse("InvalidParameterException", &message)
            },
            Ok,
        )
    }

    /// Takes a code that was sent; which also proves the address or number it went to.
    async fn take_code_of(
        &self,
        answer: &Answer<'_>,
        user: Option<&User>,
        expected: &str,
    ) -> ReplyResult {
        let Step::Code {
            challenge,
            attribute,
            ..
        } = &answer.session.step
        else {
            return invalid_session();
        };
        let given = self.given_code(challenge)?;
        let wrong = || {
            refuse(
                "CodeMismatchException",
                "Invalid code or auth state for the user.",
            )
        };
        let Some(user) = user else {
            return wrong();
        };
        self.refuse_locked_out(answer.pool, user)?;
        if given != expected {
            let limits = &self.door.users.limits;
            limits.failed(&answer.pool.id, &user.username, Instant::now());
            return wrong();
        }
        if !user.is_verified(attribute) {
            let flag = format!("{attribute}_verified");
            let proof = json!([{ "Name": flag, "Value": "true" }]);
            self.set_attributes(answer.pool, &user.username, &proof)
                .await?;
        }
        self.let_in(answer, user).await
    }

    /// The last step was right: tokens. Where their trigger fails, the session stays good.
    async fn let_in(&self, answer: &Answer<'_>, user: &User) -> ReplyResult {
        self.close(answer)?;
        let limits = &self.door.users.limits;
        limits.succeeded(&answer.pool.id, &user.username);
        let reply = self.issue_tokens(&answer.client.id, &user.username).await;
        if !reply.as_ref().is_ok_and(Reply::is_success) {
            self.door.users.sessions.reopen(answer.token);
        }
        reply
    }

    /// Sets the password of a user who had one for once, with the attributes they lacked.
    async fn take_password(
        &self,
        answer: &Answer<'_>,
        user: &User,
        required: &[String],
    ) -> ReplyResult {
        let (pool, client) = (answer.pool, answer.client);
        let Some(password) = self.response("NEW_PASSWORD") else {
            return refuse(
                "InvalidParameterException",
                "Missing required parameter NEW_PASSWORD",
            );
        };
        refuse_outer_spaces(Some(password), "newPassword")?;
        let responses = self.input["ChallengeResponses"].as_object();
        let given: Vec<Given<'_>> = responses
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| {
                Some(Given {
                    name: name.strip_prefix("userAttributes.")?,
                    value: value.as_str()?,
                })
            })
            .collect();
        for name in required {
            if !given
                .iter()
                .any(|attribute| attribute.name == name && !attribute.value.is_empty())
            {
                let message = format!("Invalid attributes given, {name} is missing");
                return refuse("InvalidParameterException", &message);
            }
        }
        for attribute in &given {
            let has = user.attributes.get(attribute.name);
            let required = attributes::is_required(pool, attribute.name);
            if required && has.is_some_and(|value| !value.is_empty()) {
                let message = format!("Cannot modify an already provided {}", attribute.name);
                return refuse("NotAuthorizedException", &message);
            }
        }
        attributes::refuse_unwritable(pool, client, &given)?;
        attributes::refuse_nonconforming(pool, &given)?;
        attributes::refuse_unchangeable(pool, user, &given)?;
        self.refuse_taken(pool, user, &given).await?;
        let new = json!({
            "UserPoolId": pool.id,
            "Username": user.username,
            "Password": password,
            "Permanent": true,
        });
        let action = "AdminSetUserPassword";
        self.door.upstream.cognito(self.scope, action, &new).await?;
        if !given.is_empty() {
            let list: Vec<Value> = given
                .iter()
                .map(|attribute| json!({ "Name": attribute.name, "Value": attribute.value }))
                .collect();
            self.set_attributes(pool, &user.username, &list.into())
                .await?;
        }
        self.close(answer)?;
        let factors = self.pool_factors(pool).await;
        let record = self.door.users.factors.of(&pool.id, &user.username);
        if factors.required || !record.due(&factors, user).is_empty() {
            return self.after_password(pool, client, &user.username).await;
        }
        // The trigger of these tokens is told that they follow a new password.
        let mut input = json!({
            "ClientId": client.id,
            "ChallengeName": "NEW_PASSWORD_REQUIRED",
            "ChallengeResponses": { "USERNAME": user.username, "NEW_PASSWORD": password },
        });
        if let Some(metadata) = self.input.get("ClientMetadata") {
            input["ClientMetadata"] = metadata.clone();
        }
        self.finish(self.send("RespondToAuthChallenge", &input).await)
    }
}

/// An answer, and the sign-in it is for.
struct Answer<'a> {
    pool: &'a Pool,
    client: &'a Client,
    token: &'a str,
    session: &'a Session,
}

fn invalid_session<T>() -> Result<T, Box<Reply>> {
    refuse("NotAuthorizedException", "Invalid session for the user.")
}
