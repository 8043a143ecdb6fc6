//! Hands work to an asynchronous invocation of confirmUser: the deliveries owed to a user, or a whole
//! confirmation that could not be written down.
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

/// What a payload of ours asks confirmUser for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Asked<'a> {
    /// To deliver what is owed to the user of this `sub`.
    Deliver(&'a str),
    /// To record the user of this PostConfirmation event, and to deliver.
    Confirm(&'a Value),
}

impl<'a> Asked<'a> {
    /// What a payload asks for; `None` when it is something else, such as a Cognito event.
    pub fn in_payload(payload: &'a Value) -> Option<Self> {
        match payload.get("saasauth")?.as_str()? {
            "deliver" => Some(Self::Deliver(payload.get("sub")?.as_str()?)),
            "confirm" => Some(Self::Confirm(payload.get("event")?)),
            _ => None,
        }
    }

    /// The payload that asks for it.
    pub fn payload(self) -> Value {
        match self {
            Self::Deliver(sub) => json!({ "saasauth": "deliver", "sub": sub }),
            Self::Confirm(event) => json!({ "saasauth": "confirm", "event": event }),
        }
    }
}

/// Queues what is asked for; it is done after this returns. `function` is the name or ARN of confirmUser.
///
/// API: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
pub async fn hand_over(
    aws: &Signed,
    function: &str,
    asked: Asked<'_>,
) -> Result<(), NotHandedOver> {
    let path = format!("/2015-03-31/functions/{function}/invocations");
    let headers = [
        ("content-type", "application/json"),
        ("x-amz-invocation-type", "Event"),
    ];
    let body = asked.payload().to_string();
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
    fn only_its_own_payloads_ask_for_something() {
        let event = json!({ "triggerSource": "PostConfirmation_ConfirmSignUp" });
        for asked in [Asked::Deliver("s-1"), Asked::Confirm(&event)] {
            assert_eq!(Asked::in_payload(&asked.payload()), Some(asked));
        }
        assert_eq!(Asked::in_payload(&event), None);
        for foreign in [
            json!({ "saasauth": "repair", "sub": "s" }),
            json!({ "saasauth": "deliver" }),
            json!({ "saasauth": "confirm" }),
        ] {
            assert_eq!(Asked::in_payload(&foreign), None, "{foreign}");
        }
    }
}
