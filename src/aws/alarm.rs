//! `AWS::CloudWatch::Alarm`.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder;
use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, Dimension, MetricAlarm, Statistic, Tag,
};
use futures::future::try_join_all;
use serde_json::{Value, json};

use super::classify::{Class, gone};
use super::lifecycle::{Change, Lifecycle};
use super::{
    Aws, Fault, Result, Waiting, Wanted, by_name, removed_tags, tag_list, trace, with_arn,
};
use saasauth_model::resource::{self, Alarm, Kind, Live, LogicalId};

impl Lifecycle for Alarm {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        aws.read_alarms(wanted).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_alarm(self).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_alarm(self, change.live, change.changed).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_alarm(physical_id).await
    }
}

impl Aws {
    /// Lists by the names' common prefix, in one request for all; only the tags cost one each.
    pub(super) async fn read_alarms(&self, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        let Some((ids, prefix)) = by_name(wanted) else {
            return Ok(Vec::new());
        };
        let alarms = self.list_alarms(&prefix).await?;
        let reads = alarms.iter().filter_map(|alarm| {
            let id = ids.get(alarm.alarm_name()?)?;
            Some(trace::beside(async move {
                Ok::<_, Fault>((id.clone(), self.alarm_with_tags(alarm).await?))
            }))
        });
        try_join_all(reads).await
    }

    async fn list_alarms(&self, prefix: &str) -> Result<Vec<MetricAlarm>> {
        let mut alarms = Vec::new();
        let mut pages = self
            .cloudwatch
            .describe_alarms()
            .set_alarm_name_prefix((!prefix.is_empty()).then(|| prefix.to_owned()))
            .alarm_types(AlarmType::MetricAlarm)
            .max_records(100)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            alarms.extend(page?.metric_alarms.unwrap_or_default());
        }
        Ok(alarms)
    }

    async fn describe_alarm(&self, name: &str) -> Result<Option<MetricAlarm>> {
        let answer = self
            .cloudwatch
            .describe_alarms()
            .alarm_names(name)
            .alarm_types(AlarmType::MetricAlarm)
            .send()
            .await?;
        Ok(answer.metric_alarms.unwrap_or_default().pop())
    }

    async fn alarm_with_tags(&self, alarm: &MetricAlarm) -> Result<Live> {
        let arn = alarm.alarm_arn().unwrap_or_default();
        let answer = self
            .cloudwatch
            .list_tags_for_resource()
            .resource_arn(arn)
            .send()
            .await?;
        let tags = answer.tags().iter();
        let (tags, owner) = tag_list(tags.filter_map(|tag| Some((tag.key()?, tag.value()?))));
        let mut properties = properties(alarm);
        properties["Tags"] = tags;
        let name = alarm.alarm_name().unwrap_or_default();
        let live = with_arn(super::live(Kind::Alarm, name, properties), Some(arn));
        Ok(Live { owner, ..live })
    }

    /// PutMetricAlarm writes over an alarm of the same name without a word, so the name is looked at
    /// first.
    pub(super) async fn create_alarm(&self, one: &Alarm) -> Result<Live> {
        if self.describe_alarm(&one.alarm_name).await?.is_some() {
            return Err(Fault {
                class: Class::AlreadyExists,
                ..Fault::ours(format!("the alarm `{}` already exists", one.alarm_name))
            });
        }
        self.put_alarm(one)
            .set_tags(Some(tags(&one.tags)))
            .send()
            .await?;
        Ok(self.made(Kind::Alarm, &one.alarm_name, one))
    }

    pub(super) async fn update_alarm(
        &self,
        one: &Alarm,
        live: &Live,
        changed: &BTreeSet<String>,
    ) -> Result<()> {
        if changed.iter().any(|property| property != "Tags") {
            let now = self.describe_alarm(&one.alarm_name).await?;
            let request = self.put_alarm(one);
            // The request resets what it leaves out; what we don't declare stays as somebody set it.
            let request = match now {
                Some(now) => request
                    .set_actions_enabled(now.actions_enabled)
                    .set_ok_actions(now.ok_actions)
                    .set_insufficient_data_actions(now.insufficient_data_actions)
                    .set_unit(now.unit)
                    .set_datapoints_to_alarm(now.datapoints_to_alarm)
                    .set_evaluate_low_sample_count_percentile(
                        now.evaluate_low_sample_count_percentile,
                    ),
                None => request,
            };
            request.send().await?;
        }
        if changed.contains("Tags") {
            self.put_alarm_tags(one, live).await?;
        }
        Ok(())
    }

    async fn put_alarm_tags(&self, one: &Alarm, live: &Live) -> Result<()> {
        let arn = live
            .attributes
            .get("Arn")
            .map(String::as_str)
            .unwrap_or_default();
        self.cloudwatch
            .tag_resource()
            .resource_arn(arn)
            .set_tags(Some(tags(&one.tags)))
            .send()
            .await?;
        let removed = removed_tags(&live.properties["Tags"], &one.tags);
        if !removed.is_empty() {
            let request = self.cloudwatch.untag_resource().resource_arn(arn);
            request.set_tag_keys(Some(removed)).send().await?;
        }
        Ok(())
    }

    pub(super) async fn delete_alarm(&self, name: &str) -> Result<()> {
        let deleted = self.cloudwatch.delete_alarms().alarm_names(name).send();
        gone(deleted.await.map_err(Fault::from))
    }

    /// Everything we declare but tags, which the request takes for a new alarm alone.
    fn put_alarm(&self, one: &Alarm) -> PutMetricAlarmFluentBuilder {
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let dimensions = one.dimensions.iter().map(|dimension| {
            Dimension::builder()
                .name(&dimension.name)
                .value(&dimension.value)
                .build()
        });
        self.cloudwatch
            .put_metric_alarm()
            .alarm_name(&one.alarm_name)
            .alarm_description(&one.alarm_description)
            .namespace(&one.namespace)
            .metric_name(&one.metric_name)
            .set_dimensions(Some(dimensions.collect()))
            .set_statistic(one.statistic.as_deref().map(Statistic::from))
            .set_extended_statistic(one.extended_statistic.clone())
            .period(number(one.period))
            .evaluation_periods(number(one.evaluation_periods))
            .comparison_operator(ComparisonOperator::from(one.comparison_operator.as_str()))
            .threshold(f64::from(one.threshold))
            .treat_missing_data(&one.treat_missing_data)
            .set_alarm_actions(Some(one.alarm_actions.clone()))
    }
}

