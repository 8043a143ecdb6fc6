//! The command line: one file per command, each with its arguments and one short function.
//!
//! Commands put the other modules together and hand results to `ui`. What they need in common, the
//! project, the stage and the connection, comes from [`context::Context`].

mod adopt;
mod build;
mod check;
mod completions;
mod context;
mod deploy;
mod deployed;
mod destroy;
mod diff;
mod doctor;
mod history;
mod init;
mod ledger;
mod local;
mod outputs;
mod repair;
mod revision;
mod rollback;
mod schema;
mod secret;
mod synth;
mod turn;
mod unlock;
mod upgrade;
mod user;
mod users;
pub mod variables;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ColorChoice, Parser, Subcommand};

use crate::ui::{Settings, Ui};
use context::Context;
use saasauth_model::error::Result;

/// One file to a running sign-up and sign-in backend on AWS.
#[derive(Debug, Parser)]
#[command(
    name = "saasauth",
    version,
    propagate_version = true,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// The project file; by default saasauth.yaml here or in a parent folder
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "SAASAUTH_PROJECT_FILE"
    )]
    project_file: Option<std::path::PathBuf>,
    /// The stage; by default `local`, which needs no AWS account
    #[arg(
        long,
        short,
        global = true,
        value_name = "NAME",
        env = "SAASAUTH_STAGE",
        value_parser = NonEmptyStringValueParser::new()
    )]
    stage: Option<String>,
    /// A profile of the AWS configuration files
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        value_parser = NonEmptyStringValueParser::new()
    )]
    profile: Option<String>,
    /// An AWS region instead of the project file's
    #[arg(
        long,
        global = true,
        value_name = "REGION",
        value_parser = NonEmptyStringValueParser::new()
    )]
    region: Option<String>,
    /// Another endpoint for every AWS API: an emulator
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "AWS_ENDPOINT_URL",
        hide_env_values = true,
        value_parser = NonEmptyStringValueParser::new()
    )]
    endpoint_url: Option<String>,
    /// Write exactly one JSON document to standard output
    #[arg(long, global = true)]
    json: bool,
    /// Say nothing but results, warnings and errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Say more: every AWS request, every property
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::InitArgs),
    Adopt(adopt::AdoptArgs),
    Check(check::CheckArgs),
    Build(build::BuildArgs),
    Diff(diff::DiffArgs),
    Deploy(deploy::DeployArgs),
    Rollback(rollback::RollbackArgs),
    Destroy(destroy::DestroyArgs),
    Unlock(unlock::UnlockArgs),
    History(history::HistoryArgs),
    Ledger(ledger::LedgerArgs),
    Doctor(doctor::DoctorArgs),
    Outputs(outputs::OutputsArgs),
    Verify(verify::VerifyArgs),
    User(user::UserArgs),
    Users(users::UsersArgs),
    Repair(repair::RepairArgs),
    Secret(secret::SecretArgs),
    Local(local::LocalArgs),
    Synth(synth::SynthArgs),
    Upgrade(upgrade::UpgradeArgs),
    Schema(schema::SchemaArgs),
    Completions(completions::CompletionsArgs),
}

/// Runs the command line to its exit code. Never fails: what goes wrong is shown.
pub async fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap writes help to standard output and mistakes to standard error by itself; that
            // neither can be written is nothing to tell anyone.
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let ui = Ui::new(Settings {
        json: cli.global.json,
        quiet: cli.global.quiet,
        verbose: cli.global.verbose,
        color: cli.global.color,
    });
    let context = Context::new(cli.global, ui);
    let done = dispatch(cli.command, &context).await;
    // Whatever came of it: who asked what was sent wants it most when something failed.
    context.ui.calls(&context.calls.list());
    match done {
        Ok(code) => code,
        Err(error) => {
            context.ui.error(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

/// Every future is boxed: a match keeps room for each of its arms at once, and these are large.
async fn dispatch(command: Command, context: &Context) -> Result<ExitCode> {
    match command {
        Command::Init(args) => init::run(args, context),
        Command::Adopt(args) => Box::pin(adopt::run(args, context)).await,
        Command::Check(args) => check::run(args, context),
        Command::Build(args) => Box::pin(build::run(args, context)).await,
        Command::Diff(args) => Box::pin(diff::run(args, context)).await,
        Command::Deploy(args) => Box::pin(deploy::run(args, context)).await,
        Command::Rollback(args) => Box::pin(rollback::run(args, context)).await,
        Command::Destroy(args) => Box::pin(destroy::run(args, context)).await,
        Command::Unlock(args) => Box::pin(unlock::run(args, context)).await,
        Command::History(args) => Box::pin(history::run(args, context)).await,
        Command::Ledger(args) => Box::pin(ledger::run(args, context)).await,
        Command::Doctor(args) => Box::pin(doctor::run(args, context)).await,
        Command::Outputs(args) => Box::pin(outputs::run(args, context)).await,
        Command::Verify(args) => Box::pin(verify::run(args, context)).await,
        Command::Users(args) => Box::pin(users::run(args, context)).await,
        Command::User(args) => Box::pin(user::run(args, context)).await,
        Command::Repair(args) => Box::pin(repair::run(args, context)).await,
        Command::Secret(args) => Box::pin(secret::run(args, context)).await,
        Command::Local(args) => Box::pin(local::run(args, context)).await,
        Command::Synth(args) => synth::run(args, context),
        Command::Upgrade(args) => Box::pin(upgrade::run(args, context)).await,
        Command::Schema(args) => schema::run(args, context),
        Command::Completions(args) => completions::run(args, context),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
