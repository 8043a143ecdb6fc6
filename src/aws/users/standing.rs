//! What decides the tokens of a user: the record, the memberships, and what the roles permit.

use std::collections::BTreeMap;

use saasauth_contract::keys::{PARTITION_KEY, role_key, role_of, user_key};
use saasauth_contract::record::PERMISSIONS;

use super::items::{text, texts};
use super::{Memberships, Tables, UserRecord};
use crate::aws::{Aws, Result, trace};

/// What decides the tokens of one user.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The record, if there is one.
    pub record: Option<UserRecord>,
    /// The domains.
    pub memberships: Memberships,
    /// The permissions of the roles that were asked for, as far as they are defined.
    pub roles: BTreeMap<String, Vec<String>>,
}

impl Aws {
    /// What decides the tokens of a user, and what these roles permit.
    pub async fn standing(&self, tables: &Tables, sub: &str, roles: &[&str]) -> Result<Standing> {
        let keys: Vec<String> = std::iter::once(user_key(sub))
            .chain(roles.iter().map(|role| role_key(role)))
            .collect();
        let (items, memberships) = tokio::join!(
            trace::beside(self.permission_items(tables, &keys)),
            trace::beside(self.memberships(tables, sub)),
        );
        let mut standing = Standing {
            memberships: memberships?,
            ..Standing::default()
        };
        for item in items? {
            let role = text(&item, PARTITION_KEY).and_then(role_of);
            match role {
                Some(role) => {
                    let permissions = texts(&item, PERMISSIONS);
                    standing.roles.insert(role.to_owned(), permissions);
                }
                None => standing.record = UserRecord::of_item(&item),
            }
        }
        // A role that left the project file may still be held, and defined until the next deploy.
        let held = standing
            .record
            .as_ref()
            .and_then(|record| record.role.clone());
        if let Some(held) = held.filter(|held| !roles.contains(&held.as_str())) {
            let items = self.permission_items(tables, &[role_key(&held)]).await?;
            let permissions = items.first().map(|item| texts(item, PERMISSIONS));
            standing
                .roles
                .extend(permissions.map(|permissions| (held, permissions)));
        }
        Ok(standing)
    }
}
