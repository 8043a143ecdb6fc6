//! A key of one's own in KMS.

use serde_json::{Value, json};

use crate::support::Project;

/// A key in the account, by its ARN.
fn key(project: &Project) -> String {
    let made = project.client("kms", "create_key", json!({}));
    made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

/// What the tables, the functions and the log groups are encrypted with.
fn keys(project: &Project) -> Vec<Value> {
    let describe = |service: &str, operation: &str, parameters: Value| {
        project.client(service, operation, parameters)
    };
    let mut keys = Vec::new();
    for name in ["permissions", "domains"] {
        let table = json!({ "TableName": format!("starter-local-{name}") });
        let table = describe("dynamodb", "describe_table", table);
        keys.push(table["Table"]["SSEDescription"]["KMSMasterKeyArn"].clone());
    }
    for name in ["confirm-user", "generate-token"] {
        let function = format!("starter-local-{name}");
        let found = describe(
            "lambda",
            "get_function_configuration",
            json!({ "FunctionName": function }),
        );
        keys.push(found["KMSKeyArn"].clone());
        let group = json!({ "logGroupNamePrefix": format!("/aws/lambda/{function}") });
        let found = describe("logs", "describe_log_groups", group);
        keys.push(found["logGroups"][0]["kmsKeyId"].clone());
    }
    keys
}

#[test]
fn a_key_encrypts_tables_variables_and_logs_and_can_be_changed() {
    let project = Project::starter();
    let (first, second) = (key(&project), key(&project));
    project.edit(
        "region: eu-west-1\n",
        &format!("region: eu-west-1\nkms_key_arn: \"{first}\"\n"),
    );
    project.deploy();
    assert_eq!(keys(&project), vec![json!(first); 6]);
    let settled = || {
        project
            .run(&["diff", "--no-build", "--detailed-exitcode"])
            .expect(0)
    };
    settled();
    // The functions still read and write.
    let seen = project.sign_up(&format!("amy-{}@example.com", project.account), "Amy");
    assert_eq!(seen["claims"]["id"]["role"], "admin", "{seen}");

    project.edit(&first, &second);
    let changed = project.deploy();
    // Two each of tables, functions, log groups and policies.
    assert_eq!(changed["summary"]["update"], 8, "{changed:#}");
    assert_eq!(keys(&project), vec![json!(second); 6]);
    settled();

    // Without it the functions could no longer read what they wrote.
    let line = format!("kms_key_arn: \"{second}\"\n");
    project.edit(&line, "");
    let refused = project.run(&["deploy", "--no-build"]).expect(3);
    assert!(
        refused.stderr.contains(&line[..line.len() - 1]),
        "{refused:?}"
    );
    assert_eq!(keys(&project), vec![json!(second); 6]);
    project.run(&["destroy"]).expect(0);
}

#[test]
fn a_stage_that_has_no_table_yet_gets_the_key_later() {
    let project = Project::starter();
    project.deploy();
    let key = key(&project);
    project.edit(
        "region: eu-west-1\n",
        &format!("region: eu-west-1\nkms_key_arn: \"{key}\"\n"),
    );
    project.deploy();
    assert_eq!(keys(&project), vec![json!(key); 6]);
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);
}
