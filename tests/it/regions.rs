//! A stage in two regions of one account: what has no region, roles, is never shared by the two.

use serde_json::{Value, json};

use crate::support::Project;

const OTHER: [&str; 2] = ["--region", "us-east-1"];

/// The roles of the account.
fn roles(project: &Project) -> Vec<String> {
    let inventory = project.inventory();
    let roles = inventory["roles"].as_array().unwrap();
    roles
        .iter()
        .map(|role| role.as_str().unwrap().to_owned())
        .collect()
}

#[track_caller]
fn run_there(project: &Project, arguments: &[&str]) -> Value {
    let arguments = [arguments, &OTHER, &["--json"]].concat();
    project.run(&arguments).expect(0).json()
}

#[test]
fn a_second_region_has_its_own_roles_and_its_end_leaves_the_first_one_whole() {
    let project = Project::starter();
    project.deploy();
    let first = roles(&project);
    assert_eq!(
        first,
        [
            "starter-local-confirm-user-euw1",
            "starter-local-generate-token-euw1"
        ]
    );

    let deployed = run_there(&project, &["deploy", "--no-build"]);
    assert_eq!(deployed["summary"]["update"], 0, "{deployed}");
    let both = [
        "starter-local-confirm-user-euw1",
        "starter-local-confirm-user-use1",
        "starter-local-generate-token-euw1",
        "starter-local-generate-token-use1",
    ];
    assert_eq!(roles(&project), both);
    let unchanged = project.run(&["diff", "--no-build", "--detailed-exitcode"]);
    unchanged.expect(0);

    run_there(&project, &["destroy", "--yes", "--confirm", "local"]);
    assert_eq!(roles(&project), first);
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);
    for role in &first {
        let policies = project.client("iam", "list_role_policies", json!({ "RoleName": role }));
        assert_eq!(
            policies["PolicyNames"].as_array().unwrap().len(),
            1,
            "{role}"
        );
    }
}
