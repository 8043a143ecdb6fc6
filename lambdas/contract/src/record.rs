//! What the items of both tables hold, beside their [keys](crate::keys).
//!
//! A user's record has all of these but what the user lacks, a role definition [`PERMISSIONS`], a
//! membership and a registered domain [`ROLE`].

/// The address; absent for users who sign in by phone or username alone.
pub const EMAIL: &str = "email";
/// Whether the user has proved to own [`EMAIL`], a boolean. Absent from records of earlier versions, and then nothing
/// is proved; a sign-in writes it.
pub const EMAIL_VERIFIED: &str = "email_verified";
/// A map of the attributes that describe the user, under the project file's names.
pub const ATTRIBUTES: &str = "attributes";
/// A map of what the project's own code adds when a user is confirmed. Nothing of ours is in it.
pub const EXTRA: &str = "extra";
/// The user's role; of a membership or a domain, the role it gives.
pub const ROLE: &str = "role";
/// Who gave a user the [`ROLE`]: the domain of a company, or [`OPERATOR`]. A domain's is the role that the domain gives at
/// each sign-in, and ends with the membership or the domain. Absent where nobody gave one, and from records of earlier
/// versions.
pub const ROLE_FROM: &str = "role_from";
/// The [`ROLE_FROM`] of a role that somebody chose: no sign-up changes it. No domain is called so, for it has no dot.
pub const OPERATOR: &str = "operator";
/// A list: of a user, the permissions beyond the role's; of a role, what it permits.
pub const PERMISSIONS: &str = "permissions";
/// Whether the user gets tokens: when it is there, only [`ACTIVE`] does.
pub const STATUS: &str = "status";
/// When the record was made, RFC 3339.
pub const CREATED_AT: &str = "created_at";
/// When confirmUser saw to the user. A record without it was made elsewhere: by a sign-in or an operator.
pub const CONFIRMED_AT: &str = "confirmed_at";
/// The set of the names still owed; see [`delivery`](crate::delivery).
pub const PENDING: &str = "pending";
/// The map that says how each delivery stands; see [`delivery`](crate::delivery).
pub const DELIVERIES: &str = "deliveries";

/// The [`STATUS`] of a user who gets tokens. Whoever writes any other word there means to shut somebody
/// out, spelled as it may be.
pub const ACTIVE: &str = "active";
/// The [`STATUS`] the tool writes to shut somebody out.
pub const BLOCKED: &str = "blocked";

/// The attribute of Cognito's that never changes and is never given to another user.
pub const SUB: &str = "sub";
/// What the names of a pool's own attributes begin with.
pub const CUSTOM_PREFIX: &str = "custom:";

/// The name that [`ATTRIBUTES`] has for an attribute of Cognito's: without `custom:`. `None` for
/// identifiers, the address, and Cognito's own state.
pub fn descriptive(name: &str) -> Option<&str> {
    const STATE: [&str; 5] = [
        SUB,
        EMAIL,
        EMAIL_VERIFIED,
        "phone_number_verified",
        "identities",
    ];
    (!STATE.contains(&name) && !name.starts_with("cognito:"))
        .then(|| name.strip_prefix(CUSTOM_PREFIX).unwrap_or(name))
}

/// The role of a user nobody wrote down: that of the group somebody put the user in, in a pool that is older than its records
/// or as an administrator. Only with AWS's rights does anybody come into a group. Of several, one that is more than
/// everybody's.
pub fn role_by_groups<'a>(
    groups: impl IntoIterator<Item = &'a str>,
    is_role: impl Fn(&str) -> bool,
    default_role: &'a str,
) -> &'a str {
    let mut roles = groups.into_iter().filter(|group| is_role(group));
    roles
        .find(|role| *role != default_role)
        .unwrap_or(default_role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_domain_is_taken_for_the_operator() {
        assert!(!OPERATOR.contains('.'));
    }

    #[test]
    fn an_attribute_that_describes_goes_by_the_project_files_name() {
        for (name, described) in [
            ("name", Some("name")),
            ("custom:company", Some("company")),
            ("phone_number", Some("phone_number")),
            ("sub", None),
            ("email", None),
            ("identities", None),
            ("cognito:user_status", None),
        ] {
            assert_eq!(descriptive(name), described);
        }
    }
}
