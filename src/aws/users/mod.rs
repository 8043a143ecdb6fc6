//! The users of a stage: their accounts in the user pool, what both tables say of them, and what they
//! are owed.
//!
//! Every change of a record is on the condition that what it changes is still what was read, so that of
//! two people, or of a person and a trigger, neither undoes what the other did.

mod accounts;
mod deliveries;
mod failures;
mod items;
mod memberships;
mod records;
mod sign_in;
mod standing;

pub use accounts::Account;
pub use deliveries::Delivery;
pub use failures::Message;
pub use memberships::{Membership, Memberships};
pub use records::{Part, UserRecord};
pub use sign_in::{AppClient, SignedIn, Tokens};
pub use standing::Standing;

/// The two tables.
#[derive(Debug, Clone)]
pub struct Tables {
    /// Users and roles.
    pub permissions: String,
    /// Memberships.
    pub domains: String,
}

#[cfg(test)]
impl Tables {
    /// Tables for requests that are only looked at.
    fn of_tests() -> Self {
        Self {
            permissions: "p".to_owned(),
            domains: "d".to_owned(),
        }
    }
}
