//! The lease lock: taken with the first records of a deploy, kept by heartbeats, let go with the last ones.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, TransactWriteItem, Update};

use super::history::Deploy;
use super::holder::Holder;
use super::{Ledger, RESOURCE, Record, SCHEMA, STATE, TABLE, number, text};
use crate::aws::{Aws, Class, Fault, Result};
use saasauth_model::resource::LogicalId;

/// How long a lock lasts without a heartbeat. Long enough to survive a stalled network, short enough
/// that a killed deploy's lock is gone by the time anyone has read the message.
pub const LEASE: Duration = Duration::from_secs(60);

/// DynamoDB takes at most a hundred actions in a transaction.
const TRANSACTION: usize = 100;
/// And four megabytes altogether.
const TRANSACTION_SIZE: usize = 3 * 1024 * 1024;

/// A lease lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Unique to one run.
    pub token: String,
    /// Who has it.
    pub holder: Holder,
    /// Seconds since 1970, by DynamoDB's clock.
    pub since: u64,
    /// The same; pushed ahead by each heartbeat.
    pub expires: u64,
}

impl Lock {
    /// A lock for this run, starting now.
    pub fn new(holder: Holder, now: u64) -> Self {
        Self {
            token: uuid::Uuid::new_v4().to_string(),
            holder,
            since: now,
            expires: now + LEASE.as_secs(),
        }
    }

    /// Whether its lease is over.
    pub fn has_expired(&self, now: u64) -> bool {
        self.expires <= now
    }

    /// Whether it was taken by a process of this person on this machine that is gone: nobody has to wait for its end.
    pub fn is_orphaned(&self) -> bool {
        self.holder.is_gone()
    }
}

impl Aws {
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
        // One whose holder is known to be gone doesn't have to run out.
        let orphan = ledger.lock.as_ref().filter(|lock| lock.is_orphaned());
        let orphan = orphan.map_or("", |lock| lock.token.as_str());
        let take = Update::builder()
            .table_name(TABLE)
            .set_key(Some(self.key(STATE)))
            .update_expression(
                "SET lock_token = :token, lock_owner = :owner, lock_process = :process, lock_since = :since, \
                 lock_expires = :expires, engine = :engine, #schema = :schema, \
                 serial = if_not_exists(serial, :zero)",
            )
            .condition_expression(
                "(attribute_not_exists(lock_token) OR lock_expires <= :now OR lock_token = :orphan) AND \
                 (attribute_not_exists(serial) OR serial = :serial) AND \
                 (attribute_not_exists(#schema) OR #schema <= :schema)",
            )
            // A word of DynamoDB's own.
            .expression_attribute_names("#schema", "schema")
            .expression_attribute_values(":schema", number(SCHEMA))
            .expression_attribute_values(":orphan", text(orphan))
            .expression_attribute_values(":token", text(&lock.token))
            .expression_attribute_values(":owner", text(&lock.holder.owner))
            .expression_attribute_values(":process", text(lock.holder.process.as_deref().unwrap_or("")))
            .expression_attribute_values(":since", number(lock.since))
            .expression_attribute_values(":expires", number(lock.expires))
            .expression_attribute_values(":engine", text(engine))
            .expression_attribute_values(":zero", number(0))
            .expression_attribute_values(":now", number(self.now()))
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
        actions.push(self.put_deploy(lock, deploy)?);
        let release = Update::builder()
            .table_name(TABLE)
            .set_key(Some(self.key(STATE)))
            .update_expression(
                "ADD serial :one SET ended = :now REMOVE lock_token, lock_owner, lock_process, lock_since, lock_expires",
            )
            .condition_expression("lock_token = :token")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", number(self.now()))
            .expression_attribute_values(":token", text(&lock.token))
            .build()?;
        // Last, so that with more than one transaction the lock outlives the records.
        let release = TransactWriteItem::builder().update(release).build();
        let records = actions.clone();
        // Whoever took the lock meanwhile knows better than we what all of the stage is like.
        let kept = deploy.is_good().then_some(deploy.number);
        actions.extend(self.put_snapshot(&deploy.snapshot, kept)?);
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
            .expression_attribute_values(":expires", number(self.now() + LEASE.as_secs()))
            .expression_attribute_values(":token", text(&lock.token))
            .send()
            .await?;
        Ok(())
    }

    /// Takes the lock away from whoever holds it, and makes every plan made until now stale. `false` when it is no longer
    /// that one.
    pub async fn unlock(&self, lock: &Lock) -> Result<bool> {
        let answer = self
            .dynamodb
            .update_item()
            .table_name(TABLE)
            .set_key(Some(self.key(STATE)))
            .update_expression(
                "ADD serial :one REMOVE lock_token, lock_owner, lock_process, lock_since, lock_expires",
            )
            .condition_expression("lock_token = :token")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":token", text(&lock.token))
            .send()
            .await;
        match answer.map_err(Fault::from) {
            Ok(_) => Ok(true),
            Err(fault) if fault.class == Class::ConditionFailed => Ok(false),
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn transact(&self, actions: Vec<TransactWriteItem>) -> Result<()> {
        for chunk in transactions(actions) {
            self.dynamodb
                .transact_write_items()
                .set_transact_items(Some(chunk))
                .send()
                .await?;
        }
        Ok(())
    }
}

/// The actions in order, in as few transactions as hold them.
fn transactions(actions: Vec<TransactWriteItem>) -> Vec<Vec<TransactWriteItem>> {
    let mut transactions: Vec<(usize, Vec<TransactWriteItem>)> = Vec::new();
    for action in actions {
        let size = size(&action);
        match transactions.last_mut() {
            Some((sum, chunk)) if chunk.len() < TRANSACTION && *sum + size <= TRANSACTION_SIZE => {
                *sum += size;
                chunk.push(action);
            }
            _ => transactions.push((size, vec![action])),
        }
    }
    transactions.into_iter().map(|(_, chunk)| chunk).collect()
}

/// About how many bytes an action takes: what is neither bytes nor text is short.
fn size(action: &TransactWriteItem) -> usize {
    let items = action.put().into_iter().flat_map(|put| put.item().values());
    let sizes = items.map(|value| match value {
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::S(text) => text.len(),
        _ => 100,
    });
    1000 + sizes.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::aws::replay::{self, ok};
    use saasauth_model::plan::{Memory, Snapshot, Summary};
    use saasauth_model::resource::Kind;

    fn lock(token: &str) -> Lock {
        Lock {
            token: token.to_owned(),
            ..Lock::new(Holder::default(), 0)
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
            number: 1,
            command: "deploy",
            to: None,
            owner: "ada@host".to_owned(),
            started: 1,
            outcome: "done",
            summary: Summary::default(),
            revision: None,
            snapshot: Snapshot::default(),
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
        // The latest snapshot, the one to go back to, the history and the lock.
        assert_eq!(
            sent[0].body["TransactItems"].as_array().map(Vec::len),
            Some(4)
        );
        assert!(sent[2].body["TransactItems"][0]["Put"].is_object());
    }
}
