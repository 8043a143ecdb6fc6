//! `AWS::SES::EmailIdentity`, `AWS::SES::ConfigurationSet` and `AWS::SES::Template`.

use serde::{Deserialize, Serialize};

use super::expr::Tag;
use super::rules::{Compare, Mutability, Replacement, Rules};

/// `AWS::SES::EmailIdentity`: a domain (signed by Easy DKIM) or an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EmailIdentity {
    /// The domain or address; unique in account and region, so stages may share one.
    pub email_identity: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

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

/// `AWS::SES::Template`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Template {
    /// The template itself.
    pub template: TemplateContent,
}

/// An email with `{{variables}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TemplateContent {
    /// Unique in account and region.
    pub template_name: String,
    /// The subject line.
    pub subject_part: String,
    /// The HTML body.
    pub html_part: String,
    /// The plain-text body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_part: Option<String>,
}

pub(super) const EMAIL_IDENTITY: Rules = Rules {
    type_name: "AWS::SES::EmailIdentity",
    compare: &[("Tags", Compare::Tags)],
    mutability: &[("EmailIdentity", Mutability::Replace)],
    replacement: Replacement::CreateFirst,
    deferred: &[],
};

pub(super) const CONFIGURATION_SET: Rules = Rules {
    type_name: "AWS::SES::ConfigurationSet",
    compare: &[
        ("SuppressionOptions.SuppressedReasons", Compare::Set),
        ("Tags", Compare::Tags),
    ],
    mutability: &[("Name", Mutability::Replace)],
    replacement: Replacement::CreateFirst,
    deferred: &[],
};

pub(super) const TEMPLATE: Rules = Rules {
    type_name: "AWS::SES::Template",
    compare: &[],
    mutability: &[("Template.TemplateName", Mutability::Replace)],
    replacement: Replacement::CreateFirst,
    deferred: &[],
};
