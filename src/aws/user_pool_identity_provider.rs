//! `AWS::Cognito::UserPoolIdentityProvider`.
//!
//! A secret is declared as the name of an SSM parameter, `ssm:/name`. It is read when it is needed, sent to
//! Cognito, and never kept: what a read of ours returns says only whether Cognito holds the one that SSM
//! holds now.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_cognitoidentityprovider::types::{IdentityProviderType, IdentityProviderTypeType};
use serde_json::{Value, json};

use super::classify::{Class, found, gone};
use super::lifecycle::{Change, Lifecycle, each_wanted};
use super::{Aws, Fault, Result, Waiting, Wanted, live, parts};
use saasauth_model::resource::user_pool_identity_provider::SECRETS;
use saasauth_model::resource::{Kind, Live, LogicalId, UserPoolIdentityProvider};

/// How a declared secret begins.
const REFERENCE: &str = "ssm:";

/// What a secret reads as that isn't the one SSM holds.
const ANOTHER: &str = "another value";

type Details = HashMap<String, String>;

impl Lifecycle for UserPoolIdentityProvider<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each_wanted(wanted, async |one| match one.known_id() {
            Some(id) => aws.read_identity_provider(&id, &one.declared).await,
            None => Ok(None),
        })
        .await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        let request = aws
            .cognito
            .create_identity_provider()
            .user_pool_id(&self.user_pool_id)
            .provider_name(&self.provider_name)
            .provider_type(IdentityProviderTypeType::from(self.provider_type.as_str()))
            .set_provider_details(Some(aws.with_secrets(self).await?))
            .set_attribute_mapping(Some(mapping(self)))
            .set_idp_identifiers(Some(self.idp_identifiers.clone()));
        request.send().await?;
        let physical_id = format!("{}|{}", self.user_pool_id, self.provider_name);
        Ok(aws.made(Kind::UserPoolIdentityProvider, physical_id, self))
    }

    /// Lays what is declared over what is there: a detail that somebody set beside ours stays.
    async fn update(&self, aws: &Aws, change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        let now = aws.describe_identity_provider(&change.live.physical_id);
        let (details, acr_mapping) = match now.await? {
            Some(now) => (now.provider_details, now.acr_mapping),
            None => (None, None),
        };
        let mut details = details.unwrap_or_default();
        let elsewhere = details.get("oidc_issuer") != self.provider_details.get("oidc_issuer");
        details.retain(|name, _| {
            let name = name.as_str();
            let found_there = elsewhere && FOUND_AT_ISSUER.contains(&name);
            !MADE_UP.contains(&name) && !SOURCES.contains(&name) && !found_there
        });
        details.extend(aws.with_secrets(self).await?);
        let request = aws
            .cognito
            .update_identity_provider()
            .user_pool_id(&self.user_pool_id)
            .provider_name(&self.provider_name)
            .set_provider_details(Some(details))
            .set_attribute_mapping(Some(mapping(self)))
            .set_idp_identifiers(Some(self.idp_identifiers.clone()))
            // Not ours.
            .set_acr_mapping(acr_mapping);
        request.send().await?;
        Ok(())
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        let (pool, name) = parts(physical_id);
        let request = aws
            .cognito
            .delete_identity_provider()
            .user_pool_id(pool)
            .provider_name(name);
        gone(request.send().await.map_err(Fault::from))
    }
}

/// Details that belong to an OpenID Connect issuer: Cognito finds them there and keeps them. Of another
/// issuer they would be the old one's keys, and whoever holds those could go on signing people in.
const FOUND_AT_ISSUER: [&str; 5] = [
    "attributes_url",
    "attributes_url_add_attributes",
    "authorize_url",
    "jwks_uri",
    "token_url",
];

/// Where a SAML provider's metadata is: one of the two, and always ours to say.
const SOURCES: [&str; 2] = ["MetadataFile", "MetadataURL"];

