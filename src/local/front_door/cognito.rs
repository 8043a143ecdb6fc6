//! The part of Cognito the emulator lacks: real codes, checked; and the PostConfirmation trigger.
//!
//! Every operation here asks the emulator first what it knows (the client, the pool, the user), adds
//! AWS's own checks, lets the emulator do its part, then does the rest. An operation or a user the
//! emulator refuses anyway is passed on untouched, so that its answer is the one people see.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::{Value, json};

use super::Door;
use super::call::{Call, Reply};
use super::codes::{CodeKey, CodePurpose, CodeRefusal};
use super::message::{Contact, Message};
use super::scope::{ClientLocation, Scope, pool_of_token, region_of_pool};
use super::trace::TraceLine;
use super::trigger::{NO_CLIENT, PostConfirmation, TriggerSource, permits_cognito};
use super::upstream::COGNITO;

/// How long a trigger may take. Cognito gives it five seconds and tries three times; one try of the
/// same length is kinder to a debugger and leaves no event handled twice.
const TRIGGER_LIMIT: Duration = Duration::from_secs(15);

/// The operations Cognito takes unsigned: whose they are stands in a client ID, a token or a session.
const PUBLIC: &[&str] = &[
    "AssociateSoftwareToken",
    "ChangePassword",
    "ConfirmForgotPassword",
    "ConfirmSignUp",
    "DeleteUser",
    "ForgotPassword",
    "GetTokensFromRefreshToken",
    "GetUser",
    "GlobalSignOut",
    "InitiateAuth",
    "ResendConfirmationCode",
    "RespondToAuthChallenge",
    "RevokeToken",
    "SetUserMFAPreference",
    "SignUp",
    "UpdateUserAttributes",
    "VerifySoftwareToken",
];

/// The path of the link in a verification mail, as on a Cognito domain.
pub(super) const CONFIRM_PATH: &str = "/confirmUser";

const WRONG_CODE: &str = "Invalid verification code provided, please try again.";
const OLD_CODE: &str = "Invalid code provided, please request a code again.";
const NO_RECOVERY: &str =
    "Cannot reset password for the user as there is no registered/verified email or phone_number";

/// Answers a Cognito operation.
pub(super) async fn answer(door: &Door, mut call: Call, action: &str) -> Reply {
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
    let request = Operation {
        door,
        call: &call,
        input: &input,
        scope: &scope,
    };
    let done = match action {
        "SignUp" => request.sign_up().await,
        "ResendConfirmationCode" => request.resend_code().await,
        "ConfirmSignUp" => request.confirm_sign_up().await,
        "AdminConfirmSignUp" => request.admin_confirm_sign_up().await,
        "ForgotPassword" => request.forgot_password().await,
        "AdminResetUserPassword" => request.admin_reset_password().await,
        "ConfirmForgotPassword" => request.confirm_forgot_password().await,
        _ => request.pass_on().await,
    };
    done.unwrap_or_else(|refusal| *refusal)
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
    let reply = answer(door, call, "ConfirmSignUp").await;
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

/// One operation under way. `Err` is an answer too: the one that ends it early.
struct Operation<'a> {
    door: &'a Door,
    call: &'a Call,
    input: &'a Value,
    scope: &'a Scope,
}

type ReplyResult = Result<Reply, Box<Reply>>;

