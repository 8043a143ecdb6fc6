//! `saasauth check` on broken project files. What each message says is tested beside the rules; here,
//! that the program says it, and nothing else happens.

use std::fs;

use crate::support::{copy, files, folder, repository, run, saasauth};

#[test]
fn every_broken_project_file_is_refused_with_its_message_and_nothing_else_happens() {
    let invalid = folder("invalid");
    copy(&repository().join("tests/fixtures/projects/invalid"), &invalid);
    let before = files(&invalid);
    let broken: Vec<_> =
        before.keys().filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    assert!(broken.len() >= 30, "{} broken files", broken.len());
    for path in broken {
        let name = path.to_str().unwrap();
        let checked = run(saasauth().args(["check", "--project-file", name]).current_dir(&invalid));
        let checked = checked.expect(2);
        assert_eq!(checked.stdout, "", "{name}");
        let expected = fs::read_to_string(invalid.join(path).with_extension("stderr")).unwrap();
        let expected = expected.replace("tests/fixtures/projects/invalid/", "");
        assert_eq!(checked.stderr.trim_end(), expected.trim_end(), "{name}");
        // A file that is empty, or isn't text, has no line to point at.
        let whole = ["empty.yaml", "not-utf8.yaml"].contains(&name);
        assert!(whole || places(&checked.stderr, name), "{name}: {}", checked.stderr);
        assert!(checked.stderr.contains("hint: "), "{name}: {}", checked.stderr);
        assert!(!checked.stderr.contains("panicked"), "{name}: {}", checked.stderr);
    }
    assert_eq!(files(&invalid), before, "checking writes nothing");
}

/// Whether the message points into a file: ` --> NAME:LINE:COLUMN`.
fn places(message: &str, name: &str) -> bool {
    let numbers = |text: &str| {
        let mut parts = text.split(':').map(|part| part.parse::<u32>().is_ok());
        parts.next() == Some(true) && parts.next() == Some(true) && parts.next().is_none()
    };
    message
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--> "))
        // Some mistakes stand in a template the file names.
        .filter_map(|place| place.strip_prefix(name).or_else(|| Some(&place[place.find(".html")? + 5..])))
        .any(|place| place.strip_prefix(':').is_some_and(numbers))
}

#[test]
fn the_examples_are_right() {
    for example in ["minimal", "starter", "full"] {
        let file = repository().join("examples").join(example).join("saasauth.yaml");
        let checked = run(saasauth().arg("check").arg("--project-file").arg(file)).expect(0);
        assert_eq!(checked.stdout, "");
    }
}

#[test]
fn the_schema_beside_the_examples_is_the_one_the_program_prints() {
    let schema = run(saasauth().arg("schema")).expect(0).json();
    let file = repository().join("examples/saasauth.schema.json");
    let kept: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(schema, kept, "renew it: saasauth schema > examples/saasauth.schema.json");
}
