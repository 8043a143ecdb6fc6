//! What is recorded of users: their items in the Permissions table.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use futures::future::join_all;
use saasauth_contract::keys::{PARTITION_KEY, USER_PREFIX, user_key};
use saasauth_contract::record::{
    ATTRIBUTES, CONFIRMED_AT, CREATED_AT, DELIVERIES, EMAIL, EMAIL_VERIFIED, PENDING, PERMISSIONS,
    ROLE, ROLE_FROM, STATUS, descriptive,
};

use super::items::{Item, held, sub, text, text_value, texts};
use super::{Account, Delivery, Membership, Tables};
use crate::aws::classify::gone;
use crate::aws::item::KEYS_PER_READ;
use crate::aws::{Aws, Fault, Result, trace};

/// A user's record in the Permissions table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserRecord {
    /// The `sub` of their tokens.
    pub sub: String,
    /// The address, when the user has one.
    pub email: Option<String>,
    /// Whether the user has proved to own it, as far as the record knows.
    pub email_verified: bool,
    /// Under the project file's names.
    pub attributes: BTreeMap<String, String>,
    /// The role; absent means the default role.
    pub role: Option<String>,
    /// Who gave it: a domain, whose role it then is, or an operator.
    pub role_from: Option<String>,
    /// Permissions beyond the role's.
    pub permissions: Vec<String>,
    /// Absent and `active` let the user in, anything else doesn't.
    pub status: Option<String>,
    /// As RFC 3339 writes it.
    pub created_at: Option<String>,
    /// Whether confirmUser has seen to the user; else a sign-in or an operator made the record.
    pub confirmed: bool,
    /// The names of the deliveries still owed.
    pub pending: Vec<String>,
    /// What became of deliveries that are not simply done.
    pub deliveries: BTreeMap<String, Delivery>,
    /// The permissions as they are stored: people edit items by hand, and consoles offer sets, too.
    stored_permissions: Option<AttributeValue>,
}

/// Some of a longer list.
#[derive(Debug, Clone)]
pub struct Part<T> {
    /// Those asked for.
    pub items: Vec<T>,
    /// Whether there are more.
    pub more: bool,
}

impl UserRecord {
    /// A new record for a user of the pool, with nothing owed.
    pub fn new(account: &Account, role: &str, now: SystemTime) -> Self {
        let attributes = account
            .attributes
            .iter()
            .filter_map(|(name, value)| Some((descriptive(name)?.to_owned(), value.clone())))
            .collect();
        Self {
            sub: account.sub.clone(),
            email: account.email().map(str::to_owned),
            email_verified: account.has_proved(EMAIL),
            attributes,
            role: Some(role.to_owned()),
            created_at: DateTime::from(now).fmt(DateTimeFormat::DateTime).ok(),
            ..Self::default()
        }
    }

    pub(super) fn of_item(item: &Item) -> Option<Self> {
        let owned = |name: &str| text(item, name).map(str::to_owned);
        let map = |name: &str| item.get(name).and_then(|value| value.as_m().ok());
        let attributes = map(ATTRIBUTES).into_iter().flatten();
        let deliveries = map(DELIVERIES).into_iter().flatten();
        Some(Self {
            sub: sub(item)?.to_owned(),
            email: owned(EMAIL),
            email_verified: item.get(EMAIL_VERIFIED) == Some(&AttributeValue::Bool(true)),
            attributes: attributes
                .filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone())))
                .collect(),
            role: owned(ROLE),
            role_from: owned(ROLE_FROM),
            permissions: texts(item, PERMISSIONS),
            status: owned(STATUS),
            created_at: owned(CREATED_AT),
            confirmed: item.contains_key(CONFIRMED_AT),
            pending: {
                let names: BTreeSet<String> = texts(item, PENDING).into_iter().collect();
                names.into_iter().collect()
            },
            deliveries: deliveries
                .filter_map(|(name, value)| Some((name.clone(), Delivery::of(value.as_m().ok()?))))
                .collect(),
            stored_permissions: item.get(PERMISSIONS).cloned(),
        })
    }

    /// A record as confirmUser writes it. Absent values are left out.
    fn item(&self) -> Item {
        let texts = |values: &[String]| values.iter().map(|one| text_value(one)).collect();
        let attributes = self
            .attributes
            .iter()
            .map(|(name, value)| (name.clone(), text_value(value)))
            .collect();
        let mut item = Item::from([
            (PARTITION_KEY.to_owned(), text_value(&user_key(&self.sub))),
            (ATTRIBUTES.to_owned(), AttributeValue::M(attributes)),
            (
                PERMISSIONS.to_owned(),
                AttributeValue::L(texts(&self.permissions)),
            ),
        ]);
        let optional = [
            (EMAIL, &self.email),
            (ROLE, &self.role),
            (ROLE_FROM, &self.role_from),
            (STATUS, &self.status),
            (CREATED_AT, &self.created_at),
        ];
        for (name, value) in optional {
            item.extend(
                value
                    .as_deref()
                    .map(|value| (name.to_owned(), text_value(value))),
            );
        }
        if self.email.is_some() {
            let verified = AttributeValue::Bool(self.email_verified);
            item.insert(EMAIL_VERIFIED.to_owned(), verified);
        }
        item
    }

    /// What the record is called in front of people.
    pub fn name(&self) -> &str {
        self.email.as_deref().unwrap_or(&self.sub)
    }

    /// The deliveries nobody tries any more.
    pub fn failed(&self) -> impl Iterator<Item = (&str, &Delivery)> {
        self.deliveries
            .iter()
            .filter(|(_, delivery)| delivery.has_failed())
            .map(|(name, delivery)| (name.as_str(), delivery))
    }

    /// The deliveries still owed that somebody has to see to first.
    pub fn not_yet(&self) -> impl Iterator<Item = (&str, &Delivery)> {
        self.deliveries
            .iter()
            .filter(|(name, delivery)| delivery.is_not_yet() && self.pending.contains(name))
            .map(|(name, delivery)| (name.as_str(), delivery))
    }
}

