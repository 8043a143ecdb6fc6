//! `AWS::SES::EmailIdentity`, `AWS::SES::ConfigurationSet` and `AWS::SES::Template`.

use std::collections::BTreeSet;

use aws_sdk_sesv2::operation::get_email_identity::GetEmailIdentityOutput;
use aws_sdk_sesv2::types::{
    EmailTemplateContent, ReputationOptions, SuppressionListReason, SuppressionOptions, Tag,
};
use serde_json::{Value, json};

use super::classify::{found, gone};
use super::lifecycle::{Change, Lifecycle, each};
use super::{Aws, Fault, Result, Waiting, Wanted, live, removed_tags, tag_list};
use saasauth_model::resource::{
    self, ConfigurationSet, EmailIdentity, Kind, Live, LogicalId, Owner, Template,
};

/// What deciding about an SES identity needs to know.
#[derive(Debug, Clone)]
pub struct IdentityState {
    /// Whether mail can be sent from it.
    pub verified: bool,
    /// Whose it is; `None` when it has no ownership tags.
    pub owner: Option<Owner>,
    /// What reading it as a resource gives, so that who has the state needs no second request.
    pub live: Live,
    /// The names of the CNAME records that prove the domain; none for an address.
    pub dkim_tokens: Vec<String>,
}

impl Lifecycle for EmailIdentity {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_email_identity(id).await).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_email_identity(self).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_email_identity(self, change.live).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_email_identity(physical_id).await
    }
}

impl Lifecycle for ConfigurationSet {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_configuration_set(id).await).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_configuration_set(self).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_configuration_set(self, change.live, change.changed)
            .await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_configuration_set(physical_id).await
    }
}

impl Lifecycle for Template {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_template(id).await).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_template(self).await
    }

    async fn update(&self, aws: &Aws, _change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_template(self).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_template(physical_id).await
    }
}

impl Aws {
    /// Whether the account may only mail verified addresses in this region.
    pub async fn is_in_ses_sandbox(&self) -> Result<bool> {
        let account = self.ses.get_account().send().await?;
        Ok(!account.production_access_enabled())
    }

    /// The state of an identity, whoever made it. `None`: SES doesn't know it.
    pub async fn identity_state(&self, identity: &str) -> Result<Option<IdentityState>> {
        let answer = self.get_email_identity(identity).await?;
        Ok(answer.map(|answer| {
            let dkim = answer.dkim_attributes();
            let live = identity_as_live(identity, &answer);
            IdentityState {
                verified: answer.verified_for_sending_status(),
                owner: live.owner.clone(),
                live,
                dkim_tokens: dkim.map(|dkim| dkim.tokens().to_vec()).unwrap_or_default(),
            }
        }))
    }

    async fn get_email_identity(&self, identity: &str) -> Result<Option<GetEmailIdentityOutput>> {
        let answer = self
            .ses
            .get_email_identity()
            .email_identity(identity)
            .send()
            .await;
        found(answer.map_err(Fault::from))
    }

    pub(super) async fn read_email_identity(&self, identity: &str) -> Result<Option<Live>> {
        let answer = self.get_email_identity(identity).await?;
        Ok(answer.map(|answer| identity_as_live(identity, &answer)))
    }

    pub(super) async fn create_email_identity(&self, one: &EmailIdentity) -> Result<Live> {
        self.ses
            .create_email_identity()
            .email_identity(&one.email_identity)
            .set_tags(Some(tags(&one.tags)?))
            .send()
            .await?;
        Ok(self.made(Kind::EmailIdentity, &one.email_identity, one))
    }

    /// Its tags: the name is what it is, and everything else about it is not ours.
    pub(super) async fn update_email_identity(
        &self,
        one: &EmailIdentity,
        live: &Live,
    ) -> Result<()> {
        let arn = self.ses_arn("identity", &one.email_identity).await?;
        self.put_ses_tags(arn, &one.tags, &live.properties["Tags"])
            .await
    }

