//! A local cloud that refuses a share of all requests, as AWS does to who asks too much or when it is in trouble.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// How it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// As too many, under one of the codes that AWS has for it.
    Throttled,
    /// As a fault of its own.
    Failing,
}

/// A proxy of a test's own before the local cloud. Ends when dropped.
pub(crate) struct Troubled {
    pub(crate) endpoint_url: String,
    state: Arc<Share>,
    _runtime: Runtime,
}

struct Share {
    upstream: String,
    client: reqwest::Client,
    trouble: Trouble,
    /// Of three requests, this many on average.
    of_three: u64,
    /// Where the sequence of dice stands.
    dice: AtomicU64,
    refused: AtomicU64,
}

impl Troubled {
    /// Refuses a third of all requests, by a dice of this seed.
    pub(crate) fn third(upstream: &str, trouble: Trouble, seed: u64) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let state = Arc::new(Share {
            upstream: upstream.trim_end_matches('/').to_owned(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            trouble,
            of_three: 1,
            dice: AtomicU64::new(seed),
            refused: AtomicU64::new(0),
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

    /// How many requests were refused so far.
    pub(crate) fn refused(&self) -> u64 {
        self.state.refused.load(Ordering::Relaxed)
    }
}

async fn pass(
    State(state): State<Arc<Share>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let thrown = state.throw();
    if thrown % 3 < state.of_three {
        state.refused.fetch_add(1, Ordering::Relaxed);
        return refusal(state.trouble, &headers, thrown / 3);
    }
    let answer = state
        .client
        .request(method, format!("{}{uri}", state.upstream))
        .headers(headers)
        .body(body)
        .send()
        .await
        .unwrap();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    // Counted anew for what is sent on whole.
    response.headers_mut().remove("transfer-encoding");
    *response.body_mut() = Body::from(answer.bytes().await.unwrap());
    response
}

impl Share {
    /// The next number of splitmix64, which spreads any seed well.
    fn throw(&self) -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut number = self.dice.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }
}

/// In the words and the protocol of the service that was asked.
fn refusal(trouble: Trouble, headers: &HeaderMap, number: u64) -> Response<Body> {
    const CODES: [&str; 3] = ["ThrottlingException", "TooManyRequestsException", "Throttling"];
    let (status, code) = match trouble {
        Trouble::Throttled => (StatusCode::BAD_REQUEST, CODES[(number % 3) as usize]),
        Trouble::Failing => (StatusCode::INTERNAL_SERVER_ERROR, "InternalFailure"),
    };
    let document = json!({ "__type": code, "message": "Rate exceeded" });
    let is_form = headers
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let is_cbor = headers.get("smithy-protocol").is_some();
    let body = if is_form {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
             <Message>Rate exceeded</Message></Error><RequestId>1</RequestId></ErrorResponse>"
        )
        .into_bytes()
    } else if is_cbor {
        let mut body = Vec::new();
        ciborium::into_writer(&document, &mut body).unwrap();
        body
    } else {
        document.to_string().into_bytes()
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    if is_cbor {
        let protocol = HeaderValue::from_static("rpc-v2-cbor");
        response.headers_mut().insert("smithy-protocol", protocol);
    } else if !is_form {
        response
            .headers_mut()
            .insert("x-amzn-errortype", HeaderValue::from_static(code));
    }
    response
}
