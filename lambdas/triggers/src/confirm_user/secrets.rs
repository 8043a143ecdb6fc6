//! The platforms' keys: SecureString parameters of SSM, read when needed and remembered for a while.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::delivery::Failure;
use crate::aws::{Signed, error_code};
use serde_json::{Value, json};
use tokio::time::Instant;

/// How long a secret is believed. A rotated one is used within this time, or as soon as a platform
/// refuses the old one.
const FRESH: Duration = Duration::from_secs(300);
/// For one request to SSM.
const LONGEST: Duration = Duration::from_millis(1500);

/// A secret. Its debug form doesn't tell it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    value: String,
    /// Whether it was remembered rather than just read, and may have been rotated since.
    pub(crate) remembered: bool,
}

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        &self.value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The secrets of this function, read through a cache of this process.
#[derive(Debug)]
pub(crate) struct Secrets {
    aws: Signed,
    known: Mutex<HashMap<String, (Instant, Secret)>>,
}

impl Secrets {
    pub(crate) fn new(aws: Signed) -> Self {
        Self {
            aws,
            known: Mutex::default(),
        }
    }

    /// The value of a parameter, decrypted. Needs `ssm:GetParameter` on it.
    ///
    /// API: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>
    pub(crate) async fn get(&self, name: &str) -> Result<Secret, Failure> {
        let name = name.strip_prefix("ssm:").unwrap_or(name);
        if let Some(secret) = self.remembered(name) {
            return Ok(secret);
        }
        let asked = Instant::now();
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "AmazonSSM.GetParameter"),
        ];
        let body = json!({ "Name": name, "WithDecryption": true }).to_string();
        let answer = self
            .aws
            .post("ssm", "/", &headers, body, LONGEST)
            .await
            .map_err(|why| {
                Failure::passing(format!("the secret `{name}` could not be read: {why}"))
            })?;
        if !answer.is_success() {
            let code = error_code(&answer);
            let reason = format!("the secret `{name}` could not be read: {code}");
            let throttled = code.starts_with("Throttling") || code.starts_with("TooManyUpdates");
            let expired = code.starts_with("ExpiredToken");
            return Err(
                if answer.status == 429 || answer.status >= 500 || throttled || expired {
                    Failure::passing(reason)
                } else {
                    // Not set yet, not permitted yet, its key disabled: nothing is wrong with the delivery.
                    Failure::not_yet(reason)
                },
            );
        }
        let answer = answer.json().unwrap_or_default();
        // A trailing line break comes from how secrets are typed, and no header may hold it.
        let value = answer
            .pointer("/Parameter/Value")
            .and_then(Value::as_str)
            .map(str::trim)
            .ok_or_else(|| {
                Failure::passing(format!("the secret `{name}` could not be read: no value"))
            })?;
        let secret = Secret {
            value: value.to_owned(),
            remembered: false,
        };
        let remembered = Secret {
            remembered: true,
            ..secret.clone()
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), (asked, remembered));
        Ok(secret)
    }

    /// Forgets a secret that a platform has refused.
    pub(crate) fn forget(&self, name: &str) {
        let name = name.strip_prefix("ssm:").unwrap_or(name);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(name);
    }

    fn remembered(&self, name: &str) -> Option<Secret> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked, secret) = known.get(name)?;
        (asked.elapsed() < FRESH).then(|| secret.clone())
    }
}
