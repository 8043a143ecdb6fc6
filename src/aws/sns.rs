//! What SNS says of the account: whether text messages reach everybody.

use aws_sdk_sns::config::{Builder, Region};

use super::{Aws, Result};

impl Aws {
    /// Whether the account may only send text messages to numbers it has verified in this region, which is the
    /// one Cognito sends from: not always the pool's own.
    pub async fn is_in_sms_sandbox(&self, region: &str) -> Result<bool> {
        let there = Builder::new().region(Region::new(region.to_owned()));
        let answer = self
            .sns
            .get_sms_sandbox_account_status()
            .customize()
            .config_override(there)
            .send()
            .await?;
        Ok(answer.is_in_sandbox())
    }
}

#[cfg(test)]
mod tests {
    use crate::aws::replay;

    #[tokio::test]
    async fn the_region_that_sends_is_the_one_that_is_asked() {
        let answer = |inside: bool| {
            let body = format!(
                "<GetSMSSandboxAccountStatusResponse><GetSMSSandboxAccountStatusResult>\
                 <IsInSandbox>{inside}</IsInSandbox></GetSMSSandboxAccountStatusResult>\
                 </GetSMSSandboxAccountStatusResponse>"
            );
            (200, body)
        };
        let (aws, replay) = replay::aws([answer(true), answer(false)]);
        for expected in [true, false] {
            let inside = aws.is_in_sms_sandbox("ap-northeast-1").await;
            assert_eq!(inside.expect("an answer"), expected);
        }
        for sent in replay.finish() {
            assert!(sent.host.contains("ap-northeast-1"), "{}", sent.host);
        }
    }
}
