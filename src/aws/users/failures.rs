//! The messages of the queue that Lambda sends to what it gave up: taken out for a while, deleted, or put back.
//!
//! What stands in them is for who reads them to judge; here they are text.

use std::time::Duration;

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, QueueAttributeName,
};

use crate::aws::classify::found;
use crate::aws::{Aws, Fault, Result};

/// How long a message that was taken is kept from others; whoever took it is done long before, or was cut off.
const TAKEN: Duration = Duration::from_secs(5 * 60);

/// How many messages SQS takes or gives in one request (its API reference).
const AT_ONCE: i32 = 10;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its ID.
    pub id: String,
    /// What it is deleted or put back by: known to who took it last.
    pub receipt: String,
    /// What was sent.
    pub body: String,
}

impl Aws {
    /// About how many messages there are, taken ones among them. `None` when there is no queue.
    pub async fn message_count(&self, queue: &str) -> Result<Option<i64>> {
        let counts = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let request = self.sqs.get_queue_attributes().queue_url(queue);
        let request = request.set_attribute_names(Some(counts.to_vec()));
        let answer = found(request.send().await.map_err(Fault::from))?;
        Ok(answer.map(|answer| {
            let attributes = answer.attributes.unwrap_or_default();
            let counts = counts.iter().filter_map(|name| attributes.get(name));
            counts.filter_map(|count| count.parse::<i64>().ok()).sum()
        }))
    }

    /// Takes some messages: nobody else sees them for a while. Empty when there are no more, `None` when there is no queue.
    pub async fn take_messages(&self, queue: &str) -> Result<Option<Vec<Message>>> {
        let taken = i32::try_from(TAKEN.as_secs()).unwrap_or(i32::MAX);
        let answer = self
            .sqs
            .receive_message()
            .queue_url(queue)
            .max_number_of_messages(AT_ONCE)
            .visibility_timeout(taken)
            // A second of patience has SQS ask all of its servers; without, one that has messages may be left out ("short
            // polling" in its guide).
            .wait_time_seconds(1)
            .send()
            .await;
        let answer = found(answer.map_err(Fault::from))?;
        Ok(answer.map(|answer| {
            let messages = answer.messages.unwrap_or_default().into_iter();
            let messages = messages.filter_map(|message| {
                Some(Message {
                    id: message.message_id?,
                    receipt: message.receipt_handle?,
                    body: message.body.unwrap_or_default(),
                })
            });
            messages.collect()
        }))
    }

    /// Deletes messages by their receipts. Those that stay come again.
    pub async fn delete_messages(&self, queue: &str, receipts: &[String]) -> Result<()> {
        for some in batches(receipts) {
            let entry = |(number, receipt): (usize, &String)| {
                let entry = DeleteMessageBatchRequestEntry::builder();
                entry.id(number.to_string()).receipt_handle(receipt).build()
            };
            let entries = some.iter().enumerate().map(entry);
            let entries = entries.collect::<std::result::Result<_, _>>()?;
            let request = self.sqs.delete_message_batch().queue_url(queue);
            let answer = request.set_entries(Some(entries)).send().await?;
            if let Some(failed) = answer.failed().first() {
                let why = failed.message().unwrap_or_else(|| failed.code());
                let count = answer.failed().len();
                return Err(Fault::ours(format!("{count} were not deleted: {why}")));
            }
        }
        Ok(())
    }

    /// Lets others see messages again at once.
    pub async fn put_messages_back(&self, queue: &str, receipts: &[String]) -> Result<()> {
        for some in batches(receipts) {
            let entry = |(number, receipt): (usize, &String)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder();
                let entry = entry.id(number.to_string()).receipt_handle(receipt);
                entry.visibility_timeout(0).build()
            };
            let entries = some.iter().enumerate().map(entry);
            let entries = entries.collect::<std::result::Result<_, _>>()?;
            let request = self.sqs.change_message_visibility_batch().queue_url(queue);
            // One that fails comes back by itself.
            request.set_entries(Some(entries)).send().await?;
        }
        Ok(())
    }
}

fn batches(receipts: &[String]) -> impl Iterator<Item = &[String]> {
    receipts.chunks(usize::try_from(AT_ONCE).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::replay::{self, error, ok};

    #[tokio::test]
    async fn messages_are_taken_for_a_while_and_deleted_by_tens() {
        let message = json!({ "MessageId": "m", "ReceiptHandle": "r", "Body": "b" });
        let (aws, replay) = replay::aws([
            ok(json!({ "Messages": [message] })),
            ok(json!({})),
            ok(json!({ "Successful": [], "Failed": [] })),
            ok(json!({ "Successful": [], "Failed": [
                { "Id": "0", "SenderFault": false, "Code": "InternalError" },
            ]})),
        ]);
        let taken = aws.take_messages("q").await.expect("answered");
        let expected = Message {
            id: "m".to_owned(),
            receipt: "r".to_owned(),
            body: "b".to_owned(),
        };
        assert_eq!(taken, Some(vec![expected]));
        assert_eq!(
            aws.take_messages("q").await.expect("answered"),
            Some(vec![])
        );
        let receipts: Vec<String> = (0..11).map(|number| format!("r{number}")).collect();
        let deleted = aws.delete_messages("q", &receipts).await;
        assert_eq!(
            deleted.expect_err("one failed").message,
            "1 were not deleted: InternalError"
        );
        let sent = replay.finish();
        assert_eq!(sent[0].body["VisibilityTimeout"], 300);
        assert_eq!(sent[2].body["Entries"].as_array().map(Vec::len), Some(10));
        assert_eq!(sent[3].body["Entries"][0]["ReceiptHandle"], "r10");
    }

    #[tokio::test]
    async fn a_queue_that_is_not_there_is_no_error() {
        let absent = || error(400, "com.amazonaws.sqs#QueueDoesNotExist", "none");
        let counts = ok(json!({ "Attributes": {
            "ApproximateNumberOfMessages": "2", "ApproximateNumberOfMessagesNotVisible": "1",
        }}));
        let (aws, replay) = replay::aws([absent(), absent(), counts]);
        assert_eq!(aws.take_messages("q").await.expect("answered"), None);
        assert_eq!(aws.message_count("q").await.expect("answered"), None);
        assert_eq!(aws.message_count("q").await.expect("answered"), Some(3));
        replay.finish();
    }
}
