//! The second factor of a sign-in, and setting one up.

use std::time::Instant;

use rand::Rng;
use serde_json::{Value, json};

use super::factors::{CodeFault, EMAIL_OTP, PoolFactors, SMS, TOTP};
use super::facts::{Client, Pool, User};
use super::sessions::{Session, Step};
use super::tokens::unix_now;
use super::{Operation, ReplyResult, answer, refuse, totp};
use crate::local::front_door::call::Reply;
use crate::local::front_door::message::{Contact, EMAIL, Message, PHONE};

impl Operation<'_> {
    /// Begins the next step of a sign-in; the session its caller goes on with.
    pub(super) fn open_session(
        &self,
        pool: &Pool,
        client: &Client,
        username: Option<&str>,
        step: Step,
    ) -> String {
        let now = Instant::now();
        let expires = now + client.session_validity();
        let session = Session::new(&pool.id, &client.id, username, step, expires);
        self.open(session, now)
    }

    pub(super) fn open(&self, session: Session, now: Instant) -> String {
        let token = self.door.users.sessions.open(session, now);
        // Some of the calls that follow carry nothing else.
        self.door.scopes.remember_session(&token, self.scope);
        token
    }

    /// Has the emulator stop after the password of a user who needs a second factor, and only then. It
    /// would give them tokens, and run the trigger for them, at once.
    pub(super) async fn expect_factor(&self, pool: &Pool, user: &User, factors: &PoolFactors) {
        if factors.off {
            return;
        }
        let due = self.door.users.factors.of(&pool.id, &user.username);
        let wanted = factors.required || !due.due(factors, user).is_empty();
        if wanted != user.is_challenged {
            let input = json!({
                "UserPoolId": pool.id,
                "Username": user.username,
                "SoftwareTokenMfaSettings": { "Enabled": wanted },
            });
            self.ask("AdminSetUserMFAPreference", &input).await;
        }
    }

    /// Goes on after a right password: to a second factor where one is due, else to the tokens.
    pub(super) async fn after_password(
        &self,
        pool: &Pool,
        client: &Client,
        username: &str,
    ) -> ReplyResult {
        let Some(user) = self.user(pool, username).await else {
            return refuse("UserNotFoundException", "User does not exist.");
        };
        let factors = self.pool_factors(pool).await;
        let record = self.door.users.factors.of(&pool.id, username);
        let due = record.due(&factors, &user);
        match due.as_slice() {
            [] if factors.required => Ok(self.ask_for_setup(pool, client, &user, &factors)),
            [] => self.issue_tokens(&client.id, username).await,
            [factor] => Ok(self.ask_for_factor(pool, client, &user, &factors, factor)),
            _ => {
                let choice = json!(due).to_string();
                let parameters = json!({ "MFAS_CAN_CHOOSE": choice, "USER_ID_FOR_SRP": username });
                let step = Step::SelectMfa { factors: due };
                let session = self.open_session(pool, client, Some(username), step);
                Ok(challenge("SELECT_MFA_TYPE", &session, parameters))
            }
        }
    }

    fn ask_for_setup(
        &self,
        pool: &Pool,
        client: &Client,
        user: &User,
        factors: &PoolFactors,
    ) -> Reply {
        let parameters = json!({
            "MFAS_CAN_SETUP": json!(factors.to_set_up()).to_string(),
            "USER_ID_FOR_SRP": user.username,
        });
        let step = Step::MfaSetup { secret: None };
        let session = self.open_session(pool, client, Some(&user.username), step);
        challenge("MFA_SETUP", &session, parameters)
    }

    /// Asks for one factor; a code that has to be sent is.
    pub(super) fn ask_for_factor(
        &self,
        pool: &Pool,
        client: &Client,
        user: &User,
        factors: &PoolFactors,
        factor: &'static str,
    ) -> Reply {
        if factor == TOTP {
            let parameters = json!({
                "FRIENDLY_DEVICE_NAME": "TOTP device",
                "USER_ID_FOR_SRP": user.username,
            });
            let session = self.open_session(pool, client, Some(&user.username), Step::Totp);
            return challenge(TOTP, &session, parameters);
        }
        self.send_sign_in_code(pool, client, user, factors, factor)
    }

    /// Sends a code for signing in, as a second factor or as the first, and asks for it.
    pub(super) fn send_sign_in_code(
        &self,
        pool: &Pool,
        client: &Client,
        user: &User,
        factors: &PoolFactors,
        name: &'static str,
    ) -> Reply {
        let attribute = if name == EMAIL_OTP { EMAIL } else { PHONE };
        let contact = Contact {
            attribute,
            address: user.attributes.get(attribute).cloned().unwrap_or_default(),
        };
        let code = sign_in_code(name);
        let message = Message {
            pool: &factors.messages(&pool.described),
            contact: &contact,
            username: user.sign_in_name(&pool.described),
            code: &code,
            link: None,
        };
        self.door.mailbox.put(message.render(pool.account()));
        let step = Step::Code {
            challenge: name,
            code,
            attribute,
        };
        let session = self.open_session(pool, client, Some(&user.username), step);
        challenge(name, &session, delivery(&contact, &user.username))
    }

    /// The secret for an authenticator app: of a signed-in user, or of one who can't get in without.
    pub(super) async fn associate_app(&self) -> ReplyResult {
        let secret = totp::Secret::random();
        let mut body = json!({ "SecretCode": secret.base32() });
        if self.text("AccessToken").is_some() {
            let bearer = self.bearer().await?;
            let factors = self.pool_factors(&bearer.pool).await;
            refuse_without_apps(&factors)?;
            let records = &self.door.users.factors;
            records.associate(&bearer.pool.id, &bearer.user.username, secret);
            return Ok(answer(&body));
        }
        let token = self.text("Session").unwrap_or_default();
        let session = self.session(token)?;
        let (Step::MfaSetup { .. }, Some(pool)) =
            (&session.step, self.pool(&session.pool_id).await)
        else {
            return refuse("NotAuthorizedException", "Invalid session for the user.");
        };
        refuse_without_apps(&self.pool_factors(&pool).await)?;
        self.door.users.sessions.close(token);
        let secret = Some(secret);
        let next = session.at(Step::MfaSetup { secret });
        body["Session"] = self.open(next, Instant::now()).into();
        Ok(answer(&body))
    }

    /// Takes an app whose code is right.
    pub(super) async fn verify_app(&self) -> ReplyResult {
        let code = self.text("UserCode").unwrap_or_default();
        let records = &self.door.users.factors;
        let nothing = || {
            refuse(
                "SoftwareTokenMFANotFoundException",
                "Software Token MFA has not been associated.",
            )
        };
        let wrong = || refuse("EnableSoftwareTokenMFAException", "Code mismatch");
        if self.text("AccessToken").is_some() {
            let bearer = self.bearer().await?;
            let (pool, user) = (&bearer.pool, &bearer.user);
            let Some(secret) = records.associated(&pool.id, &user.username) else {
                return nothing();
            };
            let Some(step) = secret.step_of(code, unix_now()) else {
                return wrong();
            };
            let factors = self.pool_factors(pool).await;
            records.set_up(&pool.id, &user.username, secret, step, factors.required);
            return Ok(answer(&json!({ "Status": "SUCCESS" })));
        }
        let token = self.text("Session").unwrap_or_default();
        let session = self.session(token)?;
        let (Step::MfaSetup { secret }, Some(username)) = (&session.step, &session.username) else {
            return refuse("NotAuthorizedException", "Invalid session for the user.");
        };
        let Some(secret) = secret else {
            return nothing();
        };
        let Some(step) = secret.step_of(code, unix_now()) else {
            return wrong();
        };
        self.door.users.sessions.close(token);
        records.set_up(&session.pool_id, username, secret.clone(), step, true);
        let next = self.open(session.at(Step::MfaIsSetUp), Instant::now());
        Ok(answer(&json!({ "Status": "SUCCESS", "Session": next })))
    }

    pub(super) async fn prefer_factor(&self) -> ReplyResult {
        let bearer = self.bearer().await?;
        self.prefer(&bearer.pool, &bearer.user).await
    }

    pub(super) async fn admin_prefer_factor(&self) -> ReplyResult {
        match self.known_user().await {
            Some((pool, user)) => self.prefer(&pool, &user).await,
            None => self.forward().await,
        }
    }

    async fn prefer(&self, pool: &Pool, user: &User) -> ReplyResult {
        let factors = self.pool_factors(pool).await;
        let records = &self.door.users.factors;
        records.prefer(&pool.id, &factors, user, self.input)?;
        Ok(answer(&json!({})))
    }

    /// Checks a code of the user's app.
    pub(super) fn check_app(
        &self,
        session: &Session,
        username: &str,
        code: &str,
    ) -> super::Refused {
        let records = &self.door.users.factors;
        match records.check(&session.pool_id, username, code, unix_now()) {
            Ok(()) => Ok(()),
            Err(CodeFault::Wrong) => {
                refuse("CodeMismatchException", "Invalid code received for user")
            }
            Err(CodeFault::Used) => refuse(
                "ExpiredCodeException",
                "Your software token has already been used once.",
            ),
        }
    }
}

fn refuse_without_apps(factors: &PoolFactors) -> super::Refused {
    if factors.totp && !factors.off {
        return Ok(());
    }
    refuse(
        "SoftwareTokenMFANotFoundException",
        "Software Token MFA is not enabled for the userPool.",
    )
}

/// A challenge of our own.
pub(super) fn challenge(name: &str, session: &str, parameters: Value) -> Reply {
    answer(&json!({
        "ChallengeName": name,
        "Session": session,
        "ChallengeParameters": parameters,
    }))
}

/// Where a code went, as a challenge puts it.
pub(super) fn delivery(contact: &Contact, username: &str) -> Value {
    let details = contact.delivery_details();
    json!({
        "CODE_DELIVERY_DELIVERY_MEDIUM": details["DeliveryMedium"],
        "CODE_DELIVERY_DESTINATION": details["Destination"],
        "USER_ID_FOR_SRP": username,
    })
}

/// A code for signing in: six digits as a second factor by SMS, eight in a mail or as the first factor.
fn sign_in_code(challenge: &str) -> String {
    let mut random = rand::rng();
    if challenge == SMS {
        format!("{:06}", random.random_range(0..1_000_000))
    } else {
        format!("{:08}", random.random_range(0..100_000_000))
    }
}
