//! Whose word counts for an address: which company domains the users of an identity provider may join.
//!
//! A social provider has seen the user read mail at the address it calls verified. Any other is run by a
//! company, which may put any address into its assertions, another company's as well. Its word counts for
//! the domains listed for it, and for no other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The providers that vouch for any address. Cognito gives each of them its type as its name.
pub const SOCIAL: [&str; 4] = ["Google", "Facebook", "LoginWithAmazon", "SignInWithApple"];

/// The domains that each of the companies' own providers may vouch for.
///
/// As text: `Okta=acme.com acme.de;Corp=globex.com`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderDomains(BTreeMap<String, BTreeSet<String>>);

impl ProviderDomains {
    /// Lets a provider vouch for a domain. `false`, and nothing done, for one that is none, as the other
    /// names may be that a provider goes by, or a provider that can't be written down.
    pub fn add(&mut self, provider: &str, domain: &str) -> bool {
        let is_in_domains = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'-');
        let is_domain = !domain.is_empty() && domain.bytes().all(is_in_domains);
        if provider.is_empty() || provider.contains(['=', ';']) || !is_domain {
            return false;
        }
        let domains = self.0.entry(provider.to_owned()).or_default();
        domains.insert(domain.to_ascii_lowercase());
        true
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this provider's word counts for addresses of this domain. `kind` is Cognito's type of the
    /// provider, so that a company's own one can't pass for a social one by its name.
    pub fn may_vouch(&self, provider: &str, kind: &str, domain: &str) -> bool {
        let is_social = SOCIAL.contains(&kind) && provider == kind;
        let domains = self.0.get(provider);
        is_social || domains.is_some_and(|domains| domains.contains(&domain.to_ascii_lowercase()))
    }

    /// Reads the text form; `None` when it is something else.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut all = Self::default();
        for entry in text.split(';') {
            let (provider, domains) = entry.split_once('=')?;
            for domain in domains.split(' ') {
                all.add(provider, domain).then_some(())?;
            }
        }
        Some(all)
    }
}

impl fmt::Display for ProviderDomains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (provider, domains)) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { ";" };
            write!(f, "{separator}{provider}=")?;
            for (place, domain) in domains.iter().enumerate() {
                let separator = if place == 0 { "" } else { " " };
                write!(f, "{separator}{domain}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> ProviderDomains {
        let mut all = ProviderDomains::default();
        for (provider, domain) in [
            ("Okta", "acme.de"),
            ("Corp", "globex.com"),
            ("Okta", "Acme.com"),
        ] {
            assert!(all.add(provider, domain));
        }
        all
    }

    #[test]
    fn a_name_that_is_no_domain_is_left_out() {
        for (provider, name) in [
            ("Okta", "the acme account"),
            ("Okta", "a=b"),
            ("Okta", ""),
            ("Okta", "bücher.example"),
            ("a=b", "acme.com"),
            ("a;b", "acme.com"),
            ("", "acme.com"),
        ] {
            let mut all = ProviderDomains::default();
            assert!(
                !all.add(provider, name) && all.is_empty(),
                "{provider}, {name}"
            );
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = "Corp=globex.com;Okta=acme.com acme.de";
        assert_eq!(two().to_string(), text);
        assert_eq!(ProviderDomains::from_text(text), Some(two()));
        for bad in [
            "",
            "Okta",
            "Okta=",
            "=acme.com",
            "Okta=a  b",
            "a=b;",
            "a=b c=d",
        ] {
            assert_eq!(ProviderDomains::from_text(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_company_vouches_for_its_own_domains_alone() {
        for (provider, kind, domain, counts) in [
            ("Okta", "OIDC", "acme.com", true),
            ("Okta", "OIDC", "ACME.de", true),
            ("Okta", "OIDC", "globex.com", false),
            ("Okta", "OIDC", "mail.acme.com", false),
            ("Corp", "SAML", "globex.com", true),
            ("okta", "OIDC", "acme.com", false),
            ("Other", "OIDC", "acme.com", false),
            ("Google", "Google", "acme.com", true),
            ("SignInWithApple", "SignInWithApple", "acme.com", true),
            ("Google", "OIDC", "acme.com", false),
            ("Google", "", "acme.com", false),
            ("Corp", "Google", "acme.com", false),
        ] {
            assert_eq!(
                two().may_vouch(provider, kind, domain),
                counts,
                "{provider} of {kind} for {domain}"
            );
        }
    }
}
