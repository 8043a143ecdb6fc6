//! Roles, permissions, and the companies whose users get a role.

use std::collections::BTreeMap;

use super::{Report, hosts, naming};
use crate::project::stage::{Access, Domain};
use crate::project::tree::{At, Name};
use crate::project::words;

/// Cognito's own limit is far higher, but every permission of a role travels in every token.
const MAX_PERMISSIONS: usize = 100;

pub(super) fn access(access: &mut Access, report: &mut Report<'_>) {
    for (role, permissions) in &access.roles {
        if !is_role(role) {
            report.add(
                role.span(),
                format!("`{role}` can't name a role"),
                "use a to z, 0 to 9, `-` and `_`, starting with a letter, 32 at most",
            );
        }
        if permissions.len() > MAX_PERMISSIONS {
            report.add(
                role.span(),
                format!("the role `{role}` has {} permissions", permissions.len()),
                format!(
                    "every token carries them: stay below {MAX_PERMISSIONS}, with `resource:*`"
                ),
            );
        }
        let mut granted = Vec::new();
        for permission in permissions {
            check_permission(permission, &granted, report);
            granted.push(permission.as_str());
        }
    }
    let Access {
        default_role,
        roles,
    } = access;
    if default_role.span().is_some() {
        check_role(default_role, roles, report);
    } else if roles.is_empty() {
        roles.insert(default_role.clone(), Vec::new());
    } else if !roles.contains_key(default_role) {
        let names = words::one_of(roles.keys().map(|role| role.as_str()));
        report.add(
            roles.keys().next().and_then(At::span),
            format!("no role is the default, and none is called `{default_role}`"),
            format!("add `default_role:` with one of {names} under `access`"),
        );
    }
}

fn is_role(name: &str) -> bool {
    naming::is_name(&name.replace('_', "x")) && name.len() <= 32
}

fn check_permission(permission: &At<String>, granted: &[&str], report: &mut Report<'_>) {
    if !is_permission(permission) {
        report.add(
            permission.span(),
            format!("`{permission}` is not a permission"),
            "write `resource:action` in a to z, 0 to 9, `-`, `_` and `.`, or `*` for either part",
        );
    } else if granted.contains(&permission.as_str()) {
        report.add(
            permission.span(),
            format!("the permission `{permission}` stands here twice"),
            "remove one",
        );
    }
}

/// `resource:action`; either part may be `*`.
pub fn is_permission(permission: &str) -> bool {
    let part = |part: &str| {
        part == "*"
            || (1..=40).contains(&part.len())
                && part.chars().all(|c| {
                    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.')
                })
    };
    permission
        .split_once(':')
        .is_some_and(|(resource, action)| part(resource) && part(action))
}

/// Reports a role that isn't there.
fn check_role(role: &At<String>, roles: &BTreeMap<Name, Vec<At<String>>>, report: &mut Report<'_>) {
    if roles.contains_key(role) {
        return;
    }
    let hint = if roles.is_empty() {
        format!("add `{role}: []` under `access.roles`")
    } else {
        words::hint(role, roles.keys().map(|role| role.as_str()))
    };
    report.add(role.span(), format!("there is no role `{role}`"), hint);
}

pub(super) fn domains(
    domains: &mut BTreeMap<Name, Domain>,
    access: &Access,
    report: &mut Report<'_>,
) {
    for (name, domain) in domains {
        check_domain(name, report);
        if domain.role.span().is_some() {
            check_role(&domain.role, &access.roles, report);
        } else {
            domain.role.complete(access.default_role.value.clone());
        }
    }
}

fn check_domain(name: &At<String>, report: &mut Report<'_>) {
    let text = name.as_str();
    if hosts::is_public_mail(&text.to_lowercase()) {
        report.add(
            name.span(),
            format!("`{text}` is a public mail provider"),
            "anybody can have an address there and would join; list companies' own domains only",
        );
    } else if hosts::is_domain(text) && hosts::is_public_suffix(text) {
        report.add(
            name.span(),
            format!("under `{text}` anybody can register a domain"),
            format!("name the company's own, such as `acme.{text}`"),
        );
    } else if let Some((_, host)) = text.split_once('@') {
        report.add(
            name.span(),
            format!("`{text}` is not a domain"),
            format!("write `{host}`"),
        );
    } else if let Some(host) = text.strip_prefix("*.") {
        report.add(
            name.span(),
            format!("`{text}` has a wildcard"),
            format!("name each domain, such as `{host}`"),
        );
    } else if !hosts::is_domain(text) {
        let hint = if let Some(hint) = hosts::ascii_hint(text) {
            hint.to_owned()
        } else if hosts::is_domain(&text.to_lowercase()) {
            format!("write it in lower case: `{}`", text.to_lowercase())
        } else {
            "a domain reads like `acme.com`, without a protocol or a path".to_owned()
        };
        report.add(name.span(), format!("`{text}` is not a domain"), hint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions() {
        for good in ["projects:read", "projects:*", "*:*", "a.b:c-d_e"] {
            assert!(is_permission(good), "{good}");
        }
        for bad in [
            "",
            "projects",
            "projects:",
            ":read",
            "a:b:c",
            "Projects:read",
            "pro*:read",
            "a b:c",
        ] {
            assert!(!is_permission(bad), "{bad}");
        }
    }
}
