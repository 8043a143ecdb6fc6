//! `saasauth ledger`

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::context::{Context, interruptible};
use super::deployed::check_account;
use crate::aws::ledger::{Document, Ledger};
use crate::aws::{Aws, Class};
use crate::engine::event::Event;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::project::Project;

/// Keep a copy of the record of what is deployed, and bring it back
#[derive(Debug, Args)]
pub(super) struct LedgerArgs {
    #[command(subcommand)]
    command: LedgerCommand,
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    /// Write all that the ledger says of the stage to standard output, as JSON
    Export,
    /// Write an export into a ledger that knows nothing of the stage
    ///
    /// For the day the table is lost. Without an export, a deploy finds what is there by tags and by name.
    Import {
        /// The export; `-` for standard input
        file: PathBuf,
    },
}

/// Far more than a stage of any size takes.
const LONGEST: u64 = 64 * 1024 * 1024;

pub(super) async fn run(args: LedgerArgs, context: &Context) -> Result<ExitCode> {
    match args.command {
        LedgerCommand::Export => export(context).await,
        LedgerCommand::Import { file } => import(context, &file).await,
    }
}

/// The stage's project, and what the ledger says of it.
pub(super) async fn read(context: &Context, doing: &str) -> Result<(Aws, Project, Ledger)> {
    let (project, stage) = context.stage()?;
    let (aws, ledger) = context
        .look(async |events| {
            let aws = context.connect(&project, &stage, events).await?;
            check_account(&aws, &stage).await?;
            let ledger = aws.read_ledger().await;
            Ok((aws, ledger.map_err(|fault| fault.while_doing(doing))?))
        })
        .await?;
    ledger.check_schema()?;
    Ok((aws, project, ledger))
}

async fn export(context: &Context) -> Result<ExitCode> {
    let doing = "could not export the ledger";
    let (aws, _, ledger) = read(context, doing).await?;
    if !ledger.exists || ledger.serial == 0 && ledger.records.is_empty() {
        let message = format!("the ledger knows nothing of stage `{}`", aws.owner().stage);
        return Err(Error::new(ErrorKind::Aws, message)
            .with_hint("deploy first, or check `--stage`, `--region` and `--profile`"));
    }
    let document = context.look(async |_| {
        let caller = aws
            .caller()
            .await
            .map_err(|fault| fault.while_doing(doing))?;
        let past = aws.history(usize::MAX).await;
        let past = past.map_err(|fault| fault.while_doing(doing))?;
        Ok(Document::of(&aws, caller.account, &ledger, past))
    });
    context.ui.json(&document.await?)?;
    Ok(ExitCode::SUCCESS)
}

async fn import(context: &Context, file: &Path) -> Result<ExitCode> {
    let document = parse(file)?;
    let doing = "could not import the ledger";
    let (aws, _, ledger) = read(context, doing).await?;
    let stage = &aws.owner().stage;
    let (account, tagged) = context
        .look(async |_| {
            let asked = futures::try_join!(aws.caller(), aws.tagged());
            let (caller, tagged) = asked.map_err(|fault| fault.while_doing(doing))?;
            Ok((caller.account, tagged))
        })
        .await?;
    for (what, theirs, ours) in [
        ("project", &document.project, &aws.owner().project),
        ("stage", &document.stage, stage),
        ("AWS account", &document.account, &account),
        ("region", &document.region, &aws.region().to_owned()),
    ] {
        if theirs != ours {
            return Err(
                Error::refused("refused to import the ledger of something else")
                    .with_cause(format!("its {what} is `{theirs}`, and this is `{ours}`"))
                    .with_hint("check `--stage`, `--region` and `--profile`"),
            );
        }
    }
    let (_, declared) = context.stage()?;
    let sender = declared.email.as_ref().map(|email| email.identity.as_str());
    if let Some((id, physical_id)) = document.stranger(&tagged, sender) {
        return Err(Error::refused(format!(
            "refused to import: `{id}` is said to be `{physical_id}`"
        ))
        .with_cause("neither its name nor its tags say that it is this stage's, and what the ledger has is deleted one day")
        .with_hint("without an import, `saasauth deploy` finds what is this stage's by tags and names"));
    }
    if !ledger.records.is_empty() {
        return Err(Error::refused(format!(
            "refused to import: the ledger knows {} resources of stage `{stage}`",
            ledger.records.len()
        ))
        .with_hint("nothing is lost there; `saasauth deploy` goes on from it"));
    }
    let importing = context.look(async |events| {
        let waiting = |what: &'static str| events(Event::Note(format!("waiting for {what}")));
        if !ledger.exists {
            let created = aws.create_ledger(&waiting).await;
            created.map_err(|fault| fault.while_doing("could not create the ledger table"))?;
        }
        aws.import_ledger(&ledger, &document)
            .await
            .map_err(|fault| match fault.class {
                Class::ConditionFailed => Error::new(
                    ErrorKind::Locked,
                    format!("stage `{stage}` is being deployed, or was in the meantime"),
                )
                .with_hint("run the same command again to see what is there now"),
                _ => fault.while_doing(doing),
            })
    });
    interruptible(importing).await?;
    if context.global.json {
        context.ui.json(&json!({
            "stage": stage,
            "resources": document.resources.len(),
            "deploys": document.deploys.len(),
        }))?;
    } else {
        context.ui.success(&format!(
            "the ledger knows {} resources of stage `{stage}` again",
            document.resources.len()
        ));
        context.ui.hint(&format!(
            "see what is there: `saasauth diff --stage {stage}`"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(file: &Path) -> Result<Document> {
    let doing = || format!("could not read `{}`", file.display());
    let mut text = String::new();
    let reading = match file.to_str() {
        Some("-") => std::io::stdin().take(LONGEST).read_to_string(&mut text),
        _ => std::fs::File::open(file)
            .and_then(|opened| opened.take(LONGEST).read_to_string(&mut text)),
    };
    reading.map_err(|error| Error::io(doing(), &error))?;
    let wrong = |cause: String| {
        Error::new(
            ErrorKind::Usage,
            format!("`{}` is no export of a ledger", file.display()),
        )
        .with_cause(cause)
        .with_hint("make one with `saasauth ledger export`")
    };
    let document: Document =
        serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if let Some(kind) = document.unknown().filter(|_| !document.is_later()) {
        return Err(wrong(format!("it has resources of type `{kind}`")));
    }
    if document.is_later() {
        return Err(
            Error::refused("a later version of saasauth wrote this export")
                .with_hint("update saasauth"),
        );
    }
    Ok(document)
}
