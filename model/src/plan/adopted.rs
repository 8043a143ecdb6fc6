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
                let is_addition = is_tag || is_trigger && change.before.is_none();
                !is_addition
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::tests::{deployed, planned};
    use crate::project::validate::KEPT;
    use crate::resource::{Kind, Resource};
    use crate::topology::tests::whole;

    fn left(keep: &[&str], mut declared: Value, live: Value) -> Value {
        let adopted = Adopted {
            physical_id: None,
            keep: keep.iter().map(|&path| path.to_owned()).collect(),
        };
        let rules = Kind::UserPool.rules();
        leave(rules, Some(&adopted), &mut declared, &live);
        declared
    }

    #[test]
    fn what_is_kept_is_said_as_it_is() {
        let declared = json!({
            "UserPoolName": "ours",
            "LambdaConfig": { "PostConfirmation": "ours", "PreTokenGenerationConfig": { "LambdaArn": "ours" } },
            "Schema": [{ "Name": "email" }, { "Name": "seats", "Mutable": true }],
            "AccountRecoverySetting": { "RecoveryMechanisms": [] },
        });
        let live = json!({
            "UserPoolName": "theirs",
            "LambdaConfig": { "PostConfirmation": "theirs", "CustomMessage": "theirs" },
            "Schema": [{ "Name": "seats", "Mutable": false }],
        });
        let keep = [
            "UserPoolName",
            "LambdaConfig.PostConfirmation",
            "Schema[seats]",
            "Schema[email]",
            "AccountRecoverySetting.RecoveryMechanisms",
            "Nothing.Like.That",
        ];
        let expected = json!({
            "UserPoolName": "theirs",
            "LambdaConfig": { "PostConfirmation": "theirs", "PreTokenGenerationConfig": { "LambdaArn": "ours" } },
            "Schema": [{ "Name": "seats", "Mutable": false }],
        });
        assert_eq!(left(&keep, declared.clone(), live), expected);
        assert_eq!(left(&[], declared.clone(), json!({})), declared);
    }

    /// Whatever there is otherwise than declared stays, of every type that is taken over, once `keep` has what
    /// [`differing`] finds.
    #[test]
    fn what_differs_is_what_has_to_be_kept() {
        let mut tried = 0;
        let topology = whole();
        for (type_name, properties) in KEPT {
            let kind = Kind::of(type_name).expect("a type");
            let mut nodes = topology.resources.iter();
            let (id, _) = nodes
                .find(|(_, node)| node.resource.kind() == kind)
                .expect("it is declared");
            for name in properties {
                let mut observed = deployed(&topology);
                let live = observed.live.get_mut(id).expect("it is there");
                // Another value, and none.
                for value in [
                    super::super::drift::tests::other(&live.properties[name]),
                    Value::Null,
                ] {
                    let mut observed = deployed(&topology);
                    let live = observed.live.get_mut(id).expect("it is there");
                    live.properties[name] = value;
                    let found = differing(&topology, &observed);
                    let Some(changes) = found.get(id) else {
                        continue;
                    };
                    let mut keeping = topology.clone();
                    let node = keeping.resources.get_mut(id).expect("it is there");
                    node.adopted = Some(Adopted {
                        physical_id: None,
                        keep: names(changes),
                    });
                    assert!(differing(&keeping, &observed).is_empty(), "{id}.{name}");
                    let plan = planned(&keeping, observed).expect("nothing is refused");
                    let touched = plan.changes.iter().find(|change| change.logical_id == *id);
                    assert!(touched.is_none(), "{id}.{name}: {touched:?}");
                    tried += 1;
                }
            }
        }
        assert!(tried > 40, "only {tried}");
    }

    #[test]
    fn what_can_be_kept_is_what_the_types_have() {
        // What it is found by, what it is part of, and whose it is.
        const NEVER: [&str; 12] = [
            "UserPoolTags",
            "Tags",
            "UserPoolId",
            "GenerateSecret",
            "TableName",
            "KeySchema",
            "GroupName",
            "AttributeDefinitions",
            "GlobalSecondaryIndexes",
            "Domain",
            "ProviderName",
            "ProviderType",
        ];
        for (type_name, properties) in KEPT {
            let kind = Kind::of(type_name).expect("a type");
            let unknown = |name: &str| {
                let one = Value::Object([(name.to_owned(), Value::Null)].into_iter().collect());
                let error =
                    Resource::<String>::from_properties(kind, one).expect_err("it is not whole");
                error.contains("unknown field")
            };
            assert!(unknown("Novelty"), "{type_name}");
            for name in properties {
                assert!(!unknown(name), "{type_name} has no {name}");
            }
            let topology = whole();
            let nodes = topology.resources.values();
            let declared = nodes.filter(|node| node.resource.kind() == kind);
            for declared in declared.map(|node| node.resource.properties()) {
                for name in declared.as_object().expect("properties").keys() {
                    let is_known =
                        properties.contains(&name.as_str()) || NEVER.contains(&name.as_str());
                    assert!(is_known, "{type_name}: {name}");
                }
            }
        }
    }
}
