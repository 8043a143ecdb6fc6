//! Users of a pool as Cognito treats them: who signs up and confirms, who gets in and by which factors,
//! what they may read and change of themselves.
//!
//! Every operation here asks the emulator first what it knows (the client, the pool, the user), adds
//! AWS's own checks, lets the emulator do its part, then does the rest. An operation or a user the
//! emulator refuses anyway is passed on untouched, so that its answer is the one people see. Behind a
//! lenient door only what the emulator lacks is added, and nothing is refused that it takes.

mod aliases;
mod attributes;
mod challenges;
mod choice;
mod directory;
mod factors;
mod facts;
mod implied_flow;
mod limits;
pub(super) mod page;
mod post_confirmation;
mod profile;
mod recovery;
mod rotation;
mod second_factor;
mod secret_hash;
mod sessions;
mod sign_in;
mod sign_up;
mod tokens;
mod totp;
mod verification;

pub(super) use facts::{Pool, User};
pub(super) use rotation::parted;

use std::time::Instant;

use axum::http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use self::facts::Client;
use super::Door;
use super::call::{Call, Reply};
use super::scope::Scope;
use super::trigger::token_trigger_failure;
use super::upstream::COGNITO;

pub(super) type ReplyResult = Result<Reply, Box<Reply>>;
/// Nothing, or the answer that ends the operation.
type Refused = Result<(), Box<Reply>>;

fn refuse<T>(code: &'static str, message: &str) -> Result<T, Box<Reply>> {
    Err(Reply::refusal(code, message))
}

/// What is remembered between calls. Like the emulator's users it lives as long as the local cloud.
#[derive(Debug, Default)]
pub(super) struct State {
    sessions: sessions::Sessions,
    factors: factors::Factors,
    limits: limits::Limits,
    changes: verification::Changes,
    signed_out: tokens::SignedOut,
    announced: super::federation::Announced,
    implied: implied_flow::Implied,
    rotated: rotation::Rotated,
}

impl State {
    pub(super) fn clear(&self) {
        self.sessions.clear();
        self.factors.clear();
        self.limits.clear();
        self.changes.clear();
        self.signed_out.clear();
        self.announced.clear();
        self.implied.clear();
        self.rotated.clear();
    }

    /// The refresh tokens that took others' place.
    pub(super) fn rotated(&self) -> &rotation::Rotated {
        &self.rotated
    }

    /// The federated users whose first sign-in was announced.
    pub(super) fn announced(&self) -> &super::federation::Announced {
        &self.announced
    }
}

/// One operation under way. `Err` is an answer too: the one that ends it early.
pub(super) struct Operation<'a> {
    pub(super) door: &'a Door,
    pub(super) call: &'a Call,
    pub(super) action: &'a str,
    pub(super) input: &'a Value,
    pub(super) scope: &'a Scope,
    /// Whether the door itself makes it, for somebody who followed a link: no app client proves itself.
    pub(super) ours: bool,
}

