//! A plan as text, at a given width. Pure: styles are in it, and whoever writes it may strip them.

use serde_json::Value;

use super::style::{self, BAD, BOLD, DIM, GOOD, paint};
use super::text::{count, printable, shorten, shorten_pair, width as measure, wrap};
use super::value::{self, Entry};
use saasauth_model::plan::{Action, Change, Plan, PropertyChange, Summary};

/// Where properties stand.
const PROPERTY: usize = 6;
/// Where the entries of a property stand.
const ENTRY: usize = 8;
/// More entries than this are counted, not shown, unless asked for.
const MOST_ENTRIES: usize = 12;
/// An environment variable may hold anything; this much tells which value it is.
const MOST_OF_A_VARIABLE: usize = 60;

/// What stands over the changes that nobody deployed.
const DRIFT: &str = "Drift, changed by others since the last deploy, from what that left:";

/// More of a type that is made or deleted for the same reason are counted,
const MOST_ALIKE: usize = 12;
/// but for so many.
const SHOWN_ALIKE: usize = 5;

/// How to lay a plan out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// Columns.
    pub(super) width: usize,
    /// Whether to show what is created in full, and every entry.
    pub(super) verbose: bool,
}

/// Renders a plan, ending in a newline.
pub(super) fn render(plan: &Plan, layout: Layout) -> String {
    let mut lines = Vec::new();
    if !plan.drift.is_empty() {
        lines.push(wrap(DRIFT, layout.width, 0));
        list(&plan.drift, layout, &mut lines);
        lines.push(String::new());
    }
    if !plan.drift.is_empty() && !plan.changes.is_empty() {
        lines.push(wrap("What a deploy does:", layout.width, 0));
    }
    list(&plan.changes, layout, &mut lines);
    if !plan.changes.is_empty() {
        lines.push(String::new());
    }
    for note in &plan.notes {
        lines.push(wrap(&format!("note: {}", printable(note)), layout.width, 6));
    }
    if !plan.notes.is_empty() {
        lines.push(String::new());
    }
    lines.push(closing(plan, layout.width));
    lines.join("\n") + "\n"
}

/// Renders what others changed, ending in a newline.
pub(super) fn drift(drift: &[Change], layout: Layout) -> String {
    if drift.is_empty() {
        return "Nobody changed anything since the last deploy.\n".to_owned();
    }
    let mut lines = vec![wrap(DRIFT, layout.width, 0)];
    list(drift, layout, &mut lines);
    lines.join("\n") + "\n"
}

fn list(changes: &[Change], layout: Layout, lines: &mut Vec<String>) {
    let mut changes: Vec<&Change> = changes.iter().collect();
    changes.sort_by_key(|change| change.action);
    let column = name_column(&changes, layout.width);
    for alike in changes.chunk_by(|one, other| are_alike(one, other)) {
        // Hundreds of lines that say the same would hide the one that doesn't.
        let is_many = alike.len() > MOST_ALIKE && !layout.verbose;
        let shown = if is_many { SHOWN_ALIKE } else { alike.len() };
        for change in &alike[..shown] {
            heading(change, column, layout.width, lines);
            properties(change, layout, lines);
        }
        if let Some(change) = alike.first().filter(|_| is_many) {
            let sign = paint(style::action(change.action), change.action.glyph());
            let more = format!("… and {} more, shown by -v", alike.len() - shown);
            lines.push(format!("  {sign} {}", paint(DIM, more)));
        }
    }
}

/// Whether two changes say the same of two resources: of what is made or deleted, nothing else is shown.
fn are_alike(one: &Change, other: &Change) -> bool {
    matches!(one.action, Action::Create | Action::Delete)
        && one.action == other.action
        && one.kind == other.kind
        && one.reason == other.reason
}

/// How wide names are padded so that types stand in a column; 0 when that doesn't fit.
fn name_column(changes: &[&Change], width: usize) -> usize {
    let names = changes
        .iter()
        .map(|change| measure(&change.logical_id))
        .max()
        .unwrap_or(0);
    let types = changes
        .iter()
        .map(|change| measure(change.type_name))
        .max()
        .unwrap_or(0);
    if 4 + names + 2 + types <= width {
        names
    } else {
        0
    }
}

/// `  + UserPool  AWS::Cognito::UserPool  (why)`, broken between its parts where it is too wide.
fn heading(change: &Change, column: usize, width: usize, lines: &mut Vec<String>) {
    let color = style::action(change.action);
    let sign = paint(color, change.action.glyph());
    let mut line = format!("  {sign} {}", paint(BOLD, &change.logical_id));
    let mut end = 4 + measure(&change.logical_id);
    let mut part = |text: &str, gap: usize| {
        if end + gap + measure(text) <= width {
            line.push_str(&" ".repeat(gap));
            end += gap;
        } else {
            lines.push(std::mem::take(&mut line));
            line.push_str(&" ".repeat(PROPERTY));
            end = PROPERTY;
        }
        line.push_str(&paint(DIM, text));
        end += measure(text);
    };
    let gap = column.saturating_sub(measure(&change.logical_id)) + 2;
    part(change.type_name, gap);
    if change.action == Action::Delete
        && let Some(id) = &change.physical_id
    {
        part(&shorten(&printable(id), width.saturating_sub(PROPERTY)), 2);
    }
    if let Some(reason) = &change.reason {
        let reason = format!("({})", printable(reason));
        let wrapped = wrap(&reason, width.saturating_sub(PROPERTY), 0);
        let mut rows = wrapped.split('\n');
        part(rows.next().unwrap_or_default(), 2);
        // The rows after the first start below it, wherever that came to stand.
        let rest: Vec<String> = rows
            .map(|row| format!("{}{}", " ".repeat(PROPERTY), paint(DIM, row)))
            .collect();
        lines.push(line);
        lines.extend(rest);
    } else {
        lines.push(line);
    }
}

