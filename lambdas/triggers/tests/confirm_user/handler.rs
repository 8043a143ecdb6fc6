//! The half the user waits for: the record, the memberships, and the hand-over.

use std::time::{Duration, Instant};

use crate::support::cloud::Cloud;
use crate::support::server::Reply;
use crate::support::*;
use saasauth_contract::federation::ProviderDomains;
use saasauth_triggers::confirm_user;
use saasauth_triggers::internal::TriggerError;
use serde_json::{Value, json};

fn domain(role: &str) -> Value {
    json!({ "pk": { "S": "DOMAIN#acme.com" }, "sk": { "S": "META" }, "role": { "S": role } })
}

#[tokio::test]
async fn a_new_user_is_recorded_joins_the_domain_and_is_handed_over() {
    let cloud = Cloud::start().await;
    cloud.put("domains", domain("admin"));
    let function = function(cloud.url(), with_welcome());
    assert_eq!(
        invoke(&function, event()).await,
        Ok(event()),
        "the event goes back as it came"
    );

    let user = cloud.user(SUB).expect("the user is recorded");
    assert_eq!(user["email"]["S"], EMAIL);
    assert_eq!(user["role"]["S"], "admin", "the domain's role wins");
    assert_eq!(user["pending"]["SS"], json!(["welcome"]));
    assert_eq!(user["deliveries"]["M"], json!({}));
    let membership = cloud.item("domains", &format!("USER#{SUB}"), "DOMAIN#acme.com");
    let membership = membership.expect("the user joined");
    assert_eq!(membership.get("role"), None, "it is the domain's");
    assert_eq!(user["role_from"]["S"], "acme.com");
    assert_eq!(
        cloud.take_invocations(),
        [json!({ "saasauth": "deliver", "sub": SUB })]
    );
    assert_eq!(cloud.mails(), [json!(null); 0], "nobody waits for mail");
}

#[tokio::test]
async fn an_unregistered_domain_gives_the_default_role_and_no_membership() {
    let cloud = Cloud::start().await;
    let function = function(cloud.url(), settings());
    assert!(invoke(&function, event()).await.is_ok());
    let user = cloud.user(SUB).expect("the user is recorded");
    assert_eq!(user["role"]["S"], "member");
    assert!(user.get("pending").is_none());
    let membership = cloud.item("domains", &format!("USER#{SUB}"), "DOMAIN#acme.com");
    assert_eq!(membership, None);
    assert_eq!(cloud.calls("Invoke"), 0, "nothing is owed");
}

#[tokio::test]
async fn an_unverified_address_joins_nothing() {
    let cloud = Cloud::start().await;
    cloud.put("domains", domain("admin"));
    let mut unverified = event();
    unverified["request"]["userAttributes"]["email_verified"] = json!("false");
    let function = function(cloud.url(), settings());
    assert!(invoke(&function, unverified).await.is_ok());
    assert_eq!(cloud.calls("GetItem"), 0, "the domain isn't even read");
    assert_eq!(cloud.user(SUB).expect("recorded")["role"]["S"], "member");
}

