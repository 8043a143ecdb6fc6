//! The directory of a stage: its users as the pool knows them, and what both tables say of them.
//!
//! Every write is on the condition that what it changes is still what was read, so that of two people,
//! or of a person and a trigger, neither undoes what the other did.

mod accounts;
mod deliveries;
mod items;
mod tables;

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;

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
    /// Whether confirmUser has seen to the user; else a sign-in or an operator made the record.
    pub confirmed: bool,
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
#[cfg(test)]
impl Tables {
    /// Tables for requests that are only looked at.
    fn of_tests() -> Self {
        Self {
            permissions: "p".to_owned(),
            domains: "d".to_owned(),
        }
    }
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

    /// What the user is called in front of people.
    pub fn name(&self) -> &str {
        self.email().unwrap_or(&self.username)
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
