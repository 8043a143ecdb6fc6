//! What a person receives: where a code goes, and the words of the pool's own template.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::mailbox::Mail;

/// The sender Cognito uses for a pool without one of its own.
const DEFAULT_SENDER: &str = "no-reply@verificationemail.com";
const DEFAULT_SUBJECT: &str = "Your verification code";
const DEFAULT_TEXT: &str = "Your verification code is {####}";
const DEFAULT_LINK_SUBJECT: &str = "Your verification link";
const DEFAULT_LINK_TEXT: &str =
    "Please click the link below to verify your email address. {##Verify Email##}";

pub(super) const EMAIL: &str = "email";
pub(super) const PHONE: &str = "phone_number";

/// Where a code is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contact {
    /// `email` or `phone_number`.
    pub(super) attribute: &'static str,
    pub(super) address: String,
}

impl Contact {
    /// Where the code of a sign-up goes; `None` when the pool verifies nothing the user has. With
    /// both verified and both given, Cognito sends one code, to the phone.
    pub(super) fn for_sign_up(pool: &Value, attributes: &BTreeMap<String, String>) -> Option<Self> {
        let verified = pool.get("AutoVerifiedAttributes")?.as_array()?;
        [PHONE, EMAIL]
            .into_iter()
            .filter(|name| verified.iter().any(|value| value == name))
            .find_map(|name| Self::of(name, attributes))
    }

    /// Where the code for a new password goes, by the pool's recovery setting; only a verified
    /// address will do. Without the setting, Cognito tries the phone first.
    pub(super) fn for_recovery(
        pool: &Value,
        attributes: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let mut ways: Vec<(i64, &'static str)> = pool
            .pointer("/AccountRecoverySetting/RecoveryMechanisms")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|way| {
                let name = match way.get("Name")?.as_str()? {
                    "verified_email" => EMAIL,
                    "verified_phone_number" => PHONE,
                    // `admin_only`: the person can't do it alone.
                    _ => "",
                };
                Some((way.get("Priority")?.as_i64()?, name))
            })
            .collect();
        if ways.is_empty() {
            ways = vec![(1, PHONE), (2, EMAIL)];
        }
        ways.sort_unstable();
        ways.into_iter()
            .filter(|(_, name)| {
                attributes
                    .get(&format!("{name}_verified"))
                    .is_some_and(|verified| verified == "true")
            })
            .find_map(|(_, name)| Self::of(name, attributes))
    }

    /// An address or a number that a user has.
    pub(super) fn of(
        attribute: &'static str,
        attributes: &BTreeMap<String, String>,
    ) -> Option<Self> {
        let address = attributes.get(attribute)?.clone();
        Some(Self { attribute, address })
    }

    /// The `CodeDeliveryDetails` of Cognito's answers: what was sent where, without giving the
    /// address away.
    pub(super) fn delivery_details(&self) -> Value {
        let (medium, destination) = if self.attribute == PHONE {
            ("SMS", masked_phone(&self.address))
        } else {
            ("EMAIL", masked_email(&self.address))
        };
        json!({
            "AttributeName": self.attribute,
            "DeliveryMedium": medium,
            "Destination": destination,
        })
    }
}

fn masked_email(address: &str) -> String {
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    let (name, domain) = address.split_once('@').unwrap_or((address, ""));
    format!("{}***@{}***", first(name), first(domain))
}

fn masked_phone(number: &str) -> String {
    let digits: Vec<char> = number.chars().filter(char::is_ascii_digit).collect();
    let shown = digits.len().saturating_sub(4);
    let tail: String = digits[shown..].iter().collect();
    format!("+{}{tail}", "*".repeat(shown))
}

/// A code to be told to somebody, or the link that carries it.
pub(super) struct Message<'a> {
    pub(super) pool: &'a Value,
    pub(super) contact: &'a Contact,
    /// What `{username}` stands for.
    pub(super) username: &'a str,
    pub(super) code: &'a str,
    /// Set where the pool verifies by link.
    pub(super) link: Option<&'a str>,
}

