//! Runs the compiler: its arguments, a clean environment for it, and what it built.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::configuration::cargo_home;
use super::settings::Settings;
use super::workspace::{Binary, no_cargo};
use super::{Architecture, BuildEvent, BuildRequest, OnBuildEvent};
use crate::tools::{self, process};
use saasauth_model::error::{Error, ErrorKind, Result};

/// What compiles, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compiler {
    /// A Lambda binary for Linux.
    CargoLambda(Architecture),
    /// A program of this machine's own kind: what the local cloud runs where there is no Linux.
    Cargo,
}

impl Compiler {
    pub(super) fn of(request: &BuildRequest) -> Self {
        match (request.native, cfg!(target_os = "linux")) {
            (true, false) => Self::Cargo,
            // The very build AWS gets, so that what runs here is what will run there.
            (true, true) => Self::CargoLambda(Architecture::host()),
            (false, _) => Self::CargoLambda(request.architecture),
        }
    }
}

/// One compiler run: binaries of one workspace for one target.
#[derive(Debug)]
pub(super) struct CompilerRun {
    compiler: Compiler,
    workspace: PathBuf,
    target_directory: PathBuf,
    build_directory: PathBuf,
    lambda_profile: bool,
    binaries: Vec<(String, String)>,
}

impl CompilerRun {
    /// `binaries` are of one workspace, and at least one.
    pub(super) fn new<'a>(
        compiler: Compiler,
        binaries: impl Iterator<Item = &'a Binary> + Clone,
    ) -> Self {
        let first = binaries
            .clone()
            .next()
            .cloned()
            .expect("a run has at least one binary");
        Self {
            compiler,
            workspace: first.workspace,
            target_directory: first.target_directory,
            build_directory: first.build_directory,
            lambda_profile: first.lambda_profile,
            binaries: binaries
                .map(|binary| (binary.package.clone(), binary.name.clone()))
                .collect(),
        }
    }

    /// The profile it is compiled with.
    fn profile(&self) -> &'static str {
        if self.lambda_profile {
            "lambda"
        } else {
            "release"
        }
    }

    fn built(&self, target: &str, lambda_directory: &Path, binary: &str) -> PathBuf {
        match self.compiler {
            Compiler::CargoLambda(_) => lambda_directory.join(binary).join("bootstrap"),
            Compiler::Cargo => {
                let folder = self.target_directory.join(target);
                folder.join(self.profile()).join(binary)
            }
        }
    }
}

/// What a run compiles for, in Rust's words.
async fn target(run: &CompilerRun) -> std::io::Result<String> {
    match run.compiler {
        Compiler::CargoLambda(architecture) => Ok(architecture.target().to_owned()),
        // Named, so that nobody's `build.target` makes it another, and build scripts get no flags here that
        // they don't get there.
        Compiler::Cargo => {
            let mut command = Command::new("rustc");
            command.arg("-vV").current_dir(&run.workspace);
            let said = command.kill_on_drop(true).output().await?;
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            let host = said.lines().find_map(|line| line.strip_prefix("host: "));
            host.map(str::to_owned)
                .ok_or_else(|| std::io::Error::other("`rustc -vV` names no host"))
        }
    }
}

/// The command line of a run, without the program; cargo-lambda puts what it built into `lambda_directory`.
///
/// `--locked` is not among them: Cargo keeps to a fitting Cargo.lock anyway, and a dependency added by
/// hand shall not need a command of its own before it can be deployed.
fn arguments(
    run: &CompilerRun,
    target: &str,
    settings: &Settings,
    lambda_directory: &Path,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    match run.compiler {
        Compiler::CargoLambda(architecture) => {
            arguments.extend(["lambda", "build"].map(OsString::from));
            arguments.push(
                match architecture {
                    Architecture::Arm64 => "--arm64",
                    Architecture::X86_64 => "--x86-64",
                }
                .into(),
            );
            arguments.extend(["--lambda-dir".into(), lambda_directory.into()]);
        }
        Compiler::Cargo => arguments.extend(["build", "--target", target].map(OsString::from)),
    }
    if run.lambda_profile {
        arguments.extend(["--profile", "lambda"].map(OsString::from));
    } else {
        arguments.push("--release".into());
    }
    arguments.extend([
        "--manifest-path".into(),
        run.workspace.join("Cargo.toml").into(),
    ]);
    let mut seen = Vec::new();
    for binary in &run.binaries {
        if !seen.contains(&binary) {
            let (package, name) = binary;
            arguments.extend(["--package", package, "--bin", name].map(OsString::from));
            seen.push(binary);
        }
    }
    for setting in settings.profile(run.profile()) {
        arguments.extend(["--config".into(), setting.into()]);
    }
    arguments
}

