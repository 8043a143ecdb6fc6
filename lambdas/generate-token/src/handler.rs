//! The trigger itself: event and clients in, event out.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use trigger_common::aws::Signed;
use trigger_common::event::UserAttributes;
use trigger_common::handover::{self, Asked};
use trigger_common::log::aws_failure;
use trigger_common::metric::{self, Unit};
use trigger_common::record::{DOMAIN_PREFIX, Item, UserRecord, text, user_key};
use trigger_common::{Event, Log, TriggerError, permission};

use crate::answer;
use crate::claims::{Claims, Said};
use crate::roles::Roles;
use crate::settings::Settings;
use crate::user::User;

/// The one source without a user. Cognito sends it with event V3_0 only.
const CLIENT_CREDENTIALS: &str = "TokenGeneration_ClientCredentials";

/// Cognito gives up after five seconds and may ask again; until then it shall have heard why.
const LONGEST: Duration = Duration::from_millis(4500);
/// The start of a cold function counts against Cognito's five seconds, too.
const LONGEST_PREFETCH: Duration = Duration::from_millis(1000);
/// What a forgotten delivery may add to a sign-in.
const LONGEST_HAND_OVER: Duration = Duration::from_millis(200);

/// How large the claims of a token are, in bytes of the token.
const CLAIMS_BYTES: &str = "ClaimsBytes";
/// One per token whose claims were cut to the budget.
const CLAIMS_CUT: &str = "ClaimsCut";
/// One per hand-over of forgotten deliveries.
const HAND_OVERS: &str = "HandOvers";

/// The PreTokenGeneration trigger.
#[derive(Debug)]
pub struct GenerateToken {
    dynamodb: aws_sdk_dynamodb::Client,
    signed: Signed,
    settings: Settings,
    roles: Roles,
}

impl GenerateToken {
    /// A trigger over these clients.
    pub fn new(dynamodb: aws_sdk_dynamodb::Client, signed: Signed, settings: Settings) -> Self {
        let roles = Roles::new(dynamodb.clone(), settings.permissions_table.clone());
        Self {
            dynamodb,
            signed,
            settings,
            roles,
        }
    }

    /// Reads the roles before the first user comes, and opens as many connections as a sign-in needs. A
    /// failure is the log's alone: the first sign-in tries again.
    pub async fn prefetch(&self, log: &Log) {
        let roles = self.roles.prefetch(&self.settings.roles, log);
        let _ = timeout(LONGEST_PREFETCH, async {
            tokio::join!(roles, self.domains("nobody", log))
        })
        .await;
    }

    /// Answers one event. Fails when DynamoDB does, and for a user who is to have no token.
    pub async fn handle(&self, event: Event, log: &Log) -> Result<Event, TriggerError> {
        if event.trigger_source == CLIENT_CREDENTIALS {
            return Ok(self.machine(event, log));
        }
        timeout(LONGEST, self.user(event, log))
            .await
            .unwrap_or_else(|_| {
                log.error("the tables did not answer in time", Value::Null);
                Err(TriggerError::STORE_UNAVAILABLE)
            })
    }

    /// A machine may do what its client's scopes say. Those of our resource server are permissions, and so
    /// become the claim an API looks for; the token gains no right by it.
    fn machine(&self, mut event: Event, log: &Log) -> Event {
        let Some(server) = &self.settings.resource_server else {
            return event;
        };
        let scopes = event.request.rest.get("scopes").and_then(Value::as_array);
        let permissions = permission::compact(
            scopes
                .into_iter()
                .flatten()
                .filter_map(|scope| scope.as_str()?.strip_prefix(server)?.strip_prefix('/'))
                .map(str::to_owned),
        );
        log.info(
            "claims added for a machine",
            json!({ "permissions": permissions.len() }),
        );
        let claims = Map::from_iter([("permissions".to_owned(), json!(permissions))]);
        answer::give_machine(&mut event, claims);
        event
    }

    async fn user(&self, mut event: Event, log: &Log) -> Result<Event, TriggerError> {
        let attributes = &event.request.user_attributes;
        let sub = attributes.sub().ok_or(TriggerError::NO_USER)?;
        let ((role, permissions), domains) =
            tokio::try_join!(self.granted(sub, attributes, log), self.domains(sub, log))?;
        let said = Said {
            sub: sub.to_owned(),
            role,
            permissions,
            domains,
        };
        let (held, belonging) = (said.permissions.len(), said.domains.len());
        let budget = self.settings.claims_budget;
        let claims = Claims::within(budget, self.settings.permissions_as_scopes, said);
        metric::emit(CLAIMS_BYTES, claims.bytes as f64, Unit::Bytes, &[]);
        if claims.permissions_cut + claims.domains_cut > 0 {
            metric::count(CLAIMS_CUT, &[]);
            log.warn(
                "the claims exceed their budget, and the token carries a part of them",
                json!({
                    "user": sub,
                    "bytes": claims.bytes_uncut,
                    "budget": budget,
                    "permissionsLeftOut": claims.permissions_cut,
                    "domainsLeftOut": claims.domains_cut,
                }),
            );
        }
        log.info(
            "claims added",
            json!({
                "user": sub,
                "source": event.trigger_source,
                "role": claims.map["role"],
                "permissions": held,
                "domains": belonging,
                "bytes": claims.bytes,
            }),
        );
        answer::give_user(&mut event, claims);
        Ok(event)
    }