impl Message<'_> {
    /// The message in the pool's words, as an email or an SMS.
    pub(super) fn render(&self, account: &str) -> Mail {
        if self.contact.attribute == PHONE {
            let text = self
                .template("SmsMessage", Some("SmsVerificationMessage"))
                .unwrap_or(DEFAULT_TEXT);
            let text = self.fill(text, self.code);
            return Mail::sms(account, &self.contact.address, text);
        }
        let (subject, body) = if self.link.is_some() {
            (
                self.template("EmailSubjectByLink", None)
                    .unwrap_or(DEFAULT_LINK_SUBJECT),
                self.template("EmailMessageByLink", None)
                    .unwrap_or(DEFAULT_LINK_TEXT),
            )
        } else {
            (
                self.template("EmailSubject", Some("EmailVerificationSubject"))
                    .unwrap_or(DEFAULT_SUBJECT),
                self.template("EmailMessage", Some("EmailVerificationMessage"))
                    .unwrap_or(DEFAULT_TEXT),
            )
        };
        let from = self
            .pool
            .pointer("/EmailConfiguration/From")
            .and_then(Value::as_str)
            .unwrap_or(DEFAULT_SENDER);
        let body = self.fill(body, self.code);
        // Cognito sends every mail as HTML, so a link always becomes an anchor.
        let (html, text) = match self.link {
            Some(url) => {
                let escaped = url.replace('&', "&amp;");
                let html = with_link(&body, |words| format!("<a href=\"{escaped}\">{words}</a>"));
                let text = with_link(&body, |words| format!("{words}: {url}"));
                (Some(html), text)
            }
            None => (is_html(&body).then(|| body.clone()), body),
        };
        let text = if is_html(&text) {
            without_tags(&text)
        } else {
            text
        };
        Mail::email(
            account,
            &self.contact.address,
            from,
            self.fill(subject, self.code),
            text,
            html,
        )
    }

    /// A template's text: the current place first, then the older property of the pool itself.
    fn template(&self, name: &str, older: Option<&str>) -> Option<&str> {
        let current = self.pool.pointer("/VerificationMessageTemplate");
        current
            .and_then(|template| template.get(name))
            .or_else(|| self.pool.get(older?))
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    fn fill(&self, template: &str, code: &str) -> String {
        template
            .replace("{####}", code)
            .replace("{username}", self.username)
    }
}

/// Replaces every `{##words##}`; a template without any gets the link at its end.
fn with_link(body: &str, link: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = body;
    let mut found = false;
    while let Some((before, after)) = rest.split_once("{##") {
        let Some((words, tail)) = after.split_once("##}") else {
            break;
        };
        out.push_str(before);
        out.push_str(&link(words));
        rest = tail;
        found = true;
    }
    out.push_str(rest);
    if !found {
        out.push(' ');
        out.push_str(&link("Verify"));
    }
    out
}

fn is_html(text: &str) -> bool {
    text.split('<').skip(1).any(|rest| {
        rest.starts_with(|next: char| next.is_ascii_alphabetic() || "/!".contains(next))
    })
}

