//! `AWS::IAM::Role` and `AWS::IAM::RolePolicy`.
//!
//! The permissions are a resource of their own, not the role's `Policies`: a function needs the role
//! to exist, but not its permissions, and two small requests side by side beat one behind the other.

use serde::{Deserialize, Serialize};

use super::expr::{Expr, Tag};
use super::policy::PolicyDocument;
use super::rules::{Compare, Mutability, Replacement, Rules};

/// `AWS::IAM::Role`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Role<S = Expr> {
    /// Up to 64 characters, unique in the account.
    pub role_name: String,
    /// What it is for.
    pub description: String,
    /// Who may assume it.
    pub assume_role_policy_document: PolicyDocument<S>,
    /// Tags.
    pub tags: Vec<Tag>,
}

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

pub(super) const ROLE: Rules = Rules {
    type_name: "AWS::IAM::Role",
    compare: &[
        ("AssumeRolePolicyDocument", Compare::Policy),
        ("Tags", Compare::Tags),
    ],
    mutability: &[("RoleName", Mutability::Replace)],
    replacement: Replacement::DeleteFirst,
    deferred: &[],
};

pub(super) const ROLE_POLICY: Rules = Rules {
    type_name: "AWS::IAM::RolePolicy",
    compare: &[("PolicyDocument", Compare::Policy)],
    mutability: &[
        ("PolicyName", Mutability::Replace),
        ("RoleName", Mutability::Replace),
    ],
    replacement: Replacement::DeleteFirst,
    deferred: &[],
};