    /// The user's role, and everything the user may do.
    async fn granted(
        &self,
        sub: &str,
        attributes: &UserAttributes,
        log: &Log,
    ) -> Result<(String, Vec<String>), TriggerError> {
        let (record, ()) = tokio::join!(self.record(sub, log), self.roles.refresh(log));
        let user = match record? {
            Some(item) => self.read(&item, sub, log)?,
            None => self.create(sub, attributes, log).await?,
        };
        let (of_role, ()) = tokio::join!(
            self.roles.permissions(&user.role, log),
            self.hand_over(&user, sub, log)
        );
        let permissions = permission::compact(of_role?.into_iter().chain(user.permissions));
        Ok((user.role, permissions))
    }

    fn read(&self, item: &Item, sub: &str, log: &Log) -> Result<User, TriggerError> {
        User::of(item, &self.settings.default_role, SystemTime::now()).inspect_err(|_| {
            log.warn(
                "no token for a user whose status is not active",
                json!({ "user": sub, "status": text(item, "status") }),
            );
        })
    }

    /// Has the deliveries somebody forgot made by confirmUser. Whatever comes of it, the sign-in goes on:
    /// the record still owes them, and the next sign-in tries again.
    async fn hand_over(&self, user: &User, sub: &str, log: &Log) {
        let Some(function) = self
            .settings
            .confirm_user_function
            .as_ref()
            .filter(|_| user.is_owed)
        else {
            return;
        };
        let request = handover::hand_over(&self.signed, function, Asked::Deliver(sub));
        let failure = match timeout(LONGEST_HAND_OVER, request).await {
            Ok(Ok(())) => {
                metric::count(HAND_OVERS, &[]);
                log.info("pending deliveries handed over", json!({ "user": sub }));
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        metric::count(metric::HAND_OVER_FAILURES, &[]);
        log.warn(
            "pending deliveries could not be handed over",
            json!({ "user": sub, "reason": failure }),
        );
    }

    /// The user's record. The read is consistent, since people sign in the moment they are confirmed.
    async fn record(&self, sub: &str, log: &Log) -> Result<Option<Item>, TriggerError> {
        let found = self
            .dynamodb
            .get_item()
            .table_name(&self.settings.permissions_table)
            .key("pk", AttributeValue::S(user_key(sub)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable(log, "the user could not be read", aws_failure(&error)))?;
        Ok(found.item)
    }

    /// The names of the domains the user belongs to, sorted.
    async fn domains(&self, sub: &str, log: &Log) -> Result<Vec<String>, TriggerError> {
        let mut domains = Vec::new();
        let mut pages = self
            .dynamodb
            .query()
            .table_name(&self.settings.domains_table)
            .key_condition_expression("pk = :user AND begins_with(sk, :domain)")
            .expression_attribute_values(":user", AttributeValue::S(user_key(sub)))
            .expression_attribute_values(":domain", AttributeValue::S(DOMAIN_PREFIX.to_owned()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| {
                unavailable(log, "the domains could not be read", aws_failure(&error))
            })?;
            domains.extend(
                text(&item, "sk")
                    .and_then(|key| key.strip_prefix(DOMAIN_PREFIX))
                    .map(str::to_owned),
            );
        }
        Ok(domains)
    }

    /// Records a user who never passed confirmation here: made by an administrator, imported, federated,
    /// or lost to a failed write. Whoever was faster wins.
    async fn create(
        &self,
        sub: &str,
        attributes: &UserAttributes,
        log: &Log,
    ) -> Result<User, TriggerError> {
        let record = UserRecord::new(attributes, &self.settings.default_role)
            .ok_or(TriggerError::NO_USER)?;
        let written = self
            .dynamodb
            .put_item()
            .table_name(&self.settings.permissions_table)
            .set_item(Some(record.item()))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match written {
            Ok(_) => log.info("user recorded at sign-in", json!({ "user": sub })),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                if let Some(item) = self.record(sub, log).await? {
                    return self.read(&item, sub, log);
                }
            }
            // The table was read and has no record, which means the default role: the token is right
            // without one, and the next sign-in tries again.
            Err(error) => log.error("the user could not be recorded", aws_failure(&error)),
        }
        Ok(User {
            role: record.role,
            permissions: Vec::new(),
            is_owed: false,
        })
    }
}

fn unavailable(log: &Log, message: &str, failure: Value) -> TriggerError {
    log.error(message, failure);
    TriggerError::STORE_UNAVAILABLE
}
