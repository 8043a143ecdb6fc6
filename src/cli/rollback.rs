//! `saasauth rollback`

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use super::context::Context;
use super::deploy::{self, Allowances, Prepared, Read};
use super::revision::revision;
use super::turn::{self, Attempt, TurnOptions};
use crate::aws::ledger::Past;
use crate::aws::{Aws, Package};
use crate::engine::direct::{self, Cause, Turn};
use crate::engine::event::Event;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::plan::{Plan, Snapshot};
use saasauth_model::project::stage::Stage;
use saasauth_model::resource::{Kind, LogicalId};

/// Go back to what an earlier deploy left: settings, and the code of the functions
///
/// Users and their data stay. The project file is left alone: the next deploy of it goes forward again.
#[derive(Debug, Args)]
pub(super) struct RollbackArgs {
    /// To which deploy, by its number in `saasauth history`; by default to the one before
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    to: Option<u64>,
    /// Don't ask before carrying the plan out
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    allowances: Allowances,
    #[command(flatten)]
    turn: TurnOptions,
}

/// How many deploys back one is looked for that got to its end.
const FAR: usize = 100;

/// The history, the ledger and the snapshot are read before anything else.
const LEVELS_BEFORE: u32 = 2;

pub(super) async fn run(args: RollbackArgs, context: &Context) -> Result<ExitCode> {
    let began = Instant::now();
    let attempt = async |patience| {
        let (target, prepared) = prepare(&args, context).await?;
        let Prepared {
            aws, found, plan, ..
        } = &prepared;
        if !plan.is_empty() {
            if turn::turn(context, aws, found, patience).await? == Turn::After {
                return Ok(Attempt::After);
            }
            deploy::approve(args.yes, context, &prepared).await?;
        }
        let cause = Cause {
            command: "rollback",
            to: Some(target),
            undo: false,
            revision: prepared.revision.clone(),
        };
        let outcome = context.carry_out(aws, found, plan, cause).await?;
        Ok(Attempt::Done((target, prepared, outcome)))
    };
    let (target, prepared, outcome) = turn::in_turn(args.turn, attempt).await?;
    let done = format!("Rolled back to #{target}");
    deploy::report(context, prepared, &outcome, &done, began).await
}

/// Reads what that deploy left and what is there, and plans the way back.
async fn prepare(args: &RollbackArgs, context: &Context) -> Result<(u64, Prepared)> {
    let (project, stage) = context.stage()?;
    deploy::check_engine(&stage)?;
    let looking = context.look(async |events| {
        let connection = async {
            let aws = context.connect(&project, &stage, events).await?;
            direct::identify(&aws, &stage).await?;
            Ok(aws)
        };
        let revision = async { Ok(revision(&project.directory).await) };
        let (aws, revision) = tokio::try_join!(connection, revision)?;
        events(Event::Phase("reading what was deployed".to_owned()));
        let (target, past) = choose(&aws, &stage, args.to).await?;
        let found = direct::observe_past(&aws, &stage, &past, LEVELS_BEFORE).await?;
        Ok((target, past, aws, found, revision))
    });
    let (target, past, aws, found, revision) = looking.await?;
    let read = Read {
        stage,
        aws,
        found,
        revision,
    };
    let prepared = deploy::plan(context, read, &args.allowances, true).await?;
    let fetching =
        context.look(async |_| packages(&prepared.aws, &prepared.plan, &past, target).await);
    let packages = fetching.await?;
    let aws = prepared.aws.with_packages(packages);
    Ok((target, Prepared { aws, ..prepared }))
}

