//! `AWS::Cognito::UserPoolResourceServer`. Its physical ID is `POOL|IDENTIFIER`.

use aws_sdk_cognitoidentityprovider::types::ResourceServerScopeType;
use serde_json::{Value, json};

use super::lifecycle::{Change, Lifecycle, each};
use super::{Aws, Class, Fault, Result, Waiting, Wanted, classify, live, parts};
use saasauth_model::resource::{Kind, Live, LogicalId, UserPoolResourceServer};

impl Lifecycle for UserPoolResourceServer<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_resource_server(id).await).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_resource_server(self).await
    }

    async fn update(&self, aws: &Aws, _change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_resource_server(self).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_resource_server(physical_id).await
    }
}

impl Aws {
    pub(super) async fn read_resource_server(&self, physical_id: &str) -> Result<Option<Live>> {
        let (pool, identifier) = parts(physical_id);
        let answer = self
            .cognito
            .describe_resource_server()
            .user_pool_id(pool)
            .identifier(identifier)
            .send()
            .await;
        let found = classify::found(answer.map_err(Fault::from))?;
        Ok(found.and_then(|answer| answer.resource_server).map(|server| {
            let properties = json!({
                "Identifier": identifier,
                "Name": server.name(),
                "UserPoolId": pool,
                "Scopes": server.scopes().iter().map(|scope| json!({
                    "ScopeName": scope.scope_name(), "ScopeDescription": scope.scope_description(),
                })).collect::<Vec<_>>(),
            });
            live(Kind::UserPoolResourceServer, physical_id, properties)
        }))
    }

    pub(super) async fn create_resource_server(
        &self,
        server: &UserPoolResourceServer<String>,
    ) -> Result<Live> {
        let answer = self
            .cognito
            .create_resource_server()
            .user_pool_id(&server.user_pool_id)
            .identifier(&server.identifier)
            .name(&server.name)
            .set_scopes(Some(scopes(server)?))
            .send()
            .await;
        match answer.map_err(Fault::from) {
            Ok(_) => {}
            // Cognito has no code of its own for a taken identifier.
            Err(fault) if fault.message.contains("already exists") => {
                return Err(Fault {
                    class: Class::AlreadyExists,
                    ..fault
                });
            }
            Err(fault) => return Err(fault),
        }
        let physical_id = format!("{}|{}", server.user_pool_id, server.identifier);
        Ok(live(Kind::UserPoolResourceServer, physical_id, Value::Null))
    }

    pub(super) async fn update_resource_server(
        &self,
        server: &UserPoolResourceServer<String>,
    ) -> Result<()> {
        self.cognito
            .update_resource_server()
            .user_pool_id(&server.user_pool_id)
            .identifier(&server.identifier)
            .name(&server.name)
            .set_scopes(Some(scopes(server)?))
            .send()
            .await?;
        Ok(())
    }

    pub(super) async fn delete_resource_server(&self, physical_id: &str) -> Result<()> {
        let (pool, identifier) = parts(physical_id);
        let answer = self
            .cognito
            .delete_resource_server()
            .user_pool_id(pool)
            .identifier(identifier)
            .send()
            .await;
        classify::gone(answer.map_err(Fault::from))
    }
}

fn scopes(server: &UserPoolResourceServer<String>) -> Result<Vec<ResourceServerScopeType>> {
    server
        .scopes
        .iter()
        .map(|scope| {
            Ok(ResourceServerScopeType::builder()
                .scope_name(&scope.scope_name)
                .scope_description(&scope.scope_description)
                .build()?)
        })
        .collect()
}
