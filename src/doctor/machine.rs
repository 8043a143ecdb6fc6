//! The machine a deploy starts from: what builds the triggers, which way requests go, the local cloud.

use std::path::Path;

use super::Check;
use crate::artifact;
use crate::aws::connect;
use crate::local;
use crate::tools::{self, CARGO_LAMBDA, MINISTACK, Tool};
use saasauth_model::project::stage::{Architecture, Stage, Target};

/// The programs that are needed, and the way out.
pub async fn machine(stage: Option<&Stage>) -> Vec<Check> {
    let in_aws = stage.is_some_and(|stage| *stage.target == Target::Aws);
    let mut checks = vec![cargo().await];
    // The stage `local` runs the triggers where they are built, on Linux without cargo-lambda.
    let crosses = in_aws || !cfg!(target_os = "linux");
    let needed: &[&Tool] = match (stage.is_some(), in_aws, crosses) {
        (true, true, _) => &[&CARGO_LAMBDA],
        (true, false, false) => &[&MINISTACK],
        _ => &[&CARGO_LAMBDA, &MINISTACK],
    };
    let mut missing = false;
    for tool in needed {
        let check = match tools::installed(tool).await {
            Some(path) => Check::ok(tool.name, path.display().to_string()),
            None => {
                missing = true;
                let when = match tool.name == MINISTACK.name {
                    true => "the local cloud's first start",
                    false => "the first build",
                };
                let version = tool.version;
                Check::ok(
                    tool.name,
                    format!("not here yet; {when} installs {version}"),
                )
            }
        };
        checks.push(check);
    }
    checks.push(python(missing));
    if let Some(stage) = stage.filter(|_| in_aws) {
        checks.push(target(stage.architecture).await);
    }
    checks.push(proxy());
    checks
}

async fn cargo() -> Check {
    match tools::says("cargo", &["--version"]).await {
        Some(version) => Check::ok("cargo", version),
        None => Check::problem("cargo", "not on PATH, and the triggers are built with it")
            .with_hint("install Rust from https://rustup.rs"),
    }
}

/// `missing`: something has yet to be installed with it.
fn python(missing: bool) -> Check {
    const NAME: &str = "python";
    match tools::on_search_path(&["uv", "python3"]) {
        Some(program) => Check::ok(NAME, format!("`{program}` is on PATH")),
        None if missing => Check::problem(
            NAME,
            "neither `python3` nor `uv` is on PATH, and a tool has to be installed with one",
        )
        .with_hint("install Python 3.10 or newer, such as `apt install python3 python3-venv`"),
        None => Check::ok(NAME, "not on PATH, and nothing has to be installed"),
    }
}

/// Whether the standard library for what Lambda runs on is installed.
async fn target(architecture: Architecture) -> Check {
    const NAME: &str = "rust target";
    let target = match architecture {
        Architecture::Arm64 => artifact::Architecture::Arm64.target(),
        Architecture::X86_64 => artifact::Architecture::X86_64.target(),
    };
    // Prints where it would be, whether or not it is there.
    let folder = tools::says("rustc", &["--print", "target-libdir", "--target", target]).await;
    match folder {
        Some(folder) if Path::new(&folder).is_dir() => Check::ok(NAME, target),
        Some(_) => Check::warning(NAME, format!("`{target}` is not installed yet")).with_hint(
            format!("`rustup target add {target}`; a build tries to do it"),
        ),
        None => Check::problem(NAME, "`rustc` can't be asked about targets")
            .with_hint("install Rust from https://rustup.rs"),
    }
}

/// Which way requests to AWS go.
fn proxy() -> Check {
    const NAME: &str = "proxy";
    match connect::proxy() {
        Ok(None) => Check::ok(NAME, "none is set"),
        Ok(Some(proxy)) => Check::ok(
            NAME,
            format!(
                "AWS is asked through {} (`{}`){}",
                proxy.address,
                proxy.variable,
                match connect::has_exceptions() {
                    true => ", but for what `NO_PROXY` lists",
                    false => "",
                }
            ),
        ),
        Err(error) => Check::of(NAME, &error),
    }
}

/// The local cloud of a project: what it is, and its endpoint when it runs.
pub async fn local_cloud(directory: &Path) -> (Check, Option<String>) {
    const NAME: &str = "local cloud";
    match local::status(directory).await {
        Ok(status) => match (status.endpoint_url, status.pid) {
            (Some(url), Some(pid)) => {
                let detail = format!("runs at {url} (process {pid})");
                (Check::ok(NAME, detail), Some(url))
            }
            _ => {
                let detail = "not running; a command that needs it starts it";
                (Check::ok(NAME, detail), None)
            }
        },
        Err(error) => (Check::of(NAME, &error), None),
    }
}
