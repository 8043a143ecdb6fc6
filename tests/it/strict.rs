//! The local cloud refuses what AWS refuses, to whoever asks, and takes it when it was started lenient.

use serde_json::{Value, json};

use crate::support::{Project, python};

/// The answers to calls in the account of a project.
#[track_caller]
fn calls(endpoint_url: &str, account: &str, calls: Value) -> Vec<Value> {
    let answers = python("calls.py", &[endpoint_url, account], &calls);
    answers.as_array().unwrap().clone()
}

/// The same on the local cloud all tests share.
#[track_caller]
fn shared(sent: Value) -> Vec<Value> {
    let project = Project::unbuilt().on_the_shared_cloud();
    let endpoint = project.endpoint_url.clone().unwrap();
    calls(&endpoint, &project.account, sent)
}

fn trust(service: &str) -> String {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole",
    }]})
    .to_string()
}

#[test]
fn every_service_refuses_in_its_own_protocol() {
    let refused = [
        (
            json!(["cognito-idp", "create_user_pool", {
                "PoolName": "p", "UserPoolAddOns": { "AdvancedSecurityMode": "AUDIT" },
            }]),
            "FeatureUnavailableInTierException",
            400,
        ),
        (
            json!(["cognito-idp", "create_user_pool", { "PoolName": "p".repeat(200) }]),
            "InvalidParameterException",
            400,
        ),
        (
            json!(["iam", "create_role", { "RoleName": "a b", "AssumeRolePolicyDocument": trust("lambda.amazonaws.com") }]),
            "ValidationError",
            400,
        ),
        (
            json!(["iam", "create_role", { "RoleName": "r", "AssumeRolePolicyDocument": "{}" }]),
            "MalformedPolicyDocument",
            400,
        ),
        (
            json!(["lambda", "create_function", {
                "FunctionName": "f",
                "Role": "arn:aws:iam::000000000000:role/gone",
                "Runtime": "provided.al2023",
                "Handler": "bootstrap",
                "MemorySize": 64,
                "Code": { "S3Bucket": "code", "S3Key": "f.zip" },
            }]),
            "ValidationException",
            400,
        ),
        (
            json!(["sesv2", "send_email", {
                "FromEmailAddress": "Acme <hello@acme.example>",
                "Destination": { "ToAddresses": ["ada@acme.example"] },
                "Content": { "Simple": { "Subject": { "Data": "s" }, "Body": { "Text": { "Data": "t" } } } },
            }]),
            "MessageRejected",
            400,
        ),
        (
            json!(["dynamodb", "describe_continuous_backups", { "TableName": "gone" }]),
            "TableNotFoundException",
            400,
        ),
        (
            json!(["cloudwatch", "put_metric_alarm", {
                "AlarmName": "a",
                "Namespace": "AWS/Lambda",
                "MetricName": "Errors",
                "Statistic": "Sum",
                "Period": 90,
                "EvaluationPeriods": 1,
                "ComparisonOperator": "GreaterThanThreshold",
                "Threshold": 1.0,
            }]),
            "ValidationError",
            400,
        ),
        (
            json!(["ssm", "put_parameter", { "Name": "/aws/key", "Value": "v", "Type": "String" }]),
            "AccessDeniedException",
            400,
        ),
        (
            json!(["logs", "put_retention_policy", { "logGroupName": "g", "retentionInDays": 4 }]),
            "InvalidParameterException",
            400,
        ),
        (
            json!(["sqs", "create_queue", { "QueueName": "a.queue" }]),
            "InvalidParameterValue",
            400,
        ),
        (
            json!(["sts", "assume_role", { "RoleSessionName": "s" }]),
            "ValidationError",
            400,
        ),
    ];
    let sent: Vec<&Value> = refused.iter().map(|(call, _, _)| call).collect();
    let answers = shared(json!(sent));
    for ((call, code, status), answer) in refused.iter().zip(answers) {
        assert_eq!(answer["code"], *code, "{call}: {answer}");
        assert_eq!(answer["status"], *status, "{call}: {answer}");
    }
}

