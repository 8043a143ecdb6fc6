//! The two Lambda functions: that their crates exist, and Lambda's limits.

use std::path::{Component, Path, PathBuf};

use super::Report;
use crate::project::file;
use crate::project::source::Span;
use crate::project::stage::{Trigger, Triggers};

/// The steps CloudWatch Logs has for keeping logs, in days.
const RETENTION_DAYS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

pub(super) fn triggers(file: &file::Stage, owner: Span, report: &mut Report<'_>) -> Triggers {
    let none = file::Triggers::default();
    let triggers = file.triggers.as_ref().unwrap_or(&none);
    let confirm_user = trigger(
        triggers.confirm_user.as_ref(),
        "lambdas/confirm-user",
        owner,
        report,
    );
    let generate_token = trigger(
        triggers.generate_token.as_ref(),
        "lambdas/generate-token",
        owner,
        report,
    );
    if confirm_user.path == generate_token.path {
        let span = triggers
            .generate_token
            .as_ref()
            .and_then(|trigger| trigger.path.as_ref());
        report.add(
            span.map_or(owner, |path| path.span),
            "both triggers have the same path",
            "each is a crate of its own: give each its folder",
        );
    }
    Triggers {
        confirm_user,
        generate_token,
    }
}

fn trigger(
    trigger: Option<&file::Trigger>,
    default_path: &str,
    owner: Span,
    report: &mut Report<'_>,
) -> Trigger {
    let none = file::Trigger::default();
    let trigger = trigger.unwrap_or(&none);
    let (path, span) = match &trigger.path {
        Some(path) => (path.value.as_str(), path.span),
        None => (default_path, owner),
    };
    let full = tidy(&report.directory.join(path));
    check_crate(path, span, &full, report);
    Trigger {
        path: full,
        memory_mb: memory(trigger, report),
        timeout_seconds: timeout(trigger, report),
        log_retention_days: log_retention(trigger, report),
    }
}

/// Takes `.` and `..` out by name, so that two spellings of a folder compare equal.
fn tidy(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                tidied.pop();
            }
            part => tidied.push(part),
        }
    }
    tidied
}

fn check_crate(path: &str, span: Span, full: &Path, report: &mut Report<'_>) {
    if !full.is_dir() {
        report.add(
            span,
            format!("there is no folder `{path}`"),
            "correct the path; it starts at the project file's folder, and `saasauth init` writes both triggers",
        );
    } else if !full.join("Cargo.toml").is_file() {
        report.add(
            span,
            format!("there is no `Cargo.toml` in `{path}`"),
            "point at the folder of a Rust crate",
        );
    }
}

fn memory(trigger: &file::Trigger, report: &mut Report<'_>) -> u32 {
    let Some(at) = &trigger.memory_mb else {
        return 256;
    };
    if !(128..=10240).contains(&at.value) {
        report.add(
            at.span,
            format!("a function can't have {} MB", at.value),
            "Lambda allows 128 to 10240; 256 is plenty",
        );
    }
    at.value
}

fn timeout(trigger: &file::Trigger, report: &mut Report<'_>) -> u32 {
    let Some(at) = &trigger.timeout_seconds else {
        return 5;
    };
    if !(1..=5).contains(&at.value) {
        report.add(
            at.span,
            format!("a trigger can't run for {} s", at.value),
            "use 1 to 5: Cognito waits no longer",
        );
    }
    at.value
}

fn log_retention(trigger: &file::Trigger, report: &mut Report<'_>) -> u32 {
    let Some(at) = &trigger.log_retention_days else {
        return 30;
    };
    if !RETENTION_DAYS.contains(&at.value) {
        let next = RETENTION_DAYS
            .iter()
            .find(|days| **days > at.value)
            .unwrap_or(&3653);
        report.add(
            at.span,
            format!("logs can't be kept for {} days", at.value),
            format!("CloudWatch has fixed steps; the next is {next}"),
        );
    }
    at.value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidies_paths_by_name() {
        assert_eq!(tidy(Path::new("/a/b/../../c/./d")), Path::new("/c/d"));
        assert_eq!(tidy(Path::new("/../a")), Path::new("/a"));
    }
}
