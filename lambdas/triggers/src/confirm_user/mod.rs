//! The PostConfirmation trigger: a person has just proved that an account is theirs.
//!
//! One transaction records the user, the company domain that the address belongs to, and the deliveries
//! the user is owed. The deliveries are handed to an asynchronous invocation of the same function, and the
//! user waits no longer. That invocation makes them; whichever fails stays on the record, and never touches
//! the sign-up. When the transaction itself can't be made, the whole event is handed over instead: Lambda
//! keeps and retries it. Only who gets through to neither DynamoDB nor Lambda fails the sign-up.

//!
//! [`Hooks`] are the project's own part: attributes on the record, and deliveries beside those of ours.

mod courier;
mod delivery;
mod handler;
mod hooks;
mod platform;
mod secrets;
mod settings;
mod welcome;

use std::time::{Duration, SystemTime};

use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use lambda_runtime::{Context, Error, LambdaEvent, service_fn};
use serde_json::Value;
use tokio::time::Instant;

pub use delivery::Person;
#[doc(hidden)]
pub use handler::ConfirmUser;
pub use hooks::{Hooks, NewUser, NotDelivered};
#[doc(hidden)]
pub use settings::{Marketing, Settings};

use crate::aws::Aws;
use crate::log::Log;
use crate::metric::ColdStart;
use crate::process::{self, variable};

/// Runs the function until Lambda ends its process.
///
/// # Errors
/// When the environment lacks something, or Lambda can't be reached.
pub fn run(hooks: impl Hooks) -> Result<(), Error> {
    process::run(serve(hooks))
}

async fn serve(hooks: impl Hooks) -> Result<(), Error> {
    let began = std::time::Instant::now();
    let settings = Settings::from_variables(&variable)?;
    // Even beside a local cloud on plain HTTP, the platforms are asked over HTTPS.
    let aws = Aws::from_variables(&variable, settings.marketing.is_some())?;
    let ses = aws_sdk_sesv2::config::Builder::from(&aws.config)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .build();
    let trigger = ConfirmUser::new(
        aws_sdk_dynamodb::Client::new(&aws.config),
        aws_sdk_sesv2::Client::from_conf(ses),
        &aws,
        settings,
        hooks,
    );
    // Lambda runs the start of a process at full speed: the connection is opened here, not in a sign-up.
    trigger.prepare(&Log::init()).await;
    let cold_start = ColdStart::since(began);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        cold_start.tell();
        let log = Log::new(&event.context.request_id);
        let deadline = Instant::now() + time_left(&event.context);
        trigger.answer(event.payload, deadline, &log).await
    }))
    .await
}

/// How long Lambda lets this invocation run on.
fn time_left(context: &Context) -> Duration {
    context
        .deadline()
        .duration_since(SystemTime::now())
        .unwrap_or_default()
}
