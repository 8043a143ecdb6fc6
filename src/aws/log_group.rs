//! `AWS::Logs::LogGroup`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_cloudwatchlogs::types::LogGroup as Description;
use futures::future::try_join_all;
use serde_json::json;

use super::classify::gone;
use super::lifecycle::{Change, Lifecycle};
use super::{Aws, Result, Waiting, Wanted, by_name, removed_tags, tag_list, trace, with_arn};
use saasauth_model::resource::{Kind, Live, LogGroup, LogicalId, Tag};

impl Lifecycle for LogGroup {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        aws.read_log_groups(wanted).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_log_group(self).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_log_group(self, change.live, change.changed)
            .await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_log_group(physical_id).await
    }
}

type Tags = HashMap<String, String>;

/// What DescribeLogGroups and ListTagsForResource tell, in CloudFormation's words.
fn as_live(description: &Description, tags: &Tags) -> Live {
    let name = description.log_group_name().unwrap_or_default();
    let (tags, owner) = tag_list(
        tags.iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    );
    let properties = json!({
        "LogGroupName": name,
        "RetentionInDays": description.retention_in_days(),
        "KmsKeyId": description.kms_key_id(),
        "Tags": tags,
    });
    let live = super::live(Kind::LogGroup, name, properties);
    Live {
        owner,
        ..with_arn(live, description.arn())
    }
}

impl Aws {
    /// Lists by the names' common prefix, in one request for all; only the tags cost one each.
    pub(super) async fn read_log_groups(
        &self,
        wanted: &[&Wanted],
    ) -> Result<Vec<(LogicalId, Live)>> {
        let Some((ids, prefix)) = by_name(wanted) else {
            return Ok(Vec::new());
        };
        let described = self
            .logs
            .describe_log_groups()
            .set_log_group_name_prefix((!prefix.is_empty()).then_some(prefix))
            .into_paginator()
            .items()
            .send()
            .collect::<std::result::Result<Vec<Description>, _>>();
        // Nothing waits for the ARNs that follow from the names.
        let known = ids.keys().filter_map(|name| {
            let arn = self.arn("logs", &format!("log-group:{name}"))?;
            Some(trace::beside(async move {
                (name.clone(), self.log_group_tags(&arn).await)
            }))
        });
        let (descriptions, known) =
            futures::join!(trace::beside(described), futures::future::join_all(known));
        let descriptions = descriptions?;
        let mut known: BTreeMap<String, Result<Tags>> = known.into_iter().collect();
        let reads = descriptions.iter().filter_map(|description| {
            let name = description.log_group_name()?;
            let id = ids.get(name)?;
            let known = known.remove(name);
            Some(trace::beside(async move {
                let tags = match known {
                    Some(tags) => tags?,
                    None => {
                        let arn = description.arn().unwrap_or_default();
                        self.log_group_tags(bare(arn)).await?
                    }
                };
                Ok::<_, super::Fault>((id.clone(), as_live(description, &tags)))
            }))
        });
        try_join_all(reads).await
    }

    async fn log_group_tags(&self, arn: &str) -> Result<Tags> {
        let request = self.logs.list_tags_for_resource().resource_arn(arn);
        Ok(request.send().await?.tags.unwrap_or_default())
    }

    pub(super) async fn create_log_group(&self, one: &LogGroup) -> Result<Live> {
        self.logs
            .create_log_group()
            .log_group_name(&one.log_group_name)
            .set_kms_key_id(one.kms_key_id.clone())
            .set_tags(Some(tags(&one.tags)))
            .send()
            .await?;
        // CreateLogGroup takes no retention. Cut off here, the next deploy sees it missing.
        self.put_retention(one).await?;
        Ok(self.made(Kind::LogGroup, &one.log_group_name, one))
    }

