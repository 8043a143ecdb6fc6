//! Layers for axum: who is calling, and may they.
//!
//! ```no_run
//! # use axum::{Router, routing::get};
//! # use saasauth_verifier::{Claims, Verifier, axum::{authenticate, require}};
//! # fn example(verifier: Verifier) -> Router {
//! Router::new()
//!     .route("/projects", get(list).route_layer(require("projects:read")))
//!     .layer(authenticate(verifier))
//! # }
//! # async fn list(claims: Claims) -> String { claims.sub }
//! ```
//!
//! Answers follow RFC 6750, section 3: 401 without an error code when no token came, 401 `invalid_token`,
//! 400 `invalid_request`, 403 `insufficient_scope` (for groups and scopes of the verifier as well). Keys that cannot be fetched are 503: the caller did
//! nothing wrong, and should try again.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::axum::body::Body;
use ::axum::extract::FromRequestParts;
use ::axum::extract::Request;
use ::axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use ::axum::http::request::Parts;
use ::axum::http::{HeaderMap, HeaderValue, StatusCode};
use ::axum::response::{IntoResponse, Response};
use serde_json::json;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Claims, Verifier, VerifyError};

/// Lets a request in with a valid token only, and hands its [`Claims`] to the handlers.
pub fn authenticate(verifier: Verifier) -> Authenticate {
    Authenticate { verifier }
}

/// Lets a request in when the token's permissions cover `permission`. Goes inside [`authenticate`].
pub fn require(permission: &str) -> Require {
    Require {
        permission: permission.into(),
    }
}

/// Lets a request in when the role that the token's user has in the request's domain covers `permission`
/// ([`Claims::allows_in`]). Goes inside [`authenticate`].
///
/// `domain` says which domain a request is about, from its path or a header; the caller may name whatever
/// they like, for it is the token that says where they may. A request about none is refused.
///
/// ```no_run
/// # use axum::{Router, http::request::Parts, routing::get};
/// # use saasauth_verifier::{Verifier, axum::{authenticate, require_in}};
/// # fn example(verifier: Verifier) -> Router {
/// fn company(parts: &Parts) -> Option<String> {
///     let path = parts.uri.path().strip_prefix("/companies/")?;
///     path.split('/').next().map(str::to_owned)
/// }
///
/// Router::new()
///     .route("/companies/{company}/projects", get(list))
///     .route_layer(require_in("projects:read", company))
///     .layer(authenticate(verifier))
/// # }
/// # async fn list() {}
/// ```
pub fn require_in(
    permission: &str,
    domain: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static,
) -> RequireIn {
    RequireIn {
        permission: permission.into(),
        domain: Arc::new(domain),
    }
}

/// See [`authenticate`].
#[derive(Debug, Clone)]
pub struct Authenticate {
    verifier: Verifier,
}

/// See [`require`].
#[derive(Debug, Clone)]
pub struct Require {
    permission: Arc<str>,
}

/// See [`require_in`].
#[derive(Clone)]
pub struct RequireIn {
    permission: Arc<str>,
    domain: DomainOf,
}

type DomainOf = Arc<dyn Fn(&Parts) -> Option<String> + Send + Sync>;

/// A service behind [`Authenticate`].
#[derive(Debug, Clone)]
pub struct Authenticated<S> {
    inner: S,
    verifier: Verifier,
}

/// A service behind [`Require`].
#[derive(Debug, Clone)]
pub struct Required<S> {
    inner: S,
    permission: Arc<str>,
}

/// A service behind [`RequireIn`].
#[derive(Clone)]
pub struct RequiredIn<S> {
    inner: S,
    layer: RequireIn,
}

impl std::fmt::Debug for RequireIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequireIn")
            .field("permission", &self.permission)
            .finish_non_exhaustive()
    }
}

impl<S: std::fmt::Debug> std::fmt::Debug for RequiredIn<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequiredIn")
            .field("inner", &self.inner)
            .field("layer", &self.layer)
            .finish()
    }
}

impl<S> Layer<S> for Authenticate {
    type Service = Authenticated<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Authenticated {
            inner,
            verifier: self.verifier.clone(),
        }
    }
}

impl<S> Layer<S> for Require {
    type Service = Required<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Required {
            inner,
            permission: Arc::clone(&self.permission),
        }
    }
}

impl<S> Layer<S> for RequireIn {
    type Service = RequiredIn<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequiredIn {
            inner,
            layer: self.clone(),
        }
    }
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

impl<S> Service<Request> for Authenticated<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        // The one that said it is ready must be the one called; its clone takes the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let verifier = self.verifier.clone();
        Box::pin(async move {
            match identify(&verifier, request.headers()).await {
                Ok(claims) => {
                    request.extensions_mut().insert(claims);
                    inner.call(request).await
                }
                Err(denied) => Ok(denied.into_response()),
            }
        })
    }
}

