//! What people would lose by a destroy, counted.

use super::{Aws, Fault, Result, classify};

impl Aws {
    /// How many users a pool has, as Cognito estimates it.
    pub async fn user_count(&self, pool_id: &str) -> Result<Option<i64>> {
        let answer = self
            .cognito
            .describe_user_pool()
            .user_pool_id(pool_id)
            .send()
            .await;
        let found = classify::found(answer.map_err(Fault::from))?;
        Ok(found
            .and_then(|answer| answer.user_pool)
            .map(|pool| i64::from(pool.estimated_number_of_users())))
    }

    /// Whether a pool has a user. Its own count is an estimate that lags behind.
    pub async fn has_users(&self, pool_id: &str) -> Result<bool> {
        let answer = self
            .cognito
            .list_users()
            .user_pool_id(pool_id)
            .limit(1)
            .send()
            .await;
        let found = classify::found(answer.map_err(Fault::from))?;
        Ok(found.is_some_and(|page| !page.users().is_empty()))
    }

    /// How many items a table has. DynamoDB updates its own count only every six hours or so, which
    /// could show nothing where there are a thousand; so they are counted.
    pub async fn item_count(&self, table: &str) -> Result<Option<i64>> {
        let mut count = 0;
        let mut start = None;
        loop {
            let answer = self
                .dynamodb
                .scan()
                .table_name(table)
                .select(aws_sdk_dynamodb::types::Select::Count)
                .set_exclusive_start_key(start.take())
                .send()
                .await;
            let Some(page) = classify::found(answer.map_err(Fault::from))? else {
                return Ok(None);
            };
            count += i64::from(page.count());
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(Some(count));
            }
        }
    }
}
