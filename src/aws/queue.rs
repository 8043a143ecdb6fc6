//! `AWS::SQS::Queue`.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_sqs::operation::create_queue::builders::CreateQueueFluentBuilder;
use aws_sdk_sqs::types::QueueAttributeName;
use saasauth_model::resource::{Kind, Live, LogicalId, Queue, Tag};
use serde_json::{Value, json};

use super::classify::{Class, found, gone};
use super::lifecycle::{Change, Lifecycle, each_or_look_for};
use super::{Aws, Fault, Result, Waiting, Wanted, live, removed_tags, tag_list, trace, with_arn};

impl Lifecycle for Queue {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each_or_look_for(
            wanted,
            async |url| aws.read_queue(url).await,
            async |one| aws.find_queue(one).await,
        )
        .await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_queue(self).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_queue(self, change.live, change.changed).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_queue(physical_id).await
    }
}

impl Aws {
    /// Attributes and tags have a request each.
    pub(super) async fn read_queue(&self, url: &str) -> Result<Option<Live>> {
        let (attributes, tags) = futures::join!(
            trace::beside(self.queue_attributes(url)),
            trace::beside(self.queue_tags(url)),
        );
        let (Some(attributes), Some(tags)) = (attributes?, tags?) else {
            return Ok(None);
        };
        let text = |name: &QueueAttributeName| attributes.get(name).map(String::as_str);
        let arn = text(&QueueAttributeName::QueueArn).unwrap_or_default();
        let retention = text(&QueueAttributeName::MessageRetentionPeriod);
        let retention: Option<u32> = retention.and_then(|seconds| seconds.parse().ok());
        let encrypted = text(&QueueAttributeName::SqsManagedSseEnabled) == Some("true");
        let (tags, owner) = tag_list(
            tags.iter()
                .map(|(key, value)| (key.as_str(), value.as_str())),
        );
        let properties = json!({
            "QueueName": arn.rsplit(':').next(),
            "MessageRetentionPeriod": retention,
            "SqsManagedSseEnabled": encrypted,
            "Tags": tags,
        });
        let live = with_arn(live(Kind::Queue, url, properties), Some(arn));
        Ok(Some(Live { owner, ..live }))
    }

    async fn queue_attributes(
        &self,
        url: &str,
    ) -> Result<Option<HashMap<QueueAttributeName, String>>> {
        let request = self.sqs.get_queue_attributes().queue_url(url);
        let answer = request
            .attribute_names(QueueAttributeName::QueueArn)
            .attribute_names(QueueAttributeName::MessageRetentionPeriod)
            .attribute_names(QueueAttributeName::SqsManagedSseEnabled)
            .send()
            .await;
        let answer = found(answer.map_err(Fault::from))?;
        Ok(answer.map(|answer| answer.attributes.unwrap_or_default()))
    }

    async fn queue_tags(&self, url: &str) -> Result<Option<HashMap<String, String>>> {
        let answer = self.sqs.list_queue_tags().queue_url(url).send().await;
        let answer = found(answer.map_err(Fault::from))?;
        Ok(answer.map(|answer| answer.tags.unwrap_or_default()))
    }

    /// One that no record knows, by its name.
    async fn find_queue(&self, wanted: &Wanted) -> Result<Option<Live>> {
        let name = wanted.declared["QueueName"].as_str().unwrap_or_default();
        match self.queue_url(name).await? {
            Some(url) => self.read_queue(&url).await,
            None => Ok(None),
        }
    }

    async fn queue_url(&self, name: &str) -> Result<Option<String>> {
        let answer = self.sqs.get_queue_url().queue_name(name).send().await;
        let answer = found(answer.map_err(Fault::from))?;
        Ok(answer.and_then(|answer| answer.queue_url))
    }

