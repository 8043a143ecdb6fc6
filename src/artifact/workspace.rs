//! Finds the binary a trigger's directory stands for, by asking Cargo.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokio::process::Command;

use super::BuildRequest;
use saasauth_model::error::{Error, ErrorKind, Result};

/// A binary target and the workspace it is built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binary {
    pub(super) workspace: PathBuf,
    pub(super) target_directory: PathBuf,
    /// Where Cargo keeps what is only on the way to it.
    pub(super) build_directory: PathBuf,
    pub(super) package: String,
    pub(super) name: String,
    /// Whether the workspace says how Lambda binaries are to be optimised: `[profile.lambda]`.
    pub(super) lambda_profile: bool,
}

/// The part of `cargo metadata` we read.
#[derive(Debug, Deserialize)]
struct CargoMetadata {
    packages: Vec<CargoPackage>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
    /// Not said by Cargo before 1.91, which knows of no other than the target directory.
    build_directory: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct CargoPackage {
    name: String,
    manifest_path: PathBuf,
    default_run: Option<String>,
    targets: Vec<CargoTarget>,
}

#[derive(Debug, Deserialize)]
struct CargoTarget {
    name: String,
    kind: Vec<String>,
}

/// The binary of each request, in their order.
pub(super) async fn locate(requests: &[BuildRequest]) -> Result<Vec<Binary>> {
    let mut known: BTreeMap<PathBuf, Binary> = BTreeMap::new();
    let mut read: Vec<CargoMetadata> = Vec::new();
    let mut binaries = Vec::with_capacity(requests.len());
    for request in requests {
        let manifest = manifest(request)?;
        if let Some(binary) = known.get(&manifest) {
            binaries.push(binary.clone());
            continue;
        }
        // One answer lists every crate of a workspace, so most requests need no question of their own.
        if !read
            .iter()
            .any(|metadata| metadata.package(&manifest).is_some())
        {
            read.push(ask(request, &manifest).await?);
        }
        let binary = read
            .iter()
            .find_map(|metadata| Some((metadata, metadata.package(&manifest)?)))
            .ok_or_else(|| no_binary(request, "its `Cargo.toml` describes no package"))
            .and_then(|(metadata, package)| {
                Ok(Binary {
                    name: package.binary().map_err(|why| no_binary(request, &why))?,
                    package: package.name.clone(),
                    lambda_profile: has_lambda_profile(&metadata.workspace_root),
                    workspace: metadata.workspace_root.clone(),
                    target_directory: metadata.target_directory.clone(),
                    build_directory: metadata
                        .build_directory
                        .clone()
                        .unwrap_or_else(|| metadata.target_directory.clone()),
                })
            })?;
        known.insert(manifest, binary.clone());
        binaries.push(binary);
    }
    Ok(binaries)
}

fn manifest(request: &BuildRequest) -> Result<PathBuf> {
    let manifest = request.directory.join("Cargo.toml");
    manifest.canonicalize().map_err(|_| {
        let missing = if request.directory.is_dir() {
            &manifest
        } else {
            &request.directory
        };
        Error::new(
            ErrorKind::Build,
            format!("could not find the crate of `{}`", request.name),
        )
        .with_cause(format!("there is no `{}`", missing.display()))
        .with_hint(format!(
            "correct `triggers.{}.path` in the project file",
            request.name
        ))
    })
}

async fn ask(request: &BuildRequest, manifest: &Path) -> Result<CargoMetadata> {
    let failed = || {
        Error::new(
            ErrorKind::Build,
            format!("could not read the crate of `{}`", request.name),
        )
    };
    let mut command = Command::new("cargo");
    command
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--manifest-path",
        ])
        .arg(manifest)
        .kill_on_drop(true);
    // From the crate's own directory, so that its toolchain file and Cargo configuration count.
    if let Some(directory) = manifest.parent() {
        command.current_dir(directory);
    }
    super::environment::clean(&mut command);
    let output = command
        .output()
        .await
        .map_err(|error| no_cargo(failed(), &error))?;
    if !output.status.success() {
        return Err(failed()
            .with_cause(format!("`cargo metadata` failed ({})", output.status))
            .with_output(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| {
        failed()
            .with_cause("`cargo metadata` gave an answer of an unknown shape")
            .with_source(&error)
    })
}

/// Explains that Cargo can't be started.
pub(super) fn no_cargo(error: Error, cause: &std::io::Error) -> Error {
    let error = error.with_cause("could not run `cargo`").with_source(cause);
    if cause.kind() == std::io::ErrorKind::NotFound {
        error.with_hint(
            "install Rust with rustup, and see that `cargo --version` works in this shell",
        )
    } else {
        error
    }
}

fn no_binary(request: &BuildRequest, why: &str) -> Error {
    Error::new(
        ErrorKind::Build,
        format!("could not choose the binary of `{}`", request.name),
    )
    .with_cause(why)
    .with_hint(format!(
        "see `{}`",
        request.directory.join("Cargo.toml").display()
    ))
}

impl CargoMetadata {
    fn package(&self, manifest: &Path) -> Option<&CargoPackage> {
        self.packages.iter().find(|package| {
            package.manifest_path == manifest
                || package
                    .manifest_path
                    .canonicalize()
                    .is_ok_and(|path| path == manifest)
        })
    }
}

impl CargoPackage {
    /// The only binary, or the one the crate itself prefers.
    fn binary(&self) -> Result<String, String> {
        let names: Vec<&str> = self
            .targets
            .iter()
            .filter(|target| target.kind.iter().any(|kind| kind == "bin"))
            .map(|target| target.name.as_str())
            .collect();
        let preferred = [
            self.default_run.as_deref(),
            Some("bootstrap"),
            Some(self.name.as_str()),
        ];
        match names.as_slice() {
            [] => Err(format!(
                "the crate `{}` has no binary; it needs a `src/main.rs`",
                self.name
            )),
            [only] => Ok((*only).to_owned()),
            several => preferred
                .into_iter()
                .flatten()
                .find(|name| several.contains(name))
                .map(ToOwned::to_owned)
                .ok_or_else(|| {
                    format!(
                        "the crate `{}` has several binaries (`{}`) and no `default-run`",
                        self.name,
                        several.join("`, `")
                    )
                }),
        }
    }
}

fn has_lambda_profile(workspace: &Path) -> bool {
    // A manifest that can't be read has already failed in Cargo's own words.
    std::fs::read_to_string(workspace.join("Cargo.toml"))
        .ok()
        .and_then(|text| text.parse::<toml::Table>().ok())
        .and_then(|manifest| manifest.get("profile")?.get("lambda").map(|_| ()))
        .is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, default_run: Option<&str>, targets: &[(&str, &str)]) -> CargoPackage {
        CargoPackage {
            name: name.to_owned(),
            manifest_path: PathBuf::new(),
            default_run: default_run.map(ToOwned::to_owned),
            targets: targets
                .iter()
                .map(|(name, kind)| CargoTarget {
                    name: (*name).to_owned(),
                    kind: vec![(*kind).to_owned()],
                })
                .collect(),
        }
    }

    #[test]
    fn chooses_the_only_or_the_preferred_binary() {
        let table = [
            (package("p", None, &[("p", "lib"), ("main", "bin")]), "main"),
            (package("p", None, &[("p", "bin"), ("x", "bin")]), "p"),
            (
                package("p", None, &[("bootstrap", "bin"), ("x", "bin")]),
                "bootstrap",
            ),
            (package("p", Some("x"), &[("p", "bin"), ("x", "bin")]), "x"),
        ];
        for (package, expected) in table {
            assert_eq!(package.binary().expect("a binary"), expected);
        }
        let none = package("p", None, &[("p", "lib"), ("t", "test")]).binary();
        assert!(none.expect_err("no binary").contains("src/main.rs"));
        let several = package("p", None, &[("x", "bin"), ("y", "bin")]).binary();
        assert!(several.expect_err("two").contains("`x`, `y`"));
    }

    #[tokio::test]
    async fn a_missing_crate_names_the_key_to_correct() {
        let request = BuildRequest {
            name: "confirm_user".to_owned(),
            directory: PathBuf::from("no/such/crate"),
            architecture: super::super::Architecture::Arm64,
            native: false,
            output: None,
        };
        let error = locate(&[request]).await.expect_err("missing");
        assert_eq!(error.kind, ErrorKind::Build);
        assert_eq!(error.causes, ["there is no `no/such/crate`"]);
        assert!(error.hints[0].contains("triggers.confirm_user.path"));
    }
}
