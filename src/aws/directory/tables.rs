//! Reading both tables, and changing a user in them.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use futures::future::join_all;

use super::items::{
    DOMAIN_PREFIX, Item, ROLE_PREFIX, USER_PREFIX, difference, held, item, membership, move_member,
    record, text, text_value, texts, user_key,
};
use super::{Membership, Part, Record, Standing, Tables};
use crate::aws::item::KEYS_PER_READ;
use crate::aws::{Aws, Fault, Result, trace};

/// The index of the Domains table that finds the members of a domain.
const BY_DOMAIN: &str = "by-domain";

impl Aws {
    /// Records of users, in no order; `role` limits them to one role, and says whether that is the
    /// default one.
    pub async fn records(
        &self,
        tables: &Tables,
        role: Option<(&str, bool)>,
        limit: Option<usize>,
    ) -> Result<Part<Record>> {
        let condition = match role {
            None => "begins_with(pk, :user)",
            Some((_, false)) => "begins_with(pk, :user) AND #role = :role",
            Some((_, true)) => {
                "begins_with(pk, :user) AND (#role = :role OR attribute_not_exists(#role))"
            }
        };
        let mut request = self
            .dynamodb
            .scan()
            .table_name(&tables.permissions)
            .filter_expression(condition)
            .expression_attribute_values(":user", text_value(USER_PREFIX));
        if let Some((role, _)) = role {
            request = request
                .expression_attribute_names("#role", "role")
                .expression_attribute_values(":role", text_value(role));
        }
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = request
                .clone()
                .set_exclusive_start_key(start.take())
                .send()
                .await?;
            items.extend(page.items.unwrap_or_default().iter().filter_map(record));
            start = page.last_evaluated_key;
            let more = limit.is_some_and(|limit| items.len() > limit);
            if more || start.is_none() {
                items.truncate(limit.unwrap_or(items.len()));
                return Ok(Part { items, more });
            }
        }
    }

    /// The `sub`s of the members of a domain.
    pub async fn members(&self, tables: &Tables, domain: &str) -> Result<Vec<String>> {
        let items: Vec<Item> = self
            .dynamodb
            .query()
            .table_name(&tables.domains)
            .index_name(BY_DOMAIN)
            .key_condition_expression("sk = :domain AND begins_with(pk, :user)")
            .expression_attribute_values(":domain", text_value(&format!("{DOMAIN_PREFIX}{domain}")))
            .expression_attribute_values(":user", text_value(USER_PREFIX))
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await?;
        let subs = items
            .iter()
            .filter_map(|item| text(item, "pk")?.strip_prefix(USER_PREFIX));
        Ok(subs.map(str::to_owned).collect())
    }

    /// The records of these users, as far as there are any, in no order.
    pub async fn records_of(&self, tables: &Tables, subs: &[String]) -> Result<Vec<Record>> {
        let keys: Vec<String> = subs.iter().map(|sub| user_key(sub)).collect();
        let items = self.permission_items(tables, &keys).await?;
        Ok(items.iter().filter_map(record).collect())
    }

    /// Items of the Permissions table, by their keys.
    async fn permission_items(&self, tables: &Tables, keys: &[String]) -> Result<Vec<Item>> {
        let ids: Vec<String> = keys
            .iter()
            .map(|key| format!("{}|{key}|", tables.permissions))
            .collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let reads = ids
            .chunks(KEYS_PER_READ)
            .map(|ids| trace::beside(self.read_chunk(ids)));
        let mut items = Vec::new();
        for read in join_all(reads).await {
            items.extend(read?.into_iter().map(|(_, item)| item));
        }
        Ok(items)
    }

    /// Every membership there is: roles by domain, by `sub`.
    pub async fn all_memberships(
        &self,
        tables: &Tables,
    ) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
        let items: Vec<Item> = self
            .dynamodb
            .scan()
            .table_name(&tables.domains)
            .filter_expression("begins_with(pk, :user)")
            .expression_attribute_values(":user", text_value(USER_PREFIX))
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await?;
        let mut all: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for item in &items {
            let sub = text(item, "pk").and_then(|key| key.strip_prefix(USER_PREFIX));
            if let (Some(sub), Some((domain, role))) = (sub, membership(item)) {
                all.entry(sub.to_owned()).or_default().insert(domain, role);
            }
        }
        Ok(all)
    }

    /// The domains a user belongs to, with the roles in them.
    pub async fn roles_in_domains(
        &self,
        tables: &Tables,
        sub: &str,
    ) -> Result<BTreeMap<String, String>> {
        let items: Vec<Item> = self
            .dynamodb
            .query()
            .table_name(&tables.domains)
            .key_condition_expression("pk = :user AND begins_with(sk, :domain)")
            .expression_attribute_values(":user", text_value(&user_key(sub)))
            .expression_attribute_values(":domain", text_value(DOMAIN_PREFIX))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await?;
        Ok(items.iter().filter_map(membership).collect())
    }

    /// What decides the tokens of a user, and what these roles permit.
    pub async fn standing(&self, tables: &Tables, sub: &str, roles: &[&str]) -> Result<Standing> {
        let keys: Vec<String> = std::iter::once(user_key(sub))
            .chain(roles.iter().map(|role| format!("{ROLE_PREFIX}{role}")))
            .collect();
        let (items, domains) = tokio::join!(
            trace::beside(self.permission_items(tables, &keys)),
            trace::beside(self.roles_in_domains(tables, sub)),
        );
        let mut standing = Standing {
            domains: domains?,
            ..Standing::default()
        };
        for item in items? {
            let role = text(&item, "pk").and_then(|key| key.strip_prefix(ROLE_PREFIX));
            match role {
                Some(role) => {
                    let permissions = texts(&item, "permissions");
                    standing.roles.insert(role.to_owned(), permissions);
                }
                None => standing.record = record(&item),
            }
        }
        // A role that left the project file may still be held, and defined until the next deploy.
        let held = standing
            .record
            .as_ref()
            .and_then(|record| record.role.clone());
        if let Some(held) = held.filter(|held| !roles.contains(&held.as_str())) {
            let key = format!("{ROLE_PREFIX}{held}");
            let items = self.permission_items(tables, &[key]).await?;
            let permissions = items.first().map(|item| texts(item, "permissions"));
            standing
                .roles
                .extend(permissions.map(|permissions| (held, permissions)));
        }
        Ok(standing)
    }

    /// Turns a user's record from `before` to `after`, with a change of membership beside it, all or
    /// nothing. `false` when the record is no longer as it was before.
    pub async fn change_user(
        &self,
        tables: &Tables,
        before: Option<&Record>,
        after: &Record,
        membership: Option<&Membership>,
    ) -> Result<bool> {
        let mut writes = Vec::new();
        match before {
            None => {
                let put = Put::builder()
                    .table_name(&tables.permissions)
                    .set_item(Some(item(after)))
                    .condition_expression("attribute_not_exists(pk)")
                    .build()?;
                writes.push(TransactWriteItem::builder().put(put).build());
            }
            Some(before) => {
                if let Some(update) = difference(&tables.permissions, before, after)? {
                    writes.push(TransactWriteItem::builder().update(update).build());
                }
            }
        }
        if let Some(membership) = membership {
            writes.push(move_member(&tables.domains, &after.sub, membership)?);
        }
        if writes.is_empty() {
            return Ok(true);
        }
        let answer = self
            .dynamodb
            .transact_write_items()
            .set_transact_items(Some(writes))
            .send()
            .await;
        held(answer.map_err(Fault::from))
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::replay::{self, error, ok};

    fn user(sub: &str) -> Value {
        json!({ "pk": { "S": format!("USER#{sub}") }, "role": { "S": "member" } })
    }

    /// A record as the table has it.
    fn stored(role: &str, permissions: AttributeValue) -> Record {
        let item = Item::from([
            ("pk".to_owned(), text_value("USER#s")),
            ("role".to_owned(), text_value(role)),
            ("permissions".to_owned(), permissions),
        ]);
        record(&item).expect("it is a user")
    }

    #[tokio::test]
    async fn a_change_is_conditional_on_what_it_changes_and_on_nothing_else() {
        let (aws, replay) = replay::aws([ok(json!({}))]);
        // A set, as a console may have written it.
        let before = stored("member", AttributeValue::Ss(vec!["a:b".to_owned()]));
        let mut after = before.clone();
        after.permissions.push("c:d".to_owned());
        let written = aws
            .change_user(&Tables::of_tests(), Some(&before), &after, None)
            .await;
        assert!(written.expect("it answers"));
        let update = &replay.finish()[0].body["TransactItems"][0]["Update"];
        assert_eq!(
            update["UpdateExpression"],
            "SET #permissions = :new_permissions"
        );
        assert_eq!(
            update["ConditionExpression"],
            "attribute_exists(pk) AND #permissions = :old_permissions"
        );
        let values = &update["ExpressionAttributeValues"];
        assert_eq!(values[":old_permissions"], json!({ "SS": ["a:b"] }));
        let new = json!({ "L": [{ "S": "a:b" }, { "S": "c:d" }] });
        assert_eq!(values[":new_permissions"], new);
    }

    #[tokio::test]
    async fn a_record_that_changed_meanwhile_is_left_alone() {
        let (aws, replay) = replay::aws([error(
            400,
            "TransactionCanceledException",
            "Transaction cancelled [ConditionalCheckFailed]",
        )]);
        let before = stored("member", AttributeValue::L(Vec::new()));
        let mut after = before.clone();
        after.status = Some("blocked".to_owned());
        let written = aws
            .change_user(&Tables::of_tests(), Some(&before), &after, None)
            .await;
        assert!(!written.expect("a condition that fails is no fault"));
        let update = &replay.finish()[0].body["TransactItems"][0]["Update"];
        assert_eq!(update["UpdateExpression"], "SET #status = :new_status");
        assert_eq!(
            update["ConditionExpression"],
            "attribute_exists(pk) AND attribute_not_exists(#status)"
        );
    }

    #[tokio::test]
    async fn record_and_membership_are_written_together_or_not_at_all() {
        let (aws, replay) = replay::aws([ok(json!({}))]);
        let after = stored("member", AttributeValue::L(Vec::new()));
        let join = Membership::Join {
            domain: "acme.com".to_owned(),
            role: "admin".to_owned(),
        };
        let written = aws
            .change_user(&Tables::of_tests(), None, &after, Some(&join))
            .await;
        assert!(written.expect("it answers"));
        let writes = &replay.finish()[0].body["TransactItems"];
        assert_eq!(
            writes[0]["Put"]["ConditionExpression"],
            "attribute_not_exists(pk)"
        );
        assert_eq!(
            writes[1]["Put"]["Item"]["sk"],
            json!({ "S": "DOMAIN#acme.com" })
        );
    }

    #[tokio::test]
    async fn nothing_changed_is_nothing_sent() {
        let (aws, replay) = replay::aws([]);
        let same = stored("member", AttributeValue::L(Vec::new()));
        let written = aws
            .change_user(&Tables::of_tests(), Some(&same), &same, None)
            .await;
        assert!(written.expect("nothing to do"));
        replay.finish();
    }

    #[tokio::test]
    async fn a_list_says_whether_there_are_more_without_reading_on() {
        let page = |items: Value| {
            ok(json!({ "Items": items, "LastEvaluatedKey": { "pk": { "S": "x" } } }))
        };
        let (aws, replay) = replay::aws([
            page(json!([])),
            page(json!([user("a")])),
            page(json!([user("b"), user("c")])),
        ]);
        let part = aws
            .records(&Tables::of_tests(), Some(("member", true)), Some(2))
            .await;
        let part = part.expect("three pages answer");
        let subs: Vec<&str> = part.items.iter().map(|one| one.sub.as_str()).collect();
        assert_eq!((subs, part.more), (vec!["a", "b"], true));
        assert_eq!(
            replay.finish()[0].body["FilterExpression"],
            "begins_with(pk, :user) AND (#role = :role OR attribute_not_exists(#role))"
        );
    }
}
