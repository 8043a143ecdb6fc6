//! What an upgrade of the triggers' library changes, as text. Pure.

use super::style::{self, BOLD, DIM, WARNING, paint};
use super::text::{printable, wrap};
use crate::scaffold::upgrade::{Change, Upgrade};

/// Where notes on a file stand.
const NOTE: usize = 4;

/// Renders it, ending in a newline.
pub(super) fn render(upgrade: &Upgrade, width: usize) -> String {
    let mut lines = vec![paint(BOLD, heading(upgrade))];
    let mut changes: Vec<&Change> = upgrade.changes.iter().collect();
    changes.sort_by_key(|change| &change.path);
    for change in changes {
        lines.extend(one(change, width));
    }
    for kept in &upgrade.kept {
        let note = paint(DIM, format!("({})", kept.note));
        lines.push(format!("  {} {note}", printable(&kept.path)));
    }
    for step in &upgrade.by_hand {
        lines.push(wrap(&format!("by hand: {step}"), width, NOTE));
    }
    lines.join("\n") + "\n"
}

/// Renders what stands in its way: the files that were edited, and where such a change belongs.
pub(super) fn render_edited(upgrade: &Upgrade, width: usize) -> String {
    let edited = upgrade.edited().flat_map(|change| one(change, width));
    edited.map(|line| line + "\n").collect()
}

fn one(change: &Change, width: usize) -> Vec<String> {
    let glyph = paint(style::action(change.action), change.action.glyph());
    let mut lines = vec![format!("{glyph} {}", printable(&change.path))];
    if let Some(advice) = change.edited {
        let note = wrap(&format!("edited; {advice}"), width, NOTE);
        lines.push(format!("{}{}", " ".repeat(NOTE), paint(WARNING, note)));
    }
    lines
}

fn heading(upgrade: &Upgrade) -> String {
    let folder = upgrade.folder.display();
    let to = &upgrade.to;
    if upgrade.is_empty() {
        return format!("the library in `{folder}` is {to}, this saasauth's");
    }
    let from = upgrade.from.as_deref().unwrap_or("none");
    let mut text = if from == to {
        format!("the library in `{folder}`: {to}, with other files")
    } else {
        format!("the library in `{folder}`: {from} → {to}")
    };
    if let Some(contract) = upgrade.from_contract
        && contract != upgrade.to_contract
    {
        text += &format!(", contract {contract} → {}", upgrade.to_contract);
    }
    text
}
