//! Tags.

use serde_json::json;

use super::{Case, account, case};

pub(super) fn cases() -> Vec<Case> {
    let pairs = |key: &str| json!([{ "Key": key, "Value": "identity" }]);
    let map = |key: &str| {
        let mut tags = json!({});
        tags[key] = "identity".into();
        tags
    };
    let template = |key: &str| json!({ "TemplateName": "a", "TemplateContent": { "Text": "t" }, "Tags": pairs(key) });
    let one = |rule, operation, refused, passes| case(rule, operation, refused, passes, account());
    vec![
        one(
            "tags of cognito-idp",
            "CreateUserPool",
            json!({ "PoolName": "p", "UserPoolTags": map("aws:team") }),
            json!({ "PoolName": "p", "UserPoolTags": map("équipe/a b") }),
        ),
        one(
            "tags of iam",
            "TagRole",
            json!({ "RoleName": "r", "Tags": [{ "Key": "a", "Value": "1" }, { "Key": "a", "Value": "2" }] }),
            json!({ "RoleName": "r", "Tags": [{ "Key": "a", "Value": "1" }, { "Key": "b", "Value": "2" }] }),
        ),
        one(
            "tags of lambda",
            "TagResource",
            json!({ "Resource": "arn", "Tags": map("team!") }),
            json!({ "Resource": "arn", "Tags": map("team") }),
        ),
        one(
            "tags of dynamodb",
            "TagResource",
            json!({ "ResourceArn": "arn", "Tags": pairs("AWS:team") }),
            json!({ "ResourceArn": "arn", "Tags": pairs("team") }),
        ),
        one(
            "tags of sesv2",
            "CreateEmailTemplate",
            template("a*b"),
            template("a-b"),
        ),
        one(
            "tags of logs",
            "CreateLogGroup",
            json!({ "logGroupName": "g", "tags": map("a,b") }),
            json!({ "logGroupName": "g", "tags": map("a.b") }),
        ),
        one(
            "tags of sqs",
            "CreateQueue",
            json!({ "QueueName": "q", "tags": map("aws:team") }),
            json!({ "QueueName": "q", "tags": map("team") }),
        ),
        one(
            "tags of ssm",
            "AddTagsToResource",
            json!({ "Tags": (0..51).map(|number| json!({ "Key": number.to_string(), "Value": "" })).collect::<Vec<_>>() }),
            json!({ "Tags": (0..50).map(|number| json!({ "Key": number.to_string(), "Value": "" })).collect::<Vec<_>>() }),
        ),
        one(
            "tags of cloudwatch",
            "PutMetricAlarm",
            json!({ "AlarmName": "a", "Tags": [{ "Key": "k", "Value": "v".repeat(257) }] }),
            json!({ "AlarmName": "a", "Tags": [{ "Key": "k", "Value": "v".repeat(256) }] }),
        ),
    ]
}
