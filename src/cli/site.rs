//! A deployed stage, for commands that work on what is in it rather than on the stage itself.

use super::context::{Context, interruptible};
use crate::aws::users::Tables;
use crate::aws::{Aws, trace};
use crate::engine::direct;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::project::Project;
use saasauth_model::project::stage::Stage;

/// Reading the outputs took one round of requests.
const OUTPUTS_LEVEL: u32 = 1;

/// A stage that is deployed, connected to.
pub(super) struct Site {
    pub(super) stage: Stage,
    pub(super) aws: Aws,
    /// The user pool's ID.
    pub(super) pool: String,
    pub(super) tables: Tables,
    confirm_user: Option<String>,
}

impl Site {
    /// Connects, and finds out how what is there is called.
    pub(super) async fn open(context: &Context, project: &Project, stage: Stage) -> Result<Self> {
        let progress = context.ui.progress();
        let events = |event| progress.handle(event);
        let looked = interruptible(Box::pin(async {
            let aws = context.connect(project, &stage, &events).await?;
            let outputs = direct::read_outputs(&aws, &stage).await?;
            check_account(&aws, &stage).await?;
            Ok((aws, outputs))
        }))
        .await;
        progress.finish();
        let (aws, outputs) = looked?;
        let named = |value: Option<String>, what| value.ok_or_else(|| incomplete(&stage, what));
        Ok(Self {
            pool: named(outputs.user_pool_id, "user pool")?,
            tables: Tables {
                permissions: named(outputs.permissions_table, "Permissions table")?,
                domains: named(outputs.domains_table, "Domains table")?,
            },
            confirm_user: outputs.functions.confirm_user,
            aws,
            stage,
        })
    }

    /// The function that makes deliveries.
    pub(super) fn confirm_user(&self) -> Result<&str> {
        self.confirm_user
            .as_deref()
            .ok_or_else(|| incomplete(&self.stage, "function confirmUser"))
    }

    /// Does what the command is there for. May be dropped at any point: every request is whole.
    pub(super) async fn work<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let scoped = async { trace::scope("", OUTPUTS_LEVEL, work).await.0 };
        interruptible(scoped).await
    }
}

/// Refuses credentials of another account than the stage's. Asks AWS only when the file names one.
pub(super) async fn check_account(aws: &Aws, stage: &Stage) -> Result<()> {
    if stage.account.is_none() {
        return Ok(());
    }
    let caller = aws
        .caller()
        .await
        .map_err(|fault| fault.while_doing("could not find out which AWS account this is"))?;
    direct::check_account(stage, &caller)
}

fn incomplete(stage: &Stage, what: &str) -> Error {
    let message = format!(
        "stage `{}` has no {what}: its last deploy did not end well",
        stage.name
    );
    Error::new(ErrorKind::Aws, message)
        .with_hint(format!("run `saasauth deploy --stage {}`", stage.name))
}
