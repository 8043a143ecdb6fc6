//! `AWS::Lambda::EventInvokeConfig`.

use aws_sdk_lambda::types::{DestinationConfig, OnFailure, OnSuccess};
use serde_json::json;

use super::classify::{found, gone};
use super::lifecycle::{Change, Lifecycle, each};
use super::{Aws, Fault, Result, Waiting, Wanted, live, parts};
use saasauth_model::resource::{EventInvokeConfig, Kind, Live, LogicalId};

impl Lifecycle for EventInvokeConfig<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_event_invoke_config(id).await).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_event_invoke_config(self).await
    }

    async fn update(&self, aws: &Aws, _change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_event_invoke_config(self).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_event_invoke_config(physical_id).await
    }
}

impl Aws {
    pub(super) async fn read_event_invoke_config(&self, physical_id: &str) -> Result<Option<Live>> {
        let (function_name, qualifier) = parts(physical_id);
        let answer = self
            .lambda
            .get_function_event_invoke_config()
            .function_name(function_name)
            .qualifier(qualifier)
            .send()
            .await;
        let answer = found(answer.map_err(Fault::from))?;
        Ok(answer.map(|answer| {
            let destinations = answer.destination_config();
            let on_failure = destinations.and_then(DestinationConfig::on_failure);
            let properties = json!({
                "FunctionName": function_name,
                "Qualifier": qualifier,
                "MaximumRetryAttempts": answer.maximum_retry_attempts(),
                "MaximumEventAgeInSeconds": answer.maximum_event_age_in_seconds(),
                "DestinationConfig": {
                    "OnFailure": { "Destination": on_failure.and_then(OnFailure::destination) },
                },
            });
            live(Kind::EventInvokeConfig, physical_id, properties)
        }))
    }

    pub(super) async fn create_event_invoke_config(
        &self,
        one: &EventInvokeConfig<String>,
    ) -> Result<Live> {
        self.put_event_invoke_config(one, None).await?;
        let physical_id = format!("{}|{}", one.function_name, one.qualifier);
        Ok(self.made(Kind::EventInvokeConfig, physical_id, one))
    }

    pub(super) async fn update_event_invoke_config(
        &self,
        one: &EventInvokeConfig<String>,
    ) -> Result<()> {
        let now = self
            .lambda
            .get_function_event_invoke_config()
            .function_name(&one.function_name)
            .qualifier(&one.qualifier)
            .send()
            .await?;
        let others = now.destination_config;
        self.put_event_invoke_config(one, others.and_then(|config| config.on_success))
            .await
    }

    /// The request resets what it leaves out; a destination that somebody set for successes goes along.
    async fn put_event_invoke_config(
        &self,
        one: &EventInvokeConfig<String>,
        on_success: Option<OnSuccess>,
    ) -> Result<()> {
        let failures = &one.destination_config.on_failure.destination;
        let destinations = DestinationConfig::builder()
            .on_failure(OnFailure::builder().destination(failures).build())
            .set_on_success(on_success.filter(|one| one.destination().is_some()))
            .build();
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let request = self
            .lambda
            .put_function_event_invoke_config()
            .function_name(&one.function_name)
            .qualifier(&one.qualifier)
            .maximum_retry_attempts(number(one.maximum_retry_attempts))
            .maximum_event_age_in_seconds(number(one.maximum_event_age_in_seconds))
            .destination_config(destinations);
        request.send().await?;
        Ok(())
    }

    pub(super) async fn delete_event_invoke_config(&self, physical_id: &str) -> Result<()> {
        let (function_name, qualifier) = parts(physical_id);
        let request = self
            .lambda
            .delete_function_event_invoke_config()
            .function_name(function_name)
            .qualifier(qualifier);
        gone(request.send().await.map_err(Fault::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay::{self, error, ok};
    use saasauth_model::resource::event_invoke_config::{self, Destination, LATEST};

    fn destinations() -> serde_json::Value {
        json!({ "OnFailure": { "Destination": "arn:queue" } })
    }

    fn declared() -> EventInvokeConfig<String> {
        EventInvokeConfig {
            function_name: "f".to_owned(),
            qualifier: LATEST.to_owned(),
            maximum_retry_attempts: 2,
            maximum_event_age_in_seconds: 21_600,
            destination_config: event_invoke_config::DestinationConfig {
                on_failure: Destination {
                    destination: "arn:queue".to_owned(),
                },
            },
        }
    }

    #[tokio::test]
    async fn it_waits_for_the_function_and_reads_back_as_declared() {
        let (aws, replay) = replay::aws([
            error(409, "ResourceConflictException", "The function is pending"),
            ok(json!({})),
            ok(json!({
                "MaximumRetryAttempts": 2,
                "MaximumEventAgeInSeconds": 21_600,
                "DestinationConfig": destinations(),
            })),
            error(
                404,
                "ResourceNotFoundException",
                "The function f doesn't have an EventInvokeConfig",
            ),
        ]);
        let made = aws
            .create_event_invoke_config(&declared())
            .await
            .expect("made");
        assert_eq!(made.physical_id, "f|$LATEST");
        let live = aws
            .read_event_invoke_config(&made.physical_id)
            .await
            .expect("answered")
            .expect("it is there");
        assert_eq!(live.properties, made.properties);
        let gone = aws.read_event_invoke_config("f|$LATEST").await;
        assert_eq!(gone.expect("absence is no error"), None);
        let sent = replay.finish();
        assert_eq!(
            sent[1].what,
            "PUT /2019-09-25/functions/f/event-invoke-config?Qualifier=%24LATEST"
        );
        assert_eq!(
            sent[1].body,
            json!({
                "MaximumRetryAttempts": 2,
                "MaximumEventAgeInSeconds": 21_600,
                "DestinationConfig": destinations(),
            })
        );
    }

    #[tokio::test]
    async fn an_update_keeps_where_somebody_sends_successes() {
        let destination = json!({
            "OnFailure": { "Destination": "arn:another" }, "OnSuccess": { "Destination": "arn:topic" },
        });
        let (aws, replay) = replay::aws([
            ok(json!({ "MaximumRetryAttempts": 0, "DestinationConfig": destination })),
            ok(json!({})),
        ]);
        aws.update_event_invoke_config(&declared())
            .await
            .expect("updated");
        let sent = replay.finish();
        assert_eq!(
            sent[1].body["DestinationConfig"],
            json!({ "OnFailure": { "Destination": "arn:queue" }, "OnSuccess": { "Destination": "arn:topic" } })
        );
        assert_eq!(sent[1].body["MaximumRetryAttempts"], 2);
    }
}
