//! The only module that talks to AWS: clients, and one file per resource with its read, create,
//! update and delete.
//!
//! Each operation observes before it decides, may be run again, and sends whole bodies where the API
//! resets what is left out. What AWS returns is brought into our spelling here, so that the diff can
//! compare without knowing any service.

mod alarm;
mod answer;
mod attempts;
pub mod classify;
mod clients;
mod configuration_set;
pub mod connect;
mod counts;
mod create;
mod document;
mod email_identity;
mod event_invoke_config;
mod function;
mod item;
mod kept_code;
pub mod lease;
mod lifecycle;
mod log_group;
mod once;
pub mod partition;
mod permission;
mod policy;
mod queue;
#[cfg(test)]
pub(crate) mod replay;
mod role;
mod role_policy;
pub mod secrets;
mod ses;
mod sns;
mod table;
mod template;
pub mod trace;
mod user_pool;
mod user_pool_body;
mod user_pool_client;
mod user_pool_domain;
mod user_pool_group;
mod user_pool_identity_provider;
mod user_pool_mfa;
mod user_pool_resource_server;
pub mod users;
mod wait;
mod whole_pool;

pub mod ledger;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use serde::Serialize;
use serde_json::Value;

pub use classify::{Class, Fault, Result};
pub use clients::{Aws, Caller, Package};
pub use connect::Settings;
pub use email_identity::IdentityState;
use saasauth_model::resource::{Kind, Live, LogicalId, Owner, REF, Resolved};
pub use whole_pool::{StackResource, WholePool};

/// Told what a request waits for, each time it starts waiting.
pub type Waiting<'a> = &'a (dyn Fn(&'static str) + Send + Sync);

/// A resource to read.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Our name.
    pub id: LogicalId,
    /// Its type.
    pub kind: Kind,
    /// AWS's name, when recorded.
    pub physical_id: Option<String>,
    /// Its properties, as far as they can be known now.
    pub declared: Value,
}

impl Wanted {
    /// AWS's name, as recorded or as it follows from the properties.
    fn known_id(&self) -> Option<String> {
        let recorded = self.physical_id.clone();
        recorded.or_else(|| self.kind.identity(&self.id, &self.declared))
    }
}

/// The parts of a physical ID that joins two.
fn parts(physical_id: &str) -> (&str, &str) {
    physical_id.split_once('|').unwrap_or((physical_id, ""))
}

/// What a create or read leaves: the identity and the answers to references.
fn live(kind: Kind, physical_id: impl Into<String>, properties: Value) -> Live {
    let physical_id = physical_id.into();
    let attributes = BTreeMap::from([(REF.to_owned(), kind.reference(&physical_id).to_owned())]);
    Live {
        physical_id,
        properties,
        attributes,
        owner: None,
    }
}

fn with_arn(mut live: Live, arn: Option<&str>) -> Live {
    if let Some(arn) = arn {
        live.attributes.insert("Arn".to_owned(), arn.to_owned());
    }
    live
}

/// Tags as CloudFormation lists them, without AWS's own; and the owner they name.
fn tag_list<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Value, Option<Owner>) {
    let tags: BTreeMap<&str, &str> = tags
        .into_iter()
        .filter(|(key, _)| !key.starts_with("aws:"))
        .collect();
    let owner = Owner::from_tags(tags.iter().map(|(&key, &value)| (key, value)));
    let list = tags
        .into_iter()
        .map(|(key, value)| serde_json::json!({ "Key": key, "Value": value }))
        .collect();
    (list, owner)
}

/// The logical IDs of what is wanted by its names, and what all the names begin with: for services that
/// list by prefix. `None` when no name is known.
fn by_name(wanted: &[&Wanted]) -> Option<(BTreeMap<String, LogicalId>, String)> {
    let ids: BTreeMap<String, LogicalId> = wanted
        .iter()
        .filter_map(|one| Some((one.known_id()?, one.id.clone())))
        .collect();
    let ((first, _), (last, _)) = (ids.first_key_value()?, ids.last_key_value()?);
    let prefix = common_prefix(first, last).to_owned();
    Some((ids, prefix))
}

