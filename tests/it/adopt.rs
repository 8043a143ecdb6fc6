//! A user pool that somebody else made is taken over: nothing of it changes, and its users go on signing in.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::support::{Project, python};

const PASSWORD: &str = "Correct-Horse-7-Battery";

/// A project without a file, on the shared local cloud.
fn nothing_yet(name: &str) -> Project {
    let project = Project::starter();
    fs::remove_file(project.file()).unwrap();
    fs::write(project.directory.join("NAME"), name).unwrap();
    project
}

/// A pool as somebody made it by hand: signing in by email, with much that a project file has no word for.
fn odd_pool() -> Value {
    json!({
        "PoolName": "Our users, 2019",
        "UsernameAttributes": ["email"],
        "UsernameConfiguration": { "CaseSensitive": true },
        "AutoVerifiedAttributes": ["email"],
        "Policies": { "PasswordPolicy": {
            "MinimumLength": 8, "RequireLowercase": true, "RequireUppercase": false,
            "RequireNumbers": true, "RequireSymbols": false, "TemporaryPasswordValidityDays": 3,
        } },
        "Schema": [
            { "Name": "email", "AttributeDataType": "String", "Required": true, "Mutable": true },
            { "Name": "tenantId", "AttributeDataType": "String", "Mutable": true,
              "StringAttributeConstraints": { "MinLength": "1", "MaxLength": "64" } },
            { "Name": "seats", "AttributeDataType": "Number", "Mutable": false,
              "NumberAttributeConstraints": { "MinValue": "1", "MaxValue": "500" } },
        ],
        "VerificationMessageTemplate": {
            "DefaultEmailOption": "CONFIRM_WITH_CODE",
            "EmailSubject": "Hello there", "EmailMessage": "Your number is {####}",
        },
        "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": true },
        "UserPoolTags": { "team": "web" },
    })
}

struct There {
    pool: String,
    client: String,
}

/// Makes a pool with a client, two groups and a user in one of them.
fn made(project: &Project, pool: Value, client: Value) -> There {
    let made = project.client("cognito-idp", "create_user_pool", pool);
    let pool = made["UserPool"]["Id"].as_str().unwrap().to_owned();
    let mut body = json!({ "UserPoolId": pool, "ClientName": "My App, web" });
    for (name, value) in client.as_object().unwrap() {
        body[name] = value.clone();
    }
    let client = project.client("cognito-idp", "create_user_pool_client", body);
    let client = client["UserPoolClient"]["ClientId"]
        .as_str()
        .unwrap()
        .to_owned();
    for (name, description) in [("admin", "Ours"), ("Sales-Team", "Theirs")] {
        let group = json!({ "UserPoolId": pool, "GroupName": name, "Description": description });
        project.client("cognito-idp", "create_group", group);
    }
    There { pool, client }
}

fn user(project: &Project, there: &There, address: &str) {
    let user = json!({
        "UserPoolId": there.pool, "Username": address, "MessageAction": "SUPPRESS",
        "UserAttributes": [
            { "Name": "email", "Value": address }, { "Name": "email_verified", "Value": "true" },
        ],
    });
    project.client("cognito-idp", "admin_create_user", user);
    let password = json!({
        "UserPoolId": there.pool, "Username": address, "Password": PASSWORD, "Permanent": true,
    });
    project.client("cognito-idp", "admin_set_user_password", password);
    let group = json!({ "UserPoolId": there.pool, "Username": address, "GroupName": "admin" });
    project.client("cognito-idp", "admin_add_user_to_group", group);
}

/// The claims of somebody who signs in by the client that was there.
fn signed_in(project: &Project, there: &There, address: &str) -> Value {
    let region = there.pool.split('_').next().unwrap();
    let outputs = json!({
        "endpoint_url": project.endpoint_url, "region": region, "user_pool_id": there.pool,
        "clients": { "web": { "client_id": there.client } },
    });
    let answer = python("sign_in.py", &[address, PASSWORD], &outputs);
    assert!(answer["refused"].is_null(), "{answer}");
    answer["claims"].clone()
}

