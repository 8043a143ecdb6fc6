//! `saasauth user grant`, `revoke`, `block` and `unblock`

use clap::{ArgGroup, Args};

use super::WhoArgs;
use crate::cli::context::Context;
use crate::cli::deployed;
use crate::people::{Change, Changed, DeployedStage, longest_token, role_of};
use saasauth_model::error::Result;
use saasauth_model::project::Project;
use saasauth_model::project::stage::Stage;

/// What `grant` and `revoke` have in common.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").args(["role", "permissions", "domain"]).required(true).multiple(true))]
pub(super) struct ChangeArgs {
    #[command(flatten)]
    who: WhoArgs,
    /// A role of the project file
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// A permission beyond the role's, such as projects:read; may be repeated
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
    /// A domain of the project file
    #[arg(long, value_name = "DOMAIN")]
    domain: Option<String>,
}

/// Give a user a role, permissions or a domain; in effect with the next token
#[derive(Debug, Args)]
pub(super) struct GrantArgs {
    #[command(flatten)]
    change: ChangeArgs,
    /// The role in the domain; by default what the project file says
    #[arg(long, value_name = "ROLE", requires = "domain")]
    domain_role: Option<String>,
}

pub(super) async fn grant(args: GrantArgs, context: &Context) -> Result<()> {
    let (project, stage) = context.stage()?;
    let ChangeArgs {
        who,
        role,
        permissions,
        domain,
    } = args.change;
    let change = Change::grant(
        &stage,
        role,
        permissions,
        domain.as_deref(),
        args.domain_role,
    )?;
    let (deployed, done) = carry_out(context, &project, stage, &who.who, &change).await?;

    let record = done.person.record(&deployed.stage);
    let role = role_of(&record, &deployed.stage);
    if !done.person.standing.roles.contains_key(role) {
        context.ui.warn(&format!(
            "role `{role}` is not deployed and permits nothing yet: run `saasauth deploy --stage {}`",
            deployed.stage.name
        ));
    }
    let name = done.person.name();
    let what = what(&change);
    show(
        context,
        &deployed.stage,
        &done,
        &format!("granted `{name}` {what}"),
        &format!("nothing to change: `{name}` has {what}"),
    )
}

pub(super) async fn revoke(args: ChangeArgs, context: &Context) -> Result<()> {
    let (project, stage) = context.stage()?;
    let ChangeArgs {
        who,
        role,
        permissions,
        domain,
    } = args;
    let change = Change::revoke(&stage, role, permissions, domain.as_deref())?;
    let (deployed, done) = carry_out(context, &project, stage, &who.who, &change).await?;

    let stage = &deployed.stage;
    let record = done.person.record(stage);
    let role = role_of(&record, stage);
    for permission in change.rights().into_iter().flat_map(|one| &one.permissions) {
        if let Some((by, own)) = done.person.holds(permission, stage) {
            let whose = if own {
                "the user's own".to_owned()
            } else {
                format!("role `{role}`, which has")
            };
            context.ui.warn(&format!(
                "`{permission}` is still permitted, by {whose} `{by}`"
            ));
        }
    }
    let name = done.person.name();
    let what = what(&change);
    show(
        context,
        stage,
        &done,
        &format!("took {what} from `{name}`"),
        &format!("nothing to change: `{name}` doesn't have {what}"),
    )?;
    // A role that came with the domain went with it; one that somebody gave stays.
    let left_domain = change.rights().is_some_and(|one| one.membership.is_some());
    if left_domain && done.changed && stage.access.default_role != role {
        context.ui.hint(&format!(
            "role `{role}` stays; take it with `saasauth user revoke {name} --role {role} --stage {}`",
            stage.name
        ));
    }
    Ok(())
}

pub(super) async fn block(who: &str, context: &Context) -> Result<()> {
    let (project, stage) = context.stage()?;
    let (deployed, done) = carry_out(context, &project, stage, who, &Change::Block).await?;
    let name = done.person.name();
    show(
        context,
        &deployed.stage,
        &done,
        &format!("blocked `{name}`: no more tokens, every session ended"),
        &format!("`{name}` was blocked before; every session ended"),
    )
}

pub(super) async fn unblock(who: &str, context: &Context) -> Result<()> {
    let (project, stage) = context.stage()?;
    let (deployed, done) = carry_out(context, &project, stage, who, &Change::Unblock).await?;
    let name = done.person.name();
    if context.global.json {
        return context.ui.json(&done.document(&deployed.stage));
    }
    if done.changed {
        context
            .ui
            .success(&format!("unblocked `{name}`, who can sign in again"));
    } else {
        context
            .ui
            .note(&format!("nothing to change: `{name}` is not blocked"));
    }
    Ok(())
}

async fn carry_out(
    context: &Context,
    project: &Project,
    stage: Stage,
    who: &str,
    change: &Change,
) -> Result<(DeployedStage, Changed)> {
    let deployed = deployed::open(context, project, stage).await?;
    let changed = deployed::work(change.carry_out(&deployed, who)).await?;
    Ok((deployed, changed))
}

fn what(change: &Change) -> String {
    change.rights().map(ToString::to_string).unwrap_or_default()
}

/// Says what was done, and when it shows.
fn show(
    context: &Context,
    stage: &Stage,
    done: &Changed,
    changed: &str,
    unchanged: &str,
) -> Result<()> {
    if context.global.json {
        return context.ui.json(&done.document(stage));
    }
    if done.changed {
        context.ui.success(changed);
        context.ui.note(&format!(
            "in effect with the next token; tokens already issued stay valid for up to {} minutes",
            longest_token(stage).div_ceil(60)
        ));
    } else {
        context.ui.note(unchanged);
    }
    Ok(())
}
