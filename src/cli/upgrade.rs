//! `saasauth upgrade`

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::deploy::to_value;
use crate::scaffold::upgrade::{self, Upgrade};
use saasauth_model::error::{Error, Result};

/// Bring the triggers' library in the project to this saasauth's version
#[derive(Debug, Args)]
pub(super) struct UpgradeArgs {
    /// Don't ask before changing files
    #[arg(long, short)]
    yes: bool,
    /// Only say what would change
    #[arg(long)]
    dry_run: bool,
    /// Exit with 2 when something would change, 0 when nothing would
    #[arg(long, requires = "dry_run")]
    detailed_exitcode: bool,
    /// Overwrite edited files of the library as well, and keep a copy of each
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(args: UpgradeArgs, context: &Context) -> Result<ExitCode> {
    let upgrade = upgrade::plan(&context.project()?)?;
    if args.dry_run {
        context.ui.upgrade(&upgrade)?;
        report(context, &upgrade, false, None)?;
        let changes = args.detailed_exitcode && !upgrade.is_empty();
        return Ok(ExitCode::from(if changes { 2 } else { 0 }));
    }
    if !upgrade.is_empty() {
        approve(&args, context, &upgrade).await?;
    }
    let copies = upgrade::carry_out(&upgrade)?;
    if let Some(copies) = &copies {
        let copies = copies.display();
        context
            .ui
            .note(&format!("what was overwritten stays in `{copies}`"));
    }
    let done = if upgrade.is_empty() { "is" } else { "is now" };
    context.ui.success(&format!(
        "the library in `{}` {done} {}, this saasauth's",
        upgrade.folder.display(),
        upgrade.to
    ));
    let copies = copies.map(|copies| copies.display().to_string());
    report(context, &upgrade, true, copies)?;
    if !upgrade.is_empty() {
        context
            .ui
            .hint("see what a deploy of it changes: `saasauth diff`");
    }
    Ok(ExitCode::SUCCESS)
}

async fn approve(args: &UpgradeArgs, context: &Context, upgrade: &Upgrade) -> Result<()> {
    if let Some(refusal) = upgrade.refusal().filter(|_| !args.force) {
        context.ui.upgrade_refused(upgrade);
        return Err(refusal);
    }
    if args.yes {
        context.ui.upgrade_in_passing(upgrade);
        return Ok(());
    }
    context.ui.upgrade_to_approve(upgrade);
    let question = format!("Change these files in `{}`?", upgrade.folder.display());
    if context.ask(move |ui| ui.confirm(&question)).await? {
        Ok(())
    } else {
        Err(Error::refused("nothing was changed"))
    }
}

fn report(context: &Context, upgrade: &Upgrade, done: bool, copies: Option<String>) -> Result<()> {
    if !context.global.json {
        return Ok(());
    }
    let mut document = to_value(upgrade)?;
    document["done"] = json!(done);
    document["copies"] = json!(copies);
    context.ui.json(&document)
}
