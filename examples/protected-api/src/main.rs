//! An API that lets the token decide: no session, no user table, no call to AWS but for the keys.

use std::env;
use std::error::Error;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use saasauth_verifier::axum::{authenticate, require};
use saasauth_verifier::{Claims, Verifier};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = app(verifier()?);
    let port = variable("PORT").map_or(Ok(0), |port| port.parse::<u16>())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    // The only line on standard output: whoever starts the service with port 0 reads the address here.
    let mut stdout = std::io::stdout();
    writeln!(stdout, "listening on http://{}", listener.local_addr()?)?;
    stdout.flush()?;
    axum::serve(listener, app).await?;
    Ok(())
}

/// The verifier that `ISSUER`, `CLIENT_ID` (several are separated by commas) and `JWKS_URI` describe.
fn verifier() -> Result<Verifier, Box<dyn Error>> {
    let issuer = variable("ISSUER").ok_or("`ISSUER` is not set")?;
    let clients = variable("CLIENT_ID").ok_or("`CLIENT_ID` is not set")?;
    let mut verifier = Verifier::builder(issuer).client_ids(clients.split(',').map(str::trim));
    if let Some(uri) = variable("JWKS_URI") {
        verifier = verifier.jwks_uri(uri);
    }
    Ok(verifier.build()?)
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// A project, the thing this service keeps.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Project {
    name: String,
}

type Projects = Arc<Mutex<Vec<Project>>>;

fn app(verifier: Verifier) -> Router {
    let read = get(list).route_layer(require("projects:read"));
    let write = post(add).route_layer(require("projects:write"));
    Router::new()
        .route("/me", get(me))
        .route("/projects", read.merge(write))
        .layer(authenticate(verifier))
        .with_state(Projects::default())
}

async fn me(claims: Claims) -> Json<Value> {
    Json(json!({
        "sub": claims.sub,
        "username": claims.username,
        "role": claims.role,
        "permissions": claims.permissions,
        "domains": claims.domains,
    }))
}

async fn list(State(projects): State<Projects>) -> Json<Vec<Project>> {
    Json(
        projects
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone(),
    )
}

async fn add(
    State(projects): State<Projects>,
    Json(project): Json<Project>,
) -> (StatusCode, Json<Project>) {
    projects
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(project.clone());
    (StatusCode::CREATED, Json(project))
}
