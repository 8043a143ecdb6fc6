//! The issuer's public keys, fetched when first needed and again when a token names one we don't have.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Anybody can send a token that names an unknown key. This is how often that may cost a request to the
/// issuer, whether it succeeds or not.
pub const REFETCH_INTERVAL: Duration = Duration::from_secs(10);

/// An issuer that takes longer than this is down.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Why no key is at hand.
#[derive(Debug, Clone)]
pub(crate) enum NoKey {
    /// The issuer has no key of this name.
    Unknown,
    /// The issuer's keys could not be had; the reason.
    Unavailable(Arc<str>),
}

/// A cache in front of one JWKS address. Clones share it.
#[derive(Clone)]
pub(crate) struct Keys(Arc<Shared>);

struct Shared {
    http: reqwest::Client,
    uri: String,
    /// By `kid`.
    known: RwLock<HashMap<String, Arc<DecodingKey>>>,
    /// The last fetch. Held while one runs, so that those who miss together fetch once.
    last: Mutex<Option<Attempt>>,
}

struct Attempt {
    started: Instant,
    failure: Option<Arc<str>>,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kid: Option<String>,
    kty: String,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Keys {
    pub(crate) fn new(http: reqwest::Client, uri: String) -> Self {
        Self(Arc::new(Shared {
            http,
            uri,
            known: RwLock::default(),
            last: Mutex::default(),
        }))
    }

    pub(crate) fn uri(&self) -> &str {
        &self.0.uri
    }

    /// The key named `kid`.
    pub(crate) async fn get(&self, kid: &str) -> Result<Arc<DecodingKey>, NoKey> {
        if let Some(key) = self.0.known(kid) {
            return Ok(key);
        }
        // A task of its own: a caller who hangs up must not end a fetch others wait for.
        let (shared, kid) = (Arc::clone(&self.0), kid.to_owned());
        match tokio::spawn(async move { shared.fetched(&kid).await }).await {
            Ok(answer) => answer,
            Err(stopped) => Err(NoKey::Unavailable(stopped.to_string().into())),
        }
    }
}

impl Shared {
    fn known(&self, kid: &str) -> Option<Arc<DecodingKey>> {
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(kid)
            .cloned()
    }

    /// The key after a fetch, or after the one that somebody else made meanwhile.
    async fn fetched(&self, kid: &str) -> Result<Arc<DecodingKey>, NoKey> {
        let mut last = self.last.lock().await;
        if let Some(key) = self.known(kid) {
            return Ok(key);
        }
        let recent = last
            .as_ref()
            .is_some_and(|attempt| attempt.started.elapsed() < REFETCH_INTERVAL);
        if !recent {
            let started = Instant::now();
            let failure = match self.fetch().await {
                Ok(keys) => {
                    *self.known.write().unwrap_or_else(PoisonError::into_inner) = keys;
                    None
                }
                // The keys we have stay good: an issuer that is down signs nothing new.
                Err(error) => Some(with_causes(&error).into()),
            };
            *last = Some(Attempt { started, failure });
        }
        let failure = last.as_ref().and_then(|attempt| attempt.failure.clone());
        match (self.known(kid), failure) {
            (Some(key), _) => Ok(key),
            (None, Some(failure)) => Err(NoKey::Unavailable(failure)),
            (None, None) => Err(NoKey::Unknown),
        }
    }

    async fn fetch(&self) -> reqwest::Result<HashMap<String, Arc<DecodingKey>>> {
        let response = self
            .http
            .get(&self.uri)
            .timeout(FETCH_TIMEOUT)
            .send()
            .await?;
        let set: KeySet = response.error_for_status()?.json().await?;
        Ok(set.keys.into_iter().filter_map(Key::usable).collect())
    }
}

impl Key {
    /// The key, if it verifies RS256 signatures; others may stand beside it.
    fn usable(self) -> Option<(String, Arc<DecodingKey>)> {
        let fits = self.kty == "RSA"
            && self.alg.is_none_or(|alg| alg == "RS256")
            && self.usage.is_none_or(|usage| usage == "sig");
        if !fits {
            return None;
        }
        let key = DecodingKey::from_rsa_components(&self.n?, &self.e?).ok()?;
        Some((self.kid?, Arc::new(key)))
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
