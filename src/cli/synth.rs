//! `saasauth synth`

use std::process::ExitCode;

use clap::Args;

use super::context::Context;
use crate::engine::cloudformation::template;
use saasauth_model::error::Result;

/// Print the stage as a CloudFormation template
#[derive(Debug, Args)]
pub(super) struct SynthArgs {}

pub(super) fn run(_: SynthArgs, context: &Context) -> Result<ExitCode> {
    let (_, stage) = context.stage()?;
    let topologies = template::Topologies::of(&stage)?;
    context.ui.json(&template::render(&topologies))?;
    Ok(ExitCode::SUCCESS)
}
