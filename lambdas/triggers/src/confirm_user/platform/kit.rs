//! Kit (ConvertKit): a subscriber, and the form that subscribes.
//!
//! Creating is an upsert that leaves the state of an existing subscriber as it is. New ones are made
//! inactive and become active through the form, which asks for confirmation when it is set to; with
//! `double_opt_in: false` they are active at once. Who cancelled is not added to anything.
//!
//! API: <https://developers.kit.com/api-reference/subscribers/create-a-subscriber>,
//! `…/forms/add-subscriber-to-form-by-email-address`, `…/tags/create-a-tag` (gives an existing tag back),
//! `…/tags/tag-a-subscriber-by-email-address`. Its 429 comes without `Retry-After`; the limit is counted
//! over a minute (`…/rate-limits`).

use std::time::Duration;

use super::{Line, Tell, address, base, json, request, segment};
use crate::confirm_user::delivery::{Done, Failure, Person};
use crate::http::Answer;
use http::Method;
use saasauth_contract::delivery::KIT;
use saasauth_contract::marketing::{Kit, Secret};
use serde_json::{Map, Value, json};

/// The span its limit is counted over.
const WINDOW: Duration = Duration::from_secs(60);

impl Tell for Kit {
    const NAME: &'static str = KIT;

    fn secret(&self) -> &Secret {
        &self.api_key
    }

    async fn tell(&self, line: &Line<'_>, key: &str, person: &Person) -> Result<Done, Failure> {
        let email = address(person)?;
        let base = base(&self.endpoint, "https://api.kit.com");
        let post = async |path: String, body: Value| {
            let ask =
                request(Method::POST, format!("{base}/v4{path}")).header("x-kit-api-key", key);
            json(patient(line.ask(ask, Some(&body)).await?))
        };

        let state = match (self.double_opt_in, &self.form) {
            (Some(false), _) | (None, None) => "active",
            (None, Some(_)) | (Some(true), Some(_)) => "inactive",
            (Some(true), None) => {
                return Err(Failure::lasting(
                    "`double_opt_in` needs a `form` to ask with",
                ));
            }
        };
        let mut body = json!({ "email_address": email, "state": state });
        let mut fields = Map::new();
        for (field, value) in person.fields(&self.fields) {
            // The one field that is not a custom one.
            if field == "first_name" {
                body["first_name"] = json!(value);
            } else {
                fields.insert(field.to_owned(), json!(value));
            }
        }
        if !fields.is_empty() {
            body["fields"] = Value::Object(fields);
        }
        let answer = post("/subscribers".to_owned(), body).await?;
        let state = answer.pointer("/subscriber/state").and_then(Value::as_str);
        match state {
            None => return Err(Failure::passing("answered without a subscriber")),
            Some("cancelled" | "bounced" | "complained") => return Ok(Done::LeftAlone),
            Some(_) => {}
        }
        let whom = json!({ "email_address": email });
        if let Some(form) = &self.form {
            post(
                format!("/forms/{}/subscribers", segment(form)),
                whom.clone(),
            )
            .await?;
        }
        for tag in &self.tags {
            let answer = post("/tags".to_owned(), json!({ "name": tag })).await?;
            let id = answer.pointer("/tag/id").and_then(Value::as_u64);
            let id = id.ok_or_else(|| Failure::passing("answered without a tag"))?;
            post(format!("/tags/{id}/subscribers"), whom.clone()).await?;
        }
        Ok(Done::Delivered)
    }
}

/// The answer with the wait its 429 leaves unsaid.
fn patient(answer: Answer) -> Answer {
    let unsaid = answer.status == 429 && answer.retry_after.is_none();
    Answer {
        retry_after: unsaid.then_some(WINDOW).or(answer.retry_after),
        ..answer
    }
}
