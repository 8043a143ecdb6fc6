//! The ledger of a stage as a document: for the day the table is lost.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::history::Past;
use super::holder::Holder;
use super::lock::Lock;
use super::{Ledger, Record, SCHEMA, STATE, TABLE, number, text};
#[cfg(doc)]
use crate::aws::Class;
use crate::aws::{Aws, Fault, Result};
use saasauth_model::plan::{Memory, Snapshot};
use saasauth_model::resource::{Kind, LogicalId};
use saasauth_model::topology::physical;

/// All that the ledger says of a stage, but who is deploying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The version of how it is written.
    pub schema: u64,
    /// Whose it is.
    pub project: String,
    /// The same.
    pub stage: String,
    /// The AWS account, twelve digits.
    pub account: String,
    /// The region.
    pub region: String,
    /// What carries deploys out.
    pub engine: Option<String>,
    /// How many deploys there were.
    pub serial: u64,
    /// By logical ID.
    pub resources: BTreeMap<LogicalId, Entry>,
    /// Latest first.
    pub deploys: Vec<Past>,
    /// What the last deploy left; what earlier ones left is not part of an export.
    pub snapshot: Option<Snapshot>,
}

/// One resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// AWS's name.
    pub physical_id: Option<String>,
    /// Of the properties last applied.
    pub digest: String,
    /// Keys of its tags.
    pub tags: Option<Vec<String>>,
    /// What it holds on to.
    pub holds: Option<String>,
}

impl Document {
    /// The ledger of a stage, with its history.
    pub fn of(aws: &Aws, account: String, ledger: &Ledger, deploys: Vec<Past>) -> Self {
        let resources = ledger.records.iter().map(|(id, record)| {
            let entry = Entry {
                kind: record.kind.type_name().to_owned(),
                physical_id: record.physical_id.clone(),
                digest: record.digest.clone(),
                tags: record
                    .memory
                    .tags
                    .as_ref()
                    .map(|tags| tags.iter().cloned().collect()),
                holds: record.memory.holds.clone(),
            };
            (id.clone(), entry)
        });
        Self {
            schema: SCHEMA,
            project: aws.owner().project.clone(),
            stage: aws.owner().stage.clone(),
            account,
            region: aws.region().to_owned(),
            engine: ledger.engine.clone(),
            serial: ledger.serial,
            resources: resources.collect(),
            deploys,
            snapshot: ledger.snapshot.clone(),
        }
    }

    /// The records in it, or the first type this version doesn't know.
    fn records(&self) -> std::result::Result<BTreeMap<LogicalId, Record>, String> {
        let records = self.resources.iter().map(|(id, entry)| {
            let kind = Kind::of(&entry.kind).ok_or_else(|| entry.kind.clone())?;
            let record = Record {
                kind,
                physical_id: entry.physical_id.clone(),
                digest: entry.digest.clone(),
                memory: Memory {
                    tags: entry
                        .tags
                        .as_ref()
                        .map(|tags| tags.iter().cloned().collect()),
                    holds: entry.holds.clone(),
                },
            };
            Ok((id.clone(), record))
        });
        records.collect()
    }

    /// A type of resource in it that this version doesn't know.
    pub fn unknown(&self) -> Option<String> {
        self.records().err()
    }

    /// A resource in it that is not this stage's, by its name, by one of these ARNs, which are tagged as its, or as the
    /// sender in its file. What the ledger says is ours is deleted once it leaves the file, so a document may say so of
    /// nothing else.
    pub fn stranger(&self, tagged: &[String], sender: Option<&str>) -> Option<(&LogicalId, &str)> {
        let prefix = physical(&self.project, &self.stage, "");
        let is_ours = |name: &str| {
            let last = name.rsplit('/').next().unwrap_or_default();
            let ends = [format!("/{name}"), format!(":{name}")];
            last.starts_with(&prefix)
                || tagged
                    .iter()
                    .any(|arn| ends.iter().any(|end| arn.ends_with(end)))
        };
        self.resources.iter().find_map(|(id, entry)| {
            let physical_id = entry.physical_id.as_deref()?;
            let mut parts = physical_id.split('|');
            // A part of something else is as much ours as that is; a policy is of a role.
            let is_whole = entry.kind == Kind::RolePolicy.type_name();
            let is_sender = entry.kind == Kind::EmailIdentity.type_name();
            let is_known = match is_whole {
                _ if is_sender && sender == Some(physical_id) => true,
                true => parts.all(is_ours),
                false => parts.next().is_some_and(is_ours),
            };
            (!is_known).then_some((id, physical_id))
        })
    }

