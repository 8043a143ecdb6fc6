//! The handler against scripted answers of DynamoDB, and a real HTTP server in Lambda's place.

mod companies;
mod federated;
mod hooks;
mod proof;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemInput, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemError, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemOutput};
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::error::{ConditionalCheckFailedException, ResourceNotFoundException};
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use saasauth_contract::environment::{GenerateToken as Settings, Tables};
use saasauth_contract::federation::ProviderDomains;
use saasauth_triggers::generate_token::{DISABLED, GenerateToken, Hooks};
use saasauth_triggers::internal::{Aws, Event, Log, TriggerError, text};
use serde_json::{Map, Value, json};

const SUB_KEY: &str = "USER#5f1c2a44-3f3e-4a0b-9c55-0a8f5d7e1b20";

fn event() -> Event {
    serde_json::from_str(include_str!("../../fixtures/pre-token-generation-v2.json"))
        .expect("the fixture is an event")
}

fn settings() -> Settings {
    Settings {
        tables: Tables {
            permissions: "permissions".to_owned(),
            domains: "domains".to_owned(),
            default_role: "member".to_owned(),
        },
        roles: vec!["member".to_owned()],
        permissions_as_scopes: false,
        domain_roles: false,
        claims_budget: 4096,
        confirm_user_function: None,
        resource_server: None,
        provider_domains: ProviderDomains::default(),
    }
}

fn trigger(rules: &[&Rule]) -> GenerateToken {
    trigger_with(rules, settings(), "http://127.0.0.1:9")
}

/// `endpoint` stands for every service but DynamoDB.
fn trigger_with(rules: &[&Rule], settings: Settings, endpoint: &str) -> GenerateToken {
    trigger_of(rules, settings, endpoint, ())
}

fn trigger_of<H: Hooks>(
    rules: &[&Rule],
    settings: Settings,
    endpoint: &str,
    hooks: H,
) -> GenerateToken<H> {
    let environment = |name: &str| match name {
        "AWS_REGION" => Some("eu-west-1".to_owned()),
        "AWS_ENDPOINT_URL" => Some(endpoint.to_owned()),
        _ => Some("test".to_owned()),
    };
    let aws = Aws::from_variables(&environment, false).expect("the environment is whole");
    // Whatever a test says of a domain or the address comes first.
    let (registered, followed) = (companies(None), followed(None));
    let rules: Vec<&Rule> = rules
        .iter()
        .copied()
        .chain([&registered, &followed])
        .collect();
    GenerateToken::new(
        mock_client!(aws_sdk_dynamodb, RuleMode::MatchAny, &rules),
        aws.signed,
        settings,
        hooks,
    )
}

async fn answer(trigger: &GenerateToken<impl Hooks>, event: Event) -> Value {
    let answer = trigger.handle(event, &Log::new("r-1")).await;
    answer.expect("it answers").response["claimsAndScopeOverrideDetails"].clone()
}

async fn claims(trigger: &GenerateToken<impl Hooks>) -> Value {
    let details = answer(trigger, event()).await;
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
            let item = GetItemOutput::builder()
                .item("permissions", list(permissions))
                .item("email", AttributeValue::S("ada@acme.com".to_owned()))
                .item("email_verified", AttributeValue::Bool(true));
            match role {
                Some(role) => item.item("role", AttributeValue::S(role.to_owned())),
                None => item,
            }
            .build()
        })
        .repeatedly()
        .build()
}

/// What a table of roles answers: those asked for that it has.
fn defined(
    request: &BatchGetItemInput,
    table: &[(&'static str, &'static [&'static str])],
) -> BatchGetItemOutput {
    let wanted = request
        .request_items()
        .and_then(|all| all.get("permissions"));
    let keys = wanted.expect("roles lie in the Permissions table").keys();
    let items = table
        .iter()
        .map(|(role, permissions)| (format!("ROLE#{role}"), permissions))
        .filter(|(key, _)| keys.iter().any(|wanted| text(wanted, "pk") == Some(key)))
        .map(|(key, permissions)| {
            HashMap::from([
                ("pk".to_owned(), AttributeValue::S(key)),
                ("permissions".to_owned(), list(permissions)),
            ])
        })
        .collect();
    BatchGetItemOutput::builder()
        .responses("permissions", items)
        .build()
}

/// Answers every read of roles.
fn roles(table: &'static [(&'static str, &'static [&'static str])]) -> Rule {
    mock!(DynamoDb::batch_get_item)
        .match_requests(|request| asks_of(request, "permissions"))
        .then_compute_output(move |request| defined(request, table))
}

