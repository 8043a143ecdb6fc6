//! The directory of a stage: its users as the pool knows them, and what both tables say of them.
//!
//! Every write is on the condition that what it changes is still what was read, so that of two people,
//! or of a person and a trigger, neither undoes what the other did.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use aws_sdk_cognitoidentityprovider::types::UserType;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use futures::future::join_all;
use serde::Serialize;
use serde_json::json;

use super::classify::Class;
use super::item::KEYS_PER_READ;
use super::{Aws, Fault, Result, trace};

type Item = HashMap<String, AttributeValue>;

const USER_PREFIX: &str = "USER#";
const ROLE_PREFIX: &str = "ROLE#";
const DOMAIN_PREFIX: &str = "DOMAIN#";
/// The index of the Domains table that finds the members of a domain.
const BY_DOMAIN: &str = "by-domain";

/// What a delivery's `state` is once nothing retries it.
const FAILED: &str = "failed";

/// The two tables.
#[derive(Debug, Clone)]
pub struct Tables {
    /// Users and roles.
    pub permissions: String,
    /// Memberships.
    pub domains: String,
}

/// A user as the pool knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The pool's own name for them.
    pub username: String,
    /// The `sub` of their tokens.
    pub sub: String,
    /// By Cognito's names.
    pub attributes: BTreeMap<String, String>,
    /// Such as `CONFIRMED`.
    pub status: String,
    /// Whether Cognito lets them sign in.
    pub enabled: bool,
    /// When the account last changed.
    pub modified: Option<SystemTime>,
}

/// A user's record in the Permissions table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// The `sub` of their tokens.
    pub sub: String,
    /// The address, when the user has one.
    pub email: Option<String>,
    /// Under the project file's names.
    pub attributes: BTreeMap<String, String>,
    /// The role; absent means the default role.
    pub role: Option<String>,
    /// Permissions beyond the role's.
    pub permissions: Vec<String>,
    /// Absent and `active` let the user in, anything else doesn't.
    pub status: Option<String>,
    /// As RFC 3339 writes it.
    pub created_at: Option<String>,
    /// The names of the deliveries still owed.
    pub pending: Vec<String>,
    /// What became of deliveries that are not simply done.
    pub deliveries: BTreeMap<String, Delivery>,
    /// The permissions as they are stored: people edit items by hand, and consoles offer sets, too.
    stored_permissions: Option<AttributeValue>,
}

/// What became of a delivery so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// `claimed` while somebody performs it, `waiting` to be tried again, `failed` once nobody tries.
    pub state: String,
    /// When it came to that, as RFC 3339 writes it.
    pub at: Option<String>,
    /// How often it was tried.
    pub attempts: Option<u32>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// What decides the tokens of one user.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The record, if there is one.
    pub record: Option<Record>,
    /// Roles in domains, by domain.
    pub domains: BTreeMap<String, String>,
    /// The permissions of the roles that were asked for, as far as they are defined.
    pub roles: BTreeMap<String, Vec<String>>,
}

/// A change to a user's place in a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// The user belongs to it, in this role.
    Join {
        /// The domain.
        domain: String,
        /// The role in it.
        role: String,
    },
    /// The user doesn't belong to it.
    Leave {
        /// The domain.
        domain: String,
    },
}

/// Some of a longer list.
#[derive(Debug, Clone)]
pub struct Part<T> {
    /// Those asked for.
    pub items: Vec<T>,
    /// Whether there are more.
    pub more: bool,
}

