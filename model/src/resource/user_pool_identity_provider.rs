//! `AWS::Cognito::UserPoolIdentityProvider`: somebody else who signs users in, a social network or a
//! company's own directory.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::expr::{Expr, Phase};
use super::rules::{Compare, Identity, Line, Mutability, OneAtATime, Part, RefReturns, Rules};
use super::{Kind, ResourceType};

/// `AWS::Cognito::UserPoolIdentityProvider`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UserPoolIdentityProvider<S = Expr> {
    /// The pool.
    pub user_pool_id: S,
    /// Fixed for the social ones (`Google`, `Facebook`, `LoginWithAmazon`, `SignInWithApple`); up to 32
    /// characters for others. It is the first half of its users' names.
    pub provider_name: String,
    /// `Google`, `Facebook`, `LoginWithAmazon`, `SignInWithApple`, `OIDC` or `SAML`.
    pub provider_type: String,
    /// The keys that the type takes. A secret is a reference to a parameter, never the secret: see [`SECRETS`].
    pub provider_details: BTreeMap<String, S>,
    /// From attributes of the pool to the provider's own names of them.
    pub attribute_mapping: BTreeMap<String, String>,
    /// Names under which an application may ask for it, such as a company's mail domain.
    pub idp_identifiers: Vec<String>,
}

/// The keys of [`UserPoolIdentityProvider::provider_details`] that hold secrets. The direct engine answers
/// their parameters with the name of an SSM parameter (`ssm:/name`), and reads that just before it is sent.
pub const SECRETS: [&str; 2] = ["client_secret", "private_key"];

impl<S: Phase> ResourceType for UserPoolIdentityProvider<S> {
    const RULES: Rules = Rules {
        identity: Identity::Named(&[
            Part::Property("/UserPoolId"),
            Part::Property("/ProviderName"),
        ]),
        ref_returns: RefReturns::LastPart,
        one_at_a_time: Some(OneAtATime {
            line: Line::UserPool,
            creates: false,
        }),
        compare: &[
            // Cognito adds what it finds out by itself, the addresses of Google's endpoints for one.
            ("ProviderDetails", Compare::Value),
            ("AttributeMapping", Compare::Map),
            ("IdpIdentifiers", Compare::Set),
        ],
        mutability: &[
            ("UserPoolId", Mutability::Replace),
            ("ProviderName", Mutability::Replace),
            ("ProviderType", Mutability::Replace),
        ],
        // DeleteUserPool takes the providers along.
        goes_with: Some(Kind::UserPool),
        deleted_before: &[Kind::UserPool],
        ..Rules::of("AWS::Cognito::UserPoolIdentityProvider")
    };
}
