//! What goes to which stream, and what is asked of whom.

use std::io::{Cursor, Write};

use super::*;
use saasauth_model::error::ErrorKind;
use saasauth_model::project::stage::Engine;
use saasauth_model::resource::Answers;

/// Two streams in memory.
#[derive(Clone, Default)]
pub(super) struct Captured {
    data: Buffer,
    notes: Buffer,
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        let text = String::from_utf8(lock(&self.0).clone()).expect("only text is written");
        anstream::adapter::strip_str(&text).to_string()
    }
}

impl Captured {
    pub(super) fn streams(&self, width: usize) -> Streams {
        Streams::captured(self.data.clone(), self.notes.clone(), width)
    }

    pub(super) fn data(&self) -> String {
        self.data.text()
    }

    pub(super) fn notes(&self) -> String {
        self.notes.text()
    }
}

const ORDINARY: Settings = Settings {
    json: false,
    quiet: false,
    verbose: 0,
    color: ColorChoice::Never,
};

/// A user interface in memory; a person answers `input` when there is one.
fn ui(settings: Settings, input: Option<&'static str>) -> (Ui, Captured) {
    let captured = Captured::default();
    let prompt = Prompt::new(Cursor::new(input.unwrap_or_default()), input.is_some());
    let ui = Ui {
        settings,
        streams: Arc::new(captured.streams(80)),
        prompt: Mutex::new(prompt),
    };
    (ui, captured)
}

fn empty_plan() -> Plan {
    Plan {
        stage: "dev".to_owned(),
        engine: Engine::Direct,
        changes: Vec::new(),
        unchanged: vec!["UserPool".to_owned()],
        notes: Vec::new(),
        steps: Vec::new(),
        gone_with: Default::default(),
        answers: Answers::default(),
        drift: Vec::new(),
    }
}

fn say_everything(ui: &Ui) {
    ui.note("a note");
    ui.success("done");
    ui.hint("run `x`");
    ui.warn("careful");
    ui.error(&Error::refused("no"));
    ui.plan(&empty_plan());
    ui.summary(
        "Deployed dev",
        &Summary {
            create: 2,
            unchanged: 1,
            ..Summary::default()
        },
        Duration::from_secs(3),
    );
}

#[test]
fn all_but_data_goes_to_standard_error() {
    let (ui, captured) = ui(ORDINARY, None);
    say_everything(&ui);
    ui.data("exactly\tthis").expect("written");
    assert_eq!(captured.data(), "exactly\tthis");
    assert_eq!(
        captured.notes(),
        "a note\n✓ done\nhint: run `x`\nwarning: careful\nerror: no\n\
         No changes: 1 resource is as the project file says.\n\
         ✓ Deployed dev in 3.0s: 2 created, 1 unchanged\n"
    );
}

#[test]
fn quiet_keeps_warnings_errors_and_data() {
    let (ui, captured) = ui(
        Settings {
            quiet: true,
            ..ORDINARY
        },
        None,
    );
    say_everything(&ui);
    ui.progress()
        .handle(crate::engine::event::Event::Note("n".to_owned()));
    ui.outputs(&[("stage".to_owned(), "dev".to_owned())])
        .expect("written");
    assert_eq!(captured.notes(), "warning: careful\nerror: no\n");
    assert_eq!(captured.data(), "stage  dev\n");
}

#[test]
fn json_is_the_only_document() {
    let (ui, captured) = ui(
        Settings {
            json: true,
            ..ORDINARY
        },
        None,
    );
    ui.outputs(&[("stage".to_owned(), "dev".to_owned())])
        .expect("left out");
    ui.table(&["a"], &[vec!["b".to_owned()]]).expect("left out");
    ui.diff(&empty_plan()).expect("left out");
    ui.progress()
        .handle(crate::engine::event::Event::Note("n".to_owned()));
    ui.json(&serde_json::json!({ "a": 1 })).expect("written");
    assert_eq!(captured.data(), "{\n  \"a\": 1\n}\n");
    assert_eq!(captured.notes(), "");
}

#[test]
fn calls_are_listed_when_asked() {
    let call = Call {
        level: 1,
        service: "STS".to_owned(),
        operation: "GetCallerIdentity".to_owned(),
        subject: "observe".to_owned(),
        millis: 3,
        attempt_failed: None,
    };
    let (quiet, captured) = ui(ORDINARY, None);
    quiet.calls(std::slice::from_ref(&call));
    assert_eq!(captured.notes(), "");
    let (verbose, captured) = ui(
        Settings {
            verbose: 1,
            ..ORDINARY
        },
        None,
    );
    verbose.calls(&[]);
    assert_eq!(captured.notes(), "", "a command that asked AWS nothing");
    verbose.calls(&[call]);
    assert!(captured.notes().ends_with("1 request, depth 1\n"));
}

#[test]
fn nobody_is_asked_without_a_terminal() {
    let (ui, captured) = ui(ORDINARY, None);
    let error = ui.confirm("Deploy to dev?").expect_err("nobody can answer");
    assert_eq!(error.kind, ErrorKind::Refused);
    assert_eq!(error.hints, ["add `--yes`"]);
    let error = ui
        .type_name("Destroy prod?", "acme-prod")
        .expect_err("nobody can answer");
    assert_eq!(error.hints, ["add `--yes --confirm acme-prod`"]);
    assert_eq!(
        captured.notes(),
        "",
        "a question nobody can answer is not asked"
    );
}

#[test]
fn only_yes_is_yes() {
    for (input, expected) in [
        ("y\n", true),
        ("YES\n", true),
        ("\n", false),
        ("n\n", false),
        ("", false),
        ("yep\n", false),
    ] {
        let (ui, captured) = ui(ORDINARY, Some(input));
        assert_eq!(
            ui.confirm("Deploy?").expect("answered"),
            expected,
            "{input:?}"
        );
        assert_eq!(captured.notes(), "Deploy? [y/N] ");
    }
}

#[test]
fn a_name_must_be_typed_exactly() {
    for (input, expected) in [
        ("acme-prod\n", true),
        ("acme\n", false),
        ("Acme-prod\n", false),
    ] {
        let (ui, _) = ui(ORDINARY, Some(input));
        assert_eq!(
            ui.type_name("Destroy?", "acme-prod").expect("answered"),
            expected
        );
    }
}

#[test]
fn who_is_asked_sees_the_plan() {
    let quiet = Settings {
        quiet: true,
        ..ORDINARY
    };
    let (asked, captured) = ui(quiet, Some("y\n"));
    asked.plan_to_approve(&empty_plan());
    assert!(captured.notes().starts_with("No changes"));
    let (told, captured) = ui(quiet, None);
    told.plan(&empty_plan());
    assert_eq!(captured.notes(), "");
}
