//! `saasauth build`

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::context::{Context, interruptible};
use saasauth_model::error::Result;

/// Build and zip the triggers; the same source gives the same bytes
#[derive(Debug, Args)]
pub(super) struct BuildArgs {}

pub(super) async fn run(_: BuildArgs, context: &Context) -> Result<ExitCode> {
    let (project, stage) = context.stage()?;
    let progress = context.ui.progress();
    let events = |event| progress.handle(event);
    let packages = interruptible(context.packages(&project, &stage, &events)).await;
    progress.finish();
    let packages = packages?;
    if context.global.json {
        let triggers: serde_json::Map<String, serde_json::Value> = packages
            .iter()
            .map(|(_, artifact)| {
                let size = artifact.size();
                let described = json!({
                    "sha256": artifact.sha256, "zip_bytes": size, "bootstrap_bytes": artifact.unzipped,
                });
                (artifact.name.clone(), described)
            })
            .collect();
        context
            .ui
            .json(&json!({ "stage": stage.name, "triggers": triggers }))?;
    } else {
        let rows: Vec<Vec<String>> = packages
            .iter()
            .map(|(_, artifact)| {
                vec![
                    artifact.name.clone(),
                    format!("{} KiB", artifact.size().div_ceil(1024)),
                    artifact.sha256.clone(),
                ]
            })
            .collect();
        context.ui.table(&["trigger", "zip", "sha256"], &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}
