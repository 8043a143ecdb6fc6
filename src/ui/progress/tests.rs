//! The same events, read with and without a terminal.

use super::model::ProgressLine;
use super::*;
use crate::engine::event::Task;
use crate::ui::text::width;
use saasauth_model::error::{Error, ErrorKind};
use saasauth_model::plan::{Action, Operation};
use saasauth_model::resource::Kind;

fn task(id: &str, kind: Kind, action: Action, steps: usize) -> Task {
    Task {
        id: id.to_owned(),
        kind,
        action,
        steps,
    }
}

fn started() -> Event {
    Event::Started(vec![
        task("PermissionsTable", Kind::Table, Action::Create, 1),
        task("ConfirmUser", Kind::Function, Action::Create, 1),
        task("UserPool", Kind::UserPool, Action::Create, 2),
    ])
}

fn step(id: &str) -> Event {
    Event::StepStarted {
        id: id.to_owned(),
        operation: Operation::Create,
    }
}

fn done(id: &str, operation: Operation, millis: u64) -> Event {
    Event::StepDone {
        id: id.to_owned(),
        operation,
        took: Duration::from_millis(millis),
    }
}

fn waiting(id: &str) -> Event {
    Event::StepWaiting {
        id: id.to_owned(),
        what: "the table to become active",
    }
}

fn failed(id: &str) -> Event {
    let error =
        Error::new(ErrorKind::Aws, "could not create it").with_cause("AccessDenied: no\nmore");
    Event::StepFailed {
        id: id.to_owned(),
        error: Box::new(error),
    }
}

fn plain_lines(verbose: bool, events: Vec<Event>) -> String {
    let captured = crate::ui::tests::Captured::default();
    let streams = Arc::new(captured.streams(80));
    let progress = Progress::plain(&streams, verbose);
    events.into_iter().for_each(|event| progress.handle(event));
    progress.finish();
    assert_eq!(captured.data(), "", "progress is not data");
    captured.notes()
}

fn run() -> Vec<Event> {
    vec![
        Event::Note("installing cargo-lambda".to_owned()),
        Event::Phase("building 2 triggers".to_owned()),
        Event::BuildLine("\u{1b}[32mCompiling\u{1b}[0m serde".to_owned()),
        started(),
        step("PermissionsTable"),
        step("ConfirmUser"),
        waiting("PermissionsTable"),
        waiting("PermissionsTable"),
        done("PermissionsTable", Operation::Create, 412),
        failed("ConfirmUser"),
        Event::StepSkipped {
            id: "UserPool".to_owned(),
            because: "ConfirmUser".to_owned(),
        },
    ]
}

#[test]
fn a_log_gets_a_line_for_everything_that_ends() {
    assert_eq!(
        plain_lines(false, run()),
        "installing cargo-lambda\n\
         Building 2 triggers\n\
         waiting for PermissionsTable: the table to become active\n\
         created PermissionsTable (AWS::DynamoDB::Table) in 0.4s\n\
         failed ConfirmUser (AWS::Lambda::Function): AccessDenied: no\n\
         skipped UserPool because ConfirmUser failed\n"
    );
}

#[test]
fn a_log_gets_compiler_output_when_asked() {
    assert!(plain_lines(true, run()).contains("\nCompiling serde\n"));
}

/// Applies events to a model at second 0 and draws it at second 2.
fn drawn(events: Vec<Event>, width: usize, height: usize) -> (Vec<String>, Vec<ProgressLine>) {
    let start = Instant::now();
    let mut model = Model::default();
    let lines = events
        .into_iter()
        .flat_map(|event| model.apply(event, start))
        .collect();
    let frame = live::frame(&model, width, height, start + Duration::from_secs(2));
    let frame = frame
        .iter()
        .map(|line| anstream::adapter::strip_str(line).to_string())
        .collect();
    (frame, lines)
}

#[test]
fn a_phase_shows_the_last_line_of_the_compiler() {
    let (frame, _) = drawn(run().into_iter().take(3).collect(), 40, 24);
    assert_eq!(frame, ["⠋ Building 2 triggers  2s", "└─ Compiling serde"]);
}

