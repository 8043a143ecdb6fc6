//! Carries out a plan's steps in parallel along their edges.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use crate::aws::ledger::Record;
use crate::aws::{Aws, Fault, trace};
use crate::engine::event::{Event, Events, Task};
use saasauth_model::error::{Error, ErrorKind};
use saasauth_model::plan::{Action, Operation, Plan, Step};
use saasauth_model::resource::{Answers, Kind, Live, LogicalId, Resolved};

/// How many requests of one service are under way at once. Cognito allows some of its calls 5 a
/// second for the whole account, and the live application shares that.
const COGNITO_AT_ONCE: usize = 5;
const OTHERS_AT_ONCE: usize = 12;

/// A person's wish to stop, heard between steps.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    notify: Arc<Notify>,
}

impl Interrupt {
    /// Asks for the end: nothing new is started, what is under way is finished.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
        self.notify.notify_waiters();
    }

    /// Whether the end was asked for.
    pub fn was_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}

/// What came of executing a plan.
#[derive(Debug, Default)]
pub struct Execution {
    /// Resources that are now as declared, with their new records.
    pub written: BTreeMap<LogicalId, Record>,
    /// Resources that are gone.
    pub removed: Vec<LogicalId>,
    /// Root causes; what only failed because something before it did is left out.
    pub failures: Vec<Error>,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
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

/// Executes the steps, the first requests one level below `level`.
pub(super) async fn execute(
    aws: &Aws,
    plan: &Plan,
    events: &Events<'_>,
    interrupt: &Interrupt,
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
    let mut progress = Progress::new(plan, level);
    let mut running = FuturesUnordered::new();
    loop {
        if interrupt.was_asked() {
            execution.interrupted = progress.has_waiting();
        } else {
            for position in progress.startable(&plan.steps) {
                let level = progress.level_before(&plan.steps[position]);
                running.push(run.step(position, level));
            }
        }
        let Some((position, outcome, reached)) = running.next().await else {
            break;
        };
        let step = &plan.steps[position];
        execution.level = execution.level.max(reached);
        match outcome {
            Ok(()) => progress.done(position, reached),
            Err(error) => {
                events(Event::StepFailed {
                    id: step.logical_id.clone(),
                    error: Box::new(error.clone()),
                });
                execution.failures.push(error);
                for (id, because) in progress.failed(position, &plan.steps) {
                    events(Event::StepSkipped { id, because });
                }
            }
        }
    }
    drop(running);
    events(Event::Finished);
    run.account_for(&progress, &mut execution);
    execution
}

fn tasks(plan: &Plan) -> Vec<Task> {
    plan.changes
        .iter()
        .map(|change| Task {
            id: change.logical_id.clone(),
            kind: change.kind,
            action: change.action,
            steps: plan
                .steps
                .iter()
                .filter(|step| step.logical_id == change.logical_id)
                .count(),
        })
        .filter(|task| task.steps > 0)
        .collect()
}

/// Which steps are waiting, running, done or out of reach.
struct Progress {
    states: Vec<State>,
    base_level: u32,
    kinds: Vec<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done { level: u32 },
    Failed,
    Skipped,
}

impl Progress {
    fn new(plan: &Plan, base_level: u32) -> Self {
        Self {
            states: vec![State::Waiting; plan.steps.len()],
            base_level,
            kinds: plan.steps.iter().map(|step| step.kind).collect(),
        }
    }

    /// Marks as running, and returns, the steps whose turn it is: all before them is done, and their
    /// service has room.
    fn startable(&mut self, steps: &[Step]) -> Vec<usize> {
        let mut started = Vec::new();
        for (position, step) in steps.iter().enumerate() {
            let ready = self.states[position] == State::Waiting
                && step
                    .after
                    .iter()
                    .all(|&before| matches!(self.states[before], State::Done { .. }));
            if ready && self.has_room(step.kind) {
                self.states[position] = State::Running;
                started.push(position);
            }
        }
        started
    }

    fn has_room(&self, kind: Kind) -> bool {
        let cognito = is_cognito(kind);
        let running = self
            .states
            .iter()
            .zip(&self.kinds)
            .filter(|(state, other)| **state == State::Running && is_cognito(**other) == cognito)
            .count();
        running
            < if cognito {
                COGNITO_AT_ONCE
            } else {
                OTHERS_AT_ONCE
            }
    }

    fn level_before(&self, step: &Step) -> u32 {
        let levels = step.after.iter().map(|&before| match self.states[before] {
            State::Done { level } => level,
            _ => self.base_level,
        });
        levels.max().unwrap_or(self.base_level)
    }

    fn done(&mut self, position: usize, level: u32) {
        self.states[position] = State::Done { level };
    }

