//! What is published: which crates, what a registry is told of them, and that each package holds all that it
//! is compiled from. Cargo is asked, offline, so that what it makes of the manifests is what is looked at.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{files, repository, run};

/// The published crates, each after those it depends on.
const PUBLISHED: [&str; 5] = [
    "saasauth-contract",
    "saasauth-triggers",
    "saasauth-verifier",
    "saasauth-model",
    "saasauth",
];

/// Far above what a source file has, and below the smallest of the schemas and recordings that only tests read.
const LARGEST_FILE: u64 = 100_000;

fn cargo(arguments: &[&str]) -> String {
    run(Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .current_dir(repository()))
    .expect(0)
    .stdout
}

/// Every member of the workspace, with what it inherits filled in.
fn members() -> Vec<Value> {
    let metadata = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

fn member(name: &str) -> Value {
    let mut all = members().into_iter();
    all.find(|package| package["name"] == name).unwrap()
}

fn folder_of(package: &Value) -> PathBuf {
    let manifest = Path::new(package["manifest_path"].as_str().unwrap());
    manifest.parent().unwrap().to_path_buf()
}

/// The files of a package, by their paths in it.
fn packed(name: &str) -> BTreeSet<PathBuf> {
    let list = cargo(&["package", "--list", "--allow-dirty", "--package", name]);
    list.lines().map(PathBuf::from).collect()
}

/// The literal paths that a source file includes, as they are written.
fn included(source: &str) -> Vec<&str> {
    ["include_str!(", "include_bytes!(", "include!("]
        .iter()
        .flat_map(|macro_name| source.split(macro_name).skip(1))
        .filter_map(|after| after.trim_start().strip_prefix('"'))
        .filter_map(|path| path.split('"').next())
        .collect()
}

/// `src/../lambdas/README.md` as `lambdas/README.md`; `None` when it leaves the package.
fn within(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir => plain.pop().then_some(())?,
            _ => {}
        }
    }
    Some(plain)
}

#[test]
fn what_is_published_is_what_should_be() {
    let published: BTreeSet<String> = members()
        .iter()
        // Nothing said means any registry; an empty list means none.
        .filter(|package| package["publish"].is_null())
        .map(|package| package["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(published, PUBLISHED.map(str::to_owned).into());
}

#[test]
fn a_registry_is_told_what_it_asks_for() {
    let version = member("saasauth")["version"].clone();
    for name in PUBLISHED {
        let package = member(name);
        assert_eq!(package["version"], version, "{name}: one version for all");
        for key in ["description", "rust_version"] {
            assert!(package[key].is_string(), "{name} has no `{key}`");
        }
        assert_eq!(package["license"], "MIT OR Apache-2.0", "{name}");
        assert_eq!(
            package["repository"], "https://github.com/saasauth/saasauth",
            "{name}"
        );
        assert_eq!(package["readme"], "README.md", "{name}");
        let keywords = package["keywords"].as_array().unwrap();
        assert!((1..=5).contains(&keywords.len()), "{name}: {keywords:?}");
        for keyword in keywords {
            let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            let keyword = keyword.as_str().unwrap();
            assert!(
                keyword.len() <= 20 && keyword.chars().all(legal),
                "{name}: the keyword `{keyword}`"
            );
        }
        let categories = package["categories"].as_array().unwrap();
        assert!((1..=5).contains(&categories.len()), "{name}");
        assert!(
            package["metadata"]["docs"]["rs"].is_object(),
            "{name} says nothing about its page on docs.rs"
        );
    }
}

#[test]
fn every_crate_can_be_published_after_those_before_it() {
    for (position, name) in PUBLISHED.iter().enumerate() {
        let package = member(name);
        for dependency in package["dependencies"].as_array().unwrap() {
            if dependency["path"].is_null() {
                continue;
            }
            let needed = dependency["name"].as_str().unwrap();
            assert!(
                PUBLISHED[..position].contains(&needed),
                "{name} needs {needed}, which is not published before it"
            );
            // A path is taken out of what is published: the version is all that is left.
            let version = member(needed)["version"].clone();
            assert_eq!(
                dependency["req"].as_str().unwrap(),
                format!("^{}", version.as_str().unwrap()),
                "{name} needs another version of {needed}"
            );
        }
    }
}

#[test]
fn packages_hold_their_licences_and_no_ballast() {
    for name in PUBLISHED {
        let folder = folder_of(&member(name));
        let packed = packed(name);
        for file in ["LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
            assert!(packed.contains(Path::new(file)), "{name} lacks `{file}`");
        }
        for path in packed {
            // Cargo writes some of them itself, and a lock is as long as the graph is large.
            let lock = path.to_string_lossy().ends_with("Cargo.lock");
            let size = fs::metadata(folder.join(&path)).map_or(0, |file| file.len());
            assert!(
                lock || size <= LARGEST_FILE,
                "{name}: `{}` has {size} bytes",
                path.display()
            );
        }
    }
}

#[test]
fn packages_hold_all_that_is_compiled_into_them() {
    for name in PUBLISHED {
        let folder = folder_of(&member(name));
        let packed = packed(name);
        // The tests beside a module are compiled in the repository alone.
        let sources = packed
            .iter()
            .filter(|path| path.extension().is_some_and(|end| end == "rs"))
            .filter(|path| !path.ends_with("tests.rs"));
        for source in sources {
            let text = fs::read_to_string(folder.join(source)).unwrap();
            for path in included(&text) {
                let wanted = within(&source.parent().unwrap().join(path));
                assert!(
                    wanted.is_some_and(|wanted| packed.contains(&wanted)),
                    "{name}: `{}` includes `{path}`, which is not in the package",
                    source.display()
                );
            }
        }
    }
}

#[test]
fn the_tool_brings_what_init_writes() {
    let packed = packed("saasauth");
    let templates = files(&repository().join("src/scaffold/templates"));
    assert!(!templates.is_empty());
    for template in templates.keys() {
        let path = Path::new("src/scaffold/templates").join(template);
        assert!(packed.contains(&path), "`{}` is missing", path.display());
    }
    // The triggers come by the crates that hold them, with their texts.
    let tool = member("saasauth");
    let dependencies = tool["dependencies"].as_array().unwrap();
    for name in ["saasauth-contract", "saasauth-triggers"] {
        let mut these = dependencies.iter().filter(|one| one["name"] == name);
        let features = &these.next().unwrap()["features"];
        assert_eq!(features, &serde_json::json!(["sources"]), "{name}");
    }
}

#[test]
fn a_literal_include_is_seen_however_it_is_broken() {
    let source = "(\"a\", include_str!(\n    \"x/y.txt\",\n)), include!(\"../list.rs\"), \
                  include!(concat!(env!(\"DIR\"), \"/z.rs\"))";
    assert_eq!(included(source), ["x/y.txt", "../list.rs"]);
    assert_eq!(within(Path::new("src/../a/b")), Some(PathBuf::from("a/b")));
    assert_eq!(within(Path::new("src/../../a")), None);
}
