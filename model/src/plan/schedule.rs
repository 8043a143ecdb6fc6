//! Which step starts when: the state of every step of a plan while somebody carries it out.
//!
//! Pure: it is told what ended and how, and says what may start now. Of the steps that may, those with the
//! longest chain of others behind them come first, since the chain decides when all is done. How many of a
//! service run side by side is bounded, and writes that AWS does one at a time don't meet.

use super::{Operation, Step};
use crate::resource::{Kind, Line, LogicalId};

/// How many requests of one service are under way at once. Cognito allows some of its calls 5 a
/// second for the whole account, and the live application shares that.
const COGNITO_AT_ONCE: usize = 5;
const OTHERS_AT_ONCE: usize = 12;

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done { level: u32 },
    Failed,
    Skipped,
}

/// The states of a plan's steps.
#[derive(Debug)]
pub struct Schedule<'a> {
    steps: &'a [Step],
    states: Vec<State>,
    /// The step each one had to let go first although it needs nothing of it, if there was one.
    behind: Vec<Option<usize>>,
    /// Positions, those with the longest chain behind them first.
    by_urgency: Vec<usize>,
    base_level: u32,
}

impl<'a> Schedule<'a> {
    /// Starts with every step waiting. `level` is how deep in the chain of requests the first ones stand.
    pub fn new(steps: &'a [Step], level: u32) -> Self {
        let mut chains = vec![1_usize; steps.len()];
        // A step comes after all it waits for, so from the back every chain is known when it is asked for.
        for (position, step) in steps.iter().enumerate().rev() {
            for &before in &step.after {
                chains[before] = chains[before].max(chains[position] + 1);
            }
        }
        let mut by_urgency: Vec<usize> = (0..steps.len()).collect();
        by_urgency.sort_by_key(|&position| std::cmp::Reverse(chains[position]));
        Self {
            steps,
            states: vec![State::Waiting; steps.len()],
            behind: vec![None; steps.len()],
            by_urgency,
            base_level: level,
        }
    }

    /// Marks as running, and returns, the steps whose turn it is: all before them is done, and their
    /// service has room.
    pub fn start(&mut self) -> Vec<usize> {
        let mut started = Vec::new();
        for index in 0..self.by_urgency.len() {
            let position = self.by_urgency[index];
            let step = &self.steps[position];
            let ready = self.states[position] == State::Waiting
                && step.after.iter().all(|&before| self.is_done(before));
            if !ready || !self.has_room(step.kind) {
                continue;
            }
            match self.before_in_line(step) {
                Some(before) => self.behind[position] = Some(before),
                None => {
                    self.states[position] = State::Running;
                    started.push(position);
                }
            }
        }
        started
    }

    fn has_room(&self, kind: Kind) -> bool {
        let cognito = is_cognito(kind);
        let running = self.states.iter().zip(self.steps);
        let running = running
            .filter(|(state, step)| **state == State::Running && is_cognito(step.kind) == cognito);
        let limit = if cognito {
            COGNITO_AT_ONCE
        } else {
            OTHERS_AT_ONCE
        };
        running.count() < limit
    }

    /// The running step that has to end before this one starts, since AWS does one of the two at a time.
    fn before_in_line(&self, step: &Step) -> Option<usize> {
        let line = line(step)?;
        let mut running = self.states.iter().zip(self.steps);
        running
            .position(|(state, other)| *state == State::Running && self::line(other) == Some(line))
    }

    /// How deep in the chain of requests the step's first one stands: one below the deepest it waited for.
    pub fn level_before(&self, position: usize) -> u32 {
        let before = self.steps[position].after.iter();
        let before = before.chain(&self.behind[position]);
        let levels = before.map(|&before| match self.states[before] {
            State::Done { level } => level,
            _ => self.base_level,
        });
        levels.max().unwrap_or(self.base_level)
    }

