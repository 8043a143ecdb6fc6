//! `saasauth init`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::context::Context;
use crate::scaffold::{self, Scaffold};
use saasauth_model::error::{Error, ErrorKind, Result};

/// Start a project: saasauth.yaml, the triggers' sources, emails, a CI workflow
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The folder; made when missing
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// The project's name; by default the folder's, made legal
    #[arg(long)]
    name: Option<String>,
}

pub(super) fn run(args: InitArgs, context: &Context) -> Result<ExitCode> {
    let name = project_name(args.name, &args.directory)?;
    let region = context
        .global
        .region
        .clone()
        .unwrap_or_else(|| "us-east-1".to_owned());
    let written = scaffold::write(
        &args.directory,
        &Scaffold {
            name: name.clone(),
            region,
        },
    )?;
    if context.global.json {
        context
            .ui
            .json(&json!({ "project": name, "directory": args.directory, "files": written }))?;
    } else {
        let shown = args.directory.display();
        context.ui.success(&format!(
            "wrote {} files of project `{name}` to `{shown}`",
            written.len()
        ));
        let cd = if args.directory.as_os_str() == "." {
            String::new()
        } else {
            format!("cd {shown} && ")
        };
        context
            .ui
            .hint(&format!("deploy it to this machine: `{cd}saasauth deploy`"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The name asked for, or the folder's.
pub(super) fn project_name(name: Option<String>, directory: &Path) -> Result<String> {
    match name {
        Some(name) => check(name),
        None => from_directory(directory),
    }
}

fn check(name: String) -> Result<String> {
    match scaffold::legal_name(&name) {
        Some(legal) if legal == name => Ok(name),
        legal => {
            let error = Error::new(
                ErrorKind::Usage,
                format!("`{name}` can't be a project's name"),
            )
            .with_cause("a name has 3 to 32 of a-z, 0-9 and single -, and starts with a letter");
            Err(match legal {
                Some(legal) => error.with_hint(format!("try `--name {legal}`")),
                None => error.with_hint("try `--name acme`"),
            })
        }
    }
}

fn from_directory(directory: &Path) -> Result<String> {
    let absolute = std::path::absolute(directory).map_err(|cause| {
        Error::io(
            format!("could not locate `{}`", directory.display()),
            &cause,
        )
    })?;
    absolute
        .file_name()
        .and_then(|name| scaffold::legal_name(&name.to_string_lossy()))
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                "this folder's name makes no project's name",
            )
            .with_hint("choose one with `--name acme`")
        })
}
