//! The ledger: our record, in the account itself, of what we own.
//!
//! One on-demand DynamoDB table per account and region. Under the key of a project and stage lie the
//! lease lock, one record per resource, and a history of deploys. A record is written before its
//! resource is created, so a deploy that is cut off orphans nothing; the lock and the first records go
//! in one transaction, so nobody can slip in between.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, Delete, KeySchemaElement, KeyType, Put,
    ScalarAttributeType, SseSpecification, TableStatus, Tag, TransactWriteItem, Update,
};

use super::wait::READINESS;
use super::{Aws, Class, Fault, Result, Waiting, classify};
use saasauth_model::plan::Memory;
use saasauth_model::resource::{Kind, LogicalId};

/// The table's name, the same in every account and region.
pub const TABLE: &str = "saasauth-ledger";

/// How long a lock lasts without a heartbeat. Long enough to survive a stalled network, short enough
/// that a killed deploy's lock is gone by the time anyone has read the message.
pub const LEASE: Duration = Duration::from_secs(60);

/// DynamoDB takes at most a hundred actions in a transaction.
const TRANSACTION: usize = 100;

const STATE: &str = "STATE";
const RESOURCE: &str = "RESOURCE#";
const DEPLOY: &str = "DEPLOY#";

/// Everything the ledger says of one project and stage.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// Whether the table is there.
    pub exists: bool,
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
}

/// A lease lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Unique to one run.
    pub token: String,
    /// `user@host`.
    pub owner: String,
    /// Seconds since 1970.
    pub since: u64,
    /// Seconds since 1970; pushed ahead by each heartbeat.
    pub expires: u64,
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

/// One deploy in the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deploy {
    /// What was run: `deploy` or `destroy`.
    pub command: &'static str,
    /// `user@host`.
    pub owner: String,
    /// When it began, in seconds since 1970.
    pub started: u64,
    /// How it ended: `done`, `failed` or `interrupted`.
    pub outcome: &'static str,
    /// Such as `3 created, 1 updated`.
    pub summary: String,
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

impl Lock {
    /// A lock for this run, starting now.
    pub fn new(owner: String) -> Self {
        let since = now();
        Self {
            token: uuid::Uuid::new_v4().to_string(),
            owner,
            since,
            expires: since + LEASE.as_secs(),
        }
    }

