//! The claims of one user, kept within the budget. How large they count stands in
//! [`saasauth_contract::claims`]; the larger of both tokens is held to the budget and reported as a metric.
//!
//! **What happens beyond it.** The role always stays. Claims of the project's hooks come next, in
//! alphabetical order; one without room is left out, whole. The permissions that stay are those granting
//! most: wildcards from the shortest on, then the others in alphabetical order, up to the first without
//! room. Domains stay in alphabetical order, up to the first without room; permissions and domains
//! that are both too many share the room three to one. Whichever list is cut is named by a claim of
//! its own, `permissions_ref` or `domains_ref`, holding the key of the user's items. What a cut list
//! names is true; what it lacks is unknown and must be taken for "no" until the tables are asked.

use std::collections::{BTreeMap, BTreeSet};

use saasauth_contract::claims::{
    DOMAIN_ROLES, DOMAINS, DOMAINS_REF, PERMISSIONS, PERMISSIONS_REF, ROLE, ROLE_PERMISSIONS, room,
    scope_bytes, token_bytes,
};
use saasauth_contract::keys::user_key;
use saasauth_contract::permission::as_scope;
use serde_json::{Map, Value, json};

use super::hooks;

/// What a token says of a user.
#[derive(Debug, PartialEq)]
pub(crate) struct Claims {
    /// Of both tokens, ours.
    pub(crate) map: Map<String, Value>,
    /// Of the ID token alone, the hooks'.
    pub(crate) id: Map<String, Value>,
    /// Of the access token alone, the hooks'.
    pub(crate) access: Map<String, Value>,
    /// Added to those of the access token.
    pub(crate) scopes: Vec<String>,
    /// How large they are, and would have been.
    pub(crate) bytes: usize,
    pub(crate) bytes_uncut: usize,
    /// How many of each list were left out.
    pub(crate) permissions_cut: usize,
    pub(crate) domains_cut: usize,
    /// The names of the hooks' claims that were left out.
    pub(crate) hooks_cut: Vec<String>,
}

/// What the tables say of a user: the lists are sorted and without repetition.
pub(crate) struct Grants {
    pub(crate) sub: String,
    pub(crate) role: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) domains: Vec<String>,
    /// What the user is in each of the domains, when the token is to say so.
    pub(crate) in_domains: Option<InDomains>,
}

/// The roles in domains, and what they permit.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct InDomains {
    /// By domain.
    pub(crate) roles: BTreeMap<String, String>,
    /// By role.
    pub(crate) permissions: BTreeMap<String, Vec<String>>,
}

impl Claims {
    /// The claims, cut to `budget` when they exceed it.
    pub(crate) fn within(
        budget: usize,
        permissions_as_scopes: bool,
        grants: Grants,
        hooks: hooks::Claims,
    ) -> Self {
        let scopes_of = |permissions: &[String]| -> Vec<String> {
            let scopes = permissions.iter().filter(|_| permissions_as_scopes);
            scopes
                .filter_map(|permission| as_scope(permission))
                .map(str::to_owned)
                .collect()
        };
        let hooks::Claims { mut id, mut access } = hooks;
        let whole = grants.map(&grants.permissions, &grants.domains);
        let scopes = scopes_of(&grants.permissions);
        let bytes_uncut = larger(&whole, &id, &access, &scopes);
        if bytes_uncut <= budget {
            return Self {
                map: whole,
                id,
                access,
                scopes,
                bytes: bytes_uncut,
                bytes_uncut,
                permissions_cut: 0,
                domains_cut: 0,
                hooks_cut: Vec::new(),
            };
        }

        // Sizes below are of JSON and scopes, before base64url. Each element counts the comma after it,
        // the last one's too: one byte to the safe side.
        let weigh = |text: &String| json!(text).to_string().len() + 1;
        let weigh_permission = |permission: &String| {
            let scope = as_scope(permission).filter(|_| permissions_as_scopes);
            weigh(permission) + scope.map_or(0, scope_bytes)
        };
        let mut frame = grants.map(&[], &[]);
        for reference in [PERMISSIONS_REF, DOMAINS_REF] {
            frame.insert(reference.to_owned(), json!(user_key(&grants.sub)));
        }
        let mut room = room(budget).saturating_sub(json!(frame).to_string().len());
        let hooks_cut = cut_hooks(&mut id, &mut access, &mut room);

        let all_permissions: usize = grants.permissions.iter().map(weigh_permission).sum();
        let for_domains = room - all_permissions.min(room / 4 * 3);
        // A domain takes its roles along; what a role permits is said once, with the first domain that has it.
        let mut said = BTreeSet::new();
        let mut taken = 0;
        let domains = fitting(grants.domains.iter(), for_domains, |domain: &String| {
            let mut weight = weigh(domain);
            if let Some((role, permissions)) = grants.in_domain(domain) {
                weight += weigh_claim(domain, &json!(role));
                if said.insert(role) {
                    weight += weigh_claim(role, &json!(permissions));
                }
            }
            taken += weight;
            weight
        });
        // The one that no longer fitted was weighed, too.
        let taken = taken.min(for_domains);

        let mut by_width: Vec<&String> = grants.permissions.iter().collect();
        by_width.sort_by_key(|permission| {
            let is_wildcard = permission.contains('*');
            (!is_wildcard, if is_wildcard { permission.len() } else { 0 })
        });
        let mut permissions = fitting(by_width.into_iter(), room - taken, weigh_permission);
        permissions.sort_unstable();

        let mut map = grants.map(&permissions, &domains);
        let permissions_cut = grants.permissions.len() - permissions.len();
        let domains_cut = grants.domains.len() - domains.len();
        for (reference, cut) in [
            (PERMISSIONS_REF, permissions_cut),
            (DOMAINS_REF, domains_cut),
        ] {
            if cut > 0 {
                map.insert(reference.to_owned(), json!(user_key(&grants.sub)));
            }
        }
        let scopes = scopes_of(&permissions);
        Self {
            bytes: larger(&map, &id, &access, &scopes),
            bytes_uncut,
            map,
            id,
            access,
            scopes,
            permissions_cut,
            domains_cut,
            hooks_cut,
        }
    }
}

