//! A request as the service it is for reads it: which operation, with which parameters, whatever the protocol; and a
//! refusal as that protocol writes it.

use std::collections::BTreeMap;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::call::{AWS_JSON, Call, Reply};
use super::cbor;
use super::models::{self, Kind, Location, Protocol, Service, Shape};
use super::scope::Scope;

/// A request of a service that the models know.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) service: &'static Service,
    pub(super) operation: &'static str,
    /// The parameters by their names in the model, wherever they travelled.
    pub(super) input: Value,
    /// Whose it is, as far as it is signed.
    pub(super) scope: Option<Scope>,
    wire: Wire,
}

/// How it came, and so how it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wire {
    Json,
    Rest,
    Query,
    Cbor,
}

/// The header that says why the door refused a request. AWS has none like it.
const REASON: &str = "x-saasauth-reason";

/// An error to answer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
    /// Why AWS would answer so, and where that can be read.
    pub(super) reason: String,
}

impl Request {
    /// Reads a request. Nothing when it is none that the models know, or one that the emulator should refuse itself.
    pub(super) fn read(call: &Call) -> Option<Self> {
        // Only large bodies are compressed, and none of those is of interest.
        if call.headers.contains_key("content-encoding") {
            return None;
        }
        let signed = Scope::of(&call.headers);
        let (scope, signed) = match signed {
            Some((scope, service)) => (Some(scope), models::signed_as(&service)),
            None => (None, None),
        };
        let (service, operation, input, wire) = by_target(call)
            .or_else(|| by_path_of_rpc(call))
            .or_else(|| by_form(call, signed))
            .or_else(|| by_route(call, signed, scope.is_some()))?;
        Some(Self {
            service,
            operation,
            input,
            scope,
            wire,
        })
    }

    /// The refusal of a request that doesn't fit its model.
    pub(super) fn misfit(&self) -> Option<Refusal> {
        let violation = models::violations(self.service, self.operation, &self.input)?;
        let (code, message) = match violation {
            models::Violation::Limits(message) => (validation_code(self.service.name), message),
            models::Violation::Type(message) if self.wire == Wire::Query => {
                ("MalformedInput", message)
            }
            models::Violation::Type(message) => ("SerializationException", message),
        };
        Some(Refusal {
            code: code.to_owned(),
            message,
            reason: format!("the service model of {}", self.operation),
        })
    }

    /// The refusal in the protocol of the request.
    pub(super) fn refused(&self, refusal: &Refusal) -> Reply {
        let Refusal {
            code,
            message,
            reason,
        } = refusal;
        let status =
            StatusCode::from_u16(self.service.status(code)).unwrap_or(StatusCode::BAD_REQUEST);
        let id = Uuid::new_v4().to_string();
        let mut reply = match self.wire {
            Wire::Json => {
                let body = json!({ "__type": code, "message": message });
                Reply::new(status, AWS_JSON, body.to_string())
            }
            Wire::Rest => {
                let body = json!({ "Type": "User", "message": message });
                Reply::new(status, "application/json", body.to_string())
            }
            Wire::Query => {
                let body = format!(
                    "<ErrorResponse xmlns=\"{}\"><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error>\
                     <RequestId>{id}</RequestId></ErrorResponse>",
                    self.service.namespace,
                    xml_text(code),
                    xml_text(message),
                );
                Reply::new(status, "text/xml", body)
            }
            Wire::Cbor => {
                let body = cbor::texts(&[("__type", code), ("message", message)]);
                let mut reply = Reply::new(status, "application/cbor", body);
                reply
                    .headers
                    .insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
                reply
            }
        };
        // SQS also says its codes as the query protocol had them, which SDKs go by; of those that are refused here both are
        // the same.
        if self.service.name == "sqs"
            && let Ok(both) = HeaderValue::try_from(format!("{code};Sender"))
        {
            reply.headers.insert("x-amzn-query-error", both);
        }
        let headers = [
            (HeaderName::from_static("x-amzn-errortype"), code.as_str()),
            (HeaderName::from_static("x-amzn-requestid"), id.as_str()),
            (HeaderName::from_static(REASON), reason.as_str()),
        ];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                reply.headers.insert(name, value);
            }
        }
        reply
    }
}

/// What each service calls a parameter outside its limits: the code named for it in the service's list of common
/// errors, seen in the answers that people quote.
fn validation_code(service: &str) -> &'static str {
    match service {
        "cognito-idp" | "logs" | "resourcegroupstaggingapi" => "InvalidParameterException",
        "iam" | "sts" | "cloudwatch" => "ValidationError",
        "sesv2" => "BadRequestException",
        "sqs" => "InvalidParameterValue",
        _ => "ValidationException",
    }
}

