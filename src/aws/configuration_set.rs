//! `AWS::SES::ConfigurationSet`.

use std::collections::BTreeSet;

use aws_sdk_sesv2::types::{ReputationOptions, SuppressionListReason, SuppressionOptions};
use serde_json::json;

use super::classify::{found, gone};
use super::lifecycle::{Change, Lifecycle, each};
use super::ses::tags;
use super::{Aws, Fault, Result, Waiting, Wanted, live, tag_list};
use saasauth_model::resource::{ConfigurationSet, Kind, Live, LogicalId};

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

impl Aws {
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
}

fn reasons(one: &ConfigurationSet) -> Vec<SuppressionListReason> {
    one.suppression_options
        .suppressed_reasons
        .iter()
        .map(|reason| SuppressionListReason::from(reason.as_str()))
        .collect()
}