/// What Cognito tells of the pool and its client, without what a deploy adds.
fn described(project: &Project, there: &There) -> Value {
    let pool = json!({ "UserPoolId": there.pool });
    let mut pool = project.client("cognito-idp", "describe_user_pool", pool)["UserPool"].clone();
    let members = pool.as_object_mut().unwrap();
    for added in ["LambdaConfig", "LastModifiedDate", "EstimatedNumberOfUsers"] {
        members.remove(added);
    }
    // A body says what is at its default, too.
    let defaults = [
        ("UserPoolAddOns", json!({ "AdvancedSecurityMode": "OFF" })),
        (
            "VerificationMessageTemplate",
            json!({ "DefaultEmailOption": "CONFIRM_WITH_CODE" }),
        ),
    ];
    for (name, default) in defaults {
        if members.get(name) == Some(&default) {
            members.remove(name);
        }
    }
    if let Some(tags) = pool["UserPoolTags"].as_object_mut() {
        tags.retain(|key, _| key == "team");
    }
    let client = json!({ "UserPoolId": there.pool, "ClientId": there.client });
    let client = project.client("cognito-idp", "describe_user_pool_client", client);
    let mut client = client["UserPoolClient"].clone();
    client.as_object_mut().unwrap().remove("LastModifiedDate");
    let groups = project.client(
        "cognito-idp",
        "list_groups",
        json!({ "UserPoolId": there.pool }),
    );
    let groups = groups["Groups"].as_array().unwrap().iter();
    let groups: Vec<Value> = groups
        .filter(|group| group["GroupName"] != "member")
        .map(|group| json!([group["GroupName"], group["Description"]]))
        .collect();
    json!({ "pool": pool, "client": client, "groups": groups })
}

/// Every change makes something, or sets what was not set.
fn additions_alone(diff: &Value) {
    for change in diff["changes"].as_array().unwrap() {
        match change["action"].as_str().unwrap() {
            "create" => {}
            "update" => {
                let properties = change["properties"].as_array().unwrap();
                assert!(
                    properties.iter().all(|one| one["before"].is_null()),
                    "{change}"
                );
            }
            _ => panic!("{change}"),
        }
    }
}

