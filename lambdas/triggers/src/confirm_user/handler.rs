//! The trigger itself: event and clients in, event out. The user waits for this half only.

use std::time::{Duration, SystemTime};

use saasauth_contract::handover::{CONFIRM_SIGN_UP, Handover, TAG};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::courier::Courier;
use super::hooks::{self, Hooks, NewUser};
use super::secrets::Secrets;
use super::settings::Settings;
use crate::aws::{Aws, Signed};
use crate::event::Event;
use crate::failure::TriggerError;
use crate::log::{Log, aws_failure};
use crate::record::UserRecord;
use crate::registry::{Registry, Written};
use crate::{handover, metric, pending, process};

/// What is kept of an invocation's time for its answer to travel.
const ANSWER: Duration = Duration::from_millis(200);

/// What is kept of it for the hand-over, which is all the more wanted when the tables are slow.
const HAND_OVER: Duration = Duration::from_millis(1000);

/// The PostConfirmation trigger.
#[derive(Debug)]
pub struct ConfirmUser<H = ()> {
    registry: Registry,
    courier: Courier,
    signed: Signed,
    settings: Settings,
    hooks: H,
}

impl<H: Hooks> ConfirmUser<H> {
    /// A trigger over these clients. The one for SES should not retry by itself: a mail whose receipt was
    /// lost would go out twice.
    pub fn new(
        dynamodb: aws_sdk_dynamodb::Client,
        ses: aws_sdk_sesv2::Client,
        aws: &Aws,
        settings: Settings,
        hooks: H,
    ) -> Self {
        let secrets = Secrets::new(aws.signed.clone());
        Self {
            registry: Registry::new(
                dynamodb.clone(),
                settings.tables.clone(),
                settings.provider_domains.clone(),
            ),
            courier: Courier::new(dynamodb, ses, aws.http.clone(), secrets),
            signed: aws.signed.clone(),
            settings,
            hooks,
        }
    }

    /// Opens the connection to DynamoDB before somebody waits for it, and says what is wrong with the
    /// settings and the hooks.
    pub async fn prepare(&self, log: &Log) {
        let ignored = self.settings.marketing.iter().flat_map(|all| &all.ignored);
        for name in ignored {
            log.error("marketing settings not understood", json!({ "name": name }));
        }
        hooks::complain(&self.hooks, log);
        if let Err(error) = self.registry.domain("").await {
            log.warn("the domains could not be read", aws_failure(&error));
        }
    }

    /// Answers whatever invokes the function: Cognito's event, or work this function handed to itself.
    pub async fn answer(
        &self,
        payload: Value,
        deadline: Instant,
        log: &Log,
    ) -> Result<Value, TriggerError> {
        let deadline = deadline - ANSWER;
        match asked_for(&payload) {
            Some(Handover::Deliver { sub, asked }) => {
                self.deliver(&sub, asked, deadline, log).await
            }
            Some(Handover::Confirm { event }) => {
                let event = parsed(&event, log)?;
                let sub = subject(&event)?;
                // Nobody waits for this invocation, so it makes the deliveries itself.
                if self.record(&event, log).await? {
                    self.deliver(sub, false, deadline, log).await
                } else {
                    Ok(json!({}))
                }
            }
            None => {
                self.confirm(&payload, deadline, log).await?;
                // Cognito wants its event back as it came.
                Ok(payload)
            }
        }
    }

    async fn deliver(
        &self,
        sub: &str,
        asked: bool,
        deadline: Instant,
        log: &Log,
    ) -> Result<Value, TriggerError> {
        self.courier
            .deliver(&self.settings, &self.hooks, sub, asked, deadline, log)
            .await
    }

