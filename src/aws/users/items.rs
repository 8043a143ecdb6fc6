//! The words both tables are written in, and how values are read and written.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::aws::{Class, Result};

pub(super) type Item = HashMap<String, AttributeValue>;

/// The keys of both tables; the Permissions table has no sort key.
pub(super) const PK: &str = "pk";
pub(super) const SK: &str = "sk";

/// What keys begin with.
pub(super) const USER_PREFIX: &str = "USER#";
pub(super) const ROLE_PREFIX: &str = "ROLE#";
pub(super) const DOMAIN_PREFIX: &str = "DOMAIN#";

/// The attributes of a user's record. A membership has a role, too, and a role has permissions.
pub(super) const EMAIL: &str = "email";
pub(super) const ATTRIBUTES: &str = "attributes";
pub(super) const STATUS: &str = "status";
pub(super) const CREATED_AT: &str = "created_at";
pub(super) const CONFIRMED_AT: &str = "confirmed_at";
pub(super) const PENDING: &str = "pending";
pub(super) const DELIVERIES: &str = "deliveries";
pub(super) const ROLE: &str = "role";
pub(super) const PERMISSIONS: &str = "permissions";

/// The attributes of one of its deliveries.
pub(super) const STATE: &str = "state";
pub(super) const AT: &str = "at";
pub(super) const ATTEMPTS: &str = "attempts";
pub(super) const REASON: &str = "reason";

/// The partition key of a user, in both tables.
pub fn user_key(sub: &str) -> String {
    format!("{USER_PREFIX}{sub}")
}

/// The `sub` of the user whose item it is.
pub(super) fn sub(item: &Item) -> Option<&str> {
    text(item, PK)?.strip_prefix(USER_PREFIX)
}

/// Whether the condition of a write held.
pub(super) fn held<T>(answer: Result<T>) -> Result<bool> {
    match answer {
        Ok(_) => Ok(true),
        Err(fault) if fault.class == Class::ConditionFailed => Ok(false),
        Err(fault) => Err(fault),
    }
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
