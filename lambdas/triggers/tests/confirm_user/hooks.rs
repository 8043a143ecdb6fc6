//! The project's own part: attributes on the record, and deliveries under the same rules as ours.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use saasauth_triggers::confirm_user::{Hooks, NewUser, NotDelivered, Person};
use serde_json::json;

use crate::support::cloud::Cloud;
use crate::support::*;

/// Tells a CRM of those who joined a company, and fails as it is told to.
#[derive(Default)]
struct Crm {
    /// How its next attempts end; well when nothing is left.
    failures: Mutex<Vec<NotDelivered>>,
    told: Mutex<Vec<Person>>,
    is_slow: bool,
}

impl Crm {
    fn failing(failures: &[NotDelivered]) -> Self {
        Self {
            failures: Mutex::new(failures.iter().rev().cloned().collect()),
            ..Self::default()
        }
    }

    fn told(&self) -> usize {
        self.told.lock().expect("no panic holds it").len()
    }
}

impl Hooks for &Crm {
    async fn attributes(&self, user: &NewUser<'_>) -> BTreeMap<String, String> {
        if self.is_slow {
            pending::<()>().await;
        }
        let text = |text: Option<&str>| text.unwrap_or("none").to_owned();
        BTreeMap::from([
            ("role".to_owned(), user.role.to_owned()),
            ("domain".to_owned(), text(user.domain)),
            ("email".to_owned(), text(user.verified_email())),
            ("company".to_owned(), text(user.attribute("company"))),
            ("client".to_owned(), text(user.client_id())),
            (
                "campaign".to_owned(),
                text(user.client_metadata("campaign")),
            ),
            ("username".to_owned(), user.username().to_owned()),
        ])
    }

    fn deliveries(&self) -> &[&str] {
        // The second is no legal name, and the third says the first again.
        &["crm", "C R M", "crm", "welcome"]
    }

    fn owes(&self, delivery: &str, user: &NewUser<'_>) -> bool {
        delivery != "welcome" && user.verified_email().is_some()
    }

    async fn deliver(&self, delivery: &str, person: &Person) -> Result<(), NotDelivered> {
        assert_eq!(delivery, "crm");
        if self.is_slow {
            pending::<()>().await;
        }
        let failure = self.failures.lock().expect("no panic holds it").pop();
        if let Some(failure) = failure {
            return Err(failure);
        }
        let mut told = self.told.lock().expect("no panic holds it");
        told.push(person.clone());
        Ok(())
    }
}

fn registered() -> serde_json::Value {
    json!({ "pk": { "S": "DOMAIN#acme.com" }, "sk": { "S": "META" }, "role": { "S": "admin" } })
}

#[tokio::test]
async fn attributes_of_hooks_lie_apart_from_ours_and_deliveries_are_made_once() {
    let cloud = Cloud::start().await;
    cloud.put("domains", registered());
    let crm = Crm::default();
    let function = function_with(cloud.url(), with_welcome(), &crm);
    assert_eq!(invoke(&function, event()).await, Ok(event()));

    let user = cloud.user(SUB).expect("recorded");
    assert_eq!(user["role"]["S"], "admin");
    assert_eq!(
        user["extra"]["M"],
        json!({
            "role": { "S": "admin" },
            "domain": { "S": "acme.com" },
            "email": { "S": EMAIL },
            "company": { "S": "Analytical Engines" },
            "client": { "S": "1example23456789" },
            "campaign": { "S": "spring" },
            "username": { "S": SUB },
        })
    );
    assert_eq!(cloud.pending(SUB), ["welcome", "hook:crm"]);

    let expected = json!({ "welcome": "delivered", "hook:crm": "delivered" });
    assert_eq!(deliver(&function).await, Ok(expected));
    assert_eq!(cloud.pending(SUB), [""; 0]);
    assert_eq!(deliver(&function).await, Ok(json!({})));
    let told = crm.told.lock().expect("no panic holds it");
    let [person] = &told[..] else {
        panic!("told once, not {}", told.len());
    };
    assert_eq!((person.sub.as_str(), person.role.as_str()), (SUB, "admin"));
    assert_eq!(person.extra["campaign"], "spring");
    assert_eq!(person.attributes["company"], "Analytical Engines");
}

