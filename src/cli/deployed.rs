//! What commands have in common that work on what is in a stage rather than on the stage itself.

use super::context::{Context, interruptible};
use crate::aws::{Aws, trace};
use crate::engine::direct;
use crate::people::DeployedStage;
use saasauth_model::error::Result;
use saasauth_model::project::Project;
use saasauth_model::project::stage::Stage;

/// Reading the outputs took one round of requests.
const OUTPUTS_LEVEL: u32 = 1;

/// Connects to a deployed stage, and finds out how what is there is called.
pub(super) async fn open(
    context: &Context,
    project: &Project,
    stage: Stage,
) -> Result<DeployedStage> {
    let (aws, outputs) = context
        .look(async |events| {
            let aws = context.connect(project, &stage, events).await?;
            let outputs = direct::read_outputs(&aws, &stage).await?;
            check_account(&aws, &stage).await?;
            Ok((aws, outputs))
        })
        .await?;
    DeployedStage::new(stage, aws, outputs)
}

/// Does what the command is there for. May be dropped at any point: every request is whole.
pub(super) fn work<T>(work: impl Future<Output = Result<T>>) -> impl Future<Output = Result<T>> {
    // Boxed before anything awaits it: such futures are large, and each frame around would keep room.
    let work = Box::pin(work);
    interruptible(async { trace::scope("", OUTPUTS_LEVEL, work).await.0 })
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
