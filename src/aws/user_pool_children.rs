//! What lives inside a user pool, through the API. Physical IDs are `POOL|CHILD`.

use std::collections::BTreeMap;

use aws_sdk_cognitoidentityprovider::types::{
    CustomDomainConfigType, ExplicitAuthFlowsType, GroupType, OAuthFlowType,
    PreventUserExistenceErrorTypes, ResourceServerScopeType, TimeUnitsType, TokenValidityUnitsType,
    UserPoolClientType,
};
use serde_json::{Value, json};

use super::lifecycle::{Change, Lifecycle, each, each_or_look_for};
use super::{Aws, Class, Fault, Result, Waiting, Wanted, classify, live, parts};
use saasauth_model::resource::{
    Kind, Live, LogicalId, UserPoolClient, UserPoolDomain, UserPoolGroup, UserPoolResourceServer,
};

/// Puts every setting of a client on a create or an update: two builders of the SDK with the same
/// methods and no trait in common. One list keeps them from drifting apart.
macro_rules! settings {
    ($request:expr, $client:expr) => {{
        let client: &UserPoolClient<String> = $client;
        $request
            .client_name(&client.client_name)
            .set_explicit_auth_flows(Some(auth_flows(client)))
            .allowed_o_auth_flows_user_pool_client(client.allowed_oauth_flows_user_pool_client)
            .set_allowed_o_auth_flows(some(oauth_flows(client)))
            .set_allowed_o_auth_scopes(some(client.allowed_oauth_scopes.clone()))
            .set_callback_urls(some(client.callback_urls.clone()))
            .set_logout_urls(some(client.logout_urls.clone()))
            .set_supported_identity_providers(Some(client.supported_identity_providers.clone()))
            .set_read_attributes(client.read_attributes.clone())
            .set_write_attributes(client.write_attributes.clone())
            .access_token_validity(int(client.access_token_validity))
            .id_token_validity(int(client.id_token_validity))
            .refresh_token_validity(int(client.refresh_token_validity))
            .token_validity_units(units(client))
            .prevent_user_existence_errors(prevent(client))
            .enable_token_revocation(client.enable_token_revocation)
    }};
}

impl Lifecycle for UserPoolClient<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each_or_look_for(
            wanted,
            async |id| aws.read_user_pool_client(id).await,
            async |one| aws.find_user_pool_client(&one.declared).await,
        )
        .await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_user_pool_client(self).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_user_pool_client(self, change.live).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_user_pool_client(physical_id).await
    }
}

impl Lifecycle for UserPoolDomain<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_user_pool_domain(id).await).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_user_pool_domain(self).await
    }

    async fn update(&self, aws: &Aws, _change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_user_pool_domain(self).await
    }

    async fn delete(aws: &Aws, physical_id: &str, waiting: Waiting<'_>) -> Result<()> {
        aws.delete_user_pool_domain(physical_id, waiting).await
    }
}

