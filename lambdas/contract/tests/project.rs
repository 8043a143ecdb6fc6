//! What the crate hands out for projects: the list against the folder, and the project's manifest against
//! the crate's own. `lambdas/triggers` links to this file, since the same holds for both.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// As the feature `sources` gives it out.
const SOURCES: &[(&str, &str)] = include!(concat!(env!("CARGO_MANIFEST_DIR"), "/sources.rs"));

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn walk(directory: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).expect("it can be listed") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            let path = path.strip_prefix(root()).expect("it is inside");
            found.insert(path.to_string_lossy().replace('\\', "/"));
        }
    }
}

#[test]
fn every_source_is_handed_out_once() {
    let mut expected = BTreeSet::from(["Cargo.toml".to_owned(), "README.md".to_owned()]);
    walk(&root().join("src"), &mut expected);
    let listed: BTreeSet<_> = SOURCES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(listed, expected, "`sources.rs` and the folder differ");
    assert_eq!(listed.len(), SOURCES.len());
    for (path, text) in SOURCES.iter().filter(|(path, _)| *path != "Cargo.toml") {
        let file = fs::read_to_string(root().join(path)).expect("it can be read");
        assert_eq!(file, *text, "{path}");
    }
}

#[test]
fn a_projects_manifest_builds_the_same_crate() {
    let ours = fs::read_to_string(root().join("Cargo.toml")).expect("it can be read");
    let mut ours: toml::Table = ours.parse().expect("it is TOML");
    let handed_out = SOURCES.iter().find(|(path, _)| *path == "Cargo.toml");
    let theirs = handed_out.expect("there is a manifest").1;
    assert!(
        !theirs.contains("workspace") && !theirs.contains("dev-dependencies"),
        "a project's workspace has nothing to inherit from, and runs no tests that need more"
    );
    let theirs: toml::Table = theirs.parse().expect("it is TOML");
    assert_eq!(ours.get("dependencies"), theirs.get("dependencies"));

    let features = ours.get_mut("features").and_then(toml::Value::as_table_mut);
    let features = features.expect("there are features");
    assert!(features.remove("sources").is_some());
    let none = toml::Table::new();
    let theirs_have = theirs.get("features").and_then(toml::Value::as_table);
    assert_eq!(features, theirs_have.unwrap_or(&none));

    let package = theirs["package"].as_table().expect("it is a table");
    for (key, value) in [
        ("name", env!("CARGO_PKG_NAME")),
        ("description", env!("CARGO_PKG_DESCRIPTION")),
        ("version", env!("CARGO_PKG_VERSION")),
        ("rust-version", env!("CARGO_PKG_RUST_VERSION")),
        ("license", env!("CARGO_PKG_LICENSE")),
        ("repository", env!("CARGO_PKG_REPOSITORY")),
    ] {
        assert_eq!(package[key].as_str(), Some(value), "{key}");
    }
    assert_eq!(package["publish"].as_bool(), Some(false));
}
