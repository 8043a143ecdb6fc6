//! From one file, `saasauth.yaml`, to a running sign-up and sign-in backend on AWS.
//!
//! Data flows one way. [`project`] reads the file into stages; [`topology`] turns a stage into the
//! resources that should exist; [`engine`] reads what is live through [`aws`]; [`plan`] is their
//! difference, pure and complete; the engine carries it out and tells what it does as events; [`ui`]
//! shows them. [`artifact`] builds the triggers and [`local`] runs the AWS stand-in of the stage
//! `local`, both with tools that [`tools`] finds or installs; [`verify`] uses a deployed stage as a user
//! would, [`people`] changes its users as an operator does, and [`scaffold`] writes a new project. [`resource`] is the vocabulary all of
//! them share: one struct per CloudFormation type.
//!
//! Dependencies point down that list and never back: `project`, `resource`, `topology` and `plan` know
//! neither the network nor the terminal, only `aws` knows the SDK, and only `ui` writes to the screen.

pub mod artifact;
pub mod aws;
pub mod cli;
pub mod engine;
pub mod local;
pub mod people;
pub mod scaffold;
pub mod tools;
pub mod ui;
pub mod verify;
