//! A third of all requests refused: everything still comes up, once, and it costs little.
#![expect(clippy::print_stdout, reason = "a test tells how much it has covered")]

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::Moment::Lost;
use crate::support::{Cloud, Gate, Project, Trouble, Troubled};

/// Deploys a starter of its own through such a cloud, and tells how long that took.
fn deployed_through(trouble: Trouble, seed: u64) -> (Project, Duration) {
    let mut project = Project::starter();
    let troubled = Troubled::third(&Cloud::shared().endpoint_url, trouble, seed);
    let direct = project.endpoint_url.replace(troubled.endpoint_url.clone());
    let began = Instant::now();
    project.run(&["deploy", "--no-build"]).expect(0);
    let took = began.elapsed();
    assert!(
        troubled.refused() > 5,
        "{} were refused",
        troubled.refused()
    );
    project.endpoint_url = direct;
    (project, took)
}

#[test]
fn what_was_refused_at_random_is_deployed_once_and_whole() {
    for (trouble, seed) in [(Trouble::Throttled, 1), (Trouble::Failing, 2)] {
        let (project, _) = deployed_through(trouble, seed);
        let pools = project.inventory()["user_pools"].clone();
        assert_eq!(pools, json!(["starter-local-users"]), "{trouble:?}");
        project
            .run(&["diff", "--no-build", "--detailed-exitcode"])
            .expect(0);
    }
}

#[test]
fn who_is_throttled_is_told_what_is_waited_for() {
    let mut project = Project::starter();
    let troubled = Troubled::third(&Cloud::shared().endpoint_url, Trouble::Throttled, 3);
    project.endpoint_url = Some(troubled.endpoint_url.clone());
    let deployed = project.run(&["deploy", "--no-build", "-v"]).expect(0);
    let waits = deployed.stderr.lines();
    let waits = waits.filter(|line| line.contains("to take more requests"));
    assert!(waits.count() > 0, "{}", deployed.stderr);
}

/// Requests whose repetition finds what they have made themselves: the ledger's own, and the creates of each
/// service.
const MADE_AND_NOT_TOLD: [&str; 9] = [
    "TransactWriteItems",
    "CreateTable",
    "CreateLogGroup",
    "CreateRole",
    "PutRolePolicy",
    "POST /2015-03-31/functions",
    "POST /2015-03-31/functions/starter-local-confirm-user/policy",
    "POST /v2/email/identities",
    "POST /v2/email/templates",
];

#[test]
fn what_was_made_and_not_told_is_taken_over() {
    for action in MADE_AND_NOT_TOLD {
        let mut project = Project::starter();
        let gate = Gate::holding(&Cloud::shared().endpoint_url, action, Lost);
        let direct = project.endpoint_url.replace(gate.endpoint_url.clone());
        project.run(&["deploy", "--no-build"]).expect(0);
        assert!(gate.has_caught(), "{action} was sent");
        project.endpoint_url = direct;
        let left = project.run(&["diff", "--no-build", "--detailed-exitcode"]);
        assert_eq!(left.code, 0, "after {action}: {left:?}");
        let locked = project.ledger();
        assert!(locked["lock_token"].is_null(), "after {action}: {locked}");
        assert_eq!(locked["serial"]["N"], "1", "after {action}");
    }
}

/// `cargo test -p saasauth --test it trouble:: -- --ignored --nocapture`
#[test]
#[ignore = "a benchmark: it measures time"]
fn throttling_costs_at_most_three_times_what_failing_costs() {
    const SEEDS: std::ops::Range<u64> = 10..16;
    // What is shared is started before the clock.
    let project = Project::starter();
    let began = Instant::now();
    project.run(&["deploy", "--no-build"]).expect(0);
    let without = began.elapsed();
    let mean = |trouble| {
        let took: Vec<Duration> = SEEDS
            .map(|seed| deployed_through(trouble, seed).1)
            .collect();
        println!("{trouble:?}: {took:.2?}");
        took.iter().sum::<Duration>() / took.len() as u32
    };
    let (throttled, failing) = (mean(Trouble::Throttled), mean(Trouble::Failing));
    println!(
        "a first deploy of the starter: {without:.2?} without, {throttled:.2?} with a third throttled, {failing:.2?} with a third failing"
    );
    assert!(throttled <= failing * 3);
}