/// Details of a SAML provider that Cognito reads out of its metadata, or makes itself. It tells them, and
/// takes none of them back.
const MADE_UP: [&str; 3] = [
    "ActiveEncryptionCertificate",
    "SLORedirectBindingURI",
    "SSORedirectBindingURI",
];

impl Aws {
    async fn describe_identity_provider(
        &self,
        physical_id: &str,
    ) -> Result<Option<IdentityProviderType>> {
        let (pool, name) = parts(physical_id);
        let answer = self
            .cognito
            .describe_identity_provider()
            .user_pool_id(pool)
            .provider_name(name)
            .send()
            .await;
        Ok(found(answer.map_err(Fault::from))?.and_then(|answer| answer.identity_provider))
    }

    pub(super) async fn read_identity_provider(
        &self,
        physical_id: &str,
        declared: &Value,
    ) -> Result<Option<Live>> {
        let Some(provider) = self.describe_identity_provider(physical_id).await? else {
            return Ok(None);
        };
        let mut details = provider.provider_details.unwrap_or_default();
        for key in SECRETS {
            let declared = declared["ProviderDetails"][key].as_str();
            let held = details.remove(key);
            let shown = self.compare_secret(declared, held).await?;
            details.extend(shown.map(|shown| (key.to_owned(), shown)));
        }
        let details: BTreeMap<String, String> = details.into_iter().collect();
        let (pool, name) = parts(physical_id);
        let mapping = provider.attribute_mapping.map(|mapping| {
            // Every provider's own subject becomes the name; Cognito adds that by itself.
            let ours = mapping.into_iter().filter(|(name, _)| name != "username");
            ours.collect::<BTreeMap<_, _>>()
        });
        let properties = json!({
            "UserPoolId": pool,
            "ProviderName": name,
            "ProviderType": provider.provider_type.map(|kind| kind.as_str().to_owned()),
            "ProviderDetails": details,
            "AttributeMapping": mapping.unwrap_or_default(),
            "IdpIdentifiers": provider.idp_identifiers.unwrap_or_default(),
        });
        Ok(Some(live(
            Kind::UserPoolIdentityProvider,
            physical_id,
            properties,
        )))
    }

    /// What a secret of Cognito's reads as: the reference that is declared, when it is the same.
    ///
    /// Cognito tells no private key, and not everybody may read SSM: what can't be compared counts as the
    /// same, as everything does that can't be read back.
    async fn compare_secret(
        &self,
        declared: Option<&str>,
        held: Option<String>,
    ) -> Result<Option<String>> {
        let Some(declared) = declared else {
            return Ok(held.map(|_| ANOTHER.to_owned()));
        };
        let (Some(name), Some(held)) = (declared.strip_prefix(REFERENCE), held) else {
            return Ok(Some(declared.to_owned()));
        };
        match self.secret(name).await {
            Ok(value) if value != held => Ok(Some(ANOTHER.to_owned())),
            Ok(_) => Ok(Some(declared.to_owned())),
            Err(fault) if matches!(fault.class, Class::Denied | Class::NotFound) => {
                Ok(Some(declared.to_owned()))
            }
            Err(fault) => Err(fault),
        }
    }

    /// The details with each reference to a secret answered.
    async fn with_secrets(&self, one: &UserPoolIdentityProvider<String>) -> Result<Details> {
        let mut details = Details::new();
        for (key, value) in &one.provider_details {
            let value = match value.strip_prefix(REFERENCE) {
                Some(name) if SECRETS.contains(&key.as_str()) => {
                    self.secret(name).await.map_err(|fault| Fault {
                        message: format!("{} (reading the secret `{name}`)", fault.message),
                        ..fault
                    })?
                }
                _ => value.clone(),
            };
            details.insert(key.clone(), value);
        }
        Ok(details)
    }
}

