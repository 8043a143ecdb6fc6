//! The workflows of this repository, as far as they can be checked without running: they are YAML, start with no
//! right but to read, and name the version of every action they use.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::{files, repository};

fn workflows() -> Vec<(String, Value)> {
    let folder = repository().join(".github/workflows");
    let all = files(&folder).into_iter();
    all.map(|(path, text)| {
        let name = path.display().to_string();
        let text = String::from_utf8(text).unwrap();
        let workflow = serde_yaml::from_str(&text);
        (
            name.clone(),
            workflow.unwrap_or_else(|error| panic!("{name}: {error}")),
        )
    })
    .collect()
}

fn steps(workflow: &Value) -> impl Iterator<Item = &Value> {
    let jobs = workflow["jobs"].as_object().into_iter().flatten();
    jobs.flat_map(|(_, job)| job["steps"].as_array().into_iter().flatten())
}

#[test]
fn they_start_with_the_right_to_read_and_name_the_versions_of_actions() {
    let workflows = workflows();
    assert!(!workflows.is_empty());
    for (name, workflow) in &workflows {
        let permissions = serde_json::json!({ "contents": "read" });
        assert_eq!(workflow["permissions"], permissions, "{name}");
        for action in steps(workflow).filter_map(|step| step["uses"].as_str()) {
            let (_, version) = action.split_once('@').unwrap();
            let is_major = version.strip_prefix('v').is_some_and(|major| {
                !major.is_empty() && major.bytes().all(|byte| byte.is_ascii_digit())
            });
            assert!(is_major, "{name}: `{action}`");
        }
    }
}

fn runs(workflow: &Value, command: &str) -> bool {
    steps(workflow).any(|step| {
        step["run"]
            .as_str()
            .is_some_and(|run| run.contains(command))
    })
}

#[test]
fn they_run_what_the_repository_has() {
    let workflows: BTreeMap<String, Value> = workflows().into_iter().collect();
    // The list of checks is that script and no other.
    assert!(runs(&workflows["ci.yml"], ".ci/run"));
    assert!(repository().join(".ci/run").exists());
    // Small is what a profile makes of it.
    assert!(runs(
        &workflows["release.yml"],
        "cargo build --profile dist"
    ));
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    assert_eq!(manifest["profile"]["dist"]["lto"].as_str(), Some("fat"));
}
