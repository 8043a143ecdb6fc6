//! The only writer to the terminal.
//!
//! Data goes to standard output, everything else to standard error. Styles are put in everywhere and
//! stripped where they aren't wanted. What is shown is decided here; what happens never is.

pub(crate) mod error;
mod people;
mod plan;
mod progress;
mod prompt;
mod streams;
mod style;
mod table;
mod text;
mod time;
mod upgrade;
mod value;

use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::ColorChoice;
use serde::Serialize;

use self::plan::Layout;
pub use self::progress::Progress;
pub use self::prompt::HiddenInput;
use self::prompt::Prompt;
pub use self::streams::Pause;
use self::streams::{Streams, lock};
use self::style::{BAD, BOLD, GOOD, HINT, WARNING, paint};
pub use self::time::time;
use crate::aws::trace::Call;
use crate::scaffold::upgrade::Upgrade;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::plan::{Change, Plan, Summary};

/// What the person asked of the output, as the global options say.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Standard output holds exactly one JSON document.
    pub json: bool,
    /// No notes and no progress; errors, warnings and data stay.
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbose: u8,
    /// When to colour.
    pub color: ColorChoice,
}

/// How something that was looked at stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// As it should be.
    Good,
    /// Worth a look.
    Doubtful,
    /// In the way.
    Bad,
}

/// The terminal, or what stands in for it.
pub struct Ui {
    settings: Settings,
    streams: Arc<Streams>,
    prompt: Mutex<Prompt>,
}

impl Ui {
    /// Takes charge of the process's streams.
    pub fn new(settings: Settings) -> Self {
        let streams = Streams::standard(settings.color);
        let attended = io::stdin().is_terminal() && streams.notes_on_terminal();
        Self {
            settings,
            streams: Arc::new(streams),
            prompt: Mutex::new(Prompt::new(io::BufReader::new(io::stdin()), attended)),
        }
    }

    /// What was asked of the output.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// Writes to standard output, exactly. Fails when it can't be written; a reader that closed its
    /// end has had enough, and that is no failure.
    pub fn data(&self, text: &str) -> Result<()> {
        self.streams.write_data(text)
    }

    /// Writes a JSON document to standard output.
    pub fn json<T: Serialize + ?Sized>(&self, document: &T) -> Result<()> {
        let text = serde_json::to_string_pretty(document).map_err(|error| {
            Error::new(ErrorKind::System, "could not write the result as JSON").with_source(&error)
        })?;
        self.data(&(text::json(text) + "\n"))
    }

    /// A JSON document in one line, its end included, safe to be shown as it is.
    pub fn json_line(document: &serde_json::Value) -> String {
        text::json(document.to_string()) + "\n"
    }

    /// Writes a plan to standard output, as the result of a command. Under `--json` it writes
    /// nothing: the document stands for it.
    pub fn diff(&self, plan: &Plan) -> Result<()> {
        self.result(|| plan::render(plan, self.layout(self.streams.data_width())))
    }

    /// Writes what others changed to standard output, as the result of a command. Under `--json` it writes nothing: the
    /// document stands for it.
    pub fn drifted(&self, drift: &[Change]) -> Result<()> {
        self.result(|| plan::drift(drift, self.layout(self.streams.data_width())))
    }

    /// Shows what others changed, to somebody who is about to take it for what was deployed.
    pub fn drift(&self, drift: &[Change]) {
        let layout = self.layout(self.streams.notes_width());
        self.streams.write_note(&plan::drift(drift, layout));
    }

    /// Writes names and values to standard output, as the result of a command. Under `--json` it
    /// writes nothing: the document stands for it.
    pub fn outputs(&self, pairs: &[(String, String)]) -> Result<()> {
        self.result(|| table::pairs(pairs))
    }

    /// Writes a table to standard output, as the result of a command. Under `--json` it writes
    /// nothing: the document stands for it.
    pub fn table(&self, headers: &[&str], rows: &[Vec<String>]) -> Result<()> {
        self.result(|| table::table(headers, rows))
    }

