//! Where a project's own code comes in when a user is confirmed.

use std::collections::BTreeMap;
use std::time::Duration;

use saasauth_contract::delivery::{hook_key, hook_of};
use serde_json::json;
use tokio::time::timeout;

use super::delivery::{Failure, Person};
use crate::event::Event;
use crate::log::{Log, redact};

/// How long a sign-up waits for [`Hooks::attributes`].
const ATTRIBUTES: Duration = Duration::from_millis(1000);
/// How large they may be together. A record of more than 400 KB is refused by DynamoDB, and with it the
/// sign-up.
const LONGEST_ATTRIBUTES: usize = 16 * 1024;
/// How much of a reason is kept.
const LONGEST_REASON: usize = 300;

/// A project's own code for new users. Each method has a default that does nothing; `()` has no hooks.
///
/// Cognito and Lambda repeat events, so each of these may run more than once for one user.
pub trait Hooks {
    /// Attributes to keep on the user's record, in a map of their own (`extra`), where generateToken's hooks
    /// find them. The user waits for this, up to a second. What takes longer, or is larger than 16 KB, is
    /// left out: what must not be lost is better a delivery.
    fn attributes(&self, _user: &NewUser<'_>) -> impl Future<Output = BTreeMap<String, String>> {
        async { BTreeMap::new() }
    }

    /// The names of the project's own deliveries: 1 to 40 of a-z, 0-9, `-` and `_`. On the record and in
    /// metrics they are called `hook:<name>`. A name that is no longer here is dropped from the records of
    /// those who are still owed it.
    fn deliveries(&self) -> &[&str] {
        &[]
    }

    /// Whether the user is owed this one of [`deliveries`](Self::deliveries).
    fn owes(&self, _delivery: &str, _user: &NewUser<'_>) -> bool {
        true
    }

    /// Makes one of [`deliveries`](Self::deliveries). Nobody waits for it: it runs in an invocation of its own, side
    /// by side with the mail and the platforms, and is claimed on the record before, so that it is made
    /// once unless the process dies in the middle. After 3 seconds it is cancelled at an `.await`, and
    /// tried again.
    fn deliver(
        &self,
        _delivery: &str,
        _person: &Person,
    ) -> impl Future<Output = Result<(), NotDelivered>> {
        async { Err(NotDelivered::for_good("no hook makes it")) }
    }
}

impl Hooks for () {}

/// Somebody who has just proved that an account is theirs.
#[derive(Debug, Clone, Copy)]
pub struct NewUser<'a> {
    /// Identifies the user for good.
    pub sub: &'a str,
    /// The role the user gets.
    pub role: &'a str,
    /// The registered company domain the user joins, by an address that is verified.
    pub domain: Option<&'a str>,
    pub(super) event: &'a Event,
}

impl<'a> NewUser<'a> {
    /// The address, when it is verified.
    pub fn verified_email(&self) -> Option<&'a str> {
        self.event.request.user_attributes.verified_email()
    }

    /// The phone number, when it is verified.
    pub fn verified_phone_number(&self) -> Option<&'a str> {
        self.event.request.user_attributes.verified_phone_number()
    }

    /// The app client the user signed up with; absent when an administrator confirmed the user.
    pub fn client_id(&self) -> Option<&'a str> {
        self.event.client_id()
    }

    /// The name in the pool. **Not verified**: where users choose it, it is what somebody typed in.
    pub fn username(&self) -> &'a str {
        self.event.username()
    }

    /// An attribute, by the project file's name. **Not verified**: it is what somebody typed in.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.event.request.user_attributes.named(name)
    }

    /// What the app sent along with the request. **Not verified**: anybody can send anything.
    pub fn client_metadata(&self, name: &str) -> Option<&'a str> {
        self.event.client_metadata(name)
    }
}

/// Why a delivery was not made. The reason goes into the log and onto the record; addresses and phone
/// numbers are taken out of it, secrets are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDelivered(Failure);

impl NotDelivered {
    /// It may work later, and is tried again when Lambda runs the event again: after about a minute, after
    /// two more, and at the user's next sign-in.
    pub fn try_again(reason: impl Into<String>) -> Self {
        Self(Failure::passing(kept(reason.into())))
    }

    /// It may work later, but not before this time has passed.
    pub fn try_again_after(wait: Duration, reason: impl Into<String>) -> Self {
        Self(Failure::Passing {
            reason: kept(reason.into()),
            after: Some(wait),
        })
    }

    /// It can't work before somebody sees to it, elsewhere than in what is sent: sets a key, makes a list. It
    /// is tried again, with pauses from half a minute to six hours, and never given up.
    pub fn not_yet(reason: impl Into<String>) -> Self {
        Self(Failure::not_yet(kept(reason.into())))
    }

    /// It will never work as it is. `saasauth repair --failed` tries it once more.
    pub fn for_good(reason: impl Into<String>) -> Self {
        Self(Failure::lasting(kept(reason.into())))
    }
}

impl From<NotDelivered> for Failure {
    fn from(NotDelivered(failure): NotDelivered) -> Self {
        failure
    }
}

fn kept(reason: String) -> String {
    redact(&reason).chars().take(LONGEST_REASON).collect()
}

/// The project's name for a delivery that its hooks make; `None` when they make none of this name.
pub(super) fn own_delivery<'a>(hooks: &impl Hooks, key: &'a str) -> Option<&'a str> {
    hook_of(key).filter(|name| hooks.deliveries().contains(name))
}

/// Adds what the hooks owe the user, each once: DynamoDB refuses a set that names one twice.
pub(super) fn add_owed(hooks: &impl Hooks, user: &NewUser<'_>, pending: &mut Vec<String>) {
    for name in hooks.deliveries() {
        if let Some(key) = hook_key(name)
            && hooks.owes(name, user)
            && !pending.contains(&key)
        {
            pending.push(key);
        }
    }
}

/// What the hooks add to the user's record. Nothing of it is worth a sign-up.
pub(super) async fn attributes(
    hooks: &impl Hooks,
    user: &NewUser<'_>,
    log: &Log,
) -> BTreeMap<String, String> {
    let Ok(mut given) = timeout(ATTRIBUTES, hooks.attributes(user)).await else {
        let message = "the hooks gave no attributes in time, the record goes without";
        log.error(message, json!({ "user": user.sub }));
        return BTreeMap::new();
    };
    // DynamoDB takes no attribute without a name.
    given.remove("");
    let bytes: usize = given
        .iter()
        .map(|(name, value)| name.len() + value.len())
        .sum();
    if bytes > LONGEST_ATTRIBUTES {
        let fields = json!({ "user": user.sub, "bytes": bytes, "most": LONGEST_ATTRIBUTES });
        log.error(
            "the hooks' attributes are too large, the record goes without",
            fields,
        );
        return BTreeMap::new();
    }
    given
}

/// Says which names of deliveries can't be.
pub(super) fn complain(hooks: &impl Hooks, log: &Log) {
    let names = hooks.deliveries().iter();
    for name in names.filter(|name| hook_key(name).is_none()) {
        let message = "not the name of a delivery, nobody is owed it";
        log.error(message, json!({ "name": name }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_short_and_names_nobody() {
        let NotDelivered(failure) = NotDelivered::for_good("ada@acme.com is unknown");
        assert_eq!(failure, Failure::lasting("[redacted] is unknown"));
        let NotDelivered(failure) = NotDelivered::try_again("é".repeat(1000));
        assert_eq!(failure, Failure::passing("é".repeat(300)));
    }
}