    pub(super) async fn delete_email_identity(&self, identity: &str) -> Result<()> {
        let deleted = self
            .ses
            .delete_email_identity()
            .email_identity(identity)
            .send()
            .await;
        gone(deleted.map_err(Fault::from))
    }

    pub(super) async fn read_configuration_set(&self, name: &str) -> Result<Option<Live>> {
        let answer = self
            .ses
            .get_configuration_set()
            .configuration_set_name(name)
            .send()
            .await;
        let Some(answer) = found(answer.map_err(Fault::from))? else {
            return Ok(None);
        };
        let (tags, owner) = tag_list(answer.tags().iter().map(|tag| (tag.key(), tag.value())));
        let metrics = answer
            .reputation_options()
            .is_some_and(|options| options.reputation_metrics_enabled());
        let reasons: Vec<&str> = answer
            .suppression_options()
            .map(|options| options.suppressed_reasons())
            .unwrap_or_default()
            .iter()
            .map(SuppressionListReason::as_str)
            .collect();
        let properties = json!({
            "Name": name,
            "ReputationOptions": { "ReputationMetricsEnabled": metrics },
            "SuppressionOptions": { "SuppressedReasons": reasons },
            "Tags": tags,
        });
        Ok(Some(Live {
            owner,
            ..live(Kind::ConfigurationSet, name, properties)
        }))
    }

    pub(super) async fn create_configuration_set(&self, one: &ConfigurationSet) -> Result<Live> {
        let metrics = one.reputation_options.reputation_metrics_enabled;
        self.ses
            .create_configuration_set()
            .configuration_set_name(&one.name)
            .reputation_options(
                ReputationOptions::builder()
                    .reputation_metrics_enabled(metrics)
                    .build(),
            )
            .suppression_options(
                SuppressionOptions::builder()
                    .set_suppressed_reasons(Some(reasons(one)))
                    .build(),
            )
            .set_tags(Some(tags(&one.tags)?))
            .send()
            .await?;
        Ok(self.made(Kind::ConfigurationSet, &one.name, one))
    }

    pub(super) async fn update_configuration_set(
        &self,
        one: &ConfigurationSet,
        live: &Live,
        changed: &BTreeSet<String>,
    ) -> Result<()> {
        if changed.contains("ReputationOptions") {
            self.ses
                .put_configuration_set_reputation_options()
                .configuration_set_name(&one.name)
                .reputation_metrics_enabled(one.reputation_options.reputation_metrics_enabled)
                .send()
                .await?;
        }
        if changed.contains("SuppressionOptions") {
            self.ses
                .put_configuration_set_suppression_options()
                .configuration_set_name(&one.name)
                .set_suppressed_reasons(Some(reasons(one)))
                .send()
                .await?;
        }
        if changed.contains("Tags") {
            let arn = self.ses_arn("configuration-set", &one.name).await?;
            self.put_ses_tags(arn, &one.tags, &live.properties["Tags"])
                .await?;
        }
        Ok(())
    }

    pub(super) async fn delete_configuration_set(&self, name: &str) -> Result<()> {
        let deleted = self
            .ses
            .delete_configuration_set()
            .configuration_set_name(name)
            .send()
            .await;
        gone(deleted.map_err(Fault::from))
    }

    pub(super) async fn read_template(&self, name: &str) -> Result<Option<Live>> {
        let answer = self
            .ses
            .get_email_template()
            .template_name(name)
            .send()
            .await;
        let Some(answer) = found(answer.map_err(Fault::from))? else {
            return Ok(None);
        };
        let content = answer.template_content();
        let properties = json!({
            "Template": {
                "TemplateName": name,
                "SubjectPart": content.and_then(|content| content.subject()),
                "HtmlPart": content.and_then(|content| content.html()),
                "TextPart": content.and_then(|content| content.text()),
            },
        });
        Ok(Some(live(Kind::Template, name, properties)))
    }

