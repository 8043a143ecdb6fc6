//! What commands have in common: the project and stage asked for, the packages of its triggers, and
//! the connection to AWS or to the local cloud.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;

use super::Global;
use crate::artifact::{self, Artifact, BuildEvent, BuildRequest};
use crate::aws::connect::AskCode;
use crate::aws::connect::Hidden;
use crate::aws::trace::Calls;
use crate::aws::{self, Aws, Package};
use crate::engine::direct::{self, Cause, Found, Outcome};
use crate::engine::event::{Event, Events};
use crate::local;
use crate::ui::Ui;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::plan::Plan;
use saasauth_model::project::stage::{Architecture, Stage, Target};
use saasauth_model::project::{self, Project};
use saasauth_model::resource::{LogicalId, Owner};
use saasauth_model::topology;
use tokio_util::sync::CancellationToken;

/// The account the local cloud uses when the environment names none.
pub(super) const LOCAL_ACCOUNT: &str = "000000000000";
/// The stage of a command that names none: nothing happens in AWS unasked.
const DEFAULT_STAGE: &str = "local";

/// One run of the command line.
pub(super) struct Context {
    pub(super) global: Global,
    pub(super) ui: Arc<Ui>,
    /// Every request sent to AWS so far.
    pub(super) calls: Calls,
}

impl Context {
    pub(super) fn new(global: Global, ui: Ui) -> Self {
        Self {
            global,
            ui: Arc::new(ui),
            calls: Calls::default(),
        }
    }

    /// The project file, found and checked, for a command that concerns all of its stages. A stage named on the command
    /// line must be one of them all the same: a slip there is no wish for another stage.
    pub(super) fn project(&self) -> Result<Project> {
        let project = project::load(&project::find(self.global.project_file.as_deref())?)?;
        if let Some(name) = &self.global.stage {
            project.stage(name)?;
        }
        Ok(project)
    }

    /// The folder of the project file, which need not be right: the local cloud runs all the same.
    pub(super) fn project_directory(&self) -> Result<PathBuf> {
        let file = project::find(self.global.project_file.as_deref())?;
        // A file that can be read says which stages there are.
        if let (Some(name), Ok(project)) = (&self.global.stage, project::load(&file)) {
            project.stage(name)?;
        }
        let absolute = std::path::absolute(&file)
            .map_err(|cause| Error::io(format!("could not locate `{}`", file.display()), &cause))?;
        Ok(absolute
            .parent()
            .map_or(absolute.clone(), ToOwned::to_owned))
    }

    /// The stage asked for.
    pub(super) fn stage_name(&self) -> &str {
        self.global.stage.as_deref().unwrap_or(DEFAULT_STAGE)
    }

    /// The project, and the stage asked for in the region asked for.
    pub(super) fn stage(&self) -> Result<(Project, Stage)> {
        let project = self.project()?;
        let stage = project.stage(self.stage_name())?.clone();
        let stage = match &self.global.region {
            Some(region) => stage.in_region(region)?,
            None => stage,
        };
        Ok((project, stage))
    }

