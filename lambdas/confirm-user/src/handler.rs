//! The trigger itself: event and clients in, event out. The user waits for this half only.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use trigger_common::aws::{Aws, Signed};
use trigger_common::event::UserAttributes;
use trigger_common::log::aws_failure;
use trigger_common::record::{Item, META, UserRecord, domain_key, membership_item, text};
use trigger_common::{Event, Log, TriggerError, handover, metric, pending};

use crate::courier::Courier;
use crate::secrets::Secrets;
use crate::settings::Settings;

/// Of the sources of PostConfirmation, the one that means a new account. The other is a reset password.
const CONFIRM_SIGN_UP: &str = "PostConfirmation_ConfirmSignUp";

/// How often the write is sent when another transaction holds the same user: only a second copy of the
/// same event does, and it is done in milliseconds.
const WRITES: u32 = 4;

/// What is kept of an invocation's time for its answer to travel.
const ANSWER: Duration = Duration::from_millis(200);

/// The PostConfirmation trigger.
#[derive(Debug)]
pub struct ConfirmUser {
    dynamodb: aws_sdk_dynamodb::Client,
    signed: Signed,
    courier: Courier,
    settings: Settings,
}

/// A user's place in a registered domain.
struct Membership {
    domain: String,
    role: String,
}

/// What became of the write.
#[derive(Debug, PartialEq)]
enum Written {
    Created,
    /// An earlier copy of the same event wrote this record; absent when DynamoDB doesn't show it.
    AlreadyThere(Option<Item>),
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
            courier: Courier::new(dynamodb.clone(), ses, aws.http.clone(), secrets),
            dynamodb,
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
        if let Err(error) = self.domain("").await {
            log.warn("the domains could not be read", aws_failure(&error));
        }
    }

    /// Answers whatever invokes the function: Cognito's event, or the request to deliver.
    pub async fn answer(
        &self,
        payload: Value,
        deadline: Instant,
        log: &Log,
    ) -> Result<Value, TriggerError> {
        if let Some(sub) = handover::asked_for(&payload) {
            let deadline = deadline - ANSWER;
            return self
                .courier
                .deliver(&self.settings, sub, deadline, log)
                .await;
        }
        let event = Event::deserialize(&payload).map_err(|error| {
            log.error("not an event", json!({ "reason": error.to_string() }));
            TriggerError::NO_USER
        })?;
        self.confirm(&event, deadline, log).await?;
        // Cognito wants its event back as it came.
        Ok(payload)
    }

    /// Records the user of an event. Fails only when that was not possible.
    async fn confirm(
        &self,
        event: &Event,
        deadline: Instant,
        log: &Log,
    ) -> Result<(), TriggerError> {
        if event.trigger_source != CONFIRM_SIGN_UP {
            log.info(
                "nothing to confirm",
                json!({ "source": event.trigger_source }),
            );
            return Ok(());
        }
        let attributes = &event.request.user_attributes;
        let mut record = UserRecord::new(attributes, &self.settings.default_role)
            .ok_or(TriggerError::NO_USER)?;
        let membership = self.membership(attributes, log).await?;
        if let Some(membership) = &membership {
            record.role.clone_from(&membership.role);
        }
        record.pending = self
            .settings
            .owed(record.email.as_deref(), &record.attributes);

        let owed = match self.write(&record, membership.as_ref(), log).await? {
            Written::Created => {
                let domain = membership.map(|membership| membership.domain);
                let fields = json!({ "user": record.sub, "role": record.role, "domain": domain });
                log.info("user recorded", fields);
                !record.pending.is_empty()
            }
            // Whoever wrote it may have died before handing over. Claims keep a second hand-over from
            // delivering twice.
            Written::AlreadyThere(item) => {
                log.info("user was recorded before", json!({ "user": record.sub }));
                match item {
                    Some(item) => pending::is_due(&item, SystemTime::now()),
                    None => !record.pending.is_empty(),
                }
            }
        };
        if owed {
            self.hand_over(&record.sub, deadline, log).await;
        }
        Ok(())
    }

    /// Hands the deliveries to an invocation nobody waits for. When that fails the record remembers them.
    async fn hand_over(&self, sub: &str, deadline: Instant, log: &Log) {
        let reason = match &self.settings.function {
            Some(function) => {
                let handed = handover::hand_over(&self.signed, function, sub);
                match timeout_at(deadline - ANSWER, handed).await {
                    Ok(Ok(())) => return,
                    Ok(Err(why)) => why.to_string(),
                    Err(_) => "no time was left for it".to_owned(),
                }
            }
            None => "`AWS_LAMBDA_FUNCTION_NAME` is not set".to_owned(),
        };
        metric::count(metric::HAND_OVER_FAILURES, &[]);
        let fields = json!({ "user": sub, "reason": reason });
        log.error("deliveries not handed over, still pending", fields);
    }

    /// The registered domain the user's address belongs to. An address Cognito has not verified proves
    /// nothing: anybody could sign up with it and join the company.
    async fn membership(
        &self,
        attributes: &UserAttributes,
        log: &Log,
    ) -> Result<Option<Membership>, TriggerError> {
        let verified = attributes
            .email()
            .filter(|_| attributes.email_is_verified());
        let Some((_, domain)) = verified.and_then(|email| email.rsplit_once('@')) else {
            return Ok(None);
        };
        let domain = domain.to_ascii_lowercase();
        let found = self.domain(&domain).await.map_err(|error| {
            unavailable(log, "the domain could not be read", aws_failure(&error))
        })?;
        Ok(found.map(|item| {
            let role = text(&item, "role")
                .unwrap_or(&self.settings.default_role)
                .to_owned();
            Membership { domain, role }
        }))
    }

    /// The item of a registered domain.
    async fn domain(&self, domain: &str) -> Result<Option<Item>, SdkError<GetItemError>> {
        let read = self
            .dynamodb
            .get_item()
            .table_name(&self.settings.domains_table)
            .key("pk", AttributeValue::S(domain_key(domain)))
            .key("sk", AttributeValue::S(META.to_owned()));
        Ok(read.send().await?.item)
    }

    /// Writes record and membership, both or neither.
    async fn write(
        &self,
        record: &UserRecord,
        membership: Option<&Membership>,
        log: &Log,
    ) -> Result<Written, TriggerError> {
        let user = Put::builder()
            .table_name(&self.settings.permissions_table)
            .set_item(Some(record.item()))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let membership = membership.map(|Membership { domain, role }| {
            Put::builder()
                .table_name(&self.settings.domains_table)
                .set_item(Some(membership_item(&record.sub, domain, role)))
        });
        let puts: Vec<_> = std::iter::once(user)
            .chain(membership)
            .map(|put| {
                let put = put.build().expect("table and item are set");
                TransactWriteItem::builder().put(put).build()
            })
            .collect();

        let mut attempt = 1;
        loop {
            let written = self
                .dynamodb
                .transact_write_items()
                .set_transact_items(Some(puts.clone()))
                .send()
                .await;
            let Err(error) = written else {
                return Ok(Written::Created);
            };
            let why = why_users_write_was_cancelled(&error);
            match why.and_then(CancellationReason::code) {
                Some("ConditionalCheckFailed") => {
                    let item = why.and_then(|why| why.item()).cloned();
                    return Ok(Written::AlreadyThere(item));
                }
                Some("TransactionConflict") if attempt < WRITES => {
                    tokio::time::sleep(Duration::from_millis(25) * attempt).await;
                    attempt += 1;
                }
                _ => {
                    let failure = aws_failure(&error);
                    return Err(unavailable(log, "the user could not be recorded", failure));
                }
            }
        }
    }
}

/// The reasons of a cancelled transaction stand in the order of its writes; the user's is the first.
fn why_users_write_was_cancelled(
    error: &SdkError<TransactWriteItemsError>,
) -> Option<&CancellationReason> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            cancelled.cancellation_reasons().first()
        }
        _ => None,
    }
}

fn unavailable(log: &Log, message: &str, failure: Value) -> TriggerError {
    log.error(message, failure);
    TriggerError::STORE_UNAVAILABLE
}

/// Two objects as one.
pub(crate) fn merged(mut fields: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more);
    }
    fields
}
