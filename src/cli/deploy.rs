//! `saasauth deploy`

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};

use super::context::{Context, by_function, digests};
use super::revision::revision;
use super::turn::{self, Attempt, TurnOptions};
use crate::aws::Aws;
use crate::aws::ledger::Revision;
use crate::engine::direct::{self, Cause, Found, Loss, Outcome, Turn};
use crate::engine::event::Event;
use crate::engine::outputs::Outputs;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::plan::{self, Action, Permissions, Plan};
use saasauth_model::project::stage::{Engine, Stage, Target};
use saasauth_model::resource::Kind;
use saasauth_model::topology;

/// Build the triggers, show the plan, and carry it out
#[derive(Debug, Args)]
pub(super) struct DeployArgs {
    /// Don't ask before carrying the plan out
    #[arg(long, short)]
    yes: bool,
    /// When something fails, take back what this deploy changed; as a protected stage does anyway
    #[arg(long, overrides_with = "no_rollback")]
    rollback: bool,
    /// When something fails, leave what was done, to go on from there
    #[arg(long)]
    no_rollback: bool,
    /// Change nothing, and take what others changed for what was deployed
    #[arg(long, conflicts_with_all = ["rollback", "no_rollback", "allow_replace", "allow_delete"])]
    refresh_only: bool,
    #[command(flatten)]
    options: PlanOptions,
    #[command(flatten)]
    turn: TurnOptions,
}

/// What decides the plan, for `diff` and `deploy` alike.
#[derive(Debug, Args)]
pub(super) struct PlanOptions {
    /// Use the packages of the last build
    #[arg(long)]
    no_build: bool,
    #[command(flatten)]
    allowances: Allowances,
}

/// What is allowed beyond the ordinary.
#[derive(Debug, Args)]
pub(super) struct Allowances {
    /// Allow this resource to be replaced; may be repeated
    #[arg(long, value_name = "ID")]
    allow_replace: Vec<String>,
    /// Allow this resource to be deleted although people depend on it; may be repeated
    #[arg(long, value_name = "ID")]
    allow_delete: Vec<String>,
}

/// A plan, and what carrying it out takes.
pub(super) struct Prepared {
    pub(super) stage: Stage,
    pub(super) aws: Aws,
    pub(super) found: Found,
    pub(super) plan: Plan,
    /// Deletions that hit people, and that nobody has allowed.
    pub(super) losses: Vec<Loss>,
    /// Of the project's files.
    pub(super) revision: Option<Revision>,
}

/// Builds, connects, reads what is there, and plans.
pub(super) async fn prepare(context: &Context, options: &PlanOptions) -> Result<Prepared> {
    let (project, stage) = context.stage()?;
    check_engine(&stage)?;
    for warning in &project.warnings {
        context.ui.warning(warning);
    }
    let looking = context.look(async |events| {
        let packages = async {
            if options.no_build {
                context.last_packages(&project, &stage)
            } else {
                context.packages(&project, &stage, events).await
            }
        };
        let connection = async {
            let aws = context.connect(&project, &stage, events).await?;
            let first = direct::look_around(&aws, &stage).await?;
            Ok((aws, first))
        };
        let revision = async { Ok(revision(&project.directory).await) };
        let (packages, (aws, first), revision) = tokio::try_join!(packages, connection, revision)?;
        events(Event::Phase("reading what is deployed".to_owned()));
        let found = direct::observe(&aws, &stage, &digests(&packages), first).await?;
        Ok((packages, aws, found, revision))
    });
    let (packages, aws, found, revision) = looking.await?;
    let aws = aws.with_packages(by_function(packages));
    let read = Read {
        stage,
        aws,
        found,
        revision,
    };
    plan(context, read, &options.allowances, false).await
}

/// What a plan is made of.
pub(super) struct Read {
    pub(super) stage: Stage,
    pub(super) aws: Aws,
    pub(super) found: Found,
    pub(super) revision: Option<Revision>,
}

