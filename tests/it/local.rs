//! `saasauth local`: the local cloud of a project.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Project, run, signal, start, until};

/// What `saasauth local COMMAND --json` says.
#[track_caller]
fn local(project: &Project, command: &str) -> Value {
    project.run(&["local", command, "--json"]).expect(0).json()
}

/// Whether anything still runs for a project: the local cloud's processes name its folder.
fn runs(project: &Project) -> bool {
    let processes = run(Command::new("ps").args(["-axww", "-o", "command"]))
        .expect(0)
        .stdout;
    processes.contains(project.directory.to_str().unwrap())
}

fn is_alive(pid: &Value) -> bool {
    let pid = pid.as_u64().unwrap().to_string();
    let state = run(Command::new("ps").args(["-o", "stat=", "-p", &pid])).stdout;
    // A zombie has ended; whoever should take note of it hasn't yet.
    !state.is_empty() && !state.starts_with('Z')
}

#[test]
fn a_local_cloud_starts_once_and_stops() {
    let project = Project::unbuilt();
    let nothing = json!({ "running": false, "endpoint_url": null, "pid": null });
    assert_eq!(local(&project, "status"), nothing);
    let started = local(&project, "start");
    assert_eq!(started["running"], true);
    assert_eq!(local(&project, "start"), started, "it runs already");
    assert_eq!(local(&project, "status"), started);
    assert_eq!(local(&project, "mail"), json!([]));
    assert_eq!(local(&project, "reset"), json!({ "reset": true }));
    assert_eq!(local(&project, "status"), started, "it keeps running");

    assert_eq!(local(&project, "stop"), json!({ "stopped": true }));
    assert_eq!(local(&project, "stop"), json!({ "stopped": false }));
    assert_eq!(local(&project, "status"), nothing);
    until("nothing of it runs", || {
        !is_alive(&started["pid"]) && !runs(&project)
    });
    let mail = project.run(&["local", "mail"]).expect(1);
    assert!(mail.stderr.contains("saasauth local start"), "{mail:?}");
}

#[test]
fn a_killed_local_cloud_is_noticed_and_replaced() {
    let project = Project::unbuilt();
    let started = local(&project, "start");
    let state = fs::read(project.directory.join(".saasauth/local/state.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    signal(
        u32::try_from(started["pid"].as_u64().unwrap()).unwrap(),
        "KILL",
    );
    until("it is gone", || {
        local(&project, "status")["running"] == false
    });

    let again = project.run(&["local", "start"]).expect(0);
    assert!(
        again.stderr.contains("had ended without cleaning up"),
        "{again:?}"
    );
    let healed = local(&project, "status");
    assert_eq!(
        healed["endpoint_url"], started["endpoint_url"],
        "people's settings stay true"
    );
    assert_ne!(healed["pid"], started["pid"]);
    assert!(
        !is_alive(&state["emulator_pid"]),
        "the old emulator is gone"
    );
    local(&project, "stop");
}

#[test]
fn two_projects_have_two_local_clouds() {
    let projects = [Project::unbuilt(), Project::unbuilt()];
    let started = projects.each_ref().map(|project| local(project, "start"));
    assert_ne!(started[0]["endpoint_url"], started[1]["endpoint_url"]);
    assert_eq!(local(&projects[0], "stop"), json!({ "stopped": true }));
    assert_eq!(
        local(&projects[1], "status"),
        started[1],
        "the other one stays"
    );
    local(&projects[1], "stop");
}

#[test]
fn an_interrupted_start_leaves_nothing_running() {
    let project = Project::unbuilt();
    let starting = start(&mut project.command(&["local", "start"]));
    // From here on there is a process to leave behind.
    let lock = project.directory.join(".saasauth/local/service.lock");
    until("it is starting", || lock.exists());
    starting.signal("INT");
    let interrupted = starting.end().expect(130);
    assert!(
        interrupted.stderr.contains("interrupted"),
        "{interrupted:?}"
    );
    until("nothing of it runs", || !runs(&project));
    assert_eq!(local(&project, "status")["running"], false);
}

#[test]
fn a_deploy_starts_the_local_cloud_by_itself() {
    let project = Project::alone();
    let deployed = project
        .run(&["deploy", "--no-build", "--json"])
        .expect(0)
        .json();
    assert_eq!(
        deployed["outputs"]["endpoint_url"],
        local(&project, "status")["endpoint_url"]
    );
    local(&project, "stop");
}
