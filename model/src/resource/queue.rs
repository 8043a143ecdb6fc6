//! `AWS::SQS::Queue`.

use serde::{Deserialize, Serialize};

use super::ResourceType;
use super::expr::Tag;
use super::rules::{Compare, Identity, Mutability, Replacement, Rules};

/// `AWS::SQS::Queue`, a standard one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Queue {
    /// Unique in account and region.
    pub queue_name: String,
    /// Seconds a message is kept, 60 to 1209600.
    pub message_retention_period: u32,
    /// Encryption at rest under a key that SQS owns; needs no right of who sends.
    pub sqs_managed_sse_enabled: bool,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl ResourceType for Queue {
    const RULES: Rules = Rules {
        compare: &[("Tags", Compare::Tags)],
        mutability: &[("QueueName", Mutability::Replace)],
        replacement: Replacement::Never("a queue is never replaced: its messages would be lost"),
        // What identifies it is its URL, whose host no rule tells for every partition.
        identity: Identity::Assigned { within: None },
        holds_data: true,
        ..Rules::of("AWS::SQS::Queue")
    };
}
