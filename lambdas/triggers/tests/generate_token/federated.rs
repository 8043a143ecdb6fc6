//! Users of an identity provider, whom a sign-in records: with role and membership of a registered company
//! when the provider vouches for the address, by the transaction confirmUser makes.

use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsError, TransactWriteItemsOutput,
};
use aws_sdk_dynamodb::types::CancellationReason;
use aws_sdk_dynamodb::types::error::{InternalServerError, TransactionCanceledException};

use super::*;

const SUB: &str = "5f1c2a44-3f3e-4a0b-9c55-0a8f5d7e1b20";

/// A sign-in of somebody whom Google vouches for, but for these attributes.
fn federated(changes: &[(&str, Value)]) -> Event {
    let mut event = event();
    let attributes = &mut event.request.user_attributes.0;
    attributes.insert("cognito:user_status".to_owned(), json!("EXTERNAL_PROVIDER"));
    attributes.insert("identities".to_owned(), identities(&[("Google", "Google")]));
    for (name, value) in changes {
        attributes.insert((*name).to_owned(), value.clone());
    }
    event
}

/// What Cognito says of these providers, each with its type.
fn identities(providers: &[(&str, &str)]) -> Value {
    let identities: Vec<Value> = providers
        .iter()
        .map(|(name, kind)| {
            json!({
                "userId": "1234", "providerName": name, "providerType": kind, "issuer": null,
                "primary": "true", "dateCreated": "1764000000000",
            })
        })
        .collect();
    json!(json!(identities).to_string())
}

