//! Talking to the emulator behind the door, as the caller or on the caller's behalf.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};

use super::call::{AWS_JSON, Call, Reply};
use super::scope::Scope;
use crate::local::place::Place;
use saasauth_model::error::{Error, ErrorKind, Result};

/// The longest any call may take: Lambda's own limit for a synchronous invocation.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The emulator closes idle connections after 75 s; ours go well before, never into a closing one.
const IDLE: Duration = Duration::from_secs(30);

pub(super) const COGNITO: &str = "AWSCognitoIdentityProviderService";

/// The emulator.
#[derive(Debug)]
pub(super) struct Upstream {
    client: reqwest::Client,
    /// What requests are addressed to.
    url: String,
}

impl Upstream {
    /// The one at this place, which need not be there yet.
    pub(super) fn new(place: &Place) -> Result<Self> {
        let client = place
            .client()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(LONGEST)
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(|error| {
                Error::new(
                    ErrorKind::Local,
                    "could not set up the local cloud's front door",
                )
                .with_source(&error)
            })?;
        Ok(Self {
            client,
            url: place.url(),
        })
    }

    /// Sends a call on as it is. An emulator that does not answer is a 503, which SDKs try again.
    pub(super) async fn forward(&self, call: &Call) -> Reply {
        self.send(call).await.unwrap_or_else(|error| {
            Reply::aws_error(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                &format!("the local cloud's emulator does not answer: {error}"),
            )
        })
    }

    async fn send(&self, call: &Call) -> Result<Reply, reqwest::Error> {
        let base = &self.url;
        let target = call
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let response = self
            .client
            .request(call.method.clone(), format!("{base}{target}"))
            .headers(call.end_to_end_headers())
            .body(call.body.clone())
            .send()
            .await?;
        Ok(Reply {
            status: response.status(),
            headers: response.headers().clone(),
            body: response.bytes().await?,
        })
    }

