//! Turns what happens to each resource into steps, each after those it has to wait for.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::Graph;
use super::{Operation, Recorded, Step};
use crate::resource::{Answers, Kind, LogicalId};

/// Turns changes into steps with their edges.
pub(super) struct Planner<'a> {
    graph: &'a Graph,
    pub(super) answers: Answers,
    pub(super) steps: Vec<Step>,
    /// The step after which a resource is as others need it.
    provided: BTreeMap<LogicalId, usize>,
}

impl<'a> Planner<'a> {
    /// Starts with no step.
    pub(super) fn new(graph: &'a Graph, answers: Answers) -> Self {
        Self {
            graph,
            answers,
            steps: Vec::new(),
            provided: BTreeMap::new(),
        }
    }

    fn push(&mut self, id: &str, kind: Kind, operation: Operation, after: Vec<usize>) -> usize {
        self.steps.push(Step {
            logical_id: id.to_owned(),
            kind,
            operation,
            after,
        });
        self.steps.len() - 1
    }

    fn steps_of<'b>(&self, ids: impl Iterator<Item = &'b LogicalId>) -> Vec<usize> {
        ids.filter_map(|id| self.provided.get(id).copied())
            .collect()
    }

    /// Makes it, after all that must exist before and after `first`.
    pub(super) fn create(&mut self, id: &str, kind: Kind, first: Option<usize>) {
        let mut after = self.steps_of(self.graph.needs_to_exist(id));
        after.extend(first);
        let create = self.push(id, kind, Operation::Create, after);
        self.provided.insert(id.to_owned(), create);
        if self.graph.is_finished_later(id) {
            // What it waits for may be planned later than the resource itself: see `connect`.
            self.push(id, kind, Operation::Finish, vec![create]);
        }
        if kind.settles() {
            self.push(id, kind, Operation::Settle, vec![create]);
        }
        self.connect();
    }

    /// Changes it in place.
    pub(super) fn update(&mut self, id: &str, kind: Kind) {
        let after = self.steps_of(self.graph.needs(id));
        let update = self.push(id, kind, Operation::Update, after);
        self.provided.insert(id.to_owned(), update);
        self.connect();
    }

    /// Gives every step that sends deferred properties the edges to what those refer to.
    fn connect(&mut self) {
        for position in 0..self.steps.len() {
            let step = &self.steps[position];
            let deferred = match step.operation {
                Operation::Finish => true,
                Operation::Update => self.graph.is_finished_later(&step.logical_id),
                Operation::Create | Operation::Settle | Operation::Delete => false,
            };
            if deferred {
                let mut after = self.steps_of(self.graph.needs(&step.logical_id));
                after.extend(&step.after);
                after.sort_unstable();
                after.dedup();
                after.retain(|&other| other != position);
                self.steps[position].after = after;
            }
        }
    }

    /// Deletes it after these steps; returns the step's position.
    pub(super) fn delete(&mut self, id: &str, kind: Kind, after: Vec<usize>) -> usize {
        self.push(id, kind, Operation::Delete, after)
    }

    /// Deletes several, children first, leaving out those that go with their parent.
    pub(super) fn delete_all(&mut self, gone: &BTreeMap<LogicalId, Recorded>, after: &[usize]) {
        let kinds: BTreeSet<Kind> = gone.values().map(|recorded| recorded.kind).collect();
        let mut placed: Vec<(Kind, usize)> = Vec::new();
        let mut order: Vec<(&LogicalId, Kind)> = gone
            .iter()
            .map(|(id, recorded)| (id, recorded.kind))
            .collect();
        order.sort_by_key(|(id, kind)| (delete_rank(*kind), *id));
        for (id, kind) in order {
            if kind
                .goes_with()
                .is_some_and(|parent| kinds.contains(&parent))
            {
                continue;
            }
            let mut after = after.to_vec();
            after.extend(
                placed
                    .iter()
                    .filter(|(other, _)| blocks(*other, kind))
                    .map(|&(_, position)| position),
            );
            let position = self.delete(id, kind, after);
            placed.push((kind, position));
        }
    }
}

/// Children before parents, so that a step only ever waits for earlier ones.
fn delete_rank(kind: Kind) -> u8 {
    match kind {
        Kind::Item
        | Kind::Permission
        | Kind::EventInvokeConfig
        | Kind::UserPoolClient
        | Kind::UserPoolDomain
        | Kind::UserPoolGroup
        | Kind::RolePolicy => 0,
        Kind::UserPoolResourceServer => 1,
        Kind::UserPool => 2,
        Kind::Function => 3,
        _ => 4,
    }
}

/// Whether AWS refuses to delete `parent` while a `child` is there, or `child` needs it to the end.
fn blocks(child: Kind, parent: Kind) -> bool {
    matches!(
        (child, parent),
        // DeleteUserPool fails while a domain hangs from it.
        (Kind::UserPoolDomain | Kind::UserPoolClient | Kind::UserPoolGroup, Kind::UserPool)
            | (Kind::UserPoolClient, Kind::UserPoolResourceServer)
            | (Kind::UserPoolResourceServer, Kind::UserPool)
            // DeleteRole fails while the role has inline policies.
            | (Kind::RolePolicy, Kind::Role)
            | (Kind::Permission | Kind::EventInvokeConfig, Kind::Function)
            | (Kind::Item, Kind::Table)
    )
}
