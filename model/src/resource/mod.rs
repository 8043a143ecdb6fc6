//! Every AWS resource type we deploy, one struct each.
//!
//! A struct's fields are the CloudFormation properties. The same struct is what the topology
//! declares, what the diff compares, what AWS is told, and what a template shows. The type parameter
//! is the phase: [`Expr`] while references are open, `String` once they are answered, so code that
//! talks to AWS can't meet an unanswered one.
//!
//! This module knows shapes and rules. It never talks to AWS and never decides what should exist.

pub mod alarm;
pub mod configuration_set;
pub mod email_identity;
pub mod event_invoke_config;
pub mod expr;
pub mod function;
pub mod item;
pub mod log_group;
pub mod permission;
pub mod policy;
pub mod queue;
pub mod role;
pub mod role_policy;
pub mod rules;
pub mod table;
pub mod template;
pub mod user_pool;
pub mod user_pool_client;
pub mod user_pool_domain;
pub mod user_pool_group;
pub mod user_pool_identity_provider;
pub mod user_pool_resource_server;

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use alarm::Alarm;
pub use configuration_set::ConfigurationSet;
pub use email_identity::EmailIdentity;
pub use event_invoke_config::EventInvokeConfig;
pub use expr::{Answers, Expr, LogicalId, Reference, Tag};
pub use function::{Code, Environment, Function};
pub use item::Item;
pub use log_group::LogGroup;
pub use permission::Permission;
pub use policy::{PolicyDocument, Statement};
pub use queue::Queue;
pub use role::Role;
pub use role_policy::RolePolicy;
pub use rules::{Compare, Identity, Line, Mutability, OneAtATime, RefReturns, Replacement, Rules};
pub use table::Table;
pub use template::Template;
pub use user_pool::UserPool;
pub use user_pool_client::UserPoolClient;
pub use user_pool_domain::UserPoolDomain;
pub use user_pool_group::UserPoolGroup;
pub use user_pool_identity_provider::UserPoolIdentityProvider;
pub use user_pool_resource_server::UserPoolResourceServer;

/// A CloudFormation type: its properties, and what planning must know of it.
pub trait ResourceType: Serialize {
    /// The rules.
    const RULES: Rules;
}

/// Hands the list of all types to a macro, as `Name: Type<S>,` for each. A plan lists its changes in this
/// order, and plans resources in it that don't wait for each other.
///
/// This is the one list of types: [`Kind`] and [`Resource`] are made of it here, and how each type is
/// read and written in AWS is looked up by it in the tool. A type that is listed and lacks either does
/// not compile.
#[macro_export]
macro_rules! each_resource_type {
    ($make:ident) => {
        $make! {
            LogGroup: LogGroup,
            Role: Role<S>,
            RolePolicy: RolePolicy<S>,
            Table: Table,
            Item: Item<S>,
            Queue: Queue,
            Function: Function<S>,
            Permission: Permission<S>,
            EventInvokeConfig: EventInvokeConfig<S>,
            Alarm: Alarm,
            EmailIdentity: EmailIdentity,
            ConfigurationSet: ConfigurationSet,
            Template: Template,
            UserPool: UserPool<S>,
            UserPoolIdentityProvider: UserPoolIdentityProvider<S>,
            UserPoolClient: UserPoolClient<S>,
            UserPoolDomain: UserPoolDomain<S>,
            UserPoolGroup: UserPoolGroup<S>,
            UserPoolResourceServer: UserPoolResourceServer<S>,
        }
    };
}

