//! A key of one's own.

use super::Report;
use crate::project::tree::At;

/// The key has to be where it is used. Of an alias no service but Lambda says which key is behind it, so it is the key's ARN.
pub(super) fn kms_key(
    key: &At<String>,
    region: &str,
    account: Option<&At<String>>,
    report: &mut Report<'_>,
) {
    let Some((its_region, its_account)) = parts(&key.value) else {
        report.add(
            key.span(),
            format!("`{}` is no KMS key's ARN", key.value),
            "write `arn:aws:kms:REGION:ACCOUNT:key/ID`, as `aws kms describe-key` shows it; an alias won't do",
        );
        return;
    };
    // A missing region is reported as such.
    if !region.is_empty() && its_region != region {
        report.add(
            key.span(),
            format!("the key is in `{its_region}`, and the stage in `{region}`"),
            format!("name one in `{region}`: a key encrypts in its own region only"),
        );
    }
    if let Some(account) = account.filter(|account| account.as_str() != its_account) {
        report.add(
            key.span(),
            format!("the key is account {its_account}'s, and the stage's account is {}", account.value),
            "name a key of the stage's own account: its roles and its deployer have to be let use it",
        );
    }
}

/// Region and account of a key's ARN; `None` when it is none.
fn parts(arn: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = arn.split(':').collect();
    let [
        "arn",
        "aws" | "aws-cn" | "aws-us-gov" | "aws-eusc",
        "kms",
        region,
        account,
        key,
    ] = parts[..]
    else {
        return None;
    };
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let id = key.strip_prefix("key/")?;
    let is_id = !id.is_empty()
        && id.len() <= 128
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_account && is_id && !region.is_empty()).then_some((region, account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_arn_of_a_key_is_one() {
        let key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        assert_eq!(parts(key), Some(("eu-west-1", "123456789012")));
        let many = "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1234abcd";
        assert_eq!(parts(many), Some(("cn-north-1", "123456789012")));
        for wrong in [
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "alias/acme",
            "arn:aws:kms:eu-west-1:123456789012:alias/acme",
            "arn:aws:kms:eu-west-1:12345678901:key/1",
            "arn:aws:kms:eu-west-1:123456789012:key/",
            "arn:aws:kms:eu-west-1:123456789012:key/a b",
            "arn:aws:kms::123456789012:key/1",
            "arn:aws:sns:eu-west-1:123456789012:key/1",
            "arn:aws:kms:eu-west-1:123456789012:key/1:2",
        ] {
            assert_eq!(parts(wrong), None, "{wrong}");
        }
    }
}
