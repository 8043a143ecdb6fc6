//! `saasauth doctor`

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::context::{Context, interruptible};
use crate::doctor::{self, Check, Status};
use crate::ui::Finding;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::project::Project;
use saasauth_model::project::stage::{Stage, Target};

/// Find out what is right and wrong around a deploy: tools, credentials, the account; only reads
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {}

pub(super) async fn run(_: DoctorArgs, context: &Context) -> Result<ExitCode> {
    let found = match context.stage() {
        Ok(found) => Ok(found),
        // A slip on the command line; what is wrong with the project is a finding.
        Err(error) if error.kind == ErrorKind::Usage => return Err(error),
        Err(error) => Err(error),
    };
    let examining = Box::pin(examine(context, found));
    let checks = interruptible(async { Ok(examining.await) }).await?;
    if context.global.json {
        context.ui.json(&json!({ "checks": checks }))?;
    } else {
        for check in &checks {
            let finding = match check.status {
                Status::Ok => Finding::Good,
                Status::Warning => Finding::Doubtful,
                Status::Problem => Finding::Bad,
            };
            let hint = check.hint.as_deref();
            context
                .ui
                .finding(finding, check.name, &check.detail, hint)?;
        }
    }
    Ok(match doctor::worst(&checks) {
        Status::Problem => ExitCode::FAILURE,
        Status::Ok | Status::Warning => ExitCode::SUCCESS,
    })
}

async fn examine(context: &Context, found: Result<(Project, Stage)>) -> Vec<Check> {
    let (project, stage) = match found {
        Ok(found) => found,
        Err(error) => {
            let mut checks = vec![project_error(&error)];
            checks.extend(doctor::machine(None).await);
            return checks;
        }
    };
    let file = project.path.display();
    let place = match *stage.target {
        Target::Aws => format!("AWS in {}", *stage.region),
        Target::Local => "this machine".to_owned(),
    };
    let detail = format!("`{file}` is right; stage `{}` is for {place}", stage.name);
    let mut checks = vec![Check::ok("project", detail)];
    checks.extend(doctor::machine(Some(&stage)).await);
    let endpoint_url = match (context.endpoint_url(), *stage.target) {
        (Some(url), _) => Some(url),
        (None, Target::Aws) => None,
        (None, Target::Local) => {
            let (check, endpoint_url) = doctor::local_cloud(&project.directory).await;
            checks.push(check);
            // It isn't started: that would be no reading.
            if endpoint_url.is_none() {
                return checks;
            }
            endpoint_url
        }
    };
    match context.settings(&project, &stage, endpoint_url) {
        Ok(settings) => checks.extend(doctor::account(&stage, &settings).await),
        Err(error) => checks.push(Check::of("local cloud", &error)),
    }
    checks
}

/// What is wrong with the project file, or that there is none.
fn project_error(error: &Error) -> Check {
    let check = Check::of("project", error);
    match check.hint {
        Some(_) => check,
        None => check.with_hint("see all of it with `saasauth check`"),
    }
}
