//! What has to happen: the difference between a topology and what is live, as changes to show and
//! steps to carry out.
//!
//! Pure and synchronous. `diff` shows the very value that `deploy` executes, and nothing is left to
//! decide while executing.

pub mod adopted;
pub mod diff;
pub mod drift;
pub mod graph;
mod handover;
mod keep;
mod memory;
pub mod schedule;
pub mod snapshot;
mod steps;
mod undo;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::project::stage::Engine;
use crate::resource::{Answers, Compare, Kind, Live, LogicalId, Mutability, Replacement, Rules};
use crate::topology::Topology;
use graph::Graph;
use handover::Holder;
pub use memory::Memory;
pub use snapshot::Snapshot;
use steps::{Planner, Written};
pub use undo::Undo;

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// A new one takes its place.
    Replace,
    /// It is removed.
    Delete,
}

impl Action {
    /// The one-column sign of the action, readable without colour.
    pub fn glyph(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "±",
            Self::Delete => "-",
        }
    }
}

/// One property that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PropertyChange {
    /// Where it stands: `Policies.PasswordPolicy.MinimumLength`, `Schema[company]`.
    pub path: String,
    /// What it is; `null` when it isn't there.
    pub before: Option<Value>,
    /// What it will be; `null` when it goes. A value still unknown is its CloudFormation reference.
    pub after: Option<Value>,
}

impl PropertyChange {
    fn new(path: &str, before: Value, after: Value) -> Self {
        let some = |value: Value| (!value.is_null()).then_some(value);
        Self {
            path: path.to_owned(),
            before: some(before),
            after: some(after),
        }
    }
}

/// What happens to one resource, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Our name.
    pub logical_id: LogicalId,
    /// The CloudFormation type.
    #[serde(rename = "type")]
    pub type_name: &'static str,
    /// AWS's name, when there is one already.
    pub physical_id: Option<String>,
    /// What happens.
    pub action: Action,
    /// For people; nothing is decided by it.
    pub reason: Option<String>,
    /// The properties that change.
    pub properties: Vec<PropertyChange>,
    /// Its type.
    #[serde(skip)]
    pub kind: Kind,
}

/// How many resources see each action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    /// Made.
    pub create: usize,
    /// Changed in place.
    pub update: usize,
    /// Replaced.
    pub replace: usize,
    /// Removed.
    pub delete: usize,
    /// Left as they are.
    pub unchanged: usize,
}

/// One thing to do: one request's worth for one resource, or for several of a type that share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The type of all its members.
    pub kind: Kind,
    /// What is done to which resource; one, unless the type's rules let several share a request.
    pub members: Vec<Member>,
    /// Positions, in [`Plan::steps`], of the steps that must be done before; all are smaller than its own.
    pub after: Vec<usize>,
}

/// What a step does to one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The resource.
    pub logical_id: LogicalId,
    /// What to do, with all that takes but the answers of earlier steps.
    pub work: Work,
}

/// What is done to a resource. Properties are complete but for references to what earlier steps make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Make it.
    Create {
        /// Its properties, without those that are sent later.
        properties: Value,
        /// What it will be called, when that is known before: what the ledger notes first.
        physical_id: Option<String>,
    },
    /// Send the properties that had to wait for others to exist.
    Finish {
        /// All of its properties.
        properties: Value,
        /// Top-level names of those that waited.
        changed: BTreeSet<String>,
    },
    /// Wait until it can be used; nothing else waits for that.
    Settle,
    /// Change it in place.
    Update {
        /// All of its properties.
        properties: Value,
        /// What was read of it.
        live: Live,
        /// Top-level names of the properties that differ.
        changed: BTreeSet<String>,
    },
    /// Remove it.
    Delete {
        /// AWS's name of what is removed: of what left the file, or of what was replaced.
        physical_id: String,
    },
}

/// The name of a [`Work`], for those who only tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// It is made.
    Create,
    /// It gets the properties that had to wait.
    Finish,
    /// It becomes usable.
    Settle,
    /// It is changed in place.
    Update,
    /// It is removed.
    Delete,
}

