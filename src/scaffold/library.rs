//! The part of a project's `lambdas/` that is ours: which files, and how a project says so.
//!
//! Owns the manifest beside them, and what a folder's looks tell of its age. Changes nothing: that is
//! [`upgrade`](super::upgrade)'s.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use saasauth_contract::CONTRACT_VERSION;
use semver::{BuildMetadata, Prerelease, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::project::Project;
use saasauth_model::topology;

/// The file in `lambdas/` that names what is ours there.
pub(super) const MANIFEST: &str = "saasauth-library.json";

/// The versions the triggers were tested with, so that a first build is no experiment.
pub(super) const LOCK: &str = "Cargo.lock";

/// The folders that are ours.
pub(super) const FOLDERS: [&str; 2] = ["contract", "triggers"];

/// Files we keep up to date for as long as nobody else writes to them: a project may add to what it reads,
/// and Cargo to what it locked.
const LENT: [&str; 2] = ["README.md", LOCK];

/// The project's own crates.
pub(super) const OWN: [&str; 2] = ["confirm-user", "generate-token"];

/// The crate that stood in the library's place before there was one.
pub(super) const FORERUNNER: &str = "common";

/// What every file was like that `init` wrote before the triggers were a library: its digest and its path.
/// `tests/fixtures/legacy-project.py` makes the list.
const LEGACY: &str = include_str!("legacy.sha256");

/// Every file of ours with its text, by its path in `lambdas/`.
pub(super) fn sources() -> BTreeMap<String, &'static str> {
    let lent = [
        ("README.md", include_str!("../../lambdas/README.md")),
        (LOCK, include_str!("templates/lambdas.Cargo.lock")),
    ];
    let crates = [
        (FOLDERS[0], saasauth_contract::SOURCES),
        (FOLDERS[1], saasauth_triggers::SOURCES),
    ];
    let crates = crates.into_iter().flat_map(|(folder, files)| {
        let within = move |&(path, text): &(&str, _)| (format!("{folder}/{path}"), text);
        files.iter().map(within)
    });
    let lent = lent.map(|(path, text)| (path.to_owned(), text));
    lent.into_iter().chain(crates).collect()
}

/// Whether the file is ours only while nobody edited it.
pub(super) fn is_lent(path: &str) -> bool {
    LENT.contains(&path)
}

/// The digests that a file of before the library may have, by its path in `lambdas/`.
pub(super) fn legacy() -> impl Iterator<Item = (&'static str, &'static str)> {
    LEGACY
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(digest, path)| (path, digest))
}

/// SHA-256 in hexadecimal, as `sha256sum` writes it.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// The version of the library that this tool carries: its own.
pub(super) fn version() -> Version {
    // Cargo has parsed each of these already.
    Version {
        major: env!("CARGO_PKG_VERSION_MAJOR").parse().unwrap_or_default(),
        minor: env!("CARGO_PKG_VERSION_MINOR").parse().unwrap_or_default(),
        patch: env!("CARGO_PKG_VERSION_PATCH").parse().unwrap_or_default(),
        pre: Prerelease::new(env!("CARGO_PKG_VERSION_PRE")).unwrap_or_default(),
        build: BuildMetadata::EMPTY,
    }
}

/// What a project says of the files of ours in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Whose the file is, for whoever opens it.
    #[serde(rename = "//")]
    about: String,
    /// The version of the library.
    pub(super) version: Version,
    /// The contract that what is built of it keeps to.
    pub(super) contract: u32,
    /// The digest of each file as we wrote it, by its path in `lambdas/`.
    pub(super) files: BTreeMap<String, String>,
}

impl Manifest {
    /// Of the library as this tool writes it.
    pub(super) fn current() -> Self {
        Self {
            about: "saasauth's, not yours: `saasauth upgrade` keeps this file and those it names. \
                    Your code goes into confirm-user and generate-token."
                .to_owned(),
            version: version(),
            contract: CONTRACT_VERSION,
            files: sources()
                .into_iter()
                .map(|(path, text)| (path, digest(text.as_bytes())))
                .collect(),
        }
    }