impl Aws {
    /// Records of users that `are_wanted`, in no order.
    pub async fn records(
        &self,
        tables: &Tables,
        are_wanted: impl Fn(&UserRecord) -> bool,
        limit: Option<usize>,
    ) -> Result<Part<UserRecord>> {
        let request = self
            .dynamodb
            .scan()
            .table_name(&tables.permissions)
            .filter_expression("begins_with(pk, :user)")
            .expression_attribute_values(":user", text_value(USER_PREFIX));
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = request
                .clone()
                .set_exclusive_start_key(start.take())
                .send()
                .await?;
            items.extend(
                page.items
                    .unwrap_or_default()
                    .iter()
                    .filter_map(UserRecord::of_item)
                    .filter(&are_wanted),
            );
            start = page.last_evaluated_key;
            let more = limit.is_some_and(|limit| items.len() > limit);
            if more || start.is_none() {
                items.truncate(limit.unwrap_or(items.len()));
                return Ok(Part { items, more });
            }
        }
    }

    /// The records of these users, as far as there are any, in no order.
    pub async fn records_of(&self, tables: &Tables, subs: &[String]) -> Result<Vec<UserRecord>> {
        let keys: Vec<String> = subs.iter().map(|sub| user_key(sub)).collect();
        let items = self.permission_items(tables, &keys).await?;
        Ok(items.iter().filter_map(UserRecord::of_item).collect())
    }

    /// The record of a user, if there is one.
    pub async fn record(&self, tables: &Tables, sub: &str) -> Result<Option<UserRecord>> {
        Ok(self.records_of(tables, &[sub.to_owned()]).await?.pop())
    }

    /// Items of the Permissions table, by their keys.
    pub(super) async fn permission_items(
        &self,
        tables: &Tables,
        keys: &[String],
    ) -> Result<Vec<Item>> {
        let ids: Vec<String> = keys
            .iter()
            .map(|key| format!("{}|{key}|", tables.permissions))
            .collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let reads = ids
            .chunks(KEYS_PER_READ)
            .map(|ids| trace::beside(self.read_chunk(ids)));
        let mut items = Vec::new();
        for read in join_all(reads).await {
            items.extend(read?.into_iter().map(|(_, item)| item));
        }
        Ok(items)
    }

    /// Turns a user's record from `before` to `after`, with a change of membership beside it, all or
    /// nothing. `false` when the record is no longer as it was before.
    pub async fn change_user(
        &self,
        tables: &Tables,
        before: Option<&UserRecord>,
        after: &UserRecord,
        membership: Option<&Membership>,
    ) -> Result<bool> {
        let mut writes = Vec::new();
        match before {
            None => {
                let put = Put::builder()
                    .table_name(&tables.permissions)
                    .set_item(Some(after.item()))
                    .condition_expression("attribute_not_exists(pk)")
                    .build()?;
                writes.push(TransactWriteItem::builder().put(put).build());
            }
            Some(before) => {
                if let Some(update) = difference(&tables.permissions, before, after)? {
                    writes.push(TransactWriteItem::builder().update(update).build());
                }
            }
        }
        if let Some(membership) = membership {
            writes.push(membership.write(&tables.domains, &after.sub)?);
        }
        if writes.is_empty() {
            return Ok(true);
        }
        let answer = self
            .dynamodb
            .transact_write_items()
            .set_transact_items(Some(writes))
            .send()
            .await;
        held(answer.map_err(Fault::from))
    }

    /// Deletes a user's record; one who has none is fine.
    pub async fn delete_record(&self, tables: &Tables, sub: &str) -> Result<()> {
        let answer = self
            .dynamodb
            .delete_item()
            .table_name(&tables.permissions)
            .key(PARTITION_KEY, text_value(&user_key(sub)))
            .send()
            .await;
        gone(answer.map_err(Fault::from))
    }
}

