//! `saasauth user`

mod change;
mod list;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::change::{ChangeArgs, GrantArgs};
use self::list::ListArgs;
use super::context::Context;
use super::deployed;
use crate::people::Person;
use saasauth_model::error::Result;

/// The users of a stage: their roles, permissions and domains
#[derive(Debug, Args)]
pub(super) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    List(ListArgs),
    /// Show what is known of a user, and what the next token will say
    Show(WhoArgs),
    Grant(GrantArgs),
    /// Take a role, permissions or a domain from a user; in effect with the next token
    Revoke(ChangeArgs),
    /// Give a user no more tokens, and end every session
    Block(WhoArgs),
    /// Let a blocked user sign in again
    Unblock(WhoArgs),
}

#[derive(Debug, Args)]
struct WhoArgs {
    /// The email address, phone number or username, or the `sub` of the tokens
    who: String,
}

pub(super) async fn run(args: UserArgs, context: &Context) -> Result<ExitCode> {
    match args.command {
        UserCommand::List(args) => list::run(args, context).await?,
        UserCommand::Show(args) => show(&args.who, context).await?,
        UserCommand::Grant(args) => change::grant(args, context).await?,
        UserCommand::Revoke(args) => change::revoke(args, context).await?,
        UserCommand::Block(args) => change::block(&args.who, context).await?,
        UserCommand::Unblock(args) => change::unblock(&args.who, context).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(who: &str, context: &Context) -> Result<()> {
    let (project, stage) = context.stage()?;
    let deployed = deployed::open(context, &project, stage).await?;
    let person = deployed::work(Person::find(&deployed, who)).await?;
    if context.global.json {
        context.ui.json(&person.document(&deployed.stage))
    } else {
        context.ui.person(&person, &deployed.stage)
    }
}
