//! What domains give: their role as it is now, and nothing once they are gone.

use super::*;

const ROLES: &[(&str, &[&str])] = &[
    ("member", &["projects:read"]),
    ("admin", &["projects:*", "members:*"]),
    ("owner", &["*"]),
];

/// The record of a user whose role `admin` somebody gave.
fn admin(from: Option<&str>) -> Rule {
    let mut fields = vec![("role", AttributeValue::S("admin".to_owned()))];
    fields.extend(from.map(|from| ("role_from", AttributeValue::S(from.to_owned()))));
    record(fields)
}

/// Memberships, each with the role an operator gave in it.
fn memberships(all: &'static [(&'static str, Option<&'static str>)]) -> Rule {
    mock!(DynamoDb::query).then_output(move || {
        let items = all.iter().map(|(domain, role)| {
            let text = |value: &str| AttributeValue::S(value.to_owned());
            let mut item = HashMap::from([("sk".to_owned(), text(&format!("DOMAIN#{domain}")))]);
            item.extend(role.map(|role| ("role".to_owned(), text(role))));
            item
        });
        QueryOutput::builder()
            .set_items(Some(items.collect()))
            .build()
    })
}

async fn claims_of(
    record: Rule,
    memberships: Rule,
    registered: &'static [(&'static str, &'static str)],
    domain_roles: bool,
) -> Value {
    let settings = Settings {
        domain_roles,
        ..settings()
    };
    let (roles, registered) = (roles(ROLES), companies(Some(registered)));
    let rules = [&record, &memberships, &registered, &roles];
    claims(&trigger_with(&rules, settings, "http://127.0.0.1:9")).await
}

#[tokio::test]
async fn a_domain_that_is_gone_takes_its_role_along() {
    let joined = || memberships(&[("acme.com", None)]);
    let gone = claims_of(admin(Some("acme.com")), joined(), &[], false).await;
    assert_eq!(
        gone,
        json!({ "role": "member", "permissions": ["projects:read"], "domains": [] })
    );
    for own in [None, Some("operator")] {
        let kept = claims_of(admin(own), joined(), &[], false).await;
        assert_eq!(kept["role"], "admin", "a role that somebody chose stays");
        assert_eq!(kept["domains"], json!([]));
    }
}

#[tokio::test]
async fn a_domains_role_is_the_domains_at_every_sign_in() {
    for (registered, role) in [
        (&[("acme.com", "admin")] as &'static [(&str, &str)], "admin"),
        (&[("acme.com", "owner")], "owner"),
        (&[("acme.com", "member")], "member"),
    ] {
        let joined = memberships(&[("acme.com", None)]);
        let claims = claims_of(admin(Some("acme.com")), joined, registered, false).await;
        assert_eq!(claims["role"], role);
        assert_eq!(claims["domains"], json!(["acme.com"]));
    }
}

#[tokio::test]
async fn who_left_the_domain_has_its_role_no_more() {
    let registered = &[("acme.com", "admin"), ("acme.org", "owner")];
    let elsewhere = memberships(&[("acme.org", None)]);
    let claims = claims_of(admin(Some("acme.com")), elsewhere, registered, false).await;
    assert_eq!(claims["role"], "member");
    assert_eq!(claims["domains"], json!(["acme.org"]));
}

#[tokio::test]
async fn tokens_say_the_role_in_each_domain_when_asked() {
    let joined = || {
        memberships(&[
            ("acme.com", Some("owner")),
            ("acme.org", None),
            ("gone.example", Some("owner")),
        ])
    };
    let registered = &[("acme.com", "admin"), ("acme.org", "member")];
    let claims = claims_of(admin(Some("acme.org")), joined(), registered, true).await;
    assert_eq!(
        claims,
        json!({
            "role": "member",
            "permissions": ["projects:read"],
            "domains": ["acme.com", "acme.org"],
            "domain_roles": { "acme.com": "owner", "acme.org": "member" },
            "role_permissions": { "owner": ["*"], "member": ["projects:read"] },
        })
    );
    let names = claims_of(admin(Some("acme.org")), joined(), registered, false).await;
    assert_eq!(names.as_object().expect("an object").len(), 3);
}
