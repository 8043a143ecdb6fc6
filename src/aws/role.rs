//! `AWS::IAM::Role`.

use std::collections::BTreeSet;

use aws_sdk_iam::types::Tag;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::classify::{found, gone};
use super::lifecycle::{Change, Lifecycle, each};
use super::{Aws, Fault, Result, Waiting, Wanted, live, removed_tags, tag_list, with_arn};
use saasauth_model::resource::{self, Kind, Live, LogicalId, PolicyDocument, Role};

impl Lifecycle for Role<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_role(id).await).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_role(self).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_role(self, change.live, change.changed).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_role(physical_id).await
    }
}

impl Aws {
    pub(super) async fn read_role(&self, name: &str) -> Result<Option<Live>> {
        let answer = self
            .iam
            .get_role()
            .role_name(name)
            .send()
            .await
            .map_err(Fault::from);
        let Some(answer) = found(answer)? else {
            return Ok(None);
        };
        let role = answer
            .role()
            .ok_or_else(|| Fault::ours("GetRole answered without a role"))?;
        let (tags, owner) = tag_list(role.tags().iter().map(|tag| (tag.key(), tag.value())));
        let properties = json!({
            "RoleName": role.role_name(),
            "Description": role.description().unwrap_or_default(),
            "AssumeRolePolicyDocument": policy(role.assume_role_policy_document())?,
            "Tags": tags,
        });
        let live = identified(live(Kind::Role, name, properties), role);
        Ok(Some(Live { owner, ..live }))
    }

    pub(super) async fn create_role(&self, one: &Role<String>) -> Result<Live> {
        let answer = self
            .iam
            .create_role()
            .role_name(&one.role_name)
            .description(&one.description)
            .assume_role_policy_document(text(&one.assume_role_policy_document))
            .set_tags(Some(tags(&one.tags)?))
            .send()
            .await?;
        let made = self.made(Kind::Role, &one.role_name, one);
        Ok(match answer.role() {
            Some(role) => identified(made, role),
            None => made,
        })
    }

    pub(super) async fn update_role(
        &self,
        one: &Role<String>,
        live: &Live,
        changed: &BTreeSet<String>,
    ) -> Result<()> {
        if changed.contains("AssumeRolePolicyDocument") {
            self.iam
                .update_assume_role_policy()
                .role_name(&one.role_name)
                .policy_document(text(&one.assume_role_policy_document))
                .send()
                .await?;
        }
        if changed.contains("Description") {
            // UpdateRole would put the longest session, which isn't ours, back to one hour.
            self.iam
                .update_role_description()
                .role_name(&one.role_name)
                .description(&one.description)
                .send()
                .await?;
        }
        if changed.contains("Tags") {
            self.iam
                .tag_role()
                .role_name(&one.role_name)
                .set_tags(Some(tags(&one.tags)?))
                .send()
                .await?;
            let removed = removed_tags(&live.properties["Tags"], &one.tags);
            if !removed.is_empty() {
                self.iam
                    .untag_role()
                    .role_name(&one.role_name)
                    .set_tag_keys(Some(removed))
                    .send()
                    .await?;
            }
        }
        Ok(())
    }

    pub(super) async fn delete_role(&self, name: &str) -> Result<()> {
        gone(
            self.iam
                .delete_role()
                .role_name(name)
                .send()
                .await
                .map_err(Fault::from),
        )
    }
}

/// With what tells a role from all others: its ARN, and its ID, which no other one of its name ever has.
fn identified(live: Live, role: &aws_sdk_iam::types::Role) -> Live {
    let mut live = with_arn(live, Some(role.arn()));
    let id = role.role_id().to_owned();
    live.attributes.insert("RoleId".to_owned(), id);
    live
}

fn tags(tags: &[resource::Tag]) -> Result<Vec<Tag>> {
    tags.iter()
        .map(|tag| Ok(Tag::builder().key(&tag.key).value(&tag.value).build()?))
        .collect()
}

pub(super) fn text(document: &PolicyDocument<String>) -> String {
    // Strings, lists and string-keyed maps: nothing in it can fail to serialise.
    serde_json::to_string(document).unwrap_or_default()
}

/// IAM returns documents percent-encoded (RFC 3986).
pub(super) fn policy(encoded: Option<&str>) -> Result<Value> {
    let text: Vec<u8> = percent_decode_str(encoded.unwrap_or_default()).collect();
    serde_json::from_slice(&text)
        .map_err(|error| Fault::ours("IAM returned a policy that is no JSON").with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay;

    #[test]
    fn decodes_what_iam_encodes() {
        let decoded = policy(Some("%7B%22a%22%3A%22%C3%A9+b%22%7D"));
        assert_eq!(decoded.expect("JSON"), json!({ "a": "é+b" }));
        assert!(policy(Some("%7B")).is_err());
    }

    #[tokio::test]
    async fn an_absent_role_reads_as_none_and_deletes_as_done() {
        let absent = || {
            (404, "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>The role with name x cannot be found.</Message></Error><RequestId>1</RequestId></ErrorResponse>".to_owned())
        };
        let (aws, replay) = replay::aws([absent(), absent()]);
        assert_eq!(aws.read_role("x").await.expect("absence is no error"), None);
        aws.delete_role("x").await.expect("absence is success");
        assert_eq!(replay.finish().len(), 2);
    }
}
