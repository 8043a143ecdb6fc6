//! What stands around the function in its tests: HTTP servers on 127.0.0.1, one for AWS, one for each
//! platform.

pub(crate) mod cloud;
pub(crate) mod server;

use std::time::Duration;

use aws_sdk_sesv2::config::retry::RetryConfig;
use saasauth_contract::environment::{Tables, WelcomeMail};
use saasauth_contract::federation::ProviderDomains;
use saasauth_triggers::confirm_user::{ConfirmUser, Hooks, Marketing, Settings};
use saasauth_triggers::internal::{Aws, Log, TriggerError};
use serde_json::{Value, json};
use tokio::time::Instant;

pub(crate) const SUB: &str = "5f1c2a44-3f3e-4a0b-9c55-0a8f5d7e1b20";
pub(crate) const EMAIL: &str = "ada@acme.com";

/// The event of the fixture, about this user.
pub(crate) fn event_of(sub: &str, email: &str) -> Value {
    let fixture = include_str!("../../../fixtures/post-confirmation.json");
    let mut event: Value = serde_json::from_str(fixture).expect("the fixture is JSON");
    event["request"]["userAttributes"]["sub"] = json!(sub);
    event["request"]["userAttributes"]["email"] = json!(email);
    event
}

/// The event of the fixture.
pub(crate) fn event() -> Value {
    event_of(SUB, EMAIL)
}

pub(crate) fn settings() -> Settings {
    Settings {
        tables: Tables {
            permissions: "permissions".to_owned(),
            domains: "domains".to_owned(),
            default_role: "member".to_owned(),
        },
        function: Some("acme-test-confirm-user".to_owned()),
        welcome: None,
        marketing: None,
        provider_domains: ProviderDomains::default(),
    }
}

pub(crate) fn with_welcome() -> Settings {
    Settings {
        welcome: Some(WelcomeMail {
            from: "Acme <hello@acme.com>".to_owned(),
            template: "acme-welcome".to_owned(),
            locales: vec!["de".to_owned()],
            configuration_set: Some("acme".to_owned()),
            fields: vec!["company".to_owned(), "plan".to_owned()],
        }),
        ..settings()
    }
}

/// Settings that tell these platforms of everybody who opted in.
pub(crate) fn with_platforms(platforms: &Value) -> Settings {
    let marketing = json!({ "opt_in": "marketing_opt_in", "platforms": platforms });
    let marketing = Marketing::from_json(&marketing.to_string());
    assert_eq!(marketing.ignored, [""; 0], "the platforms are understood");
    Settings {
        marketing: Some(marketing),
        ..settings()
    }
}

/// The function, in a process of its own as far as its memory goes.
pub(crate) fn function(endpoint: &str, settings: Settings) -> ConfirmUser {
    function_with(endpoint, settings, ())
}

/// The same, with the hooks of a project.
pub(crate) fn function_with<H: Hooks>(
    endpoint: &str,
    settings: Settings,
    hooks: H,
) -> ConfirmUser<H> {
    let aws = Aws::from_variables(
        &|name| {
            let value = match name {
                "AWS_REGION" => "eu-west-1",
                "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "test",
                "AWS_ENDPOINT_URL" => endpoint,
                _ => return None,
            };
            Some(value.to_owned())
        },
        false,
    )
    .expect("the environment is whole");
    let ses = aws_sdk_sesv2::config::Builder::from(&aws.config)
        .retry_config(RetryConfig::disabled())
        .build();
    ConfirmUser::new(
        aws_sdk_dynamodb::Client::new(&aws.config),
        aws_sdk_sesv2::Client::from_conf(ses),
        &aws,
        settings,
        hooks,
    )
}

/// The payload that asks the function to deliver what it owes the user.
pub(crate) fn owed_to(sub: &str) -> Value {
    json!({ "saasauth": "deliver", "sub": sub })
}

/// Sends the function a payload, as Lambda does, with Lambda's five seconds.
pub(crate) async fn invoke(
    function: &ConfirmUser<impl Hooks>,
    payload: Value,
) -> Result<Value, TriggerError> {
    invoke_within(function, payload, Duration::from_secs(5)).await
}

pub(crate) async fn invoke_within(
    function: &ConfirmUser<impl Hooks>,
    payload: Value,
    within: Duration,
) -> Result<Value, TriggerError> {
    let log = Log::new("r-1");
    let answer = function.answer(payload, Instant::now() + within, &log);
    tokio::time::timeout(within, answer)
        .await
        .expect("the function answers before Lambda ends it")
}

/// Asks the function to deliver what it owes the user.
pub(crate) async fn deliver(function: &ConfirmUser<impl Hooks>) -> Result<Value, TriggerError> {
    invoke(function, owed_to(SUB)).await
}
