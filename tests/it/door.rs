//! The local cloud's door, attacked from outside: by web pages in a real browser, by a name bound to this machine, and by
//! others on it.

#![expect(clippy::print_stdout, reason = "what was not tried has to be said")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Cloud, KEY, Project, copy, folder, repository, run};

/// Sends a request as it stands, and gives the answer.
fn send(endpoint: &str, request: &str) -> String {
    let address = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
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

#[test]
fn the_emulator_listens_at_no_port() {
    let Ok(sockets) = fs::read_to_string("/proc/net/tcp") else {
        println!("skipped: this system doesn't list its sockets in /proc");
        return;
    };
    let endpoint = &Cloud::shared().endpoint_url;
    let port: u16 = endpoint.rsplit(':').next().unwrap().parse().unwrap();
    assert!(
        sockets.contains(&format!(":{port:04X} ")),
        "the door itself is listed"
    );
    let state = Cloud::shared()
        .directory()
        .join(".saasauth/local/state.json");
    let state: Value = serde_json::from_slice(&fs::read(state).unwrap()).unwrap();
    let pid = &state["emulator_pid"];
    let owned: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|file| fs::read_link(file.unwrap().path()).ok())
        .filter_map(|link| {
            Some(
                link.to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_owned(),
            )
        })
        .collect();
    const LISTENING: &str = "0A";
    for line in sockets.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_emulators = owned.iter().any(|inode| inode == fields[9]);
        // The runtime API of functions takes what functions say; nothing can be made there.
        assert!(!(is_emulators && fields[3] == LISTENING), "{line}");
    }
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
