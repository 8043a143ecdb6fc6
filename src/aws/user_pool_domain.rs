//! `AWS::Cognito::UserPoolDomain`. Its physical ID is `POOL|DOMAIN`.

use aws_sdk_cognitoidentityprovider::types::DomainStatusType;
use serde_json::{Value, json};

use super::document::{Document, Hears, Says, is_empty, laid_over, text};
use super::lifecycle::{Change, Lifecycle, each};
use super::wait::{CREATION, DISTRIBUTION};
use super::{Aws, Fault, Result, Waiting, Wanted, classify, live, parts};
use saasauth_model::resource::{Kind, Live, LogicalId, UserPoolDomain};

/// The attribute with the address of the CloudFront distribution that a custom domain has to point to.
const DISTRIBUTION_ATTRIBUTE: &str = "CloudFrontDistribution";

impl Lifecycle for UserPoolDomain<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_user_pool_domain(id).await).await
    }

    async fn create(&self, aws: &Aws, _id: &str, waiting: Waiting<'_>) -> Result<Live> {
        aws.create_user_pool_domain(self, waiting).await
    }

    async fn update(&self, aws: &Aws, _change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_user_pool_domain(self).await
    }

    async fn delete(aws: &Aws, physical_id: &str, waiting: Waiting<'_>) -> Result<()> {
        aws.delete_user_pool_domain(physical_id, waiting).await
    }
}

/// Only a custom domain, which has dots, stands on a CloudFront distribution that is put up and taken down in the
/// background.
fn is_custom(domain: &str) -> bool {
    domain.contains('.')
}

impl Aws {
    pub(super) async fn read_user_pool_domain(&self, physical_id: &str) -> Result<Option<Live>> {
        let (pool, domain) = parts(physical_id);
        let description = self.describe_user_pool_domain(pool, domain).await?;
        // One on its way out is none to build on; making it again waits for that.
        let standing = description.filter(|description| !has_status(description, Status::Deleting));
        Ok(standing.map(|description| as_live(physical_id, &description)))
    }

    /// A domain of this pool. An unknown one is answered with an empty description, not with an error.
    async fn describe_user_pool_domain(
        &self,
        pool: &str,
        domain: &str,
    ) -> Result<Option<Document>> {
        let description = self.describe_domain(domain).await?;
        Ok(description.filter(|description| text(description, "UserPoolId") == Some(pool)))
    }

    async fn describe_domain(&self, domain: &str) -> Result<Option<Document>> {
        let heard = Hears::default();
        let request = self.cognito.describe_user_pool_domain().domain(domain);
        let request = request.customize().interceptor(heard.clone());
        let found = classify::found(request.send().await.map_err(Fault::from))?;
        Ok(found.and_then(|_| heard.part("DomainDescription")))
    }

    /// A domain of any pool, when the account knows it: the pool it hangs from, and the domain itself unless it is being
    /// taken down.
    pub async fn domain(&self, domain: &str) -> Result<Option<(String, Option<Live>)>> {
        let description = self.describe_domain(domain).await?;
        Ok(description.and_then(|description| {
            let pool = text(&description, "UserPoolId")?.to_owned();
            let is_standing = !has_status(&description, Status::Deleting);
            let live = is_standing.then(|| as_live(&format!("{pool}|{domain}"), &description));
            Some((pool, live))
        }))
    }

    /// What a custom domain's DNS record has to point to.
    pub async fn domain_target(&self, physical_id: &str) -> Result<Option<String>> {
        let (pool, domain) = parts(physical_id);
        if !is_custom(domain) {
            return Ok(None);
        }
        let description = self.describe_user_pool_domain(pool, domain).await?;
        Ok(description.as_ref().and_then(target).map(str::to_owned))
    }

    /// Whether a domain hangs from the pool and isn't being taken down.
    pub(super) async fn is_standing(&self, pool: &str, domain: &str) -> Result<bool> {
        let description = self.describe_user_pool_domain(pool, domain).await?;
        Ok(description.is_some_and(|description| !has_status(&description, Status::Deleting)))
    }

    pub(super) async fn create_user_pool_domain(
        &self,
        domain: &UserPoolDomain<String>,
        waiting: Waiting<'_>,
    ) -> Result<Live> {
        let physical_id = format!("{}|{}", domain.user_pool_id, domain.domain);
        if is_custom(&domain.domain) {
            self.gone_domain(&domain.user_pool_id, &domain.domain, waiting)
                .await?;
        }
        let body = declared(domain);
        let request = self.cognito.create_user_pool_domain();
        let request = request.domain(&domain.domain);
        let request = request.user_pool_id(&domain.user_pool_id).customize();
        let made = request.interceptor(Says::new(&body)).send().await;
        let found = match made.map_err(Fault::from) {
            Ok(_) => live(Kind::UserPoolDomain, physical_id, Value::Null),
            Err(fault) => self.found_after_all(domain, fault).await?,
        };
        self.wait_for_domain(&found.physical_id, waiting).await?;
        Ok(found)
    }

