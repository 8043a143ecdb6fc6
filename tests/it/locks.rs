//! Two people, or a person and a pipeline, on one stage.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use std::process::Command;

use crate::support::{Cloud, Gate, Moment, Project, RESOURCES, nothing_is_left, run, start, until};

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO)
        .as_secs()
}

/// Has somebody else hold the lock, since `since` and until `until`.
fn hold(project: &Project, since: u64, until: u64) {
    project.client(
        "dynamodb",
        "update_item",
        json!({
            "TableName": "saasauth-ledger",
            "Key": Project::ledger_key(),
            "UpdateExpression": "SET lock_token = :token, lock_owner = :owner, \
                                 lock_since = :since, lock_expires = :until",
            "ExpressionAttributeValues": {
                ":token": { "S": "theirs" },
                ":owner": { "S": "grace@laptop" },
                ":since": { "N": since.to_string() },
                ":until": { "N": until.to_string() },
            },
        }),
    );
}

#[test]
fn a_deploy_is_refused_while_somebody_else_holds_the_lock() {
    let project = Project::starter();
    project.deploy();
    project.edit("memory_mb: 512", "memory_mb: 640");
    hold(&project, now() - 7, now() + 600);
    let held = project.ledger();
    let refused = project.run(&["deploy", "--no-build"]).expect(3);
    assert_eq!(refused.stdout, "");
    for part in [
        "another deploy of stage `local` is under way",
        "`grace@laptop`",
        "hint: wait for it, as `--wait 5m` does",
        "`saasauth unlock --stage local`",
    ] {
        assert!(refused.stderr.contains(part), "{part}: {refused:?}");
    }
    let refused = project.run(&["destroy"]).expect(3);
    assert!(refused.stderr.contains("`grace@laptop`"), "{refused:?}");
    assert_eq!(project.ledger(), held, "the lock is left alone");
    // Looking is free.
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(2);
}

#[test]
fn a_lock_that_ran_out_is_taken_over() {
    let project = Project::starter();
    project.deploy();
    project.edit("memory_mb: 512", "memory_mb: 640");
    hold(&project, now() - 900, now() - 1);
    assert_eq!(project.deploy()["summary"]["update"], 1);
    assert_eq!(project.ledger()["lock_token"], Value::Null, "and let go");
}

#[test]
fn of_two_deploys_at_once_one_creates_and_nothing_is_doubled() {
    let project = Project::starter();
    let both = [0, 1].map(|_| start(&mut project.command(&["deploy", "--no-build", "--json"])));
    let both = both.map(crate::support::Started::end);
    let created = |output: &crate::support::Output| {
        output.code == 0 && output.json()["summary"]["create"] == RESOURCES
    };
    assert_eq!(
        both.iter().filter(|output| created(output)).count(),
        1,
        "{both:?}"
    );
    let other = both.iter().find(|output| !created(output)).unwrap();
    let in_the_way = [
        "another deploy of stage `local`",
        "was deployed by somebody else in the meantime",
    ];
    let refused = other.code == 3 && in_the_way.iter().any(|why| other.stderr.contains(why));
    // It may also have come late enough to find everything done.
    let idle = other.code == 0 && other.json()["summary"]["unchanged"] == RESOURCES;
    assert!(refused || idle, "{other:?}");
    assert_eq!(
        project.inventory()["user_pools"],
        json!(["starter-local-users"])
    );
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);
}

#[test]
fn who_waits_deploys_when_the_other_is_through() {
    let project = Project::starter();
    project.deploy();
    project.edit("memory_mb: 512", "memory_mb: 640");
    hold(&project, now() - 7, now() + 600);
    let impatient = project
        .run(&["deploy", "--no-build", "--wait", "1s"])
        .expect(3);
    assert!(impatient.stderr.contains("`grace@laptop`"), "{impatient:?}");
    let waiting = ["deploy", "--no-build", "--wait", "5m", "--json"];
    let waiting = start(&mut project.command(&waiting));
    std::thread::sleep(Duration::from_secs(3));
    let unlocked = project.run(&["unlock", "--yes", "--json"]).expect(0).json();
    assert_eq!(unlocked["unlocked"], true, "{unlocked}");
    assert_eq!(unlocked["lock"]["owner"], "grace@laptop", "{unlocked}");
    let deployed = waiting.end().expect(0);
    assert_eq!(deployed.json()["summary"]["update"], 1, "{deployed:?}");
    let nothing = project.run(&["unlock", "--json"]).expect(0).json();
    let expected = json!({ "stage": "local", "unlocked": false, "lock": null });
    assert_eq!(nothing, expected);
}

#[test]
fn a_lock_is_taken_away_by_who_says_so_alone() {
    let project = Project::starter();
    project.deploy();
    hold(&project, now() - 7, now() + 600);
    let asked = project.run(&["unlock"]).expect(3);
    for part in ["`grace@laptop` has been deploying", "add `--yes`"] {
        assert!(asked.stderr.contains(part), "{part}: {asked:?}");
    }
    assert_eq!(project.ledger()["lock_token"]["S"], "theirs");
}

#[test]
fn a_deploy_whose_lock_is_taken_stops_before_its_next_request() {
    let mut project = Project::starter();
    let gate = Gate::holding(
        &Cloud::shared().endpoint_url,
        "CreateUserPool",
        Moment::Before,
    );
    let direct = project.endpoint_url.replace(gate.endpoint_url.clone());
    let deploy = start(&mut project.command(&["deploy", "--no-build"]));
    project.endpoint_url = direct;
    until("the pool is asked for", || gate.has_caught());
    // A heartbeat later it knows, and the request that is held is its last.
    project.run(&["unlock", "--yes"]).expect(0);
    std::thread::sleep(Duration::from_secs(22));
    drop(gate);
    let stopped = deploy.end().expect(3);
    assert!(
        stopped
            .stderr
            .contains("the lock of stage `local` was lost"),
        "{stopped:?}"
    );
    assert_eq!(project.inventory()["user_pools"], json!([]), "{stopped:?}");
    project.deploy();
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);
}