#[tokio::test]
async fn a_companys_provider_lets_users_into_that_company_alone() {
    for (listed, joins) in [
        ("Okta=acme.com", true),
        ("Okta=globex.com;Acme=acme.com", false),
    ] {
        let cloud = Cloud::start().await;
        cloud.put("domains", domain("admin"));
        let settings = confirm_user::Settings {
            provider_domains: ProviderDomains::from_text(listed).expect("it is legal"),
            ..settings()
        };
        let mut event = event();
        let attributes = &mut event["request"]["userAttributes"];
        attributes["cognito:user_status"] = json!("EXTERNAL_PROVIDER");
        attributes["identities"] = json!(r#"[{"providerName":"Okta","providerType":"OIDC"}]"#);
        let function = function(cloud.url(), settings);
        assert!(invoke(&function, event).await.is_ok());
        let role = cloud.user(SUB).expect("recorded")["role"]["S"].clone();
        assert_eq!(role, if joins { "admin" } else { "member" }, "{listed}");
        let membership = cloud.item("domains", &format!("USER#{SUB}"), "DOMAIN#acme.com");
        assert_eq!(membership.is_some(), joins, "{listed}");
    }
}

#[tokio::test]
async fn the_domain_is_found_whatever_the_case_of_the_address() {
    let cloud = Cloud::start().await;
    cloud.put("domains", domain("admin"));
    let function = function(cloud.url(), settings());
    let event = event_of(SUB, "Ada@ACME.com");
    assert!(invoke(&function, event).await.is_ok());
    assert_eq!(cloud.user(SUB).expect("recorded")["role"]["S"], "admin");
}

#[tokio::test]
async fn only_who_opted_in_is_owed_to_the_platforms() {
    let cloud = Cloud::start().await;
    let platforms = json!({ "hubspot": { "token": "/h" } });
    let function = function(cloud.url(), with_platforms(&platforms));
    assert!(invoke(&function, event()).await.is_ok());
    assert_eq!(cloud.pending(SUB), ["hubspot"]);

    let mut declined = event_of("s-2", EMAIL);
    declined["request"]["userAttributes"]["custom:marketing_opt_in"] = json!("false");
    assert!(invoke(&function, declined).await.is_ok());
    assert_eq!(cloud.pending("s-2"), [""; 0]);
}

#[tokio::test]
async fn a_repeated_event_hands_over_what_nobody_delivers() {
    let cloud = Cloud::start().await;
    let function = function(cloud.url(), with_welcome());
    // The first copy dies between the write and the hand-over.
    cloud.fail("Invoke", 2, Reply::HangUp);
    assert!(invoke(&function, event()).await.is_ok());
    assert_eq!(cloud.take_invocations(), [json!(null); 0]);

    assert_eq!(invoke(&function, event()).await, Ok(event()));
    let handed = cloud.take_invocations();
    assert_eq!(handed.len(), 1);

    // Once it is delivered, or while it is, a copy changes nothing.
    assert!(invoke(&function, handed[0].clone()).await.is_ok());
    assert_eq!(invoke(&function, event()).await, Ok(event()));
    assert_eq!(cloud.take_invocations(), [json!(null); 0]);
    assert_eq!((cloud.users(), cloud.mails().len()), (1, 1));
}

#[tokio::test]
async fn two_copies_at_once_wait_for_each_other() {
    let cloud = Cloud::start().await;
    let conflict = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": [{ "Code": "TransactionConflict" }, { "Code": "None" }],
    });
    cloud.fail("TransactWriteItems", 2, Reply::json(400, &conflict));
    let function = function(cloud.url(), with_welcome());
    assert_eq!(invoke(&function, event()).await, Ok(event()));
    assert_eq!(cloud.users(), 1);
}

/// Faults of DynamoDB that outlast the client's own retries.
fn lasting_faults() -> [(&'static str, Reply); 5] {
    let limit = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": [{ "Code": "ThrottlingError" }],
    });
    let throttled = json!({ "__type": "ProvisionedThroughputExceededException" });
    let slow = Reply::After(Duration::from_secs(60), Box::new(Reply::text(200, "{}")));
    [
        ("TransactWriteItems", Reply::json(400, &limit)),
        ("TransactWriteItems", Reply::json(400, &throttled)),
        ("TransactWriteItems", Reply::text(500, "")),
        ("GetItem", Reply::json(400, &throttled)),
        ("TransactWriteItems", slow),
    ]
}

#[tokio::test]
async fn a_user_who_cannot_be_written_down_is_handed_over_whole() {
    for (operation, fault) in lasting_faults() {
        let cloud = Cloud::start().await;
        cloud.put("domains", domain("admin"));
        cloud.fail(operation, usize::MAX, fault);
        let function = function(cloud.url(), with_welcome());
        assert_eq!(invoke(&function, event()).await, Ok(event()));
        assert_eq!(cloud.users(), 0);
        let handed = cloud.take_invocations();
        assert_eq!(handed, [json!({ "saasauth": "confirm", "event": event() })]);

        // Still down: Lambda is told so, and tries again later.
        assert_eq!(
            invoke(&function, handed[0].clone()).await,
            Err(TriggerError::STORE_UNAVAILABLE)
        );
        cloud.heal();
        for expected in [json!({ "welcome": "delivered" }), json!({})] {
            assert_eq!(invoke(&function, handed[0].clone()).await, Ok(expected));
        }
        assert_eq!(cloud.user(SUB).expect("recorded")["role"]["S"], "admin");
        assert_eq!((cloud.users(), cloud.mails().len()), (1, 1));
    }
}

#[tokio::test]
async fn without_dynamodb_and_lambda_the_sign_up_fails_without_saying_why() {
    let cloud = Cloud::start().await;
    cloud.fail("TransactWriteItems", usize::MAX, Reply::text(500, ""));
    cloud.fail("Invoke", usize::MAX, Reply::text(500, ""));
    let function = function(cloud.url(), with_welcome());
    assert_eq!(
        invoke(&function, event()).await,
        Err(TriggerError::STORE_UNAVAILABLE)
    );
    // Cognito tries again, and the user is there.
    cloud.heal();
    assert_eq!(invoke(&function, event()).await, Ok(event()));
    assert_eq!(cloud.users(), 1);
}

