//! HubSpot: a contact.
//!
//! The batch upsert finds contacts by address and creates those that are missing. Whether a contact may be
//! mailed is kept elsewhere in HubSpot (subscriptions, opt-outs) and not touched.
//!
//! API: <https://developers.hubspot.com/docs/api-reference/2026-03/crm/objects/contacts/batch/upsert-contacts>.

use http::Method;
use saasauth_contract::delivery::HUBSPOT;
use saasauth_contract::marketing::{Hubspot, Secret};
use serde_json::{Map, Value, json};

use super::{Line, Tell, address, base, json, request};
use crate::confirm_user::delivery::{Done, Failure, Person};

impl Tell for Hubspot {
    const NAME: &'static str = HUBSPOT;

    fn secret(&self) -> &Secret {
        &self.token
    }

    async fn tell(&self, line: &Line<'_>, key: &str, person: &Person) -> Result<Done, Failure> {
        let email = address(person)?;
        let base = base(&self.endpoint, "https://api.hubapi.com");
        let mut properties: Map<_, _> = person
            .fields(&self.fields)
            .map(|(field, value)| (field.to_owned(), json!(value)))
            .collect();
        properties.insert("email".to_owned(), json!(email));
        let body = json!({
            "inputs": [{ "idProperty": "email", "id": email, "properties": properties }],
        });
        let url = format!("{base}/crm/objects/2026-03/contacts/batch/upsert");
        let ask = request(Method::POST, url).header("authorization", format!("Bearer {key}"));
        let answer = line.ask(ask, Some(&body)).await?;
        // Somebody else creates the same contact at this moment; the next attempt finds it.
        if answer.status == 409 {
            return Err(Failure::passing("answered 409"));
        }
        let answer = json(answer)?;
        // A batch may succeed in part (207), and ours has one part.
        let failed = answer.get("errors").and_then(Value::as_array);
        match failed.and_then(|errors| errors.first()) {
            Some(error) => {
                let category = error.get("category").and_then(Value::as_str);
                let known = category.filter(|text| {
                    text.chars().all(|c| c.is_ascii_uppercase() || c == '_') && text.len() <= 60
                });
                Err(Failure::lasting(format!(
                    "refused the contact ({})",
                    known.unwrap_or("without a category")
                )))
            }
            None => Ok(Done::Delivered),
        }
    }
}
