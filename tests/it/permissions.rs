//! The policies of both roles against the functions as they are deployed, on an emulator that checks
//! every request: all that is allowed is needed, and it is enough.
//!
//! The shared local cloud checks nothing, so this one is of its own. `tests/python/permissions.py` takes
//! each action and each resource away in turn. For SES it checks itself, since the emulator knows no
//! resource of SendEmail: what this test says of SES is what AWS documents, and no measurement.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::json;

use crate::support::{
    Platforms, Project, folder, guard, key, repository, script, start_with_input, until,
};

/// What no test can see missing, and why it is in the policies all the same.
const UNSEEN: [(&str, &str); 2] = [
    (
        "WriteLogs logs:CreateLogStream",
        "on AWS it is Lambda that writes a function's output to the log, with the function's role; \
         the emulator keeps it without asking anybody",
    ),
    (
        "WriteLogs logs:PutLogEvents",
        "as CreateLogStream: no function sends it",
    ),
];

/// MiniStack, checking what roles may do.
struct Emulator {
    process: Child,
    endpoint_url: String,
    /// Ends it, and the functions in its group.
    guard: Option<ChildStdin>,
}

impl Emulator {
    /// Functions will look for AWS at `endpoint_url`.
    fn start(endpoint_url: &str) -> Self {
        let scratch = folder("checking");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let executable = runtime
            .block_on(saasauth::tools::ensure(
                &saasauth::tools::MINISTACK,
                &|_| {},
            ))
            .unwrap();
        // The port may be taken again before the emulator has it, but hardly by anything here.
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let mut command = Command::new(executable);
        command.env_clear();
        for name in ["PATH", "HOME", "LANG", "PYTHONPATH", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // As the local cloud starts it, but for the first.
        let process = command
            .env("AUTH", "true")
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", address.port().to_string())
            .env("LOG_LEVEL", "WARNING")
            .env("TMPDIR", &scratch)
            .env("STATE_DIR", scratch.join("state"))
            .env("S3_DATA_DIR", scratch.join("s3"))
            .env("AWS_ENDPOINT_URL", endpoint_url)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env("MINISTACK_COGNITO_PRETOKEN_STRICT", "1")
            .env("IOT_MTLS_ENABLED", "0")
            .env("SFTP_ENABLED", "0")
            .env("DOCKER_HOST", "unix:///nonexistent/no-docker.sock")
            .current_dir(&scratch)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let group = format!("-{}", process.id());
        let guard = guard("kill -s KILL -- \"$1\"", &[&group]);
        until("the emulator listens", || {
            TcpStream::connect(address).is_ok()
        });
        Self {
            process,
            endpoint_url: format!("http://{address}"),
            guard: Some(guard),
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.guard.take());
        let _ = self.process.wait();
    }
}

/// The starter with a welcome in two languages and two platforms, each with a secret of its own.
fn project(emulator: &Emulator, platforms: &Platforms) -> Project {
    let project = Project {
        endpoint_url: Some(emulator.endpoint_url.clone()),
        ..Project::alone()
    };
    let opt_in = "    marketing_opt_in: { type: boolean }\n";
    project.edit(opt_in, &format!("{opt_in}    locale: {{}}\n"));
    let text = "    text: emails/welcome.txt\n";
    let german = "{ subject: \"Willkommen, {{name}}\", html: emails/welcome.html }";
    project.edit(text, &format!("{text}    locales: {{ de: {german} }}\n"));
    let url = &platforms.url;
    let marketing = format!(
        r#"marketing:
  opt_in: marketing_opt_in
  hubspot: {{ token: "ssm:/starter/hubspot", endpoint: "{url}/hubspot" }}
  webhook: {{ url: "{url}/webhook", secret: "ssm:/starter/webhook" }}

tags: "#
    );
    project.edit("tags: ", &marketing);
    project
}

#[test]
fn all_that_the_roles_allow_is_needed_and_enough() {
    let platforms = Platforms::start();
    let fixtures = repository().join("lambdas/common/fixtures");
    let (mut driver, mut input) = start_with_input(script("permissions.py").arg(fixtures));
    let emulator = Emulator::start(&driver.line());
    let project = project(&emulator, &platforms);
    let outputs = project.deploy()["outputs"].clone();
    for name in ["hubspot", "webhook"] {
        project.set_secret(name, &key(name));
    }
    let stage = json!({
        "account": project.account,
        "endpoint_url": emulator.endpoint_url,
        "platforms": platforms.url,
        "outputs": outputs,
    });
    input.write_all(stage.to_string().as_bytes()).unwrap();
    drop(input);
    let seen: BTreeMap<String, BTreeMap<String, Vec<String>>> =
        serde_json::from_value(driver.end().expect(0).json()).unwrap();

    // Each action, each resource of the statements with several, and all of it before and after.
    let runs: Vec<usize> = seen.values().map(BTreeMap::len).collect();
    assert_eq!(runs, [11 + 6 + 2, 6 + 2], "{seen:#?}");
    for (function, amiss) in &seen {
        for all in ["all", "all again"] {
            assert!(
                amiss[all].is_empty(),
                "{function} may too little: {:?}",
                amiss[all]
            );
        }
        for (missing, amiss) in amiss.iter().filter(|(run, _)| !run.starts_with("all")) {
            match UNSEEN.iter().find(|(name, _)| name == missing) {
                Some((_, reason)) => assert!(
                    amiss.is_empty(),
                    "{function} without {missing}: {amiss:?}, so this is no longer true: {reason}"
                ),
                None => assert!(!amiss.is_empty(), "{function} does not need {missing}"),
            }
        }
        for (name, _) in UNSEEN {
            assert!(
                amiss.contains_key(name),
                "{function} has no {name} any more"
            );
        }
    }
}
