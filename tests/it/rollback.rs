//! Going back: by itself when a deploy fails, and when somebody wants what was there before.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Answer, Between, Cloud, Hook, Output, Project, Question, at_once, client};

/// Refuses an operation for good, once something was done meanwhile.
struct Refusing {
    operation: &'static str,
    meanwhile: fn(&str),
    account: String,
}

impl Hook for Refusing {
    async fn before(&self, asked: &Question) -> Option<Answer> {
        if asked.operation != self.operation {
            return None;
        }
        let (meanwhile, account) = (self.meanwhile, self.account.clone());
        let done = tokio::task::spawn_blocking(move || meanwhile(&account));
        done.await.unwrap();
        Some(Answer::error(
            asked,
            400,
            "InvalidParameterException",
            "it can't be",
        ))
    }

    async fn after(&self, _: &Question, answer: Answer) -> Option<Answer> {
        Some(answer)
    }
}

/// Runs a command of a project whose requests for `operation` are refused.
fn refused(
    project: &mut Project,
    operation: &'static str,
    meanwhile: fn(&str),
    arguments: &[&str],
) -> Output {
    let hook = Refusing {
        operation,
        meanwhile,
        account: project.account.clone(),
    };
    let between = Between::new(&Cloud::shared().endpoint_url, hook);
    let direct = project.endpoint_url.replace(between.endpoint_url.clone());
    let output = project.run(arguments);
    project.endpoint_url = direct;
    output
}

fn nothing(_: &str) {}

/// Other code: the same package with a comment at its end.
pub(crate) fn other_code(project: &Project, comment: &[u8]) {
    let file = project
        .directory
        .join(".saasauth/build/local/confirm_user.zip");
    let mut zip = fs::read(&file).unwrap();
    // The record at the end is 22 bytes long, the last two of them the length of the comment.
    let end = zip
        .windows(4)
        .rposition(|four| four == b"PK\x05\x06")
        .unwrap();
    zip.truncate(end + 20);
    zip.extend(u16::try_from(comment.len()).unwrap().to_le_bytes());
    zip.extend(comment);
    fs::write(&file, zip).unwrap();
}

/// The code and a setting of confirmUser.
fn function(project: &Project) -> (Value, Value) {
    let name = project.outputs()["functions"]["confirm_user"].clone();
    let name = json!({ "FunctionName": name });
    let found = project.client("lambda", "get_function_configuration", name);
    (found["CodeSha256"].clone(), found["MemorySize"].clone())
}

fn history(project: &Project) -> Vec<Value> {
    let history = project.run(&["history", "--json"]).expect(0).json();
    history["deploys"].as_array().unwrap().clone()
}

#[track_caller]
fn no_change(project: &Project) {
    let diff = project.run(&["diff", "--no-build", "--detailed-exitcode"]);
    let diff = diff.expect(0);
    assert!(!diff.stdout.contains("Drift"), "{diff:?}");
}

/// Settings of every kind, code, a new role, a new client and a new sender of mail.
fn change_much(project: &Project) {
    project.edit("min_length: 12", "min_length: 14");
    project.edit(
        "    member: [",
        "    guest: [\"projects:read\"]\n    member: [",
    );
    project.edit(
        "\nclients:\n",
        "\nclients:\n  partner:\n    kind: server\n    callback_urls: [\"http://localhost:4000/callback\"]\n",
    );
    project.edit("memory_mb: 256", "memory_mb: 384");
    // It stands in the function's variables, in its role's policy and in the pool.
    project.edit("<hello@example.com>", "<hi@example.com>");
    other_code(project, b"other");
}

