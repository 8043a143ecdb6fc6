//! The programs we need and don't contain: cargo-lambda and the local cloud's emulator.
//!
//! Owns where they come from: PATH when a fitting version is there, else a pinned Python environment
//! under the user's cache directory, made once. Must not know what they are run for, and names no
//! registry: where packages come from is the person's own pip or uv configuration.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use saasauth_model::error::Result;

mod environment;
pub(crate) mod process;

use environment::EnvironmentStore;

/// Receives one line for the person at a time: an announcement, then progress.
pub type OnLine<'a> = &'a (dyn Fn(String) + Send + Sync);

/// A program published as a Python package.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// What a person calls it.
    pub name: &'static str,
    /// The package that brings it.
    pub package: &'static str,
    /// The version installed when PATH has no fitting one.
    pub version: &'static str,
    /// The file to run.
    pub executable: &'static str,
    /// Which versions found on PATH will do.
    pub accepts: AcceptedVersions,
    /// Everything it is installed from, with hashes, in pip's format. `uv pip compile` makes it (CONTRIBUTING.md).
    pub lock: &'static str,
    /// Other packages it can't work without.
    pub companions: &'static [Companion],
}

/// Which versions of a tool found on PATH will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptedVersions {
    /// The pinned one alone.
    Pinned,
    /// This `major.minor` and every later one.
    Since(u32, u32),
}

/// A package that a [`Tool`] needs beside itself.
#[derive(Debug, Clone, Copy)]
pub struct Companion {
    /// As the lock pins it.
    pub package: &'static str,
    /// The executable that stands for it on PATH when it was installed in another way; a library has
    /// none.
    pub executable: Option<&'static str>,
}

/// The emulator behind the stage `local`.
///
/// Only the pinned version will do: the front door makes up for what exactly this one lacks.
pub const MINISTACK: Tool = Tool {
    name: "ministack",
    package: "ministack",
    version: "1.5.33",
    executable: "ministack",
    accepts: AcceptedVersions::Pinned,
    lock: include_str!("locks/ministack.txt"),
    companions: &[
        // Without it MiniStack makes signatures up, and no token verifies.
        Companion {
            package: "cryptography",
            executable: None,
        },
        // Without it MiniStack can't read what the SDK sends to CloudWatch. The last version that
        // every Python can run without compiling anything.
        Companion {
            package: "cbor2",
            executable: None,
        },
    ],
};

/// The builder of Lambda binaries, with the linker that lets it aim at any architecture.
///
/// `ziglang` is pinned as well, since the linker has a say in the bytes of a trigger.
pub const CARGO_LAMBDA: Tool = Tool {
    name: "cargo-lambda",
    package: "cargo-lambda",
    version: "1.9.2",
    executable: "cargo-lambda",
    accepts: AcceptedVersions::Since(1, 8),
    lock: include_str!("locks/cargo-lambda.txt"),
    companions: &[Companion {
        package: "ziglang",
        executable: Some("zig"),
    }],
};

/// The executable of `tool`, installed first when PATH has no fitting one.
///
/// An installation is announced in one line through `say`, followed by its progress. Two processes
/// may ask at once, and one that is interrupted is started over by the next call.
///
/// # Errors
/// [`Kind::Local`](saasauth_model::error::ErrorKind::Local) when it can't be installed, with the installer's output.
pub async fn ensure(tool: &Tool, say: OnLine<'_>) -> Result<PathBuf> {
    let shelf = EnvironmentStore::of_user()?;
    if let Some(found) = on_path(tool, shelf.search()).await {
        return Ok(found);
    }
    let label = format!("{} {}", tool.name, tool.version);
    let environment = shelf
        .install(&directory(tool), &label, tool.lock, say)
        .await?;
    Ok(executable(&environment, tool.executable))
}

/// The executable of `tool`, where it is at hand already. Installs nothing.
pub async fn installed(tool: &Tool) -> Option<PathBuf> {
    let shelf = EnvironmentStore::of_user().ok()?;
    if let Some(found) = on_path(tool, shelf.search()).await {
        return Some(found);
    }
    let environment = shelf.whole(&directory(tool), tool.lock)?;
    Some(executable(&environment, tool.executable))
}

