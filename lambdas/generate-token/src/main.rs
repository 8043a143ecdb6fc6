//! Wires the handler to the Lambda runtime.

use generate_token::{GenerateToken, Settings};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use trigger_common::{Event, Log, aws, failure};

// One invocation at a time is all a function instance ever sees: more threads would only cost start-up.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_variables(&failure::variable)?;
    let config = aws::sdk_config(&failure::variable)?;
    let trigger = GenerateToken::new(aws_sdk_dynamodb::Client::new(&config), settings);
    // Lambda runs the start of a process at full speed: the connection is opened here, not in a sign-in.
    trigger.prefetch(&Log::init()).await;
    run(service_fn(async |event: LambdaEvent<Event>| {
        let log = Log::new(&event.context.request_id);
        trigger.handle(event.payload, &log).await
    }))
    .await
}