    /// Does something of a few requests, with progress shown. May be dropped at any point.
    pub(super) async fn look<T>(
        &self,
        look: impl AsyncFnOnce(&Events<'_>) -> Result<T>,
    ) -> Result<T> {
        let progress = self.ui.progress();
        let events = |event| progress.handle(event);
        // Boxed: what connects and reads is large, and each frame around it would keep its room.
        let looked = interruptible(Box::pin(look(&events))).await;
        progress.finish();
        looked
    }

    /// Carries a plan out under the stage's lock, with progress shown, until it ends or is stopped.
    pub(super) async fn carry_out(
        &self,
        aws: &Aws,
        found: &Found,
        plan: &Plan,
        cause: Cause,
    ) -> Result<Outcome> {
        let progress = self.ui.progress();
        let events = |event| progress.handle(event);
        let outcome = self
            .stoppable(async |interrupt| {
                direct::carry_out(aws, found, plan, cause.clone(), &events, &interrupt).await
            })
            .await;
        progress.finish();
        outcome
    }

    /// Asks for a yes in one way or another; without one, nothing is done.
    pub(super) async fn agreed(
        &self,
        refusal: &str,
        question: impl FnOnce(&Ui) -> Result<bool> + Send + 'static,
    ) -> Result<()> {
        if self.ask(question).await? {
            Ok(())
        } else {
            Err(Error::refused(refusal))
        }
    }

    /// Connects to where the stage lives; starts the local cloud when it lives there.
    pub(super) async fn connect(
        &self,
        project: &Project,
        stage: &Stage,
        events: &Events<'_>,
    ) -> Result<Aws> {
        let endpoint_url = match (self.endpoint_url(), *stage.target) {
            (Some(url), _) => Some(url),
            (None, Target::Local) => {
                let say = |line| events(Event::Note(line));
                let started =
                    local::start(&project.directory, local::Strictness::Kept, &say).await?;
                started.endpoint_url
            }
            (None, Target::Aws) => None,
        };
        let settings = self.settings(project, stage, endpoint_url)?;
        let owner = Owner {
            project: stage.project.clone(),
            stage: stage.name.clone(),
        };
        Aws::connect(&settings, owner).await
    }

    /// How to come to a stage, at an emulator's endpoint when there is one.
    ///
    /// # Errors
    /// When the project's own local cloud is meant, and its key can't be read.
    pub(super) fn settings(
        &self,
        project: &Project,
        stage: &Stage,
        endpoint_url: Option<String>,
    ) -> Result<aws::Settings> {
        let ui = Arc::clone(&self.ui);
        let ask = move |device: String| {
            let ui = Arc::clone(&ui);
            async move {
                let (aside, hidden) = (ui.step_aside(), ui.hide_typing());
                let asking = Arc::clone(&ui);
                let question = format!("The code that `{device}` shows now");
                let asked = tokio::task::spawn_blocking(move || {
                    let hint = "use credentials that need no code where nobody can type one, such as a pipeline's role";
                    asking.code(&question, hint)
                });
                let code = asked.await.map_err(|error| {
                    Error::new(ErrorKind::System, "could not ask").with_source(&error)
                })?;
                drop((aside, hidden));
                code
            }
            .boxed()
        };
        // Another emulator takes any key, and the project's own local cloud its own alone: nobody else's counts there.
        let is_own = *stage.target == Target::Local && self.endpoint_url().is_none();
        let mut secret = (!is_own).then(emulated_secret).flatten();
        if *stage.target == Target::Local && secret.is_none() {
            let own = local::secret(&project.directory)?;
            secret = own.map(|own| Hidden(own.expose().to_owned()));
        }
        Ok(aws::Settings {
            profile: self.global.profile.clone(),
            region: stage.region.to_string(),
            emulated_account: endpoint_url
                .as_ref()
                .and_then(|_| self.emulated_account(stage)),
            emulated_secret: secret,
            endpoint_url,
            ask_code: Some(AskCode::new(ask)),
            calls: self.calls.clone(),
        })
    }

    /// The endpoint asked for, unless the environment says that its own are to be passed over.
    pub(super) fn endpoint_url(&self) -> Option<String> {
        let url = self.global.endpoint_url.clone()?;
        let says = |name: &str| std::env::var(name).unwrap_or_default();
        let ignored = says("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").eq_ignore_ascii_case("true")
            && says("AWS_ENDPOINT_URL") == url;
        (!ignored).then_some(url)
    }

    /// Emulators take a 12-digit access key ID for the account. The stage `local` never uses real
    /// credentials; another stage does, unless there are none.
    fn emulated_account(&self, stage: &Stage) -> Option<String> {
        let key = std::env::var("AWS_ACCESS_KEY_ID").ok();
        let account = key.clone().filter(|key| is_account(key));
        match *stage.target {
            Target::Local => Some(account.unwrap_or_else(|| LOCAL_ACCOUNT.to_owned())),
            Target::Aws => account,
        }
    }

    /// Builds and packs the triggers, or takes the packages of the last build.
    pub(super) async fn packages(
        &self,
        project: &Project,
        stage: &Stage,
        events: &Events<'_>,
    ) -> Result<Vec<(LogicalId, Artifact)>> {
        let requests = requests(project, stage);
        let report = |event| report(events, event);
        let plain: Vec<BuildRequest> = requests
            .iter()
            .map(|(_, request)| request.clone())
            .collect();
        let artifacts = artifact::build_all(&plain, &report).await?;
        Ok(requests
            .into_iter()
            .map(|(id, _)| id)
            .zip(artifacts)
            .collect())
    }

    /// The packages the last build left, for `--no-build`.
    pub(super) fn last_packages(
        &self,
        project: &Project,
        stage: &Stage,
    ) -> Result<Vec<(LogicalId, Artifact)>> {
        requests(project, stage)
            .into_iter()
            .map(|(id, request)| Ok((id, artifact::last(&request)?)))
            .collect()
    }

    /// Asks the person something. Reading a line blocks its thread until Enter, so it has its own,
    /// and Ctrl-C is heard meanwhile.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Ui) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let ui = Arc::clone(&self.ui);
        let asked = tokio::task::spawn_blocking(move || question(&ui));
        let answer = interruptible(async {
            asked.await.map_err(|error| {
                Error::new(ErrorKind::System, "could not ask").with_source(&error)
            })?
        })
        .await;
        if matches!(&answer, Err(error) if error.kind == ErrorKind::Interrupted) {
            // The question's line has no answer that would have ended it.
            self.ui.end_question();
        }
        answer
    }