    pub(super) async fn create_template(&self, one: &Template) -> Result<Live> {
        self.ses
            .create_email_template()
            .template_name(&one.template.template_name)
            .template_content(content(one))
            .send()
            .await?;
        Ok(self.made(Kind::Template, &one.template.template_name, one))
    }

    pub(super) async fn update_template(&self, one: &Template) -> Result<()> {
        self.ses
            .update_email_template()
            .template_name(&one.template.template_name)
            .template_content(content(one))
            .send()
            .await?;
        Ok(())
    }

    pub(super) async fn delete_template(&self, name: &str) -> Result<()> {
        let deleted = self
            .ses
            .delete_email_template()
            .template_name(name)
            .send()
            .await;
        gone(deleted.map_err(Fault::from))
    }

    /// SES returns no ARNs, but its tag operations take nothing else.
    async fn ses_arn(&self, kind: &str, name: &str) -> Result<String> {
        let caller = self.caller().await?;
        let (partition, account) = (caller.partition, caller.account);
        Ok(format!(
            "arn:{partition}:ses:{}:{account}:{kind}/{name}",
            self.region()
        ))
    }

    async fn put_ses_tags(
        &self,
        arn: String,
        declared: &[resource::Tag],
        was: &Value,
    ) -> Result<()> {
        let request = self.ses.tag_resource().resource_arn(&arn);
        request.set_tags(Some(tags(declared)?)).send().await?;
        let removed = removed_tags(was, declared);
        if !removed.is_empty() {
            let request = self.ses.untag_resource().resource_arn(&arn);
            request.set_tag_keys(Some(removed)).send().await?;
        }
        Ok(())
    }
}

fn identity_as_live(identity: &str, answer: &GetEmailIdentityOutput) -> Live {
    let (tags, owner) = tag_list(answer.tags().iter().map(|tag| (tag.key(), tag.value())));
    let properties = json!({ "EmailIdentity": identity, "Tags": tags });
    Live {
        owner,
        ..live(Kind::EmailIdentity, identity, properties)
    }
}

fn tags(tags: &[resource::Tag]) -> Result<Vec<Tag>> {
    tags.iter()
        .map(|tag| Ok(Tag::builder().key(&tag.key).value(&tag.value).build()?))
        .collect()
}

fn reasons(one: &ConfigurationSet) -> Vec<SuppressionListReason> {
    one.suppression_options
        .suppressed_reasons
        .iter()
        .map(|reason| SuppressionListReason::from(reason.as_str()))
        .collect()
}

fn content(one: &Template) -> EmailTemplateContent {
    EmailTemplateContent::builder()
        .subject(&one.template.subject_part)
        .html(&one.template.html_part)
        .set_text(one.template.text_part.clone())
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay::{self, error, ok};

    #[tokio::test]
    async fn a_state_is_a_read_as_well_and_the_next_one_is_a_request() {
        let identity = json!({
            "VerifiedForSendingStatus": false,
            "DkimAttributes": { "Tokens": ["a", "b", "c"] },
            "Tags": [{ "Key": "saasauth:project", "Value": "acme" }, { "Key": "saasauth:stage", "Value": "dev" }],
        });
        let (aws, replay) = replay::aws([
            ok(identity.clone()),
            ok(identity),
            error(
                404,
                "NotFoundException",
                "Email identity acme.com does not exist.",
            ),
        ]);
        let state = aws.identity_state("acme.com").await.expect("an answer");
        let state = state.expect("it is there");
        assert_eq!((state.verified, state.dkim_tokens.len()), (false, 3));
        assert_eq!(state.owner.as_ref(), Some(aws.owner()));
        let read = aws
            .read_email_identity("acme.com")
            .await
            .expect("an answer");
        let read = read.expect("it is there");
        assert_eq!(
            (&read.owner, &read.properties),
            (&state.owner, &state.live.properties)
        );
        let gone = aws.read_email_identity("acme.com").await;
        assert!(gone.expect("absence is no error").is_none());
        replay.finish();
    }
}
