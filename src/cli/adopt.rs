//! `saasauth adopt`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::init;
use crate::adopt::{self, Draft, Place, There};
use crate::aws::{Aws, StackResource};
use crate::engine::direct::{self, Found};
use crate::engine::event::Event;
use crate::scaffold;
use saasauth_contract::keys::PARTITION_KEY;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::plan::{self, Action, Change, Permissions, adopted};
use saasauth_model::project::{FILE_NAME, Project};
use saasauth_model::resource::{Kind, Live};

/// Write the project file of a user pool that is there already, for a deploy that takes it over as it is
///
/// AWS is read and nothing in it changed. The file says what the pool is; what that can't say is listed in it as staying as
/// it was found. `saasauth diff` then shows additions alone, and `saasauth deploy` makes them.
#[derive(Debug, Args)]
pub(super) struct AdoptArgs {
    /// The folder for the file; made when missing
    #[arg(default_value = ".")]
    directory: PathBuf,
    /// The ID of the user pool
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "stack",
        conflicts_with = "stack"
    )]
    pool: Option<String>,
    /// A CloudFormation stack with the user pool; says what the stack has to let go of first
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
    /// A table with a key like the Permissions table's, to be it
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// The project's name; by default the folder's, made legal
    #[arg(long)]
    name: Option<String>,
}

pub(super) async fn run(args: AdoptArgs, context: &Context) -> Result<ExitCode> {
    let file = args.directory.join(FILE_NAME);
    if file.symlink_metadata().is_ok() {
        let shown = file.display();
        return Err(Error::refused(format!("refused to overwrite `{shown}`"))
            .with_hint("choose another folder: `saasauth adopt DIR …`"));
    }
    let triggers = stand_in()?;
    let place = Place {
        project: init::project_name(args.name.clone(), &args.directory)?,
        stage: context.stage_name().to_owned(),
        region: region(&args, context)?,
        directory: args.directory.clone(),
        triggers: triggers.path().to_owned(),
    };
    let bare = place.bare()?;
    let adopted = context
        .look(async |events| {
            let stage = bare.stage(&place.stage)?;
            let aws = context.connect(&bare, stage, events).await?;
            events(Event::Phase("reading what is there".to_owned()));
            draft(&aws, &args, &place).await
        })
        .await?;
    let files = scaffold::write_around(&args.directory, adopted.text.clone())?;
    report(context, &place, &adopted, &files)
}

/// What came of reading.
struct Drafted {
    text: String,
    pool: String,
    kept: BTreeMap<String, Vec<String>>,
    left: Vec<String>,
    additions: usize,
    warnings: Vec<Error>,
    /// What a stack has to let go of, and whether it would.
    releases: Vec<StackResource>,
}

/// A folder with crates of the triggers, which the rules look for.
fn stand_in() -> Result<tempfile::TempDir> {
    let failed = |error: std::io::Error| Error::io("could not make a folder for a draft", &error);
    let folder = tempfile::tempdir().map_err(failed)?;
    for name in ["confirm-user", "generate-token"] {
        let own = folder.path().join(name);
        std::fs::create_dir(&own).map_err(failed)?;
        std::fs::write(own.join("Cargo.toml"), "").map_err(failed)?;
    }
    Ok(folder)
}

/// A pool's ID says its region.
fn region(args: &AdoptArgs, context: &Context) -> Result<String> {
    let of_pool = args.pool.as_deref().and_then(|id| id.rsplit_once('_'));
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let region = of_pool
        .map(|(region, _)| region.to_owned())
        .or_else(|| context.global.region.clone())
        .or_else(|| set("AWS_REGION"))
        .or_else(|| set("AWS_DEFAULT_REGION"));
    region.ok_or_else(|| match &args.pool {
        Some(pool) => Error::new(
            ErrorKind::Usage,
            format!("`{pool}` is no ID of a user pool"),
        )
        .with_hint("it reads like `eu-west-1_Ab12Cd34E`"),
        None => Error::new(
            ErrorKind::Usage,
            "which region the stack is in is not known",
        )
        .with_hint("say it with `--region`"),
    })
}

const DOING: &str = "could not read what is to be taken over";

