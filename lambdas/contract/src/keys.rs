//! How the items of both tables are found.
//!
//! | table | `pk` | `sk` | what |
//! |---|---|---|---|
//! | Permissions | `USER#<sub>` | | a user's record |
//! | Permissions | `ROLE#<name>` | | a role's permissions |
//! | Domains | `USER#<sub>` | `DOMAIN#<domain>` | a user's membership in a company |
//! | Domains | `DOMAIN#<domain>` | `META` | a registered company domain |

/// The attribute of the partition key, in both tables.
pub const PARTITION_KEY: &str = "pk";
/// The attribute of the sort key, in the Domains table.
pub const SORT_KEY: &str = "sk";
/// The Domains table's index with both keys exchanged: the members of a domain.
pub const BY_DOMAIN: &str = "by-domain";

/// What a user's key begins with.
pub const USER_PREFIX: &str = "USER#";
/// What the key of a role definition begins with.
pub const ROLE_PREFIX: &str = "ROLE#";
/// What the key of a domain, and the sort key of a membership, begin with.
pub const DOMAIN_PREFIX: &str = "DOMAIN#";
/// The sort key of a registered domain's own item.
pub const META: &str = "META";

/// The partition key of a user, in both tables.
pub fn user_key(sub: &str) -> String {
    format!("{USER_PREFIX}{sub}")
}

/// The partition key of a role definition.
pub fn role_key(role: &str) -> String {
    format!("{ROLE_PREFIX}{role}")
}

/// The partition key of a registered domain; the sort key of a membership in it.
pub fn domain_key(domain: &str) -> String {
    format!("{DOMAIN_PREFIX}{domain}")
}

/// The `sub` in a user's key.
pub fn sub_of(key: &str) -> Option<&str> {
    key.strip_prefix(USER_PREFIX)
}

/// The role in the key of its definition.
pub fn role_of(key: &str) -> Option<&str> {
    key.strip_prefix(ROLE_PREFIX)
}

/// The domain in its key, or in the sort key of a membership.
pub fn domain_of(key: &str) -> Option<&str> {
    key.strip_prefix(DOMAIN_PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_what_it_was_made_of() {
        for name in ["", "a", "USER#", "acme.com"] {
            assert_eq!(sub_of(&user_key(name)), Some(name));
            assert_eq!(role_of(&role_key(name)), Some(name));
            assert_eq!(domain_of(&domain_key(name)), Some(name));
            assert_eq!(sub_of(&role_key(name)), None);
        }
        assert_eq!(domain_of(META), None);
    }
}
