//! Python environments of our own: one folder per set of pinned packages, made once, under a lock.
//!
//! Owns the folder, the lock and the mark that says an environment is whole. An environment can't be
//! moved (its scripts hold its path), so it is built in place and the mark is written last.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use etcetera::BaseStrategy;
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::{OnLine, process};
use saasauth_model::error::{Error, ErrorKind, Result};

/// Overrides where environments are kept.
const DIRECTORY_VARIABLE: &str = "SAASAUTH_TOOLS_DIR";

/// Written into an environment when every package is in place; holds the lock it was made from.
const MARK: &str = "saasauth-complete";

/// Where an environment keeps what it is installed from.
const REQUIREMENTS: &str = "saasauth-requirements.txt";

/// How often a held lock is asked for again: soon enough not to be noticed beside an installation.
const LOCK_PAUSE: Duration = Duration::from_millis(200);

/// Where environments are kept, and where programs are searched for.
pub(super) struct EnvironmentStore {
    root: PathBuf,
    search: OsString,
}

impl EnvironmentStore {
    /// The person's own: `$SAASAUTH_TOOLS_DIR`, else `saasauth/tools` in the cache directory.
    pub(super) fn of_user() -> Result<Self> {
        let root = match std::env::var_os(DIRECTORY_VARIABLE).filter(|value| !value.is_empty()) {
            // Scripts in an environment hold its path, so it must not depend on where we are.
            Some(root) => std::path::absolute(&root).map_err(|error| {
                Error::io(
                    format!("could not use `{}`", Path::new(&root).display()),
                    &error,
                )
            })?,
            None => etcetera::choose_base_strategy()
                .map_err(|error| {
                    Error::new(ErrorKind::System, "could not find your cache directory")
                        .with_source(&error)
                        .with_hint(format!("set {DIRECTORY_VARIABLE} to a directory for tools"))
                })?
                .cache_dir()
                .join("saasauth/tools"),
        };
        let search = std::env::var_os("PATH").unwrap_or_default();
        Ok(Self { root, search })
    }

    pub(super) fn search(&self) -> &OsStr {
        &self.search
    }

    /// The environment `directory`, when it is there and holds exactly what `lock` names.
    pub(super) fn whole(&self, directory: &str, lock: &str) -> Option<PathBuf> {
        let environment = self.root.join(directory);
        is_whole(&environment, lock).then_some(environment)
    }

    /// The environment `directory` holding exactly what `lock` names, built when it isn't there or not whole.
    pub(super) async fn install(
        &self,
        directory: &str,
        label: &str,
        lock: &str,
        say: OnLine<'_>,
    ) -> Result<PathBuf> {
        let environment = self.root.join(directory);
        if is_whole(&environment, lock) {
            return Ok(environment);
        }
        fs::create_dir_all(&self.root).map_err(|error| {
            Error::io(
                format!("could not create `{}`", self.root.display()),
                &error,
            )
        })?;
        let _held = hold(&self.root.join(format!("{directory}.lock")), label, say).await?;
        // Whoever held the lock before us may have built it.
        if is_whole(&environment, lock) {
            return Ok(environment);
        }
        say(format!(
            "installing {label} into {}, once",
            tilde(&environment)
        ));
        let started = Instant::now();
        self.build(&environment, label, lock, say).await?;
        fs::write(environment.join(MARK), lock).map_err(|error| {
            Error::io(
                format!("could not write into `{}`", environment.display()),
                &error,
            )
        })?;
        say(format!(
            "installed {label} in {} s",
            started.elapsed().as_secs()
        ));
        Ok(environment)
    }

