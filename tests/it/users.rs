//! `saasauth user`, `repair` and `secret`: what operators and pipelines change in a deployed stage, seen
//! by what the next token says and by what AWS answers a third-party client.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::{Calls, Output, Project, python, run, start, until};

const ADDRESS: &str = "ada@other.org";
const PASSWORD: &str = "Correct-Horse-7-Battery";
const TABLE: &str = "starter-local-permissions";

fn sign_in(project: &Project) -> Value {
    python("sign_in.py", &[ADDRESS, PASSWORD], &project.outputs())
}

/// What the next token says: role, permissions, domains.
fn token(project: &Project) -> Value {
    let seen = sign_in(project);
    let claims = &seen["claims"];
    json!([claims["role"], claims["permissions"], claims["domains"]])
}

fn key(sub: &str) -> Value {
    json!({ "pk": { "S": format!("USER#{sub}") } })
}

fn item(project: &Project, sub: &str) -> Value {
    let parameters = json!({ "TableName": TABLE, "Key": key(sub), "ConsistentRead": true });
    project.client("dynamodb", "get_item", parameters)["Item"].clone()
}

/// Runs `saasauth` with something piped in.
fn piped(project: &Project, text: &str, arguments: &[&str]) -> Output {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    drop(writer);
    run(project.command(arguments).stdin(Stdio::from(reader)))
}

#[test]
fn what_is_granted_and_revoked_is_in_the_next_token() {
    let project = Project::starter();
    project.deploy();
    let sub = project.admin_made(ADDRESS, PASSWORD);

    let granted = project.run(&[
        "user",
        "grant",
        ADDRESS,
        "--role",
        "admin",
        "--permission",
        "audit:read",
        "--domain",
        "example.com",
        "--domain-role",
        "member",
        "--json",
        "-v",
    ]);
    let calls = Calls::of(&granted.clone().expect(0));
    assert_eq!(
        calls.writes(),
        ["TransactWriteItems"],
        "record and membership in one write"
    );
    let document = granted.json();
    assert_eq!(document["changed"], true, "{document}");
    assert_eq!(document["created"], true, "there was no record: {document}");
    assert_eq!(
        document["domains"],
        json!({ "example.com": "member" }),
        "{document}"
    );
    assert_eq!(
        item(&project, &sub)["attributes"]["M"]["company"],
        json!({ "S": "Engines" })
    );
    let everything = ["audit:read", "billing:*", "members:*", "projects:*"];
    assert_eq!(
        token(&project),
        json!(["admin", everything, ["example.com"]])
    );

    // By `sub` as well as by address; and what is there already is not written again.
    let again = project
        .run(&["user", "grant", &sub, "--role", "admin", "--json", "-v"])
        .expect(0);
    assert_eq!(again.json()["changed"], false, "{again:?}");
    assert!(Calls::of(&again).writes().is_empty(), "{again:?}");

    let shown = project
        .run(&["user", "show", ADDRESS, "--json"])
        .expect(0)
        .json();
    assert_eq!(shown["effective_permissions"], json!(everything), "{shown}");
    for filter in [["--role", "admin"], ["--domain", "example.com"]] {
        let arguments = [&["user", "list", "--json"], &filter[..]].concat();
        let listed = project.run(&arguments).expect(0).json();
        assert_eq!(
            listed["users"][0]["sub"],
            json!(sub),
            "{filter:?}: {listed}"
        );
        assert_eq!(
            listed["users"][0]["domains"],
            json!({ "example.com": "member" })
        );
    }

    let revoke = [
        "user",
        "revoke",
        ADDRESS,
        "--permission",
        "audit:read",
        "--domain",
        "example.com",
    ];
    let revoked = project.run(&revoke).expect(0);
    assert!(revoked.stderr.contains("role `admin` stays"), "{revoked:?}");
    project
        .run(&["user", "revoke", ADDRESS, "--role", "admin"])
        .expect(0);
    assert_eq!(token(&project), json!(["member", ["projects:read"], []]));
}

