//! How often a user may try: requests for codes and with them, and wrong passwords.
//!
//! The developer guide's quotas, "Quotas on the number of user pool API requests per user": so many an
//! hour. Where it gives a range that depends on risk, the upper end stands here.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Operations that are counted, and how often a user may in an hour.
const AN_HOUR: [(&str, usize); 7] = [
    ("ChangePassword", 5),
    ("ConfirmForgotPassword", 20),
    ("ConfirmSignUp", 15),
    ("ForgotPassword", 20),
    ("GetUserAttributeVerificationCode", 5),
    ("ResendConfirmationCode", 5),
    ("VerifyUserAttribute", 15),
];

/// How many wrong passwords or codes cost nothing, and after how long without any they are forgotten: the
/// developer guide, "Lockout behavior for failed sign-in attempts".
const FREE_FAILURES: u32 = 5;
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);

/// A user, by pool and the pool's own name of them.
type Who = (String, String);

/// Who tried what, and when.
#[derive(Debug, Default)]
pub(super) struct Limits {
    inner: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    requests: HashMap<(Who, &'static str), VecDeque<Instant>>,
    failures: HashMap<Who, Failures>,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    /// After the n-th failure Cognito locks for 2^(n-5) seconds, a quarter of an hour at most.
    fn locked(&self, now: Instant) -> bool {
        let Some(exponent) = self.count.checked_sub(FREE_FAILURES) else {
            return false;
        };
        let lock = Duration::from_secs(1 << exponent.min(10)).min(FORGOTTEN);
        now < self.last + lock
    }
}

impl Limits {
    /// Counts a request; `false` when the user has had enough of them.
    pub(super) fn allow(&self, action: &str, pool_id: &str, username: &str, now: Instant) -> bool {
        let Some((action, most)) = AN_HOUR.iter().find(|(name, _)| *name == action) else {
            return true;
        };
        let who = (pool_id.to_owned(), username.to_owned());
        let mut counts = self.lock();
        let times = counts.requests.entry((who, action)).or_default();
        while times.front().is_some_and(|time| *time + HOUR <= now) {
            times.pop_front();
        }
        if times.len() >= *most {
            return false;
        }
        times.push_back(now);
        true
    }

    /// Whether the user's wrong passwords keep them out for now.
    pub(super) fn is_locked_out(&self, pool_id: &str, username: &str, now: Instant) -> bool {
        let who = (pool_id.to_owned(), username.to_owned());
        self.lock()
            .failures
            .get(&who)
            .is_some_and(|failures| failures.locked(now))
    }

    /// Counts a wrong password or code.
    pub(super) fn failed(&self, pool_id: &str, username: &str, now: Instant) {
        let who = (pool_id.to_owned(), username.to_owned());
        let mut counts = self.lock();
        let failures = counts.failures.entry(who).or_insert(Failures {
            count: 0,
            last: now,
        });
        if failures.last + FORGOTTEN <= now {
            failures.count = 0;
        }
        failures.count += 1;
        failures.last = now;
    }

    /// Forgets wrong passwords: the user is in.
    pub(super) fn succeeded(&self, pool_id: &str, username: &str) {
        let who = (pool_id.to_owned(), username.to_owned());
        self.lock().failures.remove(&who);
    }

    pub(super) fn clear(&self) {
        *self.lock() = Counts::default();
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_the_hour_and_by_user() {
        let (limits, now) = (Limits::default(), Instant::now());
        let allow = |user: &str, now| limits.allow("ResendConfirmationCode", "p", user, now);
        for _ in 0..5 {
            assert!(allow("ada", now));
        }
        assert!(!allow("ada", now));
        assert!(allow("bob", now));
        assert!(allow("ada", now + HOUR));
        assert!((0..100).all(|_| limits.allow("SignUp", "p", "ada", now)));
    }

    #[test]
    fn wrong_passwords_lock_out_for_longer_and_longer() {
        let (limits, now) = (Limits::default(), Instant::now());
        let locked = |after| limits.is_locked_out("p", "ada", now + Duration::from_millis(after));
        for _ in 0..4 {
            limits.failed("p", "ada", now);
        }
        assert!(!locked(0));
        limits.failed("p", "ada", now);
        assert!(locked(0) && !locked(1000));
        limits.failed("p", "ada", now);
        assert!(locked(1500) && !locked(2000));
        for _ in 0..20 {
            limits.failed("p", "ada", now);
        }
        assert!(locked(500_000) && !locked(900_000));
        limits.succeeded("p", "ada");
        assert!(!locked(0));
    }
}
