//! App clients: CreateUserPoolClient, UpdateUserPoolClient.

use serde_json::Value;

use super::facts::Facts;
use super::pools::INVALID;
use super::tiers::{NOT_IN_TIER, lacks};
use super::{Rule, When, given, list, refuse_if, text, texts};

const BOTH: &[&str] = &["CreateUserPoolClient", "UpdateUserPoolClient"];

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The providers that a client names without the pool's having them by that name.
const OWN: &str = "COGNITO";

/// Scopes that are no resource server's.
const STANDARD_SCOPES: [&str; 5] = [
    "phone",
    "email",
    "openid",
    "profile",
    "aws.cognito.signin.user.admin",
];

/// What Cognito alone writes.
const VERIFIED: [&str; 2] = ["email_verified", "phone_number_verified"];

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "a token that lives too short or too long",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            let outside = |token: Token, least: i64, most: i64| {
                let seconds = token.seconds(input);
                seconds < least || seconds > most
            };
            refuse_if(
                outside(Token::Access, 5 * MINUTE, DAY)
                    || outside(Token::Id, 5 * MINUTE, DAY)
                    || outside(Token::Refresh, HOUR, 3650 * DAY),
                "Invalid range for token validity.",
            )
        }),
        source: "model, AccessTokenValidity, IdTokenValidity, RefreshTokenValidity; \
                 awsdocs/aws-cloudformation-user-guide#828",
    },
    Rule {
        name: "a refresh token that ends before what it renews",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            let refresh = Token::Refresh.seconds(input);
            refuse_if(
                [Token::Access, Token::Id]
                    .into_iter()
                    .any(|token| token.seconds(input) > refresh),
                "Access and ID token validity can't be longer than refresh token validity.",
            )
        }),
        source: "model, TokenValidityUnitsType; lgallard/terraform-aws-cognito-user-pool#68",
    },
    Rule {
        name: "refresh tokens by the flow, and rotated",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            // Clients that say nothing get the flow.
            let flows = "/ExplicitAuthFlows";
            let refreshes = list(input, flows).is_empty()
                || texts(input, flows).any(|flow| flow == "ALLOW_REFRESH_TOKEN_AUTH");
            refuse_if(
                text(input, "/RefreshTokenRotation/Feature") == Some("ENABLED") && refreshes,
                "ALLOW_REFRESH_TOKEN_AUTH can't be enabled with refresh token rotation.",
            )
        }),
        source: "guide, Refresh token rotation: GetTokensFromRefreshToken takes the flow's place",
    },
    Rule {
        name: "flows by their old and their new names",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            let (new, old): (Vec<&str>, Vec<&str>) =
                texts(input, "/ExplicitAuthFlows").partition(|flow| flow.starts_with("ALLOW_"));
            refuse_if(
                !new.is_empty() && !old.is_empty(),
                "ExplicitAuthFlows can't have values with and without the prefix ALLOW_ at once.",
            )
        }),
        source: "model, ExplicitAuthFlows",
    },
    Rule {
        name: "choice-based sign-in on Lite",
        service: "cognito-idp",
        operations: BOTH,
        code: NOT_IN_TIER,
        when: When::Facts(|facts| {
            Box::pin(async {
                if !texts(facts.input, "/ExplicitAuthFlows").any(|flow| flow == "ALLOW_USER_AUTH") {
                    return None;
                }
                let pool = facts.pool().await?;
                (pool["UserPoolTier"] == "LITE").then(|| lacks("LITE", "Choice-Based Sign-In"))
            })
        }),
        source: "guide, User pool feature plans: choice-based sign-in needs Essentials or Plus",
    },
    Rule {
        name: "OAuth without a grant or a scope",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            refuse_if(
                input["AllowedOAuthFlowsUserPoolClient"] == true
                    && (list(input, "/AllowedOAuthFlows").is_empty()
                        || list(input, "/AllowedOAuthScopes").is_empty()),
                "AllowedOAuthFlows and AllowedOAuthScopes are required if user pool client is allowed to use OAuth \
                 flows.",
            )
        }),
        source: "API reference, CreateUserPoolClient; widely quoted",
    },
    Rule {
        name: "a machine's grant beside a person's",
        service: "cognito-idp",
        operations: BOTH,
        code: "InvalidOAuthFlowException",
        when: When::Input(|input| {
            let flows: Vec<&str> = texts(input, "/AllowedOAuthFlows").collect();
            refuse_if(
                flows.contains(&"client_credentials") && flows.len() > 1,
                "client_credentials flow can not be selected along with code flow or implicit flow.",
            )
        }),
        source: "model, AllowedOAuthFlows: the only one; the error is the operation's",
    },
    Rule {
        name: "a machine without a secret",
        service: "cognito-idp",
        operations: &["CreateUserPoolClient"],
        code: "InvalidOAuthFlowException",
        when: When::Input(|input| {
            refuse_if(
                texts(input, "/AllowedOAuthFlows").any(|flow| flow == "client_credentials")
                    && input["GenerateSecret"] != true
                    && !given(input, "/ClientSecret"),
                "client_credentials flow can not be selected if client does not have a client secret.",
            )
        }),
        source: "guide, The token issuer endpoint: client credentials need a secret",
    },
    Rule {
        name: "a secret made and given",
        service: "cognito-idp",
        operations: &["CreateUserPoolClient"],
        code: INVALID,
        when: When::Input(|input| {
            refuse_if(
                input["GenerateSecret"] == true && given(input, "/ClientSecret"),
                "GenerateSecret and ClientSecret can't be set at once.",
            )
        }),
        source: "model, ClientSecret",
    },
    Rule {
        name: "a redirect without TLS",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            let urls = texts(input, "/CallbackURLs")
                .chain(texts(input, "/LogoutURLs"))
                .chain(text(input, "/DefaultRedirectURI"));
            let mut plain = urls.filter(|url| is_plain_http(url));
            Some(format!("{} cannot use the HTTP protocol.", plain.next()?))
        }),
        source: "model, CallbackURLs: HTTPS, but for http://localhost, and schemes of apps",
    },
    Rule {
        name: "a redirect with a fragment",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            let urls = texts(input, "/CallbackURLs").chain(text(input, "/DefaultRedirectURI"));
            let mut wrong = urls.filter(|url| url.contains('#'));
            Some(format!("{} cannot include a fragment.", wrong.next()?))
        }),
        source: "model, CallbackURLs: not include a fragment component",
    },
    Rule {
        name: "a default redirect that isn't among the redirects",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            let default = text(input, "/DefaultRedirectURI")?;
            refuse_if(
                !texts(input, "/CallbackURLs").any(|url| url == default),
                "DefaultRedirectURI must be in the list of CallbackURLs.",
            )
        }),
        source: "model, DefaultRedirectURI",
    },
    Rule {
        name: "reading an attribute that the pool lacks",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let names = schema(facts, "/ReadAttributes").await?;
                let unknown = texts(facts.input, "/ReadAttributes").any(|name| {
                    !names.iter().any(|known| known == name) && !VERIFIED.contains(&name)
                });
                refuse_if(
                    unknown,
                    "Invalid read attributes specified while creating a client",
                )
            })
        }),
        source: "API reference, CreateUserPoolClient; widely quoted",
    },
    Rule {
        name: "writing an attribute that the pool lacks, or that is Cognito's",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let names = schema(facts, "/WriteAttributes").await?;
                let unknown = texts(facts.input, "/WriteAttributes").any(|name| {
                    VERIFIED.contains(&name)
                        || name == "sub"
                        || !names.iter().any(|known| known == name)
                });
                refuse_if(
                    unknown,
                    "Invalid write attributes specified while creating a client",
                )
            })
        }),
        source: "API reference, CreateUserPoolClient; widely quoted",
    },
    Rule {
        name: "not writing an attribute that is required",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                if list(facts.input, "/WriteAttributes").is_empty() {
                    return None;
                }
                let required = list(facts.pool().await?, "/SchemaAttributes");
                let mut required = required
                    .iter()
                    .filter(|attribute| attribute["Required"] == true)
                    .filter_map(|attribute| attribute["Name"].as_str())
                    .filter(|name| *name != "sub");
                let missing = required
                    .any(|name| !texts(facts.input, "/WriteAttributes").any(|given| given == name));
                refuse_if(
                    missing,
                    "Invalid write attributes specified while creating a client",
                )
            })
        }),
        source: "guide, Attribute permissions and scopes: required attributes are writable",
    },
    Rule {
        name: "a scope that no resource server has",
        service: "cognito-idp",
        operations: BOTH,
        code: "ScopeDoesNotExistException",
        when: When::Facts(|facts| {
            Box::pin(async {
                let custom: Vec<&str> = texts(facts.input, "/AllowedOAuthScopes")
                    .filter(|scope| !STANDARD_SCOPES.contains(scope))
                    .collect();
                if custom.is_empty() {
                    return None;
                }
                let known = facts.custom_scopes().await;
                let unknown = custom
                    .into_iter()
                    .find(|scope| !known.iter().any(|known| known == scope))?;
                Some(format!("Invalid scope requested: {unknown}"))
            })
        }),
        source: "model, errors of CreateUserPoolClient",
    },
    Rule {
        name: "a provider that the pool lacks",
        service: "cognito-idp",
        operations: BOTH,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let others: Vec<&str> = texts(facts.input, "/SupportedIdentityProviders")
                    .filter(|name| *name != OWN)
                    .collect();
                if others.is_empty() {
                    return None;
                }
                let known = facts.providers().await;
                let unknown = others
                    .into_iter()
                    .find(|name| !known.iter().any(|known| known == name))?;
                let pool = text(facts.input, "/UserPoolId").unwrap_or_default();
                Some(format!(
                    "The provider {unknown} does not exist for User Pool {pool}."
                ))
            })
        }),
        source: "API reference, CreateUserPoolClient; widely quoted",
    },
];