impl Lifecycle for UserPoolGroup<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        aws.read_user_pool_groups(wanted).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_user_pool_group(self).await
    }

    async fn update(&self, aws: &Aws, _change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_user_pool_group(self).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_user_pool_group(physical_id).await
    }
}

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
    pub(super) async fn find_user_pool_client(&self, declared: &Value) -> Result<Option<Live>> {
        let (Some(pool), Some(name)) = (
            declared["UserPoolId"].as_str(),
            declared["ClientName"].as_str(),
        ) else {
            return Ok(None);
        };
        let mut token: Option<String> = None;
        loop {
            let answer = self
                .cognito
                .list_user_pool_clients()
                .user_pool_id(pool)
                .max_results(60)
                .set_next_token(token.take())
                .send()
                .await;
            let Some(page) = classify::found(answer.map_err(Fault::from))? else {
                return Ok(None);
            };
            let found = page
                .user_pool_clients()
                .iter()
                .find(|one| one.client_name() == Some(name));
            if let Some(id) = found.and_then(|client| client.client_id()) {
                return self.read_user_pool_client(&format!("{pool}|{id}")).await;
            }
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(None);
            }
        }
    }

    pub(super) async fn read_user_pool_client(&self, physical_id: &str) -> Result<Option<Live>> {
        let (pool, id) = parts(physical_id);
        let answer = self
            .cognito
            .describe_user_pool_client()
            .user_pool_id(pool)
            .client_id(id)
            .send()
            .await;
        let found = classify::found(answer.map_err(Fault::from))?;
        Ok(found
            .and_then(|answer| answer.user_pool_client)
            .map(|client| self.client_as_live(client)))
    }

    /// Forgets the secret at once: all that is ours to know is whether there is one.
    fn client_as_live(&self, mut client: UserPoolClientType) -> Live {
        let has_secret = client.client_secret.take().is_some();
        let physical_id = format!(
            "{}|{}",
            client.user_pool_id().unwrap_or_default(),
            client.client_id().unwrap_or_default()
        );
        let properties = client_properties(&client, has_secret);
        self.last_read.remember_client(&physical_id, client);
        live(Kind::UserPoolClient, physical_id, properties)
    }

    pub(super) async fn create_user_pool_client(
        &self,
        client: &UserPoolClient<String>,
    ) -> Result<Live> {
        let request = self
            .cognito
            .create_user_pool_client()
            .user_pool_id(&client.user_pool_id)
            .generate_secret(client.generate_secret);
        let answer = settings!(request, client).send().await?;
        let made = answer
            .user_pool_client
            .ok_or_else(|| Fault::ours("CreateUserPoolClient answered without a client"))?;
        Ok(self.client_as_live(made))
    }

    /// UpdateUserPoolClient resets what a request omits, so neighbours are sent along.
    pub(super) async fn update_user_pool_client(
        &self,
        client: &UserPoolClient<String>,
        live: &Live,
    ) -> Result<()> {
        let (pool, id) = parts(&live.physical_id);
        if self.last_read.client(&live.physical_id).is_none() {
            self.read_user_pool_client(&live.physical_id).await?;
        }
        let body = self
            .last_read
            .client(&live.physical_id)
            .ok_or_else(|| Fault::ours(format!("client `{id}` is gone")))?;
        let request = self
            .cognito
            .update_user_pool_client()
            .user_pool_id(pool)
            .client_id(id);
        settings!(request, client)
            // Not ours, and reset when left out:
            .set_analytics_configuration(body.analytics_configuration)
            .set_auth_session_validity(body.auth_session_validity)
            .set_refresh_token_rotation(body.refresh_token_rotation)
            .set_enable_propagate_additional_user_context_data(
                body.enable_propagate_additional_user_context_data,
            )
            // Must be one of the callback URLs, so it goes when its URL does.
            .set_default_redirect_uri(
                body.default_redirect_uri
                    .filter(|uri| client.callback_urls.contains(uri)),
            )
            .send()
            .await?;
        Ok(())
    }

    pub(super) async fn delete_user_pool_client(&self, physical_id: &str) -> Result<()> {
        let (pool, id) = parts(physical_id);
        let answer = self
            .cognito
            .delete_user_pool_client()
            .user_pool_id(pool)
            .client_id(id)
            .send()
            .await;
        classify::gone(answer.map_err(Fault::from))
    }

    pub(super) async fn read_user_pool_domain(&self, physical_id: &str) -> Result<Option<Live>> {
        let (pool, domain) = parts(physical_id);
        let answer = self
            .cognito
            .describe_user_pool_domain()
            .domain(domain)
            .send()
            .await;
        let found = classify::found(answer.map_err(Fault::from))?;
        // An unknown domain is answered with an empty description, not with an error.
        let Some(description) = found
            .and_then(|answer| answer.domain_description)
            .filter(|description| description.user_pool_id() == Some(pool))
        else {
            return Ok(None);
        };
        let mut properties = json!({
            "Domain": domain,
            "UserPoolId": pool,
            "ManagedLoginVersion": description.managed_login_version().unwrap_or(1),
        });
        if let Some(config) = description.custom_domain_config() {
            properties["CustomDomainConfig"] =
                json!({ "CertificateArn": config.certificate_arn() });
        }
        Ok(Some(live(Kind::UserPoolDomain, physical_id, properties)))
    }

    /// The pool a domain hangs from, when the account knows the domain.
    pub async fn domain_pool(&self, domain: &str) -> Result<Option<String>> {
        let answer = self
            .cognito
            .describe_user_pool_domain()
            .domain(domain)
            .send()
            .await;
        let found = classify::found(answer.map_err(Fault::from))?;
        Ok(found
            .and_then(|answer| answer.domain_description)
            .and_then(|description| description.user_pool_id))
    }

    pub(super) async fn create_user_pool_domain(
        &self,
        domain: &UserPoolDomain<String>,
    ) -> Result<Live> {
        self.cognito
            .create_user_pool_domain()
            .domain(&domain.domain)
            .user_pool_id(&domain.user_pool_id)
            .managed_login_version(int(domain.managed_login_version))
            .set_custom_domain_config(custom_domain(domain)?)
            .send()
            .await?;
        let physical_id = format!("{}|{}", domain.user_pool_id, domain.domain);
        Ok(live(Kind::UserPoolDomain, physical_id, Value::Null))
    }

    pub(super) async fn update_user_pool_domain(
        &self,
        domain: &UserPoolDomain<String>,
    ) -> Result<()> {
        self.cognito
            .update_user_pool_domain()
            .domain(&domain.domain)
            .user_pool_id(&domain.user_pool_id)
            .managed_login_version(int(domain.managed_login_version))
            .set_custom_domain_config(custom_domain(domain)?)
            .send()
            .await?;
        Ok(())
    }

    /// Deletes a domain; a custom one takes a while, and the pool can't go before it has.
    pub(super) async fn delete_user_pool_domain(
        &self,
        physical_id: &str,
        waiting: Waiting<'_>,
    ) -> Result<()> {
        let (pool, domain) = parts(physical_id);
        let answer = self
            .cognito
            .delete_user_pool_domain()
            .domain(domain)
            .user_pool_id(pool)
            .send()
            .await;
        classify::gone(answer.map_err(Fault::from))?;
        // Only a custom domain (it has dots) is taken down by a CloudFront distribution in the
        // background; AWS's guide says up to an hour for a new one, and minutes are usual here.
        if domain.contains('.') {
            for _ in 0..60 {
                if self.read_user_pool_domain(physical_id).await?.is_none() {
                    return Ok(());
                }
                waiting("the custom domain to be taken down");
                tokio::time::sleep(std::time::Duration::from_secs(5)).await;
            }
        }
        Ok(())
    }

    /// One ListGroups serves every group of a pool.
    pub(super) async fn read_user_pool_groups(
        &self,
        wanted: &[&Wanted],
    ) -> Result<Vec<(LogicalId, Live)>> {
        let mut by_pool: BTreeMap<String, Vec<(&LogicalId, String)>> = BTreeMap::new();
        for one in wanted {
            if let Some(physical_id) = one.known_id() {
                let pool = parts(&physical_id).0.to_owned();
                by_pool
                    .entry(pool)
                    .or_default()
                    .push((&one.id, physical_id));
            }
        }
        let mut found = Vec::new();
        for (pool, wanted) in by_pool {
            let groups = self.list_groups(&pool).await?;
            for (id, physical_id) in wanted {
                if let Some(group) = groups.get(parts(&physical_id).1) {
                    let properties = json!({
                        "GroupName": group.group_name(),
                        "UserPoolId": pool,
                        "Description": group.description(),
                    });
                    found.push((
                        id.clone(),
                        live(Kind::UserPoolGroup, physical_id, properties),
                    ));
                }
            }
        }
        Ok(found)
    }

    async fn list_groups(&self, pool: &str) -> Result<BTreeMap<String, GroupType>> {
        let mut groups = BTreeMap::new();
        let mut token: Option<String> = None;
        loop {
            let answer = self
                .cognito
                .list_groups()
                .user_pool_id(pool)
                .limit(60)
                .set_next_token(token.take())
                .send()
                .await;
            let Some(page) = classify::found(answer.map_err(Fault::from))? else {
                return Ok(groups);
            };
            token = page.next_token().map(str::to_owned);
            for group in page.groups.unwrap_or_default() {
                groups.insert(group.group_name().unwrap_or_default().to_owned(), group);
            }
            if token.is_none() {
                return Ok(groups);
            }
        }
    }

    pub(super) async fn create_user_pool_group(
        &self,
        group: &UserPoolGroup<String>,
    ) -> Result<Live> {
        self.cognito
            .create_group()
            .user_pool_id(&group.user_pool_id)
            .group_name(&group.group_name)
            .description(&group.description)
            .send()
            .await?;
        let physical_id = format!("{}|{}", group.user_pool_id, group.group_name);
        Ok(live(Kind::UserPoolGroup, physical_id, Value::Null))
    }

    pub(super) async fn update_user_pool_group(&self, group: &UserPoolGroup<String>) -> Result<()> {
        // UpdateGroup leaves RoleArn and Precedence alone when they are left out.
        self.cognito
            .update_group()
            .user_pool_id(&group.user_pool_id)
            .group_name(&group.group_name)
            .description(&group.description)
            .send()
            .await?;
        Ok(())
    }

    pub(super) async fn delete_user_pool_group(&self, physical_id: &str) -> Result<()> {
        let (pool, name) = parts(physical_id);
        let answer = self
            .cognito
            .delete_group()
            .user_pool_id(pool)
            .group_name(name)
            .send()
            .await;
        classify::gone(answer.map_err(Fault::from))
    }

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

