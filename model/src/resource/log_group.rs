//! `AWS::Logs::LogGroup`.

use serde::{Deserialize, Serialize};

use super::ResourceType;
use super::expr::Tag;
use super::rules::{Compare, Identity, Mutability, Part, Replacement, Rules};

/// `AWS::Logs::LogGroup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct LogGroup {
    /// `/aws/lambda/FUNCTION` for a function's own.
    pub log_group_name: String,
    /// Days; one of the values CloudWatch Logs lists.
    pub retention_in_days: u32,
    /// ARN of a key of one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl ResourceType for LogGroup {
    const RULES: Rules = Rules {
        compare: &[("Tags", Compare::Tags)],
        mutability: &[("LogGroupName", Mutability::Replace)],
        replacement: Replacement::DeleteFirst,
        identity: Identity::Named(&[Part::Property("/LogGroupName")]),
        ..Rules::of("AWS::Logs::LogGroup")
    };
}
