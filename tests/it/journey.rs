//! From sign-up to a protected API, with clients that aren't ours: boto3, pycognito's SRP, PyJWT, the AWS
//! CLI.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Project, python, python_tool, repository, run, start};

/// The claims of ours in a token.
fn ours(claims: &Value) -> Value {
    json!([claims["role"], claims["permissions"], claims["domains"]])
}

#[test]
fn a_person_signs_up_and_in_and_the_tokens_say_what_they_may_do() {
    let project = Project::starter();
    let outputs = project.deploy()["outputs"].clone();
    let address = format!("ada-{}@example.com", project.account);
    let seen = project.sign_up(&address, "Ada");

    assert_eq!(
        seen["sign_in_before_confirming"],
        "UserNotConfirmedException"
    );
    assert_eq!(seen["wrong_code"], "CodeMismatchException");
    assert_eq!(seen["code_used_twice"], "NotAuthorizedException");

    // Ada's company is registered, with a role of its own.
    let expected = json!([
        "admin",
        ["billing:*", "members:*", "projects:*"],
        ["example.com"]
    ]);
    for tokens in ["claims", "refreshed"] {
        for token in ["id", "access"] {
            let claims = &seen[tokens][token];
            assert_eq!(ours(claims), expected, "{tokens}, {token}: {claims}");
            assert_eq!(claims["token_use"], token, "{claims}");
            assert_eq!(claims["iss"], outputs["issuer"], "{claims}");
        }
        let id = &seen[tokens]["id"];
        assert_eq!(
            (&id["email"], &id["email_verified"]),
            (&json!(address), &json!(true)),
            "{id}"
        );
        assert_eq!(id["custom:company"], "Acme", "{id}");
        let client = &outputs["clients"]["web"]["client_id"];
        assert_eq!(&seen[tokens]["access"]["client_id"], client);
    }

    // After the code came the welcome, once.
    let Value::Array(mail) = &seen["mail"] else {
        panic!("{seen}")
    };
    assert_eq!(mail.len(), 1, "{mail:?}");
    assert_eq!(mail[0]["subject"], "Welcome, Ada");
    assert_eq!(mail[0]["from"], "Starter <hello@example.com>");
    assert!(
        mail[0]["text"].as_str().unwrap().contains("Ada"),
        "{mail:?}"
    );
    assert!(
        mail[0]["html"].as_str().unwrap().contains("Ada"),
        "{mail:?}"
    );

    // The records the tokens were made from.
    let sub = seen["claims"]["id"]["sub"].as_str().unwrap();
    let record = project.client(
        "dynamodb",
        "get_item",
        json!({ "TableName": outputs["permissions_table"], "Key": { "pk": { "S": format!("USER#{sub}") } } }),
    );
    assert_eq!(record["Item"]["email"], json!({ "S": address }), "{record}");
    assert_eq!(record["Item"]["role"], json!({ "S": "admin" }), "{record}");
    assert!(
        record["Item"]["pending"].is_null(),
        "nothing is owed any more: {record}"
    );
    let members = project.client(
        "dynamodb",
        "query",
        json!({
            "TableName": outputs["domains_table"],
            "IndexName": "by-domain",
            "KeyConditionExpression": "sk = :domain",
            "ExpressionAttributeValues": { ":domain": { "S": "DOMAIN#example.com" } },
        }),
    );
    assert_eq!(
        members["Items"][0]["pk"]["S"],
        format!("USER#{sub}"),
        "{members}"
    );
    assert_eq!(members["Count"], 1, "{members}");
}

#[test]
fn a_refresh_token_of_a_browser_ends_with_its_refresh() {
    let project = Project::starter();
    // The time for retries ends at once, so that nothing has to be waited for.
    project.edit("refresh: 30d }", "refresh: 30d, retry_grace: 0s }");
    project.deploy();
    let seen = project.sign_up(&format!("ida-{}@example.com", project.account), "Ida");
    assert_eq!(seen["first_again"], "RefreshTokenReuseException", "{seen}");
    assert_eq!(seen["by_the_flow"], "InvalidParameterException", "{seen}");
    assert_eq!(seen["at_the_token_endpoint"], json!([true, true]), "{seen}");
    assert_eq!(seen["revoked"], "NotAuthorizedException", "{seen}");

    // Ten seconds unless the file says otherwise; and off, where it says so.
    project.edit(", retry_grace: 0s", "");
    assert_eq!(project.deploy()["summary"]["update"], 1);
    let seen = project.sign_up(&format!("joe-{}@example.com", project.account), "Joe");
    assert_eq!(seen["first_again"], Value::Null, "{seen}");
    project.edit("refresh: 30d }", "refresh: 30d, rotate: false }");
    let changed = project.deploy();
    assert_eq!(changed["summary"]["update"], 1, "{changed}");
    let seen = project.sign_up(&format!("kim-{}@example.com", project.account), "Kim");
    assert_eq!(seen.get("first_again"), None, "{seen}");
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);
}

