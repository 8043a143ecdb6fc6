//! What should exist for one stage: the project file turned into resources and their references.
//!
//! Pure: the same stage and facts give the same topology, byte for byte. Edges are not written down;
//! they are the references inside the resources, but for the few that no reference shows (`depends_on`).
//! Physical names are `{project}-{stage}-{thing}`, with the region behind where a name is the whole
//! account's, and an ARN that follows from account, region and name is put together here rather than waited for, so
//! it costs no edge.

mod access;
mod adoption;
mod alarms;
mod cognito;
mod email;
mod names;
mod permissions;
mod places;
mod sign_in;
mod triggers;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::project::stage::{Stage, Target};
use crate::resource::{LogicalId, PROJECT_TAG, Resource, STAGE_TAG, Tag};

pub use access::{DOMAINS_TABLE, PERMISSIONS_TABLE};
pub use cognito::{HOSTED_UI, USER_POOL, client_id};
pub use email::IDENTITY as EMAIL_IDENTITY;
pub use names::{id, physical};
pub use permissions::OPEN_TABLES;
pub use places::place_of;
pub use sign_in::sms_region;
pub use triggers::{CONFIRM_USER, FAILURES, GENERATE_TOKEN, code_parameter, functions};

/// Everything that should exist for a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// The project.
    pub project: String,
    /// The stage.
    pub stage: String,
    /// The resources by logical ID.
    pub resources: BTreeMap<LogicalId, Node>,
    /// What a reader of the plan should know and no resource shows, one line each.
    pub notes: Vec<String>,
    /// The SES identity of the sender, while SES hasn't verified it.
    pub unverified_sender: Option<String>,
    /// The region whose SNS sends the text messages, if any are sent: its sandbox and its limits count.
    pub sms_region: Option<String>,
    /// Template parameters that stand for a secret, each with the name of the SSM parameter that holds it.
    pub secrets: BTreeMap<LogicalId, String>,
}

/// One resource of a topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The resource.
    pub resource: Resource,
    /// What has to be there before it, although none of its properties says so: AWS tries it out.
    pub depends_on: Vec<LogicalId>,
    /// Where somebody else made it, which one it is and what of it stays as it is.
    pub adopted: Option<Adopted>,
}

/// What the stage takes over instead of making it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopted {
    /// Which one it is; absent where that follows from what is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub physical_id: Option<String>,
    /// Properties that stay as they are, whatever is declared: their paths, as a plan shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
}

/// What the topology depends on that the file doesn't say: read before planning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The SES identity of the sender, as the account has it.
    pub identity: SenderIdentity,
}

/// The state of an SES identity in the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SenderIdentity {
    /// Not there, or ours: it is declared. `ready` says whether mail can be sent from it.
    Ours {
        /// Whether SES has verified it.
        ready: bool,
    },
    /// Somebody else's (another stage's, or made by hand): used as it is, never changed.
    Theirs {
        /// Whether SES has verified it.
        ready: bool,
    },
}

impl Facts {
    /// What a template assumes, which is rendered without asking AWS: the identity is declared, and
    /// will have been verified.
    pub fn assumed() -> Self {
        Self {
            identity: SenderIdentity::Ours { ready: true },
        }
    }

    /// What is true of an account that has nothing yet.
    pub fn unverified() -> Self {
        Self {
            identity: SenderIdentity::Ours { ready: false },
        }
    }
}

impl Topology {
    /// Whether a physical name is one that this stage gives. Others may, too: it is a start, not a proof.
    pub fn is_named_like_ours(&self, name: &str) -> bool {
        name.starts_with(&physical(&self.project, &self.stage, ""))
    }
}

/// Collects the resources while the parts of the topology declare them.
struct Builder<'a> {
    stage: &'a Stage,
    facts: &'a Facts,
    tags: Vec<Tag>,
    resources: BTreeMap<LogicalId, Node>,
    notes: Vec<String>,
    unverified_sender: Option<String>,
    sms_region: Option<String>,
    secrets: BTreeMap<LogicalId, String>,
    /// A logical ID that two resources wanted.
    clash: Option<LogicalId>,
}

/// Builds the topology of a stage.
///
/// Fails when two parts declare one logical ID. The names of the file can't bring that about, which a rule of
/// theirs sees to; what is left is a fault of ours, which must not end in one resource taken for another.
pub fn build(stage: &Stage, facts: &Facts) -> Result<Topology> {
    let mut tags: BTreeMap<&str, &str> = stage
        .tags
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    tags.insert(PROJECT_TAG, &stage.project);
    tags.insert(STAGE_TAG, &stage.name);
    let mut builder = Builder {
        stage,
        facts,
        tags: tags
            .into_iter()
            .map(|(key, value)| Tag {
                key: key.to_owned(),
                value: value.to_owned(),
            })
            .collect(),
        resources: BTreeMap::new(),
        notes: Vec::new(),
        unverified_sender: None,
        sms_region: None,
        secrets: BTreeMap::new(),
        clash: None,
    };
    access::declare(&mut builder);
    email::declare(&mut builder);
    triggers::declare(&mut builder);
    alarms::declare(&mut builder);
    cognito::declare(&mut builder);
    adoption::take_over(&mut builder);
    if let Some(id) = builder.clash {
        return Err(
            Error::refused(format!("refused to plan: two resources are called `{id}`"))
                .with_hint("this is a fault of saasauth; please report it with the project file"),
        );
    }
    Ok(Topology {
        project: stage.project.clone(),
        stage: stage.name.clone(),
        resources: builder.resources,
        notes: builder.notes,
        unverified_sender: builder.unverified_sender,
        sms_region: builder.sms_region,
        secrets: builder.secrets,
    })
}

impl Builder<'_> {
    fn add(&mut self, id: impl Into<LogicalId>, resource: Resource) {
        self.add_after(id, resource, Vec::new());
    }

    /// Declares a resource that needs others which none of its properties names.
    fn add_after(
        &mut self,
        id: impl Into<LogicalId>,
        resource: Resource,
        depends_on: Vec<LogicalId>,
    ) {
        match self.resources.entry(id.into()) {
            Entry::Vacant(free) => {
                free.insert(Node {
                    resource,
                    depends_on,
                    adopted: None,
                });
            }
            Entry::Occupied(taken) => self.clash = Some(taken.key().clone()),
        }
    }

    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    fn name(&self, thing: &str) -> String {
        physical(&self.stage.project, &self.stage.name, thing)
    }

    /// The name of the Permissions table: one that is taken over keeps its own.
    fn permissions_table(&self) -> String {
        let adopt = self.stage.adopt.as_ref();
        let table = adopt.and_then(|adopt| adopt.permissions_table.as_ref());
        table.map_or_else(
            || self.name("permissions"),
            |table| table.name.value.clone(),
        )
    }

    /// The ARN of the stage's own key in KMS, if it has one.
    fn kms_key(&self) -> Option<String> {
        let key = self.stage.kms_key_arn.as_ref();
        key.map(|key| key.value.clone())
    }

    /// The name of a role.
    fn role_name(&self, thing: &str) -> String {
        let stage = self.stage;
        names::physical_in(&stage.project, &stage.name, thing, &stage.region)
    }

    fn tags(&self) -> Vec<Tag> {
        self.tags.clone()
    }

    fn is_local(&self) -> bool {
        self.stage.target == Target::Local
    }
}

#[cfg(test)]
pub(crate) mod tests;
