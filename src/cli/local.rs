//! `saasauth local`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::context::{Context, LOCAL_ACCOUNT, interruptible};
use crate::engine::event::Event;
use crate::local::{self, Status, Strictness};
use saasauth_model::error::Result;

/// The local cloud: start it, stop it, read its mail
#[derive(Debug, Args)]
pub(super) struct LocalArgs {
    #[command(subcommand)]
    command: LocalCommand,
}

#[derive(Debug, Subcommand)]
enum LocalCommand {
    /// Start it, unless it runs already
    Start {
        /// Take what AWS refuses, too: no limits, tiers, or checks of roles; until it is stopped
        #[arg(long)]
        lenient: bool,
    },
    /// Stop it; what was deployed there is gone
    Stop,
    /// Say whether it runs, and where
    Status,
    /// Empty it, mailbox included; it keeps running
    Reset,
    /// Show the emails and text messages it sent
    Mail,
    /// Show how to sign requests to it: for SDKs and the AWS CLI
    Credentials {
        /// For `credential_process` in an AWS profile, or for a shell
        #[arg(long, value_enum, default_value_t)]
        format: CredentialsFormat,
    },
    /// Be the local cloud; what `start` runs in the background
    #[command(hide = true)]
    Serve {
        #[arg(long)]
        directory: PathBuf,
        #[arg(long)]
        lenient: bool,
    },
}

/// How `local credentials` writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum CredentialsFormat {
    /// The JSON that `credential_process` of an AWS profile is to print
    #[default]
    Process,
    /// `export` lines, with the endpoint
    Env,
}

pub(super) async fn run(args: LocalArgs, context: &Context) -> Result<ExitCode> {
    if let LocalCommand::Serve { directory, lenient } = args.command {
        local::serve(&directory, !lenient).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let directory = context.project_directory()?;
    let directory = directory.as_path();
    match args.command {
        LocalCommand::Start { lenient } => {
            let strictness = if lenient {
                Strictness::Lenient
            } else {
                Strictness::Kept
            };
            let progress = context.ui.progress();
            let say = |line| progress.handle(Event::Note(line));
            let started = interruptible(local::start(directory, strictness, &say)).await;
            progress.finish();
            show(context, &started?)?;
        }
        LocalCommand::Status => show(context, &local::status(directory).await?)?,
        LocalCommand::Stop => {
            let stopped = local::stop(directory).await?;
            if context.global.json {
                context.ui.json(&json!({ "stopped": stopped }))?;
            } else if stopped {
                context.ui.success("stopped the local cloud");
            } else {
                context.ui.note("the local cloud was not running");
            }
        }
        LocalCommand::Reset => {
            local::reset(directory).await?;
            if context.global.json {
                context.ui.json(&json!({ "reset": true }))?;
            } else {
                context.ui.success("emptied the local cloud");
            }
        }
        LocalCommand::Mail => {
            let mail = local::mail(directory).await?;
            if context.global.json {
                context.ui.json(&mail)?;
            } else if mail.is_empty() {
                context.ui.note("no mail");
            } else {
                for one in mail {
                    let body = one
                        .text
                        .as_deref()
                        .or(one.html.as_deref())
                        .unwrap_or_default();
                    context.ui.data(&format!(
                        "to:      {}\nfrom:    {}\nsubject: {}\nsent:    {}\n\n{}\n\n",
                        one.to.join(", "),
                        one.from,
                        one.subject,
                        one.sent_at,
                        body.trim_end(),
                    ))?;
                }
            }
        }
        LocalCommand::Credentials { format } => credentials(context, directory, format).await?,
        LocalCommand::Serve { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the key, which is what this command is for; no other shows it.
async fn credentials(context: &Context, directory: &Path, format: CredentialsFormat) -> Result<()> {
    let (endpoint_url, secret) =
        local::running(directory, "could not read the local cloud's credentials").await?;
    match format {
        // <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>
        CredentialsFormat::Process => context.ui.json(&json!({
            "Version": 1,
            "AccessKeyId": LOCAL_ACCOUNT,
            "SecretAccessKey": secret.expose(),
        })),
        CredentialsFormat::Env => {
            // The local cloud has every region; what was deployed lies in the stage's. A file that can't be read names
            // none, and is no reason to keep the key back.
            let region = match context.stage() {
                // boto3 reads the second one alone.
                Ok((_, stage)) => format!(
                    "export AWS_REGION={region}\nexport AWS_DEFAULT_REGION={region}\n",
                    region = *stage.region
                ),
                Err(_) => String::new(),
            };
            context.ui.data(&format!(
                "export AWS_ACCESS_KEY_ID={LOCAL_ACCOUNT}\nexport AWS_SECRET_ACCESS_KEY={}\n\
                 {region}export AWS_ENDPOINT_URL={endpoint_url}\n",
                secret.expose(),
            ))
        }
    }
}

fn show(context: &Context, status: &Status) -> Result<()> {
    if context.global.json {
        return context.ui.json(status);
    }
    match (&status.endpoint_url, status.pid) {
        (Some(url), Some(pid)) if status.running => {
            context.ui.success("the local cloud runs");
            let checks = if status.strict == Some(true) {
                "as strict as AWS"
            } else {
                "lenient: AWS may refuse what it takes, until `saasauth local stop`"
            };
            context.ui.outputs(&[
                ("endpoint".to_owned(), url.clone()),
                ("process".to_owned(), pid.to_string()),
                ("checks".to_owned(), checks.to_owned()),
                (
                    "credentials".to_owned(),
                    "saasauth local credentials".to_owned(),
                ),
            ])
        }
        _ => {
            context.ui.note("the local cloud is not running");
            Ok(())
        }
    }
}
