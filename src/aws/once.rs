//! Creates that AWS doesn't deduplicate: CreateUserPool and CreateUserPoolClient take no token, and a name does not
//! have to be unique, so one that is sent twice makes two (their API reference).
//!
//! The SDK repeats a request whose answer got lost; for these its own repeating is off. Here it is looked for what
//! the request may have made, and sent again only once that is known not to be there.

use std::time::Duration;

use aws_sdk_cognitoidentityprovider::config::Builder;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;

use super::classify::{Class, Fault, Result};
use super::wait::PROPAGATION;
use super::{Aws, Waiting};

/// What became of a create.
pub(super) enum Answer<T> {
    /// It is made.
    Made(T),
    /// It is not made.
    Refused(Fault),
    /// Nobody knows.
    Lost(Fault),
}

/// Switches off that the SDK repeats a request by itself.
pub(super) fn unrepeated() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

impl<T> Answer<T> {
    pub(super) fn of<E>(result: Result<T, SdkError<E, HttpResponse>>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let error = match result {
            Ok(made) => return Self::Made(made),
            Err(error) => error,
        };
        let lost = match &error {
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => true,
            // A request that never left, for want of credentials for one, made nothing.
            SdkError::DispatchFailure(failure) => {
                !failure.is_user() && failure.is_io() || failure.is_timeout()
            }
            SdkError::ServiceError(answer) => answer.raw().status().is_server_error(),
            _ => false,
        };
        let fault = Fault::from(error);
        if lost {
            Self::Lost(fault)
        } else {
            Self::Refused(fault)
        }
    }
}

/// How often, and after which pauses, is looked for what a lost answer may have told of. Lists may lag; no bound is
/// published.
const LOOKS: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// How many answers may get lost before it is said that they do.
const LOST_AT_MOST: usize = 4;

const A_LOST_ANSWER: &str = "an answer that got lost";

/// What waiting cures: the request was refused as a whole, so sending it again is no second one.
fn cure(fault: &Fault) -> Option<&'static str> {
    match (fault.class, fault.code.as_deref()) {
        (Class::Propagation, _) => Some("IAM to make the role for text messages known"),
        (Class::Busy, _) => Some("the user pool to finish another change"),
        (_, Some("TooManyRequestsException" | "ThrottlingException" | "Throttling")) => {
            Some("Cognito to take more requests")
        }
        _ => None,
    }
}

impl Aws {
    /// Makes something once, however often the answer gets lost. `look` finds what an earlier request made.
    pub(super) async fn once<T, Send, Look>(
        &self,
        waiting: Waiting<'_>,
        mut send: impl FnMut() -> Send,
        mut look: impl FnMut() -> Look,
    ) -> Result<T>
    where
        Send: Future<Output = Answer<T>>,
        Look: Future<Output = Result<Option<T>>>,
    {
        let mut pauses = PROPAGATION.pauses();
        let mut lost = 0;
        loop {
            let fault = match send().await {
                Answer::Made(made) => return Ok(made),
                Answer::Refused(fault) => match cure(&fault) {
                    Some(reason) => {
                        waiting(reason);
                        fault
                    }
                    None => return Err(fault),
                },
                Answer::Lost(fault) => {
                    waiting(A_LOST_ANSWER);
                    for pause in LOOKS {
                        (self.sleep)(pause).await;
                        if let Some(made) = look().await? {
                            return Ok(made);
                        }
                    }
                    lost += 1;
                    if lost == LOST_AT_MOST {
                        return Err(fault);
                    }
                    fault
                }
            };
            let Some(pause) = pauses.next() else {
                return Err(fault);
            };
            (self.sleep)(pause).await;
        }
    }
}