/// The registered domain, whose users are admins.
fn registered() -> Rule {
    mock!(DynamoDb::get_item)
        .match_requests(|request| {
            let key = request.key().expect("it has a key");
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

/// Both writes of the transaction.
fn joined() -> Rule {
    mock!(DynamoDb::transact_write_items)
        .match_requests(|request| {
            let [user, membership] = request.transact_items() else {
                return false;
            };
            let (user, membership) = (user.put().expect("a put"), membership.put().expect("a put"));
            let record = user.item();
            user.table_name() == "permissions"
                && user.condition_expression() == Some("attribute_not_exists(pk)")
                && text(record, "pk") == Some(SUB_KEY)
                && text(record, "role") == Some("admin")
                && text(record, "role_from") == Some("acme.com")
                && !record.contains_key("confirmed_at")
                && !record.contains_key("pending")
                && membership.table_name() == "domains"
                && text(membership.item(), "pk") == Some(SUB_KEY)
                && text(membership.item(), "sk") == Some("DOMAIN#acme.com")
                && !membership.item().contains_key("role")
        })
        .then_output(|| TransactWriteItemsOutput::builder().build())
}

/// A record alone, with the default role.
fn alone() -> Rule {
    mock!(DynamoDb::put_item)
        .match_requests(|request| {
            request.item().and_then(|item| text(item, "role")) == Some("member")
        })
        .then_output(|| PutItemOutput::builder().build())
}

fn both_roles() -> Rule {
    roles(&[("member", &["projects:read"]), ("admin", &["*"])])
}

async fn both_claims(trigger: &GenerateToken, event: Event) -> Value {
    answer(trigger, event).await["accessTokenGeneration"]["claimsToAddOrOverride"].clone()
}

#[tokio::test]
async fn a_vouched_for_address_joins_its_company_at_the_first_sign_in() {
    for event in [
        federated(&[]),
        federated(&[
            ("cognito:user_status", json!("CONFIRMED")),
            ("identities", identities(&[("Google", "Google")])),
        ]),
        federated(&[("email", json!("Ada@ACME.com"))]),
    ] {
        let (joined, alone) = (joined(), alone());
        let rules = [
            &no_record(),
            &registered(),
            &joined,
            &alone,
            &both_roles(),
            &domains(&[]),
        ];
        let claims = both_claims(&trigger(&rules), event).await;
        assert_eq!(
            claims,
            json!({ "role": "admin", "permissions": ["*"], "domains": ["acme.com"] })
        );
        assert_eq!((joined.num_calls(), alone.num_calls()), (1, 0));
    }
}

#[tokio::test]
async fn a_companys_provider_lets_users_into_that_company_alone() {
    let listed = |text: &str| Settings {
        provider_domains: ProviderDomains::from_text(text).expect("it is legal"),
        ..settings()
    };
    let okta = ("Okta", "OIDC");
    for (settings, identities, joins) in [
        (listed("Okta=acme.com"), identities(&[okta]), true),
        (listed("Okta=acme.de acme.com"), identities(&[okta]), true),
        // Somebody else's company, which asserts an address of this one.
        (
            listed("Okta=globex.com;Acme=acme.com"),
            identities(&[okta]),
            false,
        ),
        (settings(), identities(&[okta]), false),
        // Called like a social one.
        (settings(), identities(&[("Google", "OIDC")]), false),
        // Linked to one that could, and may have written the address itself.
        (settings(), identities(&[("Google", "Google"), okta]), false),
        (
            listed("Okta=acme.com"),
            identities(&[("Google", "Google"), okta]),
            true,
        ),
        // Nobody says who it was.
        (listed("Okta=acme.com"), json!("[]"), false),
        (listed("Okta=acme.com"), json!("Okta"), false),
        (listed("Okta=acme.com"), Value::Null, false),
    ] {
        let event = federated(&[("identities", identities.clone())]);
        let (joined, alone) = (joined(), alone());
        let rules = [
            &no_record(),
            &registered(),
            &joined,
            &alone,
            &both_roles(),
            &domains(&[]),
        ];
        let trigger = trigger_with(&rules, settings.clone(), "http://127.0.0.1:9");
        let claims = both_claims(&trigger, event).await;
        let providers = &settings.provider_domains;
        let context = format!("{identities} with {providers}");
        assert_eq!(
            claims["role"],
            if joins { "admin" } else { "member" },
            "{context}"
        );
        assert_eq!(joined.num_calls(), usize::from(joins), "{context}");
        assert_eq!(alone.num_calls(), usize::from(!joins), "{context}");
    }
}

#[tokio::test]
async fn without_a_provider_or_its_word_nobody_joins() {
    for event in [
        // Not federated: whether an address counts is confirmUser's to say.
        event(),
        federated(&[("email_verified", json!("false"))]),
        federated(&[("email_verified", json!("True"))]),
        federated(&[("email_verified", json!(true))]),
        federated(&[("email_verified", Value::Null)]),
    ] {
        let (registered, alone) = (registered(), alone());
        let rules = [
            &no_record(),
            &registered,
            &alone,
            &both_roles(),
            &domains(&[]),
        ];
        let claims = both_claims(&trigger(&rules), event).await;
        assert_eq!(claims["role"], "member");
        assert_eq!(claims["domains"], json!([]));
        assert_eq!((registered.num_calls(), alone.num_calls()), (0, 1));
    }
}

#[tokio::test]
async fn an_address_of_no_registered_company_gives_the_default_role() {
    let alone = alone();
    let unregistered = mock!(DynamoDb::get_item)
        .match_requests(|request| request.table_name() == Some("domains"))
        .then_output(|| GetItemOutput::builder().build());
    let rules = [
        &no_record(),
        &unregistered,
        &alone,
        &both_roles(),
        &domains(&[]),
    ];
    let claims = both_claims(&trigger(&rules), federated(&[])).await;
    assert_eq!(claims["role"], "member");
    assert_eq!((unregistered.num_calls(), alone.num_calls()), (1, 1));
}

#[tokio::test]
async fn a_confirmation_that_was_faster_counts() {
    let raced = mock!(DynamoDb::transact_write_items).then_error(|| {
        let record = HashMap::from([
            ("pk".to_owned(), AttributeValue::S(SUB_KEY.to_owned())),
            ("role".to_owned(), AttributeValue::S("owner".to_owned())),
        ]);
        let failed = CancellationReason::builder()
            .code("ConditionalCheckFailed")
            .set_item(Some(record))
            .build();
        let none = CancellationReason::builder().code("None").build();
        TransactWriteItemsError::TransactionCanceledException(
            TransactionCanceledException::builder()
                .cancellation_reasons(failed)
                .cancellation_reasons(none)
                .build(),
        )
    });
    let owner = roles(&[("owner", &["own:*"])]);
    let rules = [&no_record(), &registered(), &raced, &owner, &domains(&[])];
    let claims = both_claims(&trigger(&rules), federated(&[])).await;
    assert_eq!(claims["role"], "owner");
    assert_eq!(raced.num_calls(), 1, "the record found is not written over");
}

#[tokio::test]
async fn what_cannot_be_written_or_read_leaves_the_company_for_the_next_sign_in() {
    let unwritten = mock!(DynamoDb::transact_write_items).then_error(|| {
        TransactWriteItemsError::InternalServerError(InternalServerError::builder().build())
    });
    let unread = mock!(DynamoDb::get_item)
        .match_requests(|request| request.table_name() == Some("domains"))
        .then_error(|| GetItemError::InternalServerError(InternalServerError::builder().build()));
    for broken in [vec![&registered(), &unwritten], vec![&unread]] {
        let (alone, none, roles, domains) = (alone(), no_record(), both_roles(), domains(&[]));
        let mut rules = vec![&none, &alone, &roles, &domains];
        rules.extend(broken);
        let claims = both_claims(&trigger(&rules), federated(&[])).await;
        assert_eq!(claims["role"], "member");
        assert_eq!(
            alone.num_calls(),
            0,
            "a record would keep {SUB} out for good"
        );
    }
}
