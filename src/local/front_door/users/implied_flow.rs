//! SRP within choice-based sign-in, for app clients that allow the latter alone.
//!
//! The API reference, UserPoolClientType, of ALLOW_USER_AUTH: "users can complete an SRP challenge through
//! USER_AUTH without the flow USER_SRP_AUTH being active for the app client". The emulator checks proofs
//! only for clients with that flow. So such a client has it there, and nobody is told.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::{Operation, ReplyResult};

const CHOICE: &str = "ALLOW_USER_AUTH";
const SRP: &str = "ALLOW_USER_SRP_AUTH";

/// The app clients that have the flow at the emulator alone.
#[derive(Debug, Default)]
pub(super) struct Implied {
    inner: Mutex<HashSet<String>>,
}

impl Implied {
    fn set(&self, client_id: &str, implied: bool) {
        let mut clients = self.lock();
        if implied {
            clients.insert(client_id.to_owned());
        } else {
            clients.remove(client_id);
        }
    }

    /// Takes the flow out of what is told of the client.
    pub(super) fn hide(&self, described: &mut Value) {
        let client_id = described["ClientId"].as_str().unwrap_or_default();
        if !self.lock().contains(client_id) {
            return;
        }
        if let Some(flows) = described["ExplicitAuthFlows"].as_array_mut() {
            flows.retain(|flow| flow != SRP);
        }
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The input of a client's create or update with the flow in it, where it is implied.
fn with_flow(input: &Value) -> Option<Value> {
    let flows = input["ExplicitAuthFlows"].as_array()?;
    let has = |flow: &str| flows.iter().any(|allowed| allowed == flow);
    (has(CHOICE) && !has(SRP)).then(|| {
        let mut input = input.clone();
        if let Some(flows) = input["ExplicitAuthFlows"].as_array_mut() {
            flows.push(json!(SRP));
        }
        input
    })
}

impl Operation<'_> {
    /// Creates, updates or describes an app client.
    pub(super) async fn app_client(&self) -> ReplyResult {
        let implied = &self.door.users.implied;
        let sent = with_flow(self.input);
        let reply = match &sent {
            Some(input) => self.send(self.action, input).await,
            None => self.door.upstream.forward(self.call).await,
        };
        let (true, Some(mut body)) = (reply.is_success(), reply.json()) else {
            return self.finish(reply);
        };
        let writes = self.action != "DescribeUserPoolClient"
            && self.input.get("ExplicitAuthFlows").is_some();
        if writes && let Some(client_id) = body["UserPoolClient"]["ClientId"].as_str() {
            implied.set(client_id, sent.is_some());
        }
        implied.hide(&mut body["UserPoolClient"]);
        Ok(reply.with_json(&body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flow_is_added_where_it_is_implied_and_told_to_nobody() {
        let input = |flows: Value| json!({ "ExplicitAuthFlows": flows });
        let sent = with_flow(&input(json!([CHOICE]))).expect("implied");
        assert_eq!(sent["ExplicitAuthFlows"], json!([CHOICE, SRP]));
        assert_eq!(with_flow(&input(json!([CHOICE, SRP]))), None);
        assert_eq!(with_flow(&input(json!([SRP]))), None);
        assert_eq!(with_flow(&json!({})), None);

        let implied = Implied::default();
        let told = |client_id: &str| {
            let mut described = sent.clone();
            described["ClientId"] = client_id.into();
            implied.hide(&mut described);
            described["ExplicitAuthFlows"].clone()
        };
        implied.set("c", true);
        assert_eq!(told("c"), json!([CHOICE]));
        assert_eq!(told("another"), json!([CHOICE, SRP]));
        implied.set("c", false);
        assert_eq!(told("c"), json!([CHOICE, SRP]));
    }
}
