//! The welcome mail, through SES.

use std::collections::BTreeMap;

use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Destination, EmailContent, Template};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use saasauth_contract::environment::WelcomeMail;
use saasauth_contract::mail::{LONGEST_VALUE, in_html, in_url};
use serde_json::json;

use super::delivery::{Done, Failure, Person};
use crate::log::redact;

/// Sends the mail. SES knows no idempotency token: when its answer is lost the mail may have gone out, and
/// trying again may send it twice. That is the one place where a welcome is made at least once.
pub(crate) async fn send(
    ses: &aws_sdk_sesv2::Client,
    mail: &WelcomeMail,
    person: &Person,
) -> Result<Done, Failure> {
    let email =
        (person.email.as_deref()).ok_or_else(|| Failure::lasting("the user has no address"))?;
    let data = json!(template_data(mail, person, email));
    let template = Template::builder()
        .template_name(template_name(mail, person))
        .template_data(data.to_string())
        .build();
    let request = ses
        .send_email()
        .from_email_address(&mail.from)
        .set_configuration_set_name(mail.configuration_set.clone())
        .destination(Destination::builder().to_addresses(email).build())
        .content(EmailContent::builder().template(template).build());
    let sent = match request.clone().send().await {
        // SES hung up while Lambda had the function frozen.
        Err(SdkError::DispatchFailure(why)) if !why.is_timeout() && !why.is_user() => {
            request.send().await
        }
        outcome => outcome,
    };
    sent.map(|_| Done::Delivered).map_err(|error| why(&error))
}

/// What a refusal means. Which errors there are, and their texts:
/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html> and
/// <https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html>.
fn why(error: &SdkError<SendEmailError>) -> Failure {
    let code = error.code().unwrap_or("no answer in time");
    let message = error.message().unwrap_or_default();
    let reason = match message {
        "" => format!("SES: {code}"),
        message => format!("SES: {code}: {}", redact(message)),
    };
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    if is_not_yet(code, message, status) {
        return Failure::not_yet(reason);
    }
    let passes = match (error, status) {
        // Never answered, or not by SES.
        (SdkError::ServiceError(_), Some(status)) => status == 429 || status >= 500,
        (SdkError::ConstructionFailure(_), _) => false,
        _ => true,
    };
    // Answered with 400 by some SES operations, and gone again after a while; the credentials of a
    // function expire and are renewed.
    const PASSING: [&str; 6] = [
        "TooManyRequestsException",
        "LimitExceededException",
        "Throttling",
        "ThrottlingException",
        "ExpiredTokenException",
        "RequestTimeout",
    ];
    if passes || PASSING.contains(&code) {
        Failure::passing(reason)
    } else {
        Failure::lasting(reason)
    }
}

/// Whether it is not the mail that is wrong, but something around it that an operator or time sees to.
fn is_not_yet(code: &str, message: &str, status: Option<u16>) -> bool {
    // What was asked for isn't there, or not permitted: the template and the role's policy of a deploy
    // moments ago, or ones that somebody took away.
    const MISSING: [&str; 5] = [
        "NotFoundException",
        "TemplateDoesNotExistException",
        "ConfigurationSetDoesNotExistException",
        "AccessDeniedException",
        "AccessDenied",
    ];
    match code {
        // Of sender and, in the sandbox, of whoever it is for; the code alone can mean the content, too.
        "MessageRejected" => message.contains("not verified"),
        "MailFromDomainNotVerifiedException" => true,
        // `AccountSendingPausedException`, `ConfigurationSetSendingPausedException`, and the one without either.
        code if code.ends_with("SendingPausedException") => true,
        code if MISSING.contains(&code) => true,
        // The credentials of the process, which are renewed with it.
        code if code.starts_with("ExpiredToken") => false,
        // The day's quota of mails counts the last 24 hours, so minutes are no help. The second's is.
        _ => message.contains("aily message quota") || matches!(status, Some(401 | 403)),
    }
}

/// The template in the user's language: the locale itself, else its language, else the default.
fn template_name(mail: &WelcomeMail, person: &Person) -> String {
    let locale = person
        .attributes
        .get("locale")
        .map(|locale| locale.replace('_', "-"));
    let locale = locale.as_deref().unwrap_or_default();
    let language = locale.split('-').next().unwrap_or_default();
    let known = |wanted: &str| {
        let mut locales = mail.locales.iter();
        locales.find(|known| known.replace('_', "-").eq_ignore_ascii_case(wanted))
    };
    match known(locale).or_else(|| known(language)) {
        Some(locale) => format!("{}-{locale}", mail.template),
        None => mail.template.clone(),
    }
}

/// What the template may name: the user's attributes and `email`, every field the template declares, and
/// a `name` in any case, since a greeting nearly always has one. Each also for HTML and for URLs, under the names that
/// [`saasauth_contract::mail`] gives them.
fn template_data(mail: &WelcomeMail, person: &Person, email: &str) -> BTreeMap<String, String> {
    let local_part = email.split('@').next().unwrap_or(email);
    let mut given: BTreeMap<&str, &str> = mail
        .fields
        .iter()
        .map(|field| (field.as_str(), ""))
        .collect();
    given.insert("name", local_part);
    let attributes = person.attributes.iter();
    given.extend(attributes.map(|(name, value)| (name.as_str(), value.as_str())));
    given.insert("email", email);
    let mut data = BTreeMap::new();
    for (name, value) in given {
        let value = plain(value);
        data.insert(in_html(name), escaped(&value));
        let encoded = utf8_percent_encode(&value, NON_ALPHANUMERIC);
        data.insert(in_url(name), encoded.to_string());
        data.insert(name.to_owned(), value);
    }
    data
}