    /// Records the user of an event, once however often it is asked. Says whether a hand-over now would find
    /// something to deliver.
    async fn record(&self, event: &Event, log: &Log) -> Result<bool, TriggerError> {
        let attributes = &event.request.user_attributes;
        let default_role = &self.settings.tables.default_role;
        let mut record = UserRecord::new(attributes, default_role).ok_or(TriggerError::NO_USER)?;
        let membership = self.registry.membership(attributes, log).await?;
        if let Some(membership) = &membership {
            membership.give_role(&mut record);
        }
        record.confirmed = true;
        record.pending = self
            .settings
            .owed(record.email.as_deref(), &record.attributes);
        let domain = membership.as_ref().map(|joined| joined.domain.as_str());
        let user = NewUser {
            sub: &record.sub,
            role: &record.role,
            domain,
            event,
        };
        hooks::add_owed(&self.hooks, &user, &mut record.pending);
        record.extra = hooks::attributes(&self.hooks, &user, log).await;

        let written = self.registry.write(&record, membership.as_ref(), log);
        match written.await? {
            Written::Now => {
                let fields = json!({ "user": record.sub, "role": record.role, "domain": domain });
                log.info("user recorded", fields);
                Ok(!record.pending.is_empty())
            }
            // Whoever wrote it may have died before handing over. Claims keep a second hand-over from
            // delivering twice.
            Written::Before(item) => {
                log.info("user was recorded before", json!({ "user": record.sub }));
                Ok(match item {
                    Some(item) => pending::is_due(&item, SystemTime::now()),
                    None => !record.pending.is_empty(),
                })
            }
        }
    }

    /// Records the user of Cognito's event. When the tables can't be written, Lambda's own queue keeps
    /// the event, and the sign-up goes on; it fails only when neither would have it.
    async fn confirm(
        &self,
        payload: &Value,
        deadline: Instant,
        log: &Log,
    ) -> Result<(), TriggerError> {
        let event = parsed(payload, log)?;
        if event.trigger_source != CONFIRM_SIGN_UP {
            let fields = json!({ "source": event.trigger_source });
            log.info("nothing to confirm", fields);
            return Ok(());
        }
        let sub = subject(&event)?;
        match timeout_at(deadline - HAND_OVER, self.record(&event, log)).await {
            Ok(Ok(is_owed)) => {
                if is_owed {
                    // When this fails, the record remembers what is owed.
                    self.hand_over(&Handover::deliver(sub), sub, deadline, log)
                        .await;
                }
                return Ok(());
            }
            Ok(Err(error)) if error != TriggerError::STORE_UNAVAILABLE => return Err(error),
            Ok(Err(_)) => {}
            Err(_) => log.error("the tables did not answer in time", json!({ "user": sub })),
        }
        let whole = Handover::Confirm { event: payload };
        if !self.hand_over(&whole, sub, deadline, log).await {
            return Err(TriggerError::STORE_UNAVAILABLE);
        }
        metric::count(metric::LATE_RECORDS, &[]);
        let message = "user not recorded yet, the event is handed over";
        log.warn(message, json!({ "user": sub }));
        Ok(())
    }

    /// Hands work to an invocation nobody waits for, and says whether it was taken.
    async fn hand_over(
        &self,
        work: &Handover<'_, &Value>,
        sub: &str,
        deadline: Instant,
        log: &Log,
    ) -> bool {
        let reason = match &self.settings.function {
            Some(function) => {
                let handed = handover::hand_over(&self.signed, function, work);
                match timeout_at(deadline, handed).await {
                    Ok(Ok(())) => return true,
                    Ok(Err(why)) => why.to_string(),
                    Err(_) => "no time was left for it".to_owned(),
                }
            }
            None => format!("`{}` is not set", process::FUNCTION_NAME),
        };
        metric::count(metric::HAND_OVER_FAILURES, &[]);
        let what = match work {
            Handover::Deliver { .. } => "deliveries not handed over, still pending",
            Handover::Confirm { .. } => "user neither recorded nor handed over",
        };
        log.error(what, json!({ "user": sub, "reason": reason }));
        false
    }
}

/// What a payload of ours asks for; `None` when it is something else, such as Cognito's event.
fn asked_for(payload: &Value) -> Option<Handover<'_, Value>> {
    // Cognito's events, which somebody waits for, are not copied to find out.
    payload.get(TAG)?;
    Handover::deserialize(payload).ok()
}

fn subject(event: &Event) -> Result<&str, TriggerError> {
    let sub = event.request.user_attributes.sub();
    sub.ok_or(TriggerError::NO_USER)
}

fn parsed(payload: &Value, log: &Log) -> Result<Event, TriggerError> {
    Event::deserialize(payload).map_err(|error| {
        log.error("not an event", json!({ "reason": error.to_string() }));
        TriggerError::NO_USER
    })
}
