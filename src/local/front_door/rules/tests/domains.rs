//! Domains and identity providers.

use serde_json::{Value, json};

use super::{Case, POOL, case, pool};

pub(super) fn cases() -> Vec<Case> {
    let world =
        || pool(json!({ "UserPoolTier": "LITE", "SchemaAttributes": [{ "Name": "email" }] }));
    let domain = |name: &str, more: Value| {
        let mut input = json!({ "UserPoolId": POOL, "Domain": name });
        for (name, value) in more.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        input
    };
    let certificate = |region: &str| {
        let arn = format!("arn:aws:acm:{region}:111122223333:certificate/c");
        json!({ "CustomDomainConfig": { "CertificateArn": arn } })
    };
    let google = |name: &str, details: Value| {
        json!({
            "UserPoolId": POOL, "ProviderName": name, "ProviderType": "Google", "ProviderDetails": details,
        })
    };
    let details = || json!({ "client_id": "c", "client_secret": "s", "authorize_scopes": "email" });
    let mapped = |name: &str| {
        let mut input = google("Google", details());
        input["AttributeMapping"] = json!({ "username": "sub" });
        input["AttributeMapping"][name] = "email".into();
        input
    };
    vec![
        case(
            "a prefix with a reserved word",
            "CreateUserPoolDomain",
            domain("my-cognito", json!({})),
            domain("acme", json!({})),
            world(),
        ),
        case(
            "a prefix that is none",
            "CreateUserPoolDomain",
            domain("auth.acme.com", json!({})),
            domain("auth-acme", json!({})),
            world(),
        ),
        case(
            "a custom domain that is none",
            "CreateUserPoolDomain",
            domain("acme", certificate("us-east-1")),
            domain("auth.acme.com", certificate("us-east-1")),
            world(),
        ),
        case(
            "a certificate in another region",
            "UpdateUserPoolDomain",
            domain("auth.acme.com", certificate("eu-west-1")),
            domain("auth.acme.com", certificate("us-east-1")),
            world(),
        ),
        case(
            "managed login on Lite",
            "CreateUserPoolDomain",
            domain("acme", json!({ "ManagedLoginVersion": 2 })),
            domain("acme", json!({ "ManagedLoginVersion": 1 })),
            world(),
        ),
        case(
            "deleting a domain that isn't there",
            "DeleteUserPoolDomain",
            domain("gone", json!({})),
            json!({ "UserPoolId": "eu-west-1_Other", "Domain": "acme" }),
            json!({ "DescribeUserPoolDomain": { "DomainDescription": { "UserPoolId": "eu-west-1_Other" } } }),
        ),
        case(
            "a social provider by another name than its own",
            "CreateIdentityProvider",
            google("MyGoogle", details()),
            google("Google", details()),
            world(),
        ),
        case(
            "a provider without what its type needs",
            "CreateIdentityProvider",
            google(
                "Google",
                json!({ "client_id": "c", "authorize_scopes": "email" }),
            ),
            google("Google", details()),
            world(),
        ),
        case(
            "a claim put into an attribute that the pool lacks",
            "CreateIdentityProvider",
            mapped("custom:plan"),
            mapped("email"),
            world(),
        ),
    ]
}
