//! How a trigger fails.

use std::borrow::Cow;

use lambda_runtime::Diagnostic;

/// Why a trigger refused an event. Cognito shows the message to whoever is signing up or in, so what went
/// wrong inside stays in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerError {
    /// A word for alarms and tests, such as `StoreUnavailable`.
    pub kind: &'static str,
    /// One sentence for the user.
    pub message: Cow<'static, str>,
}

impl TriggerError {
    /// DynamoDB could not be read or written.
    pub const STORE_UNAVAILABLE: Self = Self {
        kind: "StoreUnavailable",
        message: Cow::Borrowed("your account could not be reached, please try again"),
    };
    /// The event names no user.
    pub const NO_USER: Self = Self {
        kind: "InvalidEvent",
        message: Cow::Borrowed("the request names no user"),
    };
}

impl From<TriggerError> for Diagnostic {
    fn from(error: TriggerError) -> Self {
        Self {
            error_type: error.kind.to_owned(),
            error_message: error.message.into_owned(),
        }
    }
}