#[test]
fn a_pool_made_by_hand_is_taken_over_and_its_users_notice_nothing() {
    let project = nothing_yet("by-hand");
    let client = json!({
        "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_PASSWORD_AUTH"],
        "AllowedOAuthFlowsUserPoolClient": true,
        "AllowedOAuthFlows": ["code", "implicit"],
        "AllowedOAuthScopes": ["openid", "email"],
        "CallbackURLs": ["https://app.example.com/callback"],
        "SupportedIdentityProviders": ["COGNITO"],
        "AccessTokenValidity": 45,
        "TokenValidityUnits": { "AccessToken": "minutes" },
    });
    let there = made(&project, odd_pool(), client);
    let address = "ada@adopted.example";
    user(&project, &there, address);
    let before = described(&project, &there);
    assert!(signed_in(&project, &there, address)["role"].is_null());

    let adopt = [
        "adopt",
        "--pool",
        &there.pool,
        "--name",
        "by-hand",
        "--json",
    ];
    let adopted = project.run(&adopt).expect(0).json();
    assert_eq!(adopted["user_pool_id"], there.pool.as_str());
    let left = adopted["left"].to_string();
    assert!(
        left.contains("Sales-Team") && !left.contains("client"),
        "{left}"
    );
    assert_eq!(described(&project, &there), before, "it is only read");
    let file = fs::read_to_string(project.file()).unwrap();
    for part in [
        "tenantId",
        "my-app-web",
        "UserPoolName",
        "min_length: 8",
        "min: 1",
    ] {
        assert!(file.contains(part), "{part}: {file}");
    }
    project.run(&["check"]).expect(0);

    let diff = project
        .run(&["diff", "--no-build", "--json"])
        .expect(0)
        .json();
    additions_alone(&diff);
    assert!(diff["summary"]["create"].as_u64().unwrap() > 10, "{diff}");

    // Not deployed yet, it is nobody's to destroy.
    project.run(&["destroy"]).expect(0);
    assert_eq!(described(&project, &there), before);

    // Somebody signs in all the while.
    let done = AtomicBool::new(false);
    let signed = std::thread::scope(|scope| {
        let signing = scope.spawn(|| {
            let mut count = 0;
            while !done.load(Ordering::Relaxed) {
                signed_in(&project, &there, address);
                count += 1;
            }
            count
        });
        let deployed = project.run(&["deploy", "--no-build"]);
        done.store(true, Ordering::Relaxed);
        assert!(deployed.expect(0).stderr.contains("taking over"));
        signing.join().unwrap()
    });
    assert!(signed > 1, "{signed}");
    assert_eq!(described(&project, &there), before);
    // Who hasn't come back yet is shown, and changed, as what they will be.
    let later = "eve@adopted.example";
    user(&project, &there, later);
    let shown = project
        .run(&["user", "show", later, "--json"])
        .expect(0)
        .json();
    assert_eq!(
        (&shown["role"], &shown["recorded"]),
        (&json!("admin"), &json!(false))
    );
    let grant = ["user", "grant", later, "--permission", "reports:read"];
    project.run(&grant).expect(0);
    for address in [address, later] {
        let claims = signed_in(&project, &there, address);
        assert_eq!(claims["role"], "admin", "the group is the role: {claims}");
    }

    let again = project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);
    assert!(!again.stdout.contains("Drift"), "{again:?}");
    assert_eq!(
        project.outputs()["clients"]["my-app-web"]["client_id"],
        there.client.as_str()
    );

    // Kept is what `keep` says, and what it doesn't say any more follows the file.
    project.edit(
        "    - AdminCreateUserConfig",
        "    # - AdminCreateUserConfig",
    );
    let diff = project
        .run(&["diff", "--no-build", "--json"])
        .expect(0)
        .json();
    assert_eq!(diff["summary"]["update"], 1, "{diff}");
    assert_eq!(
        diff["changes"][0]["properties"][0]["path"],
        "AdminCreateUserConfig.AllowAdminCreateUserOnly"
    );

    project.run(&["destroy", "--keep-data"]).expect(0);
    assert!(signed_in(&project, &there, address)["role"].is_null());
}

#[test]
fn what_is_not_there_or_in_the_way_is_said_and_nothing_written() {
    let project = nothing_yet("refused");
    let missing = project.run(&[
        "adopt",
        "--pool",
        "us-east-1_Nowhere12",
        "--name",
        "refused",
    ]);
    let missing = missing.expect(1);
    assert!(
        missing
            .stderr
            .contains("there is no user pool `us-east-1_Nowhere12`"),
        "{missing:?}"
    );
    let wrong = project.run(&["adopt", "--pool", "nonsense", "--name", "refused"]);
    wrong.expect(2);
    assert!(!project.file().exists());

    let table = json!({
        "TableName": format!("theirs-{}", project.account), "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{ "AttributeName": "userId", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "userId", "KeyType": "HASH" }],
    });
    project.client("dynamodb", "create_table", table.clone());
    let there = made(&project, odd_pool(), json!({}));
    let table = table["TableName"].as_str().unwrap();
    let arguments = [
        "adopt",
        "--pool",
        &there.pool,
        "--table",
        table,
        "--name",
        "refused",
    ];
    let refused = project.run(&arguments).expect(3);
    assert!(
        refused.stderr.contains("its key is another one"),
        "{refused:?}"
    );
    assert!(!project.file().exists());

    fs::write(project.file(), "mine").unwrap();
    let refused = project
        .run(&["adopt", "--pool", &there.pool, "--name", "refused"])
        .expect(3);
    assert!(
        refused.stderr.contains("refused to overwrite"),
        "{refused:?}"
    );
    assert_eq!(fs::read_to_string(project.file()).unwrap(), "mine");
}

