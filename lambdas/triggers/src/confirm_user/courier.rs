//! The asynchronous half: makes every delivery a user is owed, and keeps the record of it.
//!
//! Lambda may run an event more than once, and several at a time, so each delivery is claimed on the
//! record by a conditional update before it is made. A claim lasts a minute; who died holding one is
//! replaced after that. What remains at least once: a process that dies, or loses DynamoDB, after the other
//! side has accepted a delivery and before that is on the record.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use futures_util::future::join_all;
use saasauth_contract::delivery::{NOT_YET, STATE, UNTIL, goes_to_email};
use saasauth_contract::keys::{PARTITION_KEY, user_key};
use saasauth_contract::record::{DELIVERIES, PENDING};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};

use super::delivery::{Delivery, Done, Failure, Person, RETRIES, patience};
use super::hooks::{Hooks, own_delivery};
use super::secrets::Secrets;
use super::settings::Settings;
use super::welcome;
use crate::failure::TriggerError;
use crate::http::Http;
use crate::log::{Log, aws_failure, merged};
use crate::metric;
use crate::pending::{self, State, stamp};
use crate::record::{Item, texts};

/// The longest a delivery is waited for.
const DELIVERY: Duration = Duration::from_secs(3);
/// What is kept of an invocation's time for writing down how its deliveries went.
const SETTLEMENT: Duration = Duration::from_millis(800);
/// Less than this is not worth beginning with.
const SHORTEST: Duration = Duration::from_millis(300);
/// A server that asks for more patience is tried again all the same.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// A user deleted meanwhile is not brought back.
const THERE: &str = "attribute_exists(pk)";

/// The invocation ends as failed, so that Lambda runs it again.
pub(crate) const STILL_PENDING: TriggerError = TriggerError {
    kind: "DeliveryPending",
    message: Cow::Borrowed("some deliveries are still pending"),
};

/// Makes deliveries.
#[derive(Debug)]
pub(crate) struct Courier {
    dynamodb: aws_sdk_dynamodb::Client,
    ses: aws_sdk_sesv2::Client,
    http: Http,
    secrets: Secrets,
    /// What this process has delivered and could not take off the record. The next run in this process
    /// writes it down instead of delivering it again.
    unsettled: Mutex<HashSet<(String, String)>>,
}

/// How one delivery stands at the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Delivered,
    LeftAlone,
    /// This deployment no longer owes it.
    Dropped,
    /// Somebody else delivers it now, or has.
    Elsewhere,
    /// Not now: held by another run, or to be tried again.
    Waiting,
    /// Not before the user has proved to own the address. Nothing is written: the sign-in that finds it proved hands it over.
    Unproved,
    /// Not before somebody sees to it.
    NotYet {
        /// Whether Lambda's own retries come late enough to try it again.
        soon: bool,
    },
    Failed,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::LeftAlone => "left_alone",
            Self::Dropped => "dropped",
            Self::Elsewhere => "elsewhere",
            Self::Waiting => "waiting",
            Self::Unproved => "unproved",
            Self::NotYet { .. } => "not_yet",
            Self::Failed => "failed",
        }
    }
}

/// One delivery of one run.
struct Parcel<'a, H> {
    settings: &'a Settings,
    hooks: &'a H,
    person: &'a Person,
    name: &'a str,
    /// How often it was claimed before.
    attempts: u32,
    /// Whether an operator asks for it.
    asked: bool,
    deadline: Instant,
    log: &'a Log,
}

/// Why there is no claim.
enum Unclaimed {
    /// Nothing is owed any more, or the user is gone.
    Settled,
    Held,
    /// It waits for somebody to see to it.
    NotYet {
        soon: bool,
    },
    Unknown,
}

impl Courier {
    pub(crate) fn new(
        dynamodb: aws_sdk_dynamodb::Client,
        ses: aws_sdk_sesv2::Client,
        http: Http,
        secrets: Secrets,
    ) -> Self {
        Self {
            dynamodb,
            ses,
            http,
            secrets,
            unsettled: Mutex::default(),
        }
    }

