//! `saasauth diff`

use std::process::ExitCode;

use clap::Args;

use super::context::Context;
use super::deploy::{PlanOptions, Prepared, plan_document, prepare};
use saasauth_model::error::Result;

/// Show what a deploy would change
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// Exit with 2 when there are changes, 0 when there are none
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    options: PlanOptions,
}

pub(super) async fn run(args: DiffArgs, context: &Context) -> Result<ExitCode> {
    let Prepared { plan, .. } = prepare(context, &args.options).await?;
    if context.global.json {
        context.ui.json(&plan_document(&plan)?)?;
    } else {
        context.ui.diff(&plan)?;
    }
    Ok(if args.detailed_exitcode && !plan.is_empty() {
        ExitCode::from(2)
    } else {
        ExitCode::SUCCESS
    })
}