    async fn build(
        &self,
        environment: &Path,
        label: &str,
        lock: &str,
        say: OnLine<'_>,
    ) -> Result<()> {
        // What an interrupted installation left behind is of no use.
        if environment.exists() {
            fs::remove_dir_all(environment).map_err(|error| {
                Error::io(
                    format!("could not remove `{}`", environment.display()),
                    &error,
                )
            })?;
        }
        let python = super::executable(environment, "python");
        let (mut create, mut fill) = if let Some(uv) = find("uv", &self.search) {
            let mut create = Command::new(&uv);
            create.args(["venv", "--quiet"]).arg(environment);
            let mut fill = Command::new(&uv);
            fill.args(["pip", "install", "--python"]).arg(&python);
            (create, fill)
        } else if let Some(python3) = find("python3", &self.search) {
            let mut create = Command::new(python3);
            create.args(["-m", "venv"]).arg(environment);
            let mut fill = Command::new(&python);
            fill.args([
                "-m",
                "pip",
                "install",
                "--disable-pip-version-check",
                "--no-input",
            ]);
            (create, fill)
        } else {
            return Err(
                Error::new(ErrorKind::Local, format!("could not install {label}"))
                    .with_cause("neither `python3` nor `uv` is on PATH")
                    .with_hint(
                        "install Python 3.10 or newer, such as `apt install python3 python3-venv`",
                    ),
            );
        };
        // Nothing but what was looked at when it was locked, and no code of a package is run to install it.
        let requirements = environment.join(REQUIREMENTS);
        fill.args([
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--requirement",
        ])
        .arg(&requirements);
        self.step(&mut create, label, &|_| {}).await?;
        fs::write(&requirements, lock).map_err(|error| {
            Error::io(
                format!("could not write into `{}`", environment.display()),
                &error,
            )
        })?;
        let progress = |line: &str| {
            if let Some(text) = progress(line) {
                say(text);
            }
        };
        self.step(&mut fill, label, &progress).await
    }

    async fn step(
        &self,
        command: &mut Command,
        label: &str,
        on_line: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<()> {
        // Settings of another environment would send the packages there.
        for variable in [
            "PYTHONHOME",
            "PYTHONPATH",
            "PIP_USER",
            "PIP_TARGET",
            "PIP_PREFIX",
            "VIRTUAL_ENV",
        ] {
            command.env_remove(variable);
        }
        let shown = shown(command);
        let command = std::mem::replace(command, Command::new(""));
        let finished = process::run(command, on_line).await.map_err(|error| {
            Error::new(ErrorKind::Local, format!("could not install {label}"))
                .with_cause(format!("could not run `{shown}`"))
                .with_source(&error)
        })?;
        if finished.status.success() {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Local, format!("could not install {label}"))
            .with_cause(format!("`{shown}` failed ({})", finished.status));
        // Debian and Ubuntu split this part off from Python.
        let error = if finished.output.contains("ensurepip") {
            error.with_hint("install Python's environments: `apt install python3-venv`")
        } else if finished.output.contains("No matching distribution")
            || finished.output.contains("No solution found")
        {
            error.with_hint("the packages need Python 3.10 or newer: see `python3 --version`")
        } else {
            error.with_hint("run the command again: an interrupted installation is started over")
        };
        Err(error.with_output(finished.output))
    }
}

/// A short name for a lock.
pub(super) fn fingerprint(lock: &str) -> String {
    let digest = Sha256::digest(lock);
    digest[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The executable `name` in the first directory of `search` that has it.
pub(super) fn find(name: &str, search: &OsStr) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    std::env::split_paths(search)
        .map(|directory| directory.join(name))
        .find(|path| {
            fs::metadata(path)
                .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        })
}

/// Whether the environment was finished with these packages, and its Python is still there: an
/// upgrade of the system's Python leaves environments behind that point nowhere.
fn is_whole(environment: &Path, lock: &str) -> bool {
    fs::read_to_string(environment.join(MARK)).is_ok_and(|mark| mark == lock)
        && super::executable(environment, "python").exists()
}

/// Takes the lock of one environment; released when the file is dropped, or with the process.
async fn hold(path: &Path, label: &str, say: OnLine<'_>) -> Result<File> {
    let failed =
        |error: &std::io::Error| Error::io(format!("could not lock `{}`", path.display()), error);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|error| failed(&error))?;
    let mut told = false;
    // Asked for again and again rather than waited for: a thread that waits can't be cancelled.
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !told {
                    say(format!("waiting for another process that installs {label}"));
                    told = true;
                }
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            Err(TryLockError::Error(error)) => return Err(failed(&error)),
        }
    }
}