/// The words of an HTML text, good enough to find a code in.
fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for character in html.chars() {
        match character {
            '<' => {
                inside = true;
                text.push(' ');
            }
            '>' if inside => inside = false,
            _ if inside => {}
            other => text.push(other),
        }
    }
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn email() -> Contact {
        Contact {
            attribute: EMAIL,
            address: "bob@example.com".into(),
        }
    }

    fn render(pool: &Value, contact: &Contact, link: Option<&str>) -> Mail {
        let message = Message {
            pool,
            contact,
            username: "bob@example.com",
            code: "012345",
            link,
        };
        message.render("111122223333")
    }

    #[test]
    fn a_sign_up_code_goes_where_the_pool_verifies() {
        let both = user(&[(EMAIL, "a@b.c"), (PHONE, "+15550100")]);
        let attribute = |verified: Value, attributes: &BTreeMap<String, String>| {
            let pool = json!({ "AutoVerifiedAttributes": verified });
            Contact::for_sign_up(&pool, attributes).map(|contact| contact.attribute)
        };
        assert_eq!(attribute(json!(["email"]), &both), Some(EMAIL));
        assert_eq!(
            attribute(json!(["email", "phone_number"]), &both),
            Some(PHONE)
        );
        assert_eq!(
            attribute(json!(["email", "phone_number"]), &user(&[(EMAIL, "a@b.c")])),
            Some(EMAIL)
        );
        assert_eq!(attribute(json!([]), &both), None);
        assert_eq!(Contact::for_sign_up(&json!({}), &both), None);
    }

    #[test]
    fn recovery_wants_a_verified_address_in_the_pools_order() {
        let pool = json!({"AccountRecoverySetting": {"RecoveryMechanisms": [
            {"Name": "verified_phone_number", "Priority": 2},
            {"Name": "verified_email", "Priority": 1}]}});
        let attribute = |pool: &Value, pairs: &[(&str, &str)]| {
            Contact::for_recovery(pool, &user(pairs)).map(|contact| contact.attribute)
        };
        let phone = [(PHONE, "+15550100"), ("phone_number_verified", "true")];
        let unverified = [(EMAIL, "a@b.c"), ("email_verified", "false")];
        let verified = [(EMAIL, "a@b.c"), ("email_verified", "true")];
        assert_eq!(attribute(&pool, &[verified, phone].concat()), Some(EMAIL));
        assert_eq!(attribute(&pool, &[unverified, phone].concat()), Some(PHONE));
        assert_eq!(attribute(&pool, &unverified), None);
        assert_eq!(
            attribute(&json!({}), &[verified, phone].concat()),
            Some(PHONE)
        );
        let admin = json!({"AccountRecoverySetting": {"RecoveryMechanisms": [
            {"Name": "admin_only", "Priority": 1}]}});
        assert_eq!(attribute(&admin, &verified), None);
    }

    #[test]
    fn addresses_are_masked_as_cognito_does() {
        assert_eq!(
            email().delivery_details(),
            json!({"AttributeName": "email", "DeliveryMedium": "EMAIL", "Destination": "b***@e***"})
        );
        let phone = Contact {
            attribute: PHONE,
            address: "+15555550100".into(),
        };
        assert_eq!(
            phone.delivery_details(),
            json!({"AttributeName": "phone_number", "DeliveryMedium": "SMS", "Destination": "+*******0100"})
        );
    }

    #[test]
    fn the_pools_template_wins_over_its_older_properties_and_both_over_ours() {
        let mail = render(&json!({}), &email(), None);
        assert_eq!(
            mail.text.as_deref(),
            Some("Your verification code is 012345")
        );
        assert_eq!(mail.from, DEFAULT_SENDER);
        assert_eq!(mail.html, None);

        let older =
            json!({"EmailVerificationMessage": "Old {####}", "EmailVerificationSubject": "Hi"});
        let mail = render(&older, &email(), None);
        assert_eq!(
            (mail.text.as_deref(), mail.subject.as_str()),
            (Some("Old 012345"), "Hi")
        );

        let pool = json!({
            "EmailVerificationMessage": "Old {####}",
            "EmailConfiguration": {"From": "Acme <hello@acme.com>"},
            "VerificationMessageTemplate": {
                "EmailSubject": "Code for {username}",
                "EmailMessage": "<p>Your code: <b>{####}</b></p>",
            },
        });
        let mail = render(&pool, &email(), None);
        assert_eq!(mail.from, "Acme <hello@acme.com>");
        assert_eq!(mail.subject, "Code for bob@example.com");
        assert_eq!(
            mail.html.as_deref(),
            Some("<p>Your code: <b>012345</b></p>")
        );
        assert_eq!(mail.text.as_deref(), Some("Your code: 012345"));
    }

    #[test]
    fn a_link_becomes_an_anchor_and_its_text_keeps_the_address() {
        let pool = json!({"VerificationMessageTemplate": {"EmailMessageByLink": "Go {##here##}!"}});
        let mail = render(
            &pool,
            &email(),
            Some("http://127.0.0.1:1/confirmUser?a=1&b=2"),
        );
        assert_eq!(
            mail.html.as_deref(),
            Some("Go <a href=\"http://127.0.0.1:1/confirmUser?a=1&amp;b=2\">here</a>!")
        );
        assert_eq!(
            mail.text.as_deref(),
            Some("Go here: http://127.0.0.1:1/confirmUser?a=1&b=2!")
        );
    }

    #[test]
    fn an_sms_says_so() {
        let contact = Contact {
            attribute: PHONE,
            address: "+15555550100".into(),
        };
        let mail = render(
            &json!({"SmsVerificationMessage": "{####} it is"}),
            &contact,
            None,
        );
        assert_eq!(mail.from, "SMS");
        assert_eq!(mail.to, ["+15555550100"]);
        assert_eq!(mail.text.as_deref(), Some("012345 it is"));
    }
}