#[test]
fn a_failed_deploy_is_taken_back_whole() {
    at_once(2, ["CreateUserPoolClient", "UpdateUserPool"], |operation| {
        let mut project = Project::called(&format!("back-{}", operation.to_lowercase()));
        project.deploy();
        let before = (
            fs::read_to_string(project.file()).unwrap(),
            function(&project),
        );
        let package = fs::read(
            project
                .directory
                .join(".saasauth/build/local/confirm_user.zip"),
        );
        let inventory = project.inventory();
        change_much(&project);
        let arguments = ["deploy", "--no-build", "--rollback"];
        let failed = refused(&mut project, operation, nothing, &arguments);
        let failed = failed.expect(1);
        for part in [
            "it can't be",
            "the deploy failed: taking back what it changed",
            "taken back: ",
            "nothing of this deploy is left",
        ] {
            assert!(
                failed.stderr.contains(part),
                "{operation}: {part}: {failed:?}"
            );
        }
        assert_eq!(history(&project)[0]["result"], "rolled back", "{operation}");
        assert_eq!(project.inventory(), inventory, "{operation}");
        assert_eq!(function(&project), before.1, "{operation}");

        fs::write(project.file(), before.0).unwrap();
        let file = ".saasauth/build/local/confirm_user.zip";
        fs::write(project.directory.join(file), package.unwrap()).unwrap();
        no_change(&project);
        project.sign_up(&format!("ada@{operation}.example"), "Ada");
        project.run(&["destroy"]).expect(0);
    });
}

#[test]
fn a_first_deploy_that_fails_leaves_nothing_but_who_signed_up() {
    let mut project = Project::called("rollback-first");
    let arguments = ["deploy", "--no-build", "--rollback"];
    refused(&mut project, "CreateUserPoolDomain", nothing, &arguments).expect(1);
    for (what, names) in project.inventory().as_object().unwrap() {
        let ledger = what == "tables" && names == &json!(["saasauth-ledger"]);
        assert!(ledger || names == &json!([]), "{what}: {names}");
    }
    assert_eq!(history(&project)[0]["result"], "rolled back");

    // Somebody was quicker.
    fn signs_up(account: &str) {
        let url = &Cloud::shared().endpoint_url;
        let ask = |operation: &str, parameters: Value| {
            client(url, account, "cognito-idp", operation, &parameters)
        };
        let pools = ask("list_user_pools", json!({ "MaxResults": 10 }));
        let pool = pools["UserPools"][0]["Id"].clone();
        ask(
            "admin_create_user",
            json!({
                "UserPoolId": pool,
                "Username": "ada@example.org",
                "MessageAction": "SUPPRESS",
                "UserAttributes": [
                    { "Name": "email", "Value": "ada@example.org" },
                    { "Name": "name", "Value": "Ada" },
                ],
            }),
        );
    }
    let kept = refused(&mut project, "CreateUserPoolDomain", signs_up, &arguments).expect(1);
    let because = "somebody has signed up in the user pool that it made";
    assert!(kept.stderr.contains(because), "{kept:?}");
    assert_eq!(history(&project)[0]["result"], "failed");
    // The next deploy goes on from there, with the same pool.
    let pools = project.inventory()["user_pools"].clone();
    project.deploy();
    assert_eq!(project.inventory()["user_pools"], pools);
    project.run(&["user", "list"]).expect(0);
    project.run(&["destroy"]).expect(0);
}

#[test]
fn a_protected_stage_takes_back_unless_it_is_told_not_to() {
    let mut project = Project::dev();
    project.edit("project: starter ", "project: rollback-protected ");
    project.edit("  dev:", "  dev:\n    protect: true\n  other:");
    let deploy = ["deploy", "--no-build", "--stage", "dev", "--yes"];
    project.run(&deploy).expect(0);
    let group = "    guest: [\"projects:read\"]\n    member: [";
    project.edit("    member: [", group);
    project.edit("min_length: 12", "min_length: 14");
    let left = [&deploy[..], &["--no-rollback"]].concat();
    let left = refused(&mut project, "UpdateUserPool", nothing, &left).expect(1);
    assert!(!left.stderr.contains("taken back"), "{left:?}");
    let back = refused(&mut project, "UpdateUserPool", nothing, &deploy).expect(1);
    assert!(back.stderr.contains("taken back"), "{back:?}");
    project.run(&deploy).expect(0);
}

