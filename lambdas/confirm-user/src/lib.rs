//! The PostConfirmation trigger: a person has just proved that an account is theirs.
//!
//! One transaction records the user, the company domain that the address belongs to, and the deliveries
//! the user is owed. The deliveries are handed to an asynchronous invocation of the same function, and the
//! user waits no longer. That invocation makes them; whichever fails stays on the record, and never touches
//! the sign-up. When the transaction itself can't be made, the whole event is handed over instead: Lambda
//! keeps and retries it. Only who gets through to neither DynamoDB nor Lambda fails the sign-up.

mod courier;
mod delivery;
mod handler;
mod platform;
mod registry;
mod secrets;
mod settings;
mod welcome;

pub use delivery::{Delivery, Person};
pub use handler::ConfirmUser;
pub use platform::Platform;
pub use settings::{Marketing, Settings, WelcomeMail};
