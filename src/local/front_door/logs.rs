//! The key of a log group, which the emulator takes with a new one and can't change: AssociateKmsKey and
//! DisassociateKmsKey, and what DescribeLogGroups tells after them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Door;
use super::call::{AWS_JSON, Call, Reply};
use super::scope::Scope;

/// What `X-Amz-Target` begins with.
pub(super) const LOGS: &str = "Logs_20140328";

/// Keys that were changed; `None` where one was taken away. By the scope and the group's name.
#[derive(Debug, Default)]
pub(super) struct Keys {
    inner: Mutex<HashMap<(Scope, String), Option<String>>>,
}

impl Keys {
    fn set(&self, scope: &Scope, group: &str, key: Option<String>) {
        let mut keys = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert((scope.clone(), group.to_owned()), key);
    }

    fn forget(&self, scope: &Scope, group: &str) {
        let mut keys = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        keys.remove(&(scope.clone(), group.to_owned()));
    }

    fn of(&self, scope: &Scope, group: &str) -> Option<Option<String>> {
        let keys = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(&(scope.clone(), group.to_owned())).cloned()
    }

    pub(super) fn clear(&self) {
        let mut keys = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        keys.clear();
    }
}

/// Answers an operation of CloudWatch Logs.
pub(super) async fn answer(door: &Door, call: Call, action: &str) -> Reply {
    let Some((scope, _)) = Scope::of(&call.headers) else {
        return door.upstream.forward(&call).await;
    };
    let input: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let group = input["logGroupName"].as_str().unwrap_or_default();
    match action {
        "AssociateKmsKey" | "DisassociateKmsKey" => {
            if !exists(door, &call, group).await {
                return *Reply::refusal(
                    "ResourceNotFoundException",
                    "The specified log group does not exist.",
                );
            }
            let key = input["kmsKeyId"].as_str().map(str::to_owned);
            door.log_keys
                .set(&scope, group, key.filter(|_| action == "AssociateKmsKey"));
            Reply::new(StatusCode::OK, AWS_JSON, "{}")
        }
        "DescribeLogGroups" => {
            let reply = door.upstream.forward(&call).await;
            let Some(mut answer) = reply.json().filter(|_| reply.is_success()) else {
                return reply;
            };
            let groups = answer["logGroups"].as_array_mut().into_iter().flatten();
            for described in groups {
                let name = described["logGroupName"].as_str().unwrap_or_default();
                match door.log_keys.of(&scope, name) {
                    Some(Some(key)) => described["kmsKeyId"] = key.into(),
                    Some(None) => drop(described.as_object_mut().map(|one| one.remove("kmsKeyId"))),
                    None => {}
                }
            }
            reply.with_json(&answer)
        }
        _ => {
            if action == "DeleteLogGroup" || action == "CreateLogGroup" {
                door.log_keys.forget(&scope, group);
            }
            door.upstream.forward(&call).await
        }
    }
}

/// Whether there is a group of this name, by who asks.
async fn exists(door: &Door, call: &Call, group: &str) -> bool {
    let mut asked = call.clone();
    asked.body = json!({ "logGroupNamePrefix": group }).to_string().into();
    if let Ok(target) = format!("{LOGS}.DescribeLogGroups").parse() {
        asked.headers.insert("x-amz-target", target);
    }
    let answer = door
        .upstream
        .forward(&asked)
        .await
        .json()
        .unwrap_or_default();
    let mut groups = answer["logGroups"].as_array().into_iter().flatten();
    groups.any(|described| described["logGroupName"] == group)
}
