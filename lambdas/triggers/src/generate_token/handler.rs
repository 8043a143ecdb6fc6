//! The trigger itself: event and clients in, event out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use saasauth_contract::claims::{PERMISSIONS, ROLE};
use saasauth_contract::environment::GenerateToken as Settings;
use saasauth_contract::handover::Handover;
use saasauth_contract::keys::{DOMAIN_PREFIX, PARTITION_KEY, SORT_KEY, domain_of, user_key};
use saasauth_contract::permission;
use saasauth_contract::record::{EMAIL, EMAIL_VERIFIED, ROLE as HELD_ROLE, STATUS, role_by_groups};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::answer;
use super::claims::{Claims, Grants, InDomains};
use super::definitions::{Company, Definitions, Role};
use super::hooks::{self, Hooks, TokenRequest};
use super::user::{Address, User};
use crate::aws::Signed;
use crate::event::{Event, UserAttributes};
use crate::failure::TriggerError;
use crate::handover;
use crate::log::{Log, aws_failure};
use crate::metric::{self, Unit};
use crate::record::{Item, UserRecord, text};
use crate::registry::{NOT_THERE, Registry, Written};

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
pub struct GenerateToken<H = ()> {
    dynamodb: aws_sdk_dynamodb::Client,
    signed: Signed,
    settings: Settings,
    roles: Definitions<Role>,
    companies: Definitions<Company>,
    registry: Registry,
    hooks: H,
}

impl<H: Hooks> GenerateToken<H> {
    /// A trigger over these clients.
    pub fn new(
        dynamodb: aws_sdk_dynamodb::Client,
        signed: Signed,
        settings: Settings,
        hooks: H,
    ) -> Self {
        let roles = Definitions::new(dynamodb.clone(), settings.tables.permissions.clone());
        let companies = Definitions::new(dynamodb.clone(), settings.tables.domains.clone());
        let registry = Registry::new(
            dynamodb.clone(),
            settings.tables.clone(),
            settings.provider_domains.clone(),
        );
        Self {
            dynamodb,
            signed,
            settings,
            roles,
            companies,
            registry,
            hooks,
        }
    }

