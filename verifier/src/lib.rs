//! Verifies Amazon Cognito tokens, and reads the permissions that saasauth's trigger put into them.
//!
//! A request costs one signature check and no lookup: the keys are fetched once and kept, everything else
//! is in the token.
//!
//! ```no_run
//! # async fn example(token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use saasauth_verifier::Verifier;
//!
//! let verifier = Verifier::builder("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE")
//!     .client_id("1example23456789")
//!     .build()?;
//! let claims = verifier.verify(token).await?;
//! if claims.allows("projects:read") { /* … */ }
//! # Ok(())
//! # }
//! ```
//!
//! What is checked, after <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html>:
//! the signature (RS256 and nothing else) by a key of the issuer, `iss`, `exp`, `nbf`, `token_use`, and
//! `client_id` of an access token or `aud` of an ID token. [`Builder::groups`], [`Builder::scopes`] and
//! [`Builder::check`] ask for more.
//!
//! An API of many tenants asks [`Claims::allows_in`], which knows the role in each domain.
//!
//! With the feature `axum`, the module `axum` has layers that answer 401 and 403 as RFC 6750 says.

#[cfg(feature = "axum")]
pub mod axum;
mod claims;
mod keys;
mod verifier;

pub use claims::{Claims, TokenUse};
pub use keys::REFETCH_INTERVAL;
pub use saasauth_contract::permission::covers;
pub use verifier::{BuildError, Builder, TokenKind, Verifier, VerifyError};
