//! Progress on a terminal: what ended stays above as lines, what runs is drawn below as a tree.

use std::time::{Duration, Instant};

use super::model::{Execution, Model, Phase, ProgressLine, RunningStep};
use super::plain::past;
use crate::ui::style::{BAD, BOLD, DIM, GOOD, paint};
use crate::ui::text::{clip, pad, printable, seconds, sentence, width as measure};
use saasauth_model::plan::Operation;
use saasauth_model::resource::Kind;

/// What is running is shown on at most this many lines; a wall of spinners informs nobody.
const MOST_LINES: usize = 10;
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// How long each picture of the spinner stands, in milliseconds.
const TURN: u128 = 100;

/// The line that stays on the terminal; `None` when the tree has shown it already.
pub(super) fn line(line: &ProgressLine) -> Option<String> {
    let good = paint(GOOD, "✓");
    let bad = paint(BAD, "✗");
    Some(match line {
        ProgressLine::Note(text) => text.clone(),
        ProgressLine::PhaseBegan(_) | ProgressLine::Output(_) | ProgressLine::Waiting { .. } => {
            return None;
        }
        ProgressLine::PhaseEnded { text, took } => {
            format!("{good} {} {}", sentence(text), paint(DIM, seconds(*took)))
        }
        ProgressLine::Done {
            id,
            operation,
            took,
            ..
        } => {
            format!(
                "  {good} {id} {} {}",
                past(*operation),
                paint(DIM, seconds(*took))
            )
        }
        ProgressLine::Failed { id, why, .. } => format!("  {bad} {id} failed: {}", printable(why)),
        ProgressLine::Skipped { id, because } => {
            format!(
                "  {} {id} skipped because {because} failed",
                paint(DIM, "-")
            )
        }
    })
}

/// Everything that runs, no line wider than the window and no more lines than it has.
pub(super) fn frame(model: &Model, width: usize, height: usize, now: Instant) -> Vec<String> {
    // A line that fills the last column makes some terminals begin another.
    let width = width.saturating_sub(1);
    let mut lines = Vec::new();
    if let Some(phase) = &model.phase {
        phase_lines(phase, width, now, &mut lines);
    }
    if let Some(execution) = &model.execution {
        let most = MOST_LINES
            .min(height.saturating_sub(2 + lines.len()))
            .max(1);
        execution_lines(execution, width, most, now, &mut lines);
    }
    lines
}

fn phase_lines(phase: &Phase, width: usize, now: Instant, lines: &mut Vec<String>) {
    let took = now.saturating_duration_since(phase.since);
    lines.push(headline(&sentence(&phase.text), took, width));
    if let Some(output) = &phase.output {
        let output = clip(printable(output).trim(), width.saturating_sub(3));
        lines.push(paint(DIM, format!("└─ {output}")));
    }
}

fn execution_lines(
    execution: &Execution,
    width: usize,
    most: usize,
    now: Instant,
    lines: &mut Vec<String>,
) {
    let took = now.saturating_duration_since(execution.since);
    let verb = if execution.only_deletes {
        "Deleting"
    } else {
        "Deploying"
    };
    let text = format!("{verb}: {} of {} steps", execution.done, execution.steps);
    lines.push(headline(&text, took, width));
    let running = &execution.running;
    let shown = if running.len() > most {
        most.saturating_sub(1)
    } else {
        running.len()
    };
    let widest = |text: fn(&RunningStep) -> &str| {
        running[..shown]
            .iter()
            .map(|step| measure(text(step)))
            .max()
            .unwrap_or(0)
    };
    let columns = (widest(|step| &step.id), widest(short_type));
    for (position, step) in running[..shown].iter().enumerate() {
        let last = position + 1 == running.len();
        lines.push(step_line(step, columns, last, width, now));
    }
    if shown < running.len() {
        lines.push(paint(
            DIM,
            format!("└─ … and {} more", running.len() - shown),
        ));
    }
}

/// `├─ ⠹ UserPool  Cognito::UserPool  creating  2s`: where that is too wide, the type goes first.
fn step_line(
    step: &RunningStep,
    (names, types): (usize, usize),
    last: bool,
    width: usize,
    now: Instant,
) -> String {
    let took = now.saturating_duration_since(step.since);
    let branch = paint(DIM, if last { "└─" } else { "├─" });
    let spinner = paint(GOOD, spinner(took));
    let (state, age) = (state(step), whole_seconds(took));
    let kind = short_type(step);
    let name = pad(&step.id, names);
    // Branch, spinner and the gaps between the four parts.
    let needed = 5 + names + 2 + types + 2 + measure(&state) + 2 + measure(&age);
    let age = format!("  {}", paint(DIM, &age));
    if needed <= width {
        let (name, kind) = (paint(BOLD, name), paint(DIM, pad(kind, types)));
        return format!("{branch} {spinner} {name}  {kind}  {state}{age}");
    }
    let room = width.saturating_sub(needed - names - types - 4 - measure(&state));
    format!(
        "{branch} {spinner} {}{age}",
        clip(&format!("{name}  {state}"), room)
    )
}

fn state(step: &RunningStep) -> String {
    match (step.waiting, step.operation) {
        (Some(what), _) => format!("waiting for {what}"),
        (None, Operation::Create) => "creating".to_owned(),
        (None, Operation::Finish) => "connecting".to_owned(),
        (None, Operation::Settle) => "settling".to_owned(),
        (None, Operation::Update) => "updating".to_owned(),
        (None, Operation::Delete) => "deleting".to_owned(),
    }
}

/// The type without the vendor, which is the same on every line.
fn short_type(step: &RunningStep) -> &str {
    let type_name = step.kind.map_or("", Kind::type_name);
    type_name
        .split_once("::")
        .map_or(type_name, |(_, rest)| rest)
}

fn headline(text: &str, took: Duration, width: usize) -> String {
    let age = whole_seconds(took);
    let text = clip(text, width.saturating_sub(2 + 2 + measure(&age)));
    format!("{} {text}  {}", paint(GOOD, spinner(took)), paint(DIM, age))
}

fn spinner(took: Duration) -> &'static str {
    // Less than the number of pictures, so it fits.
    SPINNER[usize::try_from(took.as_millis() / TURN % SPINNER.len() as u128).unwrap_or_default()]
}

/// Tenths that change with every frame only flicker.
fn whole_seconds(took: Duration) -> String {
    match took.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds => format!("{}m {:02}s", seconds / 60, seconds % 60),
    }
}
