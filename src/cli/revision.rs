//! Which state of the project's files is deployed.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::aws::ledger::Revision;

/// A huge or remote tree isn't waited for; the history goes without.
const LIMIT: Duration = Duration::from_secs(3);

/// What Git says of the folder; nothing where it is under no version control, or there is no Git.
pub(super) async fn revision(directory: &Path) -> Option<Revision> {
    let asked = Command::new("git")
        .arg("-C")
        .arg(directory)
        // Looking changes nothing, not even Git's own notes.
        .args([
            "--no-optional-locks",
            "status",
            "--porcelain=v2",
            "--branch",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, asked).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| read(&text)).flatten()
}

/// Source: git-status(1), "Porcelain Format Version 2".
fn read(text: &str) -> Option<Revision> {
    let mut lines = text.lines();
    let commit = lines.find_map(|line| line.strip_prefix("# branch.oid "))?;
    let is_name = commit.len() >= 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    // Before the first commit it is `(initial)`.
    is_name.then(|| Revision {
        commit: commit.to_owned(),
        clean: text.lines().all(|line| line.starts_with('#')),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_clean_without_changes() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let head = format!("# branch.oid {commit}\n# branch.head main\n");
        let clean = read(&head).expect("a commit");
        assert_eq!((clean.commit.as_str(), clean.clean), (commit, true));
        for change in [
            "? new\n",
            "1 .M N... 100644 100644 100644 a b saasauth.yaml\n",
        ] {
            assert!(!read(&format!("{head}{change}")).expect("a commit").clean);
        }
        assert_eq!(read("# branch.oid (initial)\n"), None);
        assert_eq!(read(""), None);
    }

    #[tokio::test]
    async fn outside_of_version_control_there_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(revision(folder.path()).await, None);
    }
}
