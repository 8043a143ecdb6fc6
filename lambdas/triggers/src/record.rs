//! Users and memberships as items of the two tables. Which attributes they have stands in
//! [`saasauth_contract::record`], how they are found in [`saasauth_contract::keys`].

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::AttributeValue;
use saasauth_contract::keys::{PARTITION_KEY, SORT_KEY, domain_key, user_key};
use saasauth_contract::record::{
    ATTRIBUTES, CONFIRMED_AT, CREATED_AT, DELIVERIES, EMAIL, EMAIL_VERIFIED, EXTRA, PENDING,
    PERMISSIONS, ROLE, ROLE_FROM,
};

use crate::event::UserAttributes;

/// An item as DynamoDB carries it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// A user as first written to the Permissions table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UserRecord {
    pub sub: String,
    /// Absent for users who sign in by phone or username alone.
    pub email: Option<String>,
    /// Whether the user has proved to own the address.
    pub email_verified: bool,
    /// Under the project file's names.
    pub attributes: BTreeMap<String, String>,
    pub role: String,
    /// The domain that gives the role, if one does.
    pub role_from: Option<String>,
    pub created_at: SystemTime,
    /// Whether confirmUser writes this record, and so sees to what the user is owed.
    pub confirmed: bool,
    /// Names of the deliveries still owed to the user.
    pub pending: Vec<String>,
    /// What the project's own code adds.
    pub extra: BTreeMap<String, String>,
}

impl UserRecord {
    /// The record of a user Cognito describes; nothing is owed yet. `None` without a `sub`.
    pub(crate) fn new(attributes: &UserAttributes, role: &str) -> Option<Self> {
        Some(Self {
            sub: attributes.sub()?.to_owned(),
            email: attributes.email().map(str::to_owned),
            email_verified: attributes.verified_email().is_some(),
            attributes: attributes
                .descriptive()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            role: role.to_owned(),
            role_from: None,
            created_at: SystemTime::now(),
            confirmed: false,
            pending: Vec::new(),
            extra: BTreeMap::new(),
        })
    }

    /// When the record was made, as it is written.
    pub(crate) fn created_at(&self) -> AttributeValue {
        let created_at = DateTime::from(self.created_at)
            .fmt(DateTimeFormat::DateTime)
            .expect("the clock stands in a year of four digits");
        AttributeValue::S(created_at)
    }

    /// The record as an item. Absent values are left out: DynamoDB refuses an empty set.
    pub(crate) fn item(&self) -> Item {
        let mut item = HashMap::from([
            (
                PARTITION_KEY.to_owned(),
                AttributeValue::S(user_key(&self.sub)),
            ),
            (ATTRIBUTES.to_owned(), text_map(&self.attributes)),
            (ROLE.to_owned(), AttributeValue::S(self.role.clone())),
            (PERMISSIONS.to_owned(), AttributeValue::L(Vec::new())),
            (CREATED_AT.to_owned(), self.created_at()),
        ]);
        if self.confirmed {
            item.insert(CONFIRMED_AT.to_owned(), self.created_at());
        }
        if let Some(email) = &self.email {
            item.insert(EMAIL.to_owned(), AttributeValue::S(email.clone()));
            let verified = AttributeValue::Bool(self.email_verified);
            item.insert(EMAIL_VERIFIED.to_owned(), verified);
        }
        if let Some(domain) = &self.role_from {
            item.insert(ROLE_FROM.to_owned(), AttributeValue::S(domain.clone()));
        }
        if !self.pending.is_empty() {
            item.insert(PENDING.to_owned(), AttributeValue::Ss(self.pending.clone()));
            // Empty, so that the state of one delivery can be written without touching the others'.
            item.insert(DELIVERIES.to_owned(), AttributeValue::M(HashMap::new()));
        }
        if !self.extra.is_empty() {
            item.insert(EXTRA.to_owned(), text_map(&self.extra));
        }
        item
    }
}

/// Texts by name, as DynamoDB carries them.
pub(crate) fn text_map(texts: &BTreeMap<String, String>) -> AttributeValue {
    let texts = texts.iter();
    AttributeValue::M(
        texts
            .map(|(name, text)| (name.clone(), AttributeValue::S(text.clone())))
            .collect(),
    )
}

/// The item of a user's membership in a domain. It names no role: the user has the domain's, whatever that is at the
/// time. One that names a role was given it by an operator.
pub(crate) fn membership_item(sub: &str, domain: &str) -> Item {
    HashMap::from([
        (PARTITION_KEY.to_owned(), AttributeValue::S(user_key(sub))),
        (SORT_KEY.to_owned(), AttributeValue::S(domain_key(domain))),
    ])
}

/// A text attribute of an item.
pub fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// Whether an attribute is there and true.
pub(crate) fn is_set(item: &Item, name: &str) -> bool {
    item.get(name).and_then(|value| value.as_bool().ok()) == Some(&true)
}

/// The texts of a list or string set; none when the attribute is absent. Operators edit items by hand,
/// and consoles offer both spellings.
pub(crate) fn texts(item: &Item, name: &str) -> Vec<String> {
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
            extra: BTreeMap::from([("plan".to_owned(), "pro".to_owned())]),
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
        let extra = item["extra"].as_m().expect("it is a map");
        assert_eq!(text(extra, "plan"), Some("pro"));
        assert_eq!(item["permissions"], AttributeValue::L(Vec::new()));
    }

    #[test]
    fn what_a_user_lacks_is_left_out() {
        let item = UserRecord {
            email: None,
            ..record()
        }
        .item();
        assert!(!item.contains_key("email") && !item.contains_key("extra"));
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