/// Builds a run's binaries for the requests `members`, and gives their bytes in that order.
pub(super) async fn run(
    run: &CompilerRun,
    program: &Path,
    members: &[usize],
    requests: &[BuildRequest],
    events: OnBuildEvent<'_>,
) -> Result<Vec<Vec<u8>>> {
    let names: Vec<&str> = members
        .iter()
        .map(|&index| requests[index].name.as_str())
        .collect();
    let failed = |names: &[&str]| {
        Error::new(
            ErrorKind::Build,
            format!("could not build `{}`", names.join("` and `")),
        )
    };
    // A directory of this run's own: another stage's build at the same time must not swap a file under us,
    // nor an old file pass for a new one. It lies in Cargo's target directory, so that what a killed run
    // leaves there goes with `cargo clean`.
    let lambda_directory = fs::create_dir_all(&run.target_directory)
        .and_then(|()| {
            tempfile::Builder::new()
                .prefix("saasauth-")
                .tempdir_in(&run.target_directory)
        })
        .map_err(|error| {
            failed(&names)
                .with_cause(format!(
                    "could not make a directory in `{}`",
                    run.target_directory.display()
                ))
                .with_source(&error)
        })?;

    let target = target(run)
        .await
        .map_err(|error| no_cargo(failed(&names), &error))?;
    let cargo_home = cargo_home();
    let settings = Settings::read(&run.workspace, cargo_home.as_deref());
    if let Some(replaced) = settings.replaced() {
        let (key, package) = (replaced.key, replaced.package);
        return Err(failed(&names)
            .with_cause(format!(
                "`{key}` in a Cargo configuration outside of `{}` replaces `{package}`",
                run.workspace.display()
            ))
            .with_hint("what is deployed is built from the workspace alone: take it out there, or write `[patch]` into the workspace's `Cargo.toml`"));
    }
    // Two clones of one source give the same bytes wherever they lie.
    let mut directories = vec![
        (run.workspace.as_path(), "/project"),
        (&run.build_directory, "/target"),
        (&run.target_directory, "/target"),
    ];
    // Last, since the last fitting one wins and this one may lie inside the project.
    directories.extend(cargo_home.iter().map(|home| (home.as_path(), "/cargo")));
    let mut command = Command::new(program);
    command
        .args(arguments(run, &target, &settings, lambda_directory.path()))
        .current_dir(&run.workspace)
        // The output may end up in a log; colours there are noise.
        .env("CARGO_TERM_COLOR", "never")
        .env("NO_COLOR", "1");
    settings.confine(&mut command, &settings.rustflags(&target, &directories));
    if let Compiler::CargoLambda(_) = run.compiler
        && let Some(python) = tools::python_beside(program)
    {
        // The linker lies beside cargo-lambda as a Python package, in an environment that isn't on PATH.
        command.env("CARGO_ZIGBUILD_PYTHON_PATH", python);
    }
    let on_line = |line: &str| events(BuildEvent::Line(line.to_owned()));
    let finished = process::run(command, &on_line)
        .await
        .map_err(|error| no_cargo(failed(&names), &error))?;
    if !finished.status.success() {
        let tool = match run.compiler {
            Compiler::CargoLambda(_) => "cargo lambda build",
            Compiler::Cargo => "cargo build",
        };
        let mut error = failed(&blamed(run, &names, &finished.output))
            .with_cause(format!("`{tool}` failed ({})", finished.status));
        if let Some(hint) = hint(run.compiler, &finished.output) {
            error = error.with_hint(hint);
        }
        return Err(error.with_output(finished.output));
    }
    run.binaries
        .iter()
        .zip(&names)
        .map(|((_, binary), name)| {
            let path = run.built(&target, lambda_directory.path(), binary);
            fs::read(&path).map_err(|error| {
                // cargo-lambda only warns when it finds nothing to copy.
                failed(&[name])
                    .with_cause(format!("the compiler left no `{}`", path.display()))
                    .with_source(&error)
                    .with_output(finished.output.clone())
            })
        })
        .collect()
}

/// The triggers whose own crate did not compile; all of them when the trouble lies elsewhere.
fn blamed<'a>(run: &CompilerRun, names: &[&'a str], output: &str) -> Vec<&'a str> {
    let of_own = run
        .binaries
        .iter()
        .zip(names)
        .filter(|((package, _), _)| output.contains(&format!("could not compile `{package}`")));
    let own: Vec<&str> = of_own.map(|(_, name)| *name).collect();
    if own.is_empty() { names.to_vec() } else { own }
}

