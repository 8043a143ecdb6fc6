//! Taking back a deploy that failed: the topology as the plan's own before-values say it was.
//!
//! What others had changed before the deploy is among those values, so it stays theirs.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Action, Change, Plan, PropertyChange, replaces_in_place};
use crate::resource::{Compare, LogicalId, Mutability, Resource, Rules};
use crate::topology::Topology;

/// How to take a deploy back.
#[derive(Debug)]
pub struct Undo {
    /// What was there before.
    pub topology: Topology,
    /// What the deploy was about to make: it goes again.
    pub made: BTreeSet<LogicalId>,
    /// What it was about to delete, which stays.
    pub deleted: BTreeSet<LogicalId>,
    /// What can't be taken back, for people.
    pub stays: Vec<String>,
}

/// Property names that say which key something is encrypted with.
const KEYS: [&str; 4] = [
    "KmsKeyArn",
    "KmsKeyId",
    "KmsMasterKeyId",
    "SSESpecification",
];

impl Plan {
    /// How to take back what this plan changes. The error says why that must not be.
    pub fn undo(&self, topology: &Topology) -> Result<Undo, String> {
        let mut undo = Undo {
            topology: topology.clone(),
            made: BTreeSet::new(),
            deleted: BTreeSet::new(),
            stays: Vec::new(),
        };
        for change in &self.changes {
            // What was written meanwhile can be read with that key alone.
            let mut paths = change
                .properties
                .iter()
                .map(|property| top_level(&property.path));
            if change.action == Action::Update && paths.any(|name| KEYS.contains(&name)) {
                return Err(format!(
                    "`{}` moved to another key, with which data may be encrypted by now",
                    change.logical_id
                ));
            }
            undo.take_back(change);
        }
        Ok(undo)
    }
}

impl Undo {
    fn take_back(&mut self, change: &Change) {
        let id = &change.logical_id;
        match change.action {
            Action::Create => {
                self.topology.resources.remove(id);
                self.made.insert(id.clone());
            }
            Action::Delete => {
                self.deleted.insert(id.clone());
            }
            Action::Replace if !replaces_in_place(change.kind) => {
                self.stays.push(format!("`{id}` was replaced"));
            }
            Action::Update | Action::Replace => {
                let Some(node) = self.topology.resources.get_mut(id) else {
                    return;
                };
                let (resource, stays) = before(&node.resource, &change.properties);
                node.resource = resource;
                let stays = stays.iter().map(|name| format!("`{name}` of `{id}`"));
                self.stays.extend(stays);
            }
        }
    }
}

/// A resource as it was before these changes, and the properties that can't be given back: they had no value, and a
/// resource of ours always has one.
fn before(resource: &Resource, changes: &[PropertyChange]) -> (Resource, Vec<String>) {
    let (kind, declared) = (resource.kind(), resource.properties());
    let rules = kind.rules();
    let (mut properties, mut stays) = (declared.clone(), Vec::new());
    let mut back = resource.clone();
    let names: BTreeSet<&str> = changes
        .iter()
        .map(|change| top_level(&change.path))
        .collect();
    for name in names {
        let mut patched = properties.clone();
        let of_it = changes
            .iter()
            .filter(|change| top_level(&change.path) == name);
        let of_it: Vec<&PropertyChange> = of_it.collect();
        for change in &of_it {
            // What may only be added can't go again.
            let is_for_good = matches!(rules.mutability(&change.path), Mutability::AddOnly(_));
            if is_for_good {
                stays.push(change.path.clone());
            } else {
                set(rules, &mut patched, &change.path, change.before.as_ref());
            }
        }
        let mut without = properties.clone();
        let was_absent = of_it.iter().all(|change| change.before.is_none());
        if let Some(members) = without.as_object_mut().filter(|_| was_absent) {
            members.remove(name);
        }
        let mut candidates = [patched, without].into_iter();
        let fits = candidates.find_map(|candidate| {
            let resource = Resource::from_properties(kind, candidate.clone()).ok()?;
            Some((candidate, resource))
        });
        match fits {
            Some((candidate, resource)) => {
                properties = candidate;
                back = resource;
            }
            None => stays.push(name.to_owned()),
        }
    }
    (back, stays)
}

fn top_level(path: &str) -> &str {
    path.split(['.', '[']).next().unwrap_or(path)
}

/// Sets what stands at the path of a change, or takes it away.
fn set(rules: &Rules, properties: &mut Value, path: &str, value: Option<&Value>) {
    let names = |path: &str| path.split('.').map(str::to_owned).collect::<Vec<_>>();
    let mut special = rules.compare.iter();
    let special = special.find_map(|&(prefix, compare)| {
        let rest = path.strip_prefix(prefix)?;
        (rest.is_empty() || rest.starts_with(['.', '['])).then_some((prefix, rest, compare))
    });
    match special {
        Some((prefix, rest, Compare::Map | Compare::Tags)) => {
            let key = rest.trim_start_matches('.');
            match at(properties, &names(prefix)) {
                Value::Array(tags) => {
                    tags.retain(|tag| tag["Key"] != key);
                    tags.extend(value.map(|value| {
                        Value::from_iter([
                            ("Key".to_owned(), Value::from(key)),
                            ("Value".to_owned(), value.clone()),
                        ])
                    }));
                }
                map => put(map, key, value),
            }
        }
        Some((prefix, rest, Compare::Keyed(field))) => {
            let Some((key, rest)) = rest.trim_start_matches('[').rsplit_once(']') else {
                return;
            };
            let Some(entries) = at(properties, &names(prefix)).as_array_mut() else {
                return;
            };
            match rest.strip_prefix('.') {
                Some(rest) => {
                    let entry = entries.iter_mut().find(|entry| entry[field] == key);
                    if let Some(entry) = entry {
                        put_at(entry, &names(rest), value);
                    }
                }
                None => {
                    entries.retain(|entry| entry[field] != key);
                    entries.extend(value.cloned());
                }
            }
        }
        Some((prefix, _, Compare::Digest(field))) => {
            put(at(properties, &names(prefix)), field, value);
        }
        _ => put_at(properties, &names(path), value),
    }
}

