//! `AWS::Cognito::UserPoolClient`. Its physical ID is `POOL|CLIENT`.
//!
//! UpdateUserPoolClient sets what it isn't told to its default (its API reference), so its body is whole: what was
//! read just before, with ours laid over it.

use serde_json::{Value, json};

use super::document::{Document, Hears, Says, is_empty, laid_over, text};
use super::lifecycle::{Change, Lifecycle, each_wanted};
use super::{Aws, Fault, Result, Waiting, Wanted, classify, live, parts};
use saasauth_model::resource::{Kind, Live, LogicalId, UserPoolClient};

/// Members of UpdateUserPoolClient that are sent back as they were found, unless they are declared: reset when left
/// out.
const THEIRS: [&str; 7] = [
    "AnalyticsConfiguration",
    "AuthSessionValidity",
    "RefreshTokenRotation",
    "EnablePropagateAdditionalUserContextData",
    // Must be one of the callback URLs, so it goes when its URL does.
    "DefaultRedirectURI",
    // Not declared for machines.
    "ReadAttributes",
    "WriteAttributes",
];

/// Stays as it is when left out (its documentation), and said `false` it deletes a secret for good.
#[cfg(test)]
const LEFT: &str = "PublishSecretsInAWSSecretsManager";

/// The flow that Cognito refuses beside refresh token rotation, which takes its place (its guide). Where others
/// switched that on, what is declared is there in the newer way.
const REFRESH: &str = "ALLOW_REFRESH_TOKEN_AUTH";

/// Lists that the API doesn't take empty; left out of a whole body they become so.
const NEVER_EMPTY: [&str; 4] = [
    "AllowedOAuthFlows",
    "AllowedOAuthScopes",
    "CallbackURLs",
    "LogoutURLs",
];

/// Members of CreateUserPoolClient alone.
const AT_CREATION: &str = "GenerateSecret";

impl Lifecycle for UserPoolClient<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each_wanted(wanted, async |one| {
            let mut live = match one.known_id() {
                Some(id) => aws.read_user_pool_client(&id).await?,
                None => aws.find_user_pool_client(&one.declared).await?,
            };
            if let Some(live) = &mut live {
                read_rotation(&mut live.properties, &one.declared);
            }
            Ok(live)
        })
        .await
    }

    async fn create(&self, aws: &Aws, _id: &str, waiting: Waiting<'_>) -> Result<Live> {
        aws.create_user_pool_client(self, waiting).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_user_pool_client(self, change.live).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_user_pool_client(physical_id).await
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
        Ok(client.map(as_live))
    }

    async fn describe_user_pool_client(&self, physical_id: &str) -> Result<Option<Client>> {
        let (pool, id) = parts(physical_id);
        let heard = Hears::default();
        let request = self.cognito.describe_user_pool_client();
        let request = request.user_pool_id(pool).client_id(id);
        let request = request.customize().interceptor(heard.clone());
        let found = classify::found(request.send().await.map_err(Fault::from))?;
        Ok(found.and_then(|_| heard.part("UserPoolClient").map(Client::without_secret)))
    }

    pub(super) async fn create_user_pool_client(
        &self,
        client: &UserPoolClient<String>,
        waiting: Waiting<'_>,
    ) -> Result<Live> {
        let body = to_create(client);
        let declared =
            json!({ "UserPoolId": client.user_pool_id, "ClientName": client.client_name });
        let send = async || {
            let heard = Hears::default();
            let request = self.cognito.create_user_pool_client();
            let request = request.user_pool_id(&client.user_pool_id);
            let request = request.client_name(&client.client_name).customize();
            let request = request.interceptor(Says::new(&body));
            request.interceptor(heard.clone()).send().await?;
            let made = heard.part("UserPoolClient").unwrap_or_default();
            Ok::<Live, Fault>(as_live(Client::without_secret(made)))
        };
        let look = async || self.find_user_pool_client(&declared).await;
        let made = self.once(waiting, send, look).await?;
        if parts(&made.physical_id).1.is_empty() {
            return Err(Fault::ours("CreateUserPoolClient answered without an ID"));
        }
        Ok(made)
    }

    /// Neighbours are sent along as they are at this moment: what the plan read may be as old as a person took to
    /// say yes.
    pub(super) async fn update_user_pool_client(
        &self,
        client: &UserPoolClient<String>,
        live: &Live,
    ) -> Result<()> {
        let (pool, id) = parts(&live.physical_id);
        let now = self
            .describe_user_pool_client(&live.physical_id)
            .await?
            .ok_or_else(|| Fault::ours(format!("client `{id}` is gone")))?;
        let body = to_update(id, client, &now.body);
        let request = self.cognito.update_user_pool_client();
        let request = request.user_pool_id(pool).client_id(id);
        let request = request.customize().interceptor(Says::new(&body));
        request.send().await?;
        Ok(())
    }

    pub(super) async fn delete_user_pool_client(&self, physical_id: &str) -> Result<()> {
        let (pool, id) = parts(physical_id);
        let request = self.cognito.delete_user_pool_client();
        let request = request.user_pool_id(pool).client_id(id);
        classify::gone(request.send().await.map_err(Fault::from))
    }
}

