//! The trigger itself: event and clients in, event out.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use serde_json::{Value, json};
use trigger_common::event::UserAttributes;
use trigger_common::log::aws_failure;
use trigger_common::record::{META, UserRecord, domain_key, membership_item, text, user_key};
use trigger_common::{Event, Log, TriggerError};

use crate::delivery::Delivery;
use crate::settings::Settings;

/// Of the sources of PostConfirmation, the one that means a new account. The other is a reset password.
const CONFIRM_SIGN_UP: &str = "PostConfirmation_ConfirmSignUp";

/// How often the write is sent when another transaction holds the same user: only a second copy of the
/// same event does, and it is done in milliseconds.
const WRITES: u32 = 4;

/// The PostConfirmation trigger.
#[derive(Debug)]
pub struct ConfirmUser {
    dynamodb: aws_sdk_dynamodb::Client,
    ses: aws_sdk_sesv2::Client,
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
    /// An earlier copy of the same event wrote the record.
    AlreadyThere,
}

impl ConfirmUser {
    /// A trigger over these clients.
    pub fn new(
        dynamodb: aws_sdk_dynamodb::Client,
        ses: aws_sdk_sesv2::Client,
        settings: Settings,
    ) -> Self {
        Self {
            dynamodb,
            ses,
            settings,
        }
    }

    /// Answers one event. Fails only when the user could not be recorded.
    pub async fn handle(&self, event: Event, log: &Log) -> Result<Event, TriggerError> {
        if event.trigger_source != CONFIRM_SIGN_UP {
            log.info(
                "nothing to confirm",
                json!({ "source": event.trigger_source }),
            );
            return Ok(event);
        }
        let attributes = &event.request.user_attributes;
        let mut record = UserRecord::new(attributes, &self.settings.default_role)
            .ok_or(TriggerError::NO_USER)?;
        let membership = self.membership(attributes, log).await?;
        if let Some(membership) = &membership {
            record.role.clone_from(&membership.role);
        }
        let owed = Delivery::owed(&self.settings, &record);
        record.pending = owed
            .iter()
            .map(|delivery| delivery.name().to_owned())
            .collect();

        match self.write(&record, membership.as_ref(), log).await? {
            Written::Created => {
                let domain = membership.map(|membership| membership.domain);
                let fields = json!({ "user": record.sub, "role": record.role, "domain": domain });
                log.info("user recorded", fields);
                self.deliver(&owed, &record, log).await;
            }
            // Whoever wrote the record also delivers; a second copy would deliver twice.
            Written::AlreadyThere => {
                log.info("user was recorded before", json!({ "user": record.sub }))
            }
        }
        Ok(event)
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
        let found = self
            .dynamodb
            .get_item()
            .table_name(&self.settings.domains_table)
            .key("pk", AttributeValue::S(domain_key(&domain)))
            .key("sk", AttributeValue::S(META.to_owned()))
            .send()
            .await
            .map_err(|error| {
                unavailable(log, "the domain could not be read", aws_failure(&error))
            })?;
        Ok(found.item.map(|item| {
            let role = text(&item, "role")
                .unwrap_or(&self.settings.default_role)
                .to_owned();
            Membership { domain, role }
        }))
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
            .condition_expression("attribute_not_exists(pk)");
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
            match why_users_write_was_cancelled(&error) {
                Some("ConditionalCheckFailed") => return Ok(Written::AlreadyThere),
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

    /// Performs what is owed, and takes what was done off the record.
    async fn deliver(&self, owed: &[Delivery], record: &UserRecord, log: &Log) {
        let mut done = Vec::new();
        for delivery in owed {
            let fields = json!({ "user": record.sub, "delivery": delivery.name() });
            match delivery.perform(&self.ses, &self.settings, record).await {
                Ok(()) => {
                    log.info("delivered", fields);
                    done.push(delivery.name().to_owned());
                }
                Err(failure) => log.error("not delivered, still pending", merged(fields, failure)),
            }
        }
        if done.is_empty() {
            return;
        }
        let settled = self
            .dynamodb
            .update_item()
            .table_name(&self.settings.permissions_table)
            .key("pk", AttributeValue::S(user_key(&record.sub)))
            .update_expression("DELETE pending :done")
            // The user may have been deleted meanwhile; an update would bring back a shell.
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":done", AttributeValue::Ss(done))
            .send()
            .await;
        if let Err(error) = settled {
            let fields = json!({ "user": record.sub });
            log.error(
                "delivered, but still marked pending",
                merged(fields, aws_failure(&error)),
            );
        }
    }
}

/// The reasons of a cancelled transaction stand in the order of its writes; the user's is the first.
fn why_users_write_was_cancelled(error: &SdkError<TransactWriteItemsError>) -> Option<&str> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            cancelled.cancellation_reasons().first()?.code()
        }
        _ => None,
    }
}

fn unavailable(log: &Log, message: &str, failure: Value) -> TriggerError {
    log.error(message, failure);
    TriggerError::STORE_UNAVAILABLE
}

/// Two objects as one.
fn merged(mut fields: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more);
    }
    fields
}
