//! What others change behind our back, told apart from what the file asks.

use serde_json::{Value, json};

use crate::support::Project;

/// Somebody's change to something of ours: what it is, and the request.
type Meddling = (&'static str, &'static str, &'static str, Value);

fn meddle(project: &Project, outputs: &Value) -> Vec<&'static str> {
    let pool = &outputs["user_pool_id"];
    let role = "drift-local-confirm-user-euw1";
    let nothing = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "s3:*", "Resource": "*" }] });
    let policies = json!({ "RoleName": role });
    let policies = project.client("iam", "list_role_policies", policies);
    let policy = &policies["PolicyNames"][0];
    let queue = json!({ "QueueName": "drift-local-confirm-user-failures" });
    let queue = project.client("sqs", "get_queue_url", queue)["QueueUrl"].clone();
    let client = json!({ "UserPoolId": pool, "ClientId": outputs["clients"]["web"]["client_id"] });
    let found = project.client("cognito-idp", "describe_user_pool_client", client);
    let mut client = found["UserPoolClient"].clone();
    let members = client.as_object_mut().unwrap();
    for read_only in ["CreationDate", "LastModifiedDate", "ClientSecret"] {
        members.remove(read_only);
    }
    client["CallbackURLs"] = json!(["https://evil.example/callback"]);
    let table = "drift-local-permissions";
    let meddling: Vec<Meddling> = vec![
        (
            "ConfirmUser",
            "lambda",
            "update_function_configuration",
            json!({ "FunctionName": "drift-local-confirm-user", "MemorySize": 1024 }),
        ),
        (
            "ConfirmUserPolicy",
            "iam",
            "put_role_policy",
            json!({ "RoleName": role, "PolicyName": policy, "PolicyDocument": nothing.to_string() }),
        ),
        (
            "ConfirmUserLogs",
            "logs",
            "put_retention_policy",
            json!({ "logGroupName": "/aws/lambda/drift-local-confirm-user", "retentionInDays": 1 }),
        ),
        (
            "ConfirmUserFailures",
            "sqs",
            "set_queue_attributes",
            json!({ "QueueUrl": queue, "Attributes": { "MessageRetentionPeriod": "60" } }),
        ),
        (
            "PermissionsTable",
            "dynamodb",
            "update_continuous_backups",
            json!({ "TableName": table, "PointInTimeRecoverySpecification": {
                "PointInTimeRecoveryEnabled": false } }),
        ),
        (
            "AccessRoleMember",
            "dynamodb",
            "put_item",
            json!({ "TableName": table, "Item": { "pk": { "S": "ROLE#member" }, "permissions": { "SS": ["everything:*"] } } }),
        ),
        (
            "ClientWeb",
            "cognito-idp",
            "update_user_pool_client",
            client,
        ),
    ];
    let mut meddled = Vec::new();
    for (id, service, operation, parameters) in meddling {
        project.client(service, operation, parameters);
        meddled.push(id);
    }
    meddled
}

fn ids(changes: &Value) -> Vec<String> {
    let changes = changes.as_array().into_iter().flatten();
    changes
        .map(|change| change["logical_id"].as_str().unwrap().to_owned())
        .collect()
}

fn diff(project: &Project, more: &[&str], code: i32) -> Value {
    let arguments = [
        &["diff", "--no-build", "--json", "--detailed-exitcode"],
        more,
    ]
    .concat();
    project.run(&arguments).expect(code).json()
}

