//! `saasauth destroy`

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;

use super::context::Context;
use super::deploy::done_document;
use super::revision::revision;
use super::turn::{self, Attempt, Patience, TurnOptions};
use crate::aws::Aws;
use crate::engine::direct::{self, Cause, Turn};
use crate::engine::event::Event;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::plan::{self, Plan};
use saasauth_model::project::Project;
use saasauth_model::project::stage::{Stage, Target};
use saasauth_model::{resource, topology};

/// Delete everything of a stage that is ours, children first
#[derive(Debug, Args)]
pub(super) struct DestroyArgs {
    /// Don't ask; for a stage in AWS, --confirm is needed as well
    #[arg(long, short)]
    yes: bool,
    /// The stage's name once more, in place of typing it
    #[arg(long, value_name = "NAME", requires = "yes")]
    confirm: Option<String>,
    /// Keep the users and the tables
    ///
    /// The user pool stays with its clients, groups, providers and domain, and with the sender and the role that it
    /// sends mail and text messages through; so do the tables, and the queue of what Lambda gave
    /// up. It lets go of its triggers, which are deleted: people go on signing in, with tokens that hold no roles, until
    /// the next deploy brings the triggers back.
    #[arg(long)]
    keep_data: bool,
    #[command(flatten)]
    turn: TurnOptions,
}

