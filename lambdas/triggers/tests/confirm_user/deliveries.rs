//! The half nobody waits for: claims, the welcome mail, what goes wrong and what becomes of it.

use std::time::Duration;

use crate::support::cloud::Cloud;
use crate::support::server::{Reply, Server};
use crate::support::*;
use saasauth_contract::mail::{in_html, in_url};
use saasauth_triggers::confirm_user;
use saasauth_triggers::internal::TriggerError;
use serde_json::{Value, json};

/// A user who is recorded, and owed whatever the settings owe.
async fn recorded(settings: confirm_user::Settings) -> (Cloud, confirm_user::ConfirmUser) {
    let cloud = Cloud::start().await;
    let function = function(cloud.url(), settings);
    invoke(&function, event())
        .await
        .expect("the sign-up succeeds");
    cloud.take_invocations();
    (cloud, function)
}

/// A user who is owed a word to a webhook at this server.
async fn told(server: &Server) -> (Cloud, confirm_user::ConfirmUser) {
    let platforms = json!({ "webhook": { "url": server.url, "secret": "/acme/hook" } });
    let (cloud, function) = recorded(with_platforms(&platforms)).await;
    cloud.set_secret("/acme/hook", "s3cret-value");
    (cloud, function)
}

fn is_pending(answer: Result<Value, TriggerError>) -> bool {
    answer.is_err_and(|error| error.kind == "DeliveryPending")
}

#[tokio::test]
async fn the_welcome_mail_goes_out_once() {
    let (cloud, function) = recorded(with_welcome()).await;
    let answer = deliver(&function).await;
    assert_eq!(answer, Ok(json!({ "welcome": "delivered" })));

    let [mail] = &cloud.mails()[..] else {
        panic!("one mail, not {}", cloud.mails().len());
    };
    assert_eq!(mail["FromEmailAddress"], "Acme <hello@acme.com>");
    assert_eq!(mail["ConfigurationSetName"], "acme");
    assert_eq!(mail["Destination"]["ToAddresses"], json!([EMAIL]));
    let template = &mail["Content"]["Template"];
    assert_eq!(template["TemplateName"], "acme-welcome");
    let data = template["TemplateData"].as_str().expect("it has data");
    let data: Value = serde_json::from_str(data).expect("it is JSON");
    for (name, value, url) in [
        ("name", "Ada Lovelace", "Ada%20Lovelace"),
        ("company", "Analytical Engines", "Analytical%20Engines"),
        ("marketing_opt_in", "true", "true"),
        ("plan", "", ""),
        ("email", EMAIL, "ada%40acme%2Ecom"),
    ] {
        let given = [name.to_owned(), in_html(name), in_url(name)];
        assert_eq!(given.map(|name| data[name].clone()), [value, value, url]);
    }
    assert_eq!(data.as_object().map(serde_json::Map::len), Some(15));
    let user = cloud.user(SUB).expect("recorded");
    assert!(user.get("pending").is_none());
    assert_eq!(user["deliveries"]["M"], json!({}), "nothing is left of it");

    assert_eq!(deliver(&function).await, Ok(json!({})));
    assert_eq!(cloud.mails().len(), 1);
}

/// What Cognito says of somebody who proved a phone number and named anybody's address.
fn unproved() -> Value {
    let mut event = event();
    event["request"]["userAttributes"]["email_verified"] = json!("false");
    event
}

#[tokio::test]
async fn nobody_is_mailed_or_listed_by_an_address_not_proved() {
    let server = Server::start(|_| Reply::text(200, "{}")).await;
    let cloud = Cloud::start().await;
    let platforms = json!({
        "webhook": { "url": format!("{}/hook", server.url), "secret": "/acme/hook" },
        "hubspot": { "token": "/acme/hook", "endpoint": server.url },
    });
    let settings = confirm_user::Settings {
        welcome: with_welcome().welcome,
        ..with_platforms(&platforms)
    };
    let function = function(cloud.url(), settings);
    cloud.set_secret("/acme/hook", "s3cret-value");
    invoke(&function, unproved()).await.expect("signed up");
    let asked = json!({ "saasauth": "deliver", "sub": SUB, "asked": true });
    // Nor when an operator asks; and Lambda isn't to run it again.
    for payload in [None, Some(asked)] {
        let answer = match payload {
            None => deliver(&function).await,
            Some(asked) => invoke(&function, asked).await,
        };
        let answer = answer.expect("nothing is to be tried again");
        for name in ["welcome", "hubspot"] {
            assert_eq!(answer[name], "unproved");
        }
    }
    assert_eq!(cloud.mails(), [json!(null); 0]);
    let [told] = &server.asked()[..] else {
        panic!("the webhook alone, not {:?}", server.lines());
    };
    assert_eq!(told.json()["user"]["email_verified"], false);

    // As a sign-in writes it once the address is proved.
    let mut record = cloud.user(SUB).expect("recorded");
    record["email_verified"] = json!({ "BOOL": true });
    cloud.put("permissions", record);
    let answer = deliver(&function).await.expect("all are made");
    for name in ["welcome", "hubspot"] {
        assert_eq!(answer[name], "delivered");
    }
    assert_eq!(cloud.mails().len(), 1);
}

