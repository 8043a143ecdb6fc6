//! The triggers: the event of PostConfirmation as Cognito documents it, who may be invoked with it, what
//! counts as its answer; and how the failure of a PreTokenGeneration trigger reads.
//!
//! Pure: sending is the caller's work. The event's shape is from the developer guide, "Post
//! confirmation Lambda trigger".

use std::collections::BTreeMap;

use axum::http::StatusCode;
use saasauth_contract::handover::CONFIRM_SIGN_UP;
use serde_json::{Map, Value, json};

/// What set the trigger off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TriggerSource {
    ConfirmSignUp,
    ConfirmForgotPassword,
}

impl TriggerSource {
    fn name(self) -> &'static str {
        match self {
            Self::ConfirmSignUp => CONFIRM_SIGN_UP,
            Self::ConfirmForgotPassword => "PostConfirmation_ConfirmForgotPassword",
        }
    }
}

/// What Cognito puts as the client of a call that names none, such as AdminConfirmSignUp.
pub(super) const NO_CLIENT: &str = "CLIENT_ID_NOT_APPLICABLE";

/// The facts an event is made of.
pub(super) struct PostConfirmation<'a> {
    pub(super) source: TriggerSource,
    pub(super) region: &'a str,
    pub(super) pool_id: &'a str,
    /// The pool's own username: a UUID where people sign in with an address.
    pub(super) username: &'a str,
    pub(super) client_id: &'a str,
    pub(super) status: &'a str,
    pub(super) attributes: &'a BTreeMap<String, String>,
    pub(super) client_metadata: Option<&'a Value>,
}

impl PostConfirmation<'_> {
    /// The event as Cognito sends it, every attribute a string.
    pub(super) fn event(&self) -> Value {
        let mut attributes: Map<String, Value> = self
            .attributes
            .iter()
            .map(|(name, value)| (name.clone(), Value::from(value.as_str())))
            .collect();
        attributes.insert("cognito:user_status".into(), self.status.into());
        // On AWS an address is unverified until proved; the emulator leaves the attribute out.
        for name in ["email", "phone_number"] {
            let verified = format!("{name}_verified");
            if attributes.contains_key(name) && !attributes.contains_key(&verified) {
                attributes.insert(verified, "false".into());
            }
        }
        let mut request = json!({ "userAttributes": attributes });
        // Cognito leaves the key out when the caller gave nothing.
        if let Some(metadata) = self.client_metadata.filter(|value| value.is_object()) {
            request["clientMetadata"] = metadata.clone();
        }
        json!({
            "version": "1",
            "region": self.region,
            "userPoolId": self.pool_id,
            "userName": self.username,
            "callerContext": {
                "awsSdkVersion": "aws-sdk-unknown-unknown",
                "clientId": self.client_id,
            },
            "triggerSource": self.source.name(),
            "request": request,
            "response": {},
        })
    }
}

/// Whether a trigger answered with the event it was given: "returns the same event object back to Amazon
/// Cognito with any changes in the response" (developer guide, "User pool Lambda trigger event").
pub(super) fn is_answer_to(event: &Value, payload: &Value) -> bool {
    payload.is_object()
        && payload.get("response").is_some_and(Value::is_object)
        && ["version", "triggerSource", "userPoolId", "userName"]
            .into_iter()
            .all(|name| payload.get(name) == event.get(name))
}

/// The error a PreTokenGeneration trigger ended a sign-in with. The emulator answers it as a fault
/// of its own; Cognito answers UserLambdaValidationException.
pub(super) fn token_trigger_failure(status: StatusCode, body: &Value) -> Option<String> {
    if !status.is_server_error() {
        return None;
    }
    let message = ["message", "Message"]
        .into_iter()
        .find_map(|name| body.get(name)?.as_str())?;
    let reason = message.split_once("PreTokenGeneration error: ")?.1;
    // What follows is the function's error in Python's spelling: {'errorMessage': '…', …}.
    let reason = reason
        .split_once("'errorMessage': ")
        .map_or(reason, |(_, rest)| rest);
    let quote = reason
        .chars()
        .next()
        .filter(|quote| ['\'', '"'].contains(quote));
    Some(match quote {
        Some(quote) => {
            let text = &reason[1..];
            let end = [format!("{quote}, '"), format!("{quote}}}")]
                .iter()
                .filter_map(|end| text.find(end.as_str()))
                .min();
            text[..end.unwrap_or(text.len())].to_owned()
        }
        None => reason.to_owned(),
    })
}

