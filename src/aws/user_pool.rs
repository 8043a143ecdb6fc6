//! `AWS::Cognito::UserPool` through the API.
//!
//! What its requests say is in `user_pool_body`, in which order they change second factors in `user_pool_mfa`.

use std::collections::BTreeSet;

use saasauth_contract::record::CUSTOM_PREFIX;
use saasauth_model::resource::user_pool::UserPool;
use saasauth_model::resource::{Live, LogicalId};
use serde_json::{Value, json};

use super::document::{AtOnce, Document, Hears, Says, text};
use super::lifecycle::{Change, Lifecycle, each_or_look_for};
use super::user_pool_body::{as_it_is, as_live, to_create};
use super::user_pool_mfa::{self as mfa, Now, Request};
use super::wait::DISTRIBUTION;
use super::{Aws, Class, Fault, Result, Waiting, Wanted, classify};

/// AddCustomAttributes takes no more at once (service model).
const ATTRIBUTES_AT_ONCE: usize = 25;

impl Lifecycle for UserPool<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each_or_look_for(
            wanted,
            async |id| aws.read_user_pool(id).await,
            async |one| {
                let name = one.declared["UserPoolName"].as_str().unwrap_or_default();
                aws.find_user_pool(name).await
            },
        )
        .await
    }

    async fn create(&self, aws: &Aws, _id: &str, waiting: Waiting<'_>) -> Result<Live> {
        aws.create_user_pool(self, waiting).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, waiting: Waiting<'_>) -> Result<()> {
        aws.update_user_pool(self, change.live, change.changed, waiting)
            .await
    }

    async fn delete(aws: &Aws, physical_id: &str, waiting: Waiting<'_>) -> Result<()> {
        aws.delete_user_pool(physical_id, waiting).await
    }
}

