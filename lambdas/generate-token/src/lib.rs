//! The PreTokenGeneration trigger: puts `role`, `permissions` and `domains` into both tokens.
//!
//! A token is made of what DynamoDB says at that moment. When it says nothing, no token is made: a guess
//! would either lock people out or let them in. One thing may be older: what a role permits, by at most
//! 60 seconds.
//!
//! A warm function waits for one round trip: the user's record, the user's domains and the roles due for
//! another look are read side by side. A second one follows for a role this process has not seen in a
//! minute, for a user who has no record yet, and, for 200 ms at most, when deliveries still
//! owed to the user are handed to confirmUser.

mod answer;
mod claims;
mod handler;
mod roles;
mod settings;
mod user;

pub use handler::GenerateToken;
pub use settings::Settings;
pub use user::DISABLED;
