//! Identity providers: their secrets, and whoever signs in through one, from a real OpenID Connect provider
//! to the claims of the tokens.

use std::fs;
use std::io::{PipeWriter, Write};
use std::process::Stdio;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    Cloud, Output, Project, RESOURCES, Started, ask, python, repository, run, script,
    start_with_input,
};

const CLIENT_ID: &str = "starter-at-okta";
const SECRET: &str = "/starter/okta";
/// A registered company that the provider isn't of.
const ANOTHER_COMPANY: &str = "other.example";

/// An identity provider; `tests/python/oidc_provider.py` says what it does.
struct OidcProvider {
    issuer: String,
    _server: Started,
    /// It ends when its input does, so it doesn't outlive this process.
    _input: PipeWriter,
}

impl OidcProvider {
    fn start() -> Self {
        let (mut server, input) = start_with_input(script("oidc_provider.py").arg(CLIENT_ID));
        Self {
            issuer: server.line(),
            _server: server,
            _input: input,
        }
    }

    /// Has it take this secret of its client and no other.
    fn take(&self, secret: &str) {
        let url = format!("{}/_/secret", self.issuer);
        ask(Method::PUT, &url, Some(&json!({ "secret": secret })));
    }

    /// How often a path of it was asked for.
    fn seen(&self, path: &str) -> u64 {
        let seen = ask(Method::GET, &format!("{}/_/seen", self.issuer), None);
        seen[path].as_u64().unwrap_or_default()
    }
}

/// The starter with two companies, and the provider of the one.
fn with_provider(issuer: &str) -> Project {
    let project = Project::starter();
    // In AWS a provider's address has to be one with TLS.
    project.edit(
        "  local: { target: local }  # the emulator on this machine\n",
        &format!(
            "  local:
    target: local
    sign_in:
      providers:
        okta:
          kind: oidc
          issuer: {issuer}
          client_id: {CLIENT_ID}
          client_secret: \"ssm:{SECRET}\"
          identifiers: [example.com]
"
        ),
    );
    project.edit(
        "  example.com: { role: admin }\n",
        &format!("  example.com: {{ role: admin }}\n  {ANOTHER_COMPANY}: {{ role: admin }}\n"),
    );
    project
}

fn set_secret(project: &Project, value: &str) -> Output {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(value.as_bytes()).unwrap();
    drop(writer);
    let mut command = project.command(&["secret", "set", SECRET]);
    run(command.stdin(Stdio::from(reader))).expect(0)
}

