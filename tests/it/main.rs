//! The program as people use it: the real binary, third-party clients, the local cloud. What a module
//! alone can show is tested beside its code, what the binary alone can show in `tests/alone`.
//!
//! Every test has an AWS account and a project folder of its own, so all of them run at once on one
//! local cloud. Nothing has to be installed first; see [`support`].
#![expect(clippy::unwrap_used, reason = "a test panics to fail")]

mod support;

mod adopt;
mod build;
mod build_settings;
mod challenges;
mod claims;
mod crash;
mod delays;
mod deliveries;
mod doctor;
mod domains;
mod door;
mod drift;
mod encryption;
mod faults;
mod hooks;
mod init;
mod journey;
mod lifecycle;
mod local;
mod locks;
mod lost_answers;
mod moto;
mod neighbours;
mod permissions;
mod pool_bodies;
mod providers;
mod reach;
mod regions;
mod requests;
mod rollback;
mod second_factor;
mod sign_in_matrix;
mod speed;
mod strict;
mod strict_users;
mod synth;
mod tags;
mod terminal;
mod trouble;
mod upgrade;
mod users;
mod verify;
mod welcome_later;