    /// A Cognito operation of our own in somebody's account. The error is the emulator's answer.
    pub(super) async fn cognito(
        &self,
        scope: &Scope,
        action: &str,
        input: &Value,
    ) -> Result<Value, Box<Reply>> {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(AWS_JSON));
        if let Ok(target) = HeaderValue::try_from(format!("{COGNITO}.{action}")) {
            headers.insert("x-amz-target", target);
        }
        let body = input.to_string();
        let reply = self
            .own(scope, "cognito-idp", Method::POST, "/", headers, body)
            .await;
        if reply.is_success() {
            Ok(reply.json().unwrap_or_else(|| json!({})))
        } else {
            Err(Box::new(reply))
        }
    }

    /// A DynamoDB operation of our own; nothing when it is refused.
    pub(super) async fn dynamodb(
        &self,
        scope: &Scope,
        action: &str,
        input: &Value,
    ) -> Option<Value> {
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-amz-json-1.0");
        headers.insert("content-type", kind);
        let target = HeaderValue::try_from(format!("DynamoDB_20120810.{action}")).ok()?;
        headers.insert("x-amz-target", target);
        let body = input.to_string();
        let reply = self
            .own(scope, "dynamodb", Method::POST, "/", headers, body)
            .await;
        reply.is_success().then(|| reply.json()).flatten()
    }

    /// The URL of a queue; nothing when there is none of that name.
    pub(super) async fn queue(&self, scope: &Scope, name: &str) -> Option<Value> {
        let mut headers = HeaderMap::new();
        let kind = HeaderValue::from_static("application/x-amz-json-1.0");
        headers.insert("content-type", kind);
        let target = HeaderValue::from_static("AmazonSQS.GetQueueUrl");
        headers.insert("x-amz-target", target);
        let body = json!({ "QueueName": name }).to_string();
        let reply = self
            .own(scope, "sqs", Method::POST, "/", headers, body)
            .await;
        reply.is_success().then(|| reply.json()).flatten()
    }

    /// An IAM operation of our own, its parameters as a form's; the XML of a success.
    pub(super) async fn iam(&self, scope: &Scope, fields: &[(&str, &str)]) -> Option<String> {
        let fields: Vec<String> = [("Version", "2010-05-08")]
            .iter()
            .chain(fields)
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, super::RESERVED)))
            .collect();
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert("content-type", form);
        let body = fields.join("&");
        let reply = self
            .own(scope, "iam", Method::POST, "/", headers, body)
            .await;
        let text = reply.is_success().then_some(reply.body)?;
        String::from_utf8(text.to_vec()).ok()
    }

    /// What a REST service has at a path; nothing when it has nothing.
    pub(super) async fn get(&self, scope: &Scope, service: &str, path: &str) -> Option<Value> {
        let reply = self
            .own(
                scope,
                service,
                Method::GET,
                path,
                HeaderMap::new(),
                String::new(),
            )
            .await;
        reply.is_success().then(|| reply.json()).flatten()
    }

    /// A function's resource policy, or nothing when it has none or does not exist.
    pub(super) async fn function_policy(&self, scope: &Scope, function_arn: &str) -> Option<Value> {
        let (name, qualifier) = split_qualifier(function_arn);
        let query = qualifier
            .map(|qualifier| format!("?Qualifier={qualifier}"))
            .unwrap_or_default();
        let path = format!("/2015-03-31/functions/{name}/policy{query}");
        let reply = self
            .own(
                scope,
                "lambda",
                Method::GET,
                &path,
                HeaderMap::new(),
                String::new(),
            )
            .await;
        let answer = reply.is_success().then(|| reply.json()).flatten()?;
        serde_json::from_str(answer.get("Policy")?.as_str()?).ok()
    }

    /// Invokes a function and waits for it.
    pub(super) async fn invoke(&self, scope: &Scope, function_arn: &str, event: &Value) -> Reply {
        let (name, qualifier) = split_qualifier(function_arn);
        let query = qualifier
            .map(|qualifier| format!("?Qualifier={qualifier}"))
            .unwrap_or_default();
        let path = format!("/2015-03-31/functions/{name}/invocations{query}");
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        self.own(
            scope,
            "lambda",
            Method::POST,
            &path,
            headers,
            event.to_string(),
        )
        .await
    }

    /// The tags of an SES resource, as they are now.
    pub(super) async fn ses_tags(&self, scope: &Scope, arn: &str) -> Option<Value> {
        let arn = utf8_percent_encode(arn, super::RESERVED);
        let path = format!("/v2/email/tags?ResourceArn={arn}");
        let headers = HeaderMap::new();
        let reply = self
            .own(scope, "ses", Method::GET, &path, headers, String::new())
            .await;
        let answer = reply.is_success().then(|| reply.json()).flatten()?;
        answer.get("Tags").cloned()
    }

    /// Everything the emulator sent through SES, in every account.
    pub(super) async fn sent_mail(&self) -> Option<Value> {
        let call = Call {
            method: Method::GET,
            uri: Uri::from_static("/_ministack/ses/messages"),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        self.forward(&call).await.json()
    }

    async fn own(
        &self,
        scope: &Scope,
        service: &str,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: String,
    ) -> Reply {
        let Ok(uri) = Uri::try_from(path) else {
            return *Reply::refusal("ValidationException", "not a path");
        };
        let mut call = Call {
            method,
            uri,
            headers,
            body: body.into(),
        };
        call.sign_as(scope, service);
        self.forward(&call).await
    }
}

/// Parts a function's ARN from the version or alias after it, which the API takes as a parameter.
fn split_qualifier(arn: &str) -> (&str, Option<&str>) {
    match arn.match_indices(':').nth(6) {
        Some((at, _)) => (&arn[..at], Some(&arn[at + 1..])),
        None => (arn, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_qualifier_is_parted_from_its_function() {
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:confirm";
        assert_eq!(split_qualifier(arn), (arn, None));
        assert_eq!(split_qualifier(&format!("{arn}:live")), (arn, Some("live")));
    }
}
