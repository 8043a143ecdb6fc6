//! `saasauth diff`

use std::process::ExitCode;

use clap::Args;

use super::context::Context;
use super::deploy::{PlanOptions, Prepared, drift_document, plan_document, prepare};
use saasauth_model::error::Result;

/// Show what a deploy would change
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// Exit with 2 when there are changes, 0 when there are none
    #[arg(long)]
    detailed_exitcode: bool,
    /// Show what others changed since the last deploy, and nothing else
    #[arg(long)]
    refresh_only: bool,
    #[command(flatten)]
    options: PlanOptions,
}

pub(super) async fn run(args: DiffArgs, context: &Context) -> Result<ExitCode> {
    let Prepared { plan, .. } = prepare(context, &args.options).await?;
    let is_empty = match args.refresh_only {
        true => plan.drift.is_empty(),
        false => plan.is_empty(),
    };
    match (context.global.json, args.refresh_only) {
        (true, true) => context.ui.json(&drift_document(&plan)?)?,
        (true, false) => context.ui.json(&plan_document(&plan)?)?,
        (false, true) => context.ui.drifted(&plan.drift)?,
        (false, false) => context.ui.diff(&plan)?,
    }
    Ok(if args.detailed_exitcode && !is_empty {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    })
}