impl Aws {
    /// The IDs of the pools of this name. Names are not unique, so it only narrows a search.
    async fn user_pools_named(&self, name: &str) -> Result<Vec<String>> {
        let mut named = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = self
                .cognito
                .list_user_pools()
                .max_results(60)
                .set_next_token(token.take())
                .send()
                .await?;
            let pools = page.user_pools().iter();
            let pools = pools.filter(|pool| pool.name() == Some(name));
            named.extend(pools.filter_map(|pool| pool.id().map(str::to_owned)));
            token = page.next_token().map(str::to_owned);
            if token.is_none() {
                return Ok(named);
            }
        }
    }

    /// Looks for a pool of this name with this stage's tags.
    async fn find_user_pool(&self, name: &str) -> Result<Option<Live>> {
        self.stages_user_pool(name, &[]).await
    }

    /// The pool of this stage, by what its tags say now: one of this name, or one of `candidates`, IDs that the
    /// tagging API lists. That lags, by hours even, and goes on listing what is gone (aws-cli#8197), so each is
    /// looked at, and none is taken for the pool by its word alone.
    pub async fn stages_user_pool(
        &self,
        name: &str,
        candidates: &[String],
    ) -> Result<Option<Live>> {
        let named = self.user_pools_named(name).await?;
        let mut ours = Vec::new();
        let others = candidates.iter().filter(|id| !named.contains(id));
        for id in named.iter().chain(others) {
            let live = self.read_user_pool(id).await?;
            ours.extend(live.filter(|live| live.owner.as_ref() == Some(self.owner())));
        }
        // One that was renamed is still this stage's, but one of the name comes first.
        let of_the_name = ours
            .iter()
            .filter(|live| live.properties["UserPoolName"] == name)
            .count();
        if of_the_name == 1 || ours.len() <= 1 {
            return Ok(ours.into_iter().next());
        }
        let ids = ours.iter().map(|live| format!("`{}`", live.physical_id));
        Err(Fault::ours(format!(
            "several user pools carry this stage's tags: {}; delete those that nobody uses, or take the tags off",
            ids.collect::<Vec<_>>().join(", ")
        )))
    }

    /// A pool by its ID, whoever's it is.
    pub async fn read_user_pool(&self, id: &str) -> Result<Option<Live>> {
        let Some(pool) = self.describe_user_pool(id).await? else {
            return Ok(None);
        };
        Ok(Some(self.described_as_live(id, &pool).await?))
    }

    /// DescribeUserPool says whether there is a second factor, but not which.
    pub(super) async fn described_as_live(&self, id: &str, pool: &Document) -> Result<Live> {
        let factors = if mfa::is_on(text(pool, "MfaConfiguration")) {
            Some(mfa::factors(&self.mfa_config(id).await?))
        } else {
            None
        };
        Ok(as_live(id, pool, factors))
    }

    pub(super) async fn describe_user_pool(&self, id: &str) -> Result<Option<Document>> {
        let heard = Hears::default();
        let request = self.cognito.describe_user_pool().user_pool_id(id);
        let request = request.customize().interceptor(heard.clone());
        let found = classify::found(request.send().await.map_err(Fault::from))?;
        Ok(found.and_then(|_| heard.part("UserPool")))
    }

    async fn mfa_config(&self, id: &str) -> Result<Document> {
        let heard = Hears::default();
        let request = self.cognito.get_user_pool_mfa_config().user_pool_id(id);
        request
            .customize()
            .interceptor(heard.clone())
            .send()
            .await?;
        Ok(heard.whole())
    }

    /// Makes the pool without its triggers, which follow in an update: see the rules of the type.
    pub(super) async fn create_user_pool(
        &self,
        pool: &UserPool<String>,
        waiting: Waiting<'_>,
    ) -> Result<Live> {
        let body = to_create(pool);
        let name = &pool.user_pool_name;
        let send = async || {
            let heard = Hears::default();
            let request = self.cognito.create_user_pool().pool_name(name).customize();
            let request = request.interceptor(Says::new(&body));
            request.interceptor(heard.clone()).send().await?;
            Ok::<Document, Fault>(heard.part("UserPool").unwrap_or_default())
        };
        let look = async || {
            let Some(found) = self.find_user_pool(name).await? else {
                return Ok(None);
            };
            self.describe_user_pool(&found.physical_id).await
        };
        let made = self.once(waiting, send, look).await?;
        let id = text(&made, "Id");
        let id = id.ok_or_else(|| Fault::ours("CreateUserPool answered without an ID"))?;
        // A pool can't be made with a second factor other than text messages: CreateUserPool takes
        // no software-token or email settings.
        if let Some(body) = mfa::to_create(id, pool) {
            self.send(id, &Request::Mfa(body)).await?;
        }
        Ok(as_live(id, &made, None))
    }

    pub(super) async fn update_user_pool(
        &self,
        pool: &UserPool<String>,
        live: &Live,
        changed: &BTreeSet<String>,
        waiting: Waiting<'_>,
    ) -> Result<()> {
        let id = &live.physical_id;
        if changed.contains("Schema") {
            self.add_attributes(id, pool, &live.properties["Schema"])
                .await?;
        }
        if changed.iter().all(|name| name == "Schema") {
            return Ok(());
        }
        let Err(fault) = self.bring_to(pool, live, changed).await else {
            return Ok(());
        };
        // Which steps lie between two sets of factors isn't written down anywhere. With none at all nothing can
        // disagree, so that is the way left where Cognito refuses the one that always keeps one.
        let of_factors = ["MFA", "SMS"]
            .iter()
            .any(|word| fault.message.contains(word));
        let refused = fault.code.as_deref() == Some("InvalidParameterException") && of_factors;
        if !(refused && mfa::concerns(changed) && mfa::is_on(Some(&pool.mfa_configuration))) {
            return Err(fault);
        }
        let before = self.mfa_config(id).await?;
        if !mfa::is_on(text(&before, "MfaConfiguration")) {
            return Err(fault);
        }
        waiting("Cognito to switch second factors, which takes a moment without any");
        let mut off = pool.clone();
        off.mfa_configuration = "OFF".to_owned();
        off.enabled_mfas = None;
        let around = async {
            self.bring_to(&off, live, changed).await?;
            self.bring_to(pool, live, changed).await
        };
        if around.await.is_ok() {
            return Ok(());
        }
        // Whatever it was: nobody's second factor stays off because of it. What was refused first is what there is
        // to put right.
        let before = Request::Mfa(mfa::as_it_was(id, before));
        let restored = self.send(id, &before).await;
        Err(match restored {
            Ok(()) => fault,
            Err(_) => Fault {
                message: format!("{} (and its second factor is off now)", fault.message),
                ..fault
            },
        })
    }

    /// Sends what brings the pool, as it is now, to what is declared.
    ///
    /// Between the plan and now lies a person's yes, or the making of both functions: what the plan read may be an
    /// hour old, and sending that back would undo what others did.
    async fn bring_to(
        &self,
        pool: &UserPool<String>,
        live: &Live,
        changed: &BTreeSet<String>,
    ) -> Result<()> {
        let id = &live.physical_id;
        let now = self.describe_user_pool(id).await?;
        let now = now.ok_or_else(|| Fault::ours(format!("user pool `{id}` is gone")))?;
        let factors = match mfa::concerns(changed) {
            true => Some(self.mfa_config(id).await?),
            false => None,
        };
        let now = Now {
            id,
            pool: &now,
            mfa: factors.as_ref(),
        };
        let requests = mfa::to_update_all(now, pool, &live.properties, changed, self.owner());
        for request in &requests {
            self.send(id, request).await?;
        }
        Ok(())
    }

    async fn send(&self, id: &str, request: &Request) -> Result<()> {
        match request {
            Request::Pool(body) => {
                let request = self.cognito.update_user_pool().user_pool_id(id);
                let request = request.customize().interceptor(Says::new(body));
                request.send().await?;
            }
            Request::Mfa(body) => {
                let request = self.cognito.set_user_pool_mfa_config().user_pool_id(id);
                let request = request.customize().interceptor(Says::new(body));
                request.send().await?;
            }
        }
        Ok(())
    }

    async fn add_attributes(&self, id: &str, pool: &UserPool<String>, live: &Value) -> Result<()> {
        let there: Vec<&str> = live
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["Name"].as_str())
            .collect();
        let added: Vec<_> = pool
            .schema
            .iter()
            .filter(|attribute| !there.contains(&attribute.name.as_str()))
            .collect();
        for some in added.chunks(ATTRIBUTES_AT_ONCE) {
            let mut body = Document::new();
            body.insert("UserPoolId".to_owned(), json!(id));
            body.insert("CustomAttributes".to_owned(), json!(some));
            let request = self.cognito.add_custom_attributes().user_pool_id(id);
            let request = request.customize().interceptor(Says::new(&body));
            let Err(fault) = request.send().await.map_err(Fault::from) else {
                continue;
            };
            // Sent again after its answer got lost, it finds its own work.
            let now = self.describe_user_pool(id).await?.unwrap_or_default();
            let has = |name: &str| {
                let attributes = now.get("SchemaAttributes").and_then(Value::as_array);
                let mut attributes = attributes.into_iter().flatten();
                attributes.any(|one| {
                    let there = one["Name"].as_str().unwrap_or_default();
                    there.strip_prefix(CUSTOM_PREFIX) == Some(name)
                })
            };
            if !some.iter().all(|attribute| has(&attribute.name)) {
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Deletes a pool, its protection first, and waits for a domain that is on its way out.
    pub(super) async fn delete_user_pool(&self, id: &str, waiting: Waiting<'_>) -> Result<()> {
        let Some(now) = self.describe_user_pool(id).await? else {
            return Ok(());
        };
        if text(&now, "DeletionProtection") == Some("ACTIVE") {
            self.lift_protection(id, &now).await?;
        }
        match self.delete_unprotected(id).await {
            Err(fault) if fault.code.as_deref() == Some("InvalidParameterException") => {
                if self.keeps_a_domain(id).await? {
                    return Err(fault);
                }
                self.until(
                    DISTRIBUTION,
                    waiting,
                    "the user pool's domain to be taken down",
                    id,
                    "let go of its domain",
                    || async {
                        match self.delete_unprotected(id).await {
                            Ok(()) => Ok(Some(())),
                            Err(fault)
                                if fault.code.as_deref() == Some("InvalidParameterException")
                                    && !self.keeps_a_domain(id).await? =>
                            {
                                Ok(None)
                            }
                            Err(fault) => Err(fault),
                        }
                    },
                )
                .await
            }
            other => other,
        }
    }

    async fn delete_unprotected(&self, id: &str) -> Result<()> {
        let request = self.cognito.delete_user_pool().user_pool_id(id);
        classify::gone(request.send().await.map_err(Fault::from))
    }

    async fn lift_protection(&self, id: &str, now: &Document) -> Result<()> {
        let lifted = |mut body: Document| {
            body.insert("DeletionProtection".to_owned(), json!("INACTIVE"));
            body
        };
        // Whole, so that a delete that fails leaves a pool that works.
        let whole = lifted(as_it_is(id, now));
        let request = self.cognito.update_user_pool().user_pool_id(id);
        let request = request.customize().interceptor(Says::new(&whole));
        let first = request.interceptor(AtOnce).send().await;
        match first.map_err(Fault::from) {
            Ok(_) => Ok(()),
            // Of a role that was there for long nothing is still on its way: it is gone, and every update of the
            // pool tries it out.
            Err(fault) if fault.class == Class::Propagation => {
                let verifies_phones = now
                    .get("AutoVerifiedAttributes")
                    .and_then(Value::as_array)
                    .is_some_and(|names| names.iter().any(|name| name == "phone_number"));
                if mfa::is_on(text(now, "MfaConfiguration")) && !verifies_phones {
                    self.send(id, &Request::Mfa(mfa::off(id, None))).await?;
                }
                let rest = lifted(mfa::without_sms(id, now));
                self.send(id, &Request::Pool(rest)).await
            }
            Err(_) => self.send(id, &Request::Pool(whole)).await,
        }
    }

    /// Whether a domain hangs from the pool that nobody is taking down.
    async fn keeps_a_domain(&self, id: &str) -> Result<bool> {
        let Some(now) = self.describe_user_pool(id).await? else {
            return Ok(false);
        };
        for name in ["Domain", "CustomDomain"] {
            let Some(domain) = text(&now, name) else {
                continue;
            };
            if self.is_standing(id, domain).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::live;
    use crate::aws::replay::{self, error, ok};
    use crate::aws::wait::UNWATCHED;
    use saasauth_model::resource::Kind;

    fn declared() -> UserPool<String> {
        let pool = json!({
            "UserPoolName": "acme-dev-users",
            "UserPoolTier": "ESSENTIALS",
            "DeletionProtection": "ACTIVE",
            "UsernameConfiguration": { "CaseSensitive": false },
            "AutoVerifiedAttributes": ["email"],
            "Schema": [],
            "Policies": { "PasswordPolicy": {
                "MinimumLength": 14, "RequireLowercase": true, "RequireUppercase": true,
                "RequireNumbers": true, "RequireSymbols": false, "TemporaryPasswordValidityDays": 7,
            } },
            "VerificationMessageTemplate": {
                "DefaultEmailOption": "CONFIRM_WITH_CODE", "EmailSubject": "Your code",
                "EmailMessage": "{####}", "EmailSubjectByLink": "Your link",
                "EmailMessageByLink": "{##here##}", "SmsMessage": "{####}",
            },
            "MfaConfiguration": "OPTIONAL",
            "EnabledMfas": ["EMAIL_OTP"],
            "AccountRecoverySetting": { "RecoveryMechanisms": [{ "Name": "verified_email", "Priority": 1 }] },
            "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": false },
            "UserAttributeUpdateSettings": { "AttributesRequireVerificationBeforeUpdate": ["email"] },
            "EmailConfiguration": { "EmailSendingAccount": "COGNITO_DEFAULT" },
            "LambdaConfig": {
                "PostConfirmation": "arn:confirm",
                "PreTokenGenerationConfig": { "LambdaArn": "arn:token", "LambdaVersion": "V2_0" },
            },
            "UserPoolTags": {},
        });
        serde_json::from_value(pool).expect("it is a pool")
    }

    fn changed(names: [&str; 1]) -> BTreeSet<String> {
        names.map(str::to_owned).into()
    }

    #[tokio::test]
    async fn an_update_keeps_what_others_set_since_the_plan() {
        let planned = json!({ "UserPool": { "Id": "p", "Name": "acme-dev-users" } });
        let now = json!({ "UserPool": {
            "Id": "p",
            "Name": "acme-dev-users",
            "MfaConfiguration": "OFF",
            "DeviceConfiguration": { "ChallengeRequiredOnNewDevice": true },
            "LambdaConfig": { "CustomMessage": "arn:theirs" },
        } });
        let (aws, replay) = replay::aws([ok(planned), ok(now), ok(json!({}))]);
        let live = aws.read_user_pool("p").await.expect("answered");
        let live = live.expect("it is there");
        aws.update_user_pool(&declared(), &live, &changed(["Policies"]), UNWATCHED)
            .await
            .expect("updated");
        let sent = replay.finish();
        assert_eq!(sent[2].what, "UpdateUserPool");
        let body = &sent[2].body;
        assert_eq!(
            body["DeviceConfiguration"]["ChallengeRequiredOnNewDevice"],
            true
        );
        assert_eq!(body["LambdaConfig"]["CustomMessage"], "arn:theirs");
        assert_eq!(body["LambdaConfig"]["PostConfirmation"], "arn:confirm");
    }

    #[tokio::test]
    async fn what_follows_a_create_is_laid_over_what_cognito_made_of_it() {
        let made = json!({ "UserPool": { "Id": "p", "Name": "acme-dev-users" } });
        let now = json!({ "UserPool": {
            "Id": "p",
            "Name": "acme-dev-users",
            "MfaConfiguration": "OPTIONAL",
            "Policies": { "SignInPolicy": { "AllowedFirstAuthFactors": ["PASSWORD"] } },
        } });
        let (aws, replay) = replay::aws([ok(made), ok(json!({})), ok(now), ok(json!({}))]);
        let live = aws
            .create_user_pool(&declared(), UNWATCHED)
            .await
            .expect("made");
        aws.update_user_pool(&declared(), &live, &changed(["LambdaConfig"]), UNWATCHED)
            .await
            .expect("updated");
        let sent = replay.finish();
        assert_eq!(sent[1].what, "SetUserPoolMfaConfig");
        let body = &sent[3].body;
        assert_eq!(body["MfaConfiguration"], "OPTIONAL", "it stays on: {body}");
        let first = &body["Policies"]["SignInPolicy"]["AllowedFirstAuthFactors"];
        assert_eq!(*first, json!(["PASSWORD"]));
    }

    #[tokio::test]
    async fn switching_a_factor_keeps_passkeys_and_messages_of_others() {
        let passkeys = json!({ "RelyingPartyId": "acme.com", "UserVerification": "required" });
        let email = json!({ "Subject": "Theirs", "Message": "{####} is it" });
        let pool = json!({ "UserPool": {
            "Id": "p", "Name": "acme-dev-users", "MfaConfiguration": "ON",
        } });
        let now = json!({
            "MfaConfiguration": "ON",
            "EmailMfaConfiguration": email,
            "WebAuthnConfiguration": passkeys,
        });
        let (aws, replay) = replay::aws([ok(pool), ok(now), ok(json!({}))]);
        let live = live(Kind::UserPool, "p", json!({}));
        aws.update_user_pool(
            &declared(),
            &live,
            &changed(["MfaConfiguration"]),
            UNWATCHED,
        )
        .await
        .expect("updated");
        let sent = replay.finish();
        assert_eq!(sent[2].what, "SetUserPoolMfaConfig");
        assert_eq!(sent[2].body["MfaConfiguration"], "OPTIONAL");
        assert_eq!(sent[2].body["WebAuthnConfiguration"], passkeys);
        assert_eq!(sent[2].body["EmailMfaConfiguration"], email);
    }

    #[tokio::test]
    async fn a_pool_that_is_gone_is_not_updated() {
        let gone = replay::error(
            400,
            "ResourceNotFoundException",
            "User pool p does not exist.",
        );
        let (aws, replay) = replay::aws([gone]);
        let live = live(Kind::UserPool, "p", json!({}));
        let fault = aws
            .update_user_pool(&declared(), &live, &changed(["Policies"]), UNWATCHED)
            .await
            .expect_err("there is nothing to update");
        assert_eq!(fault.message, "user pool `p` is gone");
        assert_eq!(replay.operations(), ["DescribeUserPool"]);
    }

    fn ours(id: &str) -> (u16, String) {
        ok(json!({ "UserPool": {
            "Id": id,
            "Name": "acme-dev-users",
            "UserPoolTags": { "saasauth:project": "acme", "saasauth:stage": "dev" },
        } }))
    }

    fn listed(ids: &[&str]) -> (u16, String) {
        let pools: Vec<Value> = ids
            .iter()
            .map(|id| json!({ "Id": id, "Name": "acme-dev-users" }))
            .collect();
        ok(json!({ "UserPools": pools }))
    }

    fn gone() -> (u16, String) {
        error(
            400,
            "ResourceNotFoundException",
            "User pool does not exist.",
        )
    }

    fn lost() -> (u16, String) {
        error(500, "InternalErrorException", "an answer that says nothing")
    }

    fn without_mfa() -> UserPool<String> {
        UserPool {
            mfa_configuration: "OFF".to_owned(),
            enabled_mfas: None,
            ..declared()
        }
    }

    #[tokio::test]
    async fn a_pool_whose_answer_was_lost_is_found_and_not_made_twice() {
        // The list lags, and names are not unique.
        let (aws, replay) = replay::aws([
            lost(),
            listed(&[]),
            listed(&["theirs", "p"]),
            ok(json!({ "UserPool": { "Id": "theirs", "Name": "acme-dev-users" } })),
            ours("p"),
            ours("p"),
        ]);
        let made = aws.create_user_pool(&without_mfa(), UNWATCHED).await;
        assert_eq!(made.expect("found").physical_id, "p");
        let creates = replay.operations();
        let creates = creates.iter().filter(|what| *what == "CreateUserPool");
        assert_eq!(creates.count(), 1);
    }

    #[tokio::test]
    async fn a_pool_that_was_not_made_is_made_once_that_is_known() {
        let not_there = std::iter::repeat_with(|| listed(&[])).take(4);
        let answers = std::iter::once(lost()).chain(not_there).chain([ours("p")]);
        let (aws, replay) = replay::aws(answers);
        let made = aws.create_user_pool(&without_mfa(), UNWATCHED).await;
        assert_eq!(made.expect("made").physical_id, "p");
        replay.finish();
    }

    #[tokio::test]
    async fn a_pool_waits_for_the_role_it_sends_text_messages_through() {
        let unknown = error(
            400,
            "InvalidSmsRoleTrustRelationshipException",
            "Role does not have a trust relationship allowing Cognito to assume the role",
        );
        let slow = error(400, "TooManyRequestsException", "Too many requests");
        let (aws, replay) = replay::aws([unknown, slow, ours("p")]);
        let made = aws.create_user_pool(&without_mfa(), UNWATCHED).await;
        assert_eq!(made.expect("made").physical_id, "p");
        replay.finish();
    }

    #[tokio::test]
    async fn a_refused_pool_is_said_at_once() {
        let refused = error(400, "InvalidParameterException", "no");
        let (aws, replay) = replay::aws([refused]);
        let made = aws.create_user_pool(&without_mfa(), UNWATCHED).await;
        assert_eq!(made.expect_err("refused").message, "no");
        replay.finish();
    }

    #[tokio::test]
    async fn the_word_of_the_tagging_api_is_looked_into() {
        // Listed by tag: one that is gone, and one that lost its tags.
        let untagged = ok(json!({ "UserPool": { "Id": "other", "Name": "x" } }));
        let (aws, replay) = replay::aws([listed(&["p"]), ours("p"), gone(), untagged]);
        let candidates = ["stale".to_owned(), "other".to_owned(), "p".to_owned()];
        let found = aws.stages_user_pool("acme-dev-users", &candidates).await;
        assert_eq!(found.expect("looked").expect("there").physical_id, "p");
        replay.finish();

        let (aws, replay) = replay::aws([listed(&["p", "q"]), ours("p"), ours("q")]);
        let found = aws.stages_user_pool("acme-dev-users", &[]).await;
        let message = found.expect_err("which?").message;
        assert!(message.contains("`p`, `q`"), "{message}");
        replay.finish();
    }

    #[tokio::test]
    async fn attributes_go_in_lots_and_a_lost_answer_is_no_failure() {
        let mut pool = without_mfa();
        pool.schema = (0..30)
            .map(|number| {
                let attribute = json!({
                    "Name": format!("a{number}"), "AttributeDataType": "String",
                    "Mutable": true, "Required": false,
                });
                serde_json::from_value(attribute).expect("an attribute")
            })
            .collect();
        let exists = error(
            400,
            "InvalidParameterException",
            "custom:a25: Attribute already exists",
        );
        let there: Vec<Value> = (0..30)
            .map(|n| json!({ "Name": format!("custom:a{n}") }))
            .collect();
        let described = ok(json!({ "UserPool": { "SchemaAttributes": there } }));
        let (aws, replay) = replay::aws([ok(json!({})), exists.clone(), described]);
        let live = live(Kind::UserPool, "p", json!({ "Schema": [] }));
        aws.update_user_pool(&pool, &live, &changed(["Schema"]), UNWATCHED)
            .await
            .expect("they are there");
        let sent = replay.finish();
        let lots = |at: usize| sent[at].body["CustomAttributes"].as_array().map(Vec::len);
        assert_eq!((lots(0), lots(1)), (Some(25), Some(5)));

        let absent = ok(json!({ "UserPool": { "SchemaAttributes": [] } }));
        let (aws, replay) = replay::aws([exists, absent]);
        let refused = aws
            .update_user_pool(&pool, &live, &changed(["Schema"]), UNWATCHED)
            .await;
        refused.expect_err("they are not there");
        replay.finish();
    }

    fn protected(more: Value) -> (u16, String) {
        let mut pool = json!({
            "Id": "p", "Name": "acme-dev-users", "DeletionProtection": "ACTIVE",
            "LambdaConfig": { "CustomMessage": "arn:theirs" },
            "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": true, "UnusedAccountValidityDays": 7 },
        });
        for (name, value) in more.as_object().expect("members") {
            pool[name] = value.clone();
        }
        ok(json!({ "UserPool": pool }))
    }

    #[tokio::test]
    async fn the_protection_is_lifted_by_a_whole_body() {
        let (aws, replay) = replay::aws([protected(json!({})), ok(json!({})), ok(json!({}))]);
        aws.delete_user_pool("p", UNWATCHED).await.expect("deleted");
        let sent = replay.finish();
        let body = &sent[1].body;
        assert_eq!(body["DeletionProtection"], "INACTIVE");
        assert_eq!(body["LambdaConfig"]["CustomMessage"], "arn:theirs");
        let admin = json!({ "AllowAdminCreateUserOnly": true });
        assert_eq!(body["AdminCreateUserConfig"], admin);
        assert_eq!(sent[2].what, "DeleteUserPool");
    }

    #[tokio::test]
    async fn a_pool_whose_role_for_text_messages_is_gone_is_deleted_all_the_same() {
        let role_is_gone = || {
            error(
                400,
                "InvalidSmsRoleAccessPolicyException",
                "Role does not have permission to publish with SNS",
            )
        };
        let sms = json!({ "SnsCallerArn": "arn:aws:iam::1:role/gone", "ExternalId": "x" });
        let by_phone = protected(json!({
            "SmsConfiguration": sms, "MfaConfiguration": "ON",
            "AutoVerifiedAttributes": ["phone_number"],
        }));
        let done = || ok(json!({}));
        let (aws, replay) = replay::aws([by_phone, role_is_gone(), done(), done()]);
        aws.delete_user_pool("p", UNWATCHED).await.expect("deleted");
        let sent = replay.finish();
        let body = &sent[2].body;
        assert_eq!(body["DeletionProtection"], "INACTIVE");
        assert_eq!(body["MfaConfiguration"], "OFF");
        assert_eq!(body["SmsConfiguration"], Value::Null);
        assert_eq!(body["AutoVerifiedAttributes"], json!([]));

        // Where no phone is verified, the second factor goes by itself first.
        let by_mail = protected(json!({ "SmsConfiguration": sms, "MfaConfiguration": "ON" }));
        let (aws, replay) = replay::aws([by_mail, role_is_gone(), done(), done(), done()]);
        aws.delete_user_pool("p", UNWATCHED).await.expect("deleted");
        let sent = replay.finish();
        assert_eq!(sent[2].what, "SetUserPoolMfaConfig");
        assert_eq!(
            sent[2].body,
            json!({ "UserPoolId": "p", "MfaConfiguration": "OFF" })
        );
    }

    #[tokio::test]
    async fn a_pool_waits_for_a_domain_that_is_on_its_way_out() {
        let unprotected =
            || ok(json!({ "UserPool": { "Id": "p", "CustomDomain": "auth.acme.com" } }));
        let refused = || {
            error(
                400,
                "InvalidParameterException",
                "User pool cannot be deleted. It has a domain configured that should be deleted first.",
            )
        };
        let domain = |status: &str| {
            ok(json!({ "DomainDescription": {
                "Domain": "auth.acme.com", "UserPoolId": "p", "Status": status,
            } }))
        };
        let (aws, replay) = replay::aws([
            unprotected(),
            refused(),
            unprotected(),
            domain("DELETING"),
            refused(),
            unprotected(),
            domain("DELETING"),
            ok(json!({})),
        ]);
        aws.delete_user_pool("p", UNWATCHED).await.expect("deleted");
        replay.finish();

        let (aws, replay) =
            replay::aws([unprotected(), refused(), unprotected(), domain("ACTIVE")]);
        let kept = aws.delete_user_pool("p", UNWATCHED).await;
        let kept = kept.expect_err("somebody else's domain");
        assert!(kept.message.contains("should be deleted first"), "{kept}");
        replay.finish();
    }

    #[tokio::test]
    async fn a_second_factor_does_not_stay_off_because_a_change_is_refused() {
        let pool = || ok(json!({ "UserPool": { "Id": "p", "MfaConfiguration": "ON" } }));
        let before = || {
            ok(json!({
                "MfaConfiguration": "ON",
                "SoftwareTokenMfaConfiguration": { "Enabled": true },
            }))
        };
        let refused = || {
            error(
                400,
                "InvalidParameterException",
                "Invalid MFA configuration given",
            )
        };
        let done = || ok(json!({}));
        let off = ok(json!({ "UserPool": { "Id": "p", "MfaConfiguration": "OFF" } }));
        let (aws, replay) = replay::aws([
            pool(),
            before(),
            refused(),
            // Around by way of none, which is refused as well,
            before(),
            pool(),
            before(),
            done(),
            off,
            ok(json!({ "MfaConfiguration": "OFF" })),
            refused(),
            // so it is as it was.
            done(),
        ]);
        let live = live(Kind::UserPool, "p", json!({}));
        let result = aws
            .update_user_pool(&declared(), &live, &changed(["EnabledMfas"]), UNWATCHED)
            .await;
        assert_eq!(
            result.expect_err("refused").message,
            "Invalid MFA configuration given"
        );
        let sent = replay.finish();
        let last = &sent[sent.len() - 1];
        assert_eq!(last.what, "SetUserPoolMfaConfig");
        assert_eq!(last.body["MfaConfiguration"], "ON");
        assert_eq!(last.body["SoftwareTokenMfaConfiguration"]["Enabled"], true);
    }
}
