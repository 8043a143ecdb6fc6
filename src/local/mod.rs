//! The local cloud: an AWS emulator and the front door before it, kept running in the background for
//! one project between commands.
//!
//! It owns the directory `.saasauth/local/` of the project and the two processes. It knows nothing of
//! what a project deploys there.

mod daemon;
mod emulator;
pub mod front_door;
mod mailbox;
mod paths;
mod place;
mod private;
mod secret;
mod socket;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::Instant;

pub use self::daemon::serve;
pub use self::emulator::command as emulator_command;
pub use self::mailbox::Mail;
pub use self::paths::Paths;
use self::paths::StateFile;
pub use self::place::Place;
pub use self::secret::Secret;
use crate::tools;
use saasauth_model::error::{Error, ErrorKind, Result};

/// How long a local cloud may take to come up.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long a living one may be without answer before it counts as broken: an emulator restart.
const RECOVERY_LIMIT: Duration = Duration::from_secs(10);
/// How long it may take to end when asked to.
const STOP_LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);

/// Whether there is a local cloud, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Whether it answers.
    pub running: bool,
    /// What clients use as the AWS endpoint.
    pub endpoint_url: Option<String>,
    /// The process that serves it.
    pub pid: Option<u32>,
    /// Whether it refuses what AWS refuses; known of a running one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strict: Option<bool>,
}

impl Status {
    const NOT_RUNNING: Self = Self {
        running: false,
        endpoint_url: None,
        pid: None,
        strict: None,
    };

    fn of(state: &StateFile) -> Self {
        Self {
            running: true,
            endpoint_url: Some(state.endpoint_url.clone()),
            pid: Some(state.pid),
            strict: Some(state.strict),
        }
    }
}

/// How strict a local cloud should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// As it was until it is stopped; as strict as AWS when it is new.
    Kept,
    /// It takes what the emulator takes.
    Lenient,
}

/// Makes sure the project's local cloud runs. Returns at once when it does; what had to be done is
/// said through `say`, a line at a time. Dropping the future leaves nothing behind that it started.
///
/// # Errors
/// Also when a strict one runs and a lenient one is asked for: what was made under one must not be
/// taken for what the other lets through.
pub async fn start(
    project_directory: &Path,
    strictness: Strictness,
    say: tools::OnLine<'_>,
) -> Result<Status> {
    let paths = Paths::new(project_directory);
    paths.create()?;
    let _lock = paths.lock_commands().await?;
    // A note of one that died counts too: only `stop` forgets that it was lenient.
    let was_lenient = paths.read_state().is_some_and(|state| !state.strict);
    let strict = strictness == Strictness::Kept && !was_lenient;
    if paths.is_served()? {
        if let Some(mut state) = answering(&paths, RECOVERY_LIMIT).await {
            if state.strict && !strict {
                return Err(Error::new(
                    ErrorKind::Local,
                    "the local cloud runs already, as strict as AWS",
                )
                .with_hint(
                    "for a lenient and empty one, run `saasauth local stop`, then `saasauth local start --lenient`",
                ));
            }
            if let Some(notice) = state.notice.take() {
                say(notice);
                paths.write_state(&state)?;
            }
            return Ok(Status::of(&state));
        }
        say("the local cloud did not answer any more; starting a new one".into());
        end(&paths).await?;
    } else if let Some(state) = paths.read_state() {
        say(format!(
            "the local cloud (process {}) had ended without cleaning up; starting a new one",
            state.pid
        ));
        end(&paths).await?;
    }
    tools::ensure(&tools::MINISTACK, say).await?;
    launch(&paths, project_directory, strict).await
}

/// Looks for the project's local cloud without touching it.
pub async fn status(project_directory: &Path) -> Result<Status> {
    let paths = Paths::new(project_directory);
    if !paths.is_served()? {
        return Ok(Status::NOT_RUNNING);
    }
    Ok(match answering(&paths, Duration::ZERO).await {
        Some(state) => Status::of(&state),
        None => Status::NOT_RUNNING,
    })
}

/// Ends the project's local cloud, with everything on it. `false` when there was none.
pub async fn stop(project_directory: &Path) -> Result<bool> {
    let paths = Paths::new(project_directory);
    if !paths.exists()? {
        return Ok(false);
    }
    let _lock = paths.lock_commands().await?;
    end(&paths).await
}

/// Empties the local cloud: every account and the mailbox. It keeps running.
pub async fn reset(project_directory: &Path) -> Result<()> {
    let (endpoint_url, secret) =
        running(project_directory, "could not reset the local cloud").await?;
    let url = format!("{endpoint_url}{}", front_door::RESET_PATH);
    let answer = emulator::client()
        .post(url)
        .bearer_auth(secret.expose())
        .timeout(START_LIMIT)
        .send()
        .await;
    answer
        .and_then(reqwest::Response::error_for_status)
        .map(drop)
        .map_err(|error| {
            Error::new(ErrorKind::Local, "could not reset the local cloud").with_source(&error)
        })
}

/// Everything the local cloud sent to people, newest last.
pub async fn mail(project_directory: &Path) -> Result<Vec<Mail>> {
    let doing = "could not read the local mailbox";
    let (endpoint_url, secret) = running(project_directory, doing).await?;
    let url = format!("{endpoint_url}{}", front_door::MAIL_PATH);
    let answer = async {
        emulator::client()
            .get(url)
            .bearer_auth(secret.expose())
            .send()
            .await?
            .error_for_status()?
            .json()
            .await
    };
    answer
        .await
        .map_err(|error: reqwest::Error| Error::new(ErrorKind::Local, doing).with_source(&error))
}

