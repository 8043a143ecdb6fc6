//! Where a project's own code comes in when a token is made.

use std::time::Duration;

use saasauth_contract::claims::{OURS, is_reserved, takes_only_plain_values};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::event::Event;
use crate::failure::TriggerError;
use crate::log::Log;
use crate::record::{Item, text};

/// How long a sign-in waits for [`Hooks::claims`]. The reads before it and the start of a cold function
/// count against Cognito's five seconds, too.
const LONGEST: Duration = Duration::from_millis(2000);

/// The hooks took too long. Whether the user would have had a token is unknown, so there is none.
pub(crate) const LATE: TriggerError = TriggerError {
    kind: "HookTimeout",
    ..TriggerError::STORE_UNAVAILABLE
};

/// A project's own code for tokens. Each method has a default that does nothing; `()` has no hooks.
///
/// Tokens of machines (client credentials) pass by: there is no user to decide about.
pub trait Hooks {
    /// Claims to add to the user's tokens, or the veto against making any. Runs at every sign-in and every
    /// refresh, after the user's record was read and found active. The user waits for it; when it takes
    /// longer than 2 seconds, there is no token.
    fn claims(&self, _request: &TokenRequest<'_>) -> impl Future<Output = Result<Claims, Veto>> {
        async { Ok(Claims::new()) }
    }
}

impl Hooks for () {}

/// A user who is about to get tokens.
#[derive(Debug, Clone, Copy)]
pub struct TokenRequest<'a> {
    /// Identifies the user for good.
    pub sub: &'a str,
    /// The user's role.
    pub role: &'a str,
    /// Everything the user may do, before anything is cut to the budget.
    pub permissions: &'a [String],
    /// The company domains the user belongs to.
    pub domains: &'a [String],
    pub(super) event: &'a Event,
    pub(super) extra: Option<&'a Item>,
}

impl<'a> TokenRequest<'a> {
    /// Why tokens are made: `TokenGeneration_` and `HostedAuth`, `Authentication`, `NewPasswordChallenge`,
    /// `AuthenticateDevice` or `RefreshTokens`.
    pub fn trigger_source(&self) -> &'a str {
        &self.event.trigger_source
    }

    /// The app client they are made for.
    pub fn client_id(&self) -> Option<&'a str> {
        self.event.client_id()
    }

    /// The user's groups in the pool.
    pub fn groups(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.event.groups()
    }

    /// What confirmUser's hooks put on the user's record.
    pub fn extra(&self, name: &str) -> Option<&'a str> {
        text(self.extra?, name)
    }

    /// The address, when it is verified.
    pub fn verified_email(&self) -> Option<&'a str> {
        self.event.request.user_attributes.verified_email()
    }

    /// The phone number, when it is verified.
    pub fn verified_phone_number(&self) -> Option<&'a str> {
        self.event.request.user_attributes.verified_phone_number()
    }

    /// The name in the pool. **Not verified**: where users choose it, it is what somebody typed in.
    pub fn username(&self) -> &'a str {
        self.event.username()
    }

    /// An attribute, by the project file's name. **Not verified**: it is what somebody typed in, and the
    /// user may change it at any time where the app client may write it.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.event.request.user_attributes.named(name)
    }

    /// What the app sent along with the request. **Not verified**: anybody can send anything.
    pub fn client_metadata(&self, name: &str) -> Option<&'a str> {
        self.event.client_metadata(name)
    }
}

/// Claims to add. APIs read them without asking anybody, so write them such that a missing claim means no:
/// a claim without room in the [budget](https://github.com/saasauth/saasauth) is left out.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claims {
    pub(super) id: Map<String, Value>,
    pub(super) access: Map<String, Value>,
}

impl Claims {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a claim to the ID token, which is made for the app.
    #[must_use]
    pub fn in_id(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.id.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a claim to the access token, which is made for APIs.
    #[must_use]
    pub fn in_access(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.access.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a claim to both.
    #[must_use]
    pub fn in_both(self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.in_id(name, value.clone()).in_access(name, value)
    }

    /// Takes out what no hook may say: Cognito's reserved names, for which it would make no token at all,
    /// or for whose value it would, and ours, which say what was read from the tables. Gives the names back.
    fn refuse(&mut self) -> Vec<String> {
        let mut refused = Vec::new();
        for claims in [&mut self.id, &mut self.access] {
            claims.retain(|name, value| {
                let is_plain = !value.is_array() && !value.is_object();
                let fine = !is_reserved(name)
                    && !OURS.contains(&name.as_str())
                    && !value.is_null()
                    && (is_plain || !takes_only_plain_values(name));
                if !fine && !refused.contains(name) {
                    refused.push(name.clone());
                }
                fine
            });
        }
        refused
    }
}

/// No token for this user now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Veto(String);

impl Veto {
    /// The message reaches whoever is signing in: Cognito shows it as the text of a
    /// `UserLambdaValidationException`. Say nothing in it that only the user may know, since a stranger with
    /// a stolen password reads it, too.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl From<Veto> for TriggerError {
    fn from(Veto(message): Veto) -> Self {
        Self {
            kind: "HookVeto",
            message: message.into(),
        }
    }
}

/// Asks the hooks about a token.
pub(super) async fn ask(
    hooks: &impl Hooks,
    request: &TokenRequest<'_>,
    log: &Log,
) -> Result<Claims, TriggerError> {
    let answer = timeout(LONGEST, hooks.claims(request)).await;
    let Ok(answer) = answer else {
        log.error(
            "the hooks did not answer in time, so there is no token",
            json!({ "user": request.sub }),
        );
        return Err(LATE);
    };
    let mut claims = answer.map_err(|veto| {
        let fields = json!({ "user": request.sub, "reason": veto.0 });
        log.warn("a hook wants no token for the user", fields);
        TriggerError::from(veto)
    })?;
    let refused = claims.refuse();
    if !refused.is_empty() {
        let message = "claims of the hooks are left out: reserved, ours, null, or not plain where they must be";
        log.error(message, json!({ "user": request.sub, "claims": refused }));
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_hook_says_what_is_not_its_own_to_say() {
        let mut claims = Claims::new()
            .in_both("sub", "somebody else")
            .in_access("permissions", json!(["*"]))
            .in_access("domains_ref", "USER#1")
            .in_access("scope", "admin")
            .in_id("cognito:groups", json!(["admin"]))
            .in_id("nothing", Value::Null)
            .in_id("address", json!({ "country": "GB" }))
            .in_id("updated_at", 1)
            .in_both("plan", "pro");
        let mut refused = claims.refuse();
        refused.sort_unstable();
        assert_eq!(
            refused,
            [
                "address",
                "cognito:groups",
                "domains_ref",
                "nothing",
                "permissions",
                "scope",
                "sub"
            ]
        );
        let kept = Claims::new().in_id("updated_at", 1).in_both("plan", "pro");
        assert_eq!(claims, kept);
    }
}