impl Operation<'_> {
    /// Answers it.
    pub(super) async fn answer(&self) -> ReplyResult {
        match self.action {
            "SignUp" => return self.sign_up().await,
            "ResendConfirmationCode" => return self.resend_code().await,
            "ConfirmSignUp" => return self.confirm_sign_up().await,
            "AdminConfirmSignUp" => return self.admin_confirm_sign_up().await,
            "ForgotPassword" => return self.forgot_password().await,
            "AdminResetUserPassword" => return self.admin_reset_password().await,
            "ConfirmForgotPassword" => return self.confirm_forgot_password().await,
            // The emulator has none of these, so a lenient door has them as well.
            "GetUserAttributeVerificationCode" => return self.send_verification().await,
            "VerifyUserAttribute" => return self.verify_attribute().await,
            _ if !self.door.strict => return self.pass_on().await,
            _ => {}
        }
        match self.action {
            "InitiateAuth" | "AdminInitiateAuth" => self.initiate_auth().await,
            "RespondToAuthChallenge" | "AdminRespondToAuthChallenge" => self.respond().await,
            "GetTokensFromRefreshToken" => self.refresh().await,
            "RevokeToken" => self.revoke().await,
            "AssociateSoftwareToken" => self.associate_app().await,
            "VerifySoftwareToken" => self.verify_app().await,
            "SetUserMFAPreference" => self.prefer_factor().await,
            "AdminSetUserMFAPreference" => self.admin_prefer_factor().await,
            "ChangePassword" => self.change_password().await,
            "GetUser" => self.get_user().await,
            "UpdateUserAttributes" => self.update_attributes().await,
            "DeleteUser" => self.delete_user().await,
            "GlobalSignOut" => self.global_sign_out().await,
            "CreateUserPoolClient" | "UpdateUserPoolClient" | "DescribeUserPoolClient" => {
                self.app_client().await
            }
            "AdminCreateUser" => self.admin_create_user().await,
            "AdminGetUser" => self.admin_get_user().await,
            "AdminSetUserPassword" => self.admin_set_password().await,
            "AdminUpdateUserAttributes" => self.admin_update_attributes().await,
            "AdminDeleteUser" => self.admin_delete_user().await,
            "AdminUserGlobalSignOut" | "AdminDisableUser" => self.admin_sign_out().await,
            _ => self.in_any_spelling().await,
        }
    }

    /// Everything else is the emulator's, but for two things it leaves out or words differently.
    async fn pass_on(&self) -> ReplyResult {
        self.finish(self.door.upstream.forward(self.call).await)
    }

    /// Puts right what the emulator leaves out or words differently.
    fn finish(&self, reply: Reply) -> ReplyResult {
        if let Some(body) = reply.json() {
            if let Some(session) = body.get("Session").and_then(Value::as_str) {
                self.door.scopes.remember_session(session, self.scope);
            }
            if let Some(reason) = token_trigger_failure(reply.status, &body) {
                let message = format!("PreTokenGeneration failed with error {reason}.");
                return refuse("UserLambdaValidationException", &message);
            }
        }
        Ok(reply)
    }

    /// Lets the emulator do its part; a refusal ends the operation.
    async fn forward(&self) -> ReplyResult {
        ended(self.door.upstream.forward(self.call).await)
    }

    /// As [`Self::forward`], with another input.
    async fn forward_with(&self, input: &Value) -> ReplyResult {
        ended(self.send(self.action, input).await)
    }

    /// Has the emulator answer an operation of the caller's, with the caller's own headers.
    async fn send(&self, action: &str, input: &Value) -> Reply {
        let mut call = self.call.clone();
        if let Ok(target) = HeaderValue::try_from(format!("{COGNITO}.{action}")) {
            call.headers.insert("x-amz-target", target);
        }
        call.body = input.to_string().into();
        self.door.upstream.forward(&call).await
    }

    /// Asks the emulator something of our own; nothing when it refuses.
    async fn ask(&self, action: &str, input: &Value) -> Option<Value> {
        let answer = self.door.upstream.cognito(self.scope, action, input).await;
        answer.ok()
    }

    /// Sets attributes of a user at the emulator, past every check.
    async fn set_attributes(&self, pool: &Pool, username: &str, attributes: &Value) -> Refused {
        let input = json!({
            "UserPoolId": pool.id,
            "Username": username,
            "UserAttributes": attributes,
        });
        let action = "AdminUpdateUserAttributes";
        let answer = self.door.upstream.cognito(self.scope, action, &input).await;
        answer.map(drop)
    }

    /// The ID of the pool an operation is about, by itself or by that of an app client.
    async fn pool_id_at_hand(&self) -> Option<String> {
        if let Some(pool_id) = self.text("UserPoolId") {
            return Some(pool_id.to_owned());
        }
        let client_id = self.text("ClientId")?;
        // Whose the call is was found out by it a moment ago.
        let home = match self.door.scopes.client(client_id) {
            Some(home) => home,
            None => super::cognito::home_of_client(self.door, client_id).await?,
        };
        Some(home.pool_id)
    }

    /// The pool an operation is about.
    async fn pool_at_hand(&self) -> Option<Pool> {
        self.pool(&self.pool_id_at_hand().await?).await
    }

    /// The pool and the app client an operation names, when the emulator knows both.
    async fn client_at_hand(&self) -> Option<(Pool, Client)> {
        let pool_id = self.pool_id_at_hand().await?;
        let client_id = self.text("ClientId")?;
        let (pool, client) = tokio::join!(self.pool(&pool_id), self.client_of(&pool_id, client_id));
        Some((pool?, client?))
    }

    /// The pool and the user an operation names, when the emulator knows both.
    async fn known_user(&self) -> Option<(Pool, User)> {
        let pool = self.pool_at_hand().await?;
        let user = self.find_user(&pool, self.text("Username")?).await?;
        Some((pool, user))
    }

    /// Refuses a public operation on a user from an app client that doesn't prove itself.
    async fn refuse_unproved_client(&self) -> Refused {
        if !self.door.strict || self.ours {
            return Ok(());
        }
        let Some((_, client)) = self.client_at_hand().await else {
            return Ok(());
        };
        let name = self.text("Username").unwrap_or_default();
        let hash = self.text("SecretHash");
        secret_hash::check(&client, secret_hash::At::Start, hash, &[name])
    }

    /// Refuses what a user has asked for too often.
    fn refuse_too_many(&self, pool: &Pool, user: &User) -> Refused {
        let limits = &self.door.users.limits;
        let now = Instant::now();
        if !self.door.strict || limits.allow(self.action, &pool.id, &user.username, now) {
            return Ok(());
        }
        refuse(
            "LimitExceededException",
            "Attempt limit exceeded, please try after some time.",
        )
    }

    /// The input, naming the user as the emulator does. A lenient door changes nothing.
    fn naming(&self, user: &User) -> Value {
        let mut input = self.input.clone();
        if self.door.strict {
            input["Username"] = user.username.as_str().into();
        }
        input
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.input.get(name).and_then(Value::as_str)
    }

    fn is_admins(&self) -> bool {
        self.action.starts_with("Admin")
    }
}

fn ended(reply: Reply) -> ReplyResult {
    if reply.is_success() {
        Ok(reply)
    } else {
        Err(Box::new(reply))
    }
}

/// An answer of our own, as the JSON services of AWS give one.
fn answer(body: &Value) -> Reply {
    Reply::new(StatusCode::OK, super::call::AWS_JSON, body.to_string())
}

/// Refuses a password that begins or ends in a space, in a parameter of this name. The service model's
/// pattern (`[\S]+`) is older than what Cognito answers since spaces are allowed inside.
fn refuse_outer_spaces(password: Option<&str>, parameter: &str) -> Refused {
    let outer =
        |text: &str| text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
    if !password.is_some_and(outer) {
        return Ok(());
    }
    let message = format!(
        "1 validation error detected: Value at '{parameter}' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: ^[\\S]+.*[\\S]+$"
    );
    refuse("InvalidParameterException", &message)
}
