//! `saasauth schema`

use std::process::ExitCode;

use clap::Args;

use super::context::Context;
use saasauth_model::error::Result;
use saasauth_model::project;

/// Print the JSON Schema of the project file, for editors
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {}

pub(super) fn run(_: SchemaArgs, context: &Context) -> Result<ExitCode> {
    let schema = project::schema();
    context.ui.data(&format!("{}\n", schema.trim_end()))?;
    Ok(ExitCode::SUCCESS)
}
