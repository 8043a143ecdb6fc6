//! `saasauth unlock`

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::ledger::read;
use crate::ui::time;
use saasauth_model::error::{Error, ErrorKind, Result};

/// Take away the lock of a deploy that will not end by itself
#[derive(Debug, Args)]
pub(super) struct UnlockArgs {
    /// Don't ask
    #[arg(long, short)]
    yes: bool,
}

pub(super) async fn run(args: UnlockArgs, context: &Context) -> Result<ExitCode> {
    let (_, stage) = context.stage()?;
    let (aws, _, ledger) = read(context, "could not read the lock").await?;
    let name = &stage.name;
    let Some(lock) = &ledger.lock else {
        if context.global.json {
            context
                .ui
                .json(&json!({ "stage": name, "unlocked": false, "lock": null }))?;
        } else {
            context
                .ui
                .success(&format!("nobody is deploying stage `{name}`"));
        }
        return Ok(ExitCode::SUCCESS);
    };
    let since = ledger.read.saturating_sub(lock.since);
    let owner = &lock.holder.owner;
    let held = ledger.held().is_some();
    context.ui.note(&match held {
        true => format!("`{owner}` has been deploying stage `{name}` for {since} s"),
        false => format!(
            "`{owner}` was cut off while deploying stage `{name}`, {since} s ago; the next deploy takes its lock over by itself"
        ),
    });
    if held {
        context.ui.warn(
            "if that deploy still runs, it stops before its next request; what it has begun is finished by the next deploy",
        );
    }
    if !args.yes {
        let question = format!("Take the lock of stage `{name}` from `{owner}`?");
        context
            .agreed("the lock was left alone", move |ui| ui.confirm(&question))
            .await?;
    }
    let unlocking = aws.unlock(lock);
    let unlocked = super::context::interruptible(async {
        unlocking
            .await
            .map_err(|fault| fault.while_doing("could not take the lock away"))
    });
    if !unlocked.await? {
        return Err(Error::new(
            ErrorKind::Locked,
            format!("the lock of stage `{name}` is another by now"),
        )
        .with_cause("that deploy ended, and maybe another began")
        .with_hint("run the same command again to see whose it is"));
    }
    if context.global.json {
        context.ui.json(&json!({
            "stage": name,
            "unlocked": true,
            "lock": { "owner": owner, "since": time(lock.since) },
        }))?;
    } else {
        context.ui.success(&format!("stage `{name}` is unlocked"));
        context.ui.hint(&format!(
            "finish what was begun: `saasauth deploy --stage {name}`"
        ));
    }
    Ok(ExitCode::SUCCESS)
}
