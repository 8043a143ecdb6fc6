//! The same deploy against another emulator, moto, by `--endpoint-url`: what we send must not be to the
//! taste of one implementation.
//!
//! What moto 5.2 lacks, and this test makes up for:
//! - It has the control plane only: no trigger runs there, and nobody signs up.
//! - SES has no templates, and answers for a configuration set what no SDK can read (`SendingEnabled` as
//!   a mapping); so the project has no `email`.
//! - UpdateUserPool forgets what is fixed at creation; `moto_remember.py` puts it back.
//! - It has one account, whoever signs; so one test has a server of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};

use serde_json::{Value, json};

use crate::support::{Project, RESOURCES, guard, python, python_tool, until};

/// A running moto server.
struct Moto {
    server: Child,
    endpoint_url: String,
    /// Ends the server if this process can't any more.
    _guard: std::process::ChildStdin,
}

impl Moto {
    fn start() -> Self {
        // The port may be taken again before moto has it, but hardly by anything here.
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut command = python_tool("moto_server");
        command.args(["-H", "127.0.0.1", "-p", &address.port().to_string()]);
        let server = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let guard = guard("kill \"$1\"", &[&server.id().to_string()]);
        until("moto listens", || TcpStream::connect(address).is_ok());
        Self {
            server,
            endpoint_url: format!("http://{address}"),
            _guard: guard,
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The starter without `email`.
fn project(moto: &Moto) -> Project {
    let project = Project {
        endpoint_url: Some(moto.endpoint_url.clone()),
        ..Project::alone()
    };
    let text = fs::read_to_string(project.file()).unwrap();
    let from = text.find("\nemail:\n").unwrap();
    let to = from + text[from..].find("\n\n").unwrap();
    fs::write(project.file(), format!("{}{}", &text[..from], &text[to..])).unwrap();
    project
}

#[test]
fn the_starter_deploys_to_moto_and_is_destroyed_there() {
    let moto = Moto::start();
    let project = project(&moto);
    let deployed = project.deploy();
    // Without identity, configuration set and template.
    let resources = RESOURCES - 3;
    assert_eq!(deployed["summary"]["create"], resources, "{deployed}");
    let inventory = project.inventory();
    assert_eq!(
        inventory["user_pools"],
        json!(["starter-local-users"]),
        "{inventory}"
    );
    assert_eq!(
        inventory["functions"].as_array().unwrap().len(),
        2,
        "{inventory}"
    );
    assert_eq!(
        inventory["tables"].as_array().unwrap().len(),
        3,
        "{inventory}"
    );

    let forgetful = project.run(&["diff", "--no-build"]).expect(3);
    assert!(
        forgetful
            .stderr
            .contains("refused to change `UsernameAttributes`"),
        "{forgetful:?}"
    );
    let pool = deployed["outputs"]["user_pool_id"].as_str().unwrap();
    python(
        "moto_remember.py",
        &[&moto.endpoint_url, &project.account, pool],
        &Value::Null,
    );

    // All the rest reads back as it was sent.
    let again = project.deploy();
    assert_eq!(
        (&again["changes"], &again["summary"]["unchanged"]),
        (&json!([]), &json!(resources))
    );
    project.edit("memory_mb: 512", "memory_mb: 640");
    let changed = project.deploy();
    assert_eq!(changed["summary"]["update"], 1, "{changed}");
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);

    project.run(&["destroy"]).expect(0);
    let left = project.inventory();
    for (what, names) in left.as_object().unwrap() {
        let ledger = what == "tables" && names == &json!(["saasauth-ledger"]);
        assert!(ledger || names == &json!([]), "{what}: {names}");
    }
    let nothing = project.run(&["destroy"]).expect(0);
    assert!(
        nothing.stderr.contains("nothing of stage `local` is there"),
        "{nothing:?}"
    );
}
