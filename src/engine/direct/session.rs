//! One deploy or destroy from the lock to its release.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::future::Either;
use tokio_util::sync::CancellationToken;

use super::execute::{self, Execution};
use super::observe::{self, Found};
use super::take_back::{self, TakenBack};
use crate::aws::connect::uptime;
use crate::aws::lease::{self, Lease};
use crate::aws::ledger::{DONE, Deploy, Holder, LEASE, Ledger, Lock, Record, Revision};
use crate::aws::{Aws, Class, Fault, Waiting, trace};
use crate::engine::event::{Event, Events};
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::plan::{Memory, Plan, Summary, Work};
use saasauth_model::resource::LogicalId;

/// What came of a deploy or destroy.
#[derive(Debug)]
pub struct Outcome {
    /// Everything of ours now, by the ledger.
    pub records: BTreeMap<LogicalId, Record>,
}

/// The command after which nothing is declared any more.
const DESTROY: &str = "destroy";

/// A heartbeat goes out this often: two may get lost before the lease ends.
const HEARTBEAT: Duration = Duration::from_secs(LEASE.as_secs() / 3);

/// Nothing is sent in the last of a lease: what is under way then is to be answered before somebody else begins.
const MARGIN: Duration = Duration::from_secs(10);

/// Which command is carried out, of what, and how.
#[derive(Debug, Clone)]
pub struct Cause {
    /// Such as `deploy`.
    pub command: &'static str,
    /// Which deploy's state a rollback goes back to.
    pub to: Option<u64>,
    /// Whether what was changed is taken back when something fails.
    pub undo: bool,
    /// The state of the project's files.
    pub revision: Option<Revision>,
}

/// Why a lease ended before the work under it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// Somebody else holds the lock, or deleted it.
    Taken,
    /// It could not be renewed for as long as it lasts, so anybody may hold it by now.
    Expired,
}