fn put_at(root: &mut Value, names: &[String], value: Option<&Value>) {
    if let Some((last, parents)) = names.split_last() {
        put(at(root, parents), last, value);
    }
}

fn put(object: &mut Value, name: &str, value: Option<&Value>) {
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let Value::Object(members) = object else {
        return;
    };
    match value {
        Some(value) => drop(members.insert(name.to_owned(), value.clone())),
        None => drop(members.remove(name)),
    }
}

fn at<'a>(root: &'a mut Value, names: &[String]) -> &'a mut Value {
    names
        .iter()
        .fold(root, |value, name| match value.is_object() {
            true => &mut value[name.as_str()],
            false => {
                *value = Value::Object(Map::new());
                &mut value[name.as_str()]
            }
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::drift::tests::other;
    use super::super::tests::{account, deployed, planned};
    use super::super::{Observed, diff};
    use super::*;
    use crate::topology::tests::{example, whole};

    /// Every property of every type, changed, planned back to the declared and undone: as it was found.
    #[test]
    fn every_update_is_taken_back_to_what_was_there() {
        let topology = whole();
        let mut tried = 0;
        for (id, node) in &topology.resources {
            let rules = node.resource.kind().rules();
            let observed = deployed(&topology);
            let names: Vec<String> = match &observed.live[id].properties {
                Value::Object(members) => members.keys().cloned().collect(),
                _ => Vec::new(),
            };
            for name in names {
                let mut observed = deployed(&topology);
                let live = observed.live.get_mut(id).expect("it is there");
                let found = other(&live.properties[&name]);
                live.properties[&name] = found;
                let was = live.properties.clone();
                // What can't be changed is refused, and what changes nothing needs no undoing.
                let Ok(plan) = planned(&topology, observed) else {
                    continue;
                };
                let is_update =
                    |change: &Change| change.logical_id == *id && change.action == Action::Update;
                let Some(change) = plan.changes.iter().find(|change| is_update(change)) else {
                    continue;
                };
                let Ok(undo) = plan.undo(&topology) else {
                    assert!(KEYS.contains(&name.as_str()), "{id}.{name}");
                    continue;
                };
                tried += 1;
                let back = plan
                    .answers
                    .resolve(&undo.topology.resources[id].resource.properties());
                let mut was = was;
                super::super::memory::forget_tags_of_others(
                    rules,
                    &back,
                    &super::super::Memory::default(),
                    &mut was,
                );
                let left = diff::compare(rules, &back, &was);
                assert!(
                    left.is_empty() || undo.stays.iter().any(|stays| stays.contains(&name)),
                    "{id}.{name}: {change:?} left {left:?}"
                );
            }
        }
        assert!(tried > 100, "only {tried}");
    }

    #[test]
    fn what_was_made_goes_and_what_was_about_to_go_stays() {
        let topology = example("starter", "dev");
        let nothing = Observed {
            answers: account(),
            ..Observed::default()
        };
        let plan = planned(&topology, nothing).expect("a plan");
        let undo = plan.undo(&topology).expect("it can be");
        assert!(undo.topology.resources.is_empty());
        assert_eq!(undo.made.len(), topology.resources.len());

        let mut smaller = topology.clone();
        let is_group = |kind| kind == crate::resource::Kind::UserPoolGroup;
        smaller
            .resources
            .retain(|_, node| !is_group(node.resource.kind()));
        let plan = planned(&smaller, deployed(&topology)).expect("a plan");
        let undo = plan.undo(&smaller).expect("it can be");
        assert!(!undo.deleted.is_empty());
        assert_eq!(undo.topology.resources, smaller.resources);
    }

    #[test]
    fn a_pool_that_had_no_triggers_lets_go_of_them() {
        let topology = whole();
        let mut observed = deployed(&topology);
        let pool = observed.live.get_mut("UserPool").expect("a pool");
        pool.properties["LambdaConfig"] = Value::Null;
        let plan = planned(&topology, observed).expect("a plan");
        let undo = plan.undo(&topology).expect("it can be");
        let pool = undo.topology.resources["UserPool"].resource.properties();
        assert_eq!(pool.get("LambdaConfig"), None);
        let mut live = deployed(&topology).live["UserPool"].properties.clone();
        live["LambdaConfig"] =
            json!({ "PostConfirmation": "arn:aws:lambda:r:1:function:full-prod-x" });
        let ours = |name: &str| name.starts_with("full-prod-");
        let gone = diff::cleared(crate::resource::Kind::UserPool.rules(), &pool, &live, ours);
        assert_eq!(gone.len(), 1, "{gone:?}");
    }

    #[test]
    fn data_that_was_written_with_a_new_key_is_not_given_up() {
        let topology = whole();
        let mut observed = deployed(&topology);
        let table = observed.live.get_mut("PermissionsTable").expect("a table");
        table.properties["SSESpecification"] = Value::Null;
        let plan = planned(&topology, observed).expect("a plan");
        plan.undo(&topology).expect_err("it moved to a key");
    }
}