#[test]
fn a_providers_secret_is_asked_for_sent_rotated_and_never_shown() {
    const FIRST: &str = "first-5b1e";
    const SECOND: &str = "second-c07a";
    let provider = "http://127.0.0.1:9";
    let project = with_provider(provider);
    let metadata = repository().join("examples/full/saml/umbrella.xml");
    fs::copy(&metadata, project.directory.join("umbrella.xml")).unwrap();
    project.edit(
        "      providers:\n",
        "      providers:
        umbrella:
          kind: saml
          metadata_file: umbrella.xml
          attributes: { email: mail, name: displayName }
          identifiers: [umbrella.example]
",
    );
    let mut said = Vec::new();
    let mut keep = |output: Output| {
        said.push(format!("{output:?}"));
        output
    };
    let deploy = || project.run(&["deploy", "--no-build", "--json"]);

    let before = project.inventory();
    let refused = keep(project.run(&["deploy", "--no-build"]).expect(3));
    let hint = format!("`saasauth secret set {SECRET} --stage local`");
    assert!(
        refused
            .stderr
            .contains("refused to deploy without the secret")
            && refused.stderr.contains(&hint),
        "{refused:?}"
    );
    let mut after = project.inventory();
    // Whoever deploys keeps the ledger's table, whatever comes of it.
    after["tables"]
        .as_array_mut()
        .unwrap()
        .retain(|name| name != "saasauth-ledger");
    assert_eq!(after, before, "nothing is made");

    keep(set_secret(&project, FIRST));
    let first = keep(deploy().expect(0)).json();
    let pool = first["outputs"]["user_pool_id"].clone();
    let described = |name: &str| {
        let asked = json!({ "UserPoolId": pool, "ProviderName": name });
        let answer = project.client("cognito-idp", "describe_identity_provider", asked);
        answer["IdentityProvider"].clone()
    };
    let okta = described("okta");
    assert_eq!(okta["ProviderType"], "OIDC", "{okta}");
    assert_eq!(okta["IdpIdentifiers"], json!(["example.com"]), "{okta}");
    let details = &okta["ProviderDetails"];
    assert_eq!(details["oidc_issuer"], provider, "{okta}");
    assert_eq!(details["client_secret"], FIRST, "{okta}");
    let umbrella = described("umbrella");
    assert_eq!(umbrella["ProviderType"], "SAML", "{umbrella}");
    assert_eq!(
        umbrella["ProviderDetails"]["MetadataFile"],
        fs::read_to_string(metadata).unwrap(),
        "{umbrella}"
    );

    let again = keep(deploy().expect(0)).json();
    assert_eq!(again["changes"], json!([]), "{again}");
    let diff = ["diff", "--no-build", "--detailed-exitcode"];
    keep(project.run(&diff).expect(0));

    keep(set_secret(&project, SECOND));
    let rotated = keep(project.run(&diff).expect(2));
    assert!(rotated.stdout.contains("ProviderOkta"), "{rotated:?}");
    let planned = keep(project.run(&[&diff[..], &["--json"]].concat()).expect(2)).json();
    let changes = planned["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{planned}");
    assert_eq!(changes[0]["logical_id"], "ProviderOkta", "{planned}");
    assert_eq!(changes[0]["action"], "update", "{planned}");
    keep(deploy().expect(0));
    assert_eq!(
        described("okta")["ProviderDetails"]["client_secret"],
        SECOND
    );
    keep(project.run(&diff).expect(0));
    keep(project.run(&["outputs"]).expect(0));
    keep(project.run(&["synth"]).expect(0));
    keep(project.run(&["secret", "list"]).expect(0));

    let ledger = json!({ "TableName": "saasauth-ledger" });
    let ledger = project.client("dynamodb", "scan", ledger).to_string();
    assert!(ledger.contains("ProviderOkta"), "{ledger}");
    said.push(ledger);
    for said in said {
        assert!(!said.contains(FIRST) && !said.contains(SECOND), "{said}");
    }

    let destroyed = project.run(&["destroy", "--json"]).expect(0).json();
    // Two providers and a second company.
    assert_eq!(destroyed["summary"]["delete"], RESOURCES + 3, "{destroyed}");
    let left = project.inventory();
    for (what, names) in left.as_object().unwrap() {
        let expected = match what.as_str() {
            "tables" => json!(["saasauth-ledger"]),
            _ => json!([]),
        };
        assert_eq!(names, &expected, "{what} of {left}");
    }
}

/// A deployed stage, and the provider its users come through.
struct Federated {
    project: Project,
    provider: OidcProvider,
    outputs: Value,
}

impl Federated {
    fn deployed() -> Self {
        let provider = OidcProvider::start();
        provider.take("hush");
        let project = with_provider(&provider.issuer);
        set_secret(&project, "hush");
        let outputs = project.deploy()["outputs"].clone();
        Self {
            project,
            provider,
            outputs,
        }
    }

    /// What comes of a sign-in by somebody of the provider, who asks for it by this.
    #[track_caller]
    fn sign_in(&self, by: &Value, user: &Value) -> Value {
        let asked = json!({
            "outputs": self.outputs,
            "issuer": self.provider.issuer,
            "user": user,
            "by": by,
        });
        python("federated_sign_in.py", &[], &asked)
    }

    /// The claims of both tokens; ours in them are the same.
    #[track_caller]
    fn claims(&self, by: &Value, user: &Value) -> Value {
        let seen = self.sign_in(by, user);
        let claims = &seen["claims"];
        assert!(claims.is_object(), "{seen}");
        assert_eq!(ours(&claims["id"]), ours(&claims["access"]), "{seen}");
        claims.clone()
    }

    /// Every item of a table of users.
    fn users(&self, table: &str) -> Vec<Value> {
        let scanned = json!({ "TableName": self.outputs[table], "ConsistentRead": true });
        let items = self.project.client("dynamodb", "scan", scanned);
        let mut users = items["Items"].as_array().unwrap().clone();
        users.retain(|item| {
            let key = item["pk"]["S"].as_str();
            key.is_some_and(|key| key.starts_with("USER#"))
        });
        users
    }
}

