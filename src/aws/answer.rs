//! What an error answer says, in whichever of AWS's protocols: its code, its words, and why a transaction was
//! cancelled.
//!
//! The SDK hands these out by operation, each under a type of its own. Deciding what an answer means needs
//! them for all operations alike, and before the operation's own type is known.

use aws_smithy_cbor::Decoder;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde_json::Value;

/// An answer that is an error. What it doesn't say is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Such as `ResourceNotFoundException`.
    pub(super) code: String,
    pub(super) message: String,
    /// One for each write of a cancelled transaction, `None` among them.
    pub(super) reasons: Vec<String>,
}

impl Answer {
    /// `None` for success.
    pub(super) fn of(response: &HttpResponse) -> Option<Self> {
        let status = response.status();
        if status.is_success() {
            return None;
        }
        let headers = response.headers();
        let body = response.body().bytes().unwrap_or_default();
        let mut answer = if headers.get("smithy-protocol") == Some("rpc-v2-cbor") {
            Self::of_cbor(body)
        } else if body.trim_ascii_start().starts_with(b"<") {
            Self::of_xml(&String::from_utf8_lossy(body))
        } else {
            Self::of_json(body)
        };
        answer.status = status.as_u16();
        // Where a REST service names the error.
        if let Some(code) = headers.get("x-amzn-errortype") {
            code.clone_into(&mut answer.code);
        }
        answer.code = bare(&answer.code).to_owned();
        Some(answer)
    }

    fn of_json(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |names: &[&str]| {
            let mut texts = names.iter().filter_map(|&name| body[name].as_str());
            texts.next().unwrap_or_default().to_owned()
        };
        let message = text(&["message", "Message"]);
        let reasons = match body["CancellationReasons"].as_array() {
            Some(reasons) => reasons
                .iter()
                .filter_map(|reason| reason["Code"].as_str().map(str::to_owned))
                .collect(),
            None => listed(&message),
        };
        Self {
            code: text(&["__type", "code", "Code"]),
            message,
            reasons,
            ..Self::default()
        }
    }

    /// The query protocol's, of which we need two elements without attributes.
    fn of_xml(body: &str) -> Self {
        let text = |name: &str| {
            let (_, rest) = body.split_once(&format!("<{name}>"))?;
            let (text, _) = rest.split_once(&format!("</{name}>"))?;
            Some(text.to_owned())
        };
        Self {
            code: text("Code").unwrap_or_default(),
            message: text("Message").unwrap_or_default(),
            ..Self::default()
        }
    }

    /// A map with texts under names; anything else in it is passed over.
    fn of_cbor(body: &[u8]) -> Self {
        let mut answer = Self::default();
        let mut decoder = Decoder::new(body);
        let Ok(length) = decoder.map() else {
            return answer;
        };
        // A map of unknown length ends by a mark that is no text.
        for _ in 0..length.unwrap_or(u64::MAX) {
            let Ok(name) = decoder.string() else { break };
            let field = match name.as_str() {
                "__type" => &mut answer.code,
                "message" | "Message" => &mut answer.message,
                _ if decoder.skip().is_ok() => continue,
                _ => break,
            };
            match decoder.string() {
                Ok(text) => *field = text,
                Err(_) => break,
            }
        }
        answer
    }
}

/// The reasons as the message has them: `… for specific reasons [None, ConditionalCheckFailed]`.
fn listed(message: &str) -> Vec<String> {
    let list = message
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    let reasons = list.map(|(list, _)| list.split(',')).into_iter().flatten();
    reasons.map(|reason| reason.trim().to_owned()).collect()
}

/// A code without the namespace before it and the address after it.
fn bare(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code)
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::body::SdkBody;
    use serde_json::json;

    use super::*;
    use crate::aws::replay::cbor;

    fn response(body: impl Into<SdkBody>) -> HttpResponse {
        HttpResponse::new(400.try_into().expect("a status"), body.into())
    }

    fn said(response: &HttpResponse) -> (String, String) {
        let answer = Answer::of(response).expect("it is an error");
        assert_eq!(answer.status, 400);
        (answer.code, answer.message)
    }

    #[test]
    fn every_protocol_says_the_same() {
        let expected = ("Throttling".to_owned(), "Rate exceeded".to_owned());
        let namespaced =
            json!({ "__type": "com.amazon.coral#Throttling", "message": "Rate exceeded" });
        assert_eq!(said(&response(namespaced.to_string())), expected);

        let mut rest = response(json!({ "Message": "Rate exceeded" }).to_string());
        let headers = rest.headers_mut();
        headers.insert("x-amzn-errortype", "Throttling:http://internal/");
        assert_eq!(said(&rest), expected);

        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code>\
                   <Message>Rate exceeded</Message></Error></ErrorResponse>";
        assert_eq!(said(&response(xml)), expected);

        let body = json!({ "other": [1], "__type": "a.b#Throttling", "message": "Rate exceeded" });
        let mut over_cbor = response(cbor::encode(&body));
        let headers = over_cbor.headers_mut();
        headers.insert("smithy-protocol", "rpc-v2-cbor");
        assert_eq!(said(&over_cbor), expected);
    }

    #[test]
    fn what_is_no_error_document_says_nothing() {
        for body in ["", "bad gateway", "<html>"] {
            assert_eq!(
                said(&response(body)),
                (String::new(), String::new()),
                "{body}"
            );
        }
    }

    #[test]
    fn the_reasons_of_a_cancelled_transaction_are_read() {
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "CancellationReasons": [{ "Code": "None" }, { "Code": "TransactionConflict", "Message": "busy" }],
        });
        let answer = Answer::of(&response(body.to_string())).expect("it is an error");
        assert_eq!(answer.code, "TransactionCanceledException");
        assert_eq!(answer.reasons, ["None", "TransactionConflict"]);

        let message = "Transaction cancelled, please refer cancellation reasons for specific reasons \
                       [ConditionalCheckFailed, None]";
        let body = json!({ "__type": "TransactionCanceledException", "message": message });
        let answer = Answer::of(&response(body.to_string())).expect("it is an error");
        assert_eq!(answer.reasons, ["ConditionalCheckFailed", "None"]);
    }
}
