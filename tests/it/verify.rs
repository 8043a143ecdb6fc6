//! `saasauth verify`: the smoke test people run themselves.

use serde_json::json;

use crate::support::Project;

#[test]
fn a_deployed_stage_verifies_and_is_left_as_it_was() {
    let project = Project::starter();
    // Which a token says shorter than the file does.
    project.edit(
        r#"admin: ["projects:*", "billing:*", "members:*"]"#,
        r#"admin: ["*:*", "projects:read"]"#,
    );
    project.deploy();
    let verified = project.run(&["verify", "--json"]).expect(0).json();
    assert_eq!(verified["ok"], true, "{verified}");
    let users = project.client(
        "cognito-idp",
        "list_users",
        json!({ "UserPoolId": project.outputs()["user_pool_id"] }),
    );
    assert_eq!(users["Users"], json!([]), "the throwaway user is gone");
    let items = project.client(
        "dynamodb",
        "scan",
        json!({ "TableName": "starter-local-permissions" }),
    );
    assert_eq!(items["Count"], 2, "only the roles are left: {items}");
}

#[test]
fn a_stage_that_grants_something_else_than_the_file_says_does_not_verify() {
    let project = Project::starter();
    project.deploy();
    let item = json!({
        "pk": { "S": "ROLE#admin" },
        "permissions": { "L": [{ "S": "billing:read" }] },
    });
    let put = json!({ "TableName": "starter-local-permissions", "Item": item });
    project.client("dynamodb", "put_item", put);
    let verified = project.run(&["verify"]).expect(1);
    assert!(verified.stderr.contains("\nerror: "), "{verified:?}");
    assert!(verified.stderr.contains("billing:read"), "{verified:?}");
}
