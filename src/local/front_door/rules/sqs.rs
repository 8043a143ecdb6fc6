//! Queues: CreateQueue, SetQueueAttributes.

use super::{Rule, When, given, refuse_if, text};

const BOTH: &[&str] = &["CreateQueue", "SetQueueAttributes"];

/// The longest name of a queue: API reference of CreateQueue.
const LONGEST_NAME: usize = 80;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "a name no queue has",
        service: "sqs",
        operations: &["CreateQueue"],
        code: "InvalidParameterValue",
        when: When::Input(|input| {
            let name = text(input, "/QueueName")?;
            // The end that says so is the only place for a dot.
            let bare = name.strip_suffix(".fifo").unwrap_or(name);
            let is_fit = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
            refuse_if(
                bare.is_empty() || name.len() > LONGEST_NAME || !bare.bytes().all(is_fit),
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
            )
        }),
        source: "API reference, CreateQueue",
    },
    Rule {
        name: "two encryptions of a queue",
        service: "sqs",
        operations: BOTH,
        code: "InvalidAttributeValue",
        when: When::Input(|input| {
            let key = text(input, "/Attributes/KmsMasterKeyId").unwrap_or_default();
            refuse_if(
                !key.is_empty() && text(input, "/Attributes/SqsManagedSseEnabled") == Some("true"),
                "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
            )
        }),
        source: "API reference, SetQueueAttributes: only one server-side encryption option is supported per queue",
    },
    Rule {
        name: "attributes that are SQS's to say",
        service: "sqs",
        operations: BOTH,
        code: "InvalidAttributeName",
        when: When::Input(|input| {
            let own = [
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesDelayed",
                "ApproximateNumberOfMessagesNotVisible",
                "CreatedTimestamp",
                "LastModifiedTimestamp",
                "QueueArn",
            ];
            let mut own = own.iter();
            let name = own.find(|name| given(input, &format!("/Attributes/{name}")))?;
            Some(format!("Unknown Attribute {name}."))
        }),
        source: "API reference, SetQueueAttributes: the attributes that it takes",
    },
];
