//! What a user is owed, on the user's record, and who is delivering it. Which attributes say so stands in
//! [`saasauth_contract::delivery`].

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::date_time::{DateTime, Format};
use saasauth_contract::delivery::{
    AT, ATTEMPTS, BY, CLAIM, CLAIMED, FAILED, NOT_YET, REASON, STATE, UNTIL, WAITING, goes_to_email,
};
use saasauth_contract::record::{DELIVERIES, EMAIL_VERIFIED, PENDING};

use crate::record::{Item, is_set, text, texts};

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State<'a> {
    Claimed {
        by: &'a str,
    },
    /// To be tried again, but not sooner than after this.
    Waiting {
        after: Duration,
        reason: &'a str,
    },
    /// To be tried again, but not sooner than after this, unless somebody has seen to the reason.
    NotYet {
        after: Duration,
        reason: &'a str,
    },
    Failed {
        reason: &'a str,
    },
}

impl State<'_> {
    /// As it lies in `deliveries`.
    pub(crate) fn value(self, attempts: u32, now: SystemTime) -> AttributeValue {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let (name, until, reason) = match self {
            Self::Claimed { .. } => (CLAIMED, Some(now + CLAIM), None),
            Self::Waiting { after, reason } => (WAITING, Some(now + after), Some(reason)),
            Self::NotYet { after, reason } => (NOT_YET, Some(now + after), Some(reason)),
            Self::Failed { reason } => (FAILED, None, Some(reason)),
        };
        let mut value = HashMap::from([
            (STATE.to_owned(), text(name)),
            (AT.to_owned(), text(&stamp(now))),
            (ATTEMPTS.to_owned(), AttributeValue::N(attempts.to_string())),
        ]);
        if let Some(until) = until {
            value.insert(UNTIL.to_owned(), text(&stamp(until)));
        }
        if let Self::Claimed { by } = self {
            value.insert(BY.to_owned(), text(by));
        }
        if let Some(reason) = reason {
            value.insert(REASON.to_owned(), text(reason));
        }
        AttributeValue::M(value)
    }
}

/// A point in time as the record spells it. All stamps have the same length, so text order is time order.
pub fn stamp(at: SystemTime) -> String {
    DateTime::from_secs(DateTime::from(at).secs())
        .fmt(Format::DateTime)
        .unwrap_or_default()
}

/// How often a delivery has been claimed.
pub(crate) fn attempts(record: &Item, name: &str) -> u32 {
    standing(record, name)
        .and_then(|state| state.get(ATTEMPTS)?.as_n().ok()?.parse().ok())
        .unwrap_or(0)
}

/// Whether somebody delivers it now, or it must not be tried yet.
pub(crate) fn is_held(record: &Item, name: &str, now: SystemTime) -> bool {
    let is_unproved = goes_to_email(name) && !is_set(record, EMAIL_VERIFIED);
    is_unproved || is_claimed_until(record, name, now)
}

fn is_claimed_until(record: &Item, name: &str, now: SystemTime) -> bool {
    standing(record, name)
        .and_then(|state| text(state, UNTIL))
        .is_some_and(|until| until > stamp(now).as_str())
}

/// Until when a delivery waits that could not be made yet; `None` for any other.
pub(crate) fn not_yet_until<'a>(record: &'a Item, name: &str) -> Option<&'a str> {
    let state = standing(record, name)?;
    text(state, UNTIL).filter(|_| text(state, STATE) == Some(NOT_YET))
}

/// Whether this one has claimed it.
pub(crate) fn is_claimed_by(record: &Item, name: &str, by: &str) -> bool {
    standing(record, name).and_then(|state| text(state, BY)) == Some(by)
}

/// Whether a hand-over now would find something to do.
pub(crate) fn is_due(record: &Item, now: SystemTime) -> bool {
    texts(record, PENDING)
        .iter()
        .any(|name| !is_held(record, name, now))
}

fn standing<'a>(record: &'a Item, name: &str) -> Option<&'a Item> {
    record.get(DELIVERIES)?.as_m().ok()?.get(name)?.as_m().ok()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn record(state: Option<AttributeValue>) -> Item {
        let standing = state.map(|state| ("welcome".to_owned(), state));
        HashMap::from([
            (
                PENDING.to_owned(),
                AttributeValue::Ss(vec!["welcome".to_owned()]),
            ),
            (
                DELIVERIES.to_owned(),
                AttributeValue::M(standing.into_iter().collect()),
            ),
            (EMAIL_VERIFIED.to_owned(), AttributeValue::Bool(true)),
        ])
    }

    #[test]
    fn a_claim_keeps_others_away_for_a_minute() {
        let claim = State::Claimed { by: "me" };
        let record = record(Some(claim.value(1, UNIX_EPOCH)));
        assert!(!is_due(&record, UNIX_EPOCH + Duration::from_secs(59)));
        assert!(is_due(&record, UNIX_EPOCH + Duration::from_secs(60)));
        assert_eq!(attempts(&record, "welcome"), 1);
        assert!(is_claimed_by(&record, "welcome", "me"));
        assert!(!is_claimed_by(&record, "welcome", "you"));
    }

    #[test]
    fn a_wait_lasts_as_long_as_was_asked_for() {
        let waiting = State::Waiting {
            after: Duration::from_secs(7),
            reason: "answered 429",
        };
        let record = record(Some(waiting.value(2, UNIX_EPOCH)));
        assert!(is_held(
            &record,
            "welcome",
            UNIX_EPOCH + Duration::from_secs(6)
        ));
        assert!(!is_held(
            &record,
            "welcome",
            UNIX_EPOCH + Duration::from_secs(7)
        ));
    }

    #[test]
    fn what_can_not_be_made_yet_waits_and_says_so() {
        let state = State::NotYet {
            after: Duration::from_secs(7),
            reason: "not verified",
        };
        let record = record(Some(state.value(2, UNIX_EPOCH)));
        assert!(!is_due(&record, UNIX_EPOCH + Duration::from_secs(6)));
        assert!(is_due(&record, UNIX_EPOCH + Duration::from_secs(7)));
        assert_eq!(
            not_yet_until(&record, "welcome"),
            Some("1970-01-01T00:00:07Z")
        );
        assert_eq!(not_yet_until(&record, "webhook"), None);
    }

    #[test]
    fn what_failed_or_never_began_is_held_by_nobody() {
        let failed = State::Failed { reason: "gone" }.value(3, UNIX_EPOCH);
        assert!(is_due(&record(Some(failed)), UNIX_EPOCH));
        assert!(is_due(&record(None), UNIX_EPOCH));
        assert!(!is_due(&Item::new(), UNIX_EPOCH), "nothing is owed");
    }

    #[test]
    fn what_goes_to_an_address_waits_until_it_is_proved() {
        let mut unproved = record(None);
        for verified in [None, Some(false)] {
            unproved.remove(EMAIL_VERIFIED);
            let verified = verified.map(AttributeValue::Bool);
            unproved.extend(verified.map(|verified| (EMAIL_VERIFIED.to_owned(), verified)));
            assert!(!is_due(&unproved, UNIX_EPOCH));
            assert!(!is_held(&unproved, "webhook", UNIX_EPOCH), "it is told");
        }
    }

    #[test]
    fn stamps_sort_as_text() {
        let early = UNIX_EPOCH + Duration::from_millis(10_900);
        let late = UNIX_EPOCH + Duration::from_millis(11_000);
        assert_eq!(stamp(early), "1970-01-01T00:00:10Z");
        assert!(stamp(early) < stamp(late));
    }
}
