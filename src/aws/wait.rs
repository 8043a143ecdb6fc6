//! Waiting for AWS: how long and how often, and the loop that looks until something is ready.
//!
//! A request that is refused for a while is sent again below every request, by the table in `policy`. Here is
//! the other wait: a resource that was accepted but isn't ready yet ([`Aws::until`]). It is bounded and says what
//! it waits for, and time that is up is an error. No other file of `aws` waits for AWS by itself.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;

use super::classify::{Fault, Result};
use super::{Aws, Waiting, policy};
use saasauth_model::resource::Kind;

/// How long to wait, and how often to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    first: Duration,
    longest: Duration,
    limit: Duration,
    spread: bool,
}

/// Tables and functions take 3 to 20 seconds. Two minutes is what the SDKs' own waiters give a table
/// that is in trouble, before a person should look.
/// Nothing is ready within half a second, so a look before that would be a request for nothing.
pub(super) const READINESS: Patience = Patience::new(500, 2_000, 120);

/// Behind a custom domain stands a CloudFront distribution, and taking that down is reported to take
/// minutes. Three times the longest that others wait for it.
pub(super) const DISTRIBUTION: Patience = Patience::new(2_000, 10_000, 900);

/// Putting one up takes 15 to 20 minutes by what people report, and the guide speaks of up to an hour.
pub(super) const CREATION: Patience = Patience::new(2_000, 15_000, 3_600);

/// What was made a moment ago is missing from a list or a read for some seconds.
pub(super) const LAG: Patience = Patience::new(500, 2_000, 15);

/// Whether reads of such a thing lag behind its writes, so that one that finds nothing proves nothing: IAM's do ("Changes
/// that I make are not always immediately visible" in its user guide), and so do those of a queue, for a second at least
/// (SQS's reference of CreateQueue).
pub(super) fn lags(kind: Kind) -> bool {
    matches!(kind, Kind::Role | Kind::RolePolicy | Kind::Queue)
}

impl Patience {
    pub(super) const fn new(first_millis: u64, longest_millis: u64, limit_seconds: u64) -> Self {
        Self {
            first: Duration::from_millis(first_millis),
            longest: Duration::from_millis(longest_millis),
            limit: Duration::from_secs(limit_seconds),
            spread: false,
        }
    }

    /// Each pause is anything between nothing and the whole, so that those who were refused together don't
    /// come back together.
    pub(super) const fn spread(self) -> Self {
        Self {
            spread: true,
            ..self
        }
    }

    /// The pauses between attempts, each half as long again as the one before.
    pub(super) fn pauses(self) -> impl Iterator<Item = Duration> + Send {
        let mut slept = Duration::ZERO;
        (0..).map_while(move |times| {
            let pause = self.whole_pause(times, slept)?;
            slept += pause;
            Some(pause)
        })
    }

    /// The pause after this many, when so much time has passed in them; `None` when time is up.
    pub(super) fn pause(self, times: u32, slept: Duration) -> Option<Duration> {
        let pause = self.whole_pause(times, slept)?;
        Some(match self.spread {
            true => pause.mul_f64(rand::random()),
            false => pause,
        })
    }

    fn whole_pause(self, times: u32, slept: Duration) -> Option<Duration> {
        // Some twenty steps lead from the shortest to the longest that any wait has.
        let grown = self
            .first
            .mul_f64(1.5_f64.powi(times.min(40).cast_signed()));
        let left = self.limit.saturating_sub(slept);
        let pause = grown.min(self.longest).min(left);
        (!pause.is_zero()).then_some(pause)
    }

    /// How long in all.
    pub(super) fn limit(self) -> Duration {
        self.limit
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

/// When operations that are taken at a certain pace may be sent next.
#[derive(Debug, Default)]
pub(super) struct Paces(Mutex<BTreeMap<&'static str, Instant>>);

impl Paces {
    /// Takes the next turn, and says how long it is until then.
    fn turn(&self, operation: &'static str, every: Duration) -> Duration {
        let now = Instant::now();
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next.get(operation).map_or(now, |&next| next.max(now));
        next.insert(operation, turn + every);
        turn - now
    }
}

impl Aws {
    /// Waits for the turn of an operation that AWS takes at a certain pace. Emulators have none.
    pub(super) async fn pace(&self, operation: &'static str, waiting: Waiting<'_>) {
        let Some((what, every)) = policy::pace(operation) else {
            return;
        };
        if self.endpoint_url().is_some() {
            return;
        }
        let pause = self.paces.turn(operation, every);
        if !pause.is_zero() {
            waiting(what);
            (self.sleep)(pause).await;
        }
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
    use super::*;
    use crate::aws::replay;

    #[test]
    fn pauses_grow_to_the_longest_and_end_at_the_limit() {
        let pauses: Vec<Duration> = Patience::new(500, 3_000, 60).pauses().collect();
        assert_eq!(pauses[0], Duration::from_millis(500));
        assert_eq!(pauses[1], Duration::from_millis(750));
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(3)));
        assert_eq!(pauses.iter().sum::<Duration>(), Duration::from_secs(60));
    }

    #[test]
    fn turns_come_one_after_the_other() {
        let (paces, second) = (Paces::default(), Duration::from_secs(1));
        assert!(paces.turn("x", second).is_zero());
        let (next, other) = (paces.turn("x", second), paces.turn("y", second));
        assert!(next > second / 2 && next <= second, "{next:?}");
        assert!(
            paces.turn("x", second) > second,
            "the third comes after the second"
        );
        assert!(other.is_zero(), "each operation has its own");
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
