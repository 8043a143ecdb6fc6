//! `saasauth user list`

use clap::Args;

use crate::cli::context::Context;
use crate::cli::deployed;
use crate::people::{self, Filter};
use saasauth_model::error::Result;
use saasauth_model::project::words;

/// List users, by email address
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only users with this role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Only users who belong to this domain
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
    /// How many at most
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(super) async fn run(args: ListArgs, context: &Context) -> Result<()> {
    let (project, stage) = context.stage()?;
    let roles = &stage.access.roles;
    if let Some(role) = args.role.as_ref().filter(|role| !roles.contains_key(*role)) {
        let hint = words::hint(role, roles.keys().map(|name| name.as_str()));
        context
            .ui
            .warn(&format!("the project file has no role `{role}`; {hint}"));
    }
    let deployed = deployed::open(context, &project, stage).await?;
    let filter = Filter {
        role: args.role,
        domain: args.domain,
        limit: usize::try_from(args.limit).unwrap_or(usize::MAX),
    };
    let listed = deployed::work(people::list(&deployed, &filter)).await?;
    if context.global.json {
        return context.ui.json(&listed.document(&deployed.stage));
    }
    context.ui.users(&listed, &deployed.stage)?;
    if listed.more {
        context.ui.hint(&format!(
            "there are more; see them with `--limit {}`",
            args.limit.saturating_mul(10)
        ));
    }
    Ok(())
}
