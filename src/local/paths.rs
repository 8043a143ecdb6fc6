//! Where a project's local cloud keeps itself, what it notes there, and who holds its locks.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::time::Instant;

use super::private;
use super::secret::Secret;
use saasauth_model::error::{Error, ErrorKind, Result};

/// How often a lock held by another process is tried.
const LOCK_POLL: Duration = Duration::from_millis(50);
/// How long another start or stop may take: the longest start, and some.
const LOCK_LIMIT: Duration = Duration::from_secs(90);
/// A note that is longer is none of ours.
const NOTE_LIMIT: u64 = 64 * 1024;
/// How much of a log is shown with an error.
const LOG_TAIL: u64 = 4 * 1024;

/// The files of one project's local cloud, all in `.saasauth/local/` of the project.
#[derive(Debug, Clone)]
pub struct Paths {
    directory: PathBuf,
}

/// What a running local cloud notes down, for the commands that look for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StateFile {
    /// The process that serves the front door.
    pub(super) pid: u32,
    /// What clients use as the AWS endpoint.
    pub(super) endpoint_url: String,
    /// The emulator's process, which leads a process group of its own.
    pub(super) emulator_pid: u32,
    /// Where the emulator listens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) socket: Option<PathBuf>,
    /// Whether it refuses what AWS refuses. One that an older version left running doesn't.
    #[serde(default)]
    pub(super) strict: bool,
    /// Our version, since another one may have left the process running.
    pub(super) version: String,
    pub(super) started_at: String,
    /// What the next `start` should tell, such as that the emulator had to be restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) notice: Option<String>,
}

/// A file lock, released when dropped or when its process ends, however it ends.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

impl Paths {
    /// The paths for the project in `project_directory`.
    pub fn new(project_directory: &Path) -> Self {
        Self {
            directory: project_directory.join(".saasauth").join("local"),
        }
    }

    /// `.saasauth/local` itself.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What the serving process has to say.
    pub fn front_door_log(&self) -> PathBuf {
        self.directory.join("front-door.log")
    }

    /// What the emulator has to say.
    pub fn emulator_log(&self) -> PathBuf {
        self.directory.join("emulator.log")
    }

    /// One line per call.
    pub fn trace(&self) -> PathBuf {
        self.directory.join("trace.jsonl")
    }

    /// The emulator's own files: keys, unpacked functions.
    fn scratch(&self) -> PathBuf {
        self.directory.join("emulator")
    }

    /// The same, made anew: whatever an emulator before left there, or whoever made the project, is no business of the
    /// next one.
    pub(super) fn fresh_scratch(&self) -> std::io::Result<PathBuf> {
        let scratch = self.scratch();
        private::remove(&scratch)?;
        private::folder(&scratch)?;
        private::folder(&scratch.join("tmp"))?;
        Ok(scratch)
    }

    /// The key of this local cloud, made if there is none.
    pub(super) fn secret(&self) -> Result<Secret> {
        Secret::of(&self.key())
    }

    /// The key of this local cloud, if there is one.
    pub(super) fn known_secret(&self) -> Result<Option<Secret>> {
        match self.exists()? {
            true => Secret::read(&self.key()),
            false => Ok(None),
        }
    }

    fn key(&self) -> PathBuf {
        self.directory.join("secret-access-key")
    }

    fn state(&self) -> PathBuf {
        self.directory.join("state.json")
    }

    fn port(&self) -> PathBuf {
        self.directory.join("port")
    }

    /// Makes the directory, out of version control's sight.
    pub(super) fn create(&self) -> Result<()> {
        let ours = self.directory.parent().unwrap_or(Path::new("."));
        let made = std::fs::create_dir_all(ours)
            // Both may have been put there by whoever wrote the project: a link in a clone leads anywhere.
            .and_then(|()| private::own_folder(ours))
            .and_then(|()| private::folder(&self.directory))
            .and_then(|()| private::write(&self.directory.join(".gitignore"), b"*\n"));
        made.map_err(|error| {
            Error::io(
                format!("could not create `{}`", self.directory.display()),
                &error,
            )
        })
    }

