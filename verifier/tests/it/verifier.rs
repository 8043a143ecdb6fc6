//! Real keys, real signatures, a real HTTP server for the keys.

use std::time::Duration;

use ::axum::http::StatusCode;
use ::axum::http::header::LOCATION;
use saasauth_verifier::{Builder, REFETCH_INTERVAL, TokenKind, TokenUse, Verifier, VerifyError};
use serde_json::{Value, json};

use crate::issuer::{self, Issuer};

const CLIENT: &str = "1example23456789";

fn builder(issuer: &Issuer) -> Builder {
    Verifier::builder(issuer.url()).client_id(CLIENT)
}

fn verifier(issuer: &Issuer) -> Verifier {
    builder(issuer).build().expect("the settings are whole")
}

/// An access token's claims with some of them changed; null removes one.
fn access(issuer: &Issuer, changes: Value) -> Value {
    let claims = json!({
        "sub": "s-1",
        "username": "s-1",
        "iss": issuer.url(),
        "client_id": CLIENT,
        "token_use": "access",
        "scope": "openid",
        "exp": issuer::now() + 300,
        "iat": issuer::now(),
        "role": "admin",
        "permissions": ["projects:*"],
        "domains": ["acme.com"],
    });
    changed(claims, changes)
}

fn id(issuer: &Issuer, changes: Value) -> Value {
    let base = access(
        issuer,
        json!({ "client_id": null, "username": null, "scope": null }),
    );
    let own = json!({
        "aud": CLIENT, "token_use": "id", "cognito:username": "s-1", "email": "ada@acme.com", "email_verified": true,
    });
    changed(changed(base, own), changes)
}

fn changed(mut claims: Value, changes: Value) -> Value {
    let fields = claims.as_object_mut().expect("claims are an object");
    for (name, value) in changes.as_object().expect("changes are an object") {
        match value {
            Value::Null => fields.remove(name),
            value => fields.insert(name.clone(), value.clone()),
        };
    }
    claims
}

async fn refusal(verifier: &Verifier, token: &str) -> VerifyError {
    verifier
        .verify(token)
        .await
        .expect_err("the token must be refused")
}

#[tokio::test]
async fn a_good_access_token_gives_its_claims() {
    let issuer = Issuer::start("k1").await;
    let token = issuer.sign(&access(&issuer, json!({})));
    let claims = verifier(&issuer)
        .verify(&token)
        .await
        .expect("the token is good");
    assert_eq!(claims.sub, "s-1");
    assert_eq!(claims.username.as_deref(), Some("s-1"));
    assert_eq!(claims.role.as_deref(), Some("admin"));
    assert_eq!(claims.domains, ["acme.com"]);
    assert_eq!(claims.token_use, TokenUse::Access);
    assert_eq!(claims.client_id, CLIENT);
    assert!(claims.allows("projects:read") && !claims.allows("billing:read"));
    assert!(claims.has_scope("openid"));
    assert_eq!(claims.raw["iss"], issuer.url());
}

#[tokio::test]
async fn an_id_token_is_taken_where_it_is_asked_for() {
    let issuer = Issuer::start("k1").await;
    let token = issuer.sign(&id(&issuer, json!({})));
    for kind in [TokenKind::Id, TokenKind::Either] {
        let verifier = builder(&issuer).token_use(kind).build().expect("it builds");
        let claims = verifier.verify(&token).await.expect("the token is good");
        assert_eq!(claims.email.as_deref(), Some("ada@acme.com"));
        assert_eq!(claims.username.as_deref(), Some("s-1"));
    }
    assert_eq!(
        refusal(&verifier(&issuer), &token).await,
        VerifyError::TokenUse
    );
    let for_id = builder(&issuer)
        .token_use(TokenKind::Id)
        .build()
        .expect("it builds");
    let access = issuer.sign(&access(&issuer, json!({})));
    assert_eq!(refusal(&for_id, &access).await, VerifyError::TokenUse);
}