    /// Whether this version can read it.
    pub fn is_later(&self) -> bool {
        self.schema > SCHEMA
    }
}

impl Aws {
    /// Writes a document into a ledger that knows nothing of the stage, under the stage's lock.
    ///
    /// Fails with [`Class::ConditionFailed`] when somebody deploys it, or has since the ledger was read.
    pub async fn import_ledger(&self, ledger: &Ledger, document: &Document) -> Result<()> {
        let records = document
            .records()
            .map_err(|kind| Fault::ours(format!("`{kind}` is unknown")))?;
        let lock = Lock::new(Holder::this(), self.now());
        let engine = document.engine.as_deref().unwrap_or("direct");
        self.begin(ledger, &lock, engine, &records).await?;
        let past = document.deploys.iter().map(|past| self.put_past(past));
        let mut actions: Vec<_> = past.collect::<Result<_>>()?;
        if let Some(snapshot) = &document.snapshot {
            actions.extend(self.put_snapshot(snapshot, None)?);
        }
        self.transact(actions).await?;
        self.dynamodb
            .update_item()
            .table_name(TABLE)
            .set_key(Some(self.key(STATE)))
            .update_expression(
                "SET serial = :serial REMOVE lock_token, lock_owner, lock_process, lock_since, lock_expires",
            )
            .condition_expression("lock_token = :token")
            .expression_attribute_values(":serial", number(document.serial))
            .expression_attribute_values(":token", text(&lock.token))
            .send()
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(kind: &str, physical_id: &str) -> Document {
        let document = json!({
            "schema": 1, "project": "acme", "stage": "dev", "account": "123456789012", "region": "eu-west-1",
            "engine": "direct", "serial": 1, "deploys": [],
            "resources": { "X": {
                "type": kind, "physical_id": physical_id, "digest": "", "tags": null, "holds": null,
            } },
        });
        serde_json::from_value(document).expect("a document")
    }

    #[test]
    fn what_is_no_stages_own_is_found() {
        let tagged = [
            "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_ours".to_owned(),
            "arn:aws:ses:eu-west-1:123456789012:identity/acme.com".to_owned(),
        ];
        for (kind, ours, stranger) in [
            (
                "AWS::DynamoDB::Table",
                "acme-dev-permissions",
                "acme-prod-permissions",
            ),
            (
                "AWS::Cognito::UserPool",
                "eu-west-1_ours",
                "eu-west-1_theirs",
            ),
            ("AWS::Cognito::UserPool", "eu-west-1_ours", "1_ours"),
            (
                "AWS::Cognito::UserPoolClient",
                "eu-west-1_ours|1",
                "eu-west-1_theirs|acme-dev-1",
            ),
            ("AWS::SES::EmailIdentity", "acme.com", "cme.com"),
            (
                "AWS::IAM::RolePolicy",
                "acme-dev-x|acme-dev-x-euw1",
                "acme-dev-x|admin",
            ),
            (
                "AWS::Logs::LogGroup",
                "/aws/lambda/acme-dev-x",
                "/aws/lambda/billing",
            ),
            (
                "SaasAuth::DynamoDB::Item",
                "acme-dev-permissions|ROLE#a|",
                "payroll|ROLE#a|",
            ),
            (
                "AWS::SQS::Queue",
                "https://sqs/1/acme-dev-x",
                "https://sqs/1/orders",
            ),
        ] {
            assert_eq!(document(kind, ours).stranger(&tagged, None), None, "{ours}");
            let found = document(kind, stranger);
            let found = found.stranger(&tagged, None).map(|(_, id)| id.to_owned());
            assert_eq!(found.as_deref(), Some(stranger));
        }
        let sender = document("AWS::SES::EmailIdentity", "acme.org");
        assert_eq!(sender.stranger(&[], Some("acme.org")), None);
        assert!(sender.stranger(&[], Some("acme.com")).is_some());
    }
}
