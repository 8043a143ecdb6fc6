//! Who the users are: their accounts in the user pool.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use aws_sdk_cognitoidentityprovider::primitives::DateTimeFormat;
use aws_sdk_cognitoidentityprovider::types::{AttributeType, GroupType, UserType};
use saasauth_contract::record::{EMAIL, SUB};

use crate::aws::classify::{found, gone};
use crate::aws::{Aws, Fault, Result};

/// A user as the pool knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The pool's own name for them.
    pub username: String,
    /// The `sub` of their tokens.
    pub sub: String,
    /// By Cognito's names.
    pub attributes: BTreeMap<String, String>,
    /// Such as `CONFIRMED`.
    pub status: String,
    /// Whether Cognito lets them sign in.
    pub enabled: bool,
    /// When the account last changed.
    pub modified: Option<SystemTime>,
    /// When it was made, as RFC 3339 writes it.
    pub created: Option<String>,
}

impl Account {
    /// The address, when the user has one.
    pub fn email(&self) -> Option<&str> {
        self.attributes.get(EMAIL).map(String::as_str)
    }

    /// Whether the user has shown to own what this attribute names, `email` or `phone_number`: it is verified, and the
    /// account is more than a sign-up or an invitation.
    pub fn has_proved(&self, attribute: &str) -> bool {
        const CONFIRMED: [&str; 3] = ["CONFIRMED", "EXTERNAL_PROVIDER", "RESET_REQUIRED"];
        let verified = self.attributes.get(&format!("{attribute}_verified"));
        verified.is_some_and(|verified| verified == "true")
            && CONFIRMED.contains(&self.status.as_str())
    }