#[tokio::test]
async fn who_has_nothing_verified_is_known_as_such() {
    let cloud = Cloud::start().await;
    cloud.put("domains", registered());
    let crm = Crm::default();
    let mut unverified = event();
    unverified["request"]["userAttributes"]["email_verified"] = json!("false");
    let function = function_with(cloud.url(), settings(), &crm);
    assert!(invoke(&function, unverified).await.is_ok());
    let user = cloud.user(SUB).expect("recorded");
    let extra = &user["extra"]["M"];
    assert_eq!(extra["email"]["S"], "none");
    assert_eq!(extra["domain"]["S"], "none");
    assert_eq!(extra["role"]["S"], "member");
    assert!(user.get("pending").is_none());
}

#[tokio::test]
async fn a_hooks_delivery_is_tried_again_or_given_up_as_it_says() {
    let crm = Crm::failing(&[
        NotDelivered::try_again("ada@acme.com is unknown yet"),
        NotDelivered::try_again_after(Duration::from_secs(120), "busy"),
        NotDelivered::for_good("no such list"),
    ]);
    let cloud = Cloud::start().await;
    let function = function_with(cloud.url(), settings(), &crm);
    assert!(invoke(&function, event()).await.is_ok());
    let standing = |field| cloud.standing(SUB, "hook:crm", field);

    assert!(deliver(&function).await.is_err());
    assert_eq!(standing("state").as_deref(), Some("waiting"));
    assert_eq!(
        standing("reason").as_deref(),
        Some("[redacted] is unknown yet")
    );

    assert!(deliver(&function).await.is_err());
    assert_eq!(standing("reason").as_deref(), Some("busy"));
    assert!(deliver(&function).await.is_err(), "it is not time yet");
    assert_eq!(standing("attempts").as_deref(), Some("2"));

    cloud.let_claims_run_out(SUB);
    let given_up = json!({ "hook:crm": "failed" });
    assert_eq!(deliver(&function).await, Ok(given_up));
    assert_eq!(standing("reason").as_deref(), Some("no such list"));
    assert_eq!((cloud.pending(SUB).len(), crm.told()), (0, 0));
}

#[tokio::test]
async fn slow_hooks_cost_neither_the_sign_up_nor_the_invocation() {
    let crm = Crm {
        is_slow: true,
        ..Crm::default()
    };
    let cloud = Cloud::start().await;
    let function = function_with(cloud.url(), with_welcome(), &crm);
    let began = Instant::now();
    assert_eq!(invoke(&function, event()).await, Ok(event()));
    assert!(began.elapsed() < Duration::from_secs(3));
    let user = cloud.user(SUB).expect("recorded");
    assert!(user.get("extra").is_none(), "it goes without");

    let within = Duration::from_millis(1500);
    assert!(
        invoke_within(&function, owed_to(SUB), within)
            .await
            .is_err()
    );
    assert_eq!(cloud.mails().len(), 1, "the mail does not wait for it");
    assert_eq!(
        cloud.standing(SUB, "hook:crm", "reason").as_deref(),
        Some("no answer in time")
    );
}

#[tokio::test]
async fn a_delivery_whose_hook_is_gone_is_dropped() {
    let crm = Crm::default();
    let cloud = Cloud::start().await;
    let with_hook = function_with(cloud.url(), settings(), &crm);
    assert!(invoke(&with_hook, event()).await.is_ok());
    let without = function(cloud.url(), settings());
    let dropped = json!({ "hook:crm": "dropped" });
    assert_eq!(deliver(&without).await, Ok(dropped));
}

#[tokio::test]
async fn attributes_too_large_are_left_out() {
    struct Large;
    impl Hooks for Large {
        async fn attributes(&self, _: &NewUser<'_>) -> BTreeMap<String, String> {
            BTreeMap::from([("all".to_owned(), "x".repeat(500 * 1024))])
        }
    }
    let cloud = Cloud::start().await;
    let function = function_with(cloud.url(), settings(), Large);
    assert!(invoke(&function, event()).await.is_ok());
    assert!(cloud.user(SUB).expect("recorded").get("extra").is_none());
}

#[tokio::test]
async fn a_record_made_at_sign_in_gets_the_attributes_too() {
    let cloud = Cloud::start().await;
    let made = json!({ "pk": { "S": format!("USER#{SUB}") }, "role": { "S": "member" } });
    cloud.put("permissions", made);
    let crm = Crm::default();
    let function = function_with(cloud.url(), settings(), &crm);
    assert!(invoke(&function, event()).await.is_ok());
    let user = cloud.user(SUB).expect("recorded");
    assert_eq!(user["extra"]["M"]["campaign"]["S"], "spring");
    assert_eq!(cloud.pending(SUB), ["hook:crm"]);
}
