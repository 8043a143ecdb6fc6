//! Who gets in. The local cloud runs code, holds mails, codes and secrets, and listens where every web page that a
//! developer opens, and every user of the machine, can send requests. So, of each request:
//!
//! - it has to be addressed to this machine by one of its names and our port: a page whose host name was bound to
//!   127.0.0.1 meanwhile (DNS rebinding) says another;
//! - from a web page of another origin, and unsigned, only what Cognito offers to everybody passes: its operations for
//!   users, the sign-in pages, the keys. Those alone have CORS headers;
//! - all else is signed with the local cloud's own key, or carries it as a bearer token for what is not AWS's.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use hmac::{Hmac, Mac};
use percent_encoding::percent_decode_str;
use sha2::Sha256;

use super::call::{BODY_LIMIT, Call, Reply};
use super::code::CODE_PATH;
use super::request::{Refusal, Request};
use super::signature::{self, Fault, Sent};
use super::upstream::COGNITO;
use super::{HEALTH_PATH, cognito};
use crate::local::secret::Secret;

/// The operations that Cognito takes unsigned, from whoever holds a client's ID or a user's token.
///
/// Source: those without authentication in the service's model (botocore 1.44.8, cognito-idp 2016-04-18).
const PUBLIC: [&str; 34] = [
    "AssociateSoftwareToken",
    "ChangePassword",
    "CompleteWebAuthnRegistration",
    "ConfirmDevice",
    "ConfirmForgotPassword",
    "ConfirmSignUp",
    "DeleteUser",
    "DeleteUserAttributes",
    "DeleteWebAuthnCredential",
    "ForgetDevice",
    "ForgotPassword",
    "GetDevice",
    "GetTokensFromRefreshToken",
    "GetUser",
    "GetUserAttributeVerificationCode",
    "GetUserAuthFactors",
    "GlobalSignOut",
    "InitiateAuth",
    "ListDevices",
    "ListUserSessions",
    "ListWebAuthnCredentials",
    "ResendConfirmationCode",
    "RespondToAuthChallenge",
    "RevokeToken",
    "RevokeUserSession",
    "SetUserMFAPreference",
    "SetUserSettings",
    "SignUp",
    "StartWebAuthnRegistration",
    "UpdateAuthEventFeedback",
    "UpdateDeviceStatus",
    "UpdateUserAttributes",
    "VerifySoftwareToken",
    "VerifyUserAttribute",
];

/// The sign-in pages and what belongs to them, by method and path: these, and no others below them. What the emulator does
/// not know as a page it takes for a request to some service, by headers and parameters.
const PAGES: [(&Method, &str); 12] = [
    (&Method::GET, cognito::CONFIRM_PATH),
    (&Method::GET, "/login"),
    (&Method::GET, "/logout"),
    (&Method::GET, "/oauth2/authorize"),
    (&Method::GET, "/oauth2/idpresponse"),
    (&Method::GET, "/oauth2/userInfo"),
    (&Method::POST, "/login"),
    (&Method::POST, "/oauth2/idpresponse"),
    (&Method::POST, "/oauth2/login"),
    (&Method::POST, "/oauth2/token"),
    (&Method::POST, "/oauth2/userInfo"),
    (&Method::POST, "/saml2/idpresponse"),
];

/// The largest body taken from who has no key. Cognito's own answer is far below, and a form's is small.
const PUBLIC_BODY_LIMIT: usize = 1024 * 1024;

/// How many temporary keys are remembered.
const SESSIONS: usize = 1000;

/// Decides who gets in.
#[derive(Debug)]
pub(super) struct Gate {
    address: SocketAddr,
    secret: Secret,
    /// Keys that STS gave to who had one: key ID and secret, newest last.
    issued: Mutex<VecDeque<(String, Secret)>>,
}

/// Whom a request is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// Anybody, who asked for what is everybody's.
    Anybody,
    /// Who has the key.
    Owner,
}

