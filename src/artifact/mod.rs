//! From the crate of a trigger to the zip Lambda runs: built by cargo-lambda, checked, packed so that
//! the same source gives the same bytes.
//!
//! Owns the build and the package. Must not know what a trigger is for, nor where its zip goes.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::tools;
use saasauth_model::error::{Error, ErrorKind, Result};

mod compile;
mod configuration;
mod contract;
mod elf;
mod environment;
mod pack;
mod replaced;
mod settings;
mod target_cfg;
mod workspace;

use compile::{Compiler, CompilerRun};
use workspace::Binary;

/// A processor architecture Lambda offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    Arm64,
    X86_64,
}

impl Architecture {
    /// The architecture of this machine, where the local cloud runs the triggers.
    pub fn host() -> Self {
        if cfg!(target_arch = "aarch64") {
            Self::Arm64
        } else {
            Self::X86_64
        }
    }

    /// Rust's name of the target.
    pub fn target(self) -> &'static str {
        match self {
            Self::Arm64 => "aarch64-unknown-linux-gnu",
            Self::X86_64 => "x86_64-unknown-linux-gnu",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        })
    }
}

/// One trigger to build.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// What the trigger is called in events and errors, such as `confirm_user`.
    pub name: String,
    /// The directory of its crate, as the project file means it from here.
    pub directory: PathBuf,
    /// What it shall run on; `native` sets it aside.
    pub architecture: Architecture,
    /// Build for this very machine, which runs the binary as a plain process.
    pub native: bool,
    /// Where a copy of the zip is written, besides being returned.
    pub output: Option<PathBuf>,
}

/// A trigger ready for Lambda.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The name of the request.
    pub name: String,
    /// The zip: one file, `bootstrap`.
    pub zip: Vec<u8>,
    /// SHA-256 of the zip in base64, the spelling Lambda reports as `CodeSha256`.
    pub sha256: String,
    /// Bytes of `bootstrap` before compression.
    pub unzipped: u64,
}

impl Artifact {
    /// Bytes of the zip.
    pub fn size(&self) -> u64 {
        self.zip.len() as u64
    }
}

/// What happens during a build, for whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildEvent {
    /// A line about a missing build tool being installed.
    Tool(String),
    /// One compiler run starts for these triggers.
    Started { names: Vec<String> },
    /// A line the compiler wrote.
    Line(String),
    /// A trigger is built and packed.
    Packed {
        name: String,
        size: u64,
        unzipped: u64,
    },
}

/// Receives the events of a build.
pub type OnBuildEvent<'a> = &'a (dyn Fn(BuildEvent) + Send + Sync);

/// Builds one trigger; see [`build_all`].
///
/// # Errors
/// As [`build_all`].
pub async fn build(request: &BuildRequest, events: OnBuildEvent<'_>) -> Result<Artifact> {
    let mut artifacts = build_all(std::slice::from_ref(request), events).await?;
    Ok(artifacts.remove(0))
}

/// Builds triggers, those of one Cargo workspace in one compiler run, and gives them in the order asked.
///
/// Cargo decides what is fresh: when no source changed this takes as long as Cargo needs to see it.
/// Dropping the future ends the compiler and everything it started.
///
/// # Errors
/// [`ErrorKind::Build`](saasauth_model::error::ErrorKind::Build) when a crate is missing or has no binary, when the compiler
/// fails (its whole output attached) or built for another architecture;
/// [`ErrorKind::Refused`](saasauth_model::error::ErrorKind::Refused) when what it built keeps to another
/// contract than ours; the errors of [`tools::ensure`].
pub async fn build_all(
    requests: &[BuildRequest],
    events: OnBuildEvent<'_>,
) -> Result<Vec<Artifact>> {
    let binaries = workspace::locate(requests).await?;
    let mut cargo_lambda = None;
    let mut artifacts = BTreeMap::new();
    for (compiler, members) in runs(requests, &binaries) {
        let program = match compiler {
            Compiler::Cargo => PathBuf::from("cargo"),
            Compiler::CargoLambda(_) => match &cargo_lambda {
                Some(program) => PathBuf::clone(program),
                None => {
                    let say = |line| events(BuildEvent::Tool(line));
                    let program = tools::ensure(&tools::CARGO_LAMBDA, &say).await?;
                    cargo_lambda.insert(program).clone()
                }
            },
        };
        let names = members
            .iter()
            .map(|&index| requests[index].name.clone())
            .collect();
        let run = CompilerRun::new(compiler, members.iter().map(|&index| &binaries[index]));
        events(BuildEvent::Started { names });
        let built = compile::run(&run, &program, &members, requests, events).await?;
        let packing = members
            .into_iter()
            .zip(built)
            .map(|(index, bootstrap)| async move {
                let request = &requests[index];
                if let Compiler::CargoLambda(architecture) = compiler {
                    elf::check(&request.name, &bootstrap, architecture)?;
                }
                contract::check(&request.name, &bootstrap)?;
                let artifact = pack::pack(&request.name, bootstrap).await?;
                if let Some(output) = &request.output {
                    pack::write(output, &artifact.zip)?;
                }
                events(BuildEvent::Packed {
                    name: artifact.name.clone(),
                    size: artifact.size(),
                    unzipped: artifact.unzipped,
                });
                Ok((index, artifact))
            });
        artifacts.extend(futures::future::try_join_all(packing).await?);
    }
    Ok(artifacts.into_values().collect())
}