impl Work {
    /// Its name.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Create { .. } => Operation::Create,
            Self::Finish { .. } => Operation::Finish,
            Self::Settle => Operation::Settle,
            Self::Update { .. } => Operation::Update,
            Self::Delete { .. } => Operation::Delete,
        }
    }

    /// The properties it leaves the resource with, references still open.
    pub fn properties(&self) -> Option<&Value> {
        match self {
            Self::Create { properties, .. }
            | Self::Finish { properties, .. }
            | Self::Update { properties, .. } => Some(properties),
            Self::Settle | Self::Delete { .. } => None,
        }
    }
}

impl Step {
    /// The resources it is about.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.logical_id.as_str())
    }
}

/// A resource of ours that is no longer declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its type.
    pub kind: Kind,
    /// AWS's name; unknown when a deploy was cut off while making it.
    pub physical_id: Option<String>,
    /// What the last deploy left in it.
    pub memory: Memory,
}

/// The difference between a topology and what is live.
#[derive(Debug)]
pub struct Plan {
    /// The stage.
    pub stage: String,
    /// What carries it out.
    pub engine: Engine,
    /// What changes, by type and name. The screen groups that by action.
    pub changes: Vec<Change>,
    /// What stays.
    pub unchanged: Vec<LogicalId>,
    /// What a reader should know beside the changes.
    pub notes: Vec<String>,
    /// What to do, every step after those it waits for.
    pub steps: Vec<Step>,
    /// What is deleted without a step of its own, and the step that takes it along.
    pub gone_with: Gone,
    /// What is known before the first step.
    pub answers: Answers,
    /// What others changed since the last deploy, for people: what is done about it is among the changes.
    pub drift: Vec<Change>,
}

/// Resources, and the position of the step each goes with.
pub type Gone = BTreeMap<LogicalId, usize>;

/// What was found in AWS.
#[derive(Debug, Default)]
pub struct Observed {
    /// Resources of the topology that are there.
    pub live: BTreeMap<LogicalId, Live>,
    /// Everything of ours by the ledger.
    pub recorded: BTreeMap<LogicalId, Recorded>,
    /// Account, region and the digests of the code.
    pub answers: Answers,
}

/// What the person allows beyond the ordinary.
#[derive(Debug, Clone, Default)]
pub struct Permissions {
    /// Resources that may be replaced although others hold their ID.
    pub replace: BTreeSet<LogicalId>,
    /// Resources that may be deleted although they hold data: nobody has put any there.
    pub discard: BTreeSet<LogicalId>,
    /// Whether the stage is protected: nothing is replaced, whatever is allowed.
    pub protected: bool,
    /// Whether what should be is what once was, rather than what the project file says: only words depend on it.
    pub back: bool,
}

