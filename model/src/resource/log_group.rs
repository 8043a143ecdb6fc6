//! `AWS::Logs::LogGroup`.

use serde::{Deserialize, Serialize};

use super::expr::Tag;
use super::rules::{Compare, Mutability, Replacement, Rules};

/// `AWS::Logs::LogGroup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct LogGroup {
    /// `/aws/lambda/FUNCTION` for a function's own.
    pub log_group_name: String,
    /// Days; one of the values CloudWatch Logs lists.
    pub retention_in_days: u32,
    /// Tags.
    pub tags: Vec<Tag>,
}

pub(super) const LOG_GROUP: Rules = Rules {
    type_name: "AWS::Logs::LogGroup",
    compare: &[("Tags", Compare::Tags)],
    mutability: &[("LogGroupName", Mutability::Replace)],
    replacement: Replacement::DeleteFirst,
    deferred: &[],
};
