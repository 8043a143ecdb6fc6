//! `AWS::SES::Template`.

use serde::{Deserialize, Serialize};

use super::ResourceType;
use super::rules::{Identity, Line, Mutability, OneAtATime, Part, Replacement, Rules};

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

impl ResourceType for Template {
    const RULES: Rules = Rules {
        mutability: &[("Template.TemplateName", Mutability::Replace)],
        replacement: Replacement::CreateFirst,
        one_at_a_time: Some(OneAtATime {
            line: Line::EmailTemplates,
            creates: true,
        }),
        identity: Identity::Named(&[Part::Property("/Template/TemplateName")]),
        ..Rules::of("AWS::SES::Template")
    };
}
