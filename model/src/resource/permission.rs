//! `AWS::Lambda::Permission`.

use serde::{Deserialize, Serialize};

use super::expr::{Expr, Phase};
use super::rules::{Identity, Mutability, Part, RefReturns, Replacement, Rules};
use super::{Kind, ResourceType};

/// `AWS::Lambda::Permission`: one statement of a function's resource policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Permission<S = Expr> {
    /// The function's name.
    pub function_name: S,
    /// `lambda:InvokeFunction`.
    pub action: String,
    /// The service that may invoke.
    pub principal: String,
    /// The one resource that may invoke.
    pub source_arn: S,
    /// The account of that resource; closes the confused-deputy gap.
    pub source_account: S,
}

impl<S: Phase> ResourceType for Permission<S> {
    const RULES: Rules = Rules {
        // Every property is create-only in CloudFormation, and the API has no update either.
        mutability: &[
            ("FunctionName", Mutability::Replace),
            ("Action", Mutability::Replace),
            ("Principal", Mutability::Replace),
            ("SourceArn", Mutability::Replace),
            ("SourceAccount", Mutability::Replace),
        ],
        replacement: Replacement::DeleteFirst,
        // The statement's name is ours to choose, so it is the logical ID.
        identity: Identity::Named(&[Part::Property("/FunctionName"), Part::LogicalId]),
        ref_returns: RefReturns::LastPart,
        // A function's resource policy is part of it.
        goes_with: Some(Kind::Function),
        deleted_before: &[Kind::Function],
        ..Rules::of("AWS::Lambda::Permission")
    };
}