impl Gate {
    pub(super) fn new(address: SocketAddr, secret: Secret) -> Self {
        Self {
            address,
            secret,
            issued: Mutex::default(),
        }
    }

    /// The key, to sign URLs with that are given out.
    pub(super) fn secret(&self) -> &str {
        self.secret.expose()
    }

    /// How long the body of a request may be, of which no more is known than its head; or what it is answered without
    /// one. Whoever can't be let in makes us keep nothing.
    pub(super) fn limit(&self, head: &Call) -> Result<usize, Box<Reply>> {
        self.check_sender(head)?;
        let states_a_key = head.headers.contains_key(AUTHORIZATION)
            || head
                .uri
                .query()
                .is_some_and(|query| query.contains("X-Amz-Signature"));
        Ok(match states_a_key && !is_public(head) {
            true => BODY_LIMIT,
            false => PUBLIC_BODY_LIMIT,
        })
    }

    /// Lets a request in, or says what it is answered instead.
    pub(super) fn admit(&self, call: &mut Call) -> Result<Caller, Box<Reply>> {
        self.check_sender(call)?;
        if is_public(call) {
            if is_page(call) {
                as_page(call);
            }
            return Ok(Caller::Anybody);
        }
        if call.method == Method::GET && call.uri.path() == HEALTH_PATH {
            return Ok(Caller::Anybody);
        }
        self.check_key(call).map(|()| Caller::Owner)
    }

    /// What can be said by whom a request is addressed to, and by what a browser says of the page behind it.
    fn check_sender(&self, call: &Call) -> Result<(), Box<Reply>> {
        if !self.is_ours(call) {
            return Err(forbidden(
                "this local cloud is addressed as 127.0.0.1, localhost or [::1], with its port",
            ));
        }
        if call.method == Method::OPTIONS
            && call.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        {
            return Err(preflight(call));
        }
        if self.is_foreign(&call.headers) && !is_public(call) {
            return Err(forbidden(
                "a web page of another origin gets no further than Cognito's public operations",
            ));
        }
        Ok(())
    }

