//! `saasauth doctor`, as far as no local cloud is needed: with a server of the test's own in place of AWS.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::server::{Asked, Server};
use crate::support::{Output, folder, run, saasauth, starter};

/// Every finding: its status and detail, by its name.
fn findings(output: &Output) -> BTreeMap<String, (String, String)> {
    let document = output.json();
    let checks = document["checks"].as_array().unwrap();
    assert_eq!(document.as_object().unwrap().len(), 1, "{document}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut found = BTreeMap::new();
    for check in checks {
        let keys: Vec<_> = check.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["name", "status", "detail", "hint"]);
        let hint = check["hint"].as_str();
        if check["status"] == "problem" {
            assert!(hint.is_some(), "nothing to do about {check}");
        }
        let detail = format!("{} [{}]", text(&check["detail"]), hint.unwrap_or_default());
        let before = found.insert(text(&check["name"]), (text(&check["status"]), detail));
        assert!(before.is_none(), "{check} comes twice");
    }
    found
}

fn doctor(project: &Path, arguments: &[&str]) -> Command {
    let mut command = saasauth();
    command
        .current_dir(project)
        .args(["doctor", "--json"])
        .args(arguments);
    command
}

/// A project with a stage in AWS that uses everything there is a check for.
fn project() -> std::path::PathBuf {
    let project = starter();
    let file = project.join("saasauth.yaml");
    let mut text = fs::read_to_string(&file).unwrap();
    text = text.split("\nstages:").next().unwrap().to_owned();
    text +=
        "\nstages:\n  local: { target: local }\n  dev: {}\n  prod: { account: \"123456789012\" }\n";
    if !text.contains("hosted_ui:") {
        text = text.replacen(
            "\nstages:",
            "\nhosted_ui: { prefix: acme-auth }\n\nstages:",
            1,
        );
    }
    fs::write(file, text).unwrap();
    project
}

/// An account of AWS in which a stage is being deployed, and much is not ready.
fn answer(asked: &Asked) -> (u16, String) {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let body = match asked.action() {
        "GetCallerIdentity" => {
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/ada</Arn>\
             <Account>123456789012</Account><UserId>A</UserId></GetCallerIdentityResult></GetCallerIdentityResponse>"
                .to_owned()
        }
        "Query" => format!(
            r#"{{"Items":[{{"pk":{{"S":"p#s"}},"sk":{{"S":"STATE"}},"serial":{{"N":"1"}},"engine":{{"S":"direct"}},
               "lock_token":{{"S":"t"}},"lock_owner":{{"S":"grace@laptop"}},"lock_since":{{"N":"{}"}},"lock_expires":{{"N":"{}"}}}}]}}"#,
            now - 30,
            now + 60
        ),
        "DescribeUserPoolDomain" => {
            r#"{"DomainDescription":{"UserPoolId":"eu-west-1_Theirs","Domain":"d","Status":"ACTIVE"}}"#.to_owned()
        }
        "DescribeParameters" => r#"{"Parameters":[]}"#.to_owned(),
        line if line.contains("/v2/email/identities/") => {
            r#"{"VerifiedForSendingStatus":false,"DkimAttributes":{"Tokens":["a1","b2","c3"]}}"#.to_owned()
        }
        line if line.contains("/v2/email/account") => {
            r#"{"ProductionAccessEnabled":false}"#.to_owned()
        }
        _ => return (404, String::new()),
    };
    (200, body)
}

/// With the server in place of AWS.
fn in_aws(project: &Path, aws: &Server, arguments: &[&str]) -> Command {
    let mut command = doctor(project, arguments);
    command
        .env("AWS_ACCESS_KEY_ID", "AKENV")
        .env("AWS_SECRET_ACCESS_KEY", "hush")
        .env("AWS_ENDPOINT_URL", &aws.url);
    command
}

#[test]
fn what_is_in_the_way_of_a_deploy_is_found_and_ends_with_1() {
    let project = project();
    let aws = Server::start(answer);
    let output = run(&mut in_aws(&project, &aws, &["--stage", "prod"])).expect(1);
    let found = findings(&output);
    let expect = |name: &str, status: &str, words: &str| {
        let (is, detail) = found
            .get(name)
            .unwrap_or_else(|| panic!("no {name}: {found:#?}"));
        assert_eq!(is, status, "{name}: {detail}");
        assert!(detail.contains(words), "{name}: {detail}");
    };
    expect("project", "ok", "stage `prod` is for AWS in ");
    expect("cargo", "ok", "cargo 1.");
    expect("region", "ok", "");
    expect("proxy", "ok", "none is set");
    expect("credentials", "ok", "arn:aws:iam::123456789012:user/ada");
    expect(
        "account",
        "ok",
        "123456789012, as `account` of the stage says",
    );
    expect("stage", "ok", "not deployed yet");
    expect("lock", "warning", "`grace@laptop` has been deploying for 3");
    expect(
        "hosted pages",
        "problem",
        "belongs to the user pool `eu-west-1_Theirs`",
    );
    assert!(!output.stdout.contains("hush"), "{output:?}");
    // It reads, and nothing else.
    for asked in aws.asked() {
        let action = asked.action();
        let reads = ["Get", "Query", "Describe", "GET "];
        assert!(
            reads.iter().any(|read| action.starts_with(read)),
            "{action}"
        );
    }
}

