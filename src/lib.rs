//! From one file, `saasauth.yaml`, to a running sign-up and sign-in backend on AWS.
//!
//! Data flows one way. [`project`] reads the file into stages; [`topology`] turns a stage into the
//! resources that should exist; [`engine`] reads what is live through [`aws`]; [`plan`] is their
//! difference, pure and complete; the engine carries it out and tells what it does as events; [`ui`]
//! shows them. [`artifact`] builds the triggers and [`local`] runs the AWS stand-in of the stage
//! `local`, both with tools that [`tools`] finds or installs; [`verify`] uses a deployed stage as a user
//! would, [`people`] changes its users as an operator does, [`adopt`] writes the file of a user pool that somebody else made, [`doctor`] looks at what is around a deploy, and [`scaffold`] writes a new project and keeps our
//! part of it up to date. [`cli`] puts them together, a file for each command.
//!
//! What is decided without asking anybody is a crate of its own, [`saasauth_model`], whose manifest has
//! neither a network nor a terminal. Here, only `aws` knows the SDK and only `ui` writes to the screen;
//! what else may use what is a table in `tests/alone/layering.rs`, which holds the code to it.
//! `ARCHITECTURE.md` has the picture.
//!
//! [`project`]: saasauth_model::project
//! [`topology`]: saasauth_model::topology
//! [`plan`]: saasauth_model::plan

pub mod adopt;
pub mod artifact;
pub mod aws;
pub mod cli;
pub mod doctor;
pub mod engine;
pub mod local;
pub mod people;
pub mod scaffold;
pub mod tools;
pub mod ui;
pub mod verify;
