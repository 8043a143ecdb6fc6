//! What a deploy costs in requests.

use std::collections::BTreeMap;

use crate::support::{Calls, Cloud, Project};

/// The most requests the starter's first deploy may take, and the most of them one after the other: one
/// to look, two to lock the stage, two for a role and its function, two to read the pool again and hang the
/// triggers in (that update resets what it leaves out), and one to record it all.
const REQUESTS: usize = 40;
const DEPTH: u32 = 8;

#[test]
fn a_first_deploy_keeps_to_its_budget_of_requests() {
    let project = Project::starter();
    let deployed = project.run(&["deploy", "--no-build", "-v"]).expect(0);
    let calls = Calls::of(&deployed);
    let list = calls.actions.len();
    assert!(list <= REQUESTS, "{list} requests\n{}", deployed.stderr);
    // A pool and its domain are changed one after the other, as Cognito wants it. When the functions are there as soon
    // as the pool is, both are ready at once, and one of the two waits for its turn.
    let level = |action: &str| -> u32 {
        let mut lines = deployed.stderr.lines();
        let line = lines.find(|line| line.split_whitespace().any(|word| word == action));
        let level = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        level.unwrap_or_else(|| panic!("no {action}: {}", deployed.stderr))
    };
    let waited = level("CreateUserPoolDomain") > 6 || level("UpdateUserPool") > 7;
    let depth = DEPTH + u32::from(waited);
    assert!(
        calls.depth <= depth,
        "depth {}\n{}",
        calls.depth,
        deployed.stderr
    );
}

/// The same of a deploy that finds nothing to do, and so only reads.
const UNCHANGED: usize = 31;
const UNCHANGED_DEPTH: u32 = 2;

#[test]
fn a_deploy_without_changes_keeps_to_its_budget_of_requests() {
    let project = Project::starter();
    project.deploy();
    let again = project.run(&["deploy", "--no-build", "-v"]).expect(0);
    let calls = Calls::of(&again);
    let list = calls.actions.len();
    assert!(list <= UNCHANGED, "{list} requests\n{}", again.stderr);
    assert!(calls.depth <= UNCHANGED_DEPTH, "{}", again.stderr);
}

#[test]
fn the_requests_of_a_command_that_fails_are_listed_too() {
    let project = Project::starter();
    let failed = project.run(&["outputs", "-v"]).expect(1);
    let calls = Calls::of(&failed);
    assert_eq!(calls.actions.len(), 2, "{failed:?}");
    assert!(failed.stderr.contains("is not deployed"), "{failed:?}");
}

#[test]
fn the_list_of_requests_is_what_the_other_end_saw() {
    let project = Project::starter();
    let deployed = project.run(&["deploy", "--no-build", "-v"]).expect(0);
    let listed = count(
        Calls::of(&deployed)
            .actions
            .into_iter()
            .map(|(service, _)| endpoint(&service)),
    );
    let seen = Cloud::shared().trace(&project.account);
    let seen = count(
        seen.iter()
            .map(|call| call["service"].as_str().unwrap().to_owned()),
    );
    assert_eq!(listed, seen, "{}", deployed.stderr);
}

/// How often each name comes.
fn count(names: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// What requests to a service are signed for.
fn endpoint(service: &str) -> String {
    match service {
        "Cognito Identity Provider" => "cognito-idp",
        "CloudWatch Logs" => "logs",
        "DynamoDB" => "dynamodb",
        "IAM" => "iam",
        "Lambda" => "lambda",
        "Resource Groups Tagging API" => "tagging",
        "SESv2" => "ses",
        "SQS" => "sqs",
        "STS" => "sts",
        other => other,
    }
    .to_owned()
}