    /// Whether there is such a directory.
    ///
    /// # Errors
    /// When it, or the one around it, is a link or somebody else's: all that is done there would be done elsewhere.
    pub(super) fn exists(&self) -> Result<bool> {
        let ours = self.directory.parent().unwrap_or(Path::new("."));
        for folder in [ours, &self.directory] {
            match private::own_folder(folder) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
                Err(error) => {
                    let doing = format!("could not look into `{}`", folder.display());
                    return Err(Error::io(doing, &error));
                }
            }
        }
        Ok(true)
    }

    /// The note of a running or dead local cloud; an unreadable one counts as none.
    pub(super) fn read_state(&self) -> Option<StateFile> {
        serde_json::from_slice(&private::read(&self.state(), NOTE_LIMIT).ok()?).ok()
    }

    /// Writes the note in one piece, so that no reader sees half of it.
    pub(super) fn write_state(&self, state: &StateFile) -> Result<()> {
        let text = serde_json::to_vec_pretty(state).unwrap_or_default();
        let written = NamedTempFile::new_in(&self.directory).and_then(|mut new| {
            new.write_all(&text)?;
            new.persist(self.state())?;
            Ok(())
        });
        written.map_err(|error| {
            Error::io(
                format!("could not write `{}`", self.state().display()),
                &error,
            )
        })
    }

    /// Removes what means nothing once the local cloud has ended: its note, and the keys and unpacked
    /// functions of the emulator. The logs stay.
    pub(super) fn clean(&self) {
        // Already gone is as good.
        let _ = std::fs::remove_file(self.state());
        let _ = private::remove(&self.scratch());
    }

    /// The port used last. Using it again keeps the URLs in people's settings true.
    pub(super) fn last_port(&self) -> Option<u16> {
        let bytes = private::read(&self.port(), NOTE_LIMIT).ok()?;
        str::from_utf8(&bytes).ok()?.trim().parse().ok()
    }

    pub(super) fn remember_port(&self, port: u16) {
        // Only a convenience: without it the next start picks a new port.
        let _ = private::write(&self.port(), port.to_string().as_bytes());
    }

    /// Waits for the right to start or stop this local cloud.
    pub(super) async fn lock_commands(&self) -> Result<FileLock> {
        let deadline = Instant::now() + LOCK_LIMIT;
        loop {
            if let Some(lock) = self.try_lock("commands.lock")? {
                return Ok(lock);
            }
            if Instant::now() > deadline {
                let message =
                    "another command has been starting or stopping the local cloud for too long";
                return Err(Error::new(ErrorKind::Local, message)
                    .with_hint("find it with `ps`, end it, and run the command again"));
            }
            tokio::time::sleep(LOCK_POLL).await;
        }
    }

    /// The lock the serving process holds for its whole life; `None` while one lives.
    pub(super) fn try_lock_service(&self) -> Result<Option<FileLock>> {
        self.try_lock("service.lock")
    }

    /// Whether a serving process lives. Unlike a process ID, a lock can't be somebody else's.
    pub(super) fn is_served(&self) -> Result<bool> {
        Ok(self.exists()? && self.try_lock_service()?.is_none())
    }

    fn try_lock(&self, name: &str) -> Result<Option<FileLock>> {
        let path = self.directory.join(name);
        let doing = || format!("could not lock `{}`", path.display());
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let file =
            private::open(&path, &mut options).map_err(|error| Error::io(doing(), &error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(FileLock { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(Error::io(doing(), &error.into())),
        }
    }

    /// The end of both logs, for an error.
    pub(super) fn log_tails(&self) -> String {
        [self.front_door_log(), self.emulator_log()]
            .iter()
            .filter_map(|path| tail(path))
            .filter(|text| !text.trim().is_empty())
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn tail(path: &Path) -> Option<String> {
    let mut file = private::open(path, OpenOptions::new().read(true)).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))
        .ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn temporary() -> (TempDir, Paths) {
        let directory = tempfile::tempdir().expect("a folder");
        let paths = Paths::new(directory.path());
        (directory, paths)
    }

    #[test]
    fn nothing_is_served_where_nothing_is() {
        let (_directory, paths) = temporary();
        assert!(!paths.is_served().expect("no directory, no lock"));
        assert_eq!(paths.read_state(), None);
    }

    #[test]
    fn the_lock_says_who_lives_and_the_state_survives_writing() {
        let (_directory, paths) = temporary();
        paths.create().expect("a temporary directory");
        assert!(!paths.is_served().expect("lockable"));
        let lock = paths.try_lock_service().expect("lockable").expect("free");
        assert!(paths.is_served().expect("lockable"));
        drop(lock);
        assert!(!paths.is_served().expect("lockable"));

        let state = StateFile {
            pid: 1,
            endpoint_url: "http://127.0.0.1:1".into(),
            emulator_pid: 2,
            socket: Some("/tmp/saasauth-1/emulator".into()),
            strict: true,
            version: "0".into(),
            started_at: "now".into(),
            notice: None,
        };
        paths.write_state(&state).expect("writable");
        assert_eq!(paths.read_state(), Some(state));
        paths.clean();
        assert_eq!(paths.read_state(), None);
    }
}
