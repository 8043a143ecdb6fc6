//! The front door: a reverse proxy before the emulator that adds what the emulator lacks of Cognito
//! (codes, the PostConfirmation trigger, some of federated sign-in), refuses what AWS refuses unless it is lenient,
//! keeps the mailbox, traces every call, and lets in only who belongs ([`gate`]).
//!
//! It owns nothing of AWS's state: every pool, user and function is the emulator's.

mod call;
mod cbor;
mod code;
mod codes;
mod cognito;
mod federation;
mod gate;
mod logs;
mod message;
mod models;
mod pools;
mod request;
mod rules;
mod scope;
mod ses;
pub mod signature;
mod trace;
mod trigger;
mod unkept;
mod upstream;
mod users;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Query, State};
use axum::http::{Method, Request, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::call::{Call, Reply};
use self::codes::Codes;
use self::gate::{Caller, Gate};
use self::scope::{Scope, Scopes};
use self::trace::{Trace, TraceLine};
use self::unkept::Unkept;
use self::upstream::{COGNITO, Upstream};
use super::mailbox::{Mail, Mailbox};
use super::place::Place;
use super::secret::Secret;
use saasauth_model::error::{Error, ErrorKind, Result};

/// Whether the whole local cloud is up; answers with the process that serves it.
pub(super) const HEALTH_PATH: &str = "/_saasauth/health";
/// The mailbox, as JSON.
pub(super) const MAIL_PATH: &str = "/_saasauth/mail";
/// The emulator's own reset, which empties the mailbox as well when it comes through the door.
pub(super) const RESET_PATH: &str = "/_ministack/reset";
/// The emulator's health.
pub(super) const UPSTREAM_HEALTH_PATH: &str = "/_ministack/health";

/// Everything but the characters RFC 3986 leaves unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How a front door behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where every call is traced; nowhere without.
    pub trace: Option<PathBuf>,
    /// Whether it refuses what AWS refuses, or only adds what the emulator lacks.
    pub strict: bool,
    /// Who signs with it may do everything.
    pub secret: Secret,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            trace: None,
            strict: true,
            secret: Secret::random(),
        }
    }
}

/// A front door in operation. Closed when dropped.
#[derive(Debug)]
pub struct FrontDoor {
    door: Arc<Door>,
    task: JoinHandle<()>,
}

/// What every request shares.
#[derive(Debug)]
struct Door {
    address: SocketAddr,
    gate: Gate,
    upstream: Upstream,
    scopes: Scopes,
    codes: Codes,
    users: users::State,
    unkept: Unkept,
    log_keys: logs::Keys,
    packages: code::Packages,
    mailbox: Mailbox,
    trace: Trace,
    /// As in [`Settings`].
    strict: bool,
}

impl FrontDoor {
    /// Opens a door on `listener` before the emulator at `place`, which need not be up yet: until it is, calls are answered
    /// with a 503.
    pub fn open(listener: TcpListener, place: &Place, settings: Settings) -> Result<Self> {
        let address = listener
            .local_addr()
            .map_err(|error| Error::io("could not open the local cloud's front door", &error))?;
        let door = Arc::new(Door {
            address,
            gate: Gate::new(address, settings.secret),
            upstream: Upstream::new(place)?,
            scopes: Scopes::default(),
            codes: Codes::default(),
            users: users::State::default(),
            unkept: Unkept::default(),
            log_keys: logs::Keys::default(),
            packages: code::Packages::default(),
            mailbox: Mailbox::default(),
            trace: Trace::to(settings.trace.as_deref()),
            strict: settings.strict,
        });
        let app = axum::Router::new()
            .fallback(serve)
            .with_state(Arc::clone(&door));
        let task = tokio::spawn(async move {
            // Accept errors are retried inside; it never ends by itself.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { door, task })
    }

    /// What clients use as the AWS endpoint.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.door.address)
    }

    /// Says that a new emulator is in its place, which knows nothing of the old one's users and mail.
    pub fn begin_anew(&self) {
        self.door.forget();
    }

    /// Everything sent to people so far, newest last.
    pub async fn mail(&self) -> Result<Vec<Mail>> {
        self.door.mail().await
    }
}

impl Drop for FrontDoor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Door {
    fn forget(&self) {
        self.codes.clear();
        self.users.clear();
        self.unkept.clear();
        self.log_keys.clear();
        self.packages.clear();
        self.mailbox.clear();
        self.scopes.clear();
    }

    async fn mail(&self) -> Result<Vec<Mail>> {
        let sent = self.upstream.sent_mail().await.ok_or_else(|| {
            Error::new(
                ErrorKind::Local,
                "could not read the local mailbox: the emulator does not answer",
            )
        })?;
        Ok(self.mailbox.with(Mail::from_emulator(&sent)))
    }

    /// A link back to this door.
    fn link(&self, path: &str, query: &[(&str, &str)]) -> String {
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, RESERVED)))
            .collect();
        format!("http://{}{path}?{}", self.address, query.join("&"))
    }
}

