//! `AWS::SES::ConfigurationSet`.

use serde::{Deserialize, Serialize};

use super::ResourceType;
use super::expr::Tag;
use super::rules::{Compare, Identity, Mutability, Part, Replacement, Rules};

/// `AWS::SES::ConfigurationSet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ConfigurationSet {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// Whether bounces and complaints are counted per set.
    pub reputation_options: ReputationOptions,
    /// Addresses SES stops mailing by itself.
    pub suppression_options: SuppressionOptions,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// Reputation metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ReputationOptions {
    /// Whether they are published.
    pub reputation_metrics_enabled: bool,
}

/// The account's suppression list, as this set uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SuppressionOptions {
    /// `BOUNCE`, `COMPLAINT`.
    pub suppressed_reasons: Vec<String>,
}

impl ResourceType for ConfigurationSet {
    const RULES: Rules = Rules {
        compare: &[
            ("SuppressionOptions.SuppressedReasons", Compare::Set),
            ("Tags", Compare::Tags),
        ],
        mutability: &[("Name", Mutability::Replace)],
        replacement: Replacement::CreateFirst,
        identity: Identity::Named(&[Part::Property("/Name")]),
        ..Rules::of("AWS::SES::ConfigurationSet")
    };
}
