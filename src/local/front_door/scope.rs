//! Whose call it is: the account and region behind a request, also when the request does not say.
//!
//! The emulator takes a 12-digit access key ID as the account, so whatever the front door does on
//! behalf of a caller must carry the caller's own access key.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

/// How many pending authentication sessions are remembered. One lives three minutes by default, so
/// this is far more than a laptop has open at a time.
const SESSIONS: usize = 1000;

/// The account used when nothing says otherwise; the emulator answers anything unsigned with it.
const AMBIENT_ACCESS_KEY: &str = "000000000000";
const AMBIENT_REGION: &str = "us-east-1";

/// An account (by access key) and a region.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) access_key: String,
    pub(super) region: String,
}

impl Scope {
    pub(super) fn new(access_key: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            access_key: access_key.into(),
            region: region.into(),
        }
    }

    /// The scope of calls that carry no credentials at all.
    pub(super) fn ambient() -> Self {
        Self::new(AMBIENT_ACCESS_KEY, AMBIENT_REGION)
    }

    /// The account the emulator puts this scope in: twelve digits name one, anything else means its
    /// default.
    pub(super) fn account(&self) -> &str {
        let named = self.access_key.len() == 12
            && self.access_key.bytes().all(|byte| byte.is_ascii_digit());
        if named {
            &self.access_key
        } else {
            AMBIENT_ACCESS_KEY
        }
    }

    /// The scope and the service named by a SigV4 `Authorization` header.
    pub(super) fn of(headers: &HeaderMap) -> Option<(Self, String)> {
        let header = headers.get("authorization")?.to_str().ok()?;
        let credential = header
            .strip_prefix("AWS4-")?
            .split_once("Credential=")?
            .1
            .split([',', ' '])
            .next()?;
        // The access key, then date, region, service, `aws4_request`; only the key may hold slashes.
        let mut parts = credential.rsplitn(5, '/');
        let _terminator = parts.next()?;
        let service = parts.next()?;
        let region = parts.next()?;
        let _date = parts.next()?;
        let access_key = parts.next()?;
        Some((Self::new(access_key, region), service.to_owned()))
    }

    /// An `Authorization` header value for this scope. The emulator reads the credential and does
    /// not verify the signature.
    pub(super) fn authorization(&self, service: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential={}/20200101/{}/{service}/aws4_request, SignedHeaders=host, Signature=0",
            self.access_key, self.region
        )
    }
}

/// Where an app client lives.
#[derive(Debug, Clone)]
pub(super) struct ClientLocation {
    pub(super) scope: Scope,
    pub(super) pool_id: String,
}

/// What has gone through the door so far, as far as it helps to place unsigned calls.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    inner: Mutex<KnownScopes>,
}

#[derive(Debug, Default)]
struct KnownScopes {
    scopes: Vec<Scope>,
    clients: HashMap<String, ClientLocation>,
    pools: HashMap<String, Scope>,
    sessions: HashMap<String, Scope>,
    session_order: VecDeque<String>,
}

impl Scopes {
    pub(super) fn saw(&self, scope: &Scope) {
        let mut seen = self.lock();
        if !seen.scopes.contains(scope) {
            seen.scopes.push(scope.clone());
        }
    }

    /// Every scope seen, newest first, and the ambient one last.
    pub(super) fn all(&self) -> Vec<Scope> {
        let mut scopes: Vec<Scope> = self.lock().scopes.iter().rev().cloned().collect();
        if !scopes.contains(&Scope::ambient()) {
            scopes.push(Scope::ambient());
        }
        scopes
    }

    pub(super) fn client(&self, client_id: &str) -> Option<ClientLocation> {
        self.lock().clients.get(client_id).cloned()
    }

    pub(super) fn remember_client(&self, client_id: &str, home: &ClientLocation) {
        self.lock()
            .clients
            .insert(client_id.to_owned(), home.clone());
    }

    pub(super) fn forget_client(&self, client_id: &str) {
        self.lock().clients.remove(client_id);
    }

    pub(super) fn pool(&self, pool_id: &str) -> Option<Scope> {
        self.lock().pools.get(pool_id).cloned()
    }

    pub(super) fn remember_pool(&self, pool_id: &str, scope: &Scope) {
        self.lock().pools.insert(pool_id.to_owned(), scope.clone());
    }

    pub(super) fn session(&self, session: &str) -> Option<Scope> {
        self.lock().sessions.get(session).cloned()
    }

    /// Keeps whose authentication a `Session` continues: some calls carry nothing else.
    pub(super) fn remember_session(&self, session: &str, scope: &Scope) {
        let mut seen = self.lock();
        if seen
            .sessions
            .insert(session.to_owned(), scope.clone())
            .is_some()
        {
            return;
        }
        seen.session_order.push_back(session.to_owned());
        if seen.session_order.len() > SESSIONS
            && let Some(oldest) = seen.session_order.pop_front()
        {
            seen.sessions.remove(&oldest);
        }
    }

    /// Forgets pools, clients and sessions. Accounts stay known: their callers will be back.
    pub(super) fn clear(&self) {
        let mut seen = self.lock();
        let scopes = std::mem::take(&mut seen.scopes);
        *seen = KnownScopes {
            scopes,
            ..KnownScopes::default()
        };
    }

    fn lock(&self) -> MutexGuard<'_, KnownScopes> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The user pool that issued a token, read without verifying it: it only decides where to look.
pub(super) fn pool_of_token(token: &str) -> Option<String> {
    let payload = BASE64_URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1)?)
        .ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    let pool = claims.get("iss")?.as_str()?.rsplit('/').next()?;
    (!pool.is_empty()).then(|| pool.to_owned())
}

/// The region a user pool ID starts with.
pub(super) fn region_of_pool(pool_id: &str) -> Option<&str> {
    pool_id.split_once('_').map(|(region, _)| region)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", authorization.parse().expect("a header"));
        headers
    }

    #[test]
    fn reads_the_scope_it_writes() {
        let scope = Scope::new("111122223333", "eu-west-1");
        assert_eq!(
            Scope::of(&headers(&scope.authorization("cognito-idp"))),
            Some((scope, "cognito-idp".to_owned()))
        );
    }

    #[test]
    fn a_basic_header_is_no_scope() {
        assert_eq!(Scope::of(&headers("Basic YTpi")), None);
        assert_eq!(Scope::of(&HeaderMap::new()), None);
    }

    #[test]
    fn finds_the_pool_of_a_token() {
        let claims = BASE64_URL_SAFE_NO_PAD
            .encode(r#"{"iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc"}"#);
        assert_eq!(
            pool_of_token(&format!("h.{claims}.s")).as_deref(),
            Some("eu-west-1_Abc")
        );
        assert_eq!(pool_of_token("opaque"), None);
        assert_eq!(region_of_pool("eu-west-1_Abc"), Some("eu-west-1"));
    }

    #[test]
    fn sessions_are_bounded_and_the_newest_stay() {
        let scopes = Scopes::default();
        for number in 0..=SESSIONS {
            scopes.remember_session(&number.to_string(), &Scope::ambient());
        }
        assert_eq!(scopes.session("0"), None);
        assert_eq!(
            scopes.session(&SESSIONS.to_string()),
            Some(Scope::ambient())
        );
    }

    #[test]
    fn the_ambient_scope_is_searched_last() {
        let scopes = Scopes::default();
        let mine = Scope::new("111122223333", "eu-west-1");
        scopes.saw(&mine);
        scopes.saw(&mine);
        assert_eq!(scopes.all(), [mine, Scope::ambient()]);
    }
}
