//! What a new user is owed beyond the record: the welcome mail, and a word to each marketing platform.

use std::collections::BTreeMap;
use std::time::Duration;

use saasauth_contract::delivery::{WELCOME, goes_to_email};
use saasauth_contract::environment::WelcomeMail;
use saasauth_contract::record::{ATTRIBUTES, CREATED_AT, EMAIL, EMAIL_VERIFIED, EXTRA, ROLE};

use super::platform::Platform;
use super::settings::Settings;
use crate::record::{Item, is_set, text};

/// Whom something is delivered to, as the user's record says.
///
/// Of these the user chose the address and the attributes. Unless [`email_verified`](Self::email_verified) says so, the
/// address may be anybody's: nothing should be sent there, or told of its owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Person {
    /// Identifies the user for good.
    pub sub: String,
    /// Absent for users who sign in by phone or username alone.
    pub email: Option<String>,
    /// Whether the user has proved to own the address.
    pub email_verified: bool,
    /// Under the project file's names.
    pub attributes: BTreeMap<String, String>,
    /// What the project's hooks put on the record.
    pub extra: BTreeMap<String, String>,
    /// The user's role.
    pub role: String,
    /// RFC 3339.
    pub created_at: String,
}

/// Something owed to a new user, and how to deliver it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery<'a> {
    Welcome(&'a WelcomeMail),
    Platform(&'a Platform),
    /// One of the project's own, by its name there.
    Hook(&'a str),
}

/// How a delivery ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    Delivered,
    /// The person left this platform earlier, and is not brought back.
    LeftAlone,
}

/// Why a delivery was not made. The reason goes into the log and onto the record: it holds neither
/// addresses nor secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It may work later; not before this time has passed, if the other side named one.
    Passing {
        reason: String,
        after: Option<Duration>,
    },
    /// It can't work before somebody sees to it, elsewhere than in what is sent: verifies an address, sets
    /// a secret, makes a list.
    NotYet { reason: String },
    /// The same, and a rotated secret may be what has changed.
    Unauthorised { reason: String },
    /// It will never work as it is.
    Lasting { reason: String },
}

/// As far as Lambda's own retries reach: about a minute after the first attempt, and two after the second.
pub(crate) const RETRIES: Duration = Duration::from_secs(120);

/// How long something that can't work yet is left alone after so many attempts. At first Lambda's retries
/// find it: what a deploy has just made may only have to spread. Whoever has to verify a domain or to leave
/// the sandbox takes hours or days, and nobody shall be asked at every sign-in meanwhile.
pub(crate) fn patience(attempts: u32) -> Duration {
    const FIRST: Duration = Duration::from_secs(30);
    const SECOND: Duration = Duration::from_secs(90);
    const LATER: Duration = Duration::from_secs(15 * 60);
    const LONGEST: Duration = Duration::from_secs(6 * 3600);
    match attempts {
        0 | 1 => FIRST,
        2 => SECOND,
        _ => {
            let doubled = 2_u32.saturating_pow(attempts - 3);
            LATER.saturating_mul(doubled).min(LONGEST)
        }
    }
}

impl Failure {
    pub(crate) fn passing(reason: impl Into<String>) -> Self {
        Self::Passing {
            reason: reason.into(),
            after: None,
        }
    }

    pub(crate) fn not_yet(reason: impl Into<String>) -> Self {
        Self::NotYet {
            reason: reason.into(),
        }
    }

    pub(crate) fn lasting(reason: impl Into<String>) -> Self {
        Self::Lasting {
            reason: reason.into(),
        }
    }
}

impl Person {
    /// The user of a record.
    pub fn from_item(sub: &str, item: &Item) -> Self {
        let texts = |name| {
            let map = item.get(name).and_then(|map| map.as_m().ok());
            map.into_iter()
                .flatten()
                .filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone())))
                .collect()
        };
        let owned = |name| text(item, name).unwrap_or_default().to_owned();
        Self {
            sub: sub.to_owned(),
            email: text(item, EMAIL).map(str::to_owned),
            email_verified: is_set(item, EMAIL_VERIFIED),
            attributes: texts(ATTRIBUTES),
            extra: texts(EXTRA),
            role: owned(ROLE),
            created_at: owned(CREATED_AT),
        }
    }

    /// The values of these platform fields; what the user has not given is left out.
    pub(crate) fn fields<'a>(
        &'a self,
        map: &'a BTreeMap<String, String>,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        map.iter().filter_map(|(field, attribute)| {
            let value = match attribute.as_str() {
                EMAIL => self.email.as_deref()?,
                name => self.attributes.get(name)?,
            };
            Some((field.as_str(), value)).filter(|(_, value)| !value.is_empty())
        })
    }
}

