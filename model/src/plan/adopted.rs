//! What a stage takes over stays as it is where the project file says so, and where it doesn't, a plan must not change it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Observed, PropertyChange, diff};
use crate::resource::{Compare, LogicalId, Rules};
use crate::topology::{Adopted, Topology};

/// Has a declaration say of what is to stay what is there, and nothing where nothing is.
pub(super) fn leave(rules: &Rules, adopted: Option<&Adopted>, declared: &mut Value, live: &Value) {
    for path in adopted.into_iter().flat_map(|adopted| &adopted.keep) {
        leave_at(rules, path, "", declared, live);
    }
}

/// Sets what `path`, seen from `above`, leads to.
fn leave_at(rules: &Rules, path: &str, above: &str, declared: &mut Value, live: &Value) {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    let here = match above {
        "" => name.to_owned(),
        above => format!("{above}.{name}"),
    };
    let Some(members) = declared.as_object_mut() else {
        return;
    };
    if let Some(key) = rest
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        let Compare::Keyed(field) = rules.compare(&here) else {
            return;
        };
        let there = live[name].as_array().into_iter().flatten();
        let there = there.filter(|entry| entry[field] == key).cloned();
        let Some(entries) = members.get_mut(name).and_then(Value::as_array_mut) else {
            return;
        };
        entries.retain(|entry| entry[field] != key);
        entries.extend(there);
        return;
    }
    match rest.strip_prefix('.') {
        None => match &live[name] {
            Value::Null => drop(members.remove(name)),
            there => drop(members.insert(name.to_owned(), there.clone())),
        },
        Some(rest) => {
            let part = members
                .entry(name)
                .or_insert_with(|| Value::Object(Default::default()));
            leave_at(rules, rest, &here, part, &live[name]);
            // Nothing is said of a part of which nothing is left.
            if part.as_object().is_some_and(serde_json::Map::is_empty) {
                members.remove(name);
            }
        }
    }
}

/// Of what is there, every property that the topology would change: what `keep` has to name for it to stay.
///
/// Tags that say whose it is are no change of it; and a trigger where there was none is what it is taken over for.
pub fn differing(
    topology: &Topology,
    observed: &Observed,
) -> BTreeMap<LogicalId, Vec<PropertyChange>> {
    let mut answers = observed.answers.clone();
    for (id, live) in &observed.live {
        live.answer(id, &mut answers);
    }
    let there = topology.resources.iter().filter_map(|(id, node)| {
        let live = observed.live.get(id)?;
        let rules = node.resource.kind().rules();
        let mut declared = answers.resolve(&node.resource.properties());
        leave(
            rules,
            node.adopted.as_ref(),
            &mut declared,
            &live.properties,
        );
        let changes = diff::compare(rules, &declared, &live.properties);
        let changes: Vec<PropertyChange> = changes
            .into_iter()
            .filter(|change| {
                let is_tag = rules.compare(&change.path) == Compare::Tags;
                let is_trigger = change.path.starts_with("LambdaConfig.");
                !is_tag && !(is_trigger && change.before.is_none())
            })
            .collect();
        (!changes.is_empty()).then(|| (id.clone(), changes))
    });
    there.collect()
}

/// The names for `keep` of such properties: whole properties, since half of one makes little sense, but where each entry
/// is a thing of its own.
pub fn names(changes: &[PropertyChange]) -> Vec<String> {
    let names: BTreeSet<&str> = changes
        .iter()
        .map(|change| {
            let path = change.path.as_str();
            let parts = match path.split(['.', '[']).next() {
                // A trigger, with the version of its event.
                Some("LambdaConfig") => 2,
                // An attribute, with all that is said of it.
                Some("Schema") => return path.find(']').map_or(path, |end| &path[..=end]),
                _ => 1,
            };
            let mut ends = path.match_indices('.').map(|(end, _)| end);
            ends.nth(parts - 1).map_or(path, |end| &path[..end])
        })
        .collect();
    names.into_iter().map(str::to_owned).collect()
}
