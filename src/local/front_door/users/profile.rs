//! What signed-in users read and change of themselves.

use std::time::Instant;

use serde_json::{Value, json};

use super::attributes::{self, Given};
use super::verification::provable;
use super::{Operation, ReplyResult};

impl Operation<'_> {
    /// GetUser, with what the app client may read.
    pub(super) async fn get_user(&self) -> ReplyResult {
        let bearer = self.bearer().await?;
        let reply = self.forward().await?;
        let Some(mut body) = reply.json() else {
            return Ok(reply);
        };
        if let Some(list) = body["UserAttributes"].as_array_mut() {
            list.retain(|attribute| {
                let name = attribute["Name"].as_str().unwrap_or_default();
                let client = bearer.client.as_ref();
                attribute["Value"] != ""
                    && client.is_none_or(|client| attributes::is_readable(client, name))
            });
        }
        let factors = &self.door.users.factors;
        let record = factors.of(&bearer.pool.id, &bearer.user.username);
        record.describe(&mut body);
        Ok(reply.with_json(&body))
    }

    /// UpdateUserAttributes. A new address or number is unproved, and a code goes to it; where the pool
    /// wants it proved first, the old one stays in effect until then.
    pub(super) async fn update_attributes(&self) -> ReplyResult {
        let bearer = self.bearer().await?;
        let (pool, user) = (&bearer.pool, &bearer.user);
        let given = attributes::given(self.input.get("UserAttributes"));
        if let Some(client) = &bearer.client {
            attributes::refuse_unwritable(pool, client, &given)?;
        }
        attributes::refuse_nonconforming(pool, &given)?;
        attributes::refuse_unchangeable(pool, user, &given)?;
        self.refuse_taken(pool, user, &given).await?;
        let changed = |attribute: &&Given<'_>| {
            user.attributes.get(attribute.name).map(String::as_str) != Some(attribute.value)
        };
        let sent: Vec<&Given<'_>> = given
            .iter()
            .filter(|attribute| provable(attribute.name).is_some() && !attribute.value.is_empty())
            .filter(changed)
            .collect();
        let mut set: Vec<Value> = Vec::new();
        for attribute in &given {
            let is_new = sent.iter().any(|new| new.name == attribute.name);
            if is_new && pool.holds_back(attribute.name) {
                continue;
            }
            set.push(json!({ "Name": attribute.name, "Value": attribute.value }));
            if is_new {
                let flag = format!("{}_verified", attribute.name);
                set.push(json!({ "Name": flag, "Value": "false" }));
            }
        }
        let mut input = self.input.clone();
        input["UserAttributes"] = set.into();
        let reply = self.forward_with(&input).await?;
        let mut deliveries = Vec::new();
        for attribute in &given {
            self.settle(pool, user, attribute.name);
        }
        for attribute in sent {
            let verifies = pool.lists("AutoVerifiedAttributes", attribute.name);
            if verifies || pool.holds_back(attribute.name) {
                deliveries.extend(self.hold_back(pool, user, attribute, Instant::now()));
            }
        }
        Ok(reply.with_json(&json!({ "CodeDeliveryDetailsList": deliveries })))
    }
}