    /// CreateQueue takes a queue that has the name and the same attributes for the one it was asked for, whoever made it, so
    /// the name is looked at first.
    ///
    /// What is found may be on its way out: for up to 60 seconds, by the reference of DeleteQueue, requests to it still
    /// succeed. CreateQueue alone knows, and is refused until the name is free. So it is sent for one of ours, too.
    pub(super) async fn create_queue(&self, one: &Queue) -> Result<Live> {
        let taken = || Fault {
            class: Class::AlreadyExists,
            ..Fault::ours(format!("the queue `{}` already exists", one.queue_name))
        };
        let found = self.queue_url(&one.queue_name).await?;
        if let Some(url) = &found {
            let tags = self.queue_tags(url).await?.unwrap_or_default();
            let tags = tags
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()));
            if tag_list(tags).1.as_ref() != Some(self.owner()) {
                return Err(taken());
            }
        }
        let answer = self.put_new_queue(one).send().await?;
        if found.is_some() {
            // It stays, and is made what is declared like everything that is taken over.
            return Err(taken());
        }
        let url = answer.queue_url.unwrap_or_default();
        let caller = self.caller().await?;
        let arn = format!(
            "arn:{}:sqs:{}:{}:{}",
            caller.partition,
            self.region(),
            caller.account,
            one.queue_name
        );
        Ok(with_arn(self.made(Kind::Queue, url, one), Some(&arn)))
    }

    fn put_new_queue(&self, one: &Queue) -> CreateQueueFluentBuilder {
        let retention = one.message_retention_period.to_string();
        let encrypted = one.sqs_managed_sse_enabled.to_string();
        self.sqs
            .create_queue()
            .queue_name(&one.queue_name)
            .attributes(QueueAttributeName::MessageRetentionPeriod, retention)
            .attributes(QueueAttributeName::SqsManagedSseEnabled, encrypted)
            .set_tags(Some(tags(&one.tags)))
    }

    pub(super) async fn update_queue(
        &self,
        one: &Queue,
        live: &Live,
        changed: &BTreeSet<String>,
    ) -> Result<()> {
        let url = live.physical_id.as_str();
        let mut attributes = HashMap::new();
        if changed.contains("MessageRetentionPeriod") {
            let retention = one.message_retention_period.to_string();
            attributes.insert(QueueAttributeName::MessageRetentionPeriod, retention);
        }
        if changed.contains("SqsManagedSseEnabled") {
            // There is one encryption at a time: a key of somebody's own has to go with the same request.
            if one.sqs_managed_sse_enabled {
                attributes.insert(QueueAttributeName::KmsMasterKeyId, String::new());
            }
            let encrypted = one.sqs_managed_sse_enabled.to_string();
            attributes.insert(QueueAttributeName::SqsManagedSseEnabled, encrypted);
        }
        if !attributes.is_empty() {
            let request = self.sqs.set_queue_attributes().queue_url(url);
            request.set_attributes(Some(attributes)).send().await?;
        }
        if changed.contains("Tags") {
            self.put_queue_tags(one, url, &live.properties["Tags"])
                .await?;
        }
        Ok(())
    }

    async fn put_queue_tags(&self, one: &Queue, url: &str, live: &Value) -> Result<()> {
        let request = self.sqs.tag_queue().queue_url(url);
        request.set_tags(Some(tags(&one.tags))).send().await?;
        let removed = removed_tags(live, &one.tags);
        if !removed.is_empty() {
            let request = self.sqs.untag_queue().queue_url(url);
            request.set_tag_keys(Some(removed)).send().await?;
        }
        Ok(())
    }

    pub(super) async fn delete_queue(&self, url: &str) -> Result<()> {
        let deleted = self.sqs.delete_queue().queue_url(url).send().await;
        gone(deleted.map_err(Fault::from))
    }
}

