//! `saasauth verify`

use std::process::ExitCode;

use clap::Args;
use futures::FutureExt;
use serde_json::{Map, Value, json};

use super::context::{Context, interruptible};
use crate::engine::direct;
use crate::local;
use crate::verify::{Report, Step, Verification};
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::project::Project;

/// Sign a throwaway user up and in, and check the tokens
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {}

pub(super) async fn run(_: VerifyArgs, context: &Context) -> Result<ExitCode> {
    let (project, stage) = context.stage()?;
    let (aws, outputs, has_mailbox) = context
        .look(async |events| {
            let aws = context.connect(&project, &stage, events).await?;
            let outputs = direct::read_outputs(&aws, &stage).await?;
            let has_mailbox = is_local_cloud(&project, aws.endpoint_url()).await?;
            Ok((aws, outputs, has_mailbox))
        })
        .await?;
    let mailbox = has_mailbox.then_some(project.directory.as_path());
    let preparing = Verification::prepare(&aws, &stage, &outputs, mailbox);
    let verification = interruptible(preparing.boxed()).await?;

    let tell = |step: &Step| tell(context, step);
    let report = context
        .stoppable(async |interrupt| Ok(verification.run(&tell, &interrupt).boxed().await))
        .await
        .map_err(|error| given_up(error, verification.username()))?;
    if context.global.json {
        context.ui.json(&document(&stage.name, &report))?;
    } else {
        context.ui.outputs(&pairs(&report))?;
    }
    let failures = report.steps.iter().filter_map(|step| step.error.clone());
    if let Some(error) = Error::together(failures) {
        return Err(error);
    }
    if report.interrupted {
        return Err(Error::new(
            ErrorKind::Interrupted,
            "interrupted; the throwaway user is deleted",
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether these requests go to the local cloud of this project, whose mail can be read.
async fn is_local_cloud(project: &Project, endpoint_url: Option<&str>) -> Result<bool> {
    let Some(endpoint_url) = endpoint_url else {
        return Ok(false);
    };
    let status = local::status(&project.directory).await?;
    let same = |url: String| url.trim_end_matches('/') == endpoint_url.trim_end_matches('/');
    Ok(status.endpoint_url.is_some_and(same))
}

/// A second Ctrl-C drops the cleaning up, too.
fn given_up(error: Error, username: &str) -> Error {
    error
        .with_cause(format!(
            "the throwaway user `{username}` may still be there"
        ))
        .with_hint("delete what is left of that user: in the user pool and in both tables")
}

fn tell(context: &Context, step: &Step) {
    if context.global.json {
        return;
    }
    let line = format!("{} ({:.1}s)", step.detail, step.took.as_secs_f64());
    match step.error {
        None => context.ui.success(&line),
        Some(_) => context.ui.failure(&line),
    }
}

/// The result as the contract writes it. Claims are no secret; tokens are, and stay out.
fn document(stage: &str, report: &Report) -> Value {
    let steps: Vec<Value> = report
        .steps
        .iter()
        .map(|step| {
            let detail = step
                .error
                .as_ref()
                .map_or_else(|| step.detail.clone(), Error::to_string);
            json!({
                "name": step.name,
                "ok": step.error.is_none(),
                "detail": detail,
                "seconds": (step.took.as_secs_f64() * 1000.0).round() / 1000.0,
            })
        })
        .collect();
    json!({ "stage": stage, "ok": report.is_ok(), "steps": steps, "claims": report.claims })
}

/// The claims, to read.
fn pairs(report: &Report) -> Vec<(String, String)> {
    let tokens = [("access", &report.claims.access), ("id", &report.claims.id)];
    tokens
        .into_iter()
        .filter_map(|(token, claims)| Some((token, claims.as_ref()?)))
        .flat_map(|(token, claims)| named(token, claims))
        .collect()
}

fn named(token: &str, claims: &Map<String, Value>) -> Vec<(String, String)> {
    claims
        .iter()
        .map(|(name, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (format!("{token} {name}"), text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_document_says_what_failed_and_why() {
        let step = |name, error| Step {
            name,
            detail: "did it".to_owned(),
            error,
            took: Duration::from_millis(1234),
        };
        let mut report = Report::default();
        let error = Error::new(ErrorKind::Aws, "could not sign in").with_cause("no");
        report.steps = vec![step("sign_up", None), step("sign_in", Some(error))];
        report.claims.access = Some(Map::from_iter([("role".to_owned(), json!("member"))]));
        let expected = json!({
            "stage": "dev",
            "ok": false,
            "steps": [
                { "name": "sign_up", "ok": true, "detail": "did it", "seconds": 1.234 },
                { "name": "sign_in", "ok": false, "detail": "could not sign in: no", "seconds": 1.234 },
            ],
            "claims": { "access": { "role": "member" }, "id": null },
        });
        assert_eq!(document("dev", &report), expected);
        assert_eq!(
            pairs(&report),
            [("access role".to_owned(), "member".to_owned())]
        );
    }
}