#[test]
fn the_tree_shows_what_runs() {
    let (frame, _) = drawn(run().into_iter().take(7).collect(), 100, 24);
    assert_eq!(
        frame,
        [
            "⠋ Deploying: 0 of 4 steps  2s",
            "├─ ⠋ PermissionsTable  DynamoDB::Table   waiting for the table to become active  2s",
            "└─ ⠋ ConfirmUser       Lambda::Function  creating  2s",
        ]
    );
}

#[test]
fn a_narrow_tree_drops_types_and_cuts_lines() {
    let (frame, _) = drawn(run().into_iter().take(7).collect(), 50, 24);
    assert_eq!(
        frame[1..],
        [
            "├─ ⠋ PermissionsTable  waiting for the table…  2s",
            "└─ ⠋ ConfirmUser       creating  2s",
        ]
    );
    assert!(frame.iter().all(|line| width(line) < 50));
}

#[test]
fn wide_output_of_a_compiler_stays_within_the_window() {
    let events = vec![
        Event::Phase("building 2 triggers".to_owned()),
        Event::BuildLine("コンパイル中 ".repeat(9)),
    ];
    let (frame, _) = drawn(events, 40, 24);
    // A line as wide as the window breaks on some terminals, and the whole tree would be drawn anew.
    assert_eq!(frame[1], "└─ コンパイル中 コンパイル中 コンパイ…");
    assert!(frame.iter().all(|line| width(line) < 40), "{frame:?}");
}

#[test]
fn more_than_fits_is_counted() {
    let tasks = (0..30)
        .map(|n| task(&format!("Role{n}"), Kind::Role, Action::Delete, 1))
        .collect();
    let events = std::iter::once(Event::Started(tasks));
    let events: Vec<Event> = events
        .chain((0..30).map(|n| step(&format!("Role{n}"))))
        .collect();
    let (frame, _) = drawn(events.clone(), 80, 24);
    assert_eq!(frame.len(), 11);
    assert_eq!(frame[0], "⠋ Deleting: 0 of 30 steps  2s");
    assert_eq!(frame[10], "└─ … and 21 more");
    let (frame, _) = drawn(events, 80, 6);
    assert_eq!(frame.len(), 5, "a low window is not overrun: {frame:?}");
}

#[test]
fn what_ended_leaves_a_line_and_the_tree() {
    let mut events = run();
    events.push(done("UserPool", Operation::Finish, 61_000));
    let (frame, lines) = drawn(events, 80, 24);
    assert_eq!(frame, ["⠋ Deploying: 2 of 4 steps  2s"]);
    let left: Vec<String> = lines
        .iter()
        .filter_map(live::line)
        .map(|line| anstream::adapter::strip_str(&line).to_string())
        .collect();
    assert_eq!(
        left,
        [
            "installing cargo-lambda",
            "✓ Building 2 triggers 0.0s",
            "  ✓ PermissionsTable created 0.4s",
            "  ✗ ConfirmUser failed: AccessDenied: no",
            "  - UserPool skipped because ConfirmUser failed",
            "  ✓ UserPool connected 1m 01s",
        ]
    );
}

#[test]
fn is_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Progress::silent());
}

#[test]
fn live_progress_lets_notes_through_and_ends() {
    let captured = crate::ui::tests::Captured::default();
    let streams = Arc::new(captured.streams(80));
    let progress = Progress::live(&streams);
    std::thread::scope(|scope| {
        for n in 0..4 {
            let progress = &progress;
            let streams = &streams;
            scope.spawn(move || {
                progress.handle(step(&format!("Role{n}")));
                streams.write_note(&format!("note {n}\n"));
                progress.handle(done(&format!("Role{n}"), Operation::Create, 100));
            });
        }
    });
    drop(progress);
    streams.write_note("after\n");
    let notes = captured.notes();
    assert_eq!(notes.lines().count(), 9, "{notes}");
    assert!(notes.ends_with("after\n"));
}