/// The claims of ours in a token.
fn ours(claims: &Value) -> Value {
    json!([claims["role"], claims["permissions"], claims["domains"]])
}

fn by_name() -> Value {
    json!({ "identity_provider": "okta" })
}

fn user(sub: &str, address: &str, verified: bool) -> Value {
    json!({ "sub": sub, "email": address, "email_verified": verified, "name": "Ada Lovelace" })
}

#[test]
fn who_comes_through_a_companys_provider_joins_that_company_once() {
    let stage = Federated::deployed();
    let ada = user("00u-ada", "ada@example.com", true);
    let expected = json!([
        "admin",
        ["billing:*", "members:*", "projects:*"],
        ["example.com"]
    ]);
    let first = stage.claims(&by_name(), &ada);
    assert_eq!(ours(&first["id"]), expected, "{first}");
    let id = &first["id"];
    assert_eq!(id["email"], "ada@example.com", "{id}");
    assert_eq!(id["email_verified"], true, "{id}");
    assert_eq!(id["identities"][0]["providerName"], "okta", "{id}");

    let (records, memberships) = (
        stage.users("permissions_table"),
        stage.users("domains_table"),
    );
    assert_eq!(records.len(), 1, "{records:?}");
    let key = format!("USER#{}", id["sub"].as_str().unwrap());
    assert_eq!(records[0]["pk"]["S"], key, "{records:?}");
    assert_eq!(records[0]["role"]["S"], "admin", "{records:?}");
    assert_eq!(records[0]["email"]["S"], "ada@example.com", "{records:?}");
    assert_eq!(memberships.len(), 1, "{memberships:?}");
    assert_eq!(memberships[0]["pk"]["S"], key, "{memberships:?}");
    assert_eq!(
        memberships[0]["sk"]["S"], "DOMAIN#example.com",
        "{memberships:?}"
    );

    // The company's address picks its provider just as well, and finds the same user.
    let second = stage.claims(&json!({ "idp_identifier": "example.com" }), &ada);
    assert_eq!(ours(&second["id"]), expected, "{second}");
    assert_eq!(second["id"]["sub"], id["sub"], "{second}");
    assert_eq!(stage.users("permissions_table"), records);
    assert_eq!(stage.users("domains_table"), memberships);
    assert_eq!(stage.provider.seen("/token"), 2);
    // As on AWS, the trigger is told of them once, at the first sign-in.
    let trace = Cloud::shared().trace(&stage.project.account);
    let told = trace
        .iter()
        .filter(|call| call["action"] == "Invoke (PostConfirmation)");
    assert_eq!(told.count(), 1, "{trace:?}");

    let stranger = stage.sign_in(&json!({ "idp_identifier": "nobody.example" }), &ada);
    assert_eq!(stranger["ended"][0], 400, "{stranger}");
    // The provider has a new secret for us, and we don't know it yet.
    stage.provider.take("another");
    let refused = stage.sign_in(&by_name(), &ada);
    assert_eq!(refused["ended"][0], 400, "{refused}");
    set_secret(&stage.project, "another");
    stage.project.deploy();
    let third = stage.claims(&by_name(), &ada);
    assert_eq!(ours(&third["id"]), expected, "{third}");
}

#[test]
fn who_has_no_proof_or_another_companys_address_joins_nothing() {
    let stage = Federated::deployed();
    let elsewhere = format!("eve@{ANOTHER_COMPANY}");
    for (sub, address, verified) in [
        ("00u-bob", "bob@example.com", false),
        ("00u-eve", elsewhere.as_str(), true),
        ("00u-sub", "sub@mail.example.com", true),
    ] {
        let claims = stage.claims(&by_name(), &user(sub, address, verified));
        let id = &claims["id"];
        assert_eq!(
            ours(id),
            json!(["member", ["projects:read"], []]),
            "{address}: {id}"
        );
        assert_eq!(id["email_verified"], verified, "{id}");
    }
    let records = stage.users("permissions_table");
    assert_eq!(records.len(), 3, "{records:?}");
    assert!(
        records.iter().all(|record| record["role"]["S"] == "member"),
        "{records:?}"
    );
    assert_eq!(stage.users("domains_table"), [Value::Null; 0]);
}