    /// The answer as it goes out: for a web page to read only when it is everybody's.
    pub(super) fn let_out(&self, caller: Caller, call_was: &HeaderMap, mut reply: Reply) -> Reply {
        let cross: Vec<HeaderName> = reply
            .headers
            .keys()
            .filter(|name| name.as_str().starts_with("access-control-"))
            .cloned()
            .collect();
        for name in cross {
            reply.headers.remove(name);
        }
        if caller == Caller::Anybody && call_was.contains_key(ORIGIN) {
            let all = HeaderValue::from_static("*");
            reply
                .headers
                .insert(ACCESS_CONTROL_ALLOW_ORIGIN, all.clone());
            reply.headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, all);
        }
        reply
    }

    /// Remembers the temporary keys in an answer of STS to who had a key. What anybody is answered holds what anybody
    /// wrote: a user's name may look like a key.
    pub(super) fn learn(&self, caller: Caller, service: &str, reply: &Reply) {
        if caller != Caller::Owner || service != "sts" || !reply.is_success() {
            return;
        }
        let text = String::from_utf8_lossy(&reply.body);
        let field = |name: &str| {
            let (_, rest) = text.split_once(&format!("<{name}>"))?;
            Some(rest.split_once('<')?.0.to_owned())
        };
        if let (Some(id), Some(secret)) = (field("AccessKeyId"), field("SecretAccessKey")) {
            let mut issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
            issued.push_back((id, Secret::from(secret)));
            if issued.len() > SESSIONS {
                issued.pop_front();
            }
        }
    }

    fn is_ours(&self, call: &Call) -> bool {
        let hosts: Vec<&str> = call
            .headers
            .get_all(HOST)
            .iter()
            .map(|host| host.to_str().unwrap_or_default())
            .chain(call.uri.authority().map(|authority| authority.as_str()))
            .collect();
        !hosts.is_empty() && hosts.iter().all(|host| self.is_name(host))
    }

    /// Whether that is a name of this machine, with our port.
    fn is_name(&self, authority: &str) -> bool {
        let Some((host, port)) = authority.rsplit_once(':') else {
            return false;
        };
        let is_here =
            ["127.0.0.1", "[::1]"].contains(&host) || host.eq_ignore_ascii_case("localhost");
        is_here && port == self.address.port().to_string()
    }

    /// Whether a browser says that a page of somewhere else is behind this.
    fn is_foreign(&self, headers: &HeaderMap) -> bool {
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let elsewhere = site.is_some_and(|site| site != b"same-origin" && site != b"none");
        let origins = headers.get_all(ORIGIN).iter();
        elsewhere
            || origins.into_iter().any(|origin| {
                let origin = origin.to_str().unwrap_or_default();
                let ours = origin.strip_prefix("http://");
                !ours.is_some_and(|authority| self.is_name(authority))
            })
    }

    fn check_key(&self, call: &Call) -> Result<(), Box<Reply>> {
        // A package's URL is signed: whoever was given it may fetch that one.
        let is_package = call.method == Method::GET && call.uri.path().starts_with(CODE_PATH);
        if call.uri.path().starts_with("/_") && !is_package {
            return match self.is_bearer(&call.headers) {
                true => Ok(()),
                false => Err(forbidden(
                    "this is for who has the local cloud's key: `saasauth local credentials` shows it",
                )),
            };
        }
        let sent = Sent {
            method: &call.method,
            uri: &call.uri,
            headers: &call.headers,
            body: &call.body,
        };
        let issued = signature::access_key(sent).and_then(|id| self.issued(&id));
        let secret = issued.as_ref().unwrap_or(&self.secret);
        signature::verify(sent, secret.expose(), SystemTime::now())
            .map_err(|fault| refused(call, fault))
    }

    fn issued(&self, id: &str) -> Option<Secret> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        let mut newest = issued.iter().rev();
        newest
            .find(|(known, _)| known == id)
            .map(|(_, secret)| secret.clone())
    }

    fn is_bearer(&self, headers: &HeaderMap) -> bool {
        let given = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        let Some(given) = given.and_then(|value| value.strip_prefix("Bearer ")) else {
            return false;
        };
        // Compared as digests, in constant time.
        let digest = |text: &str| {
            let mut mac =
                <Hmac<Sha256> as Mac>::new_from_slice(b"saasauth").expect("a key of any length");
            mac.update(text.as_bytes());
            mac
        };
        let ours = digest(self.secret.expose()).finalize().into_bytes();
        digest(given).verify(&ours).is_ok()
    }
}

/// Whether that is for everybody.
fn is_public(call: &Call) -> bool {
    let path = call.uri.path();
    let mut targets = call.headers.get_all("x-amz-target").iter();
    if targets.next().is_some() {
        // Of two, the emulator might take the other.
        let is_one = targets.next().is_none();
        let operation = call.operation_of(COGNITO);
        return is_one
            && path == "/"
            && call.uri.query().is_none()
            && call.method == Method::POST
            && operation.is_some_and(|operation| PUBLIC.contains(&operation));
    }
    is_page(call)
}

/// Whether that is one of the sign-in pages, or a pool's keys.
fn is_page(call: &Call) -> bool {
    let path = call.uri.path();
    let of_a_pool = path.strip_prefix('/').and_then(|path| path.split_once('/'));
    let is_key = of_a_pool.is_some_and(|(pool, document)| {
        let is_id = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
        pool.contains('_')
            && !pool.starts_with('_')
            && pool.bytes().all(is_id)
            && [".well-known/jwks.json", ".well-known/openid-configuration"].contains(&document)
    });
    ((is_key && call.method == Method::GET) || PAGES.contains(&(&call.method, path)))
        && !names_a_service(call)
}