impl Grants {
    fn map(&self, permissions: &[String], domains: &[String]) -> Map<String, Value> {
        let mut map = Map::from_iter([
            (ROLE.to_owned(), json!(self.role)),
            (PERMISSIONS.to_owned(), json!(permissions)),
            (DOMAINS.to_owned(), json!(domains)),
        ]);
        if self.in_domains.is_some() {
            let of = domains
                .iter()
                .filter_map(|domain| Some((domain, self.in_domain(domain)?)));
            let roles: BTreeMap<_, _> = of
                .clone()
                .map(|(domain, (role, _))| (domain, role))
                .collect();
            let permits: BTreeMap<_, _> = of.map(|(_, role)| role).collect();
            map.insert(DOMAIN_ROLES.to_owned(), json!(roles));
            map.insert(ROLE_PERMISSIONS.to_owned(), json!(permits));
        }
        map
    }

    /// The role in a domain and what it permits, when the token is to say so.
    fn in_domain(&self, domain: &str) -> Option<(&str, &[String])> {
        let InDomains { roles, permissions } = self.in_domains.as_ref()?;
        let role = roles.get(domain)?;
        let permissions = permissions.get(role).map_or(&[][..], Vec::as_slice);
        Some((role, permissions))
    }
}

/// How many bytes the larger of both tokens makes of these.
fn larger(
    both: &Map<String, Value>,
    id: &Map<String, Value>,
    access: &Map<String, Value>,
    scopes: &[String],
) -> usize {
    let both = json!(both).to_string().len();
    let own = |claims: &Map<String, Value>| -> usize {
        let claims = claims.iter();
        claims.map(|(name, value)| weigh_claim(name, value)).sum()
    };
    let scopes = scopes.iter().map(|scope| scope_bytes(scope)).sum();
    token_bytes(both + own(id), 0).max(token_bytes(both + own(access), scopes))
}

/// What a claim adds to an object that isn't empty: a comma, its name, a colon, its value.
fn weigh_claim(name: &str, value: &Value) -> usize {
    json!(name).to_string().len() + value.to_string().len() + 2
}

/// Takes out of the hooks' claims those that have no room, and what stays out of the room. Both tokens
/// share one room, so a claim counts by what it adds to the larger.
fn cut_hooks(
    id: &mut Map<String, Value>,
    access: &mut Map<String, Value>,
    room: &mut usize,
) -> Vec<String> {
    let names: BTreeSet<String> = id.keys().chain(access.keys()).cloned().collect();
    let (mut of_id, mut of_access) = (0, 0);
    let mut cut = Vec::new();
    for name in names {
        let weigh = |claims: &Map<String, Value>| {
            claims
                .get(&name)
                .map_or(0, |value| weigh_claim(&name, value))
        };
        let (with_id, with_access) = (of_id + weigh(id), of_access + weigh(access));
        if with_id.max(with_access) <= *room {
            (of_id, of_access) = (with_id, with_access);
        } else {
            id.remove(&name);
            access.remove(&name);
            cut.push(name);
        }
    }
    *room -= of_id.max(of_access);
    cut
}