fn int(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// The API takes no empty lists here; leaving the field out of a whole body empties it.
fn some<T>(values: Vec<T>) -> Option<Vec<T>> {
    (!values.is_empty()).then_some(values)
}

fn auth_flows(client: &UserPoolClient<String>) -> Vec<ExplicitAuthFlowsType> {
    client
        .explicit_auth_flows
        .iter()
        .map(|flow| flow.as_str().into())
        .collect()
}

fn oauth_flows(client: &UserPoolClient<String>) -> Vec<OAuthFlowType> {
    client
        .allowed_oauth_flows
        .iter()
        .map(|flow| flow.as_str().into())
        .collect()
}

fn prevent(client: &UserPoolClient<String>) -> PreventUserExistenceErrorTypes {
    client.prevent_user_existence_errors.as_str().into()
}

fn units(client: &UserPoolClient<String>) -> TokenValidityUnitsType {
    let units = &client.token_validity_units;
    TokenValidityUnitsType::builder()
        .access_token(TimeUnitsType::from(units.access_token.as_str()))
        .id_token(TimeUnitsType::from(units.id_token.as_str()))
        .refresh_token(TimeUnitsType::from(units.refresh_token.as_str()))
        .build()
}

fn client_properties(client: &UserPoolClientType, has_secret: bool) -> Value {
    let units = client.token_validity_units();
    // Without units Cognito counts access and ID tokens in hours and refresh tokens in days.
    let unit = |unit: Option<&TimeUnitsType>, default: &'static str| {
        unit.map_or(default.to_owned(), |unit| unit.as_str().to_owned())
    };
    json!({
        "ClientName": client.client_name(),
        "UserPoolId": client.user_pool_id(),
        "GenerateSecret": has_secret,
        "ExplicitAuthFlows": client.explicit_auth_flows().iter().map(ExplicitAuthFlowsType::as_str).collect::<Vec<_>>(),
        "AllowedOAuthFlowsUserPoolClient": client.allowed_o_auth_flows_user_pool_client().unwrap_or(false),
        "AllowedOAuthFlows": client.allowed_o_auth_flows().iter().map(OAuthFlowType::as_str).collect::<Vec<_>>(),
        "AllowedOAuthScopes": client.allowed_o_auth_scopes(),
        "CallbackURLs": client.callback_urls(),
        "LogoutURLs": client.logout_urls(),
        "SupportedIdentityProviders": client.supported_identity_providers(),
        "ReadAttributes": client.read_attributes(),
        "WriteAttributes": client.write_attributes(),
        "AccessTokenValidity": client.access_token_validity(),
        "IdTokenValidity": client.id_token_validity(),
        "RefreshTokenValidity": client.refresh_token_validity(),
        "TokenValidityUnits": {
            "AccessToken": unit(units.and_then(TokenValidityUnitsType::access_token), "hours"),
            "IdToken": unit(units.and_then(TokenValidityUnitsType::id_token), "hours"),
            "RefreshToken": unit(units.and_then(TokenValidityUnitsType::refresh_token), "days"),
        },
        "PreventUserExistenceErrors": client.prevent_user_existence_errors().map_or("LEGACY", PreventUserExistenceErrorTypes::as_str),
        "EnableTokenRevocation": client.enable_token_revocation().unwrap_or(false),
    })
}

fn custom_domain(domain: &UserPoolDomain<String>) -> Result<Option<CustomDomainConfigType>> {
    domain
        .custom_domain_config
        .as_ref()
        .map(|config| {
            CustomDomainConfigType::builder()
                .certificate_arn(&config.certificate_arn)
                .build()
                .map_err(|error| Fault::ours(error.to_string()))
        })
        .transpose()
}

fn scopes(server: &UserPoolResourceServer<String>) -> Result<Vec<ResourceServerScopeType>> {
    server
        .scopes
        .iter()
        .map(|scope| {
            ResourceServerScopeType::builder()
                .scope_name(&scope.scope_name)
                .scope_description(&scope.scope_description)
                .build()
                .map_err(|error| Fault::ours(error.to_string()))
        })
        .collect()
}