/// Whether a parameter says which operation of which service is meant, as the query protocol and presigned URLs do. No
/// page has such.
fn names_a_service(call: &Call) -> bool {
    let body = String::from_utf8_lossy(&call.body);
    let pairs = call
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .chain(body.split('&'));
    pairs.into_iter().any(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        let name = percent_decode_str(name)
            .decode_utf8_lossy()
            .to_ascii_lowercase();
        let name = name.trim_matches(|c: char| c == '+' || c.is_whitespace());
        name == "action" || name.starts_with("x-amz-")
    })
}

/// Takes out of a request to a page what would make it one to a service of AWS.
fn as_page(call: &mut Call) {
    let of_a_service: Vec<HeaderName> = call
        .headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-amz-") || *name == "smithy-protocol")
        .cloned()
        .collect();
    for name in of_a_service {
        call.headers.remove(name);
    }
    let authorizations = call.headers.get_all("authorization").iter();
    let is_signed = |value: &HeaderValue| value.as_bytes().to_ascii_uppercase().starts_with(b"AWS");
    if authorizations.into_iter().any(is_signed) {
        call.headers.remove("authorization");
    }
}

/// What a browser asks before it sends what a page wants sent. It doesn't say which operation that is, so this much is
/// answered alike; the request itself is looked at.
fn preflight(call: &Call) -> Box<Reply> {
    let path = call.uri.path();
    let may_follow = path == "/"
        || [Method::GET, Method::POST].into_iter().any(|method| {
            let mut asked = call.clone();
            asked.method = method;
            is_page(&asked)
        });
    if !may_follow {
        return forbidden("no web page of another origin may ask for this");
    }
    let mut reply = Reply::new(StatusCode::NO_CONTENT, "text/plain", "");
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        // `*` does not stand for this one.
        (ACCESS_CONTROL_ALLOW_HEADERS, "*, authorization"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        reply.headers.insert(name, HeaderValue::from_static(value));
    }
    Box::new(reply)
}

fn forbidden(message: &str) -> Box<Reply> {
    let mut reply = Reply::aws_error(StatusCode::FORBIDDEN, "AccessDeniedException", message);
    // A browser shows this, and would save the other.
    let json = HeaderValue::from_static("application/json");
    reply.headers.insert(CONTENT_TYPE, json);
    reply.headers.remove(ACCESS_CONTROL_ALLOW_ORIGIN);
    reply.headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
    Box::new(reply)
}

