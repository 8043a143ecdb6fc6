//! What a permission covers, and the shortest list that says the same.
//!
//! The rule of the tokens, which generateToken and every verifier apply: `*:*` covers everything,
//! `projects:*` whatever begins with `projects:`, `*:read` that one action on every resource, and
//! anything else itself alone.

use std::collections::BTreeSet;

/// Whether holding `held` grants `wanted`.
pub fn covers(held: &str, wanted: &str) -> bool {
    if held == wanted || matches!(held, "*" | "*:*") {
        return true;
    }
    if let Some(action) = held.strip_prefix("*:") {
        return wanted.split_once(':').is_some_and(|(_, of)| of == action);
    }
    held.strip_suffix('*')
        .is_some_and(|prefix| prefix.ends_with(':') && wanted.starts_with(prefix))
}

/// The permissions sorted, each once, without those another one covers.
pub fn compact<'a>(permissions: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let distinct: BTreeSet<&str> = permissions.into_iter().collect();
    // Of two that cover each other, `*` and `*:*`, the first stays.
    let is_covered = |permission: &str| {
        distinct.iter().any(|&held| {
            held != permission
                && covers(held, permission)
                && (!covers(permission, held) || held < permission)
        })
    };
    distinct
        .iter()
        .filter(|permission| !is_covered(permission))
        .map(|&permission| permission.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_cover_their_own_part_only() {
        for (held, wanted, expected) in [
            ("projects:read", "projects:read", true),
            ("projects:*", "projects:read", true),
            ("projects:*", "projectsx:read", false),
            ("*:read", "projects:read", true),
            ("*:read", "projects:write", false),
            ("*:*", "projects:*", true),
            ("projects:read", "projects:*", false),
        ] {
            assert_eq!(covers(held, wanted), expected, "{held} covers {wanted}");
        }
    }

    #[test]
    fn the_shortest_list_says_the_same() {
        let given = ["b:read", "a:read", "a:*", "b:read", "c:write"];
        assert_eq!(compact(given), ["a:*", "b:read", "c:write"]);
        assert_eq!(compact(["a:b", "*:*", "*"]), ["*"]);
        assert!(compact([]).is_empty());
    }
}
