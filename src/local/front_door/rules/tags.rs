//! Tags, in every service that takes them.
//!
//! What a tag may be made of is the same everywhere (tagging guide, "Tag naming limits and requirements"); each service
//! has its own error for one that isn't. Where the model has the pattern, the model's refusal comes first.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Rule, When};

const COGNITO: &[&str] = &["CreateUserPool", "UpdateUserPool", "TagResource"];
const IAM: &[&str] = &["CreateRole", "TagRole", "CreatePolicy"];
const LAMBDA: &[&str] = &["CreateFunction", "TagResource"];
const DYNAMODB: &[&str] = &["CreateTable", "TagResource"];
const SES: &[&str] = &[
    "CreateConfigurationSet",
    "CreateEmailIdentity",
    "CreateEmailTemplate",
    "TagResource",
];
const LOGS: &[&str] = &["CreateLogGroup", "TagResource"];
const SQS: &[&str] = &["CreateQueue", "TagQueue"];
const SSM: &[&str] = &["PutParameter", "AddTagsToResource"];
const CLOUDWATCH: &[&str] = &["PutMetricAlarm", "TagResource"];

/// How many a resource may have.
const LIMIT: usize = 50;

const SOURCE: &str =
    "tagging guide, Tag naming limits and requirements; each service's guide for its error";

macro_rules! rules {
    ($($service:literal $operations:ident $code:literal),* $(,)?) => {
        &[$(
            Rule {
                name: concat!("tags of ", $service),
                service: $service,
                operations: $operations,
                code: $code,
                when: When::Input(fault),
                source: SOURCE,
            },
        )*]
    };
}

pub(super) const RULES: &[Rule] = rules![
    "cognito-idp" COGNITO "InvalidParameterException",
    "iam" IAM "InvalidInput",
    "lambda" LAMBDA "InvalidParameterValueException",
    "dynamodb" DYNAMODB "ValidationException",
    "sesv2" SES "BadRequestException",
    "logs" LOGS "InvalidParameterException",
    "sqs" SQS "InvalidParameterValue",
    "ssm" SSM "ValidationException",
    "cloudwatch" CLOUDWATCH "ValidationError",
];

/// What is wrong with the tags of a request, if anything.
fn fault(input: &Value) -> Option<String> {
    let tags = tags(input);
    if tags.len() > LIMIT {
        return Some(format!("A resource can have at most {LIMIT} tags."));
    }
    let mut keys = BTreeSet::new();
    for (key, value) in tags {
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Some(format!(
                "Tag keys that start with the reserved prefix aws: can't be set: {key}"
            ));
        }
        if key.is_empty() || key.chars().count() > 128 || !key.chars().all(is_fit) {
            return Some(format!("The tag key {key} is not valid."));
        }
        if value.chars().count() > 256 || !value.chars().all(is_fit) {
            return Some(format!("The value of the tag {key} is not valid."));
        }
        if !keys.insert(key) {
            return Some(format!("The tag key {key} is given more than once."));
        }
    }
    None
}

/// The tags of a request, which are a map in some services and a list of pairs in others.
fn tags(input: &Value) -> Vec<(&str, &str)> {
    let names = ["UserPoolTags", "Tags", "tags"];
    let Some(tags) = names.iter().find_map(|name| input.get(name)) else {
        return Vec::new();
    };
    match tags {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
            .collect(),
        Value::Array(list) => list
            .iter()
            .filter_map(|tag| {
                Some((
                    tag["Key"].as_str()?,
                    tag["Value"].as_str().unwrap_or_default(),
                ))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// Letters, digits and spaces of any language, and a few signs.
fn is_fit(one: char) -> bool {
    one.is_alphanumeric() || one == ' ' || "_.:/=+-@".contains(one)
}