    /// Marks a step as failed and all that need it as skipped; returns the latter with the cause.
    fn failed(&mut self, position: usize, steps: &[Step]) -> Vec<(LogicalId, LogicalId)> {
        self.states[position] = State::Failed;
        let because = steps[position].logical_id.clone();
        let mut skipped = Vec::new();
        loop {
            let next = steps.iter().enumerate().find(|(other, step)| {
                self.states[*other] == State::Waiting
                    && step.after.iter().any(|&before| {
                        matches!(self.states[before], State::Failed | State::Skipped)
                    })
            });
            let Some((other, step)) = next else {
                return skipped;
            };
            self.states[other] = State::Skipped;
            if step.logical_id != because {
                skipped.push((step.logical_id.clone(), because.clone()));
            }
        }
    }

    fn has_waiting(&self) -> bool {
        self.states.contains(&State::Waiting)
    }

    fn is_done(&self, position: usize) -> bool {
        matches!(self.states[position], State::Done { .. })
    }
}

fn is_cognito(kind: Kind) -> bool {
    kind.type_name().starts_with("AWS::Cognito::")
}

impl Run<'_> {
    /// Runs one step. Returns its position, how it went, and the level it reached.
    async fn step(&self, position: usize, level: u32) -> (usize, Result<(), Error>, u32) {
        let step = &self.plan.steps[position];
        let id = step.logical_id.clone();
        (self.events)(Event::StepStarted {
            id: id.clone(),
            operation: step.operation,
        });
        let began = Instant::now();
        let (outcome, reached) = trace::scope(&id, level, self.perform(step)).await;
        if outcome.is_ok() {
            let took = began.elapsed();
            (self.events)(Event::StepDone {
                id,
                operation: step.operation,
                took,
            });
        }
        (
            position,
            outcome.map_err(|fault| self.explain(step, &fault)),
            reached,
        )
    }

    async fn perform(&self, step: &Step) -> Result<(), Fault> {
        let id = step.logical_id.as_str();
        let said = Mutex::new(BTreeSet::new());
        let waiting = |what: &'static str| {
            if said
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(what)
            {
                (self.events)(Event::StepWaiting {
                    id: id.to_owned(),
                    what,
                });
            }
        };
        match step.operation {
            Operation::Create => {
                let resource = self.resource(step, true)?;
                let mut live = self.aws.create(id, &resource, &waiting).await?;
                live.properties = resource.properties();
                live.answer(id, &mut self.answers.borrow_mut());
                self.made.borrow_mut().insert(id.to_owned(), live);
            }
            Operation::Finish => {
                let resource = self.resource(step, false)?;
                let live = self.made.borrow().get(id).cloned();
                let live = live.ok_or_else(|| Fault::ours(format!("`{id}` was not made first")))?;
                let deferred = step
                    .kind
                    .rules()
                    .deferred
                    .iter()
                    .map(|&name| name.to_owned());
                self.aws
                    .update(id, &resource, &live, &deferred.collect(), &waiting)
                    .await?;
            }
            Operation::Settle => {
                let made = self
                    .made
                    .borrow()
                    .get(id)
                    .map(|live| live.physical_id.clone());
                if let Some(physical_id) = made {
                    self.aws.settle(step.kind, &physical_id, &waiting).await?;
                }
            }
            Operation::Update => {
                let resource = self.resource(step, false)?;
                let planned = self
                    .plan
                    .resources
                    .get(id)
                    .and_then(|planned| planned.live.as_ref());
                let live = planned.ok_or_else(|| Fault::ours(format!("`{id}` was not read")))?;
                self.aws
                    .update(id, &resource, live, &self.changed(id), &waiting)
                    .await?;
            }
            Operation::Delete => {
                if let Some(physical_id) = self.doomed(id) {
                    self.aws.delete(step.kind, &physical_id, &waiting).await?;
                }
            }
        }
        Ok(())
    }

    /// The resource of a step with every reference answered.
    fn resource(&self, step: &Step, first: bool) -> Result<Resolved, Fault> {
        let planned = self
            .plan
            .resources
            .get(&step.logical_id)
            .ok_or_else(|| Fault::ours(format!("`{}` is not in the plan", step.logical_id)))?;
        let mut declared = planned.declared.clone();
        if let (true, Some(properties)) = (first, declared.as_object_mut()) {
            properties.retain(|name, _| !step.kind.rules().is_deferred(name));
        }
        let resolved = self.answers.borrow().resolve(&declared);
        Resolved::from_properties(step.kind, resolved).map_err(Fault::ours)
    }

    /// Top-level names of the properties that differ.
    fn changed(&self, id: &str) -> BTreeSet<String> {
        let change = self
            .plan
            .changes
            .iter()
            .find(|change| change.logical_id == id);
        change
            .into_iter()
            .flat_map(|change| &change.properties)
            .filter_map(|property| property.path.split(['.', '[']).next())
            .map(str::to_owned)
            .collect()
    }

    /// The physical ID to delete: of what left the file, or of what is being replaced.
    fn doomed(&self, id: &str) -> Option<String> {
        match self.plan.deleted.get(id) {
            Some(recorded) => recorded.physical_id.clone(),
            None => self
                .plan
                .resources
                .get(id)
                .and_then(|planned| planned.live.as_ref())
                .map(|live| live.physical_id.clone()),
        }
    }

    fn explain(&self, step: &Step, fault: &Fault) -> Error {
        let verb = match step.operation {
            Operation::Create | Operation::Settle => "create",
            Operation::Finish | Operation::Update => "update",
            Operation::Delete => "delete",
        };
        fault.while_doing(format!(
            "could not {verb} `{}` ({})",
            step.logical_id,
            step.kind.type_name()
        ))
    }

    /// Turns the states of the steps into what the ledger should say.
    fn account_for(&self, progress: &Progress, execution: &mut Execution) {
        let of = |id: &str| -> Vec<usize> {
            (0..self.plan.steps.len())
                .filter(|&position| self.plan.steps[position].logical_id == id)
                .collect()
        };
        for change in &self.plan.changes {
            let id = &change.logical_id;
            let steps = of(id);
            let all_done = steps.iter().all(|&position| progress.is_done(position));
            if change.action == Action::Delete {
                // One without a step of its own went with its parent.
                if all_done && self.parent_is_gone(change.kind, progress) {
                    execution.removed.push(id.clone());
                }
                continue;
            }
            let made = self.made.borrow();
            let physical_id = made
                .get(id)
                .map(|live| live.physical_id.clone())
                .or_else(|| {
                    change
                        .physical_id
                        .clone()
                        .filter(|_| change.action == Action::Update)
                });
            if let Some(physical_id) = physical_id {
                let digest = if all_done {
                    self.digest(id)
                } else {
                    String::new()
                };
                let record = Record {
                    kind: change.kind,
                    physical_id: Some(physical_id),
                    digest,
                };
                execution.written.insert(id.clone(), record);
            }
        }
        // A Ctrl-C or a failure has been reported; here only the records matter.
        if execution.interrupted && execution.failures.is_empty() {
            execution.failures.push(Error::new(
                ErrorKind::Interrupted,
                "interrupted before everything was done",
            ));
        }
    }

    fn parent_is_gone(&self, kind: Kind, progress: &Progress) -> bool {
        let Some(parent) = kind.goes_with() else {
            return true;
        };
        self.plan.steps.iter().enumerate().all(|(position, step)| {
            step.kind != parent || step.operation != Operation::Delete || progress.is_done(position)
        })
    }

    fn digest(&self, id: &str) -> String {
        let Some(planned) = self.plan.resources.get(id) else {
            return String::new();
        };
        digest(&self.answers.borrow().resolve(&planned.declared))
    }
}

