//! What a user's record says to a token.

use std::borrow::Cow;
use std::time::SystemTime;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::AttributeValue;
use saasauth_contract::delivery::{AT, CLAIM};
use saasauth_contract::record::{
    ACTIVE, CREATED_AT, DELIVERIES, EMAIL, EMAIL_VERIFIED, EXTRA, OPERATOR, PENDING, PERMISSIONS,
    ROLE, ROLE_FROM, STATUS,
};

use crate::event::UserAttributes;
use crate::failure::TriggerError;
use crate::pending;
use crate::record::{Item, is_set, text, texts};

/// The operator has closed the account.
pub const DISABLED: TriggerError = TriggerError {
    kind: "UserDisabled",
    message: Cow::Borrowed("this account is disabled"),
};

/// A user who may have a token.
#[derive(Debug, PartialEq)]
pub(crate) struct User {
    /// As the record has it; see [`role_from`](Self::role_from).
    pub(crate) role: String,
    /// The domain that gives the role, if one does: then the role is the domain's.
    pub(crate) role_from: Option<String>,
    /// Beyond the role's.
    pub(crate) permissions: Vec<String>,
    /// Whether a delivery was forgotten.
    pub(crate) is_owed: bool,
    /// What the hooks of confirmUser put on the record.
    pub(crate) extra: Option<Item>,
    /// The domain the user has joined just now, after the memberships were read.
    pub(crate) joined: Option<String>,
    /// The address as Cognito has it, where the record says something else.
    pub(crate) address: Option<Address>,
}

/// An address, and whether its user has proved to own it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) email: Option<String>,
    pub(crate) is_verified: bool,
}

impl Address {
    fn of_cognito(attributes: &UserAttributes) -> Self {
        Self {
            email: attributes.email().map(str::to_owned),
            is_verified: attributes.verified_email().is_some(),
        }
    }

    fn of_record(item: &Item) -> Self {
        Self {
            email: text(item, EMAIL).map(str::to_owned),
            is_verified: is_set(item, EMAIL_VERIFIED),
        }
    }
}

impl User {
    /// Reads a record. Fails for a user who is to have no token.
    pub(crate) fn of(
        item: &Item,
        attributes: &UserAttributes,
        default_role: &str,
        now: SystemTime,
    ) -> Result<Self, TriggerError> {
        if item.contains_key(STATUS) && text(item, STATUS) != Some(ACTIVE) {
            return Err(DISABLED);
        }
        let extra = item.get(EXTRA).and_then(|map| map.as_m().ok());
        let (known, address) = (Address::of_record(item), Address::of_cognito(attributes));
        let is_owed = if address.is_verified && !known.is_verified {
            // What waited for the proof need wait no longer.
            let mut proved = item.clone();
            proved.insert(EMAIL_VERIFIED.to_owned(), AttributeValue::Bool(true));
            pending::is_due(&proved, now)
        } else {
            address.is_verified == known.is_verified && is_owed(item, now)
        };
        Ok(Self {
            role: text(item, ROLE).unwrap_or(default_role).to_owned(),
            role_from: text(item, ROLE_FROM)
                .filter(|from| *from != OPERATOR)
                .map(str::to_owned),
            permissions: texts(item, PERMISSIONS),
            is_owed,
            extra: extra.cloned(),
            joined: None,
            address: Some(address).filter(|address| *address != known),
        })
    }

    /// A user whom no record says anything of.
    pub(crate) fn with_role(role: &str) -> Self {
        Self {
            role: role.to_owned(),
            role_from: None,
            permissions: Vec::new(),
            is_owed: false,
            extra: None,
            joined: None,
            address: None,
        }
    }
}