/// Carries a plan out under the stage's lock, and records what was done, however it ends. Cancelling
/// `interrupt` starts nothing more; what was sent is still answered and recorded.
pub async fn carry_out(
    aws: &Aws,
    found: &Found,
    plan: &Plan,
    cause: Cause,
    events: &Events<'_>,
    interrupt: &CancellationToken,
) -> Result<Outcome> {
    let Cause {
        command,
        to,
        undo,
        revision,
    } = cause;
    let mut records = observe::complete(aws, found);
    let unrecorded = adopted(&records, &found.ledger);
    let stale = stale(&records, &found.ledger, plan);
    let is_known = unrecorded.is_empty() && stale.is_empty();
    // What others changed to what the file says by now is as declared from here on.
    let is_noted =
        found.drift.is_empty() && (found.ledger.snapshot.is_some() || records.is_empty());
    if plan.is_empty() && is_known && is_noted {
        return Ok(Outcome { records });
    }
    if let Some(lock) = found.ledger.lock.as_ref().filter(|lock| lock.is_orphaned()) {
        events(Event::Note(format!(
            "taking over from `{}`, whose process was ended while deploying",
            lock.holder.owner
        )));
    }
    let taken_over = found.topology.resources.iter();
    let taken_over = taken_over
        .filter(|(id, node)| node.adopted.is_some() && unrecorded.contains_key(*id))
        .count();
    if taken_over > 0 {
        events(Event::Note(format!(
            "taking over what is there already: {taken_over} resources of the user pool `adopt` names"
        )));
    } else if found.ledger.records.is_empty() && !unrecorded.is_empty() {
        events(Event::Note(format!(
            "the ledger knows nothing of stage `{}`; found {} of its resources by their tags and names",
            plan.stage,
            unrecorded.len()
        )));
    }
    let locked = uptime();
    let waiting = |what: &'static str| events(Event::Note(format!("waiting for {what}")));
    let intents = intents(plan);
    let work = lock(aws, found, &intents, &waiting);
    let (lock, level) = trace::scope_telling("ledger", found.level, &waiting, work).await;
    let lock = lock?;
    let started = aws.now();

    let stop = interrupt.child_token();
    let lease = Lease::until(locked + LEASE - MARGIN);
    let mut known = intents;
    known.extend(records.clone());
    let work = async {
        let execution = execute::execute(aws, plan, events, &stop, level).await;
        if !undo || !take_back::can_be(plan, &execution) {
            return (execution, None);
        }
        let ours = ours(&known, &execution);
        let back = take_back::take_back(aws, found, plan, &execution, &ours, events, &stop);
        // Boxed: it is large, and seldom needed.
        let back = Box::pin(back).await;
        (execution, Some(back))
    };
    let work = lease::under(&lease, work);
    let kept = keep(aws, &lock, &lease, locked, HEARTBEAT);
    let ((mut execution, back), lost) = under_lease(work, kept, &stop).await;
    let undone = merge(&mut execution, back);
    // Whoever was asleep finds out by what it could not send.
    let lost = lost.or(execution.lease_over.then_some(Lost::Expired));
    let interrupted = execution.stopped && interrupt.is_cancelled();

    let outcome = match (&execution.failures[..], lost) {
        (_, Some(_)) => "stopped",
        _ if interrupted => "interrupted",
        ([], None) => DONE,
        _ if undone.as_ref().is_some_and(|undone| undone.whole) => "rolled back",
        _ => "failed",
    };
    let before = found.ledger.snapshot.clone().unwrap_or_default();
    let declared = (command != DESTROY).then_some(&found.topology);
    let is_done = |id: &str| {
        let record = execution.written.get(id);
        execution.removed.iter().any(|removed| removed == id)
            || record.is_some_and(|record| !record.digest.is_empty())
    };
    let snapshot = match &undone {
        None => before.after(declared, plan, is_done),
        Some(undone) => before.taken_back(declared, plan, &undone.as_before),
    };
    let mut written = unrecorded;
    written.extend(unremembered(found, plan));
    written.extend(execution.written.clone());
    written.retain(|id, _| !execution.removed.contains(id));
    for (id, record) in &mut written {
        let before = found.ledger.records.get(id);
        // Without a digest it did not get to its end.
        if let Some(before) = before.filter(|_| record.digest.is_empty()) {
            record.memory.beside(&before.memory);
        }
    }
    // What was recorded and never made is stale, and may be what the plan deletes as well: a transaction takes one action for an
    // item.
    let removed: BTreeSet<LogicalId> = execution.removed.iter().cloned().chain(stale).collect();
    let removed: Vec<LogicalId> = removed.into_iter().collect();
    let deploy = Deploy {
        number: found.ledger.serial + 1,
        command,
        to,
        owner: lock.holder.owner.clone(),
        started,
        outcome,
        summary: plan.summary(),
        revision,
        snapshot,
    };
    let work = aws.finish(&lock, &written, &removed, &deploy);
    let (finished, _) = trace::scope_telling("ledger", execution.level, &waiting, work).await;
    records.extend(written);
    for id in &removed {
        records.remove(id);
    }
    let mut failures = execution.failures;
    failures.extend(lost.map(|lost| explain_loss(lost, plan, execution.stopped)));
    if interrupted && failures.is_empty() {
        // A failure has been reported already; here only the exit code matters.
        failures.push(Error::new(
            ErrorKind::Interrupted,
            "interrupted before everything was done",
        ));
    }
    if let Some(error) = Error::together(failures) {
        let hint = match undone {
            Some(undone) if undone.whole => {
                let Summary {
                    update,
                    create,
                    replace,
                    delete,
                    ..
                } = undone.summary;
                let parts = [
                    (update + create + replace, "as before"),
                    (delete, "deleted again"),
                ];
                let parts = parts.iter().filter(|(count, _)| *count > 0);
                let parts: Vec<String> = parts
                    .map(|(count, what)| format!("{count} {what}"))
                    .collect();
                events(Event::Note(format!("taken back: {}", parts.join(", "))));
                "nothing of this deploy is left; mend what failed, and deploy again".to_owned()
            }
            _ => format!(
                "run `saasauth {command} --stage {}` again to continue",
                plan.stage
            ),
        };
        return Err(next_command(error, hint));
    }
    finished.map_err(|fault| fault.while_doing("could not write the ledger"))?;
    Ok(Outcome { records })
}

/// What taking a deploy back came to.
struct Undone {
    as_before: BTreeSet<LogicalId>,
    summary: Summary,
    /// Whether nothing of the deploy is left.
    whole: bool,
}

