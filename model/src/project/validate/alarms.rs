//! Who is told when a function is in trouble.

use super::Report;
use crate::project::stage::Alarms;
use crate::project::tree::At;

pub(super) fn alarms(alarms: &Alarms, region: &str, report: &mut Report<'_>) {
    if let Some(topic) = &alarms.topic {
        // A missing region is reported as such.
        check_topic(
            topic,
            Some(region).filter(|region| !region.is_empty()),
            report,
        );
    }
}

fn check_topic(topic: &At<String>, region: Option<&str>, report: &mut Report<'_>) {
    let Some(its_region) = region_of(&topic.value) else {
        report.add(
            topic.span(),
            format!("`{}` is no SNS topic's ARN", topic.value),
            "write `arn:aws:sns:REGION:ACCOUNT:NAME`, as `aws sns list-topics` shows it",
        );
        return;
    };
    if let Some(region) = region.filter(|region| *region != its_region) {
        report.add(
            topic.span(),
            format!("the topic is in `{its_region}`, and the stage in `{region}`"),
            format!("CloudWatch tells topics of its own region only; name one in `{region}`"),
        );
    }
}

/// The region of an SNS topic's ARN; `None` when it is none.
fn region_of(arn: &str) -> Option<&str> {
    let parts: Vec<&str> = arn.split(':').collect();
    let [
        "arn",
        "aws" | "aws-cn" | "aws-us-gov" | "aws-eusc",
        "sns",
        region,
        account,
        name,
    ] = parts[..]
    else {
        return None;
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_name = !name.is_empty()
        && name.len() <= 256
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (is_account && is_name && !region.is_empty()).then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_told_from_subscriptions_and_other_things() {
        assert_eq!(
            region_of("arn:aws:sns:eu-west-1:123456789012:ops"),
            Some("eu-west-1")
        );
        for bad in [
            "ops",
            "arn:aws:sqs:eu-west-1:123456789012:ops",
            "arn:aws:sns:eu-west-1:1234:ops",
            "arn:aws:sns:eu-west-1:123456789012:ops:11111111-2222",
            "arn:aws:sns:eu-west-1:123456789012:",
        ] {
            assert_eq!(region_of(bad), None, "{bad}");
        }
    }
}
