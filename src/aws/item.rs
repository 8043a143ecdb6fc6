//! `SaasAuth::DynamoDB::Item`: the items the project file declares.
//!
//! Attributes that aren't declared are not ours: reads leave them out and writes leave them alone.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, TransactWriteItem, Update};
use futures::future::join_all;
use saasauth_contract::keys::{PARTITION_KEY, SORT_KEY};
use serde_json::{Map, Value, json};

use super::classify::{Class, gone};
use super::lifecycle::{Change, Lifecycle};
use super::wait::READINESS;
use super::{Aws, Fault, Result, Waiting, Wanted, live, trace};
use saasauth_model::resource::{Item, Kind, Live, LogicalId};

type Attributes = HashMap<String, AttributeValue>;

/// BatchGetItem's limit.
pub(super) const KEYS_PER_READ: usize = 100;

impl Lifecycle for Item<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        aws.read_items(wanted).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.put_item(self).await
    }

    async fn update(&self, aws: &Aws, _change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.put_item(self).await.map(drop)
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_item(physical_id).await
    }

    async fn write_together(aws: &Aws, ones: &[&Self]) -> Vec<Result<Live>> {
        aws.put_items(ones).await
    }
}

impl Aws {
    /// Reads all of them in one request per hundred.
    pub(super) async fn read_items(&self, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        let mut by_key: BTreeMap<String, &Wanted> = BTreeMap::new();
        for &one in wanted {
            if let Some(physical_id) = one.known_id() {
                by_key.insert(physical_id, one);
            }
        }
        let ids: Vec<&str> = by_key.keys().map(String::as_str).collect();
        let reads = ids
            .chunks(KEYS_PER_READ)
            .map(|ids| trace::beside(self.read_chunk(ids)));
        let mut items = Vec::new();
        for read in join_all(reads).await {
            items.extend(read?);
        }
        let live = items.into_iter().filter_map(|(physical_id, attributes)| {
            let wanted = by_key.get(&physical_id)?;
            let properties = properties(&physical_id, &attributes, &wanted.declared);
            Some((wanted.id.clone(), live(Kind::Item, physical_id, properties)))
        });
        Ok(live.collect())
    }

    /// The items there are, by physical ID. One missing table fails the whole request, so then each
    /// table is asked alone.
    pub(super) async fn read_chunk(&self, ids: &[&str]) -> Result<Vec<(String, Attributes)>> {
        let mut tables: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for &id in ids {
            tables.entry(split(id).0).or_default().push(id);
        }
        match self.batch_get(&tables).await {
            Err(fault) if fault.class == Class::NotFound => {}
            answer => return answer,
        }
        if tables.len() == 1 {
            return Ok(Vec::new());
        }
        let reads = tables
            .into_values()
            .map(|ids| trace::beside(async move { Box::pin(self.read_chunk(&ids)).await }));
        let mut items = Vec::new();
        for read in join_all(reads).await {
            items.extend(read?);
        }
        Ok(items)
    }

    async fn batch_get(
        &self,
        tables: &BTreeMap<&str, Vec<&str>>,
    ) -> Result<Vec<(String, Attributes)>> {
        let mut items = Vec::new();
        let mut open = HashMap::new();
        for (&table, ids) in tables {
            let keys = ids.iter().map(|id| key(id)).collect();
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .consistent_read(true)
                .build()?;
            open.insert(table.to_owned(), keys);
        }
        // DynamoDB leaves keys of a full answer, and those it was too busy for, to be asked again.
        let mut pauses = READINESS.pauses();
        loop {
            let answer = self
                .dynamodb
                .batch_get_item()
                .set_request_items(Some(open))
                .send()
                .await?;
            for (table, answers) in answer.responses.unwrap_or_default() {
                let found = answers.into_iter();
                items.extend(found.map(|item| (physical_id(&table, &item), item)));
            }
            open = answer.unprocessed_keys.unwrap_or_default();
            if open.is_empty() {
                return Ok(items);
            }
            let Some(pause) = pauses.next() else {
                return Err(Fault::ours("DynamoDB left items of a BatchGetItem unread"));
            };
            trace::tell("DynamoDB to answer for every item");
            (self.sleep)(pause).await;
        }
    }

