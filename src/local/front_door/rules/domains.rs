//! Domains of user pools: CreateUserPoolDomain, UpdateUserPoolDomain.

use super::pools::INVALID;
use super::tiers::{NOT_IN_TIER, lacks};
use super::{Rule, When, given, refuse_if, text};

const BOTH: &[&str] = &["CreateUserPoolDomain", "UpdateUserPoolDomain"];

/// Words that no prefix may have in it: the guide, Using your own domain for managed login.
const RESERVED: [&str; 3] = ["aws", "amazon", "cognito"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "a prefix with a reserved word",
        service: "cognito-idp",
        operations: &["CreateUserPoolDomain"],
        code: INVALID,
        when: When::Input(|input| {
            if given(input, "/CustomDomainConfig") {
                return None;
            }
            let domain = text(input, "/Domain")?;
            let word = RESERVED.into_iter().find(|word| domain.contains(word))?;
            Some(format!("Domain cannot contain reserved word: {word}"))
        }),
        source: "guide, Configuring a user pool domain",
    },
    Rule {
        name: "a prefix that is none",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            let domain = text(input, "/Domain")?;
            if given(input, "/CustomDomainConfig") || is_label(domain) {
                return None;
            }
            Some(format!(
                "1 validation error detected: Value '{domain}' at 'domain' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: ^[a-z0-9](?:[a-z0-9\\-]{{0,61}}[a-z0-9])?$"
            ))
        }),
        source: "model, DomainType; custom domains have dots, so it can't hold for them",
    },
    Rule {
        name: "a custom domain that is none",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            let domain = text(input, "/Domain")?;
            refuse_if(
                given(input, "/CustomDomainConfig")
                    && !(domain.contains('.') && domain.split('.').all(is_label)),
                "Custom domain is not a valid subdomain.",
            )
        }),
        source: "guide, Using your own domain for managed login",
    },
    Rule {
        name: "a certificate in another region",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            let arn = text(input, "/CustomDomainConfig/CertificateArn")?;
            let mut parts = arn.split(':').skip(2);
            refuse_if(
                parts.next() != Some("acm") || parts.next() != Some("us-east-1"),
                "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or doesn't include \
                 a valid certificate chain.",
            )
        }),
        source: "model, CustomDomainConfig: a certificate in us-east-1",
    },
    Rule {
        name: "managed login on Lite",
        service: "cognito-idp",
        operations: BOTH,
        code: NOT_IN_TIER,
        when: When::Facts(|facts| {
            Box::pin(async {
                if facts.input["ManagedLoginVersion"] != 2 {
                    return None;
                }
                let pool = facts.pool().await?;
                (pool["UserPoolTier"] == "LITE").then(|| lacks("LITE", "Managed Login"))
            })
        }),
        source: "model, ManagedLoginVersion: any feature plan other than Lite",
    },
    Rule {
        name: "deleting a domain that isn't there",
        service: "cognito-idp",
        operations: &["DeleteUserPoolDomain"],
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let domain = facts.domain(text(facts.input, "/Domain")?).await?;
                refuse_if(
                    domain["UserPoolId"] != facts.input["UserPoolId"],
                    "No such domain or user pool exists.",
                )
            })
        }),
        source: "hashicorp/terraform-provider-aws, internal/service/cognitoidp/user_pool_domain.go, which takes it for \
                 gone",
    },
];

/// Whether a text may stand between the dots of a domain name.
fn is_label(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(fits)
        && !text.starts_with('-')
        && !text.ends_with('-')
}
