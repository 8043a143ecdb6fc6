//! Waiting for AWS: how long, how often, and the two loops that do it.
//!
//! Three waits are kept apart. Throttling is the SDK's. Here are the other two: a request that is
//! refused until an earlier change has arrived everywhere ([`Aws::retry`]), and a resource that was
//! accepted but isn't ready yet ([`Aws::until`]). Each is bounded and says what it waits for, and
//! time that is up is an error. No other file of `aws` waits for AWS by itself.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use super::classify::{Class, Fault, Result};
use super::{Aws, Waiting};

/// How long to wait, and how often to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    first: Duration,
    longest: Duration,
    limit: Duration,
}

/// A new role is known everywhere within some 10 seconds; a minute is beyond what has been seen.
pub(super) const PROPAGATION: Patience = Patience::new(500, 3_000, 60);

/// Tables and functions take 3 to 20 seconds. Two minutes is what the SDKs' own waiters give a table
/// that is in trouble, before a person should look.
/// Nothing is ready within half a second, so a look before that would be a request for nothing.
pub(super) const READINESS: Patience = Patience::new(600, 2_000, 120);

/// Behind a custom domain stands a CloudFront distribution, and taking that down is reported to take
/// minutes. Three times the longest that others wait for it.
pub(super) const DISTRIBUTION: Patience = Patience::new(2_000, 10_000, 900);

/// Putting one up takes 15 to 20 minutes by what people report, and the guide speaks of up to an hour.
pub(super) const CREATION: Patience = Patience::new(2_000, 15_000, 3_600);

impl Patience {
    pub(super) const fn new(first_millis: u64, longest_millis: u64, limit_seconds: u64) -> Self {
        Self {
            first: Duration::from_millis(first_millis),
            longest: Duration::from_millis(longest_millis),
            limit: Duration::from_secs(limit_seconds),
        }
    }

    /// The pauses between attempts, each half as long again as the one before.
    pub(super) fn pauses(self) -> impl Iterator<Item = Duration> + Send {
        let mut slept = Duration::ZERO;
        let mut next = self.first;
        std::iter::from_fn(move || {
            let pause = next.min(self.limit.saturating_sub(slept));
            slept += pause;
            next = (next * 3 / 2).min(self.longest);
            (!pause.is_zero()).then_some(pause)
        })
    }
}

/// How to let time pass. Given to [`Aws`], so that a test whose answers are written down in advance
/// doesn't sit through the pauses between them.
pub(super) type Sleep = fn(Duration) -> BoxFuture<'static, ()>;

/// By the clock.
pub(super) fn sleep(pause: Duration) -> BoxFuture<'static, ()> {
    tokio::time::sleep(pause).boxed()
}

/// For requests nobody watches closely enough to be told what they wait for.
pub(super) const UNWATCHED: Waiting<'static> = &|_| {};

impl Aws {
    /// Sends until it succeeds or fails with a fault of a class that waiting doesn't cure. `cures`
    /// lists the classes that it does, with what is waited for. The last fault is what is left when
    /// time is up.
    pub(super) async fn retry<T, F>(
        &self,
        patience: Patience,
        waiting: Waiting<'_>,
        cures: &[(Class, &'static str)],
        mut send: impl FnMut() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut told = None;
        for pause in patience.pauses() {
            let fault = match send().await {
                Ok(value) => return Ok(value),
                Err(fault) => fault,
            };
            let Some(&(class, reason)) = cures.iter().find(|(class, _)| *class == fault.class)
            else {
                return Err(fault);
            };
            if told.replace(class) != Some(class) {
                waiting(reason);
            }
            (self.sleep)(pause).await;
        }
        send().await
    }

    /// Looks until there is an answer. `expected` completes "did not …", as in "become active".
    pub(super) async fn until<T, F>(
        &self,
        patience: Patience,
        waiting: Waiting<'_>,
        reason: &'static str,
        subject: &str,
        expected: &str,
        mut look: impl FnMut() -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>>,
    {
        waiting(reason);
        for pause in patience.pauses() {
            (self.sleep)(pause).await;
            if let Some(value) = look().await? {
                return Ok(value);
            }
        }
        let seconds = patience.limit.as_secs();
        Err(Fault::ours(format!(
            "`{subject}` did not {expected} within {seconds} s"
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Mutex;

    use super::*;
    use crate::aws::replay;

    fn fault(class: Class) -> Fault {
        Fault {
            class,
            ..Fault::ours("no")
        }
    }

    #[test]
    fn pauses_grow_to_the_longest_and_end_at_the_limit() {
        let pauses: Vec<Duration> = PROPAGATION.pauses().collect();
        assert_eq!(pauses[0], Duration::from_millis(500));
        assert_eq!(pauses[1], Duration::from_millis(750));
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(3)));
        assert_eq!(pauses.iter().sum::<Duration>(), Duration::from_secs(60));
    }

    #[tokio::test]
    async fn retries_what_waiting_cures_and_says_so_once() {
        let told = Mutex::new(Vec::new());
        let waiting = |reason| told.lock().expect("not poisoned").push(reason);
        let attempts = Cell::new(0);
        let (aws, _) = replay::aws([]);
        let result = aws
            .retry(PROPAGATION, &waiting, &[(Class::Busy, "the table")], || {
                attempts.set(attempts.get() + 1);
                let result = if attempts.get() < 4 {
                    Err(fault(Class::Busy))
                } else {
                    Ok("done")
                };
                async { result }
            })
            .await;
        assert_eq!(result.expect("the fourth attempt succeeds"), "done");
        assert_eq!(*told.lock().expect("not poisoned"), ["the table"]);
    }

    #[tokio::test]
    async fn gives_up_at_once_on_anything_else() {
        let attempts = Cell::new(0);
        let (aws, _) = replay::aws([]);
        let result: Result<()> = aws
            .retry(PROPAGATION, UNWATCHED, &[(Class::Busy, "x")], || {
                attempts.set(attempts.get() + 1);
                async { Err(fault(Class::Denied)) }
            })
            .await;
        assert_eq!(result.expect_err("denied").class, Class::Denied);
        assert_eq!(attempts.get(), 1);
    }

    #[tokio::test]
    async fn gives_back_the_last_fault_when_time_is_up() {
        let (aws, _) = replay::aws([]);
        let result: Result<()> = aws
            .retry(PROPAGATION, UNWATCHED, &[(Class::Busy, "x")], || async {
                Err(fault(Class::Busy))
            })
            .await;
        assert_eq!(result.expect_err("still busy").class, Class::Busy);
    }

    #[tokio::test]
    async fn what_never_gets_ready_times_out() {
        let (aws, _) = replay::aws([]);
        let result: Result<()> = aws
            .until(
                READINESS,
                UNWATCHED,
                "the table",
                "acme",
                "become active",
                || async { Ok(None) },
            )
            .await;
        assert_eq!(
            result.expect_err("never").message,
            "`acme` did not become active within 120 s"
        );
    }
}