/// Plans how to get from what was observed to the topology.
///
/// Fails with a refusal, carrying every reason found, when a change can't be made in place safely.
pub fn plan(
    topology: &Topology,
    engine: Engine,
    observed: Observed,
    permissions: &Permissions,
) -> Result<Plan> {
    let graph = Graph::of(topology);
    let mut answers = observed.answers;
    for (id, live) in &observed.live {
        live.answer(id, &mut answers);
    }
    let mut planner = Planner::new(&graph, answers);
    let (mut changes, mut unchanged, mut refusals) = (Vec::new(), Vec::new(), Vec::new());
    let mut live_resources = observed.live;
    let mut old = BTreeMap::new();
    let memories = observed.recorded.iter();
    let mut memories: BTreeMap<LogicalId, Memory> = memories
        .map(|(id, recorded)| (id.clone(), recorded.memory.clone()))
        .collect();
    let gone: BTreeMap<LogicalId, Recorded> = observed
        .recorded
        .into_iter()
        .filter(|(id, _)| !topology.resources.contains_key(id))
        .collect();
    // What is about to go, or went with a deploy that was cut off.
    let leaves = |name: &str| {
        gone.values()
            .any(|recorded| recorded.physical_id.as_deref() == Some(name))
            || topology.is_named_like_ours(name)
    };

    for id in graph.in_order()? {
        let resource = &topology.resources[&id].resource;
        let kind = resource.kind();
        let mut declared = resource.properties();
        let mut live = live_resources.remove(&id);
        if let Some(live) = &live {
            let adopted = topology.resources[&id].adopted.as_ref();
            adopted::leave(kind.rules(), adopted, &mut declared, &live.properties);
        }
        let resolved = planner.answers.resolve(&declared);
        let memory = memories.remove(&id).unwrap_or_default();
        if let Some(live) = &mut live {
            let properties = &mut live.properties;
            memory::forget_tags_of_others(kind.rules(), &resolved, &memory, properties);
        }
        let wanted = Wanted {
            id: &id,
            kind,
            desired: &resolved,
        };
        let change = match judge(wanted, live.as_ref(), permissions, leaves) {
            Err(refusal) => {
                refusals.push(match topology.resources[&id].adopted {
                    Some(_) => {
                        refusal.with_hint("or have it stay: name it in `adopt`, under `keep`")
                    }
                    None => refusal,
                });
                continue;
            }
            Ok(change) => change,
        };
        let handed = live.as_ref().and_then(|live| {
            let holder = Holder {
                id: &id,
                kind,
                declared: &declared,
                live,
                memory: &memory,
            };
            holder.hand_over(topology, &changes, &planner.answers)
        });
        let (change, detour) = match (change, handed) {
            (None, None) => {
                unchanged.push(id);
                continue;
            }
            // What is replaced gets everything anew.
            (Some(change), None) => (change, None),
            (Some(change), Some(_)) if change.action != Action::Update => (change, None),
            (change, Some(handed)) => {
                let (change, detour) = handed.over(change);
                (change, Some(detour))
            }
        };
        let written = Written {
            id: &id,
            kind,
            declared,
        };
        match live {
            None => planner.create(written, None),
            Some(live) if change.action == Action::Replace => {
                planner.answers.forget(&id);
                if replaces_in_place(kind) {
                    let delete = planner.delete(&id, kind, live.physical_id, Vec::new());
                    planner.create(written, Some(delete));
                } else {
                    planner.create(written, None);
                    let replaced = Recorded {
                        kind,
                        physical_id: Some(live.physical_id),
                        memory,
                    };
                    old.insert(id.clone(), replaced);
                }
            }
            Some(live) => {
                let changed = change.top_level_names();
                let detour = detour.map(|detour| planner.detour(&written, &live, detour));
                planner.update(written, live, changed, detour);
            }
        }
        changes.push(change);
    }
    let left = match permissions.back {
        true => "was not there then",
        false => "left the project file",
    };
    for (id, recorded) in &gone {
        if recorded.kind.rules().holds_data && !permissions.discard.contains(id) {
            refusals.push(
                Error::refused(format!(
                    "refused to delete `{id}` ({})",
                    recorded.kind.type_name()
                ))
                .with_cause(format!("it {left}, and deleting it loses its data"))
                .with_hint("put it back into the file, or run `saasauth destroy`")
                .about(id, ""),
            );
        }
        changes.push(deletion(id, recorded, left));
    }
    if let Some(error) = Error::together(refusals) {
        return Err(error);
    }
    // Deletes come last: until everything new stands, what is there may still be in use.
    let all: Vec<usize> = (0..planner.len()).collect();
    // What was replaced goes in the same order as what left the file: the policies of a role before it.
    old.extend(gone);
    planner.delete_all(&old, &all);

    let (steps, gone_with, answers) = planner.finish()?;
    changes.sort_by_key(|change| (change.kind, change.logical_id.clone()));
    Ok(Plan {
        stage: topology.stage.clone(),
        engine,
        changes,
        unchanged,
        notes: topology.notes.clone(),
        steps,
        gone_with,
        answers,
        drift: Vec::new(),
    })
}