/// Plans how to get from what was found to what should be there: what the project file says, or, going `back`, what once was.
pub(super) async fn plan(
    context: &Context,
    read: Read,
    allowances: &Allowances,
    back: bool,
) -> Result<Prepared> {
    let Read {
        stage,
        aws,
        mut found,
        revision,
    } = read;
    let permissions = Permissions {
        replace: allowances
            .allow_replace
            .iter()
            .cloned()
            .collect::<BTreeSet<_>>(),
        discard: BTreeSet::new(),
        protected: stage.protect,
        back,
    };
    check_names(&permissions, &found)?;
    let observed = std::mem::take(&mut found.observed);
    found.observed.live.clone_from(&observed.live);
    let mut gone = plan::gone(&found.topology, &observed.recorded);
    let is_guarded = |loss: &Loss| !allowances.allow_delete.contains(&loss.id);
    let mut plan = match plan::plan(&found.topology, stage.engine, observed, &permissions) {
        Ok(plan) => plan,
        // Whoever mends one refusal wants to know of the next.
        Err(mut error) => {
            let mut losses = direct::say_whom_it_hits(&aws, &mut gone).await?;
            losses.retain(is_guarded);
            error.others.extend(losses.iter().map(refusal));
            // What once was stands in no file any more.
            if !back {
                error.locate(|id, path| topology::place_of(&stage, id, path));
            }
            return Err(error);
        }
    };
    plan.drift.clone_from(&found.drift);
    let mut losses = direct::say_whom_it_hits(&aws, &mut plan.changes).await?;
    losses.retain(is_guarded);
    tell_idle(&allowances.allow_delete, &plan, context);
    Ok(Prepared {
        stage,
        aws,
        found,
        plan,
        losses,
        revision,
    })
}

/// A provider whose secret is not set would fail in the middle of the deploy, with half of it standing.
fn check_secrets(stage: &Stage, found: &Found, plan: &Plan) -> Result<()> {
    let written = plan.changes.iter().any(|change| {
        change.kind == Kind::UserPoolIdentityProvider && change.action != Action::Delete
    });
    let needed = stage.sign_in.secrets();
    let mut unset = found.unset_secrets.iter();
    match unset.find(|name| needed.contains(name.as_str())) {
        Some(name) if written => Err(Error::refused(format!(
            "refused to deploy without the secret `{name}` of an identity provider"
        ))
        .with_hint(format!(
            "set it: `saasauth secret set {name} --stage {}`",
            stage.name
        ))),
        _ => Ok(()),
    }
}

pub(super) async fn run(args: DeployArgs, context: &Context) -> Result<ExitCode> {
    let began = Instant::now();
    if args.refresh_only {
        return refresh(&args, context, began).await;
    }
    let attempt = async |patience| {
        let prepared = prepare(context, &args.options).await?;
        let Prepared {
            stage,
            aws,
            found,
            plan,
            ..
        } = &prepared;
        check_secrets(stage, found, plan)?;
        if !plan.is_empty() {
            if turn::turn(context, aws, found, patience).await? == Turn::After {
                return Ok(Attempt::After);
            }
            approve(args.yes, context, &prepared).await?;
        }
        let cause = Cause {
            command: "deploy",
            to: None,
            undo: !args.no_rollback && (args.rollback || stage.protect),
            revision: prepared.revision.clone(),
        };
        let outcome = context.carry_out(aws, found, plan, cause).await?;
        Ok(Attempt::Done((prepared, outcome)))
    };
    let (prepared, outcome) = turn::in_turn(args.turn, attempt).await?;
    report(context, prepared, &outcome, "Deployed", began).await
}

