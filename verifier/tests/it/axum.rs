//! The layers: who gets in, and what the others are told.

use ::axum::Router;
use ::axum::body::Body;
use ::axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use ::axum::http::request::Parts;
use ::axum::http::{Request, Response, StatusCode};
use ::axum::routing::get;
use saasauth_verifier::axum::{authenticate, require, require_in};
use saasauth_verifier::{Claims, Verifier};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::issuer::{self, Issuer};

fn app(issuer: &Issuer) -> Router {
    let verifier = Verifier::builder(issuer.url())
        .client_id("client")
        .build()
        .expect("the settings are whole");
    let guarded = get(async || "listed").route_layer(require("projects:read"));
    Router::new()
        .route("/me", get(async |claims: Claims| claims.sub))
        .route("/projects", guarded)
        .layer(authenticate(verifier))
}

fn token(issuer: &Issuer, permissions: &[&str]) -> String {
    issuer.sign(&json!({
        "sub": "s-1", "iss": issuer.url(), "client_id": "client", "token_use": "access",
        "exp": issuer::now() + 300, "permissions": permissions,
    }))
}

async fn ask(app: Router, path: &str, authorization: &[&str]) -> Response<Body> {
    let mut request = Request::get(path);
    for value in authorization {
        request = request.header(AUTHORIZATION, *value);
    }
    let request = request.body(Body::empty()).expect("it is a request");
    app.oneshot(request).await.expect("axum always answers")
}

fn challenge(response: &Response<Body>) -> &str {
    let header = response.headers().get(WWW_AUTHENTICATE);
    header.map_or("", |value| value.to_str().expect("it is text"))
}

#[tokio::test]
async fn a_good_token_gets_in_and_the_handler_knows_who() {
    let issuer = Issuer::start("k1").await;
    let bearer = format!("bearer {}", token(&issuer, &["projects:*"]));
    for path in ["/me", "/projects"] {
        assert_eq!(
            ask(app(&issuer), path, &[&bearer]).await.status(),
            StatusCode::OK,
            "{path}"
        );
    }
}

#[tokio::test]
async fn without_credentials_there_is_no_error_code() {
    let issuer = Issuer::start("k1").await;
    for authorization in [&[][..], &["Basic dTpw"]] {
        let response = ask(app(&issuer), "/projects", authorization).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(challenge(&response), "Bearer");
    }
}

#[tokio::test]
async fn a_bad_token_is_told_why() {
    let issuer = Issuer::start("k1").await;
    let response = ask(app(&issuer), "/me", &["Bearer a.b.c"]).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        challenge(&response),
        r#"Bearer error="invalid_token", error_description="the token is malformed""#
    );
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let issuer = Issuer::start("k1").await;
    let bearer = format!("Bearer {}", token(&issuer, &["billing:*"]));
    let response = ask(app(&issuer), "/projects", &[&bearer]).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        challenge(&response),
        r#"Bearer error="insufficient_scope", error_description="the token lacks the permission projects:read", scope="projects:read""#
    );
}

#[tokio::test]
async fn what_a_verifier_wants_beyond_is_told_apart() {
    let issuer = Issuer::start("k1").await;
    let bearer = format!("Bearer {}", token(&issuer, &["*"]));
    let builder = || Verifier::builder(issuer.url()).client_id("client");
    for (builder, status, expected) in [
        (
            builder().groups(["staff"]),
            StatusCode::FORBIDDEN,
            r#"Bearer error="insufficient_scope", error_description="the token's user is in none of the groups wanted""#,
        ),
        (
            builder().scopes(["api/read", "api/write"]),
            StatusCode::FORBIDDEN,
            r#"Bearer error="insufficient_scope", error_description="the token lacks a scope of: api/read api/write", scope="api/read api/write""#,
        ),
        (
            builder().check(|_| Err("no\n\"x\", scope=\"é".to_owned())),
            StatusCode::UNAUTHORIZED,
            r#"Bearer error="invalid_token", error_description="the token was refused: no??x?, scope=??""#,
        ),
    ] {
        let verifier = builder.build().expect("the settings are whole");
        let app = Router::new()
            .route("/", get(async || "in"))
            .layer(authenticate(verifier));
        let response = ask(app, "/", &[&bearer]).await;
        assert_eq!(response.status(), status);
        assert_eq!(challenge(&response), expected);
    }
}