    /// Whether its lease is over.
    pub fn has_expired(&self) -> bool {
        self.expires <= now()
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
        let mut start: Option<HashMap<String, AttributeValue>> = None;
        loop {
            let answer = self
                .dynamodb
                .query()
                .table_name(TABLE)
                // The history grows for ever and no deploy needs it: it sorts before the rest.
                .key_condition_expression("pk = :pk AND sk >= :from")
                .expression_attribute_values(":pk", text(self.ledger_key()))
                .expression_attribute_values(":from", text(RESOURCE))
                .consistent_read(true)
                .set_exclusive_start_key(start.take())
                .send()
                .await;
            let Some(page) = classify::found(answer.map_err(Fault::from))? else {
                return Ok(Ledger::default());
            };
            for item in page.items() {
                ledger.take(item);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(ledger);
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

    /// Takes the lock and writes the records of all that is about to be made, in one transaction.
    ///
    /// Fails with [`Class::ConditionFailed`] when somebody holds the lock, or has deployed since
    /// `ledger` was read.
    pub async fn begin(
        &self,
        ledger: &Ledger,
        lock: &Lock,
        engine: &str,
        intents: &BTreeMap<LogicalId, Record>,
    ) -> Result<()> {
        let take = Update::builder()
            .table_name(TABLE)
            .set_key(Some(self.key(STATE)))
            .update_expression(
                "SET lock_token = :token, lock_owner = :owner, lock_since = :since, \
                 lock_expires = :expires, engine = :engine, serial = if_not_exists(serial, :zero)",
            )
            .condition_expression(
                "(attribute_not_exists(lock_token) OR lock_expires <= :now) AND \
                 (attribute_not_exists(serial) OR serial = :serial)",
            )
            .expression_attribute_values(":token", text(&lock.token))
            .expression_attribute_values(":owner", text(&lock.owner))
            .expression_attribute_values(":since", number(lock.since))
            .expression_attribute_values(":expires", number(lock.expires))
            .expression_attribute_values(":engine", text(engine))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":now", number(now()))
            .expression_attribute_values(":serial", number(ledger.serial))
            .build()?;
        let mut actions = vec![TransactWriteItem::builder().update(take).build()];
        for (id, record) in intents {
            actions.push(self.put_record(id, record)?);
        }
        match self.transact(actions).await {
            // Sent again because the answer got lost, it finds our own lock. DynamoDB knows a transaction
            // again by its token, but not for ever, and not every emulator does.
            Err(fault) if fault.class == Class::ConditionFailed => {
                let now = self.read_ledger().await?;
                match now.lock {
                    Some(held) if held.token == lock.token => Ok(()),
                    _ => Err(fault),
                }
            }
            begun => begun,
        }
    }

    /// Writes what became of the resources, the deploy into the history, and lets the lock go.
    ///
    /// A lock that was lost meanwhile is not touched, and the records are written all the same: they
    /// are what was done.
    pub async fn finish(
        &self,
        lock: &Lock,
        written: &BTreeMap<LogicalId, Record>,
        removed: &[LogicalId],
        deploy: &Deploy,
    ) -> Result<()> {
        let mut actions = Vec::new();
        for (id, record) in written {
            actions.push(self.put_record(id, record)?);
        }
        for id in removed {
            let delete = Delete::builder()
                .table_name(TABLE)
                .set_key(Some(self.key(&format!("{RESOURCE}{id}"))))
                .build()?;
            actions.push(TransactWriteItem::builder().delete(delete).build());
        }
        let mut history = self.key(&format!(
            "{DEPLOY}{:012}#{}",
            deploy.started,
            &lock.token[..8]
        ));
        history.extend([
            ("command".to_owned(), text(deploy.command)),
            ("owner".to_owned(), text(&deploy.owner)),
            ("started".to_owned(), number(deploy.started)),
            ("ended".to_owned(), number(now())),
            ("outcome".to_owned(), text(deploy.outcome)),
            ("summary".to_owned(), text(&deploy.summary)),
        ]);
        let history = Put::builder()
            .table_name(TABLE)
            .set_item(Some(history))
            .build()?;
        actions.push(TransactWriteItem::builder().put(history).build());
        let release = Update::builder()
            .table_name(TABLE)
            .set_key(Some(self.key(STATE)))
            .update_expression(
                "ADD serial :one SET ended = :now REMOVE lock_token, lock_owner, lock_since, lock_expires",
            )
            .condition_expression("lock_token = :token")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(now()))
            .expression_attribute_values(":token", text(&lock.token))
            .build()?;
        // Last, so that with more than one transaction the lock outlives the records.
        let release = TransactWriteItem::builder().update(release).build();
        let records = actions.clone();
        actions.push(release);
        match self.transact(actions).await {
            Err(fault) if fault.class == Class::ConditionFailed => self.transact(records).await,
            done => done,
        }
    }

    /// Pushes the lease ahead. Fails with [`Class::ConditionFailed`] when the lock was lost.
    pub async fn heartbeat(&self, lock: &Lock) -> Result<()> {
        self.dynamodb
            .update_item()
            .table_name(TABLE)
            .set_key(Some(self.key(STATE)))
            .update_expression("SET lock_expires = :expires")
            .condition_expression("lock_token = :token")
            .expression_attribute_values(":expires", number(now() + LEASE.as_secs()))
            .expression_attribute_values(":token", text(&lock.token))
            .send()
            .await?;
        Ok(())
    }

    async fn transact(&self, actions: Vec<TransactWriteItem>) -> Result<()> {
        for chunk in actions.chunks(TRANSACTION) {
            self.dynamodb
                .transact_write_items()
                .set_transact_items(Some(chunk.to_vec()))
                .send()
                .await?;
        }
        Ok(())
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
    /// Whether a deploy has ended so lately that reads may not show all of it. By two machines' clocks, so not to
    /// the second.
    pub fn is_fresh(&self) -> bool {
        const LATELY: u64 = 60;
        self.ended
            .is_some_and(|ended| now().abs_diff(ended) < LATELY)
    }

    fn take(&mut self, item: &HashMap<String, AttributeValue>) {
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
            self.serial = number("serial").unwrap_or(0);
            self.engine = text("engine");
            self.ended = number("ended");
            self.lock = text("lock_token").map(|token| Lock {
                token,
                owner: text("lock_owner").unwrap_or_default(),
                since: number("lock_since").unwrap_or(0),
                expires: number("lock_expires").unwrap_or(0),
            });
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::aws::replay::{self, ok};

    fn lock(token: &str) -> Lock {
        Lock {
            token: token.to_owned(),
            ..Lock::new("ada@host".to_owned())
        }
    }

    /// DynamoDB's refusal of a transaction of a lock and one record.
    fn cancelled(reason: &str) -> (u16, String) {
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": format!("Transaction cancelled [{reason}, None]"),
            "CancellationReasons": [{ "Code": reason }, { "Code": "None" }],
        });
        (400, body.to_string())
    }

    fn locked_by(token: &str) -> (u16, String) {
        ok(
            json!({ "Items": [{ "pk": { "S": "acme#dev" }, "sk": { "S": "STATE" }, "lock_token": { "S": token } }] }),
        )
    }

    async fn begin(answers: Vec<(u16, String)>) -> (Result<()>, Vec<String>) {
        let (aws, replay) = replay::aws(answers);
        let intents = BTreeMap::new();
        let begun = aws
            .begin(&Ledger::default(), &lock("mine"), "direct", &intents)
            .await;
        (begun, replay.operations())
    }

    #[tokio::test]
    async fn a_lock_that_others_hold_is_told_from_one_that_was_in_the_way() {
        let taken = cancelled("ConditionalCheckFailed");
        let (begun, sent) = begin(vec![taken, locked_by("theirs")]).await;
        assert_eq!(begun.expect_err("taken").class, Class::ConditionFailed);
        assert_eq!(sent, ["TransactWriteItems", "Query"]);

        for passing in [
            "TransactionConflict",
            "ThrottlingError",
            "ProvisionedThroughputExceeded",
        ] {
            let (begun, sent) = begin(vec![cancelled(passing), ok(json!({}))]).await;
            begun.expect("it goes through when it is sent again");
            assert_eq!(sent.len(), 2, "{passing}");
        }
        let (begun, _) = begin(vec![cancelled("ValidationError")]).await;
        assert_eq!(begun.expect_err("ours to mend").class, Class::Other);
    }

    #[tokio::test]
    async fn a_lock_whose_answer_got_lost_is_ours() {
        // The first attempt was carried out, and its answer is a broken gateway's.
        let lost = (502, "bad gateway".to_owned());
        let refused = cancelled("ConditionalCheckFailed");
        let (begun, sent) = begin(vec![lost, refused, locked_by("mine")]).await;
        begun.expect("the lock is held");
        assert_eq!(sent, ["TransactWriteItems", "TransactWriteItems", "Query"]);
    }

    #[tokio::test]
    async fn both_attempts_of_a_transaction_carry_one_token() {
        let (aws, replay) = replay::aws([(500, String::new()), ok(json!({}))]);
        aws.begin(
            &Ledger::default(),
            &lock("mine"),
            "direct",
            &BTreeMap::new(),
        )
        .await
        .expect("the second is answered");
        let sent = replay.finish();
        let token = |index: usize| &sent[index].body["ClientRequestToken"];
        assert!(token(0).is_string());
        assert_eq!(token(0), token(1));
    }

    #[tokio::test]
    async fn a_record_reads_back_with_what_it_remembers() {
        let (aws, replay) = replay::aws([ok(json!({}))]);
        let record = Record {
            kind: Kind::Function,
            physical_id: Some("f".to_owned()),
            digest: "d".to_owned(),
            memory: Memory {
                tags: Some(BTreeSet::from(["team".to_owned()])),
                holds: Some("AROA1".to_owned()),
            },
        };
        let intents = BTreeMap::from([("F".to_owned(), record.clone())]);
        aws.begin(&Ledger::default(), &lock("mine"), "direct", &intents)
            .await
            .expect("begun");
        let written = replay.finish()[0].body["TransactItems"][1]["Put"]["Item"].clone();
        let read = |item: Value| async move {
            let (aws, _) = replay::aws([ok(json!({ "Items": [item] }))]);
            aws.read_ledger().await.expect("read").records["F"].clone()
        };
        assert_eq!(read(written.clone()).await, record);

        // One that an earlier version wrote remembers nothing, which is not the same as no tags.
        let mut old = written;
        for name in ["tags", "holds"] {
            old.as_object_mut().expect("an item").remove(name);
        }
        assert_eq!(read(old).await.memory, Memory::default());
    }

    #[tokio::test]
    async fn a_finish_that_got_lost_writes_the_records_once_more_and_not_the_count() {
        let deploy = Deploy {
            command: "deploy",
            owner: "ada@host".to_owned(),
            started: 1,
            outcome: "done",
            summary: String::new(),
        };
        let lost = (502, String::new());
        let refused = {
            let reasons = [
                json!({ "Code": "None" }),
                json!({ "Code": "ConditionalCheckFailed" }),
            ];
            let code = "TransactionCanceledException";
            let body = json!({ "__type": code, "CancellationReasons": reasons });
            (400, body.to_string())
        };
        let (aws, replay) = replay::aws([lost, refused, ok(json!({}))]);
        let lock = lock("0123456789");
        aws.finish(&lock, &BTreeMap::new(), &[], &deploy)
            .await
            .expect("what was done is written");
        let sent = replay.finish();
        assert_eq!(
            sent[2].body["TransactItems"].as_array().map(Vec::len),
            Some(1)
        );
        assert!(sent[2].body["TransactItems"][0]["Put"].is_object());
    }
}
