//! Carries out a plan's steps in parallel along their edges.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::aws::ledger::Record;
use crate::aws::{Aws, Class, Fault, Waiting, trace};
use crate::engine::event::{Event, Events, Task};
use saasauth_model::error::Error;
use saasauth_model::plan::schedule::Schedule;
use saasauth_model::plan::{Action, Member, Memory, Operation, Plan, Step, Work};
use saasauth_model::resource::{Answers, Kind, Live, LogicalId, Resolved};

/// What came of executing a plan.
#[derive(Debug, Default)]
pub struct Execution {
    /// Resources that are now as declared, with their new records.
    pub written: BTreeMap<LogicalId, Record>,
    /// Resources that are gone.
    pub removed: Vec<LogicalId>,
    /// The resources that failed.
    pub failed: Vec<LogicalId>,
    /// Root causes; what only failed because something before it did is left out.
    pub failures: Vec<Error>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
    /// Whether something was not sent because the lock was lost.
    pub lease_over: bool,
    /// The level of the last request.
    pub level: u32,
}

/// Everything one run of the steps shares.
struct Run<'a> {
    aws: &'a Aws,
    plan: &'a Plan,
    events: &'a Events<'a>,
    answers: RefCell<Answers>,
    /// Live state of what this run made, for the steps that finish it.
    made: RefCell<BTreeMap<LogicalId, Live>>,
}

/// How a step ended.
struct Ended {
    position: usize,
    /// One for each member that failed.
    failures: Vec<(LogicalId, Error)>,
    /// Whether a member's request was not sent because the lock was lost.
    lease_over: bool,
    /// The level of its last request.
    level: u32,
}

/// Executes the steps, the first requests one level below `level`. Once `stop` is cancelled nothing new is
/// started, and what is under way is finished.
pub(super) async fn execute(
    aws: &Aws,
    plan: &Plan,
    events: &Events<'_>,
    stop: &CancellationToken,
    level: u32,
) -> Execution {
    events(Event::Started(tasks(plan)));
    let run = Run {
        aws,
        plan,
        events,
        answers: RefCell::new(plan.answers.clone()),
        made: RefCell::default(),
    };
    let mut execution = Execution {
        level,
        ..Execution::default()
    };
    let mut schedule = Schedule::new(&plan.steps, level);
    let mut running = FuturesUnordered::new();
    loop {
        if stop.is_cancelled() {
            execution.stopped |= schedule.has_waiting();
        } else {
            for position in schedule.start() {
                let level = schedule.level_before(position);
                running.push(run.step(position, level));
            }
        }
        let Some(ended) = running.next().await else {
            break;
        };
        execution.level = execution.level.max(ended.level);
        if ended.lease_over {
            // Nothing failed; it was not to be sent any more, and nothing else is.
            execution.lease_over = true;
            execution.stopped = true;
            stop.cancel();
        }
        if ended.failures.is_empty() && !ended.lease_over {
            schedule.done(ended.position, ended.level);
            continue;
        }
        let Some((because, _)) = ended.failures.first().cloned() else {
            schedule.failed(ended.position);
            continue;
        };
        for (id, error) in ended.failures {
            execution.failed.push(id.clone());
            events(Event::StepFailed {
                id,
                error: Box::new(error.clone()),
            });
            execution.failures.push(error);
        }
        for id in schedule.failed(ended.position) {
            let because = because.clone();
            events(Event::StepSkipped { id, because });
        }
    }
    drop(running);
    events(Event::Finished);
    run.account_for(&schedule, &mut execution);
    execution
}

fn tasks(plan: &Plan) -> Vec<Task> {
    let tasks = plan.changes.iter().map(|change| Task {
        id: change.logical_id.clone(),
        kind: change.kind,
        action: change.action,
        steps: plan
            .steps
            .iter()
            .flat_map(Step::ids)
            .filter(|id| *id == change.logical_id)
            .count(),
    });
    tasks.filter(|task| task.steps > 0).collect()
}

