//! The handler against scripted answers of DynamoDB and SES. A rule that is never reached, or a request
//! no rule expects, fails the test: the scripts say which requests are made, and in which order.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client as DynamoDb;
use aws_sdk_dynamodb::operation::get_item::GetItemOutput;
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsError, TransactWriteItemsInput, TransactWriteItemsOutput,
};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::error::{InternalServerError, TransactionCanceledException};
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use aws_sdk_sesv2::Client as Ses;
use aws_sdk_sesv2::operation::send_email::{SendEmailError, SendEmailInput, SendEmailOutput};
use aws_sdk_sesv2::types::error::MessageRejected;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use confirm_user::{ConfirmUser, Settings, WelcomeMail};
use serde_json::{Value, json};
use trigger_common::record::{text, texts};
use trigger_common::{Event, Log, TriggerError};

const SUB_KEY: &str = "USER#5f1c2a44-3f3e-4a0b-9c55-0a8f5d7e1b20";

fn event() -> Event {
    serde_json::from_str(include_str!("../../common/fixtures/post-confirmation.json"))
        .expect("the fixture is an event")
}

fn settings(welcome: bool) -> Settings {
    Settings {
        permissions_table: "permissions".to_owned(),
        domains_table: "domains".to_owned(),
        default_role: "member".to_owned(),
        welcome: welcome.then(|| WelcomeMail {
            from: "Acme <hello@acme.com>".to_owned(),
            template: "acme-welcome".to_owned(),
            configuration_set: Some("acme".to_owned()),
            fields: vec!["company".to_owned(), "plan".to_owned()],
        }),
    }
}

async fn confirm(
    event: Event,
    settings: Settings,
    dynamodb: &[&Rule],
    ses: &[&Rule],
) -> Result<Event, TriggerError> {
    let trigger = ConfirmUser::new(
        mock_client!(aws_sdk_dynamodb, RuleMode::Sequential, dynamodb),
        mock_client!(aws_sdk_sesv2, RuleMode::Sequential, ses),
        settings,
    );
    let answer = trigger.handle(event, &Log::new("r-1")).await;
    for rule in dynamodb.iter().chain(ses) {
        assert!(rule.num_calls() > 0, "a request was not made");
    }
    answer
}

fn registered_domain() -> Rule {
    mock!(DynamoDb::get_item)
        .match_requests(|request| {
            let key = request.key().expect("a key is asked for");
            request.table_name() == Some("domains")
                && text(key, "pk") == Some("DOMAIN#acme.com")
                && text(key, "sk") == Some("META")
        })
        .then_output(|| {
            GetItemOutput::builder()
                .item("role", AttributeValue::S("admin".to_owned()))
                .build()
        })
}

fn unknown_domain() -> Rule {
    mock!(DynamoDb::get_item).then_output(|| GetItemOutput::builder().build())
}

/// Accepts the transaction and keeps it for the test to read.
fn recorded() -> (Rule, Arc<Mutex<Option<TransactWriteItemsInput>>>) {
    let seen = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&seen);
    let rule = mock!(DynamoDb::transact_write_items).then_compute_output(
        move |request: &TransactWriteItemsInput| {
            *keep.lock().expect("no panic holds it") = Some(request.clone());
            TransactWriteItemsOutput::builder().build()
        },
    );
    (rule, seen)
}

fn cancelled(code: &'static str) -> Rule {
    mock!(DynamoDb::transact_write_items).then_error(move || {
        TransactWriteItemsError::TransactionCanceledException(
            TransactionCanceledException::builder()
                .cancellation_reasons(CancellationReason::builder().code(code).build())
                .cancellation_reasons(CancellationReason::builder().code("None").build())
                .build(),
        )
    })
}

fn settled() -> Rule {
    mock!(DynamoDb::update_item)
        .match_requests(|request| {
            request.update_expression() == Some("DELETE pending :done")
                && request.key().and_then(|key| text(key, "pk")) == Some(SUB_KEY)
                && request
                    .expression_attribute_values()
                    .map(|values| texts(values, ":done"))
                    == Some(vec!["welcome".to_owned()])
        })
        .then_output(|| UpdateItemOutput::builder().build())
}

fn sent() -> (Rule, Arc<Mutex<Option<SendEmailInput>>>) {
    let seen = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&seen);
    let rule = mock!(Ses::send_email).then_compute_output(move |request: &SendEmailInput| {
        *keep.lock().expect("no panic holds it") = Some(request.clone());
        SendEmailOutput::builder().build()
    });
    (rule, seen)
}

#[tokio::test]
async fn a_new_user_is_recorded_joins_the_domain_and_is_welcomed() {
    let (recorded, written) = recorded();
    let (sent, mail) = sent();
    let answer = confirm(
        event(),
        settings(true),
        &[&registered_domain(), &recorded, &settled()],
        &[&sent],
    )
    .await;
    assert_eq!(answer, Ok(event()), "the event goes back as it came");

    let written = written
        .lock()
        .expect("no panic holds it")
        .take()
        .expect("it was written");
    let puts: Vec<_> = written
        .transact_items()
        .iter()
        .filter_map(|item| item.put())
        .collect();
    let [user, membership] = puts[..] else {
        panic!("two writes, not {}", puts.len());
    };
    assert_eq!(user.table_name(), "permissions");
    assert_eq!(
        user.condition_expression(),
        Some("attribute_not_exists(pk)")
    );
    assert_eq!(text(user.item(), "pk"), Some(SUB_KEY));
    assert_eq!(text(user.item(), "email"), Some("ada@acme.com"));
    assert_eq!(
        text(user.item(), "role"),
        Some("admin"),
        "the domain's role wins"
    );
    assert_eq!(texts(user.item(), "pending"), ["welcome"]);
    assert_eq!(membership.table_name(), "domains");
    assert_eq!(text(membership.item(), "pk"), Some(SUB_KEY));
    assert_eq!(text(membership.item(), "sk"), Some("DOMAIN#acme.com"));
    assert_eq!(text(membership.item(), "role"), Some("admin"));

    let mail = mail
        .lock()
        .expect("no panic holds it")
        .take()
        .expect("it was sent");
    assert_eq!(mail.from_email_address(), Some("Acme <hello@acme.com>"));
    assert_eq!(mail.configuration_set_name(), Some("acme"));
    assert_eq!(
        mail.destination().expect("it has one").to_addresses(),
        ["ada@acme.com"]
    );
    let template = mail
        .content()
        .and_then(|content| content.template())
        .expect("by template");
    assert_eq!(template.template_name(), Some("acme-welcome"));
    let data: Value =
        serde_json::from_str(template.template_data().expect("it has data")).expect("it is JSON");
    assert_eq!(
        data,
        json!({
            "name": "Ada Lovelace",
            "company": "Analytical Engines",
            "marketing_opt_in": "true",
            "plan": "",
            "email": "ada@acme.com",
        })
    );
}

