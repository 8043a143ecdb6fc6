//! What is sent to Cognito: whole bodies, in an order that is taken, and nothing twice.

use serde_json::{Value, json};

use crate::support::{Cloud, Gate, Moment, Project, python, run};

const PASSWORD: &str = "Correct-Horse-1";

/// The user pool as Cognito describes it.
fn pool(project: &Project, id: &Value) -> Value {
    let answer = project.client(
        "cognito-idp",
        "describe_user_pool",
        json!({ "UserPoolId": id }),
    );
    answer["UserPool"].clone()
}

fn factors(project: &Project, id: &Value) -> Value {
    let asked = json!({ "UserPoolId": id });
    project.client("cognito-idp", "get_user_pool_mfa_config", asked)
}

/// Runs a command that loses the first answer to one kind of request.
#[track_caller]
fn losing(
    project: &mut Project,
    action: &'static str,
    arguments: &[&str],
) -> crate::support::Output {
    let gate = Gate::holding(&Cloud::shared().endpoint_url, action, Moment::Lost);
    let direct = project.endpoint_url.replace(gate.endpoint_url.clone());
    let output = run(&mut project.command(arguments));
    project.endpoint_url = direct;
    assert!(gate.has_caught(), "{action} was never sent: {output:?}");
    output
}

#[test]
fn a_lost_answer_to_a_create_makes_nothing_twice() {
    for action in [
        "CreateUserPool",
        "CreateUserPoolClient",
        "CreateUserPoolDomain",
        "CreateGroup",
    ] {
        let mut project = Project::starter();
        losing(&mut project, action, &["deploy", "--no-build"]).expect(0);

        let pools = project.inventory()["user_pools"].clone();
        assert_eq!(pools, json!(["starter-local-users"]), "{action}");
        let id = project.outputs()["user_pool_id"].clone();
        let clients = json!({ "UserPoolId": id, "MaxResults": 60 });
        let clients = project.client("cognito-idp", "list_user_pool_clients", clients);
        let clients = clients["UserPoolClients"].as_array().unwrap().len();
        assert_eq!(clients, 1, "{action}");
        let diff = ["diff", "--no-build", "--detailed-exitcode"];
        project.run(&diff).expect(0);
        project.run(&["destroy"]).expect(0);
    }
}

#[test]
fn a_lost_answer_to_a_change_or_a_delete_is_no_failure() {
    let mut project = Project::starter();
    project.deploy();
    project.edit("min_length: 12", "min_length: 14");
    losing(&mut project, "UpdateUserPool", &["deploy", "--no-build"]).expect(0);
    let attribute = "    marketing_opt_in: { type: boolean }";
    project.edit(
        attribute,
        &format!("{attribute}\n    seats: {{ type: number }}"),
    );
    losing(
        &mut project,
        "AddCustomAttributes",
        &["deploy", "--no-build"],
    )
    .expect(0);
    project.edit("access: 15m", "access: 20m");
    losing(
        &mut project,
        "UpdateUserPoolClient",
        &["deploy", "--no-build"],
    )
    .expect(0);
    let diff = ["diff", "--no-build", "--detailed-exitcode"];
    project.run(&diff).expect(0);
    losing(&mut project, "DeleteUserPool", &["destroy"]).expect(0);
    assert_eq!(project.inventory()["user_pools"], json!([]));
}