fn mapping(one: &UserPoolIdentityProvider<String>) -> HashMap<String, String> {
    one.attribute_mapping.clone().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay::{self, error, ok};
    use crate::aws::wait::UNWATCHED;
    use saasauth_model::resource::Resource;

    fn google() -> UserPoolIdentityProvider<String> {
        UserPoolIdentityProvider {
            user_pool_id: "p".to_owned(),
            provider_name: "Google".to_owned(),
            provider_type: "Google".to_owned(),
            provider_details: BTreeMap::from([
                ("client_id".to_owned(), "id".to_owned()),
                ("client_secret".to_owned(), "ssm:/acme/google".to_owned()),
            ]),
            attribute_mapping: BTreeMap::from([("email".to_owned(), "email".to_owned())]),
            idp_identifiers: vec![],
        }
    }

    fn parameter(value: &str) -> (u16, String) {
        ok(json!({ "Parameter": { "Name": "/acme/google", "Value": value } }))
    }

    fn described(secret: &str) -> (u16, String) {
        ok(json!({ "IdentityProvider": {
            "UserPoolId": "p",
            "ProviderName": "Google",
            "ProviderType": "Google",
            "ProviderDetails": {
                "client_id": "id",
                "client_secret": secret,
                "token_url": "https://www.googleapis.com/oauth2/v4/token",
            },
            "AttributeMapping": { "email": "email", "username": "sub" },
            "IdpIdentifiers": [],
        } }))
    }

    #[tokio::test]
    async fn the_secret_is_sent_and_not_kept() {
        let (aws, replay) = replay::aws([parameter("hush"), ok(json!({}))]);
        let made = google().create(&aws, "Google", UNWATCHED).await;
        let made = made.expect("made");
        assert_eq!(made.physical_id, "p|Google");
        assert!(!format!("{made:?}").contains("hush"), "{made:?}");
        let sent = replay.finish();
        assert_eq!(sent[1].what, "CreateIdentityProvider");
        assert_eq!(sent[1].body["ProviderDetails"]["client_secret"], "hush");
    }

    #[tokio::test]
    async fn an_identifier_that_another_provider_has_is_an_error_that_says_what_to_do() {
        let duplicate = error(
            400,
            "DuplicateProviderException",
            "IdpIdentifier acme.com is already in use",
        );
        let absent = error(404, "ResourceNotFoundException", "no such provider");
        let (aws, replay) = replay::aws([parameter("hush"), duplicate, absent]);
        let resource = Resource::UserPoolIdentityProvider(google());
        let refused = aws.create("ProviderGoogle", &resource, UNWATCHED).await;
        let error = refused.expect_err("it is taken").while_doing("x");
        assert!(
            error.hints[0].contains("in a deploy of its own"),
            "{error:?}"
        );
        replay.finish();
    }

    #[tokio::test]
    async fn another_issuer_keeps_nothing_of_the_one_before() {
        let okta = |issuer: &str| UserPoolIdentityProvider {
            provider_name: "okta".to_owned(),
            provider_type: "OIDC".to_owned(),
            provider_details: BTreeMap::from([("oidc_issuer".to_owned(), issuer.to_owned())]),
            ..google()
        };
        let old = ok(json!({ "IdentityProvider": { "ProviderDetails": {
            "oidc_issuer": "https://old.example",
            "jwks_uri": "https://old.example/jwks",
            "token_url": "https://old.example/token",
            "attributes_request_method": "POST",
        } } }));
        for (issuer, kept) in [
            ("https://new.example", false),
            ("https://old.example", true),
        ] {
            let (aws, replay) = replay::aws([old.clone(), ok(json!({}))]);
            let live = live(Kind::UserPoolIdentityProvider, "p|okta", Value::Null);
            let changed = std::collections::BTreeSet::new();
            let change = Change {
                id: "Okta",
                live: &live,
                changed: &changed,
            };
            okta(issuer)
                .update(&aws, change, UNWATCHED)
                .await
                .expect("done");
            let details = &replay.finish()[1].body["ProviderDetails"];
            assert_eq!(details["oidc_issuer"], issuer);
            assert_eq!(details.get("jwks_uri").is_some(), kept, "{details}");
            assert_eq!(details.get("token_url").is_some(), kept, "{details}");
            assert_eq!(details["attributes_request_method"], "POST");
        }
    }

    /// The SDK sends a create again when its answer got lost, and then finds its own work.
    #[tokio::test]
    async fn a_create_whose_answer_was_lost_takes_over_what_it_made() {
        let duplicate = error(
            400,
            "DuplicateProviderException",
            "A provider with the name Google already exists in UserPool.",
        );
        let (aws, replay) = replay::aws([
            parameter("hush"),
            duplicate,
            described("hush"),
            parameter("hush"),
        ]);
        let resource = Resource::UserPoolIdentityProvider(google());
        let made = aws.create("ProviderGoogle", &resource, UNWATCHED).await;
        assert_eq!(made.expect("taken over").physical_id, "p|Google");
        // What is as declared is not sent again.
        assert_eq!(
            replay.operations()[1..],
            [
                "CreateIdentityProvider",
                "DescribeIdentityProvider",
                "GetParameter"
            ]
        );
    }

    async fn read(secret: &str, parameter: (u16, String)) -> Live {
        let (aws, _) = replay::aws([described(secret), parameter]);
        let declared = serde_json::to_value(google()).expect("it serialises");
        let live = aws.read_identity_provider("p|Google", &declared).await;
        live.expect("answered").expect("it is there")
    }

    #[tokio::test]
    async fn a_rotated_secret_is_a_change_that_shows_neither_value() {
        let same = read("hush", parameter("hush")).await;
        let details = &same.properties["ProviderDetails"];
        assert_eq!(details["client_secret"], "ssm:/acme/google");
        assert_eq!(
            same.properties["AttributeMapping"],
            json!({ "email": "email" })
        );

        let rotated = read("hush", parameter("new")).await;
        let details = &rotated.properties["ProviderDetails"];
        assert_eq!(details["client_secret"], ANOTHER);
        let shown = format!("{rotated:?}");
        assert!(
            !shown.contains("hush") && !shown.contains("new\""),
            "{shown}"
        );

        let unreadable = error(400, "AccessDeniedException", "no");
        let unreadable = read("hush", unreadable).await;
        let details = &unreadable.properties["ProviderDetails"];
        assert_eq!(details["client_secret"], "ssm:/acme/google");
    }

    #[tokio::test]
    async fn an_update_keeps_what_somebody_set_beside_ours() {
        let (aws, replay) = replay::aws([described("hush"), parameter("new"), ok(json!({}))]);
        let live = live(Kind::UserPoolIdentityProvider, "p|Google", Value::Null);
        let changed = std::collections::BTreeSet::new();
        let change = Change {
            id: "Google",
            live: &live,
            changed: &changed,
        };
        google()
            .update(&aws, change, UNWATCHED)
            .await
            .expect("done");
        let sent = replay.finish();
        let details = &sent[2].body["ProviderDetails"];
        assert_eq!(details["client_secret"], "new");
        assert_eq!(
            details["token_url"],
            "https://www.googleapis.com/oauth2/v4/token"
        );
    }

    #[test]
    fn every_member_of_the_requests_is_accounted_for() {
        let update: std::collections::BTreeSet<String> = [
            "UserPoolId",
            "ProviderName",
            "ProviderDetails",
            "AttributeMapping",
            "IdpIdentifiers",
            "AcrMapping",
        ]
        .map(str::to_owned)
        .into();
        let mut create = update.clone();
        create.insert("ProviderType".to_owned());
        let members = crate::aws::document::members_of;
        assert_eq!(update, members("UpdateIdentityProvider"));
        assert_eq!(create, members("CreateIdentityProvider"));
    }
}
