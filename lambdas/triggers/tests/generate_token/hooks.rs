//! The project's own part: claims beside ours, and the veto.

use std::future::pending;

use saasauth_triggers::generate_token::{Claims, TokenRequest, Veto};

use super::*;

/// A trigger with hooks, over a member with two permissions, one domain and a plan on the record.
fn hooked<H: Hooks>(hooks: H, settings: Settings) -> GenerateToken<H> {
    let plan = AttributeValue::S("pro".to_owned());
    let record = record(vec![
        ("role", AttributeValue::S("member".to_owned())),
        ("permissions", list(&["audit:read"])),
        (
            "extra",
            AttributeValue::M([("plan".to_owned(), plan)].into()),
        ),
    ]);
    let rules = [
        &record,
        &roles(&[("member", &["projects:read"])]),
        &domains(&["acme.com"]),
    ];
    trigger_of(&rules, settings, "http://127.0.0.1:9", hooks)
}

fn added(details: &Value, token: &str) -> Value {
    details[token]["claimsToAddOrOverride"].clone()
}

struct Facts;

impl Hooks for Facts {
    async fn claims(&self, request: &TokenRequest<'_>) -> Result<Claims, Veto> {
        assert_eq!(request.sub, SUB_KEY.trim_start_matches("USER#"));
        assert_eq!(request.role, "member");
        assert_eq!(request.permissions, ["audit:read", "projects:read"]);
        assert_eq!(request.domains, ["acme.com"]);
        assert_eq!(request.trigger_source(), "TokenGeneration_Authentication");
        assert_eq!(request.client_id(), Some("1example23456789"));
        assert_eq!(request.verified_email(), Some("ada@acme.com"));
        assert_eq!(request.verified_phone_number(), None);
        assert_eq!(request.attribute("name"), Some("Ada Lovelace"));
        assert_eq!(request.client_metadata("campaign"), None);
        assert!(request.groups().eq(["admin"]));
        let plan = request.extra("plan").expect("it is on the record");
        Ok(Claims::new()
            .in_both("plan", plan)
            .in_id("seats", 5)
            .in_access("limits", json!({ "projects": 3 }))
            .in_both("role", "owner")
            .in_both("sub", "somebody else"))
    }
}

#[tokio::test]
async fn claims_of_hooks_stand_beside_ours_and_replace_none() {
    let details = answer(&hooked(Facts, settings()), event()).await;
    let ours = json!({
        "role": "member", "permissions": ["audit:read", "projects:read"],
        "domains": ["acme.com"], "plan": "pro",
    });
    let mut id = ours.clone();
    id["seats"] = json!(5);
    assert_eq!(added(&details, "idTokenGeneration"), id);
    let mut access = ours;
    access["limits"] = json!({ "projects": 3 });
    assert_eq!(added(&details, "accessTokenGeneration"), access);
}

#[tokio::test]
async fn a_veto_reaches_the_user_and_makes_no_token() {
    struct No;
    impl Hooks for No {
        async fn claims(&self, _: &TokenRequest<'_>) -> Result<Claims, Veto> {
            Err(Veto::new("your plan has ended"))
        }
    }
    let error = hooked(No, settings())
        .handle(event(), &Log::new("r-1"))
        .await;
    let error = error.expect_err("there is no token");
    assert_eq!(error.kind, "HookVeto");
    assert_eq!(error.message, "your plan has ended");
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_never_answers_is_no_token() {
    struct Slow;
    impl Hooks for Slow {
        async fn claims(&self, _: &TokenRequest<'_>) -> Result<Claims, Veto> {
            pending().await
        }
    }
    let error = hooked(Slow, settings())
        .handle(event(), &Log::new("r-1"))
        .await;
    assert_eq!(error.expect_err("there is no token").kind, "HookTimeout");
}

#[tokio::test]
async fn claims_of_hooks_are_held_to_the_budget() {
    struct Talkative;
    impl Hooks for Talkative {
        async fn claims(&self, _: &TokenRequest<'_>) -> Result<Claims, Veto> {
            Ok(Claims::new()
                .in_both("a", "x".repeat(200))
                .in_access("b", "x".repeat(5000))
                .in_id("c", true))
        }
    }
    let settings = Settings {
        claims_budget: 512,
        ..settings()
    };
    let details = answer(&hooked(Talkative, settings), event()).await;
    let (id, access) = (
        added(&details, "idTokenGeneration"),
        added(&details, "accessTokenGeneration"),
    );
    assert_eq!(access["a"].as_str().map(str::len), Some(200));
    assert_eq!((access.get("b"), &id["c"]), (None, &json!(true)));
    assert_eq!(access["role"], "member");
    for claims in [id, access] {
        assert!(claims.to_string().len().div_ceil(3) * 4 <= 512);
    }
}

#[tokio::test]
async fn who_is_disabled_is_not_asked_about() {
    struct Asked;
    impl Hooks for Asked {
        async fn claims(&self, request: &TokenRequest<'_>) -> Result<Claims, Veto> {
            panic!("asked about {}", request.sub)
        }
    }
    let blocked = record(vec![("status", AttributeValue::S("blocked".to_owned()))]);
    let rules = [&blocked, &roles(&[("member", &[])]), &domains(&[])];
    let trigger = trigger_of(&rules, settings(), "http://127.0.0.1:9", Asked);
    let refused = trigger.handle(event(), &Log::new("r-1")).await;
    assert_eq!(refused, Err(DISABLED));
}
