//! The workflows of this repository, as far as they can be checked without running: they are YAML, start with no
//! right but to read, and name every action they use by its commit. And the one that `init` writes.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::support::{files, folder, repository, run, saasauth};

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
fn they_start_with_the_right_to_read_and_name_the_commits_of_actions() {
    let workflows = workflows();
    assert!(!workflows.is_empty());
    for (name, workflow) in &workflows {
        let permissions = serde_json::json!({ "contents": "read" });
        assert_eq!(workflow["permissions"], permissions, "{name}");
        for action in steps(workflow).filter_map(|step| step["uses"].as_str()) {
            assert!(is_pinned(action), "{name}: `{action}`");
        }
    }
}

/// Whether an action is named by a commit: who owns it, or its owner's account, can move a tag.
fn is_pinned(action: &str) -> bool {
    let commit = action.split_once('@').map(|(_, commit)| commit);
    commit.is_some_and(|commit| {
        commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The workflow of a new project, with its anchors resolved.
fn of_a_project() -> Value {
    let folder = folder("acme");
    run(saasauth()
        .args(["init", "--name", "acme"])
        .current_dir(&folder))
    .expect(0);
    let text = fs::read_to_string(folder.join(".github/workflows/deploy.yml")).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

#[test]
fn a_projects_code_runs_without_an_identity_and_a_pull_request_can_only_read() {
    let workflow = of_a_project();
    assert_eq!(
        workflow["permissions"],
        serde_json::json!({ "contents": "read" })
    );
    let jobs = workflow["jobs"].as_object().unwrap();
    assert_eq!(jobs.keys().collect::<Vec<_>>(), ["build", "diff", "deploy"]);
    for (name, job) in jobs {
        let steps: Vec<&Value> = job["steps"].as_array().unwrap().iter().collect();
        let commands: String = steps
            .iter()
            .filter_map(|step| step["run"].as_str())
            .collect();
        for action in steps.iter().filter_map(|step| step["uses"].as_str()) {
            assert!(is_pinned(action), "{name}: `{action}`");
        }
        let runs_code = ["cargo", "saasauth build"]
            .iter()
            .any(|what| commands.contains(what));
        let has_identity = job["permissions"]["id-token"] == "write";
        assert!(runs_code != has_identity, "{name}");
        // Whatever is run is held against what somebody checked.
        assert!(commands.contains("sha256sum --check"), "{name}");
        assert!(!commands.contains("cargo install"), "{name}");
        for command in commands
            .lines()
            .filter(|line| line.trim().starts_with("saasauth d"))
        {
            assert!(command.contains("--no-build"), "{name}: {command}");
        }
    }
    let role = |job: &str| {
        let steps = jobs[job]["steps"].as_array().unwrap();
        let roles = steps
            .iter()
            .filter_map(|step| step["with"]["role-to-assume"].as_str());
        roles.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(role("diff"), ["${{ env.READ_ROLE }}"]);
    assert_eq!(role("deploy"), ["${{ env.DEPLOY_ROLE }}"]);
    assert_eq!(jobs["deploy"]["environment"], "prod");
    assert_eq!(jobs["deploy"]["if"], "github.event_name == 'push'");
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