#[tokio::test]
async fn every_wrong_claim_is_refused_for_its_own_reason() {
    let issuer = Issuer::start("k1").await;
    let verifier = builder(&issuer)
        .token_use(TokenKind::Either)
        .build()
        .expect("it builds");
    let now = issuer::now();
    for (claims, expected) in [
        (
            access(&issuer, json!({ "exp": now - 5 })),
            VerifyError::Expired,
        ),
        (
            access(&issuer, json!({ "exp": null })),
            VerifyError::Malformed,
        ),
        (
            access(&issuer, json!({ "exp": "tomorrow" })),
            VerifyError::Malformed,
        ),
        (
            access(&issuer, json!({ "nbf": now + 120 })),
            VerifyError::NotYetValid,
        ),
        (
            access(&issuer, json!({ "iss": "https://elsewhere" })),
            VerifyError::Issuer,
        ),
        (
            access(&issuer, json!({ "iss": null })),
            VerifyError::Malformed,
        ),
        (
            access(&issuer, json!({ "client_id": "another" })),
            VerifyError::Client,
        ),
        (
            access(&issuer, json!({ "client_id": null })),
            VerifyError::Malformed,
        ),
        // An `aud` beside it must not stand in for the access token's client.
        (
            access(&issuer, json!({ "client_id": null, "aud": CLIENT })),
            VerifyError::Malformed,
        ),
        (
            id(&issuer, json!({ "aud": "another" })),
            VerifyError::Client,
        ),
        (
            id(&issuer, json!({ "aud": "another", "client_id": CLIENT })),
            VerifyError::Client,
        ),
        (
            id(&issuer, json!({ "aud": [CLIENT, "another"] })),
            VerifyError::Malformed,
        ),
        (
            access(&issuer, json!({ "token_use": "refresh" })),
            VerifyError::Malformed,
        ),
        (
            access(&issuer, json!({ "token_use": null })),
            VerifyError::Malformed,
        ),
        (
            access(&issuer, json!({ "permissions": "*" })),
            VerifyError::Malformed,
        ),
    ] {
        assert_eq!(
            refusal(&verifier, &issuer.sign(&claims)).await,
            expected,
            "{claims}"
        );
    }
}

#[tokio::test]
async fn clocks_may_differ_by_the_leeway() {
    let issuer = Issuer::start("k1").await;
    let lenient = builder(&issuer).leeway(30).build().expect("it builds");
    let token = issuer.sign(&access(&issuer, json!({ "exp": issuer::now() - 5 })));
    assert!(lenient.verify(&token).await.is_ok());
}

#[tokio::test]
async fn any_client_of_the_pool_where_that_is_said() {
    let issuer = Issuer::start("k1").await;
    let open = Verifier::builder(issuer.url())
        .any_client()
        .build()
        .expect("it builds");
    let token = issuer.sign(&access(&issuer, json!({ "client_id": "another" })));
    assert!(open.verify(&token).await.is_ok());
}

#[tokio::test]
async fn altered_claims_and_strangers_keys_do_not_pass() {
    let issuer = Issuer::start("k1").await;
    let verifier = verifier(&issuer);
    let token = issuer.sign(&access(&issuer, json!({})));
    let [header, _, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("a token has three parts");
    };
    let richer = issuer::encode(&access(&issuer, json!({ "permissions": ["*"] })));
    let altered = format!("{header}.{richer}.{signature}");
    assert_eq!(refusal(&verifier, &altered).await, VerifyError::Signature);

    let mut stranger = Issuer::start("k1").await;
    stranger.rotate("k1");
    let forged = stranger.sign(&access(&issuer, json!({})));
    assert_eq!(refusal(&verifier, &forged).await, VerifyError::Signature);
}

#[tokio::test]
async fn the_token_does_not_choose_its_algorithm() {
    let issuer = Issuer::start("k1").await;
    let verifier = verifier(&issuer);
    let claims = access(&issuer, json!({}));

    let unsigned = format!(
        "{}.{}.",
        issuer::encode(&json!({ "alg": "none", "typ": "JWT", "kid": "k1" })),
        issuer::encode(&claims)
    );
    assert_eq!(refusal(&verifier, &unsigned).await, VerifyError::Malformed);

    // The public key, which everybody has, as the secret of a symmetric signature.
    let confused = issuer.sign_with_public_key_as_secret(&claims);
    assert_eq!(refusal(&verifier, &confused).await, VerifyError::Algorithm);

    for alg in ["RS384", "PS256", "ES256"] {
        let header = json!({ "alg": alg, "kid": "k1" });
        let token = issuer.sign_under(&header, &claims);
        assert_eq!(
            refusal(&verifier, &token).await,
            VerifyError::Algorithm,
            "{alg}"
        );
    }
    let critical = json!({ "alg": "RS256", "kid": "k1", "crit": ["exp"] });
    let token = issuer.sign_under(&critical, &claims);
    assert_eq!(refusal(&verifier, &token).await, VerifyError::Malformed);
    assert_eq!(
        issuer.fetches(),
        0,
        "nothing was asked of the issuer for any of them"
    );
}