    /// As it stands in the file.
    pub(super) fn text(&self) -> Result<String> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| {
                let message = format!("could not write `{MANIFEST}`");
                Error::new(ErrorKind::System, message).with_source(&error)
            })
    }

    /// The one in a folder; `None` where there is none.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(MANIFEST);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(Error::io(
                    format!("could not read `{}`", path.display()),
                    &error,
                ));
            }
        };
        let manifest: Self =
            serde_json::from_str(&text).map_err(|error| broken(&path).with_source(&error))?;
        match manifest.files.keys().find(|path| !is_ours(path)) {
            None => Ok(Some(manifest)),
            Some(other) => {
                Err(broken(&path).with_cause(format!("it names `{other}`, which is not ours")))
            }
        }
    }
}

fn broken(path: &Path) -> Error {
    Error::refused(format!("refused to rely on `{}`", path.display()))
        .with_hint(format!(
            "restore it, such as with `git checkout -- {}`",
            path.display()
        ))
        .with_hint(
            "or delete it: then whatever differs from this saasauth's library counts as edited",
        )
}

/// Whether a manifest may name the file: it decides what is overwritten, and may have been tampered with.
fn is_ours(path: &str) -> bool {
    let mut parts = path.split('/');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let within = FOLDERS.contains(&first) && !rest.is_empty();
    let plain = |part: &&str| !matches!(*part, "" | "." | "..") && !part.contains('\\');
    is_lent(path) || (within && rest.iter().all(plain))
}