impl Account {
    /// A record for this user, with nothing owed.
    pub fn record(&self, role: &str, now: SystemTime) -> Record {
        /// What the record keeps elsewhere, or is Cognito's own state.
        const STATE: [&str; 5] = [
            "sub",
            "email",
            "email_verified",
            "phone_number_verified",
            "identities",
        ];
        let attributes = self
            .attributes
            .iter()
            .filter(|(name, _)| !STATE.contains(&name.as_str()) && !name.starts_with("cognito:"))
            .map(|(name, value)| {
                let name = name.strip_prefix("custom:").unwrap_or(name);
                (name.to_owned(), value.clone())
            })
            .collect();
        Record {
            sub: self.sub.clone(),
            email: self.email().map(str::to_owned),
            attributes,
            role: Some(role.to_owned()),
            created_at: DateTime::from(now).fmt(DateTimeFormat::DateTime).ok(),
            ..Record::default()
        }
    }

    /// The address, when the user has one.
    pub fn email(&self) -> Option<&str> {
        self.attributes.get("email").map(String::as_str)
    }
}

impl Record {
    /// What the record is called in front of people.
    pub fn name(&self) -> &str {
        self.email.as_deref().unwrap_or(&self.sub)
    }

    /// The deliveries nobody tries any more.
    pub fn failed(&self) -> impl Iterator<Item = (&str, &Delivery)> {
        self.deliveries
            .iter()
            .filter(|(_, delivery)| delivery.state == FAILED)
            .map(|(name, delivery)| (name.as_str(), delivery))
    }
}

