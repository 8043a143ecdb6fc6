//! Identity providers: CreateIdentityProvider, UpdateIdentityProvider.

use super::pools::INVALID;
use super::{Rule, When, refuse_if, text};

const CREATE: &[&str] = &["CreateIdentityProvider"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "a social provider by another name than its own",
        service: "cognito-idp",
        operations: CREATE,
        code: INVALID,
        when: When::Input(|input| {
            let kind = text(input, "/ProviderType")?;
            let is_social = !["OIDC", "SAML"].contains(&kind);
            refuse_if(
                is_social && text(input, "/ProviderName") != Some(kind),
                "The provider name of a social provider must be its type.",
            )
        }),
        source: "guide, Using social identity providers: Facebook, Google, LoginWithAmazon, SignInWithApple",
    },
    Rule {
        name: "a provider without what its type needs",
        service: "cognito-idp",
        operations: CREATE,
        code: INVALID,
        when: When::Input(|input| {
            let details = &input["ProviderDetails"];
            let has = |name: &str| {
                details[name]
                    .as_str()
                    .is_some_and(|value| !value.is_empty())
            };
            let missing = match text(input, "/ProviderType")? {
                "SAML" => (!has("MetadataURL") && !has("MetadataFile")).then_some("MetadataURL"),
                kind => needed(kind).iter().copied().find(|name| !has(name)),
            };
            Some(format!("{} is required in ProviderDetails.", missing?))
        }),
        source: "model, CreateIdentityProviderRequest.ProviderDetails",
    },
    Rule {
        name: "a claim put into an attribute that the pool lacks",
        service: "cognito-idp",
        operations: &["CreateIdentityProvider", "UpdateIdentityProvider"],
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let mapping = facts.input["AttributeMapping"].as_object()?;
                if mapping.is_empty() {
                    return None;
                }
                let attributes = facts.pool().await?["SchemaAttributes"].as_array()?;
                let known = |name: &str| {
                    // `username` is the provider's own identifier of the user.
                    ["username", "email_verified", "phone_number_verified"].contains(&name)
                        || attributes.iter().any(|attribute| attribute["Name"] == name)
                };
                let unknown = mapping.keys().find(|name| !known(name))?;
                Some(format!(
                    "Invalid attribute mapping: the user pool has no attribute {unknown}."
                ))
            })
        }),
        source: "guide, Mapping IdP attributes to profiles and tokens",
    },
];

/// What a provider of a type can't do without. Google and its like find their own endpoints.
fn needed(kind: &str) -> &'static [&'static str] {
    match kind {
        "OIDC" => &[
            "client_id",
            "attributes_request_method",
            "oidc_issuer",
            "authorize_scopes",
        ],
        "SignInWithApple" => &["client_id", "team_id", "key_id", "authorize_scopes"],
        "Google" | "Facebook" | "LoginWithAmazon" => {
            &["client_id", "client_secret", "authorize_scopes"]
        }
        _ => &[],
    }
}