/// What DescribeAlarms tells, in CloudFormation's words.
fn properties(alarm: &MetricAlarm) -> Value {
    let dimensions: Vec<Value> = alarm
        .dimensions()
        .iter()
        .map(|dimension| json!({ "Name": dimension.name(), "Value": dimension.value() }))
        .collect();
    json!({
        "AlarmName": alarm.alarm_name(),
        "AlarmDescription": alarm.alarm_description(),
        "Namespace": alarm.namespace(),
        "MetricName": alarm.metric_name(),
        "Dimensions": dimensions,
        "Statistic": alarm.statistic().map(Statistic::as_str),
        "ExtendedStatistic": alarm.extended_statistic(),
        "Period": alarm.period(),
        "EvaluationPeriods": alarm.evaluation_periods(),
        "ComparisonOperator": alarm.comparison_operator().map(ComparisonOperator::as_str),
        "Threshold": alarm.threshold().map(number),
        "TreatMissingData": alarm.treat_missing_data(),
        "AlarmActions": alarm.alarm_actions(),
    })
}

/// Our thresholds are whole; one that isn't has been changed by hand.
fn number(number: f64) -> Value {
    let whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    if whole {
        // In range, as was just checked.
        json!(number as u64)
    } else {
        json!(number)
    }
}

