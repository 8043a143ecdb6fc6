//! `AWS::SES::EmailIdentity`, `AWS::SES::ConfigurationSet` and `AWS::SES::Template`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityState {
    /// Whether mail can be sent from it.
    pub verified: bool,
    /// Whose it is; `None` when it has no ownership tags.
    pub owner: Option<Owner>,
    /// The names of the CNAME records that prove the domain; none for an address.
    pub dkim_tokens: Vec<String>,
}

/// Answers about identities that were read before planning and that the planning read takes over,
/// each once, so that it costs no second request.
pub(super) type ReadIdentities = Mutex<BTreeMap<String, Option<GetEmailIdentityOutput>>>;

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
        let state = answer.as_ref().map(|answer| {
            let dkim = answer.dkim_attributes();
            IdentityState {
                verified: answer.verified_for_sending_status(),
                owner: identity_tags(answer).1,
                dkim_tokens: dkim.map(|dkim| dkim.tokens().to_vec()).unwrap_or_default(),
            }
        });
        self.identities
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(identity.to_owned(), answer);
        Ok(state)
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

    /// Takes what [`Aws::identity_state`] left behind.
    fn known_identity(&self, identity: &str) -> Option<Option<GetEmailIdentityOutput>> {
        self.identities
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(identity)
    }

    pub(super) async fn read_email_identity(&self, identity: &str) -> Result<Option<Live>> {
        let answer = match self.known_identity(identity) {
            Some(answer) => answer,
            None => self.get_email_identity(identity).await?,
        };
        Ok(answer.map(|answer| {
            let (tags, owner) = identity_tags(&answer);
            let properties = json!({ "EmailIdentity": identity, "Tags": tags });
            Live {
                owner,
                ..live(Kind::EmailIdentity, identity, properties)
            }
        }))
    }

    pub(super) async fn create_email_identity(&self, one: &EmailIdentity) -> Result<Live> {
        self.known_identity(&one.email_identity);
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
        self.known_identity(&one.email_identity);
        let arn = self.ses_arn("identity", &one.email_identity).await?;
        self.put_ses_tags(arn, &one.tags, &live.properties["Tags"])
            .await
    }

    pub(super) async fn delete_email_identity(&self, identity: &str) -> Result<()> {
        self.known_identity(identity);
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

fn identity_tags(answer: &GetEmailIdentityOutput) -> (Value, Option<Owner>) {
    tag_list(answer.tags().iter().map(|tag| (tag.key(), tag.value())))
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
    async fn planning_takes_over_what_was_read_before_it_but_only_once() {
        let identity = json!({
            "VerifiedForSendingStatus": false,
            "DkimAttributes": { "Tokens": ["a", "b", "c"] },
            "Tags": [{ "Key": "saasauth:project", "Value": "acme" }, { "Key": "saasauth:stage", "Value": "dev" }],
        });
        let (aws, replay) = replay::aws([ok(identity.clone()), ok(identity)]);
        let state = aws
            .identity_state("acme.com")
            .await
            .expect("an answer")
            .expect("it is there");
        assert_eq!((state.verified, state.dkim_tokens.len()), (false, 3));
        assert_eq!(state.owner.as_ref(), Some(aws.owner()));
        for _ in 0..2 {
            let live = aws
                .read_email_identity("acme.com")
                .await
                .expect("an answer");
            assert_eq!(live.expect("it is there").owner.as_ref(), Some(aws.owner()));
        }
        assert_eq!(replay.finish().len(), 2);
    }

    #[tokio::test]
    async fn an_absent_identity_is_remembered_too() {
        let (aws, replay) = replay::aws([error(
            404,
            "NotFoundException",
            "Email identity acme.com does not exist.",
        )]);
        assert_eq!(
            aws.identity_state("acme.com")
                .await
                .expect("absence is no error"),
            None
        );
        assert_eq!(
            aws.read_email_identity("acme.com")
                .await
                .expect("no request"),
            None
        );
        replay.finish();
    }

    #[tokio::test]
    async fn an_update_leaves_no_stale_answer() {
        let (aws, replay) = replay::aws([
            error(
                404,
                "NotFoundException",
                "Email identity acme.com does not exist.",
            ),
            ok(json!({})),
            ok(json!({ "Tags": [] })),
        ]);
        aws.identity_state("acme.com")
            .await
            .expect("absence is no error");
        let one = EmailIdentity {
            email_identity: "acme.com".to_owned(),
            tags: vec![],
        };
        aws.create_email_identity(&one).await.expect("made");
        assert!(
            aws.read_email_identity("acme.com")
                .await
                .expect("an answer")
                .is_some()
        );
        replay.finish();
    }
}