async fn draft(aws: &Aws, args: &AdoptArgs, place: &Place) -> Result<Drafted> {
    let doing = |fault: crate::aws::Fault| fault.while_doing(DOING);
    let resources = match &args.stack {
        Some(stack) => of_stack(aws, stack).await?,
        None => Vec::new(),
    };
    let id = match &args.pool {
        Some(pool) => pool.clone(),
        None => pool_of(&resources, args.stack.as_deref().unwrap_or_default())?,
    };
    let whole = aws.whole_user_pool(&id).await.map_err(doing)?;
    let whole = whole.ok_or_else(|| adopt::not_there(&id, place))?;
    let table = match &args.table {
        Some(name) => Some(aws.read_table(name).await.map_err(doing)?.ok_or_else(|| {
            Error::new(
                ErrorKind::Aws,
                format!("there is no table `{name}` in `{}`", place.region),
            )
        })?),
        None => None,
    };
    if let Some(table) = &table {
        check_key(table)?;
    }
    let there = There {
        pool: &whole,
        table: table.as_ref(),
    };
    let mut draft = Draft::of(place, &there)?;
    let project = draft.project()?;
    let found = observe(aws, &project, place).await?;
    let differing = adopted::differing(&found.topology, &found.observed);
    draft.keep(&differing, &found.observed.live);

    // What a deploy would do, planned by what plans deploys.
    let project = draft.project()?;
    let mut found = observe(aws, &project, place).await?;
    let stage = project.stage(&place.stage)?;
    let observed = std::mem::take(&mut found.observed);
    let permissions = Permissions::default();
    let plan = plan::plan(&found.topology, stage.engine, observed, &permissions)?;
    if let Some(change) = plan.changes.iter().find(|change| !is_addition(change)) {
        let what = change.properties.iter().find(|one| one.before.is_some());
        let what = what.map_or(String::new(), |one| format!(", `{}`", one.path));
        return Err(Error::refused(format!(
            "refused to write a file that would change `{}`{what}",
            change.logical_id
        ))
        .with_hint(
            "this is a fault of saasauth; please report it with what `saasauth adopt -v` says",
        ));
    }
    let mut warnings = warnings(&draft, &whole.stack, args);
    warnings.extend(project.warnings.iter().cloned());
    Ok(Drafted {
        text: draft.text(),
        pool: id,
        kept: owned(draft.kept()),
        left: draft.left(),
        additions: plan.summary().create,
        warnings,
        releases: resources,
    })
}

fn owned(kept: BTreeMap<&str, Vec<&str>>) -> BTreeMap<String, Vec<String>> {
    let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
    let kept = kept.into_iter();
    kept.map(|(id, kept)| (id.to_owned(), names(kept)))
        .collect()
}

async fn observe(aws: &Aws, project: &Project, place: &Place) -> Result<Found> {
    let stage = project.stage(&place.stage)?;
    let first = direct::look_around(aws, stage).await?;
    direct::observe(aws, stage, &BTreeMap::new(), first).await
}

fn is_addition(change: &Change) -> bool {
    match change.action {
        Action::Create => true,
        Action::Update => change.properties.iter().all(|one| one.before.is_none()),
        Action::Replace | Action::Delete => false,
    }
}

/// The triggers find a record by this key and no other.
fn check_key(table: &Live) -> Result<()> {
    let own = json!([{ "AttributeName": PARTITION_KEY, "KeyType": "HASH" }]);
    let found = &table.properties["KeySchema"];
    let kind = table.properties["AttributeDefinitions"].as_array();
    let kind = kind.into_iter().flatten();
    let is_text = kind
        .filter(|one| one["AttributeName"] == PARTITION_KEY)
        .all(|one| one["AttributeType"] == "S");
    if *found == own && is_text {
        return Ok(());
    }
    Err(Error::refused(format!(
        "refused to take over the table `{}`: its key is another one",
        table.physical_id
    ))
    .with_cause(format!("it is {found}, and the triggers need {own}, a string"))
    .with_hint(
        "leave `--table` out: a table is made beside it, and each user's record at the next sign-in",
    ))
}

async fn of_stack(aws: &Aws, stack: &str) -> Result<Vec<StackResource>> {
    let resources = aws.stack_resources(stack).await;
    let resources = resources.map_err(|fault| fault.while_doing(DOING))?;
    let resources = resources.ok_or_else(|| {
        Error::new(ErrorKind::Aws, format!("there is no stack `{stack}`"))
            .with_hint("check its name, the region and the credentials")
    })?;
    // What a deploy would come to own.
    let ours = resources.into_iter().filter(|one| {
        one.type_name.starts_with("AWS::Cognito::UserPool") && Kind::of(&one.type_name).is_some()
    });
    Ok(ours.collect())
}