fn tags(tags: &[resource::Tag]) -> Vec<Tag> {
    tags.iter()
        .map(|tag| Tag::builder().key(&tag.key).value(&tag.value).build())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay;
    use saasauth_model::resource::alarm;

    fn declared() -> Alarm {
        Alarm {
            alarm_name: "acme-dev-f-duration".to_owned(),
            alarm_description: "slow".to_owned(),
            namespace: "AWS/Lambda".to_owned(),
            metric_name: "Duration".to_owned(),
            dimensions: vec![alarm::Dimension {
                name: "FunctionName".to_owned(),
                value: "acme-dev-f".to_owned(),
            }],
            statistic: None,
            extended_statistic: Some("p99".to_owned()),
            period: 300,
            evaluation_periods: 2,
            comparison_operator: "GreaterThanOrEqualToThreshold".to_owned(),
            threshold: 4500,
            treat_missing_data: "notBreaching".to_owned(),
            alarm_actions: vec![],
            tags: vec![],
        }
    }

    fn described() -> Value {
        let mut alarm = serde_json::to_value(declared()).expect("it is a document");
        alarm["AlarmArn"] = json!("arn:alarm");
        alarm["Threshold"] = json!(4500.0);
        alarm["OKActions"] = json!(["arn:ok"]);
        alarm["ActionsEnabled"] = json!(false);
        alarm
    }

    fn wanted(id: &str, name: &str) -> Wanted {
        Wanted {
            id: id.to_owned(),
            kind: Kind::Alarm,
            physical_id: None,
            declared: json!({ "AlarmName": name }),
        }
    }

    #[tokio::test]
    async fn one_listing_serves_all_and_reads_in_our_words() {
        let neighbour = json!({ "AlarmName": "acme-dev-f-dust", "AlarmArn": "arn:other" });
        let (aws, replay) = replay::aws_over_cbor([
            json!({ "MetricAlarms": [described(), neighbour] }),
            json!({ "Tags": [
                { "Key": "saasauth:project", "Value": "acme" },
                { "Key": "saasauth:stage", "Value": "dev" },
            ] }),
        ]);
        let (slow, failed) = (
            wanted("Slow", "acme-dev-f-duration"),
            wanted("Failed", "acme-dev-f-errors"),
        );
        let found = aws.read_alarms(&[&slow, &failed]).await.expect("answered");
        assert_eq!(found.len(), 1);
        let (id, live) = &found[0];
        assert_eq!(
            (id.as_str(), live.owner.as_ref()),
            ("Slow", Some(aws.owner()))
        );
        assert_eq!(live.properties["Threshold"], json!(4500));
        assert_eq!(live.properties["ExtendedStatistic"], "p99");
        assert_eq!(live.properties["AlarmActions"], json!([]));
        let sent = replay.finish();
        assert_eq!(sent[0].body["AlarmNamePrefix"], "acme-dev-f-");
        assert_eq!(sent[1].body["ResourceARN"], "arn:alarm");
    }

    #[tokio::test]
    async fn a_taken_name_is_never_written_over() {
        let (aws, replay) = replay::aws_over_cbor([
            json!({ "MetricAlarms": [] }),
            json!({}),
            json!({ "MetricAlarms": [{ "AlarmName": "acme-dev-f-errors" }] }),
        ]);
        aws.create_alarm(&declared())
            .await
            .expect("its name is free");
        let mut taken = declared();
        taken.alarm_name = "acme-dev-f-errors".to_owned();
        let fault = aws.create_alarm(&taken).await.expect_err("it is taken");
        assert_eq!(fault.class, Class::AlreadyExists);
        let sent = replay.finish();
        assert_eq!(sent[0].body["AlarmNames"], json!(["acme-dev-f-duration"]));
        assert_eq!(sent[1].body["Threshold"], json!(4500.0));
        assert_eq!(sent[1].body["AlarmActions"], json!([]));
        assert_eq!(sent[1].body["Statistic"], Value::Null);
    }

    #[tokio::test]
    async fn an_update_keeps_what_others_set() {
        let (aws, replay) =
            replay::aws_over_cbor([json!({ "MetricAlarms": [described()] }), json!({})]);
        let live = super::super::live(Kind::Alarm, "acme-dev-f-duration", json!({}));
        let changed = BTreeSet::from(["Threshold".to_owned()]);
        aws.update_alarm(&declared(), &live, &changed)
            .await
            .expect("updated");
        let sent = replay.finish();
        assert_eq!(sent[0].body["AlarmNames"], json!(["acme-dev-f-duration"]));
        assert_eq!(sent[1].body["OKActions"], json!(["arn:ok"]));
        assert_eq!(sent[1].body["ActionsEnabled"], false);
    }
}