/// The package the last build left at the request's output.
///
/// # Errors
/// [`ErrorKind::Build`](saasauth_model::error::ErrorKind::Build) when there is none or it is damaged;
/// [`ErrorKind::Refused`](saasauth_model::error::ErrorKind::Refused) when it keeps to another contract.
pub fn last(request: &BuildRequest) -> Result<Artifact> {
    let none = || {
        Error::new(
            ErrorKind::Build,
            format!("there is no package of `{}` yet", request.name),
        )
        .with_hint("run `saasauth build`, or leave out `--no-build`")
    };
    let path = request.output.as_ref().ok_or_else(none)?;
    let zip = std::fs::read(path).map_err(|error| none().with_source(&error))?;
    pack::reopen(&request.name, zip)
}

/// Requests by compiler run: one per workspace and target, more when two binaries share a name, since
/// Cargo writes them to the same file.
fn runs(requests: &[BuildRequest], binaries: &[Binary]) -> Vec<(Compiler, Vec<usize>)> {
    let mut runs: Vec<(Compiler, Vec<usize>)> = Vec::new();
    for (index, (request, binary)) in requests.iter().zip(binaries).enumerate() {
        let compiler = Compiler::of(request);
        let joins = |members: &[usize]| {
            let same_workspace = binaries[members[0]].workspace == binary.workspace;
            let overwrites = members.iter().any(|&other| {
                binaries[other].name == binary.name && binaries[other].package != binary.package
            });
            same_workspace && !overwrites
        };
        match runs
            .iter_mut()
            .find(|(other, members)| *other == compiler && joins(members))
        {
            Some((_, members)) => members.push(index),
            None => runs.push((compiler, vec![index])),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(name: &str, architecture: Architecture) -> BuildRequest {
        BuildRequest {
            name: name.to_owned(),
            directory: PathBuf::from(name),
            architecture,
            native: false,
            output: None,
        }
    }

    fn binary(workspace: &str, package: &str, name: &str) -> Binary {
        Binary {
            workspace: PathBuf::from(workspace),
            target_directory: PathBuf::from(workspace).join("target"),
            build_directory: PathBuf::from(workspace).join("target"),
            package: package.to_owned(),
            name: name.to_owned(),
            lambda_profile: true,
        }
    }

    #[test]
    fn one_run_per_workspace_and_architecture() {
        let requests = [
            request("a", Architecture::Arm64),
            request("b", Architecture::Arm64),
            request("c", Architecture::X86_64),
            request("d", Architecture::Arm64),
        ];
        let binaries = [
            binary("/w", "a", "a"),
            binary("/w", "b", "b"),
            binary("/w", "c", "c"),
            binary("/v", "d", "d"),
        ];
        let groups: Vec<_> = runs(&requests, &binaries)
            .into_iter()
            .map(|(_, members)| members)
            .collect();
        assert_eq!(groups, [vec![0, 1], vec![2], vec![3]]);
    }

    #[test]
    fn binaries_of_one_name_are_built_one_after_the_other() {
        let requests = [
            request("a", Architecture::Arm64),
            request("b", Architecture::Arm64),
        ];
        let twins = [
            binary("/w", "a", "bootstrap"),
            binary("/w", "b", "bootstrap"),
        ];
        assert_eq!(runs(&requests, &twins).len(), 2);
        let shared = [binary("/w", "a", "a"), binary("/w", "a", "a")];
        assert_eq!(runs(&requests, &shared).len(), 1);
    }
}
