//! What a new user is owed beyond the record, and how each is delivered. A platform more is an arm more.

use std::collections::BTreeMap;

use aws_sdk_sesv2::types::{Destination, EmailContent, Template};
use serde_json::Value;
use trigger_common::log::aws_failure;
use trigger_common::record::UserRecord;

use crate::settings::{Settings, WelcomeMail};

/// Something owed to a new user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The welcome mail, through SES.
    Welcome,
}

impl Delivery {
    /// Its name in the record's `pending` set.
    pub fn name(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
        }
    }

    /// What this project owes this user.
    pub fn owed(settings: &Settings, record: &UserRecord) -> Vec<Self> {
        let welcome = settings.welcome.is_some() && record.email.is_some();
        welcome.then_some(Self::Welcome).into_iter().collect()
    }

    /// Delivers it. The error is what the log says about it.
    pub(crate) async fn perform(
        self,
        ses: &aws_sdk_sesv2::Client,
        settings: &Settings,
        record: &UserRecord,
    ) -> Result<(), Value> {
        match (self, &settings.welcome, &record.email) {
            (Self::Welcome, Some(mail), Some(email)) => {
                send_welcome(ses, mail, record, email).await
            }
            // Owed by an earlier deployment, no longer by this one.
            (Self::Welcome, ..) => Ok(()),
        }
    }
}

async fn send_welcome(
    ses: &aws_sdk_sesv2::Client,
    mail: &WelcomeMail,
    record: &UserRecord,
    email: &str,
) -> Result<(), Value> {
    let data = Value::from_iter(template_data(mail, record, email));
    let template = Template::builder()
        .template_name(&mail.template)
        .template_data(data.to_string())
        .build();
    ses.send_email()
        .from_email_address(&mail.from)
        .set_configuration_set_name(mail.configuration_set.clone())
        .destination(Destination::builder().to_addresses(email).build())
        .content(EmailContent::builder().template(template).build())
        .send()
        .await
        .map(drop)
        .map_err(|error| aws_failure(&error))
}

/// What the template may name: the user's attributes and `email`, every field the template declares, and
/// a `name` in any case, since a greeting nearly always has one.
fn template_data<'a>(
    mail: &'a WelcomeMail,
    record: &'a UserRecord,
    email: &'a str,
) -> BTreeMap<&'a str, &'a str> {
    let local_part = email.split('@').next().unwrap_or(email);
    let mut data: BTreeMap<&str, &str> = mail
        .fields
        .iter()
        .map(|field| (field.as_str(), ""))
        .collect();
    data.insert("name", local_part);
    data.extend(
        record
            .attributes
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    data.insert("email", email);
    data
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn mail() -> WelcomeMail {
        WelcomeMail {
            from: "hello@acme.com".to_owned(),
            template: "welcome".to_owned(),
            configuration_set: None,
            fields: vec!["company".to_owned()],
        }
    }

    fn record(attributes: &[(&str, &str)]) -> UserRecord {
        UserRecord {
            sub: "s-1".to_owned(),
            email: Some("ada@acme.com".to_owned()),
            attributes: attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            role: "member".to_owned(),
            created_at: SystemTime::UNIX_EPOCH,
            pending: Vec::new(),
        }
    }

    #[test]
    fn a_template_finds_every_field_it_may_name() {
        let (mail, nameless) = (mail(), record(&[]));
        let data = template_data(&mail, &nameless, "ada@acme.com");
        assert_eq!(data["name"], "ada");
        assert_eq!(data["company"], "");
        assert_eq!(data["email"], "ada@acme.com");
    }

    #[test]
    fn the_users_own_attributes_win() {
        let (mail, named) = (mail(), record(&[("name", "Ada"), ("company", "Engines")]));
        let data = template_data(&mail, &named, "ada@acme.com");
        assert_eq!((data["name"], data["company"]), ("Ada", "Engines"));
    }

    #[test]
    fn nothing_is_owed_without_a_template_or_an_address() {
        let with_mail = Settings {
            permissions_table: "p".to_owned(),
            domains_table: "d".to_owned(),
            default_role: "member".to_owned(),
            welcome: Some(mail()),
        };
        let without_mail = Settings {
            welcome: None,
            ..with_mail.clone()
        };
        let by_phone = UserRecord {
            email: None,
            ..record(&[])
        };
        assert_eq!(
            Delivery::owed(&with_mail, &record(&[])),
            [Delivery::Welcome]
        );
        assert_eq!(Delivery::owed(&without_mail, &record(&[])), []);
        assert_eq!(Delivery::owed(&with_mail, &by_phone), []);
    }
}