#[test]
fn a_protected_api_believes_the_token_alone() {
    let project = Project::starter();
    let outputs = project.deploy()["outputs"].clone();
    let admin = project.sign_up(&format!("eve-{}@example.com", project.account), "Eve");
    // Nobody registered this domain: the default role, and no company.
    let member = project.sign_up(&format!("bob-{}@elsewhere.example", project.account), "Bob");
    for token in ["id", "access"] {
        let claims = &member["claims"][token];
        assert_eq!(
            ours(claims),
            json!(["member", ["projects:read"], []]),
            "{claims}"
        );
    }

    let mut api = start(
        protected_api()
            .env("ISSUER", outputs["issuer"].as_str().unwrap())
            .env(
                "CLIENT_ID",
                outputs["clients"]["web"]["client_id"].as_str().unwrap(),
            )
            .env("JWKS_URI", outputs["jwks_uri"].as_str().unwrap()),
    );
    let address = api.line();
    let address = address.strip_prefix("listening on ").unwrap();
    let access = |of: &Value| of["tokens"]["AccessToken"].as_str().unwrap().to_owned();
    let mut forged = access(&admin);
    forged.replace_range(forged.len() - 8.., "AAAAAAAA");
    let tokens = json!({
        "admin": access(&admin),
        "member": access(&member),
        "none": null,
        "forged": forged,
        "id": admin["tokens"]["IdToken"],
    });
    let status = |method: &str, path: &str| {
        let url = format!("{address}{path}");
        let answers = python("status.py", &[method, &url], &tokens);
        let codes = ["admin", "member", "none", "forged", "id"];
        (
            codes.map(|name| answers[name][0].as_u64().unwrap()),
            answers,
        )
    };
    let (codes, read) = status("GET", "/projects");
    assert_eq!(codes, [200, 200, 401, 401, 401], "{read}");
    let (codes, written) = status("POST", "/projects");
    assert_eq!(codes, [201, 403, 401, 401, 401], "{written}");
    let challenge = written["member"][1].as_str().unwrap();
    assert!(
        challenge.contains(r#"error="insufficient_scope""#),
        "{challenge}"
    );
    assert!(challenge.contains("projects:write"), "{challenge}");
    assert!(
        written["forged"][1]
            .as_str()
            .unwrap()
            .contains(r#"error="invalid_token""#),
        "{written}"
    );
    let (_, me) = status("GET", "/me");
    let me: Value = serde_json::from_str(me["member"][2].as_str().unwrap()).unwrap();
    assert_eq!(ours(&me), json!(["member", ["projects:read"], []]), "{me}");
    drop(api);
}

/// The example service, built if it isn't.
fn protected_api() -> Command {
    let built = run(Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "-p",
            "protected-api",
            "--message-format=json",
        ])
        .current_dir(repository()))
    .expect(0);
    let executable = built
        .stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(str::to_owned));
    Command::new(executable.unwrap_or_else(|| panic!("{built:?}")))
}