#[tokio::test]
async fn the_mail_speaks_the_users_language() {
    let cloud = Cloud::start().await;
    let function = function(cloud.url(), with_welcome());
    let mut german = event();
    german["request"]["userAttributes"]["locale"] = json!("de-AT");
    invoke(&function, german)
        .await
        .expect("the sign-up succeeds");
    deliver(&function).await.expect("it is delivered");
    let template = &cloud.mails()[0]["Content"]["Template"];
    assert_eq!(template["TemplateName"], "acme-welcome-de");
}

#[tokio::test]
async fn a_throttled_mail_is_sent_later_and_once() {
    for fault in [
        Reply::json(429, &json!({ "message": "slow down" }))
            .with_header("x-amzn-errortype", "TooManyRequestsException"),
        Reply::json(400, &json!({ "message": "quota" }))
            .with_header("x-amzn-errortype", "LimitExceededException"),
        Reply::text(500, ""),
        Reply::text(503, "<html>"),
        Reply::HangUp,
        Reply::Garbage,
    ] {
        let (cloud, function) = recorded(with_welcome()).await;
        // A broken connection is replaced at once; this one breaks again.
        let times = usize::from(matches!(fault, Reply::HangUp | Reply::Garbage));
        cloud.fail("SendEmail", 1 + times, fault);
        assert!(is_pending(deliver(&function).await));
        assert_eq!(cloud.pending(SUB), ["welcome"]);
        assert_eq!(
            cloud.standing(SUB, "welcome", "state").as_deref(),
            Some("waiting")
        );
        let answer = deliver(&function).await;
        assert_eq!(answer, Ok(json!({ "welcome": "delivered" })));
        assert_eq!(cloud.mails().len(), 1);
    }
}

#[tokio::test]
async fn a_connection_that_went_stale_is_replaced() {
    let cloud = Cloud::start().await;
    let function = function(cloud.url(), with_welcome());
    cloud.fail("Invoke", 1, Reply::HangUp);
    assert_eq!(invoke(&function, event()).await, Ok(event()));
    assert_eq!(cloud.take_invocations().len(), 1);
    cloud.fail("SendEmail", 1, Reply::HangUp);
    let answer = deliver(&function).await;
    assert_eq!(answer, Ok(json!({ "welcome": "delivered" })));
}

#[tokio::test]
async fn a_refused_mail_is_given_up_with_a_reason() {
    let (cloud, function) = recorded(with_welcome()).await;
    let rejected = json!({ "message": "Transaction failed: illegal address ada@acme.com" });
    let rejected = Reply::json(400, &rejected).with_header("x-amzn-errortype", "MessageRejected");
    cloud.fail("SendEmail", 1, rejected);
    assert_eq!(deliver(&function).await, Ok(json!({ "welcome": "failed" })));
    assert_eq!(cloud.pending(SUB), [""; 0]);
    let standing = |field| cloud.standing(SUB, "welcome", field);
    assert_eq!(standing("state").as_deref(), Some("failed"));
    assert_eq!(standing("attempts").as_deref(), Some("1"));
    assert_eq!(
        standing("reason").as_deref(),
        Some("SES: MessageRejected: Transaction failed: illegal address [redacted]")
    );
    // An operator mends it and asks for another round.
    let mut user = cloud.user(SUB).expect("recorded");
    user["pending"] = json!({ "SS": ["welcome"] });
    cloud.put("permissions", user);
    assert_eq!(
        deliver(&function).await,
        Ok(json!({ "welcome": "delivered" }))
    );
    assert_eq!(
        cloud.user(SUB).expect("recorded")["deliveries"]["M"],
        json!({})
    );
}

