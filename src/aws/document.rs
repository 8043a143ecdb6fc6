//! Requests and answers as the documents they are on the wire, for operations whose bodies are whole.
//!
//! Where an update resets what it isn't sent, everything that was read has to go back. Through the SDK's types it
//! can't: they know the members of their day, so one that AWS has added since would be lost, and they write
//! members that nobody set (`UnusedAccountValidityDays: 0`, which Cognito refuses). The SDK still addresses,
//! signs, repeats and counts these requests; only their bodies are ours.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextMut,
    FinalizerInterceptorContextMut,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::RetryConfig;
use serde_json::{Map, Value};

/// The members of a request or of a part of an answer.
pub(super) type Document = Map<String, Value>;

/// Puts a document in the place of the body that the SDK made.
pub(super) struct Says(Vec<u8>);

impl Says {
    pub(super) fn new(document: &Document) -> Self {
        // Maps with text for keys always have a spelling in JSON.
        Self(serde_json::to_vec(document).unwrap_or_default())
    }
}

/// Without the body: it may hold a secret.
impl fmt::Debug for Says {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Says")
    }
}

impl Intercept for Says {
    fn name(&self) -> &'static str {
        "send a document"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let length = self.0.len().to_string();
        request.headers_mut().insert("content-length", length);
        *request.body_mut() = SdkBody::from(self.0.clone());
        Ok(())
    }
}

/// Keeps an answer as it came.
#[derive(Clone, Default)]
pub(super) struct Hears(Arc<Mutex<Value>>);

impl Hears {
    /// The part of the answer under this name, when it is an object.
    pub(super) fn part(&self, name: &str) -> Option<Document> {
        let mut answer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer.get_mut(name).map(Value::take) {
            Some(Value::Object(part)) => Some(part),
            _ => None,
        }
    }

    /// The whole answer.
    pub(super) fn whole(&self) -> Document {
        let mut answer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match answer.take() {
            Value::Object(whole) => whole,
            _ => Document::new(),
        }
    }
}

/// Without the answer: it may hold a secret.
impl fmt::Debug for Hears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hears")
    }
}

impl Intercept for Hears {
    fn name(&self) -> &'static str {
        "keep an answer as it came"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        let answer = serde_json::from_slice(body).unwrap_or_default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        Ok(())
    }
}

/// Has a request answered by the first attempt, for who knows better than the table of waits what a refusal means.
#[derive(Debug)]
pub(super) struct AtOnce;

impl Intercept for AtOnce {
    fn name(&self) -> &'static str {
        "try once"
    }

    // After the client's own interceptors, which set how the next attempt is made.
    fn modify_before_attempt_completion(
        &self,
        _context: &mut FinalizerInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let once = RetryConfig::standard().with_max_attempts(1);
        config.interceptor_state().store_put(once);
        Ok(())
    }
}

/// Lays `ours` over `theirs`: objects member by member, anything else as a whole.
pub(super) fn laid_over(theirs: Value, ours: Value) -> Value {
    match (theirs, ours) {
        (Value::Object(mut theirs), Value::Object(ours)) => {
            for (name, value) in ours {
                let under = theirs.remove(&name).unwrap_or_default();
                theirs.insert(name, laid_over(under, value));
            }
            Value::Object(theirs)
        }
        (_, ours) => ours,
    }
}

/// Whether a member says nothing: an answer spells many that aren't set as empty.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The text under this name.
pub(super) fn text<'a>(document: &'a Document, name: &str) -> Option<&'a str> {
    document.get(name).and_then(Value::as_str)
}

/// The members that Cognito's requests have, by the service model that `tests/fixtures/cognito/extract.py` read.
#[cfg(test)]
pub(super) fn members_of(operation: &str) -> std::collections::BTreeSet<String> {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/cognito/members.json"
    );
    let text = std::fs::read_to_string(path).expect("it is there");
    let model: Value = serde_json::from_str(&text).expect("it is JSON");
    let members = model["requests"][operation]
        .as_array()
        .expect("it is listed");
    members
        .iter()
        .map(|name| name.as_str().expect("a name").to_owned())
        .collect()
}

/// The members that the SDK's type of a request has, in the wire's spelling, by how it describes itself.
///
/// The service model is a copy; this one comes with the SDK, and notices a newer one by itself.
#[cfg(test)]
pub(super) fn members_of_sdk(input: &impl fmt::Debug) -> std::collections::BTreeSet<String> {
    let shown = format!("{input:?}");
    let (_, fields) = shown.split_once('{').expect("it has fields");
    let names = fields
        .split(", ")
        .filter_map(|field| field.split_once(": "));
    names
        .map(|(name, _)| {
            let name = name.trim();
            // `allowed_o_auth_flows` and `callback_urls` are AllowedOAuthFlows and CallbackURLs.
            let words = name.split('_').map(|word| match word {
                "urls" => "URLs".to_owned(),
                "uri" => "URI".to_owned(),
                word => word[..1].to_uppercase() + &word[1..],
            });
            words.collect()
        })
        .collect()
}
