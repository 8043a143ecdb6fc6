//! `AWS::SES::EmailIdentity`.

use serde::{Deserialize, Serialize};

use super::ResourceType;
use super::expr::Tag;
use super::rules::{Compare, Identity, Mutability, Part, Replacement, Rules};

/// `AWS::SES::EmailIdentity`: a domain (signed by Easy DKIM) or an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EmailIdentity {
    /// The domain or address; unique in account and region, so stages may share one.
    pub email_identity: String,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl ResourceType for EmailIdentity {
    const RULES: Rules = Rules {
        compare: &[("Tags", Compare::Tags)],
        mutability: &[("EmailIdentity", Mutability::Replace)],
        replacement: Replacement::CreateFirst,
        identity: Identity::Named(&[Part::Property("/EmailIdentity")]),
        ..Rules::of("AWS::SES::EmailIdentity")
    };
}
