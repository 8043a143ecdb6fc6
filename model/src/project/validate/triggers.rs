//! The two Lambda functions: that their crates exist, and Lambda's limits.

use std::path::{Component, Path, PathBuf};

use super::Report;
use crate::project::stage::{Trigger, Triggers};

/// The steps CloudWatch Logs has for keeping logs, in days.
const RETENTION_DAYS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

pub(super) fn triggers(triggers: &mut Triggers, report: &mut Report<'_>) {
    let Triggers {
        confirm_user,
        generate_token,
    } = triggers;
    trigger(confirm_user, "lambdas/confirm-user", report);
    trigger(generate_token, "lambdas/generate-token", report);
    if confirm_user.path == generate_token.path {
        report.add(
            generate_token.path.span(),
            "both triggers have the same path",
            "each is a crate of its own: give each its folder",
        );
    }
}

fn trigger(trigger: &mut Trigger, default_path: &str, report: &mut Report<'_>) {
    let path = match trigger.path.span() {
        Some(_) => trigger.path.clone(),
        None => PathBuf::from(default_path).into(),
    };
    trigger.path.complete(tidy(&report.directory.join(&*path)));
    check_crate(&path.display().to_string(), trigger, report);
    check_limits(trigger, report);
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

/// `path` is spelled as the person did.
fn check_crate(path: &str, trigger: &Trigger, report: &mut Report<'_>) {
    let full = &trigger.path;
    if !full.is_dir() {
        report.add(
            full.span(),
            format!("there is no folder `{path}`"),
            "correct the path; it starts at the project file's folder, and `saasauth init` writes both triggers",
        );
    } else if !full.join("Cargo.toml").is_file() {
        report.add(
            full.span(),
            format!("there is no `Cargo.toml` in `{path}`"),
            "point at the folder of a Rust crate",
        );
    }
}

fn check_limits(trigger: &Trigger, report: &mut Report<'_>) {
    let Trigger {
        path: _,
        memory_mb: memory,
        timeout_seconds: timeout,
        log_retention_days: days,
    } = trigger;
    if !(128..=10240).contains(&**memory) {
        report.add(
            memory.span(),
            format!("a function can't have {memory} MB"),
            "Lambda allows 128 to 10240; 256 is plenty",
        );
    }
    if !(1..=5).contains(&**timeout) {
        report.add(
            timeout.span(),
            format!("a trigger can't run for {timeout} s"),
            "use 1 to 5: Cognito waits no longer",
        );
    }
    if !RETENTION_DAYS.contains(days) {
        let next = RETENTION_DAYS.iter().find(|step| *step > days);
        let [.., longest] = RETENTION_DAYS;
        let next = next.unwrap_or(&longest);
        report.add(
            days.span(),
            format!("logs can't be kept for {days} days"),
            format!("CloudWatch has fixed steps; the next is {next}"),
        );
    }
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
