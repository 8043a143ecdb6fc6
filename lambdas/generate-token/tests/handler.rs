//! The handler against scripted answers of DynamoDB.

use std::time::Duration;

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::operation::get_item::{GetItemError, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::error::{ConditionalCheckFailedException, ResourceNotFoundException};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use generate_token::{GenerateToken, Settings};
use serde_json::{Value, json};
use trigger_common::record::text;
use trigger_common::{Event, Log, TriggerError};

const SUB_KEY: &str = "USER#5f1c2a44-3f3e-4a0b-9c55-0a8f5d7e1b20";

fn event() -> Event {
    serde_json::from_str(include_str!(
        "../../common/fixtures/pre-token-generation-v2.json"
    ))
    .expect("the fixture is an event")
}

fn trigger(rules: &[&Rule]) -> GenerateToken {
    let settings = Settings {
        permissions_table: "permissions".to_owned(),
        domains_table: "domains".to_owned(),
        default_role: "member".to_owned(),
    };
    GenerateToken::new(
        mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, rules),
        settings,
    )
}

async fn claims(trigger: &GenerateToken) -> Value {
    let answer = trigger
        .handle(event(), &Log::new("r-1"))
        .await
        .expect("it answers");
    let details = &answer.response["claimsAndScopeOverrideDetails"];
    let id = &details["idTokenGeneration"]["claimsToAddOrOverride"];
    assert_eq!(
        id,
        &details["accessTokenGeneration"]["claimsToAddOrOverride"]
    );
    id.clone()
}

fn list(values: &[&str]) -> AttributeValue {
    AttributeValue::L(
        values
            .iter()
            .map(|value| AttributeValue::S((*value).to_owned()))
            .collect(),
    )
}

/// Answers every read of `key` in the Permissions table.
fn item(
    key: &'static str,
    role: Option<&'static str>,
    permissions: &'static [&'static str],
) -> Rule {
    mock!(DynamoDb::get_item)
        .match_requests(move |request| {
            request.table_name() == Some("permissions")
                && request.key().and_then(|given| text(given, "pk")) == Some(key)
        })
        .sequence()
        .output(move || {
            let item = GetItemOutput::builder().item("permissions", list(permissions));
            match role {
                Some(role) => item.item("role", AttributeValue::S(role.to_owned())),
                None => item,
            }
            .build()
        })
        .repeatedly()
        .build()
}

fn no_record() -> Rule {
    mock!(DynamoDb::get_item)
        .match_requests(|request| request.key().and_then(|key| text(key, "pk")) == Some(SUB_KEY))
        .then_output(|| GetItemOutput::builder().build())
}

fn domains(names: &'static [&'static str]) -> Rule {
    mock!(DynamoDb::query)
        .match_requests(|request| request.table_name() == Some("domains"))
        .sequence()
        .output(move || {
            names
                .iter()
                .fold(QueryOutput::builder(), |output, name| {
                    let key = AttributeValue::S(format!("DOMAIN#{name}"));
                    output.items([("sk".to_owned(), key)].into())
                })
                .build()
        })
        .repeatedly()
        .build()
}

#[tokio::test]
async fn role_permissions_and_domains_reach_both_tokens() {
    let trigger = trigger(&[
        &item(SUB_KEY, Some("admin"), &["reports:read", "projects:read"]),
        &item("ROLE#admin", None, &["projects:*", "billing:*"]),
        &domains(&["acme.com", "acme.org"]),
    ]);
    assert_eq!(
        claims(&trigger).await,
        json!({
            "role": "admin",
            "permissions": ["billing:*", "projects:*", "reports:read"],
            "domains": ["acme.com", "acme.org"],
        })
    );
}

#[tokio::test]
async fn every_field_of_the_event_but_the_response_comes_back() {
    let trigger = trigger(&[
        &item(SUB_KEY, Some("member"), &[]),
        &item("ROLE#member", None, &["projects:read"]),
        &domains(&[]),
    ]);
    let mut answer = trigger
        .handle(event(), &Log::new("r-1"))
        .await
        .expect("it answers");
    answer.response = event().response;
    assert_eq!(answer, event());
}

#[tokio::test]
async fn a_user_without_a_record_gets_one_and_the_default_role() {
    let created = mock!(DynamoDb::put_item)
        .match_requests(|request| {
            let item = request.item().expect("an item is put");
            request.table_name() == Some("permissions")
                && request.condition_expression() == Some("attribute_not_exists(pk)")
                && text(item, "pk") == Some(SUB_KEY)
                && text(item, "role") == Some("member")
        })
        .then_output(|| PutItemOutput::builder().build());
    let trigger = trigger(&[
        &no_record(),
        &created,
        &item("ROLE#member", None, &["projects:read"]),
        &domains(&[]),
    ]);
    assert_eq!(
        claims(&trigger).await,
        json!({ "role": "member", "permissions": ["projects:read"], "domains": [] })
    );
    assert_eq!(created.num_calls(), 1);
}

