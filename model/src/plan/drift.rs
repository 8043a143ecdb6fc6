//! What others changed behind our back: the difference between what the last deploy applied and what is live. Apart from
//! what the file asks, which is the plan.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Action, Change, Observed, PropertyChange, Snapshot, adopted, diff, memory};
use crate::resource::expr::is_unresolved;
use crate::resource::{Kind, LogicalId};
use crate::topology::Topology;

/// Every property that is no longer as the last deploy left it, `before`, but something else, `after`; and every resource
/// that is gone. Only what a deploy sets is looked at: the rest is not ours.
///
/// A resource whose last write did not get to its end is in no snapshot, and nothing can be said of it.
pub fn drift(snapshot: &Snapshot, topology: &Topology, observed: &Observed) -> Vec<Change> {
    let mut answers = observed.answers.clone();
    for (id, live) in &observed.live {
        live.answer(id, &mut answers);
    }
    snapshot.answer(&mut answers);
    // What left the file is not read.
    let looked_at = snapshot
        .resources
        .iter()
        .filter(|(id, _)| topology.resources.contains_key(*id));
    let changes = looked_at.filter_map(|(id, declared)| {
        let kind = Kind::of(&declared.type_name)?;
        let recorded = observed.recorded.get(id)?;
        let Some(live) = observed.live.get(id) else {
            let physical_id = recorded.physical_id.clone()?;
            return Some(change(
                id,
                kind,
                Some(physical_id),
                Action::Delete,
                Vec::new(),
            ));
        };
        let mut applied = answers.resolve(&declared.properties);
        adopted::leave(
            kind.rules(),
            declared.adopted.as_ref(),
            &mut applied,
            &live.properties,
        );
        let mut now = live.properties.clone();
        memory::forget_tags_of_others(kind.rules(), &applied, &recorded.memory, &mut now);
        let properties = diff::compare(kind.rules(), &applied, &now).into_iter();
        // What refers to something that is gone tells nothing by itself.
        let properties = properties.filter(|property| {
            let applied = property.after.as_ref();
            !applied.is_some_and(is_unresolved)
        });
        let properties: Vec<PropertyChange> = properties
            .map(
                |PropertyChange {
                     path,
                     before,
                     after,
                 }| PropertyChange {
                    path,
                    before: after,
                    after: before,
                },
            )
            .collect();
        let physical_id = Some(live.physical_id.clone());
        (!properties.is_empty()).then(|| change(id, kind, physical_id, Action::Update, properties))
    });
    let mut changes: Vec<Change> = changes.collect();
    changes.sort_by_key(|change| (change.kind, change.logical_id.clone()));
    changes
}

fn change(
    id: &LogicalId,
    kind: Kind,
    physical_id: Option<String>,
    action: Action,
    properties: Vec<PropertyChange>,
) -> Change {
    Change {
        logical_id: id.clone(),
        type_name: kind.type_name(),
        physical_id,
        reason: (action == Action::Delete).then(|| "is gone".to_owned()),
        action,
        properties,
        kind,
    }
}

impl Snapshot {
    /// Takes what has drifted for what was applied.
    pub fn accept(&mut self, drift: &[Change], observed: &Observed) {
        for Change { logical_id, .. } in drift {
            match observed.live.get(logical_id) {
                None => {
                    self.resources.remove(logical_id);
                    self.code.remove(logical_id);
                }
                Some(live) => {
                    if let Some(declared) = self.resources.get_mut(logical_id) {
                        declared.properties = as_it_is(&declared.properties, &live.properties);
                    }
                }
            }
        }
    }
}