fn pool_of(resources: &[StackResource], stack: &str) -> Result<String> {
    let pools: Vec<&StackResource> = resources
        .iter()
        .filter(|one| one.type_name == Kind::UserPool.type_name())
        .collect();
    match pools.as_slice() {
        [pool] => Ok(pool.physical_id.clone()),
        [] => Err(Error::new(
            ErrorKind::Aws,
            format!("the stack `{stack}` has no user pool"),
        )
        .with_hint("a nested stack has a name of its own: `aws cloudformation list-stacks`")),
        several => {
            let ids = several.iter().map(|one| format!("`{}`", one.physical_id));
            Err(Error::new(
                ErrorKind::Aws,
                format!("the stack `{stack}` has {} user pools", several.len()),
            )
            .with_cause(ids.collect::<Vec<_>>().join(", "))
            .with_hint("name one: `--pool ID`"))
        }
    }
}

fn warnings(draft: &Draft<'_>, stack: &Option<String>, args: &AdoptArgs) -> Vec<Error> {
    let warn =
        |message: String, hint: &str| Error::new(ErrorKind::Project, message).with_hint(hint);
    let mut warnings = Vec::new();
    if draft.is_lite() {
        warnings.push(warn(
            "the pool has the feature plan Lite, whose access tokens carry no claims: generateToken will not run".to_owned(),
            "take `UserPoolTier` and `LambdaConfig.PreTokenGenerationConfig` out of `keep` to move to Essentials, which costs more",
        ));
    }
    if draft.is_unprotected() {
        warnings.push(warn(
            "the pool is not protected from being deleted".to_owned(),
            "take `DeletionProtection` out of `keep` to have it protected",
        ));
    }
    for trigger in draft.triggers_of_others() {
        let ours = if trigger == "PostConfirmation" {
            "confirmUser"
        } else {
            "generateToken"
        };
        warnings.push(warn(
            format!("the pool's own {trigger} function stays, so {ours} will not run"),
            "call yours from its hooks, then take this line out of `keep`",
        ));
    }
    if let (Some(stack), None) = (stack, &args.stack) {
        warnings.push(warn(
            format!("the pool belongs to the CloudFormation stack `{}`", stack.escape_debug()),
            "two that deploy one pool undo each other's work: `saasauth adopt --stack NAME` says what to release first",
        ));
    }
    warnings
}

fn report(context: &Context, place: &Place, done: &Drafted, files: &[PathBuf]) -> Result<ExitCode> {
    for warning in &done.warnings {
        context.ui.warning(warning);
    }
    if context.global.json {
        let releases: Vec<_> = done
            .releases
            .iter()
            .map(|one| {
                json!({
                    "logical_id": one.logical_id,
                    "type": one.type_name,
                    "physical_id": one.physical_id,
                    "retained": one.is_retained,
                })
            })
            .collect();
        context.ui.json(&json!({
            "project": place.project,
            "stage": place.stage,
            "user_pool_id": done.pool,
            "directory": place.directory,
            "files": files,
            "kept": done.kept,
            "left": done.left,
            "additions": done.additions,
            "release": releases,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let ui = &context.ui;
    ui.success(&format!(
        "wrote `{}` for user pool `{}`: a deploy makes {} resources in it and beside it, and changes nothing of what is there",
        place.directory.join(FILE_NAME).display(),
        done.pool,
        done.additions
    ));
    for (id, names) in &done.kept {
        ui.note(&format!("stays as it is: {id}: {}", names.join(", ")));
    }
    for one in &done.left {
        ui.note(&format!("not in the file, and left alone: {one}"));
    }
    if !done.releases.is_empty() {
        let going = done
            .releases
            .iter()
            .filter(|one| one.is_retained != Some(true));
        let going: Vec<String> = going.map(|one| format!("`{}`", one.logical_id)).collect();
        if !going.is_empty() {
            ui.note(&format!(
                "before the first deploy, set `DeletionPolicy: Retain` on {} in the stack's template and update the stack",
                going.join(", ")
            ));
        }
        let all = done
            .releases
            .iter()
            .map(|one| format!("`{}`", one.logical_id));
        ui.note(&format!(
            "then take {} out of the template and update the stack again: they stay, and are the stack's no longer",
            all.collect::<Vec<_>>().join(", ")
        ));
    }
    let stage = &place.stage;
    ui.hint(&format!(
        "look at what a deploy adds: `saasauth diff --stage {stage}`"
    ));
    Ok(ExitCode::SUCCESS)
}
