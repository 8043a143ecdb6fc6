//! Wires the handler to the Lambda runtime.

use std::time::{Duration, SystemTime};

use aws_sdk_sesv2::config::retry::RetryConfig;
use aws_sdk_sesv2::config::timeout::TimeoutConfig;
use confirm_user::{ConfirmUser, Settings};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;
use tokio::time::Instant;
use trigger_common::aws::Aws;
use trigger_common::metric::ColdStart;
use trigger_common::{Log, failure};

// One invocation at a time is all a function instance ever sees: more threads would only cost start-up.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let began = std::time::Instant::now();
    let settings = Settings::from_variables(&failure::variable)?;
    // Even beside a local cloud on plain HTTP, the platforms are asked over HTTPS.
    let aws = Aws::from_variables(&failure::variable, settings.marketing.is_some())?;
    let ses = aws_sdk_sesv2::config::Builder::from(&aws.config)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .build();
    let trigger = ConfirmUser::new(
        aws_sdk_dynamodb::Client::new(&aws.config),
        aws_sdk_sesv2::Client::from_conf(ses),
        &aws,
        settings,
    );
    // Lambda runs the start of a process at full speed: the connection is opened here, not in a sign-up.
    trigger.prepare(&Log::init()).await;
    let cold_start = ColdStart::since(began);
    run(service_fn(async |event: LambdaEvent<Value>| {
        cold_start.tell();
        let log = Log::new(&event.context.request_id);
        let deadline = Instant::now() + time_left(&event.context);
        trigger.answer(event.payload, deadline, &log).await
    }))
    .await
}

/// How long Lambda lets this invocation run on.
fn time_left(context: &lambda_runtime::Context) -> Duration {
    context
        .deadline()
        .duration_since(SystemTime::now())
        .unwrap_or_default()
}
