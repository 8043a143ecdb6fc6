//! What the tables define: what each role permits, and which role each company's domain gives. Remembered for a while.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use saasauth_contract::keys::{
    META, PARTITION_KEY, SORT_KEY, domain_key, domain_of, role_key, role_of,
};
use saasauth_contract::record::{PERMISSIONS, ROLE};
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

/// Something a table defines by name.
pub(crate) trait Defined: Clone {
    /// What they are called in the log.
    const ALL: &'static str;

    fn key(name: &str) -> Item;

    /// What an item of the key defines.
    fn of(item: &Item) -> Option<(String, Self)>;

    /// Of what the table doesn't define.
    fn undefined(name: &str, log: &Log) -> Self;
}

/// What a role permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Role(pub(crate) Vec<String>);

/// A company's domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Company {
    /// Its members have this role; the default one when the item names none.
    Registered { role: Option<String> },
    /// It left the project file, and being a member of it gives nothing.
    Gone,
}

impl Defined for Role {
    const ALL: &'static str = "roles";

    fn key(name: &str) -> Item {
        Item::from([(PARTITION_KEY.to_owned(), AttributeValue::S(role_key(name)))])
    }

    fn of(item: &Item) -> Option<(String, Self)> {
        let role = role_of(text(item, PARTITION_KEY)?)?;
        Some((role.to_owned(), Self(texts(item, PERMISSIONS))))
    }

    fn undefined(name: &str, log: &Log) -> Self {
        let message = "the role is not defined and permits nothing";
        log.warn(message, json!({ "role": name }));
        Self(Vec::new())
    }
}

impl Defined for Company {
    const ALL: &'static str = "domains' definitions";

    fn key(name: &str) -> Item {
        Item::from([
            (
                PARTITION_KEY.to_owned(),
                AttributeValue::S(domain_key(name)),
            ),
            (SORT_KEY.to_owned(), AttributeValue::S(META.to_owned())),
        ])
    }

    fn of(item: &Item) -> Option<(String, Self)> {
        let domain = domain_of(text(item, PARTITION_KEY)?)?;
        let role = text(item, ROLE).map(str::to_owned);
        Some((domain.to_owned(), Self::Registered { role }))
    }

    fn undefined(_: &str, _: &Log) -> Self {
        Self::Gone
    }
}

/// The definitions of one kind in one table, read through a cache of this process.
#[derive(Debug)]
pub(crate) struct Definitions<D> {
    dynamodb: aws_sdk_dynamodb::Client,
    table: String,
    known: Mutex<HashMap<String, Known<D>>>,
}

#[derive(Debug)]
struct Known<D> {
    definition: D,
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

impl<D: Defined> Definitions<D> {
    pub(crate) fn new(dynamodb: aws_sdk_dynamodb::Client, table: String) -> Self {
        Self {
            dynamodb,
            table,
            known: Mutex::default(),
        }
    }

    /// Reads these before anybody asks for one. A failure is the log's alone.
    pub(crate) async fn prefetch(&self, names: &[String], log: &Log) {
        let read_at = ReadAt::now();
        if let Ok(defined) = self.read(names, log).await {
            self.remember(defined, read_at, false);
        }
    }

    /// Takes in what was read elsewhere just now.
    pub(crate) fn learn(&self, name: &str, definition: D) {
        let defined = HashMap::from([(name.to_owned(), definition)]);
        self.remember(defined, ReadAt::now(), true);
    }

    /// The definitions of all these, in one read of those that are not remembered.
    pub(crate) async fn get(
        &self,
        names: BTreeSet<&str>,
        log: &Log,
    ) -> Result<HashMap<String, D>, TriggerError> {
        let mut found = HashMap::new();
        let mut unknown = Vec::new();
        for name in names {
            match self.remembered(name) {
                Some(definition) => drop(found.insert(name.to_owned(), definition)),
                None => unknown.push(name.to_owned()),
            }
        }
        if unknown.is_empty() {
            return Ok(found);
        }
        let read_at = ReadAt::now();
        let mut defined = self.read(&unknown, log).await?;
        for name in unknown {
            let definition = defined
                .entry(name.clone())
                .or_insert_with(|| D::undefined(&name, log));
            found.insert(name, definition.clone());
        }
        self.remember(defined, read_at, true);
        Ok(found)
    }

    /// Reads again what is no longer fresh, so that the user's record and its role are read side by side
    /// and not one after the other. A failure is no one's yet: whoever needs the definition asks again.
    pub(crate) async fn refresh(&self, log: &Log) {
        let stale: Vec<String> = {
            let mut known = self.known();
            // What no token asked for in a whole minute can be asked for when one does.
            known.retain(|_, known| known.used || known.read_at.is_fresh());
            known
                .iter()
                .filter(|(_, known)| !known.read_at.is_fresh())
                .map(|(name, _)| name.clone())
                .collect()
        };
        if stale.is_empty() {
            return;
        }
        let read_at = ReadAt::now();
        if let Ok(defined) = self.read(&stale, log).await {
            let mut known = self.known();
            for name in stale {
                // Gone meanwhile: whoever needs it finds out by asking.
                known.remove(&name);
            }
            drop(known);
            self.remember(defined, read_at, false);
        }
    }

    /// Reads what the table says of these; those nobody defined are absent.
    async fn read(&self, names: &[String], log: &Log) -> Result<HashMap<String, D>, TriggerError> {
        let mut keys: Vec<Item> = names.iter().map(|name| D::key(name)).collect();
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
                .map_err(|error| unavailable::<D>(log, aws_failure(&error)))?;
            let items = answer.responses.unwrap_or_default().remove(&self.table);
            defined.extend(items.unwrap_or_default().iter().filter_map(D::of));
            // Under load DynamoDB leaves some for later.
            let left = answer.unprocessed_keys.unwrap_or_default();
            keys = left.into_values().flat_map(|wanted| wanted.keys).collect();
            if !keys.is_empty() {
                if pause > LONGEST_PAUSE {
                    return Err(unavailable::<D>(log, json!({ "reason": "throttled" })));
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            keys.extend(later);
        }
        Ok(defined)
    }

    fn remember(&self, defined: HashMap<String, D>, read_at: ReadAt, used: bool) {
        let known = defined.into_iter().map(|(name, definition)| {
            let known = Known {
                definition,
                read_at,
                used,
            };
            (name, known)
        });
        self.known().extend(known);
    }

    fn remembered(&self, name: &str) -> Option<D> {
        let mut known = self.known();
        let known = known
            .get_mut(name)
            .filter(|known| known.read_at.is_fresh())?;
        known.used = true;
        Some(known.definition.clone())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known<D>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable<D: Defined>(log: &Log, failure: Value) -> TriggerError {
    log.error(&format!("the {} could not be read", D::ALL), failure);
    TriggerError::STORE_UNAVAILABLE
}
