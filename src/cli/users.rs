//! `saasauth users`

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::Context;
use super::deployed;
use crate::people;
use crate::ui::Ui;
use saasauth_model::error::{Error, ErrorKind, Result};

/// Take the users of a stage along
#[derive(Debug, Args)]
pub(super) struct UsersArgs {
    #[command(subcommand)]
    command: UsersCommand,
}

#[derive(Debug, Subcommand)]
enum UsersCommand {
    /// Write every user as a line of JSON: attributes, status, groups, role, permissions, domains
    ///
    /// Passwords are not among it: Cognito gives them to nobody.
    Export(ExportArgs),
}

#[derive(Debug, Args)]
struct ExportArgs {
    /// A new file, which only you can read; by default standard output
    file: Option<PathBuf>,
    /// Go on with the file of an export that was cut off: whoever is in it is left as they are there
    #[arg(long, requires = "file")]
    resume: bool,
}

pub(super) async fn run(args: UsersArgs, context: &Context) -> Result<ExitCode> {
    let UsersCommand::Export(args) = args.command;
    export(args, context).await
}

async fn export(args: ExportArgs, context: &Context) -> Result<ExitCode> {
    if context.global.json && args.file.is_none() {
        return Err(Error::new(
            ErrorKind::Usage,
            "an export is a line for each user, and not the one document that `--json` stands for",
        )
        .with_hint("leave out `--json`, or name a file for the users"));
    }
    let (project, stage) = context.stage()?;
    let mut known = BTreeSet::new();
    let mut target = match &args.file {
        Some(file) => Some(open(file, args.resume, &mut known)?),
        None => None,
    };
    let deployed = deployed::open(context, &project, stage).await?;
    let before = known.len();
    let each = |lines: &[Value]| {
        let text: String = lines.iter().map(Ui::json_line).collect();
        match (&mut target, &args.file) {
            (Some(target), Some(file)) => target.write_all(text.as_bytes()).map_err(|error| {
                Error::io(format!("could not write `{}`", file.display()), &error)
            }),
            _ => context.ui.data(&text),
        }
    };
    let count = deployed::work(people::export(&deployed, &known, each)).await?;
    let Some(file) = &args.file else {
        return Ok(ExitCode::SUCCESS);
    };
    if context.global.json {
        context.ui.json(&json!({
            "stage": deployed.stage.name,
            "file": file.display().to_string(),
            "users": count + before,
            "new": count,
        }))?;
    } else {
        context.ui.success(&format!(
            "{} users are in `{}`, {count} of them new",
            count + before,
            file.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// The file to write into, at its end. A line that was cut off is taken away.
fn open(file: &Path, resume: bool, known: &mut BTreeSet<String>) -> Result<File> {
    let failed =
        |error: &std::io::Error| Error::io(format!("could not write `{}`", file.display()), error);
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    if !resume {
        let made = options.create_new(true).open(file);
        return made.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::new(
                ErrorKind::Usage,
                format!("`{}` is there already", file.display()),
            )
            .with_hint("name another file, or go on with that one: `--resume`"),
            _ => failed(&error),
        });
    }
    let mut opened = options.open(file).map_err(|error| failed(&error))?;
    let mut whole = 0;
    let mut reader = BufReader::new(&opened);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = reader
            .read_until(b'\n', &mut line)
            .map_err(|error| failed(&error))?;
        if length == 0 || line.last() != Some(&b'\n') {
            break;
        }
        let user: Option<Value> = serde_json::from_slice(&line).ok();
        let sub = user.as_ref().and_then(|user| user["sub"].as_str());
        let sub = sub.ok_or_else(|| {
            Error::new(
                ErrorKind::Usage,
                format!("`{}` is no export of users", file.display()),
            )
            .with_cause(format!("line {} has no `sub`", known.len() + 1))
        })?;
        known.insert(sub.to_owned());
        whole += length as u64;
    }
    opened.set_len(whole).map_err(|error| failed(&error))?;
    opened
        .seek(std::io::SeekFrom::Start(whole))
        .map_err(|error| failed(&error))?;
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_that_was_cut_off_goes_on_behind_its_last_whole_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("users.ndjson");
        std::fs::write(&file, "{\"sub\":\"1\"}\n{\"sub\":\"2\"}\n{\"su").expect("written");
        let mut known = BTreeSet::new();
        let mut opened = open(&file, true, &mut known).expect("opened");
        assert_eq!(known.len(), 2);
        opened.write_all(b"x\n").expect("written");
        let text = std::fs::read_to_string(&file).expect("read");
        assert_eq!(text, "{\"sub\":\"1\"}\n{\"sub\":\"2\"}\nx\n");
        let error = open(&file, true, &mut BTreeSet::new()).expect_err("x is no user");
        assert!(error.causes[0].contains("line 3"), "{error:?}");
        open(&file, false, &mut BTreeSet::new()).expect_err("it is there");
    }

    #[test]
    fn what_users_write_into_their_names_does_nothing_on_a_screen() {
        let line = Ui::json_line(&json!({ "name": "A\u{202e}d\u{9b}2J\u{1b}a" }));
        for sign in ['\u{202e}', '\u{9b}', '\u{1b}'] {
            assert!(!line.contains(sign), "{line:?}");
        }
        let read: Value = serde_json::from_str(&line).expect("it is JSON");
        assert_eq!(read["name"], "A\u{202e}d\u{9b}2J\u{1b}a");
    }

    #[test]
    fn a_new_file_is_its_owners_alone_and_no_link_is_followed() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("users.ndjson");
        open(&file, false, &mut BTreeSet::new()).expect("made");
        let mode = std::fs::metadata(&file)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).expect("linked");
        open(&link, true, &mut BTreeSet::new()).expect_err("a link");
    }
}
