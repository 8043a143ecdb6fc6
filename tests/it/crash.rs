//! A deploy that is killed, and the next one.

use serde_json::json;

use crate::support::{Cloud, Project, start, until};

/// After how many of its requests a deploy is killed: while it reads, at the lock, among the first
/// creates, around the pool, among what hangs from it.
const POINTS: [usize; 6] = [2, 9, 13, 18, 26, 34];

#[test]
fn a_killed_deploy_is_finished_by_the_next_and_nothing_is_doubled() {
    for point in POINTS {
        let project = killed_after(point);

        project.deploy();
        let pools = project.inventory()["user_pools"].clone();
        assert_eq!(
            pools,
            json!(["starter-local-users"]),
            "killed after {point} requests"
        );
        project
            .run(&["diff", "--no-build", "--detailed-exitcode"])
            .expect(0);
        let locked = project.ledger();
        assert!(
            locked["lock_token"].is_null(),
            "killed after {point} requests: {locked}"
        );

        project.run(&["destroy"]).expect(0);
        only_the_ledger_is_left(&project, point);
    }
}

#[test]
fn what_a_killed_deploy_left_can_be_destroyed_at_once() {
    for point in POINTS {
        let project = killed_after(point);

        project.run(&["destroy"]).expect(0);
        only_the_ledger_is_left(&project, point);
    }
}

/// A project whose first deploy was killed after so many requests.
fn killed_after(requests: usize) -> Project {
    let project = Project::starter();
    let deploy = start(&mut project.command(&["deploy", "--no-build"]));
    until("the deploy has sent enough", || {
        Cloud::shared().trace(&project.account).len() >= requests
    });
    deploy.signal("KILL");
    deploy.end();
    expire(&project);
    project
}

#[track_caller]
fn only_the_ledger_is_left(project: &Project, point: usize) {
    for (what, names) in project.inventory().as_object().unwrap() {
        let ledger = what == "tables" && names == &json!(["saasauth-ledger"]);
        assert!(
            ledger || names == &json!([]),
            "killed after {point} requests: {what}: {names}"
        );
    }
}

/// Lets the killed deploy's lease end now rather than in a minute.
fn expire(project: &Project) {
    let tables = project.client("dynamodb", "list_tables", json!({}));
    let there = tables["TableNames"]
        .as_array()
        .unwrap()
        .iter()
        .any(|name| name == "saasauth-ledger");
    if there && !project.ledger()["lock_token"].is_null() {
        project.client(
            "dynamodb",
            "update_item",
            json!({
                "TableName": "saasauth-ledger",
                "Key": Project::ledger_key(),
                "UpdateExpression": "SET lock_expires = :now",
                "ExpressionAttributeValues": { ":now": { "N": "1" } },
            }),
        );
    }
}
