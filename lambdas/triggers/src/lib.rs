//! The Cognito triggers that saasauth deploys, as a library: a project's own crates are a `main` of one
//! line on top, and the hooks with the project's own code.
//!
//! ```no_run
//! struct Hooks;
//!
//! impl saasauth_triggers::generate_token::Hooks for Hooks {
//!     async fn claims(
//!         &self,
//!         request: &saasauth_triggers::generate_token::TokenRequest<'_>,
//!     ) -> Result<saasauth_triggers::generate_token::Claims, saasauth_triggers::generate_token::Veto> {
//!         let plan = request.extra("plan").unwrap_or("free");
//!         Ok(saasauth_triggers::generate_token::Claims::new().in_both("plan", plan))
//!     }
//! }
//!
//! fn main() -> Result<(), saasauth_triggers::Error> {
//!     saasauth_triggers::generate_token::run(Hooks)
//! }
//! ```
//!
//! [`confirm_user`] is the PostConfirmation trigger, [`generate_token`] the PreTokenGeneration one. What both
//! share is private: the events Cognito sends, the records they keep, their AWS clients, their log. What
//! they and the saasauth tool must agree on is `saasauth-contract`'s.
//!
//! **Whom to trust.** Hooks decide about people who may be attackers. Of all that a hook is shown, only
//! these were not chosen by the user: `sub`, `role`, `permissions`, `domains`, the groups, the app client,
//! what is called *verified*, and what a hook stored itself. Attributes, the user name and the client's
//! metadata are whatever somebody typed in; Cognito checks their length and no more.
//!
//! **A panic** in a hook ends the process and fails the sign-up or the sign-in. So does waiting for longer
//! than the time the hook is given. Both functions handle one event at a time on one thread: a hook waits
//! with `.await`, never by blocking.

#[cfg(feature = "runtime")]
mod aws;
#[cfg(feature = "runtime")]
pub mod confirm_user;
#[cfg(feature = "runtime")]
mod event;
#[cfg(feature = "runtime")]
mod failure;
#[cfg(feature = "runtime")]
pub mod generate_token;
#[cfg(feature = "runtime")]
mod handover;
#[cfg(feature = "runtime")]
mod http;
#[cfg(feature = "runtime")]
mod log;
#[cfg(feature = "runtime")]
mod metric;
#[cfg(feature = "runtime")]
mod pending;
#[cfg(feature = "runtime")]
mod process;
#[cfg(feature = "runtime")]
mod record;
#[cfg(feature = "runtime")]
mod registry;

/// Why a function could not start or go on.
#[cfg(feature = "runtime")]
pub use lambda_runtime::Error;
/// For values of claims.
#[cfg(feature = "runtime")]
pub use serde_json::{Value, json};

/// What the tests of this crate drive. No part of its surface: it changes without notice.
#[cfg(feature = "runtime")]
#[doc(hidden)]
pub mod internal {
    pub use crate::aws::{Aws, Signed};
    pub use crate::event::{Event, Request, UserAttributes};
    pub use crate::failure::TriggerError;
    pub use crate::log::Log;
    pub use crate::pending::stamp;
    pub use crate::record::text;
}

/// The files of this crate as they lie in a project: path and text.
///
/// A tool that is published by itself can't reach into this folder, so the crate hands them out.
#[cfg(feature = "sources")]
pub const SOURCES: &[(&str, &str)] = include!("../sources.rs");

/// The files of a project's own two crates as they begin, by their path within `lambdas/`.
#[cfg(feature = "sources")]
pub const STARTER: &[(&str, &str)] = include!("../starter.rs");
