//! What each role permits, remembered for a while.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use saasauth_contract::keys::{PARTITION_KEY, role_key, role_of};
use saasauth_contract::record::PERMISSIONS;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::failure::TriggerError;
use crate::log::{Log, aws_failure};
use crate::record::{Item, text, texts};

/// How long a definition is believed. A changed role reaches every new token within this time.
const FRESH: Duration = Duration::from_secs(60);

/// As many keys as DynamoDB takes in one request.
const AT_ONCE: usize = 100;

/// A throttled read is given up after waiting this long for the rest of an answer.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

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
    read_at: ReadAt,
    /// By a token, since it was asked.
    used: bool,
}

/// When a definition was asked for: the answer is at least that old.
///
/// By two clocks, for between two events Lambda freezes the process, and the monotonic clock may stand
/// still meanwhile, as the other may be set.
#[derive(Debug, Clone, Copy)]
struct ReadAt(Instant, SystemTime);

impl ReadAt {
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

    /// Reads these roles before anybody asks for one. A failure is the log's alone.
    pub(crate) async fn prefetch(&self, roles: &[String], log: &Log) {
        let read_at = ReadAt::now();
        if let Ok(defined) = self.read(roles, log).await {
            self.remember(defined, read_at, false);
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
        let read_at = ReadAt::now();
        let mut defined = self.read(&[role.to_owned()], log).await?;
        let permissions = defined.entry(role.to_owned()).or_insert_with(|| {
            let message = "the role is not defined and permits nothing";
            log.warn(message, json!({ "role": role }));
            Vec::new()
        });
        let permissions = permissions.clone();
        self.remember(defined, read_at, true);
        Ok(permissions)
    }

    /// Reads again what is no longer fresh, so that the user's record and its role are read side by side
    /// and not one after the other. A failure is no one's yet: whoever needs the role asks again.
    pub(crate) async fn refresh(&self, log: &Log) {
        let stale: Vec<String> = {
            let mut known = self.known();
            // What no token asked for in a whole minute can be asked for when one does.
            known.retain(|_, known| known.used || known.read_at.is_fresh());
            known
                .iter()
                .filter(|(_, known)| !known.read_at.is_fresh())
                .map(|(role, _)| role.clone())
                .collect()
        };
        if stale.is_empty() {
            return;
        }
        let read_at = ReadAt::now();
        if let Ok(defined) = self.read(&stale, log).await {
            let mut known = self.known();
            for role in stale {
                // Gone meanwhile: whoever holds it finds out by asking.
                known.remove(&role);
            }
            drop(known);
            self.remember(defined, read_at, false);
        }
    }

    /// Reads what the table says of these roles; those nobody defined are absent.
    async fn read(
        &self,
        roles: &[String],
        log: &Log,
    ) -> Result<HashMap<String, Vec<String>>, TriggerError> {
        let mut keys: Vec<Item> = roles
            .iter()
            .map(|role| Item::from([(PARTITION_KEY.to_owned(), AttributeValue::S(role_key(role)))]))
            .collect();
        let mut defined = HashMap::new();
        let mut pause = Duration::from_millis(25);
        while !keys.is_empty() {
            let later = keys.split_off(keys.len().min(AT_ONCE));
            let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).build();
            let answer = self
                .dynamodb
                .batch_get_item()
                .request_items(&self.table, wanted.expect("the keys are set"))
                .send()
                .await
                .map_err(|error| unavailable(log, aws_failure(&error)))?;
            let items = answer.responses.unwrap_or_default().remove(&self.table);
            for item in items.unwrap_or_default() {
                if let Some(role) = text(&item, PARTITION_KEY).and_then(role_of) {
                    defined.insert(role.to_owned(), texts(&item, PERMISSIONS));
                }
            }
            // Under load DynamoDB leaves some for later.
            let left = answer.unprocessed_keys.unwrap_or_default();
            keys = left.into_values().flat_map(|wanted| wanted.keys).collect();
            if !keys.is_empty() {
                if pause > LONGEST_PAUSE {
                    return Err(unavailable(log, json!({ "reason": "throttled" })));
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            keys.extend(later);
        }
        Ok(defined)
    }

    fn remember(&self, defined: HashMap<String, Vec<String>>, read_at: ReadAt, used: bool) {
        let known = defined.into_iter().map(|(role, permissions)| {
            let known = Known {
                permissions,
                read_at,
                used,
            };
            (role, known)
        });
        self.known().extend(known);
    }

    fn remembered(&self, role: &str) -> Option<Vec<String>> {
        let mut known = self.known();
        let known = known
            .get_mut(role)
            .filter(|known| known.read_at.is_fresh())?;
        known.used = true;
        Some(known.permissions.clone())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable(log: &Log, failure: Value) -> TriggerError {
    log.error("the roles could not be read", failure);
    TriggerError::STORE_UNAVAILABLE
}
