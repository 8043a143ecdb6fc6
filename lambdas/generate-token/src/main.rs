//! Wires the handler to the Lambda runtime.

use std::time::Instant;

use generate_token::{GenerateToken, Settings};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use trigger_common::aws::Aws;
use trigger_common::metric::ColdStart;
use trigger_common::{Event, Log, failure};

// One invocation at a time is all a function instance ever sees: more threads would only cost start-up.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let began = Instant::now();
    let settings = Settings::from_variables(&failure::variable)?;
    let aws = Aws::from_variables(&failure::variable, false)?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&aws.config);
    let trigger = GenerateToken::new(dynamodb, aws.signed, settings);
    // Lambda runs the start of a process at full speed: the connections are opened here, not in a sign-in.
    // Done before the first event is asked for, not beside it: whoever has asked and is given none is
    // frozen, requests under way and all, and a sign-in beside them would open connections of its own.
    trigger.prefetch(&Log::init()).await;
    let cold_start = ColdStart::since(began);
    run(service_fn(async |event: LambdaEvent<Event>| {
        cold_start.tell();
        let log = Log::new(&event.context.request_id);
        trigger.handle(event.payload, &log).await
    }))
    .await
}
