//! Roles, permissions, and the companies whose users get a role.

use std::collections::BTreeMap;

use super::{Report, hosts, naming};
use crate::project::file;
use crate::project::source::Span;
use crate::project::stage::{Access, Domain};
use crate::project::tree::At;
use crate::project::words;

/// Cognito's own limit is far higher, but every permission of a role travels in every token.
const MAX_PERMISSIONS: usize = 100;

const DEFAULT_ROLE: &str = "member";

pub(super) fn access(file: &file::Stage, owner: Span, report: &mut Report<'_>) -> Access {
    let none = file::Access::default();
    let access = file.access.as_ref().unwrap_or(&none);
    let mut roles = BTreeMap::new();
    for (role, permissions) in access.roles.iter().flatten() {
        if !is_role(&role.value) {
            report.add(
                role.span,
                format!("`{}` can't name a role", role.value),
                "use a to z, 0 to 9, `-` and `_`, starting with a letter, 32 at most",
            );
        }
        if permissions.len() > MAX_PERMISSIONS {
            report.add(
                role.span,
                format!(
                    "the role `{}` has {} permissions",
                    role.value,
                    permissions.len()
                ),
                format!(
                    "every token carries them: stay below {MAX_PERMISSIONS}, with `resource:*`"
                ),
            );
        }
        let mut granted: Vec<String> = Vec::new();
        for permission in permissions {
            check_permission(permission, &granted, report);
            granted.push(permission.value.clone());
        }
        roles.insert(role.value.clone(), granted);
    }
    if roles.is_empty() && access.default_role.is_none() {
        roles.insert(DEFAULT_ROLE.to_owned(), Vec::new());
    }
    let default_role = match &access.default_role {
        Some(role) => {
            check_role(role, &roles, report);
            role.value.clone()
        }
        None => {
            if !roles.contains_key(DEFAULT_ROLE) {
                let names = words::one_of(roles.keys().map(String::as_str));
                let span = access.roles.as_ref().and_then(|roles| roles.keys().next());
                report.add(
                    span.map_or(owner, |role| role.span),
                    "no role is the default, and none is called `member`",
                    format!("add `default_role:` with one of {names} under `access`"),
                );
            }
            DEFAULT_ROLE.to_owned()
        }
    };
    Access {
        default_role,
        roles,
    }
}

fn is_role(name: &str) -> bool {
    naming::is_name(&name.replace('_', "x")) && name.len() <= 32
}

fn check_permission(permission: &At<String>, granted: &[String], report: &mut Report<'_>) {
    if !is_permission(&permission.value) {
        report.add(
            permission.span,
            format!("`{}` is not a permission", permission.value),
            "write `resource:action` in a to z, 0 to 9, `-`, `_` and `.`, or `*` for either part",
        );
    } else if granted.contains(&permission.value) {
        report.add(
            permission.span,
            format!("the permission `{}` stands here twice", permission.value),
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
fn check_role(role: &At<String>, roles: &BTreeMap<String, Vec<String>>, report: &mut Report<'_>) {
    if roles.contains_key(&role.value) {
        return;
    }
    let hint = if roles.is_empty() {
        format!("add `{}: []` under `access.roles`", role.value)
    } else {
        words::hint(&role.value, roles.keys().map(String::as_str))
    };
    report.add(
        role.span,
        format!("there is no role `{}`", role.value),
        hint,
    );
}

pub(super) fn domains(
    file: &file::Stage,
    access: &Access,
    report: &mut Report<'_>,
) -> BTreeMap<String, Domain> {
    let mut domains = BTreeMap::new();
    for (name, domain) in file.domains.iter().flatten() {
        check_domain(name, report);
        if let Some(role) = &domain.role {
            check_role(role, &access.roles, report);
        }
        let role = domain
            .role
            .as_ref()
            .map_or(&access.default_role, |role| &role.value);
        domains.insert(name.value.clone(), Domain { role: role.clone() });
    }
    domains
}

fn check_domain(name: &At<String>, report: &mut Report<'_>) {
    let text = name.value.as_str();
    if hosts::is_public_mail(&text.to_lowercase()) {
        report.add(
            name.span,
            format!("`{text}` is a public mail provider"),
            "anybody can have an address there and would join; list companies' own domains only",
        );
    } else if let Some((_, host)) = text.split_once('@') {
        report.add(
            name.span,
            format!("`{text}` is not a domain"),
            format!("write `{host}`"),
        );
    } else if let Some(host) = text.strip_prefix("*.") {
        report.add(
            name.span,
            format!("`{text}` has a wildcard"),
            format!("name each domain, such as `{host}`"),
        );
    } else if !hosts::is_domain(text) {
        let hint = if hosts::is_domain(&text.to_lowercase()) {
            format!("write it in lower case: `{}`", text.to_lowercase())
        } else {
            "a domain reads like `acme.com`, without a protocol or a path".to_owned()
        };
        report.add(name.span, format!("`{text}` is not a domain"), hint);
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