#[test]
fn credentials_of_another_account_are_a_problem() {
    let project = project();
    let file = project.join("saasauth.yaml");
    let text = fs::read_to_string(&file)
        .unwrap()
        .replace("\"123456789012\"", "\"210987654321\"");
    fs::write(&file, text).unwrap();
    let aws = Server::start(answer);
    let output = run(&mut in_aws(&project, &aws, &["--stage", "prod"])).expect(1);
    let (status, detail) = findings(&output)["account"].clone();
    assert_eq!(status, "problem");
    assert!(
        detail.contains("belongs to AWS account 210987654321"),
        "{detail}"
    );
}

#[test]
fn without_credentials_all_else_is_looked_at() {
    let project = project();
    let output = run(doctor(&project, &["--stage", "dev"]).env("HOME", folder("home"))).expect(1);
    let found = findings(&output);
    let (status, detail) = &found["credentials"];
    assert_eq!(status, "problem");
    assert!(detail.starts_with("no AWS credentials: "), "{detail}");
    assert!(
        found.contains_key("cargo") && found.contains_key("rust target"),
        "{found:#?}"
    );
    assert!(!found.contains_key("lock"), "{found:#?}");
}

#[test]
fn a_region_without_user_pools_is_a_problem() {
    let project = project();
    let aws = Server::start(answer);
    let arguments = ["--stage", "dev", "--region", "cn-north-1"];
    let output = run(&mut in_aws(&project, &aws, &arguments)).expect(1);
    let (status, detail) = findings(&output)["region"].clone();
    assert_eq!(
        (
            status.as_str(),
            detail.contains("no user pools in `cn-north-1`")
        ),
        ("problem", true)
    );
}

#[test]
fn the_stage_local_needs_no_network_and_nothing_is_started_or_written() {
    let project = starter();
    let output = run(&mut doctor(&project, &["--stage", "local"])).expect(0);
    let found = findings(&output);
    assert_eq!(found["local cloud"].0, "ok");
    assert!(found["local cloud"].1.contains("not running"), "{found:#?}");
    assert!(!found.contains_key("credentials"), "{found:#?}");
    assert!(!project.join(".saasauth").exists());
}

#[test]
fn a_project_that_is_wrong_or_missing_is_a_finding_and_a_wrong_stage_a_mistake() {
    let missing = run(&mut doctor(&folder("empty"), &[])).expect(1);
    let found = findings(&missing);
    assert_eq!(found["project"].0, "problem", "{found:#?}");
    assert_eq!(found["cargo"].0, "ok", "{found:#?}");

    let project = starter();
    let file = project.join("saasauth.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text + "\nunknown_key: 1\n").unwrap();
    let wrong = run(&mut doctor(&project, &[])).expect(1);
    let (status, detail) = findings(&wrong)["project"].clone();
    assert_eq!(status, "problem");
    assert!(
        detail.contains("saasauth.yaml:") && detail.contains("unknown_key"),
        "{detail}"
    );

    let stage = run(&mut doctor(&starter(), &["--stage", "nope"])).expect(2);
    assert!(
        stage.stderr.starts_with("error: there is no stage `nope`"),
        "{stage:?}"
    );
}

#[test]
fn a_person_reads_a_line_for_each_with_what_to_do_below() {
    let project = starter();
    let mut command = saasauth();
    command
        .current_dir(&project)
        .args(["doctor", "--stage", "local"])
        .env("HTTPS_PROXY", "http://ada:hush@proxy:3128");
    let output = run(&mut command).expect(0);
    assert!(
        output
            .stdout
            .contains("✓ proxy         AWS is asked through http://proxy:3128 (`HTTPS_PROXY`)"),
        "{output:?}"
    );
    let mut command = saasauth();
    command
        .current_dir(&project)
        .args(["doctor", "--stage", "local"])
        .env("HTTPS_PROXY", "socks5://ada:hush@proxy");
    let output = run(&mut command).expect(1);
    assert!(
        output
            .stdout
            .contains("\n✗ proxy         can't use the proxy in `HTTPS_PROXY`"),
        "{output:?}"
    );
    assert!(
        output
            .stdout
            .contains("\n                hint: write it as"),
        "{output:?}"
    );
    assert!(!output.stdout.contains("hush"), "{output:?}");
}

#[test]
fn a_clock_that_is_off_is_told_with_the_cure() {
    let project = project();
    // Not on this machine, whose clock would be the same: through a proxy.
    let date = "date: Thu, 01 Jan 2099 00:00:00 GMT";
    let aws = Server::with_header(date, answer);
    let mut command = doctor(&project, &["--stage", "dev"]);
    command
        .env("AWS_ACCESS_KEY_ID", "AKENV")
        .env("AWS_SECRET_ACCESS_KEY", "hush")
        .env("HTTP_PROXY", &aws.url)
        .env("AWS_ENDPOINT_URL", "http://aws.invalid");
    let found = findings(&run(&mut command).expect(1));
    assert_eq!(found["sender"].0, "warning", "{found:#?}");
    let (status, detail) = &found["clock"];
    assert_eq!(status, "problem");
    assert!(detail.contains("behind AWS's [set it"), "{detail}");
}
