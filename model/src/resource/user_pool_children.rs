//! What lives inside a user pool: `AWS::Cognito::UserPoolClient`, `UserPoolDomain`, `UserPoolGroup`
//! and `UserPoolResourceServer`.

use serde::{Deserialize, Serialize};

use super::expr::Expr;
use super::rules::{Compare, Mutability, Replacement, Rules};

/// `AWS::Cognito::UserPoolClient`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UserPoolClient<S = Expr> {
    /// Not unique in AWS; unique in ours.
    pub client_name: String,
    /// The pool.
    pub user_pool_id: S,
    /// Fixed at creation.
    pub generate_secret: bool,
    /// Ways to sign in through the API.
    pub explicit_auth_flows: Vec<String>,
    /// Whether it speaks OAuth at all.
    #[serde(rename = "AllowedOAuthFlowsUserPoolClient")]
    pub allowed_oauth_flows_user_pool_client: bool,
    /// `code` or `client_credentials`.
    #[serde(rename = "AllowedOAuthFlows")]
    pub allowed_oauth_flows: Vec<String>,
    /// Scopes it may ask for; a custom one is `SERVER/SCOPE`.
    #[serde(rename = "AllowedOAuthScopes")]
    pub allowed_oauth_scopes: Vec<S>,
    /// Where sign-in may return to.
    #[serde(rename = "CallbackURLs")]
    pub callback_urls: Vec<String>,
    /// Where sign-out may return to.
    #[serde(rename = "LogoutURLs")]
    pub logout_urls: Vec<String>,
    /// `COGNITO`.
    pub supported_identity_providers: Vec<String>,
    /// Attributes it may read; absent for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_attributes: Option<Vec<String>>,
    /// Attributes it may write; absent for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_attributes: Option<Vec<String>>,
    /// In the unit below.
    pub access_token_validity: u32,
    /// In the unit below.
    pub id_token_validity: u32,
    /// In the unit below.
    pub refresh_token_validity: u32,
    /// The units.
    pub token_validity_units: TokenValidityUnits,
    /// `ENABLED`: an unknown user looks like a wrong password.
    pub prevent_user_existence_errors: String,
    /// Whether RevokeToken works.
    pub enable_token_revocation: bool,
}

/// The units of a client's token lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct TokenValidityUnits {
    /// `seconds`, `minutes`, `hours` or `days`.
    pub access_token: String,
    /// `seconds`, `minutes`, `hours` or `days`.
    pub id_token: String,
    /// `seconds`, `minutes`, `hours` or `days`.
    pub refresh_token: String,
}

pub(super) const USER_POOL_CLIENT: Rules = Rules {
    type_name: "AWS::Cognito::UserPoolClient",
    compare: &[
        ("ExplicitAuthFlows", Compare::Set),
        ("AllowedOAuthFlows", Compare::Set),
        ("AllowedOAuthScopes", Compare::Set),
        ("CallbackURLs", Compare::Set),
        ("LogoutURLs", Compare::Set),
        ("SupportedIdentityProviders", Compare::Set),
        ("ReadAttributes", Compare::Set),
        ("WriteAttributes", Compare::Set),
    ],
    mutability: &[
        ("GenerateSecret", Mutability::Replace),
        ("UserPoolId", Mutability::Replace),
    ],
    replacement: Replacement::CreateFirstIfAllowed(
        "applications that hold its client ID stop signing in, and its users are signed out",
    ),
    deferred: &[],
};

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_domain_config: Option<CustomDomainConfig>,
}

/// The certificate of a custom domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct CustomDomainConfig {
    /// An ACM certificate in us-east-1.
    pub certificate_arn: String,
}

pub(super) const USER_POOL_DOMAIN: Rules = Rules {
    type_name: "AWS::Cognito::UserPoolDomain",
    compare: &[],
    mutability: &[
        ("Domain", Mutability::Replace),
        ("UserPoolId", Mutability::Replace),
    ],
    // A pool has one prefix domain at a time, so the old one goes first.
    replacement: Replacement::DeleteFirstIfAllowed("sign-in pages at the old address stop working"),
    deferred: &[],
};

/// `AWS::Cognito::UserPoolGroup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct UserPoolGroup<S = Expr> {
    /// The role's name.
    pub group_name: String,
    /// The pool.
    pub user_pool_id: S,
    /// What it is for.
    pub description: String,
}

pub(super) const USER_POOL_GROUP: Rules = Rules {
    type_name: "AWS::Cognito::UserPoolGroup",
    compare: &[],
    mutability: &[
        ("GroupName", Mutability::Replace),
        ("UserPoolId", Mutability::Replace),
    ],
    replacement: Replacement::DeleteFirst,
    deferred: &[],
};

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

pub(super) const USER_POOL_RESOURCE_SERVER: Rules = Rules {
    type_name: "AWS::Cognito::UserPoolResourceServer",
    compare: &[("Scopes", Compare::Set)],
    mutability: &[
        ("Identifier", Mutability::Replace),
        ("UserPoolId", Mutability::Replace),
    ],
    replacement: Replacement::DeleteFirst,
    deferred: &[],
};
