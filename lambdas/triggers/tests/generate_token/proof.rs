//! The address on the record: it follows Cognito's, and what waited for the proof is delivered then.

use super::*;

/// A record that owes the welcome mail, of a user of this address.
fn waiting(email: &str, verified: Option<bool>) -> Rule {
    let now = aws_sdk_dynamodb::primitives::DateTime::from(SystemTime::now()).to_string();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let mut fields = vec![
        ("role", text("member")),
        ("email", text(email)),
        ("created_at", text(&now)),
        ("pending", AttributeValue::Ss(vec!["welcome".to_owned()])),
    ];
    fields.extend(verified.map(|verified| ("email_verified", AttributeValue::Bool(verified))));
    record(fields)
}

/// Signs a user in whom Cognito describes so, and says what confirmUser was asked for.
async fn sign_in_as(record: Rule, followed: &Rule, email: &str, verified: &str) -> Option<Value> {
    let (endpoint, requests) = lambda("202 Accepted", Duration::ZERO);
    let settings = Settings {
        confirm_user_function: Some("acme-dev-confirm-user".to_owned()),
        ..settings()
    };
    let mut event = event();
    let attributes = &mut event.request.user_attributes.0;
    attributes.insert("email".to_owned(), json!(email));
    attributes.insert("email_verified".to_owned(), json!(verified));
    let (roles, domains) = (roles(&[("member", &[])]), domains(&[]));
    let rules = [&record, &roles, &domains, followed];
    answer(&trigger_with(&rules, settings, &endpoint), event).await;
    requests.try_recv().ok().map(|(_, body)| Value::from(body))
}

#[tokio::test]
async fn what_waited_for_the_proof_is_handed_over_with_it() {
    for known in [None, Some(false)] {
        let followed = followed(Some(("ada@acme.com", true)));
        let record = waiting("ada@acme.com", known);
        let asked = sign_in_as(record, &followed, "ada@acme.com", "true").await;
        assert_eq!(asked.expect("it is handed over")["saasauth"], "deliver");
        assert_eq!(followed.num_calls(), 1);
    }
}

#[tokio::test]
async fn nothing_is_handed_over_before_the_proof() {
    let followed = followed(None);
    let record = waiting("ada@acme.com", Some(false));
    let asked = sign_in_as(record, &followed, "ada@acme.com", "false").await;
    assert_eq!(asked, None);
    assert_eq!(followed.num_calls(), 0, "the record says so already");
}

#[tokio::test]
async fn an_address_changed_to_another_is_proved_no_more() {
    let followed = followed(Some(("victim@example.com", false)));
    let record = waiting("ada@acme.com", Some(true));
    let asked = sign_in_as(record, &followed, "victim@example.com", "false").await;
    assert_eq!(asked, None);
    assert_eq!(followed.num_calls(), 1);
}

#[tokio::test]
async fn a_record_that_can_not_follow_costs_nobody_a_sign_in() {
    let refused = mock!(DynamoDb::update_item).then_error(|| {
        UpdateItemError::ResourceNotFoundException(ResourceNotFoundException::builder().build())
    });
    let record = waiting("ada@acme.com", Some(false));
    let asked = sign_in_as(record, &refused, "ada@acme.com", "true").await;
    assert_eq!(asked, None, "it would find the record unproved");
}
