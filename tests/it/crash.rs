//! A deploy that is killed, and the next one.

use serde_json::json;

use crate::support::Moment::{self, After, Before};
use crate::support::{Cloud, Gate, Project, at_once, start, until};

/// SIGKILL, as an exit code.
const KILLED: i32 = -9;

/// The requests at which a first deploy is killed, on their way there or on their answers' way back.
const POINTS: [(&str, Moment); 8] = [
    // While it reads,
    ("GetResources", Before),
    // with the ledger's table made and unknown, and with the lock taken and nothing else,
    ("CreateTable", After),
    ("CreateRole", Before),
    // among the first creates,
    ("POST /2015-03-31/functions", After),
    // before and after the pool is there, whose name another pool may have,
    ("CreateUserPool", Before),
    ("CreateUserPool", After),
    // and among what hangs from it, up to the last.
    ("CreateUserPoolClient", After),
    ("UpdateUserPool", Before),
];

/// Tries every point.
fn at_every_point(attempt: fn((&'static str, Moment))) {
    at_once(3, POINTS.iter().copied(), attempt);
}

#[test]
fn a_killed_deploy_is_finished_by_the_next_and_nothing_is_doubled() {
    at_every_point(|point| {
        let project = killed_at(point);

        project.deploy();
        let pools = project.inventory()["user_pools"].clone();
        assert_eq!(pools, json!(["starter-local-users"]), "killed at {point:?}");
        project
            .run(&["diff", "--no-build", "--detailed-exitcode"])
            .expect(0);
        let locked = project.ledger();
        assert!(
            locked["lock_token"].is_null(),
            "killed at {point:?}: {locked}"
        );

        project.run(&["destroy"]).expect(0);
        only_the_ledger_is_left(&project, point);
    });
}

#[test]
fn what_a_killed_deploy_left_can_be_destroyed_at_once() {
    at_every_point(|point| {
        let project = killed_at(point);

        project.run(&["destroy"]).expect(0);
        only_the_ledger_is_left(&project, point);
    });
}

/// A project whose first deploy was killed, and just there.
fn killed_at((action, moment): (&'static str, Moment)) -> Project {
    let mut project = Project::starter();
    let cloud = Cloud::shared();
    let gate = Gate::holding(&cloud.endpoint_url, action, moment);
    let direct = project.endpoint_url.replace(gate.endpoint_url.clone());
    let deploy = start(&mut project.command(&["deploy", "--no-build"]));
    project.endpoint_url = direct;
    until(action, || gate.has_caught());
    deploy.signal("KILL");
    let killed = deploy.end();
    assert_eq!(
        killed.code, KILLED,
        "killed {moment:?} {action}: {killed:?}"
    );
    let reached = cloud
        .trace(&project.account)
        .iter()
        .any(|call| call["action"] == action);
    assert_eq!(reached, moment == After, "whether AWS heard of {action}");
    project
}

#[track_caller]
fn only_the_ledger_is_left(project: &Project, point: (&str, Moment)) {
    for (what, names) in project.inventory().as_object().unwrap() {
        let ledger = what == "tables" && names == &json!(["saasauth-ledger"]);
        assert!(
            ledger || names == &json!([]),
            "killed at {point:?}: {what}: {names}"
        );
    }
}
