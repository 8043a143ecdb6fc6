//! What is right and what is wrong around a deploy: the machine it starts from, the way to AWS, the account.
//!
//! It only reads, and installs nothing. Each finding stands for itself: one that can't be made says so, and the others are
//! made all the same.

mod account;
mod machine;

use serde::Serialize;

pub use self::account::account;
pub use self::machine::{local_cloud, machine};
use saasauth_model::error::Error;

/// One thing looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about.
    pub name: &'static str,
    /// How it stands.
    pub status: Status,
    /// What was found, for a person.
    pub detail: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// A deploy works; something else does not, or not yet.
    Warning,
    /// A deploy fails, or does what nobody wants.
    Problem,
}

impl Check {
    /// All is well.
    pub fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Status::Ok, detail)
    }

    /// Worth knowing.
    pub fn warning(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Status::Warning, detail)
    }

    /// In the way.
    pub fn problem(name: &'static str, detail: impl Into<String>) -> Self {
        Self::new(name, Status::Problem, detail)
    }

    /// In the way, as an error tells it: on one line, with its first hint.
    pub fn of(name: &'static str, error: &Error) -> Self {
        let mut detail = error.to_string();
        if let Some(place) = &error.place {
            detail = format!("{}:{}: {detail}", place.file.display(), place.line);
        }
        if !error.others.is_empty() {
            detail += &format!(", and {} more mistakes", error.others.len());
        }
        Self {
            hint: error.hints.first().cloned(),
            ..Self::problem(name, detail)
        }
    }

    fn new(name: &'static str, status: Status, detail: impl Into<String>) -> Self {
        Self {
            name,
            status,
            detail: detail.into(),
            hint: None,
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// How it stands altogether: as its worst part.
pub fn worst(checks: &[Check]) -> Status {
    let statuses = checks.iter().map(|check| check.status);
    statuses.max().unwrap_or(Status::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;
    use saasauth_model::error::{ErrorKind, Place};

    #[test]
    fn the_worst_decides() {
        let checks = [
            Check::ok("a", ""),
            Check::problem("b", ""),
            Check::warning("c", ""),
        ];
        assert_eq!(worst(&checks), Status::Problem);
        assert_eq!(worst(&checks[..1]), Status::Ok);
        assert_eq!(worst(&[]), Status::Ok);
    }

    #[test]
    fn an_error_becomes_one_line_with_its_place_and_its_cure() {
        let place = Place {
            file: "saasauth.yaml".into(),
            line: 3,
            column: 1,
            width: 1,
            text: String::new(),
        };
        let error = Error::new(ErrorKind::Project, "unknown key `a`")
            .at(place)
            .with_cause("it is none")
            .with_hint("leave it out");
        let two = Error::together([error.clone(), error]).expect("two");
        let check = Check::of("project", &two);
        assert_eq!(
            check.detail,
            "saasauth.yaml:3: unknown key `a`: it is none, and 1 more mistakes"
        );
        assert_eq!(check.hint.as_deref(), Some("leave it out"));
    }
}
