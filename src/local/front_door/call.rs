//! A request and an answer as the front door handles them: whole, in memory.

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri};
use serde_json::{Value, json};
use uuid::Uuid;

use super::scope::Scope;

/// The largest body taken. A function's zip may be 50 MB, and travels as base64 in places.
pub(super) const BODY_LIMIT: usize = 72 * 1024 * 1024;

/// What the JSON services of AWS speak.
pub(super) const AWS_JSON: &str = "application/x-amz-json-1.1";

/// Headers that belong to one connection and must not be passed on.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, EXPECT].contains(name)
        || [
            "keep-alive",
            "proxy-connection",
            "proxy-authenticate",
            "proxy-authorization",
        ]
        .contains(&name.as_str())
}

/// A request in full.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Call {
    /// The headers to send on.
    pub(super) fn end_to_end_headers(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        let dropped: Vec<HeaderName> = headers
            .keys()
            .filter(|name| is_hop_by_hop(name) || **name == CONTENT_LENGTH)
            .cloned()
            .collect();
        for name in dropped {
            headers.remove(name);
        }
        // Answers are passed on byte by byte, and the loopback gains nothing from compression.
        headers.remove(ACCEPT_ENCODING);
        headers
    }

    /// The `X-Amz-Target` operation when it is one of this JSON service.
    pub(super) fn operation_of(&self, service: &str) -> Option<&str> {
        let target = self.headers.get("x-amz-target")?.to_str().ok()?;
        target.strip_prefix(service)?.strip_prefix('.')
    }

    /// Makes the call that account's, whoever sent it.
    pub(super) fn sign_as(&mut self, scope: &Scope, service: &str) {
        if let Ok(value) = HeaderValue::try_from(scope.authorization(service)) {
            self.headers.insert("authorization", value);
        }
    }

    /// Service and action, for the trace.
    pub(super) fn label(&self) -> (String, String) {
        let target = self
            .headers
            .get("x-amz-target")
            .and_then(|target| target.to_str().ok());
        let signed = Scope::of(&self.headers).map(|(_, service)| service);
        if let Some((service, action)) = target.and_then(|target| target.rsplit_once('.')) {
            let service = signed.unwrap_or_else(|| match service {
                "AWSCognitoIdentityProviderService" => "cognito-idp".to_owned(),
                other => other.to_owned(),
            });
            return (service, action.to_owned());
        }
        let service = signed.unwrap_or_else(|| "http".to_owned());
        // The query protocol (IAM, STS, the first SES) names its action in the form.
        let form = self.headers.get(CONTENT_TYPE).is_some_and(|kind| {
            kind.as_bytes()
                .starts_with(b"application/x-www-form-urlencoded")
        });
        let action = if form {
            std::str::from_utf8(&self.body).ok().and_then(|body| {
                body.split('&')
                    .find_map(|pair| pair.strip_prefix("Action="))
                    .map(str::to_owned)
            })
        } else {
            None
        };
        let action = action.unwrap_or_else(|| format!("{} {}", self.method, self.uri.path()));
        (service, action)
    }
}

/// An answer in full.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Reply {
    pub(super) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// An answer of our own. Browsers call Cognito directly, hence the CORS headers.
    pub(super) fn new(
        status: StatusCode,
        content_type: &'static str,
        body: impl Into<Bytes>,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
        headers.insert(
            "access-control-expose-headers",
            HeaderValue::from_static("*"),
        );
        Self {
            status,
            headers,
            body: body.into(),
        }
    }

    /// The same answer with another JSON body.
    pub(super) fn with_json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into();
        self
    }

    /// An error as the JSON services of AWS put it.
    pub(super) fn aws_error(status: StatusCode, code: &'static str, message: &str) -> Self {
        let body = json!({ "__type": code, "message": message });
        let mut reply = Self::new(status, AWS_JSON, body.to_string());
        reply
            .headers
            .insert("x-amzn-errortype", HeaderValue::from_static(code));
        if let Ok(id) = HeaderValue::try_from(Uuid::new_v4().to_string()) {
            reply.headers.insert("x-amzn-requestid", id);
        }
        reply
    }

    /// A refusal of the caller's request, boxed for the way of an error.
    pub(super) fn refusal(code: &'static str, message: &str) -> Box<Self> {
        Box::new(Self::aws_error(StatusCode::BAD_REQUEST, code, message))
    }

    /// Turns it into what the server sends.
    pub(super) fn into_response(self, method: &Method) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        for (name, value) in &self.headers {
            // The answer to a HEAD has a length and no body; every other length is counted anew.
            if is_hop_by_hop(name) || (name == CONTENT_LENGTH && method != Method::HEAD) {
                continue;
            }
            response.headers_mut().append(name, value.clone());
        }
        if method != Method::HEAD {
            *response.body_mut() = Body::from(self.body);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(uri: &'static str, headers: &[(&'static str, &str)], body: &str) -> Call {
        Call {
            method: Method::POST,
            uri: Uri::from_static(uri),
            headers: headers
                .iter()
                .map(|(name, value)| {
                    (
                        HeaderName::from_static(name),
                        value.parse().expect("a value"),
                    )
                })
                .collect(),
            body: body.to_owned().into(),
        }
    }

    #[test]
    fn labels_name_service_and_action_and_no_secret() {
        let label = |call: &Call| {
            let (service, action) = call.label();
            format!("{service} {action}")
        };
        let target = [("x-amz-target", "AWSCognitoIdentityProviderService.SignUp")];
        assert_eq!(label(&call("/", &target, "{}")), "cognito-idp SignUp");
        let iam = Scope::ambient().authorization("iam");
        let form = [
            ("authorization", iam.as_str()),
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
        ];
        assert_eq!(
            label(&call("/", &form, "Action=GetRole&RoleName=x")),
            "iam GetRole"
        );
        assert_eq!(
            label(&call("/v2/email?secret=1", &[], "")),
            "http POST /v2/email"
        );
    }

    #[test]
    fn headers_of_the_connection_stay_behind() {
        let call = call(
            "/",
            &[
                ("host", "h"),
                ("connection", "close"),
                ("content-length", "2"),
                ("x-amz-date", "d"),
            ],
            "{}",
        );
        let kept = call.end_to_end_headers();
        let names: Vec<&str> = kept.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["host", "x-amz-date"]);
    }

    #[test]
    fn an_error_has_the_shape_sdks_read() {
        let reply = Reply::refusal("CodeMismatchException", "no");
        assert_eq!(reply.status, 400);
        assert_eq!(reply.headers["x-amzn-errortype"], "CodeMismatchException");
        assert_eq!(reply.headers["x-amzn-requestid"].len(), 36);
        assert_eq!(
            reply.json(),
            Some(json!({"__type": "CodeMismatchException", "message": "no"}))
        );
    }
}