/// What is ours and no longer declared, as the changes that a plan would make of it: for a plan that is refused.
pub fn gone(topology: &Topology, recorded: &BTreeMap<LogicalId, Recorded>) -> Vec<Change> {
    let gone = recorded
        .iter()
        .filter(|(id, _)| !topology.resources.contains_key(*id));
    gone.map(|(id, recorded)| deletion(id, recorded, "left the project file"))
        .collect()
}

/// Plans the removal of everything recorded, children first. Kinds in `kept` stay.
pub fn destroy(
    stage: &str,
    engine: Engine,
    recorded: BTreeMap<LogicalId, Recorded>,
    kept: &[Kind],
) -> Result<Plan> {
    let (kept, gone): (BTreeMap<_, _>, BTreeMap<_, _>) = recorded
        .into_iter()
        .partition(|(_, recorded)| kept.contains(&recorded.kind));
    let graph = Graph::default();
    let mut planner = Planner::new(&graph, Answers::default());
    planner.delete_all(&gone, &[]);
    let (steps, gone_with, answers) = planner.finish()?;
    let mut changes: Vec<Change> = gone
        .iter()
        .map(|(id, recorded)| deletion(id, recorded, "destroyed"))
        .collect();
    changes.sort_by_key(|change| (change.kind, change.logical_id.clone()));
    Ok(Plan {
        stage: stage.to_owned(),
        engine,
        changes,
        unchanged: kept.into_keys().collect(),
        notes: Vec::new(),
        steps,
        gone_with,
        answers,
        drift: Vec::new(),
    })
}

impl Change {
    /// Top-level names of the properties that change.
    fn top_level_names(&self) -> BTreeSet<String> {
        let names = self.properties.iter();
        names
            .filter_map(|property| property.path.split(['.', '[']).next())
            .map(str::to_owned)
            .collect()
    }
}

impl Plan {
    /// Whether nothing has to happen.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Positions of the steps after which a change is complete: the resource's own, or the one that takes
    /// it along. None for what only a record was left of.
    pub fn steps_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = usize> + 'a {
        let own = self.steps.iter().enumerate();
        let own = own.filter(move |(_, step)| step.ids().any(|other| other == id));
        own.map(|(position, _)| position)
            .chain(self.gone_with.get(id).copied())
    }

    /// The steps that make something, and what the ledger has to note before: the logical ID, the type,
    /// and the physical ID where it is known.
    pub fn creates(&self) -> impl Iterator<Item = (&LogicalId, Kind, Option<&String>)> {
        self.steps.iter().flat_map(|step| {
            step.members.iter().filter_map(|member| match &member.work {
                Work::Create { physical_id, .. } => {
                    Some((&member.logical_id, step.kind, physical_id.as_ref()))
                }
                _ => None,
            })
        })
    }

    /// How many resources see each action.
    pub fn summary(&self) -> Summary {
        let mut summary = Summary {
            unchanged: self.unchanged.len(),
            ..Summary::default()
        };
        for change in &self.changes {
            match change.action {
                Action::Create => summary.create += 1,
                Action::Update => summary.update += 1,
                Action::Replace => summary.replace += 1,
                Action::Delete => summary.delete += 1,
            }
        }
        summary
    }
}

/// Top-level names of the properties in which what is live is not what is declared, and of those that can't be
/// compared. Tags of others are taken out of `live`.
pub fn differences(rules: &Rules, declared: &Value, live: &mut Value) -> BTreeSet<String> {
    memory::forget_tags_of_others(rules, declared, &Memory::default(), live);
    let top = |path: &str| path.split(['.', '[']).next().map(str::to_owned);
    let changed = diff::compare(rules, declared, live).into_iter();
    let changed = changed.filter_map(|change| top(&change.path));
    let unknown = rules.compare.iter();
    let unknown = unknown.filter(|(_, compare)| *compare == Compare::Never);
    let unknown = unknown.filter_map(|(path, _)| top(path));
    let unknown = unknown.filter(|name| declared.get(name).is_some());
    changed.chain(unknown).collect()
}

/// A declared resource, as far as its references can be answered.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    id: &'a str,
    kind: Kind,
    desired: &'a Value,
}

