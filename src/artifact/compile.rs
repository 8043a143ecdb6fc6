//! Runs the compiler: its arguments, a clean environment for it, and what it built.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tokio::process::Command;

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
    cargo_home: Option<PathBuf>,
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
            cargo_home: cargo_home(),
            lambda_profile: first.lambda_profile,
            binaries: binaries
                .map(|binary| (binary.package.clone(), binary.name.clone()))
                .collect(),
        }
    }

    fn built(&self, lambda_directory: &Path, binary: &str) -> PathBuf {
        match self.compiler {
            Compiler::CargoLambda(_) => lambda_directory.join(binary).join("bootstrap"),
            Compiler::Cargo => {
                let profile = if self.lambda_profile {
                    "lambda"
                } else {
                    "release"
                };
                self.target_directory.join(profile).join(binary)
            }
        }
    }
}

/// The command line of a run, without the program; cargo-lambda puts what it built into `lambda_directory`.
///
/// `--locked` is not among them: Cargo keeps to a fitting Cargo.lock anyway, and a dependency added by
/// hand shall not need a command of its own before it can be deployed.
fn arguments(run: &CompilerRun, lambda_directory: &Path) -> Vec<OsString> {
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
        Compiler::Cargo => arguments.push("build".into()),
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
    arguments.extend(["--config".into(), remap(run).into()]);
    arguments
}

/// The setting that keeps this machine's directories out of the binary, so that two clones of one
/// source give the same bytes wherever they lie.
///
/// As `build.rustflags` it joins what the workspace's own Cargo configuration says there; a workspace
/// that sets `target.<triple>.rustflags` overrides it, and its bytes then depend on the directory.
fn remap(run: &CompilerRun) -> String {
    let directories = [
        (Some(&run.workspace), "/project"),
        (Some(&run.target_directory), "/target"),
        // Last, since the last fitting one wins and this one may lie inside the project.
        (run.cargo_home.as_ref(), "/cargo"),
    ];
    let flags = directories.into_iter().filter_map(|(from, to)| {
        let flag = format!("--remap-path-prefix={}={to}", from?.to_str()?);
        Some(toml::Value::String(flag))
    });
    format!("build.rustflags={}", toml::Value::Array(flags.collect()))
}

fn cargo_home() -> Option<PathBuf> {
    match std::env::var_os("CARGO_HOME").filter(|value| !value.is_empty()) {
        Some(home) => std::path::absolute(home).ok(),
        None => Some(etcetera::home_dir().ok()?.join(".cargo")),
    }
}

/// Removes from the environment what would make a trigger's bytes depend on the shell, or on the
/// Cargo run that started us. What a trigger needs belongs in its workspace's Cargo configuration.
pub(super) fn clean(command: &mut Command) {
    const NAMES: [&str; 9] = [
        // Flags meant for other builds: CI sets `-D warnings`, laptops `target-cpu=native`.
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        // What `cargo run` and `cargo test` tell the program they start.
        "CARGO",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_CRATE_NAME",
        "OUT_DIR",
    ];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let leaks = NAMES.contains(&text.as_ref())
            || text.starts_with("CARGO_PKG_")
            || text.starts_with("CARGO_BIN_")
            || (text.starts_with("CARGO_TARGET_") && text.ends_with("_RUSTFLAGS"));
        if leaks {
            command.env_remove(name);
        }
    }
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

    let mut command = Command::new(program);
    command
        .args(arguments(run, lambda_directory.path()))
        .current_dir(&run.workspace)
        // The output may end up in a log; colours there are noise.
        .env("CARGO_TERM_COLOR", "never")
        .env("NO_COLOR", "1");
    clean(&mut command);
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
            let path = run.built(lambda_directory.path(), binary);
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
            cargo_home: Some(PathBuf::from("/h/.cargo")),
            lambda_profile: true,
            binaries: vec![
                ("confirm-user".to_owned(), "confirm-user".to_owned()),
                ("generate-token".to_owned(), "bootstrap".to_owned()),
                ("confirm-user".to_owned(), "confirm-user".to_owned()),
            ],
        }
    }

    const COMMON: &str = "--manifest-path /p/lambdas/Cargo.toml \
        --package confirm-user --bin confirm-user --package generate-token --bin bootstrap \
        --config build.rustflags=[\"--remap-path-prefix=/p/lambdas=/project\", \
        \"--remap-path-prefix=/p/lambdas/target=/target\", \"--remap-path-prefix=/h/.cargo=/cargo\"]";

    fn line(run: &CompilerRun) -> String {
        let words: Vec<_> = arguments(run, Path::new("/p/lambdas/target/run"))
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
                "lambda build --arm64 --lambda-dir /p/lambdas/target/run --profile lambda {COMMON}"
            )
        );
        let x86 = line(&run(Compiler::CargoLambda(Architecture::X86_64)));
        assert_eq!(x86, arm.replace("--arm64", "--x86-64"));
    }

    #[test]
    fn a_native_build_is_plain_cargo_in_the_profile_there_is() {
        let mut run = run(Compiler::Cargo);
        assert_eq!(line(&run), format!("build --profile lambda {COMMON}"));
        assert_eq!(
            run.built(Path::new("/run"), "x"),
            Path::new("/p/lambdas/target/lambda/x")
        );
        run.lambda_profile = false;
        assert_eq!(line(&run), format!("build --release {COMMON}"));
        assert_eq!(
            run.built(Path::new("/run"), "x"),
            Path::new("/p/lambdas/target/release/x")
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