/// Whether a pending delivery has been waiting since its last attempt, or since the record was made, for
/// longer than anybody is still at it (as long as a claim lasts, and Lambda waits before it runs again), and may be tried now. A time that can't be read is long ago.
fn is_owed(item: &Item, now: SystemTime) -> bool {
    let deliveries = item.get(DELIVERIES).and_then(|all| all.as_m().ok());
    texts(item, PENDING).iter().any(|name| {
        if pending::is_held(item, name, now) {
            return false;
        }
        let attempted = deliveries
            .and_then(|all| all.get(name))
            .and_then(|one: &AttributeValue| text(one.as_m().ok()?, AT));
        attempted
            .or(text(item, CREATED_AT))
            .and_then(time)
            .is_none_or(|last| {
                now.duration_since(last)
                    .is_ok_and(|waiting| waiting > CLAIM)
            })
    })
}

fn time(text: &str) -> Option<SystemTime> {
    let time = DateTime::from_str(text, DateTimeFormat::DateTimeWithOffset).ok()?;
    SystemTime::try_from(time).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use super::*;

    fn words(value: &str) -> AttributeValue {
        AttributeValue::S(value.to_owned())
    }

    fn now() -> SystemTime {
        time("2026-11-22T12:00:00Z").expect("it is a time")
    }

    #[test]
    fn only_an_active_user_gets_a_token() {
        for (status, admitted) in [
            (None, true),
            (Some(words("active")), true),
            (Some(words("disabled")), false),
            (Some(words("blocked")), false),
            (Some(words("Blocked")), false),
            (Some(words("")), false),
            (Some(AttributeValue::Bool(true)), false),
        ] {
            let item: Item = status
                .map(|status| ("status".to_owned(), status))
                .into_iter()
                .collect();
            let user = User::of(&item, &UserAttributes::default(), "member", now());
            assert_eq!(user.is_ok(), admitted, "{item:?}");
            if let Err(error) = user {
                assert_eq!(error, DISABLED);
            }
        }
    }

    #[test]
    fn a_delivery_is_owed_a_minute_after_its_last_attempt() {
        let item = |created_at: &str, attempted: Option<&str>, pending: &[&str]| {
            let mut item = HashMap::from([
                ("created_at".to_owned(), words(created_at)),
                ("email_verified".to_owned(), AttributeValue::Bool(true)),
            ]);
            if !pending.is_empty() {
                let names = pending.iter().map(|&name| name.to_owned()).collect();
                item.insert("pending".to_owned(), AttributeValue::Ss(names));
            }
            if let Some(at) = attempted {
                let claim = HashMap::from([("at".to_owned(), words(at))]);
                let deliveries = HashMap::from([("welcome".to_owned(), AttributeValue::M(claim))]);
                item.insert("deliveries".to_owned(), AttributeValue::M(deliveries));
            }
            item
        };
        let (old, young) = ("2026-11-22T11:58:00Z", "2026-11-22T11:59:30.250Z");
        for (created_at, attempted, pending, owed) in [
            (old, None, &[][..], false),
            (old, None, &["welcome"], true),
            (young, None, &["welcome"], false),
            (old, Some(young), &["welcome"], false),
            (old, Some("2026-11-22T12:59:30+01:00"), &["welcome"], false),
            (old, Some(young), &["welcome", "mailchimp"], true),
            (old, Some(old), &["welcome"], true),
            ("yesterday", None, &["welcome"], true),
            ("2026-11-22T12:00:05Z", None, &["welcome"], false),
        ] {
            let item = item(created_at, attempted, pending);
            assert_eq!(is_owed(&item, now()), owed, "{item:?}");
        }
    }

    #[test]
    fn a_delivery_that_must_wait_is_not_owed_yet() {
        let waiting = pending::State::Waiting {
            after: Duration::from_secs(3600),
            reason: "answered 429",
        };
        let item = |written: SystemTime| {
            let state = HashMap::from([("mailchimp".to_owned(), waiting.value(1, written))]);
            HashMap::from([
                (
                    PENDING.to_owned(),
                    AttributeValue::Ss(vec!["mailchimp".to_owned()]),
                ),
                (DELIVERIES.to_owned(), AttributeValue::M(state)),
                (EMAIL_VERIFIED.to_owned(), AttributeValue::Bool(true)),
            ])
        };
        assert!(!is_owed(&item(now() - Duration::from_secs(1800)), now()));
        assert!(is_owed(&item(now() - Duration::from_secs(3601)), now()));
    }
}
