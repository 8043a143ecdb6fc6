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
use saasauth_model::plan::Memory;
use saasauth_model::resource::{Kind, LogicalId};

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
        self.transact(past.collect::<Result<_>>()?).await?;
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