impl Aws {
    /// The users of a pool, all or those whose `attribute` has this value.
    pub async fn accounts(
        &self,
        pool: &str,
        attribute: Option<(&str, &str)>,
    ) -> Result<Vec<Account>> {
        let filter = attribute.map(|(name, value)| {
            let value = value.replace('\\', r"\\").replace('"', "\\\"");
            format!("{name} = \"{value}\"")
        });
        let mut accounts = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .cognito
                .list_users()
                .user_pool_id(pool)
                .set_filter(filter.clone())
                .set_pagination_token(token.take())
                .send()
                .await?;
            accounts.extend(
                page.users
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(account),
            );
            token = page.pagination_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(accounts);
            }
        }
    }

    /// Ends every session of a user: refresh tokens stop working, tokens already out live on.
    pub async fn sign_out_everywhere(&self, pool: &str, username: &str) -> Result<()> {
        self.cognito
            .admin_user_global_sign_out()
            .user_pool_id(pool)
            .username(username)
            .send()
            .await?;
        Ok(())
    }

    /// Records of users, in no order; `role` limits them to one role, and says whether that is the
    /// default one.
    pub async fn records(
        &self,
        tables: &Tables,
        role: Option<(&str, bool)>,
        limit: Option<usize>,
    ) -> Result<Part<Record>> {
        let condition = match role {
            None => "begins_with(pk, :user)",
            Some((_, false)) => "begins_with(pk, :user) AND #role = :role",
            Some((_, true)) => {
                "begins_with(pk, :user) AND (#role = :role OR attribute_not_exists(#role))"
            }
        };
        let mut request = self
            .dynamodb
            .scan()
            .table_name(&tables.permissions)
            .filter_expression(condition)
            .expression_attribute_values(":user", text_value(USER_PREFIX));
        if let Some((role, _)) = role {
            request = request
                .expression_attribute_names("#role", "role")
                .expression_attribute_values(":role", text_value(role));
        }
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = request
                .clone()
                .set_exclusive_start_key(start.take())
                .send()
                .await?;
            items.extend(page.items.unwrap_or_default().iter().filter_map(record));
            start = page.last_evaluated_key;
            let more = limit.is_some_and(|limit| items.len() > limit);
            if more || start.is_none() {
                items.truncate(limit.unwrap_or(items.len()));
                return Ok(Part { items, more });
            }
        }
    }

    /// The `sub`s of the members of a domain.
    pub async fn members(&self, tables: &Tables, domain: &str) -> Result<Vec<String>> {
        let mut subs = Vec::new();
        let mut start = None;
        loop {
            let page = self
                .dynamodb
                .query()
                .table_name(&tables.domains)
                .index_name(BY_DOMAIN)
                .key_condition_expression("sk = :domain AND begins_with(pk, :user)")
                .expression_attribute_values(
                    ":domain",
                    text_value(&format!("{DOMAIN_PREFIX}{domain}")),
                )
                .expression_attribute_values(":user", text_value(USER_PREFIX))
                .set_exclusive_start_key(start.take())
                .send()
                .await?;
            subs.extend(
                page.items
                    .unwrap_or_default()
                    .iter()
                    .filter_map(|item| text(item, "pk")?.strip_prefix(USER_PREFIX))
                    .map(str::to_owned),
            );
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(subs);
            }
        }
    }

    /// The records of these users, as far as there are any, in no order.
    pub async fn records_of(&self, tables: &Tables, subs: &[String]) -> Result<Vec<Record>> {
        let keys: Vec<String> = subs
            .iter()
            .map(|sub| format!("{USER_PREFIX}{sub}"))
            .collect();
        let items = self.permission_items(tables, &keys).await?;
        Ok(items.iter().filter_map(record).collect())
    }

    /// Items of the Permissions table, by their keys.
    async fn permission_items(&self, tables: &Tables, keys: &[String]) -> Result<Vec<Item>> {
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

    /// Every membership there is: roles by domain, by `sub`.
    pub async fn all_memberships(
        &self,
        tables: &Tables,
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
        let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let mut start = None;
        loop {
            let page = self
                .dynamodb
                .scan()
                .table_name(&tables.domains)
                .filter_expression("begins_with(pk, :user)")
                .expression_attribute_values(":user", text_value(USER_PREFIX))
                .set_exclusive_start_key(start.take())
                .send()
                .await?;
            for item in page.items.unwrap_or_default() {
                let sub = text(&item, "pk").and_then(|key| key.strip_prefix(USER_PREFIX));
                if let (Some(sub), Some((domain, role))) = (sub, membership(&item)) {
                    all.entry(sub.to_owned()).or_default().insert(domain, role);
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(all);
            }
        }
    }

    /// The domains a user belongs to, with the roles in them.
    pub async fn roles_in_domains(
        &self,
        tables: &Tables,
        sub: &str,
    ) -> Result<BTreeMap<String, String>> {
        let mut domains = BTreeMap::new();
        let mut start = None;
        loop {
            let page = self
                .dynamodb
                .query()
                .table_name(&tables.domains)
                .key_condition_expression("pk = :user AND begins_with(sk, :domain)")
                .expression_attribute_values(":user", text_value(&format!("{USER_PREFIX}{sub}")))
                .expression_attribute_values(":domain", text_value(DOMAIN_PREFIX))
                .consistent_read(true)
                .set_exclusive_start_key(start.take())
                .send()
                .await?;
            domains.extend(page.items.unwrap_or_default().iter().filter_map(membership));
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(domains);
            }
        }
    }

    /// What decides the tokens of a user, and what these roles permit.
    pub async fn standing(&self, tables: &Tables, sub: &str, roles: &[&str]) -> Result<Standing> {
        let keys: Vec<String> = std::iter::once(format!("{USER_PREFIX}{sub}"))
            .chain(roles.iter().map(|role| format!("{ROLE_PREFIX}{role}")))
            .collect();
        let (items, domains) = tokio::join!(
            trace::beside(self.permission_items(tables, &keys)),
            trace::beside(self.roles_in_domains(tables, sub)),
        );
        let mut standing = Standing {
            domains: domains?,
            ..Standing::default()
        };
        for item in items? {
            let role = text(&item, "pk").and_then(|key| key.strip_prefix(ROLE_PREFIX));
            match role {
                Some(role) => {
                    let permissions = texts(&item, "permissions");
                    standing.roles.insert(role.to_owned(), permissions);
                }
                None => standing.record = record(&item),
            }
        }
        // A role that left the project file may still be held, and defined until the next deploy.
        let held = standing
            .record
            .as_ref()
            .and_then(|record| record.role.clone());
        if let Some(held) = held.filter(|held| !roles.contains(&held.as_str())) {
            let key = format!("{ROLE_PREFIX}{held}");
            let items = self.permission_items(tables, &[key]).await?;
            let permissions = items.first().map(|item| texts(item, "permissions"));
            standing
                .roles
                .extend(permissions.map(|permissions| (held, permissions)));
        }
        Ok(standing)
    }

    /// Turns a user's record from `before` to `after`, with a change of membership beside it, all or
    /// nothing. `false` when the record is no longer as it was before.
    pub async fn change_user(
        &self,
        tables: &Tables,
        before: Option<&Record>,
        after: &Record,
        membership: Option<&Membership>,
    ) -> Result<bool> {
        let mut writes = Vec::new();
        match before {
            None => {
                let put = Put::builder()
                    .table_name(&tables.permissions)
                    .set_item(Some(item(after)))
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
            writes.push(move_member(&tables.domains, &after.sub, membership)?);
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

    /// Puts deliveries that failed back among those owed. `false` when that has changed meanwhile.
    pub async fn requeue(&self, tables: &Tables, sub: &str, names: &[&str]) -> Result<bool> {
        let mut request = self
            .dynamodb
            .update_item()
            .table_name(&tables.permissions)
            .key("pk", text_value(&format!("{USER_PREFIX}{sub}")))
            .expression_attribute_names("#deliveries", "deliveries")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#pending", "pending")
            .expression_attribute_values(":failed", text_value(FAILED))
            .expression_attribute_values(
                ":names",
                AttributeValue::Ss(names.iter().map(|&name| name.to_owned()).collect()),
            );
        let mut removed = Vec::new();
        let mut conditions = Vec::new();
        for (index, name) in names.iter().enumerate() {
            request = request.expression_attribute_names(format!("#{index}"), *name);
            removed.push(format!("#deliveries.#{index}"));
            conditions.push(format!("#deliveries.#{index}.#state = :failed"));
        }
        let answer = request
            .update_expression(format!("ADD #pending :names REMOVE {}", removed.join(", ")))
            .condition_expression(conditions.join(" AND "))
            .send()
            .await;
        held(answer.map_err(Fault::from))
    }

    /// Has confirmUser perform what it owes to a user; the deliveries are made after this returns.
    pub async fn hand_over(&self, function: &str, sub: &str) -> Result<()> {
        let payload = json!({ "saasauth": "deliver", "sub": sub });
        self.lambda
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(payload.to_string()))
            .send()
            .await?;
        Ok(())
    }
}

/// Whether the condition of a write held.
fn held<T>(answer: Result<T>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(fault) if fault.class == Class::ConditionFailed => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// What turns one record into the other, on the condition that it still is the one; `None` when they
/// are the same. Role, permissions and status can change.
fn difference(table: &str, before: &Record, after: &Record) -> Result<Option<Update>> {
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
        ("role", optional(&before.role), optional(&after.role)),
        ("permissions", permissions.0, permissions.1),
        ("status", optional(&before.status), optional(&after.status)),
    ];
    let mut update = Update::builder()
        .table_name(table)
        .key("pk", text_value(&format!("{USER_PREFIX}{}", before.sub)));
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

fn move_member(table: &str, sub: &str, change: &Membership) -> Result<TransactWriteItem> {
    let (Membership::Join { domain, .. } | Membership::Leave { domain }) = change;
    let mut item = Item::from([
        ("pk".to_owned(), text_value(&format!("{USER_PREFIX}{sub}"))),
        (
            "sk".to_owned(),
            text_value(&format!("{DOMAIN_PREFIX}{domain}")),
        ),
    ]);
    let write = TransactWriteItem::builder();
    Ok(match change {
        Membership::Join { role, .. } => {
            item.insert("role".to_owned(), text_value(role));
            let put = Put::builder().table_name(table).set_item(Some(item));
            write.put(put.build()?).build()
        }
        Membership::Leave { .. } => {
            let delete = Delete::builder().table_name(table).set_key(Some(item));
            write.delete(delete.build()?).build()
        }
    })
}

/// A record as confirmUser writes it. Absent values are left out.
fn item(record: &Record) -> Item {
    let texts = |values: &[String]| values.iter().map(|one| text_value(one)).collect();
    let attributes = record
        .attributes
        .iter()
        .map(|(name, value)| (name.clone(), text_value(value)))
        .collect();
    let mut item = Item::from([
        (
            "pk".to_owned(),
            text_value(&format!("{USER_PREFIX}{}", record.sub)),
        ),
        ("attributes".to_owned(), AttributeValue::M(attributes)),
        (
            "permissions".to_owned(),
            AttributeValue::L(texts(&record.permissions)),
        ),
    ]);
    let optional = [
        ("email", &record.email),
        ("role", &record.role),
        ("status", &record.status),
        ("created_at", &record.created_at),
    ];
    for (name, value) in optional {
        item.extend(
            value
                .as_deref()
                .map(|value| (name.to_owned(), text_value(value))),
        );
    }
    item
}

fn record(item: &Item) -> Option<Record> {
    let owned = |name: &str| text(item, name).map(str::to_owned);
    let map = |name: &str| item.get(name).and_then(|value| value.as_m().ok());
    let attributes = map("attributes").into_iter().flatten();
    let deliveries = map("deliveries").into_iter().flatten();
    Some(Record {
        sub: text(item, "pk")?.strip_prefix(USER_PREFIX)?.to_owned(),
        email: owned("email"),
        attributes: attributes
            .filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone())))
            .collect(),
        role: owned("role"),
        permissions: texts(item, "permissions"),
        status: owned("status"),
        created_at: owned("created_at"),
        pending: {
            let names: BTreeSet<String> = texts(item, "pending").into_iter().collect();
            names.into_iter().collect()
        },
        deliveries: deliveries
            .filter_map(|(name, value)| Some((name.clone(), delivery(value.as_m().ok()?))))
            .collect(),
        stored_permissions: item.get("permissions").cloned(),
    })
}

