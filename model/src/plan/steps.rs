//! Turns what happens to each resource into steps, each after those it has to wait for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::graph::{self, Graph};
use super::{Gone, Member, Operation, Recorded, Step, Work};
use crate::error::Result;
use crate::resource::{Answers, Kind, Live, LogicalId};

/// Turns changes into steps with their edges.
pub(super) struct Planner<'a> {
    graph: &'a Graph,
    pub(super) answers: Answers,
    steps: Vec<Step>,
    /// The step after which a resource is as others need it.
    provided: BTreeMap<LogicalId, usize>,
    /// The step that takes a resource along which has none of its own.
    gone_with: BTreeMap<LogicalId, usize>,
}

/// What a property refers to for a moment.
pub(super) struct Detour {
    pub(super) property: &'static str,
    /// The resource it refers to then.
    pub(super) other: LogicalId,
    pub(super) reference: Value,
}

/// A resource that is written, and what is written.
pub(super) struct Written<'a> {
    pub(super) id: &'a str,
    pub(super) kind: Kind,
    /// Its properties, references still open.
    pub(super) declared: Value,
}

impl<'a> Planner<'a> {
    /// Starts with no step.
    pub(super) fn new(graph: &'a Graph, answers: Answers) -> Self {
        Self {
            graph,
            answers,
            steps: Vec::new(),
            provided: BTreeMap::new(),
            gone_with: BTreeMap::new(),
        }
    }

    fn push(&mut self, id: &str, kind: Kind, work: Work, after: Vec<usize>) -> usize {
        self.steps.push(Step {
            kind,
            members: vec![Member {
                logical_id: id.to_owned(),
                work,
            }],
            after,
        });
        self.steps.len() - 1
    }

