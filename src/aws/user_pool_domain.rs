//! `AWS::Cognito::UserPoolDomain`. Its physical ID is `POOL|DOMAIN`.

use aws_sdk_cognitoidentityprovider::types::{
    CustomDomainConfigType, DomainDescriptionType, DomainStatusType,
};
use serde_json::{Value, json};

use super::lifecycle::{Change, Lifecycle, each};
use super::user_pool_client::int;
use super::wait::DISTRIBUTION;
use super::{Aws, Fault, Result, Waiting, Wanted, classify, live, parts};
use saasauth_model::resource::{Kind, Live, LogicalId, UserPoolDomain};

impl Lifecycle for UserPoolDomain<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_user_pool_domain(id).await).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_user_pool_domain(self).await
    }

    async fn update(&self, aws: &Aws, _change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_user_pool_domain(self).await
    }

    async fn delete(aws: &Aws, physical_id: &str, waiting: Waiting<'_>) -> Result<()> {
        aws.delete_user_pool_domain(physical_id, waiting).await
    }
}

impl Aws {
    pub(super) async fn read_user_pool_domain(&self, physical_id: &str) -> Result<Option<Live>> {
        let (pool, domain) = parts(physical_id);
        let Some(description) = self.describe_user_pool_domain(pool, domain).await? else {
            return Ok(None);
        };
        let mut properties = json!({
            "Domain": domain,
            "UserPoolId": pool,
            "ManagedLoginVersion": description.managed_login_version().unwrap_or(1),
        });
        if let Some(config) = description.custom_domain_config() {
            properties["CustomDomainConfig"] =
                json!({ "CertificateArn": config.certificate_arn() });
        }
        Ok(Some(live(Kind::UserPoolDomain, physical_id, properties)))
    }

    /// A domain of this pool. An unknown one is answered with an empty description, not with an error.
    async fn describe_user_pool_domain(
        &self,
        pool: &str,
        domain: &str,
    ) -> Result<Option<DomainDescriptionType>> {
        let description = self.describe_domain(domain).await?;
        Ok(description.filter(|description| description.user_pool_id() == Some(pool)))
    }

    async fn describe_domain(&self, domain: &str) -> Result<Option<DomainDescriptionType>> {
        let answer = self
            .cognito
            .describe_user_pool_domain()
            .domain(domain)
            .send()
            .await;
        let found = classify::found(answer.map_err(Fault::from))?;
        Ok(found.and_then(|answer| answer.domain_description))
    }

    /// The pool a domain hangs from, when the account knows the domain.
    pub async fn domain_pool(&self, domain: &str) -> Result<Option<String>> {
        let description = self.describe_domain(domain).await?;
        Ok(description.and_then(|description| description.user_pool_id))
    }

    pub(super) async fn create_user_pool_domain(
        &self,
        domain: &UserPoolDomain<String>,
    ) -> Result<Live> {
        self.cognito
            .create_user_pool_domain()
            .domain(&domain.domain)
            .user_pool_id(&domain.user_pool_id)
            .managed_login_version(int(domain.managed_login_version))
            .set_custom_domain_config(custom_domain(domain)?)
            .send()
            .await?;
        let physical_id = format!("{}|{}", domain.user_pool_id, domain.domain);
        Ok(live(Kind::UserPoolDomain, physical_id, Value::Null))
    }

    pub(super) async fn update_user_pool_domain(
        &self,
        domain: &UserPoolDomain<String>,
    ) -> Result<()> {
        self.cognito
            .update_user_pool_domain()
            .domain(&domain.domain)
            .user_pool_id(&domain.user_pool_id)
            .managed_login_version(int(domain.managed_login_version))
            .set_custom_domain_config(custom_domain(domain)?)
            .send()
            .await?;
        Ok(())
    }

    /// Deletes a domain; a custom one takes a while, and the pool can't go before it has.
    pub(super) async fn delete_user_pool_domain(
        &self,
        physical_id: &str,
        waiting: Waiting<'_>,
    ) -> Result<()> {
        let (pool, domain) = parts(physical_id);
        let answer = self
            .cognito
            .delete_user_pool_domain()
            .domain(domain)
            .user_pool_id(pool)
            .send()
            .await;
        // Only a custom domain (it has dots) is taken down by a CloudFront distribution in the
        // background.
        if !domain.contains('.') {
            return classify::gone(answer.map_err(Fault::from));
        }
        let deleted = classify::gone(answer.map_err(Fault::from));
        match self.describe_user_pool_domain(pool, domain).await? {
            None => return Ok(()),
            // An earlier run, cut off while it waited, has asked for this already.
            Some(left) if left.status() == Some(&DomainStatusType::Deleting) => {}
            Some(_) => deleted?,
        }
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

fn custom_domain(domain: &UserPoolDomain<String>) -> Result<Option<CustomDomainConfigType>> {
    domain
        .custom_domain_config
        .as_ref()
        .map(|config| {
            Ok(CustomDomainConfigType::builder()
                .certificate_arn(&config.certificate_arn)
                .build()?)
        })
        .transpose()
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
}
