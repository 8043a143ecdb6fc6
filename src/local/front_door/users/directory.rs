//! What an operator does to users.

use std::time::Instant;

use serde_json::{Value, json};

use super::attributes::{self, Given};
use super::facts::Pool;
use super::{Operation, Refused, ReplyResult, refuse, refuse_outer_spaces};
use crate::local::front_door::message::{EMAIL, PHONE};

impl Operation<'_> {
    /// An operation on a user, whichever spelling of their name it has. The emulator is asked first: most
    /// names are its own.
    pub(super) async fn in_any_spelling(&self) -> ReplyResult {
        let reply = self.door.upstream.forward(self.call).await;
        let unknown = |body: Value| body["__type"] == "UserNotFoundException";
        if reply.is_success() || !reply.json().is_some_and(unknown) {
            return self.finish(reply);
        }
        match self.known_user().await {
            Some((_, user)) => {
                let input = self.naming(&user);
                self.finish(self.send(self.action, &input).await)
            }
            None => Ok(reply),
        }
    }

    pub(super) async fn admin_create_user(&self) -> ReplyResult {
        let Some(pool) = self.pool_at_hand().await else {
            return self.forward().await;
        };
        let name = self.text("Username").unwrap_or_default();
        if self.text("MessageAction") == Some("RESEND") {
            return match self.find_user(&pool, name).await {
                Some(user) => {
                    let mut input = self.naming(&user);
                    // The emulator takes an address here, and no name it made up itself.
                    input["Username"] = user.sign_in_name(&pool.described).into();
                    self.forward_with(&input).await
                }
                None => self.forward().await,
            };
        }
        refuse_outer_spaces(self.text("TemporaryPassword"), "temporaryPassword")?;
        let given = attributes::given(self.input.get("UserAttributes"));
        attributes::refuse_nonconforming(&pool, &given)?;
        refuse_proof_of_nothing(&pool, name, &given)?;
        let mut input = self.input.clone();
        self.name_new_user(&pool, name, &mut input).await?;
        let force = self.input.get("ForceAliasCreation") == Some(&json!(true));
        let taken = self.taken_by_proof(&pool, None, &given, force).await?;
        let reply = self.forward_with(&input).await?;
        self.unprove(&pool, taken).await?;
        Ok(reply)
    }

    pub(super) async fn admin_get_user(&self) -> ReplyResult {
        let reply = self.in_any_spelling().await?;
        let (true, Some(mut body)) = (reply.is_success(), reply.json()) else {
            return Ok(reply);
        };
        let pool_id = self.text("UserPoolId").unwrap_or_default();
        let username = body["Username"].as_str().unwrap_or_default();
        let record = self.door.users.factors.of(pool_id, username);
        record.describe(&mut body);
        Ok(reply.with_json(&body))
    }

    pub(super) async fn admin_set_password(&self) -> ReplyResult {
        refuse_outer_spaces(self.text("Password"), "password")?;
        self.in_any_spelling().await
    }

    pub(super) async fn admin_delete_user(&self) -> ReplyResult {
        let Some((pool, user)) = self.known_user().await else {
            return self.forward().await;
        };
        let reply = self.forward_with(&self.naming(&user)).await?;
        self.forget_user(&pool, &user.username);
        Ok(reply)
    }

    /// Forgets what was kept of a user who is gone: their name may be somebody else's next.
    pub(super) fn forget_user(&self, pool: &Pool, username: &str) {
        self.door.users.factors.forget(&pool.id, username);
        self.door.users.changes.forget(&pool.id, username);
        self.door.users.limits.succeeded(&pool.id, username);
        self.door.codes.forget(&pool.id, username);
    }

    pub(super) async fn admin_sign_out(&self) -> ReplyResult {
        let Some((pool, user)) = self.known_user().await else {
            return self.forward().await;
        };
        let reply = self.forward_with(&self.naming(&user)).await?;
        self.door.users.signed_out.now(&pool.id, &user.username);
        Ok(reply)
    }

    /// Sets attributes. An address or a number that has to be proved first waits for that, unless the
    /// operator vouches for it in the same request.
    pub(super) async fn admin_update_attributes(&self) -> ReplyResult {
        let Some((pool, user)) = self.known_user().await else {
            return self.forward().await;
        };
        let given = attributes::given(self.input.get("UserAttributes"));
        attributes::refuse_nonconforming(&pool, &given)?;
        attributes::refuse_unchangeable(&pool, &user, &given)?;
        self.refuse_taken(&pool, &user, &given).await?;
        let vouched = |name: &str| {
            let flag = format!("{name}_verified");
            given
                .iter()
                .any(|attribute| attribute.name == flag && attribute.value == "true")
        };
        let (at_once, later): (Vec<&Given<'_>>, Vec<&Given<'_>>) =
            given.iter().partition(|attribute| {
                !pool.holds_back(attribute.name)
                    || vouched(attribute.name)
                    || attribute.value.is_empty()
                    || user.attributes.get(attribute.name).map(String::as_str)
                        == Some(attribute.value)
            });
        let mut input = self.naming(&user);
        input["UserAttributes"] = at_once
            .iter()
            .map(|attribute| json!({ "Name": attribute.name, "Value": attribute.value }))
            .collect();
        let reply = self.forward_with(&input).await?;
        for attribute in later {
            self.hold_back(&pool, &user, attribute, Instant::now());
        }
        for attribute in at_once {
            self.settle(&pool, &user, attribute.name);
        }
        Ok(reply)
    }
}

/// Refuses the proof of an address or a number that isn't given.
fn refuse_proof_of_nothing(pool: &Pool, name: &str, given: &[Given<'_>]) -> Refused {
    for attribute in [EMAIL, PHONE] {
        let has = |name: &str, value: fn(&str) -> bool| {
            given
                .iter()
                .any(|attribute| attribute.name == name && value(attribute.value))
        };
        let proved = has(&format!("{attribute}_verified"), |value| value == "true");
        let there = has(attribute, |value| !value.is_empty());
        if proved && !there && pool.username_attribute(name) != Some(attribute) {
            let message = format!("{attribute} is required when {attribute}_verified is true.");
            return refuse("InvalidParameterException", &message);
        }
    }
    Ok(())
}
