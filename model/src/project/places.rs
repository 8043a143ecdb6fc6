//! Where a stage's settings stand, for whoever finds later that one of them can't be done.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::source::{Source, Span};
use super::tree::{Data, Node};
use crate::error::Place;

/// What is known by a name in the file, under the keys that lead there.
const SECTIONS: [&[&str]; 8] = [
    &["sign_in"],
    &["sign_in", "attributes"],
    &["sign_in", "providers"],
    &["clients"],
    &["hosted_ui"],
    &["access", "roles"],
    &["domains"],
    &["email"],
];

/// The spots of one stage.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    source: Option<Arc<Source>>,
    /// By the keys that lead there, with `/` between them.
    spans: BTreeMap<String, Span>,
}

/// Two stages that say the same are the same, wherever it is written.
impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Places {}

impl Places {
    /// Those of a stage laid over the rest of the file.
    pub(super) fn of(source: &Arc<Source>, stage: &Node) -> Self {
        let mut spans = BTreeMap::new();
        for keys in SECTIONS {
            let Some((last, above)) = keys.split_last() else {
                continue;
            };
            let above = above.iter().try_fold(stage, |node, key| node.get(key));
            let section = above.and_then(|above| above.entry(last));
            let Some((key, section)) = section else {
                continue;
            };
            let path = keys.join("/");
            if let Data::Map(entries) = &section.data {
                for (key, _) in entries {
                    spans.insert(format!("{path}/{}", key.name), key.span);
                }
            }
            spans.insert(path, key.span);
        }
        Self {
            source: Some(Arc::clone(source)),
            spans,
        }
    }

    /// Where the key stands that `path` leads to.
    pub(super) fn find(&self, path: &str) -> Option<Place> {
        let span = self.spans.get(path)?;
        Some(self.source.as_ref()?.place(*span))
    }
}
