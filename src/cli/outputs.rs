//! `saasauth outputs`

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::context::Context;
use crate::engine::direct;
use crate::engine::outputs::Outputs;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::project::stage::{ClientKind, Stage};

/// Print what a front end or an API needs to know of a stage
#[derive(Debug, Args)]
pub(super) struct OutputsArgs {
    /// How; by default names and values
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON document
    Json,
    /// NAME=value lines, for a shell or a .env file
    Env,
    /// A TypeScript module
    Ts,
    /// amplify_outputs.json, for Amplify's libraries
    Amplify,
}

pub(super) async fn run(args: OutputsArgs, context: &Context) -> Result<ExitCode> {
    let (project, stage) = context.stage()?;
    let outputs = context
        .look(async |events| {
            let aws = context.connect(&project, &stage, events).await?;
            direct::read_outputs(&aws, &stage).await
        })
        .await?;
    match args.format {
        Some(Format::Json) => context.ui.data(&pretty(&outputs)?)?,
        None if context.global.json => context.ui.json(&outputs)?,
        None => context.ui.outputs(&outputs.pairs())?,
        Some(Format::Env) => context.ui.data(&outputs.env())?,
        Some(Format::Ts) => context
            .ui
            .data(&outputs.typescript().map_err(|e| unwritable(&e))?)?,
        Some(Format::Amplify) => {
            context
                .ui
                .data(&pretty(&outputs.amplify(public_client(&stage)))?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The first client without a secret, which is what a front end can use.
fn public_client(stage: &Stage) -> Option<&str> {
    stage
        .clients
        .iter()
        .find(|(_, client)| matches!(*client.kind, ClientKind::Spa | ClientKind::Native))
        .map(|(name, _)| name.as_str())
}

fn pretty(document: &impl serde::Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(document).map_err(|error| unwritable(&error))?;
    Ok(text + "\n")
}

fn unwritable(error: &serde_json::Error) -> Error {
    Error::new(ErrorKind::System, "could not write the outputs").with_source(error)
}

impl Outputs {
    /// Names and values to read, what isn't there left out.
    pub(super) fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs: Vec<(String, Option<&str>)> = vec![
            ("stage".to_owned(), Some(&self.stage)),
            ("region".to_owned(), Some(&self.region)),
            ("user pool".to_owned(), self.user_pool_id.as_deref()),
            ("issuer".to_owned(), self.issuer.as_deref()),
            ("keys".to_owned(), self.jwks_uri.as_deref()),
        ];
        for (name, client) in &self.clients {
            pairs.push((format!("client {name}"), Some(&client.client_id)));
        }
        pairs.extend([
            ("hosted UI".to_owned(), self.hosted_ui.as_deref()),
            (
                "its DNS target".to_owned(),
                self.hosted_ui_target.as_deref(),
            ),
            (
                "permissions table".to_owned(),
                self.permissions_table.as_deref(),
            ),
            ("domains table".to_owned(), self.domains_table.as_deref()),
            (
                "confirmUser".to_owned(),
                self.functions.confirm_user.as_deref(),
            ),
            (
                "generateToken".to_owned(),
                self.functions.generate_token.as_deref(),
            ),
            ("endpoint".to_owned(), self.endpoint_url.as_deref()),
        ]);
        pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.to_owned())))
            .collect()
    }
}