/// Counts what was taken back as done, and adds why it was not.
fn merge(execution: &mut Execution, back: Option<Result<TakenBack>>) -> Option<Undone> {
    match back? {
        Ok(TakenBack {
            execution: back,
            summary,
            as_before,
        }) => {
            let whole = back.failures.is_empty() && !back.stopped && !back.lease_over;
            execution.written.extend(back.written);
            execution.removed.extend(back.removed);
            let removed = &execution.removed;
            execution.written.retain(|id, _| !removed.contains(id));
            execution.failures.extend(back.failures);
            execution.level = execution.level.max(back.level);
            execution.stopped |= back.stopped;
            execution.lease_over |= back.lease_over;
            Some(Undone {
                as_before,
                summary,
                whole,
            })
        }
        Err(error) => {
            execution.failures.push(error);
            None
        }
    }
}

/// What is ours once a plan was carried out as far as it was.
fn ours(known: &BTreeMap<LogicalId, Record>, execution: &Execution) -> BTreeMap<LogicalId, Record> {
    let mut ours = known.clone();
    ours.extend(execution.written.clone());
    ours.retain(|id, _| !execution.removed.contains(id));
    ours
}

/// Takes what others changed for what was deployed, without a change of anything but the ledger.
///
/// # Errors
/// With [`ErrorKind::Locked`] when somebody else deploys, and when the ledger can't be written.
pub async fn accept_drift(
    aws: &Aws,
    found: &Found,
    revision: Option<Revision>,
    events: &Events<'_>,
) -> Result<()> {
    let waiting = |what: &'static str| events(Event::Note(format!("waiting for {what}")));
    let none = BTreeMap::new();
    let work = lock(aws, found, &none, &waiting);
    let (lock, level) = trace::scope_telling("ledger", found.level, &waiting, work).await;
    let lock = lock?;
    let mut snapshot = found.ledger.snapshot.clone().unwrap_or_default();
    snapshot.accept(&found.drift, &found.observed);
    let deploy = Deploy {
        number: found.ledger.serial + 1,
        command: "refresh",
        to: None,
        owner: lock.holder.owner.clone(),
        started: aws.now(),
        outcome: DONE,
        summary: Summary::default(),
        revision,
        snapshot,
    };
    let work = aws.finish(&lock, &none, &[], &deploy);
    let (finished, _) = trace::scope_telling("ledger", level, &waiting, work).await;
    finished.map_err(|fault| fault.while_doing("could not write the ledger"))
}

/// Runs `work` while `lease` holds. Once it is lost somebody else may be changing the same resources, so
/// nothing new is started; what was sent is answered, and then the work ends.
async fn under_lease<T>(
    work: impl Future<Output = T>,
    lease: impl Future<Output = Lost>,
    stop: &CancellationToken,
) -> (T, Option<Lost>) {
    let (work, lease) = (std::pin::pin!(work), std::pin::pin!(lease));
    match futures::future::select(work, lease).await {
        Either::Left((done, _)) => (done, None),
        Either::Right((lost, work)) => {
            stop.cancel();
            (work.await, Some(lost))
        }
    }
}

fn explain_loss(lost: Lost, plan: &Plan, unfinished: bool) -> Error {
    let stage = &plan.stage;
    let error = if unfinished {
        Error::refused(format!("stopped: the lock of stage `{stage}` was lost"))
    } else {
        Error::refused(format!("the lock of stage `{stage}` was lost on the way"))
    };
    error.with_cause(match lost {
        Lost::Taken => "somebody else took it, and may be deploying".to_owned(),
        Lost::Expired => format!("it could not be renewed for {} s", LEASE.as_secs()),
    })
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
        .filter(|id| !records.contains_key(*id) && plan.creates().all(|(made, ..)| made != *id))
        .cloned()
        .collect()
}

