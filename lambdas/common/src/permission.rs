//! What one permission covers, and the shortest list that says the same.
//!
//! The token's reader applies the same rule: `*` covers everything, `projects:*` covers whatever begins
//! with `projects:`, anything else covers itself alone.

use std::collections::BTreeSet;

/// Whether holding `held` grants `wanted`.
pub fn covers(held: &str, wanted: &str) -> bool {
    match held.strip_suffix('*') {
        Some(prefix) if prefix.is_empty() || prefix.ends_with(':') => wanted.starts_with(prefix),
        _ => held == wanted,
    }
}

/// The permissions sorted, each once, without those another one covers.
pub fn compact(permissions: impl IntoIterator<Item = String>) -> Vec<String> {
    let distinct: BTreeSet<String> = permissions.into_iter().collect();
    distinct
        .iter()
        .filter(|one| {
            !distinct
                .iter()
                .any(|other| other != *one && covers(other, one))
        })
        .cloned()
        .collect()
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
        assert_eq!(compact(given.map(str::to_owned)), expected);
        assert_eq!(compact(["a:b", "*", "a:*"].map(str::to_owned)), ["*"]);
        assert!(compact([]).is_empty());
    }

    #[test]
    fn compacting_twice_changes_nothing() {
        let once = compact(["a:*", "a:b:*", "b:c", "b:c"].map(str::to_owned));
        assert_eq!(compact(once.clone()), once);
    }
}
