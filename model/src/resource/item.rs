//! `SaasAuth::DynamoDB::Item`: an item that the project file declares.
//!
//! CloudFormation has no type for one, so this is ours: the plan shows it like any resource, and a
//! rendered template carries it as metadata.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::expr::{Expr, Phase};
use super::rules::{Compare, Identity, Mutability, Part, Replacement, Rules};
use super::{Kind, ResourceType};

/// One declared item: a role's permissions, or a registered company domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Item<S = Expr> {
    /// The table.
    pub table_name: S,
    /// The partition key's value; the attribute is `pk`.
    pub partition_key: String,
    /// The sort key's value, where the table has one; the attribute is `sk`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_key: Option<String>,
    /// The other attributes that are ours: strings and lists of strings.
    pub attributes: Map<String, Value>,
}

impl<S: Phase> ResourceType for Item<S> {
    const RULES: Rules = Rules {
        compare: &[("Attributes", Compare::Map)],
        mutability: &[
            ("TableName", Mutability::Replace),
            ("PartitionKey", Mutability::Replace),
            ("SortKey", Mutability::Replace),
        ],
        replacement: Replacement::DeleteFirst,
        identity: Identity::Named(&[
            Part::Property("/TableName"),
            Part::Property("/PartitionKey"),
            Part::Optional("/SortKey"),
        ]),
        goes_with: Some(Kind::Table),
        deleted_before: &[Kind::Table],
        // TransactWriteItems takes as many.
        share_a_request: 100,
        ..Rules::of("SaasAuth::DynamoDB::Item")
    };
}