/// What happens to one declared resource: nothing, a change, or a refusal. `leaves` says of a name whether
/// what it stands for is this stage's, and nothing declares it.
fn judge(
    wanted: Wanted<'_>,
    live: Option<&Live>,
    permissions: &Permissions,
    leaves: impl Fn(&str) -> bool,
) -> Result<Option<Change>> {
    let Wanted { id, kind, desired } = wanted;
    let rules = kind.rules();
    let change = |action, properties, reason| Change {
        logical_id: id.to_owned(),
        type_name: rules.type_name,
        physical_id: live.map(|live| live.physical_id.clone()),
        action,
        reason,
        properties,
        kind,
    };
    let Some(live) = live else {
        return Ok(Some(change(
            Action::Create,
            diff::from_nothing(rules, desired),
            None,
        )));
    };
    let mut properties = diff::compare(rules, desired, &live.properties);
    properties.extend(diff::cleared(rules, desired, &live.properties, leaves));
    if properties.is_empty() {
        return Ok(None);
    }
    let mut replacing = Vec::new();
    for property in &properties {
        match rules.mutability(&property.path) {
            Mutability::Update => {}
            Mutability::AddOnly(_) if property.before.is_none() => {}
            Mutability::AddOnly(advice) | Mutability::Refuse(advice) => {
                return Err(refuse_change(id, kind, property, advice));
            }
            Mutability::Replace => replacing.push(property.path.clone()),
        }
    }
    if replacing.is_empty() {
        return Ok(Some(change(Action::Update, properties, None)));
    }
    let what = replacing.join("`, `");
    check_replacement(id, kind, &what, permissions)?;
    let reason = format!("`{what}` can't change in place");
    Ok(Some(change(Action::Replace, properties, Some(reason))))
}

fn refuse_change(id: &str, kind: Kind, property: &PropertyChange, advice: &str) -> Error {
    let text = |value: &Option<Value>| {
        value
            .as_ref()
            .map_or_else(|| "nothing".to_owned(), Value::to_string)
    };
    Error::refused(format!(
        "refused to change `{}` of `{id}` ({})",
        property.path,
        kind.type_name()
    ))
    .with_cause(format!(
        "it is {} and would become {}",
        text(&property.before),
        text(&property.after)
    ))
    .with_hint(advice)
    .about(id, &property.path)
}

fn check_replacement(id: &str, kind: Kind, what: &str, permissions: &Permissions) -> Result<()> {
    let refused = |loss: &str| {
        Error::refused(format!(
            "refused to replace `{id}` ({}): `{what}` can't change in place",
            kind.type_name()
        ))
        .with_cause(loss)
        .about(id, what)
    };
    match kind.rules().replacement {
        Replacement::Never(loss) => {
            Err(refused(loss).with_hint("change it back in the project file"))
        }
        Replacement::CreateFirstIfAllowed(loss) | Replacement::DeleteFirstIfAllowed(loss) => {
            if permissions.protected {
                Err(refused(loss)
                    .with_hint("this stage has `protect: true`; set it to false first"))
            } else if permissions.replace.contains(id) {
                Ok(())
            } else {
                Err(refused(loss).with_hint(format!("to accept that, add `--allow-replace {id}`")))
            }
        }
        Replacement::CreateFirst | Replacement::DeleteFirst => Ok(()),
    }
}

fn replaces_in_place(kind: Kind) -> bool {
    matches!(
        kind.rules().replacement,
        Replacement::DeleteFirst | Replacement::DeleteFirstIfAllowed(_)
    )
}

fn deletion(id: &str, recorded: &Recorded, reason: &str) -> Change {
    Change {
        logical_id: id.to_owned(),
        type_name: recorded.kind.type_name(),
        physical_id: recorded.physical_id.clone(),
        action: Action::Delete,
        reason: Some(reason.to_owned()),
        properties: Vec::new(),
        kind: recorded.kind,
    }
}

#[cfg(test)]
mod matrix_tests;
#[cfg(test)]
pub(crate) mod tests;