fn delivery(item: &Item) -> Delivery {
    let owned = |name: &str| text(item, name).map(str::to_owned);
    Delivery {
        state: owned("state").unwrap_or_default(),
        at: owned("at"),
        attempts: item
            .get("attempts")
            .and_then(|value| value.as_n().ok()?.parse().ok()),
        reason: owned("reason"),
    }
}

/// Domain and role of a membership.
fn membership(item: &Item) -> Option<(String, String)> {
    let domain = text(item, "sk")?.strip_prefix(DOMAIN_PREFIX)?;
    let role = text(item, "role").unwrap_or_default();
    Some((domain.to_owned(), role.to_owned()))
}

fn account(user: UserType) -> Option<Account> {
    let attributes: BTreeMap<String, String> = user
        .attributes
        .unwrap_or_default()
        .into_iter()
        .filter_map(|attribute| Some((attribute.name, attribute.value?)))
        .collect();
    let modified = user.user_last_modified_date.and_then(|moment| {
        let since = Duration::try_from_secs_f64(moment.as_secs_f64()).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(since)
    });
    Some(Account {
        username: user.username?,
        sub: attributes.get("sub")?.clone(),
        attributes,
        status: user
            .user_status
            .map_or_else(String::new, |status| status.as_str().to_owned()),
        enabled: user.enabled,
        modified,
    })
}

