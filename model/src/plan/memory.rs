//! What must be remembered of the last deploy, because no read tells it: which of a resource's tags we set,
//! and which one it holds on to of what can be made again under its name.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::resource::expr::{Reference, references};
use crate::resource::{Answers, Compare, LogicalId, Rules};

/// What a deploy left in one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// The keys of the tags it set. `None`: nobody noted them.
    pub tags: Option<BTreeSet<String>>,
    /// What tells the one it holds on to from another of that name: see [`Rules::holds`].
    pub holds: Option<String>,
}

impl Memory {
    /// What to note of a resource with these properties, references open or not.
    pub fn of(rules: &Rules, properties: &Value, answers: &Answers) -> Self {
        let tags = tag_properties(rules).flat_map(|name| keys(&properties[name]));
        let holds = held(rules, properties).and_then(|(id, attribute)| {
            let attribute = Some(attribute.to_owned());
            answers.get(&Reference { id, attribute }).map(str::to_owned)
        });
        Self {
            tags: Some(tags.map(str::to_owned).collect()),
            holds,
        }
    }

    /// What to note where the last deploy did not get to its end: what was true before may still be.
    pub fn beside(&mut self, before: &Self) {
        if let (Some(tags), Some(before)) = (&mut self.tags, &before.tags) {
            tags.extend(before.iter().cloned());
        }
        self.holds.clone_from(&before.holds);
    }

    /// Whether something that is noted of such a resource today was not.
    pub fn lacks_of(&self, other: &Self) -> bool {
        let lacks_tags = self.tags.is_none() && other.tags.is_some();
        lacks_tags || (self.holds.is_none() && other.holds.is_some())
    }
}

/// Takes the tags of others out of what was read: those that are neither declared nor remembered as set by
/// us. A tag that somebody else put on is theirs, neither compared nor removed; one that left the file is
/// removed. Where nobody noted what we set, only what is declared is ours.
pub(super) fn forget_tags_of_others(
    rules: &Rules,
    declared: &Value,
    memory: &Memory,
    live: &mut Value,
) {
    for name in tag_properties(rules) {
        let declared: BTreeSet<&str> = keys(&declared[name]).collect();
        let noted = |key: &str| memory.tags.as_ref().is_some_and(|tags| tags.contains(key));
        let is_ours = |key: &str| declared.contains(key) || noted(key);
        match live.get_mut(name) {
            Some(Value::Array(tags)) => {
                tags.retain(|tag| tag["Key"].as_str().is_some_and(is_ours));
            }
            Some(Value::Object(tags)) => tags.retain(|key, _| is_ours(key)),
            _ => {}
        }
    }
}

/// What a resource with these properties holds on to: the logical ID, and the attribute that tells it from
/// another of that name.
pub(super) fn held(rules: &Rules, properties: &Value) -> Option<(LogicalId, &'static str)> {
    let (property, attribute) = rules.holds?;
    let mut references = references(properties).into_iter();
    let (_, reference) = references.find(|(path, _)| path == property)?;
    Some((reference.id, attribute))
}

fn tag_properties(rules: &Rules) -> impl Iterator<Item = &'static str> {
    let compare: &'static [(&'static str, Compare)] = rules.compare;
    compare
        .iter()
        .filter(|(_, compare)| *compare == Compare::Tags)
        .map(|&(name, _)| name)
}

/// The keys of tags, listed or mapped.
fn keys(tags: &Value) -> impl Iterator<Item = &str> {
    let listed = tags.as_array().into_iter().flatten();
    let listed = listed.filter_map(|tag| tag["Key"].as_str());
    let mapped = tags.as_object().into_iter().flatten();
    listed.chain(mapped.map(|(key, _)| key.as_str()))
}