    /// Marks a step as done; its last request stood at `level`.
    pub fn done(&mut self, position: usize, level: u32) {
        self.states[position] = State::Done { level };
    }

    /// Marks a step as failed and all that need it as skipped. Returns the resources that are skipped
    /// because of it.
    pub fn failed(&mut self, position: usize) -> Vec<LogicalId> {
        self.states[position] = State::Failed;
        let failed: Vec<&str> = self.steps[position].ids().collect();
        let mut skipped = Vec::new();
        // Steps come after those they wait for, so one pass reaches everything behind.
        for (later, step) in self.steps.iter().enumerate().skip(position + 1) {
            let cut_off = self.states[later] == State::Waiting
                && step
                    .after
                    .iter()
                    .any(|&before| matches!(self.states[before], State::Failed | State::Skipped));
            if cut_off {
                self.states[later] = State::Skipped;
                let ids = step.ids().filter(|id| !failed.contains(id));
                skipped.extend(ids.map(str::to_owned));
            }
        }
        skipped
    }

    /// Whether a step is still to come.
    pub fn has_waiting(&self) -> bool {
        self.states.contains(&State::Waiting)
    }

    /// Whether a step is done.
    pub fn is_done(&self, position: usize) -> bool {
        matches!(self.states[position], State::Done { .. })
    }
}

/// The line a step stands in, if what it does is done one at a time.
fn line(step: &Step) -> Option<Line> {
    let rule = step.kind.rules().one_at_a_time?;
    let counts = step
        .members
        .iter()
        .any(|member| match member.work.operation() {
            Operation::Create => rule.creates,
            Operation::Finish | Operation::Update | Operation::Delete => true,
            Operation::Settle => false,
        });
    counts.then_some(rule.line)
}

