//! Which resource needs which: read off the references inside their properties, and off the few edges that
//! no property shows.

use std::collections::{BTreeMap, BTreeSet};

use super::Step;
use crate::error::{Error, Result};
use crate::resource::expr::references;
use crate::resource::{Kind, LogicalId};
use crate::topology::Topology;

/// The edges of a topology.
#[derive(Debug, Default)]
pub struct Graph {
    /// What each resource refers to, itself and parameters left out.
    needs: BTreeMap<LogicalId, BTreeSet<LogicalId>>,
    /// The same without references that are sent only after the create.
    needs_to_exist: BTreeMap<LogicalId, BTreeSet<LogicalId>>,
    /// What has to be there, too, for a resource to be used: the policies of a role.
    completed_by: BTreeMap<LogicalId, BTreeSet<LogicalId>>,
    kinds: BTreeMap<LogicalId, Kind>,
}

impl Graph {
    /// Reads the edges off the references.
    pub fn of(topology: &Topology) -> Self {
        let mut graph = Self::default();
        for (id, node) in &topology.resources {
            let kind = node.resource.kind();
            let (mut all, mut early) = (BTreeSet::new(), BTreeSet::new());
            for (path, reference) in references(&node.resource.properties()) {
                if topology.resources.contains_key(&reference.id) && reference.id != *id {
                    if !kind.rules().is_deferred(&path) {
                        early.insert(reference.id.clone());
                    }
                    all.insert(reference.id);
                }
            }
            for other in &node.depends_on {
                early.insert(other.clone());
                all.insert(other.clone());
            }
            if kind.rules().completes {
                for other in &all {
                    let completed_by = graph.completed_by.entry(other.clone());
                    completed_by.or_default().insert(id.clone());
                }
            }
            graph.needs.insert(id.clone(), all);
            graph.needs_to_exist.insert(id.clone(), early);
            graph.kinds.insert(id.clone(), kind);
        }
        graph
    }

    /// Everything a resource refers to.
    pub fn needs(&self, id: &str) -> impl Iterator<Item = &LogicalId> {
        self.needs.get(id).into_iter().flatten()
    }

    /// What completes those it refers to: before all of that is there, what it refers to is of no use to it.
    pub fn needs_to_work(&self, id: &str) -> impl Iterator<Item = &LogicalId> {
        // Two that complete one resource don't wait for each other.
        let completes = self
            .kinds
            .get(id)
            .is_some_and(|kind| kind.rules().completes);
        let needs = self.needs(id).filter(move |_| !completes);
        needs
            .filter_map(|need| self.completed_by.get(need))
            .flatten()
    }

    /// What must exist before it can be created.
    pub fn needs_to_exist(&self, id: &str) -> impl Iterator<Item = &LogicalId> {
        self.needs_to_exist.get(id).into_iter().flatten()
    }

    /// Whether some reference of it is sent only after the create.
    pub fn is_finished_later(&self, id: &str) -> bool {
        self.needs.get(id).map(BTreeSet::len) != self.needs_to_exist.get(id).map(BTreeSet::len)
    }

    /// Every resource after all that must exist before it; ties by type, then by name.
    ///
    /// Fails when resources need each other in a circle to exist.
    pub fn in_order(&self) -> Result<Vec<LogicalId>> {
        let mut order = Vec::with_capacity(self.needs.len());
        let mut placed = BTreeSet::new();
        while order.len() < self.needs.len() {
            let mut ready: Vec<&LogicalId> = self
                .needs_to_exist
                .iter()
                .filter(|(id, needs)| !placed.contains(*id) && needs.is_subset(&placed))
                .map(|(id, _)| id)
                .collect();
            if ready.is_empty() {
                let left = self.needs.keys().filter(|id| !placed.contains(*id));
                return Err(circle(left.map(String::as_str)));
            }
            ready.sort_by_key(|id| (self.kinds.get(*id), *id));
            for id in ready {
                placed.insert(id.clone());
                order.push(id.clone());
            }
        }
        Ok(order)
    }
}

/// The positions of the steps in an order in which each comes after those it waits for; otherwise as
/// they were planned.
///
/// Fails when steps wait for each other in a circle.
pub(super) fn sorted(steps: &[Step]) -> Result<Vec<usize>> {
    let mut order = Vec::with_capacity(steps.len());
    let mut placed = vec![false; steps.len()];
    while order.len() < steps.len() {
        let before = order.len();
        for (position, step) in steps.iter().enumerate() {
            if !placed[position] && step.after.iter().all(|&earlier| placed[earlier]) {
                placed[position] = true;
                order.push(position);
            }
        }
        if order.len() == before {
            let left = steps.iter().zip(&placed).filter(|(_, placed)| !**placed);
            return Err(circle(left.flat_map(|(step, _)| step.ids())));
        }
    }
    Ok(order)
}

/// What a circle is refused with. Only the topology can make one, never the project file.
fn circle<'a>(ids: impl Iterator<Item = &'a str>) -> Error {
    let ids: BTreeSet<&str> = ids.collect();
    let names: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
    Error::refused("refused to plan: resources wait for each other in a circle")
        .with_cause(format!("none can come first of {}", names.join(", ")))
        .with_hint("this is a fault of saasauth; please report it with the project file")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::tests::whole;

    #[test]
    fn every_edge_is_ordered() {
        let topology = whole();
        let graph = Graph::of(&topology);
        let order = graph.in_order().expect("no circle");
        assert_eq!(order.len(), topology.resources.len());
        let position = |id: &str| order.iter().position(|other| other == id);
        for id in &order {
            for need in graph.needs_to_exist(id) {
                assert!(position(need) < position(id), "{need} comes before {id}");
            }
        }
    }

    #[test]
    fn the_pool_does_not_wait_for_its_triggers() {
        let graph = Graph::of(&whole());
        assert!(graph.needs("UserPool").any(|id| id == "ConfirmUser"));
        assert!(
            !graph
                .needs_to_exist("UserPool")
                .any(|id| id == "ConfirmUser")
        );
        assert!(graph.is_finished_later("UserPool"));
        assert!(!graph.is_finished_later("ConfirmUser"));
    }
}
