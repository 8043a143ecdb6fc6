//! `saasauth check` on broken project files. What each message says is tested beside the rules; here,
//! that the program says it, and nothing else happens.

use crate::support::{assert_golden, copy, files, folder, repository, run, saasauth};

const INVALID: &str = "tests/fixtures/projects/invalid";

#[test]
fn every_broken_project_file_is_refused_with_its_message_and_nothing_else_happens() {
    // In a folder laid out like the repository, so that paths mean there what they mean here.
    let root = folder("invalid");
    let invalid = root.join(INVALID);
    copy(&repository().join(INVALID), &invalid);
    std::os::unix::fs::symlink(repository().join("lambdas"), root.join("lambdas")).unwrap();
    let before = files(&invalid);
    let broken: Vec<_> = before
        .keys()
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    assert!(broken.len() >= 30, "{} broken files", broken.len());
    let messages = before
        .keys()
        .filter(|path| path.extension().is_some_and(|end| end == "stderr"));
    assert_eq!(
        messages.count(),
        broken.len(),
        "one message beside each file"
    );
    for path in broken {
        let name = format!("{INVALID}/{}", path.display());
        let checked = run(saasauth()
            .args(["check", "--project-file", &name])
            .current_dir(&root));
        let checked = checked.expect(2);
        assert_eq!(checked.stdout, "", "{name}");
        let kept = repository().join(&name).with_extension("stderr");
        assert_golden(&kept, &checked.stderr);
        // Nothing can be pointed at in an empty file.
        assert!(
            name.ends_with("/empty.yaml") || has_place(&checked.stderr),
            "{checked:?}"
        );
        assert!(checked.stderr.contains("hint: "), "{name}: {checked:?}");
    }
    assert_eq!(files(&invalid), before, "checking writes nothing");
}

/// Whether the message points into a file: ` --> NAME:LINE:COLUMN`.
fn has_place(message: &str) -> bool {
    message
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--> "))
        .any(|place| {
            let mut parts = place.rsplitn(3, ':');
            let mut number = || parts.next().is_some_and(|part| part.parse::<u32>().is_ok());
            number() && number()
        })
}

#[test]
fn the_examples_are_right() {
    for example in ["minimal", "starter", "full"] {
        let file = repository()
            .join("examples")
            .join(example)
            .join("saasauth.yaml");
        let checked = run(saasauth().arg("check").arg("--project-file").arg(file)).expect(0);
        assert_eq!(checked.stdout, "");
    }
}

#[test]
fn the_schema_beside_the_examples_is_the_one_the_program_prints() {
    let schema = run(saasauth().arg("schema")).expect(0);
    schema.json();
    let kept = repository().join("examples/saasauth.schema.json");
    assert_golden(&kept, &schema.stdout);
}
