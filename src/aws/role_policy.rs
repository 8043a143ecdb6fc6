//! `AWS::IAM::RolePolicy`: an inline policy.

use serde_json::json;

use super::classify::{found, gone};
use super::lifecycle::{Change, Lifecycle, each};
use super::role::{policy, text};
use super::{Aws, Fault, Result, Waiting, Wanted, live, parts};
use saasauth_model::resource::{Kind, Live, LogicalId, RolePolicy};

impl Lifecycle for RolePolicy<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_role_policy(id).await).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.put_role_policy(self).await
    }

    async fn update(&self, aws: &Aws, _change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.put_role_policy(self).await.map(drop)
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_role_policy(physical_id).await
    }
}

impl Aws {
    pub(super) async fn read_role_policy(&self, physical_id: &str) -> Result<Option<Live>> {
        let (policy_name, role_name) = parts(physical_id);
        let answer = self
            .iam
            .get_role_policy()
            .policy_name(policy_name)
            .role_name(role_name)
            .send()
            .await
            .map_err(Fault::from);
        let Some(answer) = found(answer)? else {
            return Ok(None);
        };
        let properties = json!({
            "PolicyName": policy_name,
            "RoleName": role_name,
            "PolicyDocument": policy(Some(answer.policy_document()))?,
        });
        Ok(Some(live(Kind::RolePolicy, physical_id, properties)))
    }

    /// Makes or replaces it: an inline policy has no partial update.
    pub(super) async fn put_role_policy(&self, one: &RolePolicy<String>) -> Result<Live> {
        self.iam
            .put_role_policy()
            .policy_name(&one.policy_name)
            .role_name(&one.role_name)
            .policy_document(text(&one.policy_document))
            .send()
            .await?;
        let physical_id = format!("{}|{}", one.policy_name, one.role_name);
        Ok(self.made(Kind::RolePolicy, physical_id, one))
    }

    pub(super) async fn delete_role_policy(&self, physical_id: &str) -> Result<()> {
        let (policy_name, role_name) = parts(physical_id);
        let request = self
            .iam
            .delete_role_policy()
            .policy_name(policy_name)
            .role_name(role_name);
        gone(request.send().await.map_err(Fault::from))
    }
}
