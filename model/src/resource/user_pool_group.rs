//! `AWS::Cognito::UserPoolGroup`.

use serde::{Deserialize, Serialize};

use super::expr::{Expr, Phase};
use super::rules::{Identity, Mutability, Part, RefReturns, Replacement, Rules};
use super::{Kind, ResourceType};

/// `AWS::Cognito::UserPoolGroup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UserPoolGroup<S = Expr> {
    /// The role's name.
    pub group_name: String,
    /// The pool.
    pub user_pool_id: S,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl<S: Phase> ResourceType for UserPoolGroup<S> {
    const RULES: Rules = Rules {
        mutability: &[
            ("GroupName", Mutability::Replace),
            ("UserPoolId", Mutability::Replace),
        ],
        replacement: Replacement::DeleteFirst,
        identity: Identity::Named(&[Part::Property("/UserPoolId"), Part::Property("/GroupName")]),
        ref_returns: RefReturns::LastPart,
        // DeleteUserPool takes the groups along.
        goes_with: Some(Kind::UserPool),
        deleted_before: &[Kind::UserPool],
        ..Rules::of("AWS::Cognito::UserPoolGroup")
    };
}