fn properties(change: &Change, layout: Layout, lines: &mut Vec<String>) {
    for property in &change.properties {
        match change.action {
            Action::Update | Action::Replace => changed(property, layout, lines),
            Action::Create if layout.verbose => set(property, layout, lines),
            Action::Create | Action::Delete => {}
        }
    }
}

/// A property with what it was and what it will be.
fn changed(property: &PropertyChange, layout: Layout, lines: &mut Vec<String>) {
    let path = printable(&property.path);
    let (before, after) = (property.before.as_ref(), property.after.as_ref());
    if before.into_iter().chain(after).any(value::is_structure) {
        let (removed, added) = value::difference(before, after);
        if removed.is_empty() && added.is_empty() {
            lines.push(indented(
                PROPERTY,
                &format!("{path}: the same in another order"),
            ));
            return;
        }
        lines.push(indented(PROPERTY, &format!("{path}:")));
        structure(&removed, &added, layout, lines);
        return;
    }
    let text = |value: Option<&Value>| value.map_or_else(|| "(not set)".to_owned(), value::inline);
    let limit = match path.starts_with("Environment.Variables.") {
        true => MOST_OF_A_VARIABLE,
        false => usize::MAX,
    };
    let (old, new) = shorten_pair(&text(before), &text(after), limit);
    let line = format!("{path}: {old} → {new}");
    if PROPERTY + measure(&line) <= layout.width {
        lines.push(indented(PROPERTY, &line));
        return;
    }
    let (old, new) = shorten_pair(&old, &new, room(layout));
    lines.push(indented(PROPERTY, &format!("{path}:")));
    lines.push(signed(Action::Delete, &old));
    lines.push(signed(Action::Create, &new));
}

/// A property of something new.
fn set(property: &PropertyChange, layout: Layout, lines: &mut Vec<String>) {
    let path = printable(&property.path);
    let text = property
        .after
        .as_ref()
        .map(value::inline)
        .unwrap_or_default();
    let line = format!("{path}: {text}");
    let fits = PROPERTY + measure(&line) <= layout.width;
    if !fits && property.after.as_ref().is_some_and(value::is_structure) {
        lines.push(indented(PROPERTY, &format!("{path}:")));
        structure(&[], &value::entries(property.after.as_ref()), layout, lines);
    } else {
        let room = layout.width.saturating_sub(PROPERTY + measure(&path) + 2);
        let room = match path.starts_with("Environment.Variables.") {
            true => room.min(MOST_OF_A_VARIABLE),
            false => room,
        };
        lines.push(indented(
            PROPERTY,
            &format!("{path}: {}", shorten(&text, room.max(16))),
        ));
    }
}

fn structure(removed: &[Entry], added: &[Entry], layout: Layout, lines: &mut Vec<String>) {
    let entries = removed
        .iter()
        .map(|entry| (Action::Delete, entry))
        .chain(added.iter().map(|entry| (Action::Create, entry)));
    let most = if layout.verbose {
        usize::MAX
    } else {
        MOST_ENTRIES
    };
    for (action, entry) in entries.take(most) {
        lines.push(signed(action, &shorten(&entry.line(), room(layout))));
    }
    let hidden = (removed.len() + added.len()).saturating_sub(most);
    if hidden > 0 {
        lines.push(indented(
            ENTRY,
            &paint(DIM, format!("… and {hidden} more, shown by -v")),
        ));
    }
}

/// How wide an entry may be behind its sign.
fn room(layout: Layout) -> usize {
    layout.width.saturating_sub(ENTRY + 2).max(16)
}

fn signed(action: Action, text: &str) -> String {
    let color = if action == Action::Delete { BAD } else { GOOD };
    indented(ENTRY, &paint(color, format!("{} {text}", action.glyph())))
}

fn indented(by: usize, text: &str) -> String {
    format!("{}{text}", " ".repeat(by))
}

fn closing(plan: &Plan, width: usize) -> String {
    let summary = plan.summary();
    if !plan.is_empty() {
        return totals(&summary, width);
    }
    match summary.unchanged {
        0 => "No changes: there is nothing to do.".to_owned(),
        1 => "No changes: 1 resource is as the project file says.".to_owned(),
        some => format!(
            "No changes: {} are as the project file says.",
            count(some, "resource")
        ),
    }
}

fn totals(summary: &Summary, width: usize) -> String {
    let Summary {
        create,
        update,
        replace,
        delete,
        unchanged,
    } = summary;
    let text = format!(
        "Plan: {create} to create, {update} to update, {replace} to replace, {delete} to delete, {unchanged} unchanged"
    );
    // A number stays with its word: only what follows a comma may go to the next line.
    let unbroken = text.replace(' ', "\u{a0}").replace(",\u{a0}", ", ");
    wrap(&unbroken, width, 6).replace('\u{a0}', " ")
}

#[cfg(test)]
mod tests;
