//! Every AWS resource type we deploy, one struct each.
//!
//! A struct's fields are the CloudFormation properties. The same struct is what the topology
//! declares, what the diff compares, what AWS is told, and what a template shows. The type parameter
//! is the phase: [`Expr`] while references are open, `String` once they are answered, so code that
//! talks to AWS can't meet an unanswered one.
//!
//! This module knows shapes and rules. It never talks to AWS and never decides what should exist.

pub mod alarm;
pub mod expr;
pub mod function;
pub mod log_group;
pub mod policy;
pub mod role;
pub mod rules;
pub mod ses;
pub mod table;
pub mod user_pool;
pub mod user_pool_children;

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use alarm::Alarm;
pub use expr::{Answers, Expr, LogicalId, Reference, Tag};
pub use function::{Code, Environment, EventInvokeConfig, Function, Permission};
pub use log_group::LogGroup;
pub use policy::{PolicyDocument, Statement};
pub use role::{Role, RolePolicy};
pub use rules::{Compare, Mutability, Replacement, Rules};
pub use ses::{ConfigurationSet, EmailIdentity, Template};
pub use table::{Item, Table};
pub use user_pool::UserPool;
pub use user_pool_children::{
    UserPoolClient, UserPoolDomain, UserPoolGroup, UserPoolResourceServer,
};

/// Which type a resource is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `AWS::Logs::LogGroup`.
    LogGroup,
    /// `AWS::IAM::Role`.
    Role,
    /// `AWS::IAM::RolePolicy`.
    RolePolicy,
    /// `AWS::DynamoDB::Table`.
    Table,
    /// `SaasAuth::DynamoDB::Item`.
    Item,
    /// `AWS::Lambda::Function`.
    Function,
    /// `AWS::Lambda::Permission`.
    Permission,
    /// `AWS::Lambda::EventInvokeConfig`.
    EventInvokeConfig,
    /// `AWS::CloudWatch::Alarm`.
    Alarm,
    /// `AWS::SES::EmailIdentity`.
    EmailIdentity,
    /// `AWS::SES::ConfigurationSet`.
    ConfigurationSet,
    /// `AWS::SES::Template`.
    Template,
    /// `AWS::Cognito::UserPool`.
    UserPool,
    /// `AWS::Cognito::UserPoolClient`.
    UserPoolClient,
    /// `AWS::Cognito::UserPoolDomain`.
    UserPoolDomain,
    /// `AWS::Cognito::UserPoolGroup`.
    UserPoolGroup,
    /// `AWS::Cognito::UserPoolResourceServer`.
    UserPoolResourceServer,
}

impl Kind {
    /// Every type.
    pub const ALL: [Self; 17] = [
        Self::LogGroup,
        Self::Role,
        Self::RolePolicy,
        Self::Table,
        Self::Item,
        Self::Function,
        Self::Permission,
        Self::EventInvokeConfig,
        Self::Alarm,
        Self::EmailIdentity,
        Self::ConfigurationSet,
        Self::Template,
        Self::UserPool,
        Self::UserPoolClient,
        Self::UserPoolDomain,
        Self::UserPoolGroup,
        Self::UserPoolResourceServer,
    ];

    /// What the diff must know of it.
    pub fn rules(self) -> &'static Rules {
        match self {
            Self::LogGroup => &log_group::LOG_GROUP,
            Self::Role => &role::ROLE,
            Self::RolePolicy => &role::ROLE_POLICY,
            Self::Table => &table::TABLE,
            Self::Item => &table::ITEM,
            Self::Function => &function::FUNCTION,
            Self::Permission => &function::PERMISSION,
            Self::EventInvokeConfig => &function::EVENT_INVOKE_CONFIG,
            Self::Alarm => &alarm::ALARM,
            Self::EmailIdentity => &ses::EMAIL_IDENTITY,
            Self::ConfigurationSet => &ses::CONFIGURATION_SET,
            Self::Template => &ses::TEMPLATE,
            Self::UserPool => &user_pool::USER_POOL,
            Self::UserPoolClient => &user_pool_children::USER_POOL_CLIENT,
            Self::UserPoolDomain => &user_pool_children::USER_POOL_DOMAIN,
            Self::UserPoolGroup => &user_pool_children::USER_POOL_GROUP,
            Self::UserPoolResourceServer => &user_pool_children::USER_POOL_RESOURCE_SERVER,
        }
    }

    /// CloudFormation's type name.
    pub fn type_name(self) -> &'static str {
        self.rules().type_name
    }

    /// The type of this name.
    pub fn of(type_name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.type_name() == type_name)
    }

    /// Whether deleting it loses what people put there.
    pub fn holds_data(self) -> bool {
        matches!(self, Self::Table | Self::UserPool)
    }

    /// Whether it exists, and can be referred to, some time before it can be used.
    pub fn settles(self) -> bool {
        self == Self::Function
    }

    /// The kind whose deletion takes this one with it: no request of its own is needed then.
    pub fn goes_with(self) -> Option<Self> {
        match self {
            // DeleteUserPool takes clients, groups and resource servers; a domain blocks it.
            Self::UserPoolClient | Self::UserPoolGroup | Self::UserPoolResourceServer => {
                Some(Self::UserPool)
            }
            // A function's resource policy and settings are part of it.
            Self::Permission | Self::EventInvokeConfig => Some(Self::Function),
            Self::Item => Some(Self::Table),
            _ => None,
        }
    }
}

