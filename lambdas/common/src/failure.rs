//! How a trigger fails.

use std::env;
use std::error::Error;
use std::fmt;

use lambda_runtime::Diagnostic;

/// Why a trigger refused an event. Cognito shows the message to whoever is signing up or in, so it is
/// fixed text: what went wrong inside stays in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TriggerError {
    /// A word for alarms and tests, such as `StoreUnavailable`.
    pub kind: &'static str,
    /// One sentence for the user.
    pub message: &'static str,
}

impl TriggerError {
    /// DynamoDB could not be read or written.
    pub const STORE_UNAVAILABLE: Self = Self {
        kind: "StoreUnavailable",
        message: "your account could not be reached, please try again",
    };
    /// The event names no user.
    pub const NO_USER: Self = Self {
        kind: "InvalidEvent",
        message: "the request names no user",
    };
}

impl From<TriggerError> for Diagnostic {
    fn from(error: TriggerError) -> Self {
        Self {
            error_type: error.kind.to_owned(),
            error_message: error.message.to_owned(),
        }
    }
}

/// The function's environment lacks something, or contradicts itself. Ends the process at its start.
#[derive(Debug, PartialEq, Eq)]
pub struct Setup(pub String);

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Setup {}

/// Reads a variable of the process. An empty one counts as absent: AWS consoles leave those behind.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable that must be there.
pub fn required(lookup: &impl Fn(&str) -> Option<String>, name: &str) -> Result<String, Setup> {
    lookup(name).ok_or_else(|| Setup(format!("the environment variable `{name}` is not set")))
}
