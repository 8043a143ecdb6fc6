//! What can't be delivered before somebody sees to it: it keeps waiting, with its reason, and is made later.

use std::time::{Duration, SystemTime};

use crate::support::cloud::Cloud;
use crate::support::server::{Reply, Server};
use crate::support::*;
use saasauth_triggers::confirm_user::ConfirmUser;
use saasauth_triggers::internal::{TriggerError, stamp};
use serde_json::{Value, json};

fn refused(code: &str, message: &str) -> Reply {
    let status = match code {
        "NotFoundException" => 404,
        "AccessDeniedException" => 403,
        "TooManyRequestsException" => 429,
        _ => 400,
    };
    Reply::json(status, &json!({ "message": message })).with_header("x-amzn-errortype", code)
}

fn unverified() -> Reply {
    let message = "Email address is not verified. The following identities failed the check in \
        region EU-WEST-1: ada@acme.com";
    refused("MessageRejected", message)
}

/// A user who is owed a welcome.
async fn welcomed() -> (Cloud, ConfirmUser) {
    let cloud = Cloud::start().await;
    let function = function(cloud.url(), with_welcome());
    invoke(&function, event())
        .await
        .expect("the sign-up succeeds");
    (cloud, function)
}

/// Has the function deliver because an operator asks.
async fn asked(function: &ConfirmUser) -> Result<Value, TriggerError> {
    let payload = json!({ "saasauth": "deliver", "sub": SUB, "asked": true });
    invoke(function, payload).await
}

/// For how long the welcome is left alone.
fn pause(cloud: &Cloud) -> Duration {
    let now = SystemTime::now();
    let until = cloud.standing(SUB, "welcome", "until").expect("it waits");
    (0..100_000)
        .map(Duration::from_secs)
        .find(|pause| stamp(now + *pause) >= until)
        .expect("it is some day")
}

#[tokio::test]
async fn a_mail_that_ses_does_not_take_yet_goes_out_once_it_does() {
    for fault in [
        unverified(),
        refused("MailFromDomainNotVerifiedException", "not verified"),
        refused("SendingPausedException", "paused"),
        refused("AccountSendingPausedException", "paused"),
        refused("NotFoundException", "Template acme-welcome does not exist"),
        refused(
            "AccessDeniedException",
            "not authorized to perform `ses:SendEmail`",
        ),
        refused("TooManyRequestsException", "Daily message quota exceeded."),
    ] {
        let (cloud, function) = welcomed().await;
        cloud.fail("SendEmail", 1, fault.clone());
        let answer = deliver(&function).await;
        // Lambda's retry finds it.
        assert!(answer.is_err_and(|error| error.kind == "DeliveryPending"));
        assert_eq!(cloud.pending(SUB), ["welcome"], "{fault:?}");
        let standing = |field| cloud.standing(SUB, "welcome", field);
        assert_eq!(standing("state").as_deref(), Some("not_yet"), "{fault:?}");
        let reason = standing("reason").expect("it has one");
        assert!(
            reason.starts_with("SES: ") && !reason.contains('@'),
            "{reason}"
        );

        cloud.let_claims_run_out(SUB);
        assert_eq!(
            deliver(&function).await,
            Ok(json!({ "welcome": "delivered" }))
        );
        assert_eq!((cloud.mails().len(), cloud.pending(SUB).len()), (1, 0));
    }
}

#[tokio::test]
async fn ses_is_asked_more_and_more_rarely_and_never_given_up() {
    let (cloud, function) = welcomed().await;
    cloud.fail("SendEmail", usize::MAX, unverified());
    let mut pauses = Vec::new();
    for attempt in 1..=9 {
        let answer = deliver(&function).await;
        // Once Lambda's retries come too early, the run is no failure: nothing is gained by another.
        assert_eq!(answer.is_err(), attempt < 3, "{attempt}: {answer:?}");
        let minutes = (pause(&cloud) + Duration::from_secs(5)).as_secs() / 60;
        pauses.push(minutes);
        // Meanwhile nobody asks, whoever hands over.
        let again = deliver(&function).await;
        assert_eq!(again.is_err(), attempt < 3, "{attempt}: {again:?}");
        assert_eq!(cloud.calls("SendEmail"), attempt);
        cloud.let_claims_run_out(SUB);
    }
    assert_eq!(pauses, [0, 1, 15, 30, 60, 120, 240, 360, 360]);
    assert_eq!(cloud.pending(SUB), ["welcome"]);
    assert_eq!(
        cloud.standing(SUB, "welcome", "attempts").as_deref(),
        Some("9")
    );
}

