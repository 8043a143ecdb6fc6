//! The trigger itself: event and clients in, event out. The user waits for this half only.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use trigger_common::aws::{Aws, Signed};
use trigger_common::handover::{self, Asked};
use trigger_common::log::aws_failure;
use trigger_common::{Event, Log, TriggerError, metric};

use crate::courier::Courier;
use crate::registry::Registry;
use crate::secrets::Secrets;
use crate::settings::Settings;

/// Of the sources of PostConfirmation, the one that means a new account. The other is a reset password.
const CONFIRM_SIGN_UP: &str = "PostConfirmation_ConfirmSignUp";

/// What is kept of an invocation's time for its answer to travel.
const ANSWER: Duration = Duration::from_millis(200);

/// What is kept of it for the hand-over, which is all the more wanted when the tables are slow.
const HAND_OVER: Duration = Duration::from_millis(1000);

/// The PostConfirmation trigger.
#[derive(Debug)]
pub struct ConfirmUser {
    registry: Registry,
    courier: Courier,
    signed: Signed,
    settings: Settings,
}

impl ConfirmUser {
    /// A trigger over these clients. The one for SES should not retry by itself: a mail whose receipt was
    /// lost would go out twice.
    pub fn new(
        dynamodb: aws_sdk_dynamodb::Client,
        ses: aws_sdk_sesv2::Client,
        aws: &Aws,
        settings: Settings,
    ) -> Self {
        let secrets = Secrets::new(aws.signed.clone());
        Self {
            registry: Registry::new(dynamodb.clone()),
            courier: Courier::new(dynamodb, ses, aws.http.clone(), secrets),
            signed: aws.signed.clone(),
            settings,
        }
    }

    /// Opens the connection to DynamoDB before somebody waits for it, and says what is wrong with the
    /// settings.
    pub async fn prepare(&self, log: &Log) {
        let ignored = self.settings.marketing.iter().flat_map(|all| &all.ignored);
        for name in ignored {
            log.error("marketing settings not understood", json!({ "name": name }));
        }
        if let Err(error) = self.registry.domain(&self.settings, "").await {
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
        match Asked::in_payload(&payload) {
            Some(Asked::Deliver(sub)) => self.deliver(sub, deadline, log).await,
            Some(Asked::Confirm(event)) => {
                let event = parsed(event, log)?;
                let attributes = &event.request.user_attributes;
                let recorded = self
                    .registry
                    .record(&self.settings, attributes, log)
                    .await?;
                // Nobody waits for this invocation, so it makes the deliveries itself.
                if recorded.is_owed {
                    self.deliver(&recorded.sub, deadline, log).await
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
        deadline: Instant,
        log: &Log,
    ) -> Result<Value, TriggerError> {
        self.courier
            .deliver(&self.settings, sub, deadline, log)
            .await
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
        let attributes = &event.request.user_attributes;
        let sub = attributes.sub().ok_or(TriggerError::NO_USER)?;
        let recorded = self.registry.record(&self.settings, attributes, log);
        match timeout_at(deadline - HAND_OVER, recorded).await {
            Ok(Ok(recorded)) => {
                if recorded.is_owed {
                    // When this fails, the record remembers what is owed.
                    self.hand_over(Asked::Deliver(sub), sub, deadline, log)
                        .await;
                }
                return Ok(());
            }
            Ok(Err(TriggerError::STORE_UNAVAILABLE)) => {}
            Ok(Err(error)) => return Err(error),
            Err(_) => log.error("the tables did not answer in time", json!({ "user": sub })),
        }
        if !self
            .hand_over(Asked::Confirm(payload), sub, deadline, log)
            .await
        {
            return Err(TriggerError::STORE_UNAVAILABLE);
        }
        metric::count(metric::LATE_RECORDS, &[]);
        let message = "user not recorded yet, the event is handed over";
        log.warn(message, json!({ "user": sub }));
        Ok(())
    }

    /// Hands work to an invocation nobody waits for, and says whether it was taken.
    async fn hand_over(&self, asked: Asked<'_>, sub: &str, deadline: Instant, log: &Log) -> bool {
        let reason = match &self.settings.function {
            Some(function) => {
                let handed = handover::hand_over(&self.signed, function, asked);
                match timeout_at(deadline, handed).await {
                    Ok(Ok(())) => return true,
                    Ok(Err(why)) => why.to_string(),
                    Err(_) => "no time was left for it".to_owned(),
                }
            }
            None => "`AWS_LAMBDA_FUNCTION_NAME` is not set".to_owned(),
        };
        metric::count(metric::HAND_OVER_FAILURES, &[]);
        let what = match asked {
            Asked::Deliver(_) => "deliveries not handed over, still pending",
            Asked::Confirm(_) => "user neither recorded nor handed over",
        };
        log.error(what, json!({ "user": sub, "reason": reason }));
        false
    }
}

fn parsed(payload: &Value, log: &Log) -> Result<Event, TriggerError> {
    Event::deserialize(payload).map_err(|error| {
        log.error("not an event", json!({ "reason": error.to_string() }));
        TriggerError::NO_USER
    })
}

/// Two objects as one.
pub(crate) fn merged(mut fields: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more);
    }
    fields
}
