//! What each role permits, remembered for a while.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
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
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Debug)]
struct Known {
    permissions: Vec<String>,
    asked: Asked,
    /// By a token, since it was asked.
    used: bool,
}

/// When a definition was asked for: the answer is at least that old.
///
/// By two clocks, for between two events Lambda freezes the process, and the monotonic clock may stand
/// still meanwhile, as the other may be set.
#[derive(Debug, Clone, Copy)]
struct Asked(Instant, SystemTime);

impl Asked {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    fn is_fresh(self) -> bool {
        self.0.elapsed() < FRESH && self.1.elapsed().is_ok_and(|elapsed| elapsed < FRESH)
    }
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
        self.read(role, true, log).await
    }

    /// Reads again what is no longer fresh, so that the user's record and its role are read side by side
    /// and not one after the other. A failure is no one's yet: whoever needs the role asks again.
    pub(crate) async fn refresh(&self, log: &Log) {
        let stale: Vec<String> = {
            let mut known = self.known();
            // What no token asked for in a whole minute can be asked for when one does.
            known.retain(|_, known| known.used || known.asked.is_fresh());
            known
                .iter()
                .filter(|(_, known)| !known.asked.is_fresh())
                .map(|(role, _)| role.clone())
                .collect()
        };
        join_all(stale.iter().map(|role| self.read(role, false, log))).await;
    }

    async fn read(&self, role: &str, used: bool, log: &Log) -> Result<Vec<String>, TriggerError> {
        let asked = Asked::now();
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
        let known = Known {
            permissions: permissions.clone(),
            asked,
            used,
        };
        self.known().insert(role.to_owned(), known);
        Ok(permissions)
    }

    fn remembered(&self, role: &str) -> Option<Vec<String>> {
        let mut known = self.known();
        let known = known.get_mut(role).filter(|known| known.asked.is_fresh())?;
        known.used = true;
        Some(known.permissions.clone())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