impl Settings {
    /// The names of what this project owes such a user.
    pub fn owed(&self, email: Option<&str>, attributes: &BTreeMap<String, String>) -> Vec<String> {
        let welcome = self.welcome.iter().filter(|_| email.is_some());
        let told = self.marketing.iter().filter(|marketing| {
            let answer = attributes.get(&marketing.opt_in).map(String::as_str);
            answer == Some("true")
        });
        welcome
            .map(|_| WELCOME)
            .chain(
                told.flat_map(|marketing| &marketing.platforms)
                    .map(Platform::name)
                    .filter(|name| email.is_some() || !goes_to_email(name)),
            )
            .map(str::to_owned)
            .collect()
    }

    /// How to make the delivery of this name; `None` when an earlier deployment owed it and this one
    /// does not.
    pub fn delivery(&self, name: &str) -> Option<Delivery<'_>> {
        if name == WELCOME {
            return self.welcome.as_ref().map(Delivery::Welcome);
        }
        let platforms = self.marketing.iter().flat_map(|all| &all.platforms);
        let mut named = platforms.filter(|platform| platform.name() == name);
        named.next().map(Delivery::Platform)
    }
}

#[cfg(test)]
mod tests {
    use saasauth_contract::environment::Tables;
    use saasauth_contract::federation::ProviderDomains;

    use super::super::settings::Marketing;
    use super::*;

    fn settings() -> Settings {
        let marketing = r#"{"opt_in":"news","platforms":{
            "hubspot":{"token":"/h"},"webhook":{"url":"https://a.test","secret":"/s"}}}"#;
        Settings {
            tables: Tables {
                permissions: "p".to_owned(),
                domains: "d".to_owned(),
                default_role: "member".to_owned(),
            },
            function: None,
            welcome: Some(WelcomeMail {
                from: "hello@acme.com".to_owned(),
                template: "welcome".to_owned(),
                locales: Vec::new(),
                configuration_set: None,
                fields: Vec::new(),
            }),
            marketing: Some(Marketing::from_json(marketing)),
            provider_domains: ProviderDomains::default(),
        }
    }

    fn attributes(news: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("news".to_owned(), news.to_owned())])
    }

    #[test]
    fn only_who_opted_in_is_told_of() {
        let (settings, email) = (settings(), Some("ada@acme.com"));
        assert_eq!(
            settings.owed(email, &attributes("true")),
            ["welcome", "hubspot", "webhook"]
        );
        for answer in ["false", "", "yes", "TRUE"] {
            assert_eq!(settings.owed(email, &attributes(answer)), ["welcome"]);
        }
        assert_eq!(settings.owed(email, &BTreeMap::new()), ["welcome"]);
    }

    #[test]
    fn without_an_address_there_is_nothing_to_mail() {
        let owed = settings().owed(None, &attributes("true"));
        assert_eq!(owed, ["webhook"]);
    }

    #[test]
    fn what_is_no_longer_owed_has_no_delivery() {
        let settings = settings();
        assert!(settings.delivery("hubspot").is_some());
        assert_eq!(settings.delivery("mailchimp"), None);
    }

    #[test]
    fn what_can_not_work_yet_is_asked_for_more_and_more_rarely() {
        let minutes: Vec<u64> = (3..12).map(|n| patience(n).as_secs() / 60).collect();
        assert_eq!(minutes, [15, 30, 60, 120, 240, 360, 360, 360, 360]);
        assert_eq!(patience(u32::MAX), Duration::from_secs(6 * 3600));
        // Found by Lambda's retries, which come after one minute and two more.
        assert!(patience(1) < Duration::from_secs(60) && patience(2) < RETRIES);
    }

    #[test]
    fn fields_carry_what_the_user_gave() {
        let person = Person {
            sub: "s".to_owned(),
            email: Some("ada@acme.com".to_owned()),
            attributes: BTreeMap::from([
                ("name".to_owned(), "Ada".to_owned()),
                ("company".to_owned(), String::new()),
            ]),
            ..Person::default()
        };
        let map =
            ["name", "company", "plan", "email"].map(|name| (name.to_uppercase(), name.to_owned()));
        let map = BTreeMap::from(map);
        let fields: Vec<_> = person.fields(&map).collect();
        assert_eq!(fields, [("EMAIL", "ada@acme.com"), ("NAME", "Ada")]);
    }
}