    fn result(&self, text: impl FnOnce() -> String) -> Result<()> {
        if self.settings.json {
            Ok(())
        } else {
            self.data(&text::shown(&text()))
        }
    }

    /// Writes what was found out about one thing to standard output, and what to do about it below.
    pub fn finding(
        &self,
        finding: Finding,
        name: &str,
        detail: &str,
        hint: Option<&str>,
    ) -> Result<()> {
        /// As wide as the longest name, so that the details stand in a column.
        const NAME: usize = 12;
        let mark = match finding {
            Finding::Good => paint(GOOD, "✓"),
            Finding::Doubtful => paint(WARNING, "!"),
            Finding::Bad => paint(BAD, "✗"),
        };
        let mut text = format!("{mark} {name:NAME$}  {detail}\n");
        if let Some(hint) = hint {
            text += &format!("  {:NAME$}  {}: {hint}\n", "", paint(HINT, "hint"));
        }
        self.data(&text::shown(&text))
    }

    /// Says something in passing.
    pub fn note(&self, line: &str) {
        self.aside(|| line.to_owned());
    }

    /// Says that something worked.
    pub fn success(&self, line: &str) {
        self.aside(|| format!("{} {line}", paint(GOOD, "✓")));
    }

    /// Says that something didn't work, where an error will follow.
    pub fn failure(&self, line: &str) {
        self.aside(|| format!("{} {line}", paint(BAD, "✗")));
    }

    /// Says what to do next.
    pub fn hint(&self, line: &str) {
        self.aside(|| format!("{}: {line}", paint(HINT, "hint")));
    }

    fn aside(&self, line: impl FnOnce() -> String) {
        if !self.settings.quiet {
            self.streams.write_note(&(line() + "\n"));
        }
    }

    /// Warns; not silenced by `-q`.
    pub fn warn(&self, line: &str) {
        self.streams
            .write_note(&format!("{}: {line}\n", paint(WARNING, "warning")));
    }

    /// Warns of something in the project file, at its place.
    pub fn warning(&self, warning: &Error) {
        self.streams.write_note(&error::render_warning(warning));
    }

    /// Shows an error and those found beside it.
    pub fn error(&self, error: &Error) {
        self.streams.write_note(&error::render(error));
    }

    /// Shows a plan in passing, on standard error. [`Ui::diff`] is for when it is what was asked for.
    pub fn plan(&self, plan: &Plan) {
        if !self.settings.quiet {
            self.show(plan);
        }
    }

    fn show(&self, plan: &Plan) {
        let layout = self.layout(self.streams.notes_width());
        self.streams.write_note(&plan::render(plan, layout));
    }

    fn layout(&self, width: usize) -> Layout {
        Layout {
            width,
            verbose: self.settings.verbose > 0,
        }
    }

