//! The claims of a token, and how large they count.
//!
//! **What is measured.** The claims are one JSON object without blanks, in UTF-8, and a token carries it
//! in base64url: `n` bytes of it become `⌈4n/3⌉` characters. Permissions that are scopes as well are
//! carried a second time, as text in `scope`, so each counts its length and one blank more. Cognito's own
//! claims (about 1 KB) are not ours to count.

use std::ops::RangeInclusive;

/// The user's role.
pub const ROLE: &str = "role";
/// What the user may do; a part of it beside [`PERMISSIONS_REF`].
pub const PERMISSIONS: &str = "permissions";
/// The company domains the user belongs to; a part of them beside [`DOMAINS_REF`].
pub const DOMAINS: &str = "domains";
/// The role in each of the domains, where the project asks for it: an object, by domain.
pub const DOMAIN_ROLES: &str = "domain_roles";
/// What each role of [`DOMAIN_ROLES`] permits: an object of lists, by role.
pub const ROLE_PERMISSIONS: &str = "role_permissions";
/// There when permissions were cut: the key of the user's record, which has them all.
pub const PERMISSIONS_REF: &str = "permissions_ref";
/// There when domains were cut: the key of the user's memberships.
pub const DOMAINS_REF: &str = "domains_ref";

/// All of them.
pub const OURS: [&str; 7] = [
    ROLE,
    PERMISSIONS,
    DOMAINS,
    DOMAIN_ROLES,
    ROLE_PERMISSIONS,
    PERMISSIONS_REF,
    DOMAINS_REF,
];

/// How many bytes of a token the claims may take when nobody says. API Gateway takes 10,240 bytes of
/// headers together; a token near 4 KB of ours beside Cognito's own claims leaves room for cookies and
/// the rest.
pub const DEFAULT_BUDGET: usize = 4096;
/// The budgets there are. Less has hardly room for the role and the references that stand for what was
/// left out; more is cut off by gateways and load balancers, which take 8 to 16 KB of headers.
pub const BUDGETS: RangeInclusive<usize> = 512..=8192;

/// How many bytes of a token so many bytes of claims (as JSON) and scopes make.
pub fn token_bytes(json: usize, scopes: usize) -> usize {
    ((json + scopes) * 4).div_ceil(3)
}

/// How many bytes of claims and scopes such a budget has room for.
pub fn room(budget: usize) -> usize {
    budget / 4 * 3
}

/// What a permission that is a scope as well takes in `scope`: itself and a blank.
pub fn scope_bytes(scope: &str) -> usize {
    scope.len() + 1
}

/// Whether Cognito lets no trigger set a claim of this name. One that sets it anyway makes no token.
///
/// Source: <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html>;
/// scopes and groups have fields of their own.
pub fn is_reserved(name: &str) -> bool {
    const RESERVED: [&str; 23] = [
        "acr",
        "amr",
        "at_hash",
        "aud",
        "auth_time",
        "azp",
        "client_id",
        "device_key",
        "event_id",
        "exp",
        "iat",
        "identities",
        "iss",
        "jti",
        "nbf",
        "nonce",
        "origin_jti",
        "scope",
        "sub",
        "token_use",
        "username",
        "version",
        "",
    ];
    RESERVED.contains(&name) || name.starts_with("cognito:") || name.starts_with("dev:")
}

/// Whether Cognito lets a trigger set a claim of this name to a text, a number or a truth alone. An ID token
/// takes lists and objects everywhere else.
///
/// Source: the same page, of the types of claims.
pub fn takes_only_plain_values(name: &str) -> bool {
    const PLAIN: [&str; 4] = [
        "address",
        "email_verified",
        "phone_number_verified",
        "updated_at",
    ];
    PLAIN.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_claim_of_ours_is_reserved() {
        for name in OURS {
            assert!(!is_reserved(name), "{name}");
        }
        for name in ["sub", "cognito:groups", "dev:x", ""] {
            assert!(is_reserved(name), "{name}");
        }
    }

    #[test]
    fn what_fits_the_room_fits_the_budget() {
        for budget in BUDGETS {
            assert!(token_bytes(room(budget), 0) <= budget);
        }
        assert_eq!(token_bytes(1, 0), 2);
        assert_eq!(token_bytes(2, 1), 4);
    }
}
