//! The claims of one user, kept within the budget.
//!
//! **What is measured.** The claims are one JSON object without blanks, in UTF-8, and a token carries it
//! in base64url: `n` bytes of it become `⌈4n/3⌉` characters. With `TOKEN_SCOPES=permissions` the access
//! token carries the permissions a second time, as text in `scope`, so each counts its length and one blank
//! more. This number, of the larger of both tokens, is held to `CLAIMS_BUDGET` and reported as a metric.
//! Cognito's own claims (about 1 KB) are not ours to count.
//!
//! **What happens beyond it.** The role always stays. The permissions that stay are those granting
//! most: wildcards from the shortest on, then the others in alphabetical order, up to the first without
//! room. Domains stay in alphabetical order, up to the first without room; permissions and domains
//! that are both too many share the room three to one. Whichever list is cut is named by a claim of
//! its own, `permissions_ref` or `domains_ref`, holding the key of the user's items. What a cut list
//! names is true; what it lacks is unknown and must be taken for "no" until the tables are asked.

use serde_json::{Map, Value, json};
use trigger_common::permission::as_scope;
use trigger_common::record::user_key;

/// What a token says of a user.
#[derive(Debug, PartialEq)]
pub(crate) struct Claims {
    /// Of both tokens.
    pub(crate) map: Map<String, Value>,
    /// Added to those of the access token.
    pub(crate) scopes: Vec<String>,
    /// How large they are, and would have been.
    pub(crate) bytes: usize,
    pub(crate) bytes_uncut: usize,
    /// How many of each list were left out.
    pub(crate) permissions_cut: usize,
    pub(crate) domains_cut: usize,
}

/// What there is to say: the lists are sorted and without repetition.
pub(crate) struct Said {
    pub(crate) sub: String,
    pub(crate) role: String,
    pub(crate) permissions: Vec<String>,
    pub(crate) domains: Vec<String>,
}

impl Claims {
    /// The claims, cut to `budget` when they exceed it.
    pub(crate) fn within(budget: usize, permissions_as_scopes: bool, said: Said) -> Self {
        let scopes_of = |permissions: &[String]| -> Vec<String> {
            let scopes = permissions.iter().filter(|_| permissions_as_scopes);
            scopes
                .filter_map(|permission| as_scope(permission))
                .map(str::to_owned)
                .collect()
        };
        let whole = said.map(&said.permissions, &said.domains);
        let scopes = scopes_of(&said.permissions);
        let bytes_uncut = encoded(&whole, &scopes);
        if bytes_uncut <= budget {
            return Self {
                map: whole,
                scopes,
                bytes: bytes_uncut,
                bytes_uncut,
                permissions_cut: 0,
                domains_cut: 0,
            };
        }

        // Sizes below are of JSON and scopes, before base64url. Each element counts the comma after it,
        // the last one's too: one byte to the safe side.
        let weigh = |text: &String| json!(text).to_string().len() + 1;
        let weigh_permission = |permission: &String| {
            let scope = as_scope(permission).filter(|_| permissions_as_scopes);
            weigh(permission) + scope.map_or(0, |scope| scope.len() + 1)
        };
        let mut frame = said.map(&[], &[]);
        for reference in ["permissions_ref", "domains_ref"] {
            frame.insert(reference.to_owned(), json!(user_key(&said.sub)));
        }
        let room = (budget / 4 * 3).saturating_sub(json!(frame).to_string().len());

        let all_permissions: usize = said.permissions.iter().map(weigh_permission).sum();
        let for_domains = room - all_permissions.min(room / 4 * 3);
        let domains = fitting(said.domains.iter(), for_domains, weigh);
        let taken: usize = domains.iter().map(weigh).sum();

        let mut by_width: Vec<&String> = said.permissions.iter().collect();
        by_width.sort_by_key(|permission| {
            let is_wildcard = permission.contains('*');
            (!is_wildcard, if is_wildcard { permission.len() } else { 0 })
        });
        let mut permissions = fitting(by_width.into_iter(), room - taken, weigh_permission);
        permissions.sort_unstable();

        let mut map = said.map(&permissions, &domains);
        let permissions_cut = said.permissions.len() - permissions.len();
        let domains_cut = said.domains.len() - domains.len();
        for (reference, cut) in [
            ("permissions_ref", permissions_cut),
            ("domains_ref", domains_cut),
        ] {
            if cut > 0 {
                map.insert(reference.to_owned(), json!(user_key(&said.sub)));
            }
        }
        let scopes = scopes_of(&permissions);
        Self {
            bytes: encoded(&map, &scopes),
            bytes_uncut,
            map,
            scopes,
            permissions_cut,
            domains_cut,
        }
    }
}

