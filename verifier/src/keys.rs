//! The issuer's public keys, fetched when first needed and again when a token names one we don't have.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// Anybody can send a token that names an unknown key. This is how often that may cost a request to the
/// issuer, whether it is answered or not. A request that brought the key it was made for holds up nobody.
pub const REFETCH_INTERVAL: Duration = Duration::from_secs(10);

/// An issuer that takes longer than this is down.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// More than this is no key set: Cognito's has two keys, in less than 1 KB.
const LARGEST_SET: usize = 256 * 1024;

/// How long the modulus of a key may be. Shorter ones can be factored, longer ones cost a request dearly.
const MODULUS_BITS: RangeInclusive<usize> = 2048..=4096;

/// Why no key is at hand.
#[derive(Debug, Clone)]
pub(crate) enum NoKey {
    /// The issuer has no key of this name.
    Unknown,
    /// The issuer's keys could not be had; the reason.
    Unavailable(Arc<str>),
    /// Nobody is there who has keys (403, as Cognito answers, 404 or 410); the reason.
    Absent(Arc<str>),
}

/// A cache in front of one JWKS address. Clones share it.
#[derive(Clone)]
pub(crate) struct Keys(Arc<Shared>);

struct Shared {
    http: reqwest::Client,
    uri: String,
    /// By `kid`.
    known: RwLock<HashMap<String, Arc<DecodingKey>>>,
    /// The last fetch, if it was in vain. Held while one runs, so that those who miss together fetch once.
    missed: Mutex<Option<Miss>>,
}

