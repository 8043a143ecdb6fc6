//! Signing up, and confirming it.

use std::time::Instant;

use rand::Rng;
use serde_json::{Value, json};

use super::facts::{Client, Pool, User};
use super::sessions::{Session, Step};
use super::{
    Operation, Refused, ReplyResult, attributes, refuse, refuse_outer_spaces, secret_hash,
};
use crate::local::front_door::call::Reply;
use crate::local::front_door::codes::CodePurpose;
use crate::local::front_door::message::{Contact, EMAIL, PHONE};
use crate::local::front_door::trigger::TriggerSource;

impl Operation<'_> {
    pub(super) async fn sign_up(&self) -> ReplyResult {
        let Some((pool, client)) = self.client_at_hand().await else {
            return self.forward().await;
        };
        let reply = if self.door.strict {
            let input = self.checked_sign_up(&pool, &client).await?;
            self.forward_with(&input).await?
        } else {
            self.forward().await?
        };
        let Some(mut body) = reply.json() else {
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
        if self.door.strict && client.allows("USER_AUTH") {
            let session = self.open_session(&pool, &client, Some(&user.username), Step::SignedUp);
            body["Session"] = session.into();
        }
        Ok(reply.with_json(&body))
    }

    /// What SignUp sends on, when Cognito would take it.
    async fn checked_sign_up(&self, pool: &Pool, client: &Client) -> Result<Value, Box<Reply>> {
        let name = self.text("Username").unwrap_or_default();
        let hash = self.text("SecretHash");
        secret_hash::check(client, secret_hash::At::Start, hash, &[name])?;
        if pool.described["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"] == true {
            return refuse(
                "NotAuthorizedException",
                "SignUp is not permitted for this user pool",
            );
        }
        let given = attributes::given(self.input.get("UserAttributes"));
        attributes::refuse_unwritable(pool, client, &given)?;
        attributes::refuse_nonconforming(pool, &given)?;
        attributes::refuse_missing(pool, name, &given)?;
        let mut input = self.input.clone();
        let password = self.text("Password").filter(|text| !text.is_empty());
        refuse_outer_spaces(password, "password")?;
        if password.is_none()
            && (pool.allows_first_factor("EMAIL_OTP") || pool.allows_first_factor("SMS_OTP"))
        {
            // Who signs in by codes needs none; the emulator's users do, so it is one nobody knows.
            input["Password"] = unknown_password().into();
        }
        self.name_new_user(pool, name, &mut input).await?;
        Ok(input)
    }

    /// Refuses a new user whose name is somebody's, and puts the name into the pool's spelling. Used for
    /// AdminCreateUser as well.
    pub(super) async fn name_new_user(
        &self,
        pool: &Pool,
        name: &str,
        input: &mut Value,
    ) -> Refused {
        let exists = || {
            let message = if self.is_admins() {
                "User account already exists"
            } else {
                "User already exists"
            };
            refuse("UsernameExistsException", message)
        };
        if pool.has_username_attributes() {
            // A name of the wrong kind is refused by the emulator.
            let Some(attribute) = pool.username_attribute(name) else {
                return Ok(());
            };
            if self.holder(pool, attribute, name, None).await.is_some() {
                return exists();
            }
            // The emulator wants name and attribute in the same letters.
            let given = attributes::given(self.input.get("UserAttributes"));
            let spelt = given.iter().find(|given| given.name == attribute);
            if let Some(spelt) = spelt.filter(|spelt| pool.are_same(spelt.value, name)) {
                input["Username"] = spelt.value.into();
            }
            // Each other one is a name too.
            for given in given {
                let is_name =
                    given.name != attribute && pool.lists("UsernameAttributes", given.name);
                if is_name
                    && self
                        .holder(pool, given.name, given.value, None)
                        .await
                        .is_some()
                {
                    return exists();
                }
            }
            return Ok(());
        }
        for (attribute, kind, matches) in [
            (EMAIL, "email", attributes::is_email as fn(&str) -> bool),
            (PHONE, "phone number", attributes::is_phone_number),
        ] {
            if pool.lists("AliasAttributes", attribute) && matches(name) {
                let message = format!(
                    "Username cannot be of {kind} format, since user pool is configured for {kind} alias."
                );
                return refuse("InvalidParameterException", &message);
            }
        }
        let spelling = pool.spelling(name);
        if self
            .user(pool, &spelling)
            .await
            .is_some_and(|user| user.username == spelling)
        {
            return exists();
        }
        input["Username"] = spelling.into();
        Ok(())
    }

    pub(super) async fn resend_code(&self) -> ReplyResult {
        self.refuse_unproved_client().await?;
        let Some((pool, user)) = self.known_user().await else {
            return self.for_nobody().await;
        };
        self.refuse_too_many(&pool, &user)?;
        if user.status != "UNCONFIRMED" {
            return refuse("InvalidParameterException", "User is already confirmed.");
        }
        if Contact::for_sign_up(&pool.described, &user.attributes).is_none() {
            let message = "Cannot resend codes. Auto verification not turned on.";
            return refuse("InvalidParameterException", message);
        }
        let reply = self.forward_with(&self.naming(&user)).await?;
        Ok(self.with_delivery(reply, self.send_code(&pool, &user, CodePurpose::SignUp)))
    }

    pub(super) async fn confirm_sign_up(&self) -> ReplyResult {
        self.refuse_unproved_client().await?;
        let Some((pool, user)) = self.known_user().await else {
            return self.for_nobody().await;
        };
        self.refuse_too_many(&pool, &user)?;
        refuse_unless_unconfirmed(&user)?;
        let force = self.input.get("ForceAliasCreation") == Some(&json!(true));
        let (user, reply) = self
            .with_code(&pool, user, CodePurpose::SignUp, force)
            .await?;
        // As on AWS, a failing trigger leaves the user confirmed: the answer is an error, and
        // confirming again is refused with the status CONFIRMED.
        self.post_confirmation(&pool, &user, TriggerSource::ConfirmSignUp)
            .await?;
        Ok(self.with_session(reply, &user))
    }

    /// Adds the session by which somebody who has just confirmed their sign-up signs in.
    fn with_session(&self, reply: Reply, user: &User) -> Reply {
        let Some(token) = self.text("Session").filter(|_| self.door.strict) else {
            return reply;
        };
        let sessions = &self.door.users.sessions;
        let now = Instant::now();
        match sessions.get(token, now) {
            Ok(
                session @ Session {
                    step: Step::SignedUp,
                    ..
                },
            ) if session.username.as_deref() == Some(user.username.as_str()) => {
                sessions.close(token);
                let next = sessions.open(session.at(Step::Confirmed), now);
                self.door.scopes.remember_session(&next, self.scope);
                let mut body = reply.json().unwrap_or_else(|| json!({}));
                body["Session"] = next.into();
                reply.with_json(&body)
            }
            _ => reply,
        }
    }

    pub(super) async fn admin_confirm_sign_up(&self) -> ReplyResult {
        let Some((pool, user)) = self.known_user().await else {
            return self.forward().await;
        };
        refuse_unless_unconfirmed(&user)?;
        let reply = self.forward_with(&self.naming(&user)).await?;
        let user = self.user(&pool, &user.username).await.unwrap_or(user);
        self.post_confirmation(&pool, &user, TriggerSource::ConfirmSignUp)
            .await?;
        Ok(reply)
    }
}

fn refuse_unless_unconfirmed(user: &User) -> Refused {
    if user.status == "UNCONFIRMED" {
        return Ok(());
    }
    let message = format!(
        "User cannot be confirmed. Current status is {}",
        user.status
    );
    refuse("NotAuthorizedException", &message)
}

/// A password that fits every policy.
fn unknown_password() -> String {
    let mut random = rand::rng();
    let letters = (0..90).map(|_| char::from(random.random_range(b'a'..=b'z')));
    letters.chain("A0!".chars()).collect()
}