/// Whether a function's resource policy lets Cognito invoke it for this pool. On AWS a missing or
/// too narrow permission is the commonest reason for a dead trigger, and it shows at the first
/// confirmation only; so it must show here as well.
pub(super) fn permits_cognito(policy: &Value, pool_arn: &str) -> bool {
    let account = pool_arn.split(':').nth(4).unwrap_or_default();
    each(policy.get("Statement")).any(|statement| {
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && is_cognito(statement.get("Principal"))
            && each(statement.get("Action"))
                .filter_map(Value::as_str)
                .any(|action| {
                    ["lambda:InvokeFunction", "lambda:Invoke*", "lambda:*", "*"].contains(&action)
                })
            && conditions_hold(statement.get("Condition"), pool_arn, account)
    })
}

fn is_cognito(principal: Option<&Value>) -> bool {
    match principal {
        Some(Value::String(any)) => any == "*",
        Some(Value::Object(by_kind)) => {
            each(by_kind.get("Service")).any(|service| service == "cognito-idp.amazonaws.com")
        }
        _ => false,
    }
}

fn conditions_hold(conditions: Option<&Value>, pool_arn: &str, account: &str) -> bool {
    let Some(Value::Object(operators)) = conditions else {
        return true;
    };
    operators
        .values()
        .filter_map(Value::as_object)
        .flatten()
        .all(|(name, allowed)| {
            let actual = match name.to_ascii_lowercase().as_str() {
                "aws:sourcearn" => pool_arn,
                "aws:sourceaccount" => account,
                // A condition on anything else isn't met by a call from Cognito.
                _ => return false,
            };
            each(Some(allowed))
                .filter_map(Value::as_str)
                .any(|pattern| matches(pattern, actual))
        })
}

/// One value or a list of them: IAM's JSON allows both nearly everywhere.
fn each(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let list = value.and_then(Value::as_array).map(Vec::as_slice);
    let single = if list.is_some() { None } else { value };
    list.unwrap_or_default().iter().chain(single)
}

