//! Taking back what a failing deploy changed, under its own lock: updates from the plan's before-values, and what it made is
//! deleted. What it was about to delete was not, for that comes last.
//!
//! A pool that this deploy made goes as long as nobody signed up in it, and what belongs to it with it; any other data stays.

use std::collections::{BTreeMap, BTreeSet};

use tokio_util::sync::CancellationToken;

use super::execute::{self, Execution};
use super::observe::{self, Found};
use crate::aws::ledger::Record;
use crate::aws::{Aws, trace};
use crate::engine::event::{Event, Events};
use saasauth_model::error::{Error, Result};
use saasauth_model::plan::{self, Action, Observed, Permissions, Plan, Recorded, Summary, Undo};
use saasauth_model::resource::LogicalId;
use saasauth_model::topology;

/// What came of it.
#[derive(Debug)]
pub(super) struct TakenBack {
    pub(super) execution: Execution,
    /// What it took.
    pub(super) summary: Summary,
    /// Resources that are as they were before the deploy.
    pub(super) as_before: BTreeSet<LogicalId>,
}

/// Whether a failed deploy is one that can be taken back: of what left the file nothing is deleted yet.
pub(super) fn can_be(plan: &Plan, execution: &Execution) -> bool {
    let deletes = |id: &LogicalId| {
        let mut changes = plan.changes.iter();
        changes.any(|change| change.logical_id == *id && change.action == Action::Delete)
    };
    !execution.failures.is_empty()
        && !execution.stopped
        && !execution.failed.iter().any(deletes)
        && !execution.removed.iter().any(deletes)
}

/// Takes back what `failed` did of the plan. `records` are those of everything that is ours by now.
pub(super) async fn take_back(
    aws: &Aws,
    found: &Found,
    plan: &Plan,
    failed: &Execution,
    records: &BTreeMap<LogicalId, Record>,
    events: &Events<'_>,
    stop: &CancellationToken,
) -> Result<TakenBack> {
    let undo = plan.undo(&found.topology).map_err(refused)?;
    for stays in &undo.stays {
        events(Event::Note(format!("{stays}, which stays so")));
    }
    events(Event::Note(
        "the deploy failed: taking back what it changed".to_owned(),
    ));
    let work = look(aws, found, plan, &undo, failed, records);
    let (looked, level) = trace::scope("observe", failed.level, work).await;
    let Look { back, not_made } = looked?;
    let mut execution = execute::execute(aws, &back, events, stop, level).await;
    let done = |id: &str| {
        let record = execution.written.get(id);
        record.is_some_and(|record| !record.digest.is_empty())
    };
    let changed = back.changes.iter().map(|change| &change.logical_id);
    let as_before = back.unchanged.iter().chain(changed.filter(|id| done(id)));
    let as_before = as_before.cloned().collect();
    execution.removed.extend(not_made);
    Ok(TakenBack {
        summary: back.summary(),
        as_before,
        execution,
    })
}

fn refused(cause: String) -> Error {
    Error::refused("this deploy is not taken back").with_cause(cause)
}

/// What there is now.
struct Look {
    /// The way back.
    back: Plan,
    /// What was recorded to be made, and was not.
    not_made: Vec<LogicalId>,
}

/// Reads what there is now, and plans the way back.
async fn look(
    aws: &Aws,
    found: &Found,
    plan: &Plan,
    undo: &Undo,
    failed: &Execution,
    records: &BTreeMap<LogicalId, Record>,
) -> Result<Look> {
    let mut live = observe::look_again(aws, &found.topology, records, &plan.answers)
        .await
        .map_err(|fault| fault.while_doing("could not read what the failed deploy left"))?;
    let mut records = records.clone();
    // A create that failed may have made something all the same: half of it, or its answer got lost. A name that was taken is
    // somebody else's, which its tags say.
    let mut not_made = Vec::new();
    for id in undo
        .made
        .iter()
        .filter(|id| !failed.written.contains_key(*id))
    {
        let made = live.get(id).filter(|live| {
            let is_tried = failed.failed.contains(id);
            is_tried && live.owner.as_ref().is_none_or(|owner| owner == aws.owner())
        });
        let is_tagged = found.topology.resources[id]
            .resource
            .kind()
            .rules()
            .is_tagged();
        match (made, records.get_mut(id)) {
            (Some(live), Some(record)) if live.owner.is_some() || !is_tagged => {
                record.physical_id = Some(live.physical_id.clone());
            }
            _ => {
                records.remove(id);
                not_made.push(id.clone());
            }
        }
    }
    let pool = records.get(topology::USER_POOL);
    let pool = pool.filter(|_| undo.made.contains(topology::USER_POOL));
    if let Some(pool) = pool.and_then(|record| record.physical_id.as_ref()) {
        let users = aws.has_users(pool).await;
        if users.map_err(|fault| fault.while_doing("could not see who has signed up"))? {
            return Err(refused(
                "somebody has signed up in the user pool that it made".to_owned(),
            ));
        }
    }
    live.retain(|id, _| undo.topology.resources.contains_key(id));
    let is_made = |id: &LogicalId| undo.made.contains(id);
    let has_new_pool = is_made(&topology::USER_POOL.to_owned());
    // Data in a table of an older pool may be anybody's by now.
    let kept_tables: BTreeSet<&str> = records
        .iter()
        .filter(|(id, record)| record.kind.rules().holds_data && is_made(id) && !has_new_pool)
        .filter_map(|(_, record)| record.physical_id.as_deref())
        .collect();
    let stays = |record: &Record| {
        let physical_id = record.physical_id.as_deref().unwrap_or_default();
        let whole = physical_id.split('|').next().unwrap_or_default();
        kept_tables.contains(whole)
    };
    let recorded: BTreeMap<LogicalId, Recorded> = records
        .iter()
        .filter(|(id, record)| {
            undo.topology.resources.contains_key(*id) || is_made(id) && !stays(record)
        })
        .map(|(id, record)| (id.clone(), Recorded::from(record)))
        .collect();
    let permissions = Permissions {
        replace: undo.topology.resources.keys().cloned().collect(),
        discard: recorded.keys().filter(|id| is_made(id)).cloned().collect(),
        protected: false,
        back: true,
    };
    let observed = Observed {
        live,
        recorded,
        answers: plan.answers.clone(),
    };
    let back = plan::plan(&undo.topology, plan.engine, observed, &permissions)?;
    Ok(Look { back, not_made })
}
