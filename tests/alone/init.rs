//! `saasauth init`: the files of a project that is a person's own from the first command.

use std::path::PathBuf;

use crate::support::{files, folder, run, saasauth};

#[test]
fn a_new_project_is_right_as_it_is_and_never_written_twice() {
    let folder = folder("acme");
    let made = run(saasauth()
        .args(["init", "--name", "acme", "--json"])
        .current_dir(&folder));
    let made = made.expect(0).json();
    assert_eq!(made["project"], "acme", "{made}");
    let before = files(&folder);
    let written: Vec<PathBuf> = serde_json::from_value(made["files"].clone()).unwrap();
    let mut sorted = written.clone();
    sorted.sort();
    assert_eq!(sorted, before.keys().cloned().collect::<Vec<_>>());
    for expected in [
        "saasauth.yaml",
        ".gitignore",
        ".github/workflows/deploy.yml",
        "emails/welcome.html",
        "lambdas/Cargo.toml",
        "lambdas/Cargo.lock",
        "lambdas/saasauth-library.json",
        "lambdas/confirm-user/src/hooks.rs",
        "lambdas/generate-token/src/hooks.rs",
        "lambdas/contract/Cargo.toml",
        "lambdas/triggers/src/lib.rs",
    ] {
        assert!(
            before.contains_key(&PathBuf::from(expected)),
            "{expected}: {written:?}"
        );
    }
    let checked = run(saasauth().arg("check").current_dir(&folder)).expect(0);
    assert!(!checked.stderr.contains("warning"), "{checked:?}");
    assert_eq!(files(&folder), before, "checking writes nothing");

    let again = run(saasauth()
        .args(["init", "--name", "acme"])
        .current_dir(&folder))
    .expect(3);
    assert!(again.stderr.contains("refused to overwrite"), "{again:?}");
    assert_eq!(files(&folder), before);
}

#[test]
fn a_name_that_is_not_legal_is_refused_with_one_that_is() {
    let folder = folder("names");
    let refused = run(saasauth()
        .args(["init", "--name", "Acme Inc."])
        .current_dir(&folder))
    .expect(2);
    assert!(
        refused.stderr.contains("try `--name acme-inc`"),
        "{refused:?}"
    );
    assert!(files(&folder).is_empty());
}