#[test]
fn a_later_versions_ledger_is_left_alone() {
    let project = Project::starter();
    project.deploy();
    project.client(
        "dynamodb",
        "update_item",
        json!({
            "TableName": "saasauth-ledger",
            "Key": Project::ledger_key(),
            "UpdateExpression": "SET #schema = :later",
            "ExpressionAttributeNames": { "#schema": "schema" },
            "ExpressionAttributeValues": { ":later": { "N": "99" } },
        }),
    );
    for command in [
        &["diff", "--no-build"][..],
        &["deploy", "--no-build"],
        &["destroy"],
        &["history"],
        &["ledger", "export"],
        &["unlock"],
    ] {
        let refused = project.run(command).expect(3);
        assert!(refused.stderr.contains("a later version"), "{refused:?}");
    }
}

#[test]
fn the_history_says_who_deployed_what_and_how_it_ended() {
    let project = Project::starter();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
        let mut git = Command::new("git");
        git.args(identity).args(arguments);
        run(git.current_dir(&project.directory)).expect(0)
    };
    git(&["init", "--quiet"]);
    git(&["add", "--all"]);
    git(&["commit", "--quiet", "--message", "First"]);
    let commit = git(&["rev-parse", "HEAD"]).stdout.trim().to_owned();
    let never = project.run(&["history"]).expect(0);
    assert!(never.stderr.contains("was never deployed"), "{never:?}");
    project.deploy();
    // Nothing to do is no deploy.
    project.deploy();
    project.edit("memory_mb: 512", "memory_mb: 640");
    project.deploy();
    project.run(&["destroy"]).expect(0);

    let history = project.run(&["history", "--json"]).expect(0).json();
    let deploys = history["deploys"].as_array().unwrap();
    let told: Vec<Value> = deploys
        .iter()
        .map(|one| {
            json!([
                one["number"],
                one["command"],
                one["result"],
                one["revision"]["clean"]
            ])
        })
        .collect();
    let expected = json!([
        [3, "destroy", "done", false],
        [2, "deploy", "done", false],
        [1, "deploy", "done", true],
    ]);
    assert_eq!(json!(told), expected, "{history:#}");
    for one in deploys {
        assert_eq!(one["revision"]["commit"], commit.as_str());
        assert_eq!(one["version"], env!("CARGO_PKG_VERSION"));
        assert!(one["owner"].as_str().unwrap().contains('@'), "{one}");
        assert!(one["started"].as_str().unwrap().ends_with('Z'), "{one}");
        assert!(one["seconds"].is_u64(), "{one}");
    }
    assert_eq!(
        deploys[1]["summary"],
        "0 created, 1 updated, 0 replaced, 0 deleted"
    );
    let last = project.run(&["history", "-n", "1"]).expect(0);
    assert!(last.stdout.contains("destroy"), "{last:?}");
    assert!(last.stdout.contains(&commit[..10]), "{last:?}");
    assert!(
        last.stdout.contains("#3") && !last.stdout.contains("#2"),
        "{last:?}"
    );
}

#[test]
fn a_lost_ledger_is_brought_back_or_made_up_for() {
    let project = Project::starter();
    project.run(&["ledger", "export"]).expect(1);
    project.deploy();
    let export = project.run(&["ledger", "export"]).expect(0);
    let file = project.directory.join("ledger.json");
    std::fs::write(&file, &export.stdout).unwrap();
    let name = file.to_str().unwrap();
    let full = project.run(&["ledger", "import", name]).expect(3);
    assert!(full.stderr.contains("knows"), "{full:?}");
    let lose = || {
        let table = json!({ "TableName": "saasauth-ledger" });
        project.client("dynamodb", "delete_table", table);
    };

    lose();
    let other = export.stdout.replace(&project.account, "999999999999");
    let elsewhere = project.directory.join("other.json");
    std::fs::write(&elsewhere, other).unwrap();
    let refused = project
        .run(&["ledger", "import", elsewhere.to_str().unwrap()])
        .expect(3);
    assert!(refused.stderr.contains("AWS account"), "{refused:?}");
    let theirs = export.stdout.replace("starter-local-domains", "billing");
    std::fs::write(&elsewhere, theirs).unwrap();
    let refused = project
        .run(&["ledger", "import", elsewhere.to_str().unwrap()])
        .expect(3);
    assert!(refused.stderr.contains("`billing"), "{refused:?}");
    let imported = project.run(&["ledger", "import", name, "--json"]).expect(0);
    assert_eq!(imported.json()["resources"], RESOURCES, "{imported:?}");
    let again = project.run(&["ledger", "export"]).expect(0);
    assert_eq!(again.json(), export.json());
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);

    // Without one, tags and names tell what is ours.
    lose();
    let deployed = project.run(&["deploy", "--no-build"]).expect(0);
    let words = "the ledger knows nothing of stage `local`; found";
    assert!(deployed.stderr.contains(words), "{deployed:?}");
    assert_eq!(
        project.inventory()["user_pools"],
        json!(["starter-local-users"])
    );
    lose();
    project.run(&["destroy"]).expect(0);
    nothing_is_left(&project).unwrap();
    for (file, code) in [("{}", 2), ("[", 2)] {
        std::fs::write(&elsewhere, file).unwrap();
        project
            .run(&["ledger", "import", elsewhere.to_str().unwrap()])
            .expect(code);
    }
}