pub(super) async fn run(args: DestroyArgs, context: &Context) -> Result<ExitCode> {
    let began = Instant::now();
    let attempt = async |patience| destroy(&args, context, patience).await;
    let (stage, plan) = turn::in_turn(args.turn, attempt).await?;
    if context.global.json {
        context
            .ui
            .json(&done_document(context, &plan, None, began)?)?;
    } else if plan.is_empty() && args.keep_data && !plan.unchanged.is_empty() {
        context.ui.success(&format!(
            "nothing but the data of `{}` is there",
            stage.name
        ));
    } else if plan.is_empty() {
        context
            .ui
            .success(&format!("nothing of stage `{}` is there", stage.name));
    } else {
        context.ui.summary(
            &format!("Destroyed {}", stage.name),
            &plan.summary(),
            began.elapsed(),
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Plans, asks and deletes.
async fn destroy(
    args: &DestroyArgs,
    context: &Context,
    patience: Patience,
) -> Result<Attempt<(Stage, Plan)>> {
    let (project, stage) = context.stage()?;
    if stage.protect {
        return Err(
            Error::refused(format!("refused to destroy stage `{}`", stage.name))
                .with_cause("it has `protect: true`")
                .with_hint("set `protect: false` for the stage in the project file first"),
        );
    }
    let (aws, found, recorded, sharer) = context
        .look(async |events| {
            let aws = context.connect(&project, &stage, events).await?;
            events(Event::Phase("reading what is deployed".to_owned()));
            let found = direct::observe_owned(&aws, &stage).await?;
            let recorded = direct::complete(&aws, &found);
            let sharer = if recorded.contains_key(topology::EMAIL_IDENTITY) {
                sharer(&aws, &project, &stage).await?
            } else {
                None
            };
            Ok((aws, found, recorded, sharer))
        })
        .await?;

    let mut kept = Vec::new();
    let data = if args.keep_data {
        Some(direct::kept(&aws, &found, &recorded).await?)
    } else {
        None
    };
    if let (Some(other), Some(email)) = (&sharer, &stage.email) {
        kept.push(resource::Kind::EmailIdentity);
        context.ui.note(&format!(
            "the SES identity `{}` stays: stage `{other}` sends from it",
            email.identity
        ));
    }
    let stays = |id: &String| data.as_ref().is_some_and(|data| data.ids.contains(id));
    let recorded = recorded
        .iter()
        .filter(|(id, _)| !stays(id))
        .map(|(id, record)| (id.clone(), record.into()))
        .collect();
    let mut plan = plan::destroy(&stage.name, stage.engine, recorded, &kept)?;
    if let Some(data) = data {
        data.add_to(&mut plan, &found.topology);
    }
    if !plan.is_empty() {
        if turn::turn(context, &aws, &found, patience).await? == Turn::After {
            return Ok(Attempt::After);
        }
        approve(args, context, &aws, &stage, &plan).await?;
    }
    let cause = Cause {
        command: "destroy",
        to: None,
        undo: false,
        revision: revision(&project.directory).await,
    };
    context.carry_out(&aws, &found, &plan, cause).await?;
    Ok(Attempt::Done((stage, plan)))
}

/// Another stage of the project file that is deployed beside this one and sends from its SES identity.
async fn sharer(aws: &Aws, project: &Project, stage: &Stage) -> Result<Option<String>> {
    let Some(identity) = identity_of(stage) else {
        return Ok(None);
    };
    // Of two accounts none sees the other's identities.
    let beside = project.stages().filter(|other| {
        other.name != stage.name
            && other.target == stage.target
            && other.region == stage.region
            && (other.account.is_none()
                || stage.account.is_none()
                || other.account == stage.account)
            && identity_of(other) == Some(identity)
    });
    for other in beside {
        let deployed = aws.is_deployed(&other.name).await.map_err(|fault| {
            fault.while_doing(format!("could not see whether `{}` is there", other.name))
        })?;
        if deployed {
            return Ok(Some(other.name.clone()));
        }
    }
    Ok(None)
}

fn identity_of(stage: &Stage) -> Option<&str> {
    stage.email.as_ref().map(|email| email.identity.as_str())
}

/// Shows what would be lost and has the stage's name typed.
async fn approve(
    args: &DestroyArgs,
    context: &Context,
    aws: &Aws,
    stage: &Stage,
    plan: &Plan,
) -> Result<()> {
    if let Some(confirm) = args.confirm.as_ref().filter(|name| **name != stage.name) {
        return Err(Error::new(
            ErrorKind::Usage,
            format!("`--confirm {confirm}` is not the stage's name"),
        )
        .with_hint(format!("to destroy it, `--yes --confirm {}`", stage.name)));
    }
    if stage.target == Target::Local {
        context.ui.plan(plan);
        return Ok(());
    }
    context.ui.plan_to_approve(plan);
    let losses = losses(aws, plan).await?;
    if !losses.is_empty() {
        context
            .ui
            .warn(&format!("this deletes {}", losses.join(", ")));
    }
    if args.yes && args.confirm.is_some() {
        return Ok(());
    }
    let question = format!("Destroy stage `{}`, for good?", stage.name);
    let name = stage.name.clone();
    context
        .agreed("nothing was deleted", move |ui| {
            ui.type_name(&question, &name)
        })
        .await
}

/// What people would lose, counted.
async fn losses(aws: &Aws, plan: &Plan) -> Result<Vec<String>> {
    let mut losses = Vec::new();
    let deleted = plan.changes.iter();
    for change in deleted.filter(|change| change.kind.rules().holds_data) {
        let Some(physical_id) = &change.physical_id else {
            continue;
        };
        let doing = format!("could not count what is in `{physical_id}`");
        let counted = match change.kind {
            resource::Kind::UserPool => {
                let users = aws.user_count(physical_id).await;
                users.map(|users| users.map(|users| format!("{users} users")))
            }
            resource::Kind::Queue => {
                let name = physical_id.rsplit('/').next().unwrap_or(physical_id);
                let messages = aws.message_count(physical_id).await;
                messages.map(|messages| {
                    messages.map(|messages| format!("{messages} messages of `{name}`"))
                })
            }
            _ => {
                let items = aws.item_count(physical_id).await;
                items.map(|items| items.map(|items| format!("{items} items of `{physical_id}`")))
            }
        };
        losses.extend(counted.map_err(|fault| fault.while_doing(doing))?);
    }
    Ok(losses)
}
