//! The triggers' log: one JSON object a line on standard output, which Lambda hands to CloudWatch.
//!
//! Addresses and phone numbers never reach it: AWS quotes them in error messages, so every text is
//! searched for them, whoever wrote it.

use std::error::Error;
use std::io::Write;
use std::time::SystemTime;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;
use aws_smithy_types::date_time::{DateTime, Format};
use serde_json::{Map, Value, json};

/// Writes lines that carry the invocation's request ID.
#[derive(Debug, Clone)]
pub struct Log {
    request_id: String,
}

impl Log {
    /// The log of one invocation.
    pub fn new(request_id: &str) -> Self {
        Self {
            request_id: request_id.to_owned(),
        }
    }

    /// The log of the start of the process, before any invocation.
    pub fn init() -> Self {
        Self::new("init")
    }

    /// Something worth knowing. `fields` is an object, or null for none.
    pub fn info(&self, message: &str, fields: Value) {
        self.write("INFO", message, fields);
    }

    /// Something an operator should look at, that cost the user nothing.
    pub fn warn(&self, message: &str, fields: Value) {
        self.write("WARN", message, fields);
    }

    /// Something that cost the user something.
    pub fn error(&self, message: &str, fields: Value) {
        self.write("ERROR", message, fields);
    }

    fn write(&self, level: &str, message: &str, fields: Value) {
        let line = self.line(level, message, fields, SystemTime::now());
        // A log that cannot be written must not stop a sign-in.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }

    fn line(&self, level: &str, message: &str, fields: Value, at: SystemTime) -> Value {
        let mut line = match redacted(fields) {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        // `timestamp` and `level` are the names Lambda's own JSON logging filters by.
        let timestamp = DateTime::from(at).fmt(Format::DateTime).unwrap_or_default();
        line.insert("timestamp".to_owned(), json!(timestamp));
        line.insert("level".to_owned(), json!(level));
        line.insert("message".to_owned(), json!(message));
        line.insert("requestId".to_owned(), json!(self.request_id));
        Value::Object(line)
    }
}

/// What is known of a failed AWS request, as fields of a line.
pub(crate) fn aws_failure<E, R>(error: &SdkError<E, R>) -> Value
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug,
    SdkError<E, R>: RequestId + ProvideErrorMetadata + Error,
{
    json!({
        "error": error.code().unwrap_or("RequestFailed"),
        "reason": error.message().map_or_else(|| chain(error), str::to_owned),
        "awsRequestId": error.request_id(),
    })
}

/// An error and its causes in one line. Wrappers that only repeat their cause add nothing.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let reason = error.to_string();
        if !text.ends_with(&reason) {
            text.push_str(": ");
            text.push_str(&reason);
        }
        cause = error.source();
    }
    text
}

/// Two objects as one; of null nothing is added.
pub(crate) fn merged(mut fields: Value, more: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
        fields.extend(more);
    }
    fields
}

/// The value with every address and phone number in its texts replaced.
fn redacted(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(redact(&text)),
        Value::Array(values) => values.into_iter().map(redacted).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, redacted(value)))
            .collect(),
        other => other,
    }
}

/// The text with every address and phone number in it replaced.
pub(crate) fn redact(text: &str) -> String {
    let is_private = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        word.contains('@') || (word.contains('+') && digits >= 7)
    };
    text.split(' ')
        .map(|word| if is_private(word) { "[redacted]" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_level_time_and_request() {
        let line = Log::new("r-1").line("INFO", "done", json!({ "n": 1 }), SystemTime::UNIX_EPOCH);
        assert_eq!(
            line,
            json!({
                "timestamp": "1970-01-01T00:00:00Z",
                "level": "INFO",
                "message": "done",
                "requestId": "r-1",
                "n": 1,
            })
        );
    }

    #[test]
    fn addresses_and_numbers_never_reach_the_log() {
        let fields = json!({
            "reason": "Email address is not verified: ada@acme.com, (Ada <ada@acme.com>)",
            "deep": [{ "phone": "sent to +441632960961 today" }],
        });
        let line = Log::init()
            .line("WARN", "failed", fields, SystemTime::UNIX_EPOCH)
            .to_string();
        assert!(!line.contains("ada@"), "{line}");
        assert!(!line.contains("1632"), "{line}");
        assert!(line.contains("Email address is not verified:"), "{line}");
        assert!(line.contains("today"), "{line}");
    }
}
