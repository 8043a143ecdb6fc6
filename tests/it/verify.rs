//! `saasauth verify`: the smoke test people run themselves.

use crate::support::{Cloud, Project};

#[test]
fn a_deployed_stage_verifies_and_is_left_as_it_was() {
    let project = Project::starter();
    project.deploy();
    let verified = project.run(&["verify", "--json"]).expect(0).json();
    assert_eq!(verified["ok"], true, "{verified}");
    let users = project.client(
        "cognito-idp",
        "list_users",
        serde_json::json!({ "UserPoolId": project.outputs()["user_pool_id"] }),
    );
    assert_eq!(users["Users"], serde_json::json!([]), "the throwaway user is gone");
    let items = project.client(
        "dynamodb",
        "scan",
        serde_json::json!({ "TableName": "starter-local-permissions" }),
    );
    assert_eq!(items["Count"], 2, "only the roles are left: {items}");
}

#[test]
fn a_stage_without_its_trigger_does_not_verify() {
    let project = Project::starter();
    project.deploy();
    project.client(
        "lambda",
        "delete_function",
        serde_json::json!({ "FunctionName": "starter-local-generate-token" }),
    );
    let verified = project.run(&["verify"]).expect(1);
    assert!(verified.stderr.starts_with("error: "), "{verified:?}");
    assert!(!Cloud::shared().endpoint_url.is_empty());
}
