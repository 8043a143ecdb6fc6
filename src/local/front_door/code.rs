//! The packages of functions. The emulator publishes versions and keeps what each runs, and whoever asks where to fetch one
//! is sent to the code of today, by a URL whose signature is none; so they are kept here, by their digest, and served by
//! presigned URLs as Lambda's are.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::Door;
use super::call::{Call, Reply};
use super::scope::Scope;
use super::signature;

/// What the path of every operation on functions begins with.
const FUNCTIONS: &str = "/2015-03-31/functions";
/// Where packages are fetched.
pub(super) const CODE_PATH: &str = "/_saasauth/code/";
/// How many packages are kept: the versions of two functions that a deploy leaves, and a few more.
const MOST: usize = 48;

/// Packages by Base64 of their SHA-256.
#[derive(Debug, Default)]
pub(super) struct Packages {
    inner: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_digest: HashMap<String, Bytes>,
    /// Oldest first.
    order: VecDeque<String>,
}

impl Packages {
    fn keep(&self, zip: Vec<u8>) {
        let digest = BASE64_STANDARD.encode(Sha256::digest(&zip));
        let mut kept = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        kept.order.retain(|known| *known != digest);
        kept.order.push_back(digest.clone());
        kept.by_digest.insert(digest, zip.into());
        if kept.order.len() > MOST
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.by_digest.remove(&oldest);
        }
    }

    fn get(&self, digest: &str) -> Option<Bytes> {
        let kept = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        kept.by_digest.get(digest).cloned()
    }

    pub(super) fn clear(&self) {
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = Kept::default();
    }
}

/// Whether an operation is about a function and its code.
pub(super) fn is_about(call: &Call) -> bool {
    let path = call.uri.path();
    let Some(rest) = path.strip_prefix(FUNCTIONS) else {
        return false;
    };
    match (
        &call.method,
        rest.trim_start_matches('/')
            .split('/')
            .collect::<Vec<_>>()
            .as_slice(),
    ) {
        (&Method::POST, [""]) => true,
        (&Method::PUT, [_, "code"]) => true,
        (&Method::GET, [name]) => !name.is_empty(),
        _ => false,
    }
}

/// Answers one of those.
pub(super) async fn answer(door: &Door, call: &Call) -> Reply {
    let reply = door.upstream.forward(call).await;
    if !reply.is_success() {
        return reply;
    }
    if call.method != Method::GET {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let zip = body
            .get("ZipFile")
            .or_else(|| body.pointer("/Code/ZipFile"));
        let zip = zip.and_then(Value::as_str);
        if let Some(zip) = zip.and_then(|zip| BASE64_STANDARD.decode(zip).ok()) {
            door.packages.keep(zip);
        }
        return reply;
    }
    let Some(mut answer) = reply.json() else {
        return reply;
    };
    let digest = answer["Configuration"]["CodeSha256"].as_str();
    let known = digest.filter(|digest| door.packages.get(digest).is_some());
    if let (Some(digest), Some((scope, _))) = (known, Scope::of(&call.headers)) {
        let location = door.code_url(digest, &scope);
        answer["Code"]["Location"] = location.into();
        return reply.with_json(&answer);
    }
    reply
}

/// Serves a package, to who was given its URL.
pub(super) fn serve(door: &Door, path: &str) -> Reply {
    let name = path.strip_prefix(CODE_PATH).unwrap_or_default();
    let digest = BASE64_URL_SAFE_NO_PAD.decode(name).unwrap_or_default();
    match door.packages.get(&BASE64_STANDARD.encode(digest)) {
        Some(zip) => Reply::new(StatusCode::OK, "application/zip", zip),
        None => Reply::aws_error(
            StatusCode::NOT_FOUND,
            "NoSuchKey",
            "The specified key does not exist.",
        ),
    }
}

impl Door {
    fn code_url(&self, digest: &str, scope: &Scope) -> String {
        let bytes = BASE64_STANDARD.decode(digest).unwrap_or_default();
        let path = format!("{CODE_PATH}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
        signature::presigned(
            &self.address.to_string(),
            &path,
            [&scope.region, "s3"],
            self.gate.secret(),
            SystemTime::now(),
        )
    }
}
