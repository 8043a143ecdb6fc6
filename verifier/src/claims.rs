//! What a verified token says.

use std::collections::BTreeMap;

use saasauth_contract::{claims, permission::covers};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// The two kinds of token an API may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenUse {
    /// Made for APIs.
    Access,
    /// Made for the client, about its user.
    Id,
}

/// The claims of a verified token.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// The user; for a machine's token, its client.
    pub sub: String,
    /// The user name in the pool. A machine's token has none.
    pub username: Option<String>,
    /// The address, if its user has proved to own it. Only ID tokens carry one. For one that anybody may have signed up
    /// with, see [`unverified_email`](Self::unverified_email).
    pub email: Option<String>,
    /// Whether the user has proved to own the address of the token.
    pub email_verified: bool,
    /// Absent from tokens made without the trigger, such as a machine's.
    pub role: Option<String>,
    /// What the user may do: the role's permissions and the user's own. A part of it when
    /// [`permissions_ref`](Self::permissions_ref) is there.
    pub permissions: Vec<String>,
    /// There when the user holds more permissions than a token carries: the key (`pk`) of the user's
    /// record in the Permissions table, whose `role` and `permissions` say everything.
    pub permissions_ref: Option<String>,
    /// The company domains the user belongs to. A part of them when
    /// [`domains_ref`](Self::domains_ref) is there.
    pub domains: Vec<String>,
    /// There when the user belongs to more domains than a token carries: the key (`pk`) of the user's
    /// memberships in the Domains table.
    pub domains_ref: Option<String>,
    /// The role in each of the domains, where the project's tokens say so; for
    /// [`role_in`](Self::role_in) to look up.
    pub domain_roles: BTreeMap<String, String>,
    /// What each role of [`domain_roles`](Self::domain_roles) permits; for
    /// [`allows_in`](Self::allows_in) to look up.
    pub role_permissions: BTreeMap<String, Vec<String>>,
    /// OAuth scopes, separated by spaces as they came; empty in an ID token.
    pub scope: String,
    /// Which kind of token this is.
    pub token_use: TokenUse,
    /// The app client the token was made for: `client_id` or, in an ID token, `aud`.
    pub client_id: String,
    /// When it expires, in seconds since 1970.
    pub exp: u64,
    /// Every claim as it came, those above included.
    pub raw: Map<String, Value>,
}

impl Claims {
    /// Whether the token shows that its user may do this: `*` and `*:*` cover everything, `projects:*`
    /// whatever begins with `projects:`, `*:read` that one action on every resource, anything else itself
    /// alone.
    ///
    /// It fails closed. With [`permissions_ref`](Self::permissions_ref) the token carries a part of the
    /// permissions, and what that part doesn't cover is refused, though the user may hold it. An API that
    /// must know asks the table by the reference; nothing here does.
    pub fn allows(&self, permission: &str) -> bool {
        self.permissions.iter().any(|held| covers(held, permission))
    }

    /// The user's role in a domain, upper and lower case alike. None where the token doesn't say: the user is no
    /// member, or the domain was cut ([`domains_ref`](Self::domains_ref)), or the project's tokens carry no
    /// roles of domains.
    pub fn role_in(&self, domain: &str) -> Option<&str> {
        let mut roles = self
            .domain_roles
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(domain))
            .map(|(_, role)| role.as_str());
        let role = roles.next()?;
        // One domain in two spellings, with two roles: which is right is anybody's guess.
        roles.all(|other| other == role).then_some(role)
    }

    /// Whether the token shows that its user may do this in a domain: what the role *there* permits, and
    /// nothing else.
    ///
    /// [`permissions`](Self::permissions) don't count. They are of the user's one role and of no domain, so
    /// that `allows(p) && domains.contains(d)` grants an owner of one company everything in each other
    /// company, where the user is a guest. It fails closed, as [`allows`](Self::allows) does.
    pub fn allows_in(&self, domain: &str, permission: &str) -> bool {
        self.role_in(domain)
            .and_then(|role| self.role_permissions.get(role))
            .is_some_and(|held| held.iter().any(|held| covers(held, permission)))
    }

    /// The address as it came, proved or not: to show to the user, never to decide by. Whoever signs up can name anybody's.
    pub fn unverified_email(&self) -> Option<&str> {
        self.raw.get("email").and_then(Value::as_str)
    }

    /// Whether the user is in this group of the pool. A `cognito:groups` that is no list of texts names none.
    pub fn in_group(&self, group: &str) -> bool {
        self.raw
            .get("cognito:groups")
            .and_then(Value::as_array)
            .is_some_and(|groups| {
                groups.iter().all(Value::is_string) && groups.iter().any(|one| one == group)
            })
    }

    /// Whether the token was granted this OAuth scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        !scope.is_empty() && self.scope.split(' ').any(|granted| granted == scope)
    }
}

