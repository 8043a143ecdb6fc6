//! What a test puts between the tool and the local cloud: everything passes, but for what it holds back,
//! answers itself, or loses.

use std::sync::Arc;

use axum::body::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use saasauth::local::front_door::signature::{Sent, resigned};
use serde_json::{Map, Value};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::cloud::KEY;

/// What is done to requests and answers.
pub(crate) trait Hook: Send + Sync + 'static {
    /// Before a request is passed on; with an answer it is not.
    fn before(&self, asked: &Question) -> impl Future<Output = Option<Answer>> + Send;

    /// After the request was answered. Without an answer the connection breaks.
    fn after(
        &self,
        asked: &Question,
        answer: Answer,
    ) -> impl Future<Output = Option<Answer>> + Send;
}

/// A proxy of a test's own before the local cloud. Ends when dropped.
pub(crate) struct Between<H> {
    pub(crate) endpoint_url: String,
    pub(crate) hook: Arc<H>,
    _runtime: Runtime,
}

impl<H: Hook> Between<H> {
    pub(crate) fn new(upstream: &str, hook: H) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let hook = Arc::new(hook);
        let passing = Arc::new(Passing {
            upstream: upstream.trim_end_matches('/').to_owned(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            hook: Arc::clone(&hook),
        });
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let endpoint_url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(Arc::clone(&passing), stream));
            }
        });
        Self {
            endpoint_url,
            hook,
            _runtime: runtime,
        }
    }
}

struct Passing<H> {
    upstream: String,
    client: reqwest::Client,
    hook: Arc<H>,
}

impl<H> Passing<H> {
    /// The headers of a request to who stands behind: another host, and so another signature.
    fn addressed(
        &self,
        method: &Method,
        uri: &Uri,
        mut headers: HeaderMap,
        body: &[u8],
    ) -> HeaderMap {
        let host = self.upstream.trim_start_matches("http://");
        headers.insert("host", host.parse().unwrap());
        let sent = Sent {
            method,
            uri,
            headers: &headers,
            body,
        };
        if let Some(authorization) = resigned(sent, KEY) {
            headers.insert("authorization", authorization.parse().unwrap());
        }
        headers
    }
}

/// The connection breaks, on purpose.
#[derive(Debug)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the answer is lost")
    }
}

impl std::error::Error for Lost {}

async fn serve<H: Hook>(passing: Arc<Passing<H>>, stream: TcpStream) {
    let service = service_fn(|request| pass(Arc::clone(&passing), request));
    // An error is a connection that broke; one of the two ends knows why.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn pass<H: Hook>(
    passing: Arc<Passing<H>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Lost> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Lost)?.to_bytes();
    let asked = Question::new(&parts.method, &parts.uri, &parts.headers, &body);
    let answer = match passing.hook.before(&asked).await {
        Some(answer) => answer,
        None => {
            let headers = passing.addressed(&parts.method, &parts.uri, parts.headers, &body);
            let answer = passing
                .client
                .request(parts.method, format!("{}{}", passing.upstream, parts.uri))
                .headers(headers)
                .body(body)
                .send()
                .await
                .map_err(|_| Lost)?;
            let answer = Answer {
                status: answer.status(),
                headers: answer.headers().clone(),
                body: answer.bytes().await.map_err(|_| Lost)?,
            };
            passing.hook.after(&asked, answer).await.ok_or(Lost)?
        }
    };
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    // Counted anew for what is sent on whole.
    for name in ["transfer-encoding", "content-length", "connection"] {
        response.headers_mut().remove(name);
    }
    Ok(response)
}

/// A request, as far as hooks look at it.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// What it is signed for.
    pub(crate) service: String,
    /// The operation, as AWS calls it.
    pub(crate) operation: String,
    /// As the local cloud's trace names it.
    pub(crate) action: String,
    /// The parameters in the body, of whichever protocol.
    pub(crate) body: Value,
    /// The names in the path.
    segments: Vec<String>,
}

