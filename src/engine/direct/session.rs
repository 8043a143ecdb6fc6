//! One deploy or destroy from the lock to its release.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use futures::future::Either;

use super::execute::{self, Interrupt};
use super::observe::{self, Found};
use crate::aws::ledger::{Deploy, LEASE, Ledger, Lock, Record, now};
use crate::aws::{Aws, Class, Fault, identity, trace};
use crate::engine::event::{Event, Events};
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::plan::{Action, Plan, Summary};
use saasauth_model::resource::LogicalId;

/// What came of a deploy or destroy.
#[derive(Debug)]
pub struct Outcome {
    /// Everything of ours now, by the ledger.
    pub records: BTreeMap<LogicalId, Record>,
}

/// A heartbeat goes out this often: two may get lost before the lease ends.
const HEARTBEAT: Duration = Duration::from_secs(LEASE.as_secs() / 3);

/// Carries a plan out under the stage's lock, and records what was done, however it ends.
pub async fn carry_out(
    aws: &Aws,
    found: &Found,
    plan: &Plan,
    command: &'static str,
    events: &Events<'_>,
    interrupt: &Interrupt,
) -> Result<Outcome> {
    let mut records = observe::complete(aws, found);
    let unrecorded = adopted(&records, &found.ledger);
    let stale = stale(&records, &found.ledger, plan);
    if plan.is_empty() && unrecorded.is_empty() && stale.is_empty() {
        return Ok(Outcome { records });
    }
    let (lock, level) = trace::scope("ledger", found.level, begin(aws, found, plan, events)).await;
    let lock = lock?;
    let started = now();

    let work = std::pin::pin!(execute::execute(aws, plan, events, interrupt, level));
    // The heartbeat has no end, so the work is what ends first.
    let heart = std::pin::pin!(beat(aws, &lock));
    let execution = match futures::future::select(work, heart).await {
        Either::Left((execution, _)) => execution,
        Either::Right((never, _)) => match never {},
    };

    let outcome = match (&execution.failures[..], execution.interrupted) {
        ([], false) => "done",
        (_, true) => "interrupted",
        _ => "failed",
    };
    let mut written = unrecorded;
    written.extend(execution.written.clone());
    written.retain(|id, _| !execution.removed.contains(id));
    let mut removed = execution.removed.clone();
    removed.extend(stale);
    let deploy = Deploy {
        command,
        owner: lock.owner.clone(),
        started,
        outcome,
        summary: describe(plan.summary()),
    };
    let (finished, _) = trace::scope(
        "ledger",
        execution.level,
        aws.finish(&lock, &written, &removed, &deploy),
    )
    .await;
    records.extend(written);
    for id in &removed {
        records.remove(id);
    }
    if let Some(error) = Error::together(execution.failures) {
        return Err(next_command(error, command, plan));
    }
    finished.map_err(|fault| fault.while_doing("could not write the ledger"))?;
    Ok(Outcome { records })
}

/// What is ours by its tags but not yet in the ledger.
fn adopted(records: &BTreeMap<LogicalId, Record>, ledger: &Ledger) -> BTreeMap<LogicalId, Record> {
    records
        .iter()
        .filter(|(id, record)| {
            ledger
                .records
                .get(*id)
                .is_none_or(|known| known.physical_id != record.physical_id)
        })
        .map(|(id, record)| (id.clone(), record.clone()))
        .collect()
}

/// Recorded before it was made, never made, and not about to be: there is nothing behind it.
fn stale(records: &BTreeMap<LogicalId, Record>, ledger: &Ledger, plan: &Plan) -> Vec<LogicalId> {
    let known = ledger.records.keys();
    known
        .filter(|id| !records.contains_key(*id) && !plan.resources.contains_key(*id))
        .cloned()
        .collect()
}

async fn begin(aws: &Aws, found: &Found, plan: &Plan, events: &Events<'_>) -> Result<Lock> {
    let waiting = |what: &'static str| events(Event::Note(format!("waiting for {what}")));
    if !found.ledger.exists {
        aws.create_ledger(&waiting)
            .await
            .map_err(|fault| fault.while_doing("could not create the ledger table"))?;
    }
    let lock = Lock::new(who());
    let intents = intents(plan);
    match aws.begin(&found.ledger, &lock, "direct", &intents).await {
        Ok(()) => Ok(lock),
        Err(fault) if fault.class == Class::ConditionFailed => Err(explain_lock(aws, &fault).await),
        Err(fault) => Err(fault.while_doing("could not lock the stage")),
    }
}

/// Records of all that is about to be made, so that one that gets orphaned is found again.
fn intents(plan: &Plan) -> BTreeMap<LogicalId, Record> {
    plan.changes
        .iter()
        .filter(|change| change.action == Action::Create)
        .map(|change| {
            let declared = plan
                .resources
                .get(&change.logical_id)
                .map(|planned| plan.answers.resolve(&planned.declared));
            let physical_id =
                declared.and_then(|declared| identity(&change.logical_id, change.kind, &declared));
            let record = Record {
                kind: change.kind,
                physical_id,
                digest: String::new(),
            };
            (change.logical_id.clone(), record)
        })
        .collect()
}

async fn explain_lock(aws: &Aws, fault: &Fault) -> Error {
    let stage = &aws.owner().stage;
    match aws.read_ledger().await.map(|ledger| ledger.lock) {
        Ok(Some(lock)) if !lock.has_expired() => {
            let now = now();
            Error::refused(format!("another deploy of stage `{stage}` is under way"))
                .with_cause(format!(
                    "`{}` holds the lock since {} s",
                    lock.owner,
                    now.saturating_sub(lock.since)
                ))
                .with_hint(format!(
                    "wait for it; if it was killed, its lock ends by itself in {} s",
                    lock.expires.saturating_sub(now)
                ))
        }
        Ok(_) => Error::refused(format!(
            "stage `{stage}` was deployed by somebody else in the meantime"
        ))
        .with_cause("the plan that was shown is no longer true")
        .with_hint("run the same command again to plan from what is there now"),
        Err(_) => fault.while_doing("could not lock the stage"),
    }
}

/// Pushes the lease ahead for ever. A heartbeat that fails is tried again: the lease outlives two.
async fn beat(aws: &Aws, lock: &Lock) -> Infallible {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let (_, _) = trace::scope("lock", 0, aws.heartbeat(lock)).await;
    }
}

fn who() -> String {
    let user = std::env::var("USER").or_else(|_| std::env::var("LOGNAME"));
    let user = user.unwrap_or_else(|_| "unknown".to_owned());
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    format!("{user}@{host}")
}

fn describe(summary: Summary) -> String {
    format!(
        "{} created, {} updated, {} replaced, {} deleted",
        summary.create, summary.update, summary.replace, summary.delete
    )
}

/// Says what to run next, under the last error shown; and lets Ctrl-C decide the exit code.
fn next_command(mut error: Error, command: &str, plan: &Plan) -> Error {
    if error
        .others
        .iter()
        .any(|other| other.kind == ErrorKind::Interrupted)
    {
        error.kind = ErrorKind::Interrupted;
    }
    let hint = format!(
        "run `saasauth {command} --stage {}` again to continue",
        plan.stage
    );
    let last = match error.others.last_mut() {
        Some(last) => last,
        None => &mut error,
    };
    if last.hints.is_empty() {
        last.hints.push(hint);
    }
    error
}
