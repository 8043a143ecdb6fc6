//! The ledger: our record, in the account itself, of what we own.
//!
//! One on-demand DynamoDB table per account and region. Under the key of a project and stage lie the
//! lease lock, one record per resource, and a history of deploys. A record is written before its
//! resource is created, so a deploy that is cut off orphans nothing; the lock and the first records go
//! in one transaction, so nobody can slip in between.
//!
//! Times are by DynamoDB's clock, which each answer tells: those of two machines are never compared.

mod document;
mod history;
mod holder;
mod lock;
mod snapshot;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, Put,
    ScalarAttributeType, SseSpecification, TableStatus, Tag, TransactWriteItem,
};

use super::wait::READINESS;
use super::{Aws, Class, Fault, Result, Waiting, classify};
pub use document::Document;
pub use history::{DONE, Deploy, Past, Revision};
pub use holder::Holder;
pub use lock::{LEASE, Lock};
use saasauth_model::error::Error;
use saasauth_model::plan::{Memory, Snapshot};
use saasauth_model::resource::{Kind, LogicalId};

/// The table's name, the same in every account and region.
pub const TABLE: &str = "saasauth-ledger";

/// The version of how the ledger is written. A change that an older saasauth would misread raises it.
///
/// 2: deploys leave a snapshot. A version that wrote none would leave an old one behind, and its own changes would look like
/// those of others.
const SCHEMA: u64 = 2;

const STATE: &str = "STATE";
const RESOURCE: &str = "RESOURCE#";
const DEPLOY: &str = "DEPLOY#";

/// Everything the ledger says of one project and stage.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Whether the table is there.
    pub exists: bool,
    /// The version of how all this is written; 0 before it was counted.
    pub schema: u64,
    /// When it was read, by DynamoDB's clock, in seconds since 1970.
    pub read: u64,
    /// Counts finished and failed deploys; a plan made at one count is stale at another.
    pub serial: u64,
    /// What carries deploys of this stage out; `None` before the first.
    pub engine: Option<String>,
    /// When the last deploy ended, in seconds since 1970.
    pub ended: Option<u64>,
    /// Who is deploying, when somebody is.
    pub lock: Option<Lock>,
    /// Our resources.
    pub records: BTreeMap<LogicalId, Record>,
    /// What the last deploy left; `None` before the first that noted it.
    pub snapshot: Option<Snapshot>,
}

/// One resource of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its type.
    pub kind: Kind,
    /// AWS's name; `None` from just before its creation until just after, for what AWS names.
    pub physical_id: Option<String>,
    /// Digest of the properties last applied; empty until they have been.
    pub digest: String,
    /// What that left in it, of what no read tells.
    pub memory: Memory,
}

impl Record {
    /// Whether it was written before a create or a change, and not after.
    pub fn is_intent(&self) -> bool {
        self.digest.is_empty()
    }
}

impl Aws {
    fn ledger_key(&self) -> String {
        format!("{}#{}", self.owner().project, self.owner().stage)
    }

    /// Reads all the ledger says of this stage.
    pub async fn read_ledger(&self) -> Result<Ledger> {
        let mut ledger = Ledger {
            exists: true,
            ..Ledger::default()
        };
        // The history grows for ever and no deploy needs it: it sorts before the rest.
        let Some(items) = self.ledger_items("sk >= :sk", RESOURCE).await? else {
            return Ok(Ledger::default());
        };
        let mut parts = snapshot::Parts::default();
        for item in &items {
            ledger.take(item, &mut parts);
        }
        ledger.snapshot = parts.whole();
        ledger.read = self.now();
        Ok(ledger)
    }

