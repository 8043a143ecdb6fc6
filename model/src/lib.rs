//! The pure core of saasauth: what a project file asks for, and how to get there from what is live.
//!
//! Data flows one way. [`project`] reads the file into stages; [`topology`] turns a stage into the
//! resources that should exist; [`plan`] is their difference from what was found in AWS, as changes to
//! show and steps to carry out. [`resource`] is the vocabulary all of them share: one struct per
//! CloudFormation type. [`error`] is what they say when something is wrong.
//!
//! Nothing here asks AWS, waits, or writes to a terminal, and the manifest has no crate that could. The
//! same input gives the same answer, byte for byte.

pub mod error;
pub mod plan;
pub mod project;
pub mod resource;
pub mod topology;