    /// What the user is called in front of people.
    pub fn name(&self) -> &str {
        self.email().unwrap_or(&self.username)
    }
}

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

    /// The users of a pool, sixty at a time, for Cognito gives no more: those behind `token`, and the token of the rest.
    pub async fn account_page(
        &self,
        pool: &str,
        token: Option<String>,
    ) -> Result<(Vec<Account>, Option<String>)> {
        let request = self.cognito.list_users().user_pool_id(pool);
        let page = request.set_pagination_token(token).send().await?;
        let users = page.users.unwrap_or_default();
        Ok((
            users.into_iter().filter_map(account).collect(),
            page.pagination_token,
        ))
    }

    /// The groups of each user who is in one, by user name: as many requests as the groups have pages, and not one for each
    /// user.
    pub async fn groups_of_users(&self, pool: &str) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let groups: Vec<GroupType> = self
            .cognito
            .list_groups()
            .user_pool_id(pool)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await?;
        let mut of_users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for name in groups.into_iter().filter_map(|group| group.group_name) {
            let request = self.cognito.list_users_in_group();
            let mut users = request
                .user_pool_id(pool)
                .group_name(&name)
                .into_paginator()
                .items()
                .send();
            while let Some(user) = users.next().await {
                if let Some(username) = user?.username {
                    of_users.entry(username).or_default().insert(name.clone());
                }
            }
        }
        Ok(of_users)
    }

    /// The groups a user is in, those that come first foremost.
    pub async fn groups_of(&self, pool: &str, username: &str) -> Result<Vec<String>> {
        let groups: Vec<GroupType> = self
            .cognito
            .admin_list_groups_for_user()
            .user_pool_id(pool)
            .username(username)
            .into_paginator()
            .items()
            .send()
            .try_collect()
            .await?;
        let names = groups.into_iter().filter_map(|group| group.group_name);
        Ok(names.collect())
    }

    /// How many users of a pool came through an identity provider, and whether there are more. None when there is no such
    /// pool.
    ///
    /// Cognito names them `PROVIDER_ID`, in a pool that tells no cases apart in small letters; the filter tells them apart.
    pub async fn count_federated(&self, pool: &str, provider: &str) -> Result<(usize, bool)> {
        let named = |name: String| async move {
            let filter = format!("username ^= \"{name}_\"");
            let request = self.cognito.list_users().user_pool_id(pool);
            let answer = request.filter(filter).limit(60).send().await;
            let page = super::super::classify::found(answer.map_err(Fault::from))?;
            let count = page.as_ref().map_or(0, |page| page.users().len());
            let more = page.is_some_and(|page| page.pagination_token().is_some());
            Ok::<_, Fault>((count, more))
        };
        let small = provider.to_lowercase();
        let is_same = small == provider;
        let (as_written, small) = futures::try_join!(named(provider.to_owned()), async {
            match is_same {
                true => Ok((0, false)),
                false => named(small).await,
            }
        })?;
        Ok((as_written.0.max(small.0), as_written.1 || small.1))
    }

    /// The `sub` of a user, if there is such a user.
    pub async fn user_sub(&self, pool: &str, username: &str) -> Result<Option<String>> {
        let answer = self
            .cognito
            .admin_get_user()
            .user_pool_id(pool)
            .username(username)
            .send()
            .await;
        let user = found(answer.map_err(Fault::from))?;
        Ok(user.and_then(|user| {
            let sub = user
                .user_attributes()
                .iter()
                .find(|attribute| attribute.name() == SUB);
            sub.and_then(|attribute| attribute.value().map(str::to_owned))
        }))
    }

    /// Confirms a user without a code, as one who has shown to own `attribute`.
    pub async fn confirm_as_admin(
        &self,
        pool: &str,
        username: &str,
        attribute: &str,
    ) -> Result<()> {
        // Confirming runs PostConfirmation with the attributes of that moment, and an admin's
        // confirmation verifies none. Verified afterwards, the user would join no domain.
        let verified = AttributeType::builder()
            .name(format!("{attribute}_verified"))
            .value("true")
            .build()?;
        self.cognito
            .admin_update_user_attributes()
            .user_pool_id(pool)
            .username(username)
            .user_attributes(verified)
            .send()
            .await?;
        self.cognito
            .admin_confirm_sign_up()
            .user_pool_id(pool)
            .username(username)
            .send()
            .await?;
        Ok(())
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

    /// Deletes a user; one who is gone already is fine.
    pub async fn delete_user(&self, pool: &str, username: &str) -> Result<()> {
        let answer = self
            .cognito
            .admin_delete_user()
            .user_pool_id(pool)
            .username(username)
            .send()
            .await;
        gone(answer.map_err(Fault::from))
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
        sub: attributes.get(SUB)?.clone(),
        attributes,
        status: user
            .user_status
            .map_or_else(String::new, |status| status.as_str().to_owned()),
        enabled: user.enabled,
        modified,
        created: user
            .user_create_date
            .and_then(|moment| moment.fmt(DateTimeFormat::DateTime).ok()),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::aws::replay::{self, error, ok};

    #[tokio::test]
    async fn an_address_cannot_end_the_filter_it_stands_in() {
        let (aws, replay) = replay::aws([ok(json!({ "Users": [] }))]);
        let found = aws.accounts("pool", Some(("email", r#"a"\@x"#))).await;
        assert!(found.expect("it answers").is_empty());
        assert_eq!(replay.finish()[0].body["Filter"], r#"email = "a\"\\@x""#);
    }

    #[tokio::test]
    async fn an_admin_verifies_before_confirming() {
        let (aws, replay) = replay::aws([ok(json!({})), ok(json!({}))]);
        aws.confirm_as_admin("p", "ada", "email")
            .await
            .expect("both answer");
        assert_eq!(
            replay.operations(),
            ["AdminUpdateUserAttributes", "AdminConfirmSignUp"]
        );
        let verified = json!([{ "Name": "email_verified", "Value": "true" }]);
        assert_eq!(replay.finish()[0].body["UserAttributes"], verified);
    }

    #[tokio::test]
    async fn a_user_who_is_gone_is_deleted() {
        let gone = error(400, "UserNotFoundException", "User does not exist.");
        let (aws, replay) = replay::aws([gone]);
        aws.delete_user("p", "ada")
            .await
            .expect("absence is what a delete wants");
        replay.finish();
    }
}
