//! Cargo's configuration as it lies in files: where they are, what they include, which goes before which.
//!
//! Source: <https://doc.rust-lang.org/cargo/reference/config.html>.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// How deep files may include one another before the rest is left to Cargo's complaint.
const DEEPEST: usize = 8;

/// Where Cargo keeps what is the user's.
pub(super) fn cargo_home() -> Option<PathBuf> {
    match std::env::var_os("CARGO_HOME").filter(|value| !value.is_empty()) {
        Some(home) => std::path::absolute(home).ok(),
        None => Some(etcetera::home_dir().ok()?.join(".cargo")),
    }
}

/// The configuration in a folder. Without `.toml` is the older name, which Cargo prefers to the other.
pub(super) fn configuration(folder: &Path) -> Table {
    let names = ["config", "config.toml"];
    let mut files = names.iter().map(|name| folder.join(name));
    let Some(file) = files.find(|file| file.is_file()) else {
        return Table::new();
    };
    let mut said = included(&file, 0);
    // What is said of folders is said as seen from the one that `.cargo` lies in.
    if let (Some(Value::Array(paths)), Some(here)) = (said.get_mut("paths"), folder.parent()) {
        for path in paths {
            if let Some(text) = path
                .as_str()
                .and_then(|path| here.join(path).to_str().map(str::to_owned))
            {
                *path = Value::String(text);
            }
        }
    }
    said
}

/// A file of configuration with those that it includes: what it says itself goes before what they say.
fn included(file: &Path, depth: usize) -> Table {
    let Some(mut said) = table(file).filter(|_| depth < DEEPEST) else {
        return Table::new();
    };
    let include = said.remove("include");
    let paths: Vec<Value> = match include {
        Some(Value::Array(paths)) => paths,
        Some(path) => vec![path],
        None => Vec::new(),
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    for path in paths.iter().rev() {
        let path = path
            .as_str()
            .or_else(|| path.get("path").and_then(Value::as_str));
        if let Some(path) = path {
            merge(&mut said, included(&folder.join(path), depth + 1));
        }
    }
    said
}

pub(super) fn table(file: &Path) -> Option<Table> {
    std::fs::read_to_string(file).ok()?.parse().ok()
}

/// Adds what is not there yet.
pub(super) fn merge(into: &mut Table, more: Table) {
    for (key, value) in more {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(known)), Value::Table(value)) => merge(known, value),
            (Some(Value::Array(known)), Value::Array(mut value)) => {
                // Cargo puts those of the nearer file last, where a compiler takes them.
                value.append(known);
                *known = value;
            }
            (Some(_), _) => {}
            (None, value) => drop(into.insert(key, value)),
        }
    }
}
