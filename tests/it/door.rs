//! The local cloud's door, attacked from outside: by web pages in a real browser, by a name bound to this machine, and by
//! others on it.

#![expect(clippy::print_stdout, reason = "what was not tried has to be said")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Cloud, KEY, Project, copy, folder, repository, run};

/// Sends a request as it stands, and gives the answer.
fn send(endpoint: &str, request: &str) -> String {
    let address = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let limit = Some(Duration::from_secs(60));
    stream.set_read_timeout(limit).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn status(endpoint: &str, head: &str) -> String {
    let answer = send(
        endpoint,
        &format!("{head}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"),
    );
    answer.split(' ').nth(1).unwrap_or("none").to_owned()
}

#[test]
fn a_name_bound_to_this_machine_and_an_unsigned_request_get_nowhere() {
    let endpoint = &Cloud::shared().endpoint_url;
    let here = endpoint.trim_start_matches("http://");
    let port = here.rsplit(':').next().unwrap();
    let bearer = format!("authorization: Bearer {KEY}");
    for (head, expected) in [
        (
            format!("GET /_saasauth/mail HTTP/1.1\r\nhost: {here}\r\n{bearer}"),
            "200",
        ),
        (
            format!("GET /_saasauth/mail HTTP/1.1\r\nhost: LOCALHOST:{port}\r\n{bearer}"),
            "200",
        ),
        (
            format!("GET /_saasauth/mail HTTP/1.1\r\nhost: rebound.example:{port}\r\n{bearer}"),
            "403",
        ),
        (
            format!("GET /_saasauth/mail HTTP/1.1\r\nhost: {here}"),
            "403",
        ),
        (
            format!("GET /_saasauth/mail HTTP/1.1\r\nhost: {here}\r\nauthorization: Bearer {KEY}x"),
            "403",
        ),
        (
            format!(
                "GET /_saasauth/mail HTTP/1.1\r\nhost: {here}\r\norigin: https://evil.example\r\n{bearer}"
            ),
            "403",
        ),
        (
            format!("POST /_ministack/reset HTTP/1.1\r\nhost: {here}"),
            "403",
        ),
        (
            format!("GET /_ministack/ses/messages HTTP/1.1\r\nhost: {here}"),
            "403",
        ),
        (
            format!(
                "POST /2015-03-31/functions HTTP/1.1\r\nhost: {here}\r\ncontent-type: text/plain"
            ),
            "403",
        ),
        (format!("GET / HTTP/1.1\r\nhost: {here}"), "403"),
        (
            format!("GET http://rebound.example:{port}/_saasauth/health HTTP/1.1\r\nhost: {here}"),
            "403",
        ),
        (
            format!("GET /_saasauth/health HTTP/1.1\r\nhost: {here}"),
            "200",
        ),
    ] {
        assert_eq!(status(endpoint, &head), expected, "{head}");
    }
}

#[test]
fn another_key_is_refused_with_what_helps() {
    let project = Project::starter();
    let refused = run(project
        .command(&["diff", "--no-build"])
        .env("AWS_SECRET_ACCESS_KEY", "another"))
    .expect(1);
    assert!(
        refused.stderr.contains("saasauth local credentials"),
        "{refused:?}"
    );
    project.run(&["diff", "--no-build"]).expect(0);
}

#[test]
fn the_key_is_its_owners_and_no_link_is_followed() {
    let project = Project::alone();
    let local = project.directory.join(".saasauth/local");
    fs::remove_dir_all(&local).unwrap();
    let elsewhere = folder("elsewhere");
    symlink(&elsewhere, &local).unwrap();
    let refused = project.run(&["local", "start"]).expect(1);
    assert!(refused.stderr.contains("link"), "{refused:?}");
    assert_eq!(
        fs::read_dir(&elsewhere).unwrap().count(),
        0,
        "nothing is written there"
    );
    fs::remove_file(&local).unwrap();

    project.run(&["local", "start"]).expect(0);
    let key = local.join("secret-access-key");
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&local), mode(&key)), (0o700, 0o600));
    let secret = fs::read_to_string(&key).unwrap();
    assert_eq!(secret.len(), 43);
    // One command shows it, and signs as it says.
    let shown = project.run(&["local", "credentials"]).expect(0).json();
    let expected =
        json!({ "Version": 1, "AccessKeyId": "000000000000", "SecretAccessKey": secret });
    assert_eq!(shown, expected);
    let lines = project
        .run(&["local", "credentials", "--format", "env"])
        .expect(0);
    assert!(
        lines
            .stdout
            .contains(&format!("AWS_SECRET_ACCESS_KEY={secret}")),
        "{lines:?}"
    );
    for command in [
        &["local", "status"][..],
        &["local", "mail"],
        &["local", "status", "--json"],
    ] {
        let output = project.run(command).expect(0);
        assert!(!format!("{output:?}").contains(&secret), "{command:?}");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = project.run(&["local", "mail"]).expect(1);
    assert!(refused.stderr.contains("others can read"), "{refused:?}");
    project.run(&["local", "stop"]).expect(0);
}

