//! The history: one item per deploy or destroy that changed something.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use serde::{Deserialize, Serialize};

use super::lock::Lock;
use super::{DEPLOY, TABLE, number, text};
use crate::aws::{Aws, Fault, Result, classify};
use saasauth_model::plan::{Snapshot, Summary};

/// The outcome of a deploy that got to its end.
pub const DONE: &str = "done";

/// One deploy that has just ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deploy {
    /// Which of the stage's it is, from 1.
    pub number: u64,
    /// What was run: `deploy`, `rollback`, `refresh` or `destroy`.
    pub command: &'static str,
    /// Which deploy's state a rollback went back to.
    pub to: Option<u64>,
    /// `user@host`.
    pub owner: String,
    /// When it began, by DynamoDB's clock, in seconds since 1970.
    pub started: u64,
    /// How it ended: `done`, `failed`, `rolled back`, `interrupted`, or `stopped` when its lock was lost.
    pub outcome: &'static str,
    /// What its plan was.
    pub summary: Summary,
    /// What was deployed, where the project is under version control.
    pub revision: Option<Revision>,
    /// What it left the stage as.
    pub snapshot: Snapshot,
}

/// A state of the project's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Git's name of the commit.
    pub commit: String,
    /// Whether the files were as in that commit.
    pub clean: bool,
}

/// One deploy of the past, as far as the version that wrote it noted it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// Which of the stage's it is, from 1.
    pub number: Option<u64>,
    /// What was run.
    pub command: String,
    /// Which deploy's state a rollback went back to.
    pub to: Option<u64>,
    /// `user@host`.
    pub owner: String,
    /// In seconds since 1970.
    pub started: u64,
    /// The same.
    pub ended: u64,
    /// How it ended.
    pub outcome: String,
    /// Such as `3 created, 1 updated, 0 replaced, 0 deleted`.
    pub summary: String,
    /// What was deployed.
    pub revision: Option<Revision>,
    /// The version of saasauth.
    pub version: Option<String>,
    /// What keeps two of one second apart.
    pub(super) suffix: String,
}

impl Aws {
    /// The latest deploys of the stage, latest first, so many at most.
    pub async fn history(&self, most: usize) -> Result<Vec<Past>> {
        let mut past = Vec::new();
        let mut start: Option<HashMap<String, AttributeValue>> = None;
        loop {
            let left = i32::try_from(most.saturating_sub(past.len())).unwrap_or(i32::MAX);
            let answer = self
                .dynamodb
                .query()
                .table_name(TABLE)
                .key_condition_expression("pk = :pk AND begins_with(sk, :deploy)")
                .expression_attribute_values(":pk", text(self.ledger_key()))
                .expression_attribute_values(":deploy", text(DEPLOY))
                .scan_index_forward(false)
                .consistent_read(true)
                .limit(left)
                .set_exclusive_start_key(start.take())
                .send()
                .await;
            let Some(page) = classify::found(answer.map_err(Fault::from))? else {
                return Ok(past);
            };
            past.extend(page.items().iter().filter_map(Past::of));
            start = page.last_evaluated_key;
            if start.is_none() || past.len() >= most {
                return Ok(past);
            }
        }
    }

    pub(super) fn put_deploy(&self, lock: &Lock, deploy: &Deploy) -> Result<TransactWriteItem> {
        let past = Past {
            number: Some(deploy.number),
            command: deploy.command.to_owned(),
            to: deploy.to,
            owner: deploy.owner.clone(),
            started: deploy.started,
            ended: self.now(),
            outcome: deploy.outcome.to_owned(),
            summary: describe(deploy.summary),
            revision: deploy.revision.clone(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
            // Two of one second stand in their order.
            suffix: format!(
                "{:08}-{}",
                deploy.number,
                lock.token.chars().take(8).collect::<String>()
            ),
        };
        self.put_past(&past)
    }

    pub(super) fn put_past(&self, past: &Past) -> Result<TransactWriteItem> {
        let mut item = self.key(&format!("{DEPLOY}{:012}#{}", past.started, past.suffix));
        item.extend([
            ("command".to_owned(), text(&past.command)),
            ("owner".to_owned(), text(&past.owner)),
            ("started".to_owned(), number(past.started)),
            ("ended".to_owned(), number(past.ended)),
            ("outcome".to_owned(), text(&past.outcome)),
            ("summary".to_owned(), text(&past.summary)),
        ]);
        if let Some(count) = past.number {
            item.insert("number".to_owned(), number(count));
        }
        if let Some(to) = past.to {
            item.insert("to".to_owned(), number(to));
        }
        if let Some(version) = &past.version {
            item.insert("version".to_owned(), text(version));
        }
        if let Some(revision) = &past.revision {
            item.insert("commit".to_owned(), text(&revision.commit));
            item.insert("clean".to_owned(), AttributeValue::Bool(revision.clean));
        }
        let put = Put::builder()
            .table_name(TABLE)
            .set_item(Some(item))
            .build()?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

impl Deploy {
    /// Whether one may go back to what it left.
    pub(super) fn is_good(&self) -> bool {
        self.outcome == DONE && matches!(self.command, "deploy" | "rollback")
    }
}

impl Past {
    /// The number of the deploy whose state it left, when it got to its end.
    pub fn state(&self) -> Option<u64> {
        let is_deploy = matches!(self.command.as_str(), "deploy" | "rollback");
        let number = self.to.or(self.number)?;
        (is_deploy && self.outcome == DONE).then_some(number)
    }

    fn of(item: &HashMap<String, AttributeValue>) -> Option<Self> {
        let text = |name: &str| item.get(name)?.as_s().ok().cloned();
        let number = |name: &str| item.get(name)?.as_n().ok()?.parse().ok();
        let sort = text("sk")?;
        let (_, suffix) = sort.strip_prefix(DEPLOY)?.split_once('#')?;
        let clean = item.get("clean").and_then(|value| value.as_bool().ok());
        Some(Self {
            number: number("number"),
            to: number("to"),
            command: text("command").unwrap_or_default(),
            owner: text("owner").unwrap_or_default(),
            started: number("started").unwrap_or(0),
            ended: number("ended").unwrap_or(0),
            outcome: text("outcome").unwrap_or_default(),
            summary: text("summary").unwrap_or_default(),
            revision: text("commit")
                .zip(clean)
                .map(|(commit, &clean)| Revision { commit, clean }),
            version: text("version"),
            suffix: suffix.to_owned(),
        })
    }
}

fn describe(summary: Summary) -> String {
    format!(
        "{} created, {} updated, {} replaced, {} deleted",
        summary.create, summary.update, summary.replace, summary.delete
    )
}
