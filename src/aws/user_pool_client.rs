//! `AWS::Cognito::UserPoolClient`. Its physical ID is `POOL|CLIENT`.

use aws_sdk_cognitoidentityprovider::types::{
    ExplicitAuthFlowsType, OAuthFlowType, PreventUserExistenceErrorTypes, TimeUnitsType,
    TokenValidityUnitsType, UserPoolClientType,
};
use serde_json::{Value, json};

use super::lifecycle::{Change, Lifecycle, each_or_look_for};
use super::{Aws, Fault, Result, Waiting, Wanted, classify, live, parts};
use saasauth_model::resource::{Kind, Live, LogicalId, UserPoolClient};

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

/// A client as Cognito describes it.
struct Client {
    /// Without its secret.
    body: UserPoolClientType,
    has_secret: bool,
}

impl Client {
    /// Forgets the secret at once: all that is ours to know is whether there is one.
    fn without_secret(mut body: UserPoolClientType) -> Self {
        let has_secret = body.client_secret.take().is_some();
        Self { body, has_secret }
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
        let client = self.describe_user_pool_client(physical_id).await?;
        Ok(client.as_ref().map(client_as_live))
    }

    async fn describe_user_pool_client(&self, physical_id: &str) -> Result<Option<Client>> {
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
            .map(Client::without_secret))
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
        Ok(client_as_live(&Client::without_secret(made)))
    }

    /// UpdateUserPoolClient resets what a request omits, so neighbours are sent along, as they are at
    /// this moment: what the plan read may be as old as a person took to say yes.
    pub(super) async fn update_user_pool_client(
        &self,
        client: &UserPoolClient<String>,
        live: &Live,
    ) -> Result<()> {
        let (pool, id) = parts(&live.physical_id);
        let Client { body, .. } = self
            .describe_user_pool_client(&live.physical_id)
            .await?
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
}

pub(super) fn int(value: u32) -> i32 {
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

fn client_as_live(client: &Client) -> Live {
    let physical_id = format!(
        "{}|{}",
        client.body.user_pool_id().unwrap_or_default(),
        client.body.client_id().unwrap_or_default()
    );
    live(Kind::UserPoolClient, physical_id, client_properties(client))
}

fn client_properties(client: &Client) -> Value {
    let has_secret = client.has_secret;
    let client = &client.body;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay::{self, ok};

    fn declared() -> UserPoolClient<String> {
        let client = json!({
            "ClientName": "web",
            "UserPoolId": "p",
            "GenerateSecret": true,
            "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH"],
            "AllowedOAuthFlowsUserPoolClient": true,
            "AllowedOAuthFlows": ["code"],
            "AllowedOAuthScopes": ["openid"],
            "CallbackURLs": ["https://acme.com/new"],
            "LogoutURLs": [],
            "SupportedIdentityProviders": ["COGNITO"],
            "AccessTokenValidity": 900,
            "IdTokenValidity": 900,
            "RefreshTokenValidity": 30,
            "TokenValidityUnits": { "AccessToken": "seconds", "IdToken": "seconds", "RefreshToken": "days" },
            "PreventUserExistenceErrors": "ENABLED",
            "EnableTokenRevocation": true,
        });
        serde_json::from_value(client).expect("it is a client")
    }

    #[tokio::test]
    async fn an_update_of_a_client_keeps_what_others_set_since_the_plan() {
        let planned = json!({ "UserPoolClient": {
            "UserPoolId": "p", "ClientId": "c", "ClientSecret": "hush",
        } });
        let mut now = planned.clone();
        now["UserPoolClient"]["AuthSessionValidity"] = json!(7);
        // Its URL leaves with this update.
        now["UserPoolClient"]["DefaultRedirectURI"] = json!("https://acme.com/old");
        let (aws, replay) = replay::aws([ok(planned), ok(now), ok(json!({}))]);
        let live = aws.read_user_pool_client("p|c").await.expect("answered");
        let live = live.expect("it is there");
        assert_eq!(live.properties["GenerateSecret"], true);
        assert!(
            !format!("{live:?}").contains("hush"),
            "a secret is forgotten"
        );
        aws.update_user_pool_client(&declared(), &live)
            .await
            .expect("updated");
        let sent = replay.finish();
        assert_eq!(sent[2].what, "UpdateUserPoolClient");
        assert_eq!(sent[2].body["AuthSessionValidity"], 7);
        assert_eq!(sent[2].body["DefaultRedirectURI"], Value::Null);
    }
}
