//! The event of a Cognito trigger, as far as the triggers read it.
//!
//! Cognito adds fields over time and expects the event back, so whatever is not named here is kept as it
//! came. The published event types hold string claims only; ours carry arrays.
//!
//! Shapes: <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html>
//! and <https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html>.

use saasauth_contract::record;
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

impl Event {
    /// The user's name in the pool.
    pub fn username(&self) -> &str {
        let name = self.rest.get("userName").and_then(Value::as_str);
        name.unwrap_or_default()
    }

    /// The app client the user came through.
    pub fn client_id(&self) -> Option<&str> {
        self.rest.get("callerContext")?.get("clientId")?.as_str()
    }

    /// What the app sent along under this name.
    pub fn client_metadata(&self, name: &str) -> Option<&str> {
        let metadata = self.request.rest.get("clientMetadata")?;
        metadata.get(name)?.as_str()
    }

    /// The user's groups in the pool.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let groups = self.request.rest.get("groupConfiguration");
        let groups = groups.and_then(|groups| groups.get("groupsToOverride")?.as_array());
        groups.into_iter().flatten().filter_map(Value::as_str)
    }
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

/// An identity provider a user has come through.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Identity {
    /// Its name in the pool.
    #[serde(rename = "providerName")]
    pub(crate) provider: String,
    /// What it is, such as `Google`, `OIDC` or `SAML`.
    #[serde(rename = "providerType", default)]
    pub(crate) kind: String,
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
        self.get(record::SUB)
    }

    /// The email address.
    pub fn email(&self) -> Option<&str> {
        self.get(record::EMAIL)
    }

    /// The address, when Cognito has seen the user read mail there or the identity provider vouches for it.
    /// Any other proves nothing: anybody can sign up with anybody's.
    pub fn verified_email(&self) -> Option<&str> {
        self.email().filter(|_| self.is_verified("email_verified"))
    }

    /// The phone number, when Cognito has seen the user read a message sent there.
    pub fn verified_phone_number(&self) -> Option<&str> {
        self.get("phone_number")
            .filter(|_| self.is_verified("phone_number_verified"))
    }

    /// Nothing but this text says so.
    fn is_verified(&self, attribute: &str) -> bool {
        self.get(attribute) == Some("true")
    }

    /// The attributes that describe the user, under the names of the project file (`custom:` stripped);
    /// without identifiers, the email, and Cognito's own state.
    pub fn descriptive(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .filter_map(|(name, value)| Some((record::descriptive(name)?, value.as_str()?)))
    }

    /// An attribute by the project file's name (`company`), whether it is a standard one or the pool's own.
    pub fn named(&self, name: &str) -> Option<&str> {
        self.get(name)
            .or_else(|| self.get(&format!("{}{name}", record::CUSTOM_PREFIX)))
    }

    /// The identity providers the user has come through; none when the text says nothing that can be read.
    /// Cognito writes it, and lets no client do so.
    pub(crate) fn identities(&self) -> Vec<Identity> {
        let identities = self.get("identities").unwrap_or_default();
        serde_json::from_str(identities).unwrap_or_default()
    }

    /// Whether the user comes from an identity provider, such as Google, and so has never passed a
    /// confirmation of Cognito's own.
    pub fn is_federated(&self) -> bool {
        let identities = self.get("identities").unwrap_or_default().trim();
        self.get("cognito:user_status") == Some("EXTERNAL_PROVIDER")
            || !matches!(identities, "" | "[]")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attributes(given: Value) -> UserAttributes {
        serde_json::from_value(given).expect("they are an object")
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
    fn only_the_text_true_verifies_an_address() {
        for (value, verified) in [
            (json!("true"), true),
            (json!("True"), false),
            (json!("false"), false),
            (json!(true), false),
            (json!(null), false),
        ] {
            let given = json!({
                "email": "a@b.c", "email_verified": value,
                "phone_number": "+441632960961", "phone_number_verified": value,
            });
            let given = attributes(given);
            assert_eq!(given.verified_email().is_some(), verified, "{value}");
            assert_eq!(given.verified_phone_number().is_some(), verified, "{value}");
        }
        let nameless = attributes(json!({ "email_verified": "true" }));
        assert_eq!(nameless.verified_email(), None);
    }

    #[test]
    fn who_comes_from_a_provider_is_known_by_status_or_identities() {
        for (given, federated) in [
            (json!({ "cognito:user_status": "EXTERNAL_PROVIDER" }), true),
            (
                json!({ "identities": r#"[{"providerName":"Google"}]"# }),
                true,
            ),
            (json!({ "cognito:user_status": "CONFIRMED" }), false),
            (json!({ "identities": "[]" }), false),
            (json!({ "custom:identities": "[1]" }), false),
            (json!({}), false),
        ] {
            assert_eq!(
                attributes(given.clone()).is_federated(),
                federated,
                "{given}"
            );
        }
    }

    #[test]
    fn identities_are_read_whole_or_not_at_all() {
        let okta = r#"{"userId":"1","providerName":"Okta","providerType":"OIDC","issuer":null,"primary":true,"dateCreated":1}"#;
        let read = |text: &str| attributes(json!({ "identities": text })).identities();
        let known = Identity {
            provider: "Okta".to_owned(),
            kind: "OIDC".to_owned(),
        };
        assert_eq!(read(&format!("[{okta}]")), [known]);
        for unreadable in ["", "[]", "Google", r#"[{"providerName":1}]"#] {
            assert_eq!(read(unreadable), []);
        }
        assert_eq!(read(&format!("[{okta},{{}}]")), []);
        let own = json!({ "custom:identities": format!("[{okta}]") });
        assert_eq!(attributes(own).identities(), []);
    }

    #[test]
    fn an_attribute_is_found_by_the_project_files_name() {
        let given = attributes(json!({ "name": "Ada", "custom:company": "Engines" }));
        assert_eq!(given.named("name"), Some("Ada"));
        assert_eq!(given.named("company"), Some("Engines"));
        assert_eq!(given.named("other"), None);
    }
}
