//! Passwords: forgotten, reset by an operator, changed.

use std::time::Instant;

use super::facts::{Pool, User};
use super::{Operation, Refused, ReplyResult, refuse, refuse_outer_spaces};
use crate::local::front_door::codes::CodePurpose;
use crate::local::front_door::message::Contact;
use crate::local::front_door::trigger::TriggerSource;

const NO_RECOVERY: &str =
    "Cannot reset password for the user as there is no registered/verified email or phone_number";

impl Operation<'_> {
    pub(super) async fn forgot_password(&self) -> ReplyResult {
        self.refuse_unproved_client().await?;
        let Some((pool, user)) = self.known_user().await else {
            return self.for_nobody().await;
        };
        self.refuse_too_many(&pool, &user)?;
        if !user.enabled {
            return refuse("NotAuthorizedException", "User is disabled.");
        }
        if user.status == "FORCE_CHANGE_PASSWORD" {
            let message = "User password cannot be reset in the current state.";
            return refuse("NotAuthorizedException", message);
        }
        refuse_without_way(&pool, &user)?;
        let reply = self.forward_with(&self.naming(&user)).await?;
        Ok(self.with_delivery(
            reply,
            self.send_code(&pool, &user, CodePurpose::NewPassword),
        ))
    }

    pub(super) async fn admin_reset_password(&self) -> ReplyResult {
        let Some((pool, user)) = self.known_user().await else {
            return self.forward().await;
        };
        refuse_without_way(&pool, &user)?;
        let reply = self.forward_with(&self.naming(&user)).await?;
        self.send_code(&pool, &user, CodePurpose::NewPassword);
        Ok(reply)
    }

    pub(super) async fn confirm_forgot_password(&self) -> ReplyResult {
        self.refuse_unproved_client().await?;
        if self.door.strict {
            refuse_outer_spaces(self.text("Password"), "password")?;
        }
        let Some((pool, user)) = self.known_user().await else {
            return self.for_nobody().await;
        };
        self.refuse_too_many(&pool, &user)?;
        let (user, reply) = self
            .with_code(&pool, user, CodePurpose::NewPassword, false)
            .await?;
        self.door.users.limits.succeeded(&pool.id, &user.username);
        self.post_confirmation(&pool, &user, TriggerSource::ConfirmForgotPassword)
            .await?;
        Ok(reply)
    }

    pub(super) async fn change_password(&self) -> ReplyResult {
        let bearer = self.bearer().await?;
        let (pool, user) = (&bearer.pool, &bearer.user);
        self.refuse_too_many(pool, user)?;
        refuse_outer_spaces(self.text("ProposedPassword"), "proposedPassword")?;
        let limits = &self.door.users.limits;
        self.refuse_locked_out(pool, user)?;
        let reply = self.forward().await;
        let wrong = |refusal: &crate::local::front_door::call::Reply| {
            let body = refusal.json().unwrap_or_default();
            body["__type"] == "NotAuthorizedException"
        };
        match &reply {
            Ok(_) => limits.succeeded(&pool.id, &user.username),
            Err(refusal) if wrong(refusal) => {
                limits.failed(&pool.id, &user.username, Instant::now());
            }
            Err(_) => {}
        }
        reply
    }
}

fn refuse_without_way(pool: &Pool, user: &User) -> Refused {
    if Contact::for_recovery(&pool.described, &user.attributes).is_some() {
        return Ok(());
    }
    refuse("InvalidParameterException", NO_RECOVERY)
}