/// Opens a link that the local cloud mailed, as its reader's browser would: past any proxy.
pub async fn open(link: &str) -> reqwest::Result<reqwest::Response> {
    emulator::client()
        .get(link)
        .timeout(START_LIMIT)
        .send()
        .await?
        .error_for_status()
}

/// The key of the project's local cloud, if it ever ran.
///
/// # Errors
/// When others could read it, or a link stands in its place.
pub fn secret(project_directory: &Path) -> Result<Option<Secret>> {
    Paths::new(project_directory).known_secret()
}

/// The endpoint and the key of the running local cloud, or an error that says how to get one.
pub async fn running(project_directory: &Path, doing: &str) -> Result<(String, Secret)> {
    let endpoint_url = status(project_directory).await?.endpoint_url;
    endpoint_url.zip(secret(project_directory)?).ok_or_else(|| {
        Error::new(ErrorKind::Local, doing)
            .with_cause("the local cloud is not running")
            .with_hint("start it with `saasauth local start`")
    })
}

/// Waits for the served local cloud to answer, as long as it is served.
async fn answering(paths: &Paths, limit: Duration) -> Option<StateFile> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(state) = paths.read_state() {
            let url = format!("{}{}", state.endpoint_url, front_door::HEALTH_PATH);
            let health = emulator::get_json(&url).await;
            // The port may be another's by now, another project's local cloud even.
            if health.is_some_and(|health| health["pid"] == state.pid) {
                return Some(state);
            }
        }
        if Instant::now() >= deadline || !paths.is_served().unwrap_or(false) {
            return None;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Runs [`serve`] in a process of its own and waits until it answers.
async fn launch(paths: &Paths, project_directory: &Path, strict: bool) -> Result<Status> {
    let mut child = spawn(paths, project_directory, strict)?;
    let mut pipe = child.stdin.take();
    let deadline = Instant::now() + START_LIMIT;
    let failed = || {
        Error::new(ErrorKind::Local, "could not start the local cloud")
            .with_output(paths.log_tails())
    };
    while Instant::now() < deadline {
        if let Ok(Some(status)) = child.try_wait() {
            return Err(failed().with_cause(format!("it ended while starting ({status})")));
        }
        // The note is written last, so whoever finds it finds everything up.
        if let Some(state) = answering(paths, Duration::ZERO).await
            && let Some(pipe) = &mut pipe
        {
            let kept = async {
                pipe.write_all(&[daemon::KEEP]).await?;
                pipe.flush().await
            };
            kept.await.map_err(|error| failed().with_source(&error))?;
            return Ok(Status::of(&state));
        }
        tokio::time::sleep(POLL).await;
    }
    drop(pipe);
    let error = failed().with_cause(format!(
        "it did not answer within {} s",
        START_LIMIT.as_secs()
    ));
    end(paths).await?;
    Err(error)
}

fn spawn(paths: &Paths, project_directory: &Path, strict: bool) -> Result<Child> {
    let doing = "could not start the local cloud";
    let executable = std::env::current_exe().map_err(|error| Error::io(doing, &error))?;
    // Absolute: the process changes neither directory nor mind when the person's shell moves on.
    let directory =
        std::path::absolute(project_directory).map_err(|error| Error::io(doing, &error))?;
    // A new file each time: the tail shown with an error must be this start's.
    let fresh = |path: PathBuf| {
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true);
        private::open(&path, &mut options).map_err(|error| Error::io(doing, &error))
    };
    let log = fresh(paths.front_door_log())?;
    fresh(paths.emulator_log())?;
    let errors = log.try_clone().map_err(|error| Error::io(doing, &error))?;
    Command::new(executable)
        .args(["local", "serve", "--directory"])
        .arg(directory)
        .args((!strict).then_some("--lenient"))
        .env(daemon::STARTER_VARIABLE, "pipe")
        .stdin(Stdio::piped())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|error| Error::io(doing, &error))
}

/// Ends whatever is left of a local cloud, living or dead. `false` when nothing was.
async fn end(paths: &Paths) -> Result<bool> {
    let state = paths.read_state();
    let served = paths.is_served()?;
    let pid = state
        .as_ref()
        .and_then(|state| Pid::from_raw(i32::try_from(state.pid).ok()?));
    if served && let Some(pid) = pid {
        // The lock is held, so the process that wrote the note lives and the ID is its.
        for signal in [Signal::TERM, Signal::KILL] {
            let _ = kill_process(pid, signal);
            if unserved(paths).await? {
                break;
            }
        }
    } else if served && !unserved(paths).await? {
        // It is only starting and has noted nothing yet; its starter ends it.
        return Err(Error::new(
            ErrorKind::Local,
            "could not end the local cloud: it is still starting",
        )
        .with_hint("run the command again"));
    }
    let orphaned = match &state {
        Some(state) => emulator::kill_orphan(state.emulator_pid).await,
        None => false,
    };
    if let Some(socket) = state.and_then(|state| state.socket) {
        socket::remove(&socket);
    }
    paths.clean();
    Ok(served || orphaned)
}

/// Waits until no process serves any more.
async fn unserved(paths: &Paths) -> Result<bool> {
    let deadline = Instant::now() + STOP_LIMIT;
    while paths.is_served()? {
        if Instant::now() >= deadline {
            return Ok(false);
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(true)
}
