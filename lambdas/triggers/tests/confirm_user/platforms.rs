//! Each platform, as its API is documented: real HTTP servers check what they are asked, and answer in the
//! documented shapes.

use crate::support::cloud::Cloud;
use crate::support::server::{Received, Reply, Server};
use crate::support::*;
use hmac::{Hmac, KeyInit, Mac};
use saasauth_triggers::internal::TriggerError;
use serde_json::{Value, json};
use sha2::Sha256;

/// Signs a user up, and delivers to the platforms of these settings, whose key this is.
async fn delivered(platforms: Value, key: &str) -> (Cloud, Result<Value, TriggerError>) {
    let cloud = Cloud::start().await;
    cloud.set_secret("/acme/key", key);
    let function = function(cloud.url(), with_platforms(&platforms));
    invoke(&function, event())
        .await
        .expect("the sign-up succeeds");
    let answer = deliver(&function).await;
    (cloud, answer)
}

fn outcome(name: &str, outcome: &str) -> Result<Value, TriggerError> {
    Ok(json!({ name: outcome }))
}

fn is_pending(answer: Result<Value, TriggerError>) -> bool {
    answer.is_err_and(|error| error.kind == "DeliveryPending")
}

/// A server that answers by method and path.
async fn server(reply: impl Fn(&str, &Received) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |asked| reply(&asked.line(), asked)).await
}

// The MD5 of `ada@acme.com`.
const MEMBER: &str = "/3.0/lists/a1b2/members/d6989818aac5c9e3a73e24e520111ed9";

fn mailchimp(endpoint: &str) -> Value {
    json!({ "mailchimp": {
        "list": "a1b2", "api_key": "/acme/key", "double_opt_in": true, "tags": ["signup", "beta"],
        "fields": { "FNAME": "name", "PLAN": "plan" }, "endpoint": endpoint,
    }})
}

#[tokio::test]
async fn mailchimp_adds_a_member_and_tags_it() {
    let server = server(|line, _| match line {
        line if line.starts_with("PUT ") => {
            Reply::json(200, &json!({ "id": "1", "status": "pending" }))
        }
        _ => Reply::text(204, ""),
    })
    .await;
    let (_cloud, answer) = delivered(mailchimp(&server.url), "abc-us6").await;
    assert_eq!(answer, outcome("mailchimp", "delivered"));

    let asked = server.asked();
    assert_eq!(
        server.lines(),
        [
            format!("PUT {MEMBER}?skip_merge_validation=true"),
            format!("POST {MEMBER}/tags"),
        ]
    );
    // base64 of `saasauth:abc-us6`
    for asked in &asked {
        assert_eq!(
            asked.header("authorization"),
            "Basic c2Fhc2F1dGg6YWJjLXVzNg=="
        );
        assert_eq!(asked.header("content-type"), "application/json");
    }
    assert_eq!(
        asked[0].json(),
        json!({
            "email_address": EMAIL,
            "status_if_new": "pending",
            "merge_fields": { "FNAME": "Ada Lovelace" },
        }),
        "no `status`: it would bring back who unsubscribed"
    );
    assert_eq!(
        asked[1].json(),
        json!({ "tags": [
            { "name": "signup", "status": "active" },
            { "name": "beta", "status": "active" },
        ]})
    );
}

#[tokio::test]
async fn mailchimp_leaves_alone_who_left() {
    let unsubscribed = Reply::json(200, &json!({ "id": "1", "status": "unsubscribed" }));
    let compliance = Reply::json(400, &json!({ "title": "Member In Compliance State" }));
    let forgotten = Reply::json(400, &json!({ "title": "Forgotten Email Not Subscribed" }));
    for reply in [unsubscribed, compliance, forgotten] {
        let server = server(move |_, _| reply.clone()).await;
        let (_cloud, answer) = delivered(mailchimp(&server.url), "abc-us6").await;
        assert_eq!(answer, outcome("mailchimp", "left_alone"));
        assert_eq!(server.asked().len(), 1, "nor tagged");
    }
}