/// The deploy to go back to, and what it left.
async fn choose(aws: &Aws, stage: &Stage, wanted: Option<u64>) -> Result<(u64, Snapshot)> {
    let doing = "could not read the history";
    let target = match wanted {
        Some(wanted) => wanted,
        None => {
            let past = aws.history(FAR).await;
            let past = past.map_err(|fault| fault.while_doing(doing))?;
            before(&past).ok_or_else(|| {
                Error::new(
                    ErrorKind::Usage,
                    format!("stage `{}` has no earlier deploy to go back to", stage.name),
                )
                .with_hint(format!(
                    "see what was deployed: `saasauth history --stage {}`",
                    stage.name
                ))
            })?
        }
    };
    let snapshot = aws.read_snapshot(target).await;
    let snapshot = snapshot.map_err(|fault| fault.while_doing(doing))?;
    let snapshot = snapshot.ok_or_else(|| {
        Error::new(
            ErrorKind::Usage,
            format!("there is nothing to go back to of deploy #{target}"),
        )
        .with_cause("it is none of this stage's deploys that got to their end, or an earlier version of saasauth made it")
        .with_hint(format!(
            "see which were done: `saasauth history --stage {}`",
            stage.name
        ))
    })?;
    Ok((target, snapshot))
}

/// The number of the deploy before: of the one before the last that was done or, when something was tried since and failed, of
/// that one. Who goes back twice goes back two.
fn before(past: &[Past]) -> Option<u64> {
    let is_try = |past: &&Past| matches!(past.command.as_str(), "deploy" | "rollback" | "destroy");
    let last = past.iter().find(is_try)?;
    let mut states = past.iter().filter_map(Past::state);
    let current = states.next()?;
    // One that was taken back left what was there before.
    let is_left = last.state().is_some() || last.outcome == "rolled back";
    match is_left {
        true => states.find(|state| *state < current),
        false => Some(current),
    }
}

/// The code of then for the functions that run another, before anything is changed.
async fn packages(
    aws: &Aws,
    plan: &Plan,
    past: &Snapshot,
    target: u64,
) -> Result<BTreeMap<LogicalId, Package>> {
    let mut packages = BTreeMap::new();
    let functions = plan.changes.iter().filter(|change| {
        let mut properties = change.properties.iter();
        change.kind == Kind::Function && properties.any(|property| property.path == "Code")
    });
    for change in functions {
        let id = &change.logical_id;
        let digest = past.code.get(id).map(String::as_str).unwrap_or_default();
        let kept = match &change.physical_id {
            Some(function) => aws.kept_package(function, digest).await,
            None => Ok(None),
        };
        let kept =
            kept.map_err(|fault| fault.while_doing(format!("could not fetch the code of `{id}`")))?;
        let Some(package) = kept else {
            return Err(Error::refused(format!(
                "refused to go back to deploy #{target}: the code of `{id}` is not kept any more"
            ))
            .with_cause("Lambda keeps the last twenty versions of a function, and none of one that was deleted")
            .with_hint("check that deploy's revision out, and deploy it"));
        };
        packages.insert(id.clone(), package);
    }
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(entries: &[(u64, &str, &str, Option<u64>)]) -> Vec<Past> {
        let one = |&(number, command, outcome, to): &(u64, &str, &str, Option<u64>)| {
            let mut past = Past::default();
            past.number = Some(number);
            command.clone_into(&mut past.command);
            outcome.clone_into(&mut past.outcome);
            past.to = to;
            past
        };
        entries.iter().rev().map(one).collect()
    }

    #[test]
    fn going_back_goes_one_back_from_what_is_there() {
        let done = |number| (number, "deploy", "done", None);
        for (entries, expected) in [
            (vec![], None),
            (vec![done(1)], None),
            (vec![done(1), done(2)], Some(1)),
            // What failed left something of itself.
            (
                vec![done(1), done(2), (3, "deploy", "failed", None)],
                Some(2),
            ),
            (
                vec![done(1), done(2), (3, "deploy", "rolled back", None)],
                Some(1),
            ),
            (
                vec![done(1), (2, "refresh", "done", None), done(3)],
                Some(1),
            ),
            // Twice back is two back, and forward again is a deploy like another.
            (
                vec![done(1), done(2), (3, "rollback", "done", Some(1))],
                None,
            ),
            (
                vec![done(1), done(2), done(3), (4, "rollback", "done", Some(2))],
                Some(1),
            ),
            (
                vec![done(1), done(2), (3, "rollback", "done", Some(1)), done(4)],
                Some(1),
            ),
            (vec![(1, "deploy", "failed", None)], None),
        ] {
            assert_eq!(before(&past(&entries)), expected, "{entries:?}");
        }
    }
}
