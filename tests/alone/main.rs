//! The program alone: what it says, writes and refuses without a network, a server or an installed tool.
//! These run before `tests/it` (Cargo takes test binaries by their names), in seconds.
#![expect(clippy::unwrap_used, reason = "a test panics to fail")]

mod check;
mod contract;
mod init;
mod layering;
mod modules;
mod packages;
mod support;
mod synth;
mod terminal;
mod upgrade;
mod workflows;
