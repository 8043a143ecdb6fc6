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
        /// Whether an operator asks: then what could not be made yet is tried before its time. A function
        /// that doesn't know the word waits as it would have.
        #[serde(default, skip_serializing_if = "is_false")]
        asked: bool,
    },
    /// To record the user of this PostConfirmation event, and to deliver.
    Confirm { event: Event },
}

/// For serde, which hands out references.
fn is_false(value: &bool) -> bool {
    !*value
}

/// Of the sources of PostConfirmation, the one that means a new account. The other is a reset password.
pub const CONFIRM_SIGN_UP: &str = "PostConfirmation_ConfirmSignUp";

impl<'a, Event> Handover<'a, Event> {
    /// To deliver what is owed to this user.
    pub fn deliver(sub: &'a str) -> Self {
        Self::Deliver {
            sub: sub.into(),
            asked: false,
        }
    }

    /// The same, because an operator wants it now.
    pub fn asked(sub: &'a str) -> Self {
        Self::Deliver {
            sub: sub.into(),
            asked: true,
        }
    }
}