/// A client as Cognito describes it.
struct Client {
    /// Without its secret.
    body: Document,
    has_secret: bool,
}

impl Client {
    /// Forgets the secret at once: all that is ours to know is whether there is one. It may be kept in Secrets
    /// Manager, and then its ARN is answered in its stead.
    fn without_secret(mut body: Document) -> Self {
        let secret = body.remove("ClientSecret").is_some();
        Self {
            has_secret: secret || body.contains_key("ClientSecretArn"),
            body,
        }
    }
}

fn declared(client: &UserPoolClient<String>) -> Document {
    // Text, numbers, booleans, lists and maps: it always has a spelling.
    let Ok(Value::Object(mut declared)) = serde_json::to_value(client) else {
        return Document::new();
    };
    declared.retain(|name, value| !NEVER_EMPTY.contains(&name.as_str()) || !is_empty(value));
    declared
}

/// CreateUserPoolClient's body.
fn to_create(client: &UserPoolClient<String>) -> Document {
    declared(client)
}

/// UpdateUserPoolClient's body.
fn to_update(id: &str, client: &UserPoolClient<String>, now: &Document) -> Document {
    let mut ours = declared(client);
    ours.remove(AT_CREATION);
    let mut body = Document::new();
    for name in THEIRS {
        if let Some(value) = now.get(name).filter(|value| !is_empty(value)) {
            body.insert(name.to_owned(), value.clone());
        }
    }
    let redirect = text(&body, "DefaultRedirectURI").map(str::to_owned);
    if redirect.is_some_and(|uri| !client.callback_urls.contains(&uri)) {
        body.remove("DefaultRedirectURI");
    }
    body.extend(ours);
    if rotates(body.get("RefreshTokenRotation"))
        && let Some(Value::Array(flows)) = body.get_mut("ExplicitAuthFlows")
    {
        flows.retain(|flow| flow != REFRESH);
    }
    body.insert("ClientId".to_owned(), json!(id));
    body
}

fn rotates(rotation: Option<&Value>) -> bool {
    rotation.is_some_and(|rotation| rotation["Feature"] == "ENABLED")
}

fn read_rotation(live: &mut Value, declared: &Value) {
    let wants = declared["ExplicitAuthFlows"].as_array();
    let wants = wants.is_some_and(|flows| flows.iter().any(|flow| flow == REFRESH));
    if wants
        && rotates(live.get("RefreshTokenRotation"))
        && let Some(flows) = live["ExplicitAuthFlows"].as_array_mut()
        && flows.iter().all(|flow| flow != REFRESH)
    {
        flows.push(json!(REFRESH));
    }
}

/// How long tokens last where a client doesn't say, in seconds (the reference of CreateUserPoolClient; it reads no time
/// at all as none said).
const VALIDITIES: [(&str, u64); 3] = [
    ("AccessToken", 60 * 60),
    ("IdToken", 60 * 60),
    ("RefreshToken", 30 * 24 * 60 * 60),
];

/// Cognito tells the lives of tokens in the units they were set in; ours are seconds.
fn in_seconds(client: &mut Value) {
    for (token, default) in VALIDITIES {
        let validity = format!("{token}Validity");
        let unit = match client["TokenValidityUnits"][token].as_str() {
            Some("seconds") => 1,
            Some("minutes") => 60,
            Some("hours") => 60 * 60,
            Some("days") => 24 * 60 * 60,
            // A unit of tomorrow: as it is told.
            _ => continue,
        };
        let said = client[&validity].as_u64().filter(|&number| number > 0);
        client[&validity] = json!(said.map_or(default, |number| number * unit));
        client["TokenValidityUnits"][token] = json!("seconds");
    }
}