/// A fetch that did not bring the key it was made for.
struct Miss {
    started: Instant,
    why: NoKey,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// A key that says everything we ask of one.
#[derive(Deserialize)]
struct Key {
    kid: String,
    kty: String,
    alg: String,
    #[serde(rename = "use")]
    usage: String,
    n: String,
    e: String,
}

/// Why a fetch brought no key set.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// A redirect as well: what is elsewhere is somebody else's.
    #[error("the answer is {0}")]
    Status(StatusCode),
    #[error("the answer is larger than {LARGEST_SET} bytes")]
    TooLarge,
    #[error("the answer is no key set")]
    NotAKeySet(#[source] serde_json::Error),
}

impl Keys {
    pub(crate) fn new(http: reqwest::Client, uri: String) -> Self {
        Self(Arc::new(Shared {
            http,
            uri,
            known: RwLock::default(),
            missed: Mutex::default(),
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
        let mut missed = self.missed.lock().await;
        if let Some(key) = self.known(kid) {
            return Ok(key);
        }
        if let Some(miss) = missed.as_ref()
            && miss.started.elapsed() < REFETCH_INTERVAL
        {
            return Err(miss.why.clone());
        }
        let started = Instant::now();
        let why = match self.fetch().await {
            Ok(keys) => {
                *self.known.write().unwrap_or_else(PoisonError::into_inner) = keys;
                if let Some(key) = self.known(kid) {
                    *missed = None;
                    return Ok(key);
                }
                NoKey::Unknown
            }
            // The keys we have stay good: an issuer that is down signs nothing new.
            Err(error) => {
                let reason = with_causes(&error).into();
                match error {
                    FetchError::Status(
                        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE,
                    ) => NoKey::Absent(reason),
                    _ => NoKey::Unavailable(reason),
                }
            }
        };
        let answer = Err(why.clone());
        *missed = Some(Miss { started, why });
        answer
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<DecodingKey>>, FetchError> {
        let mut response = self
            .http
            .get(&self.uri)
            .timeout(FETCH_TIMEOUT)
            .send()
            .await?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status()));
        }
        // The length may be wrong or missing, so what comes is counted.
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LARGEST_SET {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        usable(&body).map_err(FetchError::NotAKeySet)
    }
}

/// The keys of a set that verify RS256 signatures, by name; others may stand beside them. Of two of one
/// name the first counts.
fn usable(set: &[u8]) -> serde_json::Result<HashMap<String, Arc<DecodingKey>>> {
    let set: KeySet = serde_json::from_slice(set)?;
    let mut keys = HashMap::new();
    for key in set.keys {
        if let Some((kid, key)) = Key::deserialize(key).ok().and_then(Key::usable) {
            keys.entry(kid).or_insert(key);
        }
    }
    Ok(keys)
}

impl Key {
    /// The key, if it says that it is for RS256 signatures and is as long as one should be. One that says
    /// nothing might be meant for another algorithm, or for encryption.
    fn usable(self) -> Option<(String, Arc<DecodingKey>)> {
        let modulus = URL_SAFE_NO_PAD.decode(&self.n).ok()?;
        let fits = self.kty == "RSA"
            && self.alg == "RS256"
            && self.usage == "sig"
            && !self.kid.is_empty()
            && MODULUS_BITS.contains(&bits(&modulus));
        if !fits {
            return None;
        }
        let key = DecodingKey::from_rsa_components(&self.n, &self.e).ok()?;
        Some((self.kid, Arc::new(key)))
    }
}

/// How many bits a number has, the leading zeros left out.
fn bits(big_endian: &[u8]) -> usize {
    let zeros = big_endian.iter().take_while(|byte| **byte == 0).count();
    match &big_endian[zeros..] {
        [] => 0,
        rest @ [first, ..] => rest.len() * 8 - first.leading_zeros() as usize,
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A key with a modulus of so many bits, and some of its members changed; null removes one.
    fn key(bits: usize, changes: Value) -> Value {
        let mut modulus = vec![0xFF; bits.div_ceil(8)];
        modulus[0] >>= bits.div_ceil(8) * 8 - bits;
        let mut key = json!({
            "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k", "e": "AQAB",
            "n": URL_SAFE_NO_PAD.encode(modulus),
        });
        let members = key.as_object_mut().expect("it is an object");
        for (name, value) in changes.as_object().expect("changes are an object") {
            match value {
                Value::Null => members.remove(name),
                value => members.insert(name.clone(), value.clone()),
            };
        }
        key
    }

    fn names(keys: Value) -> Vec<String> {
        let set = json!({ "keys": keys }).to_string();
        let mut names: Vec<_> = usable(set.as_bytes())
            .expect("it is a key set")
            .into_keys()
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_key_counts_when_it_says_what_it_is_for() {
        assert_eq!(names(json!([key(2048, json!({}))])), ["k"]);
        for changes in [
            json!({ "alg": null }),
            json!({ "alg": "RS384" }),
            json!({ "alg": "PS256" }),
            json!({ "use": null }),
            json!({ "use": "enc" }),
            json!({ "kid": null }),
            json!({ "kid": "" }),
            json!({ "kid": 1 }),
            json!({ "kty": null }),
            json!({ "kty": "EC" }),
            json!({ "n": null }),
            json!({ "n": "" }),
            json!({ "n": "not base64!" }),
            json!({ "e": null }),
        ] {
            let beside = key(2048, json!({ "kid": "beside" }));
            let keys = json!([key(2048, changes.clone()), "no key", 1, beside]);
            assert_eq!(names(keys), ["beside"], "{changes}");
        }
    }

    #[test]
    fn a_modulus_is_neither_short_nor_endless() {
        for (bits, counts) in [
            (512, false),
            (1024, false),
            (2047, false),
            (2048, true),
            (3072, true),
            (4096, true),
            (4097, false),
            (8192, false),
        ] {
            let found = names(json!([key(bits, json!({}))]));
            assert_eq!(!found.is_empty(), counts, "{bits}");
        }
        // Zeros in front make no number longer.
        let mut padded = vec![0; 256];
        padded.extend([0xFF; 128]);
        let padded = json!({ "n": URL_SAFE_NO_PAD.encode(padded) });
        assert!(names(json!([key(2048, padded)])).is_empty());
    }

    #[test]
    fn what_is_no_key_set_is_an_error() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"keys":{}}"#,
            "<html>",
            r#"{"keys":[]} x"#,
        ] {
            assert!(usable(text.as_bytes()).is_err(), "{text}");
        }
    }
}