impl<S> Service<Request> for Required<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let denied = match request.extensions().get::<Claims>() {
            Some(claims) if claims.allows(&self.permission) => {
                return Box::pin(self.inner.call(request));
            }
            Some(_) => Denied::InsufficientScope(Arc::clone(&self.permission)),
            None => Denied::NotAuthenticated,
        };
        Box::pin(ready(Ok(denied.into_response())))
    }
}

impl<S> Service<Request> for RequiredIn<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let RequireIn { permission, domain } = &self.layer;
        let (parts, body) = request.into_parts();
        let denied = match parts.extensions.get::<Claims>() {
            Some(claims) => {
                if domain(&parts).is_some_and(|domain| claims.allows_in(&domain, permission)) {
                    return Box::pin(self.inner.call(Request::from_parts(parts, body)));
                }
                Denied::InsufficientScope(Arc::clone(permission))
            }
            None => Denied::NotAuthenticated,
        };
        Box::pin(ready(Ok(denied.into_response())))
    }
}

/// The caller, in a handler behind [`authenticate`].
impl<S: Sync> FromRequestParts<S> for Claims {
    type Rejection = Denied;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Denied> {
        parts
            .extensions
            .get()
            .cloned()
            .ok_or(Denied::NotAuthenticated)
    }
}

async fn identify(verifier: &Verifier, headers: &HeaderMap) -> Result<Claims, Denied> {
    let token = bearer(headers)?;
    verifier.verify(token).await.map_err(Denied::InvalidToken)
}

/// The token of the one `Authorization` header. Another scheme is no credentials of ours.
fn bearer(headers: &HeaderMap) -> Result<&str, Denied> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Denied::NoCredentials)?;
    if values.next().is_some() {
        return Err(Denied::InvalidRequest);
    }
    let value = value.to_str().map_err(|_| Denied::InvalidRequest)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Denied::NoCredentials);
    }
    match token.trim() {
        "" => Err(Denied::InvalidRequest),
        token => Ok(token),
    }
}

/// Why a request was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// No bearer token came.
    NoCredentials,
    /// The header is malformed or there twice.
    InvalidRequest,
    /// A token came and is not good.
    InvalidToken(VerifyError),
    /// The token is good and lacks this permission.
    InsufficientScope(Arc<str>),
    /// The route has a guard but no [`authenticate`] around it: a mistake of ours.
    NotAuthenticated,
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let (status, error, description) = match &self {
            Self::NoCredentials => (
                StatusCode::UNAUTHORIZED,
                None,
                "a bearer token is needed".to_owned(),
            ),
            Self::InvalidRequest => {
                let description = "the authorization header is malformed".to_owned();
                (
                    StatusCode::BAD_REQUEST,
                    Some("invalid_request"),
                    description,
                )
            }
            // The reason names the issuer's address: for the log of whoever maps this, not for callers.
            Self::InvalidToken(VerifyError::KeysUnavailable(_)) => {
                let description = "tokens cannot be verified at the moment".to_owned();
                return answer(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "temporarily_unavailable",
                    &description,
                );
            }
            // The token is good, and grants too little.
            Self::InvalidToken(reason @ (VerifyError::Groups | VerifyError::Scopes(_))) => (
                StatusCode::FORBIDDEN,
                Some("insufficient_scope"),
                reason.to_string(),
            ),
            Self::InvalidToken(reason) => (
                StatusCode::UNAUTHORIZED,
                Some("invalid_token"),
                reason.to_string(),
            ),
            Self::InsufficientScope(permission) => {
                let description = format!("the token lacks the permission {permission}");
                (
                    StatusCode::FORBIDDEN,
                    Some("insufficient_scope"),
                    description,
                )
            }
            Self::NotAuthenticated => {
                let description = "the route is guarded but not authenticated";
                return answer(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "server_error",
                    description,
                );
            }
        };
        let mut challenge = "Bearer".to_owned();
        if let Some(error) = error {
            let description = quotable(&description);
            challenge.push_str(&format!(
                " error=\"{error}\", error_description=\"{description}\""
            ));
        }
        if let Self::InsufficientScope(scope) | Self::InvalidToken(VerifyError::Scopes(scope)) =
            &self
        {
            challenge.push_str(&format!(", scope=\"{}\"", quotable(scope)));
        }
        let mut response = answer(status, error.unwrap_or("unauthorized"), &description);
        let challenge =
            HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static("Bearer"));
        response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        response
    }
}

/// A text with what RFC 6750, section 3, allows between quotes alone; `?` stands for the rest.
fn quotable(text: &str) -> String {
    let allowed = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    text.chars()
        .map(|c| if allowed(c) { c } else { '?' })
        .collect()
}

fn answer(status: StatusCode, error: &str, description: &str) -> Response {
    let body = json!({ "error": error, "error_description": description }).to_string();
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
