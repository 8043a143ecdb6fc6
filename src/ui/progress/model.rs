//! What is going on, folded from events.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::engine::event::{Event, Task};
use saasauth_model::plan::{Action, Operation};
use saasauth_model::resource::{Kind, LogicalId};

/// What is going on now.
#[derive(Debug, Default)]
pub(super) struct Model {
    kinds: BTreeMap<LogicalId, Kind>,
    pub(super) phase: Option<Phase>,
    pub(super) execution: Option<Execution>,
}

/// A phase that runs.
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) text: String,
    pub(super) since: Instant,
    /// The last line of a compiler's output.
    pub(super) output: Option<String>,
}

/// Steps being carried out.
#[derive(Debug)]
pub(super) struct Execution {
    pub(super) since: Instant,
    pub(super) only_deletes: bool,
    pub(super) steps: usize,
    pub(super) done: usize,
    /// What runs, the longest-running first.
    pub(super) running: Vec<RunningStep>,
}

/// A step that runs.
#[derive(Debug)]
pub(super) struct RunningStep {
    pub(super) id: LogicalId,
    pub(super) kind: Option<Kind>,
    pub(super) operation: Operation,
    pub(super) since: Instant,
    pub(super) waiting: Option<&'static str>,
}

/// Something that leaves a line behind, in one reader or the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ProgressLine {
    Note(String),
    PhaseBegan(String),
    PhaseEnded {
        text: String,
        took: Duration,
    },
    Output(String),
    Waiting {
        id: LogicalId,
        what: &'static str,
    },
    Done {
        id: LogicalId,
        kind: Option<Kind>,
        operation: Operation,
        took: Duration,
    },
    Failed {
        id: LogicalId,
        kind: Option<Kind>,
        why: String,
    },
    Skipped {
        id: LogicalId,
        because: LogicalId,
    },
}

impl Model {
    /// Takes an event in and returns the lines it leaves behind.
    pub(super) fn apply(&mut self, event: Event, now: Instant) -> Vec<ProgressLine> {
        match event {
            Event::Note(text) => vec![ProgressLine::Note(text)],
            Event::Phase(text) => {
                let ended = self.end_phase(now);
                self.phase = Some(Phase {
                    text: text.clone(),
                    since: now,
                    output: None,
                });
                ended
                    .into_iter()
                    .chain([ProgressLine::PhaseBegan(text)])
                    .collect()
            }
            Event::BuildLine(text) => {
                let text = anstream::adapter::strip_str(&text).to_string();
                if let Some(phase) = &mut self.phase {
                    phase.output = Some(text.clone());
                }
                vec![ProgressLine::Output(text)]
            }
            Event::Started(tasks) => {
                let ended = self.end_phase(now);
                self.start(tasks, now);
                ended.into_iter().collect()
            }
            Event::StepStarted { id, operation } => {
                let kind = self.kinds.get(&id).copied();
                if let Some(execution) = &mut self.execution {
                    execution.running.push(RunningStep {
                        id,
                        kind,
                        operation,
                        since: now,
                        waiting: None,
                    });
                }
                Vec::new()
            }
            Event::StepWaiting { id, what } => self.wait(id, what),
            Event::StepDone {
                id,
                operation,
                took,
            } => {
                self.end_step(&id, true);
                vec![ProgressLine::Done {
                    kind: self.kinds.get(&id).copied(),
                    id,
                    operation,
                    took,
                }]
            }
            Event::StepFailed { id, error } => {
                self.end_step(&id, false);
                // The whole error follows at the end; here its nearest cause says enough.
                let why = error.causes.first().unwrap_or(&error.message);
                let why = why.lines().next().unwrap_or_default().to_owned();
                vec![ProgressLine::Failed {
                    kind: self.kinds.get(&id).copied(),
                    id,
                    why,
                }]
            }
            Event::StepSkipped { id, because } => vec![ProgressLine::Skipped { id, because }],
            Event::Finished => {
                self.execution = None;
                self.end_phase(now).into_iter().collect()
            }
        }
    }

    fn start(&mut self, tasks: Vec<Task>, now: Instant) {
        self.execution = Some(Execution {
            since: now,
            only_deletes: tasks.iter().all(|task| task.action == Action::Delete),
            steps: tasks.iter().map(|task| task.steps).sum(),
            done: 0,
            running: Vec::new(),
        });
        self.kinds = tasks.into_iter().map(|task| (task.id, task.kind)).collect();
    }

    fn wait(&mut self, id: LogicalId, what: &'static str) -> Vec<ProgressLine> {
        let running = self
            .execution
            .iter_mut()
            .flat_map(|execution| &mut execution.running);
        for step in running.filter(|step| step.id == id) {
            // Each attempt says so again; once is enough.
            if step.waiting.replace(what) == Some(what) {
                return Vec::new();
            }
        }
        vec![ProgressLine::Waiting { id, what }]
    }

    fn end_step(&mut self, id: &str, done: bool) {
        if let Some(execution) = &mut self.execution {
            execution.running.retain(|step| step.id != id);
            execution.done += usize::from(done);
        }
    }

    fn end_phase(&mut self, now: Instant) -> Option<ProgressLine> {
        let Phase { text, since, .. } = self.phase.take()?;
        Some(ProgressLine::PhaseEnded {
            text,
            took: now.saturating_duration_since(since),
        })
    }
}