/// Pools and clients of many makes: each comes to a file whose deploy adds and changes nothing.
#[test]
fn pools_of_every_make_come_to_a_file_that_changes_nothing() {
    let makes = [
        // As one click makes it.
        ("plain", json!({ "PoolName": "plain" }), json!({})),
        (
            "lite",
            json!({ "PoolName": "lite", "UserPoolTier": "LITE", "AliasAttributes": ["email", "preferred_username"] }),
            json!({ "GenerateSecret": true, "ExplicitAuthFlows": ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"] }),
        ),
        (
            "phone",
            json!({
                "PoolName": "phone", "UsernameAttributes": ["phone_number", "email"],
                "AccountRecoverySetting": { "RecoveryMechanisms": [{ "Name": "admin_only", "Priority": 1 }] },
                "DeletionProtection": "ACTIVE",
                "UserPoolAddOns": { "AdvancedSecurityMode": "OFF" },
            }),
            json!({
                "CallbackURLs": ["myapp://signed-in"], "AllowedOAuthFlows": ["code"],
                "AllowedOAuthScopes": ["openid", "phone"], "AllowedOAuthFlowsUserPoolClient": true,
                "SupportedIdentityProviders": ["COGNITO"], "PreventUserExistenceErrors": "ENABLED",
                "EnableTokenRevocation": true, "RefreshTokenValidity": 365,
            }),
        ),
        (
            "own-trigger",
            json!({
                "PoolName": "own-trigger", "UsernameAttributes": ["email"],
                "LambdaConfig": { "PostConfirmation": "arn:aws:lambda:us-east-1:123456789012:function:theirs" },
            }),
            json!({}),
        ),
    ];
    for (name, pool, client) in makes {
        let project = nothing_yet(name);
        let there = made(&project, pool, client);
        let mut arguments = vec!["adopt", "--pool", &there.pool];
        let named = format!("make-{name}");
        arguments.extend(["--name", &named]);
        let table = format!("users-{}", project.account);
        match name {
            "plain" => {
                let table = json!({
                    "TableName": table, "BillingMode": "PAY_PER_REQUEST",
                    "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
                    "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
                });
                project.client("dynamodb", "create_table", table.clone());
                let item = json!({ "pk": { "S": "USER#old" }, "theirs": { "S": "kept" } });
                let item = json!({ "TableName": table["TableName"], "Item": item });
                project.client("dynamodb", "put_item", item);
                arguments.extend(["--table", table["TableName"].as_str().unwrap()]);
                let adopt = project.run(&arguments);
                adopt.expect(0);
            }
            "own-trigger" => {
                provider_and_domain(&project, &there);
                let adopt = project.run(&arguments).expect(0);
                assert!(
                    adopt.stderr.contains("PostConfirmation function stays"),
                    "{adopt:?}"
                );
                let file = fs::read_to_string(project.file()).unwrap();
                assert!(file.contains("google: { client_id: theirs"), "{file}");
                assert!(!file.contains("hush"), "{file}");
            }
            "lite" => {
                let adopt = project.run(&arguments).expect(0);
                assert!(adopt.stderr.contains("feature plan Lite"), "{adopt:?}");
            }
            _ => drop(project.run(&arguments).expect(0)),
        }
        let before = described(&project, &there);
        let diff = project
            .run(&["diff", "--no-build", "--json"])
            .expect(0)
            .json();
        additions_alone(&diff);
        project.run(&["deploy", "--no-build"]).expect(0);
        assert_eq!(described(&project, &there), before, "{name}");
        if name == "plain" {
            assert_eq!(project.outputs()["permissions_table"], table.as_str());
            let key = json!({ "TableName": table, "Key": { "pk": { "S": "USER#old" } } });
            let item = project.client("dynamodb", "get_item", key);
            assert_eq!(item["Item"]["theirs"]["S"], "kept");
        }
        let again = project.run(&["diff", "--no-build", "--detailed-exitcode"]);
        again.expect(0);
    }
}

/// What a person can hang from a pool beside clients and groups.
fn provider_and_domain(project: &Project, there: &There) {
    let prefix = format!("adopt-{}", project.account);
    let domain = json!({ "UserPoolId": there.pool, "Domain": prefix, "ManagedLoginVersion": 2 });
    project.client("cognito-idp", "create_user_pool_domain", domain);
    let google = json!({
        "UserPoolId": there.pool, "ProviderName": "Google", "ProviderType": "Google",
        "ProviderDetails": {
            "client_id": "theirs", "client_secret": "hush", "authorize_scopes": "openid email",
        },
        "AttributeMapping": { "email": "email", "username": "sub", "nickname": "given_name" },
    });
    project.client("cognito-idp", "create_identity_provider", google);
    let server = json!({
        "UserPoolId": there.pool, "Identifier": "https://api.example.com", "Name": "api",
        "Scopes": [{ "ScopeName": "read", "ScopeDescription": "Read" }],
    });
    project.client("cognito-idp", "create_resource_server", server);
    let client = json!({
        "UserPoolId": there.pool, "ClientId": there.client, "ClientName": "My App, web",
        "SupportedIdentityProviders": ["COGNITO", "Google"],
        "CallbackURLs": ["https://app.example.com/callback"], "AllowedOAuthFlows": ["code"],
        "AllowedOAuthScopes": ["openid", "https://api.example.com/read"],
        "AllowedOAuthFlowsUserPoolClient": true,
    });
    project.client("cognito-idp", "update_user_pool_client", client);
    let machine = json!({
        "UserPoolId": there.pool, "ClientName": "robot", "GenerateSecret": true,
        "AllowedOAuthFlows": ["client_credentials"],
        "AllowedOAuthScopes": ["https://api.example.com/read"],
        "AllowedOAuthFlowsUserPoolClient": true,
    });
    project.client("cognito-idp", "create_user_pool_client", machine);
}

/// A stack lets go first, and says of which.
#[test]
fn a_stack_is_told_what_to_let_go_of() {
    let project = nothing_yet("stack");
    let template = json!({ "Resources": {
        "Pool": {
            "Type": "AWS::Cognito::UserPool", "DeletionPolicy": "Retain",
            "Properties": { "UserPoolName": "of-a-stack", "UsernameAttributes": ["email"] },
        },
        "App": {
            "Type": "AWS::Cognito::UserPoolClient",
            "Properties": { "UserPoolId": { "Ref": "Pool" }, "ClientName": "app" },
        },
    } });
    let stack = format!("theirs-{}", project.account);
    let body = json!({ "StackName": stack, "TemplateBody": template.to_string() });
    project.client("cloudformation", "create_stack", body);
    let arguments = [
        "adopt",
        "--stack",
        &stack,
        "--name",
        "of-a-stack",
        "--region",
        "eu-west-1",
        "--json",
    ];
    let adopted = project.run(&arguments).expect(0).json();
    let release = adopted["release"].as_array().unwrap();
    let of = |id: &str| release.iter().find(|one| one["logical_id"] == id).unwrap();
    assert_eq!(of("Pool")["retained"], true);
    assert_eq!(of("App")["retained"], false);
    additions_alone(
        &project
            .run(&["diff", "--no-build", "--json"])
            .expect(0)
            .json(),
    );
    let missing = project.run(&[
        "adopt",
        "other",
        "--stack",
        "nowhere",
        "--region",
        "eu-west-1",
    ]);
    assert!(
        missing
            .expect(1)
            .stderr
            .contains("there is no stack `nowhere`")
    );
}