#[derive(Clone, Copy)]
enum Token {
    Access,
    Id,
    Refresh,
}

impl Token {
    /// How long it will live, by the request: in hours, refresh tokens in days, unless a unit is given.
    fn seconds(self, input: &Value) -> i64 {
        let (value, unit, default) = match self {
            Self::Access => (
                "/AccessTokenValidity",
                "/TokenValidityUnits/AccessToken",
                HOUR,
            ),
            Self::Id => ("/IdTokenValidity", "/TokenValidityUnits/IdToken", HOUR),
            Self::Refresh => (
                "/RefreshTokenValidity",
                "/TokenValidityUnits/RefreshToken",
                30 * DAY,
            ),
        };
        let value = input
            .pointer(value)
            .and_then(Value::as_i64)
            .unwrap_or_default();
        // Zero counts as nothing said.
        if value == 0 {
            return default;
        }
        let unit = match (text(input, unit), self) {
            (Some("seconds"), _) => 1,
            (Some("minutes"), _) => MINUTE,
            (Some("days"), _) | (None, Self::Refresh) => DAY,
            _ => HOUR,
        };
        value.saturating_mul(unit)
    }
}

/// Plain HTTP may lead to the person's own machine only.
fn is_plain_http(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    !["localhost", "127.0.0.1", "::1"].contains(&host)
}

/// The names of the pool's attributes, where the request lists any under `list_name`.
async fn schema(facts: &Facts<'_>, list_name: &str) -> Option<Vec<String>> {
    if list(facts.input, list_name).is_empty() {
        return None;
    }
    let attributes = list(facts.pool().await?, "/SchemaAttributes");
    let names = attributes
        .iter()
        .filter_map(|attribute| attribute["Name"].as_str());
    Some(names.map(str::to_owned).collect())
}
