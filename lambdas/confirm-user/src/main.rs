//! Wires the handler to the Lambda runtime.

use confirm_user::{ConfirmUser, Settings};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use trigger_common::{Event, Log, aws, failure};

// One invocation at a time is all a function instance ever sees: more threads would only cost start-up.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let settings = Settings::from_variables(&failure::variable)?;
    let config = aws::sdk_config(&failure::variable)?;
    let trigger = ConfirmUser::new(
        aws_sdk_dynamodb::Client::new(&config),
        aws_sdk_sesv2::Client::new(&config),
        settings,
    );
    run(service_fn(async |event: LambdaEvent<Event>| {
        let log = Log::new(&event.context.request_id);
        trigger.handle(event.payload, &log).await
    }))
    .await
}