/// The first of these programs that is on PATH.
pub fn on_search_path<'a>(programs: &[&'a str]) -> Option<&'a str> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let mut programs = programs.iter().copied();
    programs.find(|program| environment::find(program, &search).is_some())
}

/// What a program prints, when it is there and ends well; the first line.
pub async fn says(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments);
    let finished = process::run(command, &|_| {}).await.ok()?;
    let line = finished.output.lines().next().unwrap_or_default();
    finished.status.success().then(|| line.trim().to_owned())
}

/// The folder of `tool`. Two versions of saasauth may want different companions, and each may be running its own.
fn directory(tool: &Tool) -> String {
    let fingerprint = environment::fingerprint(tool.lock);
    format!("{}-{}-{fingerprint}", tool.package, tool.version)
}

/// A Python environment with what `lock` names (pip's requirements, with hashes), made when missing.
///
/// `name` is a word for its directory; another lock under the same name makes another environment.
///
/// # Errors
/// As [`ensure`].
pub async fn environment(lock: &str, name: &str, say: OnLine<'_>) -> Result<PathBuf> {
    let directory = format!("{name}-{}", environment::fingerprint(lock));
    EnvironmentStore::of_user()?
        .install(&directory, name, lock, say)
        .await
}

/// The path of the executable `name` in an environment made by [`environment`].
pub fn executable(environment: &Path, name: &str) -> PathBuf {
    environment.join("bin").join(name)
}

/// The Python interpreter that shares an installation with `program`, if there is one.
pub(crate) fn python_beside(program: &Path) -> Option<PathBuf> {
    let python = program.canonicalize().ok()?.parent()?.join("python3");
    python.exists().then_some(python)
}

/// The tool on the search path, when its version is acceptable and its companion is there too.
async fn on_path(tool: &Tool, search: &OsStr) -> Option<PathBuf> {
    let found = environment::find(tool.executable, search)?;
    let version = match installed_version(&found, tool.package) {
        Some(version) => version,
        None => printed_version(&found, tool).await?,
    };
    let acceptable = match tool.accepts {
        AcceptedVersions::Pinned => version == tool.version,
        AcceptedVersions::Since(major, minor) => numbers(&version)? >= (major, minor),
    };
    // Without its linker cargo-lambda would go and install one by itself, with whatever it finds.
    let complete = tool.companions.iter().all(|companion| {
        installed_version(&found, companion.package).is_some()
            || companion
                .executable
                .is_some_and(|executable| environment::find(executable, search).is_some())
    });
    (acceptable && complete).then_some(found)
}

/// The version of `package` in the Python installation that `program` belongs to.
///
/// Read from the folder pip leaves beside the package, because not every tool can print its version.
fn installed_version(program: &Path, package: &str) -> Option<String> {
    let prefix = program.canonicalize().ok()?.parent()?.parent()?.join("lib");
    let start = format!("{}-", package.replace('-', "_"));
    let pythons = std::fs::read_dir(prefix).ok()?.flatten();
    let sites = pythons.filter(|entry| entry.file_name().to_string_lossy().starts_with("python"));
    for site in sites {
        // Debian keeps what its own packages bring under another name.
        for folder in ["site-packages", "dist-packages"] {
            let Ok(entries) = std::fs::read_dir(site.path().join(folder)) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                let version = name
                    .strip_suffix(".dist-info")
                    .and_then(|name| name.strip_prefix(&start));
                if let Some(version) = version {
                    return Some(version.to_owned());
                }
            }
        }
    }
    None
}

/// The version a Cargo subcommand prints of itself, such as `cargo-lambda 1.9.2 (67129fc)`.
async fn printed_version(program: &Path, tool: &Tool) -> Option<String> {
    let subcommand = tool.executable.strip_prefix("cargo-")?;
    let mut command = Command::new(program);
    command.args([subcommand, "--version"]);
    let finished = process::run(command, &|_| {}).await.ok()?;
    let version = finished.output.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(tool.executable)).then(|| words.next())?
    })?;
    finished.status.success().then(|| version.to_owned())
}

