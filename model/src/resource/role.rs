//! `AWS::IAM::Role`.
//!
//! The permissions are a resource of their own, not the role's `Policies`: a function needs the role
//! to exist, but not its permissions, and two small requests side by side beat one behind the other.

use serde::{Deserialize, Serialize};

use super::ResourceType;
use super::expr::{Expr, Phase, Tag};
use super::policy::PolicyDocument;
use super::rules::{Compare, Identity, Mutability, Part, Replacement, Rules};

/// `AWS::IAM::Role`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Role<S = Expr> {
    /// Up to 64 characters, unique in the account: in all of its regions.
    pub role_name: String,
    /// What it is for.
    pub description: String,
    /// Who may assume it.
    pub assume_role_policy_document: PolicyDocument<S>,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl<S: Phase> ResourceType for Role<S> {
    const RULES: Rules = Rules {
        compare: &[
            ("AssumeRolePolicyDocument", Compare::Policy),
            ("Tags", Compare::Tags),
        ],
        mutability: &[("RoleName", Mutability::Replace)],
        // Nothing but its name has it replaced, so both can be there: whoever assumes it moves over in between.
        replacement: Replacement::CreateFirst,
        identity: Identity::Named(&[Part::Property("/RoleName")]),
        ..Rules::of("AWS::IAM::Role")
    };
}
