//! `saasauth upgrade`, where it writes nothing, or overwrites. What it writes is tested beside its code, and
//! that a project deploys with it in `tests/it`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Output, files, folder, repository, run, saasauth, starter};

/// A project from before the triggers were a library; see `tests/fixtures/legacy-project.py`.
fn legacy() -> PathBuf {
    let folder = folder("legacy");
    let zip = fs::File::open(repository().join("tests/fixtures/legacy-project.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(zip).unwrap();
    archive.extract(&folder).unwrap();
    folder
}

fn project(folder: &Path, arguments: &[&str]) -> Output {
    run(saasauth().args(arguments).current_dir(folder))
}

#[test]
fn nothing_is_written_before_somebody_agrees() {
    let folder = legacy();
    let before = files(&folder);
    let checked = project(&folder, &["check"]).expect(0);
    assert!(checked.stderr.contains("`saasauth upgrade`"), "{checked:?}");
    project(&folder, &["upgrade", "--dry-run"]).expect(0);
    let told = project(&folder, &["upgrade", "--dry-run", "--detailed-exitcode"]).expect(2);
    for line in [
        "\n- common/src/lib.rs\n",
        "\n~ generate-token/src/main.rs\n",
        "\n+ triggers/src/lib.rs\n",
    ] {
        assert!(told.stdout.contains(line), "{line}: {told:?}");
    }
    let unasked = project(&folder, &["upgrade"]).expect(3);
    assert!(unasked.stderr.contains("add `--yes`"), "{unasked:?}");
    assert_eq!(files(&folder), before);

    let upgraded = project(&folder, &["upgrade", "--yes", "--json"])
        .expect(0)
        .json();
    assert_eq!(upgraded["done"], true, "{upgraded}");
    let checked = project(&folder, &["check"]).expect(0);
    assert!(!checked.stderr.contains("warning"), "{checked:?}");
    let after = files(&folder);
    project(&folder, &["upgrade", "--dry-run", "--detailed-exitcode"]).expect(0);
    project(&folder, &["upgrade"]).expect(0);
    assert_eq!(files(&folder), after);
}

#[test]
fn edited_files_of_ours_are_named_and_not_overwritten() {
    let folder = legacy();
    let edited = folder.join("lambdas/generate-token/src/claims.rs");
    fs::write(&edited, "mine").unwrap();
    let before = files(&folder);
    let refused = project(&folder, &["upgrade", "--yes"]).expect(3);
    for part in [
        "`lambdas/generate-token/src/claims.rs`",
        "`claims` in `generate-token/src/hooks.rs`",
        "saasauth upgrade --force",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    assert_eq!(files(&folder), before);

    let forced = project(&folder, &["upgrade", "--yes", "--force", "--json"])
        .expect(0)
        .json();
    assert_eq!(forced["copies"], "lambdas/edited", "{forced}");
    let copy = folder.join("lambdas/edited/generate-token/src/claims.rs");
    assert_eq!(fs::read_to_string(copy).unwrap(), "mine");
    assert!(!edited.exists(), "it is no part of the new crate");
}

#[test]
fn a_project_that_shares_its_triggers_has_nothing_to_upgrade() {
    let folder = starter();
    let checked = project(&folder, &["check"]).expect(0);
    assert!(!checked.stderr.contains("warning"), "{checked:?}");
    let refused = project(&folder, &["upgrade", "--yes"]).expect(3);
    assert!(
        refused.stderr.contains("outside of its folder"),
        "{refused:?}"
    );
}