/// What turns one record into the other, on the condition that it still is the one; `None` when they
/// are the same. Role, who gave it, permissions and status can change.
fn difference(table: &str, before: &UserRecord, after: &UserRecord) -> Result<Option<Update>> {
    let list = |permissions: &[String]| {
        let values = permissions.iter().map(|one| text_value(one)).collect();
        Some(AttributeValue::L(values))
    };
    let permissions = if before.permissions == after.permissions {
        (None, None)
    } else {
        (before.stored_permissions.clone(), list(&after.permissions))
    };
    let optional = |text: &Option<String>| text.as_deref().map(text_value);
    let fields = [
        (ROLE, optional(&before.role), optional(&after.role)),
        (
            ROLE_FROM,
            optional(&before.role_from),
            optional(&after.role_from),
        ),
        (PERMISSIONS, permissions.0, permissions.1),
        (STATUS, optional(&before.status), optional(&after.status)),
    ];
    let mut update = Update::builder()
        .table_name(table)
        .key(PARTITION_KEY, text_value(&user_key(&before.sub)));
    let (mut set, mut removed) = (Vec::new(), Vec::new());
    let mut conditions = vec!["attribute_exists(pk)".to_owned()];
    for (name, old, new) in fields {
        if old == new {
            continue;
        }
        update = update.expression_attribute_names(format!("#{name}"), name);
        match old {
            Some(old) => {
                conditions.push(format!("#{name} = :old_{name}"));
                update = update.expression_attribute_values(format!(":old_{name}"), old);
            }
            None => conditions.push(format!("attribute_not_exists(#{name})")),
        }
        match new {
            Some(new) => {
                set.push(format!("#{name} = :new_{name}"));
                update = update.expression_attribute_values(format!(":new_{name}"), new);
            }
            None => removed.push(format!("#{name}")),
        }
    }
    let clauses: Vec<String> = [("SET", set), ("REMOVE", removed)]
        .into_iter()
        .filter(|(_, parts)| !parts.is_empty())
        .map(|(clause, parts)| format!("{clause} {}", parts.join(", ")))
        .collect();
    if clauses.is_empty() {
        return Ok(None);
    }
    let update = update
        .update_expression(clauses.join(" "))
        .condition_expression(conditions.join(" AND "));
    Ok(Some(update.build()?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::replay::{self, error, ok};

    fn user(sub: &str) -> Value {
        json!({ "pk": { "S": format!("USER#{sub}") }, "role": { "S": "member" } })
    }

    /// A record as the table has it.
    fn stored(role: &str, permissions: AttributeValue) -> UserRecord {
        let item = Item::from([
            ("pk".to_owned(), text_value("USER#s")),
            ("role".to_owned(), text_value(role)),
            ("permissions".to_owned(), permissions),
        ]);
        UserRecord::of_item(&item).expect("it is a user")
    }

    #[tokio::test]
    async fn a_change_is_conditional_on_what_it_changes_and_on_nothing_else() {
        let (aws, replay) = replay::aws([ok(json!({}))]);
        // A set, as a console may have written it.
        let before = stored("member", AttributeValue::Ss(vec!["a:b".to_owned()]));
        let mut after = before.clone();
        after.permissions.push("c:d".to_owned());
        let written = aws
            .change_user(&Tables::of_tests(), Some(&before), &after, None)
            .await;
        assert!(written.expect("it answers"));
        let update = &replay.finish()[0].body["TransactItems"][0]["Update"];
        assert_eq!(
            update["UpdateExpression"],
            "SET #permissions = :new_permissions"
        );
        assert_eq!(
            update["ConditionExpression"],
            "attribute_exists(pk) AND #permissions = :old_permissions"
        );
        let values = &update["ExpressionAttributeValues"];
        assert_eq!(values[":old_permissions"], json!({ "SS": ["a:b"] }));
        let new = json!({ "L": [{ "S": "a:b" }, { "S": "c:d" }] });
        assert_eq!(values[":new_permissions"], new);
    }

    #[tokio::test]
    async fn a_record_that_changed_meanwhile_is_left_alone() {
        let (aws, replay) = replay::aws([error(
            400,
            "TransactionCanceledException",
            "Transaction cancelled [ConditionalCheckFailed]",
        )]);
        let before = stored("member", AttributeValue::L(Vec::new()));
        let mut after = before.clone();
        after.status = Some("blocked".to_owned());
        let written = aws
            .change_user(&Tables::of_tests(), Some(&before), &after, None)
            .await;
        assert!(!written.expect("a condition that fails is no fault"));
        let update = &replay.finish()[0].body["TransactItems"][0]["Update"];
        assert_eq!(update["UpdateExpression"], "SET #status = :new_status");
        assert_eq!(
            update["ConditionExpression"],
            "attribute_exists(pk) AND attribute_not_exists(#status)"
        );
    }

    #[tokio::test]
    async fn record_and_membership_are_written_together_or_not_at_all() {
        let (aws, replay) = replay::aws([ok(json!({}))]);
        let after = stored("member", AttributeValue::L(Vec::new()));
        let join = Membership::Join {
            domain: "acme.com".to_owned(),
            role: Some("admin".to_owned()),
        };
        let written = aws
            .change_user(&Tables::of_tests(), None, &after, Some(&join))
            .await;
        assert!(written.expect("it answers"));
        let writes = &replay.finish()[0].body["TransactItems"];
        assert_eq!(
            writes[0]["Put"]["ConditionExpression"],
            "attribute_not_exists(pk)"
        );
        assert_eq!(
            writes[1]["Put"]["Item"]["sk"],
            json!({ "S": "DOMAIN#acme.com" })
        );
    }

    #[tokio::test]
    async fn nothing_changed_is_nothing_sent() {
        let (aws, replay) = replay::aws([]);
        let same = stored("member", AttributeValue::L(Vec::new()));
        let written = aws
            .change_user(&Tables::of_tests(), Some(&same), &same, None)
            .await;
        assert!(written.expect("nothing to do"));
        replay.finish();
    }

    #[tokio::test]
    async fn a_list_says_whether_there_are_more_without_reading_on() {
        let page = |items: Value| {
            ok(json!({ "Items": items, "LastEvaluatedKey": { "pk": { "S": "x" } } }))
        };
        let (aws, replay) = replay::aws([
            page(json!([])),
            page(json!([user("a"), user("b")])),
            page(json!([user("c"), user("d")])),
        ]);
        let part = aws
            .records(&Tables::of_tests(), |record| record.sub != "a", Some(2))
            .await;
        let part = part.expect("three pages answer");
        let subs: Vec<&str> = part.items.iter().map(|one| one.sub.as_str()).collect();
        assert_eq!((subs, part.more), (vec!["b", "c"], true));
        assert_eq!(
            replay.finish()[0].body["FilterExpression"],
            "begins_with(pk, :user)"
        );
    }

    #[test]
    fn a_record_made_here_reads_back_as_it_was() {
        let account = Account {
            created: None,
            username: "ada".to_owned(),
            sub: "s".to_owned(),
            attributes: [
                ("sub", "s"),
                ("email", "ada@acme.com"),
                ("email_verified", "true"),
                ("custom:company", "Engines"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            status: "CONFIRMED".to_owned(),
            enabled: true,
            modified: None,
        };
        let made = UserRecord::new(&account, "member", SystemTime::UNIX_EPOCH);
        let company = ("company".to_owned(), "Engines".to_owned());
        assert_eq!(made.attributes, BTreeMap::from([company]));
        assert_eq!(made.created_at.as_deref(), Some("1970-01-01T00:00:00Z"));
        let read = UserRecord::of_item(&made.item()).expect("it is a user");
        assert_eq!(read.stored_permissions, Some(AttributeValue::L(Vec::new())));
        let made = UserRecord {
            stored_permissions: read.stored_permissions.clone(),
            ..made
        };
        assert_eq!(read, made);
    }

    #[test]
    fn a_delivery_is_read_with_its_reason() {
        let state = Item::from([
            ("state".to_owned(), text_value("failed")),
            ("attempts".to_owned(), AttributeValue::N("3".to_owned())),
            ("reason".to_owned(), text_value("unknown list")),
        ]);
        let deliveries = Item::from([("mailchimp".to_owned(), AttributeValue::M(state))]);
        let read = UserRecord::of_item(&Item::from([
            ("pk".to_owned(), text_value("USER#s")),
            ("deliveries".to_owned(), AttributeValue::M(deliveries)),
        ]))
        .expect("it is a user");
        let failed: Vec<_> = read.failed().collect();
        assert_eq!(failed.len(), 1);
        assert_eq!((failed[0].0, failed[0].1.attempts), ("mailchimp", Some(3)));
    }
}
