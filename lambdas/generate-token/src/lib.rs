//! The PreTokenGeneration trigger: puts `role`, `permissions` and `domains` into both tokens.
//!
//! A token is made of what DynamoDB says at that moment. When it says nothing, no token is made: a guess
//! would either lock people out or let them in.

mod handler;
mod roles;
mod settings;

pub use handler::GenerateToken;
pub use settings::Settings;