#[test]
fn the_aws_cli_finds_what_the_project_file_says() {
    let project = Project::starter();
    let outputs = project.deploy()["outputs"].clone();
    let ask = |arguments: &[&str]| -> Value {
        let mut command = python_tool("aws");
        command
            .args(["--endpoint-url", project.endpoint_url.as_deref().unwrap()])
            .args(["--region", "eu-west-1", "--output", "json"])
            .env("AWS_ACCESS_KEY_ID", &project.account)
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .args(arguments);
        run(&mut command).expect(0).json()
    };
    for (name, keys) in [
        (
            "permissions",
            json!([{ "AttributeName": "pk", "KeyType": "HASH" }]),
        ),
        (
            "domains",
            json!([
                { "AttributeName": "pk", "KeyType": "HASH" },
                { "AttributeName": "sk", "KeyType": "RANGE" },
            ]),
        ),
    ] {
        let name = format!("starter-local-{name}");
        let table = ask(&["dynamodb", "describe-table", "--table-name", &name])["Table"].clone();
        assert_eq!(table["TableStatus"], "ACTIVE", "{table}");
        assert_eq!(table["KeySchema"], keys, "{table}");
        assert_eq!(
            table["BillingModeSummary"]["BillingMode"], "PAY_PER_REQUEST",
            "{table}"
        );
        assert_eq!(table["DeletionProtectionEnabled"], true, "{table}");
        assert_eq!(table["SSEDescription"]["Status"], "ENABLED", "{table}");
        let backups = ask(&[
            "dynamodb",
            "describe-continuous-backups",
            "--table-name",
            &name,
        ]);
        let recovery = &backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"];
        assert_eq!(
            recovery["PointInTimeRecoveryStatus"], "ENABLED",
            "{backups}"
        );
    }
    let domains = ask(&[
        "dynamodb",
        "describe-table",
        "--table-name",
        "starter-local-domains",
    ]);
    assert_eq!(
        domains["Table"]["GlobalSecondaryIndexes"][0]["IndexName"], "by-domain",
        "{domains}"
    );

    for (name, memory) in [("confirm-user", 256), ("generate-token", 512)] {
        let name = format!("starter-local-{name}");
        let function = ask(&[
            "lambda",
            "get-function-configuration",
            "--function-name",
            &name,
        ]);
        assert_eq!(function["Runtime"], "provided.al2023", "{function}");
        assert_eq!(function["MemorySize"], memory, "{function}");
        assert_eq!(function["State"], "Active", "{function}");
        assert!(function["Timeout"].as_u64().unwrap() <= 5, "{function}");
        let variables = &function["Environment"]["Variables"];
        assert_eq!(
            variables["PERMISSIONS_TABLE"], "starter-local-permissions",
            "{function}"
        );
        let policy = ask(&["lambda", "get-policy", "--function-name", &name]);
        let policy: Value = serde_json::from_str(policy["Policy"].as_str().unwrap()).unwrap();
        let condition = policy["Statement"][0]["Condition"].to_string();
        assert!(
            condition.contains(outputs["user_pool_arn"].as_str().unwrap()),
            "{policy}"
        );
        assert!(condition.contains(&project.account), "{policy}");
        let logs = format!("/aws/lambda/{name}");
        let logs = ask(&[
            "logs",
            "describe-log-groups",
            "--log-group-name-prefix",
            &logs,
        ]);
        assert!(
            logs["logGroups"][0]["retentionInDays"].as_u64().unwrap() > 0,
            "{logs}"
        );
    }

    let id = outputs["user_pool_id"].as_str().unwrap();
    let pool =
        ask(&["cognito-idp", "describe-user-pool", "--user-pool-id", id])["UserPool"].clone();
    assert_eq!(pool["Name"], "starter-local-users", "{pool}");
    assert_eq!(pool["UsernameAttributes"], json!(["email"]), "{pool}");
    assert_eq!(pool["AutoVerifiedAttributes"], json!(["email"]), "{pool}");
    assert_eq!(
        pool["Policies"]["PasswordPolicy"]["MinimumLength"], 12,
        "{pool}"
    );
    assert_eq!(pool["DeletionProtection"], "ACTIVE", "{pool}");
    assert_eq!(pool["UserPoolTier"], "ESSENTIALS", "{pool}");
    assert_eq!(pool["UserPoolTags"]["saasauth:stage"], "local", "{pool}");
    assert_eq!(
        pool["LambdaConfig"]["PreTokenGenerationConfig"]["LambdaVersion"], "V2_0",
        "{pool}"
    );
    assert!(
        pool["LambdaConfig"]["PostConfirmation"].is_string(),
        "{pool}"
    );

    let client = outputs["clients"]["web"]["client_id"].as_str().unwrap();
    let client = ["--user-pool-id", id, "--client-id", client];
    let client = ask(&[&["cognito-idp", "describe-user-pool-client"], &client[..]].concat());
    let client = &client["UserPoolClient"];
    assert!(
        client["ClientSecret"].is_null(),
        "a browser keeps no secret: {client}"
    );
    assert_eq!(
        client["CallbackURLs"],
        json!(["http://localhost:3000/callback"]),
        "{client}"
    );
    for (token, seconds) in [
        ("AccessToken", 15 * 60),
        ("IdToken", 15 * 60),
        ("RefreshToken", 30 * 86400),
    ] {
        assert_eq!(client["TokenValidityUnits"][token], "seconds", "{client}");
        assert_eq!(client[format!("{token}Validity")], seconds, "{client}");
    }
    assert_eq!(client["PreventUserExistenceErrors"], "ENABLED", "{client}");
    assert_eq!(client["EnableTokenRevocation"], true, "{client}");
}
