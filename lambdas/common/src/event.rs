//! The event of a Cognito trigger, as far as the triggers read it.
//!
//! Cognito adds fields over time and expects the event back, so whatever is not named here is kept as it
//! came. The published event types hold string claims only; ours carry arrays.
//!
//! Shapes: <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html>
//! and <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html>.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A trigger event. The same value, its response filled, is the trigger's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// What made Cognito call, such as `PostConfirmation_ConfirmSignUp`.
    pub trigger_source: String,
    /// What Cognito tells.
    pub request: Request,
    /// What the trigger answers.
    #[serde(default)]
    pub response: Value,
    /// Everything else: version, region, userPoolId, userName, callerContext and what is yet to come.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The request half of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Empty for machine clients.
    #[serde(default)]
    pub user_attributes: UserAttributes,
    /// Everything else: groupConfiguration, scopes, clientMetadata and what is yet to come.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// A user's attributes, under Cognito's names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserAttributes(pub Map<String, Value>);

impl UserAttributes {
    /// An attribute by Cognito's name (`email`, `custom:company`). Cognito sends every value as text.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// The identifier that never changes and is never given to another user.
    pub fn sub(&self) -> Option<&str> {
        self.get("sub")
    }

    /// The email address.
    pub fn email(&self) -> Option<&str> {
        self.get("email")
    }

    /// Whether Cognito itself has seen the user read mail at the address.
    pub fn email_is_verified(&self) -> bool {
        self.get("email_verified") == Some("true")
    }

    /// The attributes that describe the user, under the names of the project file (`custom:` stripped);
    /// without identifiers, the email, and Cognito's own state.
    pub fn descriptive(&self) -> impl Iterator<Item = (&str, &str)> {
        const STATE: [&str; 5] = [
            "sub",
            "email",
            "email_verified",
            "phone_number_verified",
            "identities",
        ];
        self.0
            .iter()
            .filter(|(name, _)| !STATE.contains(&name.as_str()) && !name.starts_with("cognito:"))
            .filter_map(|(name, value)| {
                let name = name.strip_prefix("custom:").unwrap_or(name);
                Some((name, value.as_str()?))
            })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    const POST_CONFIRMATION: &str = include_str!("../fixtures/post-confirmation.json");
    const PRE_TOKEN: &str = include_str!("../fixtures/pre-token-generation-v2.json");

    #[test]
    fn an_event_comes_back_with_every_field_it_had() {
        for fixture in [POST_CONFIRMATION, PRE_TOKEN] {
            let sent: Value = serde_json::from_str(fixture).expect("the fixture is JSON");
            let event: Event = serde_json::from_value(sent.clone()).expect("it is an event");
            assert_eq!(serde_json::to_value(event).expect("it serialises"), sent);
        }
    }

    #[test]
    fn a_machine_event_without_attributes_is_an_event() {
        let event: Event = serde_json::from_value(json!({
            "triggerSource": "TokenGeneration_ClientCredentials",
            "request": { "scopes": ["api/read"] },
        }))
        .expect("attributes and response may be absent");
        assert_eq!(event.request.user_attributes.sub(), None);
    }

    #[test]
    fn descriptive_attributes_wear_the_project_files_names() {
        let event: Event = serde_json::from_str(POST_CONFIRMATION).expect("it is an event");
        let attributes: BTreeMap<_, _> = event.request.user_attributes.descriptive().collect();
        assert_eq!(
            attributes,
            BTreeMap::from([
                ("company", "Analytical Engines"),
                ("marketing_opt_in", "true"),
                ("name", "Ada Lovelace"),
            ])
        );
    }

    #[test]
    fn only_the_text_true_verifies_an_address() {
        for (value, verified) in [
            (json!("true"), true),
            (json!("false"), false),
            (json!(null), false),
        ] {
            let attributes = UserAttributes(Map::from_iter([("email_verified".to_owned(), value)]));
            assert_eq!(attributes.email_is_verified(), verified);
        }
    }
}