#[tokio::test]
async fn what_is_no_token_is_malformed() {
    let issuer = Issuer::start("k1").await;
    let verifier = verifier(&issuer);
    let nameless = issuer.sign_under(&json!({ "alg": "RS256" }), &access(&issuer, json!({})));
    for token in ["", "a", "a.b", "a.b.c", "....", "é.é.é", nameless.as_str()] {
        assert_eq!(
            refusal(&verifier, token).await,
            VerifyError::Malformed,
            "{token}"
        );
    }
}

#[tokio::test]
async fn keys_are_fetched_once_however_many_ask_together() {
    let issuer = Issuer::start("k1").await;
    let verifier = verifier(&issuer);
    let token = issuer.sign(&access(&issuer, json!({})));
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), token.clone());
            tokio::spawn(async move { verifier.verify(&token).await })
        })
        .collect();
    for one in asking {
        one.await.expect("it ends").expect("the token is good");
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn unknown_keys_cost_one_fetch_in_ten_seconds() {
    let mut issuer = Issuer::start("k1").await;
    let verifier = verifier(&issuer);
    let known = issuer.sign(&access(&issuer, json!({})));
    verifier.verify(&known).await.expect("the token is good");
    for n in 0..20 {
        let header = json!({ "alg": "RS256", "kid": format!("guess-{n}") });
        let token = issuer.sign_under(&header, &access(&issuer, json!({})));
        assert_eq!(refusal(&verifier, &token).await, VerifyError::UnknownKey);
    }
    assert_eq!(
        issuer.fetches(),
        2,
        "one for the first, one for all of them"
    );

    // The issuer changes its key: seen with the first fetch that is due.
    issuer.rotate("k2");
    let fresh = issuer.sign(&access(&issuer, json!({})));
    assert_eq!(refusal(&verifier, &fresh).await, VerifyError::UnknownKey);
    pass(REFETCH_INTERVAL).await;
    verifier.verify(&fresh).await.expect("the new key is known");
    assert_eq!(
        refusal(&verifier, &known).await,
        VerifyError::UnknownKey,
        "the old one is gone"
    );
    assert_eq!(issuer.fetches(), 4, "one for the new key, one for the old");
}

#[tokio::test]
async fn a_fetch_that_brought_its_key_holds_up_no_other() {
    let mut issuer = Issuer::start("k1").await;
    let verifier = verifier(&issuer);
    for kid in ["k1", "k2", "k3"] {
        issuer.rotate(kid);
        let token = issuer.sign(&access(&issuer, json!({})));
        verifier.verify(&token).await.expect(kid);
    }
    assert_eq!(issuer.fetches(), 3);

    // A miss does, and what it said stands until the next fetch.
    let guess = |n: usize| {
        let header = json!({ "alg": "RS256", "kid": format!("guess-{n}") });
        issuer.sign_under(&header, &access(&issuer, json!({})))
    };
    for n in 0..5 {
        assert_eq!(refusal(&verifier, &guess(n)).await, VerifyError::UnknownKey);
    }
    assert_eq!(issuer.fetches(), 4);
    pass(REFETCH_INTERVAL).await;
    for n in 0..5 {
        assert_eq!(refusal(&verifier, &guess(n)).await, VerifyError::UnknownKey);
    }
    assert_eq!(issuer.fetches(), 5);
}

#[tokio::test]
async fn an_issuer_that_is_not_there_is_asked_once_in_ten_seconds() {
    let issuer = Issuer::start("k1").await;
    let verifier = verifier(&issuer);
    let token = issuer.sign(&access(&issuer, json!({})));
    issuer.answer((StatusCode::FORBIDDEN, vec![], String::new()));
    for _ in 0..5 {
        let error = refusal(&verifier, &token).await;
        assert!(
            matches!(&error, VerifyError::KeysUnavailable(why) if why.contains("403")),
            "{error:?}"
        );
    }
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn a_failing_issuer_is_asked_no_more_often() {
    let issuer = Issuer::start("k1").await;
    let verifier = verifier(&issuer);
    let token = issuer.sign(&access(&issuer, json!({})));
    issuer.fail(true);
    for _ in 0..5 {
        let error = refusal(&verifier, &token).await;
        assert!(
            matches!(error, VerifyError::KeysUnavailable(_)),
            "{error:?}"
        );
    }
    assert_eq!(issuer.fetches(), 1);
    issuer.fail(false);
    pass(REFETCH_INTERVAL).await;
    verifier.verify(&token).await.expect("the issuer is back");

    // Down again: known keys go on working.
    issuer.fail(true);
    pass(REFETCH_INTERVAL).await;
    let guess = issuer.sign_under(
        &json!({ "alg": "RS256", "kid": "guess" }),
        &access(&issuer, json!({})),
    );
    assert!(matches!(
        refusal(&verifier, &guess).await,
        VerifyError::KeysUnavailable(_)
    ));
    verifier.verify(&token).await.expect("its key is known");
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_end_the_fetch() {
    let issuer = Issuer::start("k1").await;
    let verifier = verifier(&issuer);
    let token = issuer.sign(&access(&issuer, json!({})));
    let hung_up = tokio::time::timeout(Duration::ZERO, verifier.verify(&token)).await;
    assert!(hung_up.is_err(), "it was cut off");
    verifier.verify(&token).await.expect("the token is good");
    assert_eq!(issuer.fetches(), 1);
}

#[tokio::test]
async fn a_token_of_either_name_of_the_pool_is_taken() {
    let issuer = Issuer::start("k1").await;
    let keys = format!("{}/.well-known/jwks.json", issuer.url());
    let original = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc";
    let updated = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc";
    for configured in [original, updated] {
        let verifier = Verifier::builder(configured)
            .jwks_uri(&keys)
            .client_id(CLIENT)
            .build()
            .expect("it builds");
        for name in [original, updated] {
            let token = issuer.sign(&access(&issuer, json!({ "iss": name })));
            verifier.verify(&token).await.expect("both are the pool's");
        }
        for other in [
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abd",
            "https://issuer-cognito-idp.eu-west-2.amazonaws.com/eu-west-1_Abc",
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc/",
        ] {
            let token = issuer.sign(&access(&issuer, json!({ "iss": other })));
            assert_eq!(refusal(&verifier, &token).await, VerifyError::Issuer);
        }
    }
}

#[tokio::test]
async fn the_issuer_is_one_text() {
    let issuer = Issuer::start("k1").await;
    let verifier = verifier(&issuer);
    for iss in [
        json!([issuer.url()]),
        json!([issuer.url(), "https://elsewhere"]),
        json!({ "url": issuer.url() }),
        json!(true),
    ] {
        let token = issuer.sign(&access(&issuer, json!({ "iss": iss })));
        assert_eq!(
            refusal(&verifier, &token).await,
            VerifyError::Issuer,
            "{iss}"
        );
    }
    assert_eq!(issuer.fetches(), 0, "nothing was asked for them");
}

#[tokio::test]
async fn a_token_without_end_is_not_read() {
    let issuer = Issuer::start("k1").await;
    let verifier = verifier(&issuer);
    let base = issuer.sign(&access(&issuer, json!({ "pad": "" }))).len();
    let token = |pad: usize| issuer.sign(&access(&issuer, json!({ "pad": "x".repeat(pad) })));
    let room = (16 * 1024 - base) / 4 * 3 - 3;
    verifier.verify(&token(room)).await.expect("it has room");
    for long in [token(room + 8), "x".repeat(16 * 1024 + 1)] {
        assert!(long.len() > 16 * 1024);
        assert_eq!(refusal(&verifier, &long).await, VerifyError::TooLong);
    }
}

#[tokio::test]
async fn any_of_the_groups_will_do() {
    let issuer = Issuer::start("k1").await;
    let verifier = builder(&issuer)
        .groups(["staff", "owners"])
        .build()
        .expect("it builds");
    for (groups, taken) in [
        (json!(["owners"]), true),
        (json!(["a", "staff"]), true),
        (json!([]), false),
        (json!(["staf", "STAFF"]), false),
        (json!("staff"), false),
        (json!(["staff", 1]), false),
        (json!({ "staff": true }), false),
        (Value::Null, false),
    ] {
        let token = issuer.sign(&access(&issuer, json!({ "cognito:groups": groups })));
        let expected = if taken {
            Ok(())
        } else {
            Err(VerifyError::Groups)
        };
        assert_eq!(
            verifier.verify(&token).await.map(drop),
            expected,
            "{groups}"
        );
    }
}

#[tokio::test]
async fn all_of_the_scopes_are_wanted() {
    let issuer = Issuer::start("k1").await;
    let verifier = builder(&issuer)
        .token_use(TokenKind::Either)
        .scopes(["api/read"])
        .scopes(["api/write"])
        .build()
        .expect("it builds");
    let refused = VerifyError::Scopes("api/read api/write".into());
    for (scope, taken) in [
        ("api/write openid api/read", true),
        ("api/read", false),
        ("api/readapi/write", false),
        ("api/read,api/write", false),
        ("", false),
    ] {
        let token = issuer.sign(&access(&issuer, json!({ "scope": scope })));
        let expected = if taken { Ok(()) } else { Err(refused.clone()) };
        assert_eq!(verifier.verify(&token).await.map(drop), expected, "{scope}");
    }
    let token = issuer.sign(&id(&issuer, json!({})));
    assert_eq!(refusal(&verifier, &token).await, refused);
}

#[tokio::test]
async fn a_check_of_the_projects_own_has_the_last_word() {
    let issuer = Issuer::start("k1").await;
    let verifier = builder(&issuer)
        .check(|_| Ok(()))
        .check(|claims| match claims.raw.get("tenant") {
            Some(tenant) if tenant == "acme" => Ok(()),
            _ => Err("it is of another tenant".to_owned()),
        })
        .build()
        .expect("it builds");
    let token = |tenant: &str| issuer.sign(&access(&issuer, json!({ "tenant": tenant })));
    verifier.verify(&token("acme")).await.expect("it is ours");
    let refused = VerifyError::Check("it is of another tenant".into());
    assert_eq!(refusal(&verifier, &token("evil")).await, refused);

    // It sees no token that isn't good.
    let verifier = builder(&issuer)
        .check(|_| panic!("nothing is to be checked"))
        .build()
        .expect("it builds");
    for (changes, expected) in [
        (json!({ "exp": 1 }), VerifyError::Expired),
        (json!({ "client_id": "another" }), VerifyError::Client),
    ] {
        let token = issuer.sign(&access(&issuer, changes));
        assert_eq!(refusal(&verifier, &token).await, expected);
    }
}

#[tokio::test]
async fn only_a_plain_answer_of_the_issuer_brings_keys() {
    let elsewhere = Issuer::start("k1").await;
    let keys = elsewhere.keys().to_string();
    let location = format!("{}/.well-known/jwks.json", elsewhere.url());
    let to = |status| (status, vec![(LOCATION, location.clone())], String::new());
    let padded = format!("{keys}{}", " ".repeat(256 * 1024));
    for (what, answer) in [
        ("moved", to(StatusCode::MOVED_PERMANENTLY)),
        ("found", to(StatusCode::FOUND)),
        ("307", to(StatusCode::TEMPORARY_REDIRECT)),
        ("created", (StatusCode::CREATED, vec![], keys.clone())),
        ("accepted", (StatusCode::ACCEPTED, vec![], keys.clone())),
        ("large", (StatusCode::OK, vec![], padded)),
        ("no JSON", (StatusCode::OK, vec![], "<html>".to_owned())),
    ] {
        let issuer = Issuer::start("k1").await;
        let token = issuer.sign(&access(&issuer, json!({})));
        issuer.answer(answer);
        let error = refusal(&verifier(&issuer), &token).await;
        assert!(
            matches!(error, VerifyError::KeysUnavailable(_)),
            "{what}: {error:?}"
        );
        assert_eq!(issuer.fetches(), 1, "{what}");
    }
    assert_eq!(elsewhere.fetches(), 0, "nobody was sent there");
}

/// Lets time pass without waiting for it.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