fn asks_of(request: &BatchGetItemInput, table: &str) -> bool {
    request
        .request_items()
        .is_some_and(|all| all.contains_key(table))
}

/// Answers every read of domains' definitions. Those of `table` give the role named there, others are gone; of `None`
/// each is registered and names no role.
fn companies(table: Option<&'static [(&'static str, &'static str)]>) -> Rule {
    mock!(DynamoDb::batch_get_item)
        .match_requests(|request| asks_of(request, "domains"))
        .then_compute_output(move |request| {
            let wanted = &request.request_items().expect("it asks")["domains"];
            let items = wanted.keys().iter().filter_map(|key| {
                assert_eq!(text(key, "sk"), Some("META"));
                let Some(table) = table else {
                    return Some(key.clone());
                };
                let domain = text(key, "pk")?.strip_prefix("DOMAIN#")?;
                let (_, role) = table.iter().find(|(name, _)| *name == domain)?;
                let mut item = key.clone();
                item.insert("role".to_owned(), AttributeValue::S((*role).to_owned()));
                Some(item)
            });
            BatchGetItemOutput::builder()
                .responses("domains", items.collect())
                .build()
        })
}

/// Takes the address onto the record: this one, and whether it is verified; any when `None`.
fn followed(address: Option<(&'static str, bool)>) -> Rule {
    mock!(DynamoDb::update_item)
        .match_requests(move |request| {
            let values = request.expression_attribute_values();
            let value = |name: &str| values.and_then(|values| values.get(name));
            assert_eq!(request.condition_expression(), Some("attribute_exists(pk)"));
            address.is_none_or(|(email, verified)| {
                value(":email") == Some(&AttributeValue::S(email.to_owned()))
                    && value(":verified") == Some(&AttributeValue::Bool(verified))
            })
        })
        .then_output(|| UpdateItemOutput::builder().build())
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
        &roles(&[("admin", &["projects:*", "billing:*"])]),
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
        &roles(&[("member", &["projects:read"])]),
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
        &roles(&[("member", &["projects:read"])]),
        &domains(&[]),
    ]);
    assert_eq!(
        claims(&trigger).await,
        json!({ "role": "member", "permissions": ["projects:read"], "domains": [] })
    );
    assert_eq!(created.num_calls(), 1);
}

/// A pool that was taken over has users in groups, and no records.
#[tokio::test]
async fn a_user_without_a_record_has_the_role_of_the_group() {
    for (groups, role) in [
        (json!(["beta", "admin"]), "admin"),
        (json!(["member", "admin"]), "admin"),
        (json!(["beta"]), "member"),
    ] {
        let created = mock!(DynamoDb::put_item).then_output(|| PutItemOutput::builder().build());
        let settings = Settings {
            roles: vec!["member".to_owned(), "admin".to_owned()],
            ..settings()
        };
        let rules = [
            &no_record(),
            &created,
            &roles(&[("member", &[]), ("admin", &["*"])]),
            &domains(&[]),
        ];
        let trigger = trigger_with(&rules, settings, "http://127.0.0.1:9");
        let mut event = event();
        let rest = &mut event.request.rest;
        rest.insert(
            "groupConfiguration".to_owned(),
            json!({ "groupsToOverride": groups }),
        );
        let details = answer(&trigger, event).await;
        let claims = &details["accessTokenGeneration"]["claimsToAddOrOverride"];
        assert_eq!(claims["role"], role, "{groups}");
        assert_eq!(created.num_calls(), 1);
    }
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
        &roles(&[("admin", &["*"])]),
        &domains(&[]),
    ]);
    assert_eq!(claims(&trigger).await["role"], "admin");
}

#[tokio::test]
async fn a_record_that_cannot_be_written_costs_nobody_a_sign_in() {
    let refused = mock!(DynamoDb::put_item).then_error(|| {
        PutItemError::ResourceNotFoundException(ResourceNotFoundException::builder().build())
    });
    let member = roles(&[("member", &["projects:read"])]);
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
    let trigger = trigger(&[
        &item(SUB_KEY, Some("ghost"), &["a:read"]),
        &roles(&[]),
        &domains(&[]),
    ]);
    assert_eq!(claims(&trigger).await["permissions"], json!(["a:read"]));
}