    /// Makes every delivery the user is owed, side by side, and answers how each went. Fails when one is
    /// to be tried again.
    pub(crate) async fn deliver(
        &self,
        settings: &Settings,
        hooks: &impl Hooks,
        sub: &str,
        asked: bool,
        deadline: Instant,
        log: &Log,
    ) -> Result<Value, TriggerError> {
        let Some(record) = self.record(settings, sub, log).await? else {
            log.warn("nobody to deliver to", json!({ "user": sub }));
            return Ok(json!({}));
        };
        let person = Person::from_item(sub, &record);
        let names = texts(&record, PENDING);
        if !names.is_empty() && !record.contains_key(DELIVERIES) {
            self.prepare(settings, sub, log).await?;
        }
        let parcels: Vec<_> = names
            .iter()
            .map(|name| Parcel {
                settings,
                hooks,
                person: &person,
                name,
                attempts: pending::attempts(&record, name),
                asked,
                deadline,
                log,
            })
            .collect();
        let outcomes = join_all(parcels.iter().map(|parcel| self.deliver_one(parcel))).await;
        let answer: Value = names
            .iter()
            .zip(&outcomes)
            .map(|(name, outcome)| (name.clone(), json!(outcome.name())))
            .collect();
        log.info(
            "deliveries made",
            json!({ "user": sub, "deliveries": answer }),
        );
        let comes_again = |outcome: &Outcome| {
            matches!(outcome, Outcome::Waiting | Outcome::NotYet { soon: true })
        };
        if outcomes.iter().any(comes_again) {
            return Err(STILL_PENDING);
        }
        Ok(answer)
    }

    async fn deliver_one(&self, parcel: &Parcel<'_, impl Hooks>) -> Outcome {
        let outcome = self.attempt(parcel).await;
        if outcome != Outcome::Elsewhere {
            let dimensions = [("Platform", parcel.name), ("Outcome", outcome.name())];
            metric::count(metric::DELIVERIES, &dimensions);
        }
        outcome
    }

    async fn attempt(&self, parcel: &Parcel<'_, impl Hooks>) -> Outcome {
        if self.was_delivered(parcel) {
            return self.settle(parcel, Outcome::Delivered).await;
        }
        let own = own_delivery(parcel.hooks, parcel.name).map(Delivery::Hook);
        let Some(delivery) = own.or_else(|| parcel.settings.delivery(parcel.name)) else {
            return self.settle(parcel, Outcome::Dropped).await;
        };
        if goes_to_email(parcel.name) && !parcel.person.email_verified {
            return Outcome::Unproved;
        }
        match self.claim(parcel).await {
            Ok(()) => {}
            Err(Unclaimed::Settled) => return Outcome::Elsewhere,
            Err(Unclaimed::NotYet { soon }) => return Outcome::NotYet { soon },
            Err(Unclaimed::Held | Unclaimed::Unknown) => return Outcome::Waiting,
        }
        let rest = parcel.deadline.saturating_duration_since(Instant::now());
        let within = DELIVERY.min(rest.saturating_sub(SETTLEMENT));
        let delivered = if within < SHORTEST {
            Err(Failure::passing("no time was left for it"))
        } else {
            timeout(within, self.perform(delivery, parcel, within))
                .await
                .unwrap_or_else(|_| Err(Failure::passing("no answer in time")))
        };
        match delivered {
            Ok(Done::Delivered) => self.settle(parcel, Outcome::Delivered).await,
            Ok(Done::LeftAlone) => self.settle(parcel, Outcome::LeftAlone).await,
            Err(failure) => self.postpone(parcel, failure).await,
        }
    }

    async fn perform(
        &self,
        delivery: Delivery<'_>,
        parcel: &Parcel<'_, impl Hooks>,
        within: Duration,
    ) -> Result<Done, Failure> {
        let person = parcel.person;
        match delivery {
            Delivery::Hook(name) => match parcel.hooks.deliver(name, person).await {
                Ok(()) => Ok(Done::Delivered),
                Err(why) => Err(why.into()),
            },
            Delivery::Welcome(mail) => welcome::send(&self.ses, mail, person).await,
            Delivery::Platform(platform) => {
                platform
                    .deliver(&self.http, &self.secrets, person, within)
                    .await
            }
        }
    }