/// The elements before the first that doesn't fit.
fn fitting<'a>(
    elements: impl Iterator<Item = &'a String>,
    mut room: usize,
    mut weigh: impl FnMut(&String) -> usize,
) -> Vec<String> {
    let fits = |element: &&String| {
        let left = room.checked_sub(weigh(element));
        room = left.unwrap_or(room);
        left.is_some()
    };
    elements.take_while(fits).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(permissions: &[&str], domains: usize) -> Grants {
        Grants {
            sub: "5f1c2a44-3f3e-4a0b-9c55-0a8f5d7e1b20".to_owned(),
            role: "admin".to_owned(),
            permissions: permissions.iter().map(|&text| text.to_owned()).collect(),
            domains: (0..domains)
                .map(|n| format!("company-{n:04}.example"))
                .collect(),
            in_domains: None,
        }
    }

    /// Without hooks.
    fn within(budget: usize, permissions_as_scopes: bool, grants: Grants) -> Claims {
        Claims::within(budget, permissions_as_scopes, grants, hooks::Claims::new())
    }

    fn many(count: usize) -> Vec<String> {
        (0..count)
            .map(|n| format!("resource-{n:04}:read"))
            .collect()
    }

    fn list<'a>(claims: &'a Claims, name: &str) -> Vec<&'a str> {
        let values = claims.map[name].as_array().expect("it is a list");
        values.iter().filter_map(Value::as_str).collect()
    }

    #[test]
    fn what_fits_is_whole_and_has_no_reference() {
        let claims = within(4096, false, grants(&["a:read"], 2));
        let text = r#"{"domains":["company-0000.example","company-0001.example"],"permissions":["a:read"],"role":"admin"}"#;
        assert_eq!(json!(claims.map).to_string().len(), text.len());
        assert_eq!(claims.bytes, (text.len() * 4).div_ceil(3));
        assert_eq!((claims.permissions_cut, claims.domains_cut), (0, 0));
        assert_eq!(claims.map.len(), 3);
        assert!(claims.scopes.is_empty());
    }

    #[test]
    fn the_budget_holds_to_the_byte() {
        let exact = within(4096, true, grants(&["a:read", "b:*"], 1)).bytes;
        let at = within(exact.max(256), true, grants(&["a:read", "b:*"], 1));
        assert_eq!(at.permissions_cut, 0);
        for budget in [256, 300, 1000, 4096, 9999] {
            for as_scopes in [false, true] {
                for domains in [0, 1, 40, 2000] {
                    for permissions in [0, 1, 60, 3000] {
                        let mut grants = grants(&[], domains);
                        grants.permissions = many(permissions);
                        let claims = within(budget, as_scopes, grants);
                        assert!(claims.bytes <= budget, "{} of {budget}", claims.bytes);
                        assert_eq!(
                            claims.map.contains_key("permissions_ref"),
                            list(&claims, "permissions").len() < permissions
                        );
                        assert_eq!(
                            claims.map.contains_key("domains_ref"),
                            list(&claims, "domains").len() < domains
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_domain_that_stays_has_its_role_and_what_it_permits() {
        let in_domains = |domains: &[String]| InDomains {
            roles: domains
                .iter()
                .enumerate()
                .map(|(n, domain)| (domain.clone(), format!("role-{}", n % 7)))
                .collect(),
            permissions: (0..7)
                .map(|n| (format!("role-{n}"), vec![format!("things-{n}:*"); n]))
                .collect(),
        };
        for budget in [512, 1000, 4096, 8192] {
            for domains in [0, 1, 3, 40, 2000] {
                for permissions in [0, 60, 3000] {
                    let mut grants = grants(&[], domains);
                    grants.permissions = many(permissions);
                    grants.in_domains = Some(in_domains(&grants.domains));
                    let whole = grants.in_domains.clone().expect("it was set");
                    let claims = within(budget, false, grants);
                    assert!(claims.bytes <= budget, "{} of {budget}", claims.bytes);
                    let kept = list(&claims, "domains");
                    let roles = claims.map["domain_roles"].as_object().expect("an object");
                    assert_eq!(roles.keys().collect::<Vec<_>>(), kept);
                    let permits = claims.map["role_permissions"].as_object();
                    let permits = permits.expect("an object");
                    for (domain, role) in roles {
                        assert_eq!(role, &json!(whole.roles[domain]));
                        let role = role.as_str().expect("a text");
                        assert_eq!(permits[role], json!(whole.permissions[role]));
                    }
                    let held: BTreeSet<_> = roles.values().filter_map(Value::as_str).collect();
                    assert_eq!(
                        held.len(),
                        permits.len(),
                        "of no other role is anything said"
                    );
                }
            }
        }
    }

    #[test]
    fn wildcards_stay_longest_and_nothing_is_invented() {
        let mut grants = grants(&["zebra:*"], 0);
        let all = many(500);
        grants.permissions.splice(0..0, all.clone());
        let claims = within(1024, false, grants);
        let kept = list(&claims, "permissions");
        assert_eq!(kept.last(), Some(&"zebra:*"), "sorted, and the widest kept");
        assert!(kept.len() > 10, "{kept:?}");
        assert_eq!(
            kept[..kept.len() - 1],
            all[..kept.len() - 1],
            "an unbroken start of the list"
        );
        assert_eq!(
            claims.map["permissions_ref"],
            "USER#5f1c2a44-3f3e-4a0b-9c55-0a8f5d7e1b20"
        );
        assert!(!claims.map.contains_key("domains_ref"));
        assert_eq!(claims.permissions_cut, 501 - kept.len());
        assert!(claims.bytes_uncut > 1024 && claims.bytes <= 1024);
    }

    #[test]
    fn neither_list_starves_the_other() {
        let mut both = grants(&[], 1000);
        both.permissions = many(1000);
        let claims = within(4096, false, both);
        assert!(list(&claims, "permissions").len() > 50);
        assert!(list(&claims, "domains").len() > 20);

        let claims = within(4096, false, grants(&["a:read"], 1000));
        assert_eq!(list(&claims, "permissions"), ["a:read"]);
        assert!(!claims.map.contains_key("permissions_ref"));
        assert!(
            list(&claims, "domains").len() > 100,
            "they get the room left"
        );
    }

    #[test]
    fn scopes_are_the_permissions_the_token_carries() {
        let mut grants = grants(&["openid", "with blank"], 0);
        grants.permissions.extend(many(300));
        let claims = within(1024, true, grants);
        let permissions = list(&claims, "permissions");
        assert!(!claims.scopes.is_empty());
        assert!(
            claims
                .scopes
                .iter()
                .all(|scope| permissions.contains(&scope.as_str()) && scope != "openid")
        );
    }

    #[test]
    fn claims_of_hooks_count_and_come_before_lists() {
        let plan = || hooks::Claims::new().in_both("plan", "pro").in_id("x", 1);
        let uncut = Claims::within(4096, false, grants(&["a:read"], 0), plan());
        let text = r#"{"domains":[],"permissions":["a:read"],"plan":"pro","role":"admin","x":1}"#;
        assert_eq!(uncut.bytes, token_bytes(text.len(), 0));
        assert!(uncut.hooks_cut.is_empty() && !uncut.access.contains_key("x"));

        for budget in [512, 1024, 4096] {
            for size in [1, 100, 1000, 5000] {
                for as_scopes in [false, true] {
                    let mut all = grants(&[], 400);
                    all.permissions = many(400);
                    let hooks = plan()
                        .in_access("z", "z".repeat(size))
                        .in_id("y", "y".repeat(size));
                    let claims = Claims::within(budget, as_scopes, all, hooks);
                    assert!(claims.bytes <= budget, "{} of {budget}", claims.bytes);
                    assert_eq!(claims.map["role"], "admin");
                    for (name, of_one) in [("y", &claims.id), ("z", &claims.access)] {
                        let is_cut = claims.hooks_cut.iter().any(|cut| cut == name);
                        assert_ne!(of_one.contains_key(name), is_cut, "{name}");
                        assert_eq!(is_cut, size * 4 / 3 > budget - 300, "{size} of {budget}");
                    }
                    assert!(claims.id.contains_key("plan") && claims.access.contains_key("plan"));
                }
            }
        }
    }
}
