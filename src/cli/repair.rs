//! `saasauth repair`

use std::process::ExitCode;

use clap::Args;

use super::context::Context;
use super::deployed;
use crate::people::{self, RepairOptions};
use saasauth_model::error::{Error, Result};

/// Deliver what is still owed to users, and find those who were confirmed and have no record
#[derive(Debug, Args)]
pub(super) struct RepairArgs {
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Try deliveries that failed for good once more
    #[arg(long)]
    failed: bool,
    /// Confirm users whom no sign-up has recorded as if they had just signed up: domain, welcome, platforms;
    /// that means users made by an administrator, too
    #[arg(long)]
    confirm: bool,
}

pub(super) async fn run(args: RepairArgs, context: &Context) -> Result<ExitCode> {
    let (project, stage) = context.stage()?;
    let options = RepairOptions {
        dry_run: args.dry_run,
        failed: args.failed,
        confirm: args.confirm,
    };
    let deployed = deployed::open(context, &project, stage).await?;
    let repair = deployed::work(people::repair(&deployed, options)).await?;
    if context.global.json {
        context.ui.json(&repair.document(&deployed.stage.name))?;
    } else {
        context.ui.repair(&repair, &deployed.stage.name)?;
    }
    match Error::together(repair.errors) {
        Some(error) => Err(error),
        None => Ok(ExitCode::SUCCESS),
    }
}
