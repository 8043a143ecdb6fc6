//! The users of the pool.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_cognitoidentityprovider::types::UserType;

use super::Account;
use crate::aws::{Aws, Result};

impl Aws {
    /// The users of a pool, all or those whose `attribute` has this value.
    pub async fn accounts(
        &self,
        pool: &str,
        attribute: Option<(&str, &str)>,
    ) -> Result<Vec<Account>> {
        let filter = attribute.map(|(name, value)| {
            let value = value.replace('\\', r"\\").replace('"', "\\\"");
            format!("{name} = \"{value}\"")
        });
        let users: Vec<UserType> = self
            .cognito
            .list_users()
            .user_pool_id(pool)
            .set_filter(filter)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await?;
        Ok(users.into_iter().filter_map(account).collect())
    }

    /// Ends every session of a user: refresh tokens stop working, tokens already out live on.
    pub async fn sign_out_everywhere(&self, pool: &str, username: &str) -> Result<()> {
        self.cognito
            .admin_user_global_sign_out()
            .user_pool_id(pool)
            .username(username)
            .send()
            .await?;
        Ok(())
    }
}

fn account(user: UserType) -> Option<Account> {
    let attributes: BTreeMap<String, String> = user
        .attributes
        .unwrap_or_default()
        .into_iter()
        .filter_map(|attribute| Some((attribute.name, attribute.value?)))
        .collect();
    let modified = user.user_last_modified_date.and_then(|moment| {
        let since = Duration::try_from_secs_f64(moment.as_secs_f64()).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(since)
    });
    Some(Account {
        username: user.username?,
        sub: attributes.get("sub")?.clone(),
        attributes,
        status: user
            .user_status
            .map_or_else(String::new, |status| status.as_str().to_owned()),
        enabled: user.enabled,
        modified,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::aws::replay::{self, ok};

    #[tokio::test]
    async fn an_address_cannot_end_the_filter_it_stands_in() {
        let (aws, replay) = replay::aws([ok(json!({ "Users": [] }))]);
        let found = aws.accounts("pool", Some(("email", r#"a"\@x"#))).await;
        assert!(found.expect("it answers").is_empty());
        assert_eq!(replay.finish()[0].body["Filter"], r#"email = "a\"\\@x""#);
    }
}