/// What to do about a failure whose output alone doesn't say it.
fn hint(compiler: Compiler, output: &str) -> Option<String> {
    let Compiler::CargoLambda(architecture) = compiler else {
        return None;
    };
    // cargo-lambda adds the target by itself, but carries on when that fails.
    let no_target = output.contains("can't find crate for `core`")
        || output.contains("can't find crate for `std`");
    no_target.then(|| {
        format!(
            "add the target: `rustup target add {}`",
            architecture.target()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(compiler: Compiler) -> CompilerRun {
        CompilerRun {
            compiler,
            workspace: PathBuf::from("/p/lambdas"),
            target_directory: PathBuf::from("/p/lambdas/target"),
            build_directory: PathBuf::from("/p/lambdas/target"),
            lambda_profile: true,
            binaries: vec![
                ("confirm-user".to_owned(), "confirm-user".to_owned()),
                ("generate-token".to_owned(), "bootstrap".to_owned()),
                ("confirm-user".to_owned(), "confirm-user".to_owned()),
            ],
        }
    }

    const COMMON: &str = "--manifest-path /p/lambdas/Cargo.toml \
        --package confirm-user --bin confirm-user --package generate-token --bin bootstrap";

    const HOST: &str = "aarch64-apple-darwin";

    fn line(run: &CompilerRun) -> String {
        let words: Vec<_> = arguments(
            run,
            HOST,
            &Settings::default(),
            Path::new("/p/lambdas/target/run"),
        )
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
        words.join(" ")
    }

    #[test]
    fn asks_cargo_lambda_for_the_architecture() {
        let arm = line(&run(Compiler::CargoLambda(Architecture::Arm64)));
        assert_eq!(
            arm,
            format!(
                "lambda build --arm64 --lambda-dir /p/lambdas/target/run --profile lambda {COMMON} \
                 --config profile.lambda.codegen-units=16"
            )
        );
        let x86 = line(&run(Compiler::CargoLambda(Architecture::X86_64)));
        assert_eq!(x86, arm.replace("--arm64", "--x86-64"));
    }

    #[test]
    fn a_native_build_is_plain_cargo_in_the_profile_there_is() {
        let mut run = run(Compiler::Cargo);
        assert_eq!(
            line(&run),
            format!(
                "build --target {HOST} --profile lambda {COMMON} \
                 --config profile.lambda.codegen-units=16"
            )
        );
        assert_eq!(
            run.built(HOST, Path::new("/run"), "x"),
            Path::new("/p/lambdas/target/aarch64-apple-darwin/lambda/x")
        );
        run.lambda_profile = false;
        assert_eq!(
            line(&run),
            format!(
                "build --target {HOST} --release {COMMON} --config profile.release.codegen-units=16"
            )
        );
        assert_eq!(
            run.built(HOST, Path::new("/run"), "x"),
            Path::new("/p/lambdas/target/aarch64-apple-darwin/release/x")
        );
    }

    #[test]
    fn a_request_for_this_machine_ignores_the_stage_architecture() {
        let mut request = BuildRequest {
            name: "a".to_owned(),
            directory: PathBuf::new(),
            architecture: Architecture::Arm64,
            native: false,
            output: None,
        };
        assert_eq!(
            Compiler::of(&request),
            Compiler::CargoLambda(Architecture::Arm64)
        );
        request.native = true;
        let expected = if cfg!(target_os = "linux") {
            Compiler::CargoLambda(Architecture::host())
        } else {
            Compiler::Cargo
        };
        assert_eq!(Compiler::of(&request), expected);
    }

    #[test]
    fn blames_the_crate_that_failed() {
        let run = run(Compiler::Cargo);
        let names = ["confirm_user", "generate_token", "again"];
        let output = "error: could not compile `generate-token` (bin \"bootstrap\")";
        assert_eq!(blamed(&run, &names, output), ["generate_token"]);
        assert_eq!(
            blamed(&run, &names, "error: could not compile `serde`"),
            names
        );
    }

    #[test]
    fn a_missing_target_is_hinted() {
        let compiler = Compiler::CargoLambda(Architecture::Arm64);
        let output = "error[E0463]: can't find crate for `core`";
        assert!(
            hint(compiler, output).is_some_and(|hint| hint.contains("rustup target add aarch64"))
        );
        assert_eq!(hint(compiler, "error: expected `;`"), None);
    }
}