#[test]
fn a_rollback_brings_settings_and_code_back_and_forgets_nobody() {
    let project = Project::called("rollback");
    project.deploy();
    let first = function(&project);
    let file = fs::read_to_string(project.file()).unwrap();
    project.sign_up("ada@rollback.example", "Ada");
    change_much(&project);
    project.deploy();
    let second = function(&project);
    assert_ne!(first, second);
    project.sign_up("grace@rollback.example", "Grace");

    // The plan says what goes, and the client that was new is one that applications may hold by now.
    let refused = project.run(&["rollback"]).expect(3);
    assert!(
        refused.stderr.contains("--allow-delete ClientPartner"),
        "{refused:?}"
    );
    let done = project.run(&["rollback", "--allow-delete", "ClientPartner"]);
    let done = done.expect(0);
    assert!(
        done.stderr.contains("Rolled back to #1 local in "),
        "{done:?}"
    );
    assert!(done.stderr.contains("was not there then"), "{done:?}");
    assert_eq!(function(&project), first);
    project.sign_up("joan@rollback.example", "Joan");
    let users = project.run(&["user", "list", "--json"]).expect(0).json();
    assert_eq!(users["users"].as_array().unwrap().len(), 3, "{users}");

    // What the file asks is a change, and nobody's drift.
    let diff = project
        .run(&["diff", "--no-build", "--json"])
        .expect(0)
        .json();
    assert_eq!(diff.get("drift"), None, "{diff:#}");
    assert_ne!(diff["summary"]["update"], 0);
    let history = history(&project);
    assert_eq!(
        (
            &history[0]["command"],
            &history[0]["to"],
            &history[0]["result"]
        ),
        (&json!("rollback"), &json!(1), &json!("done"))
    );
    let none = project.run(&["rollback"]).expect(2);
    assert!(
        none.stderr.contains("no earlier deploy to go back to"),
        "{none:?}"
    );
    let unknown = project.run(&["rollback", "--to", "77"]).expect(2);
    assert!(
        unknown
            .stderr
            .contains("nothing to go back to of deploy #77"),
        "{unknown:?}"
    );

    // Forward again, by the number, whose code is not in the folder any more.
    other_code(&project, b"third");
    let document = project
        .run(&["rollback", "--to", "2", "--json"])
        .expect(0)
        .json();
    assert_eq!(function(&project), second);
    for key in [
        "stage", "engine", "changes", "summary", "outputs", "calls", "seconds",
    ] {
        assert!(document.get(key).is_some(), "{key}: {document:#}");
    }
    // And by the file of then.
    fs::write(project.file(), file).unwrap();
    other_code(&project, b"");
    let back = ["deploy", "--no-build", "--allow-delete", "ClientPartner"];
    project.run(&back).expect(0);
    no_change(&project);
}

#[test]
fn code_that_is_not_kept_is_said_before_anything_is_changed() {
    let project = Project::called("rollback-kept");
    project.deploy();
    other_code(&project, b"second");
    project.edit("min_length: 12", "min_length: 14");
    project.deploy();
    let name = project.outputs()["functions"]["confirm_user"].clone();
    let versions = json!({ "FunctionName": name });
    let versions = project.client("lambda", "list_versions_by_function", versions);
    let old = versions["Versions"][1]["Version"].clone();
    let delete = json!({ "FunctionName": name, "Qualifier": old });
    project.client("lambda", "delete_function", delete);
    let before = project.inventory();
    let refused = project.run(&["rollback"]).expect(3);
    assert!(
        refused
            .stderr
            .contains("the code of `ConfirmUser` is not kept any more"),
        "{refused:?}"
    );
    assert_eq!(project.inventory(), before);
    let min = project.run(&["diff", "--no-build", "--detailed-exitcode"]);
    min.expect(0);
}

/// A create that was refused leaves a record of nothing, which goes with what left the file.
#[test]
fn what_was_never_made_leaves_the_file_without_a_trace() {
    let mut project = Project::called("rollback-never");
    project.deploy();
    let file = fs::read_to_string(project.file()).unwrap();
    project.edit(
        "\nclients:\n",
        "\nclients:\n  partner:\n    kind: server\n    callback_urls: [\"http://localhost:4000/callback\"]\n",
    );
    let deploy = ["deploy", "--no-build"];
    refused(&mut project, "CreateUserPoolClient", nothing, &deploy).expect(1);
    fs::write(project.file(), file).unwrap();
    project.run(&deploy).expect(0);
    no_change(&project);
}