    /// Says what was done: `✓ Deployed dev in 14.2s: 27 created, 3 unchanged`.
    pub fn summary(&self, done: &str, summary: &Summary, took: Duration) {
        let Summary {
            create,
            update,
            replace,
            delete,
            unchanged,
        } = *summary;
        let counts = [
            (create, "created"),
            (update, "updated"),
            (replace, "replaced"),
            (delete, "deleted"),
            (unchanged, "unchanged"),
        ];
        let counts: Vec<String> = counts
            .into_iter()
            .filter(|&(count, _)| count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let counts = if counts.is_empty() {
            "nothing to do".to_owned()
        } else {
            counts.join(", ")
        };
        self.success(&format!("{done} in {}: {counts}", text::seconds(took)));
    }

    /// Lists the requests sent to AWS, under `-v`, when there were any.
    pub fn calls(&self, calls: &[Call]) {
        if self.settings.verbose > 0 && !calls.is_empty() {
            self.streams.write_note(&table::calls(calls));
        }
    }

    /// Shows a plan to somebody who is about to be asked whether it may be carried out: `-q` or not.
    pub fn plan_to_approve(&self, plan: &Plan) {
        self.show(plan);
    }

    /// Writes what an upgrade would change to standard output, as the result of a command. Under `--json`
    /// it writes nothing: the document stands for it.
    pub fn upgrade(&self, upgrade: &Upgrade) -> Result<()> {
        self.result(|| upgrade::render(upgrade, self.streams.data_width()))
    }

    /// Shows what an upgrade changes in passing, on standard error.
    pub fn upgrade_in_passing(&self, upgrade: &Upgrade) {
        if !self.settings.quiet {
            self.upgrade_to_approve(upgrade);
        }
    }

    /// Names the edited files that an upgrade would overwrite, where an error will follow.
    pub fn upgrade_refused(&self, upgrade: &Upgrade) {
        let text = upgrade::render_edited(upgrade, self.streams.notes_width());
        self.streams.write_note(&text);
    }

    /// Shows what an upgrade changes to somebody who is about to be asked: `-q` or not.
    pub fn upgrade_to_approve(&self, upgrade: &Upgrade) {
        let text = upgrade::render(upgrade, self.streams.notes_width());
        self.streams.write_note(&text);
    }

    /// Whether there is somebody to ask.
    pub fn can_ask(&self) -> bool {
        lock(&self.prompt).attended()
    }

    /// Asks a question that only `y` or `yes` answers with yes. Refused where nobody can answer.
    pub fn confirm(&self, question: &str) -> Result<bool> {
        let ask = || {
            self.streams
                .write_note(&format!("{} [y/N] ", paint(BOLD, question)))
        };
        let answer = lock(&self.prompt).answer(question, "add `--yes`", ask)?;
        Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks for a name to be typed, before something that can't be taken back. Refused where nobody
    /// can answer.
    pub fn type_name(&self, question: &str, expected: &str) -> Result<bool> {
        let hint = format!("add `--yes --confirm {expected}`");
        let ask = || {
            let line = format!("{}\nType `{expected}` to go on: ", paint(BOLD, question));
            self.streams.write_note(&line);
        };
        Ok(lock(&self.prompt).answer(question, &hint, ask)? == expected)
    }

    /// Reads a secret: from standard input when something is piped in, else from the person, whose
    /// typing [`Ui::hide_typing`] hides. Refused where nobody can answer.
    pub fn secret(&self, question: &str, hint: &str) -> Result<String> {
        let ask = || {
            self.streams
                .write_note(&format!("{}: ", paint(BOLD, question)))
        };
        let is_terminal = io::stdin().is_terminal();
        lock(&self.prompt).secret(question, hint, is_terminal, ask)
    }

    /// Asks for the code of a second factor, which [`Ui::hide_typing`] hides. Refused where nobody can answer.
    pub fn code(&self, question: &str, hint: &str) -> Result<String> {
        let ask = || {
            self.streams
                .write_note(&format!("{}: ", paint(BOLD, question)))
        };
        lock(&self.prompt).answer(question, hint, ask)
    }

    /// Takes what shows progress off the terminal until the returned value is dropped.
    pub fn step_aside(&self) -> Pause {
        self.streams.pause()
    }

    /// Ends the line of a question nobody answers any more.
    pub fn end_question(&self) {
        if io::stdin().is_terminal() {
            self.streams.write_note("\n");
        }
    }

    /// Hides what is typed until the returned value is dropped.
    pub fn hide_typing(&self) -> HiddenInput {
        HiddenInput::new()
    }

    /// Starts showing events: live on a terminal, as lines elsewhere, not at all under `--json` or
    /// `-q`.
    pub fn progress(&self) -> Progress {
        if self.settings.json || self.settings.quiet {
            Progress::silent()
        } else if self.streams.notes_on_terminal() && !is_dumb() {
            Progress::live(&self.streams)
        } else {
            Progress::plain(&self.streams, self.settings.verbose > 0)
        }
    }
}

/// Whether the terminal says that it can't move its cursor.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

#[cfg(test)]
mod tests;
