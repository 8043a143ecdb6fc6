//! `saasauth history`

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::context::Context;
use super::ledger::read;
use crate::aws::ledger::Past;
use crate::ui::time;
use saasauth_model::error::Result;

/// Show who deployed a stage when, from which revision, and how that ended
#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// How many of the latest
    #[arg(long, short = 'n', value_name = "COUNT", default_value = "20",
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    last: u16,
}

pub(super) async fn run(args: HistoryArgs, context: &Context) -> Result<ExitCode> {
    let (_, stage) = context.stage()?;
    let doing = "could not read the history";
    let (aws, _, ledger) = read(context, doing).await?;
    let past = context.look(async |_| {
        let past = aws.history(usize::from(args.last)).await;
        past.map_err(|fault| fault.while_doing(doing))
    });
    let past = match ledger.exists {
        true => past.await?,
        false => Vec::new(),
    };
    if context.global.json {
        let deploys: Vec<Value> = past.iter().map(document).collect();
        context
            .ui
            .json(&json!({ "stage": stage.name, "deploys": deploys }))?;
    } else if past.is_empty() {
        context
            .ui
            .note(&format!("stage `{}` was never deployed", stage.name));
    } else {
        // In narrow lines: a table of all that would be wider than a terminal.
        let lines: Vec<(String, String)> = past.iter().flat_map(lines).collect();
        context.ui.outputs(&lines)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn document(past: &Past) -> Value {
    let mut document = json!({
        "number": past.number,
        "command": past.command,
        "owner": past.owner,
        "started": time(past.started),
        "seconds": past.ended.saturating_sub(past.started),
        "result": past.outcome,
        "summary": past.summary,
        "revision": past.revision,
        "version": past.version,
    });
    if let Some(to) = past.to {
        document["to"] = to.into();
    }
    document
}

fn lines(past: &Past) -> [(String, String); 3] {
    let number = past.number.map(|number| format!("#{number}"));
    let revision = past.revision.as_ref().map(|revision| {
        let short: String = revision.commit.chars().take(10).collect();
        let mark = if revision.clean { "" } else { ", changed" };
        format!(", from {short}{mark}")
    });
    let to = past.to.map(|to| format!(" to #{to}")).unwrap_or_default();
    let is_something = |part: &&str| !part.starts_with("0 ");
    let changes: Vec<&str> = past.summary.split(", ").filter(is_something).collect();
    let seconds = past.ended.saturating_sub(past.started);
    let below = |line: String| (String::new(), line);
    [
        (
            number.unwrap_or_else(|| "#".to_owned()),
            format!(
                "{}  {}{to} {}",
                time(past.started),
                past.command,
                past.outcome
            ),
        ),
        below(format!("{} in {seconds} s", changes.join(", "))),
        below(format!("by {}{}", past.owner, revision.unwrap_or_default())),
    ]
}
