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
        let headers = [
            "#", "when", "what", "who", "revision", "result", "seconds", "changes",
        ];
        let rows: Vec<Vec<String>> = past.iter().map(row).collect();
        context.ui.table(&headers, &rows)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn document(past: &Past) -> Value {
    json!({
        "number": past.number,
        "command": past.command,
        "owner": past.owner,
        "started": time(past.started),
        "seconds": past.ended.saturating_sub(past.started),
        "result": past.outcome,
        "summary": past.summary,
        "revision": past.revision,
        "version": past.version,
    })
}

fn row(past: &Past) -> Vec<String> {
    let revision = past.revision.as_ref().map(|revision| {
        let short: String = revision.commit.chars().take(10).collect();
        let mark = if revision.clean { "" } else { " (changed)" };
        format!("{short}{mark}")
    });
    vec![
        past.number
            .map(|number| number.to_string())
            .unwrap_or_default(),
        time(past.started),
        past.command.clone(),
        past.owner.clone(),
        revision.unwrap_or_default(),
        past.outcome.clone(),
        past.ended.saturating_sub(past.started).to_string(),
        past.summary.clone(),
    ]
}