/// The ports of the loopback at which a process listens.
fn ports(pid: &str) -> Vec<u16> {
    const LISTENING: &str = "0A";
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let owned: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
        .filter_map(|link| {
            let inode = link.to_str()?.strip_prefix("socket:[")?;
            Some(inode.strip_suffix(']')?.to_owned())
        })
        .collect();
    let lines = sockets.lines().skip(1);
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields[3] == LISTENING && owned.iter().any(|inode| inode == fields[9]))
        .map(|fields| {
            let (host, port) = fields[1].split_once(':').unwrap();
            assert_eq!(host, "0100007F", "nothing but the loopback");
            u16::from_str_radix(port, 16).unwrap()
        })
        .collect()
}

/// The process IDs of a process and of all it started.
fn family(pid: u32) -> Vec<String> {
    let children = |pid: &str| {
        let path = format!("/proc/{pid}/task");
        let tasks = fs::read_dir(path).into_iter().flatten().flatten();
        tasks
            .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
            .flat_map(|text| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            })
            .collect::<Vec<_>>()
    };
    let mut all = vec![pid.to_string()];
    let mut at = 0;
    while at < all.len() {
        let more = children(&all[at]);
        all.extend(more);
        at += 1;
    }
    all
}

#[test]
fn what_the_emulator_listens_at_takes_functions_alone() {
    if !fs::exists("/proc/net/tcp").unwrap() {
        println!("skipped: this system doesn't list its sockets in /proc");
        return;
    }
    let project = Project::starter();
    project.deploy();
    let functions = project.client("lambda", "list_functions", json!({}));
    let name = functions["Functions"][0]["FunctionName"].as_str().unwrap();
    // What it answers doesn't matter: it runs from now on, and waits for the next event.
    project.client(
        "lambda",
        "invoke",
        json!({ "FunctionName": name, "Payload": "{}" }),
    );
    let state = Cloud::shared()
        .directory()
        .join(".saasauth/local/state.json");
    let state: Value = serde_json::from_slice(&fs::read(state).unwrap()).unwrap();
    let pid = u32::try_from(state["emulator_pid"].as_u64().unwrap()).unwrap();
    let ports: Vec<u16> = family(pid).iter().flat_map(|pid| ports(pid)).collect();
    assert!(
        !ports.is_empty(),
        "a function that runs is answered somewhere"
    );
    for port in ports {
        for request in [
            "GET /2018-06-01/runtime/invocation/next",
            "GET //2018-06-01/runtime/invocation/next",
            "GET /x/2018-06-01/runtime/invocation/next",
            "POST /2018-06-01/runtime/invocation/1/response",
            "POST /2018-06-01/runtime/init/error",
            "GET /",
        ] {
            let head = format!("{request} HTTP/1.1\r\nhost: 127.0.0.1:{port}");
            let answered = status(&format!("http://127.0.0.1:{port}"), &head);
            assert_eq!(answered, "403", "{request}");
        }
    }
    // And it still does as it should.
    let signed = project.sign_up("door@example.com", "Door");
    assert!(signed.to_string().contains("door@example.com"), "{signed}");
}

#[test]
fn nobody_who_may_not_come_in_makes_it_keep_a_body() {
    let endpoint = &Cloud::shared().endpoint_url;
    let here = endpoint.trim_start_matches("http://");
    // Announced and never sent: the answer doesn't wait for it.
    let long = "content-length: 70000000\r\nconnection: close\r\n\r\n";
    for (headers, expected) in [
        (
            format!("host: {here}\r\norigin: https://evil.example"),
            "403",
        ),
        ("host: rebound.example".to_owned(), "403"),
        (format!("host: {here}"), "413"),
    ] {
        let head = format!("POST /2015-03-31/functions HTTP/1.1\r\n{headers}\r\n{long}");
        let answer = send(endpoint, &head);
        assert_eq!(answer.split(' ').nth(1), Some(expected), "{headers}");
    }
}

