//! Writes users down: the record, and the membership in the company their address belongs to. Both
//! triggers do it by the same transaction, whichever of them comes first.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::get_item::GetItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};
use saasauth_contract::environment::Tables;
use saasauth_contract::federation::ProviderDomains;
use saasauth_contract::keys::{META, PARTITION_KEY, SORT_KEY, domain_key, user_key};
use saasauth_contract::record::{
    CONFIRMED_AT, DELIVERIES, EMAIL, EMAIL_VERIFIED, EXTRA, PENDING, ROLE, ROLE_FROM,
};
use serde_json::{Value, json};

use crate::event::{Identity, UserAttributes};
use crate::failure::TriggerError;
use crate::log::{Log, aws_failure, merged};
use crate::record::{Item, UserRecord, membership_item, text, text_map};

/// The condition under which a record is made.
pub(crate) const NOT_THERE: &str = "attribute_not_exists(pk)";

/// How often the write is sent when somebody else writes the same user (a second copy of the event, or the
/// user's first sign-in, both done in milliseconds), and when a table is throttled.
const WRITES: u32 = 6;
/// The pause before the second time; each is twice as long as the one before, 775 ms in all.
const PAUSE: Duration = Duration::from_millis(25);

const INCOMPLETE: &str = "the user's record could not be completed";

/// Writes users down.
#[derive(Debug)]
pub(crate) struct Registry {
    dynamodb: Client,
    tables: Tables,
    providers: ProviderDomains,
}

/// A user's place in a registered domain.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) domain: String,
    pub(crate) role: String,
}

impl Membership {
    /// Gives the user the role of the company.
    pub(crate) fn give_role(&self, record: &mut UserRecord) {
        record.role.clone_from(&self.role);
        record.role_from = Some(self.domain.clone());
    }
}

/// What became of the write.
pub(crate) enum Written {
    Now,
    /// Somebody else wrote this record, and there is nothing to add to it; absent when DynamoDB doesn't
    /// show it.
    Before(Option<Item>),
}

impl Registry {
    pub(crate) fn new(dynamodb: Client, tables: Tables, providers: ProviderDomains) -> Self {
        Self {
            dynamodb,
            tables,
            providers,
        }
    }

    /// The item of a registered domain.
    pub(crate) async fn domain(
        &self,
        domain: &str,
    ) -> Result<Option<Item>, SdkError<GetItemError>> {
        let read = self
            .dynamodb
            .get_item()
            .table_name(&self.tables.domains)
            .key(PARTITION_KEY, AttributeValue::S(domain_key(domain)))
            .key(SORT_KEY, AttributeValue::S(META.to_owned()));
        Ok(read.send().await?.item)
    }

    /// The registered domain the user's address belongs to. An address that is not verified proves
    /// nothing: anybody could sign up with it and join the company. Nor does one that is another company's
    /// identity provider's word alone.
    pub(crate) async fn membership(
        &self,
        attributes: &UserAttributes,
        log: &Log,
    ) -> Result<Option<Membership>, TriggerError> {
        let email = attributes.verified_email();
        let Some((_, domain)) = email.and_then(|email| email.rsplit_once('@')) else {
            return Ok(None);
        };
        let domain = domain.to_ascii_lowercase();
        if attributes.is_federated() && !self.is_vouched_for(attributes, &domain) {
            let fields = json!({ "user": attributes.sub(), "domain": domain });
            log.info(
                "the identity provider's word does not count for the domain",
                fields,
            );
            return Ok(None);
        }
        let found = self.domain(&domain).await.map_err(|error| {
            unavailable(log, "the domain could not be read", aws_failure(&error))
        })?;
        Ok(found.map(|item| {
            let role = text(&item, ROLE).unwrap_or(&self.tables.default_role);
            Membership {
                domain,
                role: role.to_owned(),
            }
        }))
    }

    /// Whether every provider of the user may vouch for addresses of the domain. Each of several that are
    /// linked writes the attributes when the user comes through it, so one that may is not enough; and
    /// when Cognito doesn't say who they are, none may.
    fn is_vouched_for(&self, attributes: &UserAttributes, domain: &str) -> bool {
        let identities = attributes.identities();
        !identities.is_empty()
            && identities.iter().all(|identity| {
                let Identity { provider, kind } = identity;
                self.providers.may_vouch(provider, kind, domain)
            })
    }