/// The record a sign-in makes of a user it finds none of.
fn made_at_sign_in(role: &str) -> Value {
    json!({
        "pk": { "S": format!("USER#{SUB}") },
        "email": { "S": EMAIL },
        "attributes": { "M": {} },
        "role": { "S": role },
        "permissions": { "L": [{ "S": "audit:read" }] },
        "created_at": { "S": "2026-01-01T00:00:00Z" },
    })
}

#[tokio::test]
async fn who_signs_in_before_being_written_down_gets_the_rest_once() {
    // The default role gives way to the company's, unless somebody chose it; so stays any other.
    for (held, by, expected) in [
        ("member", None, "admin"),
        ("owner", None, "owner"),
        ("owner", Some("operator"), "owner"),
        ("member", Some("operator"), "member"),
    ] {
        let cloud = Cloud::start().await;
        cloud.put("domains", domain("admin"));
        let mut made = made_at_sign_in(held);
        if let Some(by) = by {
            made["role_from"] = json!({ "S": by });
        }
        cloud.put("permissions", made);
        let function = function(cloud.url(), with_welcome());
        let confirm = json!({ "saasauth": "confirm", "event": event() });
        assert_eq!(
            invoke(&function, confirm.clone()).await,
            Ok(json!({ "welcome": "delivered" }))
        );
        let user = cloud.user(SUB).expect("recorded");
        assert_eq!(user["role"]["S"], expected);
        assert_eq!(user["permissions"]["L"], json!([{ "S": "audit:read" }]));
        assert_eq!(user["created_at"]["S"], "2026-01-01T00:00:00Z");
        let membership = cloud.item("domains", &format!("USER#{SUB}"), "DOMAIN#acme.com");
        assert!(membership.is_some(), "the user joined");
        let from = (expected == "admin").then_some("acme.com");
        assert_eq!(user["role_from"]["S"].as_str(), from.or(by));

        assert_eq!(invoke(&function, confirm).await, Ok(json!({})));
        assert_eq!((cloud.users(), cloud.mails().len()), (1, 1));
    }
}

/// A transaction whose writes were cancelled for these reasons.
fn cancelled(codes: [&str; 2]) -> Reply {
    let reasons = codes.map(|code| json!({ "Code": code, "Message": "for this reason" }));
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": reasons,
        "Message": format!("Transaction cancelled [{}, {}]", codes[0], codes[1]),
    });
    Reply::json(400, &body)
}

#[tokio::test]
async fn a_cancelled_write_is_told_by_its_own_reasons() {
    for (codes, passes) in [
        (["TransactionConflict", "None"], true),
        // The user's own write is none of the trouble; the membership's is.
        (["None", "TransactionConflict"], true),
        (["None", "ThrottlingError"], true),
        (["ProvisionedThroughputExceeded", "None"], true),
        (["ThrottlingError", "TransactionConflict"], true),
        (["None", "ItemCollectionSizeLimitExceeded"], false),
        (["ValidationError", "None"], false),
        (["ThrottlingError", "ValidationError"], false),
    ] {
        let cloud = Cloud::start().await;
        cloud.put("domains", domain("admin"));
        cloud.fail("TransactWriteItems", 2, cancelled(codes));
        let function = function(cloud.url(), with_welcome());
        // Written down late, the user is handed over whole; in time, only the deliveries are.
        assert_eq!(invoke(&function, event()).await, Ok(event()));
        let [handed] = &cloud.take_invocations()[..] else {
            panic!("it is handed over once");
        };
        let kind = if passes { "deliver" } else { "confirm" };
        assert_eq!(handed["saasauth"], kind, "{codes:?}");
        assert_eq!(cloud.users(), usize::from(passes), "{codes:?}");
        let writes = if passes { 3 } else { 1 };
        assert_eq!(cloud.calls("TransactWriteItems"), writes, "{codes:?}");
    }
}

#[tokio::test]
async fn a_record_that_could_not_be_completed_is_not_taken_for_complete() {
    let cloud = Cloud::start().await;
    cloud.put("domains", domain("admin"));
    cloud.put("permissions", made_at_sign_in("member"));
    // All but the last write meet a throttled table; that one finds what a sign-in made.
    cloud.fail(
        "TransactWriteItems",
        5,
        cancelled(["ThrottlingError", "None"]),
    );
    let function = function(cloud.url(), with_welcome());
    let confirm = json!({ "saasauth": "confirm", "event": event() });
    assert_eq!(
        invoke(&function, confirm.clone()).await,
        Err(TriggerError::STORE_UNAVAILABLE)
    );
    let delivered = json!({ "welcome": "delivered" });
    assert_eq!(invoke(&function, confirm).await, Ok(delivered));
    let user = cloud.user(SUB).expect("recorded");
    assert_eq!(user["role"]["S"], "admin");
    assert_eq!(cloud.mails().len(), 1);
}