/// A short digest of a property document.
pub(super) fn digest(properties: &serde_json::Value) -> String {
    let hash = Sha256::digest(properties.to_string().as_bytes());
    hash.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: &str, after: &[usize]) -> Step {
        Step {
            logical_id: id.to_owned(),
            kind: Kind::Role,
            operation: Operation::Create,
            after: after.to_vec(),
        }
    }

    fn progress(steps: &[Step]) -> Progress {
        Progress {
            states: vec![State::Waiting; steps.len()],
            base_level: 3,
            kinds: steps.iter().map(|step| step.kind).collect(),
        }
    }

    #[test]
    fn a_step_starts_when_all_before_it_are_done() {
        let steps = [step("a", &[]), step("b", &[]), step("c", &[0, 1])];
        let mut progress = progress(&steps);
        assert_eq!(progress.startable(&steps), [0, 1]);
        progress.done(0, 4);
        assert!(progress.startable(&steps).is_empty());
        progress.done(1, 6);
        assert_eq!(progress.startable(&steps), [2]);
        assert_eq!(progress.level_before(&steps[2]), 6);
    }

    #[test]
    fn a_failure_skips_its_dependents_and_spares_the_rest() {
        let steps = [
            step("a", &[]),
            step("b", &[0]),
            step("c", &[1]),
            step("d", &[]),
        ];
        let mut progress = progress(&steps);
        progress.startable(&steps);
        let skipped = progress.failed(0, &steps);
        assert_eq!(
            skipped,
            [
                ("b".to_owned(), "a".to_owned()),
                ("c".to_owned(), "a".to_owned())
            ]
        );
        progress.done(3, 4);
        assert!(!progress.has_waiting());
    }

    #[test]
    fn a_service_is_not_flooded() {
        let mut steps: Vec<Step> = (0..9).map(|_| step("x", &[])).collect();
        for step in &mut steps {
            step.kind = Kind::UserPoolGroup;
        }
        let mut progress = progress(&steps);
        assert_eq!(progress.startable(&steps).len(), COGNITO_AT_ONCE);
        assert!(progress.startable(&steps).is_empty());
    }
}