#[tokio::test]
async fn mailchimp_subscribes_at_once_without_double_opt_in() {
    let server = server(|_, _| Reply::json(200, &json!({ "status": "subscribed" }))).await;
    let platforms = json!({ "mailchimp": {
        "list": "a1b2", "api_key": "/acme/key", "endpoint": server.url,
    }});
    let (_cloud, answer) = delivered(platforms, "abc-us6").await;
    assert_eq!(answer, outcome("mailchimp", "delivered"));
    let body = server.asked()[0].json();
    assert_eq!(
        body,
        json!({ "email_address": EMAIL, "status_if_new": "subscribed" })
    );
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn mailchimp_is_asked_again_after_a_bare_403_and_a_page() {
    for reply in [
        Reply::text(403, "<html>"),
        Reply::text(200, "<html>"),
        Reply::json(429, &json!({ "title": "Too Many Requests" })),
        Reply::json(500, &json!({ "title": "Internal Server Error" })),
    ] {
        let server = server(move |_, _| reply.clone()).await;
        let (_cloud, answer) = delivered(mailchimp(&server.url), "abc-us6").await;
        assert!(is_pending(answer));
    }
}

#[tokio::test]
async fn mailchimp_gives_up_what_it_refuses() {
    let server = server(|_, _| {
        let detail = "ada@acme.com looks fake or invalid";
        Reply::json(
            400,
            &json!({ "title": "Invalid Resource", "detail": detail }),
        )
    })
    .await;
    let (cloud, answer) = delivered(mailchimp(&server.url), "abc-us6").await;
    assert_eq!(answer, outcome("mailchimp", "failed"));
    assert_eq!(
        cloud.standing(SUB, "mailchimp", "reason").as_deref(),
        Some("answered 400 (Invalid Resource)")
    );
}

#[tokio::test]
async fn a_mailchimp_key_without_a_data_centre_goes_nowhere() {
    for key in ["abc", "abc-", "abc-evil.example/"] {
        let platforms = json!({ "mailchimp": { "list": "a1b2", "api_key": "/acme/key" } });
        let (cloud, answer) = delivered(platforms, key).await;
        assert!(answer.is_err_and(|error| error.kind == "DeliveryPending"));
        let standing = |field| cloud.standing(SUB, "mailchimp", field);
        assert_eq!(standing("state").as_deref(), Some("not_yet"));
        assert_eq!(
            standing("reason").as_deref(),
            Some("the key names no data centre")
        );
    }
}

fn hubspot(endpoint: &str) -> Value {
    json!({ "hubspot": {
        "token": "/acme/key", "fields": { "firstname": "name", "company": "company" },
        "endpoint": endpoint,
    }})
}

#[tokio::test]
async fn hubspot_upserts_a_contact() {
    let server = server(|_, _| {
        Reply::json(
            200,
            &json!({ "status": "COMPLETE", "results": [{ "id": "1", "new": true }] }),
        )
    })
    .await;
    let (_cloud, answer) = delivered(hubspot(&server.url), "pat-1").await;
    assert_eq!(answer, outcome("hubspot", "delivered"));
    let [asked] = &server.asked()[..] else {
        panic!("one request, not {:?}", server.lines());
    };
    assert_eq!(
        asked.line(),
        "POST /crm/objects/2026-03/contacts/batch/upsert"
    );
    assert_eq!(asked.header("authorization"), "Bearer pat-1");
    assert_eq!(
        asked.json(),
        json!({ "inputs": [{
            "idProperty": "email",
            "id": EMAIL,
            "properties": {
                "email": EMAIL, "firstname": "Ada Lovelace", "company": "Analytical Engines",
            },
        }]})
    );
}

#[tokio::test]
async fn hubspot_refuses_in_part_and_conflicts_in_passing() {
    let errors = json!([{ "category": "VALIDATION_ERROR", "message": "ada@acme.com is bad" }]);
    let body = json!({ "status": "COMPLETE", "results": [], "numErrors": 1, "errors": errors });
    let partly = server(move |_, _| Reply::json(207, &body)).await;
    let (cloud, answer) = delivered(hubspot(&partly.url), "pat-1").await;
    assert_eq!(answer, outcome("hubspot", "failed"));
    assert_eq!(
        cloud.standing(SUB, "hubspot", "reason").as_deref(),
        Some("refused the contact (VALIDATION_ERROR)")
    );

    let conflict = server(|_, _| Reply::json(409, &json!({ "category": "CONFLICT" }))).await;
    let (_cloud, answer) = delivered(hubspot(&conflict.url), "pat-1").await;
    assert!(is_pending(answer));
}

const SUBSCRIPTIONS: &str = "/v2/publications/pub_1/subscriptions";

fn beehiiv(endpoint: &str) -> Value {
    json!({ "beehiiv": {
        "publication": "pub_1", "api_key": "/acme/key", "double_opt_in": true, "tags": ["signup"],
        "fields": { "Company": "company" }, "endpoint": endpoint,
    }})
}

fn subscription(status: &str) -> Reply {
    Reply::json(
        200,
        &json!({ "data": { "id": "sub_1", "email": EMAIL, "status": status } }),
    )
}

#[tokio::test]
async fn beehiiv_creates_a_subscription_that_is_missing() {
    let server = server(|line, _| match line {
        line if line.starts_with("GET ") => Reply::json(404, &json!({ "status": 404 })),
        _ => subscription("validating"),
    })
    .await;
    let (_cloud, answer) = delivered(beehiiv(&server.url), "k").await;
    assert_eq!(answer, outcome("beehiiv", "delivered"));
    assert_eq!(
        server.lines(),
        [
            format!("GET {SUBSCRIPTIONS}/by_email/ada%40acme.com"),
            format!("POST {SUBSCRIPTIONS}"),
            format!("POST {SUBSCRIPTIONS}/sub_1/tags"),
        ]
    );
    let asked = server.asked();
    for asked in &asked {
        assert_eq!(asked.header("authorization"), "Bearer k");
    }
    assert_eq!(
        asked[1].json(),
        json!({
            "email": EMAIL,
            "reactivate_existing": false,
            "send_welcome_email": false,
            "double_opt_override": "on",
            "utm_source": "saasauth",
            "custom_fields": [{ "name": "Company", "value": "Analytical Engines" }],
        })
    );
    assert_eq!(asked[2].json(), json!({ "tags": ["signup"] }));
}

#[tokio::test]
async fn beehiiv_updates_who_is_there_and_leaves_alone_who_left() {
    let active = server(|_, _| subscription("active")).await;
    let (_cloud, answer) = delivered(beehiiv(&active.url), "k").await;
    assert_eq!(answer, outcome("beehiiv", "delivered"));
    assert_eq!(
        active.lines()[1..],
        [
            format!("PUT {SUBSCRIPTIONS}/sub_1"),
            format!("POST {SUBSCRIPTIONS}/sub_1/tags"),
        ]
    );
    assert_eq!(
        active.asked()[1].json(),
        json!({ "custom_fields": [{ "name": "Company", "value": "Analytical Engines" }] })
    );

    let inactive = server(|_, _| subscription("inactive")).await;
    let (_cloud, answer) = delivered(beehiiv(&inactive.url), "k").await;
    assert_eq!(answer, outcome("beehiiv", "left_alone"));
    assert_eq!(inactive.asked().len(), 1);
}

#[tokio::test]
async fn beehiiv_is_asked_again_when_it_does_not_say() {
    for reply in [
        Reply::text(200, "{}"),
        Reply::text(200, "<html>"),
        Reply::text(429, ""),
        Reply::text(502, ""),
    ] {
        let server = server(move |_, _| reply.clone()).await;
        let (_cloud, answer) = delivered(beehiiv(&server.url), "k").await;
        assert!(is_pending(answer));
    }
}

fn kit(endpoint: &str) -> Value {
    json!({ "kit": {
        "form": "217", "api_key": "/acme/key", "double_opt_in": true, "tags": ["signup"],
        "fields": { "first_name": "name", "company": "company" }, "endpoint": endpoint,
    }})
}

fn subscriber(status: u16, state: &str) -> Reply {
    Reply::json(
        status,
        &json!({ "subscriber": { "id": 1, "state": state } }),
    )
}

#[tokio::test]
async fn kit_subscribes_through_the_form_and_tags() {
    let server = server(|line, _| match line {
        "POST /v4/tags" => Reply::json(200, &json!({ "tag": { "id": 175, "name": "signup" } })),
        _ => subscriber(201, "inactive"),
    })
    .await;
    let (_cloud, answer) = delivered(kit(&server.url), "kit_1").await;
    assert_eq!(answer, outcome("kit", "delivered"));
    assert_eq!(
        server.lines(),
        [
            "POST /v4/subscribers",
            "POST /v4/forms/217/subscribers",
            "POST /v4/tags",
            "POST /v4/tags/175/subscribers",
        ]
    );
    let asked = server.asked();
    for asked in &asked {
        assert_eq!(asked.header("x-kit-api-key"), "kit_1");
    }
    assert_eq!(
        asked[0].json(),
        json!({
            "email_address": EMAIL,
            "state": "inactive",
            "first_name": "Ada Lovelace",
            "fields": { "company": "Analytical Engines" },
        })
    );
    assert_eq!(asked[1].json(), json!({ "email_address": EMAIL }));
    assert_eq!(asked[2].json(), json!({ "name": "signup" }));
    assert_eq!(asked[3].json(), json!({ "email_address": EMAIL }));
}

#[tokio::test]
async fn kit_leaves_alone_who_left() {
    for state in ["cancelled", "bounced", "complained"] {
        let server = server(move |_, _| subscriber(200, state)).await;
        let (_cloud, answer) = delivered(kit(&server.url), "kit_1").await;
        assert_eq!(answer, outcome("kit", "left_alone"));
        assert_eq!(server.asked().len(), 1);
    }
}

#[tokio::test]
async fn kit_waits_a_minute_when_it_is_not_told_how_long() {
    let server = server(|_, _| Reply::text(429, "Retry later\n")).await;
    let (cloud, answer) = delivered(kit(&server.url), "kit_1").await;
    assert!(is_pending(answer));
    let until = cloud.standing(SUB, "kit", "until").expect("it waits");
    let soon = std::time::SystemTime::now() + std::time::Duration::from_secs(55);
    assert!(until > saasauth_triggers::internal::stamp(soon));
}

#[tokio::test]
async fn kit_has_nobody_confirm_without_double_opt_in() {
    let server = server(|_, _| subscriber(201, "active")).await;
    let platforms = json!({ "kit": {
        "form": "217", "api_key": "/acme/key", "double_opt_in": false, "endpoint": server.url,
    }});
    let (_cloud, answer) = delivered(platforms, "kit_1").await;
    assert_eq!(answer, outcome("kit", "delivered"));
    assert_eq!(server.asked()[0].json()["state"], "active");

    let formless = json!({ "kit": { "api_key": "/acme/key", "double_opt_in": true } });
    let (_cloud, answer) = delivered(formless, "kit_1").await;
    assert_eq!(answer, outcome("kit", "failed"));
}

#[tokio::test]
async fn a_webhook_is_signed() {
    let server = server(|_, _| Reply::text(202, "thanks")).await;
    let url = format!("{}/hooks/saasauth?v=1", server.url);
    let platforms = json!({ "webhook": { "url": url, "secret": "/acme/key" } });
    let (_cloud, answer) = delivered(platforms, "shh").await;
    assert_eq!(answer, outcome("webhook", "delivered"));
    let [asked] = &server.asked()[..] else {
        panic!("one request, not {:?}", server.lines());
    };
    assert_eq!(asked.line(), "POST /hooks/saasauth?v=1");
    assert_eq!(asked.header("content-type"), "application/json");

    // As a receiver checks it.
    let signature = asked.header("x-saasauth-signature");
    let (time, signature) = signature.split_once(",v1=").expect("two parts");
    let time = time.strip_prefix("t=").expect("a time");
    let sent: u64 = time.parse().expect("seconds");
    let now = std::time::UNIX_EPOCH
        .elapsed()
        .expect("after 1970")
        .as_secs();
    assert!(now - sent < 60);
    let mut mac = Hmac::<Sha256>::new_from_slice(b"shh").expect("a key");
    mac.update(format!("{time}.{}", asked.body).as_bytes());
    let bytes: Vec<_> = (0..signature.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&signature[at..at + 2], 16).expect("hexadecimal"))
        .collect();
    mac.verify_slice(&bytes).expect("the signature is right");

    let body = asked.json();
    assert_eq!(body["type"], "user.confirmed");
    assert_eq!(body["id"], format!("user.confirmed:{SUB}"));
    assert_eq!(
        body["user"],
        json!({
            "sub": SUB,
            "email": EMAIL,
            "email_verified": true,
            "role": "member",
            "attributes": {
                "name": "Ada Lovelace",
                "company": "Analytical Engines",
                "marketing_opt_in": "true",
            },
        })
    );
}

#[tokio::test]
async fn a_webhook_that_knows_the_event_has_it() {
    let server = server(|_, _| Reply::text(409, "")).await;
    let platforms = json!({ "webhook": { "url": server.url, "secret": "/acme/key" } });
    let (_cloud, answer) = delivered(platforms, "shh").await;
    assert_eq!(answer, outcome("webhook", "delivered"));
}
