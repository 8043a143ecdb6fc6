//! `AWS::DynamoDB::Table`.

use serde::{Deserialize, Serialize};

use super::ResourceType;
use super::expr::Tag;
use super::rules::{Compare, Identity, Mutability, Part, Replacement, Rules};

/// `AWS::DynamoDB::Table`, on demand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Unique in account and region.
    #[serde(rename = "TableName")]
    pub table_name: String,
    /// `PAY_PER_REQUEST`.
    #[serde(rename = "BillingMode")]
    pub billing_mode: String,
    /// The attributes that keys and indexes use.
    #[serde(rename = "AttributeDefinitions")]
    pub attribute_definitions: Vec<AttributeDefinition>,
    /// Partition key, then sort key.
    #[serde(rename = "KeySchema")]
    pub key_schema: Vec<Key>,
    /// Indexes; absent when there are none.
    #[serde(
        rename = "GlobalSecondaryIndexes",
        default,
        skip_serializing_if = "Vec::is_empty"
    )]
    pub global_secondary_indexes: Vec<Index>,
    /// Restore to any second of the last 35 days.
    #[serde(rename = "PointInTimeRecoverySpecification")]
    pub point_in_time_recovery_specification: PointInTimeRecovery,
    /// Encryption under the AWS managed key.
    #[serde(rename = "SSESpecification")]
    pub sse_specification: Sse,
    /// Refuses DeleteTable until switched off.
    #[serde(rename = "DeletionProtectionEnabled")]
    pub deletion_protection_enabled: bool,
    /// Tags.
    #[serde(rename = "Tags")]
    pub tags: Vec<Tag>,
}

/// The name and type of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AttributeDefinition {
    /// Name.
    pub attribute_name: String,
    /// `S`, `N` or `B`.
    pub attribute_type: String,
}

/// One part of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Key {
    /// Name.
    pub attribute_name: String,
    /// `HASH` or `RANGE`.
    pub key_type: String,
}

/// A global secondary index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Index {
    /// Name.
    pub index_name: String,
    /// Partition key, then sort key.
    pub key_schema: Vec<Key>,
    /// What it holds.
    pub projection: Projection,
}

/// What an index holds beside its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Projection {
    /// `ALL` or `KEYS_ONLY`.
    pub projection_type: String,
}

/// Point-in-time recovery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PointInTimeRecovery {
    /// Whether it is on.
    pub point_in_time_recovery_enabled: bool,
}

/// Encryption at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sse {
    /// True is a key in KMS: the one below, or else the one AWS manages for the account. False is the key DynamoDB owns.
    /// Each encrypts.
    #[serde(rename = "SSEEnabled")]
    pub sse_enabled: bool,
    /// `KMS`, with a key of one's own.
    #[serde(rename = "SSEType", default, skip_serializing_if = "Option::is_none")]
    pub sse_type: Option<String>,
    /// Its ARN.
    #[serde(
        rename = "KMSMasterKeyId",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub kms_master_key_id: Option<String>,
}

impl AttributeDefinition {
    /// A string attribute.
    pub fn string(name: &str) -> Self {
        Self {
            attribute_name: name.to_owned(),
            attribute_type: "S".to_owned(),
        }
    }
}

impl Key {
    /// The partition key.
    pub fn hash(name: &str) -> Self {
        Self {
            attribute_name: name.to_owned(),
            key_type: "HASH".to_owned(),
        }
    }

    /// The sort key.
    pub fn range(name: &str) -> Self {
        Self {
            attribute_name: name.to_owned(),
            key_type: "RANGE".to_owned(),
        }
    }
}

impl ResourceType for Table {
    const RULES: Rules = Rules {
        compare: &[
            ("AttributeDefinitions", Compare::Set),
            ("GlobalSecondaryIndexes", Compare::Keyed("IndexName")),
            ("Tags", Compare::Tags),
        ],
        mutability: &[
            ("TableName", Mutability::Replace),
            (
                "KeySchema",
                Mutability::Refuse(
                    "a table's key can't change; create a table beside it and copy the items",
                ),
            ),
            (
                "AttributeDefinitions",
                Mutability::Refuse(
                    "the attributes of a key can't change; create a table beside it and copy the items",
                ),
            ),
            (
                "GlobalSecondaryIndexes",
                Mutability::Refuse(
                    "this index is what the triggers query; it can't be changed while they run",
                ),
            ),
        ],
        replacement: Replacement::Never("a table is never replaced: its items would be lost"),
        identity: Identity::Named(&[Part::Property("/TableName")]),
        holds_data: true,
        ..Rules::of("AWS::DynamoDB::Table")
    };
}