fn text_value(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// The texts of a list or a set.
fn texts(item: &Item, name: &str) -> Vec<String> {
    match item.get(name) {
        Some(AttributeValue::L(values)) => values
            .iter()
            .filter_map(|value| value.as_s().ok().cloned())
            .collect(),
        Some(AttributeValue::Ss(values)) => values.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::aws::replay::{self, error, ok};

    fn tables() -> Tables {
        Tables {
            permissions: "p".to_owned(),
            domains: "d".to_owned(),
        }
    }

    fn user(sub: &str) -> Value {
        json!({ "pk": { "S": format!("USER#{sub}") }, "role": { "S": "member" } })
    }

    /// A record as the table has it.
    fn stored(role: &str, permissions: AttributeValue) -> Record {
        let item = Item::from([
            ("pk".to_owned(), text_value("USER#s")),
            ("role".to_owned(), text_value(role)),
            ("permissions".to_owned(), permissions),
        ]);
        record(&item).expect("it is a user")
    }

    #[tokio::test]
    async fn a_change_is_conditional_on_what_it_changes_and_on_nothing_else() {
        let (aws, replay) = replay::aws([ok(json!({}))]);
        // A set, as a console may have written it.
        let before = stored("member", AttributeValue::Ss(vec!["a:b".to_owned()]));
        let mut after = before.clone();
        after.permissions.push("c:d".to_owned());
        let written = aws
            .change_user(&tables(), Some(&before), &after, None)
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
            .change_user(&tables(), Some(&before), &after, None)
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
            role: "admin".to_owned(),
        };
        let written = aws.change_user(&tables(), None, &after, Some(&join)).await;
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
        let written = aws.change_user(&tables(), Some(&same), &same, None).await;
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
            page(json!([user("a")])),
            page(json!([user("b"), user("c")])),
        ]);
        let part = aws
            .records(&tables(), Some(("member", true)), Some(2))
            .await;
        let part = part.expect("three pages answer");
        let subs: Vec<&str> = part.items.iter().map(|one| one.sub.as_str()).collect();
        assert_eq!((subs, part.more), (vec!["a", "b"], true));
        assert_eq!(
            replay.finish()[0].body["FilterExpression"],
            "begins_with(pk, :user) AND (#role = :role OR attribute_not_exists(#role))"
        );
    }

    #[tokio::test]
    async fn an_address_cannot_end_the_filter_it_stands_in() {
        let (aws, replay) = replay::aws([ok(json!({ "Users": [] }))]);
        let found = aws.accounts("pool", Some(("email", r#"a"\@x"#))).await;
        assert!(found.expect("it answers").is_empty());
        assert_eq!(replay.finish()[0].body["Filter"], r#"email = "a\"\\@x""#);
    }

    #[tokio::test]
    async fn a_failed_delivery_is_owed_again_only_while_it_is_failed() {
        let (aws, replay) = replay::aws([ok(json!({}))]);
        let requeued = aws.requeue(&tables(), "s", &["kit", "welcome"]).await;
        assert!(requeued.expect("it answers"));
        let update = &replay.finish()[0].body;
        assert_eq!(
            update["UpdateExpression"],
            "ADD #pending :names REMOVE #deliveries.#0, #deliveries.#1"
        );
        assert_eq!(
            update["ConditionExpression"],
            "#deliveries.#0.#state = :failed AND #deliveries.#1.#state = :failed"
        );
    }

    #[test]
    fn a_record_made_here_reads_back_as_it_was() {
        let account = Account {
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
        let made = account.record("member", SystemTime::UNIX_EPOCH);
        let company = ("company".to_owned(), "Engines".to_owned());
        assert_eq!(made.attributes, BTreeMap::from([company]));
        assert_eq!(made.created_at.as_deref(), Some("1970-01-01T00:00:00Z"));
        let read = record(&item(&made)).expect("it is a user");
        assert_eq!(read.stored_permissions, Some(AttributeValue::L(Vec::new())));
        let made = Record {
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
        let read = record(&Item::from([
            ("pk".to_owned(), text_value("USER#s")),
            ("deliveries".to_owned(), AttributeValue::M(deliveries)),
        ]))
        .expect("it is a user");
        let failed: Vec<_> = read.failed().collect();
        assert_eq!(failed.len(), 1);
        assert_eq!((failed[0].0, failed[0].1.attempts), ("mailchimp", Some(3)));
    }
}
