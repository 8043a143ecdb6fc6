//! Takes a file apart into settings and stages, and lays a stage over the settings.
//!
//! On trees, before types: one rule serves every key, and each value keeps the place it came from.
//! Both halves were given their types before, so a mistake was reported where it stands.

use super::file::File;
use super::tree::{Data, Key, Node};

/// Mappings taken whole: their keys exclude each other, so a merged one would say two things.
const TAKEN_WHOLE: [&str; 1] = ["hosted_ui"];

/// Takes the file apart: what belongs to it alone, and the settings that every stage shares.
pub(super) fn split(file: &Node) -> (Node, Node) {
    let (mut head, mut settings) = (file.clone(), file.clone());
    let is_of_the_file = |key: &Key| File::KEYS.contains(&key.name.as_str());
    if let Data::Map(entries) = &mut head.data {
        entries.retain(|(key, _)| is_of_the_file(key));
    }
    if let Data::Map(entries) = &mut settings.data {
        entries.retain(|(key, _)| !is_of_the_file(key));
    }
    (head, settings)
}

/// The tree of one stage: the settings all share, with those of `stage` over them. A stage of which
/// nothing is said is like the others.
pub(super) fn overlay(settings: &Node, stage: Option<&Node>) -> Node {
    let mut base = settings.clone();
    if let Some(stage) = stage.filter(|stage| stage.data != Data::Null) {
        lay(&mut base, stage);
    }
    base
}

/// Mappings are merged key by key; anything else is replaced, by `null` as well.
fn lay(base: &mut Node, over: &Node) {
    let (Data::Map(below), Data::Map(above)) = (&mut base.data, &over.data) else {
        *base = over.clone();
        return;
    };
    for (key, value) in above {
        match below.iter_mut().find(|(known, _)| known.name == key.name) {
            Some((_, known)) if !TAKEN_WHOLE.contains(&key.name.as_str()) => lay(known, value),
            Some(entry) => *entry = (key.clone(), value.clone()),
            None => below.push((Key::clone(key), value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::project::source::Source;
    use crate::project::tree::parse;

    /// The overlay of the stage `s`, with every leaf as `path@line=value`.
    fn laid(text: &str) -> Vec<String> {
        let source = Source::new(Path::new("f"), text.to_owned());
        let tree = parse(&source).expect("it is YAML");
        let stage = tree.get("stages").and_then(|stages| stages.get("s"));
        let mut leaves = Vec::new();
        let (_, settings) = split(&tree);
        walk(&source, "", &overlay(&settings, stage), &mut leaves);
        leaves
    }

    fn walk(source: &Source, path: &str, node: &Node, leaves: &mut Vec<String>) {
        match &node.data {
            Data::Map(entries) => {
                for (key, value) in entries {
                    walk(source, &format!("{path}/{}", key.name), value, leaves);
                }
            }
            Data::List(items) => leaves.push(format!("{path}={} items", items.len())),
            _ => {
                let line = source.place(node.span).line;
                leaves.push(format!("{path}@{line}={}", source.slice(node.span)));
            }
        }
    }

    #[test]
    fn merges_maps_replaces_lists_and_keeps_lines() {
        let text = "version: 1\na: { x: 1, y: 2 }\nl: [1, 2]\nstages:\n  s:\n    a: { y: 3, z: 4 }\n    l: [5]\n";
        assert_eq!(
            laid(text),
            ["/a/x@2=1", "/a/y@6=3", "/a/z@6=4", "/l=1 items"]
        );
    }

    #[test]
    fn takes_hosted_ui_whole_and_null_away() {
        let text = "hosted_ui: { prefix: a }\ne: { f: g }\nstages:\n  s:\n    hosted_ui: { domain: b }\n    e: ~\n";
        assert_eq!(laid(text), ["/hosted_ui/domain@5=b", "/e@6=~"]);
    }

    #[test]
    fn no_stage_leaves_the_base() {
        assert_eq!(laid("project: p\na: 1\n"), ["/a@2=1"]);
    }
}
