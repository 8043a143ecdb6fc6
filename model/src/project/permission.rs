//! The shortest list of permissions that says the same as a longer one.

use std::collections::BTreeSet;

/// Whether holding the permission `held` grants `wanted`: the rule of the tokens.
pub fn covers(held: &str, wanted: &str) -> bool {
    if held == wanted || matches!(held, "*" | "*:*") {
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
    fn the_shortest_list_says_the_same() {
        let given = ["b:read", "a:read", "a:*", "b:read", "c:write"];
        assert_eq!(compact(given), ["a:*", "b:read", "c:write"]);
        assert_eq!(compact(["a:b", "*:*", "*"]), ["*"]);
        assert!(compact([]).is_empty());
    }
}
