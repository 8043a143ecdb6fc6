//! Progress without a terminal: a line for everything that ends, none that is ever rewritten.

use super::model::ProgressLine;
use crate::ui::text::{printable, seconds, sentence};
use saasauth_model::plan::Operation;
use saasauth_model::resource::Kind;

/// The line in plain words; `None` when it says nothing new in a log.
pub(super) fn line(line: &ProgressLine, verbose: bool) -> Option<String> {
    Some(match line {
        ProgressLine::Note(text) => text.clone(),
        ProgressLine::PhaseBegan(text) => sentence(text),
        // The next line says as much.
        ProgressLine::PhaseEnded { .. } => return None,
        // A failing build shows its output whole, so a log needs it twice only when asked.
        ProgressLine::Output(text) => return verbose.then(|| printable(text)),
        ProgressLine::Waiting { id, what } => format!("waiting for {id}: {what}"),
        ProgressLine::Done {
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
        ProgressLine::Failed { id, kind, why } => {
            format!("failed {id}{}: {}", type_of(*kind), printable(why))
        }
        ProgressLine::Skipped { id, because } => format!("skipped {id} because {because} failed"),
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
