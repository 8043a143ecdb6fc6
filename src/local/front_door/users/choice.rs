//! Choice-based sign-in (`USER_AUTH`): the first factor is the user's choice.
//!
//! From the API reference (InitiateAuth, RespondToAuthChallenge) and the developer guide, "Manage
//! authentication methods in AWS SDKs". Passkeys aren't offered: the emulator has none.

use serde_json::{Value, json};

use super::factors::EMAIL_OTP;
use super::facts::{Client, Pool, User};
use super::second_factor::{challenge, delivery};
use super::sessions::Step;
use super::{Operation, ReplyResult, answer, refuse};
use crate::local::front_door::message::{Contact, EMAIL, PHONE};

const PASSWORD: &str = "PASSWORD";
const PASSWORD_SRP: &str = "PASSWORD_SRP";
const SMS_OTP: &str = "SMS_OTP";

impl Operation<'_> {
    /// Begins it, for a user who may not exist.
    pub(super) async fn choose(
        &self,
        pool: &Pool,
        client: &Client,
        name: &str,
        user: Option<User>,
    ) -> ReplyResult {
        if let (Some(user), Some(token)) = (&user, self.text("Session")) {
            return self.continue_sign_up(client, user, token).await;
        }
        match &user {
            None if !client.hides_users() => {
                return refuse("UserNotFoundException", "User does not exist.");
            }
            Some(user) if !user.enabled => {
                return refuse("NotAuthorizedException", "User is disabled.");
            }
            Some(user) if user.status == "UNCONFIRMED" => {
                return refuse("UserNotConfirmedException", "User is not confirmed.");
            }
            _ => {}
        }
        let offered = self.offered(pool, user.as_ref()).await;
        let preferred = self.input["AuthParameters"]["PREFERRED_CHALLENGE"].as_str();
        let preferred = offered
            .iter()
            .find(|challenge| Some(**challenge) == preferred);
        match preferred {
            Some(chosen) => {
                let parameters = &self.input["AuthParameters"];
                self.take(
                    pool,
                    client,
                    name,
                    user.as_ref(),
                    chosen,
                    parameters,
                    &offered,
                )
                .await
            }
            None => {
                let step = Step::SelectChallenge {
                    challenges: offered.clone(),
                };
                let username = user.as_ref().map(|user| user.username.as_str());
                let session = self.open_session(pool, client, username, step);
                Ok(answer(&json!({
                    "ChallengeName": "SELECT_CHALLENGE",
                    "Session": session,
                    "ChallengeParameters": {},
                    "AvailableChallenges": offered,
                })))
            }
        }
    }

    /// A sign-in right after a sign-up, whose code counts as the factor.
    async fn continue_sign_up(&self, client: &Client, user: &User, token: &str) -> ReplyResult {
        let session = self.session(token)?;
        let same = session.username.as_deref() == Some(user.username.as_str())
            && session.client_id == client.id;
        if !same
            || !matches!(session.step, Step::Confirmed)
            || !self.door.users.sessions.close(token)
        {
            return refuse("NotAuthorizedException", "Invalid session for the user.");
        }
        self.issue_tokens(&client.id, &user.username).await
    }

    /// The first factors a user may choose from. A code isn't one for somebody who needs a second factor:
    /// it can't be both.
    async fn offered(&self, pool: &Pool, user: Option<&User>) -> Vec<&'static str> {
        let mut offered = Vec::new();
        if pool.allows_first_factor(PASSWORD) {
            offered.extend([PASSWORD, PASSWORD_SRP]);
        }
        let factors = self.pool_factors(pool).await;
        for (challenge, attribute) in [(EMAIL_OTP, EMAIL), (SMS_OTP, PHONE)] {
            // To who asks for nobody, it looks as it does for most.
            let reachable = user.is_none_or(|user| {
                let record = self.door.users.factors.of(&pool.id, &user.username);
                let address = user.attributes.get(attribute);
                address.is_some_and(|address| !address.is_empty())
                    && user.status != "FORCE_CHANGE_PASSWORD"
                    && record.due(&factors, user).is_empty()
            });
            if pool.allows_first_factor(challenge) && reachable && !factors.required {
                offered.push(challenge);
            }
        }
        offered
    }

    /// Goes on with the factor that was chosen; what it needs may be in the same request.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parties of a sign-in, and what was chosen of what"
    )]
    pub(super) async fn take(
        &self,
        pool: &Pool,
        client: &Client,
        name: &str,
        user: Option<&User>,
        chosen: &'static str,
        parameters: &Value,
        offered: &[&'static str],
    ) -> ReplyResult {
        let given = |name: &str| parameters.get(name).and_then(Value::as_str);
        let username = user.map(|user| user.username.as_str());
        let reply = match chosen {
            PASSWORD if given("PASSWORD").is_none() => {
                let session = self.open_session(pool, client, username, Step::Password);
                challenge(PASSWORD, &session, json!({}))
            }
            PASSWORD_SRP if given("SRP_A").is_none() => {
                let session = self.open_session(pool, client, username, Step::PasswordSrp);
                challenge(PASSWORD_SRP, &session, json!({}))
            }
            PASSWORD => {
                return match user {
                    Some(user) => {
                        self.check_password(pool, client, user, given("PASSWORD"))
                            .await
                    }
                    None => wrong_password(),
                };
            }
            PASSWORD_SRP => {
                return match user {
                    Some(user) => self.begin_srp(pool, client, user, given("SRP_A")).await,
                    None => wrong_password(),
                };
            }
            _ => match user {
                Some(user) => {
                    let factors = self.pool_factors(pool).await;
                    self.send_sign_in_code(pool, client, user, &factors, chosen)
                }
                None => self.send_nothing(pool, client, name, chosen),
            },
        };
        let mut body = reply.json().unwrap_or_default();
        body["AvailableChallenges"] = json!(offered);
        Ok(answer(&body))
    }

    /// Looks as if a code went out, to a name that is nobody's.
    fn send_nothing(
        &self,
        pool: &Pool,
        client: &Client,
        name: &str,
        chosen: &'static str,
    ) -> crate::local::front_door::call::Reply {
        let attribute = if chosen == EMAIL_OTP { EMAIL } else { PHONE };
        let step = Step::Code {
            challenge: chosen,
            // No answer is this one.
            code: String::new(),
            attribute,
        };
        let session = self.open_session(pool, client, None, step);
        let contact = Contact {
            attribute,
            address: name.to_owned(),
        };
        challenge(chosen, &session, delivery(&contact, name))
    }

    /// Takes the answer to SELECT_CHALLENGE.
    pub(super) async fn take_choice(
        &self,
        pool: &Pool,
        client: &Client,
        token: &str,
        user: Option<&User>,
        challenges: &[&'static str],
    ) -> ReplyResult {
        let responses = &self.input["ChallengeResponses"];
        let chosen = responses["ANSWER"].as_str();
        let Some(chosen) = challenges
            .iter()
            .find(|challenge| Some(**challenge) == chosen)
        else {
            return refuse(
                "InvalidParameterException",
                "The selected challenge is not available.",
            );
        };
        if let Some(user) = user {
            self.refuse_locked_out(pool, user)?;
        }
        let name = responses["USERNAME"].as_str().unwrap_or_default();
        let reply = self
            .take(pool, client, name, user, chosen, responses, challenges)
            .await?;
        if reply.is_success() {
            self.door.users.sessions.close(token);
        }
        Ok(reply)
    }
}

pub(super) fn wrong_password<T>() -> Result<T, Box<crate::local::front_door::call::Reply>> {
    refuse("NotAuthorizedException", "Incorrect username or password.")
}
