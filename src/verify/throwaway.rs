//! The user who is signed up and deleted again: a name nobody has, a password the policy takes, and a
//! value for every attribute that must have one.

use std::collections::BTreeMap;

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};

use saasauth_model::project::stage::{
    AttributeType, Client, Password, SignIn, SignInName, Stage, VerifyBy, attribute_name,
};

const LOWERCASE: &[u8] = b"abcdefghijkmnopqrstuvwxyz";
const UPPERCASE: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
const DIGITS: &[u8] = b"23456789";
/// A few that Cognito counts as symbols.
const SYMBOLS: &[u8] = b"!@#%^*-_+=";

/// About 120 bits.
const PASSWORD_LENGTH: usize = 20;

/// A user for one run. Has no `Debug`: the password is never shown.
pub(super) struct ThrowawayUser {
    /// What the user signs in with.
    pub(super) username: String,
    pub(super) password: String,
    /// By Cognito's names.
    pub(super) attributes: BTreeMap<String, String>,
    /// The registered domain the user joins once the address is verified.
    pub(super) domain: Option<String>,
}

impl ThrowawayUser {
    /// Makes up a user who can sign up through `client`. `deliverable` is whether mail leaves this
    /// machine.
    pub(super) fn new(stage: &Stage, client: &Client, deliverable: bool) -> Self {
        let mut random = rand::rng();
        let name = format!("saasauth-verify-{:08x}", random.random::<u32>());
        let sign_in = &stage.sign_in;
        let has_email = sign_in.attributes.contains_key("email");
        let domain = stage.domains.keys().next().filter(|_| has_email);
        let domain = domain.map(ToString::to_string);
        let email = match &domain {
            Some(domain) => format!("{name}@{domain}"),
            // example.com takes no mail, and bounces count against the sender. SES keeps this address
            // for tests: it takes everything, even from an account in the sandbox.
            None if deliverable => format!("success+{name}@simulator.amazonses.com"),
            None => format!("{name}@example.com"),
        };
        // Numbers that are given to nobody, in any area.
        let phone_number = format!(
            "+1{}55501{:02}",
            random.random_range(201..=989),
            random.random_range(0..100)
        );
        let username = match sign_in.with.first().map(|name| **name) {
            Some(SignInName::Username) => name.clone(),
            Some(SignInName::Phone) if !sign_in.is_with(SignInName::Email) => phone_number.clone(),
            _ => email.clone(),
        };
        let mut attributes = required(sign_in, &name);
        if has_email {
            attributes.insert("email".to_owned(), email);
        }
        if let Some(number) = attributes.get_mut("phone_number") {
            *number = phone_number;
        }
        if let Some(opt_in) = stage.marketing.as_ref().map(|marketing| &marketing.opt_in)
            && client.write.contains(opt_in)
        {
            attributes.insert(attribute_name(opt_in), "false".to_owned());
        }
        let password = password(&sign_in.password, &mut random);
        let domain = domain.filter(|_| sign_in.verify.by == VerifyBy::Email);
        Self {
            username,
            password,
            attributes,
            domain,
        }
    }

    /// The attribute that is verified, and its value: where the code goes.
    pub(super) fn contact(&self, sign_in: &SignIn) -> (&'static str, &str) {
        let attribute = match *sign_in.verify.by {
            VerifyBy::Email => "email",
            VerifyBy::Sms => "phone_number",
        };
        (
            attribute,
            self.attributes.get(attribute).map_or("", String::as_str),
        )
    }

    pub(super) fn email(&self) -> Option<&str> {
        self.attributes.get("email").map(String::as_str)
    }
}

/// Plausible values for what sign-up fails without. Only standard attributes can be required.
fn required(sign_in: &SignIn, name: &str) -> BTreeMap<String, String> {
    sign_in
        .attributes
        .iter()
        .filter(|(_, attribute)| *attribute.required)
        .map(|(attribute, described)| {
            let value = match (attribute.as_str(), *described.kind) {
                ("birthdate", _) => "2000-01-31",
                ("phone_number", _) => "+15555550100",
                ("gender", _) => "unspecified",
                ("locale", _) => "en-US",
                ("zoneinfo", _) => "Europe/Berlin",
                ("picture" | "profile" | "website", _) => "https://example.com/",
                ("address", _) => "1 Main Street",
                ("preferred_username" | "nickname", _) => name,
                ("given_name", _) => "Verity",
                ("middle_name", _) => "Test",
                ("family_name", _) => "Throwaway",
                // The only standard one, `updated_at`: seconds since 1970.
                (_, AttributeType::Number) => "1700000000",
                _ => "Verity Throwaway",
            };
            (attribute.to_string(), value.to_owned())
        })
        .collect()
}

