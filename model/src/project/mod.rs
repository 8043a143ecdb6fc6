//! The project file: from YAML to stages, with every mistake at its place.
//!
//! `source` knows the text, `tree` the YAML in it, `stages` how a stage is laid over the rest, `stage`
//! the keys, `spelling` the values that are more than text or numbers, `validate` the rules; `load` runs
//! them in that order. `file` has the few keys that belong to no stage, `schema` shows all of them to
//! editors. `template` knows the language of emails.
//!
//! To add a key: a field in `stage`, with its default; a rule in `validate`, if not every value is
//! right; and whatever makes use of it.
//!
//! Offline: it reads the project file and the files that names, and nothing else. It never prints.

pub mod stage;
pub(crate) mod template;
pub mod validate;
pub mod words;

mod adoption;
mod file;
mod load;
mod places;
mod schema;
mod source;
mod spelling;
mod stages;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::Error;
pub use load::{FILE_NAME, find, load, of_text};
pub use schema::schema;
pub use tree::{At, Name};
#[cfg(test)]
pub(crate) use validate::REGIONS;

/// A project file that was read and found right in every stage.
#[derive(Debug, Clone)]
pub struct Project {
    /// The project file, spelled as the person gave it.
    pub path: PathBuf,
    /// The folder it stands in, absolute.
    pub directory: PathBuf,
    /// The project's name.
    pub name: String,
    /// What is allowed and probably not meant, in the file's order.
    pub warnings: Vec<Error>,
    /// Every stage by name.
    stages: BTreeMap<String, stage::Stage>,
}
