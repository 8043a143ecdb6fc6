//! Sends nothing more once a lease is over.
//!
//! Whoever's lock has run out may have lost it to somebody else, who is changing the same resources. That is seen late by
//! who was asleep, as a closed laptop is: so each attempt of each request looks at the time itself.

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

use super::connect::uptime;

/// Until when requests may be sent.
#[derive(Debug, Clone)]
pub struct Lease(Arc<Mutex<Duration>>);

impl Lease {
    /// One that lasts until this time since the machine started.
    pub fn until(end: Duration) -> Self {
        Self(Arc::new(Mutex::new(end)))
    }

    /// Makes it last until then.
    pub fn renew(&self, end: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    /// Ends it now.
    pub fn end(&self) {
        self.renew(Duration::ZERO);
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        uptime() >= *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

tokio::task_local! {
    static UNDER: Lease;
}

/// Does work whose requests are sent only while the lease lasts.
pub async fn under<T>(lease: &Lease, work: impl Future<Output = T>) -> T {
    UNDER.scope(lease.clone(), Box::pin(work)).await
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LeaseOver;

impl fmt::Display for LeaseOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not sent: the stage's lock was lost")
    }
}

impl StdError for LeaseOver {}

impl LeaseOver {
    /// Whether an error comes from that.
    pub(super) fn is_behind(error: &(dyn StdError + 'static)) -> bool {
        let mut sources = std::iter::successors(Some(error), |&error| error.source());
        sources.any(|error| error.is::<Self>())
    }
}

/// Looks at the lease before each attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Guard;

impl Intercept for Guard {
    fn name(&self) -> &'static str {
        "send under a lease"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Who works under none sends as ever.
        let is_over = UNDER.try_with(Lease::is_over).unwrap_or(false);
        match is_over {
            true => Err(LeaseOver.into()),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay;
    use crate::aws::{Class, Fault};

    #[tokio::test]
    async fn nothing_is_sent_after_the_end() {
        let done = (204, String::new());
        let (aws, replay) = replay::aws([done.clone(), done]);
        let lease = Lease::until(uptime() + Duration::from_secs(60));
        under(&lease, aws.delete_function("f"))
            .await
            .expect("it is sent");
        lease.end();
        let refused = under(&lease, aws.delete_function("f")).await;
        let fault: Fault = refused.expect_err("the lease is over");
        assert_eq!(fault.class, Class::LeaseOver, "{fault:?}");
        aws.delete_function("f").await.expect("outside it is sent");
        assert_eq!(replay.finish().len(), 2);
    }
}