impl Said {
    fn map(&self, permissions: &[String], domains: &[String]) -> Map<String, Value> {
        Map::from_iter([
            ("role".to_owned(), json!(self.role)),
            ("permissions".to_owned(), json!(permissions)),
            ("domains".to_owned(), json!(domains)),
        ])
    }
}

/// How many bytes of a token these make.
fn encoded(claims: &Map<String, Value>, scopes: &[String]) -> usize {
    let scope: usize = scopes.iter().map(|scope| scope.len() + 1).sum();
    ((json!(claims).to_string().len() + scope) * 4).div_ceil(3)
}

/// The elements before the first that doesn't fit.
fn fitting<'a>(
    elements: impl Iterator<Item = &'a String>,
    mut room: usize,
    weigh: impl Fn(&String) -> usize,
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

    fn said(permissions: &[&str], domains: usize) -> Said {
        Said {
            sub: "5f1c2a44-3f3e-4a0b-9c55-0a8f5d7e1b20".to_owned(),
            role: "admin".to_owned(),
            permissions: permissions.iter().map(|&text| text.to_owned()).collect(),
            domains: (0..domains)
                .map(|n| format!("company-{n:04}.example"))
                .collect(),
        }
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
        let claims = Claims::within(4096, false, said(&["a:read"], 2));
        let text = r#"{"domains":["company-0000.example","company-0001.example"],"permissions":["a:read"],"role":"admin"}"#;
        assert_eq!(json!(claims.map).to_string().len(), text.len());
        assert_eq!(claims.bytes, (text.len() * 4).div_ceil(3));
        assert_eq!((claims.permissions_cut, claims.domains_cut), (0, 0));
        assert_eq!(claims.map.len(), 3);
        assert!(claims.scopes.is_empty());
    }

    #[test]
    fn the_budget_holds_to_the_byte() {
        let exact = Claims::within(4096, true, said(&["a:read", "b:*"], 1)).bytes;
        let at = Claims::within(exact.max(256), true, said(&["a:read", "b:*"], 1));
        assert_eq!(at.permissions_cut, 0);
        for budget in [256, 300, 1000, 4096, 9999] {
            for as_scopes in [false, true] {
                for domains in [0, 1, 40, 2000] {
                    for permissions in [0, 1, 60, 3000] {
                        let mut said = said(&[], domains);
                        said.permissions = many(permissions);
                        let claims = Claims::within(budget, as_scopes, said);
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
    fn wildcards_stay_longest_and_nothing_is_invented() {
        let mut said = said(&["zebra:*"], 0);
        let all = many(500);
        said.permissions.splice(0..0, all.clone());
        let claims = Claims::within(1024, false, said);
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
        let mut both = said(&[], 1000);
        both.permissions = many(1000);
        let claims = Claims::within(4096, false, both);
        assert!(list(&claims, "permissions").len() > 50);
        assert!(list(&claims, "domains").len() > 20);

        let claims = Claims::within(4096, false, said(&["a:read"], 1000));
        assert_eq!(list(&claims, "permissions"), ["a:read"]);
        assert!(!claims.map.contains_key("permissions_ref"));
        assert!(
            list(&claims, "domains").len() > 100,
            "they get the room left"
        );
    }

    #[test]
    fn scopes_are_the_permissions_the_token_carries() {
        let mut said = said(&["openid", "with blank"], 0);
        said.permissions.extend(many(300));
        let claims = Claims::within(1024, true, said);
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
    fn no_claim_of_ours_is_reserved() {
        const RESERVED: [&str; 24] = [
            "acr",
            "amr",
            "at_hash",
            "aud",
            "auth_time",
            "azp",
            "client_id",
            "device_key",
            "event_id",
            "exp",
            "iat",
            "identities",
            "iss",
            "jti",
            "nbf",
            "nonce",
            "origin_jti",
            "scope",
            "sub",
            "token_use",
            "username",
            "version",
            "email",
            "email_verified",
        ];
        let mut said = said(&[], 1000);
        said.permissions = many(1000);
        for name in Claims::within(256, true, said).map.keys() {
            assert!(!RESERVED.contains(&name.as_str()), "{name}");
            assert!(!name.starts_with("cognito:") && !name.starts_with("dev:"));
        }
    }
}