/// A value as one line that shows what it is: no control characters, which could end a header; none that turn the
/// direction of what follows or hide; and not longer than a mail bears.
fn plain(value: &str) -> String {
    let is_hidden = |c: char| {
        matches!(
            c,
            // A zero-width joiner is part of emoji and of some scripts.
            '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
    };
    let is_break = |c: char| c.is_control() || c.is_whitespace();
    let shown: String = value.chars().filter(|c| !is_hidden(*c)).collect();
    let line = shown.split(is_break).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST_VALUE) {
        None => line,
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
    }
}

/// A value as text of HTML, or of an attribute in quotes of either kind.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> WelcomeMail {
        WelcomeMail {
            from: "hello@acme.com".to_owned(),
            template: "welcome".to_owned(),
            locales: vec!["de".to_owned(), "pt-BR".to_owned()],
            configuration_set: None,
            fields: vec!["company".to_owned()],
        }
    }

    fn person(attributes: &[(&str, &str)]) -> Person {
        Person {
            sub: "s-1".to_owned(),
            email: Some("ada@acme.com".to_owned()),
            attributes: attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Person::default()
        }
    }

    #[test]
    fn a_refusal_that_somebody_can_see_to_is_not_for_good() {
        const UNVERIFIED: &str = "Email address is not verified. The following identities failed the \
            check in region EU-WEST-1: ada@acme.com";
        for (code, message, status, expected) in [
            ("MessageRejected", UNVERIFIED, 400, true),
            (
                "MessageRejected",
                "Transaction failed: invalid content",
                400,
                false,
            ),
            ("MailFromDomainNotVerifiedException", "", 400, true),
            ("SendingPausedException", "", 400, true),
            ("AccountSendingPausedException", "", 400, true),
            ("AccountSuspendedException", "", 400, false),
            (
                "NotFoundException",
                "Template welcome does not exist",
                404,
                true,
            ),
            ("AccessDeniedException", "not authorized", 403, true),
            ("ExpiredTokenException", "expired", 403, false),
            (
                "TooManyRequestsException",
                "Daily message quota exceeded.",
                429,
                true,
            ),
            (
                "TooManyRequestsException",
                "Maximum sending rate exceeded.",
                429,
                false,
            ),
            ("BadRequestException", "Missing final '@domain'", 400, false),
        ] {
            let is = is_not_yet(code, message, Some(status));
            assert_eq!(is, expected, "{code}: {message}");
        }
    }

    #[test]
    fn a_template_finds_every_field_it_may_name() {
        let (mail, nameless) = (mail(), person(&[]));
        let data = template_data(&mail, &nameless, "ada@acme.com");
        assert_eq!(data["name"], "ada");
        assert_eq!(data["company"], "");
        assert_eq!(data["email"], "ada@acme.com");
    }

    #[test]
    fn what_strangers_write_is_text_wherever_it_goes() {
        let name = "<b onload='x'>\"A&B\"</b>\r\nBcc: all@acme.com\u{202e}\u{0} 👩\u{200d}💻";
        let (mail, ada) = (mail(), person(&[("name", name)]));
        let data = template_data(&mail, &ada, "ada@acme.com");
        assert_eq!(
            data["name"],
            "<b onload='x'>\"A&B\"</b> Bcc: all@acme.com 👩\u{200d}💻"
        );
        assert_eq!(
            data["name-html"],
            "&lt;b onload=&#39;x&#39;&gt;&quot;A&amp;B&quot;&lt;/b&gt; Bcc: all@acme.com 👩\u{200d}💻"
        );
        let url = &data["name-url"];
        assert!(
            url.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'%'),
            "{url}"
        );
        assert_eq!(data["email-url"], "ada%40acme%2Ecom");

        let long = "ä ".repeat(1024);
        let (mail, ada) = (self::mail(), person(&[("name", &long)]));
        let data = template_data(&mail, &ada, "ada@acme.com");
        assert_eq!(data["name"].chars().count(), LONGEST_VALUE);
        assert!(data["name"].ends_with("ä…"));
    }

    #[test]
    fn the_users_own_attributes_win() {
        let (mail, named) = (mail(), person(&[("name", "Ada"), ("company", "Engines")]));
        let data = template_data(&mail, &named, "ada@acme.com");
        assert_eq!((&*data["name"], &*data["company"]), ("Ada", "Engines"));
    }

    #[test]
    fn the_users_language_is_spoken_when_there_is_a_template_for_it() {
        for (locale, template) in [
            ("de", "welcome-de"),
            ("de-AT", "welcome-de"),
            ("pt_br", "welcome-pt-BR"),
            ("pt-PT", "welcome"),
            ("fr", "welcome"),
            ("", "welcome"),
        ] {
            let person = person(&[("locale", locale)]);
            assert_eq!(template_name(&mail(), &person), template, "{locale}");
        }
        assert_eq!(template_name(&mail(), &person(&[])), "welcome");
    }
}