#[test]
fn a_role_is_tried_out_before_it_is_used() {
    let project = Project::unbuilt().on_the_shared_cloud();
    let account = &project.account;
    let role = |name: &str| format!("arn:aws:iam::{account}:role/{name}");
    let function = |number: u32, name: &str| {
        json!(["lambda", "create_function", {
            "FunctionName": format!("f{number}"),
            "Role": role(name),
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Code": { "S3Bucket": "code", "S3Key": "f.zip" },
        }])
    };
    let pool = |name: &str| {
        json!(["cognito-idp", "create_user_pool", {
            "PoolName": "p",
            "AutoVerifiedAttributes": ["phone_number"],
            "SmsConfiguration": { "SnsCallerArn": role(name), "ExternalId": "me" },
        }])
    };
    let publish = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "sns:Publish", "Resource": "*" },
    ]});
    let answers = calls(
        project.endpoint_url.as_deref().unwrap(),
        account,
        json!([
            function(0, "gone"),
            ["iam", "create_role", { "RoleName": "sms", "AssumeRolePolicyDocument": trust("cognito-idp.amazonaws.com") }],
            function(2, "sms"),
            pool("gone"),
            pool("sms"),
            ["iam", "put_role_policy", { "RoleName": "sms", "PolicyName": "p", "PolicyDocument": publish.to_string() }],
            pool("sms"),
            ["iam", "delete_role", { "RoleName": "sms" }],
            ["iam", "delete_role_policy", { "RoleName": "sms", "PolicyName": "p" }],
            ["iam", "delete_role", { "RoleName": "sms" }],
            ["cognito-idp", "update_user_pool", {
                "UserPoolId": { "from": [6, "UserPool", "Id"] }, "DeletionProtection": "INACTIVE",
            }],
        ]),
    );
    let codes: Vec<&str> = answers
        .iter()
        .map(|answer| answer["code"].as_str().unwrap_or("taken"))
        .collect();
    assert_eq!(
        codes,
        [
            "InvalidParameterValueException",
            "taken",
            "InvalidParameterValueException",
            "InvalidSmsRoleTrustRelationshipException",
            "InvalidSmsRoleAccessPolicyException",
            "taken",
            "taken",
            "DeleteConflict",
            "taken",
            "taken",
            "InvalidSmsRoleTrustRelationshipException",
        ],
        "{answers:#?}"
    );
    assert_eq!(answers[7]["status"], 409);
}

#[test]
fn an_update_resets_what_it_leaves_out_and_a_pool_is_described_as_aws_does() {
    let pool = json!({ "from": [0, "UserPool", "Id"] });
    let client = json!({ "from": [5, "UserPoolClient", "ClientId"] });
    let answers = shared(json!([
        ["cognito-idp", "create_user_pool", {
            "PoolName": "p",
            "AutoVerifiedAttributes": ["email"],
            "UserPoolTags": { "team": "identity" },
            "DeletionProtection": "ACTIVE",
            "DeviceConfiguration": { "ChallengeRequiredOnNewDevice": true },
            "Policies": {
                "PasswordPolicy": { "MinimumLength": 12, "TemporaryPasswordValidityDays": 3 },
                "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD", "EMAIL_OTP"] },
            },
        }],
        ["cognito-idp", "delete_user_pool", { "UserPoolId": pool }],
        ["cognito-idp", "update_user_pool", {
            "UserPoolId": pool,
            "Policies": { "PasswordPolicy": { "MinimumLength": 14 } },
        }],
        ["cognito-idp", "describe_user_pool", { "UserPoolId": pool }],
        ["cognito-idp", "update_user_pool", {
            "UserPoolId": pool,
            "AdminCreateUserConfig": { "from": [0, "UserPool", "AdminCreateUserConfig"] },
            "Policies": { "from": [0, "UserPool", "Policies"] },
        }],
        ["cognito-idp", "create_user_pool_client", {
            "UserPoolId": pool,
            "ClientName": "web",
            "CallbackURLs": ["https://acme.com/"],
            "AccessTokenValidity": 15,
            "TokenValidityUnits": { "AccessToken": "minutes" },
        }],
        ["cognito-idp", "update_user_pool_client", {
            "UserPoolId": pool,
            "ClientId": client,
            "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"],
            "RefreshTokenRotation": { "Feature": "ENABLED" },
        }],
        ["cognito-idp", "describe_user_pool_client", { "UserPoolId": pool, "ClientId": client }],
        ["cognito-idp", "delete_user_pool", { "UserPoolId": pool }],
    ]));
    assert_eq!(
        answers[0]["UserPool"]["AdminCreateUserConfig"]["UnusedAccountValidityDays"], 7,
        "unasked: {}",
        answers[0]
    );
    assert_eq!(answers[1]["code"], "InvalidParameterException", "protected");
    let updated = &answers[3]["UserPool"];
    assert_eq!(updated["UserPoolTags"], json!({}));
    assert_eq!(updated["AutoVerifiedAttributes"], json!([]));
    assert_eq!(updated["DeletionProtection"], "INACTIVE");
    assert_eq!(updated.get("DeviceConfiguration"), None);
    assert_eq!(updated["Policies"]["PasswordPolicy"]["MinimumLength"], 14);
    assert_eq!(
        updated["Policies"]["SignInPolicy"], answers[0]["UserPool"]["Policies"]["SignInPolicy"],
        "kept: measured on AWS"
    );
    assert_eq!(
        answers[4]["message"],
        "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays"
    );
    let client = &answers[7]["UserPoolClient"];
    assert_eq!(client["CallbackURLs"], json!([]));
    assert_eq!(client.get("AccessTokenValidity"), None, "{client}");
    assert_eq!(client["RefreshTokenRotation"]["Feature"], "ENABLED");
    assert_eq!(answers[8], json!({}));
}