macro_rules! kinds_and_resources {
    ($($name:ident: $type:ty,)*) => {
        /// Which type a resource is of.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(
                #[doc = concat!("See [`", stringify!($name), "`](struct@", stringify!($name), ").")]
                $name,
            )*
        }

        impl Kind {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What planning must know of it.
            pub fn rules(self) -> &'static Rules {
                // The rules are the same in every phase.
                type S = Expr;
                match self {
                    $(Self::$name => &<$type as ResourceType>::RULES,)*
                }
            }
        }

        /// A resource of any type, in one of the two phases.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[expect(
            clippy::large_enum_variant,
            reason = "a topology holds some dozens, of which the largest is the only user pool"
        )]
        pub enum Resource<S = Expr> {
            $(
                #[doc = concat!("See [`", stringify!($name), "`](struct@", stringify!($name), ").")]
                $name($type),
            )*
        }

        impl<S: expr::Phase> Resource<S> {
            /// Its type.
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$name(_) => Kind::$name,)*
                }
            }

            /// Its properties as a document in CloudFormation's spelling.
            pub fn properties(&self) -> Value {
                match self {
                    $(Self::$name(resource) => document(resource),)*
                }
            }
        }

        impl<S: expr::Phase + DeserializeOwned> Resource<S> {
            /// Reads a property document back into its struct; with references left open, that of the declared phase alone.
            /// The error names the property.
            pub fn from_properties(kind: Kind, properties: Value) -> Result<Self, String> {
                Ok(match kind {
                    $(Kind::$name => Self::$name(read(kind, properties)?),)*
                })
            }
        }
    };
}

each_resource_type!(kinds_and_resources);

/// A resource whose references have all been answered.
pub type Resolved = Resource<String>;

fn document(resource: &impl Serialize) -> Value {
    // Our structs hold strings, numbers, booleans, lists and string-keyed maps; none can fail.
    serde_json::to_value(resource).unwrap_or_default()
}

fn read<T: DeserializeOwned>(kind: Kind, properties: Value) -> Result<T, String> {
    serde_json::from_value(properties)
        .map_err(|error| format!("{} does not fit: {error}", kind.type_name()))
}

impl Kind {
    /// CloudFormation's type name.
    pub fn type_name(self) -> &'static str {
        self.rules().type_name
    }

    /// The type of this name.
    pub fn of(type_name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|kind| kind.type_name() == type_name)
    }

    /// What identifies a resource of this type in AWS, when that follows from its properties.
    pub fn identity(self, logical_id: &str, declared: &Value) -> Option<String> {
        self.rules().identity.of(logical_id, declared)
    }

    /// What `Ref` returns for a resource with this physical ID.
    pub fn reference(self, physical_id: &str) -> &str {
        match self.rules().ref_returns {
            RefReturns::PhysicalId => physical_id,
            RefReturns::LastPart => physical_id
                .split_once('|')
                .map_or(physical_id, |(_, last)| last),
        }
    }

    /// How far down the order of deletions it comes: 0 for what waits for nothing.
    pub fn deletion_rank(self) -> usize {
        let blocking = Self::ALL
            .iter()
            .filter(|kind| kind.rules().deleted_before.contains(&self));
        let ranks = blocking.map(|kind| kind.deletion_rank() + 1);
        ranks.max().unwrap_or_default()
    }
}

/// What a read of one resource returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// AWS's identity: the parts of CloudFormation's primary identifier, joined by `|`.
    pub physical_id: String,
    /// Its properties in our spelling: what AWS adds by itself is taken out.
    pub properties: Value,
    /// What `Ref` and `Fn::GetAtt` return. `Ref` is under the empty name.
    pub attributes: BTreeMap<String, String>,
    /// The project and stage of its ownership tags; `None` when it has none or can't have any.
    pub owner: Option<Owner>,
}

/// Who a resource belongs to, as its tags say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Tag `saasauth:project`.
    pub project: String,
    /// Tag `saasauth:stage`.
    pub stage: String,
}

/// The ownership tag that names the project.
pub const PROJECT_TAG: &str = "saasauth:project";
/// The ownership tag that names the stage.
pub const STAGE_TAG: &str = "saasauth:stage";

/// The name under which [`Live::attributes`] holds what `Ref` returns.
pub const REF: &str = "";

impl Live {
    /// Answers references to this resource.
    pub fn answer(&self, id: &str, answers: &mut Answers) {
        for (name, value) in &self.attributes {
            match name.as_str() {
                REF => answers.reference(id, value),
                name => answers.attribute(id, name, value),
            }
        }
    }
}

impl Owner {
    /// Reads the ownership tags.
    pub fn from_tags<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let (mut project, mut stage) = (None, None);
        for (key, value) in tags {
            match key {
                PROJECT_TAG => project = Some(value.to_owned()),
                STAGE_TAG => stage = Some(value.to_owned()),
                _ => {}
            }
        }
        Some(Self {
            project: project?,
            stage: stage?,
        })
    }
}

#[cfg(test)]
mod tests;
