//! Running the PostConfirmation trigger, as long and as often as Cognito does.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde_json::Value;

use super::facts::{Pool, User};
use super::{Operation, Refused, refuse};
use crate::local::front_door::call::Reply;
use crate::local::front_door::trace::TraceLine;
use crate::local::front_door::trigger::{
    NO_CLIENT, PostConfirmation, TriggerSource, is_answer_to, permits_cognito,
};

/// How long a trigger may take, and how often it is called: the developer guide, "Customizing user pool
/// workflows with Lambda triggers": "must respond within 5 seconds. If it does not, Amazon Cognito retries
/// the call. After three unsuccessful attempts, the function times out." A call that was too slow goes on
/// by itself, so a slow trigger handles its event several times.
const LIMIT: Duration = Duration::from_secs(5);
const TRIES: u32 = 3;

/// Behind a lenient door: as long as all tries together, and no event handled twice, for who stands in a
/// debugger.
const LENIENT_LIMIT: Duration = Duration::from_secs(15);

impl Operation<'_> {
    /// Runs the pool's PostConfirmation trigger, if it has one, and waits for it.
    pub(in crate::local::front_door) async fn post_confirmation(
        &self,
        pool: &Pool,
        user: &User,
        source: TriggerSource,
    ) -> Refused {
        let Some(function) = pool
            .described
            .pointer("/LambdaConfig/PostConfirmation")
            .and_then(Value::as_str)
        else {
            return Ok(());
        };
        let policy = self
            .door
            .upstream
            .function_policy(self.scope, function)
            .await;
        if !policy.is_some_and(|policy| permits_cognito(&policy, pool.arn())) {
            return unexpected("AccessDeniedException");
        }
        let event = PostConfirmation {
            source,
            region: &self.scope.region,
            pool_id: &pool.id,
            username: &user.username,
            client_id: self.text("ClientId").unwrap_or(NO_CLIENT),
            status: &user.status,
            attributes: &user.attributes,
            client_metadata: self.input.get("ClientMetadata"),
        }
        .event();
        let (limit, tries) = if self.door.strict {
            (LIMIT, TRIES)
        } else {
            (LENIENT_LIMIT, 1)
        };
        let mut reply = None;
        for _ in 0..tries {
            reply = self.invoke(function, &event, limit).await;
            if reply.is_some() {
                break;
            }
        }
        let Some(reply) = reply else {
            return unexpected("Socket timeout while invoking Lambda function");
        };
        let payload = reply.json().unwrap_or_default();
        if !reply.is_success() {
            let reason = payload["__type"]
                .as_str()
                .unwrap_or("InternalErrorException");
            return unexpected(reason);
        }
        if reply.headers.contains_key("x-amz-function-error") {
            let reason = payload["errorMessage"].as_str().unwrap_or("Unknown");
            let message = format!("PostConfirmation failed with error {reason}.");
            return refuse("UserLambdaValidationException", &message);
        }
        let taken = if self.door.strict {
            is_answer_to(&event, &payload)
        } else {
            payload.is_object()
        };
        if taken {
            return Ok(());
        }
        refuse(
            "InvalidLambdaResponseException",
            "Unrecognizable lambda output",
        )
    }

    /// One call; nothing when it takes too long.
    async fn invoke(&self, function: &str, event: &Value, limit: Duration) -> Option<Reply> {
        let started = Instant::now();
        let invocation = self.door.upstream.invoke(self.scope, function, event);
        let reply = tokio::time::timeout(limit, invocation).await.ok();
        let status = reply
            .as_ref()
            .map_or(StatusCode::GATEWAY_TIMEOUT, |reply| reply.status);
        let line = TraceLine {
            service: "lambda",
            action: "Invoke (PostConfirmation)",
            status: status.as_u16(),
            account: Some(&self.scope.access_key),
        };
        self.door.trace.record(&line, started.elapsed());
        reply
    }
}

fn unexpected(reason: &str) -> Refused {
    let message = format!("PostConfirmation invocation failed due to error {reason}.");
    refuse("UnexpectedLambdaException", &message)
}
