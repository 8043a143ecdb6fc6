//! Who we are, how far this machine's clock is from AWS's, and what time it is there.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;

use super::super::classify::Result;
use super::super::clients::{Aws, Caller};

/// What STS says when it is asked who asks.
#[derive(Debug, Clone)]
pub struct Greeting {
    /// Account and partition.
    pub caller: Caller,
    /// The user or the session of a role.
    pub arn: String,
    /// By how many seconds AWS's clock is ahead of this machine's; below zero when it is behind.
    pub ahead: Option<i64>,
}

/// A service's clock: the `Date` of its answers, those that are errors among them.
#[derive(Debug, Clone, Default)]
pub(in crate::aws) struct Clock(Arc<Mutex<Option<Reading>>>);

#[derive(Debug, Clone, Copy)]
struct Reading {
    /// In seconds since 1970.
    date: i64,
    /// When that was, since this machine started.
    at: Duration,
    /// By how many seconds it was ahead of this machine's clock.
    ahead: i64,
}

/// The time since this machine started, asleep or awake: it never jumps, and other than [`Instant`](std::time::Instant) it
/// doesn't stand still while a laptop is closed.
pub fn uptime() -> Duration {
    #[cfg(target_os = "linux")]
    const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
    // Counts sleep on macOS.
    #[cfg(not(target_os = "linux"))]
    const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(CLOCK);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

impl Clock {
    /// What time it is there, in seconds since 1970; by this machine's clock as long as nothing was answered.
    pub(in crate::aws) fn now(&self) -> u64 {
        let reading = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = match reading {
            Some(Reading { date, at, .. }) => {
                let since = uptime().saturating_sub(at).as_secs();
                date.saturating_add_unsigned(since)
            }
            None => DateTime::from(SystemTime::now()).secs(),
        };
        u64::try_from(now).unwrap_or_default()
    }
}

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "read the date"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Some(date) = date {
            let now = DateTime::from(SystemTime::now());
            let reading = Reading {
                date: date.secs(),
                at: uptime(),
                ahead: date.secs() - now.secs(),
            };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading);
        }
        Ok(())
    }
}

impl Aws {
    /// What time it is for DynamoDB, in seconds since 1970.
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// Asks STS who we are, and notes what time it is there. The time comes back whatever the answer is.
    pub async fn greet(&self) -> (Result<Greeting>, Option<i64>) {
        let clock = Clock::default();
        let answer = self
            .sts
            .get_caller_identity()
            .customize()
            .interceptor(clock.clone())
            .send()
            .await;
        let reading = *clock.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = reading.map(|reading| reading.ahead);
        let greeting = answer.map_err(Into::into).map(|identity| {
            let arn = identity.arn().unwrap_or_default().to_owned();
            Greeting {
                caller: Caller::of(&arn, identity.account().unwrap_or_default()),
                arn,
                ahead,
            }
        });
        (greeting, ahead)
    }
}
