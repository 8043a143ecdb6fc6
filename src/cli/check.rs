//! `saasauth check`

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::context::Context;
use crate::scaffold;
use saasauth_model::error::Result;

/// Check the project file, every stage, without a network
#[derive(Debug, Args)]
pub(super) struct CheckArgs {}

pub(super) fn run(_: CheckArgs, context: &Context) -> Result<ExitCode> {
    let project = context.project()?;
    let stages: Vec<&str> = project.stage_names().collect();
    for warning in project.warnings.iter().chain(&scaffold::warnings(&project)) {
        context.ui.warning(warning);
    }
    if context.global.json {
        context
            .ui
            .json(&json!({ "project": project.name, "stages": stages }))?;
    } else {
        context.ui.success(&format!(
            "`{}` is right for stages {}",
            project.path.display(),
            stages.join(", ")
        ));
    }
    Ok(ExitCode::SUCCESS)
}
