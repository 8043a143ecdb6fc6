//! Each rule by a request that it refuses and one that passes all of them, in the same world.

mod clients;
mod domains;
mod factors;
mod others;
mod pools;
mod tags;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::facts::Facts;
use super::{all, first};
use crate::local::front_door::models;

struct Case {
    rule: &'static str,
    operation: &'static str,
    refused: Value,
    passes: Value,
    world: Value,
}

fn case(
    rule: &'static str,
    operation: &'static str,
    refused: Value,
    passes: Value,
    world: Value,
) -> Case {
    Case {
        rule,
        operation,
        refused,
        passes,
        world,
    }
}

const POOL: &str = "eu-west-1_Abc";
const SENDER: &str = "arn:aws:ses:eu-west-1:111122223333:identity/acme.com";

/// A world with a pool like this one.
fn pool(pool: Value) -> Value {
    json!({ "DescribeUserPool": { "UserPool": pool }, "GetUserPoolMfaConfig": {} })
}

/// A world with a pool like this one, and another that anything may be done to.
fn beside(one: Value) -> Value {
    let mut world = pool(one);
    world["DescribeUserPool eu-west-1_Open"] =
        json!({ "UserPool": { "DeletionProtection": "INACTIVE" } });
    world
}

/// A world with a pool that has these factors.
fn factors(factors: Value) -> Value {
    json!({
        "DescribeUserPool": { "UserPool": { "MfaConfiguration": "OPTIONAL" } },
        "GetUserPoolMfaConfig": factors,
    })
}

fn sms(role: &str) -> Value {
    json!({ "SnsCallerArn": format!("arn:aws:iam::111122223333:role/{role}"), "ExternalId": "me" })
}

/// Roles of every kind, and senders.
fn account() -> Value {
    let trust = |service: &str, external_id: &str| {
        json!({ "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": service },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "sts:ExternalId": external_id } },
        }]})
    };
    let lambda = json!({ "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
    }]});
    let publish = json!({ "Statement": [
        { "Effect": "Allow", "Action": "sns:Publish", "Resource": "*" },
    ]});
    json!({
        "DescribeUserPool": { "UserPool": { "MfaConfiguration": "OFF" } },
        "GetUserPoolMfaConfig": {},
        "roles": {
            "sms": { "trust": trust("cognito-idp.amazonaws.com", "me"), "policy": publish },
            "mute": { "trust": trust("cognito-idp.amazonaws.com", "me"), "policy": {} },
            "stranger": { "trust": trust("cognito-idp.amazonaws.com", "you"), "policy": publish },
            "function": { "trust": lambda, "policy": {} },
            "sender": { "trust": lambda, "policy": { "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["sqs:SendMessage"],
                    "Resource": ["arn:aws:sqs:eu-west-1:111122223333:failures"],
                },
            ]}},
        },
        "functions": {
            "mute": { "Role": "arn:aws:iam::111122223333:role/function" },
            "sends": { "Role": "arn:aws:iam::111122223333:role/sender" },
        },
        "queues": { "failures": {}, "others": {} },
        "identities": {
            "acme.com": { "VerifiedForSendingStatus": true },
            "new.acme.org": { "VerifiedForSendingStatus": false },
        },
        "configuration-sets": { "set": {} },
        "tables": {
            "users": { "DeletionProtectionEnabled": true },
            "scratch": {},
            "expiring": { "TimeToLiveDescription": { "TimeToLiveStatus": "ENABLED" } },
        },
    })
}

fn cases() -> Vec<Case> {
    [
        pools::cases(),
        factors::cases(),
        clients::cases(),
        domains::cases(),
        others::cases(),
        tags::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[tokio::test]
async fn every_rule_refuses_what_it_is_about_and_nothing_beside_it() {
    let mut fired = BTreeSet::new();
    for case in cases() {
        let rule = all()
            .find(|rule| rule.name == case.rule && rule.operations.contains(&case.operation))
            .unwrap_or_else(|| panic!("no rule `{}` about {}", case.rule, case.operation));
        let what = format!("{}, {}", case.rule, case.operation);
        let facts = Facts::given(&case.world, &case.refused);
        let found = first(&facts, rule.service, case.operation).await;
        let (found, refusal) = found.unwrap_or_else(|| panic!("taken: {what}"));
        assert_eq!(found.name, case.rule, "{what}: {refusal:?}");
        assert_eq!(refusal.code, rule.code, "{what}");
        assert!(!refusal.message.is_empty(), "{what}");
        // It travels in a header.
        assert!(refusal.reason.is_ascii(), "{what}: {}", refusal.reason);
        let facts = Facts::given(&case.world, &case.passes);
        let found = first(&facts, rule.service, case.operation).await;
        assert!(
            found.is_none(),
            "{what} is refused: {:?}",
            found.map(|(_, refusal)| refusal)
        );
        fired.insert(rule.name);
    }
    let silent: Vec<&str> = all()
        .map(|rule| rule.name)
        .filter(|name| !fired.contains(name))
        .collect();
    assert!(silent.is_empty(), "no case for {silent:?}");
}

#[test]
fn every_rule_has_a_source_and_is_about_operations_of_the_models() {
    let mut names = BTreeSet::new();
    for rule in all() {
        assert!(rule.source.len() > 5, "{}", rule.name);
        assert!(
            names.insert(rule.name),
            "two rules are called {}",
            rule.name
        );
        let service = models::service(rule.service).expect("a service of the models");
        for operation in rule.operations {
            assert!(
                service.operations.contains_key(*operation),
                "{}: {operation}",
                rule.name
            );
        }
    }
}
