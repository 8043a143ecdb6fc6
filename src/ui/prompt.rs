//! Questions to a person, asked only where one can answer.

use std::io::BufRead;

use crate::error::{Error, Result};

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
            return Err(Error::refused(format!("refused to go on unasked: {what}"))
                .with_cause("there is no terminal to ask on")
                .with_hint(hint));
        }
        ask();
        let mut line = String::new();
        self.input
            .read_line(&mut line)
            .map_err(|error| Error::io("could not read the answer", &error))?;
        Ok(line.trim().to_owned())
    }
}