/// A random password with every kind of character, whatever the policy asks for.
fn password(policy: &Password, random: &mut impl Rng) -> String {
    let kinds = [LOWERCASE, UPPERCASE, DIGITS, SYMBOLS];
    let length =
        PASSWORD_LENGTH.max(usize::try_from(*policy.min_length).unwrap_or(PASSWORD_LENGTH));
    let all = kinds.concat();
    let mut characters: Vec<u8> = kinds
        .into_iter()
        .chain(std::iter::repeat_n(all.as_slice(), length - kinds.len()))
        .filter_map(|kind| kind.choose(random).copied())
        .collect();
    characters.shuffle(random);
    characters.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::tests::{stage, stage_with};

    fn user(stage: &Stage) -> ThrowawayUser {
        ThrowawayUser::new(stage, &stage.clients["web"], false)
    }

    #[test]
    fn a_password_has_every_kind_of_character_and_the_length_asked_for() {
        let mut random = rand::rng();
        for min_length in [6, 20, 99] {
            let policy = Password {
                min_length: min_length.into(),
                ..Password::default()
            };
            for _ in 0..50 {
                let made = password(&policy, &mut random);
                assert!(made.len() >= min_length as usize && made.len() >= PASSWORD_LENGTH);
                for kind in [LOWERCASE, UPPERCASE, DIGITS, SYMBOLS] {
                    assert!(made.bytes().any(|byte| kind.contains(&byte)), "{made}");
                }
            }
        }
    }

    #[test]
    fn the_user_joins_a_registered_domain() {
        let stage = stage_with("domains: { acme.com: { role: admin } }");
        let user = user(&stage);
        assert_eq!(user.domain.as_deref(), Some("acme.com"));
        assert!(user.username.starts_with("saasauth-verify-"));
        assert!(user.username.ends_with("@acme.com"));
        assert_eq!(user.email(), Some(user.username.as_str()));
        assert_eq!(
            user.contact(&stage.sign_in),
            ("email", user.username.as_str())
        );
    }

    #[test]
    fn without_a_domain_mail_goes_where_it_does_no_harm() {
        let stage = stage();
        assert!(user(&stage).username.ends_with("@example.com"));
        let sent = ThrowawayUser::new(&stage, &stage.clients["web"], true);
        assert!(sent.username.starts_with("success+saasauth-verify-"));
        assert!(sent.username.ends_with("@simulator.amazonses.com"));
    }

    #[test]
    fn every_required_attribute_has_a_value_of_its_own_shape() {
        let stage = stage_with(
            "sign_in: { attributes: { name: { required: true }, birthdate: { required: true }, website: { required: true } } }",
        );
        let user = user(&stage);
        assert_eq!(user.attributes["name"], "Verity Throwaway");
        assert_eq!(user.attributes["birthdate"], "2000-01-31");
        assert_eq!(user.attributes["website"], "https://example.com/");
        assert!(
            !user.attributes.contains_key("custom:company"),
            "nobody asks for it"
        );
    }

    #[test]
    fn a_user_who_signs_in_by_phone_is_reached_by_phone() {
        let stage = stage_with("sign_in: { with: [phone], verify: { by: sms } }, email: ~");
        let user = user(&stage);
        assert_eq!(user.username.len(), "+15555550100".len());
        assert_eq!(
            user.contact(&stage.sign_in),
            ("phone_number", user.username.as_str())
        );
        assert_eq!((user.email(), &user.domain), (None, &None));
    }

    #[test]
    fn the_user_opts_out_of_marketing() {
        let stage = stage_with(
            "marketing: { opt_in: marketing_opt_in, hubspot: { token: \"ssm:/hubspot\" } }",
        );
        assert_eq!(user(&stage).attributes["custom:marketing_opt_in"], "false");
    }
}