/// The properties that are declared, with the values that are there. What is not there and refers to something is left
/// out; all else that is not there stays as declared, for AWS doesn't tell everything.
pub fn as_it_is(declared: &Value, live: &Value) -> Value {
    match (declared, live) {
        (Value::Object(declared), Value::Object(live)) => {
            let members = declared.iter().filter_map(|(name, declared)| {
                let value = match live.get(name).filter(|live| !live.is_null()) {
                    Some(live) => as_it_is(declared, live),
                    None if is_unresolved(declared) => return None,
                    None => declared.clone(),
                };
                Some((name.clone(), value))
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        // Elements have the members that declared ones have: Cognito answers with more than a declaration may say.
        (Value::Array(declared), Value::Array(live)) => {
            let members = declared.iter().filter_map(Value::as_object);
            let names: BTreeSet<&String> = members.flat_map(Map::keys).collect();
            let known = live.iter().map(|element| match element {
                Value::Object(members) => {
                    let known = members.iter().filter(|(name, _)| names.contains(name));
                    Value::Object(
                        known
                            .map(|(name, value)| (name.clone(), value.clone()))
                            .collect(),
                    )
                }
                element => element.clone(),
            });
            Value::Array(known.collect())
        }
        (_, live) => live.clone(),
    }
}
#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::super::tests::{deployed, planned};
    use super::*;
    use crate::plan::snapshot::tests::all;
    use crate::resource::Compare;
    use crate::topology::tests::whole;

    /// Another value of the same shape: what somebody changes.
    pub(crate) fn other(value: &Value) -> Value {
        match value {
            Value::Bool(flag) => json!(!flag),
            Value::Number(number) => json!(number.as_u64().unwrap_or(0) + 1),
            Value::String(text) => json!(format!("{text}x")),
            Value::Array(items) => items.iter().map(other).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), other(value)))
                .collect(),
            Value::Null => Value::Null,
        }
    }

    /// What a deploy leaves, as it is read: secrets by their name.
    fn there(topology: &Topology) -> Observed {
        let mut observed = deployed(topology);
        all(topology).answer(&mut observed.answers);
        for live in observed.live.values_mut() {
            live.properties = observed.answers.resolve(&live.properties);
        }
        observed
    }

    /// Every property of every type, changed by somebody: it is drift, with both values, and no change of the file.
    #[test]
    fn every_property_that_others_change_is_drift() {
        let topology = whole();
        let snapshot = all(&topology);
        assert_eq!(drift(&snapshot, &topology, &there(&topology)), []);
        let mut tried = 0;
        for (id, node) in &topology.resources {
            let rules = node.resource.kind().rules();
            let members = there(&topology).live[id].properties.clone();
            for (name, value) in members.as_object().into_iter().flatten() {
                let compare = rules.compare(name);
                // An empty list has nothing to change.
                if compare == Compare::Never || other(value) == *value {
                    continue;
                }
                let mut observed = there(&topology);
                let live = observed.live.get_mut(id).expect("it is there");
                live.properties[name] = match compare {
                    // Tags of others are theirs: ours is taken off.
                    Compare::Tags => Value::Null,
                    _ => other(value),
                };
                let found = drift(&snapshot, &topology, &observed);
                assert_eq!(found.len(), 1, "{id}.{name}: {found:?}");
                assert_eq!(found[0].logical_id, *id);
                let paths = found[0].properties.iter().map(|property| &property.path);
                for path in paths {
                    assert!(path.starts_with(name.as_str()), "{id}.{name}: {path}");
                }
                tried += 1;

                let mut accepted = snapshot.clone();
                let again = Observed {
                    live: observed.live.clone(),
                    recorded: observed.recorded.clone(),
                    answers: observed.answers.clone(),
                };
                accepted.accept(&found, &observed);
                let left = drift(&accepted, &topology, &again);
                // A tag that was taken off can't be told from one that nobody set.
                assert!(
                    compare == Compare::Tags || left.is_empty(),
                    "{id}.{name}: {left:?}"
                );
            }
        }
        assert!(tried > 150, "only {tried}");
    }

    #[test]
    fn what_the_file_asks_is_no_drift() {
        let before = whole();
        let mut after = before.clone();
        let function = after.resources.get_mut("ConfirmUser").expect("a function");
        if let crate::resource::Resource::Function(function) = &mut function.resource {
            function.memory_size = 1024;
        }
        assert_eq!(drift(&all(&before), &after, &there(&before)), []);
        let plan = planned(&after, there(&before)).expect("a plan");
        assert_eq!(plan.summary().update, 1);
    }

    #[test]
    fn what_somebody_deleted_is_gone_and_nothing_follows_from_that() {
        let topology = whole();
        let mut observed = there(&topology);
        observed.live.remove("ConfirmUserRole");
        let found = drift(&all(&topology), &topology, &observed);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].action, Action::Delete);
        // Of what no deploy finished nothing is known.
        let mut snapshot = all(&topology);
        snapshot.resources.remove("ConfirmUserRole");
        assert_eq!(drift(&snapshot, &topology, &observed), []);
    }

    #[test]
    fn what_stays_is_not_brought_to_the_file() {
        let declared = json!({
            "Policies": { "PasswordPolicy": { "MinimumLength": 14 } },
            "SmsConfiguration": { "SnsCallerArn": { "Fn::GetAtt": ["SmsRole", "Arn"] } },
            "EmailConfiguration": { "SourceArn": { "Fn::GetAtt": ["Identity", "Arn"] } },
            "EnabledMfas": ["SMS_MFA"],
            "Schema": [{ "Name": "name", "Required": true }, { "Name": "seats", "Mutable": true }],
        });
        let live = json!({
            "Schema": [{ "Name": "seats", "Mutable": false, "DeveloperOnlyAttribute": false }],
            "Policies": { "PasswordPolicy": { "MinimumLength": 8 }, "SignInPolicy": {} },
            "EmailConfiguration": { "SourceArn": "arn:identity" },
            "DeviceConfiguration": {},
        });
        assert_eq!(
            as_it_is(&declared, &live),
            json!({
                "Policies": { "PasswordPolicy": { "MinimumLength": 8 } },
                "EmailConfiguration": { "SourceArn": "arn:identity" },
                "EnabledMfas": ["SMS_MFA"],
                "Schema": [{ "Name": "seats", "Mutable": false }],
            })
        );
    }
}
