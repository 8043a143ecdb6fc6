//! Progress without a terminal: a line for everything that ends, none that is ever rewritten.

use super::model::Line;
use crate::ui::text::{printable, seconds, sentence};
use saasauth_model::plan::Operation;
use saasauth_model::resource::Kind;

/// The line in plain words; `None` when it says nothing new in a log.
pub(super) fn line(line: &Line, verbose: bool) -> Option<String> {
    Some(match line {
        Line::Note(text) => text.clone(),
        Line::PhaseBegan(text) => sentence(text),
        // The next line says as much.
        Line::PhaseEnded { .. } => return None,
        // A failing build shows its output whole, so a log needs it twice only when asked.
        Line::Output(text) => return verbose.then(|| printable(text)),
        Line::Waiting { id, what } => format!("waiting for {id}: {what}"),
        Line::Done {
            id,
            kind,
            operation,
            took,
        } => {
            format!(
                "{} {id}{} in {}",
                past(*operation),
                type_of(*kind),
                seconds(*took)
            )
        }
        Line::Failed { id, kind, why } => {
            format!("failed {id}{}: {}", type_of(*kind), printable(why))
        }
        Line::Skipped { id, because } => format!("skipped {id} because {because} failed"),
    })
}

/// What was done.
pub(super) fn past(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "created",
        Operation::Finish => "connected",
        Operation::Settle => "ready",
        Operation::Update => "updated",
        Operation::Delete => "deleted",
    }
}

fn type_of(kind: Option<Kind>) -> String {
    kind.map(|kind| format!(" ({})", kind.type_name()))
        .unwrap_or_default()
}
