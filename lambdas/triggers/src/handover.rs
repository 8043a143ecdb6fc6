//! Hands work to an asynchronous invocation of confirmUser: the deliveries owed to a user, or a whole
//! confirmation that could not be written down.
//!
//! The request is one line, so it is signed by hand: the Lambda SDK crate would make both triggers larger
//! for it. Needs `lambda:InvokeFunction` on the function.

use std::fmt;
use std::time::Duration;

use saasauth_contract::handover::Handover;
use serde_json::Value;
use tokio::time::Instant;

use crate::aws::Signed;
use crate::http::Unanswered;

/// The user is waiting, and `pending` remembers what a lost hand-over forgets.
const LONGEST: Duration = Duration::from_millis(1000);
/// Before the second attempt; each further pause is twice as long.
const PAUSE: Duration = Duration::from_millis(50);

/// Why the deliveries were not handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotHandedOver {
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

/// Queues the work; it is done after this returns. `function` is the name or ARN of confirmUser.
///
/// Tried again when Lambda has too much to do or fails: done twice, the work is found done, or claimed.
///
/// API: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
pub(crate) async fn hand_over(
    aws: &Signed,
    function: &str,
    work: &Handover<'_, &Value>,
) -> Result<(), NotHandedOver> {
    let path = format!("/2015-03-31/functions/{function}/invocations");
    let headers = [
        ("content-type", "application/json"),
        ("x-amz-invocation-type", "Event"),
    ];
    // A text and a value of JSON; neither can fail.
    let body = serde_json::to_string(work).unwrap_or_default();
    let begun = Instant::now();
    let mut pause = PAUSE;
    loop {
        let rest = LONGEST.saturating_sub(begun.elapsed());
        let answer = aws
            .post("lambda", &path, &headers, body.clone(), rest)
            .await
            .map_err(NotHandedOver::Unanswered)?;
        if answer.is_success() {
            return Ok(());
        }
        let passes = answer.status == 429 || answer.status >= 500;
        if !passes || begun.elapsed() + pause >= LONGEST {
            return Err(NotHandedOver::Refused {
                status: answer.status,
                code: crate::aws::error_code(&answer),
            });
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}