/// The first two numbers of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::environment::tests::{Folder, script};
    use super::*;

    /// A Python installation with these packages, and an executable that prints `printed`.
    fn installation(folder: &Folder, packages: &[(&str, &str)], printed: &str) -> PathBuf {
        for (package, version) in packages {
            let info = format!("{}-{version}.dist-info", package.replace('-', "_"));
            fs::create_dir_all(
                folder
                    .path()
                    .join("lib/python3.11/site-packages")
                    .join(info),
            )
            .expect("mkdir");
        }
        let bin = folder.path().join("bin");
        fs::create_dir_all(&bin).expect("mkdir");
        script(&bin.join("cargo-lambda"), &format!("echo '{printed}'"));
        script(&bin.join("ministack"), "echo usage; exit 2");
        bin
    }

    #[tokio::test]
    async fn takes_a_complete_cargo_lambda_from_path_in_any_later_version() {
        let folder = Folder::new();
        let bin = installation(
            &folder,
            &[("cargo-lambda", "1.10.0"), ("ziglang", "0.15.1")],
            "",
        );
        let found = on_path(&CARGO_LAMBDA, bin.as_os_str()).await;
        assert_eq!(found, Some(bin.join("cargo-lambda")));
    }

    #[tokio::test]
    async fn asks_a_program_that_pip_did_not_install() {
        let folder = Folder::new();
        let bin = installation(&folder, &[], "cargo-lambda 1.8.6 (abc 2026-01-01Z)");
        assert_eq!(
            on_path(&CARGO_LAMBDA, bin.as_os_str()).await,
            None,
            "no zig"
        );
        script(&bin.join("zig"), "true");
        assert!(on_path(&CARGO_LAMBDA, bin.as_os_str()).await.is_some());
        script(
            &bin.join("cargo-lambda"),
            "echo 'cargo-lambda 1.7.3 (abc 2025-01-01Z)'",
        );
        assert_eq!(
            on_path(&CARGO_LAMBDA, bin.as_os_str()).await,
            None,
            "too old"
        );
    }

    #[tokio::test]
    async fn takes_the_emulator_from_path_in_the_pinned_version_alone() {
        let pinned = Folder::new();
        let complete = [
            ("ministack", MINISTACK.version),
            ("cryptography", "46.0.1"),
            ("cbor2", "5.6.5"),
        ];
        let bin = installation(&pinned, &complete, "");
        assert!(on_path(&MINISTACK, bin.as_os_str()).await.is_some());
        for (lacking, known) in [("can't sign tokens", 1), ("can't read CBOR", 2)] {
            let bare = Folder::new();
            let bin = installation(&bare, &complete[..known], "");
            assert_eq!(
                on_path(&MINISTACK, bin.as_os_str()).await,
                None,
                "{lacking}"
            );
        }
        let later = Folder::new();
        let bin = installation(&later, &[("ministack", "1.6.0")], "");
        assert_eq!(on_path(&MINISTACK, bin.as_os_str()).await, None);
        let unknown = Folder::new();
        let bin = installation(&unknown, &[], "");
        assert_eq!(on_path(&MINISTACK, bin.as_os_str()).await, None);
    }

    #[test]
    fn a_lock_has_the_pinned_versions_and_a_hash_of_every_file() {
        for tool in [MINISTACK, CARGO_LAMBDA] {
            let companions = tool.companions.iter();
            let lines = companions.map(|one| format!("{}==", one.package));
            for line in lines.chain([format!("{}=={}", tool.package, tool.version)]) {
                let mut lines = tool.lock.lines();
                assert!(lines.any(|one| one.starts_with(&line)), "no {line}");
            }
            // One requirement is a line with its version, and lines with its hashes.
            for requirement in tool.lock.replace("\\\n", " ").lines() {
                assert!(requirement.contains("=="), "{requirement}");
                assert!(requirement.contains("--hash=sha256:"), "{requirement}");
            }
        }
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(numbers("1.10.2") > numbers("1.9.9"));
        assert_eq!(numbers("next"), None);
    }
}
