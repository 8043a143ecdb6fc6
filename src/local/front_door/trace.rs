//! One line of JSON per call that went through the door: when, what, how it ended, how long it took.
//! Never a body, never a query string: both hold secrets.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::local::private;

/// Where the file is put aside and begun anew, so that a long-lived local cloud fills no disk.
const LIMIT: u64 = 16 * 1024 * 1024;

/// Writes the trace. Failing to is never a reason to fail a call.
#[derive(Debug, Default)]
pub(super) struct Trace {
    path: Option<PathBuf>,
    file: Mutex<Option<File>>,
}

/// One line.
#[derive(Debug, Serialize)]
pub(super) struct TraceLine<'a> {
    pub(super) service: &'a str,
    pub(super) action: &'a str,
    pub(super) status: u16,
    /// The account's access key when the call was signed: for the local cloud, the account itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<&'a str>,
}

#[derive(Serialize)]
struct TimedLine<'a> {
    time: String,
    #[serde(flatten)]
    line: &'a TraceLine<'a>,
    ms: f64,
}

impl Trace {
    /// Appends to the file; `None` traces nothing.
    pub(super) fn to(path: Option<&Path>) -> Self {
        Self {
            path: path.map(Path::to_path_buf),
            file: Mutex::new(path.and_then(open)),
        }
    }

    pub(super) fn record(&self, line: &TraceLine<'_>, took: Duration) {
        let timed = TimedLine {
            time: OffsetDateTime::now_utc()
                .format(&Rfc3339)
                .unwrap_or_default(),
            line,
            ms: (took.as_secs_f64() * 100_000.0).round() / 100.0,
        };
        let Ok(mut text) = serde_json::to_string(&timed) else {
            return;
        };
        text.push('\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file
            .as_ref()
            .and_then(|file| file.metadata().ok())
            .is_some_and(|data| data.len() > LIMIT)
            && let Some(path) = &self.path
        {
            // A failed rename leaves the file growing, which is still better than losing a call.
            if std::fs::rename(path, path.with_extension("old.jsonl")).is_ok() {
                *file = open(path);
            }
        }
        if let Some(file) = file.as_mut() {
            // One write per line keeps lines whole; its failure is nobody's business here.
            let _ = file.write_all(text.as_bytes());
        }
    }
}

fn open(path: &Path) -> Option<File> {
    private::open(path, OpenOptions::new().create(true).append(true)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_one_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("trace.jsonl");
        let trace = Trace::to(Some(&path));
        let line = TraceLine {
            service: "lambda",
            action: "Invoke",
            status: 200,
            account: Some("111122223333"),
        };
        trace.record(&line, Duration::from_micros(1500));
        let text = std::fs::read_to_string(&path).expect("written");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["service"], "lambda");
        assert_eq!(value["ms"], 1.5);
        assert!(text.ends_with('\n'));
    }
}
