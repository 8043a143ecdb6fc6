//! The project file as a whole: what belongs to it alone, and its stages.
//!
//! The keys a stage can change are `stage::Settings`; at the top of the file they stand beside these,
//! and under `stages` below them. `stages` takes the two apart, so that neither is written twice.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::stage::Settings;
use super::tree::{At, Name};

/// A saasauth project: a sign-up and sign-in backend on AWS.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "saasauth.yaml")]
pub(super) struct File {
    /// The version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub(super) version: At<u32>,
    /// The project's name, the first part of every resource's name: 3-32 of a-z, 0-9 and `-`.
    #[schemars(regex(pattern = r"^[a-z][a-z0-9-]{1,30}[a-z0-9]$"))]
    pub(super) project: At<String>,
    /// Stages by name, each with what differs from the rest of the file. The stage `local` is
    /// always there; so is `dev` when this key is not.
    pub(super) stages: Option<BTreeMap<Name, Option<Settings>>>,
}

impl File {
    /// Keys that are no part of a stage.
    pub(super) const KEYS: [&'static str; 3] = ["version", "project", "stages"];
    /// Keys that must be there.
    pub(super) const REQUIRED: [&'static str; 2] = ["version", "project"];
}
