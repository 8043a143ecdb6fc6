//! The local mailbox: everything the local cloud would have sent to a person, email and SMS alike.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The emulator's own note of a verification mail. It carries a fixed code; the front door sends
/// the real one, so this one is left out.
const REPLACED_TYPE: &str = "CognitoVerificationMessage";

/// The sender shown on an SMS.
const SMS_SENDER: &str = "SMS";

/// One message to one or more people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Email addresses, or one phone number.
    pub to: Vec<String>,
    /// The sender as given, or `SMS`.
    pub from: String,
    /// Empty for an SMS.
    pub subject: String,
    /// The plain text.
    pub text: Option<String>,
    /// The HTML, when the message has any.
    pub html: Option<String>,
    /// When it was sent, as RFC 3339 in UTC.
    pub sent_at: String,
    /// The AWS account it was sent in.
    #[serde(skip)]
    pub(super) account: String,
}

impl Mail {
    /// An email sent now.
    pub(super) fn email(
        account: &str,
        to: &str,
        from: &str,
        subject: String,
        text: String,
        html: Option<String>,
    ) -> Self {
        Self {
            to: vec![to.to_owned()],
            from: from.to_owned(),
            subject,
            text: Some(text),
            html,
            sent_at: rfc3339(OffsetDateTime::now_utc()),
            account: account.to_owned(),
        }
    }

    /// An SMS sent now.
    pub(super) fn sms(account: &str, number: &str, text: String) -> Self {
        Self::email(account, number, SMS_SENDER, String::new(), text, None)
    }

    /// Reads the emulator's list of what went out through SES: account to messages.
    pub(super) fn from_emulator(answer: &Value) -> Vec<Self> {
        let accounts = answer.get("messages").and_then(Value::as_object);
        accounts
            .into_iter()
            .flatten()
            .flat_map(|(account, messages)| {
                let messages = messages.as_array().map(Vec::as_slice).unwrap_or_default();
                messages
                    .iter()
                    .filter(|message| message["Type"] != REPLACED_TYPE)
                    .map(|message| Self::from_record(account, message))
            })
            .collect()
    }

    fn from_record(account: &str, record: &Value) -> Self {
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        let body = |name: &str| {
            text(name)
                .filter(|body| !body.is_empty())
                .map(str::to_owned)
        };
        let to = ["To", "CC", "BCC"]
            .into_iter()
            .filter_map(|name| record.get(name)?.as_array())
            .flatten()
            .filter_map(|address| address.as_str().map(str::to_owned))
            .collect();
        let seconds = record.get("Timestamp").and_then(Value::as_f64);
        // To the millisecond: a float of today's seconds holds no more than that reliably.
        let milliseconds = seconds.map(|seconds| (seconds * 1000.0) as i128);
        let sent = milliseconds
            .and_then(|value| OffsetDateTime::from_unix_timestamp_nanos(value * 1_000_000).ok())
            .unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self {
            to,
            from: text("Source").unwrap_or_default().to_owned(),
            subject: text("Subject").unwrap_or_default().to_owned(),
            text: body("BodyText"),
            html: body("BodyHtml"),
            sent_at: rfc3339(sent),
            account: account.to_owned(),
        }
    }
}

/// Always with three decimals, so that texts sort as times do.
fn rfc3339(time: OffsetDateTime) -> String {
    let format = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    time.format(format)
        .or_else(|_| time.format(&Rfc3339))
        .unwrap_or_default()
}

/// What the front door itself sent.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    sent: Mutex<Vec<Mail>>,
}

impl Mailbox {
    pub(super) fn put(&self, mail: Mail) {
        self.lock().push(mail);
    }

    /// Everything sent, oldest first, with `others` (the emulator's own) sorted in.
    pub(super) fn with(&self, others: Vec<Mail>) -> Vec<Mail> {
        let mut all = self.lock().clone();
        all.extend(others);
        all.sort_by(|a, b| a.sent_at.cmp(&b.sent_at));
        all
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Mail>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_emulators_mail_comes_without_its_verification_messages() {
        let answer = json!({"messages": {"111122223333": [
            {"To": ["a@b.c"], "CC": ["c@b.c"], "Source": "x@y.z", "Subject": "Welcome", "BodyText": "",
             "BodyHtml": "<p>hi</p>", "Timestamp": 1_700_000_000.25, "Type": "v2.SendEmail"},
            {"To": ["a@b.c"], "Source": "x", "Subject": "Code", "BodyText": "123456",
             "Timestamp": 1_700_000_001.0, "Type": "CognitoVerificationMessage"},
        ]}});
        let mails = Mail::from_emulator(&answer);
        assert_eq!(mails.len(), 1);
        assert_eq!(mails[0].account, "111122223333");
        assert_eq!(
            serde_json::to_value(&mails[0]).expect("plain data"),
            json!({"to": ["a@b.c", "c@b.c"], "from": "x@y.z", "subject": "Welcome", "text": null,
                   "html": "<p>hi</p>", "sent_at": "2023-11-14T22:13:20.250Z"})
        );
    }

    #[test]
    fn the_newest_comes_last_whoever_sent_it() {
        let mailbox = Mailbox::default();
        mailbox.put(Mail::sms("111122223333", "+1", "now".into()));
        let mut old = Mail::sms("111122223333", "+1", "before".into());
        old.sent_at = "2001-01-01T00:00:00.000Z".into();
        let texts: Vec<_> = mailbox
            .with(vec![old])
            .into_iter()
            .map(|mail| mail.text)
            .collect();
        assert_eq!(texts, [Some("before".into()), Some("now".into())]);
        mailbox.clear();
        assert!(mailbox.with(Vec::new()).is_empty());
    }
}
