//! The only module that talks to AWS: clients, and one file per resource with its read, create,
//! update and delete.
//!
//! Each operation observes before it decides, may be run again, and sends whole bodies where the API
//! resets what is left out. What AWS returns is brought into our spelling here, so that the diff can
//! compare without knowing any service.

mod alarm;
pub mod classify;
mod clients;
mod counts;
mod event_invoke;
mod function;
mod item;
mod log_group;
#[cfg(test)]
mod replay;
mod role;
pub mod secrets;
mod ses;
mod table;
pub mod trace;
mod user_pool;
mod user_pool_children;
pub mod users;
mod wait;

pub mod ledger;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use serde::Serialize;
use serde_json::Value;

pub use classify::{Class, Fault, Result};
pub use clients::{Aws, Caller, Package, Settings};
use saasauth_model::resource::{Kind, Live, LogicalId, Owner, REF, Resolved, Resource};
pub use ses::IdentityState;

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

/// What of a declared resource identifies it in AWS, when that follows from its properties: the parts
/// of CloudFormation's primary identifier, joined by `|`.
///
/// `None` while a part is still an open reference, and for what AWS names itself.
pub fn identity(id: &str, kind: Kind, declared: &Value) -> Option<String> {
    let text = |name: &str| {
        declared
            .pointer(name)
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let pair = |left: &str, right: &str| Some(format!("{}|{}", text(left)?, text(right)?));
    match kind {
        Kind::LogGroup => text("/LogGroupName"),
        Kind::Role => text("/RoleName"),
        Kind::RolePolicy => pair("/PolicyName", "/RoleName"),
        Kind::Table => text("/TableName"),
        Kind::Item => Some(format!(
            "{}|{}|{}",
            text("/TableName")?,
            text("/PartitionKey")?,
            text("/SortKey").unwrap_or_default()
        )),
        Kind::Function => text("/FunctionName"),
        // The statement's name is ours to choose, so it is the logical ID.
        Kind::Permission => Some(format!("{}|{id}", text("/FunctionName")?)),
        Kind::EventInvokeConfig => pair("/FunctionName", "/Qualifier"),
        Kind::Alarm => text("/AlarmName"),
        Kind::EmailIdentity => text("/EmailIdentity"),
        Kind::ConfigurationSet => text("/Name"),
        Kind::Template => text("/Template/TemplateName"),
        Kind::UserPool | Kind::UserPoolClient => None,
        Kind::UserPoolDomain => pair("/UserPoolId", "/Domain"),
        Kind::UserPoolGroup => pair("/UserPoolId", "/GroupName"),
        Kind::UserPoolResourceServer => pair("/UserPoolId", "/Identifier"),
    }
}

/// The parts of a physical ID that joins two.
fn parts(physical_id: &str) -> (&str, &str) {
    physical_id.split_once('|').unwrap_or((physical_id, ""))
}

/// What `Ref` returns for a resource with this physical ID.
pub fn reference(kind: Kind, physical_id: &str) -> &str {
    match kind {
        Kind::RolePolicy | Kind::EventInvokeConfig | Kind::Item => physical_id,
        Kind::Permission
        | Kind::UserPoolClient
        | Kind::UserPoolDomain
        | Kind::UserPoolGroup
        | Kind::UserPoolResourceServer => parts(physical_id).1,
        _ => physical_id,
    }
}

/// What a create or read leaves: the identity and the answers to references.
fn live(kind: Kind, physical_id: impl Into<String>, properties: Value) -> Live {
    let physical_id = physical_id.into();
    let attributes = BTreeMap::from([(REF.to_owned(), reference(kind, &physical_id).to_owned())]);
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
        .filter_map(|one| {
            let name = one
                .physical_id
                .clone()
                .or_else(|| identity(&one.id, one.kind, &one.declared))?;
            Some((name, one.id.clone()))
        })
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
            trace::beside(async move { self.read_kind(kind, &wanted).await })
        });
        let mut found = BTreeMap::new();
        for read in join_all(reads).await {
            found.extend(read?);
        }
        Ok(found)
    }

    /// Reads resources of one type: in one request where the API can list them, side by side where
    /// it can't.
    async fn read_kind(&self, kind: Kind, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        match kind {
            Kind::LogGroup => return self.read_log_groups(wanted).await,
            Kind::Alarm => return self.read_alarms(wanted).await,
            Kind::Item => return self.read_items(wanted).await,
            Kind::UserPoolGroup => return self.read_user_pool_groups(wanted).await,
            _ => {}
        }
        let reads = wanted.iter().map(|one| trace::beside(self.read_one(one)));
        let mut found = Vec::new();
        for (one, read) in wanted.iter().zip(join_all(reads).await) {
            if let Some(live) = read? {
                found.push((one.id.clone(), live));
            }
        }
        Ok(found)
    }

    async fn read_one(&self, wanted: &Wanted) -> Result<Option<Live>> {
        let physical_id = wanted
            .physical_id
            .clone()
            .or_else(|| identity(&wanted.id, wanted.kind, &wanted.declared));
        let Some(physical_id) = physical_id else {
            return match wanted.kind {
                Kind::UserPool => self.find_user_pool(&wanted.declared).await,
                Kind::UserPoolClient => self.find_user_pool_client(&wanted.declared).await,
                _ => Ok(None),
            };
        };
        match wanted.kind {
            Kind::Role => self.read_role(&physical_id).await,
            Kind::RolePolicy => self.read_role_policy(&physical_id).await,
            Kind::Table => self.read_table(&physical_id).await,
            Kind::Function => self.read_function(&physical_id).await,
            Kind::Permission => self.read_permission(&physical_id).await,
            Kind::EventInvokeConfig => self.read_event_invoke_config(&physical_id).await,
            Kind::EmailIdentity => self.read_email_identity(&physical_id).await,
            Kind::ConfigurationSet => self.read_configuration_set(&physical_id).await,
            Kind::Template => self.read_template(&physical_id).await,
            Kind::UserPool => self.read_user_pool(&physical_id).await,
            Kind::UserPoolClient => self.read_user_pool_client(&physical_id).await,
            Kind::UserPoolDomain => self.read_user_pool_domain(&physical_id).await,
            Kind::UserPoolResourceServer => self.read_resource_server(&physical_id).await,
            Kind::LogGroup | Kind::Alarm | Kind::Item | Kind::UserPoolGroup => {
                let found = Box::pin(self.read_kind(wanted.kind, &[wanted])).await?;
                Ok(found.into_iter().next().map(|(_, live)| live))
            }
        }
    }

    /// Makes a resource. A name that is taken is taken over when its tags say it is this stage's (a
    /// deploy was cut off, or the answer to the create got lost); otherwise it is an error.
    pub async fn create(
        &self,
        id: &str,
        resource: &Resolved,
        waiting: Waiting<'_>,
    ) -> Result<Live> {
        let created = match resource {
            Resource::LogGroup(one) => self.create_log_group(one).await,
            Resource::Role(one) => self.create_role(one).await,
            Resource::RolePolicy(one) => self.put_role_policy(one).await,
            Resource::Table(one) => self.create_table(one, waiting).await,
            Resource::Item(one) => self.put_item(one).await,
            Resource::Function(one) => self.create_function(id, one, waiting).await,
            Resource::Permission(one) => self.create_permission(id, one).await,
            Resource::EventInvokeConfig(one) => self.create_event_invoke_config(one).await,
            Resource::Alarm(one) => self.create_alarm(one).await,
            Resource::EmailIdentity(one) => self.create_email_identity(one).await,
            Resource::ConfigurationSet(one) => self.create_configuration_set(one).await,
            Resource::Template(one) => self.create_template(one).await,
            Resource::UserPool(one) => self.create_user_pool(one).await,
            Resource::UserPoolClient(one) => self.create_user_pool_client(one).await,
            Resource::UserPoolDomain(one) => self.create_user_pool_domain(one).await,
            Resource::UserPoolGroup(one) => self.create_user_pool_group(one).await,
            Resource::UserPoolResourceServer(one) => self.create_resource_server(one).await,
        };
        match created {
            Err(fault) if fault.class == Class::AlreadyExists => {
                self.take_over(id, resource, fault, waiting).await
            }
            created => created,
        }
    }

    /// Waits until what was made can be used.
    pub async fn settle(&self, kind: Kind, physical_id: &str, waiting: Waiting<'_>) -> Result<()> {
        match kind {
            Kind::Function => self.settle_function(physical_id, waiting).await,
            _ => Ok(()),
        }
    }

    async fn take_over(
        &self,
        id: &str,
        resource: &Resolved,
        taken: Fault,
        waiting: Waiting<'_>,
    ) -> Result<Live> {
        let wanted = Wanted {
            id: id.to_owned(),
            kind: resource.kind(),
            physical_id: None,
            declared: resource.properties(),
        };
        let Some(live) = self.read_one(&wanted).await? else {
            return Err(taken);
        };
        let tagged = live.owner.is_some()
            || live.properties.get("Tags").is_some()
            || live.properties.get("UserPoolTags").is_some();
        if tagged && live.owner.as_ref() != Some(self.owner()) {
            let whose = live.owner.as_ref().map_or_else(
                || "it has no ownership tags".to_owned(),
                |owner| {
                    format!(
                        "it belongs to project `{}`, stage `{}`",
                        owner.project, owner.stage
                    )
                },
            );
            return Err(Fault {
                message: format!("{} ({whose})", taken.message),
                ..taken
            });
        }
        let all: BTreeSet<String> = match &wanted.declared {
            Value::Object(properties) => properties.keys().cloned().collect(),
            _ => BTreeSet::new(),
        };
        self.update(id, resource, &live, &all, waiting).await?;
        Ok(live)
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
        match resource {
            Resource::LogGroup(one) => self.update_log_group(one, live, changed).await,
            Resource::Role(one) => self.update_role(one, live, changed).await,
            Resource::RolePolicy(one) => self.put_role_policy(one).await.map(drop),
            Resource::Table(one) => self.update_table(one, live, changed, waiting).await,
            Resource::Item(one) => self.put_item(one).await.map(drop),
            Resource::Function(one) => self.update_function(id, one, live, changed, waiting).await,
            Resource::Permission(one) => self.update_permission(id, one).await,
            Resource::EventInvokeConfig(one) => self.update_event_invoke_config(one).await,
            Resource::Alarm(one) => self.update_alarm(one, live, changed).await,
            Resource::EmailIdentity(one) => self.update_email_identity(one, live).await,
            Resource::ConfigurationSet(one) => {
                self.update_configuration_set(one, live, changed).await
            }
            Resource::Template(one) => self.update_template(one).await,
            Resource::UserPool(one) => self.update_user_pool(one, live, changed).await,
            Resource::UserPoolClient(one) => self.update_user_pool_client(one, live).await,
            Resource::UserPoolDomain(one) => self.update_user_pool_domain(one).await,
            Resource::UserPoolGroup(one) => self.update_user_pool_group(one).await,
            Resource::UserPoolResourceServer(one) => self.update_resource_server(one).await,
        }
    }

    /// Removes a resource; one that is already gone is success.
    pub async fn delete(&self, kind: Kind, physical_id: &str, waiting: Waiting<'_>) -> Result<()> {
        match kind {
            Kind::LogGroup => self.delete_log_group(physical_id).await,
            Kind::Role => self.delete_role(physical_id).await,
            Kind::RolePolicy => self.delete_role_policy(physical_id).await,
            Kind::Table => self.delete_table(physical_id, waiting).await,
            Kind::Item => self.delete_item(physical_id).await,
            Kind::Function => self.delete_function(physical_id).await,
            Kind::Permission => self.delete_permission(physical_id).await,
            Kind::EventInvokeConfig => self.delete_event_invoke_config(physical_id).await,
            Kind::Alarm => self.delete_alarm(physical_id).await,
            Kind::EmailIdentity => self.delete_email_identity(physical_id).await,
            Kind::ConfigurationSet => self.delete_configuration_set(physical_id).await,
            Kind::Template => self.delete_template(physical_id).await,
            Kind::UserPool => self.delete_user_pool(physical_id).await,
            Kind::UserPoolClient => self.delete_user_pool_client(physical_id).await,
            Kind::UserPoolDomain => self.delete_user_pool_domain(physical_id, waiting).await,
            Kind::UserPoolGroup => self.delete_user_pool_group(physical_id).await,
            Kind::UserPoolResourceServer => self.delete_resource_server(physical_id).await,
        }
    }
}