#[tokio::test]
async fn an_operator_who_asks_need_not_wait() {
    let (cloud, function) = welcomed().await;
    cloud.fail("SendEmail", 4, unverified());
    for _ in 0..3 {
        deliver(&function).await.ok();
        cloud.let_claims_run_out(SUB);
    }
    // Not seen to yet: it waits on, and no sooner than before.
    assert_eq!(
        deliver(&function).await,
        Ok(json!({ "welcome": "not_yet" }))
    );
    assert_eq!(
        asked(&function).await,
        Ok(json!({ "welcome": "delivered" }))
    );
    assert_eq!((cloud.mails().len(), cloud.calls("SendEmail")), (1, 5));
}

#[tokio::test]
async fn a_delivery_under_way_is_nobodys_whoever_asks() {
    let (cloud, function) = welcomed().await;
    let slow = Reply::After(Duration::from_secs(60), Box::new(Reply::text(200, "")));
    cloud.fail("SendEmail", 1, slow);
    let dies = tokio::time::timeout(Duration::from_millis(300), deliver(&function)).await;
    assert!(dies.is_err(), "it was ended while SES thought");
    assert!(asked(&function).await.is_err());
    assert_eq!(cloud.calls("SendEmail"), 1);
}

#[tokio::test]
async fn what_passes_by_itself_is_not_hurried_by_asking() {
    let busy = Server::start(|_| Reply::text(429, "").with_header("retry-after", "120")).await;
    let platforms = json!({ "webhook": { "url": busy.url, "secret": "/s" } });
    let cloud = Cloud::start().await;
    cloud.set_secret("/s", "s");
    let function = function(cloud.url(), with_platforms(&platforms));
    invoke(&function, event())
        .await
        .expect("the sign-up succeeds");
    assert!(deliver(&function).await.is_err());
    assert!(asked(&function).await.is_err());
    assert_eq!(busy.asked().len(), 1, "the server asked for patience");
}

#[tokio::test]
async fn a_platform_that_is_not_ready_yet_is_told_when_it_is() {
    for (status, reason) in [
        (401, "answered 401 (No)"),
        (402, "answered 402 (No)"),
        (403, "answered 403 (No)"),
        (404, "answered 404 (No)"),
    ] {
        let ready = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let is_ready = std::sync::Arc::clone(&ready);
        let server = Server::start(move |_| {
            if is_ready.load(std::sync::atomic::Ordering::SeqCst) {
                Reply::text(204, "")
            } else {
                Reply::json(status, &json!({ "title": "No" }))
            }
        })
        .await;
        let platforms = json!({ "webhook": { "url": server.url, "secret": "/s" } });
        let cloud = Cloud::start().await;
        let function = function(cloud.url(), with_platforms(&platforms));
        invoke(&function, event())
            .await
            .expect("the sign-up succeeds");
        let standing = |field| cloud.standing(SUB, "webhook", field);

        // The secret first: nobody has set it yet.
        assert!(deliver(&function).await.is_err());
        assert_eq!(standing("state").as_deref(), Some("not_yet"));
        assert_eq!(
            standing("reason").as_deref(),
            Some("the secret `/s` could not be read: ParameterNotFound")
        );
        cloud.set_secret("/s", "s3cret-value");
        assert!(asked(&function).await.is_err());
        assert_eq!(standing("state").as_deref(), Some("not_yet"));
        assert_eq!(standing("reason").as_deref(), Some(reason));

        ready.store(true, std::sync::atomic::Ordering::SeqCst);
        let answer = asked(&function).await;
        assert_eq!(answer, Ok(json!({ "webhook": "delivered" })), "{status}");
        assert_eq!(cloud.pending(SUB), [""; 0]);
    }
}
