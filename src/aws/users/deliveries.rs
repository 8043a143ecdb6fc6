//! What users are owed: what became of it, queued again, and handed to the function that delivers.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use saasauth_contract::delivery::{AT, ATTEMPTS, FAILED, NOT_YET, REASON, STATE, UNTIL};
use saasauth_contract::handover::{CONFIRM_SIGN_UP, Handover};
use saasauth_contract::keys::{PARTITION_KEY, user_key};
use saasauth_contract::record::{DELIVERIES, PENDING, SUB};
use serde::Serialize;
use serde_json::{Value, json};

use super::items::{Item, held, text, text_value};
use super::{Account, Tables};
use crate::aws::{Aws, Fault, Result};

/// What became of a delivery so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// `claimed` while somebody performs it, `waiting` to be tried again, `not_yet` when somebody has to see
    /// to the reason first, `failed` once nobody tries.
    pub state: String,
    /// When it came to that, as RFC 3339 writes it.
    pub at: Option<String>,
    /// Before when it is not tried again unless an operator asks for it.
    pub until: Option<String>,
    /// How often it was tried.
    pub attempts: Option<u32>,
    /// Why it was not made.
    pub reason: Option<String>,
}

impl Delivery {
    /// Whether nobody tries it any more.
    pub fn has_failed(&self) -> bool {
        self.state == FAILED
    }

    /// Whether it waits for somebody to see to its reason.
    pub fn is_not_yet(&self) -> bool {
        self.state == NOT_YET
    }

    pub(super) fn of(item: &Item) -> Self {
        let owned = |name: &str| text(item, name).map(str::to_owned);
        Self {
            state: owned(STATE).unwrap_or_default(),
            at: owned(AT),
            until: owned(UNTIL),
            attempts: item
                .get(ATTEMPTS)
                .and_then(|value| value.as_n().ok()?.parse().ok()),
            reason: owned(REASON),
        }
    }
}

impl Aws {
    /// Puts deliveries that failed back among those owed. `false` when that has changed meanwhile.
    pub async fn requeue(&self, tables: &Tables, sub: &str, names: &[&str]) -> Result<bool> {
        let mut request = self
            .dynamodb
            .update_item()
            .table_name(&tables.permissions)
            .key(PARTITION_KEY, text_value(&user_key(sub)))
            .expression_attribute_names("#deliveries", DELIVERIES)
            .expression_attribute_names("#state", STATE)
            .expression_attribute_names("#pending", PENDING)
            .expression_attribute_values(":failed", text_value(FAILED))
            .expression_attribute_values(
                ":names",
                AttributeValue::Ss(names.iter().map(|&name| name.to_owned()).collect()),
            );
        let mut removed = Vec::new();
        let mut conditions = Vec::new();
        for (index, name) in names.iter().enumerate() {
            request = request.expression_attribute_names(format!("#{index}"), *name);
            removed.push(format!("#deliveries.#{index}"));
            conditions.push(format!("#deliveries.#{index}.#state = :failed"));
        }
        let answer = request
            .update_expression(format!("ADD #pending :names REMOVE {}", removed.join(", ")))
            .condition_expression(conditions.join(" AND "))
            .send()
            .await;
        held(answer.map_err(Fault::from))
    }

    /// Has confirmUser perform what it owes to a user, what could not be made yet included; the deliveries are
    /// made after this returns.
    pub async fn hand_over_deliveries(&self, function: &str, sub: &str) -> Result<()> {
        self.hand_over(function, &Handover::asked(sub)).await
    }

    /// Has confirmUser do for a user what it does at a sign-up; it is done after this returns.
    pub async fn hand_over_confirmation(
        &self,
        function: &str,
        pool: &str,
        account: &Account,
    ) -> Result<()> {
        let mut attributes = json!(account.attributes);
        attributes[SUB] = json!(account.sub);
        attributes["cognito:user_status"] = json!(account.status);
        // What Cognito itself sends, as far as the function reads it.
        let event = json!({
            "triggerSource": CONFIRM_SIGN_UP,
            "userPoolId": pool,
            "userName": account.username,
            "request": { "userAttributes": attributes },
        });
        self.hand_over(function, &Handover::Confirm { event }).await
    }

    async fn hand_over(&self, function: &str, work: &Handover<'_, Value>) -> Result<()> {
        self.lambda
            .invoke()
            .function_name(function)
            .invocation_type(InvocationType::Event)
            .payload(Blob::new(json!(work).to_string()))
            .send()
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay::{self, ok};

    #[tokio::test]
    async fn a_failed_delivery_is_owed_again_only_while_it_is_failed() {
        let (aws, replay) = replay::aws([ok(json!({}))]);
        let requeued = aws
            .requeue(&Tables::of_tests(), "s", &["kit", "welcome"])
            .await;
        assert!(requeued.expect("it answers"));
        let update = &replay.finish()[0].body;
        assert_eq!(
            update["UpdateExpression"],
            "ADD #pending :names REMOVE #deliveries.#0, #deliveries.#1"
        );
        assert_eq!(
            update["ConditionExpression"],
            "#deliveries.#0.#state = :failed AND #deliveries.#1.#state = :failed"
        );
    }
}
