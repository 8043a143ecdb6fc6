//! App clients.

use serde_json::{Value, json};

use super::{Case, POOL, case};

pub(super) fn cases() -> Vec<Case> {
    let client = |more: Value| {
        let mut input = json!({ "UserPoolId": POOL, "ClientName": "web" });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    let world = || {
        json!({
            "DescribeUserPool": { "UserPool": { "UserPoolTier": "LITE", "SchemaAttributes": [
                { "Name": "sub", "Required": true },
                { "Name": "email", "Required": true },
                { "Name": "name" },
            ]}},
            "ListIdentityProviders": { "Providers": [{ "ProviderName": "Google" }] },
            "ListResourceServers": { "ResourceServers": [
                { "Identifier": "api", "Scopes": [{ "ScopeName": "read" }] },
            ]},
        })
    };
    let one = |rule: &'static str, refused: Value, passes: Value| {
        case(
            rule,
            "CreateUserPoolClient",
            client(refused),
            client(passes),
            world(),
        )
    };
    vec![
        one(
            "a token that lives too short or too long",
            json!({ "AccessTokenValidity": 4, "TokenValidityUnits": { "AccessToken": "minutes" } }),
            json!({ "AccessTokenValidity": 5, "TokenValidityUnits": { "AccessToken": "minutes" } }),
        ),
        one(
            "a token that lives too short or too long",
            json!({ "RefreshTokenValidity": 36500 }),
            json!({ "RefreshTokenValidity": 3650 }),
        ),
        one(
            "a refresh token that ends before what it renews",
            json!({ "IdTokenValidity": 2, "RefreshTokenValidity": 60, "TokenValidityUnits": { "RefreshToken": "minutes" } }),
            json!({ "IdTokenValidity": 1, "RefreshTokenValidity": 60, "TokenValidityUnits": { "RefreshToken": "minutes" } }),
        ),
        one(
            "refresh tokens by the flow, and rotated",
            json!({ "RefreshTokenRotation": { "Feature": "ENABLED" } }),
            json!({ "RefreshTokenRotation": { "Feature": "ENABLED" }, "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"] }),
        ),
        one(
            "flows by their old and their new names",
            json!({ "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "USER_PASSWORD_AUTH"] }),
            json!({ "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"] }),
        ),
        one(
            "choice-based sign-in on Lite",
            json!({ "ExplicitAuthFlows": ["ALLOW_USER_AUTH"] }),
            json!({ "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"] }),
        ),
        one(
            "OAuth without a grant or a scope",
            json!({ "AllowedOAuthFlowsUserPoolClient": true, "AllowedOAuthFlows": ["code"] }),
            json!({
                "AllowedOAuthFlowsUserPoolClient": true,
                "AllowedOAuthFlows": ["code"],
                "AllowedOAuthScopes": ["openid"],
            }),
        ),
        one(
            "a machine's grant beside a person's",
            json!({ "AllowedOAuthFlows": ["code", "client_credentials"], "GenerateSecret": true }),
            json!({ "AllowedOAuthFlows": ["client_credentials"], "GenerateSecret": true }),
        ),
        one(
            "a machine without a secret",
            json!({ "AllowedOAuthFlows": ["client_credentials"] }),
            json!({ "AllowedOAuthFlows": ["client_credentials"], "GenerateSecret": true }),
        ),
        one(
            "a secret made and given",
            json!({ "GenerateSecret": true, "ClientSecret": "s".repeat(24) }),
            json!({ "GenerateSecret": true }),
        ),
        one(
            "a redirect without TLS",
            json!({ "CallbackURLs": ["http://acme.com/"] }),
            json!({ "CallbackURLs": ["http://localhost:3000/", "http://[::1]:3000/", "acme://signed-in"] }),
        ),
        one(
            "a redirect with a fragment",
            json!({ "CallbackURLs": ["https://acme.com/#/"] }),
            json!({ "CallbackURLs": ["https://acme.com/"] }),
        ),
        one(
            "a default redirect that isn't among the redirects",
            json!({ "CallbackURLs": ["https://acme.com/"], "DefaultRedirectURI": "https://acme.com/in" }),
            json!({ "CallbackURLs": ["https://acme.com/"], "DefaultRedirectURI": "https://acme.com/" }),
        ),
        one(
            "reading an attribute that the pool lacks",
            json!({ "ReadAttributes": ["custom:plan"] }),
            json!({ "ReadAttributes": ["name", "email_verified"] }),
        ),
        one(
            "writing an attribute that the pool lacks, or that is Cognito's",
            json!({ "WriteAttributes": ["email", "email_verified"] }),
            json!({ "WriteAttributes": ["email", "name"] }),
        ),
        one(
            "not writing an attribute that is required",
            json!({ "WriteAttributes": ["name"] }),
            json!({ "WriteAttributes": ["email", "name"] }),
        ),
        one(
            "a scope that no resource server has",
            json!({ "AllowedOAuthScopes": ["openid", "api/write"] }),
            json!({ "AllowedOAuthScopes": ["openid", "api/read"] }),
        ),
        one(
            "a provider that the pool lacks",
            json!({ "SupportedIdentityProviders": ["COGNITO", "Facebook"] }),
            json!({ "SupportedIdentityProviders": ["COGNITO", "Google"] }),
        ),
    ]
}
