//! What the tokens of the throwaway user must say, by the project file alone.

use saasauth_contract::permission::compact;
use saasauth_verifier::Claims;

use super::throwaway::ThrowawayUser;
use saasauth_model::project::stage::Stage;

/// The claims saasauth adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) role: String,
    pub(super) permissions: Vec<String>,
    pub(super) domains: Vec<String>,
}

impl Expected {
    /// What a user is granted: by the domain joined, or else by default.
    pub(super) fn new(stage: &Stage, joined: Option<&str>) -> Self {
        let domain = joined.and_then(|name| stage.domains.get(name));
        let role = domain.map_or(&stage.access.default_role, |domain| &domain.role);
        Self {
            role: role.to_string(),
            permissions: compact(stage.access.permissions_of(role)),
            domains: joined.map(str::to_owned).into_iter().collect(),
        }
    }

    /// What differs in a verified token, in words; empty when all is as it must be.
    pub(super) fn differences(
        &self,
        claims: &Claims,
        user: &ThrowawayUser,
        sub: &str,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut check = |name: &str, expected: String, found: String| {
            if expected != found {
                wrong.push(format!("`{name}` is {found}, not {expected}"));
            }
        };
        check("sub", sub.to_owned(), claims.sub.clone());
        check(
            "role",
            self.role.clone(),
            claims.role.clone().unwrap_or_else(|| "missing".to_owned()),
        );
        check(
            "permissions",
            list(&self.permissions),
            list(&claims.permissions),
        );
        check("domains", list(&self.domains), list(&claims.domains));
        // Only an ID token carries it, and only where the client may read it.
        if let (Some(found), Some(expected)) = (claims.unverified_email(), user.email()) {
            check("email", expected.to_owned(), found.to_owned());
        }
        wrong
    }

    /// Such as `role admin, permissions projects:*, domains acme.com`.
    pub(super) fn describe(&self) -> String {
        format!(
            "role {}, permissions {}, domains {}",
            self.role,
            list(&self.permissions),
            list(&self.domains)
        )
    }
}

pub(super) fn list(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::verify::tests::stage_with;

    fn claims(changes: serde_json::Value) -> Claims {
        let mut claims = json!({
            "sub": "s", "token_use": "access", "client_id": "c", "exp": 1,
            "role": "admin", "permissions": ["billing:*", "members:*", "projects:*"], "domains": ["acme.com"],
        });
        for (name, value) in changes.as_object().expect("an object") {
            claims[name] = value.clone();
        }
        serde_json::from_value(claims).expect("a token's claims")
    }

    #[test]
    fn a_domain_decides_the_role_and_the_default_does_otherwise() {
        let stage = stage_with("domains: { acme.com: { role: admin } }");
        let joined = Expected::new(&stage, Some("acme.com"));
        assert_eq!(
            joined.describe(),
            "role admin, permissions billing:* members:* projects:*, domains acme.com"
        );
        let alone = Expected::new(&stage, None);
        assert_eq!(
            alone.describe(),
            "role member, permissions projects:read, domains none"
        );
    }

    #[test]
    fn permissions_are_expected_as_the_trigger_writes_them() {
        for (declared, written) in [
            (&["*:*"][..], &["*"][..]),
            (&["*:*", "projects:read"], &["*"]),
            (
                &["*:read", "projects:read", "projects:write"],
                &["*:read", "projects:write"],
            ),
            (
                &["projects:*", "projects:read", "members:read"],
                &["members:read", "projects:*"],
            ),
        ] {
            let stage = stage_with(&format!("access: {{ roles: {{ member: {declared:?} }} }}"));
            let expected = Expected::new(&stage, None);
            assert_eq!(expected.permissions, written, "{declared:?}");
        }
    }

    #[test]
    fn each_wrong_claim_is_named_with_both_values() {
        let stage = stage_with("domains: { acme.com: { role: admin } }");
        let user = ThrowawayUser::new(&stage, &stage.clients["web"], false);
        let expected = Expected::new(&stage, Some("acme.com"));
        let differences = |changes| expected.differences(&claims(changes), &user, "s");
        assert!(differences(json!({})).is_empty());
        assert_eq!(
            differences(json!({ "role": null, "domains": [] })),
            [
                "`role` is missing, not admin",
                "`domains` is none, not acme.com"
            ]
        );
        assert_eq!(
            differences(json!({ "permissions": ["projects:*"] })),
            ["`permissions` is projects:*, not billing:* members:* projects:*"]
        );
        assert_eq!(differences(json!({ "sub": "t" })), ["`sub` is t, not s"]);
        assert_eq!(differences(json!({ "email": "eve@acme.com" })).len(), 1);
    }
}