#[tokio::test]
async fn a_hand_over_that_lambda_has_no_room_for_is_made_again() {
    for fault in [
        Reply::json(429, &json!({ "Type": "TooManyRequestsException" })),
        Reply::json(500, &json!({ "Type": "ServiceException" })),
    ] {
        let cloud = Cloud::start().await;
        cloud.fail("TransactWriteItems", usize::MAX, Reply::text(500, ""));
        cloud.fail("Invoke", 2, fault);
        let function = function(cloud.url(), with_welcome());
        assert_eq!(invoke(&function, event()).await, Ok(event()));
        assert_eq!(cloud.take_invocations().len(), 1);
    }
}

#[tokio::test]
async fn a_third_of_all_requests_throttled_costs_no_sign_up() {
    let throttled = json!({ "__type": "ThrottlingException" });
    for fault in [
        Reply::json(400, &throttled),
        Reply::json(400, &json!({ "__type": "RequestLimitExceeded" })),
        Reply::json(
            400,
            &json!({ "__type": "ProvisionedThroughputExceededException" }),
        ),
    ] {
        let cloud = Cloud::start().await;
        // Four in a row: of a third, one in 81.
        cloud.fail("TransactWriteItems", 4, fault);
        let function = function(cloud.url(), settings());
        let began = Instant::now();
        assert_eq!(invoke(&function, event()).await, Ok(event()));
        assert_eq!(cloud.users(), 1, "while whoever signs up waits");
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn throttled_writes_are_tried_again() {
    let cloud = Cloud::start().await;
    let throttled = json!({ "__type": "ProvisionedThroughputExceededException" });
    cloud.fail("GetItem", 1, Reply::json(400, &throttled));
    cloud.fail("TransactWriteItems", 1, Reply::json(400, &throttled));
    let function = function(cloud.url(), with_welcome());
    assert_eq!(invoke(&function, event()).await, Ok(event()));
    assert_eq!(cloud.users(), 1);
}

#[tokio::test]
async fn a_failed_hand_over_costs_the_sign_up_nothing() {
    for fault in [
        Reply::text(500, ""),
        Reply::json(429, &json!({ "Type": "TooManyRequestsException" })),
        Reply::json(403, &json!({ "__type": "AccessDeniedException" })),
        Reply::Garbage,
        Reply::HangUp,
        Reply::After(Duration::from_secs(60), Box::new(Reply::text(202, ""))),
    ] {
        let cloud = Cloud::start().await;
        cloud.fail("Invoke", 2, fault);
        let function = function(cloud.url(), with_welcome());
        let began = Instant::now();
        assert_eq!(invoke(&function, event()).await, Ok(event()));
        assert!(began.elapsed() < Duration::from_secs(4));
        assert_eq!(cloud.pending(SUB), ["welcome"], "the record remembers");
    }
    let cloud = Cloud::start().await;
    let nameless = confirm_user::Settings {
        function: None,
        ..with_welcome()
    };
    let function = function(cloud.url(), nameless);
    assert_eq!(invoke(&function, event()).await, Ok(event()));
}

#[tokio::test]
async fn a_reset_password_is_none_of_its_business() {
    let cloud = Cloud::start().await;
    let mut reset = event();
    reset["triggerSource"] = json!("PostConfirmation_ConfirmForgotPassword");
    let function = function(cloud.url(), with_welcome());
    assert_eq!(invoke(&function, reset.clone()).await, Ok(reset));
    assert_eq!(cloud.server.asked().len(), 0);
}

#[tokio::test]
async fn an_event_without_a_user_is_refused() {
    let cloud = Cloud::start().await;
    let mut nobody = event();
    let attributes = nobody["request"]["userAttributes"].as_object_mut();
    attributes.expect("they are a map").remove("sub");
    let function = function(cloud.url(), with_welcome());
    for payload in [
        nobody,
        json!({}),
        json!(null),
        json!({ "saasauth": "deliver" }),
        json!({ "saasauth": "confirm" }),
        json!({ "saasauth": "confirm", "event": {} }),
    ] {
        assert_eq!(invoke(&function, payload).await, Err(TriggerError::NO_USER));
    }
}
