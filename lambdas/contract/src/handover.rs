//! What confirmUser is asked for by those who are not Cognito: itself, generateToken and the tool.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// The member by which a payload of ours is known, and which Cognito's events don't have.
pub const TAG: &str = "saasauth";

/// The payload of an asynchronous invocation. `Event` is what the caller has for a Cognito event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "saasauth", rename_all = "lowercase")]
pub enum Handover<'a, Event> {
    /// To deliver what is owed to the user of this `sub`.
    Deliver {
        #[serde(borrow)]
        sub: Cow<'a, str>,
    },
    /// To record the user of this PostConfirmation event, and to deliver.
    Confirm { event: Event },
}

/// Of the sources of PostConfirmation, the one that means a new account. The other is a reset password.
pub const CONFIRM_SIGN_UP: &str = "PostConfirmation_ConfirmSignUp";

impl<'a, Event> Handover<'a, Event> {
    /// To deliver what is owed to this user.
    pub fn deliver(sub: &'a str) -> Self {
        Self::Deliver { sub: sub.into() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_its_own_payloads_ask_for_something() {
        let event = json!({ "triggerSource": CONFIRM_SIGN_UP });
        let deliver = Handover::deliver("s-1");
        let confirm = Handover::Confirm {
            event: event.clone(),
        };
        for (asked, payload) in [
            (deliver, json!({ "saasauth": "deliver", "sub": "s-1" })),
            (confirm, json!({ "saasauth": "confirm", "event": event })),
        ] {
            assert_eq!(serde_json::to_value(&asked).expect("it is JSON"), payload);
            assert!(payload.get(TAG).is_some());
            assert_eq!(Handover::deserialize(&payload).expect("it is ours"), asked);
        }
        for foreign in [
            event,
            json!({ "saasauth": "repair", "sub": "s" }),
            json!({ "saasauth": "deliver" }),
            json!({ "saasauth": "confirm" }),
        ] {
            assert!(
                Handover::<Value>::deserialize(&foreign).is_err(),
                "{foreign}"
            );
        }
    }
}
