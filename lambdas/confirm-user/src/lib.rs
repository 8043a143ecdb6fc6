//! The PostConfirmation trigger: a person has just proved that an account is theirs.
//!
//! One write records the user, the company domain that the address belongs to, and the deliveries the
//! user is owed. Only then are these performed; whichever fails stays on the record and never fails the
//! sign-up. Losing the write does, since a user without a record is worth a second try.

mod delivery;
mod handler;
mod settings;

pub use delivery::Delivery;
pub use handler::ConfirmUser;
pub use settings::{Settings, WelcomeMail};