#[test]
fn an_address_that_nobody_has_proved_is_granted_nothing() {
    let project = Project::starter();
    let outputs = project.deploy()["outputs"].clone();
    let sign_up = json!({
        "ClientId": outputs["clients"]["web"]["client_id"],
        "Username": ADDRESS,
        "Password": PASSWORD,
        "UserAttributes": [{ "Name": "email", "Value": ADDRESS }, { "Name": "name", "Value": "Mallory" }],
    });
    let sub = project.client("cognito-idp", "sign_up", sign_up)["UserSub"].clone();
    let sub = sub.as_str().unwrap();
    for change in [
        &["grant", ADDRESS, "--role", "admin"][..],
        &["unblock", ADDRESS],
    ] {
        let refused = project.run(&[&["user"], change].concat()).expect(3);
        assert!(
            refused.stderr.contains("has not proved to own it"),
            "{refused:?}"
        );
        assert!(refused.stderr.contains(sub), "{refused:?}");
    }
    // Nothing is given by these, and whoever knows better says whom they mean.
    project.run(&["user", "show", ADDRESS]).expect(0);
    project.run(&["user", "block", ADDRESS]).expect(0);
    project
        .run(&["user", "grant", sub, "--role", "admin"])
        .expect(0);
}

#[test]
fn people_who_grant_at_the_same_time_undo_nothing() {
    let project = Project::starter();
    project.deploy();
    let sub = project.admin_made(ADDRESS, PASSWORD);
    let permissions: Vec<String> = (0..8).map(|number| format!("part-{number}:use")).collect();
    let grants: Vec<_> = permissions
        .iter()
        .map(|one| start(&mut project.command(&["user", "grant", ADDRESS, "--permission", one])))
        .collect();
    for grant in grants {
        grant.end().expect(0);
    }
    let shown = project
        .run(&["user", "show", &sub, "--json"])
        .expect(0)
        .json();
    let mut held: Vec<&str> = shown["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one.as_str().unwrap())
        .collect();
    held.sort_unstable();
    assert_eq!(held, permissions);
}

#[test]
fn what_the_project_file_does_not_know_is_refused() {
    let project = Project::starter();
    project.deploy();
    project.admin_made(ADDRESS, PASSWORD);
    for (arguments, code, words) in [
        (
            ["grant", ADDRESS, "--role", "admni"],
            3,
            "did you mean `admin`?",
        ),
        (
            ["grant", ADDRESS, "--domain", "exmaple.com"],
            3,
            "did you mean `example.com`?",
        ),
        (
            ["grant", ADDRESS, "--permission", "Audit"],
            2,
            "`Audit` is not a permission",
        ),
        (
            ["grant", "nobody@other.org", "--role", "admin"],
            1,
            "has no user `nobody@other.org`",
        ),
        (
            ["revoke", ADDRESS, "--role", "member"],
            3,
            "what a user without a role has",
        ),
    ] {
        let refused = project
            .run(&[&["user"], &arguments[..]].concat())
            .expect(code);
        assert!(refused.stderr.contains(words), "{refused:?}");
    }
    project.run(&["user", "grant", ADDRESS]).expect(2);
    let listed = project.run(&["user", "list", "--json"]).expect(0).json();
    assert_eq!(listed["users"], json!([]), "a refusal writes no record");
}

#[test]
fn a_blocked_user_gets_no_token_until_unblocked() {
    let project = Project::starter();
    project.deploy();
    let sub = project.admin_made(ADDRESS, PASSWORD);
    let blocked = project.run(&["user", "block", ADDRESS, "-v"]).expect(0);
    assert_eq!(
        Calls::of(&blocked).writes(),
        ["TransactWriteItems", "AdminUserGlobalSignOut"]
    );
    assert!(blocked.stderr.contains("up to 15 minutes"), "{blocked:?}");
    assert_eq!(item(&project, &sub)["status"], json!({ "S": "blocked" }));
    let refused = sign_in(&project);
    assert!(refused["refused"]["Code"].is_string(), "{refused}");
    project.run(&["user", "unblock", ADDRESS]).expect(0);
    assert_eq!(token(&project), json!(["member", ["projects:read"], []]));
}

#[test]
fn repair_finds_the_unrecorded_and_hands_over_what_is_owed() {
    let project = Project::starter();
    project.deploy();
    let sub = project.admin_made(ADDRESS, PASSWORD);
    let repair = || project.run(&["repair", "--json"]).expect(0).json();

    // Somebody confirmed this moment is the trigger's to record.
    let first = repair();
    assert_eq!(first["recent"][0]["sub"], json!(sub), "{first}");
    until("the user is no longer new", || {
        repair()["unconfirmed"][0]["sub"] == json!(sub)
    });
    assert_eq!(item(&project, &sub), Value::Null, "nobody asked for that");
    // A sign-in makes a record, which is all that most need; who wants the rest as well asks for it.
    sign_in(&project);
    assert_eq!(item(&project, &sub)["confirmed_at"], Value::Null);
    assert_eq!(repair()["unconfirmed"], json!([]));
    let confirm = project.run(&["repair", "--confirm"]).expect(0);
    assert!(
        confirm.stdout.contains("confirmation handed over"),
        "{confirm:?}"
    );
    until("the user is recorded and welcomed", || {
        let item = item(&project, &sub);
        item["confirmed_at"].is_object() && item["pending"].is_null()
    });
    assert_eq!(item(&project, &sub)["role"]["S"], "member");
    let again = project.run(&["repair", "--confirm", "--json"]).expect(0);
    assert_eq!(again.json()["unconfirmed"], json!([]));

    let delivery = json!({ "M": {
        "state": { "S": "failed" }, "attempts": { "N": "3" }, "reason": { "S": "no such template" },
    } });
    project.client(
        "dynamodb",
        "update_item",
        json!({
            "TableName": TABLE,
            "Key": key(&sub),
            "UpdateExpression": "SET deliveries = :deliveries",
            "ExpressionAttributeValues": { ":deliveries": { "M": { "welcome": delivery } } },
        }),
    );
    let left = repair();
    assert_eq!(
        left["owed"][0]["failed"][0]["reason"], "no such template",
        "{left}"
    );
    assert_eq!(
        left["owed"][0]["handed_over"], false,
        "nobody asked for that: {left}"
    );

    let dry = project
        .run(&["repair", "--failed", "--dry-run", "-v"])
        .expect(0);
    assert!(
        !Calls::of(&dry)
            .actions
            .iter()
            .any(|(_, action)| action == "Invoke"),
        "{dry:?}"
    );
    let tried = project
        .run(&["repair", "--failed", "--json"])
        .expect(0)
        .json();
    assert_eq!(tried["owed"][0]["requeued"], true, "{tried}");
    assert_eq!(tried["owed"][0]["handed_over"], true, "{tried}");
    until("the welcome is delivered", || {
        item(&project, &sub)["pending"].is_null()
    });
    assert_eq!(repair()["owed"], json!([]));
}

#[test]
fn a_secret_is_set_and_rotated_and_never_shown() {
    let project = Project::starter();
    project.edit(
        "version: 1\n",
        "version: 1\nmarketing:\n  opt_in: marketing_opt_in\n  kit: { form: \"1\", api_key: \"ssm:/starter/kit-key\" }\n",
    );
    let missing = project.run(&["secret", "list", "--json"]).expect(0).json();
    assert_eq!(missing["secrets"][0]["set"], false, "{missing}");
    let planned = || project.run(&["diff", "--no-build"]).expect(0).stdout;
    let unset =
        "the secret `/starter/kit-key` is not set: run `saasauth secret set /starter/kit-key";
    assert!(planned().contains(unset), "{}", planned());
    for (version, value) in [(1, "one-7f3a"), (2, "two-9c1d")] {
        let set = piped(
            &project,
            &format!("{value}\n"),
            &["secret", "set", "/starter/kit-key", "--json"],
        );
        let set = set.expect(0);
        assert_eq!(set.json()["version"], version, "{set:?}");
        assert!(
            !format!("{set:?}").contains(value),
            "a secret is never shown"
        );
        let stored = project.client(
            "ssm",
            "get_parameter",
            json!({ "Name": "/starter/kit-key", "WithDecryption": true }),
        );
        assert_eq!(stored["Parameter"]["Type"], "SecureString", "{stored}");
        assert_eq!(stored["Parameter"]["Value"], value, "{stored}");
    }
    assert!(!planned().contains("is not set"), "{}", planned());
    let tags = json!({ "ResourceType": "Parameter", "ResourceId": "/starter/kit-key" });
    let tags = project.client("ssm", "list_tags_for_resource", tags);
    let project_tag = json!({ "Key": "saasauth:project", "Value": "starter" });
    assert!(
        tags["TagList"].as_array().unwrap().contains(&project_tag),
        "{tags}"
    );
    let listed = project.run(&["secret", "list", "--json"]).expect(0).json();
    assert_eq!(listed["secrets"][0]["version"], 2, "{listed}");

    let unused = piped(&project, "x", &["secret", "set", "/starter/kit-kye"]).expect(0);
    assert!(
        unused.stderr.contains("did you mean `/starter/kit-key`?"),
        "{unused:?}"
    );
    piped(&project, "\n", &["secret", "set", "/starter/kit-key"]).expect(2);
    project.run(&["secret", "set", "kit-key"]).expect(2);
}

#[test]
fn every_user_is_exported_with_all_there_is_and_an_export_goes_on() {
    let project = Project::starter();
    project.deploy();
    project.sign_up("ada-export@example.com", "Ada");
    // More than one page of Cognito's.
    let subs = python(
        "make_users.py",
        &[&project.account, "70"],
        &project.outputs(),
    );
    let group = json!({
        "UserPoolId": project.outputs()["user_pool_id"], "Username": subs[3], "GroupName": "admin" });
    project.client("cognito-idp", "admin_add_user_to_group", group);

    let shown = project.run(&["users", "export"]).expect(0);
    let lines: Vec<Value> = shown
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 71);
    let of = |name: &str, value: &Value| {
        let mut lines = lines.iter();
        lines
            .find(|line| line["attributes"][name] == *value)
            .unwrap()
    };
    let ada = of("email", &json!("ada-export@example.com"));
    assert_eq!(ada["attributes"]["name"], "Ada");
    assert_eq!(
        (&ada["status"], &ada["enabled"]),
        (&json!("CONFIRMED"), &json!(true))
    );
    assert_eq!(ada["access"]["role"], "admin", "{ada}");
    assert_eq!(ada["domains"], json!({ "example.com": "admin" }));
    let one = of("sub", &json!(subs[3]));
    assert_eq!(one["groups"], json!(["admin"]), "{one}");
    assert_eq!(one["access"], Value::Null);

    let file = project.directory.join("users.ndjson");
    let first: Vec<&str> = shown.stdout.lines().take(30).collect();
    std::fs::write(&file, first.join("\n") + "\n{\"sub").unwrap();
    let export = ["users", "export", "users.ndjson", "--resume", "--json"];
    let document = project.run(&export).expect(0).json();
    assert_eq!(
        (&document["users"], &document["new"]),
        (&json!(71), &json!(41))
    );
    let text = std::fs::read_to_string(&file).unwrap();
    let mut seen: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["sub"].to_string())
        .collect();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 71);
    project.run(&["users", "export", "users.ndjson"]).expect(2);
    project.run(&["users", "export", "--json"]).expect(2);
}