#[test]
fn second_factors_are_replaced_as_a_whole() {
    let pool = json!({ "from": [0, "UserPool", "Id"] });
    let answers = shared(json!([
        ["cognito-idp", "create_user_pool", { "PoolName": "p" }],
        ["cognito-idp", "set_user_pool_mfa_config", {
            "UserPoolId": pool,
            "MfaConfiguration": "OPTIONAL",
            "SoftwareTokenMfaConfiguration": { "Enabled": true },
            "WebAuthnConfiguration": { "RelyingPartyId": "acme.com" },
        }],
        ["cognito-idp", "set_user_pool_mfa_config", {
            "UserPoolId": pool,
            "MfaConfiguration": "ON",
            "SoftwareTokenMfaConfiguration": { "Enabled": true },
        }],
        ["cognito-idp", "get_user_pool_mfa_config", { "UserPoolId": pool }],
        ["cognito-idp", "set_user_pool_mfa_config", {
            "UserPoolId": pool,
            "MfaConfiguration": "OFF",
            "SoftwareTokenMfaConfiguration": { "Enabled": false },
        }],
        ["cognito-idp", "set_user_pool_mfa_config", { "UserPoolId": pool, "MfaConfiguration": "OFF" }],
        ["cognito-idp", "get_user_pool_mfa_config", { "UserPoolId": pool }],
    ]));
    assert_eq!(
        answers[3],
        json!({ "MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": { "Enabled": true } })
    );
    assert_eq!(
        answers[4]["message"],
        "Invalid MFA configuration given, can't turn off MFA and configure an MFA together."
    );
    assert_eq!(answers[6], json!({ "MfaConfiguration": "OFF" }));
}

#[test]
fn a_lenient_local_cloud_takes_it_until_it_is_stopped() {
    let project = Project::unbuilt();
    let local = |arguments: &[&str]| {
        let arguments = [&["local"], arguments, &["--json"]].concat();
        project.run(&arguments).expect(0).json()
    };
    let taken = |status: &Value| {
        let call = json!([["cognito-idp", "create_user_pool", {
            "PoolName": "p", "UserPoolAddOns": { "AdvancedSecurityMode": "AUDIT" }, "UserPoolTier": "PLUS",
            "AliasAttributes": ["email"], "UsernameAttributes": ["email"],
        }]]);
        let endpoint = status["endpoint_url"].as_str().unwrap();
        calls(endpoint, "111122223333", call)[0]
            .get("UserPool")
            .is_some()
    };
    let started = local(&["start", "--lenient"]);
    assert_eq!(started["strict"], false);
    assert_eq!(local(&["start"]), started, "it stays as it is");
    assert_eq!(local(&["status"]), started);
    assert!(taken(&started));
    let shown = project.run(&["local", "status"]).expect(0);
    assert!(shown.stdout.contains("lenient"), "{shown:?}");

    local(&["stop"]);
    let strict = local(&["start"]);
    assert_eq!(strict["strict"], true);
    assert!(!taken(&strict));
    let refused = project.run(&["local", "start", "--lenient"]).expect(1);
    assert!(
        refused.stderr.contains("saasauth local stop"),
        "{refused:?}"
    );
    assert_eq!(local(&["status"]), strict, "it runs on");
    local(&["stop"]);
}

#[test]
fn the_models_are_what_their_maker_makes() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let maker = crate::support::repository().join("src/local/front_door/models/extract.py");
    let text = std::fs::read_to_string(&maker).unwrap();
    let version = text
        .lines()
        .find_map(|line| line.strip_prefix("BOTOCORE = "))
        .unwrap()
        .trim_matches('"');
    let lock = include_str!("../python/models.txt");
    assert!(
        lock.contains(&format!("botocore=={version} ")),
        "{version} is not locked"
    );
    let environment = runtime
        .block_on(saasauth::tools::environment(lock, "models", &|_| {}))
        .unwrap();
    let python = saasauth::tools::executable(&environment, "python");
    crate::support::run(std::process::Command::new(python).arg(maker).arg("--check")).expect(0);
}