async fn serve(State(door): State<Arc<Door>>, request: Request<Body>) -> Response<Body> {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let method = parts.method.clone();
    let mut call = Call {
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        body: Bytes::new(),
    };
    let limit = match door.gate.limit(&call) {
        Ok(limit) => limit,
        Err(refused) => return refused.into_response(&method),
    };
    // One that is announced as too long is not waited for.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let body = match announced > limit {
        true => None,
        false => axum::body::to_bytes(body, limit).await.ok(),
    };
    let Some(body) = body else {
        let reply = Reply::aws_error(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLargeException",
            "the local cloud takes no body of this size",
        );
        return reply.into_response(&method);
    };
    call.body = body;
    let caller = match door.gate.admit(&mut call) {
        Ok(caller) => caller,
        Err(refused) => return refused.into_response(&method),
    };
    let headers = call.headers.clone();
    let scope = Scope::of(&call.headers).map(|(scope, _)| scope);
    // A signature that nobody checked says nothing.
    if let Some(scope) = scope.as_ref().filter(|_| caller == Caller::Owner) {
        door.scopes.saw(scope);
    }
    let (service, action) = call.label();
    let ours = call.uri.path().starts_with("/_saasauth/");
    let reply = route(&door, call).await;
    if !ours {
        let line = TraceLine {
            service: &service,
            action: &action,
            status: reply.status.as_u16(),
            account: scope.as_ref().map(|scope| scope.access_key.as_str()),
        };
        door.trace.record(&line, started.elapsed());
    }
    door.gate.learn(caller, &service, &reply);
    door.gate
        .let_out(caller, &headers, reply)
        .into_response(&method)
}

async fn route(door: &Door, call: Call) -> Reply {
    match (&call.method, call.uri.path()) {
        (&Method::GET, HEALTH_PATH) => return health(door, call).await,
        (&Method::GET, MAIL_PATH) => return mail(door).await,
        (&Method::POST, RESET_PATH) => {
            let reply = door.upstream.forward(&call).await;
            if reply.is_success() {
                door.forget();
            }
            return reply;
        }
        (&Method::GET, path) if path.starts_with(code::CODE_PATH) => {
            return code::serve(door, path);
        }
        (&Method::GET, cognito::CONFIRM_PATH) => {
            let query = Query::<BTreeMap<String, String>>::try_from_uri(&call.uri);
            let query = query.map(|query| query.0).unwrap_or_default();
            return cognito::confirm_by_link(door, &query).await;
        }
        (&Method::GET, federation::AUTHORIZE_PATH) => {
            return federation::authorize(door, call).await;
        }
        (&Method::POST, "/login" | "/oauth2/login") if door.strict => {
            return users::page::sign_in(door, call).await;
        }
        (&Method::POST, federation::TOKEN_PATH) => return federation::token(door, call).await,
        _ => {}
    }
    if door.strict
        && let Some(request) = request::Request::read(&call)
        && let Some(refusal) = rules::refusal(door, &request).await
    {
        return request.refused(&refusal);
    }
    if let Some(identity) = ses::asked_identity(&call) {
        return ses::identity(&door.upstream, &call, identity).await;
    }
    if let Some(action) = call.operation_of(logs::LOGS).map(str::to_owned) {
        return logs::answer(door, call, &action).await;
    }
    if code::is_about(&call) {
        return code::answer(door, &call).await;
    }
    match call.operation_of(COGNITO).map(str::to_owned) {
        Some(action) if door.strict => pools::answer(door, call, &action).await,
        Some(action) => {
            let asked = call.body.clone();
            let reply = cognito::answer(door, call, &action).await;
            door.unkept.add_to(&action, &asked, reply)
        }
        None => door.upstream.forward(&call).await,
    }
}

async fn health(door: &Door, mut call: Call) -> Reply {
    call.uri = axum::http::Uri::from_static(UPSTREAM_HEALTH_PATH);
    let reply = door.upstream.forward(&call).await;
    if reply.is_success() {
        let body = json!({ "pid": std::process::id() });
        Reply::new(StatusCode::OK, "application/json", body.to_string())
    } else {
        reply
    }
}

async fn mail(door: &Door) -> Reply {
    match door.mail().await {
        Ok(mails) => match serde_json::to_vec(&mails) {
            Ok(body) => Reply::new(StatusCode::OK, "application/json", body),
            Err(error) => Reply::aws_error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                &error.to_string(),
            ),
        },
        Err(error) => Reply::aws_error(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServiceUnavailable",
            &error.to_string(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn links_are_encoded() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let front = FrontDoor::open(listener, &Place::Port(0), Settings::default()).expect("opens");
        let link = front
            .door
            .link("/confirm", &[("user", "a+b@c.d e"), ("code", "1-_~é")]);
        assert_eq!(
            link.split_once("/confirm").map(|(_, query)| query),
            Some("?user=a%2Bb%40c.d%20e&code=1-_~%C3%A9")
        );
    }
}
