//! Where a command finds the local cloud when it is to be killed at a certain request, or is to lose its answer:
//! everything passes but that one.

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// When a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The command is about to send it: AWS never hears of it.
    Before,
    /// AWS has done it: the command never hears of it.
    After,
    /// As `After`, and the command learns that it won't: the answer breaks off.
    Lost,
}

/// A proxy of a test's own before the local cloud. Ends when dropped.
pub(crate) struct Gate {
    pub(crate) endpoint_url: String,
    state: Arc<Held>,
    _runtime: Runtime,
}

struct Held {
    upstream: String,
    client: reqwest::Client,
    action: &'static str,
    moment: Moment,
    /// Whether such a request was let through.
    came: Mutex<bool>,
    /// Whether one is held.
    caught: Mutex<bool>,
}

impl Gate {
    /// Holds requests of this action, named as the local cloud's trace names it: all of them before they
    /// are sent, or the first one's answer.
    pub(crate) fn holding(upstream: &str, action: &'static str, moment: Moment) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let state = Arc::new(Held {
            upstream: upstream.trim_end_matches('/').to_owned(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            action,
            moment,
            came: Mutex::new(false),
            caught: Mutex::new(false),
        });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint_url = format!("http://{}", listener.local_addr().unwrap());
        let app = axum::Router::new()
            .fallback(pass)
            // A function's code is a large body.
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&state));
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self {
            endpoint_url,
            state,
            _runtime: runtime,
        }
    }

    /// Whether the request came, and waits for an answer.
    pub(crate) fn has_caught(&self) -> bool {
        *self.state.caught.lock().unwrap()
    }
}

async fn pass(
    State(state): State<Arc<Held>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let is_wanted = action(&method, &uri, &headers, &body) == state.action;
    // All of them: AWS must not have heard of any.
    if is_wanted && state.moment == Moment::Before {
        state.hold().await;
    }
    let is_first = is_wanted && !std::mem::replace(&mut *state.came.lock().unwrap(), true);
    let answer = state
        .client
        .request(method, format!("{}{uri}", state.upstream))
        .headers(headers)
        .body(body)
        .send()
        .await;
    let mut response = match answer {
        Ok(answer) => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = answer.status();
            *response.headers_mut() = answer.headers().clone();
            // Counted anew for what is sent on whole.
            response.headers_mut().remove("transfer-encoding");
            *response.body_mut() = Body::from(answer.bytes().await.unwrap_or_default());
            response
        }
        Err(error) => {
            let mut response = Response::new(Body::from(error.to_string()));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }
    };
    if is_first && state.moment == Moment::Lost {
        *state.caught.lock().unwrap() = true;
        return broken_off();
    }
    if is_first {
        state.hold().await;
    }
    response.headers_mut().remove("connection");
    response
}

/// An answer whose connection ends in its middle.
fn broken_off() -> Response<Body> {
    let end = std::io::Error::other("the connection broke");
    let body = futures::stream::iter([Ok(Bytes::from_static(b"{")), Err(end)]);
    Response::new(Body::from_stream(body))
}

impl Held {
    /// For ever: who waits for the answer is killed meanwhile.
    async fn hold(&self) {
        *self.caught.lock().unwrap() = true;
        std::future::pending::<()>().await;
    }
}

/// What a request asks for, as the local cloud's trace names it.
fn action(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> String {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok()?.rsplit_once('.'));
    let form = std::str::from_utf8(body)
        .unwrap_or_default()
        .split('&')
        .find_map(|pair| pair.strip_prefix("Action="));
    match (target, form) {
        (Some((_, action)), _) | (None, Some(action)) => action.to_owned(),
        (None, None) => format!("{method} {}", uri.path()),
    }
}
