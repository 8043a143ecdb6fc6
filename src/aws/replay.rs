//! AWS for unit tests: the real clients over answers written down in advance, in order, and the
//! requests they sent.
//!
//! It sits below the SDK's serialisation, so a test sees what goes over the wire, and needs none of
//! the SDK's test features, which would have every SDK crate compiled a second time.

pub(super) mod cbor;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::{
    AsyncSleep, Credentials, SharedAsyncSleep, SharedCredentialsProvider, Sleep,
};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::Value;

use super::{Aws, Settings};
use saasauth_model::resource::Owner;

/// What was sent: method, path or operation, and body.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// `GET /2015-03-31/functions/x`, or the operation where a header names it.
    pub(crate) what: String,
    /// Where it went.
    pub(crate) host: String,
    /// The body when it is JSON or CBOR.
    pub(crate) body: Value,
}

/// Status and body.
type Answer = (u16, Vec<u8>);

/// The answers still to give, and what was sent so far.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    sent: Arc<Mutex<Vec<Sent>>>,
    pauses: Arc<Mutex<Vec<Duration>>>,
}

impl Replay {
    /// The requests so far; panics when an answer was never asked for.
    pub(crate) fn finish(&self) -> Vec<Sent> {
        let left = self.answers.lock().expect("not poisoned").len();
        assert_eq!(left, 0, "answers that were never asked for");
        self.sent.lock().expect("not poisoned").clone()
    }

    /// The pauses between attempts so far, which were not made.
    pub(super) fn pauses(&self) -> Vec<Duration> {
        self.pauses.lock().expect("not poisoned").clone()
    }

    /// What was sent, without bodies.
    pub(super) fn operations(&self) -> Vec<String> {
        self.finish().into_iter().map(|sent| sent.what).collect()
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let what = match request.headers().get("x-amz-target") {
            Some(target) => target.rsplit('.').next().unwrap_or(target).to_owned(),
            None => {
                let path = request
                    .uri()
                    .split("amazonaws.com")
                    .last()
                    .unwrap_or_default();
                format!("{} {path}", request.method())
            }
        };
        let host = request.uri().split('/').nth(2).unwrap_or_default();
        let body = request.body().bytes().unwrap_or_default();
        let is_cbor = request.headers().get("smithy-protocol") == Some(CBOR);
        let body = if is_cbor {
            cbor::decode(body)
        } else {
            serde_json::from_slice(body).unwrap_or_default()
        };
        self.sent.lock().expect("not poisoned").push(Sent {
            what: what.clone(),
            host: host.to_owned(),
            body,
        });
        let answer = self.answers.lock().expect("not poisoned").pop_front();
        let (status, body) = answer.unwrap_or_else(|| panic!("no answer is left for {what}"));
        let status = status.try_into().expect("a status");
        let mut response = HttpResponse::new(status, SdkBody::from(body));
        if is_cbor {
            response.headers_mut().insert("smithy-protocol", CBOR);
        }
        HttpConnectorFuture::ready(Ok(response))
    }
}

/// An answer.
pub(crate) fn ok(body: Value) -> (u16, String) {
    (200, body.to_string())
}

/// An error answer in the JSON protocols.
pub(crate) fn error(status: u16, code: &str, message: &str) -> (u16, String) {
    let body = serde_json::json!({ "__type": code, "message": message, "Message": message });
    (status, body.to_string())
}

/// What a service says that speaks CBOR, as CloudWatch does.
const CBOR: &str = "rpc-v2-cbor";

/// Clients that get these answers, for project `acme`, stage `dev`.
pub(crate) fn aws(answers: impl IntoIterator<Item = (u16, String)>) -> (Aws, Replay) {
    answering(
        answers
            .into_iter()
            .map(|(status, body)| (status, body.into_bytes())),
    )
}

/// As [`aws`], for a service that speaks CBOR.
pub(super) fn aws_over_cbor(answers: impl IntoIterator<Item = Value>) -> (Aws, Replay) {
    answering(answers.into_iter().map(|body| (200, cbor::encode(&body))))
}

/// The answers are there already: nothing gets readier by sleeping.
#[derive(Debug)]
struct AtOnce(Arc<Mutex<Vec<Duration>>>);

impl AsyncSleep for AtOnce {
    fn sleep(&self, pause: Duration) -> Sleep {
        self.0.lock().expect("not poisoned").push(pause);
        Sleep::new(std::future::ready(()))
    }
}

fn answering(answers: impl Iterator<Item = Answer>) -> (Aws, Replay) {
    let replay = Replay {
        answers: Arc::new(Mutex::new(answers.collect())),
        sent: Arc::default(),
        pauses: Arc::default(),
    };
    let connector = SharedHttpConnector::new(replay.clone());
    let keys = Credentials::new("AKIDEXAMPLE", "secret", None, None, "tests");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .sleep_impl(SharedAsyncSleep::new(AtOnce(Arc::clone(&replay.pauses))))
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    let settings = Settings {
        region: "eu-west-1".to_owned(),
        ..Settings::default()
    };
    let owner = Owner {
        project: "acme".to_owned(),
        stage: "dev".to_owned(),
    };
    let mut aws = Aws::from_config(&config, &settings, owner);
    aws.sleep = |_| Box::pin(std::future::ready(()));
    (aws, replay)
}