#[tokio::test(start_paused = true)]
async fn a_role_is_read_once_a_minute_and_prefetched() {
    let role = roles(&[("member", &["projects:read"])]);
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

#[tokio::test(start_paused = true)]
async fn every_role_is_prefetched_at_once_and_one_nobody_asks_for_is_not_read_again() {
    let asked: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    let seen = Arc::clone(&asked);
    let table = mock!(DynamoDb::batch_get_item).then_compute_output(move |request| {
        let wanted = request
            .request_items()
            .and_then(|all| all.get("permissions"));
        let names = wanted.expect("it reads roles").keys().iter();
        let names = names.filter_map(|key| text(key, "pk").map(str::to_owned));
        seen.lock().expect("no panic").push(names.collect());
        defined(
            request,
            &[("member", &["projects:read"]), ("admin", &["*"])],
        )
    });
    let settings = Settings {
        roles: ["member", "admin", "undefined"].map(str::to_owned).to_vec(),
        ..settings()
    };
    let rules = [&item(SUB_KEY, Some("admin"), &[]), &table, &domains(&[])];
    let trigger = trigger_with(&rules, settings, "http://127.0.0.1:9");
    trigger.prefetch(&Log::init()).await;
    for _ in 0..3 {
        assert_eq!(claims(&trigger).await["permissions"], json!(["*"]));
        tokio::time::advance(Duration::from_secs(61)).await;
    }
    let all = ["ROLE#member", "ROLE#admin", "ROLE#undefined"];
    let used = ["ROLE#admin"];
    assert_eq!(*asked.lock().expect("no panic"), [&all[..], &used, &used]);
}

#[tokio::test(start_paused = true)]
async fn roles_left_for_later_are_asked_for_again() {
    let rounds = AtomicUsize::new(0);
    let table = mock!(DynamoDb::batch_get_item).then_compute_output(move |request| {
        if rounds.fetch_add(1, Ordering::SeqCst) == 0 {
            let left = request.request_items().cloned();
            return BatchGetItemOutput::builder()
                .set_unprocessed_keys(left)
                .build();
        }
        defined(request, &[("admin", &["*"])])
    });
    let trigger = trigger(&[&item(SUB_KEY, Some("admin"), &[]), &table, &domains(&[])]);
    assert_eq!(claims(&trigger).await["permissions"], json!(["*"]));
    assert_eq!(table.num_calls(), 2);

    let throttled = mock!(DynamoDb::batch_get_item).then_compute_output(|request| {
        let left = request.request_items().cloned();
        BatchGetItemOutput::builder()
            .set_unprocessed_keys(left)
            .build()
    });
    let rules = [
        &item(SUB_KEY, Some("admin"), &[]),
        &throttled,
        &domains(&[]),
    ];
    let trigger = trigger_with(&rules, settings(), "http://127.0.0.1:9");
    let error = trigger.handle(event(), &Log::new("r-1")).await;
    assert_eq!(error, Err(TriggerError::STORE_UNAVAILABLE));
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
async fn a_machines_scopes_become_permissions_and_nothing_else() {
    let mut machine = event();
    machine.trigger_source = "TokenGeneration_ClientCredentials".to_owned();
    machine.request.user_attributes.0.clear();
    machine.request.rest.insert(
        "scopes".to_owned(),
        json!([
            "acme/projects:read",
            "acme/projects:*",
            "other/billing:*",
            "acmeprojects:x"
        ]),
    );
    let settings = Settings {
        resource_server: Some("acme".to_owned()),
        ..settings()
    };
    let trigger = trigger_with(&[], settings, "http://127.0.0.1:9");
    assert_eq!(
        answer(&trigger, machine).await,
        json!({ "accessTokenGeneration": {
            "claimsToAddOrOverride": { "permissions": ["projects:*"] },
        } })
    );
}

#[tokio::test]
async fn the_group_of_the_role_is_the_users_and_others_stay() {
    let member = item(SUB_KEY, Some("member"), &[]);
    let roles = roles(&[("member", &[])]);
    let settings = Settings {
        roles: vec!["member".to_owned(), "admin".to_owned()],
        ..settings()
    };
    let rules = [&member, &roles, &domains(&[])];
    let trigger = trigger_with(&rules, settings, "http://127.0.0.1:9");
    for (given, groups) in [
        // Of a role the user doesn't hold, whoever put them there.
        (
            json!({ "groupsToOverride": ["admin"], "preferredRole": "arn" }),
            json!(["member"]),
        ),
        (
            json!({ "groupsToOverride": ["beta", "admin", "member"] }),
            json!(["beta", "member"]),
        ),
        (
            json!({ "groupsToOverride": [], "iamRolesToOverride": [] }),
            json!(["member"]),
        ),
        (Value::Null, json!(["member"])),
    ] {
        let mut event = event();
        let rest = &mut event.request.rest;
        rest.insert("groupConfiguration".to_owned(), given.clone());
        let details = answer(&trigger, event).await["groupOverrideDetails"].clone();
        assert_eq!(details["groupsToOverride"], groups);
        assert_eq!(details["preferredRole"], given["preferredRole"]);
    }
}

#[tokio::test]
async fn permissions_become_scopes_of_the_access_token_when_asked() {
    let rules = [
        &item(SUB_KEY, Some("member"), &["openid", "with blank"]),
        &roles(&[("member", &["projects:read", "billing:*"])]),
        &domains(&[]),
    ];
    let details = answer(&trigger(&rules), event()).await;
    assert_eq!(details["accessTokenGeneration"].get("scopesToAdd"), None);

    let settings = Settings {
        permissions_as_scopes: true,
        ..settings()
    };
    let trigger = trigger_with(&rules, settings, "http://127.0.0.1:9");
    let details = answer(&trigger, event()).await;
    assert_eq!(
        details["accessTokenGeneration"]["scopesToAdd"],
        json!(["billing:*", "projects:read"])
    );
    assert_eq!(details["idTokenGeneration"].get("scopesToAdd"), None);
}

#[tokio::test]
async fn claims_beyond_the_budget_are_cut_in_both_tokens() {
    let wide: Vec<String> = (0..400).map(|n| format!("resource-{n:03}:read")).collect();
    let role = mock!(DynamoDb::batch_get_item).then_compute_output(move |_| {
        let permissions = wide.iter().cloned().map(AttributeValue::S).collect();
        let role = HashMap::from([
            ("pk".to_owned(), AttributeValue::S("ROLE#member".to_owned())),
            ("permissions".to_owned(), AttributeValue::L(permissions)),
        ]);
        BatchGetItemOutput::builder()
            .responses("permissions", vec![role])
            .build()
    });
    let trigger = trigger(&[
        &item(SUB_KEY, Some("member"), &["all:*"]),
        &role,
        &domains(&[]),
    ]);
    let claims = claims(&trigger).await;
    assert_eq!(claims["permissions_ref"], SUB_KEY);
    let kept = claims["permissions"].as_array().expect("it is a list");
    assert!((50..401).contains(&kept.len()), "{}", kept.len());
    assert!(kept.contains(&json!("all:*")));
    assert!(claims.to_string().len() <= 3072, "4096 in base64url");
}

/// Answers every read of the user's record with this item.
fn record(fields: Vec<(&'static str, AttributeValue)>) -> Rule {
    let fields: HashMap<String, AttributeValue> = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    mock!(DynamoDb::get_item)
        .match_requests(|request| request.key().and_then(|key| text(key, "pk")) == Some(SUB_KEY))
        .sequence()
        .output(move || {
            GetItemOutput::builder()
                .set_item(Some(fields.clone()))
                .build()
        })
        .repeatedly()
        .build()
}

#[tokio::test]
async fn a_disabled_or_blocked_user_gets_no_token_from_any_source() {
    for status in ["disabled", "blocked"] {
        for source in ["Authentication", "RefreshTokens"] {
            let mut event = event();
            event.trigger_source = format!("TokenGeneration_{source}");
            let trigger = trigger(&[
                &record(vec![("status", AttributeValue::S(status.to_owned()))]),
                &roles(&[("member", &["*"])]),
                &domains(&[]),
            ]);
            let refused = trigger.handle(event, &Log::new("r-1")).await;
            assert_eq!(refused, Err(DISABLED));
        }
    }
}

/// A request's head in lower case, and its body.
type Request = (String, Map<String, Value>);

/// Reads one request; `None` when the connection is closed.
fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let line = line.to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, serde_json::from_slice(&body).ok()?))
}