/// What a line of pip or uv tells a person who waits; small downloads and the rest tell nothing.
fn progress(line: &str) -> Option<String> {
    let line = line.trim();
    if line.starts_with("Installing collected packages") || line.starts_with("Prepared ") {
        return Some("unpacking".to_owned());
    }
    let rest = line.strip_prefix("Downloading ")?;
    let (file, size) = rest.split_once(' ')?;
    let size = size.trim_start_matches('(').trim_end_matches(')');
    let large = size.contains("MB") || size.contains("MiB");
    let file = file.rsplit('/').next().unwrap_or(file);
    // pip names the file, uv the package; the version begins after a hyphen.
    let version = file
        .match_indices('-')
        .find(|(at, _)| file[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    let package = version
        .map_or(file, |(at, _)| &file[..at])
        .replace('_', "-");
    large.then(|| format!("downloading {package} ({size})"))
}

/// The command as a person would type it.
fn shown(command: &Command) -> String {
    let command = command.as_std();
    let mut words = vec![command.get_program()];
    words.extend(command.get_args());
    let words: Vec<_> = words.into_iter().map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

/// The path with the home directory written as `~`.
fn tilde(path: &Path) -> String {
    let home = etcetera::home_dir().ok();
    match home
        .as_deref()
        .and_then(|home| path.strip_prefix(home).ok())
    {
        Some(rest) => format!("~/{}", rest.display()),
        None => path.display().to_string(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Mutex;

    use tempfile::TempDir;

    use super::*;

    /// A folder of this test's own, removed with it.
    pub(in crate::tools) struct Folder {
        path: PathBuf,
        _removed_afterwards: TempDir,
    }

    impl Folder {
        pub(in crate::tools) fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            Self {
                // Resolved, because what runs in it says where it is as the system spells it.
                path: folder.path().canonicalize().expect("canonical"),
                _removed_afterwards: folder,
            }
        }

        pub(in crate::tools) fn path(&self) -> &Path {
            &self.path
        }
    }

    /// Another process writes the file: one that this process holds open for writing, even in a
    /// child another test has just forked, can't be executed (ETXTBSY).
    pub(in crate::tools) fn script(path: &Path, body: &str) {
        let status = std::process::Command::new("sh")
            .args([
                "-c",
                r#"printf '%s\n' '#!/bin/sh' "$2" > "$1" && chmod +x "$1""#,
                "sh",
            ])
            .arg(path)
            .arg(body)
            .status()
            .expect("sh");
        assert!(status.success());
    }

    /// A shelf whose `python3` writes a `python` that, asked for pip, runs `install`.
    fn shelf(folder: &Folder, install: &str) -> EnvironmentStore {
        let bin = folder.path().join("host");
        fs::create_dir_all(&bin).expect("mkdir");
        script(
            &bin.join("python3"),
            &format!(
                "mkdir -p \"$3/bin\"; echo created >> \"{}\"\n\
                 printf '#!/bin/sh\\n{install}\\n' > \"$3/bin/python\"; chmod +x \"$3/bin/python\"",
                folder.path().join("log").display(),
            ),
        );
        EnvironmentStore {
            root: folder.path().join("tools"),
            search: bin.into_os_string(),
        }
    }

    fn created(folder: &Folder) -> usize {
        fs::read_to_string(folder.path().join("log")).map_or(0, |log| log.lines().count())
    }

    const LOCK: &str = "tool==1.0 --hash=sha256:00\n";
    const OTHER: &str = "tool==2.0 --hash=sha256:01\n";

    #[tokio::test]
    async fn installs_once_and_says_so_in_one_line() {
        let folder = Folder::new();
        let shelf = shelf(
            &folder,
            "echo \"  Downloading big-2.0-py3-none-any.whl (98.1 MB)\"",
        );
        let said = Mutex::new(Vec::new());
        let say = |line| said.lock().expect("lock").push(line);
        let first = shelf
            .install("tool-1.0", "tool 1.0", LOCK, &say)
            .await
            .expect("installs");
        let second = shelf
            .install("tool-1.0", "tool 1.0", LOCK, &say)
            .await
            .expect("is there");
        assert_eq!(first, second);
        assert_eq!(created(&folder), 1);
        let said = said.into_inner().expect("lock");
        assert_eq!(
            said[0],
            format!("installing tool 1.0 into {}, once", tilde(&first))
        );
        assert_eq!(said[1], "downloading big (98.1 MB)");
        assert_eq!(said.len(), 3, "{said:?}");
    }

    #[tokio::test]
    async fn installs_only_what_the_lock_has_by_its_hashes() {
        let folder = Folder::new();
        let asked = folder.path().join("asked");
        let shelf = shelf(&folder, &format!("echo $@ > {}", asked.display()));
        let environment = shelf.install("t", "tool", LOCK, &|_| {}).await;
        let requirements = environment.expect("installs").join(REQUIREMENTS);
        assert_eq!(fs::read_to_string(&requirements).expect("written"), LOCK);
        let asked = fs::read_to_string(asked).expect("asked");
        for part in [
            "--require-hashes",
            "--only-binary :all:",
            &requirements.display().to_string(),
        ] {
            assert!(asked.contains(part), "{asked}");
        }
        assert!(!asked.contains("tool=="), "{asked}");
    }

    #[tokio::test]
    async fn starts_an_interrupted_installation_over() {
        let folder = Folder::new();
        let shelf = shelf(&folder, "true");
        let half = folder.path().join("tools/tool-1.0");
        fs::create_dir_all(half.join("bin")).expect("mkdir");
        script(&half.join("bin/python"), "true");
        fs::write(half.join("rubbish"), "").expect("write");
        let environment = shelf
            .install("tool-1.0", "tool", LOCK, &|_| {})
            .await
            .expect("installs");
        assert_eq!(created(&folder), 1);
        assert!(!environment.join("rubbish").exists());
    }

    #[tokio::test]
    async fn rebuilds_what_lost_its_python_or_holds_other_packages() {
        let folder = Folder::new();
        let shelf = shelf(&folder, "true");
        let environment = shelf
            .install("t", "tool", LOCK, &|_| {})
            .await
            .expect("installs");
        fs::remove_file(environment.join("bin/python")).expect("rm");
        shelf
            .install("t", "tool", LOCK, &|_| {})
            .await
            .expect("installs");
        assert_eq!(created(&folder), 2);
        shelf
            .install("t", "tool", OTHER, &|_| {})
            .await
            .expect("installs");
        assert_eq!(created(&folder), 3);
    }

    #[tokio::test]
    async fn two_at_once_install_once() {
        let folder = Folder::new();
        let shelf = shelf(&folder, "sleep 0.3");
        let (first, second) = tokio::join!(
            shelf.install("t", "tool", LOCK, &|_| {}),
            shelf.install("t", "tool", LOCK, &|_| {}),
        );
        assert_eq!(first.expect("installs"), second.expect("waits"));
        assert_eq!(created(&folder), 1);
    }

    #[tokio::test]
    async fn a_failed_installation_shows_its_output_and_leaves_no_mark() {
        let folder = Folder::new();
        let shelf = shelf(&folder, "echo no route to host; exit 1");
        let error = shelf
            .install("t", "tool 1.0", LOCK, &|_| {})
            .await
            .expect_err("fails");
        assert_eq!(error.kind, ErrorKind::Local);
        assert_eq!(error.message, "could not install tool 1.0");
        assert_eq!(error.output.as_deref(), Some("no route to host\n"));
        assert!(!folder.path().join("tools/t").join(MARK).exists());
    }

    #[tokio::test]
    async fn names_the_missing_part_of_python() {
        let folder = Folder::new();
        let mut shelf = shelf(&folder, "true");
        script(
            &folder.path().join("host/python3"),
            "echo 'The virtual environment was not created successfully because ensurepip is not available.'; exit 1",
        );
        let error = shelf
            .install("t", "tool", LOCK, &|_| {})
            .await
            .expect_err("no venv");
        assert!(
            error.hints[0].contains("apt install python3-venv"),
            "{error:?}"
        );
        shelf.search = OsString::new();
        let error = shelf
            .install("t", "tool", LOCK, &|_| {})
            .await
            .expect_err("no python");
        assert!(
            error.causes[0].contains("neither `python3` nor `uv`"),
            "{error:?}"
        );
    }

    #[test]
    fn reads_the_progress_of_pip_and_uv() {
        assert_eq!(
            progress("  Downloading ziglang-0.17.1-py3-none-manylinux_2_12_x86_64.whl (98.1 MB)")
                .as_deref(),
            Some("downloading ziglang (98.1 MB)")
        );
        assert_eq!(
            progress("Downloading cargo-lambda (13.7MiB)").as_deref(),
            Some("downloading cargo-lambda (13.7MiB)")
        );
        assert_eq!(
            progress("Downloading h11-0.16.0-py3-none-any.whl (37 kB)"),
            None
        );
        assert_eq!(progress("Collecting ministack==1.5.33"), None);
    }

    #[test]
    fn other_packages_are_another_environment() {
        assert_eq!(fingerprint(LOCK), fingerprint(LOCK));
        assert_ne!(fingerprint(LOCK), fingerprint(OTHER));
    }
}
