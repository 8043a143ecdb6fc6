//! Two people, or a person and a pipeline, on one stage.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::{Project, RESOURCES, start};

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

/// Has somebody else hold the lock, since `since` and until `until`.
fn hold(project: &Project, since: u64, until: u64) {
    project.client(
        "dynamodb",
        "update_item",
        json!({
            "TableName": "saasauth-ledger",
            "Key": Project::ledger_key(),
            "UpdateExpression": "SET lock_token = :token, lock_owner = :owner, \
                                 lock_since = :since, lock_expires = :until",
            "ExpressionAttributeValues": {
                ":token": { "S": "theirs" },
                ":owner": { "S": "grace@laptop" },
                ":since": { "N": since.to_string() },
                ":until": { "N": until.to_string() },
            },
        }),
    );
}

#[test]
fn a_deploy_is_refused_while_somebody_else_holds_the_lock() {
    let project = Project::starter();
    project.deploy();
    project.edit("memory_mb: 512", "memory_mb: 640");
    hold(&project, now() - 7, now() + 600);
    let held = project.ledger();
    let refused = project.run(&["deploy", "--no-build"]).expect(3);
    assert_eq!(refused.stdout, "");
    for part in [
        "another deploy of stage `local` is under way",
        "`grace@laptop`",
        "hint: wait for it",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    let refused = project.run(&["destroy"]).expect(3);
    assert!(refused.stderr.contains("`grace@laptop`"), "{refused:?}");
    assert_eq!(project.ledger(), held, "the lock is left alone");
    // Looking is free.
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(2);
}

#[test]
fn a_lock_that_ran_out_is_taken_over() {
    let project = Project::starter();
    project.deploy();
    project.edit("memory_mb: 512", "memory_mb: 640");
    hold(&project, now() - 900, now() - 1);
    assert_eq!(project.deploy()["summary"]["update"], 1);
    assert_eq!(project.ledger()["lock_token"], Value::Null, "and let go");
}

#[test]
fn of_two_deploys_at_once_one_creates_and_nothing_is_doubled() {
    let project = Project::starter();
    let both = [0, 1].map(|_| start(&mut project.command(&["deploy", "--no-build", "--json"])));
    let both = both.map(crate::support::Started::end);
    let created = |output: &crate::support::Output| {
        output.code == 0 && output.json()["summary"]["create"] == RESOURCES
    };
    assert_eq!(
        both.iter().filter(|output| created(output)).count(),
        1,
        "{both:?}"
    );
    let other = both.iter().find(|output| !created(output)).unwrap();
    let in_the_way = [
        "another deploy of stage `local`",
        "was deployed by somebody else in the meantime",
    ];
    let refused = other.code == 3 && in_the_way.iter().any(|why| other.stderr.contains(why));
    // It may also have come late enough to find everything done.
    let idle = other.code == 0 && other.json()["summary"]["unchanged"] == RESOURCES;
    assert!(refused || idle, "{other:?}");
    assert_eq!(
        project.inventory()["user_pools"],
        json!(["starter-local-users"])
    );
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);
}
