//! How users, roles and domains lie in the two tables.
//!
//! | table | `pk` | `sk` | holds |
//! |---|---|---|---|
//! | Permissions | `USER#<sub>` | | `email`, `attributes`, `role`, `permissions` beyond the role's, `created_at`, `confirmed_at`, [`pending`](crate::pending), `deliveries` |
//! | Permissions | `ROLE#<name>` | | `permissions` |
//! | Domains | `USER#<sub>` | `DOMAIN#<domain>` | `role` |
//! | Domains | `DOMAIN#<domain>` | `META` | `role` |

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::AttributeValue;

use crate::event::UserAttributes;
use crate::pending::{DELIVERIES, PENDING};

/// An item as DynamoDB carries it.
pub type Item = HashMap<String, AttributeValue>;

/// The sort key of a registered domain's own item.
pub const META: &str = "META";
/// When confirmUser saw to a user. A record without it was made elsewhere: by a sign-in or an operator.
pub const CONFIRMED_AT: &str = "confirmed_at";
/// What the key of a role definition begins with.
pub const ROLE_PREFIX: &str = "ROLE#";
/// What the sort key of a membership begins with.
pub const DOMAIN_PREFIX: &str = "DOMAIN#";

/// The partition key of a user, in both tables.
pub fn user_key(sub: &str) -> String {
    format!("USER#{sub}")
}

/// The partition key of a role definition.
pub fn role_key(role: &str) -> String {
    format!("{ROLE_PREFIX}{role}")
}

/// The partition key of a registered domain; the sort key of a membership in it.
pub fn domain_key(domain: &str) -> String {
    format!("{DOMAIN_PREFIX}{domain}")
}

/// A user as first written to the Permissions table.
#[derive(Debug, Clone, PartialEq)]
pub struct UserRecord {
    pub sub: String,
    /// Absent for users who sign in by phone or username alone.
    pub email: Option<String>,
    /// Under the project file's names.
    pub attributes: BTreeMap<String, String>,
    pub role: String,
    pub created_at: SystemTime,
    /// Whether confirmUser writes this record, and so sees to what the user is owed.
    pub confirmed: bool,
    /// Names of the deliveries still owed to the user.
    pub pending: Vec<String>,
}

impl UserRecord {
    /// The record of a user Cognito describes; nothing is owed yet. `None` without a `sub`.
    pub fn new(attributes: &UserAttributes, role: &str) -> Option<Self> {
        Some(Self {
            sub: attributes.sub()?.to_owned(),
            email: attributes.email().map(str::to_owned),
            attributes: attributes
                .descriptive()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            role: role.to_owned(),
            created_at: SystemTime::now(),
            confirmed: false,
            pending: Vec::new(),
        })
    }

    /// When the record was made, as it is written.
    pub fn created_at(&self) -> AttributeValue {
        let created_at = DateTime::from(self.created_at)
            .fmt(DateTimeFormat::DateTime)
            .expect("the clock stands in a year of four digits");
        AttributeValue::S(created_at)
    }

    /// The record as an item. Absent values are left out: DynamoDB refuses an empty set.
    pub fn item(&self) -> Item {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let mut item = HashMap::from([
            ("pk".to_owned(), AttributeValue::S(user_key(&self.sub))),
            (
                "attributes".to_owned(),
                AttributeValue::M(
                    self.attributes
                        .iter()
                        .map(|(name, value)| (name.clone(), text(value)))
                        .collect(),
                ),
            ),
            ("role".to_owned(), text(&self.role)),
            ("permissions".to_owned(), AttributeValue::L(Vec::new())),
            ("created_at".to_owned(), self.created_at()),
        ]);
        if self.confirmed {
            item.insert(CONFIRMED_AT.to_owned(), self.created_at());
        }
        if let Some(email) = &self.email {
            item.insert("email".to_owned(), text(email));
        }
        if !self.pending.is_empty() {
            item.insert(PENDING.to_owned(), AttributeValue::Ss(self.pending.clone()));
            // Empty, so that the state of one delivery can be written without touching the others'.
            item.insert(DELIVERIES.to_owned(), AttributeValue::M(HashMap::new()));
        }
        item
    }
}

/// The item of a user's membership in a domain.
pub fn membership_item(sub: &str, domain: &str, role: &str) -> Item {
    HashMap::from([
        ("pk".to_owned(), AttributeValue::S(user_key(sub))),
        ("sk".to_owned(), AttributeValue::S(domain_key(domain))),
        ("role".to_owned(), AttributeValue::S(role.to_owned())),
    ])
}

/// A text attribute of an item.
pub fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// The texts of a list or string set; none when the attribute is absent. Operators edit items by hand,
/// and consoles offer both spellings.
pub fn texts(item: &Item, name: &str) -> Vec<String> {
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
    use std::time::Duration;

    use serde_json::{Map, json};

    use super::*;

    fn record() -> UserRecord {
        let attributes = UserAttributes(Map::from_iter([
            ("sub".to_owned(), json!("s-1")),
            ("email".to_owned(), json!("ada@acme.com")),
            ("custom:company".to_owned(), json!("Engines")),
        ]));
        UserRecord::new(&attributes, "member").expect("it has a sub")
    }

    #[test]
    fn a_record_becomes_the_documented_item() {
        let item = UserRecord {
            created_at: SystemTime::UNIX_EPOCH + Duration::from_secs(86_400),
            pending: vec!["welcome".to_owned()],
            ..record()
        }
        .item();
        assert_eq!(text(&item, "pk"), Some("USER#s-1"));
        assert_eq!(text(&item, "email"), Some("ada@acme.com"));
        assert_eq!(text(&item, "role"), Some("member"));
        assert_eq!(text(&item, "created_at"), Some("1970-01-02T00:00:00Z"));
        assert_eq!(texts(&item, "pending"), ["welcome"]);
        assert_eq!(item["deliveries"], AttributeValue::M(HashMap::new()));
        let attributes = item["attributes"].as_m().expect("attributes are a map");
        assert_eq!(text(attributes, "company"), Some("Engines"));
        assert_eq!(item["permissions"], AttributeValue::L(Vec::new()));
    }

    #[test]
    fn what_a_user_lacks_is_left_out() {
        let item = UserRecord {
            email: None,
            ..record()
        }
        .item();
        assert!(!item.contains_key("email"));
        assert!(
            !item.contains_key("pending"),
            "DynamoDB refuses an empty set"
        );
    }

    #[test]
    fn texts_reads_lists_and_sets() {
        let list = AttributeValue::L(vec![
            AttributeValue::S("a".into()),
            AttributeValue::N("1".into()),
        ]);
        let item = HashMap::from([
            ("list".to_owned(), list),
            ("set".to_owned(), AttributeValue::Ss(vec!["b".into()])),
        ]);
        assert_eq!(texts(&item, "list"), ["a"]);
        assert_eq!(texts(&item, "set"), ["b"]);
        assert!(texts(&item, "absent").is_empty());
    }
}
