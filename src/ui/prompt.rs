//! Questions to a person, asked only where one can answer.

use std::io::{self, BufRead};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use saasauth_model::error::{Error, Result};

/// Where answers come from.
pub(super) struct Prompt {
    input: Box<dyn BufRead + Send>,
    /// Whether a person reads the question and types the answer.
    attended: bool,
}

impl Prompt {
    pub(super) fn new(input: impl BufRead + Send + 'static, attended: bool) -> Self {
        Self {
            input: Box::new(input),
            attended,
        }
    }

    /// Asks with `ask` and reads one line. Refuses, with `hint`, where nobody would answer: waiting
    /// for ever and taking silence for a yes are both worse. The end of input is an empty answer.
    pub(super) fn answer(&mut self, what: &str, hint: &str, ask: impl FnOnce()) -> Result<String> {
        if !self.attended {
            return Err(unasked(what, hint));
        }
        ask();
        let mut line = String::new();
        self.input
            .read_line(&mut line)
            .map_err(|error| Error::io("could not read the answer", &error))?;
        Ok(line.trim().to_owned())
    }

    /// Whether there is somebody to ask.
    pub(super) fn attended(&self) -> bool {
        self.attended
    }

    /// Reads a secret: a line where a person types it, everything where it is piped in, one line end
    /// taken off. Refuses, with `hint`, where nobody could read the question.
    pub(super) fn secret(
        &mut self,
        what: &str,
        hint: &str,
        is_terminal: bool,
        ask: impl FnOnce(),
    ) -> Result<String> {
        let mut text = String::new();
        let read = if self.attended {
            ask();
            self.input.read_line(&mut text)
        } else if is_terminal {
            return Err(unasked(what, hint));
        } else {
            self.input.read_to_string(&mut text)
        };
        read.map_err(|error| Error::io("could not read the secret", &error))?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }
}

fn unasked(what: &str, hint: &str) -> Error {
    Error::refused(format!("refused to go on unasked: {what}"))
        .with_cause("there is no terminal to ask on")
        .with_hint(hint)
}

/// While it lives, what is typed isn't shown. Dropped by whoever waits for the answer, so that it ends
/// with the wait and not with the line, which may never come.
pub struct HiddenInput(Option<Termios>);

impl HiddenInput {
    /// Does nothing where standard input isn't a terminal.
    pub(super) fn new() -> Self {
        let shown = tcgetattr(io::stdin()).ok();
        if let Some(mut hidden) = shown.clone() {
            hidden.local_modes.remove(LocalModes::ECHO);
            // The end of the line is shown: the next output belongs on a line of its own.
            hidden.local_modes.insert(LocalModes::ECHONL);
            let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &hidden);
        }
        Self(shown)
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        if let Some(shown) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, shown);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use saasauth_model::error::ErrorKind;

    fn secret(input: &'static str, attended: bool, is_terminal: bool) -> Result<String> {
        Prompt::new(Cursor::new(input), attended).secret("`/a`?", "pipe it", is_terminal, || {})
    }

    #[test]
    fn one_line_end_is_no_part_of_a_secret_and_nothing_else_is_taken_off() {
        for (input, expected) in [
            ("hush\n", "hush"),
            ("hush\r\n", "hush"),
            ("hush", "hush"),
            (" hu\nsh \n\n", " hu\nsh \n"),
            ("\n", ""),
            ("", ""),
        ] {
            assert_eq!(secret(input, false, false).expect("piped"), expected);
        }
        assert_eq!(secret("hush\nmore\n", true, true).expect("typed"), "hush");
    }

    #[test]
    fn a_secret_nobody_is_asked_for_is_not_waited_for() {
        let error = secret("hush\n", false, true).expect_err("the question isn't seen");
        assert_eq!(error.kind, ErrorKind::Refused);
        assert_eq!(error.hints, ["pipe it"]);
    }
}
