//! What AWS refuses and the emulator takes, as a table.
//!
//! A rule is one row: the operations it is about, when it refuses, with which error, and where that can be read. The
//! rows stand in a file for each subject; a request is held against its model first, then against the rows in their
//! order, and the first that refuses is the answer. What the emulator refuses by itself has no row.
//!
//! Sources are AWS's own pages ("guide", "API reference", "model" for the service models' texts) or, where those are
//! silent, what people were answered on real accounts: issues, named `repository#number`. A message is AWS's where
//! somebody quoted it; the others say the same in our words, which SDKs don't read.

mod clients;
mod domains;
mod dynamodb;
mod factors;
mod facts;
mod iam;
mod lambda;
mod observed;
mod pools;
mod providers;
mod ses;
mod sqs;
mod tags;
#[cfg(test)]
mod tests;
mod tiers;

use std::pin::Pin;

use serde_json::Value;

use self::facts::Facts;
use super::Door;
use super::request::{Refusal, Request};
use super::scope::Scope;

/// Something that AWS refuses.
struct Rule {
    /// What it is about, in a few words. Names its test.
    name: &'static str,
    service: &'static str,
    operations: &'static [&'static str],
    /// The error's code.
    code: &'static str,
    when: When,
    /// Where it is written, or who was answered so.
    source: &'static str,
}

/// When a rule refuses. Every condition returns the message of the refusal, or nothing.
enum When {
    /// The parameters alone say it.
    Input(fn(&Value) -> Option<String>),
    /// What is there already has a say: the door asks the emulator.
    Facts(for<'a> fn(&'a Facts<'a>) -> Asked<'a>),
}

/// A question to the emulator, under way.
type Asked<'a> = Pin<Box<dyn Future<Output = Option<String>> + Send + 'a>>;

/// Every rule, in the order in which they are tried.
fn all() -> impl Iterator<Item = &'static Rule> {
    [
        tags::RULES,
        pools::RULES,
        tiers::RULES,
        factors::RULES,
        clients::RULES,
        domains::RULES,
        providers::RULES,
        iam::RULES,
        lambda::RULES,
        dynamodb::RULES,
        ses::RULES,
        sqs::RULES,
        observed::RULES,
    ]
    .into_iter()
    .flatten()
}

/// The refusal AWS would answer the request with, as far as the models and the rules know.
pub(super) async fn refusal(door: &Door, request: &Request) -> Option<Refusal> {
    if let Some(misfit) = request.misfit() {
        return Some(misfit);
    }
    let scope = request.scope.clone().unwrap_or_else(Scope::ambient);
    let facts = Facts::asked_of(&door.upstream, scope, request);
    first(&facts, request.service.name, request.operation)
        .await
        .map(|(_, refusal)| refusal)
}

/// The first rule that refuses, and how.
async fn first(
    facts: &Facts<'_>,
    service: &str,
    operation: &str,
) -> Option<(&'static Rule, Refusal)> {
    for rule in all().filter(|rule| rule.service == service && rule.operations.contains(&operation))
    {
        let message = match rule.when {
            When::Input(condition) => condition(facts.input),
            When::Facts(condition) => condition(facts).await,
        };
        if let Some(message) = message {
            let refusal = Refusal {
                code: rule.code.to_owned(),
                message,
                reason: format!("{} ({})", rule.name, rule.source),
            };
            return Some((rule, refusal));
        }
    }
    None
}

/// A message for when a condition holds.
fn refuse_if(condition: bool, message: &str) -> Option<String> {
    condition.then(|| message.to_owned())
}

/// The text at a path of a document.
fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer)?.as_str()
}

/// The texts of the list at a path of a document; none where there is no list.
fn texts<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v str> {
    list(value, pointer).iter().filter_map(Value::as_str)
}

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// Whether there is something at a path; a null is nothing.
fn given(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).is_some_and(|value| !value.is_null())
}