#[tokio::test]
async fn whatever_passes_is_tried_again_and_made_once() {
    for (name, fault) in [
        ("down", Reply::HangUp),
        ("garbage", Reply::Garbage),
        ("broken", Reply::text(500, "oops")),
        ("unavailable", Reply::text(503, "<html>")),
        (
            "slow",
            Reply::After(Duration::from_secs(60), Box::new(Reply::text(200, ""))),
        ),
        ("busy", Reply::text(429, "")),
        ("early", Reply::text(425, "")),
    ] {
        let healthy = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let is_healthy = std::sync::Arc::clone(&healthy);
        let server = Server::start(move |_| {
            if is_healthy.load(std::sync::atomic::Ordering::SeqCst) {
                Reply::text(204, "")
            } else {
                fault.clone()
            }
        })
        .await;
        let (cloud, function) = told(&server).await;
        // Less than Lambda's five seconds, to keep the test short.
        let within = Duration::from_millis(1500);
        let answer = invoke_within(&function, owed_to(SUB), within).await;
        assert!(is_pending(answer), "{name}");
        assert_eq!(cloud.pending(SUB), ["webhook"], "{name}");
        assert_eq!(
            cloud.standing(SUB, "webhook", "state").as_deref(),
            Some("waiting"),
            "{name}"
        );
        let failed = server.asked().len();

        healthy.store(true, std::sync::atomic::Ordering::SeqCst);
        let answer = deliver(&function).await;
        assert_eq!(answer, Ok(json!({ "webhook": "delivered" })), "{name}");
        assert_eq!(deliver(&function).await, Ok(json!({})), "{name}");
        assert_eq!(server.asked().len(), failed + 1, "{name}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let gone = Server::start(|_| Reply::HangUp).await;
    let url = gone.url.clone();
    drop(gone);
    let platforms = json!({ "webhook": { "url": url, "secret": "/s" } });
    let (cloud, function) = recorded(with_platforms(&platforms)).await;
    cloud.set_secret("/s", "s");
    assert!(is_pending(deliver(&function).await));
    assert_eq!(
        cloud.standing(SUB, "webhook", "reason").as_deref(),
        Some("the connection failed")
    );
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    let busy = std::sync::atomic::AtomicUsize::new(1);
    let server = Server::start(move |_| {
        let once = busy.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
        if once == 1 {
            Reply::text(429, "").with_header("retry-after", "120")
        } else {
            Reply::text(200, "")
        }
    })
    .await;
    let (cloud, function) = told(&server).await;
    assert!(is_pending(deliver(&function).await));
    // Sooner than asked, the server hears nothing.
    assert!(is_pending(deliver(&function).await));
    assert_eq!(server.asked().len(), 1);
    let until = cloud.standing(SUB, "webhook", "until").expect("it waits");
    let now = saasauth_triggers::internal::stamp(std::time::SystemTime::now());
    assert!(until > now);

    cloud.let_claims_run_out(SUB);
    assert!(deliver(&function).await.is_ok());
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn what_fails_for_good_is_given_up() {
    for status in [301, 400, 410, 422] {
        let server = Server::start(move |_| {
            Reply::json(
                status,
                &json!({ "title": "No", "detail": "ada@acme.com s3cret-value" }),
            )
        })
        .await;
        let (cloud, function) = told(&server).await;
        let answer = deliver(&function).await;
        assert_eq!(answer, Ok(json!({ "webhook": "failed" })), "{status}");
        assert_eq!(cloud.pending(SUB), [""; 0], "{status}");
        assert_eq!(
            cloud.standing(SUB, "webhook", "reason"),
            Some(format!("answered {status} (No)"))
        );
    }
}

#[tokio::test]
async fn bad_configuration_is_given_up() {
    let platforms = json!({ "webhook": { "url": "not a url", "secret": "/s" } });
    let (cloud, function) = recorded(with_platforms(&platforms)).await;
    cloud.set_secret("/s", "s");
    assert_eq!(deliver(&function).await, Ok(json!({ "webhook": "failed" })));
    assert_eq!(
        cloud.standing(SUB, "webhook", "reason").as_deref(),
        Some("the endpoint or the key makes no valid request")
    );
}

#[tokio::test]
async fn one_delivery_does_not_wait_for_another() {
    let slow = Reply::After(Duration::from_secs(60), Box::new(Reply::text(200, "")));
    let server = Server::start(move |_| slow.clone()).await;
    let platforms = json!({
        "webhook": { "url": server.url, "secret": "/s" },
        "hubspot": { "token": "/h" },
    });
    let settings = confirm_user::Settings {
        welcome: with_welcome().welcome,
        ..with_platforms(&platforms)
    };
    let (cloud, function) = recorded(settings).await;
    cloud.set_secret("/s", "s");
    let within = Duration::from_millis(1500);
    let answer = invoke_within(&function, owed_to(SUB), within).await;
    assert!(is_pending(answer));
    assert_eq!(cloud.mails().len(), 1);
    assert_eq!(cloud.pending(SUB), ["webhook", "hubspot"]);
    assert_eq!(
        cloud.standing(SUB, "hubspot", "reason").as_deref(),
        Some("the secret `/h` could not be read: ParameterNotFound")
    );
}

#[tokio::test]
async fn a_slow_server_never_costs_the_whole_invocation() {
    let slow = Reply::After(Duration::from_secs(60), Box::new(Reply::text(200, "")));
    let server = Server::start(move |_| slow.clone()).await;
    let (cloud, function) = told(&server).await;
    // `deliver` fails the test when the function takes Lambda's five seconds.
    assert!(is_pending(deliver(&function).await));
    assert_eq!(
        cloud.standing(SUB, "webhook", "reason").as_deref(),
        Some("no answer in time")
    );
}

#[tokio::test]
async fn who_dies_in_the_middle_is_replaced_after_a_minute() {
    let server = Server::start(|asked| match asked.header("x-saasauth-signature") {
        "" => Reply::text(400, ""),
        _ => Reply::After(Duration::from_millis(300), Box::new(Reply::text(200, ""))),
    })
    .await;
    let (cloud, function) = told(&server).await;
    let dies = tokio::time::timeout(Duration::from_millis(150), deliver(&function)).await;
    assert!(dies.is_err(), "it was ended while the server thought");
    assert_eq!(
        cloud.standing(SUB, "webhook", "state").as_deref(),
        Some("claimed")
    );
    // Whoever comes at once leaves it alone, and comes again.
    assert!(is_pending(deliver(&function).await));
    assert_eq!(server.asked().len(), 1);

    cloud.let_claims_run_out(SUB);
    assert!(deliver(&function).await.is_ok());
    assert_eq!(cloud.pending(SUB), [""; 0]);
}

#[tokio::test]
async fn a_delivery_that_could_not_be_written_down_is_not_made_again() {
    let (cloud, function) = recorded(with_welcome()).await;
    // The claim is written; nothing after it.
    let throttled = json!({ "__type": "ThrottlingException" });
    let deliveries = deliver_while_settling_fails(&cloud, &function, &throttled).await;
    assert!(is_pending(deliveries));
    assert_eq!((cloud.mails().len(), cloud.pending(SUB).len()), (1, 1));
    cloud.heal();
    let answer = deliver(&function).await;
    assert_eq!(answer, Ok(json!({ "welcome": "delivered" })));
    assert_eq!((cloud.mails().len(), cloud.pending(SUB).len()), (1, 0));
}

/// Runs the deliveries while every update after the first is refused.
async fn deliver_while_settling_fails(
    cloud: &Cloud,
    function: &confirm_user::ConfirmUser,
    fault: &Value,
) -> Result<Value, TriggerError> {
    cloud.pass("UpdateItem", 1);
    cloud.fail("UpdateItem", usize::MAX, Reply::json(400, fault));
    let within = Duration::from_millis(2500);
    invoke_within(function, owed_to(SUB), within).await
}

#[tokio::test]
async fn a_claim_whose_receipt_was_lost_is_still_ones_own() {
    let (cloud, function) = recorded(with_welcome()).await;
    cloud.lose("UpdateItem", 1);
    let answer = deliver(&function).await;
    assert_eq!(answer, Ok(json!({ "welcome": "delivered" })));
    assert_eq!(cloud.mails().len(), 1);
}

#[tokio::test]
async fn an_unreadable_record_fails_the_run() {
    let (cloud, function) = recorded(with_welcome()).await;
    cloud.fail("GetItem", usize::MAX, Reply::text(500, ""));
    assert_eq!(
        deliver(&function).await,
        Err(TriggerError::STORE_UNAVAILABLE)
    );
    cloud.heal();
    assert!(deliver(&function).await.is_ok());
    assert_eq!(cloud.mails().len(), 1);
}

#[tokio::test]
async fn a_throttled_claim_delivers_nothing_yet() {
    let (cloud, function) = recorded(with_welcome()).await;
    cloud.fail("UpdateItem", usize::MAX, Reply::text(500, ""));
    assert!(is_pending(deliver(&function).await));
    assert_eq!(cloud.mails().len(), 0);
    cloud.heal();
    assert!(deliver(&function).await.is_ok());
    assert_eq!(cloud.mails().len(), 1);
}

#[tokio::test]
async fn a_record_of_an_earlier_deployment_is_delivered() {
    let (cloud, function) = recorded(with_welcome()).await;
    let mut user = cloud.user(SUB).expect("recorded");
    user.as_object_mut().expect("an item").remove("deliveries");
    cloud.put("permissions", user);
    let answer = deliver(&function).await;
    assert_eq!(answer, Ok(json!({ "welcome": "delivered" })));
}

#[tokio::test]
async fn what_the_project_no_longer_owes_is_dropped() {
    let (cloud, _) = recorded(with_welcome()).await;
    let function = function(cloud.url(), settings());
    let answer = deliver(&function).await;
    assert_eq!(answer, Ok(json!({ "welcome": "dropped" })));
    assert_eq!(cloud.pending(SUB), [""; 0]);
}

#[tokio::test]
async fn a_deleted_user_is_owed_nothing() {
    let cloud = Cloud::start().await;
    let function = function(cloud.url(), with_welcome());
    assert_eq!(deliver(&function).await, Ok(json!({})));
    assert_eq!(cloud.user(SUB), None, "and is not brought back");
}

#[tokio::test]
async fn secrets_are_read_once_and_again_when_refused() {
    let key = std::sync::Arc::new(std::sync::Mutex::new("old".to_owned()));
    let accepted = std::sync::Arc::clone(&key);
    let server = Server::start(move |asked| {
        let accepted = accepted.lock().expect("no panic holds it");
        if asked.header("authorization") == format!("Bearer {accepted}") {
            Reply::json(200, &json!({ "results": [{}], "status": "COMPLETE" }))
        } else {
            Reply::text(401, "")
        }
    })
    .await;
    let platforms = json!({ "hubspot": { "token": "ssm:/acme/hubspot", "endpoint": server.url } });
    let cloud = Cloud::start().await;
    cloud.set_secret("/acme/hubspot", "old\n");
    let function = function(cloud.url(), with_platforms(&platforms));
    let welcome = async |sub: &str| {
        let event = event_of(sub, EMAIL);
        invoke(&function, event)
            .await
            .expect("the sign-up succeeds");
        invoke(&function, owed_to(sub)).await
    };
    let delivered = Ok(json!({ "hubspot": "delivered" }));
    assert_eq!(welcome("s-1").await, delivered);
    assert_eq!(welcome("s-2").await, delivered);
    assert_eq!(cloud.calls("GetParameter"), 1);

    *key.lock().expect("no panic holds it") = "new".to_owned();
    cloud.set_secret("/acme/hubspot", "new");
    assert_eq!(welcome("s-3").await, delivered, "rotated without a deploy");
    assert_eq!(cloud.calls("GetParameter"), 2);

    // A key that is refused fresh from SSM is a wrong one, until somebody sets the right one.
    *key.lock().expect("no panic holds it") = "other".to_owned();
    assert!(is_pending(welcome("s-4").await));
    let standing = |field| cloud.standing("s-4", "hubspot", field);
    assert_eq!(standing("state").as_deref(), Some("not_yet"));
    assert_eq!(standing("reason").as_deref(), Some("answered 401"));
}

#[tokio::test]
async fn a_throttled_secret_is_read_later() {
    let server = Server::start(|_| Reply::text(200, "")).await;
    for fault in [
        Reply::json(400, &json!({ "__type": "ThrottlingException" })),
        Reply::text(500, ""),
        Reply::HangUp,
    ] {
        let (cloud, function) = told(&server).await;
        let times = usize::from(matches!(fault, Reply::HangUp));
        cloud.fail("GetParameter", 1 + times, fault);
        assert!(is_pending(deliver(&function).await));
        assert!(deliver(&function).await.is_ok());
    }
}
