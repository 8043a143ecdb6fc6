//! The same deploy against another emulator, moto, by `--endpoint-url`: what we send must not be to the
//! taste of one implementation. moto has the control plane only; no trigger runs there.

use std::net::{TcpListener, TcpStream};
use std::process::{ChildStdin, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::support::{Project, guard, python_tool, run, until};

/// What moto 5.2 keeps differently from what it is sent, so that a second plan would put it right again:
/// `ID.path`. A newer moto may shorten this list.
const DIFFERENCES: [&str; 0] = [];

/// A running moto server; ended with the test process.
fn moto() -> &'static str {
    static MOTO: OnceLock<(String, ChildStdin)> = OnceLock::new();
    let (url, _) = MOTO.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let mut command = python_tool("moto_server");
        command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let guard = guard("kill \"$1\"", &[&server.id().to_string()]);
        until("moto listens", || TcpStream::connect(address).is_ok());
        (format!("http://{address}"), guard)
    });
    url
}

fn project() -> Project {
    Project { endpoint_url: Some(moto().to_owned()), ..Project::alone() }
}

/// `ID.path` of everything a plan would change.
fn differences(plan: &Value) -> Vec<String> {
    let mut differences = Vec::new();
    for change in plan["changes"].as_array().unwrap() {
        let id = change["logical_id"].as_str().unwrap();
        for property in change["properties"].as_array().unwrap() {
            differences.push(format!("{id}.{}", property["path"].as_str().unwrap()));
        }
    }
    differences
}

#[test]
fn the_starter_deploys_to_moto_and_is_destroyed_there() {
    let project = project();
    let deployed = project.deploy();
    assert_eq!(deployed["summary"]["create"], 23, "{deployed}");
    let diff = project.run(&["diff", "--no-build", "--json"]).expect(0).json();
    assert_eq!(differences(&diff), DIFFERENCES, "{diff:#}");
    let inventory = project.inventory();
    assert_eq!(inventory["user_pools"], json!(["starter-local-users"]), "{inventory}");
    assert_eq!(inventory["functions"].as_array().unwrap().len(), 2, "{inventory}");

    project.edit("memory_mb: 512", "memory_mb: 640");
    let changed = project.deploy();
    assert_eq!(changed["summary"]["update"], 1, "{changed}");

    project.run(&["destroy"]).expect(0);
    let left = project.inventory();
    for (what, names) in left.as_object().unwrap() {
        let ledger = what == "tables" && names == &json!(["saasauth-ledger"]);
        assert!(ledger || names == &json!([]), "{what}: {names}");
    }
    assert!(run(&mut project.command(&["destroy"])).expect(0).stderr.contains("nothing of stage"));
}
