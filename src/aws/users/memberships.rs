//! Which domains users belong to: their memberships in the Domains table.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{Delete, Put, Select, TransactWriteItem};
use saasauth_contract::keys::{
    BY_DOMAIN, DOMAIN_PREFIX, PARTITION_KEY, SORT_KEY, USER_PREFIX, domain_key, domain_of, user_key,
};
use saasauth_contract::record::ROLE;

use super::Tables;
use super::items::{Item, sub, text, text_value};
use crate::aws::classify::found;
use crate::aws::{Aws, Fault, Result};

/// The domains a user joined, registered still or not, each with the role an operator gave in it. Without one, it is the
/// domain's.
pub type Memberships = BTreeMap<String, Option<String>>;

/// A change to a user's place in a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// The user belongs to it.
    Join {
        /// The domain.
        domain: String,
        /// The role in it; the domain's own, whatever that is at the time, when none is named.
        role: Option<String>,
    },
    /// The user doesn't belong to it.
    Leave {
        /// The domain.
        domain: String,
    },
}

impl Membership {
    /// The domain.
    pub fn domain(&self) -> &str {
        let (Self::Join { domain, .. } | Self::Leave { domain }) = self;
        domain
    }

    pub(super) fn write(&self, table: &str, sub: &str) -> Result<TransactWriteItem> {
        let mut item = key(sub, self.domain());
        let write = TransactWriteItem::builder();
        Ok(match self {
            Self::Join { role, .. } => {
                item.extend(role.iter().map(|role| (ROLE.to_owned(), text_value(role))));
                let put = Put::builder().table_name(table).set_item(Some(item));
                write.put(put.build()?).build()
            }
            Self::Leave { .. } => {
                let delete = Delete::builder().table_name(table).set_key(Some(item));
                write.delete(delete.build()?).build()
            }
        })
    }
}

impl Aws {
    /// The `sub`s of the members of a domain.
    pub async fn members(&self, tables: &Tables, domain: &str) -> Result<Vec<String>> {
        let items: Vec<Item> = self
            .dynamodb
            .query()
            .table_name(&tables.domains)
            .index_name(BY_DOMAIN)
            .key_condition_expression("sk = :domain AND begins_with(pk, :user)")
            .expression_attribute_values(":domain", text_value(&domain_key(domain)))
            .expression_attribute_values(":user", text_value(USER_PREFIX))
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await?;
        Ok(items.iter().filter_map(sub).map(str::to_owned).collect())
    }

    /// How many members a domain has; none when there is no such table.
    pub async fn count_members(&self, table: &str, domain: &str) -> Result<usize> {
        let mut pages = self
            .dynamodb
            .query()
            .table_name(table)
            .index_name(BY_DOMAIN)
            .select(Select::Count)
            .key_condition_expression("sk = :domain AND begins_with(pk, :user)")
            .expression_attribute_values(":domain", text_value(&domain_key(domain)))
            .expression_attribute_values(":user", text_value(USER_PREFIX))
            .into_paginator()
            .send();
        let mut members = 0;
        while let Some(page) = pages.next().await {
            let Some(page) = found(page.map_err(Fault::from))? else {
                return Ok(0);
            };
            members += usize::try_from(page.count).unwrap_or_default();
        }
        Ok(members)
    }

    /// How many users hold a role, and whether there may be more: no more is read than says that there are some. None when
    /// there is no such table.
    pub async fn count_holders(&self, table: &str, role: &str) -> Result<(usize, bool)> {
        // There is no index by role. A page is a megabyte of records, some thousands of them.
        const PAGES: usize = 50;
        let mut pages = self
            .dynamodb
            .scan()
            .table_name(table)
            .select(Select::Count)
            .filter_expression("begins_with(pk, :user) AND #role = :role")
            .expression_attribute_names("#role", "role")
            .expression_attribute_values(":user", text_value(USER_PREFIX))
            .expression_attribute_values(":role", text_value(role))
            .into_paginator()
            .send();
        let mut holders = 0;
        for _ in 0..PAGES {
            let Some(page) = pages.next().await else {
                return Ok((holders, false));
            };
            let Some(page) = found(page.map_err(Fault::from))? else {
                return Ok((0, false));
            };
            holders += usize::try_from(page.count).unwrap_or_default();
        }
        Ok((holders, true))
    }

    /// Every membership there is, by `sub`.
    pub async fn all_memberships(&self, tables: &Tables) -> Result<BTreeMap<String, Memberships>> {
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
        let mut all: BTreeMap<String, Memberships> = BTreeMap::new();
        for item in &items {
            if let (Some(sub), Some((domain, role))) = (sub(item), membership(item)) {
                all.entry(sub.to_owned()).or_default().insert(domain, role);
            }
        }
        Ok(all)
    }

    /// The domains a user joined.
    pub async fn memberships(&self, tables: &Tables, sub: &str) -> Result<Memberships> {
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

    /// Takes a user out of every domain.
    pub async fn delete_memberships(&self, tables: &Tables, sub: &str) -> Result<()> {
        // No table, no memberships.
        let memberships = found(self.memberships(tables, sub).await)?;
        for domain in memberships.unwrap_or_default().keys() {
            self.dynamodb
                .delete_item()
                .table_name(&tables.domains)
                .set_key(Some(key(sub, domain)))
                .send()
                .await?;
        }
        Ok(())
    }
}

fn key(sub: &str, domain: &str) -> Item {
    Item::from([
        (PARTITION_KEY.to_owned(), text_value(&user_key(sub))),
        (SORT_KEY.to_owned(), text_value(&domain_key(domain))),
    ])
}

/// Domain and role of a membership.
fn membership(item: &Item) -> Option<(String, Option<String>)> {
    let domain = domain_of(text(item, SORT_KEY)?)?;
    Some((domain.to_owned(), text(item, ROLE).map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::replay::{self, ok};

    #[tokio::test]
    async fn every_membership_is_deleted() {
        let row = |domain: &str| json!({ "sk": { "S": format!("DOMAIN#{domain}") }, "role": { "S": "member" } });
        let (aws, replay) = replay::aws([
            ok(json!({ "Items": [row("a.com")], "LastEvaluatedKey": { "pk": { "S": "x" } } })),
            ok(json!({ "Items": [row("b.com")] })),
            ok(json!({})),
            ok(json!({})),
        ]);
        aws.delete_memberships(&Tables::of_tests(), "s")
            .await
            .expect("both are deleted");
        let sent = replay.finish();
        assert_eq!(
            sent[3].body["Key"],
            json!({ "pk": { "S": "USER#s" }, "sk": { "S": "DOMAIN#b.com" } })
        );
    }
}
