//! What tokens say of a user, and the roles that would say too much.

use saasauth_contract::claims::{BUDGETS, DOMAINS, PERMISSIONS, ROLE, scope_bytes, token_bytes};
use saasauth_contract::permission;

use super::Report;
use crate::project::source::Span;
use crate::project::stage::{Access, TokenClaims, TokenScopes};

pub(super) fn tokens(tokens: &TokenClaims, report: &mut Report<'_>) {
    let budget = &tokens.budget;
    if !BUDGETS.contains(&(**budget as usize)) {
        report.add(
            budget.span(),
            format!("a token can't have {budget} bytes for claims"),
            format!(
                "use {} to {}; {} is plenty",
                BUDGETS.start(),
                BUDGETS.end(),
                TokenClaims::default().budget
            ),
        );
    }
}

/// Warns of every role whose permissions alone exceed the budget: some would be missing in the token of
/// each of its users.
pub(super) fn warn_of_large_roles(access: &Access, tokens: &TokenClaims, report: &mut Report<'_>) {
    for (role, permissions) in &access.roles {
        let permissions = permissions.iter().map(|permission| permission.as_str());
        let bytes = claims_bytes(role, permissions, tokens.scopes);
        if bytes > *tokens.budget as usize {
            warn(role, role.span(), bytes, *tokens.budget, report);
        }
    }
}

fn warn(role: &str, span: Option<Span>, bytes: usize, budget: u32, report: &mut Report<'_>) {
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
fn claims_bytes<'a>(
    role: &str,
    permissions: impl Iterator<Item = &'a str>,
    scopes: TokenScopes,
) -> usize {
    let kept = permission::compact(permissions);
    let claims = serde_json::json!({ DOMAINS: [], PERMISSIONS: kept, ROLE: role });
    let scope: usize = match scopes {
        TokenScopes::None => 0,
        TokenScopes::Permissions => kept
            .iter()
            .filter_map(|permission| permission::as_scope(permission))
            .map(scope_bytes)
            .sum(),
    };
    token_bytes(claims.to_string().len(), scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(permissions: &[&str], scopes: TokenScopes) -> usize {
        claims_bytes("admin", permissions.iter().copied(), scopes)
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
        // The token says it shorter.
        assert_eq!(
            bytes(&["*:*", "b:read"], TokenScopes::None),
            bytes(&["*"], TokenScopes::None)
        );
    }
}
