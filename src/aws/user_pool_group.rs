//! `AWS::Cognito::UserPoolGroup`. Its physical ID is `POOL|GROUP`.

use std::collections::BTreeMap;

use aws_sdk_cognitoidentityprovider::types::GroupType;
use serde_json::{Value, json};

use super::lifecycle::{Change, Lifecycle};
use super::{Aws, Class, Fault, Result, Waiting, Wanted, classify, live, parts};
use saasauth_model::resource::{Kind, Live, LogicalId, UserPoolGroup};

impl Lifecycle for UserPoolGroup<String> {
    async fn read(aws: &Aws, wanted: &[&Wanted]) -> Result<Vec<(LogicalId, Live)>> {
        aws.read_user_pool_groups(wanted).await
    }

    async fn create(&self, aws: &Aws, _id: &str, _waiting: Waiting<'_>) -> Result<Live> {
        aws.create_user_pool_group(self).await
    }

    async fn update(&self, aws: &Aws, _change: Change<'_>, _waiting: Waiting<'_>) -> Result<()> {
        aws.update_user_pool_group(self).await
    }

    async fn delete(aws: &Aws, physical_id: &str, _waiting: Waiting<'_>) -> Result<()> {
        aws.delete_user_pool_group(physical_id).await
    }
}

impl Aws {
    /// One ListGroups serves every group of a pool.
    pub(super) async fn read_user_pool_groups(
        &self,
        wanted: &[&Wanted],
    ) -> Result<Vec<(LogicalId, Live)>> {
        let mut by_pool: BTreeMap<String, Vec<(&LogicalId, String)>> = BTreeMap::new();
        for one in wanted {
            if let Some(physical_id) = one.known_id() {
                let pool = parts(&physical_id).0.to_owned();
                by_pool
                    .entry(pool)
                    .or_default()
                    .push((&one.id, physical_id));
            }
        }
        let mut found = Vec::new();
        for (pool, wanted) in by_pool {
            let groups = self.list_groups(&pool).await?;
            for (id, physical_id) in wanted {
                if let Some(group) = groups.get(parts(&physical_id).1) {
                    let properties = json!({
                        "GroupName": group.group_name(),
                        "UserPoolId": pool,
                        "Description": group.description(),
                    });
                    found.push((
                        id.clone(),
                        live(Kind::UserPoolGroup, physical_id, properties),
                    ));
                }
            }
        }
        Ok(found)
    }

    pub(super) async fn list_groups(&self, pool: &str) -> Result<BTreeMap<String, GroupType>> {
        let mut groups = BTreeMap::new();
        let mut token: Option<String> = None;
        loop {
            let answer = self
                .cognito
                .list_groups()
                .user_pool_id(pool)
                .limit(60)
                .set_next_token(token.take())
                .send()
                .await;
            let Some(page) = classify::found(answer.map_err(Fault::from))? else {
                return Ok(groups);
            };
            token = page.next_token().map(str::to_owned);
            for group in page.groups.unwrap_or_default() {
                groups.insert(group.group_name().unwrap_or_default().to_owned(), group);
            }
            if token.is_none() {
                return Ok(groups);
            }
        }
    }

    pub(super) async fn create_user_pool_group(
        &self,
        group: &UserPoolGroup<String>,
    ) -> Result<Live> {
        let answer = self
            .cognito
            .create_group()
            .user_pool_id(&group.user_pool_id)
            .group_name(&group.group_name)
            .set_description(group.description.clone())
            .send()
            .await;
        let physical_id = format!("{}|{}", group.user_pool_id, group.group_name);
        let made = live(Kind::UserPoolGroup, physical_id, Value::Null);
        match answer.map_err(Fault::from) {
            Ok(_) => Ok(made),
            // Sent again after its answer got lost, it finds its own work; another one is taken over by an update.
            Err(fault) if fault.class == Class::AlreadyExists => {
                let groups = self.list_groups(&group.user_pool_id).await?;
                let found = groups.get(&group.group_name);
                match found {
                    Some(found) if found.description == group.description => Ok(made),
                    _ => Err(fault),
                }
            }
            Err(fault) => Err(fault),
        }
    }

    pub(super) async fn update_user_pool_group(&self, group: &UserPoolGroup<String>) -> Result<()> {
        // UpdateGroup leaves RoleArn and Precedence alone when they are left out.
        self.cognito
            .update_group()
            .user_pool_id(&group.user_pool_id)
            .group_name(&group.group_name)
            .set_description(group.description.clone())
            .send()
            .await?;
        Ok(())
    }

    pub(super) async fn delete_user_pool_group(&self, physical_id: &str) -> Result<()> {
        let (pool, name) = parts(physical_id);
        let answer = self
            .cognito
            .delete_group()
            .user_pool_id(pool)
            .group_name(name)
            .send()
            .await;
        classify::gone(answer.map_err(Fault::from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay::{self, error, ok};

    #[tokio::test]
    async fn a_group_whose_answer_was_lost_is_not_a_failure() {
        let exists = || {
            error(
                400,
                "GroupExistsException",
                "A group already exists with the name.",
            )
        };
        let group = UserPoolGroup {
            group_name: "admin".to_owned(),
            user_pool_id: "p".to_owned(),
            description: Some("Users with the role admin".to_owned()),
        };
        let listed = |description: &str| {
            ok(json!({ "Groups": [{ "GroupName": "admin", "Description": description }] }))
        };
        let (aws, replay) = replay::aws([exists(), listed("Users with the role admin")]);
        let made = aws.create_user_pool_group(&group).await;
        assert_eq!(made.expect("it is ours").physical_id, "p|admin");
        replay.finish();

        // One that differs is taken over by an update.
        let (aws, replay) = replay::aws([exists(), listed("Somebody else's")]);
        let made = aws.create_user_pool_group(&group).await;
        assert_eq!(made.expect_err("it differs").class, Class::AlreadyExists);
        replay.finish();
    }
}
