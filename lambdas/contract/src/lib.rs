//! What the tool, the triggers and the verifier must agree on, each word of it once.
//!
//! | module | says |
//! |---|---|
//! | [`keys`] | how the items of both tables are found |
//! | [`record`] | what the items of both tables hold |
//! | [`delivery`] | what a user can be owed, and how each delivery stands on the user's record |
//! | [`handover`] | what confirmUser is asked for by those who are not Cognito |
//! | [`environment`] | the variables of both functions |
//! | [`federation`] | whose addresses an identity provider may vouch for |
//! | [`mail`] | what the values of the welcome mail are called |
//! | [`marketing`] | the settings of the marketing platforms |
//! | [`permission`] | what one permission covers |
//! | [`claims`] | the claims of a token, and how large they count |
//! | [`version`](mod@version) | which contract a package was built by |
//!
//! Owns words and their rules, and no request to anybody: it knows neither AWS nor JSON, only serde.

pub mod claims;
pub mod delivery;
pub mod environment;
pub mod federation;
pub mod handover;
pub mod keys;
pub mod mail;
pub mod marketing;
pub mod permission;
pub mod record;
pub mod version;

pub use version::{CONTRACT_VERSION, MARKER};

/// The files of this crate as they lie in a project: path and text.
///
/// A tool that is published by itself can't reach into this folder, so the crate hands them out.
#[cfg(feature = "sources")]
pub const SOURCES: &[(&str, &str)] = include!("../sources.rs");
