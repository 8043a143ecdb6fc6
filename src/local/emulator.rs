//! The emulator's process: MiniStack, at a socket of ours, in a process group of its own.
//!
//! MiniStack runs functions as child processes in its own group and hands them its environment, so
//! that environment is made here from nothing: none of a person's AWS settings reaches a function.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::front_door::UPSTREAM_HEALTH_PATH;
use super::paths::Paths;
use super::place::Place;
use super::private;
use super::secret::Secret;
use saasauth_model::error::{Error, ErrorKind, Result};

/// A cold Python on a slow disk needs several seconds; a start that has not answered by then will not.
const START_LIMIT: Duration = Duration::from_secs(25);
const POLL: Duration = Duration::from_millis(50);
/// How long the emulator may take to end by itself before it is ended.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// The program that serves MiniStack.
const LAUNCHER: &str = include_str!("emulator.py");

/// What starts MiniStack at this place, in a process group of its own and an environment made from nothing. It keeps its
/// files in `scratch`, which must have a folder `tmp`; its functions look for AWS at `endpoint_url`.
pub fn command(
    executable: &Path,
    scratch: &Path,
    endpoint_url: &str,
    place: &Place,
) -> std::process::Command {
    let mut bind = OsString::new();
    // URLs that it makes lead to where its clients come in.
    let gateway = match place {
        Place::Port(port) => {
            bind.push(format!("127.0.0.1:{port}"));
            port.to_string()
        }
        Place::Socket(socket) => {
            bind.push("unix:");
            bind.push(socket);
            let (_, port) = endpoint_url.rsplit_once(':').unwrap_or_default();
            port.to_owned()
        }
    };
    let mut command = std::process::Command::new(interpreter(executable));
    command
        .args(["-c", LAUNCHER])
        .arg(bind)
        .env_clear()
        .env("GATEWAY_PORT", gateway);
    for name in [
        "PATH",
        "HOME",
        "LANG",
        "LC_ALL",
        "PYTHONPATH",
        "LD_LIBRARY_PATH",
        "RUST_BACKTRACE",
    ] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
        .env("BIND_HOST", "127.0.0.1")
        .env("LOG_LEVEL", "WARNING")
        .env("PYTHONUNBUFFERED", "1")
        // Nor does any Python it starts take modules from where it works.
        .env("PYTHONSAFEPATH", "1")
        .env("TMPDIR", scratch.join("tmp"))
        .env("STATE_DIR", scratch.join("state"))
        .env("S3_DATA_DIR", scratch.join("s3"))
        .env("AWS_ENDPOINT_URL", endpoint_url)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        // As on AWS, a failing PreTokenGeneration fails the sign-in.
        .env("MINISTACK_COGNITO_PRETOKEN_STRICT", "1")
        // Listeners and containers nobody asked for.
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        .env(
            "DOCKER_HOST",
            "unix:///nonexistent/saasauth-uses-no-docker.sock",
        )
        .current_dir(scratch)
        .process_group(0)
        .stdin(Stdio::null());
    command
}

/// The Python that runs this script: the one its first line names.
fn interpreter(script: &Path) -> PathBuf {
    let text = std::fs::read(script).unwrap_or_default();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let named = std::str::from_utf8(line)
        .ok()
        .and_then(|line| line.strip_prefix("#!"));
    match named
        .map(str::trim)
        .filter(|path| Path::new(path).is_file())
    {
        Some(path) => PathBuf::from(path),
        // A long path, or one with blanks, stands in a shell's words instead; its environment has one beside it.
        None => script.with_file_name("python"),
    }
}

/// A running emulator. Its whole process group is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Emulator {
    child: Child,
    pid: Pid,
    place: Place,
}

impl Emulator {
    /// Starts `executable` at this place and waits until it answers. Functions will use `endpoint_url` for AWS, and sign
    /// with this secret.
    pub(super) async fn start(
        executable: &Path,
        paths: &Paths,
        endpoint_url: &str,
        place: &Place,
        secret: &Secret,
    ) -> Result<Self> {
        // What an emulator before it left there.
        if let Some(socket) = place.socket() {
            let _ = std::fs::remove_file(socket);
        }
        let mut emulator = Self::spawn(executable, paths, endpoint_url, place, secret)?;
        emulator.wait_until_healthy().await?;
        check_signing(place, executable).await?;
        Ok(emulator)
    }

    fn spawn(
        executable: &Path,
        paths: &Paths,
        endpoint_url: &str,
        place: &Place,
        secret: &Secret,
    ) -> Result<Self> {
        let doing = || format!("could not start the emulator `{}`", executable.display());
        let scratch = paths
            .fresh_scratch()
            .map_err(|error| Error::io(doing(), &error))?;
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        let log = private::open(&paths.emulator_log(), &mut options)
            .map_err(|error| Error::io(doing(), &error))?;
        let errors = log
            .try_clone()
            .map_err(|error| Error::io(doing(), &error))?;

        // Functions call AWS through the front door, so that their mail and calls are seen.
        let mut command = Command::from(command(executable, &scratch, endpoint_url, place));
        command
            .env("AWS_SECRET_ACCESS_KEY", secret.expose())
            .stdout(log)
            .stderr(errors);
        let child = command
            .spawn()
            .map_err(|error| Error::io(doing(), &error))?;
        let pid = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
            .ok_or_else(|| Error::new(ErrorKind::Local, doing()).with_cause("it ended at once"))?;
        let place = place.clone();
        Ok(Self { child, pid, place })
    }

