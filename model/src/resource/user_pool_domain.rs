//! `AWS::Cognito::UserPoolDomain`.

use serde::{Deserialize, Serialize};

use super::expr::{Expr, Phase};
use super::rules::{Identity, Line, Mutability, OneAtATime, Part, RefReturns, Replacement, Rules};
use super::{Kind, ResourceType};

/// `AWS::Cognito::UserPoolDomain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UserPoolDomain<S = Expr> {
    /// A prefix, or the host name of a custom domain.
    pub domain: String,
    /// The pool.
    pub user_pool_id: S,
    /// 1: the classic hosted UI, which needs no branding resource to show anything.
    pub managed_login_version: u32,
    /// The certificate of a custom domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_domain_config: Option<CustomDomainConfig>,
}

/// The certificate of a custom domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CustomDomainConfig {
    /// An ACM certificate in us-east-1.
    pub certificate_arn: String,
}

impl<S: Phase> ResourceType for UserPoolDomain<S> {
    const RULES: Rules = Rules {
        mutability: &[
            ("Domain", Mutability::Replace),
            ("UserPoolId", Mutability::Replace),
        ],
        // A pool has one prefix domain at a time, so the old one goes first.
        replacement: Replacement::DeleteFirstIfAllowed(
            "sign-in pages at the old address stop working",
        ),
        identity: Identity::Named(&[Part::Property("/UserPoolId"), Part::Property("/Domain")]),
        ref_returns: RefReturns::LastPart,
        one_at_a_time: Some(OneAtATime {
            line: Line::UserPool,
            creates: true,
        }),
        // DeleteUserPool fails while a domain hangs from the pool.
        deleted_before: &[Kind::UserPool],
        ..Rules::of("AWS::Cognito::UserPoolDomain")
    };
}
