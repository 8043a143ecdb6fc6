//! How records and memberships lie in the tables, and what changes them there.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};

use super::{Delivery, Membership, Record};
use crate::aws::{Class, Result};

pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) const USER_PREFIX: &str = "USER#";
pub(super) const ROLE_PREFIX: &str = "ROLE#";
pub(super) const DOMAIN_PREFIX: &str = "DOMAIN#";

/// The partition key of a user, in both tables.
pub(super) fn user_key(sub: &str) -> String {
    format!("{USER_PREFIX}{sub}")
}

/// Whether the condition of a write held.
pub(super) fn held<T>(answer: Result<T>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(fault) if fault.class == Class::ConditionFailed => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// What turns one record into the other, on the condition that it still is the one; `None` when they
/// are the same. Role, permissions and status can change.
pub(super) fn difference(table: &str, before: &Record, after: &Record) -> Result<Option<Update>> {
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
        .key("pk", text_value(&user_key(&before.sub)));
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

pub(super) fn move_member(
    table: &str,
    sub: &str,
    change: &Membership,
) -> Result<TransactWriteItem> {
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
pub(super) fn item(record: &Record) -> Item {
    let texts = |values: &[String]| values.iter().map(|one| text_value(one)).collect();
    let attributes = record
        .attributes
        .iter()
        .map(|(name, value)| (name.clone(), text_value(value)))
        .collect();
    let mut item = Item::from([
        ("pk".to_owned(), text_value(&user_key(&record.sub))),
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

pub(super) fn record(item: &Item) -> Option<Record> {
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
        confirmed: item.contains_key("confirmed_at"),
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
pub(super) fn membership(item: &Item) -> Option<(String, String)> {
    let domain = text(item, "sk")?.strip_prefix(DOMAIN_PREFIX)?;
    let role = text(item, "role").unwrap_or_default();
    Some((domain.to_owned(), role.to_owned()))
}

pub(super) fn text_value(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(super) fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// The texts of a list or a set.
pub(super) fn texts(item: &Item, name: &str) -> Vec<String> {
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
    use std::collections::BTreeMap;
    use std::time::SystemTime;

    use super::super::Account;
    use super::*;

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
