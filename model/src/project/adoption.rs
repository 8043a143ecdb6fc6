//! The keys of what a stage takes over: a user pool that somebody else made, with what hangs from it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tree::{At, Name};

/// A user pool that somebody else made, with what hangs from it: this stage takes it over in place. `saasauth adopt` writes
/// this key. What the file declares and the pool lacks is added; what `keep` names stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Adopt {
    /// The user pool.
    pub user_pool: Adopted,
    /// Clients of the file that are there already, by their names in the file. Others are made.
    pub clients: BTreeMap<Name, Adopted>,
    /// The table that is to be the Permissions table. Its key must be the one saasauth's has.
    pub permissions_table: Option<At<AdoptedTable>>,
    /// The hosted UI's domain.
    pub hosted_ui: Kept,
    /// Identity providers, by their names in the file.
    pub providers: BTreeMap<Name, Kept>,
    /// Groups, by the roles in the file.
    pub roles: BTreeMap<Name, Kept>,
}

/// What is there already, by its ID.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Adopted {
    /// Its ID in Cognito.
    pub id: At<String>,
    /// Properties that stay as they are, by their names in CloudFormation, such as `UserPoolName` or
    /// `LambdaConfig.PostConfirmation`.
    pub keep: Vec<At<String>>,
}

/// A table that is there already.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdoptedTable {
    /// Its name.
    pub name: At<String>,
    /// Properties that stay as they are, by their names in CloudFormation.
    pub keep: Vec<At<String>>,
}

/// What is found by the name the file gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Kept {
    /// Properties that stay as they are, by their names in CloudFormation.
    pub keep: Vec<At<String>>,
}