impl Operation<'_> {
    async fn sign_up(&self) -> ReplyResult {
        let pool = self.pool_of_client().await;
        let reply = self.forward().await?;
        let (Some(pool), Some(mut body)) = (pool, reply.json()) else {
            return Ok(reply);
        };
        let username = body["UserSub"].as_str().unwrap_or_default().to_owned();
        let Some(user) = self.user(&pool, &username).await else {
            return Ok(reply);
        };
        if body["UserConfirmed"] == true {
            // A PreSignUp trigger confirmed the user, which counts as a confirmation.
            self.post_confirmation(&pool, &user, TriggerSource::ConfirmSignUp)
                .await?;
            return Ok(reply);
        }
        let details = self.send_code(&pool, &user, CodePurpose::SignUp);
        match details {
            Some(details) => body["CodeDeliveryDetails"] = details,
            // The emulator claims to have sent one even where the pool verifies nothing.
            None => {
                if let Some(body) = body.as_object_mut() {
                    body.remove("CodeDeliveryDetails");
                }
            }
        }
        Ok(reply.with_json(&body))
    }

    async fn resend_code(&self) -> ReplyResult {
        let Some((pool, user)) = self.known_user().await else {
            return self.forward().await;
        };
        if user.status != "UNCONFIRMED" {
            return Err(Reply::refusal(
                "InvalidParameterException",
                "User is already confirmed.",
            ));
        }
        if Contact::for_sign_up(&pool.described, &user.attributes).is_none() {
            let message = "Cannot resend codes. Auto verification not turned on.";
            return Err(Reply::refusal("InvalidParameterException", message));
        }
        let reply = self.forward().await?;
        Ok(self.with_delivery(reply, self.send_code(&pool, &user, CodePurpose::SignUp)))
    }

    async fn confirm_sign_up(&self) -> ReplyResult {
        let Some((pool, user)) = self.known_user().await else {
            return self.forward().await;
        };
        refuse_unless_unconfirmed(&user)?;
        let (user, reply) = self.with_code(&pool, user, CodePurpose::SignUp).await?;
        // As on AWS, a failing trigger leaves the user confirmed: the answer is an error, and
        // confirming again is refused with the status CONFIRMED.
        self.post_confirmation(&pool, &user, TriggerSource::ConfirmSignUp)
            .await?;
        Ok(reply)
    }

    async fn admin_confirm_sign_up(&self) -> ReplyResult {
        let Some((pool, user)) = self.known_user().await else {
            return self.forward().await;
        };
        refuse_unless_unconfirmed(&user)?;
        let reply = self.forward().await?;
        let user = self.user(&pool, &user.username).await.unwrap_or(user);
        self.post_confirmation(&pool, &user, TriggerSource::ConfirmSignUp)
            .await?;
        Ok(reply)
    }

    async fn forgot_password(&self) -> ReplyResult {
        let Some((pool, user)) = self.known_user().await else {
            return self.forward().await;
        };
        if !user.enabled {
            return Err(Reply::refusal(
                "NotAuthorizedException",
                "User is disabled.",
            ));
        }
        if user.status == "FORCE_CHANGE_PASSWORD" {
            let message = "User password cannot be reset in the current state.";
            return Err(Reply::refusal("NotAuthorizedException", message));
        }
        if Contact::for_recovery(&pool.described, &user.attributes).is_none() {
            return Err(Reply::refusal("InvalidParameterException", NO_RECOVERY));
        }
        let reply = self.forward().await?;
        Ok(self.with_delivery(
            reply,
            self.send_code(&pool, &user, CodePurpose::NewPassword),
        ))
    }

    async fn admin_reset_password(&self) -> ReplyResult {
        let Some((pool, user)) = self.known_user().await else {
            return self.forward().await;
        };
        if Contact::for_recovery(&pool.described, &user.attributes).is_none() {
            return Err(Reply::refusal("InvalidParameterException", NO_RECOVERY));
        }
        let reply = self.forward().await?;
        self.send_code(&pool, &user, CodePurpose::NewPassword);
        Ok(reply)
    }

    async fn confirm_forgot_password(&self) -> ReplyResult {
        let Some((pool, user)) = self.known_user().await else {
            return self.forward().await;
        };
        let (user, reply) = self
            .with_code(&pool, user, CodePurpose::NewPassword)
            .await?;
        self.post_confirmation(&pool, &user, TriggerSource::ConfirmForgotPassword)
            .await?;
        Ok(reply)
    }

    /// Everything else is the emulator's, but for two things it leaves out or words differently.
    async fn pass_on(&self) -> ReplyResult {
        let reply = self.door.upstream.forward(self.call).await;
        if let Some(body) = reply.json() {
            if let Some(session) = body.get("Session").and_then(Value::as_str) {
                self.door.scopes.remember_session(session, self.scope);
            }
            if let Some(reason) = token_trigger_failure(reply.status, &body) {
                let message = format!("PreTokenGeneration failed with error {reason}.");
                return Err(Reply::refusal("UserLambdaValidationException", &message));
            }
        }
        Ok(reply)
    }

    /// Lets the emulator do its part; a refusal ends the operation.
    async fn forward(&self) -> ReplyResult {
        let reply = self.door.upstream.forward(self.call).await;
        if reply.is_success() {
            Ok(reply)
        } else {
            Err(Box::new(reply))
        }
    }

    /// Uses up the code, confirms with the emulator, and marks the address the code proved.
    async fn with_code(
        &self,
        pool: &Pool,
        user: User,
        purpose: CodePurpose,
    ) -> Result<(User, Reply), Box<Reply>> {
        let given = self.text("ConfirmationCode").unwrap_or_default();
        let key = CodeKey {
            pool_id: pool.id.clone(),
            username: user.username.clone(),
            purpose,
        };
        let code = self
            .door
            .codes
            .take(&key, given, Instant::now())
            .map_err(|refusal| match refusal {
                CodeRefusal::Mismatch => Reply::refusal("CodeMismatchException", WRONG_CODE),
                CodeRefusal::Expired => Reply::refusal("ExpiredCodeException", OLD_CODE),
            })?;
        let attribute = code.attribute;
        let reply = match self.forward().await {
            Ok(reply) => reply,
            Err(refusal) => {
                // A password the policy refuses must not cost the code.
                self.door.codes.put_back(key, code);
                return Err(refusal);
            }
        };
        // The emulator confirms the user and leaves the address unproved; AWS marks it.
        let verified = json!({
            "UserPoolId": pool.id,
            "Username": user.username,
            "UserAttributes": [{ "Name": format!("{attribute}_verified"), "Value": "true" }],
        });
        self.door
            .upstream
            .cognito(self.scope, "AdminUpdateUserAttributes", &verified)
            .await?;
        let user = self.user(pool, &user.username).await.unwrap_or(user);
        Ok((user, reply))
    }

    /// Makes a code and puts it into the mailbox; the answer's `CodeDeliveryDetails`, or nothing
    /// when there is nowhere to send it.
    fn send_code(&self, pool: &Pool, user: &User, purpose: CodePurpose) -> Option<Value> {
        let contact = match purpose {
            CodePurpose::SignUp => Contact::for_sign_up(&pool.described, &user.attributes),
            CodePurpose::NewPassword => Contact::for_recovery(&pool.described, &user.attributes),
        }?;
        let key = CodeKey {
            pool_id: pool.id.clone(),
            username: user.username.clone(),
            purpose,
        };
        let code = self
            .door
            .codes
            .issue(key, contact.attribute, Instant::now());
        let by_link = purpose == CodePurpose::SignUp
            && pool
                .described
                .pointer("/VerificationMessageTemplate/DefaultEmailOption")
                == Some(&json!("CONFIRM_WITH_LINK"));
        let link = by_link.then(|| {
            let client_id = self.text("ClientId").unwrap_or_default();
            self.door.link(
                CONFIRM_PATH,
                &[
                    ("client_id", client_id),
                    ("user_name", &user.username),
                    ("confirmation_code", &code),
                ],
            )
        });
        let message = Message {
            pool: &pool.described,
            contact: &contact,
            username: user.sign_in_name(&pool.described),
            code: &code,
            link: link.as_deref(),
        };
        self.door.mailbox.put(message.render(pool.account()));
        Some(contact.delivery_details())
    }

    fn with_delivery(&self, reply: Reply, details: Option<Value>) -> Reply {
        match details {
            Some(details) => reply.with_json(&json!({ "CodeDeliveryDetails": details })),
            None => reply,
        }
    }

    /// Runs the pool's PostConfirmation trigger, if it has one, and waits for it.
    async fn post_confirmation(
        &self,
        pool: &Pool,
        user: &User,
        source: TriggerSource,
    ) -> Result<(), Box<Reply>> {
        let Some(function) = pool
            .described
            .pointer("/LambdaConfig/PostConfirmation")
            .and_then(Value::as_str)
        else {
            return Ok(());
        };
        let unexpected = |reason: &str| {
            let message = format!("PostConfirmation invocation failed due to error {reason}.");
            Reply::refusal("UnexpectedLambdaException", &message)
        };
        let policy = self
            .door
            .upstream
            .function_policy(self.scope, function)
            .await;
        if !policy.is_some_and(|policy| permits_cognito(&policy, pool.arn())) {
            return Err(unexpected("AccessDeniedException"));
        }
        let event = PostConfirmation {
            source,
            region: &self.scope.region,
            pool_id: &pool.id,
            username: &user.username,
            client_id: self.text("ClientId").unwrap_or(NO_CLIENT),
            status: &user.status,
            attributes: &user.attributes,
            client_metadata: self.input.get("ClientMetadata"),
        }
        .event();
        let started = Instant::now();
        let invocation = self.door.upstream.invoke(self.scope, function, &event);
        let reply = tokio::time::timeout(TRIGGER_LIMIT, invocation).await;
        let status = reply
            .as_ref()
            .map_or(StatusCode::GATEWAY_TIMEOUT, |reply| reply.status);
        let line = TraceLine {
            service: "lambda",
            action: "Invoke (PostConfirmation)",
            status: status.as_u16(),
            account: Some(&self.scope.access_key),
        };
        self.door.trace.record(&line, started.elapsed());
        let Ok(reply) = reply else {
            return Err(unexpected("Socket timeout while invoking Lambda function"));
        };
        let payload = reply.json().unwrap_or_default();
        if !reply.is_success() {
            let reason = payload["__type"]
                .as_str()
                .unwrap_or("InternalErrorException");
            return Err(unexpected(reason));
        }
        if reply.headers.contains_key("x-amz-function-error") {
            let reason = payload["errorMessage"].as_str().unwrap_or("Unknown");
            let message = format!("PostConfirmation failed with error {reason}.");
            return Err(Reply::refusal("UserLambdaValidationException", &message));
        }
        if payload.is_object() {
            Ok(())
        } else {
            Err(Reply::refusal(
                "InvalidLambdaResponseException",
                "Unrecognizable lambda output",
            ))
        }
    }

    /// The pool and the user an operation names, when the emulator knows both.
    async fn known_user(&self) -> Option<(Pool, User)> {
        let pool = match self.text("UserPoolId") {
            Some(pool_id) => self.pool(pool_id).await,
            None => self.pool_of_client().await,
        }?;
        let user = self.user(&pool, self.text("Username")?).await?;
        Some((pool, user))
    }

    async fn pool_of_client(&self) -> Option<Pool> {
        let home = home_of_client(self.door, self.text("ClientId")?).await?;
        self.pool(&home.pool_id).await
    }

    async fn pool(&self, pool_id: &str) -> Option<Pool> {
        let input = json!({ "UserPoolId": pool_id });
        let mut answer = self
            .door
            .upstream
            .cognito(self.scope, "DescribeUserPool", &input)
            .await
            .ok()?;
        Some(Pool {
            id: pool_id.to_owned(),
            described: answer["UserPool"].take(),
        })
    }

    /// Looks a user up by any name they go by.
    async fn user(&self, pool: &Pool, name: &str) -> Option<User> {
        let input = json!({ "UserPoolId": pool.id, "Username": name });
        let found = self
            .door
            .upstream
            .cognito(self.scope, "AdminGetUser", &input)
            .await
            .ok()?;
        let attributes = found["UserAttributes"]
            .as_array()?
            .iter()
            .filter_map(|attribute| {
                let value = match &attribute["Value"] {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                Some((attribute["Name"].as_str()?.to_owned(), value))
            });
        Some(User {
            username: found["Username"].as_str()?.to_owned(),
            status: found["UserStatus"].as_str().unwrap_or_default().to_owned(),
            enabled: found["Enabled"] != false,
            attributes: attributes.collect(),
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.input.get(name).and_then(Value::as_str)
    }
}

fn refuse_unless_unconfirmed(user: &User) -> Result<(), Box<Reply>> {
    if user.status == "UNCONFIRMED" {
        return Ok(());
    }
    let message = format!(
        "User cannot be confirmed. Current status is {}",
        user.status
    );
    Err(Reply::refusal("NotAuthorizedException", &message))
}

/// The error a PreTokenGeneration trigger ended a sign-in with. The emulator answers it as a fault
/// of its own; Cognito answers UserLambdaValidationException.
fn token_trigger_failure(status: StatusCode, body: &Value) -> Option<String> {
    if !status.is_server_error() {
        return None;
    }
    let message = ["message", "Message"]
        .into_iter()
        .find_map(|name| body.get(name)?.as_str())?;
    let reason = message.split_once("PreTokenGeneration error: ")?.1;
    // What follows is the function's error in Python's spelling: {'errorMessage': '…', …}.
    let reason = reason
        .split_once("'errorMessage': ")
        .map_or(reason, |(_, rest)| rest);
    let quote = reason
        .chars()
        .next()
        .filter(|quote| ['\'', '"'].contains(quote));
    Some(match quote {
        Some(quote) => {
            let text = &reason[1..];
            let end = [format!("{quote}, '"), format!("{quote}}}")]
                .iter()
                .filter_map(|end| text.find(end.as_str()))
                .min();
            text[..end.unwrap_or(text.len())].to_owned()
        }
        None => reason.to_owned(),
    })
}

/// A user pool as the emulator describes it.
struct Pool {
    id: String,
    described: Value,
}

impl Pool {
    fn arn(&self) -> &str {
        self.described["Arn"].as_str().unwrap_or_default()
    }

    fn account(&self) -> &str {
        self.arn().split(':').nth(4).unwrap_or_default()
    }
}

/// A user as the emulator describes them.
struct User {
    username: String,
    status: String,
    enabled: bool,
    attributes: BTreeMap<String, String>,
}

impl User {
    /// The name the person signs in with: the address where the pool uses addresses as usernames.
    fn sign_in_name(&self, pool: &Value) -> &str {
        pool["UsernameAttributes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .find_map(|name| self.attributes.get(name))
            .unwrap_or(&self.username)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_token_trigger_is_told_from_other_faults() {
        let failure =
            |status, message: &str| token_trigger_failure(status, &json!({ "message": message }));
        let fault = StatusCode::INTERNAL_SERVER_ERROR;
        assert_eq!(
            failure(
                fault,
                "PreTokenGeneration error: {'errorMessage': 'no table', 'errorType': 'X'}"
            )
            .as_deref(),
            Some("no table")
        );
        assert_eq!(
            failure(
                fault,
                "PreTokenGeneration error: {'errorType': 'X', 'errorMessage': \"can't\"}"
            )
            .as_deref(),
            Some("can't")
        );
        assert_eq!(
            failure(fault, "PreTokenGeneration error: None").as_deref(),
            Some("None")
        );
        assert_eq!(failure(fault, "out of memory"), None);
        assert_eq!(
            failure(StatusCode::BAD_REQUEST, "PreTokenGeneration error: x"),
            None
        );
    }
}