    /// Writes record and membership, both or neither. A record made elsewhere is completed by a confirmed
    /// one, and left as it is by any other.
    pub(crate) async fn write(
        &self,
        record: &UserRecord,
        membership: Option<&Membership>,
        log: &Log,
    ) -> Result<Written, TriggerError> {
        let membership = membership.map(|Membership { domain, .. }| {
            let put = Put::builder()
                .table_name(&self.tables.domains)
                .set_item(Some(membership_item(&record.sub, domain)))
                .build()
                .expect("table and item are set");
            TransactWriteItem::builder().put(put).build()
        });
        // A record that a sign-in or an operator made before the user was seen to here.
        let mut found: Option<Item> = None;
        let mut attempt = 1;
        let mut pause = PAUSE;
        loop {
            let user = match &found {
                None => creation(&self.tables, record),
                Some(item) => completion(&self.tables, record, item),
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
            let reasons = why_cancelled(&error);
            match Cancelled::by(reasons) {
                Cancelled::Found(item) => {
                    let to_complete =
                        item.filter(|item| record.confirmed && !item.contains_key(CONFIRMED_AT));
                    match to_complete {
                        Some(item) if attempt < WRITES => found = Some(item.clone()),
                        // Not complete, whoever made it: to say it was would be to forget what is owed.
                        Some(_) => {
                            let failure = aws_failure(&error);
                            return Err(unavailable(log, INCOMPLETE, failure));
                        }
                        None => return Ok(Written::Before(item.cloned())),
                    }
                }
                Cancelled::ForNow if attempt < WRITES => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Cancelled::ForNow | Cancelled::ForGood => {
                    let failure = merged(aws_failure(&error), told(reasons));
                    return Err(unavailable(log, "the user could not be recorded", failure));
                }
            }
            attempt += 1;
        }
    }
}

/// Makes the record of a user nobody has recorded.
fn creation(tables: &Tables, record: &UserRecord) -> TransactWriteItem {
    let put = Put::builder()
        .table_name(&tables.permissions)
        .set_item(Some(record.item()))
        .condition_expression(NOT_THERE)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .expect("table and item are set");
    TransactWriteItem::builder().put(put).build()
}

/// Adds to a record what confirmation gives: the deliveries, the proof of the address, and the company's role. A role that somebody
/// chose meanwhile stays, the default one as well as any other.
fn completion(tables: &Tables, record: &UserRecord, found: &Item) -> TransactWriteItem {
    let held = text(found, ROLE).unwrap_or(&tables.default_role);
    let is_free = held == tables.default_role && !found.contains_key(ROLE_FROM);
    let role = match is_free {
        true => &record.role,
        false => held,
    };
    let mut sets = format!("SET {CONFIRMED_AT} = :at, #role = :role");
    let mut unchanged = "(attribute_not_exists(#role) OR #role = :held)".to_owned();
    let mut update = Update::builder()
        .table_name(&tables.permissions)
        .key(PARTITION_KEY, AttributeValue::S(user_key(&record.sub)))
        .expression_attribute_names("#role", ROLE)
        .expression_attribute_values(":at", record.created_at())
        .expression_attribute_values(":role", AttributeValue::S(role.to_owned()))
        .expression_attribute_values(":held", AttributeValue::S(held.to_owned()));
    if let Some(email) = &record.email {
        sets.push_str(&format!(", {EMAIL} = :email, {EMAIL_VERIFIED} = :verified"));
        update = update
            .expression_attribute_values(":email", AttributeValue::S(email.clone()))
            .expression_attribute_values(":verified", AttributeValue::Bool(record.email_verified));
    }
    if is_free {
        unchanged.push_str(&format!(" AND attribute_not_exists({ROLE_FROM})"));
        if let Some(domain) = &record.role_from {
            sets.push_str(&format!(", {ROLE_FROM} = :from"));
            update = update.expression_attribute_values(":from", AttributeValue::S(domain.clone()));
        }
    }
    if !record.pending.is_empty() {
        sets.push_str(&format!(
            ", {PENDING} = :pending, {DELIVERIES} = if_not_exists({DELIVERIES}, :none)"
        ));
        update = update
            .expression_attribute_values(":pending", AttributeValue::Ss(record.pending.clone()))
            .expression_attribute_values(":none", AttributeValue::M(Item::new()));
    }
    if !record.extra.is_empty() {
        sets.push_str(&format!(", {EXTRA} = :extra"));
        update = update.expression_attribute_values(":extra", text_map(&record.extra));
    }
    let update = update
        .update_expression(sets)
        .condition_expression(format!(
            "attribute_exists({PARTITION_KEY}) AND attribute_not_exists({CONFIRMED_AT}) AND {unchanged}",
        ))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()
        .expect("table, key and expression are set");
    TransactWriteItem::builder().update(update).build()
}

/// What the reasons of a cancelled transaction come to. They stand in the order of its writes, the user's
/// first; a write that was none of the trouble has the code `None`. Which codes there are:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
enum Cancelled<'a> {
    /// There is a record already; absent when DynamoDB doesn't show it.
    Found(Option<&'a Item>),
    /// Somebody writes one of the items at this moment, or a table is throttled.
    ForNow,
    /// The same write is refused again: an item too large, a value of the wrong type, or no cancellation at
    /// all but another error, which the client has tried again as often as it makes sense.
    ForGood,
}

impl<'a> Cancelled<'a> {
    fn by(reasons: &'a [CancellationReason]) -> Self {
        // Only the user's write is on a condition.
        let user = reasons.first();
        if let Some(why) = user.filter(|why| why.code() == Some("ConditionalCheckFailed")) {
            return Self::Found(why.item());
        }
        const PASSING: [&str; 3] = [
            "TransactionConflict",
            "ThrottlingError",
            "ProvisionedThroughputExceeded",
        ];
        let mut codes = reasons
            .iter()
            .filter_map(CancellationReason::code)
            .filter(|code| *code != "None")
            .peekable();
        if codes.peek().is_some() && codes.all(|code| PASSING.contains(&code)) {
            Self::ForNow
        } else {
            Self::ForGood
        }
    }
}

fn why_cancelled(error: &SdkError<TransactWriteItemsError>) -> &[CancellationReason] {
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
            cancelled.cancellation_reasons()
        }
        _ => &[],
    }
}

/// The reasons as fields of a line.
fn told(reasons: &[CancellationReason]) -> Value {
    let told = |why: &CancellationReason| json!({ "code": why.code(), "message": why.message() });
    match reasons {
        [] => Value::Null,
        reasons => json!({ "writes": reasons.iter().map(told).collect::<Vec<_>>() }),
    }
}

fn unavailable(log: &Log, message: &str, failure: Value) -> TriggerError {
    log.error(message, failure);
    TriggerError::STORE_UNAVAILABLE
}
