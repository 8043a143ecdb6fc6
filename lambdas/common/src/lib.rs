//! What both triggers share: the events Cognito sends, the records they keep, their AWS clients, and
//! their log. Owns no decision of either trigger.

pub mod aws;
pub mod event;
pub mod failure;
pub mod handover;
pub mod http;
pub mod log;
pub mod metric;
pub mod pending;
pub mod permission;
pub mod record;

pub use event::Event;
pub use failure::{Setup, TriggerError};
pub use log::Log;
