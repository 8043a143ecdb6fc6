//! The PreTokenGeneration trigger: puts `role`, `permissions` and `domains` into both tokens.
//!
//! A token is made of what DynamoDB says at that moment. When it says nothing, no token is made: a guess
//! would either lock people out or let them in. Two things may be older, by at most 60 seconds: what a role
//! permits, and which role a company's domain gives.
//!
//! A warm function waits for one round trip: the user's record, the user's domains and the definitions due
//! for another look are read side by side. Another follows for a domain and for a role this process has not seen in a
//! minute, for a user who has no record yet, for one whose address has changed or been proved, and, for 200 ms at most,
//! when deliveries still owed to the user are handed to confirmUser.

//!
//! [`Hooks`] are the project's own part: claims beside ours, and the veto against a token.

mod answer;
mod claims;
mod definitions;
mod handler;
mod hooks;
mod user;

use std::time::Instant;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use saasauth_contract::environment;

#[doc(hidden)]
pub use handler::GenerateToken;
pub use hooks::{Claims, Hooks, TokenRequest, Veto};
#[doc(hidden)]
pub use user::DISABLED;

use crate::aws::Aws;
use crate::event::Event;
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
    let began = Instant::now();
    let settings = environment::GenerateToken::from_vars(variable)?;
    let aws = Aws::from_variables(&variable, false)?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&aws.config);
    let trigger = GenerateToken::new(dynamodb, aws.signed, settings, hooks);
    // Lambda runs the start of a process at full speed: the connections are opened here, not in a sign-in.
    // Done before the first event is asked for, not beside it: whoever has asked and is given none is
    // frozen, requests under way and all, and a sign-in beside them would open connections of its own.
    trigger.prefetch(&Log::init()).await;
    let cold_start = ColdStart::since(began);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        cold_start.tell();
        let log = Log::new(&event.context.request_id);
        trigger.handle(event.payload, &log).await
    }))
    .await
}
