//! `AWS::Cognito::UserPoolClient`.

use serde::{Deserialize, Serialize};

use super::expr::{Expr, Phase};
use super::rules::{
    Compare, Identity, Line, Mutability, OneAtATime, RefReturns, Replacement, Rules,
};
use super::{Kind, ResourceType};

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
    /// `COGNITO` for the pool's own users, and names of identity providers.
    pub supported_identity_providers: Vec<S>,
    /// Attributes it may read; absent for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_attributes: Option<Vec<String>>,
    /// Attributes it may write; absent for machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_attributes: Option<Vec<String>>,
    /// In the unit below.
    pub access_token_validity: u32,
    /// In the unit below.
    pub id_token_validity: u32,
    /// In the unit below.
    pub refresh_token_validity: u32,
    /// The units.
    pub token_validity_units: TokenValidityUnits,
    /// Whether a refresh gives a new refresh token; absent where that is not ours to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token_rotation: Option<RefreshTokenRotation>,
    /// `ENABLED`: an unknown user looks like a wrong password.
    pub prevent_user_existence_errors: String,
    /// Whether RevokeToken works.
    pub enable_token_revocation: bool,
}

/// Whether a refresh gives a new refresh token and ends the old one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct RefreshTokenRotation {
    /// `ENABLED` or `DISABLED`.
    pub feature: String,
    /// How long the old one is still good, in seconds; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_grace_period_seconds: Option<u32>,
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

impl<S: Phase> ResourceType for UserPoolClient<S> {
    const RULES: Rules = Rules {
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
        defaults: &[("RefreshTokenRotation.Feature", "DISABLED")],
        mutability: &[
            ("GenerateSecret", Mutability::Replace),
            ("UserPoolId", Mutability::Replace),
        ],
        replacement: Replacement::CreateFirstIfAllowed(
            "applications that hold its client ID stop signing in, and its users are signed out",
        ),
        identity: Identity::Assigned {
            within: Some("/UserPoolId"),
        },
        ref_returns: RefReturns::LastPart,
        one_at_a_time: Some(OneAtATime {
            line: Line::UserPool,
            creates: false,
        }),
        // DeleteUserPool takes the clients along.
        goes_with: Some(Kind::UserPool),
        // A client may hold the scopes of a resource server.
        deleted_before: &[Kind::UserPoolResourceServer, Kind::UserPool],
        ..Rules::of("AWS::Cognito::UserPoolClient")
    };
}
