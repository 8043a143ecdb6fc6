//! Creates that AWS doesn't deduplicate: CreateUserPool and CreateUserPoolClient take no token, and a name does not
//! have to be unique, so one that is sent twice makes two (their API reference).
//!
//! So they are never repeated while it isn't known whether they were done (`MADE_ONCE` in the table of waits). Here it
//! is looked for what the request may have made, and sent again only once that is known not to be there.

use std::time::Duration;

use super::classify::{Class, Result};
use super::{Aws, Waiting};

/// How often, and after which pauses, is looked for what a lost answer may have told of. Lists may lag; no bound is
/// published.
const LOOKS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// How many answers may get lost before it is said that they do.
const LOST_AT_MOST: usize = 4;

const A_LOST_ANSWER: &str = "an answer that got lost";

impl Aws {
    /// Makes something once, however often the answer gets lost. `look` finds what an earlier request made.
    pub(super) async fn once<T, Send, Look>(
        &self,
        waiting: Waiting<'_>,
        mut send: impl FnMut() -> Send,
        mut look: impl FnMut() -> Look,
    ) -> Result<T>
    where
        Send: Future<Output = Result<T>>,
        Look: Future<Output = Result<Option<T>>>,
    {
        for _ in 1..LOST_AT_MOST {
            match send().await {
                Err(fault) if fault.class == Class::Unanswered => {}
                answered => return answered,
            }
            waiting(A_LOST_ANSWER);
            for pause in LOOKS {
                (self.sleep)(pause).await;
                if let Some(made) = look().await? {
                    return Ok(made);
                }
            }
        }
        send().await
    }
}