    /// Sent again after its answer got lost, a create is refused for what it made itself, and Cognito has no code
    /// for that. What hangs from our pool is ours.
    async fn found_after_all(
        &self,
        domain: &UserPoolDomain<String>,
        refusal: Fault,
    ) -> Result<Live> {
        let there = self
            .describe_user_pool_domain(&domain.user_pool_id, &domain.domain)
            .await?;
        let Some(there) = there.filter(|there| !has_status(there, Status::Deleting)) else {
            return Err(refusal);
        };
        let physical_id = format!("{}|{}", domain.user_pool_id, domain.domain);
        let found = as_live(&physical_id, &there);
        let differs = declared(domain)
            .iter()
            .any(|(name, value)| found.properties[name] != *value);
        if differs {
            self.update_user_pool_domain(domain).await?;
        }
        Ok(found)
    }

    /// Waits until a custom domain answers, which takes some minutes.
    async fn wait_for_domain(&self, physical_id: &str, waiting: Waiting<'_>) -> Result<()> {
        let (pool, domain) = parts(physical_id);
        if !is_custom(domain) {
            return Ok(());
        }
        let look = || async {
            let description = self.describe_user_pool_domain(pool, domain).await?;
            // One that was just made may not be told of yet.
            let Some(description) = description else {
                return Ok(None);
            };
            match status(&description) {
                Some(Status::Failed) => Err(Fault::ours(format!(
                    "Cognito could not put up the domain `{domain}`: see that its parent domain has an A record, and the certificate in us-east-1 is valid for it"
                ))),
                // One that has no status isn't on its way to any.
                None | Some(Status::Active) => Ok(Some(())),
                Some(_) => Ok(None),
            }
        };
        if look().await?.is_some() {
            return Ok(());
        }
        let reason = match self.domain_target(physical_id).await? {
            // Said now, since the record can be made in the meantime. Text for the progress lives as long as the
            // program, and this is one line in a deploy.
            Some(target) => {
                format!("the custom domain to be put up; its DNS record has to point to {target}")
                    .leak()
            }
            None => "the custom domain to be put up",
        };
        self.until(CREATION, waiting, reason, domain, "become active", look)
            .await
    }

    /// UpdateUserPoolDomain, whole: the failover to a replica and the certificate's policy are not ours.
    pub(super) async fn update_user_pool_domain(
        &self,
        domain: &UserPoolDomain<String>,
    ) -> Result<()> {
        let there = self
            .describe_user_pool_domain(&domain.user_pool_id, &domain.domain)
            .await?;
        let body = to_update(domain, &there.unwrap_or_default());
        let request = self.cognito.update_user_pool_domain();
        let request = request.domain(&domain.domain);
        let request = request.user_pool_id(&domain.user_pool_id).customize();
        request.interceptor(Says::new(&body)).send().await?;
        Ok(())
    }

    /// Deletes a domain; a custom one takes a while, and the pool can't go before it has.
    pub(super) async fn delete_user_pool_domain(
        &self,
        physical_id: &str,
        waiting: Waiting<'_>,
    ) -> Result<()> {
        let (pool, domain) = parts(physical_id);
        let request = self.cognito.delete_user_pool_domain();
        let request = request.domain(domain).user_pool_id(pool);
        let deleted = classify::gone(request.send().await.map_err(Fault::from));
        if !is_custom(domain) {
            return deleted;
        }
        match self.describe_user_pool_domain(pool, domain).await? {
            None => return Ok(()),
            // An earlier run, cut off while it waited, has asked for this already.
            Some(left) if has_status(&left, Status::Deleting) => {}
            Some(_) => deleted?,
        }
        self.until_gone(pool, domain, waiting).await
    }

    /// Waits for a domain that is being taken down, if there is one.
    async fn gone_domain(&self, pool: &str, domain: &str, waiting: Waiting<'_>) -> Result<()> {
        match self.describe_user_pool_domain(pool, domain).await? {
            Some(left) if has_status(&left, Status::Deleting) => {
                self.until_gone(pool, domain, waiting).await
            }
            _ => Ok(()),
        }
    }

    async fn until_gone(&self, pool: &str, domain: &str, waiting: Waiting<'_>) -> Result<()> {
        self.until(
            DISTRIBUTION,
            waiting,
            "the custom domain to be taken down",
            domain,
            "go away, which its user pool waits for,",
            || async {
                let left = self.describe_user_pool_domain(pool, domain).await?;
                Ok(left.is_none().then_some(()))
            },
        )
        .await
    }
}

