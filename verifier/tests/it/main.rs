//! The verifier from outside, in one binary.

#[cfg(feature = "axum")]
mod axum;
mod issuer;
mod vectors;
mod verifier;