#[test]
fn a_second_factor_goes_on_and_off_and_passkeys_of_others_stay() {
    let project = Project::starter();
    let verify = "  verify: { by: email, how: code }";
    let with = |mfa: &str| format!("{verify}\n  mfa: {mfa}");
    let optional = with("{ mode: optional, methods: [totp] }");
    project.edit(verify, &optional);
    let id = project.deploy()["outputs"]["user_pool_id"].clone();
    assert_eq!(factors(&project, &id)["MfaConfiguration"], "OPTIONAL");

    let passkeys = json!({ "RelyingPartyId": "acme.com", "UserVerification": "required" });
    let theirs = json!({
        "UserPoolId": id,
        "MfaConfiguration": "OPTIONAL",
        "SoftwareTokenMfaConfiguration": { "Enabled": true },
        "WebAuthnConfiguration": passkeys,
    });
    project.client("cognito-idp", "set_user_pool_mfa_config", theirs);

    let mut before = optional;
    for (mode, mfa) in [
        ("ON", "{ mode: required, methods: [totp] }"),
        ("OFF", "{ mode: off }"),
        ("OPTIONAL", "{ mode: optional, methods: [totp] }"),
    ] {
        project.edit(&before, &with(mfa));
        before = with(mfa);
        project.deploy();
        let now = factors(&project, &id);
        assert_eq!(now["MfaConfiguration"], mode, "{now}");
        assert_eq!(now["WebAuthnConfiguration"], passkeys, "{now}");
        let diff = ["diff", "--no-build", "--detailed-exitcode"];
        project.run(&diff).expect(0);
    }
    project.run(&["destroy"]).expect(0);
}

#[test]
fn text_messages_come_and_go_with_their_role() {
    let project = Project::starter();
    let named = "    name: { required: true }";
    project.edit(named, &format!("    phone_number: {{}}\n{named}"));
    let verify = "  verify: { by: email, how: code }";
    let with = |mfa: &str| format!("{verify}\n  mfa: {mfa}");
    let id = project.deploy()["outputs"]["user_pool_id"].clone();
    let roles = || project.inventory()["roles"].as_array().unwrap().len();
    let without = roles();
    let sms_role = |pool: &Value| pool["SmsConfiguration"]["SnsCallerArn"].clone();
    assert_eq!(sms_role(&pool(&project, &id)), Value::Null);

    let sms = with("{ mode: optional, methods: [sms] }");
    project.edit(verify, &sms);
    project.deploy();
    let with_sms = pool(&project, &id);
    let role = sms_role(&with_sms);
    assert!(
        role.as_str().is_some_and(|arn| arn.contains("sms")),
        "{with_sms}"
    );
    assert_eq!(roles(), without + 1);
    let diff = ["diff", "--no-build", "--detailed-exitcode"];
    project.run(&diff).expect(0);

    project.edit(&sms, &with("{ mode: off }"));
    project.deploy();
    assert_eq!(pool(&project, &id)["MfaConfiguration"], "OFF");
    assert_eq!(roles(), without);
    project.run(&diff).expect(0);
    project.run(&["destroy"]).expect(0);
    assert_eq!(project.inventory()["user_pools"], json!([]));
}

#[test]
fn a_pool_whose_data_is_kept_lets_people_sign_in() {
    let project = Project::starter();
    let outputs = project.deploy()["outputs"].clone();
    let address = "ada@example.org";
    let sub = project.admin_made(address, PASSWORD);
    let sign_in = |outputs: &Value| python("sign_in.py", &[address, PASSWORD], outputs);
    assert_eq!(sign_in(&outputs)["claims"]["sub"], sub.as_str());

    project.run(&["destroy", "--keep-data"]).expect(0);
    let left = project.inventory();
    assert_eq!(left["functions"], json!([]), "{left}");
    assert_eq!(left["roles"], json!([]), "{left}");
    let kept = pool(&project, &outputs["user_pool_id"]);
    for trigger in [
        "PostConfirmation",
        "PreTokenGeneration",
        "PreTokenGenerationConfig",
    ] {
        assert!(kept["LambdaConfig"][trigger].is_null(), "{kept}");
    }
    assert_eq!(kept["DeletionProtection"], "ACTIVE", "{kept}");
    let signed_in = sign_in(&outputs);
    assert_eq!(signed_in["claims"]["sub"], sub.as_str(), "{signed_in}");
    assert!(signed_in["claims"]["role"].is_null(), "{signed_in}");

    // Once more finds nothing to do, and a deploy takes everything up again.
    let again = project.run(&["destroy", "--keep-data"]).expect(0);
    assert!(again.stderr.contains("nothing but the data"), "{again:?}");
    assert_eq!(project.deploy()["outputs"], outputs);
    assert_eq!(sign_in(&outputs)["claims"]["role"], "member");
    project.run(&["destroy"]).expect(0);
}