    pub(super) async fn update_log_group(
        &self,
        one: &LogGroup,
        live: &Live,
        changed: &BTreeSet<String>,
    ) -> Result<()> {
        if changed.contains("RetentionInDays") {
            self.put_retention(one).await?;
        }
        if let Some(key) = one
            .kms_key_id
            .as_ref()
            .filter(|_| changed.contains("KmsKeyId"))
        {
            self.logs
                .associate_kms_key()
                .log_group_name(&one.log_group_name)
                .kms_key_id(key)
                .send()
                .await?;
        }
        if changed.contains("Tags") {
            let arn = live
                .attributes
                .get("Arn")
                .map(String::as_str)
                .unwrap_or_default();
            self.logs
                .tag_resource()
                .resource_arn(bare(arn))
                .set_tags(Some(tags(&one.tags)))
                .send()
                .await?;
            let removed = removed_tags(&live.properties["Tags"], &one.tags);
            if !removed.is_empty() {
                self.logs
                    .untag_resource()
                    .resource_arn(bare(arn))
                    .set_tag_keys(Some(removed))
                    .send()
                    .await?;
            }
        }
        Ok(())
    }

    async fn put_retention(&self, one: &LogGroup) -> Result<()> {
        let days = i32::try_from(one.retention_in_days).unwrap_or(i32::MAX);
        self.logs
            .put_retention_policy()
            .log_group_name(&one.log_group_name)
            .retention_in_days(days)
            .send()
            .await?;
        Ok(())
    }

    pub(super) async fn delete_log_group(&self, name: &str) -> Result<()> {
        gone(
            self.logs
                .delete_log_group()
                .log_group_name(name)
                .send()
                .await
                .map_err(Into::into),
        )
    }
}

/// The tag operations want the ARN without the `:*` that CloudFormation's `Arn` ends with.
fn bare(arn: &str) -> &str {
    arn.trim_end_matches(":*")
}

fn tags(tags: &[Tag]) -> std::collections::HashMap<String, String> {
    tags.iter()
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::common_prefix;
    use crate::aws::replay;

    fn wanted(id: &str, name: &str) -> Wanted {
        Wanted {
            id: id.to_owned(),
            kind: Kind::LogGroup,
            physical_id: None,
            declared: json!({ "LogGroupName": name }),
        }
    }

    #[test]
    fn the_prefix_is_the_longest_that_all_share() {
        assert_eq!(
            common_prefix("/aws/lambda/a-dev-confirm", "/aws/lambda/a-dev-generate"),
            "/aws/lambda/a-dev-"
        );
        assert_eq!(common_prefix("same", "same"), "same");
        assert_eq!(common_prefix("é1", "é2"), "é");
        assert_eq!(common_prefix("a", "b"), "");
    }

    #[tokio::test]
    async fn one_listing_serves_all_and_neighbours_are_left_out() {
        let arn = |name: &str| format!("arn:aws:logs:eu-west-1:111122223333:log-group:{name}:*");
        let (aws, replay) = replay::aws([
            replay::ok(json!({ "logGroups": [
                { "logGroupName": "/x/a", "arn": arn("/x/a"), "retentionInDays": 30 },
                { "logGroupName": "/x/another", "arn": arn("/x/another") },
            ] })),
            replay::ok(json!({ "tags": { "saasauth:project": "acme", "saasauth:stage": "dev" } })),
        ]);
        let (a, b) = (wanted("A", "/x/a"), wanted("B", "/x/b"));
        let found = aws
            .read_log_groups(&[&a, &b])
            .await
            .expect("both answers are good");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, "A");
        assert_eq!(found[0].1.properties["RetentionInDays"], 30);
        assert_eq!(found[0].1.owner.as_ref(), Some(aws.owner()));
        let sent = replay.finish();
        assert_eq!(sent[0].body["logGroupNamePrefix"], "/x/");
        assert_eq!(
            sent[1].body["resourceArn"],
            arn("/x/a").trim_end_matches(":*")
        );
    }

    #[tokio::test]
    async fn nothing_wanted_asks_nothing() {
        let (aws, replay) = replay::aws([]);
        let mut open = wanted("A", "/x/a");
        open.declared = json!({ "LogGroupName": { "Ref": "Later" } });
        assert!(
            aws.read_log_groups(&[&open])
                .await
                .expect("no request")
                .is_empty()
        );
        assert!(replay.finish().is_empty());
    }
}
