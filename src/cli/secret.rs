//! `saasauth secret`

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::Context;
use super::deployed::check_account;
use crate::aws::trace;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::project::Project;
use saasauth_model::project::stage::Stage;
use saasauth_model::project::validate::{WrongName, parameter_name};
use saasauth_model::project::words;

/// The secrets the project file refers to as `ssm:/name`
#[derive(Debug, Args)]
pub(super) struct SecretArgs {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Set a secret, read from standard input or asked for
    Set {
        /// The SSM parameter's name, such as /acme/mailchimp-key
        name: String,
    },
    /// List the stage's secrets, and whether they are set; never shows one
    List,
}

pub(super) async fn run(args: SecretArgs, context: &Context) -> Result<ExitCode> {
    let (project, stage) = context.stage()?;
    match args.command {
        SecretCommand::Set { name } => set(context, &project, &stage, &name).await?,
        SecretCommand::List => list(context, &project, &stage).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn set(context: &Context, project: &Project, stage: &Stage, given: &str) -> Result<()> {
    let name = checked(given)?;
    let used = stage.secrets();
    let is_used = used.contains(name);
    if !is_used {
        context.ui.warn(&unused(name, stage, &used));
    }
    let value = read(context, stage, name).await?;

    let set = context
        .look(async |events| {
            let aws = context.connect(project, stage, events).await?;
            check_account(&aws, stage).await?;
            let doing = format!("could not set the secret `{name}`");
            let (set, _) = trace::scope(name, 0, aws.put_secret(name, &value)).await;
            set.map_err(|fault| fault.while_doing(doing))
        })
        .await?;
    if context.global.json {
        return context.ui.json(&json!({
            "stage": stage.name,
            "name": name,
            "version": set.version,
            "created": set.created,
            "used": is_used,
        }));
    }
    context
        .ui
        .success(&format!("set `{name}` (version {})", set.version));
    if stage.sign_in.secrets().contains(name) {
        // Cognito keeps a copy of it.
        let command = format!("saasauth deploy --stage {}", stage.name);
        context.ui.note(&format!("in use after `{command}`"));
    } else if is_used {
        context
            .ui
            .note("in use within 5 minutes; nothing has to be deployed");
    }
    Ok(())
}

/// The name without the `ssm:` that goes before it in the project file.
fn checked(given: &str) -> Result<&str> {
    let name = given.strip_prefix("ssm:").unwrap_or(given);
    let wrong = |why: &str, hint: &str| {
        Err(Error::new(ErrorKind::Usage, format!("`{name}` {why}")).with_hint(hint))
    };
    match parameter_name(name) {
        Ok(()) => Ok(name),
        Err(WrongName::Misspelled) => wrong(
            "is no parameter's name",
            "write it like `/acme/mailchimp-key`, in letters, digits and `/_.-`",
        ),
        Err(WrongName::Reserved) => wrong(
            "starts with a reserved word",
            "SSM keeps names starting with `/aws` and `/ssm`; pick another",
        ),
    }
}

fn unused(name: &str, stage: &Stage, used: &BTreeSet<&str>) -> String {
    let nothing = format!("nothing in stage `{}` refers to `{name}`", stage.name);
    match words::nearest(name, used.iter().copied()) {
        Some(near) => format!("{nothing}; did you mean `{near}`?"),
        None => nothing,
    }
}

/// Reads the value from standard input, or asks for it without showing what is typed.
async fn read(context: &Context, stage: &Stage, name: &str) -> Result<String> {
    let hint = format!(
        "pipe it in: `… | saasauth secret set {name} --stage {}`",
        stage.name
    );
    let question = format!("The value of `{name}`");
    let hidden = context.ui.hide_typing();
    let answer = {
        let hint = hint.clone();
        context.ask(move |ui| ui.secret(&question, &hint)).await
    };
    drop(hidden);
    let value = answer?;
    if value.trim().is_empty() {
        let what = if value.is_empty() {
            "empty"
        } else {
            "white space alone"
        };
        let error = Error::new(ErrorKind::Usage, format!("the value of `{name}` is {what}"));
        return Err(error.with_hint(hint));
    }
    if value.trim() != value {
        context
            .ui
            .warn("the value begins or ends with white space, and is set as it is");
    }
    Ok(value)
}

async fn list(context: &Context, project: &Project, stage: &Stage) -> Result<()> {
    let names: Vec<&str> = stage.secrets().into_iter().collect();
    if names.is_empty() {
        if context.global.json {
            return context
                .ui
                .json(&json!({ "stage": stage.name, "secrets": [] }));
        }
        let nothing = format!("nothing in stage `{}` refers to a secret", stage.name);
        context.ui.note(&nothing);
        return Ok(());
    }
    let stored = context
        .look(async |events| {
            let aws = context.connect(project, stage, events).await?;
            let (stored, _) = trace::scope("", 0, aws.secrets(&names)).await;
            stored.map_err(|fault| fault.while_doing("could not list the secrets"))
        })
        .await?;

    let documents: Vec<Value> = names
        .iter()
        .map(|&name| {
            let stored = stored.get(name);
            json!({
                "name": name,
                "set": stored.is_some(),
                "version": stored.map(|one| one.version),
                "modified": stored.and_then(|one| one.modified.as_deref()),
            })
        })
        .collect();
    if context.global.json {
        return context
            .ui
            .json(&json!({ "stage": stage.name, "secrets": documents }));
    }
    let rows: Vec<Vec<String>> = names
        .iter()
        .map(|&name| match stored.get(name) {
            Some(one) => vec![
                name.to_owned(),
                "set".to_owned(),
                one.version.to_string(),
                one.modified.clone().unwrap_or_default(),
            ],
            None => vec![name.to_owned(), "missing".to_owned()],
        })
        .collect();
    context
        .ui
        .table(&["name", "state", "version", "modified"], &rows)?;
    if let Some(missing) = names.iter().find(|name| !stored.contains_key(**name)) {
        context.ui.hint(&format!(
            "run `saasauth secret set {missing} --stage {}`",
            stage.name
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_written_as_in_the_file() {
        assert_eq!(checked("ssm:/acme/key").expect("a reference"), "/acme/key");
        assert_eq!(checked("/acme/key").expect("a name"), "/acme/key");
        for bad in ["mailchimp-key", "/aws/key", "ssm:"] {
            let error = checked(bad).expect_err("no name");
            assert_eq!(
                (error.kind, error.hints.len()),
                (ErrorKind::Usage, 1),
                "{bad}"
            );
        }
    }
}
