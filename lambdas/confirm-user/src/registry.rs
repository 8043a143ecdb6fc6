//! Writes confirmed users down: the record, and the membership in the company their address belongs to.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use serde_json::{Value, json};
use trigger_common::event::UserAttributes;
use trigger_common::log::aws_failure;
use trigger_common::pending;
use trigger_common::record::{
    CONFIRMED_AT, Item, META, UserRecord, domain_key, membership_item, text, user_key,
};
use trigger_common::{Log, TriggerError};

use crate::settings::Settings;

/// How often the write is sent when somebody else writes the same user: a second copy of the event, or
/// the user's first sign-in. Both are done in milliseconds.
const WRITES: u32 = 4;

/// Writes users down.
#[derive(Debug)]
pub(crate) struct Registry {
    dynamodb: aws_sdk_dynamodb::Client,
}

/// A user who is on record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) sub: String,
    /// Whether a hand-over now would find something to deliver.
    pub(crate) is_owed: bool,
}

/// A user's place in a registered domain.
struct Membership {
    domain: String,
    role: String,
}

/// What became of the write.
enum Written {
    Now,
    /// An earlier copy of the same event wrote this record; absent when DynamoDB doesn't show it.
    Before(Option<Item>),
}

impl Registry {
    pub(crate) fn new(dynamodb: aws_sdk_dynamodb::Client) -> Self {
        Self { dynamodb }
    }

    /// The item of a registered domain.
    pub(crate) async fn domain(
        &self,
        settings: &Settings,
        domain: &str,
    ) -> Result<Option<Item>, SdkError<GetItemError>> {
        let read = self
            .dynamodb
            .get_item()
            .table_name(&settings.domains_table)
            .key("pk", AttributeValue::S(domain_key(domain)))
            .key("sk", AttributeValue::S(META.to_owned()));
        Ok(read.send().await?.item)
    }

    /// Records the user with these attributes, once however often it is asked.
    pub(crate) async fn record(
        &self,
        settings: &Settings,
        attributes: &UserAttributes,
        log: &Log,
    ) -> Result<Recorded, TriggerError> {
        let mut record =
            UserRecord::new(attributes, &settings.default_role).ok_or(TriggerError::NO_USER)?;
        let membership = self.membership(settings, attributes, log).await?;
        if let Some(membership) = &membership {
            record.role.clone_from(&membership.role);
        }
        record.confirmed = true;
        record.pending = settings.owed(record.email.as_deref(), &record.attributes);

        let written = self.write(settings, &record, membership.as_ref(), log);
        let is_owed = match written.await? {
            Written::Now => {
                let domain = membership.map(|membership| membership.domain);
                let fields = json!({ "user": record.sub, "role": record.role, "domain": domain });
                log.info("user recorded", fields);
                !record.pending.is_empty()
            }
            // Whoever wrote it may have died before handing over. Claims keep a second hand-over from
            // delivering twice.
            Written::Before(item) => {
                log.info("user was recorded before", json!({ "user": record.sub }));
                match item {
                    Some(item) => pending::is_due(&item, SystemTime::now()),
                    None => !record.pending.is_empty(),
                }
            }
        };
        Ok(Recorded {
            sub: record.sub,
            is_owed,
        })
    }

    /// The registered domain the user's address belongs to. An address Cognito has not verified proves
    /// nothing: anybody could sign up with it and join the company.
    async fn membership(
        &self,
        settings: &Settings,
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
        let found = self.domain(settings, &domain).await.map_err(|error| {
            unavailable(log, "the domain could not be read", aws_failure(&error))
        })?;
        Ok(found.map(|item| {
            let role = text(&item, "role")
                .unwrap_or(&settings.default_role)
                .to_owned();
            Membership { domain, role }
        }))
    }

    /// Writes record and membership, both or neither.
    async fn write(
        &self,
        settings: &Settings,
        record: &UserRecord,
        membership: Option<&Membership>,
        log: &Log,
    ) -> Result<Written, TriggerError> {
        let membership = membership.map(|Membership { domain, role }| {
            let put = Put::builder()
                .table_name(&settings.domains_table)
                .set_item(Some(membership_item(&record.sub, domain, role)))
                .build()
                .expect("table and item are set");
            TransactWriteItem::builder().put(put).build()
        });
        // A record that a sign-in or an operator made before the user was seen to here.
        let mut found: Option<Item> = None;
        let mut attempt = 1;
        loop {
            let user = match &found {
                None => creation(settings, record),
                Some(item) => completion(settings, record, item),
            };
            let writes = std::iter::once(user).chain(membership.clone()).collect();
            let written = self
                .dynamodb
                .transact_write_items()
                .set_transact_items(Some(writes))
                .send()
                .await;
            let Err(error) = written else {
                return Ok(Written::Now);
            };
            let why = why_users_write_was_cancelled(&error);
            match why.and_then(CancellationReason::code) {
                Some("ConditionalCheckFailed") => {
                    let item = why.and_then(|why| why.item()).cloned();
                    match item.filter(|item| !item.contains_key(CONFIRMED_AT)) {
                        Some(item) if attempt < WRITES => found = Some(item),
                        _ => return Ok(Written::Before(why.and_then(|why| why.item()).cloned())),
                    }
                }
                Some("TransactionConflict") if attempt < WRITES => {
                    tokio::time::sleep(Duration::from_millis(25) * attempt).await;
                }
                _ => {
                    let failure = aws_failure(&error);
                    return Err(unavailable(log, "the user could not be recorded", failure));
                }
            }
            attempt += 1;
        }
    }
}

/// Makes the record of a user nobody has recorded.
fn creation(settings: &Settings, record: &UserRecord) -> TransactWriteItem {
    let put = Put::builder()
        .table_name(&settings.permissions_table)
        .set_item(Some(record.item()))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .expect("table and item are set");
    TransactWriteItem::builder().put(put).build()
}

/// Adds to a record what confirmation gives: the deliveries, and the company's role. A role that somebody
/// chose meanwhile stays.
fn completion(settings: &Settings, record: &UserRecord, found: &Item) -> TransactWriteItem {
    let held = text(found, "role").unwrap_or(&settings.default_role);
    let role = match held == settings.default_role {
        true => &record.role,
        false => held,
    };
    let mut sets = "SET confirmed_at = :at, #role = :role".to_owned();
    let mut update = Update::builder()
        .table_name(&settings.permissions_table)
        .key("pk", AttributeValue::S(user_key(&record.sub)))
        .expression_attribute_names("#role", "role")
        .expression_attribute_values(":at", record.created_at())
        .expression_attribute_values(":role", AttributeValue::S(role.to_owned()))
        .expression_attribute_values(":held", AttributeValue::S(held.to_owned()));
    if !record.pending.is_empty() {
        sets.push_str(", pending = :pending, deliveries = if_not_exists(deliveries, :none)");
        update = update
            .expression_attribute_values(":pending", AttributeValue::Ss(record.pending.clone()))
            .expression_attribute_values(":none", AttributeValue::M(Item::new()));
    }
    let update = update
        .update_expression(sets)
        .condition_expression(
            "attribute_exists(pk) AND attribute_not_exists(confirmed_at) \
             AND (attribute_not_exists(#role) OR #role = :held)",
        )
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .expect("table, key and expression are set");
    TransactWriteItem::builder().update(update).build()
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
