//! A user pool that somebody else made, with all that hangs from it, as it is: what taking it over begins with.

use saasauth_model::resource::Live;
use serde_json::Value;

use super::document::text;
use super::{Aws, Fault, Result, classify};

/// A user pool and what hangs from it.
#[derive(Debug)]
pub struct WholePool {
    /// The pool.
    pub pool: Live,
    /// The CloudFormation stack it was made by, as its tags say.
    pub stack: Option<String>,
    /// Its domain; the one of its own where it has two.
    pub domain: Option<Live>,
    /// The other domain.
    pub other_domain: Option<String>,
    /// Its clients.
    pub clients: Vec<Live>,
    /// The names of its groups.
    pub groups: Vec<String>,
    /// Its identity providers. Their secrets are not among it.
    pub providers: Vec<Live>,
    /// The identifiers of its resource servers.
    pub resource_servers: Vec<String>,
}

impl Aws {
    /// Reads a pool and all that hangs from it; `None` when it isn't there.
    pub async fn whole_user_pool(&self, id: &str) -> Result<Option<WholePool>> {
        let Some(described) = self.describe_user_pool(id).await? else {
            return Ok(None);
        };
        let pool = self.described_as_live(id, &described).await?;
        let tags = described.get("UserPoolTags").and_then(Value::as_object);
        let stack = tags.and_then(|tags| tags.get("aws:cloudformation:stack-name")?.as_str());
        let own = text(&described, "CustomDomain");
        let prefix = text(&described, "Domain");
        let domain = async {
            match own.or(prefix) {
                Some(name) => Ok(self.domain(name).await?.and_then(|(_, live)| live)),
                None => Ok(None),
            }
        };
        let (domain, clients, groups, providers, resource_servers) = tokio::try_join!(
            domain,
            self.clients_of(id),
            self.list_groups(id),
            self.providers_of(id),
            self.resource_servers_of(id),
        )?;
        Ok(Some(WholePool {
            stack: stack.map(str::to_owned),
            other_domain: own.and(prefix).map(str::to_owned),
            pool,
            domain,
            clients,
            groups: groups.into_keys().collect(),
            providers,
            resource_servers,
        }))
    }

    async fn clients_of(&self, pool: &str) -> Result<Vec<Live>> {
        let request = self.cognito.list_user_pool_clients();
        let request = request.user_pool_id(pool).max_results(60);
        let found = request.into_paginator().items().send().try_collect();
        let mut clients = Vec::new();
        for client in found.await? {
            let id = format!("{pool}|{}", client.client_id().unwrap_or_default());
            clients.extend(self.read_user_pool_client(&id).await?);
        }
        Ok(clients)
    }

    async fn providers_of(&self, pool: &str) -> Result<Vec<Live>> {
        let request = self.cognito.list_identity_providers();
        let request = request.user_pool_id(pool).max_results(60);
        let found = request.into_paginator().items().send().try_collect();
        let mut providers = Vec::new();
        for provider in found.await? {
            let id = format!("{pool}|{}", provider.provider_name().unwrap_or_default());
            providers.extend(self.read_identity_provider(&id, &Value::Null).await?);
        }
        Ok(providers)
    }

    async fn resource_servers_of(&self, pool: &str) -> Result<Vec<String>> {
        let request = self.cognito.list_resource_servers().user_pool_id(pool);
        let request = request.max_results(50);
        let servers = request.into_paginator().items().send().try_collect();
        let servers = servers.await?.into_iter();
        Ok(servers.filter_map(|one| one.identifier).collect())
    }
}

/// A resource of a CloudFormation stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackResource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its CloudFormation type.
    pub type_name: String,
    /// AWS's name: what `Ref` returns.
    pub physical_id: String,
    /// Whether it stays when it leaves the template; `None` when the template can't be read.
    pub is_retained: Option<bool>,
}

impl Aws {
    /// What a stack consists of; `None` when there is no such stack.
    pub async fn stack_resources(&self, stack: &str) -> Result<Option<Vec<StackResource>>> {
        let mut resources = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let request = self.cloudformation.list_stack_resources();
            let request = request.stack_name(stack).set_next_token(token.take());
            // CloudFormation has no code of its own for it: "Stack with id NAME does not exist".
            let page = match request.send().await.map_err(Fault::from) {
                Err(fault) if fault.message.contains("does not exist") => return Ok(None),
                page => page?,
            };
            for one in page.stack_resource_summaries() {
                let (Some(logical_id), Some(type_name), Some(physical_id)) = (
                    one.logical_resource_id(),
                    one.resource_type(),
                    one.physical_resource_id(),
                ) else {
                    continue;
                };
                resources.push(StackResource {
                    logical_id: logical_id.to_owned(),
                    type_name: type_name.to_owned(),
                    physical_id: physical_id.to_owned(),
                    is_retained: None,
                });
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        let template = self.stack_template(stack).await?;
        for one in &mut resources {
            let declared = template
                .as_ref()
                .map(|all| &all["Resources"][&one.logical_id]);
            one.is_retained = declared
                .filter(|declared| !declared.is_null())
                .map(|declared| declared["DeletionPolicy"] == "Retain");
        }
        Ok(Some(resources))
    }

    /// The template of a stack, where it can be understood.
    async fn stack_template(&self, stack: &str) -> Result<Option<Value>> {
        let request = self.cloudformation.get_template().stack_name(stack);
        let answer = request.send().await.map_err(Fault::from);
        // Reading the template takes a right of its own.
        let Some(answer) = tolerated(answer)? else {
            return Ok(None);
        };
        let text = answer.template_body().unwrap_or_default();
        let json = serde_json::from_str(text).ok();
        Ok(json.or_else(|| serde_yaml::from_str::<Value>(text).ok()))
    }
}

fn tolerated<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Err(fault) if fault.class == classify::Class::Denied => Ok(None),
        answer => answer.map(Some),
    }
}
