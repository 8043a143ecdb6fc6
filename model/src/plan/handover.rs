//! Hands a resource anew what it holds on to, when that was deleted and made again under its name.
//!
//! AWS takes the same name for no change at all, so the way leads over another one and back: two updates,
//! planned like any others.

use serde_json::Value;

use super::memory::{self, Memory};
use super::steps::Detour;
use super::{Action, Change, PropertyChange};
use crate::resource::expr::Reference;
use crate::resource::{Answers, Kind, Live, LogicalId};
use crate::topology::Topology;

/// A resource that may hold on to another.
pub(super) struct Holder<'a> {
    pub(super) id: &'a str,
    pub(super) kind: Kind,
    pub(super) declared: &'a Value,
    pub(super) live: &'a Live,
    pub(super) memory: &'a Memory,
}

/// What is handed over, and how.
pub(super) struct HandOver {
    detour: Detour,
    change: Change,
}

impl Holder<'_> {
    /// What has to be handed over anew, when something has. `changes` are those planned so far, with what it
    /// refers to among them.
    pub(super) fn hand_over(
        &self,
        topology: &Topology,
        changes: &[Change],
        answers: &Answers,
    ) -> Option<HandOver> {
        let rules = self.kind.rules();
        let (property, _) = rules.holds?;
        let (target, attribute) = memory::held(rules, self.declared)?;
        let reference = Reference {
            id: target.clone(),
            attribute: Some(attribute.to_owned()),
        };
        let is_made = changes.iter().any(|change| {
            change.logical_id == target && matches!(change.action, Action::Create | Action::Replace)
        });
        let known = answers.get(&reference);
        let made_anew = if is_made {
            self.goes_by_the_same_name(topology, property, &target, answers)
        } else {
            // Nothing noted is nothing known: it is noted by this deploy.
            let noted = self.memory.holds.as_deref();
            noted
                .zip(known)
                .is_some_and(|(noted, known)| noted != known)
        };
        if !made_anew {
            return None;
        }
        let detour = self.another(topology, property, &target)?;
        let after = known.map_or_else(
            || serde_json::json!({ "Fn::GetAtt": [target, attribute] }),
            Value::from,
        );
        let before = self
            .memory
            .holds
            .as_deref()
            .map_or(Value::Null, Value::from);
        let path = format!("{property}.{attribute}");
        let change = Change {
            logical_id: self.id.to_owned(),
            type_name: rules.type_name,
            physical_id: Some(self.live.physical_id.clone()),
            action: Action::Update,
            reason: Some(format!("`{target}` was made anew under its name")),
            properties: vec![PropertyChange::new(&path, before, after)],
            kind: self.kind,
        };
        Some(HandOver { detour, change })
    }

    /// Whether what is about to be made has the name of the one it holds on to. An ARN ends in it.
    fn goes_by_the_same_name(
        &self,
        topology: &Topology,
        property: &str,
        target: &str,
        answers: &Answers,
    ) -> bool {
        let Some(node) = topology.resources.get(target) else {
            return false;
        };
        let declared = answers.resolve(&node.resource.properties());
        let name = node.resource.kind().identity(target, &declared);
        let held = self.live.properties[property].as_str();
        held.zip(name)
            .is_some_and(|(held, name)| held.ends_with(&format!("/{name}")))
    }

    /// One that a sibling of the same type refers to in the same way, and so can be referred to.
    fn another(
        &self,
        topology: &Topology,
        property: &'static str,
        target: &LogicalId,
    ) -> Option<Detour> {
        let siblings = topology
            .resources
            .values()
            .filter(|node| node.resource.kind() == self.kind);
        let mut others = siblings.filter_map(|node| {
            let properties = node.resource.properties();
            let (other, _) = memory::held(self.kind.rules(), &properties)?;
            Some(Detour {
                property,
                reference: properties[property].clone(),
                other,
            })
        });
        others.find(|detour| detour.other != *target)
    }
}

impl HandOver {
    /// The change it is, or makes of another update, and the way it goes.
    pub(super) fn over(self, update: Option<Change>) -> (Change, Detour) {
        let Self { detour, change } = self;
        let change = match update {
            None => change,
            Some(update) => {
                let mut properties = update.properties;
                properties.extend(change.properties);
                Change {
                    properties,
                    ..change
                }
            }
        };
        (change, detour)
    }
}