    /// Reads the record as it is now.
    async fn record(
        &self,
        settings: &Settings,
        sub: &str,
        log: &Log,
    ) -> Result<Option<Item>, TriggerError> {
        self.dynamodb
            .get_item()
            .table_name(&settings.tables.permissions)
            .key(PARTITION_KEY, AttributeValue::S(user_key(sub)))
            .consistent_read(true)
            .send()
            .await
            .map(|found| found.item)
            .map_err(|error| {
                log.error("the user could not be read", aws_failure(&error));
                TriggerError::STORE_UNAVAILABLE
            })
    }

    /// Gives a record of an earlier deployment the map its deliveries are kept in.
    async fn prepare(&self, settings: &Settings, sub: &str, log: &Log) -> Result<(), TriggerError> {
        self.update(settings, sub)
            .update_expression(format!(
                "SET {DELIVERIES} = if_not_exists({DELIVERIES}, :none)"
            ))
            .condition_expression(THERE)
            .expression_attribute_values(":none", AttributeValue::M(Item::new()))
            .send()
            .await
            .map(drop)
            .map_err(|error| {
                log.error("the user could not be written", aws_failure(&error));
                TriggerError::STORE_UNAVAILABLE
            })
    }

    /// Claims the delivery, unless it is no longer owed or somebody holds it.
    async fn claim(&self, parcel: &Parcel<'_, impl Hooks>) -> Result<(), Unclaimed> {
        let now = SystemTime::now();
        let by = format!("{:016x}", fastrand::u64(..));
        let claim = State::Claimed { by: &by }.value(parcel.attempts + 1, now);
        let state = format!("{DELIVERIES}.#name");
        let mut may = format!("attribute_not_exists({state}.#until) OR {state}.#until <= :now");
        let mut update = self.update(parcel.settings, &parcel.person.sub);
        if parcel.asked {
            may.push_str(&format!(" OR {state}.#state = :not_yet"));
            update = update
                .expression_attribute_names("#state", STATE)
                .expression_attribute_values(":not_yet", AttributeValue::S(NOT_YET.to_owned()));
        }
        let claimed = update
            .update_expression(format!("SET {state} = :claim"))
            .condition_expression(format!("contains({PENDING}, :name) AND ({may})"))
            .expression_attribute_names("#name", parcel.name)
            .expression_attribute_names("#until", UNTIL)
            .expression_attribute_values(":claim", claim)
            .expression_attribute_values(":name", AttributeValue::S(parcel.name.to_owned()))
            .expression_attribute_values(":now", AttributeValue::S(stamp(now)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send();
        let Ok(claimed) = timeout_at(parcel.deadline, claimed).await else {
            parcel.warn("not claimed", json!({ "reason": "no answer in time" }));
            return Err(Unclaimed::Unknown);
        };
        let Err(error) = claimed else {
            return Ok(());
        };
        let Some(UpdateItemError::ConditionalCheckFailedException(refused)) =
            error.as_service_error()
        else {
            parcel.warn("not claimed", aws_failure(&error));
            return Err(Unclaimed::Unknown);
        };
        match refused.item() {
            // The client asked again after a lost receipt, and found its own claim.
            Some(item) if pending::is_claimed_by(item, parcel.name, &by) => Ok(()),
            Some(item) if texts(item, PENDING).iter().any(|name| name == parcel.name) => {
                Err(match pending::not_yet_until(item, parcel.name) {
                    Some(until) => Unclaimed::NotYet {
                        soon: until <= stamp(now + RETRIES).as_str(),
                    },
                    None => Unclaimed::Held,
                })
            }
            _ => Err(Unclaimed::Settled),
        }
    }

    /// Takes the delivery off the record.
    async fn settle(&self, parcel: &Parcel<'_, impl Hooks>, outcome: Outcome) -> Outcome {
        let update = self
            .change(parcel)
            .update_expression(format!("REMOVE {DELIVERIES}.#name DELETE {PENDING} :done"));
        if self.write(parcel, update).await {
            self.unsettled().remove(&parcel.key());
            parcel.log.info(outcome.name(), parcel.fields());
            return outcome;
        }
        parcel
            .log
            .error("done, but still marked pending", parcel.fields());
        self.unsettled().insert(parcel.key());
        Outcome::Waiting
    }

    /// Writes down why the delivery was not made: to be tried again, sooner or later, or given up.
    async fn postpone(&self, parcel: &Parcel<'_, impl Hooks>, failure: Failure) -> Outcome {
        let attempts = parcel.attempts + 1;
        let (state, outcome, update) = match &failure {
            Failure::Passing { reason, after } => {
                // The record counts whole seconds; one more keeps the promise.
                let after = after.map_or(Duration::ZERO, |after| {
                    after.min(LONGEST_WAIT) + Duration::from_secs(1)
                });
                let state = State::Waiting { after, reason };
                (state, Outcome::Waiting, self.still_owed(parcel))
            }
            Failure::NotYet { reason } | Failure::Unauthorised { reason } => {
                let after = patience(attempts);
                let soon = after <= RETRIES;
                let state = State::NotYet { after, reason };
                (state, Outcome::NotYet { soon }, self.still_owed(parcel))
            }
            Failure::Lasting { reason } => {
                let update = self.change(parcel);
                let update = update.update_expression(format!(
                    "SET {DELIVERIES}.#name = :state DELETE {PENDING} :done"
                ));
                (State::Failed { reason }, Outcome::Failed, update)
            }
        };
        let (State::Waiting { reason, .. }
        | State::NotYet { reason, .. }
        | State::Failed { reason }) = state
        else {
            return outcome;
        };
        let fields = merged(
            parcel.fields(),
            json!({ "reason": reason, "attempts": attempts }),
        );
        match outcome {
            Outcome::Failed => parcel.log.error("given up", fields),
            Outcome::NotYet { .. } => {
                let message = "can't be delivered before somebody sees to it, still pending";
                parcel.log.error(message, fields);
            }
            _ => parcel.log.warn("not delivered, still pending", fields),
        }
        let value = state.value(attempts, SystemTime::now());
        let update = update.expression_attribute_values(":state", value);
        if self.write(parcel, update).await {
            outcome
        } else {
            // The claim stands, runs out, and the next run finds the same.
            Outcome::Waiting
        }
    }

    /// An update that says how the delivery stands.
    fn still_owed(&self, parcel: &Parcel<'_, impl Hooks>) -> UpdateItemFluentBuilder {
        self.update(parcel.settings, &parcel.person.sub)
            .update_expression(format!("SET {DELIVERIES}.#name = :state"))
            .expression_attribute_names("#name", parcel.name)
    }

    /// An update that ends the delivery.
    fn change(&self, parcel: &Parcel<'_, impl Hooks>) -> UpdateItemFluentBuilder {
        let done = AttributeValue::Ss(vec![parcel.name.to_owned()]);
        self.update(parcel.settings, &parcel.person.sub)
            .expression_attribute_names("#name", parcel.name)
            .expression_attribute_values(":done", done)
    }

    fn update(&self, settings: &Settings, sub: &str) -> UpdateItemFluentBuilder {
        self.dynamodb
            .update_item()
            .table_name(&settings.tables.permissions)
            .key(PARTITION_KEY, AttributeValue::S(user_key(sub)))
    }

    /// Sends an update until it is written or the invocation's time is up. A user deleted meanwhile is
    /// not brought back, and has nothing left to write.
    async fn write(
        &self,
        parcel: &Parcel<'_, impl Hooks>,
        update: UpdateItemFluentBuilder,
    ) -> bool {
        let update = update.condition_expression(THERE);
        let mut pause = Duration::from_millis(50);
        loop {
            let Ok(written) = timeout_at(parcel.deadline, update.clone().send()).await else {
                return false;
            };
            let Err(error) = written else {
                return true;
            };
            let gone = error
                .as_service_error()
                .is_some_and(UpdateItemError::is_conditional_check_failed_exception);
            if gone {
                return true;
            }
            parcel.warn("the user could not be written", aws_failure(&error));
            if Instant::now() + pause >= parcel.deadline {
                return false;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    fn was_delivered(&self, parcel: &Parcel<'_, impl Hooks>) -> bool {
        self.unsettled().contains(&parcel.key())
    }

    fn unsettled(&self) -> std::sync::MutexGuard<'_, HashSet<(String, String)>> {
        self.unsettled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<H> Parcel<'_, H> {
    fn key(&self) -> (String, String) {
        (self.person.sub.clone(), self.name.to_owned())
    }

    fn fields(&self) -> Value {
        json!({ "user": self.person.sub, "delivery": self.name })
    }

    fn warn(&self, message: &str, failure: Value) {
        self.log.warn(message, merged(self.fields(), failure));
    }
}
