//! The program alone: what it says, writes and refuses without a network or an installed tool, and what it asks a server
//! of the test's own on the loopback.
//! These run before `tests/it` (Cargo takes test binaries by their names), in seconds.
#![expect(clippy::unwrap_used, reason = "a test panics to fail")]

mod check;
mod contract;
mod credentials;
mod doctor;
mod edges;
mod init;
mod layering;
mod modules;
mod packages;
#[path = "../support/server.rs"]
mod server;
mod support;
mod synth;
mod terminal;
mod upgrade;
mod workflows;