    /// Sets the declared attributes.
    async fn put_item(&self, one: &Item<String>) -> Result<Live> {
        let update = update(&identity(one), &one.attributes)?;
        let expression = Some(update.update_expression).filter(|text| !text.is_empty());
        self.dynamodb
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .set_update_expression(expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
            .send()
            .await?;
        Ok(self.made(Kind::Item, identity(one), one))
    }

    /// Sets the declared attributes of up to a hundred items in one request.
    async fn put_items(&self, ones: &[&Item<String>]) -> Vec<Result<Live>> {
        if ones.len() > 1 && self.put_in_one_request(ones).await.is_ok() {
            return ones
                .iter()
                .map(|one| Ok(self.made(Kind::Item, identity(one), one)))
                .collect();
        }
        // A transaction fails as a whole. Alone, each write succeeds or says what its own trouble is.
        join_all(ones.iter().map(|one| trace::beside(self.put_item(one)))).await
    }

    async fn put_in_one_request(&self, ones: &[&Item<String>]) -> Result<()> {
        let writes = ones.iter().map(|one| {
            let update = update(&identity(one), &one.attributes)?;
            Ok(TransactWriteItem::builder().update(update).build())
        });
        self.dynamodb
            .transact_write_items()
            .set_transact_items(Some(writes.collect::<Result<_>>()?))
            .send()
            .await?;
        Ok(())
    }

    pub(super) async fn delete_item(&self, physical_id: &str) -> Result<()> {
        let request = self
            .dynamodb
            .delete_item()
            .table_name(split(physical_id).0)
            .set_key(Some(key(physical_id)));
        gone(request.send().await.map_err(Fault::from))
    }
}

/// The physical ID of a declared item.
fn identity(one: &Item<String>) -> String {
    let sort_key = one.sort_key.as_deref().unwrap_or_default();
    format!("{}|{}|{sort_key}", one.table_name, one.partition_key)
}

/// Table, partition key and sort key; the last is empty where the table has none.
fn split(physical_id: &str) -> (&str, &str, &str) {
    let mut parts = physical_id.splitn(3, '|');
    let mut part = || parts.next().unwrap_or_default();
    (part(), part(), part())
}

fn key(physical_id: &str) -> Attributes {
    let (_, partition_key, sort_key) = split(physical_id);
    let mut key = HashMap::from([(
        PARTITION_KEY.to_owned(),
        AttributeValue::S(partition_key.to_owned()),
    )]);
    if !sort_key.is_empty() {
        key.insert(SORT_KEY.to_owned(), AttributeValue::S(sort_key.to_owned()));
    }
    key
}

fn physical_id(table: &str, item: &Attributes) -> String {
    let text = |name: &str| {
        item.get(name)
            .and_then(|value| value.as_s().ok())
            .map(String::as_str)
            .unwrap_or_default()
    };
    format!("{table}|{}|{}", text(PARTITION_KEY), text(SORT_KEY))
}

/// Of the attributes, those `declared` names; all that we can spell when it names none.
fn properties(physical_id: &str, item: &Attributes, declared: &Value) -> Value {
    let (table, partition_key, sort_key) = split(physical_id);
    let ours = declared["Attributes"].as_object();
    let attributes: BTreeMap<&str, Value> = item
        .iter()
        .filter(|(name, _)| {
            let is_key = matches!(name.as_str(), PARTITION_KEY | SORT_KEY);
            !is_key && ours.is_none_or(|ours| ours.contains_key(name.as_str()))
        })
        .filter_map(|(name, value)| Some((name.as_str(), from_attribute(value)?)))
        .collect();
    let mut properties = json!({
        "TableName": table,
        "PartitionKey": partition_key,
        "Attributes": attributes,
    });
    if !sort_key.is_empty() {
        properties["SortKey"] = json!(sort_key);
    }
    properties
}

/// Sets each attribute and no other. DynamoDB reserves many plain words, so names are stood in for.
fn update(physical_id: &str, attributes: &Map<String, Value>) -> Result<Update> {
    let mut update = Update::builder()
        .table_name(split(physical_id).0)
        .set_key(Some(key(physical_id)));
    let mut assignments = Vec::new();
    for (index, (name, value)) in attributes.iter().enumerate() {
        assignments.push(format!("#{index} = :{index}"));
        update = update
            .expression_attribute_names(format!("#{index}"), name)
            .expression_attribute_values(format!(":{index}"), to_attribute(name, value)?);
    }
    // An item with no attributes of its own is its key alone.
    let expression = match assignments.as_slice() {
        [] => String::new(),
        assignments => format!("SET {}", assignments.join(", ")),
    };
    Ok(update.update_expression(expression).build()?)
}

fn to_attribute(name: &str, value: &Value) -> Result<AttributeValue> {
    match value {
        Value::String(text) => Ok(AttributeValue::S(text.clone())),
        Value::Array(items) => {
            let items = items
                .iter()
                .map(|item| to_attribute(name, item))
                .collect::<Result<_>>()?;
            Ok(AttributeValue::L(items))
        }
        _ => Err(Fault::ours(format!(
            "attribute `{name}` is neither a string nor a list"
        ))),
    }
}

fn from_attribute(value: &AttributeValue) -> Option<Value> {
    match value {
        AttributeValue::S(text) => Some(json!(text)),
        AttributeValue::L(items) => items.iter().map(from_attribute).collect(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay::{self, error, ok};

    fn item(partition_key: &str) -> Item<String> {
        Item {
            table_name: "t".to_owned(),
            partition_key: partition_key.to_owned(),
            sort_key: None,
            attributes: Map::from_iter([("permissions".to_owned(), json!(["a:b"]))]),
        }
    }

    #[test]
    fn keys_with_and_without_sort_key() {
        assert_eq!(
            split("t|DOMAIN#acme.com|META"),
            ("t", "DOMAIN#acme.com", "META")
        );
        assert_eq!(key("t|ROLE#admin|").len(), 1);
        assert_eq!(physical_id("t", &key("t|a|b")), "t|a|b");
        assert_eq!(physical_id("t", &key("t|a|")), "t|a|");
    }

    #[test]
    fn attributes_of_others_are_left_out() {
        let mut attributes = key("t|ROLE#admin|");
        attributes.insert("note".to_owned(), AttributeValue::S("theirs".to_owned()));
        attributes.insert("permissions".to_owned(), AttributeValue::L(vec![]));
        let declared = json!({ "Attributes": { "permissions": ["a:b"] } });
        assert_eq!(
            properties("t|ROLE#admin|", &attributes, &declared),
            json!({ "TableName": "t", "PartitionKey": "ROLE#admin", "Attributes": { "permissions": [] } })
        );
    }

    #[tokio::test]
    async fn items_share_a_request() {
        let (aws, replay) = replay::aws([ok(json!({}))]);
        let (a, b) = (item("A"), item("B"));
        let written = aws.put_items(&[&a, &b]).await;
        let ids: Vec<String> = written
            .into_iter()
            .map(|live| live.expect("written").physical_id)
            .collect();
        assert_eq!(ids, ["t|A|", "t|B|"]);
        let sent = replay.finish();
        assert_eq!(sent[0].what, "TransactWriteItems");
        assert_eq!(
            sent[0].body["TransactItems"].as_array().map(Vec::len),
            Some(2)
        );
    }

    #[tokio::test]
    async fn one_bad_write_does_not_fail_the_others() {
        let (aws, _) = replay::aws([
            error(
                400,
                "TransactionCanceledException",
                "Transaction cancelled [None, ValidationError]",
            ),
            ok(json!({})),
            error(400, "ValidationException", "too large"),
        ]);
        let (a, b) = (item("A"), item("B"));
        let mut written = aws.put_items(&[&a, &b]).await.into_iter();
        let mut next = || written.next().expect("two");
        next().expect("the good one is written");
        assert_eq!(next().expect_err("the bad one is not").message, "too large");
    }

    #[tokio::test]
    async fn a_lone_write_is_a_plain_update() {
        let (aws, replay) = replay::aws([ok(json!({}))]);
        aws.put_items(&[&item("A")])
            .await
            .pop()
            .expect("one")
            .expect("written");
        let sent = replay.finish();
        assert_eq!(sent[0].what, "UpdateItem");
        assert_eq!(sent[0].body["UpdateExpression"], "SET #0 = :0");
    }

    fn wanted(table: &str) -> Wanted {
        Wanted {
            id: table.to_uppercase(),
            kind: Kind::Item,
            physical_id: Some(format!("{table}|k|")),
            declared: Value::Null,
        }
    }

    #[tokio::test]
    async fn a_missing_table_hides_no_items_of_another() {
        let missing = || {
            error(
                400,
                "ResourceNotFoundException",
                "Requested resource not found",
            )
        };
        let answer =
            json!({ "Responses": { "b": [{ "pk": { "S": "k" }, "role": { "S": "x" } }] } });
        let (aws, replay) = replay::aws([missing(), missing(), ok(answer)]);
        let (a, b) = (wanted("a"), wanted("b"));
        let found = aws
            .read_items(&[&a, &b])
            .await
            .expect("absence is no error");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].1.properties["Attributes"], json!({ "role": "x" }));
        replay.finish();
    }

    #[tokio::test]
    async fn unread_items_are_asked_for_again() {
        let (aws, replay) = replay::aws([
            ok(
                json!({ "Responses": {}, "UnprocessedKeys": { "a": { "Keys": [{ "pk": { "S": "k" } }] } } }),
            ),
            ok(json!({ "Responses": { "a": [{ "pk": { "S": "k" } }] } })),
        ]);
        let a = wanted("a");
        assert_eq!(
            aws.read_items(&[&a])
                .await
                .expect("the second answer is whole")
                .len(),
            1
        );
        replay.finish();
    }
}