    /// Runs the part of a command that changes things. The first Ctrl-C lets what was sent be
    /// answered and recorded, and starts nothing more; a second one drops everything, which the next
    /// deploy recovers from as from any crash.
    pub(super) async fn stoppable<T>(
        &self,
        work: impl AsyncFnOnce(CancellationToken) -> Result<T>,
    ) -> Result<T> {
        let interrupt = CancellationToken::new();
        let mut work = std::pin::pin!(work(interrupt.clone()));
        tokio::select! {
            done = &mut work => return done,
            () = stop_signal() => interrupt.cancel(),
        }
        self.ui
            .note("stopping: what was sent is waited for; press Ctrl-C again to drop it");
        interruptible(work).await
    }
}

/// Waits for Ctrl-C, or for the SIGTERM with which a CI system ends a job that was cancelled.
async fn stop_signal() {
    let mut terminate =
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(terminate) => terminate,
            // Without a handler SIGTERM ends the process as it always did.
            Err(_) => return drop(tokio::signal::ctrl_c().await),
        };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// Runs `work` until it ends or Ctrl-C is pressed. For what may be dropped at any point.
pub(super) async fn interruptible<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = work => done,
        () = stop_signal() => Err(Error::new(ErrorKind::Interrupted, "interrupted")),
    }
}

/// The digests of packages, for the plan.
pub(super) fn digests(packages: &[(LogicalId, Artifact)]) -> BTreeMap<LogicalId, String> {
    packages
        .iter()
        .map(|(id, artifact)| (id.clone(), artifact.sha256.clone()))
        .collect()
}

/// The packages, for the engine.
pub(super) fn by_function(packages: Vec<(LogicalId, Artifact)>) -> BTreeMap<LogicalId, Package> {
    packages
        .into_iter()
        .map(|(id, artifact)| {
            (
                id,
                Package {
                    zip: artifact.zip,
                    digest: artifact.sha256,
                },
            )
        })
        .collect()
}

/// Whether an access key ID is one that emulators take for an account.
fn is_account(key: &str) -> bool {
    key.len() == 12 && key.bytes().all(|b| b.is_ascii_digit())
}

/// The environment's key, when it is an emulator's: a person's own is never sent to one.
fn emulated_secret() -> Option<Hidden> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let _account = set("AWS_ACCESS_KEY_ID").filter(|key| is_account(key))?;
    set("AWS_SECRET_ACCESS_KEY").map(Hidden)
}

fn requests(project: &Project, stage: &Stage) -> Vec<(LogicalId, BuildRequest)> {
    topology::functions(stage)
        .into_iter()
        .map(|(id, name, trigger)| {
            let output = project
                .directory
                .join(".saasauth/build")
                .join(&stage.name)
                .join(format!("{name}.zip"));
            let request = BuildRequest {
                name: name.to_owned(),
                directory: trigger.path.to_path_buf(),
                architecture: match stage.architecture {
                    Architecture::Arm64 => artifact::Architecture::Arm64,
                    Architecture::X86_64 => artifact::Architecture::X86_64,
                },
                native: stage.target == Target::Local,
                output: Some(output),
            };
            (id.to_owned(), request)
        })
        .collect()
}

fn report(events: &Events<'_>, event: BuildEvent) {
    events(match event {
        BuildEvent::Tool(line) => Event::Note(line),
        BuildEvent::Started { names } => Event::Phase(format!("building {}", names.join(" and "))),
        BuildEvent::Line(line) => Event::BuildLine(line),
        BuildEvent::Packed { name, size, .. } => {
            Event::Note(format!("packed {name}: {} KiB", size.div_ceil(1024)))
        }
    });
}