use DomainStatusType as Status;

fn status(description: &Document) -> Option<Status> {
    text(description, "Status").map(Status::from)
}

fn has_status(description: &Document, wanted: Status) -> bool {
    status(description) == Some(wanted)
}

fn target(description: &Document) -> Option<&str> {
    text(description, DISTRIBUTION_ATTRIBUTE).filter(|target| !target.is_empty())
}

fn declared(domain: &UserPoolDomain<String>) -> Document {
    match serde_json::to_value(domain) {
        Ok(Value::Object(declared)) => declared,
        _ => Document::new(),
    }
}

fn to_update(domain: &UserPoolDomain<String>, now: &Document) -> Document {
    let mut theirs = Document::new();
    for name in ["Routing", "CustomDomainConfig"] {
        if let Some(value) = now.get(name).filter(|value| !is_empty(value)) {
            theirs.insert(name.to_owned(), value.clone());
        }
    }
    let whole = laid_over(Value::Object(theirs), Value::Object(declared(domain)));
    match whole {
        Value::Object(whole) => whole,
        _ => Document::new(),
    }
}

fn as_live(physical_id: &str, description: &Document) -> Live {
    let (pool, domain) = parts(physical_id);
    let version = description.get("ManagedLoginVersion");
    let mut properties = json!({
        "Domain": domain,
        "UserPoolId": pool,
        "ManagedLoginVersion": version.cloned().unwrap_or_else(|| json!(1)),
    });
    if let Some(config) = description
        .get("CustomDomainConfig")
        .filter(|config| !is_empty(config))
    {
        properties["CustomDomainConfig"] = config.clone();
    }
    let mut found = live(Kind::UserPoolDomain, physical_id, properties);
    if let Some(target) = target(description) {
        let attributes = &mut found.attributes;
        attributes.insert(DISTRIBUTION_ATTRIBUTE.to_owned(), target.to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay::{self, error, ok};
    use crate::aws::wait::UNWATCHED;

    /// How Cognito describes a custom domain on its way out.
    fn leaving() -> (u16, String) {
        ok(json!({ "DomainDescription": {
            "Domain": "auth.acme.com", "UserPoolId": "p", "Status": "DELETING",
        } }))
    }

    #[tokio::test]
    async fn a_custom_domain_that_stays_is_an_error_that_says_so() {
        let looks = 1 + DISTRIBUTION.pauses().count();
        let answers = std::iter::once(ok(json!({}))).chain((0..looks).map(|_| leaving()));
        let (aws, replay) = replay::aws(answers);
        let fault = aws
            .delete_user_pool_domain("p|auth.acme.com", UNWATCHED)
            .await
            .expect_err("it is still there");
        assert_eq!(
            fault.message,
            "`auth.acme.com` did not go away, which its user pool waits for, within 900 s"
        );
        replay.finish();
    }

    #[tokio::test]
    async fn a_custom_domain_that_is_being_deleted_is_only_waited_for() {
        let (aws, replay) = replay::aws([
            error(
                400,
                "InvalidParameterException",
                "Domain is in status DELETING",
            ),
            leaving(),
            leaving(),
            ok(json!({ "DomainDescription": {} })),
        ]);
        aws.delete_user_pool_domain("p|auth.acme.com", UNWATCHED)
            .await
            .expect("it goes in the end");
        replay.finish();
    }

    #[tokio::test]
    async fn a_domain_that_cognito_keeps_is_an_error_at_once() {
        let active = json!({ "DomainDescription": {
            "Domain": "auth.acme.com", "UserPoolId": "p", "Status": "ACTIVE",
        } });
        let (aws, replay) = replay::aws([
            error(400, "NotAuthorizedException", "not yours"),
            ok(active),
        ]);
        let fault = aws
            .delete_user_pool_domain("p|auth.acme.com", UNWATCHED)
            .await;
        assert_eq!(fault.expect_err("it is refused").message, "not yours");
        replay.finish();
    }

    fn domain(changes: Value) -> UserPoolDomain<String> {
        let domain = json!({ "Domain": "acme", "UserPoolId": "p", "ManagedLoginVersion": 1 });
        serde_json::from_value(laid_over(domain, changes)).expect("it is a domain")
    }

    fn custom() -> UserPoolDomain<String> {
        let config = json!({ "CertificateArn": "arn:certificate" });
        domain(json!({ "Domain": "auth.acme.com", "CustomDomainConfig": config }))
    }

    fn described(name: &str, pool: &str, more: Value) -> (u16, String) {
        let description = json!({ "Domain": name, "UserPoolId": pool, "ManagedLoginVersion": 1 });
        ok(json!({ "DomainDescription": laid_over(description, more) }))
    }

    #[test]
    fn every_member_of_the_requests_is_accounted_for() {
        let mut all: std::collections::BTreeSet<String> = declared(&custom())
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        all.insert("Routing".to_owned());
        assert_eq!(
            all,
            super::super::document::members_of("UpdateUserPoolDomain")
        );
        assert_eq!(
            all,
            super::super::document::members_of("CreateUserPoolDomain")
        );
    }

    #[tokio::test]
    async fn a_domain_that_turns_out_to_be_taken_by_our_own_pool_is_made() {
        let taken = || {
            error(
                400,
                "InvalidParameterException",
                "Domain acme already exists.",
            )
        };
        let (aws, replay) = replay::aws([taken(), described("acme", "p", json!({}))]);
        let made = aws
            .create_user_pool_domain(&domain(json!({})), UNWATCHED)
            .await;
        assert_eq!(made.expect("it is ours").physical_id, "p|acme");
        replay.finish();

        let (aws, replay) = replay::aws([taken(), described("acme", "another", json!({}))]);
        let made = aws
            .create_user_pool_domain(&domain(json!({})), UNWATCHED)
            .await;
        assert_eq!(
            made.expect_err("it isn't").message,
            "Domain acme already exists."
        );
        replay.finish();

        // One of another version is brought to what is declared.
        let old = || described("acme", "p", json!({ "ManagedLoginVersion": 2 }));
        let (aws, replay) = replay::aws([taken(), old(), old(), ok(json!({}))]);
        let made = aws
            .create_user_pool_domain(&domain(json!({})), UNWATCHED)
            .await;
        made.expect("it is ours");
        assert_eq!(replay.operations()[3], "UpdateUserPoolDomain");
    }

    #[tokio::test]
    async fn a_custom_domain_is_waited_for_until_it_is_up() {
        let with = |status: &str| {
            let target = "d1.cloudfront.net";
            let more = json!({ "Status": status, "CloudFrontDistribution": target });
            described("auth.acme.com", "p", more)
        };
        let (aws, replay) = replay::aws([
            with("CREATING"),
            with("CREATING"),
            with("CREATING"),
            with("ACTIVE"),
        ]);
        let told = std::sync::Mutex::new(Vec::new());
        let waiting = |what| told.lock().expect("not poisoned").push(what);
        aws.wait_for_domain("p|auth.acme.com", &waiting)
            .await
            .expect("it comes up");
        let told = told.lock().expect("not poisoned").join("\n");
        assert!(told.contains("d1.cloudfront.net"), "{told}");
        replay.finish();

        let (aws, replay) = replay::aws([with("FAILED")]);
        let failed = aws.wait_for_domain("p|auth.acme.com", UNWATCHED).await;
        assert!(failed.expect_err("failed").message.contains("A record"));
        replay.finish();

        // One of Cognito's own is there at once.
        let (aws, replay) = replay::aws([]);
        aws.wait_for_domain("p|acme", UNWATCHED)
            .await
            .expect("there");
        replay.finish();
    }

    #[tokio::test]
    async fn a_custom_domain_on_its_way_out_is_waited_for_before_it_is_made_again() {
        let absent = ok(json!({ "DomainDescription": {} }));
        let up = described("auth.acme.com", "p", json!({ "Status": "ACTIVE" }));
        let (aws, replay) =
            replay::aws([leaving(), leaving(), leaving(), absent, ok(json!({})), up]);
        let live = aws.read_user_pool_domain("p|auth.acme.com").await;
        assert!(live.expect("answered").is_none(), "nothing to build on");
        let made = aws.create_user_pool_domain(&custom(), UNWATCHED).await;
        assert_eq!(made.expect("made").physical_id, "p|auth.acme.com");
        assert_eq!(replay.operations()[4], "CreateUserPoolDomain");
    }

    #[tokio::test]
    async fn the_failover_and_the_policy_of_others_stay() {
        let routing = json!({ "Failover": { "SecondaryRegion": "eu-west-2" } });
        let now = described(
            "auth.acme.com",
            "p",
            json!({
                "Routing": routing,
                "CustomDomainConfig": { "CertificateArn": "arn:old", "SecurityPolicy": "TLS_V1_3_2025" },
            }),
        );
        let (aws, replay) = replay::aws([now, ok(json!({}))]);
        aws.update_user_pool_domain(&custom())
            .await
            .expect("updated");
        let body = &replay.finish()[1].body;
        assert_eq!(body["Routing"], routing);
        assert_eq!(
            body["CustomDomainConfig"],
            json!({
                "CertificateArn": "arn:certificate", "SecurityPolicy": "TLS_V1_3_2025",
            })
        );
    }
}