/// IAM's wildcards: `*` for any run of characters, `?` for one.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pattern_characters = pattern.chars();
    match pattern_characters.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = pattern_characters.as_str();
            text.char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .any(|at| matches(rest, &text[at..]))
        }
        Some(wanted) => {
            let mut text_characters = text.chars();
            text_characters
                .next()
                .is_some_and(|found| wanted == '?' || wanted == found)
                && matches(pattern_characters.as_str(), text_characters.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = "arn:aws:cognito-idp:eu-west-1:111122223333:userpool/eu-west-1_Abc";

    #[test]
    fn the_event_is_the_documented_one() {
        let attributes = BTreeMap::from([
            ("email".to_owned(), "bob@example.com".to_owned()),
            ("email_verified".to_owned(), "true".to_owned()),
            ("sub".to_owned(), "u-1".to_owned()),
        ]);
        let mut occasion = PostConfirmation {
            source: TriggerSource::ConfirmSignUp,
            region: "eu-west-1",
            pool_id: "eu-west-1_Abc",
            username: "u-1",
            client_id: "client",
            status: "CONFIRMED",
            attributes: &attributes,
            client_metadata: None,
        };
        assert_eq!(
            occasion.event(),
            json!({
                "version": "1",
                "region": "eu-west-1",
                "userPoolId": "eu-west-1_Abc",
                "userName": "u-1",
                "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client"},
                "triggerSource": "PostConfirmation_ConfirmSignUp",
                "request": {"userAttributes": {
                    "sub": "u-1",
                    "email": "bob@example.com",
                    "email_verified": "true",
                    "cognito:user_status": "CONFIRMED",
                }},
                "response": {},
            })
        );
        let unproved = BTreeMap::from([("email".to_owned(), "bob@example.com".to_owned())]);
        occasion.attributes = &unproved;
        assert_eq!(
            occasion.event()["request"]["userAttributes"]["email_verified"],
            "false"
        );
        let metadata = json!({"plan": "team"});
        occasion.client_metadata = Some(&metadata);
        assert_eq!(occasion.event()["request"]["clientMetadata"], metadata);
    }

    fn policy(statement: Value) -> Value {
        json!({"Version": "2012-10-17", "Statement": [statement]})
    }

    #[test]
    fn a_permission_for_the_pool_is_enough() {
        for condition in [
            json!({"ArnLike": {"AWS:SourceArn": POOL}}),
            json!({"ArnLike": {"AWS:SourceArn": POOL}, "StringEquals": {"AWS:SourceAccount": "111122223333"}}),
            json!({"ArnLike": {"aws:SourceArn": "arn:aws:cognito-idp:*:111122223333:userpool/*"}}),
        ] {
            let statement = json!({
                "Effect": "Allow",
                "Principal": {"Service": "cognito-idp.amazonaws.com"},
                "Action": "lambda:InvokeFunction",
                "Condition": condition,
            });
            assert!(permits_cognito(&policy(statement), POOL), "{condition}");
        }
    }

    #[test]
    fn anything_narrower_is_not() {
        let good = json!({
            "Effect": "Allow",
            "Principal": {"Service": "cognito-idp.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
        });
        for (key, value) in [
            ("Effect", json!("Deny")),
            ("Principal", json!({"Service": "sns.amazonaws.com"})),
            ("Action", json!("lambda:GetFunction")),
            (
                "Condition",
                json!({"ArnLike": {"AWS:SourceArn": format!("{POOL}x")}}),
            ),
            (
                "Condition",
                json!({"StringEquals": {"AWS:SourceAccount": "999999999999"}}),
            ),
        ] {
            let mut statement = good.clone();
            statement[key] = value;
            assert!(
                !permits_cognito(&policy(statement.clone()), POOL),
                "{statement}"
            );
        }
        assert!(!permits_cognito(&json!({}), POOL));
        assert!(permits_cognito(&policy(good), POOL));
    }

    #[test]
    fn wildcards_match_as_in_iam() {
        assert!(matches("a*c", "abbc"));
        assert!(matches("a?c", "abc"));
        assert!(!matches("a?c", "ac"));
        assert!(!matches("a*c", "abd"));
        assert!(matches("*", ""));
    }

    #[test]
    fn only_the_event_itself_is_an_answer() {
        let attributes = BTreeMap::new();
        let event = PostConfirmation {
            source: TriggerSource::ConfirmSignUp,
            region: "eu-west-1",
            pool_id: "eu-west-1_Abc",
            username: "u-1",
            client_id: "client",
            status: "CONFIRMED",
            attributes: &attributes,
            client_metadata: None,
        }
        .event();
        assert!(is_answer_to(&event, &event));
        let mut others = event.clone();
        others["userName"] = "u-2".into();
        let mut bare = event.clone();
        bare["response"] = Value::Null;
        for payload in [others, bare, json!({}), json!(null), json!("done")] {
            assert!(!is_answer_to(&event, &payload), "{payload}");
        }
    }

    #[test]
    fn a_failed_token_trigger_is_told_from_other_faults() {
        let failure =
            |status, message: &str| token_trigger_failure(status, &json!({ "message": message }));
        let fault = StatusCode::INTERNAL_SERVER_ERROR;
        assert_eq!(
            failure(
                fault,
                "PreTokenGeneration error: {'errorMessage': 'no table', 'errorType': 'X'}"
            )
            .as_deref(),
            Some("no table")
        );
        assert_eq!(
            failure(
                fault,
                "PreTokenGeneration error: {'errorType': 'X', 'errorMessage': \"can't\"}"
            )
            .as_deref(),
            Some("can't")
        );
        assert_eq!(
            failure(fault, "PreTokenGeneration error: None").as_deref(),
            Some("None")
        );
        assert_eq!(failure(fault, "out of memory"), None);
        assert_eq!(
            failure(StatusCode::BAD_REQUEST, "PreTokenGeneration error: x"),
            None
        );
    }
}
