//! The one error type a person reads: a kind that decides the exit code, what was being done, why it
//! failed, where, and what to do next.
//!
//! Modules below `cli` build these and never print them; `ui` renders them and never builds them.

use std::fmt;
use std::path::PathBuf;

/// The result of everything that can fail in front of a person.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure this is. Decides the exit code, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The project file is wrong; carries places. Exit code 2.
    Project,
    /// The command line is wrong. Exit code 2.
    Usage,
    /// Carrying on would risk data or somebody else's resources. Exit code 3.
    Refused,
    /// Somebody else deploys the same stage, or has just done so. Exit code 3.
    Locked,
    /// An AWS request failed. Exit code 1.
    Aws,
    /// Building or packing a trigger failed. Exit code 1.
    Build,
    /// The local cloud, or a tool it needs, failed. Exit code 1.
    Local,
    /// Something of the operating system failed: a file, a process. Exit code 1.
    System,
    /// The person pressed Ctrl-C, or the process was asked to end. Exit code 130.
    Interrupted,
}

impl ErrorKind {
    /// The process exit code of this kind of failure, as the command-line contract lists them.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Project | Self::Usage => 2,
            Self::Refused | Self::Locked => 3,
            Self::Interrupted => 130,
            Self::Aws | Self::Build | Self::Local | Self::System => 1,
        }
    }
}

/// A spot in a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, spelled as the person gave it.
    pub file: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How many characters to mark from `column` on; at least 1.
    pub width: usize,
    /// The text of the line, without its end.
    pub text: String,
}

/// An error for a person. Built with [`Error::new`] and the `with_*` methods.
#[derive(Debug, Clone)]
pub struct Error {
    /// Decides the exit code.
    pub kind: ErrorKind,
    /// One line, lower case, no full stop, names in backticks: what was being done.
    pub message: String,
    /// Why, from the nearest cause to the root, one line each.
    pub causes: Vec<String>,
    /// Where in the project file, when the file is what is wrong.
    pub place: Option<Place>,
    /// At most two, each a command or an edit.
    pub hints: Vec<String>,
    /// The resource it is about, and the path of its property, where a plan refuses it: whoever knows the file finds its place by
    /// that.
    pub subject: Option<(String, String)>,
    /// Output that must be shown whole, such as a compiler's.
    pub output: Option<String>,
    /// More errors of the same kind found in the same pass (every mistake of a project file at once).
    pub others: Vec<Self>,
}

impl Error {
    /// An error with no cause, place or hint yet.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            place: None,
            hints: Vec::new(),
            subject: None,
            output: None,
            others: Vec::new(),
        }
    }

    /// Shorthand for [`ErrorKind::Refused`].
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }

    /// Shorthand for [`ErrorKind::System`] around an I/O error; `doing` reads "could not write `x`".
    pub fn io(doing: impl Into<String>, cause: &std::io::Error) -> Self {
        Self::new(ErrorKind::System, doing).with_source(cause)
    }

    /// Adds one cause below those already there.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Adds the whole source chain of `cause`, nearest first.
    #[must_use]
    pub fn with_source(mut self, cause: &dyn std::error::Error) -> Self {
        let mut next = Some(cause);
        while let Some(error) = next {
            let text = error.to_string();
            // Several crates repeat the cause's text in their own; once is enough.
            if !self.causes.iter().any(|seen| seen.contains(&text)) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Adds a hint; a third is dropped, since a list of hints is no hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        if self.hints.len() < 2 {
            self.hints.push(hint.into());
        }
        self
    }

    /// Says where in the project file.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Says which resource it is about, and which property of it.
    #[must_use]
    pub fn about(mut self, id: impl Into<String>, path: impl Into<String>) -> Self {
        self.subject = Some((id.into(), path.into()));
        self
    }

    /// Looks for the place of everything that is about a resource and has none.
    pub fn locate(&mut self, find: impl Fn(&str, &str) -> Option<Place>) {
        let mut all = vec![self];
        while let Some(error) = all.pop() {
            if let (None, Some((id, path))) = (&error.place, &error.subject) {
                error.place = find(id, path);
            }
            all.extend(&mut error.others);
        }
    }

    /// Attaches output to be shown whole.
    #[must_use]
    pub fn with_output(mut self, output: impl Into<String>) -> Self {
        self.output = Some(output.into());
        self
    }

    /// Folds several errors of one pass into one; `None` when there are none.
    pub fn together(errors: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let mut first = errors.next()?;
        first.others.extend(errors);
        Some(first)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_two_hints_and_drops_the_third() {
        let error = Error::refused("no")
            .with_hint("a")
            .with_hint("b")
            .with_hint("c");
        assert_eq!(error.hints, ["a", "b"]);
    }

    #[test]
    fn exit_codes_follow_the_contract() {
        assert_eq!(ErrorKind::Project.exit_code(), 2);
        assert_eq!(ErrorKind::Refused.exit_code(), 3);
        assert_eq!(ErrorKind::Interrupted.exit_code(), 130);
        assert_eq!(ErrorKind::Aws.exit_code(), 1);
    }
}