/// Of the first and last of a sorted list, and so of all.
fn common_prefix<'a>(first: &'a str, last: &str) -> &'a str {
    let end = first
        .char_indices()
        .zip(last.chars())
        .find(|((_, left), right)| left != right)
        .map_or(first.len().min(last.len()), |((index, _), _)| index);
    &first[..end]
}

/// Keys of tags that are live but no longer declared.
fn removed_tags(live: &Value, declared: &[saasauth_model::resource::Tag]) -> Vec<String> {
    live.as_array()
        .into_iter()
        .flatten()
        .filter_map(|tag| tag["Key"].as_str())
        .filter(|key| declared.iter().all(|tag| tag.key != *key))
        .map(str::to_owned)
        .collect()
}

impl Aws {
    /// What a create leaves, when AWS has nothing to add to what it was given.
    fn made(&self, kind: Kind, physical_id: impl Into<String>, given: &impl Serialize) -> Live {
        // Our structs hold strings, numbers, booleans, lists and string-keyed maps; none can fail.
        let properties = serde_json::to_value(given).unwrap_or_default();
        let tagged = ["Tags", "UserPoolTags"]
            .iter()
            .any(|tags| properties.get(tags).is_some());
        let owner = tagged.then(|| self.owner().clone());
        Live {
            owner,
            ..live(kind, physical_id, properties)
        }
    }

    /// Reads many resources at once. What isn't there is missing from the answer.
    pub async fn read(&self, wanted: &[Wanted]) -> Result<BTreeMap<LogicalId, Live>> {
        let mut by_kind: BTreeMap<Kind, Vec<&Wanted>> = BTreeMap::new();
        for one in wanted {
            by_kind.entry(one.kind).or_default().push(one);
        }
        let reads = by_kind.into_iter().map(|(kind, wanted)| {
            trace::beside(async move { lifecycle::read(self, kind, &wanted).await })
        });
        let mut found = BTreeMap::new();
        for read in join_all(reads).await {
            found.extend(read?);
        }
        Ok(found)
    }

    /// The same, when what is wanted was changed a moment ago: what reads don't show yet is looked for again, if it
    /// `should_be_there`.
    pub async fn read_afresh(
        &self,
        wanted: &[Wanted],
        should_be_there: impl Fn(&Wanted) -> bool,
    ) -> Result<BTreeMap<LogicalId, Live>> {
        let mut found = self.read(wanted).await?;
        for pause in wait::LAG.pauses() {
            let unseen = wanted.iter().filter(|one| {
                wait::lags(one.kind) && should_be_there(one) && !found.contains_key(&one.id)
            });
            let unseen: Vec<Wanted> = unseen.cloned().collect();
            if unseen.is_empty() {
                break;
            }
            trace::tell("AWS to show what was made");
            (self.sleep)(pause).await;
            found.extend(self.read(&unseen).await?);
        }
        Ok(found)
    }

    /// Sets several resources of one type to what is declared, in one request. Gives what came of each, in
    /// the order given.
    pub async fn write_together(&self, kind: Kind, resources: &[Resolved]) -> Vec<Result<Live>> {
        lifecycle::write_together(self, kind, resources).await
    }

    /// Waits until what was made can be used.
    pub async fn settle(&self, kind: Kind, physical_id: &str, waiting: Waiting<'_>) -> Result<()> {
        lifecycle::settle(self, kind, physical_id, waiting).await
    }

    /// Changes a resource in place. `changed` names the top-level properties that differ; properties
    /// of neighbours that we don't declare survive, because bodies are laid over what is live.
    pub async fn update(
        &self,
        id: &str,
        resource: &Resolved,
        live: &Live,
        changed: &BTreeSet<String>,
        waiting: Waiting<'_>,
    ) -> Result<()> {
        let change = lifecycle::Change { id, live, changed };
        lifecycle::update(self, resource, change, waiting).await
    }

    /// Removes a resource; one that is already gone is success.
    pub async fn delete(&self, kind: Kind, physical_id: &str, waiting: Waiting<'_>) -> Result<()> {
        lifecycle::delete(self, kind, physical_id, waiting).await
    }
}
