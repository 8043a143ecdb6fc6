//! What a user can be owed, and how each delivery stands on the user's record.
//!
//! [`PENDING`](crate::record::PENDING) is the set of names owed.
//! [`DELIVERIES`](crate::record::DELIVERIES) says how each stands: a map from the name to
//!
//! | attribute | type | holds |
//! |---|---|---|
//! | [`STATE`] | S | [`CLAIMED`], [`WAITING`], [`NOT_YET`] or [`FAILED`] |
//! | [`AT`] | S | when that was written, RFC 3339, whole seconds, UTC |
//! | [`UNTIL`] | S | of `claimed`, `waiting` and `not_yet`: nobody else may claim it before |
//! | [`BY`] | S | of `claimed`: who claimed it, to know one's own claim again when its receipt was lost |
//! | [`ATTEMPTS`] | N | how often it was claimed |
//! | [`REASON`] | S | of `waiting`, `not_yet` and `failed`: why, without addresses or secrets |
//!
//! What is `not_yet` may be claimed before its time when an operator asks for it
//! ([`Handover::asked`](crate::handover::Handover::asked)), who may have seen to the reason meanwhile.
//!
//! What [goes to the e-mail address](goes_to_email) of a user who has not proved to own it stays pending, and nobody
//! claims it: a sign-in after the proof has it delivered.
//!
//! What is delivered stands in neither. What failed for good stands in `deliveries` alone; adding its name
//! to `pending` again asks for another round.

use std::time::Duration;

/// The welcome mail.
pub const WELCOME: &str = "welcome";
/// A word to Mailchimp.
pub const MAILCHIMP: &str = "mailchimp";
/// A word to HubSpot.
pub const HUBSPOT: &str = "hubspot";
/// A word to Beehiiv.
pub const BEEHIIV: &str = "beehiiv";
/// A word to Kit.
pub const KIT: &str = "kit";
/// A word to a receiver of signed requests.
pub const WEBHOOK: &str = "webhook";

/// What the names of a project's own deliveries begin with, so that none of ours is ever called the same.
pub const HOOK_PREFIX: &str = "hook:";

/// How it stands.
pub const STATE: &str = "state";
/// When that was written.
pub const AT: &str = "at";
/// Until when nobody else may claim it.
pub const UNTIL: &str = "until";
/// Who claimed it.
pub const BY: &str = "by";
/// How often it was claimed.
pub const ATTEMPTS: &str = "attempts";
/// Why it was not made.
pub const REASON: &str = "reason";

/// The [`STATE`] of one that somebody makes now.
pub const CLAIMED: &str = "claimed";
/// The [`STATE`] of one to be tried again.
pub const WAITING: &str = "waiting";
/// The [`STATE`] of one that can't be made before somebody sees to it: verifies an address, sets a secret,
/// makes a list. It is tried again, with longer and longer pauses, and never given up.
pub const NOT_YET: &str = "not_yet";
/// The [`STATE`] of one that was given up.
pub const FAILED: &str = "failed";

/// For how long a claim keeps others away. An invocation ends within 5 seconds, so who claimed it longer
/// ago is dead.
pub const CLAIM: Duration = Duration::from_secs(60);

/// Whether a delivery goes to the user's e-mail address, or tells somebody that its owner wants mail. Both are made only once
/// the address is proved: whoever signs up by phone can name anybody's. A webhook and a project's own deliveries are told
/// whether it is, and decide themselves.
pub fn goes_to_email(name: &str) -> bool {
    [WELCOME, MAILCHIMP, HUBSPOT, BEEHIIV, KIT].contains(&name)
}

/// The name that `pending` has for a project's own delivery. `None` for a name it can't have: 1 to 40 of
/// a-z, 0-9, `-` and `_`.
pub fn hook_key(name: &str) -> Option<String> {
    let is_legal = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    ((1..=40).contains(&name.len()) && name.bytes().all(is_legal))
        .then(|| format!("{HOOK_PREFIX}{name}"))
}

/// The project's name for a delivery; `None` when it is one of ours.
pub fn hook_of(key: &str) -> Option<&str> {
    key.strip_prefix(HOOK_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_of_proof_itself_needs_none() {
        for name in [WELCOME, MAILCHIMP, HUBSPOT, BEEHIIV, KIT] {
            assert!(goes_to_email(name), "{name}");
        }
        for name in [WEBHOOK, "hook:welcome", "else"] {
            assert!(!goes_to_email(name), "{name}");
        }
    }

    #[test]
    fn a_projects_delivery_has_a_name_of_its_own() {
        let key = hook_key("welcome").expect("it is legal");
        assert_ne!(key, WELCOME);
        assert_eq!(hook_of(&key), Some("welcome"));
        assert_eq!(hook_of(WELCOME), None);
        for bad in ["", "Slack", "a b", "hook:x", &"a".repeat(41)] {
            assert_eq!(hook_key(bad), None, "{bad}");
        }
    }
}
