//! Refresh tokens that are rotated: each refresh gives a new one and ends the old one, after a time for retries.
//!
//! The emulator has one refresh token for a sign-in. Those that are given out here are that one with a tail of our own,
//! which comes off before the emulator sees it. A new one lasts no longer than the first did (developer guide, "Refresh tokens"),
//! as it does by itself.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use uuid::Uuid;

use super::Operation;
use super::facts::Client;
use crate::local::front_door::call::Reply;

/// Between the emulator's token and our tail.
const MARK: &str = ".rotated-";

/// What was given out, by the emulator's token.
#[derive(Debug, Default)]
pub(in crate::local::front_door) struct Rotated {
    inner: Mutex<HashMap<String, Family>>,
}

/// The tokens of one sign-in, by their tails: when each ends, if it was used.
type Family = HashMap<String, Option<Instant>>;

impl Rotated {
    /// Whether a token may be used; the emulator has a word of its own on the rest of it.
    pub(in crate::local::front_door) fn is_good(&self, token: &str) -> bool {
        let (token, tail) = parted(token);
        match self.lock().get(token) {
            // One with a tail that nobody knows was made up, or is from before a restart.
            None => tail.is_empty(),
            Some(family) => family
                .get(tail)
                .is_some_and(|end| end.is_none_or(|end| Instant::now() < end)),
        }
    }

    /// The token that takes the place of this one, which stays good for the client's time for retries.
    pub(super) fn rotate(&self, token: &str, client: &Client) -> String {
        let (token, tail) = parted(token);
        let mut all = self.lock();
        let family = all.entry(token.to_owned()).or_default();
        let end = Instant::now() + client.retry_grace();
        // A retry doesn't lengthen the time; and gives a token beside the one whose answer may have been lost.
        family
            .entry(tail.to_owned())
            .or_default()
            .get_or_insert(end);
        let next = Uuid::new_v4().simple().to_string();
        let given = format!("{token}{MARK}{next}");
        family.insert(next, None);
        given
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Family>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Operation<'_> {
    /// The token endpoint's answer to a refresh with this token, with the next one in it where the client has them rotated.
    pub(in crate::local::front_door) async fn with_next_token(
        &self,
        pool_id: &str,
        client_id: &str,
        token: &str,
        reply: Reply,
    ) -> Reply {
        let Some(mut answer) = reply.json().filter(|_| reply.is_success()) else {
            return reply;
        };
        match self.client_of(pool_id, client_id).await {
            Some(client) if client.rotates_refresh_tokens() => {
                let next = self.door.users.rotated.rotate(token, &client);
                answer["refresh_token"] = next.into();
                reply.with_json(&answer)
            }
            _ => reply,
        }
    }
}

/// The emulator's token, and our tail.
pub(in crate::local::front_door) fn parted(token: &str) -> (&str, &str) {
    token.rsplit_once(MARK).unwrap_or((token, ""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn client(grace: u64) -> Client {
        let rotation = json!({ "Feature": "ENABLED", "RetryGracePeriodSeconds": grace });
        Client::new("c", json!({ "RefreshTokenRotation": rotation }))
    }

    #[test]
    fn the_old_one_ends_when_its_grace_does() {
        let rotated = Rotated::default();
        assert!(rotated.is_good("first"));
        let second = rotated.rotate("first", &client(60));
        assert!(rotated.is_good("first") && rotated.is_good(&second));
        let third = rotated.rotate(&second, &client(0));
        assert!(!rotated.is_good(&second) && rotated.is_good(&third));
        assert_eq!(parted(&third).0, "first");
        // A retry of the first gives another, and its time doesn't begin anew.
        let again = rotated.rotate("first", &client(0));
        assert!(rotated.is_good("first") && rotated.is_good(&again));
        assert!(rotated.is_good(&third), "whichever answer arrived");
        assert!(!rotated.is_good("first.rotated-made-up"));
        assert!(!rotated.is_good("other.rotated-made-up"));
    }
}
