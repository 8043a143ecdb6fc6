//! What each role permits, remembered for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use tokio::time::Instant;
use trigger_common::log::aws_failure;
use trigger_common::record::{role_key, texts};
use trigger_common::{Log, TriggerError};

/// How long a definition is believed. A changed role reaches every new token within this time.
const FRESH: Duration = Duration::from_secs(60);

/// The role definitions of the Permissions table, read through a cache of this process.
#[derive(Debug)]
pub(crate) struct Roles {
    dynamodb: aws_sdk_dynamodb::Client,
    table: String,
    known: Mutex<HashMap<String, (Instant, Vec<String>)>>,
}

impl Roles {
    pub(crate) fn new(dynamodb: aws_sdk_dynamodb::Client, table: String) -> Self {
        Self {
            dynamodb,
            table,
            known: Mutex::default(),
        }
    }

    /// The permissions of a role; none when nobody defined it.
    pub(crate) async fn permissions(
        &self,
        role: &str,
        log: &Log,
    ) -> Result<Vec<String>, TriggerError> {
        if let Some(permissions) = self.remembered(role) {
            return Ok(permissions);
        }
        // Counted from before the read: the answer is at least that old.
        let asked = Instant::now();
        let found = self
            .dynamodb
            .get_item()
            .table_name(&self.table)
            .key("pk", AttributeValue::S(role_key(role)))
            .send()
            .await
            .map_err(|error| {
                log.error("the role could not be read", aws_failure(&error));
                TriggerError::STORE_UNAVAILABLE
            })?;
        let permissions = match &found.item {
            Some(item) => texts(item, "permissions"),
            None => {
                log.warn(
                    "the role is not defined and permits nothing",
                    json!({ "role": role }),
                );
                Vec::new()
            }
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(role.to_owned(), (asked, permissions.clone()));
        Ok(permissions)
    }

    fn remembered(&self, role: &str) -> Option<Vec<String>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked, permissions) = known.get(role)?;
        (asked.elapsed() < FRESH).then(|| permissions.clone())
    }
}
