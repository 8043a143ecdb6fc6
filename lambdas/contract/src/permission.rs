//! What one permission covers, and the shortest list that says the same.
//!
//! `*` and `*:*` cover everything, `projects:*` covers whatever begins with `projects:`, `*:read` covers
//! that one action on every resource, anything else covers itself alone.

use std::collections::BTreeSet;

/// Covers every permission there is.
const EVERYTHING: &str = "*";

/// Whether holding `held` grants `wanted`.
pub fn covers(held: &str, wanted: &str) -> bool {
    if held == wanted || matches!(held, EVERYTHING | "*:*") {
        return true;
    }
    if let Some(action) = held.strip_prefix("*:") {
        return wanted
            .split_once(':')
            .is_some_and(|(_, wanted)| wanted == action);
    }
    held.strip_suffix('*')
        .is_some_and(|prefix| prefix.ends_with(':') && wanted.starts_with(prefix))
}

/// The permissions sorted, each once, without those another one covers.
///
/// Looks each permission's possible holders up instead of comparing all pairs: an item of DynamoDB may
/// hold tens of thousands.
pub fn compact(permissions: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    let distinct: BTreeSet<String> = permissions
        .into_iter()
        .map(Into::into)
        .filter(|permission: &String| !permission.is_empty())
        .map(|permission| match permission.as_str() {
            "*:*" => EVERYTHING.to_owned(),
            _ => permission,
        })
        .collect();
    if distinct.contains(EVERYTHING) {
        return vec![EVERYTHING.to_owned()];
    }
    let is_covered = |permission: &str| {
        let by_any_resource = permission
            .split_once(':')
            .map(|(_, action)| format!("*:{action}"));
        let by_resource = permission
            .match_indices(':')
            .map(|(colon, _)| format!("{}*", &permission[..=colon]));
        by_resource
            .chain(by_any_resource)
            .any(|holder| holder != permission && distinct.contains(&holder))
    };
    distinct
        .iter()
        .filter(|permission| !is_covered(permission))
        .cloned()
        .collect()
}

/// A permission as an OAuth scope; `None` when it can't be one.
///
/// RFC 6749, section 3.3, allows visible ASCII but `"` and `\`; Cognito's documents forbid blanks alone,
/// so the narrower rule is ours. A scope Cognito itself obeys (the user info endpoint, the user's own
/// attributes) is for the client to ask for, never for a table to give.
pub fn as_scope(permission: &str) -> Option<&str> {
    let is_scope_character = |c: u8| matches!(c, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    let obeyed_by_cognito = matches!(permission, "openid" | "email" | "phone" | "profile")
        || permission.starts_with("aws.cognito.");
    let is_scope = !permission.is_empty() && permission.bytes().all(is_scope_character);
    (is_scope && !obeyed_by_cognito).then_some(permission)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_its_own_resource_only() {
        for (held, wanted, expected) in [
            ("projects:read", "projects:read", true),
            ("projects:read", "projects:write", false),
            ("projects:*", "projects:read", true),
            ("projects:*", "projects:files:read", true),
            ("projects:*", "projectsx:read", false),
            ("projects:*", "projects", false),
            ("proj*", "projects:read", false),
            ("*", "anything:at:all", true),
            ("projects:read", "projects:*", false),
            ("*:*", "projects:read", true),
            ("*:read", "projects:read", true),
            ("*:read", "projects:write", false),
            ("*:read", "projects:files:read", false),
            ("*:read", "read", false),
            ("*:read", "projects:*", false),
        ] {
            assert_eq!(covers(held, wanted), expected, "{held} covers {wanted}");
        }
    }

    #[test]
    fn compacting_keeps_the_widest_once_and_sorts() {
        let given = [
            "members:read",
            "projects:read",
            "projects:*",
            "members:read",
            "billing:*",
        ];
        let expected = ["billing:*", "members:read", "projects:*"];
        assert_eq!(compact(given), expected);
        assert_eq!(compact(["a:b", "*", "a:*"]), ["*"]);
        assert!(compact([""; 0]).is_empty());
    }

    #[test]
    fn compacting_twice_changes_nothing() {
        let once = compact(["a:*", "a:b:*", "b:c", "b:c"]);
        assert_eq!(compact(once.clone()), once);
    }

    #[test]
    fn compacting_loses_nothing_and_leaves_nothing_twice() {
        let words = [
            "*:*", "*:read", "a:*", "a:read", "a:b:c", "a:b:*", "b:read", "b:write", "c", "",
        ];
        for picked in 0..1_u32 << words.len() {
            let given: Vec<String> = (0..words.len())
                .filter(|bit| picked & (1 << bit) != 0)
                .map(|bit| words[bit].to_owned())
                .collect();
            let short = compact(given.clone());
            for permission in given.iter().filter(|permission| !permission.is_empty()) {
                assert!(
                    short.iter().any(|held| covers(held, permission)),
                    "{given:?} lost {permission}: {short:?}"
                );
            }
            for (place, held) in short.iter().enumerate() {
                assert!(
                    short
                        .iter()
                        .enumerate()
                        .all(|(other, by)| other == place || !covers(by, held)),
                    "{given:?} keeps {held} twice: {short:?}"
                );
            }
        }
    }

    #[test]
    fn a_scope_has_no_blanks_and_no_power_over_cognito() {
        for good in ["projects:read", "projects:*", "*", "a/b.c-d_e"] {
            assert_eq!(as_scope(good), Some(good));
        }
        for bad in [
            "",
            "projects read",
            "a\tb",
            "a\"b",
            "a\\b",
            "projékt:read",
            "openid",
            "aws.cognito.signin.user.admin",
        ] {
            assert_eq!(as_scope(bad), None, "{bad}");
        }
    }
}
