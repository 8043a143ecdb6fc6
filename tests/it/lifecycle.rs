//! A stage from its first deploy to its end, and what the commands promise about it.

use serde_json::{Value, json};

use crate::support::{Calls, Project, RESOURCES, copy};

/// The keys of a document, in order.
fn keys(document: &Value) -> Vec<&str> {
    document
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

/// What `diff --json` says, which must end with `code`.
#[track_caller]
fn diff(project: &Project, code: i32) -> Value {
    project
        .run(&["diff", "--no-build", "--json", "--detailed-exitcode"])
        .expect(code)
        .json()
}

/// `ID.path: before -> after` of every property in a plan.
fn properties(plan: &Value) -> Vec<String> {
    let mut properties = Vec::new();
    for change in plan["changes"].as_array().unwrap() {
        assert_eq!(change["action"], "update", "{change}");
        for property in change["properties"].as_array().unwrap() {
            let id = change["logical_id"].as_str().unwrap();
            let path = property["path"].as_str().unwrap();
            properties.push(format!(
                "{id}.{path}: {} -> {}",
                property["before"], property["after"]
            ));
        }
    }
    properties
}

#[test]
fn a_first_deploy_creates_everything_and_ends_with_the_outputs() {
    let project = Project::starter();
    let deployed = project.run(&["deploy", "--no-build"]).expect(0);
    insta::with_settings!({filters => vec![
        (r"eu-west-1_\w+", "[pool]"),
        (r"\b[A-Za-z0-9]{26}\b", "[client]"),
        (r"saasauth-\d+", "saasauth-[number]"),
        (r"127\.0\.0\.1:\d+", "[address]"),
    ]}, {
        insta::assert_snapshot!(deployed.stdout, @r"
        stage              local
        region             eu-west-1
        user pool          [pool]
        issuer             https://cognito-idp.eu-west-1.amazonaws.com/[pool]
        keys               http://[address]/[pool]/.well-known/jwks.json
        client web         [client]
        hosted UI          https://saasauth-[number].auth.eu-west-1.amazoncognito.com
        permissions table  starter-local-permissions
        domains table      starter-local-domains
        confirmUser        starter-local-confirm-user
        generateToken      starter-local-generate-token
        endpoint           http://[address]
        ");
    });
    assert!(
        deployed.stderr.contains("✓ Deployed local in "),
        "{deployed:?}"
    );
    assert!(
        deployed
            .stderr
            .contains(&format!(": {RESOURCES} created\n")),
        "{deployed:?}"
    );
    assert!(
        deployed
            .stderr
            .ends_with("`saasauth verify --stage local`\n"),
        "{deployed:?}"
    );
}

#[test]
fn the_json_documents_have_exactly_the_keys_of_the_contract() {
    let project = Project::starter();
    let plan = diff(&project, 2);
    assert_eq!(keys(&plan), ["stage", "engine", "changes", "summary"]);
    assert_eq!(
        (&plan["stage"], &plan["engine"]),
        (&json!("local"), &json!("direct"))
    );
    let change = [
        "logical_id",
        "type",
        "physical_id",
        "action",
        "reason",
        "properties",
    ];
    for one in plan["changes"].as_array().unwrap() {
        assert_eq!(keys(one), change);
        assert_eq!(
            (&one["action"], &one["physical_id"]),
            (&json!("create"), &Value::Null)
        );
        for property in one["properties"].as_array().unwrap() {
            assert_eq!(keys(property), ["path", "before", "after"]);
        }
    }
    let all =
        json!({ "create": RESOURCES, "update": 0, "replace": 0, "delete": 0, "unchanged": 0 });
    assert_eq!(plan["summary"], all);

    let deployed = project.deploy();
    let expected = [
        "stage", "engine", "changes", "summary", "outputs", "calls", "seconds",
    ];
    assert_eq!(keys(&deployed), expected);
    assert_eq!(
        deployed["changes"], plan["changes"],
        "deploy carries out what diff shows"
    );

    let outputs = project.outputs();
    assert_eq!(outputs, deployed["outputs"]);
    let expected = [
        "stage",
        "region",
        "user_pool_id",
        "user_pool_arn",
        "issuer",
        "jwks_uri",
        "clients",
        "hosted_ui",
        "permissions_table",
        "domains_table",
        "functions",
        "endpoint_url",
    ];
    assert_eq!(keys(&outputs), expected);
    assert_eq!(
        keys(&outputs["functions"]),
        ["confirm_user", "generate_token"]
    );
    assert_eq!(keys(&outputs["clients"]["web"]), ["client_id"]);
    assert!(
        !outputs.to_string().contains("null"),
        "every output has a value: {outputs}"
    );
}

#[test]
fn a_second_deploy_finds_nothing_to_do_and_writes_nothing() {
    let project = Project::starter();
    project.deploy();
    let ledger = project.ledger();
    assert_eq!(ledger["serial"], json!({ "N": "1" }), "{ledger}");

    let again = project.run(&["deploy", "--no-build", "-v"]).expect(0);
    assert!(
        again.stderr.contains(&format!(": {RESOURCES} unchanged\n")),
        "{again:?}"
    );
    assert_eq!(Calls::of(&again).writes(), [""; 0], "{again:?}");
    assert_eq!(project.ledger(), ledger);
    let plan = diff(&project, 0);
    assert_eq!(plan["changes"], json!([]));
    assert_eq!(plan["summary"]["unchanged"], RESOURCES);
}

#[test]
fn one_changed_key_is_one_property_and_one_request() {
    let project = Project::starter();
    project.deploy();
    project.edit("memory_mb: 512", "memory_mb: 640");
    assert_eq!(
        properties(&diff(&project, 2)),
        ["GenerateToken.MemorySize: 512 -> 640"]
    );

    let updated = project.run(&["deploy", "--no-build", "-v"]).expect(0);
    let calls = Calls::of(&updated);
    // Beside the update only the ledger is written: the lock, then the record with its release.
    let ledger = "TransactWriteItems";
    assert_eq!(
        calls.writes(),
        [ledger, "UpdateFunctionConfiguration", ledger],
        "{updated:?}"
    );
    let function = project.client(
        "lambda",
        "get_function_configuration",
        json!({ "FunctionName": "starter-local-generate-token" }),
    );
    assert_eq!(function["MemorySize"], 640);
    diff(&project, 0);
}

#[test]
fn a_queue_that_somebody_changed_is_set_back() {
    let project = Project::starter();
    project.deploy();
    let named = json!({ "QueueName": "starter-local-confirm-user-failures" });
    let url = project.client("sqs", "get_queue_url", named)["QueueUrl"].clone();
    let change = json!({ "QueueUrl": url, "Attributes": { "MessageRetentionPeriod": "3600" } });
    project.client("sqs", "set_queue_attributes", change);
    assert_eq!(
        properties(&diff(&project, 2)),
        ["ConfirmUserFailures.MessageRetentionPeriod: 3600 -> 1209600"]
    );
    project.deploy();
    diff(&project, 0);
}

#[test]
fn a_new_attribute_is_added_to_the_pool_and_an_old_one_stays() {
    let project = Project::starter();
    let before = project.deploy();
    project.edit(
        "    marketing_opt_in: { type: boolean }",
        "    marketing_opt_in: { type: boolean }\n    seats: { type: number, min: 1, max: 99 }",
    );
    let deployed = project.deploy();
    assert_eq!(
        deployed["outputs"], before["outputs"],
        "nothing was replaced"
    );
    let pool = project.client(
        "cognito-idp",
        "describe_user_pool",
        json!({ "UserPoolId": deployed["outputs"]["user_pool_id"] }),
    );
    let attributes = pool["UserPool"]["SchemaAttributes"].as_array().unwrap();
    let seats = attributes
        .iter()
        .find(|attribute| attribute["Name"] == "custom:seats");
    let seats = seats.unwrap_or_else(|| panic!("{pool}"));
    let bounds = json!({ "MinValue": "1", "MaxValue": "99" });
    assert_eq!(
        (
            &seats["AttributeDataType"],
            &seats["NumberAttributeConstraints"]
        ),
        (&json!("Number"), &bounds)
    );
    diff(&project, 0);

    // Cognito can't take one away again, and saying so comes before any write.
    project.edit(
        "    seats: { type: number, min: 1, max: 99 }",
        "    seats: { type: number, min: 2, max: 99 }",
    );
    let refused = project.run(&["deploy", "--no-build"]).expect(3);
    assert!(refused.stderr.contains("seats"), "{refused:?}");
}

#[test]
fn a_removed_role_takes_its_group_and_its_item_with_it() {
    let project = Project::starter();
    project.edit(
        "    member: [",
        "    auditor: [\"billing:read\"]\n    member: [",
    );
    let pool = project.deploy()["outputs"]["user_pool_id"].clone();
    let groups = || -> Vec<String> {
        let groups = project.client("cognito-idp", "list_groups", json!({ "UserPoolId": pool }));
        let groups = groups["Groups"].as_array().unwrap().clone();
        let mut names: Vec<_> = groups
            .iter()
            .map(|group| group["GroupName"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let roles = || -> Vec<String> {
        let items = project.client(
            "dynamodb",
            "scan",
            json!({ "TableName": "starter-local-permissions" }),
        );
        let items = items["Items"].as_array().unwrap().clone();
        let mut keys: Vec<_> = items
            .iter()
            .map(|item| item["pk"]["S"].as_str().unwrap().to_owned())
            .collect();
        keys.sort();
        keys
    };
    assert_eq!(groups(), ["admin", "auditor", "member"]);
    assert_eq!(roles(), ["ROLE#admin", "ROLE#auditor", "ROLE#member"]);

    project.edit("    auditor: [\"billing:read\"]\n", "");
    let plan = project.deploy();
    assert_eq!(plan["summary"]["delete"], 2, "{plan}");
    assert_eq!(groups(), ["admin", "member"]);
    assert_eq!(roles(), ["ROLE#admin", "ROLE#member"]);
    diff(&project, 0);
}

#[test]
fn destroy_leaves_the_ledger_alone_and_the_next_deploy_starts_anew() {
    let project = Project::starter();
    let first = project.deploy()["outputs"]["user_pool_id"].clone();
    let full = project.inventory();
    let emptied = project.run(&["destroy", "--json"]).expect(0).json();
    assert_eq!(emptied["summary"]["delete"], RESOURCES, "{emptied}");
    assert_eq!(
        project.inventory(),
        json!({
            "user_pools": [],
            "tables": ["saasauth-ledger"],
            "functions": [],
            "roles": [],
            "queues": [],
            "log_groups": [],
            "identities": [],
            "configuration_sets": [],
            "templates": [],
        })
    );

    let again = project.run(&["destroy", "-v"]).expect(0);
    assert!(
        again.stderr.contains("nothing of stage `local` is there"),
        "{again:?}"
    );
    assert_eq!(Calls::of(&again).writes(), [""; 0], "{again:?}");

    let second = project.deploy()["outputs"]["user_pool_id"].clone();
    assert_ne!(first, second);
    assert_eq!(project.inventory(), full);
}

#[test]
fn alarms_come_and_go_with_their_key() {
    let project = Project::starter();
    let topic = "arn:aws:sns:eu-west-1:123456789012:operations";
    let alarms = || {
        let answer = project.client("cloudwatch", "describe_alarms", json!({}));
        let mut alarms = answer["MetricAlarms"].as_array().unwrap().clone();
        alarms.sort_by_key(|alarm| alarm["AlarmName"].to_string());
        alarms
    };
    let key = format!("alarms: {{ topic: \"{topic}\" }}\n\ntags:");
    project.edit("tags:", &key);
    let deployed = project.deploy();
    assert_eq!(deployed["summary"]["create"], RESOURCES + 7, "{deployed}");
    let seen = alarms();
    let of = |field: &str| -> Vec<Value> { seen.iter().map(|one| one[field].clone()).collect() };
    let mut metrics = ["Duration", "Errors", "Throttles"].repeat(2);
    metrics.insert(2, "ApproximateNumberOfMessagesVisible");
    assert_eq!(of("MetricName"), metrics);
    for alarm in &seen {
        assert_eq!(alarm["AlarmActions"], json!([topic]), "{alarm}");
    }
    assert_eq!(seen[0]["ExtendedStatistic"], "p99", "{seen:?}");
    diff(&project, 0);

    project.edit(&key, "alarms: {}\n\ntags:");
    let changed = project.deploy();
    assert_eq!(changed["summary"]["update"], 7, "{changed}");
    assert_eq!(alarms()[0]["AlarmActions"], json!([]));
    project.edit("alarms: {}\n\ntags:", "tags:");
    let gone = project.deploy();
    assert_eq!(gone["summary"]["delete"], 7, "{gone}");
    assert_eq!(alarms(), [Value::Null; 0]);
}

#[test]
fn the_identity_another_stage_sends_from_stays_until_that_is_gone() {
    let project = Project::starter();
    let second = format!(
        "  local: {{ target: local }}\n  second: {{ target: local, hosted_ui: {{ prefix: saasauth-{}-second }} }}\n",
        project.account
    );
    project.edit(
        "  local: { target: local }  # the emulator on this machine\n",
        &second,
    );
    // Only the stage's own packages are taken without a build.
    let built = project.directory.join(".saasauth/build");
    copy(&built.join("local"), &built.join("second"));
    let identities = || project.inventory()["identities"].clone();
    project.deploy();
    project
        .run(&["deploy", "--stage", "second", "--no-build"])
        .expect(0);

    let destroyed = project.run(&["destroy"]).expect(0);
    assert!(
        destroyed
            .stderr
            .contains("`example.com` stays: stage `second` sends from it"),
        "{destroyed:?}"
    );
    assert_eq!(identities(), json!(["example.com"]));
    project.run(&["destroy", "--stage", "second"]).expect(0);
    assert_eq!(
        identities(),
        json!(["example.com"]),
        "the first one made it"
    );
    project.run(&["destroy"]).expect(0);
    assert_eq!(identities(), json!([]));
}

#[test]
fn data_can_be_kept_and_is_taken_up_again() {
    let project = Project::starter();
    let pool = project.deploy()["outputs"]["user_pool_id"].clone();
    let destroyed = project
        .run(&["destroy", "--keep-data", "--json"])
        .expect(0)
        .json();
    // The pool lets go of its triggers; the tables with what the file put there, the client and the like stay.
    assert_eq!(
        destroyed["summary"],
        json!({ "create": 0, "update": 1, "replace": 0, "delete": 12, "unchanged": RESOURCES - 13 }),
        "{destroyed}"
    );
    let left = project.inventory();
    assert_eq!(left["user_pools"], json!(["starter-local-users"]));
    assert_eq!(left["tables"].as_array().unwrap().len(), 3, "{left}");
    assert_eq!(left["queues"].as_array().unwrap().len(), 1, "{left}");
    assert_eq!(left["functions"], json!([]));
    let again = project.deploy();
    assert_eq!(again["outputs"]["user_pool_id"], pool, "{again}");
    project.run(&["destroy"]).expect(0);
}

#[test]
fn a_stage_that_is_not_deployed_has_no_outputs() {
    let project = Project::starter();
    let outputs = project.run(&["outputs"]);
    assert_eq!(
        (outputs.code, outputs.stdout.as_str()),
        (1, ""),
        "{outputs:?}"
    );
    assert!(
        outputs.stderr.contains("saasauth deploy --stage local"),
        "{outputs:?}"
    );
}