fn as_live(client: Client) -> Live {
    let Client { body, has_secret } = client;
    let physical_id = format!(
        "{}|{}",
        text(&body, "UserPoolId").unwrap_or_default(),
        text(&body, "ClientId").unwrap_or_default()
    );
    let defaults = json!({
        "AllowedOAuthFlowsUserPoolClient": false,
        // Without units Cognito counts access and ID tokens in hours and refresh tokens in days.
        "TokenValidityUnits": { "AccessToken": "hours", "IdToken": "hours", "RefreshToken": "days" },
        "PreventUserExistenceErrors": "LEGACY",
        "EnableTokenRevocation": false,
    });
    let mut properties = laid_over(defaults, Value::Object(body));
    properties["GenerateSecret"] = json!(has_secret);
    in_seconds(&mut properties);
    live(Kind::UserPoolClient, physical_id, properties)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cognitoidentityprovider::operation::create_user_pool_client::CreateUserPoolClientInput;
    use std::collections::BTreeSet;

    use crate::aws::document::{members_of, members_of_sdk};
    use crate::aws::replay::{self, error, ok};
    use crate::aws::wait::UNWATCHED;

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

    #[test]
    fn every_member_of_the_requests_is_accounted_for() {
        let ours: BTreeSet<String> = [
            "UserPoolId",
            "ClientName",
            "ExplicitAuthFlows",
            "AllowedOAuthFlowsUserPoolClient",
            "SupportedIdentityProviders",
            "AccessTokenValidity",
            "IdTokenValidity",
            "RefreshTokenValidity",
            "TokenValidityUnits",
            "PreventUserExistenceErrors",
            "EnableTokenRevocation",
        ]
        .into_iter()
        .chain(NEVER_EMPTY)
        .map(str::to_owned)
        .collect();
        // What is declared is sent.
        let mut sent: BTreeSet<String> = to_create(&declared())
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert!(sent.remove(AT_CREATION));
        sent.extend(NEVER_EMPTY.map(str::to_owned));
        assert_eq!(sent, ours);

        let mut update = ours;
        update.extend(THEIRS.map(str::to_owned));
        update.insert(LEFT.to_owned());
        let mut create = update.clone();
        update.insert("ClientId".to_owned());
        // Cognito makes the secrets.
        create.extend([AT_CREATION.to_owned(), "ClientSecret".to_owned()]);
        assert_eq!(update, members_of("UpdateUserPoolClient"));
        assert_eq!(create, members_of("CreateUserPoolClient"));
        let input = CreateUserPoolClientInput::builder()
            .build()
            .expect("it is built");
        let known = members_of_sdk(&input);
        assert!(known.is_subset(&create), "{:?}", known.difference(&create));
    }

    #[test]
    fn refresh_token_rotation_that_others_switched_on_stays() {
        let rotation = json!({ "Feature": "ENABLED", "RetryGracePeriodSeconds": 10 });
        let mut client = declared();
        client.explicit_auth_flows.push(REFRESH.to_owned());
        let mut now = Document::new();
        now.insert("RefreshTokenRotation".to_owned(), rotation.clone());
        now.insert(
            "ExplicitAuthFlows".to_owned(),
            json!(["ALLOW_USER_SRP_AUTH"]),
        );
        let body = to_update("c", &client, &now);
        assert_eq!(body["RefreshTokenRotation"], rotation);
        assert_eq!(body["ExplicitAuthFlows"], json!(["ALLOW_USER_SRP_AUTH"]));

        let wanted = serde_json::to_value(&client).expect("it serialises");
        let mut live = Value::Object(now.clone());
        read_rotation(&mut live, &wanted);
        assert_eq!(
            live["ExplicitAuthFlows"],
            wanted["ExplicitAuthFlows"]
                .as_array()
                .map(|flows| { flows.iter().rev().collect::<Vec<_>>() })
                .map_or(Value::Null, |flows| json!([flows[1], flows[0]]))
        );

        now.insert(
            "RefreshTokenRotation".to_owned(),
            json!({ "Feature": "DISABLED" }),
        );
        let body = to_update("c", &client, &now);
        assert_eq!(
            body["ExplicitAuthFlows"],
            json!(["ALLOW_USER_SRP_AUTH", REFRESH])
        );
    }

    #[tokio::test]
    async fn a_client_whose_answer_was_lost_is_found_and_not_made_twice() {
        let lost = error(500, "InternalErrorException", "");
        let listed = ok(json!({ "UserPoolClients": [
            { "ClientId": "other", "ClientName": "else" }, { "ClientId": "c", "ClientName": "web" },
        ] }));
        let described = ok(json!({ "UserPoolClient": {
            "UserPoolId": "p", "ClientId": "c", "ClientName": "web", "ClientSecret": "hush",
        } }));
        let nothing = ok(json!({ "UserPoolClients": [] }));
        let (aws, replay) = replay::aws([lost, nothing, listed, described]);
        let made = aws.create_user_pool_client(&declared(), UNWATCHED).await;
        let made = made.expect("found");
        assert_eq!(made.physical_id, "p|c");
        assert!(
            !format!("{made:?}").contains("hush"),
            "a secret is forgotten"
        );
        let sent = replay.finish();
        assert_eq!(sent[0].body["GenerateSecret"], true);
        assert!(
            sent[0].body.get("LogoutURLs").is_none(),
            "an empty list is refused"
        );
    }

    #[tokio::test]
    async fn an_update_waits_for_another_change_of_the_pool() {
        let busy = || error(400, "ConcurrentModificationException", "try again");
        let described = ok(json!({ "UserPoolClient": { "UserPoolId": "p", "ClientId": "c" } }));
        let (aws, replay) = replay::aws([described, busy(), ok(json!({})), busy(), ok(json!({}))]);
        let live = live(Kind::UserPoolClient, "p|c", json!({}));
        aws.update_user_pool_client(&declared(), &live)
            .await
            .expect("updated");
        aws.delete_user_pool_client("p|c").await.expect("deleted");
        replay.finish();
    }
}