/// A resource of any type, in one of the two phases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource<S = Expr> {
    /// `AWS::Logs::LogGroup`.
    LogGroup(LogGroup),
    /// `AWS::IAM::Role`.
    Role(Role<S>),
    /// `AWS::IAM::RolePolicy`.
    RolePolicy(RolePolicy<S>),
    /// `AWS::DynamoDB::Table`.
    Table(Table),
    /// `SaasAuth::DynamoDB::Item`.
    Item(Item<S>),
    /// `AWS::Lambda::Function`.
    Function(Function<S>),
    /// `AWS::Lambda::Permission`.
    Permission(Permission<S>),
    /// `AWS::Lambda::EventInvokeConfig`.
    EventInvokeConfig(EventInvokeConfig<S>),
    /// `AWS::CloudWatch::Alarm`.
    Alarm(Alarm),
    /// `AWS::SES::EmailIdentity`.
    EmailIdentity(EmailIdentity),
    /// `AWS::SES::ConfigurationSet`.
    ConfigurationSet(ConfigurationSet),
    /// `AWS::SES::Template`.
    Template(Template),
    /// `AWS::Cognito::UserPool`.
    UserPool(Box<UserPool<S>>),
    /// `AWS::Cognito::UserPoolClient`.
    UserPoolClient(UserPoolClient<S>),
    /// `AWS::Cognito::UserPoolDomain`.
    UserPoolDomain(UserPoolDomain<S>),
    /// `AWS::Cognito::UserPoolGroup`.
    UserPoolGroup(UserPoolGroup<S>),
    /// `AWS::Cognito::UserPoolResourceServer`.
    UserPoolResourceServer(UserPoolResourceServer<S>),
}

/// A resource whose references have all been answered.
pub type Resolved = Resource<String>;

impl<S: expr::Phase> Resource<S> {
    /// Its type.
    pub fn kind(&self) -> Kind {
        match self {
            Self::LogGroup(_) => Kind::LogGroup,
            Self::Role(_) => Kind::Role,
            Self::RolePolicy(_) => Kind::RolePolicy,
            Self::Table(_) => Kind::Table,
            Self::Item(_) => Kind::Item,
            Self::Function(_) => Kind::Function,
            Self::Permission(_) => Kind::Permission,
            Self::EventInvokeConfig(_) => Kind::EventInvokeConfig,
            Self::Alarm(_) => Kind::Alarm,
            Self::EmailIdentity(_) => Kind::EmailIdentity,
            Self::ConfigurationSet(_) => Kind::ConfigurationSet,
            Self::Template(_) => Kind::Template,
            Self::UserPool(_) => Kind::UserPool,
            Self::UserPoolClient(_) => Kind::UserPoolClient,
            Self::UserPoolDomain(_) => Kind::UserPoolDomain,
            Self::UserPoolGroup(_) => Kind::UserPoolGroup,
            Self::UserPoolResourceServer(_) => Kind::UserPoolResourceServer,
        }
    }

    /// Its properties as a document in CloudFormation's spelling.
    pub fn properties(&self) -> Value {
        match self {
            Self::LogGroup(resource) => document(resource),
            Self::Role(resource) => document(resource),
            Self::RolePolicy(resource) => document(resource),
            Self::Table(resource) => document(resource),
            Self::Item(resource) => document(resource),
            Self::Function(resource) => document(resource),
            Self::Permission(resource) => document(resource),
            Self::EventInvokeConfig(resource) => document(resource),
            Self::Alarm(resource) => document(resource),
            Self::EmailIdentity(resource) => document(resource),
            Self::ConfigurationSet(resource) => document(resource),
            Self::Template(resource) => document(resource),
            Self::UserPool(resource) => document(resource),
            Self::UserPoolClient(resource) => document(resource),
            Self::UserPoolDomain(resource) => document(resource),
            Self::UserPoolGroup(resource) => document(resource),
            Self::UserPoolResourceServer(resource) => document(resource),
        }
    }
}

fn document(resource: &impl Serialize) -> Value {
    // Our structs hold strings, numbers, booleans, lists and string-keyed maps; none can fail.
    serde_json::to_value(resource).unwrap_or_default()
}

impl Resolved {
    /// Reads a resolved property document back into its struct. The error names the property.
    pub fn from_properties(kind: Kind, properties: Value) -> Result<Self, String> {
        fn read<T: DeserializeOwned>(kind: Kind, properties: Value) -> Result<T, String> {
            serde_json::from_value(properties)
                .map_err(|error| format!("{} does not fit: {error}", kind.type_name()))
        }
        Ok(match kind {
            Kind::LogGroup => Self::LogGroup(read(kind, properties)?),
            Kind::Role => Self::Role(read(kind, properties)?),
            Kind::RolePolicy => Self::RolePolicy(read(kind, properties)?),
            Kind::Table => Self::Table(read(kind, properties)?),
            Kind::Item => Self::Item(read(kind, properties)?),
            Kind::Function => Self::Function(read(kind, properties)?),
            Kind::Permission => Self::Permission(read(kind, properties)?),
            Kind::EventInvokeConfig => Self::EventInvokeConfig(read(kind, properties)?),
            Kind::Alarm => Self::Alarm(read(kind, properties)?),
            Kind::EmailIdentity => Self::EmailIdentity(read(kind, properties)?),
            Kind::ConfigurationSet => Self::ConfigurationSet(read(kind, properties)?),
            Kind::Template => Self::Template(read(kind, properties)?),
            Kind::UserPool => Self::UserPool(read(kind, properties)?),
            Kind::UserPoolClient => Self::UserPoolClient(read(kind, properties)?),
            Kind::UserPoolDomain => Self::UserPoolDomain(read(kind, properties)?),
            Kind::UserPoolGroup => Self::UserPoolGroup(read(kind, properties)?),
            Kind::UserPoolResourceServer => Self::UserPoolResourceServer(read(kind, properties)?),
        })
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