    /// Reads the roles before the first user comes, and opens as many connections as a sign-in needs. A
    /// failure is the log's alone: the first sign-in tries again.
    pub async fn prefetch(&self, log: &Log) {
        let roles = self.roles.prefetch(&self.settings.roles, log);
        let _ = timeout(LONGEST_PREFETCH, async {
            tokio::join!(roles, self.memberships("nobody", log))
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
        let claims = Map::from_iter([(PERMISSIONS.to_owned(), json!(permissions))]);
        answer::give_machine(&mut event, claims);
        event
    }

    async fn user(&self, mut event: Event, log: &Log) -> Result<Event, TriggerError> {
        let attributes = &event.request.user_attributes;
        let sub = attributes.sub().ok_or(TriggerError::NO_USER)?;
        let (record, memberships, (), ()) = tokio::join!(
            self.record(sub, log),
            self.memberships(sub, log),
            self.roles.refresh(log),
            self.companies.refresh(log),
        );
        let user = match record? {
            Some(item) => self.read(&item, attributes, sub, log)?,
            None => self.create(sub, &event, log).await?,
        };
        let mut memberships = memberships?;
        if let Some(joined) = &user.joined {
            memberships.entry(joined.clone()).or_default();
        }
        let names = memberships.keys().map(String::as_str).collect();
        let companies = self.companies.get(names, log).await?;
        let role = self.role_of(&user, &memberships, &companies);
        let domain_roles = self.domain_roles(memberships, &companies);
        let (permissions, role_permissions) = {
            let of_domains = domain_roles.values().filter(|_| self.settings.domain_roles);
            let names: BTreeSet<&str> = of_domains.chain([&role]).map(String::as_str).collect();
            let (defined, ()) =
                tokio::join!(self.roles.get(names, log), self.catch_up(&user, sub, log));
            let defined = defined?;
            let of_role = defined.get(&role).into_iter().flat_map(|role| &role.0);
            let permissions = permission::compact(of_role.chain(&user.permissions).cloned());
            (permissions, defined)
        };
        let domains: Vec<String> = domain_roles.keys().cloned().collect();
        let request = TokenRequest {
            sub,
            role: &role,
            permissions: &permissions,
            domains: &domains,
            event: &event,
            extra: user.extra.as_ref(),
        };
        let own = hooks::ask(&self.hooks, &request, log).await?;
        let (held, belonging) = (permissions.len(), domains.len());
        let grants = Grants {
            sub: sub.to_owned(),
            role: role.clone(),
            permissions,
            domains,
            in_domains: self.settings.domain_roles.then(|| InDomains {
                roles: domain_roles,
                permissions: role_permissions
                    .into_iter()
                    .map(|(role, Role(permissions))| (role, permissions))
                    .collect(),
            }),
        };
        let budget = self.settings.claims_budget;
        let claims = Claims::within(budget, self.settings.permissions_as_scopes, grants, own);
        metric::emit(CLAIMS_BYTES, claims.bytes as f64, Unit::Bytes, &[]);
        if claims.permissions_cut + claims.domains_cut + claims.hooks_cut.len() > 0 {
            metric::count(CLAIMS_CUT, &[]);
            log.warn(
                "the claims exceed their budget, and the token carries a part of them",
                json!({
                    "user": sub,
                    "bytes": claims.bytes_uncut,
                    "budget": budget,
                    "permissionsLeftOut": claims.permissions_cut,
                    "domainsLeftOut": claims.domains_cut,
                    "claimsOfHooksLeftOut": claims.hooks_cut,
                }),
            );
        }
        log.info(
            "claims added",
            json!({
                "user": sub,
                "source": event.trigger_source,
                "role": claims.map[ROLE],
                "permissions": held,
                "domains": belonging,
                "bytes": claims.bytes,
            }),
        );
        answer::give_user(&mut event, claims, &role, &self.settings.roles);
        Ok(event)
    }

    /// The role of the tokens. One that a company gave is the company's at this moment, as long as it is there and the user
    /// belongs to it.
    fn role_of(
        &self,
        user: &User,
        memberships: &BTreeMap<String, Option<String>>,
        companies: &HashMap<String, Company>,
    ) -> String {
        let Some(from) = &user.role_from else {
            return user.role.clone();
        };
        let company = memberships.get(from).and_then(|_| companies.get(from));
        let given = match company {
            Some(Company::Registered { role }) => role.as_ref(),
            Some(Company::Gone) | None => None,
        };
        given.unwrap_or(&self.settings.tables.default_role).clone()
    }

    /// The role in each domain there is: the one an operator gave, else the domain's.
    fn domain_roles(
        &self,
        memberships: BTreeMap<String, Option<String>>,
        companies: &HashMap<String, Company>,
    ) -> BTreeMap<String, String> {
        let default_role = &self.settings.tables.default_role;
        memberships
            .into_iter()
            .filter_map(|(domain, own)| match companies.get(&domain)? {
                Company::Registered { role } => {
                    let role = own.as_ref().or(role.as_ref()).unwrap_or(default_role);
                    let role = role.clone();
                    Some((domain, role))
                }
                Company::Gone => None,
            })
            .collect()
    }

    /// Writes down what Cognito knows better than the record, and has forgotten deliveries made. Whatever comes of it, the
    /// sign-in goes on: the next one finds the same.
    async fn catch_up(&self, user: &User, sub: &str, log: &Log) {
        if let Some(address) = &user.address
            && !self.write_address(address, sub, log).await
        {
            // What is handed over now would be held back for want of the proof.
            return;
        }
        self.hand_over(user, sub, log).await;
    }

    async fn write_address(&self, address: &Address, sub: &str, log: &Log) -> bool {
        let update = self
            .dynamodb
            .update_item()
            .table_name(&self.settings.tables.permissions)
            .key(PARTITION_KEY, AttributeValue::S(user_key(sub)))
            .condition_expression(format!("attribute_exists({PARTITION_KEY})"));
        let update = match &address.email {
            Some(email) => update
                .update_expression(format!(
                    "SET {EMAIL} = :email, {EMAIL_VERIFIED} = :verified"
                ))
                .expression_attribute_values(":email", AttributeValue::S(email.clone()))
                .expression_attribute_values(
                    ":verified",
                    AttributeValue::Bool(address.is_verified),
                ),
            None => update.update_expression(format!("REMOVE {EMAIL}, {EMAIL_VERIFIED}")),
        };
        match update.send().await {
            Ok(_) => {
                let fields = json!({ "user": sub, "verified": address.is_verified });
                log.info("the address on the record follows Cognito's", fields);
                true
            }
            Err(error) => {
                log.warn(
                    "the address on the record could not follow",
                    aws_failure(&error),
                );
                false
            }
        }
    }

    fn read(
        &self,
        item: &Item,
        attributes: &UserAttributes,
        sub: &str,
        log: &Log,
    ) -> Result<User, TriggerError> {
        let default_role = &self.settings.tables.default_role;
        User::of(item, attributes, default_role, SystemTime::now()).inspect_err(|_| {
            log.warn(
                "no token for a user whose status is not active",
                json!({ "user": sub, "status": text(item, STATUS) }),
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
        let work = Handover::deliver(sub);
        let request = handover::hand_over(&self.signed, function, &work);
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
            .table_name(&self.settings.tables.permissions)
            .key(PARTITION_KEY, AttributeValue::S(user_key(sub)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| unavailable(log, "the user could not be read", aws_failure(&error)))?;
        Ok(found.item)
    }

    /// The domains the user joined, there still or not, each with the role an operator gave in it.
    async fn memberships(
        &self,
        sub: &str,
        log: &Log,
    ) -> Result<BTreeMap<String, Option<String>>, TriggerError> {
        let mut memberships = BTreeMap::new();
        let mut pages = self
            .dynamodb
            .query()
            .table_name(&self.settings.tables.domains)
            .key_condition_expression(format!(
                "{PARTITION_KEY} = :user AND begins_with({SORT_KEY}, :domain)"
            ))
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
            if let Some(domain) = text(&item, SORT_KEY).and_then(domain_of) {
                let role = text(&item, HELD_ROLE).map(str::to_owned);
                memberships.insert(domain.to_owned(), role);
            }
        }
        Ok(memberships)
    }

    /// Records a user who never passed confirmation here: made by an administrator, imported, federated,
    /// or lost to a failed write. Whoever was faster wins.
    ///
    /// A federated user joins the company of an address that the provider vouches for, as one who signs up
    /// here does, if its word counts for that company: it may be all the confirmation there ever is.
    async fn create(&self, sub: &str, event: &Event, log: &Log) -> Result<User, TriggerError> {
        let attributes = &event.request.user_attributes;
        let is_role = |group: &str| self.settings.roles.iter().any(|role| role == group);
        let default_role = &self.settings.tables.default_role;
        let role = role_by_groups(event.groups(), is_role, default_role);
        let mut record = UserRecord::new(attributes, role).ok_or(TriggerError::NO_USER)?;
        let membership = match attributes.is_federated() {
            true => self.registry.membership(attributes, log).await,
            false => Ok(None),
        };
        let written = match membership {
            Ok(None) => self.put(&record, log).await,
            Ok(Some(membership)) => {
                membership.give_role(&mut record);
                let written = self.registry.write(&record, Some(&membership), log).await;
                if matches!(written, Ok(Written::Now)) {
                    log.info(
                        "user recorded at sign-in",
                        json!({ "user": sub, "domain": membership.domain }),
                    );
                    let role = Some(membership.role);
                    self.companies
                        .learn(&membership.domain, Company::Registered { role });
                    return Ok(User {
                        role_from: record.role_from,
                        joined: Some(membership.domain),
                        ..User::with_role(&record.role)
                    });
                }
                written
            }
            // A record made now would keep the user out of the company for good.
            Err(error) => Err(error),
        };
        match written {
            Ok(Written::Now) => log.info("user recorded at sign-in", json!({ "user": sub })),
            Ok(Written::Before(Some(item))) => return self.read(&item, attributes, sub, log),
            Ok(Written::Before(None)) => {
                if let Some(item) = self.record(sub, log).await? {
                    return self.read(&item, attributes, sub, log);
                }
            }
            // The table was read and has no record, so this is the role there would be in it: the token is right
            // without one, and the next sign-in tries again.
            Err(_) => {}
        }
        Ok(User::with_role(role))
    }

    /// Writes a record alone, unless there is one.
    async fn put(&self, record: &UserRecord, log: &Log) -> Result<Written, TriggerError> {
        let written = self
            .dynamodb
            .put_item()
            .table_name(&self.settings.tables.permissions)
            .set_item(Some(record.item()))
            .condition_expression(NOT_THERE)
            .send()
            .await;
        match written {
            Ok(_) => Ok(Written::Now),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(Written::Before(None))
            }
            Err(error) => {
                let failure = aws_failure(&error);
                Err(unavailable(log, "the user could not be recorded", failure))
            }
        }
    }
}

fn unavailable(log: &Log, message: &str, failure: Value) -> TriggerError {
    log.error(message, failure);
    TriggerError::STORE_UNAVAILABLE
}
