//! The PostConfirmation trigger: a person has just proved that an account is theirs.
//!
//! One transaction records the user, the company domain that the address belongs to, and the deliveries
//! the user is owed. Losing it fails the sign-up, since a user without a record is worth a second try.
//! The deliveries are handed to an asynchronous invocation of the same function, and the user waits no
//! longer. That invocation makes them; whichever fails stays on the record, and never touches the sign-up.

mod courier;
mod delivery;
mod handler;
mod platform;
mod secrets;
mod settings;
mod welcome;

pub use delivery::{Delivery, Person};
pub use handler::ConfirmUser;
pub use platform::Platform;
pub use settings::{Marketing, Settings, WelcomeMail};
