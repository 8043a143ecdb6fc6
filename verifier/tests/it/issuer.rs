//! An issuer of tokens for the tests: a key pair, and a server that publishes the public half.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use ::axum::extract::State;
use ::axum::http::{HeaderName, StatusCode};
use ::axum::response::{IntoResponse, Response};
use ::axum::routing::get;
use ::axum::{Json, Router};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaEncoding};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(crate) struct Issuer {
    url: String,
    kid: String,
    pair: Arc<KeyPair>,
    published: Arc<Published>,
}

/// The first key of every issuer: making one takes longer than a whole test.
static PAIR: LazyLock<Arc<KeyPair>> = LazyLock::new(generate);

fn generate() -> Arc<KeyPair> {
    Arc::new(KeyPair::generate(KeySize::Rsa2048).expect("a key pair"))
}

struct Published {
    keys: Mutex<Value>,
    fetches: AtomicUsize,
    failing: AtomicBool,
    /// Instead of the keys.
    answer: Mutex<Option<Answer>>,
}

type Answer = (StatusCode, Vec<(HeaderName, String)>, String);

impl Issuer {
    pub(crate) async fn start(kid: &str) -> Self {
        let pair = Arc::clone(&PAIR);
        let published = Arc::new(Published {
            keys: Mutex::new(key_set(kid, &pair)),
            fetches: AtomicUsize::new(0),
            failing: AtomicBool::new(false),
            answer: Mutex::new(None),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!(
            "http://{}/pool",
            listener.local_addr().expect("it is bound")
        );
        let app = Router::new()
            .route("/pool/.well-known/jwks.json", get(publish))
            .with_state(Arc::clone(&published));
        tokio::spawn(async move { ::axum::serve(listener, app).await });
        Self {
            url,
            kid: kid.to_owned(),
            pair,
            published,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn fetches(&self) -> usize {
        self.published.fetches.load(Ordering::SeqCst)
    }

    pub(crate) fn fail(&self, failing: bool) {
        self.published.failing.store(failing, Ordering::SeqCst);
    }

    /// Answers this, whatever the keys are.
    pub(crate) fn answer(&self, answer: Answer) {
        *self.published.answer.lock().expect("no panic holds it") = Some(answer);
    }

    /// The keys as they are published.
    pub(crate) fn keys(&self) -> Value {
        self.published
            .keys
            .lock()
            .expect("no panic holds it")
            .clone()
    }

    /// A new key takes the place of the old.
    pub(crate) fn rotate(&mut self, kid: &str) {
        self.pair = generate();
        kid.clone_into(&mut self.kid);
        *self.published.keys.lock().expect("no panic holds it") = key_set(kid, &self.pair);
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_under(
            &json!({ "alg": "RS256", "typ": "JWT", "kid": self.kid }),
            claims,
        )
    }

    /// An RS256 signature under whatever the header says.
    pub(crate) fn sign_under(&self, header: &Value, claims: &Value) -> String {
        self.signed(&format!("{}.{}", encode(header), encode(claims)))
    }

    /// A message with its RS256 signature behind it.
    pub(crate) fn signed(&self, message: &str) -> String {
        let signature = self.signature(&RSA_PKCS1_SHA256, message);
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(crate) fn signature(&self, by: &'static dyn RsaEncoding, message: &str) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(by, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("it signs");
        signature
    }

    /// The public half, as text.
    pub(crate) fn modulus_and_exponent(&self) -> [String; 2] {
        let public = self.pair.public_key();
        [
            public.modulus().big_endian_without_leading_zero(),
            public.exponent().big_endian_without_leading_zero(),
        ]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
    }

    pub(crate) fn sign_with_public_key_as_secret(&self, claims: &Value) -> String {
        self.sign_with_public_key_under(
            &json!({ "alg": "HS256", "typ": "JWT", "kid": self.kid }),
            claims,
        )
    }

    pub(crate) fn sign_with_public_key_under(&self, header: &Value, claims: &Value) -> String {
        use aws_lc_rs::hmac;

        let message = format!("{}.{}", encode(header), encode(claims));
        let secret = hmac::Key::new(hmac::HMAC_SHA256, self.pair.public_key().as_ref());
        let signature = hmac::sign(&secret, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

pub(crate) fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is later than 1970")
        .as_secs()
}

/// The set as Cognito publishes it, with keys of other kinds beside the one that counts.
fn key_set(kid: &str, pair: &KeyPair) -> Value {
    let public = pair.public_key();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({
        "keys": [
            { "kty": "EC", "crv": "P-256", "kid": "ec", "x": "AA", "y": "AA", "alg": "ES256" },
            { "kty": "oct", "kid": "secret", "k": "AAAA" },
            {
                "kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid,
                "n": part(public.modulus().big_endian_without_leading_zero()),
                "e": part(public.exponent().big_endian_without_leading_zero()),
            },
        ]
    })
}

async fn publish(State(published): State<Arc<Published>>) -> Response {
    published.fetches.fetch_add(1, Ordering::SeqCst);
    if published.failing.load(Ordering::SeqCst) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let answer = published.answer.lock().expect("no panic holds it").clone();
    if let Some((status, headers, body)) = answer {
        let mut response = (status, body).into_response();
        for (name, value) in headers {
            let value = value.parse().expect("it is a header");
            response.headers_mut().insert(name, value);
        }
        return response;
    }
    let keys = published.keys.lock().expect("no panic holds it").clone();
    Json(keys).into_response()
}