    fn steps_of<'b>(&self, ids: impl Iterator<Item = &'b LogicalId>) -> Vec<usize> {
        ids.filter_map(|id| self.provided.get(id).copied())
            .collect()
    }

    /// How many steps there are so far.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Makes it, after all that must exist before and after `first`.
    pub(super) fn create(&mut self, written: Written<'_>, first: Option<usize>) {
        let Written { id, kind, declared } = written;
        let mut after = self.steps_of(self.graph.needs_to_exist(id));
        after.extend(first);
        let rules = kind.rules();
        let later = self.graph.is_finished_later(id).then(|| declared.clone());
        let mut early = declared;
        if let Some(properties) = early.as_object_mut() {
            properties.retain(|name, _| !rules.is_deferred(name));
        }
        let physical_id = kind.identity(id, &self.answers.resolve(&early));
        let work = Work::Create {
            properties: early,
            physical_id,
        };
        let create = self.push(id, kind, work, after);
        self.provided.insert(id.to_owned(), create);
        if let Some(properties) = later {
            let changed = rules.deferred.iter().map(|&name| name.to_owned());
            let work = Work::Finish {
                properties,
                changed: changed.collect(),
            };
            // What it waits for may be planned later than the resource itself: see `connect`.
            self.push(id, kind, work, vec![create]);
        }
        if rules.settles {
            self.push(id, kind, Work::Settle, vec![create]);
        }
    }

    /// Gives it another reference in one property, for as long as it takes to give the right one back. Returns
    /// the step's position.
    pub(super) fn detour(&mut self, written: &Written<'_>, live: &Live, detour: Detour) -> usize {
        let Written { id, kind, declared } = written;
        let mut after = self.steps_of(self.graph.needs(id));
        after.extend(self.steps_of(std::iter::once(&detour.other)));
        let mut properties = declared.clone();
        properties[detour.property] = detour.reference;
        let work = Work::Update {
            properties,
            live: live.clone(),
            changed: BTreeSet::from([detour.property.to_owned()]),
        };
        self.push(id, *kind, work, after)
    }

    /// Changes it in place, after `first`.
    pub(super) fn update(
        &mut self,
        written: Written<'_>,
        live: Live,
        changed: BTreeSet<String>,
        first: Option<usize>,
    ) {
        let Written { id, kind, declared } = written;
        let mut after = self.steps_of(self.graph.needs(id));
        after.extend(first);
        let work = Work::Update {
            properties: declared,
            live,
            changed,
        };
        let update = self.push(id, kind, work, after);
        self.provided.insert(id.to_owned(), update);
    }

    /// Gives every step that sends deferred properties the edges to what those refer to, and every update the
    /// edges to what completes what it refers to, now that all of that is planned.
    fn connect(&mut self) {
        for position in 0..self.steps.len() {
            let Some(member) = self.steps[position].members.first() else {
                continue;
            };
            let id = &member.logical_id;
            let deferred = match member.work {
                Work::Finish { .. } => true,
                Work::Update { .. } => self.graph.is_finished_later(id),
                Work::Create { .. } | Work::Settle | Work::Delete { .. } => false,
            };
            let mut needs = Vec::new();
            if deferred {
                needs.extend(self.steps_of(self.graph.needs(id)));
            }
            // What is made now is used later, but a function that runs moves to another role at once.
            if matches!(member.work, Work::Update { .. }) {
                needs.extend(self.steps_of(self.graph.needs_to_work(id)));
            }
            self.steps[position].after.extend(needs);
        }
    }

    /// Deletes it after these steps; returns the step's position.
    pub(super) fn delete(
        &mut self,
        id: &str,
        kind: Kind,
        physical_id: String,
        after: Vec<usize>,
    ) -> usize {
        self.push(id, kind, Work::Delete { physical_id }, after)
    }

    /// Deletes several, children first, leaving out those that go with their parent, and those that a
    /// deploy was cut off from making: nothing stands behind their records.
    pub(super) fn delete_all(&mut self, gone: &BTreeMap<LogicalId, Recorded>, after: &[usize]) {
        let kinds: BTreeSet<Kind> = gone.values().map(|recorded| recorded.kind).collect();
        let mut placed: Vec<(Kind, usize)> = Vec::new();
        let mut order: Vec<(&LogicalId, &Recorded)> = gone.iter().collect();
        order.sort_by_key(|(id, recorded)| (recorded.kind.deletion_rank(), *id));
        let (mut along, mut alone) = (Vec::new(), Vec::new());
        for (id, recorded) in order {
            match recorded.kind.rules().goes_with {
                Some(parent) if kinds.contains(&parent) => along.push((id, parent)),
                _ => alone.push((id, recorded)),
            }
        }
        for (id, recorded) in alone {
            let Some(physical_id) = recorded.physical_id.clone() else {
                continue;
            };
            let before = placed
                .iter()
                .filter(|(other, _)| other.rules().deleted_before.contains(&recorded.kind))
                .map(|&(_, position)| position);
            let after = after.iter().copied().chain(before).collect();
            let position = self.delete(id, recorded.kind, physical_id, after);
            placed.push((recorded.kind, position));
        }
        for (id, parent) in along {
            let mut parents = placed.iter().filter(|(kind, _)| *kind == parent);
            // With several parents of a type gone, the last is the safe one to wait for.
            if let Some(&(_, position)) = parents.next_back() {
                self.gone_with.insert(id.clone(), position);
            }
        }
    }

    /// The steps in the order of their edges, those that share a request as one.
    ///
    /// Fails when steps wait for each other in a circle.
    pub(super) fn finish(mut self) -> Result<(Vec<Step>, Gone, Answers)> {
        self.connect();
        let (steps, moved) = together(self.steps);
        let order = graph::sorted(&steps)?;
        let mut position_of = vec![0; steps.len()];
        for (position, &old) in order.iter().enumerate() {
            position_of[old] = position;
        }
        let mut slots: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
        let sorted = order.iter().filter_map(|&old| slots[old].take());
        let sorted = sorted.map(|mut step| {
            for before in &mut step.after {
                *before = position_of[*before];
            }
            step.after.sort_unstable();
            step
        });
        let sorted = sorted.collect();
        let gone_with = self.gone_with.into_iter();
        let gone_with = gone_with.map(|(id, old)| (id, position_of[moved[old]]));
        Ok((sorted, gone_with.collect(), self.answers))
    }
}

/// Puts the writes of a type into as few steps as its requests take, each behind all that its members wait
/// for. Nothing waits for a type that shares requests, so no circle can come of that. Returns the steps, and
/// where each of the old ones is now.
fn together(steps: Vec<Step>) -> (Vec<Step>, Vec<usize>) {
    let mut merged: Vec<Step> = Vec::new();
    let mut moved = Vec::with_capacity(steps.len());
    let mut open: BTreeMap<Kind, usize> = BTreeMap::new();
    for step in steps {
        let room = step.kind.rules().share_a_request;
        let shares = room > 1
            && step.members.iter().all(|member| {
                matches!(
                    member.work.operation(),
                    Operation::Create | Operation::Update
                )
            });
        let shared = open
            .get(&step.kind)
            .copied()
            .filter(|&position| shares && merged[position].members.len() < room);
        if let Some(position) = shared {
            merged[position].members.extend(step.members);
            merged[position].after.extend(step.after);
            moved.push(position);
        } else {
            if shares {
                open.insert(step.kind, merged.len());
            }
            moved.push(merged.len());
            merged.push(step);
        }
    }
    for step in &mut merged {
        for before in &mut step.after {
            *before = moved[*before];
        }
        step.after.sort_unstable();
        step.after.dedup();
    }
    (merged, moved)
}
