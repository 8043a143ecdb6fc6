//! `AWS::Lambda::Permission`: one statement of a function's resource policy.

use serde_json::{Value, json};

use super::classify::{found, gone};
use super::lifecycle::{Change, Lifecycle, each};
use super::{Aws, Fault, Result, Waiting, Wanted, live, parts};
use saasauth_model::resource::{Kind, Live, LogicalId, Permission};

impl Lifecycle for Permission<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        each(wanted, async |id| aws.read_permission(id).await).await
    }

    async fn create(&self, aws: &Aws, id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_permission(id, self).await
    }

    async fn update(&self, aws: &Aws, change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_permission(change.id, self).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_permission(physical_id).await
    }
}

impl Aws {
    pub(super) async fn read_permission(&self, physical_id: &str) -> Result<Option<Live>> {
        let (function_name, statement_id) = parts(physical_id);
        let answer = self
            .lambda
            .get_policy()
            .function_name(function_name)
            .send()
            .await;
        let Some(answer) = found(answer.map_err(Fault::from))? else {
            return Ok(None);
        };
        let policy: Value =
            serde_json::from_str(answer.policy().unwrap_or_default()).map_err(|error| {
                Fault::ours("Lambda returned a policy that is no JSON").with_source(error)
            })?;
        let statement = policy["Statement"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|statement| statement["Sid"] == statement_id);
        Ok(statement.map(|statement| {
            live(
                Kind::Permission,
                physical_id,
                permission(function_name, statement),
            )
        }))
    }

    pub(super) async fn create_permission(
        &self,
        id: &str,
        one: &Permission<String>,
    ) -> Result<Live> {
        let request = self
            .lambda
            .add_permission()
            .function_name(&one.function_name)
            .statement_id(id)
            .action(&one.action)
            .principal(&one.principal)
            .source_arn(&one.source_arn)
            .source_account(&one.source_account);
        request.send().await?;
        Ok(self.made(Kind::Permission, format!("{}|{id}", one.function_name), one))
    }

    /// The API has no update. Sign-ins in between fail, so the gap is kept to one request.
    pub(super) async fn update_permission(&self, id: &str, one: &Permission<String>) -> Result<()> {
        self.delete_permission(&format!("{}|{id}", one.function_name))
            .await?;
        self.create_permission(id, one).await.map(drop)
    }

    pub(super) async fn delete_permission(&self, physical_id: &str) -> Result<()> {
        let (function_name, statement_id) = parts(physical_id);
        let request = self
            .lambda
            .remove_permission()
            .function_name(function_name)
            .statement_id(statement_id);
        gone(request.send().await.map_err(Fault::from))
    }
}

/// A statement of a resource policy, in CloudFormation's words.
fn permission(function_name: &str, statement: &Value) -> Value {
    let principal = &statement["Principal"];
    json!({
        "FunctionName": function_name,
        "Action": statement["Action"],
        "Principal": principal.get("Service").unwrap_or(principal),
        "SourceArn": condition(statement, "AWS:SourceArn"),
        "SourceAccount": condition(statement, "AWS:SourceAccount"),
    })
}

/// The value a condition key is compared with, whatever the operator. IAM reads keys without case.
fn condition<'a>(statement: &'a Value, key: &str) -> Option<&'a Value> {
    let operators = statement["Condition"].as_object()?;
    operators
        .values()
        .filter_map(Value::as_object)
        .flatten()
        .find(|(name, _)| name.eq_ignore_ascii_case(key))
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_reads_in_our_words() {
        let statement = json!({
            "Sid": "P", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "arn:f",
            "Principal": { "Service": "cognito-idp.amazonaws.com" },
            "Condition": {
                "ArnLike": { "AWS:SourceArn": "arn:pool" },
                "StringEquals": { "aws:SourceAccount": "111122223333" },
            },
        });
        assert_eq!(
            permission("f", &statement),
            json!({
                "FunctionName": "f",
                "Action": "lambda:InvokeFunction",
                "Principal": "cognito-idp.amazonaws.com",
                "SourceArn": "arn:pool",
                "SourceAccount": "111122223333",
            })
        );
        let open = permission("f", &json!({ "Principal": "*" }));
        assert_eq!(
            (&open["Principal"], &open["SourceArn"]),
            (&json!("*"), &Value::Null)
        );
    }
}
