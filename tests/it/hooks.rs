//! A project's own code in its triggers, as users and APIs see it.

use serde_json::json;

use crate::support::{Fresh, Project, copy, folder, python};

#[test]
fn hooks_add_claims_keep_attributes_make_deliveries_and_veto() {
    let fresh = Fresh::shared();
    let directory = folder("hooks");
    copy(&fresh.with_hooks, &directory);
    let project = Project::at(directory).on_the_shared_cloud();
    fresh.lend_packages(&project, true);
    let outputs = project.deploy()["outputs"].clone();

    let address = format!("ada-{}@example.com", project.account);
    let seen = project.sign_up(&address, "Ada");
    for tokens in ["claims", "refreshed"] {
        let (id, access) = (&seen[tokens]["id"], &seen[tokens]["access"]);
        for claims in [id, access] {
            assert_eq!(claims["plan"], "company", "{claims}");
            assert_eq!(
                claims["role"], "member",
                "it is not a hook's to say: {claims}"
            );
        }
        assert_eq!(id["seats"], 5, "{id}");
        assert_eq!(access.get("seats"), None, "{access}");
    }

    let sub = seen["claims"]["id"]["sub"].as_str().unwrap();
    let table = outputs["permissions_table"].as_str().unwrap();
    let endpoint = project.endpoint_url.as_deref().unwrap();
    let settled = python(
        "records.py",
        &[endpoint, &project.account, table, "settled"],
        &json!([sub]),
    );
    let record = &settled[sub];
    assert_eq!(record["extra"], json!({ "plan": "company" }), "{record}");
    assert_eq!(record.get("pending"), None, "all is delivered: {record}");

    let update = json!({
        "TableName": table,
        "Key": { "pk": { "S": format!("USER#{sub}") } },
        "UpdateExpression": "SET #extra.#plan = :ended",
        "ExpressionAttributeNames": { "#extra": "extra", "#plan": "plan" },
        "ExpressionAttributeValues": { ":ended": { "S": "cancelled" } },
    });
    project.client("dynamodb", "update_item", update);
    let password = "Correct-Horse-7-Battery";
    let seen = python("sign_in.py", &[&address, password], &outputs);
    assert_eq!(
        seen["refused"]["Code"], "UserLambdaValidationException",
        "{seen}"
    );
    let message = seen["refused"]["Message"].as_str().unwrap();
    assert!(message.contains("your plan has ended"), "{seen}");
}
