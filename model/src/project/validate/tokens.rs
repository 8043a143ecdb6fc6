//! What tokens say of a user, and the roles that would say too much.

use super::Report;
use crate::project::file;
use crate::project::permission;
use crate::project::source::Span;
use crate::project::stage::{Access, TokenClaims, TokenScopes};

/// API gateways and load balancers take 8 to 16 KB of headers, and a token is one of them.
const BUDGETS: std::ops::RangeInclusive<u32> = 512..=8192;
const BUDGET: u32 = 4096;

pub(super) fn tokens(file: &file::Stage, report: &mut Report<'_>) -> TokenClaims {
    let none = file::TokenClaims::default();
    let tokens = file.tokens.as_ref().unwrap_or(&none);
    if let Some(budget) = &tokens.budget
        && !BUDGETS.contains(&budget.value)
    {
        report.add(
            budget.span,
            format!("a token can't have {} bytes for claims", budget.value),
            format!(
                "use {} to {}; {BUDGET} is plenty",
                BUDGETS.start(),
                BUDGETS.end()
            ),
        );
    }
    TokenClaims {
        scopes: tokens
            .scopes
            .as_ref()
            .map(|scopes| scopes.value)
            .unwrap_or_default(),
        budget: tokens.budget.as_ref().map_or(BUDGET, |budget| budget.value),
    }
}

/// Warns of every role whose permissions alone exceed the budget: some would be missing in the token of
/// each of its users.
pub(super) fn warn_of_large_roles(
    file: &file::Stage,
    access: &Access,
    tokens: TokenClaims,
    report: &mut Report<'_>,
) {
    let roles = file
        .access
        .as_ref()
        .and_then(|access| access.roles.as_ref());
    for role in roles.into_iter().flatten().map(|(role, _)| role) {
        let Some(permissions) = access.roles.get(&role.value) else {
            continue;
        };
        let bytes = claims_bytes(&role.value, permissions, tokens.scopes);
        if bytes > tokens.budget as usize {
            warn(&role.value, role.span, bytes, tokens.budget, report);
        }
    }
}

fn warn(role: &str, span: Span, bytes: usize, budget: u32, report: &mut Report<'_>) {
    report.warn(
        span,
        format!(
            "the role `{role}` takes {bytes} bytes of a token, and `tokens.budget` is {budget}: its users' tokens lack permissions"
        ),
        "grant whole resources with `resource:*`, or raise `tokens.budget`",
    );
}

/// What generateToken measures for a user of this role without domains: the claims as JSON, the
/// permissions once more when they are scopes, and all that in base64.
fn claims_bytes(role: &str, permissions: &[String], scopes: TokenScopes) -> usize {
    let kept = permission::compact(permissions.iter().map(String::as_str));
    let claims = serde_json::json!({ "domains": [], "permissions": kept, "role": role });
    let scope: usize = match scopes {
        TokenScopes::None => 0,
        TokenScopes::Permissions => kept.iter().map(|permission| permission.len() + 1).sum(),
    };
    ((claims.to_string().len() + scope) * 4).div_ceil(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(permissions: &[&str], scopes: TokenScopes) -> usize {
        let permissions: Vec<String> = permissions.iter().map(|&one| one.to_owned()).collect();
        claims_bytes("admin", &permissions, scopes)
    }

    #[test]
    fn claims_are_measured_as_the_token_carries_them() {
        let text = r#"{"domains":[],"permissions":["a:read"],"role":"admin"}"#;
        assert_eq!(
            bytes(&["a:read"], TokenScopes::None),
            (text.len() * 4).div_ceil(3)
        );
        assert_eq!(
            bytes(&["a:read"], TokenScopes::Permissions),
            ((text.len() + 7) * 4).div_ceil(3)
        );
    }

    #[test]
    fn what_a_wildcard_covers_takes_no_room() {
        let alone = bytes(&["a:*"], TokenScopes::None);
        assert_eq!(
            bytes(&["a:read", "a:*", "a:write"], TokenScopes::None),
            alone
        );
        assert!(bytes(&["a:*", "b:read"], TokenScopes::None) > alone);
        assert_eq!(bytes(&["*:*", "b:read"], TokenScopes::None), alone);
    }
}