/// Records of what stays as it is, where an earlier version did not note what is noted today.
fn unremembered(found: &Found, plan: &Plan) -> BTreeMap<LogicalId, Record> {
    let unchanged = plan.unchanged.iter();
    let records = unchanged.filter_map(|id| {
        let record = found.ledger.records.get(id)?;
        let properties = found.topology.resources.get(id)?.resource.properties();
        let memory = Memory::of(record.kind.rules(), &properties, &plan.answers);
        let memory = record.memory.lacks_of(&memory).then_some(memory)?;
        let record = Record {
            memory,
            ..record.clone()
        };
        Some((id.clone(), record))
    });
    records.collect()
}

/// Takes the lock, and notes what is about to be made.
async fn lock(
    aws: &Aws,
    found: &Found,
    intents: &BTreeMap<LogicalId, Record>,
    waiting: Waiting<'_>,
) -> Result<Lock> {
    if !found.ledger.exists {
        aws.create_ledger(waiting)
            .await
            .map_err(|fault| fault.while_doing("could not create the ledger table"))?;
    }
    let lock = Lock::new(Holder::this(), aws.now());
    match aws.begin(&found.ledger, &lock, "direct", intents).await {
        Ok(()) => Ok(lock),
        Err(fault) if fault.class == Class::ConditionFailed => Err(explain_lock(aws, &fault).await),
        Err(fault) => Err(fault.while_doing("could not lock the stage")),
    }
}

/// Records of all that is about to be made, so that one that gets orphaned is found again. What takes the
/// place of another keeps that one's record until it stands.
fn intents(plan: &Plan) -> BTreeMap<LogicalId, Record> {
    let replaced = |id: &LogicalId| {
        plan.changes
            .iter()
            .any(|change| change.logical_id == *id && change.physical_id.is_some())
    };
    let steps = plan.steps.iter();
    let members = steps.flat_map(|step| step.members.iter().map(|member| (step.kind, member)));
    let intents = members.filter_map(|(kind, member)| {
        let Work::Create {
            properties,
            physical_id,
        } = &member.work
        else {
            return None;
        };
        let record = Record {
            kind,
            physical_id: physical_id.clone(),
            digest: String::new(),
            memory: Memory::of(kind.rules(), properties, &plan.answers),
        };
        Some((member.logical_id.clone(), record))
    });
    intents.filter(|(id, _)| !replaced(id)).collect()
}

async fn explain_lock(aws: &Aws, fault: &Fault) -> Error {
    let stage = &aws.owner().stage;
    match aws.read_ledger().await {
        Ok(ledger) => match ledger.held() {
            Some(lock) => held(stage, lock, ledger.read),
            None => Error::new(
                ErrorKind::Locked,
                format!("stage `{stage}` was deployed by somebody else in the meantime"),
            )
            .with_cause("the plan that was shown is no longer true")
            .with_hint("run the same command again to plan from what is there now"),
        },
        Err(_) => fault.while_doing("could not lock the stage"),
    }
}

/// Who is deploying the stage.
fn held(stage: &str, lock: &Lock, now: u64) -> Error {
    Error::new(
        ErrorKind::Locked,
        format!("another deploy of stage `{stage}` is under way"),
    )
    .with_cause(format!(
        "`{}` holds the lock since {} s",
        lock.holder.owner,
        now.saturating_sub(lock.since)
    ))
    .with_hint("wait for it, as `--wait 5m` does")
    .with_hint(format!(
        "if it was killed, its lock ends by itself in {} s; or take it away: `saasauth unlock --stage {stage}`",
        lock.expires.saturating_sub(now)
    ))
}

/// How often somebody else's lock is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Ours: what was read is what is there.
    Ours,
    /// Ours now, and somebody else has deployed since: what was read is old.
    After,
}

/// Waits until nobody else deploys the stage, for so long at most.
///
/// # Errors
/// With [`ErrorKind::Locked`] when somebody does all the time.
pub async fn turn(
    aws: &Aws,
    ledger: &Ledger,
    patience: Duration,
    events: &Events<'_>,
) -> Result<Turn> {
    let stage = &aws.owner().stage;
    let Some(lock) = ledger.held() else {
        return Ok(Turn::Ours);
    };
    let mut last = held(stage, lock, ledger.read);
    let began = Instant::now();
    if !patience.is_zero() {
        events(Event::Phase(format!(
            "waiting for `{}`, who is deploying stage `{stage}`",
            lock.holder.owner
        )));
    }
    while began.elapsed() < patience {
        tokio::time::sleep(LOOK.min(patience)).await;
        let ledger = aws
            .read_ledger()
            .await
            .map_err(|fault| fault.while_doing("could not read the ledger"))?;
        match ledger.held() {
            Some(lock) => last = held(stage, lock, ledger.read),
            None => return Ok(Turn::After),
        }
    }
    Err(last)
}