#[test]
fn what_a_clone_brings_is_neither_followed_nor_run() {
    let project = Project::alone();
    let (saasauth, elsewhere) = (project.directory.join(".saasauth"), folder("elsewhere"));
    let local = saasauth.join("local");
    let theirs = elsewhere.join("theirs");
    for name in ["front-door.log", "emulator.log", "trace.jsonl", "port"] {
        fs::write(&theirs, "precious").unwrap();
        let link = local.join(name);
        // A start before left its own.
        let _ = fs::remove_file(&link);
        symlink(&theirs, &link).unwrap();
        // A port is a convenience, and the trace too; a log has to be somewhere.
        let output = project.run(&["local", "start"]);
        if name.ends_with(".log") {
            assert_ne!(output.code, 0, "{name}: {output:?}");
        } else {
            project.run(&["local", "status"]).expect(0);
            project.run(&["local", "stop"]).expect(0);
        }
        assert_eq!(fs::read_to_string(&theirs).unwrap(), "precious", "{name}");
        fs::remove_file(&link).unwrap();
    }

    // Modules where the emulator works.
    let work = local.join("emulator");
    let ran = elsewhere.join("ran");
    for module in ["ministack", "hypercorn", "hmac", "secrets", "sitecustomize"] {
        fs::create_dir_all(work.join(module)).unwrap();
        let code = format!("open({:?}, 'w')\n", ran.to_str().unwrap());
        fs::write(work.join(module).join("__init__.py"), code).unwrap();
    }
    project.run(&["local", "start"]).expect(0);
    assert!(!ran.exists(), "nothing of the clone ran");
    let state: Value =
        serde_json::from_slice(&fs::read(local.join("state.json")).unwrap()).unwrap();
    let socket = PathBuf::from(state["socket"].as_str().unwrap());
    let folder = socket.parent().unwrap();
    let mode = fs::metadata(folder).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700, "nobody else reaches the socket");

    // Killed, it leaves nothing for good.
    let pid = state["pid"].to_string();
    run(Command::new("kill").args(["-s", "KILL", &pid])).expect(0);
    project.run(&["local", "stop"]).expect(0);
    assert!(!folder.exists(), "the socket's folder is gone");

    // The whole folder elsewhere: nothing is read or removed there.
    fs::create_dir_all(elsewhere.join("local/emulator")).unwrap();
    fs::write(elsewhere.join("local/state.json"), "{}").unwrap();
    fs::rename(&saasauth, project.directory.join("aside")).unwrap();
    symlink(&elsewhere, &saasauth).unwrap();
    for command in ["stop", "status", "mail", "credentials", "start"] {
        let refused = project.run(&["local", command]).expect(1);
        assert!(refused.stderr.contains("link"), "{command}: {refused:?}");
    }
    assert!(elsewhere.join("local/state.json").exists());
    assert!(elsewhere.join("local/emulator").exists());
}

#[test]
fn doctor_has_the_key_of_the_projects_own_local_cloud() {
    let project = Project::alone();
    let bare = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        command
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY");
        run(&mut command)
    };
    fs::remove_file(project.directory.join(".saasauth/local/secret-access-key")).unwrap();
    bare(&["local", "start"]).expect(0);
    let found = bare(&["doctor", "--json"]).expect(0).json();
    let checks = found["checks"].as_array().unwrap();
    let account = checks.iter().find(|check| check["name"] == "account");
    assert_eq!(account.unwrap()["status"], "ok", "{found:#}");
    let lines = bare(&["local", "credentials", "--format", "env"]).expect(0);
    for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        let line = format!("export {name}=eu-west-1\n");
        assert!(lines.stdout.contains(&line), "{lines:?}");
    }
    bare(&["local", "stop"]).expect(0);
}

/// Installs the browser where builds keep their things; `None` without Node.js, or where none runs.
fn browser() -> Option<(PathBuf, PathBuf)> {
    let is_supported = cfg!(all(target_os = "linux", target_arch = "x86_64"));
    let has_npm = Command::new("npm").arg("--version").output().is_ok();
    if !is_supported || !has_npm {
        return None;
    }
    let home = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("chromium");
    copy(&repository().join("tests/chromium"), &home);
    let mut install = Command::new("npm");
    install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    run(install.current_dir(&home)).expect(0);
    let temporary = home.join("tmp");
    fs::create_dir_all(&temporary).unwrap();
    Some((home.join("page.mjs"), temporary))
}

#[test]
fn a_page_of_another_origin_signs_people_up_and_does_no_more() {
    let Some((script, temporary)) = browser() else {
        println!("skipped: this takes npm, on Linux on x86_64");
        return;
    };
    let project = Project::starter();
    let outputs = project.deploy()["outputs"].clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut command = Command::new("node");
    command
        .arg(script)
        .args([
            &Cloud::shared().endpoint_url,
            &text(&outputs["clients"]["web"]["client_id"]),
            &text(&outputs["user_pool_id"]),
        ])
        .env("TMPDIR", temporary);
    let seen = run(&mut command).expect(0).json();
    for page in ["127.0.0.1", "evil.example"] {
        let expected = json!({
            // Sent, and answered with 403: a page can't see that.
            "function": "opaque",
            "functions": "refused",
            "mail": "refused",
            "reset": "opaque",
            "health": "refused",
            "tables": "refused",
            "users": "refused",
            "sign_up": 200,
            "keys": 200,
        });
        assert_eq!(seen[page], expected, "{page}");
    }
    let rebound = seen["rebound"].as_object().unwrap();
    for (what, status) in rebound {
        let is_opaque = ["function", "reset"].contains(&what.as_str()) && status == "opaque";
        assert!(status == 403 || is_opaque, "{what}: {status}");
    }
    // What was sent blindly did nothing: the stage is there, and no function but ours.
    project
        .run(&["diff", "--no-build", "--detailed-exitcode"])
        .expect(0);
    for account in ["000000000000", &project.account] {
        let other = Project {
            account: account.to_owned(),
            endpoint_url: project.endpoint_url.clone(),
            ..Project::at(folder("other"))
        };
        let found = other.client("lambda", "list_functions", json!({}));
        assert!(!found.to_string().contains("page-"), "{found}");
    }
}