/// A server in Lambda's place, for one request: the address, and what it was sent.
fn lambda(status: &'static str, after: Duration) -> (String, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody connects");
        let mut reader = BufReader::new(stream.try_clone().expect("a handle can be cloned"));
        let request = read_request(&mut reader).expect("a request comes");
        std::thread::sleep(after);
        // The trigger may have hung up by now.
        let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        let _ = send.send(request);
    });
    (format!("http://{address}"), receive)
}

/// A server in DynamoDB's place that answers requests in pairs only: one alone waits for good. Its
/// address, and how many connections were opened.
fn dynamodb_in_pairs() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let pair = Arc::new(Barrier::new(2));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("it connects");
            count.fetch_add(1, Ordering::SeqCst);
            let pair = Arc::clone(&pair);
            std::thread::spawn(move || {
                let mut reader =
                    BufReader::new(stream.try_clone().expect("a handle can be cloned"));
                while let Some((head, _)) = read_request(&mut reader) {
                    pair.wait();
                    let body = if head.contains("x-amz-target: dynamodb_20120810.query") {
                        r#"{"Items":[]}"#
                    } else if head.contains("x-amz-target: dynamodb_20120810.batchgetitem") {
                        r#"{"Responses":{"permissions":[{"pk":{"S":"ROLE#member"}}]}}"#
                    } else {
                        r#"{"Item":{"role":{"S":"member"},"permissions":{"L":[]},
                            "email":{"S":"ada@acme.com"},"email_verified":{"BOOL":true}}}"#
                    };
                    let length = body.len();
                    let _ = write!(
                        stream,
                        "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
                    );
                }
            });
        }
    });
    (format!("http://{address}"), opened)
}

