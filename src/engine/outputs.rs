//! What a front end or an API needs to know of a deployed stage.

use std::collections::BTreeMap;

use saasauth_contract::environment::{CONFIRM_USER_FUNCTION, DOMAINS_TABLE, PERMISSIONS_TABLE};
use serde::Serialize;

use crate::aws::ledger::Record;
use crate::aws::partition;
use crate::aws::users::Tables;
use saasauth_model::error::{Error, ErrorKind, Result};
use saasauth_model::project::stage::{HostedUi, Stage};
use saasauth_model::resource::LogicalId;
use saasauth_model::topology;

/// The outputs of a stage. The JSON keys are a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outputs {
    /// The stage.
    pub stage: String,
    /// The AWS region.
    pub region: String,
    /// The user pool's ID.
    pub user_pool_id: Option<String>,
    /// The user pool's ARN.
    pub user_pool_arn: Option<String>,
    /// What `iss` says in every token.
    pub issuer: Option<String>,
    /// Where the keys are that sign the tokens.
    pub jwks_uri: Option<String>,
    /// The clients, by their names in the project file.
    pub clients: BTreeMap<String, ClientOutputs>,
    /// Base URL of the hosted sign-in pages.
    pub hosted_ui: Option<String>,
    /// Where the DNS record of the pages' own domain has to point to; absent where they are at one of Cognito's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosted_ui_target: Option<String>,
    /// The Permissions table's name.
    pub permissions_table: Option<String>,
    /// The Domains table's name.
    pub domains_table: Option<String>,
    /// The functions' names.
    pub functions: Functions,
    /// The URL of the queue of what Lambda gave up: no front end's or API's business, and so not shown.
    #[serde(skip)]
    pub failures_queue: Option<String>,
    /// Where the AWS APIs are, when it isn't AWS.
    pub endpoint_url: Option<String>,
}

/// What an application needs to know of its client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClientOutputs {
    /// The client's ID. A client with a secret shows it in the AWS console only.
    pub client_id: String,
}

/// The names of the functions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Functions {
    /// confirmUser.
    pub confirm_user: Option<String>,
    /// generateToken.
    pub generate_token: Option<String>,
}

impl Outputs {
    /// A value that every stage has whose last deploy ended well; `what` names it.
    pub fn present<'a>(&self, value: Option<&'a str>, what: &str) -> Result<&'a str> {
        value.ok_or_else(|| {
            let stage = &self.stage;
            let message =
                format!("stage `{stage}` has no {what}: its last deploy did not end well");
            Error::new(ErrorKind::Aws, message)
                .with_hint(format!("run `saasauth deploy --stage {stage}`"))
        })
    }

    /// Both tables.
    pub fn tables(&self) -> Result<Tables> {
        let permissions = self.permissions_table.as_deref();
        let domains = self.domains_table.as_deref();
        Ok(Tables {
            permissions: self.present(permissions, "Permissions table")?.to_owned(),
            domains: self.present(domains, "Domains table")?.to_owned(),
        })
    }

    /// Puts the outputs together from the stage and what the ledger has recorded of it.
    pub fn of(
        stage: &Stage,
        records: &BTreeMap<LogicalId, Record>,
        account: &str,
        partition_id: &str,
        endpoint_url: Option<&str>,
    ) -> Self {
        let physical = |id: &str| {
            records
                .get(id)
                .and_then(|record| record.physical_id.clone())
        };
        let user_pool_id = physical(topology::USER_POOL);
        let region = &stage.region;
        let issuer = user_pool_id
            .as_ref()
            .and_then(|pool| partition::issuer(region, pool));
        // The emulator signs with the issuer AWS would have, and serves the keys itself.
        let keys = match (endpoint_url, &user_pool_id) {
            (Some(endpoint), Some(pool)) => {
                Some(format!("{}/{pool}", endpoint.trim_end_matches('/')))
            }
            _ => issuer.clone(),
        };
        let clients = stage
            .clients
            .iter()
            .filter_map(|(name, client)| {
                let id = physical(&topology::client_id(name, client))?;
                let client_id = id.rsplit('|').next().unwrap_or_default().to_owned();
                Some((name.to_string(), ClientOutputs { client_id }))
            })
            .collect();
        let hosted_ui = physical(topology::HOSTED_UI)
            .and(stage.hosted_ui.as_ref())
            .and_then(|hosted_ui| hosted_pages(hosted_ui, region));
        Self {
            stage: stage.name.clone(),
            region: region.to_string(),
            user_pool_arn: user_pool_id.as_ref().map(|pool| {
                format!("arn:{partition_id}:cognito-idp:{region}:{account}:userpool/{pool}")
            }),
            user_pool_id,
            jwks_uri: keys.map(|base| format!("{base}/.well-known/jwks.json")),
            issuer,
            clients,
            hosted_ui,
            // Not in the ledger.
            hosted_ui_target: None,
            permissions_table: physical(topology::PERMISSIONS_TABLE),
            domains_table: physical(topology::DOMAINS_TABLE),
            functions: Functions {
                confirm_user: physical(topology::CONFIRM_USER),
                generate_token: physical(topology::GENERATE_TOKEN),
            },
            failures_queue: physical(topology::FAILURES),
            endpoint_url: endpoint_url.map(str::to_owned),
        }
    }

    /// As `NAME=value` lines for a shell or a `.env` file, empty values left out.
    pub fn env(&self) -> String {
        let mut lines = vec![
            ("STAGE".to_owned(), Some(self.stage.clone())),
            ("AWS_REGION".to_owned(), Some(self.region.clone())),
            ("USER_POOL_ID".to_owned(), self.user_pool_id.clone()),
            ("USER_POOL_ARN".to_owned(), self.user_pool_arn.clone()),
            ("ISSUER".to_owned(), self.issuer.clone()),
            ("JWKS_URI".to_owned(), self.jwks_uri.clone()),
        ];
        for (name, client) in &self.clients {
            let name = name.to_uppercase().replace('-', "_");
            lines.push((format!("CLIENT_ID_{name}"), Some(client.client_id.clone())));
        }
        lines.extend([
            ("HOSTED_UI".to_owned(), self.hosted_ui.clone()),
            ("HOSTED_UI_TARGET".to_owned(), self.hosted_ui_target.clone()),
            (PERMISSIONS_TABLE.to_owned(), self.permissions_table.clone()),
            (DOMAINS_TABLE.to_owned(), self.domains_table.clone()),
            (
                CONFIRM_USER_FUNCTION.to_owned(),
                self.functions.confirm_user.clone(),
            ),
            (
                "GENERATE_TOKEN_FUNCTION".to_owned(),
                self.functions.generate_token.clone(),
            ),
            ("AWS_ENDPOINT_URL".to_owned(), self.endpoint_url.clone()),
        ]);
        lines
            .into_iter()
            .filter_map(|(name, value)| Some(format!("{name}={}\n", value?)))
            .collect()
    }

    /// As a TypeScript module with one constant.
    pub fn typescript(&self) -> serde_json::Result<String> {
        let json = serde_json::to_string_pretty(self)?;
        Ok(format!("export const saasauth = {json} as const;\n"))
    }

    /// As the `amplify_outputs.json` that Amplify's libraries configure themselves from (format
    /// version 1.4, its `auth` part). Amplify knows one client; the first without a secret is used.
    pub fn amplify(&self, client: Option<&str>) -> serde_json::Value {
        let client_id = client
            .and_then(|name| self.clients.get(name))
            .or_else(|| self.clients.values().next())
            .map(|client| client.client_id.clone());
        serde_json::json!({
            "version": "1.4",
            "auth": {
                "aws_region": self.region,
                "user_pool_id": self.user_pool_id,
                "user_pool_client_id": client_id,
            },
        })
    }
}