#[test]
fn what_others_change_is_told_from_what_the_file_asks() {
    let project = Project::called("drift");
    let outputs = project.deploy()["outputs"].clone();
    assert_eq!(diff(&project, &["--refresh-only"], 0)["drift"], json!([]));

    // Only the file.
    project.edit("min_length: 12", "min_length: 14");
    let asked = diff(&project, &[], 2);
    assert_eq!(asked.get("drift"), None, "{asked:#}");
    assert_eq!(ids(&asked["changes"]), ["UserPool"]);
    diff(&project, &["--refresh-only"], 0);

    // Others as well.
    let mut meddled = meddle(&project, &outputs);
    meddled.sort_unstable();
    let both = diff(&project, &[], 2);
    let mut drifted = ids(&both["drift"]);
    drifted.sort_unstable();
    assert_eq!(drifted, meddled, "{:#}", both["drift"]);
    let memory = both["drift"].as_array().unwrap().iter();
    let memory = memory.flat_map(|change| change["properties"].as_array().unwrap());
    let memory: Vec<&Value> = memory.filter(|one| one["path"] == "MemorySize").collect();
    assert_eq!(
        (&memory[0]["before"], &memory[0]["after"]),
        (&json!(256), &json!(1024))
    );
    let changed = ids(&both["changes"]);
    assert!(changed.contains(&"UserPool".to_owned()), "{changed:?}");
    for id in &meddled {
        assert!(
            changed.contains(&(*id).to_owned()),
            "a deploy restores {id}: {changed:?}"
        );
    }
    diff(&project, &["--refresh-only"], 2);
    let shown = project.run(&["diff", "--no-build"]).expect(0);
    for part in [
        "Drift, changed by others",
        "What a deploy does:",
        "MemorySize: 256 → 1024",
    ] {
        assert!(shown.stdout.contains(part), "{part}: {shown:?}");
    }

    project.deploy();
    diff(&project, &[], 0);
    assert_eq!(diff(&project, &["--refresh-only"], 0)["drift"], json!([]));
}

#[test]
fn drift_that_is_accepted_is_a_change_of_the_file_from_then_on() {
    let project = Project::called("drift");
    project.deploy();
    let memory = json!({ "FunctionName": "drift-local-confirm-user", "MemorySize": 1024 });
    project.client("lambda", "update_function_configuration", memory);
    let accepted = project
        .run(&["deploy", "--no-build", "--refresh-only"])
        .expect(0);
    assert!(
        accepted.stderr.contains("MemorySize: 256 → 1024"),
        "{accepted:?}"
    );
    let left = diff(&project, &[], 2);
    assert_eq!(left.get("drift"), None, "{left:#}");
    assert_eq!(ids(&left["changes"]), ["ConfirmUser"]);
    let again = project
        .run(&["deploy", "--no-build", "--refresh-only"])
        .expect(0);
    assert!(
        again.stderr.contains("nobody changed anything"),
        "{again:?}"
    );
    let history = project.run(&["history", "--json"]).expect(0).json();
    assert_eq!(history["deploys"][0]["command"], "refresh");
    // Nothing to go back to came of it.
    project.run(&["rollback"]).expect(2);

    // The file follows what others did: nothing is left to do, and nothing left to tell.
    project.deploy();
    project.edit("memory_mb: 256", "memory_mb: 512");
    let memory = json!({ "FunctionName": "drift-local-confirm-user", "MemorySize": 512 });
    project.client("lambda", "update_function_configuration", memory);
    assert_eq!(ids(&diff(&project, &[], 0)["drift"]), ["ConfirmUser"]);
    project.deploy();
    assert_eq!(diff(&project, &[], 0).get("drift"), None);
}

#[test]
fn what_others_delete_is_told_and_made_again() {
    let project = Project::called("drift");
    project.deploy();
    let policy = json!({ "FunctionName": "drift-local-generate-token" });
    project.client("lambda", "delete_function", policy);
    let gone = diff(&project, &["--refresh-only"], 2);
    let gone: Vec<&Value> = gone["drift"].as_array().unwrap().iter().collect();
    let function = gone.iter().find(|one| one["logical_id"] == "GenerateToken");
    assert_eq!(function.unwrap()["action"], "delete", "{gone:?}");
    project.deploy();
    diff(&project, &[], 0);
    diff(&project, &["--refresh-only"], 0);
}
