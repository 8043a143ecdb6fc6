//! `AWS::IAM::RolePolicy`.

use serde::{Deserialize, Serialize};

use super::expr::{Expr, Phase};
use super::policy::PolicyDocument;
use super::rules::{Compare, Identity, Mutability, Part, Replacement, Rules};
use super::{Kind, ResourceType};

/// `AWS::IAM::RolePolicy`: an inline policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RolePolicy<S = Expr> {
    /// Unique in the role.
    pub policy_name: String,
    /// The role.
    pub role_name: S,
    /// What the role may do.
    pub policy_document: PolicyDocument<S>,
}

impl<S: Phase> ResourceType for RolePolicy<S> {
    const RULES: Rules = Rules {
        compare: &[("PolicyDocument", Compare::Policy)],
        mutability: &[
            ("PolicyName", Mutability::Replace),
            ("RoleName", Mutability::Replace),
        ],
        // The old one serves the old role for as long as that is assumed.
        replacement: Replacement::CreateFirst,
        completes: true,
        identity: Identity::Named(&[Part::Property("/PolicyName"), Part::Property("/RoleName")]),
        // DeleteRole fails while the role has inline policies.
        deleted_before: &[Kind::Role],
        ..Rules::of("AWS::IAM::RolePolicy")
    };
}