fn tags(tags: &[Tag]) -> HashMap<String, String> {
    let tags = tags.iter();
    tags.map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay::{self, error, ok};
    use crate::aws::wait::UNWATCHED;
    use saasauth_model::resource::{PROJECT_TAG, Resolved, Resource, STAGE_TAG};

    const URL: &str = "https://sqs.eu-west-1.amazonaws.com/111122223333/q";

    fn declared() -> Queue {
        let tag = |key: &str, value: &str| Tag {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        Queue {
            queue_name: "q".to_owned(),
            message_retention_period: 1_209_600,
            sqs_managed_sse_enabled: true,
            tags: vec![tag(PROJECT_TAG, "acme"), tag(STAGE_TAG, "dev")],
        }
    }

    fn resource() -> Resolved {
        Resource::Queue(declared())
    }

    fn absent() -> (u16, String) {
        error(
            400,
            "com.amazonaws.sqs#QueueDoesNotExist",
            "The specified queue does not exist.",
        )
    }

    fn named() -> (u16, String) {
        ok(json!({ "QueueUrl": URL }))
    }

    fn attributes(retention: &str) -> (u16, String) {
        ok(json!({ "Attributes": {
            "QueueArn": "arn:aws:sqs:eu-west-1:111122223333:q",
            "MessageRetentionPeriod": retention,
            "SqsManagedSseEnabled": "true",
        }}))
    }

    fn tagged(project: &str) -> (u16, String) {
        ok(json!({ "Tags": { PROJECT_TAG: project, STAGE_TAG: "dev" } }))
    }

    /// Who we are, by STS.
    fn caller() -> (u16, String) {
        let body = "<GetCallerIdentityResponse><GetCallerIdentityResult>\
                    <Arn>arn:aws:iam::111122223333:user/ada</Arn><Account>111122223333</Account>\
                    </GetCallerIdentityResult></GetCallerIdentityResponse>";
        (200, body.to_owned())
    }

    #[tokio::test]
    async fn it_is_made_whole_in_one_request_and_reads_back_as_declared() {
        let answers = [
            absent(),
            named(),
            caller(),
            attributes("1209600"),
            tagged("acme"),
        ];
        let (aws, replay) = replay::aws(answers);
        let made = aws.create("Q", &resource(), UNWATCHED).await.expect("made");
        let live = aws.read_queue(URL).await.expect("answered");
        let live = live.expect("it is there");
        assert_eq!(live, made);
        assert_eq!(
            made.attributes["Arn"],
            "arn:aws:sqs:eu-west-1:111122223333:q"
        );
        let create = &replay.finish()[1];
        assert_eq!(create.what, "CreateQueue");
        assert_eq!(
            create.body,
            json!({
                "QueueName": "q",
                "Attributes": { "MessageRetentionPeriod": "1209600", "SqsManagedSseEnabled": "true" },
                "tags": { PROJECT_TAG: "acme", STAGE_TAG: "dev" },
            })
        );
    }

    #[tokio::test]
    async fn a_name_that_was_just_given_up_is_waited_for() {
        let held = error(
            400,
            "com.amazonaws.sqs#QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        );
        // Reads may still show what is being deleted.
        let answers = [
            named(),
            tagged("acme"),
            held.clone(),
            held,
            named(),
            named(),
            attributes("1209600"),
            tagged("acme"),
        ];
        let (aws, replay) = replay::aws(answers);
        let made = aws.create("Q", &resource(), UNWATCHED).await;
        assert_eq!(made.expect("made anew").physical_id, URL);
        let pauses = replay.pauses();
        assert!(
            pauses.iter().any(|pause| pause.as_secs() >= 2),
            "{pauses:?}"
        );
        let operations = replay.operations();
        assert_eq!(operations[2..5], ["CreateQueue"; 3], "{operations:?}");
    }

    #[tokio::test]
    async fn one_of_a_deploy_that_was_cut_off_is_taken_over() {
        let differs = error(
            400,
            "com.amazonaws.sqs#QueueNameExists",
            "A queue already exists with the same name and a different value for attribute MessageRetentionPeriod",
        );
        let answers = [
            named(),
            tagged("acme"),
            differs,
            named(),
            attributes("345600"),
            tagged("acme"),
            ok(json!({})),
        ];
        let (aws, replay) = replay::aws(answers);
        let made = aws.create("Q", &resource(), UNWATCHED).await;
        assert_eq!(made.expect("taken over").physical_id, URL);
        let sent = replay.finish();
        let set = sent.last().expect("a request");
        assert_eq!(set.what, "SetQueueAttributes");
        assert_eq!(
            set.body["Attributes"],
            json!({ "MessageRetentionPeriod": "1209600" })
        );
    }

    #[tokio::test]
    async fn one_of_others_is_left_alone() {
        let answers = [
            named(),
            tagged("other"),
            named(),
            attributes("1209600"),
            tagged("other"),
        ];
        let (aws, replay) = replay::aws(answers);
        let refused = aws.create("Q", &resource(), UNWATCHED).await;
        let message = refused.expect_err("it is theirs").message;
        assert!(message.contains("project `other`"), "{message}");
        assert!(!replay.operations().contains(&"CreateQueue".to_owned()));
    }

    #[tokio::test]
    async fn an_update_sends_what_differs_and_takes_old_tags_away() {
        let (aws, replay) = replay::aws([ok(json!({})), ok(json!({})), ok(json!({}))]);
        let old = json!({ "Tags": [{ "Key": "team", "Value": "a" }] });
        let live = live(Kind::Queue, URL, old);
        let changed = ["SqsManagedSseEnabled", "Tags"].map(str::to_owned);
        let updated = aws
            .update_queue(&declared(), &live, &BTreeSet::from(changed))
            .await;
        updated.expect("updated");
        let sent = replay.finish();
        assert_eq!(
            sent[0].body["Attributes"],
            json!({ "KmsMasterKeyId": "", "SqsManagedSseEnabled": "true" })
        );
        assert_eq!(sent[1].what, "TagQueue");
        assert_eq!(sent[2].body["TagKeys"], json!(["team"]));
    }

    #[tokio::test]
    async fn absence_is_no_error() {
        let (aws, replay) = replay::aws([absent(), absent(), absent()]);
        assert_eq!(aws.read_queue(URL).await.expect("answered"), None);
        aws.delete_queue(URL).await.expect("it is gone");
        replay.finish();
    }
}