/// What a folder with triggers is built on.
#[derive(Debug)]
pub(super) enum Layout {
    /// The library, and a manifest that says which.
    Library(Manifest),
    /// The library, without its manifest.
    Unmarked,
    /// What came before the library, or half of it: these crates are still the old ones.
    Legacy(Vec<&'static str>),
    /// Something that is not ours.
    Foreign,
}

impl Layout {
    pub(super) fn of(folder: &Path) -> Result<Self> {
        if let Some(manifest) = Manifest::read(folder)? {
            return Ok(Self::Library(manifest));
        }
        // A manifest of Cargo's that can't be read says nothing either way; whoever builds hears why.
        let says = |name: &str, what: &str| {
            fs::read_to_string(folder.join(name).join("Cargo.toml"))
                .is_ok_and(|text| text.contains(what))
        };
        let old: Vec<&str> = std::iter::once(FORERUNNER)
            .chain(OWN)
            .filter(|name| says(name, "trigger-common"))
            .collect();
        Ok(if !old.is_empty() {
            Self::Legacy(old)
        } else if says("triggers", "saasauth-triggers") {
            Self::Unmarked
        } else {
            Self::Foreign
        })
    }
}

/// The folders of the project that hold its triggers' crates. One that lies elsewhere, as where several
/// projects share their triggers, is somebody else's to upgrade.
pub(super) fn folders(project: &Project) -> Vec<PathBuf> {
    let Ok(root) = project.directory.canonicalize() else {
        return Vec::new();
    };
    let stages = project
        .stage_names()
        .filter_map(|name| project.stage(name).ok());
    let mut folders: Vec<PathBuf> = stages
        .flat_map(topology::functions)
        .filter_map(|(_, _, trigger)| trigger.path.parent()?.canonicalize().ok())
        .filter(|folder| folder.starts_with(&root))
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

/// A folder as the person knows it: within the project.
pub(super) fn shown(project: &Project, folder: &Path) -> PathBuf {
    let root = project.directory.canonicalize();
    match root.ok().and_then(|root| folder.strip_prefix(root).ok()) {
        Some(within) if !within.as_os_str().is_empty() => within.to_owned(),
        Some(_) => PathBuf::from("."),
        None => folder.to_owned(),
    }
}

/// What is wrong with the library in the project, for `check`. A project may be deployed for long with
/// an old one, so nothing of it is an error.
pub fn warnings(project: &Project) -> Vec<Error> {
    let mut warnings = Vec::new();
    for folder in folders(project) {
        let shown = shown(project, &folder).display().to_string();
        let warning = |text: String| Error::new(ErrorKind::Project, text);
        let ours = version();
        let told = match Layout::of(&folder) {
            Err(error) => Some(error),
            Ok(Layout::Library(manifest)) if manifest.version > ours => Some(
                warning(format!(
                    "the triggers' library in `{shown}` is newer than saasauth"
                ))
                .with_cause(format!(
                    "it is {}, and this saasauth {ours}",
                    manifest.version
                ))
                .with_hint(install(&manifest.version)),
            ),
            Ok(Layout::Library(manifest)) => (manifest != Manifest::current()).then(|| {
                let cause = if manifest.version == ours {
                    format!("both are {ours}, but this saasauth was built from later sources")
                } else {
                    format!("it is {}, and this saasauth {ours}", manifest.version)
                };
                warning(format!(
                    "the triggers' library in `{shown}` is older than saasauth"
                ))
                .with_cause(cause)
                .with_hint("see what is new, then take it: `saasauth upgrade`")
            }),
            Ok(Layout::Unmarked) => Some(
                warning(format!(
                    "the triggers' library in `{shown}` does not say its version"
                ))
                .with_cause(format!("there is no `{MANIFEST}`"))
                .with_hint("bring it to this saasauth's version: `saasauth upgrade`"),
            ),
            Ok(Layout::Legacy(_)) => Some(
                warning(format!(
                    "the triggers in `{shown}` are from before they had a library"
                ))
                .with_cause("`deploy` needs those of this saasauth")
                .with_hint("replace them: `saasauth upgrade`"),
            ),
            // A crate that isn't there is told of by whoever builds it.
            Ok(Layout::Foreign) => has_crates(&folder, project).then(|| {
                warning(format!(
                    "the triggers in `{shown}` are not built on saasauth's library"
                ))
                .with_cause("`deploy` takes no package that does not tell its contract")
                .with_hint("start from what `saasauth init DIR` writes to `DIR/lambdas`")
            }),
        };
        warnings.extend(told);
    }
    warnings
}

fn has_crates(folder: &Path, project: &Project) -> bool {
    let stages = project
        .stage_names()
        .filter_map(|name| project.stage(name).ok());
    stages.flat_map(topology::functions).any(|(_, _, trigger)| {
        let path = trigger.path.canonicalize();
        path.is_ok_and(|path| path.parent() == Some(folder) && path.join("Cargo.toml").is_file())
    })
}

/// How somebody gets the tool that a library is of.
pub(super) fn install(version: &Version) -> String {
    format!("install that saasauth: `cargo install --locked saasauth@{version}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_nothing_but_ours() {
        for (path, ours) in [
            ("README.md", true),
            ("Cargo.lock", true),
            ("contract/Cargo.toml", true),
            ("triggers/src/generate_token/mod.rs", true),
            ("Cargo.toml", false),
            ("contract", false),
            ("contract/", false),
            ("contract/../confirm-user/src/hooks.rs", false),
            ("confirm-user/src/hooks.rs", false),
            ("/etc/passwd", false),
            ("triggers//src/lib.rs", false),
            ("../README.md", false),
            ("", false),
        ] {
            assert_eq!(is_ours(path), ours, "{path}");
        }
        assert!(Manifest::current().files.keys().all(|path| is_ours(path)));
    }

    #[test]
    fn the_manifest_says_first_whose_it_is_and_reads_back() {
        let manifest = Manifest::current();
        let text = manifest.text().expect("JSON");
        assert!(
            text.starts_with("{\n  \"//\": \"saasauth's, not yours"),
            "{text}"
        );
        assert_eq!(
            serde_json::from_str::<Manifest>(&text).expect("JSON"),
            manifest
        );
        assert_eq!(version().to_string(), env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn the_list_of_old_files_is_whole() {
        let legacy: Vec<_> = legacy().collect();
        assert_eq!(legacy.len(), LEGACY.lines().count());
        for (path, digest) in legacy {
            let hex = digest.len() == 64 && digest.bytes().all(|c| c.is_ascii_hexdigit());
            assert!(hex, "{path}");
            let first = path.split('/').next().expect("a part");
            assert!(
                first == FORERUNNER || OWN.contains(&first) || is_lent(path),
                "{path}"
            );
        }
    }
}
