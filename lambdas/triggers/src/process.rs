//! The process of a function: its runtime, and what both triggers do while it starts.

use std::env;

use lambda_runtime::Error;
use saasauth_contract::MARKER;

/// Lambda's own variable: the name of this function.
pub(crate) const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// Reads a variable of the process. An empty one counts as absent: AWS consoles leave those behind.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Runs a function until Lambda ends its process.
pub(crate) fn run(function: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    // By this text in the binary a deploy knows which contract the package was built by. Nothing else reads
    // it, so the optimiser must be told that somebody might.
    std::hint::black_box(MARKER);
    // One invocation at a time is all a function instance ever sees: more threads would only cost start-up.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(function)
}
