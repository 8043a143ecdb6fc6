//! The service as a process, asked over HTTP.

#[path = "../../../verifier/tests/it/issuer.rs"]
#[expect(dead_code, reason = "the verifier's own tests need more of it")]
mod issuer;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use issuer::Issuer;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

struct Service {
    process: Child,
    url: String,
}

impl Service {
    fn start(issuer: &Issuer) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_protected-api"))
            .env("ISSUER", issuer.url())
            .env("CLIENT_ID", "web, mobile")
            .env("PORT", "0")
            .env_remove("JWKS_URI")
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdout = process.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it says where it listens");
        let url = line
            .trim_end()
            .strip_prefix("listening on ")
            .expect("the one line it says");
        Self {
            process,
            url: url.to_owned(),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn token(issuer: &Issuer, client: &str, permissions: &[&str]) -> String {
    issuer.sign(&json!({
        "sub": "s-1", "username": "s-1", "iss": issuer.url(), "client_id": client,
        "token_use": "access", "exp": issuer::now() + 300,
        "role": "member", "permissions": permissions, "domains": ["acme.com"],
    }))
}

async fn status(request: RequestBuilder) -> StatusCode {
    request.send().await.expect("it answers").status()
}

#[tokio::test]
async fn the_token_decides() {
    let issuer = Issuer::start("k1").await;
    let service = Service::start(&issuer);
    let http = Client::new();
    let me = format!("{}/me", service.url);
    let projects = format!("{}/projects", service.url);
    let reader = token(&issuer, "web", &["projects:read"]);
    let writer = token(&issuer, "mobile", &["projects:*"]);
    let project = json!({ "name": "engine" });

    assert_eq!(status(http.get(&me)).await, StatusCode::UNAUTHORIZED);
    let stranger = token(&issuer, "stranger", &["*"]);
    assert_eq!(
        status(http.get(&me).bearer_auth(stranger)).await,
        StatusCode::UNAUTHORIZED
    );

    let answer = http
        .get(&me)
        .bearer_auth(&reader)
        .send()
        .await
        .expect("it answers");
    let answer: Value = answer.json().await.expect("it is JSON");
    assert_eq!(
        answer,
        json!({
            "sub": "s-1", "username": "s-1", "role": "member",
            "permissions": ["projects:read"], "domains": ["acme.com"],
        })
    );

    assert_eq!(
        status(http.post(&projects).bearer_auth(&reader).json(&project)).await,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        status(http.post(&projects).bearer_auth(&writer).json(&project)).await,
        StatusCode::CREATED
    );
    let listed = http
        .get(&projects)
        .bearer_auth(&reader)
        .send()
        .await
        .expect("it answers");
    assert_eq!(
        listed.json::<Value>().await.expect("it is JSON"),
        json!([project])
    );
    assert_eq!(
        status(http.delete(&projects).bearer_auth(&writer)).await,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[test]
fn it_says_what_it_is_not_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_protected-api"))
        .env_remove("ISSUER")
        .output()
        .expect("it starts");
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    assert!(String::from_utf8_lossy(&output.stderr).contains("ISSUER"));
}