impl Run<'_> {
    async fn step(&self, position: usize, level: u32) -> Ended {
        let step = &self.plan.steps[position];
        for member in &step.members {
            (self.events)(Event::StepStarted {
                id: member.logical_id.clone(),
                operation: member.work.operation(),
            });
        }
        let began = Instant::now();
        let subject = step.ids().next().unwrap_or_default();
        let told = Mutex::new(BTreeSet::new());
        let waiting = |what: &'static str| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            if !told.insert(what) {
                return;
            }
            for id in step.ids().map(str::to_owned) {
                (self.events)(Event::StepWaiting { id, what });
            }
        };
        let work = self.perform(step, &waiting);
        let (outcomes, level) = trace::scope_telling(subject, level, &waiting, work).await;
        let took = began.elapsed();
        let mut failures = Vec::new();
        let mut lease_over = false;
        for (member, outcome) in step.members.iter().zip(outcomes) {
            let id = member.logical_id.clone();
            let operation = member.work.operation();
            match outcome {
                Ok(()) => (self.events)(Event::StepDone {
                    id,
                    operation,
                    took,
                }),
                Err(fault) if fault.class == Class::LeaseOver => lease_over = true,
                Err(fault) => failures.push((id, explain(step.kind, member, &fault))),
            }
        }
        Ended {
            position,
            failures,
            lease_over,
            level,
        }
    }

    /// Does what a step is for. Gives what came of each member, in their order.
    async fn perform(&self, step: &Step, waiting: Waiting<'_>) -> Vec<Result<(), Fault>> {
        match &step.members[..] {
            [member] => vec![self.perform_one(step.kind, member, waiting).await],
            members => self.write_together(step.kind, members).await,
        }
    }

    async fn perform_one(
        &self,
        kind: Kind,
        member: &Member,
        waiting: Waiting<'_>,
    ) -> Result<(), Fault> {
        let id = member.logical_id.as_str();
        match &member.work {
            Work::Create { properties, .. } => {
                let resource = self.resolved(kind, properties)?;
                let live = self.aws.create(id, &resource, waiting).await?;
                self.remember(id, &resource, live);
            }
            Work::Finish {
                properties,
                changed,
            } => {
                let resource = self.resolved(kind, properties)?;
                let live = self.made(id)?;
                self.aws
                    .update(id, &resource, &live, changed, waiting)
                    .await?;
            }
            Work::Settle => {
                let physical_id = self.made(id)?.physical_id;
                self.aws.settle(kind, &physical_id, waiting).await?;
            }
            Work::Update {
                properties,
                live,
                changed,
            } => {
                let resource = self.resolved(kind, properties)?;
                self.aws
                    .update(id, &resource, live, changed, waiting)
                    .await?;
            }
            Work::Delete { physical_id } => {
                self.aws.delete(kind, physical_id, waiting).await?;
            }
        }
        Ok(())
    }

    async fn write_together(&self, kind: Kind, members: &[Member]) -> Vec<Result<(), Fault>> {
        let resources: Result<Vec<Resolved>, Fault> = members
            .iter()
            .filter_map(|member| member.work.properties())
            .map(|properties| self.resolved(kind, properties))
            .collect();
        let resources = match resources {
            Ok(resources) => resources,
            Err(fault) => return members.iter().map(|_| Err(fault.clone())).collect(),
        };
        let written = self.aws.write_together(kind, &resources).await;
        let written = members.iter().zip(&resources).zip(written);
        written
            .map(|((member, resource), written)| {
                self.remember(&member.logical_id, resource, written?);
                Ok(())
            })
            .collect()
    }

    /// Notes what was made, for the steps that refer to it or finish it.
    fn remember(&self, id: &str, resource: &Resolved, mut live: Live) {
        live.properties = resource.properties();
        live.answer(id, &mut self.answers.borrow_mut());
        self.made.borrow_mut().insert(id.to_owned(), live);
    }

    fn made(&self, id: &str) -> Result<Live, Fault> {
        let made = self.made.borrow().get(id).cloned();
        made.ok_or_else(|| Fault::ours(format!("`{id}` was not made first")))
    }

    /// The properties with every reference answered, as their type.
    fn resolved(&self, kind: Kind, properties: &serde_json::Value) -> Result<Resolved, Fault> {
        let resolved = self.answers.borrow().resolve(properties);
        Resolved::from_properties(kind, resolved).map_err(Fault::ours)
    }

    /// Turns the states of the steps into what the ledger should say.
    fn account_for(&self, schedule: &Schedule<'_>, execution: &mut Execution) {
        let made = self.made.borrow();
        for change in &self.plan.changes {
            let id = &change.logical_id;
            let done = self
                .plan
                .steps_of(id)
                .all(|position| schedule.is_done(position));
            if change.action == Action::Delete {
                if done {
                    execution.removed.push(id.clone());
                }
                continue;
            }
            let physical_id = match (made.get(id), change.action) {
                (Some(live), _) => Some(live.physical_id.clone()),
                (None, Action::Update) => change.physical_id.clone(),
                (None, _) => None,
            };
            if let Some(physical_id) = physical_id {
                let (digest, memory) = self.left_with(id, change.kind);
                let record = Record {
                    kind: change.kind,
                    physical_id: Some(physical_id),
                    digest: if done { digest } else { String::new() },
                    memory,
                };
                execution.written.insert(id.clone(), record);
            }
        }
    }

    /// The digest of what a resource was left with, and what of that has to be remembered.
    fn left_with(&self, id: &str, kind: Kind) -> (String, Memory) {
        let members = self.plan.steps.iter().flat_map(|step| &step.members);
        let mut properties = members
            .filter(|member| member.logical_id == id)
            .filter_map(|member| member.work.properties());
        // A later step sends the whole of what an earlier one sent in part.
        let Some(properties) = properties.next_back() else {
            return (String::new(), Memory::default());
        };
        let answers = self.answers.borrow();
        let memory = Memory::of(kind.rules(), properties, &answers);
        (digest(&answers.resolve(properties)), memory)
    }
}

fn explain(kind: Kind, member: &Member, fault: &Fault) -> Error {
    let verb = match member.work.operation() {
        Operation::Create | Operation::Settle => "create",
        Operation::Finish | Operation::Update => "update",
        Operation::Delete => "delete",
    };
    fault.while_doing(format!(
        "could not {verb} `{}` ({})",
        member.logical_id,
        kind.type_name()
    ))
}

/// A short digest of a property document.
pub(super) fn digest(properties: &serde_json::Value) -> String {
    let hash = Sha256::digest(properties.to_string().as_bytes());
    hash.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