#[tokio::test]
async fn an_unregistered_domain_gives_the_default_role_and_no_membership() {
    let (recorded, written) = recorded();
    let answer = confirm(
        event(),
        settings(false),
        &[&unknown_domain(), &recorded],
        &[],
    )
    .await;
    assert!(answer.is_ok());
    let written = written
        .lock()
        .expect("no panic holds it")
        .take()
        .expect("it was written");
    let [only] = written.transact_items() else {
        panic!("one write, not {}", written.transact_items().len());
    };
    let user = only.put().expect("it is a put").item();
    assert_eq!(text(user, "role"), Some("member"));
    assert!(!user.contains_key("pending"));
}

#[tokio::test]
async fn an_unverified_address_joins_nothing() {
    let mut unverified = event();
    unverified
        .request
        .user_attributes
        .0
        .insert("email_verified".to_owned(), json!("false"));
    let (recorded, written) = recorded();
    // The domain isn't even read.
    let answer = confirm(unverified, settings(false), &[&recorded], &[]).await;
    assert!(answer.is_ok());
    let written = written
        .lock()
        .expect("no panic holds it")
        .take()
        .expect("it was written");
    assert_eq!(written.transact_items().len(), 1);
}

#[tokio::test]
async fn the_domain_is_found_whatever_the_case_of_the_address() {
    let mut shouting = event();
    shouting
        .request
        .user_attributes
        .0
        .insert("email".to_owned(), json!("Ada@ACME.com"));
    let (recorded, _) = recorded();
    let answer = confirm(
        shouting,
        settings(false),
        &[&registered_domain(), &recorded],
        &[],
    )
    .await;
    assert!(answer.is_ok());
}

#[tokio::test]
async fn a_repeated_event_succeeds_and_sends_nothing() {
    let rules = [&registered_domain(), &cancelled("ConditionalCheckFailed")];
    assert_eq!(
        confirm(event(), settings(true), &rules, &[]).await,
        Ok(event())
    );
}

#[tokio::test(start_paused = true)]
async fn two_copies_at_once_wait_for_each_other() {
    let rules = [
        &registered_domain(),
        &cancelled("TransactionConflict"),
        &cancelled("TransactionConflict"),
        &cancelled("ConditionalCheckFailed"),
    ];
    assert_eq!(
        confirm(event(), settings(true), &rules, &[]).await,
        Ok(event())
    );
}

#[tokio::test]
async fn a_lost_write_fails_the_sign_up_without_saying_why() {
    let lost = cancelled("ItemCollectionSizeLimitExceeded");
    let error = confirm(event(), settings(true), &[&registered_domain(), &lost], &[]).await;
    assert_eq!(error, Err(TriggerError::STORE_UNAVAILABLE));
}

#[tokio::test]
async fn an_undelivered_mail_stays_pending_and_the_sign_up_succeeds() {
    let (recorded, _) = recorded();
    let refused = mock!(Ses::send_email).then_error(|| {
        SendEmailError::MessageRejected(MessageRejected::builder().message("not verified").build())
    });
    // No update follows: the set keeps its `welcome`.
    let answer = confirm(
        event(),
        settings(true),
        &[&registered_domain(), &recorded],
        &[&refused],
    )
    .await;
    assert_eq!(answer, Ok(event()));
}

#[tokio::test]
async fn a_failed_mark_does_not_fail_the_sign_up() {
    let (recorded, _) = recorded();
    let (sent, _) = sent();
    let unmarked = mock!(DynamoDb::update_item).then_error(|| {
        UpdateItemError::InternalServerError(InternalServerError::builder().build())
    });
    let trigger = ConfirmUser::new(
        mock_client!(
            aws_sdk_dynamodb,
            RuleMode::MatchAny,
            &[&registered_domain(), &recorded, &unmarked]
        ),
        mock_client!(aws_sdk_sesv2, RuleMode::Sequential, &[&sent]),
        settings(true),
    );
    assert_eq!(trigger.handle(event(), &Log::new("r-1")).await, Ok(event()));
}

#[tokio::test]
async fn a_reset_password_is_none_of_its_business() {
    let mut reset = event();
    reset.trigger_source = "PostConfirmation_ConfirmForgotPassword".to_owned();
    assert_eq!(
        confirm(reset.clone(), settings(true), &[], &[]).await,
        Ok(reset)
    );
}

#[tokio::test]
async fn an_event_without_a_user_is_refused() {
    let mut nobody = event();
    nobody.request.user_attributes.0.remove("sub");
    let error = confirm(nobody, settings(true), &[], &[]).await;
    assert_eq!(error, Err(TriggerError::NO_USER));
}
