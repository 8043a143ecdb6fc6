//! How values of items are read and written. The words both tables are written in are the contract's.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use saasauth_contract::keys::{PARTITION_KEY, sub_of};

use crate::aws::{Class, Result};

pub(super) type Item = HashMap<String, AttributeValue>;

/// The `sub` of the user whose item it is.
pub(super) fn sub(item: &Item) -> Option<&str> {
    sub_of(text(item, PARTITION_KEY)?)
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