    async fn wait_until_healthy(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        let client = quick(self.place.client());
        let url = format!("{}{UPSTREAM_HEALTH_PATH}", self.place.url());
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(
                    Error::new(ErrorKind::Local, "the emulator ended while starting")
                        .with_cause(status.to_string()),
                );
            }
            if json_of(client.get(&url)).await.is_some() {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
        let message = format!(
            "the emulator did not answer within {} s",
            START_LIMIT.as_secs()
        );
        Err(Error::new(ErrorKind::Local, message))
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits until the emulator ends, which it never should.
    pub(super) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // Functions may outlive the emulator, and the group lasts as long as one of them.
        let _ = kill_process_group(self.pid, Signal::KILL);
    }
}

/// Refuses an emulator that can't sign tokens. MiniStack leaves the signature to an optional Python
/// package, and without it makes one up; every verifier would refuse every token, much later.
async fn check_signing(place: &Place, executable: &Path) -> Result<()> {
    const ACCOUNT: &str = "999999999999";
    let (client, url) = (quick(place.client()), place.url());
    let cognito = async |action: &str, input: Value| -> Option<Value> {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ACCOUNT}/20200101/us-east-1/cognito-idp/aws4_request, SignedHeaders=host, Signature=0"
        );
        let request = client
            .post(&url)
            .header("authorization", authorization)
            .header("content-type", "application/x-amz-json-1.1")
            .header(
                "x-amz-target",
                format!("AWSCognitoIdentityProviderService.{action}"),
            )
            .body(input.to_string());
        request.send().await.ok()?.json().await.ok()
    };
    let made = cognito(
        "CreateUserPool",
        json!({ "PoolName": "saasauth-can-it-sign" }),
    )
    .await;
    let pool_id = made.and_then(|made| Some(made["UserPool"]["Id"].as_str()?.to_owned()));
    let Some(pool_id) = pool_id else {
        return Err(Error::new(
            ErrorKind::Local,
            "the emulator answers, but makes no user pool",
        ));
    };
    let keys = json_of(client.get(format!("{url}/{pool_id}/.well-known/jwks.json"))).await;
    // A pool that can sign has a key for each kind of token; a made-up signature has one for show.
    let signs = keys.is_some_and(|keys| keys["keys"].as_array().is_some_and(|keys| keys.len() > 1));
    cognito("DeleteUserPool", json!({ "UserPoolId": pool_id })).await;
    if signs {
        return Ok(());
    }
    let message = format!("the emulator `{}` can't sign tokens", executable.display());
    Err(Error::new(ErrorKind::Local, message)
        .with_cause("its Python environment lacks the package `cryptography`")
        .with_hint("install it there: `python3 -m pip install cryptography`")
        .with_hint("or take that `ministack` off PATH, and saasauth installs its own"))
}

/// Ends an emulator whose front door died without it. `false` when there is none: the process ID may
/// long be somebody else's.
pub(super) async fn kill_orphan(pid: u32) -> bool {
    let Some(group) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    if !is_emulator(pid).await {
        return false;
    }
    let _ = kill_process_group(group, Signal::TERM);
    let deadline = Instant::now() + STOP_LIMIT;
    while test_kill_process_group(group).is_ok() && Instant::now() < deadline {
        tokio::time::sleep(POLL).await;
    }
    let _ = kill_process_group(group, Signal::KILL);
    true
}

/// Whether the process is a MiniStack, by its command line.
async fn is_emulator(pid: u32) -> bool {
    let listed = Command::new("ps")
        .args(["-o", "command=", "-p", &pid.to_string()])
        .stdin(Stdio::null())
        .output();
    let command = match std::fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(command) => command,
        // No /proc on macOS.
        Err(_) => listed.await.map(|output| output.stdout).unwrap_or_default(),
    };
    String::from_utf8_lossy(&command).contains("ministack")
}

/// The client for questions to our own processes: no proxy, quick to give up, and no connection kept,
/// since the process at the other end comes and goes.
pub(super) fn client() -> &'static reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> =
        LazyLock::new(|| quick(reqwest::Client::builder().no_proxy()));
    &CLIENT
}

fn quick(client: reqwest::ClientBuilder) -> reqwest::Client {
    client
        .timeout(Duration::from_secs(5))
        .pool_max_idle_per_host(0)
        .build()
        .unwrap_or_default()
}

/// What `url` answers with success, as JSON.
pub(super) async fn get_json(url: &str) -> Option<Value> {
    json_of(client().get(url)).await
}

async fn json_of(request: reqwest::RequestBuilder) -> Option<Value> {
    let response = request.send().await.ok()?;
    response.error_for_status().ok()?.json().await.ok()
}