/// Pushes the lease ahead, and returns once it is lost. A heartbeat that gets no answer is tried again: the
/// lease outlives two.
async fn keep(aws: &Aws, lock: &Lock, lease: &Lease, locked: Duration, every: Duration) -> Lost {
    let mut renewed = locked;
    loop {
        tokio::time::sleep(every).await;
        let sent = uptime();
        let heartbeat = trace::scope("lock", 0, aws.heartbeat(lock));
        // The SDK would try a silent connection for longer than the lease lasts.
        let beat = tokio::time::timeout(LEASE / 3, heartbeat).await;
        match beat {
            Ok((Ok(()), _)) => {
                renewed = sent;
                lease.renew(renewed + LEASE - MARGIN);
            }
            Ok((Err(fault), _)) if fault.class == Class::ConditionFailed => {
                lease.end();
                return Lost::Taken;
            }
            Ok((Err(_), _)) | Err(_) if uptime().saturating_sub(renewed) >= LEASE => {
                return Lost::Expired;
            }
            Ok((Err(_), _)) | Err(_) => {}
        }
    }
}

/// Says what to run next, under the last error shown; and lets Ctrl-C decide the exit code.
fn next_command(mut error: Error, hint: String) -> Error {
    if error
        .others
        .iter()
        .any(|other| other.kind == ErrorKind::Interrupted)
    {
        error.kind = ErrorKind::Interrupted;
    }
    let last = match error.others.last_mut() {
        Some(last) => last,
        None => &mut error,
    };
    if last.hints.is_empty() {
        last.hints.push(hint);
    }
    error
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::replay::{self, error, ok};

    const AT_ONCE: Duration = Duration::ZERO;

    fn lease() -> Lease {
        Lease::until(uptime() + LEASE)
    }

    /// DynamoDB's refusal of a conditional update.
    fn refused() -> (u16, String) {
        error(
            400,
            "ConditionalCheckFailedException",
            "The conditional request failed",
        )
    }

    #[tokio::test]
    async fn a_heartbeat_that_finds_the_lock_taken_ends_the_lease() {
        let (aws, replay) = replay::aws([ok(json!({})), refused()]);
        let lock = Lock::new(Holder::default(), 0);
        let lost = keep(&aws, &lock, &lease(), uptime(), AT_ONCE).await;
        assert_eq!(lost, Lost::Taken);
        assert_eq!(replay.finish().len(), 2);
    }

    #[tokio::test]
    async fn a_failed_heartbeat_is_tried_again_until_the_lease_is_over() {
        let denied = || error(400, "AccessDeniedException", "no");
        let (aws, replay) = replay::aws([denied(), refused()]);
        let lock = Lock::new(Holder::default(), 0);
        let lost = keep(&aws, &lock, &lease(), uptime(), AT_ONCE).await;
        assert_eq!(lost, Lost::Taken, "one failure is not the end");
        replay.finish();

        let (aws, replay) = replay::aws([denied()]);
        let long_ago = uptime()
            .checked_sub(LEASE)
            .expect("this machine runs for a minute");
        let lost = keep(&aws, &lock, &lease(), long_ago, AT_ONCE).await;
        assert_eq!(lost, Lost::Expired);
        replay.finish();
    }

    #[tokio::test]
    async fn a_lost_lease_stops_the_work_and_is_told() {
        let stop = CancellationToken::new();
        // Work that would never end by itself, as a deploy in front of a slow service.
        let work = async {
            stop.cancelled().await;
            "ended"
        };
        let (done, lost) = under_lease(work, async { Lost::Taken }, &stop).await;
        assert_eq!((done, lost), ("ended", Some(Lost::Taken)));

        let stop = CancellationToken::new();
        let never = std::future::pending();
        assert_eq!(under_lease(async { 1 }, never, &stop).await, (1, None));
        assert!(!stop.is_cancelled());
    }
}