/// What AWS answers to such a signature, with a word on how it is signed here.
fn refused(call: &Call, fault: Fault) -> Box<Reply> {
    const HOW: &str =
        "the local cloud takes requests signed with its own key: see `saasauth local credentials`";
    let (code, message) = match fault {
        Fault::Missing => (
            "MissingAuthenticationTokenException",
            "Missing Authentication Token".to_owned(),
        ),
        Fault::Incomplete(what) => ("IncompleteSignatureException", what.to_owned()),
        Fault::Expired => (
            "InvalidSignatureException",
            "Signature expired: it is more than 15 minutes from this machine's time".to_owned(),
        ),
        Fault::Mismatch => (
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided"
                .to_owned(),
        ),
    };
    let refusal = Refusal {
        code: code.to_owned(),
        message: format!("{message}; {HOW}"),
        reason: "every request to AWS is signed (IAM User Guide, Signature Version 4)".to_owned(),
    };
    let mut reply = match Request::read(call) {
        Some(request) => request.refused(&refusal),
        None => Reply::aws_error(StatusCode::FORBIDDEN, code, &refusal.message),
    };
    reply.status = StatusCode::FORBIDDEN;
    Box::new(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: &str = "127.0.0.1:4599";

    fn gate() -> Gate {
        let address = ADDRESS.parse().expect("an address");
        Gate::new(address, Secret::from("s3cret".to_owned()))
    }

    fn call(method: Method, uri: &str, headers: &[(&'static str, &str)]) -> Call {
        let mut all = HeaderMap::new();
        if !headers.iter().any(|(name, _)| *name == "host") {
            all.insert(HOST, HeaderValue::from_static(ADDRESS));
        }
        for (name, value) in headers {
            all.append(
                HeaderName::from_static(name),
                value.parse().expect("a value"),
            );
        }
        Call {
            method,
            uri: uri.parse().expect("a URI"),
            headers: all,
            body: axum::body::Bytes::new(),
        }
    }

    const SIGN_UP: (&str, &str) = ("x-amz-target", "AWSCognitoIdentityProviderService.SignUp");

    fn is_let_in(call: &Call) -> bool {
        gate().admit(&mut call.clone()).is_ok()
    }

    #[test]
    fn only_this_machines_names_and_our_port_are_addressed() {
        for (host, expected) in [
            ("127.0.0.1:4599", true),
            ("LocalHost:4599", true),
            ("[::1]:4599", true),
            ("127.0.0.1:4566", false),
            ("127.0.0.1", false),
            ("localhost", false),
            ("rebound.example:4599", false),
            ("localhost.example:4599", false),
            ("127.0.0.1.example:4599", false),
            ("x@localhost:4599", false),
            ("localhost:4599@evil.example", false),
            ("", false),
        ] {
            let call = call(Method::POST, "/", &[("host", host), SIGN_UP]);
            assert_eq!(is_let_in(&call), expected, "{host}");
        }
        let twice = call(
            Method::POST,
            "/",
            &[("host", ADDRESS), ("host", "evil.example:4599"), SIGN_UP],
        );
        assert!(!is_let_in(&twice));
        let absolute = call(Method::POST, "http://evil.example:4599/", &[SIGN_UP]);
        assert!(!is_let_in(&absolute));
        let mut none = call(Method::POST, "/", &[SIGN_UP]);
        none.headers.remove(HOST);
        assert!(!is_let_in(&none));
    }

    #[test]
    fn another_origin_reaches_what_is_everybodys_and_no_more() {
        let foreign = [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://localhost:3000"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ];
        for header in foreign {
            for (call, expected) in [
                (call(Method::POST, "/", &[SIGN_UP, header]), true),
                (
                    call(Method::GET, "/eu-west-1_a/.well-known/jwks.json", &[header]),
                    true,
                ),
                (call(Method::GET, "/oauth2/authorize?x=y", &[header]), true),
                (call(Method::POST, "/login", &[header]), true),
                (
                    call(
                        Method::POST,
                        "/2015-03-31/functions",
                        &[header, ("content-type", "text/plain")],
                    ),
                    false,
                ),
                (
                    call(
                        Method::POST,
                        "/",
                        &[
                            header,
                            (
                                "x-amz-target",
                                "AWSCognitoIdentityProviderService.AdminConfirmSignUp",
                            ),
                        ],
                    ),
                    false,
                ),
                (
                    call(
                        Method::POST,
                        "/",
                        &[header, ("x-amz-target", "DynamoDB_20120810.Scan")],
                    ),
                    false,
                ),
                (
                    call(
                        Method::GET,
                        "/_saasauth/mail",
                        &[header, ("authorization", "Bearer s3cret")],
                    ),
                    false,
                ),
                (
                    call(
                        Method::POST,
                        "/_ministack/reset",
                        &[header, ("authorization", "Bearer s3cret")],
                    ),
                    false,
                ),
                (call(Method::GET, "/_saasauth/health", &[header]), false),
            ] {
                assert_eq!(
                    is_let_in(&call),
                    expected,
                    "{header:?} {} {}",
                    call.method,
                    call.uri
                );
            }
        }
    }

    #[test]
    fn what_is_not_everybodys_needs_the_key() {
        for (uri, headers) in [
            ("/_saasauth/mail", &[][..]),
            ("/_saasauth/mail", &[("authorization", "Bearer ")]),
            ("/_saasauth/mail", &[("authorization", "Bearer s3cre")]),
            (
                "/_saasauth/mail",
                &[(
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=a/20200101/r/s/aws4_request, SignedHeaders=host, Signature=0",
                )],
            ),
            ("/_ministack/reset", &[]),
            ("/_ministack/ses/messages", &[]),
            ("/2015-03-31/functions", &[]),
            (
                "/",
                &[(
                    "x-amz-target",
                    "AWSCognitoIdentityProviderService.ListUsers",
                )],
            ),
            // A target of another service beside a page's path, and the reverse.
            ("/login", &[("x-amz-target", "DynamoDB_20120810.Scan")]),
            ("/2015-03-31/functions", &[SIGN_UP]),
            ("/_a/.well-known/jwks.json", &[]),
        ] {
            assert!(!is_let_in(&call(Method::POST, uri, headers)), "{uri}");
        }
        let owner = call(
            Method::GET,
            "/_saasauth/mail",
            &[("authorization", "Bearer s3cret")],
        );
        assert_eq!(gate().admit(&mut owner.clone()).ok(), Some(Caller::Owner));
        assert!(is_let_in(&call(Method::GET, HEALTH_PATH, &[])));
    }

    #[test]
    fn who_cant_be_let_in_sends_no_body() {
        let form = ("content-type", "text/plain");
        let evil = ("origin", "https://evil.example");
        let aws = (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=0/20200101/r/s3/aws4_request, SignedHeaders=host, Signature=0",
        );
        let limit = |uri, headers: &[(&'static str, &str)]| {
            gate()
                .limit(&call(Method::POST, uri, headers))
                .map_err(|reply| reply.status.as_u16())
        };
        for (expected, uri, headers) in [
            (Err(403), "/2015-03-31/functions", &[evil, form][..]),
            (Err(403), "/2015-03-31/functions", &[evil, aws]),
            (Err(403), "/", &[("host", "rebound.example:4599"), SIGN_UP]),
            (Ok(PUBLIC_BODY_LIMIT), "/", &[evil, SIGN_UP]),
            (Ok(PUBLIC_BODY_LIMIT), "/", &[aws, SIGN_UP]),
            (Ok(PUBLIC_BODY_LIMIT), "/oauth2/token", &[evil]),
            (Ok(PUBLIC_BODY_LIMIT), "/2015-03-31/functions", &[form]),
            (Ok(BODY_LIMIT), "/2015-03-31/functions", &[aws]),
            (Ok(BODY_LIMIT), "/b/k?X-Amz-Signature=0", &[]),
        ] {
            assert_eq!(limit(uri, headers), expected, "{uri} {headers:?}");
        }
    }

    #[test]
    fn a_page_is_no_way_around() {
        let scan = ("x-amz-target", "DynamoDB_20120810.Scan");
        let signed = (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=0/20200101/r/iam/aws4_request, SignedHeaders=host, Signature=0",
        );
        for refused in [
            call(Method::POST, "/", &[SIGN_UP, scan]),
            call(Method::POST, "/", &[scan, SIGN_UP]),
            call(Method::POST, "/?Action=CreateUser", &[SIGN_UP]),
            call(Method::PUT, "/login", &[signed]),
            call(Method::POST, "/oauth2/other", &[signed]),
            call(Method::POST, "/oauth2/token/", &[signed]),
            call(Method::POST, "//login", &[signed]),
            call(Method::POST, "/saml2/x", &[signed]),
            call(Method::GET, "/a_b/../.well-known/jwks.json", &[]),
            call(Method::GET, "/a_%2e/.well-known/jwks.json", &[]),
            call(Method::GET, "/bucket_a/x/.well-known/jwks.json", &[]),
            call(Method::POST, "/saml2/idpresponse?Action=ListUsers", &[]),
            call(Method::POST, "/saml2/idpresponse?%41ction=ListUsers", &[]),
            call(Method::GET, "/oauth2/idpresponse?a=b&action=ListUsers", &[]),
            call(
                Method::GET,
                "/login?X-Amz-Credential=0/20200101/r/lambda/aws4_request",
                &[],
            ),
            Call {
                body: "a=b&Action=ListUsers".into(),
                ..call(Method::POST, "/saml2/idpresponse", &[])
            },
        ] {
            assert!(!is_let_in(&refused), "{} {}", refused.method, refused.uri);
        }
        let mut page = call(
            Method::POST,
            "/login?client_id=1",
            &[
                signed,
                ("x-amz-date", "20200101T000000Z"),
                ("smithy-protocol", "rpc-v2-cbor"),
                ("cookie", "a=b"),
            ],
        );
        assert_eq!(gate().admit(&mut page).ok(), Some(Caller::Anybody));
        let left: Vec<&str> = page.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["host", "cookie"], "nothing of a service is left");
        let basic = ("authorization", "Basic eA==");
        let mut token = call(Method::POST, "/oauth2/token", &[basic]);
        assert!(gate().admit(&mut token).is_ok() && token.headers.contains_key("authorization"));
    }

    #[test]
    fn keys_are_learned_from_sts_and_from_nobodys_name() {
        const KEYS: &str =
            "<AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>made</SecretAccessKey>";
        let learned = |caller, service: &str, status| {
            let gate = gate();
            gate.learn(caller, service, &Reply::new(status, "text/xml", KEYS));
            gate.issued("ASIA1")
                .map(|secret| secret.expose().to_owned())
        };
        let ok = StatusCode::OK;
        assert_eq!(learned(Caller::Owner, "sts", ok).as_deref(), Some("made"));
        assert_eq!(learned(Caller::Anybody, "sts", ok), None);
        assert_eq!(learned(Caller::Owner, "cognito-idp", ok), None);
        assert_eq!(learned(Caller::Owner, "sts", StatusCode::FORBIDDEN), None);
    }

    #[test]
    fn a_refusal_tells_how_it_is_signed_and_lets_no_page_read_it() {
        let refused = gate().admit(&mut call(
            Method::POST,
            "/",
            &[("x-amz-target", "DynamoDB_20120810.Scan")],
        ));
        let refused = refused.expect_err("it is not signed");
        assert_eq!(refused.status, 403);
        let text = String::from_utf8_lossy(&refused.body).into_owned();
        assert!(
            text.contains("saasauth local credentials") && !text.contains("s3cret"),
            "{text}"
        );
    }

    #[test]
    fn a_browser_may_ask_ahead_for_what_is_everybodys() {
        let ahead = |uri: &str| {
            let headers = [
                ("origin", "https://app.example"),
                ("access-control-request-method", "POST"),
            ];
            let asked = call(Method::OPTIONS, uri, &headers);
            gate()
                .admit(&mut asked.clone())
                .expect_err("it is answered here")
        };
        for uri in ["/", "/oauth2/token"] {
            assert_eq!(ahead(uri).status, 204);
            assert_eq!(ahead(uri).headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        }
        for uri in ["/2015-03-31/functions", "/_saasauth/mail", "/bucket/key"] {
            assert_eq!(ahead(uri).status, 403);
            assert!(!ahead(uri).headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
        }
    }

    #[test]
    fn only_what_is_everybodys_can_be_read_by_a_page() {
        let mut from = HeaderMap::new();
        from.insert(ORIGIN, HeaderValue::from_static("https://app.example"));
        let reply = || Reply::new(StatusCode::OK, "application/json", "{}");
        let open = gate().let_out(Caller::Anybody, &from, reply());
        assert_eq!(open.headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        let closed = gate().let_out(Caller::Owner, &from, reply());
        assert!(!closed.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    }
}
