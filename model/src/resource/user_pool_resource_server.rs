//! `AWS::Cognito::UserPoolResourceServer`: the custom scopes that machine clients ask for.

use serde::{Deserialize, Serialize};

use super::expr::{Expr, Phase};
use super::rules::{Compare, Identity, Mutability, Part, RefReturns, Replacement, Rules};
use super::{Kind, ResourceType};

/// `AWS::Cognito::UserPoolResourceServer`: the custom scopes that machine clients ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UserPoolResourceServer<S = Expr> {
    /// The part of a scope before the slash.
    pub identifier: String,
    /// A friendly name.
    pub name: String,
    /// The pool.
    pub user_pool_id: S,
    /// The scopes.
    pub scopes: Vec<ResourceServerScope>,
}

/// A custom scope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ResourceServerScope {
    /// The part of a scope after the slash.
    pub scope_name: String,
    /// What it allows.
    pub scope_description: String,
}

impl<S: Phase> ResourceType for UserPoolResourceServer<S> {
    const RULES: Rules = Rules {
        compare: &[("Scopes", Compare::Set)],
        mutability: &[
            ("Identifier", Mutability::Replace),
            ("UserPoolId", Mutability::Replace),
        ],
        replacement: Replacement::DeleteFirst,
        identity: Identity::Named(&[Part::Property("/UserPoolId"), Part::Property("/Identifier")]),
        ref_returns: RefReturns::LastPart,
        // DeleteUserPool takes the resource servers along.
        goes_with: Some(Kind::UserPool),
        deleted_before: &[Kind::UserPool],
        ..Rules::of("AWS::Cognito::UserPoolResourceServer")
    };
}
