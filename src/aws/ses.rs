//! What the resources of SES share: their tags, and the state of the account.

use aws_sdk_sesv2::types::Tag;
use serde_json::Value;

use super::{Aws, Result, removed_tags};
use saasauth_model::resource;

impl Aws {
    /// Whether the account may only mail verified addresses in this region.
    pub async fn is_in_ses_sandbox(&self) -> Result<bool> {
        let account = self.ses.get_account().send().await?;
        Ok(!account.production_access_enabled())
    }

    /// SES returns no ARNs, but its tag operations take nothing else.
    pub(super) async fn ses_arn(&self, kind: &str, name: &str) -> Result<String> {
        let caller = self.caller().await?;
        let (partition, account) = (caller.partition, caller.account);
        Ok(format!(
            "arn:{partition}:ses:{}:{account}:{kind}/{name}",
            self.region()
        ))
    }

    pub(super) async fn put_ses_tags(
        &self,
        arn: String,
        declared: &[resource::Tag],
        was: &Value,
    ) -> Result<()> {
        let request = self.ses.tag_resource().resource_arn(&arn);
        request.set_tags(Some(tags(declared)?)).send().await?;
        let removed = removed_tags(was, declared);
        if !removed.is_empty() {
            let request = self.ses.untag_resource().resource_arn(&arn);
            request.set_tag_keys(Some(removed)).send().await?;
        }
        Ok(())
    }
}

pub(super) fn tags(tags: &[resource::Tag]) -> Result<Vec<Tag>> {
    tags.iter()
        .map(|tag| Ok(Tag::builder().key(&tag.key).value(&tag.value).build()?))
        .collect()
}