#[tokio::test]
async fn a_malformed_header_is_a_bad_request() {
    let issuer = Issuer::start("k1").await;
    for authorization in [
        &["Bearer"][..],
        &["Bearer "],
        &["Bearer a.b.c", "Bearer a.b.c"],
    ] {
        let response = ask(app(&issuer), "/me", authorization).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        assert!(challenge(&response).starts_with(r#"Bearer error="invalid_request""#));
    }
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_not_the_callers_fault() {
    let issuer = Issuer::start("k1").await;
    issuer.fail(true);
    let bearer = format!("Bearer {}", token(&issuer, &[]));
    let response = ask(app(&issuer), "/me", &[&bearer]).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_guard_that_nobody_authenticates_for_lets_nobody_in() {
    let lonely = Router::new().route(
        "/",
        get(async || "in").route_layer(require("projects:read")),
    );
    assert_eq!(
        ask(lonely, "/", &[]).await.status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

#[tokio::test]
async fn a_role_of_one_company_opens_no_other() {
    let issuer = Issuer::start("k1").await;
    let app = || {
        let verifier = Verifier::builder(issuer.url())
            .client_id("client")
            .build()
            .expect("the settings are whole");
        let company = |parts: &Parts| {
            let path = parts.uri.path().strip_prefix("/companies/")?;
            path.split_once('/').map(|(company, _)| company.to_owned())
        };
        Router::new()
            .route("/companies/{company}/projects", get(async || "listed"))
            .route("/projects", get(async || "listed"))
            .route_layer(require_in("projects:write", company))
            .layer(authenticate(verifier))
    };
    let token = |claims: Value| {
        let mut token = json!({
            "sub": "s-1", "iss": issuer.url(), "client_id": "client", "token_use": "access",
            "exp": issuer::now() + 300, "permissions": ["*"], "domains": ["acme.com", "acme.org"],
        });
        let claims = claims.as_object().expect("claims are an object").clone();
        token
            .as_object_mut()
            .expect("a token is an object")
            .extend(claims);
        format!("Bearer {}", issuer.sign(&token))
    };
    let roles = token(json!({
        "domain_roles": { "acme.com": "owner", "acme.org": "member" },
        "role_permissions": { "owner": ["*"], "member": ["projects:read"] },
    }));
    let without = token(json!({}));
    for (path, bearer, status) in [
        ("/companies/acme.com/projects", &roles, StatusCode::OK),
        ("/companies/Acme.COM/projects", &roles, StatusCode::OK),
        (
            "/companies/acme.org/projects",
            &roles,
            StatusCode::FORBIDDEN,
        ),
        (
            "/companies/evil.com/projects",
            &roles,
            StatusCode::FORBIDDEN,
        ),
        ("/projects", &roles, StatusCode::FORBIDDEN),
        (
            "/companies/acme.com/projects",
            &without,
            StatusCode::FORBIDDEN,
        ),
    ] {
        let response = ask(app(), path, &[bearer]).await;
        assert_eq!(response.status(), status, "{path}");
        if status == StatusCode::FORBIDDEN {
            assert_eq!(
                challenge(&response),
                r#"Bearer error="insufficient_scope", error_description="the token lacks the permission projects:write", scope="projects:write""#
            );
        }
    }

    let lonely = Router::new().route(
        "/",
        get(async || "in").route_layer(require_in("projects:read", |_| Some("acme.com".into()))),
    );
    assert_eq!(
        ask(lonely, "/", &[]).await.status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
}