#[tokio::test]
async fn a_record_written_meanwhile_is_the_one_that_counts() {
    let raced = mock!(DynamoDb::put_item).then_error(|| {
        PutItemError::ConditionalCheckFailedException(
            ConditionalCheckFailedException::builder().build(),
        )
    });
    let absent_then_there = mock!(DynamoDb::get_item)
        .match_requests(|request| request.key().and_then(|key| text(key, "pk")) == Some(SUB_KEY))
        .sequence()
        .output(|| GetItemOutput::builder().build())
        .output(|| {
            GetItemOutput::builder()
                .item("role", AttributeValue::S("admin".to_owned()))
                .build()
        })
        .build();
    let trigger = trigger(&[
        &absent_then_there,
        &raced,
        &item("ROLE#admin", None, &["*"]),
        &domains(&[]),
    ]);
    assert_eq!(claims(&trigger).await["role"], "admin");
}

#[tokio::test]
async fn a_record_that_cannot_be_written_costs_nobody_a_sign_in() {
    let refused = mock!(DynamoDb::put_item).then_error(|| {
        PutItemError::ResourceNotFoundException(ResourceNotFoundException::builder().build())
    });
    let member = item("ROLE#member", None, &["projects:read"]);
    let trigger = trigger(&[&no_record(), &refused, &member, &domains(&[])]);
    assert_eq!(claims(&trigger).await["role"], "member");
}

#[tokio::test]
async fn without_dynamodb_there_is_no_token_and_no_detail() {
    let broken = mock!(DynamoDb::get_item).then_error(|| {
        GetItemError::ResourceNotFoundException(
            ResourceNotFoundException::builder()
                .message("table permissions of account 1")
                .build(),
        )
    });
    let trigger = trigger(&[&broken, &domains(&[])]);
    let error = trigger.handle(event(), &Log::new("r-1")).await;
    assert_eq!(error, Err(TriggerError::STORE_UNAVAILABLE));
}

#[tokio::test]
async fn an_undefined_role_permits_nothing_but_what_the_user_holds() {
    let undefined = mock!(DynamoDb::get_item)
        .match_requests(|request| {
            request.key().and_then(|key| text(key, "pk")) == Some("ROLE#ghost")
        })
        .then_output(|| GetItemOutput::builder().build());
    let trigger = trigger(&[
        &item(SUB_KEY, Some("ghost"), &["a:read"]),
        &undefined,
        &domains(&[]),
    ]);
    assert_eq!(claims(&trigger).await["permissions"], json!(["a:read"]));
}

#[tokio::test(start_paused = true)]
async fn a_role_is_read_once_a_minute_and_prefetched() {
    let role = item("ROLE#member", None, &["projects:read"]);
    let trigger = trigger(&[&item(SUB_KEY, Some("member"), &[]), &role, &domains(&[])]);
    trigger.prefetch(&Log::init()).await;
    assert_eq!(role.num_calls(), 1);
    claims(&trigger).await;
    tokio::time::advance(Duration::from_secs(59)).await;
    claims(&trigger).await;
    assert_eq!(role.num_calls(), 1, "still fresh");
    tokio::time::advance(Duration::from_secs(1)).await;
    claims(&trigger).await;
    assert_eq!(role.num_calls(), 2, "a minute old");
}

#[tokio::test]
async fn a_machines_token_is_left_alone() {
    let mut machine = event();
    machine.trigger_source = "TokenGeneration_ClientCredentials".to_owned();
    machine.request.user_attributes.0.clear();
    let answer = trigger(&[]).handle(machine.clone(), &Log::new("r-1")).await;
    assert_eq!(answer, Ok(machine));
}

#[tokio::test]
async fn every_source_with_a_user_gets_the_claims() {
    for source in [
        "HostedAuth",
        "NewPasswordChallenge",
        "AuthenticateDevice",
        "RefreshTokens",
    ] {
        let mut event = event();
        event.trigger_source = format!("TokenGeneration_{source}");
        let trigger = trigger(&[
            &item(SUB_KEY, Some("member"), &[]),
            &item("ROLE#member", None, &["projects:read"]),
            &domains(&[]),
        ]);
        let answer = trigger
            .handle(event, &Log::new("r-1"))
            .await
            .expect("it answers");
        assert!(
            !answer.response["claimsAndScopeOverrideDetails"].is_null(),
            "{source}"
        );
    }
}