/// Where the hosted pages are; `None` in a partition whose addresses of prefixes nobody knows.
fn hosted_pages(hosted_ui: &HostedUi, region: &str) -> Option<String> {
    let host = match &hosted_ui.prefix {
        Some(prefix) => format!("{}.{}", **prefix, partition::hosted_pages(region)?),
        None => hosted_ui.name().to_owned(),
    };
    Some(format!("https://{host}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use saasauth_model::project;
    use saasauth_model::resource::Kind;

    fn outputs(region: &str, hosted_ui: &str) -> Outputs {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("saasauth.yaml");
        let lambdas = concat!(env!("CARGO_MANIFEST_DIR"), "/lambdas");
        let text = format!(
            "version: 1\nproject: acme\nregion: {region}\nhosted_ui: {hosted_ui}\n\
             clients: {{ web: {{ kind: spa, callback_urls: [\"https://acme.com\"] }} }}\n\
             triggers: {{ confirm_user: {{ path: {lambdas}/confirm-user }}, generate_token: {{ path: {lambdas}/generate-token }} }}\n\
             stages: {{ prod: {{}} }}\n"
        );
        std::fs::write(&file, text).expect("written");
        let project = project::load(&file).expect("it is right");
        let stage = project.stage("prod").expect("it has it").clone();
        let record = |kind, physical_id: &str| Record {
            kind,
            physical_id: Some(physical_id.to_owned()),
            digest: String::new(),
            memory: saasauth_model::plan::Memory::default(),
        };
        let records = BTreeMap::from([
            (
                topology::USER_POOL.to_owned(),
                record(Kind::UserPool, "pool"),
            ),
            (
                topology::HOSTED_UI.to_owned(),
                record(Kind::UserPoolDomain, "pool|acme"),
            ),
        ]);
        Outputs::of(&stage, &records, "123456789012", "aws-us-gov", None)
    }

    #[test]
    fn addresses_are_those_of_the_region_s_partition() {
        let prefix = "{ prefix: acme }";
        let table = [
            (
                "eu-west-1",
                "https://cognito-idp.eu-west-1.amazonaws.com/pool",
                Some("https://acme.auth.eu-west-1.amazoncognito.com"),
            ),
            (
                "us-gov-west-1",
                "https://cognito-idp.us-gov-west-1.amazonaws.com/pool",
                Some("https://acme.auth-fips.us-gov-west-1.amazoncognito.com"),
            ),
            (
                "cn-north-1",
                "https://cognito-idp.cn-north-1.amazonaws.com.cn/pool",
                None,
            ),
        ];
        for (region, issuer, pages) in table {
            let outputs = outputs(region, prefix);
            assert_eq!(outputs.issuer.as_deref(), Some(issuer), "{region}");
            let keys = format!("{issuer}/.well-known/jwks.json");
            assert_eq!(outputs.jwks_uri.as_deref(), Some(keys.as_str()), "{region}");
            assert_eq!(outputs.hosted_ui.as_deref(), pages, "{region}");
        }
    }
}