fn is_cognito(kind: Kind) -> bool {
    kind.type_name().starts_with("AWS::Cognito::")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::{Member, Work};
    use crate::resource::Live;

    fn step(id: &str, kind: Kind, after: &[usize]) -> Step {
        Step {
            kind,
            members: vec![Member {
                logical_id: id.to_owned(),
                work: Work::Settle,
            }],
            after: after.to_vec(),
        }
    }

    fn role(id: &str, after: &[usize]) -> Step {
        step(id, Kind::Role, after)
    }

    #[test]
    fn a_step_starts_when_all_before_it_are_done() {
        let steps = [role("a", &[]), role("b", &[]), role("c", &[0, 1])];
        let mut schedule = Schedule::new(&steps, 3);
        assert_eq!(schedule.start(), [0, 1]);
        assert_eq!(schedule.level_before(0), 3);
        schedule.done(0, 4);
        assert!(schedule.start().is_empty());
        schedule.done(1, 6);
        assert_eq!(schedule.start(), [2]);
        assert_eq!(schedule.level_before(2), 6);
        assert!(!schedule.has_waiting());
    }

    #[test]
    fn the_longest_chain_starts_first() {
        let steps = [
            role("alone", &[]),
            role("short", &[]),
            role("long", &[]),
            role("behind short", &[1]),
            role("behind long", &[2]),
            role("at the end", &[4]),
        ];
        assert_eq!(Schedule::new(&steps, 0).start(), [2, 1, 0]);
    }

    #[test]
    fn a_failure_skips_its_dependents_and_spares_the_rest() {
        let steps = [
            role("a", &[]),
            role("d", &[]),
            role("b", &[0]),
            role("c", &[2]),
            role("a", &[0]),
            role("e", &[1]),
        ];
        let mut schedule = Schedule::new(&steps, 0);
        schedule.start();
        // Another step of the same resource isn't told of twice.
        assert_eq!(schedule.failed(0), ["b", "c"]);
        schedule.done(1, 4);
        assert_eq!(schedule.start(), [5]);
        assert!(!schedule.has_waiting());
    }

    fn does(id: &str, kind: Kind, operation: Operation) -> Step {
        let mut step = step(id, kind, &[]);
        let properties = json!({});
        step.members[0].work = match operation {
            Operation::Create => Work::Create {
                properties,
                physical_id: None,
            },
            Operation::Finish => Work::Finish {
                properties,
                changed: Default::default(),
            },
            Operation::Settle => Work::Settle,
            Operation::Update => Work::Update {
                properties,
                live: Live {
                    physical_id: id.to_owned(),
                    properties: json!({}),
                    attributes: Default::default(),
                    owner: None,
                },
                changed: Default::default(),
            },
            Operation::Delete => Work::Delete {
                physical_id: id.to_owned(),
            },
        };
        step
    }

    /// What of these may run at the same time.
    fn together(steps: &[(Kind, Operation)]) -> usize {
        let named = steps.iter().enumerate();
        let steps: Vec<Step> = named
            .map(|(at, (kind, operation))| does(&at.to_string(), *kind, *operation))
            .collect();
        Schedule::new(&steps, 0).start().len()
    }

    /// The operations that may answer ConcurrentModificationException, by Cognito's service model.
    #[test]
    fn a_pool_is_changed_by_one_request_at_a_time() {
        use Operation::{Create, Delete, Finish, Update};
        let alone = [
            (Kind::UserPool, Finish),
            (Kind::UserPool, Update),
            (Kind::UserPoolClient, Update),
            (Kind::UserPoolClient, Delete),
            (Kind::UserPoolDomain, Create),
            (Kind::UserPoolDomain, Update),
            (Kind::UserPoolDomain, Delete),
            (Kind::UserPoolIdentityProvider, Update),
            (Kind::UserPoolIdentityProvider, Delete),
        ];
        for one in alone {
            for other in alone {
                assert_eq!(together(&[one, other]), 1, "{one:?} and {other:?}");
            }
            let beside = [
                (Kind::UserPoolClient, Create),
                (Kind::UserPoolGroup, Create),
                (Kind::UserPoolResourceServer, Update),
                (Kind::Role, Update),
                one,
            ];
            assert_eq!(together(&beside), 5, "{one:?} leaves others alone");
        }
    }

    #[test]
    fn mail_templates_are_written_one_after_the_other() {
        let (create, update) = (Operation::Create, Operation::Update);
        assert_eq!(
            together(&[(Kind::Template, create), (Kind::Template, update)]),
            1
        );
        assert_eq!(
            together(&[(Kind::Template, create), (Kind::UserPool, update)]),
            2
        );
    }

    #[test]
    fn who_stood_in_line_counts_as_later() {
        let steps = [
            does("domain", Kind::UserPoolDomain, Operation::Create),
            does("pool", Kind::UserPool, Operation::Update),
        ];
        let mut schedule = Schedule::new(&steps, 1);
        assert_eq!(schedule.start(), [0]);
        assert!(schedule.start().is_empty());
        schedule.done(0, 2);
        assert_eq!(schedule.start(), [1]);
        assert_eq!(schedule.level_before(1), 2);

        // One that fails lets the next go all the same.
        let mut schedule = Schedule::new(&steps, 1);
        schedule.start();
        assert!(schedule.failed(0).is_empty());
        assert_eq!(schedule.start(), [1]);
        assert_eq!(schedule.level_before(1), 1);
    }

    #[test]
    fn a_service_is_not_flooded() {
        let steps: Vec<Step> = (0..9)
            .map(|n| step(&format!("g{n}"), Kind::UserPoolGroup, &[]))
            .chain([role("r", &[])])
            .collect();
        let mut schedule = Schedule::new(&steps, 0);
        let started = schedule.start();
        assert_eq!(started.len(), COGNITO_AT_ONCE + 1);
        assert!(started.contains(&9), "the others have room of their own");
        assert!(schedule.start().is_empty());
        schedule.done(started[0], 1);
        assert_eq!(schedule.start().len(), 1);
    }
}