/// Takes what others changed for what was deployed.
async fn refresh(args: &DeployArgs, context: &Context, began: Instant) -> Result<ExitCode> {
    let attempt = async |patience| {
        let prepared = prepare(context, &args.options).await?;
        let Prepared {
            stage, aws, found, ..
        } = &prepared;
        if found.drift.is_empty() {
            return Ok(Attempt::Done(prepared));
        }
        if turn::turn(context, aws, found, patience).await? == Turn::After {
            return Ok(Attempt::After);
        }
        context.ui.drift(&found.drift);
        if !args.yes && stage.target != Target::Local {
            let question = format!("Take this for what stage `{}` was deployed as?", stage.name);
            let refusal = "nothing was noted";
            context
                .agreed(refusal, move |ui| ui.confirm(&question))
                .await?;
        }
        let revision = prepared.revision.clone();
        context
            .look(async |events| direct::accept_drift(aws, found, revision, events).await)
            .await?;
        Ok(Attempt::Done(prepared))
    };
    let prepared = turn::in_turn(args.turn, attempt).await?;
    let drift = &prepared.found.drift;
    if context.global.json {
        let mut document = drift_document(&prepared.plan)?;
        add_cost(context, &mut document, began);
        context.ui.json(&document)?;
    } else if drift.is_empty() {
        context
            .ui
            .success("nobody changed anything since the last deploy");
    } else {
        context.ui.success(&format!(
            "what others changed is taken for what stage `{}` was deployed as, in {} of its resources",
            prepared.stage.name,
            drift.len()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows what came of a deploy or a rollback.
pub(super) async fn report(
    context: &Context,
    prepared: Prepared,
    outcome: &Outcome,
    done: &str,
    began: Instant,
) -> Result<ExitCode> {
    let Prepared {
        stage,
        aws,
        found,
        plan,
        ..
    } = prepared;
    let outputs = Outputs::of(
        &stage,
        &outcome.records,
        &found.caller.account,
        &found.caller.partition,
        aws.endpoint_url(),
    );
    let outputs = Outputs {
        hosted_ui_target: direct::domain_target(&aws, &outcome.records).await?,
        ..outputs
    };
    if context.global.json {
        let document = done_document(context, &plan, Some(&outputs), began)?;
        context.ui.json(&document)?;
    } else {
        context.ui.summary(
            &format!("{done} {}", stage.name),
            &plan.summary(),
            began.elapsed(),
        );
        for note in plan.notes.iter().filter(|_| plan.is_empty()) {
            context.ui.note(&format!("note: {note}"));
        }
        context.ui.outputs(&outputs.pairs())?;
        if let (Some(target), Some(hosted_ui)) = (&outputs.hosted_ui_target, &stage.hosted_ui) {
            context.ui.hint(&format!(
                "the DNS record of `{}` has to point to `{target}`: an alias, or a CNAME",
                hosted_ui.name()
            ));
        }
        if let Some(identity) = &found.topology.unverified_sender {
            show_verification(context, &aws, identity).await?;
        }
        if stage.target == Target::Local && context.endpoint_url().is_none() {
            context
                .ui
                .hint("the AWS CLI and SDKs get in with `saasauth local credentials`");
        }
        context.ui.hint(&format!(
            "try it as a user would: `saasauth verify --stage {}`",
            stage.name
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what SES waits for before mail can be sent as this identity.
async fn show_verification(context: &Context, aws: &Aws, identity: &str) -> Result<()> {
    let state = aws.identity_state(identity).await.map_err(|fault| {
        fault.while_doing(format!("could not read the SES identity `{identity}`"))
    })?;
    let Some(state) = state.filter(|state| !state.verified) else {
        return Ok(());
    };
    if identity.contains('@') {
        context.ui.hint(&format!(
            "SES sent `{identity}` a link; open it, then deploy again to send from there"
        ));
        return Ok(());
    }
    context.ui.hint(&format!(
        "add these DNS records so that SES can verify `{identity}`, then deploy again to send from there"
    ));
    for (name, value) in state.dkim_records {
        context.ui.note(&format!("  {name}  CNAME  {value}"));
    }
    Ok(())
}

/// Has the plan agreed to, and what it takes from people.
pub(super) async fn approve(yes: bool, context: &Context, prepared: &Prepared) -> Result<()> {
    let Prepared {
        stage,
        plan,
        losses,
        ..
    } = prepared;
    let is_asked = !yes && stage.target != Target::Local && context.ui.can_ask();
    if !losses.is_empty() {
        if !is_asked {
            context.ui.plan(plan);
            let mut refused = Error::together(losses.iter().map(refusal));
            if let Some(error) = &mut refused {
                error.locate(|id, path| topology::place_of(stage, id, path));
            }
            return refused.map_or(Ok(()), Err);
        }
        context.ui.plan_to_approve(plan);
        for Loss { id, whom, .. } in losses {
            context.ui.warn(&format!("deleting `{id}`: {whom}"));
        }
        let question = format!("Carry this out on stage `{}`?", stage.name);
        let name = stage.name.clone();
        return context
            .agreed("nothing was changed", move |ui| {
                ui.type_name(&question, &name)
            })
            .await;
    }
    if yes || stage.target == Target::Local {
        context.ui.plan(plan);
        return Ok(());
    }
    context.ui.plan_to_approve(plan);
    let question = format!("Carry this out on stage `{}`?", stage.name);
    context
        .agreed("nothing was changed", move |ui| ui.confirm(&question))
        .await
}

fn refusal(Loss { id, whom, hint }: &Loss) -> Error {
    let error = Error::refused(format!("refused to delete `{id}`"))
        .with_cause(whom)
        .with_hint(format!("to accept that, add `--allow-delete {id}`"))
        .about(id, "");
    match hint {
        Some(hint) => error.with_hint(*hint),
        None => error,
    }
}

/// The plan as the contract writes it.
pub(super) fn plan_document(plan: &Plan) -> Result<Value> {
    let mut document = json!({
        "stage": plan.stage,
        "engine": plan.engine,
        "changes": to_value(&plan.changes)?,
        "summary": plan.summary(),
    });
    if !plan.drift.is_empty() {
        document["drift"] = to_value(&plan.drift)?;
    }
    Ok(document)
}

/// What others changed, in the same shape.
pub(super) fn drift_document(plan: &Plan) -> Result<Value> {
    Ok(json!({
        "stage": plan.stage,
        "engine": plan.engine,
        "drift": to_value(&plan.drift)?,
    }))
}

/// The plan once it is carried out, with what there is now and what that took.
pub(super) fn done_document(
    context: &Context,
    plan: &Plan,
    outputs: Option<&Outputs>,
    began: Instant,
) -> Result<Value> {
    let mut document = plan_document(plan)?;
    if let Some(outputs) = outputs {
        document["outputs"] = to_value(outputs)?;
    }
    add_cost(context, &mut document, began);
    Ok(document)
}

/// Adds what it took: the requests sent to AWS, and the seconds.
fn add_cost(context: &Context, document: &mut Value, began: Instant) {
    document["calls"] = json!(context.calls.list().len());
    document["seconds"] = json!((began.elapsed().as_secs_f64() * 1000.0).round() / 1000.0);
}

pub(super) fn to_value(value: &impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value)
        .map_err(|error| Error::new(ErrorKind::System, "could not write JSON").with_source(&error))
}

pub(super) fn check_engine(stage: &Stage) -> Result<()> {
    match stage.engine {
        Engine::Direct => Ok(()),
        Engine::CloudFormation => Err(Error::refused(format!(
            "stage `{}` wants the engine `cloudformation`, which can't deploy yet",
            stage.name
        ))
        .with_hint(format!(
            "set `engine: direct`, or deploy the template of `saasauth synth --stage {}` yourself",
            stage.name
        ))),
    }
}

/// Says which allowances are for nothing: a slip of the pen, or a pipeline's from a deploy before.
fn tell_idle(allowed: &[String], plan: &Plan, context: &Context) {
    let is_deleted = |id: &&String| {
        let mut changes = plan.changes.iter();
        changes.any(|change| change.action == Action::Delete && change.logical_id == **id)
    };
    for id in allowed.iter().filter(|id| !is_deleted(id)) {
        context.ui.warn(&format!(
            "`--allow-delete {id}` names nothing that is deleted"
        ));
    }
}

fn check_names(permissions: &Permissions, found: &Found) -> Result<()> {
    let unknown = permissions
        .replace
        .iter()
        .find(|id| !found.topology.resources.contains_key(*id));
    let Some(unknown) = unknown else {
        return Ok(());
    };
    let nearest = found.topology.resources.keys().max_by(|left, right| {
        strsim::jaro_winkler(left, unknown).total_cmp(&strsim::jaro_winkler(right, unknown))
    });
    let error = Error::new(
        ErrorKind::Usage,
        format!("`--allow-replace {unknown}` names no resource"),
    );
    Err(match nearest {
        Some(nearest) => error.with_hint(format!("did you mean `{nearest}`?")),
        None => error,
    })
}
