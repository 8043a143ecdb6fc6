//! The process behind `saasauth local start`: it holds the front door open and keeps an emulator
//! behind it until it is told to end.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::emulator::Emulator;
use super::front_door::{FrontDoor, Settings};
use super::paths::{Paths, StateFile};
use super::place::Place;
use super::socket;
use crate::tools;
use saasauth_model::error::{Error, ErrorKind, Result};

/// Set by `start`, which holds the other end of our standard input: if that end closes before it
/// says [`KEEP`], the person gave up waiting and the process must go.
pub(super) const STARTER_VARIABLE: &str = "SAASAUTH_LOCAL_STARTER";
/// What `start` says once the local cloud answers.
pub(super) const KEEP: u8 = b'k';

/// An emulator that dies this soon after its start is broken; starting it once more would not help.
const SHORT_LIFE: Duration = Duration::from_secs(10);

/// Serves the local cloud of a project until SIGTERM or SIGINT.
///
/// This is the body of the hidden command that [`super::start`] runs in the background.
pub async fn serve(project_directory: &Path, strict: bool) -> Result<()> {
    // Out of the terminal's reach: Ctrl-C there must not end it. Fails when run by hand from a
    // shell that made it a group leader already, which is as good.
    let _ = rustix::process::setsid();
    let paths = Paths::new(project_directory);
    paths.create()?;
    let Some(_lock) = paths.try_lock_service()? else {
        return Err(
            Error::new(ErrorKind::Local, "the local cloud is already running here")
                .with_hint("see it with `saasauth local status`"),
        );
    };
    let signals = ShutdownSignals::watch()?;
    tokio::select! {
        // The note stays after a failure: the next start tells that there was one.
        failed = supervise(&paths, strict) => failed,
        () = signals.arrive() => {
            paths.clean();
            Ok(())
        }
    }
}

/// Runs emulator after emulator behind one door. Returns only when there is no point in going on.
async fn supervise(paths: &Paths, strict: bool) -> Result<()> {
    let executable = tools::ensure(&tools::MINISTACK, &|_| {}).await?;
    let listener = listen(paths).await?;
    let secret = paths.secret()?;
    let folder = socket::folder()?;
    let place = Place::Socket(socket::path(folder.path()));
    let settings = Settings {
        trace: Some(paths.trace()),
        strict,
        secret: secret.clone(),
    };
    let door = FrontDoor::open(listener, &place, settings)?;
    let endpoint_url = door.endpoint_url();
    let mut notice = None;
    loop {
        let mut emulator =
            Emulator::start(&executable, paths, &endpoint_url, &place, &secret).await?;
        let started = Instant::now();
        door.begin_anew();
        paths.write_state(&StateFile {
            pid: std::process::id(),
            endpoint_url: endpoint_url.clone(),
            emulator_pid: emulator.pid(),
            socket: place.socket().map(Path::to_path_buf),
            strict,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: OffsetDateTime::now_utc()
                .format(&Rfc3339)
                .unwrap_or_default(),
            notice: notice.take(),
        })?;
        let how = emulator.ended().await;
        if started.elapsed() < SHORT_LIFE {
            return Err(
                Error::new(ErrorKind::Local, "the emulator ended soon after its start")
                    .with_cause(how),
            );
        }
        notice = Some(format!(
            "the emulator had ended ({how}) and was started anew: what was deployed on it is gone"
        ));
    }
}

/// Takes the port used last if it is free, else any.
async fn listen(paths: &Paths) -> Result<TcpListener> {
    let last = match paths.last_port() {
        Some(port) => TcpListener::bind(("127.0.0.1", port)).await.ok(),
        None => None,
    };
    let bound = async {
        let listener = match last {
            Some(listener) => listener,
            None => TcpListener::bind(("127.0.0.1", 0)).await?,
        };
        paths.remember_port(listener.local_addr()?.port());
        Ok(listener)
    };
    bound.await.map_err(|error: std::io::Error| {
        Error::io("could not open a port for the local cloud", &error)
    })
}

/// What ends the process: a signal, or a starter that went away.
struct ShutdownSignals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    /// Never cancelled where no starter waits.
    starter_left: CancellationToken,
}

impl ShutdownSignals {
    fn watch() -> Result<Self> {
        let listen =
            |kind| signal(kind).map_err(|error| Error::io("could not listen for signals", &error));
        let starter_left = CancellationToken::new();
        if std::env::var_os(STARTER_VARIABLE).is_some() {
            let left = starter_left.clone();
            // A thread of its own, for a blocking read can't be cancelled and must not hold up the exit.
            std::thread::spawn(move || {
                let mut said = [0];
                let kept = std::io::stdin().read_exact(&mut said).is_ok() && said[0] == KEEP;
                if !kept {
                    left.cancel();
                }
            });
        }
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            starter_left,
        })
    }

    async fn arrive(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = self.starter_left.cancelled() => {}
        }
    }
}
