//! `saasauth synth`

use std::process::ExitCode;

use clap::Args;

use super::context::Context;
use crate::engine::cloudformation::template;
use saasauth_model::error::Result;
use saasauth_model::topology::{self, Facts};

/// Print the stage as a CloudFormation template
#[derive(Debug, Args)]
pub(super) struct SynthArgs {}

pub(super) fn run(_: SynthArgs, context: &Context) -> Result<ExitCode> {
    let (_, stage) = context.stage()?;
    let topology = topology::build(&stage, &Facts::assumed())?;
    context.ui.json(&template::render(&topology))?;
    Ok(ExitCode::SUCCESS)
}