/// The claims under the names the two kinds of token give them. Those that saasauth adds go by the
/// contract's names, and are read one by one.
#[derive(Deserialize)]
struct Wire {
    sub: String,
    username: Option<String>,
    #[serde(rename = "cognito:username")]
    cognito_username: Option<String>,
    email: Option<String>,
    /// A boolean, and text where an identity provider's word was mapped as it came.
    #[serde(default)]
    email_verified: Value,
    #[serde(default)]
    scope: String,
    token_use: TokenUse,
    client_id: Option<String>,
    #[serde(default, deserialize_with = "present")]
    aud: Option<Audience>,
    exp: u64,
    /// Read for their shape alone: a token in which they have another isn't one (RFC 7519, section 4.1).
    #[serde(default, deserialize_with = "present", rename = "iat")]
    _iat: Option<f64>,
    #[serde(default, deserialize_with = "present", rename = "jti")]
    _jti: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    #[expect(dead_code, reason = "read for its shape alone")]
    Several(Vec<String>),
}

/// A claim that may be missing, but not null.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// One of the claims saasauth adds; the default when the token has none. Of another shape than it should
/// be, it is no claim of ours, and the token none to trust.
fn added<T: DeserializeOwned + Default>(
    raw: &Map<String, Value>,
    name: &str,
) -> serde_json::Result<T> {
    raw.get(name)
        .map_or_else(|| Ok(T::default()), |claim| T::deserialize(claim))
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;

        let raw = Map::deserialize(deserializer)?;
        let wire: Wire =
            serde_json::from_value(Value::Object(raw.clone())).map_err(D::Error::custom)?;
        let (username, client_id) = match wire.token_use {
            TokenUse::Access => (wire.username, wire.client_id),
            // Cognito names one client; an array would be somebody else's token.
            TokenUse::Id => (
                wire.cognito_username,
                wire.aud.and_then(|aud| match aud {
                    Audience::One(client) => Some(client),
                    Audience::Several(_) => None,
                }),
            ),
        };
        let email_verified = wire.email.is_some()
            && (wire.email_verified == Value::Bool(true) || wire.email_verified == "true");
        Ok(Self {
            sub: wire.sub,
            username,
            email: wire.email.filter(|_| email_verified),
            email_verified,
            role: added(&raw, claims::ROLE).map_err(D::Error::custom)?,
            permissions: added(&raw, claims::PERMISSIONS).map_err(D::Error::custom)?,
            permissions_ref: added(&raw, claims::PERMISSIONS_REF).map_err(D::Error::custom)?,
            domains: added(&raw, claims::DOMAINS).map_err(D::Error::custom)?,
            domains_ref: added(&raw, claims::DOMAINS_REF).map_err(D::Error::custom)?,
            domain_roles: added(&raw, claims::DOMAIN_ROLES).map_err(D::Error::custom)?,
            role_permissions: added(&raw, claims::ROLE_PERMISSIONS).map_err(D::Error::custom)?,
            scope: wire.scope,
            token_use: wire.token_use,
            client_id: client_id.ok_or_else(|| D::Error::custom("it names no client"))?,
            exp: wire.exp,
            raw,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_token_has_its_own_names() {
        let access: Claims = serde_json::from_value(json!({
            "sub": "s", "username": "u", "client_id": "c", "token_use": "access", "exp": 1,
            "scope": "openid email",
        }))
        .expect("it is an access token");
        assert_eq!(
            (access.username.as_deref(), access.client_id.as_str()),
            (Some("u"), "c")
        );
        assert!(access.has_scope("email") && !access.has_scope("mail") && !access.allows(""));

        let id: Claims = serde_json::from_value(json!({
            "sub": "s", "cognito:username": "u", "aud": "c", "token_use": "id", "exp": 1,
            "custom:company": "Engines",
        }))
        .expect("it is an ID token");
        assert_eq!(
            (id.username.as_deref(), id.client_id.as_str()),
            (Some("u"), "c")
        );
        assert_eq!(id.raw["custom:company"], "Engines");
    }

    #[test]
    fn an_address_is_there_when_it_is_proved() {
        for (verified, expected) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("false"), false),
            (json!(1), false),
            (json!("TRUE"), false),
            (Value::Null, false),
        ] {
            let id: Claims = serde_json::from_value(json!({
                "sub": "s", "cognito:username": "u", "aud": "c", "token_use": "id", "exp": 1,
                "email": "ceo@acme.com", "email_verified": verified,
            }))
            .expect("it is an ID token");
            assert_eq!(id.email_verified, expected, "{verified}");
            assert_eq!(id.email.is_some(), expected, "{verified}");
            assert_eq!(id.unverified_email(), Some("ceo@acme.com"));
        }
        let without = access(json!({ "email_verified": true })).expect("a token");
        assert!(!without.email_verified && without.email.is_none());
    }

    #[test]
    fn a_permission_claim_of_the_wrong_shape_is_no_claim() {
        let text = json!({
            "sub": "s", "client_id": "c", "token_use": "access", "exp": 1, "permissions": "*",
        });
        assert!(serde_json::from_value::<Claims>(text).is_err());
    }

    #[test]
    fn what_a_token_shows_is_held_as_the_contract_says() {
        let claims = access(json!({ "permissions": ["projects:*", "*:read"] })).expect("a token");
        for (wanted, allowed) in [
            ("projects:write", true),
            ("billing:read", true),
            ("billing:write", false),
        ] {
            assert_eq!(claims.allows(wanted), allowed, "{wanted}");
        }
    }

    fn access(claims: Value) -> serde_json::Result<Claims> {
        let mut token = json!({ "sub": "s", "client_id": "c", "token_use": "access", "exp": 1 });
        let claims = claims.as_object().expect("claims are an object").clone();
        token
            .as_object_mut()
            .expect("a token is an object")
            .extend(claims);
        serde_json::from_value(token)
    }

    #[test]
    fn what_a_cut_token_does_not_show_is_refused() {
        let cut = access(json!({
            "permissions": ["billing:*"], "permissions_ref": "USER#s", "domains_ref": "USER#s",
        }))
        .expect("the references are claims");
        assert_eq!(cut.permissions_ref.as_deref(), Some("USER#s"));
        assert_eq!(cut.domains_ref.as_deref(), Some("USER#s"));
        assert!(cut.allows("billing:read"), "what it shows is true");
        assert!(!cut.allows("projects:read"), "what it lacks is unknown");

        let nothing_left = access(json!({ "permissions_ref": "USER#s" })).expect("it is a token");
        assert!(!nothing_left.allows("projects:read"));

        let whole = access(json!({ "permissions": ["billing:*"] })).expect("it is a token");
        assert_eq!((whole.permissions_ref, whole.domains_ref), (None, None));
    }

    #[test]
    fn a_reference_of_the_wrong_shape_is_no_claim() {
        assert!(access(json!({ "permissions": ["*"], "permissions_ref": true })).is_err());
    }

    #[test]
    fn registered_claims_have_their_shapes() {
        for claims in [
            json!({ "iat": 1 }),
            json!({ "iat": 1.5, "jti": "j", "aud": "a" }),
            json!({ "aud": ["a", "b"] }),
        ] {
            assert!(access(claims.clone()).is_ok(), "{claims}");
        }
        for claims in [
            json!({ "iat": "1" }),
            json!({ "iat": null }),
            json!({ "jti": 1 }),
            json!({ "jti": null }),
            json!({ "aud": 1 }),
            json!({ "aud": ["a", 1] }),
            json!({ "aud": null }),
            json!({ "scope": null }),
        ] {
            assert!(access(claims.clone()).is_err(), "{claims}");
        }
    }

    #[test]
    fn a_role_holds_in_its_domain_alone() {
        let claims = access(json!({
            "role": "owner",
            "permissions": ["*"],
            "domains": ["acme.com", "acme.org", "acme.net", "acme.io"],
            "domain_roles": { "acme.com": "owner", "acme.org": "member", "acme.net": "guest" },
            "role_permissions": { "owner": ["projects:*", "*:read"], "member": ["projects:read"] },
        }))
        .expect("it is a token");
        for (domain, role) in [
            ("acme.com", Some("owner")),
            ("ACME.com", Some("owner")),
            ("acme.org", Some("member")),
            ("acme.net", Some("guest")),
            ("acme.io", None),
            ("evil.com", None),
            ("acme.com.", None),
            ("", None),
        ] {
            assert_eq!(claims.role_in(domain), role, "{domain}");
        }
        for (domain, permission, allowed) in [
            ("acme.com", "projects:write", true),
            ("Acme.Com", "billing:read", true),
            ("acme.com", "billing:write", false),
            ("acme.org", "projects:read", true),
            ("acme.org", "projects:write", false),
            ("acme.net", "projects:read", false),
            ("acme.io", "projects:read", false),
            ("evil.com", "projects:read", false),
        ] {
            assert_eq!(
                claims.allows_in(domain, permission),
                allowed,
                "{domain} {permission}"
            );
            assert!(claims.allows(permission), "the user's own cover everything");
        }
    }

    #[test]
    fn without_roles_of_domains_nothing_is_allowed_in_one() {
        for token in [
            json!({}),
            json!({ "permissions": ["*"], "domains": ["acme.com"] }),
            json!({ "permissions": ["*"], "domain_roles": { "acme.com": "owner" } }),
            json!({ "permissions": ["*"], "role_permissions": { "owner": ["*"] } }),
        ] {
            let claims = access(token.clone()).expect("it is a token");
            assert!(!claims.allows_in("acme.com", "projects:read"), "{token}");
        }
        let twice = access(json!({
            "domain_roles": { "acme.com": "member", "ACME.com": "owner" },
            "role_permissions": { "owner": ["*"], "member": ["*"] },
        }))
        .expect("it is a token");
        assert_eq!(twice.role_in("acme.com"), None);
        assert!(!twice.allows_in("acme.com", "projects:read"));
    }

    #[test]
    fn roles_of_domains_of_the_wrong_shape_are_no_claims() {
        for token in [
            json!({ "domain_roles": ["acme.com"] }),
            json!({ "domain_roles": { "acme.com": ["owner"] } }),
            json!({ "domain_roles": "owner" }),
            json!({ "role_permissions": { "owner": "*" } }),
            json!({ "role_permissions": ["*"] }),
        ] {
            assert!(access(token.clone()).is_err(), "{token}");
        }
    }
}
