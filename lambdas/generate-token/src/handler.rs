//! The trigger itself: event and client in, event out.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value, json};
use trigger_common::event::UserAttributes;
use trigger_common::log::aws_failure;
use trigger_common::record::{DOMAIN_PREFIX, Item, UserRecord, text, texts, user_key};
use trigger_common::{Event, Log, TriggerError, permission};

use crate::roles::Roles;
use crate::settings::Settings;

/// The one source without a user: a machine's token carries its client's scopes and no claims of ours.
const CLIENT_CREDENTIALS: &str = "TokenGeneration_ClientCredentials";

/// The PreTokenGeneration trigger.
#[derive(Debug)]
pub struct GenerateToken {
    dynamodb: aws_sdk_dynamodb::Client,
    settings: Settings,
    roles: Roles,
}

/// What a user's record says.
struct Granted {
    role: String,
    /// Beyond the role's.
    permissions: Vec<String>,
}

impl GenerateToken {
    /// A trigger over this client.
    pub fn new(dynamodb: aws_sdk_dynamodb::Client, settings: Settings) -> Self {
        let roles = Roles::new(dynamodb.clone(), settings.permissions_table.clone());
        Self {
            dynamodb,
            settings,
            roles,
        }
    }

    /// Reads the role most users have, before the first of them comes. A failure is the log's alone: the
    /// first sign-in tries again.
    pub async fn prefetch(&self, log: &Log) {
        let _ = self
            .roles
            .permissions(&self.settings.default_role, log)
            .await;
    }

    /// Answers one event. Fails when DynamoDB does.
    pub async fn handle(&self, mut event: Event, log: &Log) -> Result<Event, TriggerError> {
        if event.trigger_source == CLIENT_CREDENTIALS {
            return Ok(event);
        }
        let attributes = &event.request.user_attributes;
        let sub = attributes.sub().ok_or(TriggerError::NO_USER)?;
        let (record, domains) = tokio::try_join!(self.record(sub, log), self.domains(sub, log))?;
        let granted = match record {
            Some(item) => self.granted(&item),
            None => self.create(attributes, log).await?,
        };
        let of_role = self.roles.permissions(&granted.role, log).await?;
        let permissions = permission::compact(of_role.into_iter().chain(granted.permissions));
        log.info(
            "claims added",
            json!({
                "user": sub,
                "source": event.trigger_source,
                "role": granted.role,
                "permissions": permissions.len(),
                "domains": domains.len(),
            }),
        );
        let claims = Map::from_iter([
            ("role".to_owned(), json!(granted.role)),
            ("permissions".to_owned(), json!(permissions)),
            ("domains".to_owned(), json!(domains)),
        ]);
        event.add_claims(&claims);
        Ok(event)
    }

    fn granted(&self, item: &Item) -> Granted {
        Granted {
            role: text(item, "role")
                .unwrap_or(&self.settings.default_role)
                .to_owned(),
            permissions: texts(item, "permissions"),
        }
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
        attributes: &UserAttributes,
        log: &Log,
    ) -> Result<Granted, TriggerError> {
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
            Ok(_) => log.info("user recorded at sign-in", json!({ "user": record.sub })),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                if let Some(item) = self.record(&record.sub, log).await? {
                    return Ok(self.granted(&item));
                }
            }
            // The token is right without the record: an absent one means the default role.
            Err(error) => log.error("the user could not be recorded", aws_failure(&error)),
        }
        Ok(Granted {
            role: record.role,
            permissions: Vec::new(),
        })
    }
}

fn unavailable(log: &Log, message: &str, failure: Value) -> TriggerError {
    log.error(message, failure);
    TriggerError::STORE_UNAVAILABLE
}
