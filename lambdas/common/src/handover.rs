//! Hands the deliveries owed to a user to an asynchronous invocation of confirmUser.
//!
//! The request is one line, so it is signed by hand: the Lambda SDK crate would make both triggers larger
//! for it. Needs `lambda:InvokeFunction` on the function.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::aws::Signed;
use crate::http::Unanswered;

/// The user is waiting, and `pending` remembers what a lost hand-over forgets.
const LONGEST: Duration = Duration::from_millis(1000);

/// Why the deliveries were not handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotHandedOver {
    /// Lambda refused, or failed: its status and error code.
    Refused { status: u16, code: String },
    /// Lambda could not be reached.
    Unanswered(Unanswered),
}

impl fmt::Display for NotHandedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status, code } => write!(f, "Lambda answered {status} {code}"),
            Self::Unanswered(why) => why.fmt(f),
        }
    }
}

impl std::error::Error for NotHandedOver {}

/// The payload that asks confirmUser to deliver what it owes to the user.
pub fn payload(sub: &str) -> Value {
    json!({ "saasauth": "deliver", "sub": sub })
}

/// The user a payload asks to deliver to; `None` when it is something else, such as a Cognito event.
pub fn asked_for(payload: &Value) -> Option<&str> {
    (payload.get("saasauth")?.as_str()? == "deliver").then_some(payload.get("sub")?.as_str()?)
}

/// Queues the deliveries of this user; they are made after this returns. `function` is the name or ARN of
/// confirmUser.
///
/// API: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
pub async fn hand_over(aws: &Signed, function: &str, sub: &str) -> Result<(), NotHandedOver> {
    let path = format!("/2015-03-31/functions/{function}/invocations");
    let headers = [
        ("content-type", "application/json"),
        ("x-amz-invocation-type", "Event"),
    ];
    let body = payload(sub).to_string();
    let answer = aws
        .post("lambda", &path, &headers, body, LONGEST)
        .await
        .map_err(NotHandedOver::Unanswered)?;
    if answer.is_success() {
        return Ok(());
    }
    Err(NotHandedOver::Refused {
        status: answer.status,
        code: crate::aws::error_code(&answer),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_payload_asks_for_a_delivery() {
        assert_eq!(asked_for(&payload("s-1")), Some("s-1"));
        assert_eq!(
            asked_for(&json!({ "saasauth": "repair", "sub": "s" })),
            None
        );
        assert_eq!(
            asked_for(&json!({ "triggerSource": "PostConfirmation" })),
            None
        );
    }
}