impl Question {
    fn new(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        // Credential=KEY/DATE/REGION/SERVICE/aws4_request
        let service = text("authorization")
            .and_then(|header| header.split("Credential=").nth(1)?.split('/').nth(3))
            .unwrap_or_default()
            .to_owned();
        let segments: Vec<String> = uri
            .path()
            .split('/')
            .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let form: Map<String, Value> = reqwest::Url::parse(&format!(
            "http://localhost/?{}",
            std::str::from_utf8(body).unwrap_or_default()
        ))
        .map(|url| {
            url.query_pairs()
                .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
                .collect()
        })
        .unwrap_or_default();
        let action = match (
            text("x-amz-target").and_then(|target| target.rsplit_once('.')),
            form.get("Action").and_then(Value::as_str),
            segments.iter().position(|part| part == "operation"),
        ) {
            (Some((_, action)), ..) | (None, Some(action), _) => action.to_owned(),
            // RPC by CBOR: /service/NAME/operation/OPERATION
            (None, None, Some(at)) => segments.get(at + 1).cloned().unwrap_or_default(),
            (None, None, None) => format!("{method} {}", uri.path()),
        };
        let operation = rest(method, &segments).map_or_else(|| action.clone(), str::to_owned);
        Self {
            service,
            operation,
            action,
            body: serde_json::from_slice(body).unwrap_or(Value::Object(form)),
            segments,
        }
    }

    /// Everything the request names, each as the last part of its ARN.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let mut named = Vec::new();
        texts(&self.body, &mut named);
        named
            .into_iter()
            .chain(self.segments.iter().map(String::as_str))
            .map(|name| name.rsplit(['/', ':']).next().unwrap_or(name))
    }

    /// The name of what the request makes or changes.
    pub(crate) fn subject(&self) -> Option<&str> {
        const KEYS: [&str; 6] = [
            "QueueName",
            "RoleName",
            "FunctionName",
            "TableName",
            "TemplateName",
            "UserPoolId",
        ];
        let named = KEYS
            .iter()
            .find_map(|key| self.body.get(*key).and_then(Value::as_str));
        named.or_else(|| {
            let at = self.segments.iter();
            let mut after =
                at.skip_while(|part| !["functions", "templates"].contains(&part.as_str()));
            after.nth(1).map(String::as_str)
        })
    }
}

/// Every text in a value, at whatever depth.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        _ => {}
    }
}

/// What the services without a name of the operation in the request call it.
fn rest(method: &Method, segments: &[String]) -> Option<&'static str> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    Some(match (method.as_str(), &segments[1..]) {
        ("POST", ["2015-03-31", "functions"]) => "CreateFunction",
        ("GET", ["2015-03-31", "functions", _]) => "GetFunction",
        ("DELETE", ["2015-03-31", "functions", _]) => "DeleteFunction",
        ("GET", ["2015-03-31", "functions", _, "configuration"]) => "GetFunctionConfiguration",
        ("PUT", ["2015-03-31", "functions", _, "configuration"]) => "UpdateFunctionConfiguration",
        ("PUT", ["2015-03-31", "functions", _, "code"]) => "UpdateFunctionCode",
        ("POST", ["2015-03-31", "functions", _, "invocations"]) => "Invoke",
        ("POST", ["2015-03-31", "functions", _, "policy"]) => "AddPermission",
        ("PUT", ["2019-09-25", "functions", _, "event-invoke-config"]) => {
            "PutFunctionEventInvokeConfig"
        }
        ("POST", ["v2", "email", "templates"]) => "CreateEmailTemplate",
        ("PUT", ["v2", "email", "templates", _]) => "UpdateEmailTemplate",
        ("DELETE", ["v2", "email", "templates", _]) => "DeleteEmailTemplate",
        ("GET", ["v2", "email", "templates", _]) => "GetEmailTemplate",
        _ => return None,
    })
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// The same with another document as its body.
    pub(crate) fn edited(mut self, edit: impl FnOnce(&mut Value)) -> Self {
        if let Ok(mut document) = serde_json::from_slice(&self.body) {
            edit(&mut document);
            self.body = document.to_string().into();
        }
        self
    }

    /// An error in the protocol of the service asked.
    pub(crate) fn error(asked: &Question, status: u16, code: &str, message: &str) -> Self {
        let (kind, body) = match asked.service.as_str() {
            "iam" | "sts" => (
                "text/xml",
                format!(
                    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
                )
                .into_bytes(),
            ),
            "monitoring" => {
                let error = serde_json::json!({ "__type": code, "message": message });
                let mut body = Vec::new();
                ciborium::into_writer(&error, &mut body).unwrap();
                ("application/cbor", body)
            }
            _ => (
                "application/x-amz-json-1.1",
                serde_json::json!({ "__type": code, "message": message })
                    .to_string()
                    .into_bytes(),
            ),
        };
        let mut headers = HeaderMap::new();
        headers.insert("content-type", kind.parse().unwrap());
        headers.insert("x-amzn-errortype", code.parse().unwrap());
        if asked.service == "monitoring" {
            headers.insert("smithy-protocol", "rpc-v2-cbor".parse().unwrap());
        }
        Self {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.into(),
        }
    }
}