fn xml_text(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

type Read = (&'static Service, &'static str, Value, Wire);

/// The JSON protocols name the operation in a header.
fn by_target(call: &Call) -> Option<Read> {
    let target = call.headers.get("x-amz-target")?.to_str().ok()?;
    let (prefix, operation) = target.rsplit_once('.')?;
    let service = models::services().find(|service| service.target == prefix)?;
    let (operation, _) = service.operations.get_key_value(operation)?;
    let input = match call.body.is_empty() {
        true => json!({}),
        false => serde_json::from_slice(&call.body).ok()?,
    };
    Some((service, operation, input, Wire::Json))
}

/// RPC v2 names both in the path: `/service/GraniteServiceVersion20100801/operation/PutMetricAlarm`.
fn by_path_of_rpc(call: &Call) -> Option<Read> {
    let named = call.uri.path().strip_prefix("/service/")?;
    let (prefix, operation) = named.split_once("/operation/")?;
    let service = models::services().find(|service| service.target == prefix)?;
    let (operation, _) = service.operations.get_key_value(operation)?;
    let input = match call.body.is_empty() {
        true => json!({}),
        false => cbor::read(&call.body)?,
    };
    Some((service, operation, input, Wire::Cbor))
}

/// The query protocol sends a form, and the signature says to whom.
fn by_form(call: &Call, signed: Option<&'static Service>) -> Option<Read> {
    let service = signed?;
    let form = call.headers.get(CONTENT_TYPE)?.as_bytes();
    if !form.starts_with(b"application/x-www-form-urlencoded") {
        return None;
    }
    let fields: BTreeMap<String, String> = pairs(std::str::from_utf8(&call.body).ok()?).collect();
    let (operation, _) = service.operations.get_key_value(fields.get("Action")?)?;
    let input = match service.input(operation) {
        Some(shape) => form_value(service, shape, &fields, "").unwrap_or_else(|| json!({})),
        None => json!({}),
    };
    Some((service, operation, input, Wire::Query))
}

/// An operation, and the labels of the path that led to it.
type Route = (&'static Service, &'static str, Vec<(&'static str, String)>);

/// REST: the path and the method are the operation.
fn by_route(call: &Call, signed: Option<&'static Service>, is_signed: bool) -> Option<Read> {
    let candidates = models::services().filter(|service| {
        service.protocol == Protocol::RestJson
            && match signed {
                Some(signed) => signed.name == service.name,
                // Some other service's, such as a bucket's.
                None => !is_signed,
            }
    });
    let mut best: Option<Route> = None;
    for service in candidates {
        for (operation, details) in &service.operations {
            let Some((method, template)) = details.http.split_once(' ') else {
                continue;
            };
            if method != call.method.as_str() {
                continue;
            }
            if let Some(found) = route(template, call.uri.path())
                && best
                    .as_ref()
                    .is_none_or(|(_, _, known)| found.len() < known.len())
            {
                best = Some((service, operation, found));
            }
        }
    }
    let (service, operation, labels) = best?;
    let input = match service.input(operation) {
        Some(shape) => rest_value(service, shape, call, &labels)?,
        None => json!({}),
    };
    Some((service, operation, input, Wire::Rest))
}

/// The labels of a path that fits a template.
fn route<'t>(template: &'t str, path: &str) -> Option<Vec<(&'t str, String)>> {
    let mut labels = Vec::new();
    let mut segments = path.trim_end_matches('/').split('/');
    for wanted in template.trim_end_matches('/').split('/') {
        let label = wanted
            .strip_prefix('{')
            .and_then(|wanted| wanted.strip_suffix('}'));
        let given = segments.next()?;
        match label {
            Some(label) => {
                let (name, rest) = match label.strip_suffix('+') {
                    Some(name) => (name, segments.by_ref().collect::<Vec<_>>().join("/")),
                    None => (label, String::new()),
                };
                let whole = if rest.is_empty() {
                    given.to_owned()
                } else {
                    format!("{given}/{rest}")
                };
                let value = percent_decode_str(&whole).decode_utf8().ok()?;
                labels.push((name, value.into_owned()));
            }
            None if wanted == given => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(labels)
}

fn rest_value(
    service: &Service,
    shape: &Shape,
    call: &Call,
    labels: &[(&str, String)],
) -> Option<Value> {
    // A payload is bytes, or one structure: of interest to nobody here.
    let mut body = if shape.payload.is_some() || call.body.is_empty() {
        Map::new()
    } else {
        serde_json::from_slice(&call.body).ok()?
    };
    let query: Vec<(String, String)> = pairs(call.uri.query().unwrap_or_default()).collect();
    let mut input = Map::new();
    for (name, member) in &shape.members {
        let called = member.called.as_deref().unwrap_or(name);
        let target = service.shape(&member.shape)?;
        let given = match member.location {
            Location::Body => body.remove(called),
            Location::Path => {
                let label = labels.iter().find(|(label, _)| *label == called);
                label.map(|(_, text)| typed(target, text))
            }
            Location::Query => {
                let given: Vec<&str> = query
                    .iter()
                    .filter(|(key, _)| key == called)
                    .map(|(_, value)| value.as_str())
                    .collect();
                match (&target.kind, given.first()) {
                    (_, None) => None,
                    (Kind::List, Some(_)) => Some(json!(given)),
                    (_, Some(text)) => Some(typed(target, text)),
                }
            }
            Location::Header => header(&call.headers, called).map(|text| typed(target, text)),
            Location::Headers => None,
        };
        if let Some(given) = given {
            input.insert(name.clone(), given);
        }
    }
    Some(Value::Object(input))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The value below `prefix` in a form: `Tags.member.1.Key=team&Tags.member.1.Value=identity`.
fn form_value(
    service: &Service,
    shape: &Shape,
    fields: &BTreeMap<String, String>,
    prefix: &str,
) -> Option<Value> {
    match shape.kind {
        Kind::Structure => {
            let mut members = Map::new();
            for (name, member) in &shape.members {
                let called = member.called.as_deref().unwrap_or(name);
                let below = if prefix.is_empty() {
                    called.to_owned()
                } else {
                    format!("{prefix}.{called}")
                };
                let target = service.shape(&member.shape)?;
                if let Some(value) = form_value(service, target, fields, &below) {
                    members.insert(name.clone(), value);
                }
            }
            (prefix.is_empty() || !members.is_empty()).then_some(Value::Object(members))
        }
        Kind::List => {
            let target = service.shape(&shape.element()?.shape)?;
            let elements: Vec<Value> = (1..)
                .map_while(|number| {
                    form_value(
                        service,
                        target,
                        fields,
                        &format!("{prefix}.member.{number}"),
                    )
                })
                .collect();
            // An empty list travels as a field without a value.
            (!elements.is_empty() || fields.contains_key(prefix)).then_some(Value::Array(elements))
        }
        Kind::Map => None,
        _ => fields.get(prefix).map(|text| typed(shape, text)),
    }
}

/// A text of a form, a path or a header as the type it stands for; one that isn't of it stays a text.
fn typed(shape: &Shape, text: &str) -> Value {
    let read = match shape.kind {
        Kind::Boolean => text.to_ascii_lowercase().parse().ok().map(Value::Bool),
        Kind::Integer | Kind::Long => text.parse::<i64>().ok().map(Value::from),
        Kind::Float | Kind::Double => text.parse::<f64>().ok().map(Value::from),
        _ => None,
    };
    read.unwrap_or_else(|| Value::from(text))
}

/// The decoded pairs of a query or a form.
fn pairs(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(move |pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
}

#[cfg(test)]
mod tests {
    use axum::http::{Method, Uri};

    use super::*;

    fn call(method: &str, uri: &str, headers: &[(&'static str, &str)], body: &str) -> Call {
        Call {
            method: Method::from_bytes(method.as_bytes()).expect("a method"),
            uri: uri.parse::<Uri>().expect("a path"),
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

    #[track_caller]
    fn read(call: &Call) -> (String, Value) {
        let request = Request::read(call).expect("a known operation");
        (
            format!("{} {}", request.service.name, request.operation),
            request.input,
        )
    }

    #[test]
    fn every_protocol_is_read_into_the_names_of_the_model() {
        let scope = Scope::new("111122223333", "eu-west-1");
        let target = [("x-amz-target", "AWSCognitoIdentityProviderService.SignUp")];
        assert_eq!(
            read(&call("POST", "/", &target, r#"{"ClientId":"c"}"#)),
            ("cognito-idp SignUp".into(), json!({ "ClientId": "c" }))
        );
        let iam = scope.authorization("iam");
        let form = [
            ("authorization", iam.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let body = "Action=CreateRole&Version=2010-05-08&RoleName=a+b&MaxSessionDuration=3600\
                    &Tags.member.1.Key=team&Tags.member.1.Value=%C3%A9";
        assert_eq!(
            read(&call("POST", "/", &form, body)),
            (
                "iam CreateRole".into(),
                json!({
                    "MaxSessionDuration": 3600,
                    "RoleName": "a b",
                    "Tags": [{ "Key": "team", "Value": "é" }],
                })
            )
        );
        let ses = scope.authorization("ses");
        assert_eq!(
            read(&call(
                "DELETE",
                "/v2/email/tags?ResourceArn=arn%3Aa&TagKeys=x&TagKeys=y",
                &[("authorization", ses.as_str())],
                ""
            )),
            (
                "sesv2 UntagResource".into(),
                json!({ "ResourceArn": "arn:a", "TagKeys": ["x", "y"] })
            )
        );
        let lambda = scope.authorization("lambda");
        assert_eq!(
            read(&call(
                "PUT",
                "/2015-03-31/functions/confirm/configuration",
                &[("authorization", lambda.as_str())],
                r#"{"MemorySize":64,"Unknown":1}"#
            )),
            (
                "lambda UpdateFunctionConfiguration".into(),
                json!({ "FunctionName": "confirm", "MemorySize": 64 })
            )
        );
        let mut alarm = call(
            "POST",
            "/service/GraniteServiceVersion20100801/operation/PutMetricAlarm",
            &[],
            "",
        );
        alarm.body = cbor::texts(&[("AlarmName", "a")]).into();
        assert_eq!(
            read(&alarm),
            (
                "cloudwatch PutMetricAlarm".into(),
                json!({ "AlarmName": "a" })
            )
        );
    }

    #[test]
    fn what_belongs_to_another_service_is_left_alone() {
        let s3 = Scope::ambient().authorization("s3");
        let bucket = call(
            "GET",
            "/2015-03-31/functions",
            &[("authorization", s3.as_str())],
            "",
        );
        assert!(Request::read(&bucket).is_none());
        assert!(Request::read(&call("GET", "/oauth2/authorize", &[], "")).is_none());
    }

    #[test]
    fn a_refusal_is_of_the_requests_protocol_and_of_the_models_status() {
        let scope = Scope::ambient();
        let refusal = |code: &str| Refusal {
            code: code.into(),
            message: "no <way>".into(),
            reason: "a test".into(),
        };
        let iam = scope.authorization("iam");
        let form = [
            ("authorization", iam.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let request = Request::read(&call("POST", "/", &form, "Action=DeleteRole")).expect("IAM");
        let reply = request.refused(&refusal("DeleteConflict"));
        assert_eq!(reply.status, 409);
        let body = String::from_utf8(reply.body.to_vec()).expect("text");
        assert!(
            body.contains("<Code>DeleteConflict</Code><Message>no &lt;way&gt;"),
            "{body}"
        );
        assert!(
            body.contains("https://iam.amazonaws.com/doc/2010-05-08/"),
            "{body}"
        );

        let lambda = scope.authorization("lambda");
        let headers = [("authorization", lambda.as_str())];
        let get = call("GET", "/2015-03-31/functions/f", &headers, "");
        let reply = Request::read(&get)
            .expect("Lambda")
            .refused(&refusal("ResourceNotFoundException"));
        assert_eq!(reply.status, 404);
        assert_eq!(
            reply.headers["x-amzn-errortype"],
            "ResourceNotFoundException"
        );
        assert_eq!(reply.json().expect("JSON")["message"], "no <way>");
        assert_eq!(reply.headers[REASON], "a test");
    }

    #[test]
    fn each_service_has_its_own_code_for_a_value_outside_its_limits() {
        let iam = Scope::ambient().authorization("iam");
        let form = [
            ("authorization", iam.as_str()),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let request = Request::read(&call("POST", "/", &form, "Action=GetRole")).expect("IAM");
        assert_eq!(request.misfit().expect("no name").code, "ValidationError");
        let target = [("x-amz-target", "AWSCognitoIdentityProviderService.SignUp")];
        let request = Request::read(&call("POST", "/", &target, "{}")).expect("Cognito");
        let misfit = request.misfit().expect("no client");
        assert_eq!(misfit.code, "InvalidParameterException");
        let request = Request::read(&call("POST", "/", &target, "[]")).expect("Cognito");
        assert_eq!(
            request.misfit().expect("a list").code,
            "SerializationException"
        );
    }
}
