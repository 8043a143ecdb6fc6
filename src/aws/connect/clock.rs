//! Who we are, and how far this machine's clock is from AWS's.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

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

/// Reads the `Date` of answers, those that are errors among them.
#[derive(Debug, Clone, Default)]
struct Clock(Arc<Mutex<Option<i64>>>);

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
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(date.secs() - now.secs());
        }
        Ok(())
    }
}

impl Aws {
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
        let ahead = *clock.0.lock().unwrap_or_else(PoisonError::into_inner);
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