    /// All the items of this stage whose sort key meets a condition on `:sk`; none when there is no ledger.
    async fn ledger_items(
        &self,
        condition: &str,
        sort: impl Into<String>,
    ) -> Result<Option<Vec<HashMap<String, AttributeValue>>>> {
        let sort = sort.into();
        let mut items = Vec::new();
        let mut start: Option<HashMap<String, AttributeValue>> = None;
        loop {
            let answer = self
                .dynamodb
                .query()
                .table_name(TABLE)
                .key_condition_expression(format!("pk = :pk AND {condition}"))
                .expression_attribute_values(":pk", text(self.ledger_key()))
                .expression_attribute_values(":sk", text(&sort))
                .consistent_read(true)
                .set_exclusive_start_key(start.take())
                .send()
                .await;
            let Some(page) = classify::found(answer.map_err(Fault::from))? else {
                return Ok(None);
            };
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(Some(items));
            }
        }
    }

    /// Whether something of another stage of this project is there.
    pub async fn is_deployed(&self, stage: &str) -> Result<bool> {
        let answer = self
            .dynamodb
            .query()
            .table_name(TABLE)
            .key_condition_expression("pk = :pk AND begins_with(sk, :resource)")
            .expression_attribute_values(":pk", text(format!("{}#{stage}", self.owner().project)))
            .expression_attribute_values(":resource", text(RESOURCE))
            .consistent_read(true)
            .limit(1)
            .send()
            .await;
        let found = classify::found(answer.map_err(Fault::from))?;
        Ok(found.is_some_and(|page| !page.items().is_empty()))
    }

    /// Makes the table; somebody else making it at the same time is fine.
    pub async fn create_ledger(&self, waiting: Waiting<'_>) -> Result<()> {
        let attribute = |name: &str| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
        };
        let key = |name: &str, kind: KeyType| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(kind)
                .build()
        };
        let answer = self
            .dynamodb
            .create_table()
            .table_name(TABLE)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("pk")?)
            .attribute_definitions(attribute("sk")?)
            .key_schema(key("pk", KeyType::Hash)?)
            .key_schema(key("sk", KeyType::Range)?)
            .sse_specification(SseSpecification::builder().enabled(true).build())
            .tags(
                Tag::builder()
                    .key("saasauth:ledger")
                    .value("true")
                    .build()?,
            )
            .send()
            .await
            .map_err(Fault::from);
        let status = match answer {
            Ok(answer) => answer
                .table_description
                .and_then(|table| table.table_status),
            Err(fault) if matches!(fault.class, Class::AlreadyExists | Class::Busy) => None,
            Err(fault) => return Err(fault),
        };
        if status == Some(TableStatus::Active) {
            return Ok(());
        }
        let reason = "the ledger table to become active";
        let active = self.until(
            READINESS,
            waiting,
            reason,
            TABLE,
            "become active",
            || async {
                let answer = self
                    .dynamodb
                    .describe_table()
                    .table_name(TABLE)
                    .send()
                    .await;
                let table =
                    classify::found(answer.map_err(Fault::from))?.and_then(|found| found.table);
                let status = table.and_then(|table| table.table_status);
                Ok(status.filter(|status| *status == TableStatus::Active))
            },
        );
        active.await.map(drop)
    }

    fn key(&self, sort: &str) -> HashMap<String, AttributeValue> {
        HashMap::from([
            ("pk".to_owned(), text(self.ledger_key())),
            ("sk".to_owned(), text(sort)),
        ])
    }

    fn put_record(&self, id: &str, record: &Record) -> Result<TransactWriteItem> {
        let mut item = self.key(&format!("{RESOURCE}{id}"));
        item.insert("type".to_owned(), text(record.kind.type_name()));
        item.insert("digest".to_owned(), text(&record.digest));
        if let Some(physical_id) = &record.physical_id {
            item.insert("physical_id".to_owned(), text(physical_id));
        }
        let Memory { tags, holds } = &record.memory;
        if let Some(tags) = tags {
            let keys = tags.iter().map(text).collect();
            item.insert("tags".to_owned(), AttributeValue::L(keys));
        }
        if let Some(holds) = holds {
            item.insert("holds".to_owned(), text(holds));
        }
        let put = Put::builder()
            .table_name(TABLE)
            .set_item(Some(item))
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

impl Ledger {
    /// Whether a deploy has ended so lately that reads may not show all of it.
    pub fn is_fresh(&self) -> bool {
        const LATELY: u64 = 60;
        self.ended
            .is_some_and(|ended| self.read.abs_diff(ended) < LATELY)
    }

    /// The lock, when whoever holds it may still be at work.
    pub fn held(&self) -> Option<&Lock> {
        let lock = self.lock.as_ref()?;
        (!lock.has_expired(self.read) && !lock.is_orphaned()).then_some(lock)
    }

    /// Refuses what a later version wrote in a way that this one would misread.
    pub fn check_schema(&self) -> Result<(), Error> {
        if self.schema <= SCHEMA {
            return Ok(());
        }
        Err(
            Error::refused("a later version of saasauth deployed this stage")
                .with_cause(format!(
                    "the ledger is written in version {}, and this saasauth knows {SCHEMA}",
                    self.schema
                ))
                .with_hint("update saasauth"),
        )
    }

    fn take(&mut self, item: &HashMap<String, AttributeValue>, parts: &mut snapshot::Parts) {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let number = |name: &str| -> Option<u64> {
            item.get(name)
                .and_then(|value| value.as_n().ok())
                .and_then(|text| text.parse().ok())
        };
        let texts = |name: &str| {
            let values = item.get(name)?.as_l().ok()?.iter();
            Some(
                values
                    .filter_map(|value| value.as_s().ok().cloned())
                    .collect(),
            )
        };
        let sort = text("sk").unwrap_or_default();
        if sort == STATE {
            self.schema = number("schema").unwrap_or(0);
            self.serial = number("serial").unwrap_or(0);
            self.engine = text("engine");
            self.ended = number("ended");
            self.lock = text("lock_token").map(|token| Lock {
                token,
                holder: Holder {
                    owner: text("lock_owner").unwrap_or_default(),
                    process: text("lock_process"),
                },
                since: number("lock_since").unwrap_or(0),
                expires: number("lock_expires").unwrap_or(0),
            });
        } else if sort.starts_with(snapshot::LATEST) {
            parts.take(&sort, item);
        } else if let Some(id) = sort.strip_prefix(RESOURCE) {
            // A type this version doesn't know was written by a later one; it isn't ours to touch.
            if let Some(kind) = text("type").and_then(|name| Kind::of(&name)) {
                let record = Record {
                    kind,
                    physical_id: text("physical_id"),
                    digest: text("digest").unwrap_or_default(),
                    memory: Memory {
                        tags: texts("tags"),
                        holds: text("holds"),
                    },
                };
                self.records.insert(id.to_owned(), record);
            }
        }
    }
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