#[tokio::test]
async fn a_warm_sign_in_is_one_round_trip_over_connections_already_open() {
    let (endpoint, opened) = dynamodb_in_pairs();
    let environment = |name: &str| match name {
        "AWS_REGION" => Some("eu-west-1".to_owned()),
        "AWS_ENDPOINT_URL" => Some(endpoint.clone()),
        _ => Some("test".to_owned()),
    };
    let aws = Aws::from_variables(&environment, false).expect("the environment is whole");
    let dynamodb = DynamoDb::new(&aws.config);
    let trigger = GenerateToken::new(dynamodb, aws.signed, settings(), ());
    trigger.prefetch(&Log::init()).await;
    for _ in 0..3 {
        // A read after another, or one too many, would wait for its pair until the request fails.
        assert_eq!(claims(&trigger).await["role"], "member");
    }
    assert_eq!(opened.load(Ordering::SeqCst), 2);
}

fn owed(created_at: &str) -> Rule {
    record(vec![
        ("role", AttributeValue::S("member".to_owned())),
        ("email", AttributeValue::S("ada@acme.com".to_owned())),
        ("email_verified", AttributeValue::Bool(true)),
        ("created_at", AttributeValue::S(created_at.to_owned())),
        ("pending", AttributeValue::Ss(vec!["welcome".to_owned()])),
    ])
}

async fn sign_in(record: Rule, endpoint: &str) -> Value {
    let settings = Settings {
        confirm_user_function: Some("acme-dev-confirm-user".to_owned()),
        ..settings()
    };
    let role = roles(&[("member", &["projects:read"])]);
    let trigger = trigger_with(&[&record, &role, &domains(&[])], settings, endpoint);
    claims(&trigger).await
}

#[tokio::test]
async fn a_forgotten_delivery_is_handed_over_at_sign_in() {
    let (endpoint, requests) = lambda("202 Accepted", Duration::ZERO);
    let claims = sign_in(owed("2026-01-01T00:00:00Z"), &endpoint).await;
    assert_eq!(claims["permissions"], json!(["projects:read"]));
    let (head, body) = requests
        .recv_timeout(Duration::from_secs(5))
        .expect("the function is invoked");
    assert!(
        head.starts_with("post /2015-03-31/functions/acme-dev-confirm-user/invocations "),
        "{head}"
    );
    assert!(head.contains("x-amz-invocation-type: event"), "{head}");
    assert!(head.contains("authorization: aws4-hmac-sha256"), "{head}");
    let sub = SUB_KEY.trim_start_matches("USER#");
    assert_eq!(
        Value::from(body),
        json!({ "saasauth": "deliver", "sub": sub })
    );
}

#[tokio::test]
async fn a_delivery_still_under_way_is_left_alone() {
    let (endpoint, requests) = lambda("202 Accepted", Duration::ZERO);
    let now = aws_sdk_dynamodb::primitives::DateTime::from(SystemTime::now()).to_string();
    sign_in(owed(&now), &endpoint).await;
    assert!(requests.try_recv().is_err(), "nobody is invoked");
}

#[tokio::test]
async fn no_hand_over_costs_anybody_a_sign_in() {
    let (refusing, _requests) = lambda("500 Internal Server Error", Duration::ZERO);
    let (slow, _slow_requests) = lambda("202 Accepted", Duration::from_secs(30));
    for endpoint in [refusing.as_str(), slow.as_str(), "http://127.0.0.1:9"] {
        let began = Instant::now();
        let claims = sign_in(owed("2026-01-01T00:00:00Z"), endpoint).await;
        assert_eq!(claims["role"], "member");
        // Loosely: the bound is a fifth of a second, and the server's answer half a minute away.
        assert!(began.elapsed() < Duration::from_secs(10), "{endpoint}");
    }
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
            &roles(&[("member", &["projects:read"])]),
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
