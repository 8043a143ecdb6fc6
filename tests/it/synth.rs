//! What cfn-lint says of the templates `saasauth synth` prints.

use std::fs;
use std::path::Path;

use crate::support::{LAMBDAS, folder, python_tool, repository, run, saasauth};

fn template(file: &Path, stage: &str) -> String {
    let mut command = saasauth();
    command
        .args(["synth", "--stage", stage, "--project-file"])
        .arg(file);
    run(&mut command).expect(0).stdout
}

/// Fails the test with what cfn-lint has to say, if it has.
#[track_caller]
fn lint(files: &[impl AsRef<std::ffi::OsStr>]) {
    let linted = run(python_tool("cfn-lint").args(files));
    assert!(
        linted.code == 0 && linted.stdout.is_empty() && linted.stderr.is_empty(),
        "{linted:?}"
    );
}

#[test]
fn cfn_lint_finds_nothing_in_the_rendered_stacks() {
    let folder = repository().join("stacks/examples");
    let stacks: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!stacks.is_empty());
    lint(&stacks);
}

#[test]
fn cfn_lint_finds_nothing_in_other_projects_either() {
    let folder = folder("synth");
    let mut templates = Vec::new();
    for (name, text) in PROJECTS {
        let file = folder.join(format!("{name}.yaml"));
        let lambdas = format!("{}/lambdas/", repository().display());
        fs::write(&file, text.replace(LAMBDAS, &lambdas)).unwrap();
        for stage in ["local", "dev"] {
            let path = folder.join(format!("{name}-{stage}.json"));
            fs::write(&path, template(&file, stage)).unwrap();
            templates.push(path);
        }
    }
    lint(&templates);
}

/// Projects that use what the examples don't.
const PROJECTS: [(&str, &str); 4] = [
    (
        "phone",
        r#"
version: 1
project: by-phone
region: ap-southeast-2
sign_in:
  with: [phone]
  attributes: { given_name: { required: true }, birthdate: {} }
  password: { min_length: 99, require: [] }
  verify: { by: sms, how: code }
  mfa: { mode: required, methods: [sms, totp] }
clients:
  app: { kind: native, callback_urls: ["myapp://callback"], tokens: { refresh: 3650d } }
triggers:
  confirm_user: { path: ../../lambdas/confirm-user, timeout_seconds: 1 }
  generate_token: { path: ../../lambdas/generate-token, memory_mb: 128 }
"#,
    ),
    (
        "machines",
        r#"
version: 1
project: machines
region: us-gov-west-1
clients:
  web: { kind: spa, callback_urls: ["https://app.machines.example/cb"] }
  nightly: { kind: machine, scopes: ["reports:read", "reports:write", "billing:read"] }
  hourly: { kind: machine, scopes: ["reports:read"], tokens: { access: 24h } }
hosted_ui: { prefix: machines-auth }
access:
  default_role: reader
  roles: { reader: ["reports:read"], writer: ["reports:*"] }
triggers:
  confirm_user: { path: ../../lambdas/confirm-user, log_retention_days: 1 }
  generate_token: { path: ../../lambdas/generate-token, log_retention_days: 3653 }
"#,
    ),
    (
        "own-domain",
        r#"
version: 1
project: own-domain
region: eu-central-1
sign_in:
  with: [email]
  attributes: { tenant: { type: string, mutable: false }, plan_ends: { type: datetime } }
  mfa: { mode: optional, methods: [totp] }
  plan: plus
clients:
  backend: { kind: server, callback_urls: ["https://api.own.example/cb"], scopes: [openid, email] }
hosted_ui:
  domain: login.own.example
  certificate_arn: "arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555"
domains: { own.example: {}, a-partner.co.uk: {} }
email: { from: "robot@own.example", identity: robot@own.example }
architecture: x86_64
triggers:
  confirm_user: { path: ../../lambdas/confirm-user }
  generate_token: { path: ../../lambdas/generate-token }
"#,
    ),
    (
        "username",
        r#"
version: 1
project: username
region: us-east-1
sign_in:
  with: [username]
  verify: { by: email, how: link }
clients:
  web: { kind: spa, callback_urls: ["http://localhost:5173/"] }
hosted_ui: { prefix: username-auth }
tags: { "cost center": "a/b = c", owner: "x@y.example" }
triggers:
  confirm_user: { path: ../../lambdas/confirm-user }
  generate_token: { path: ../../lambdas/generate-token }
"#,
    ),
];
