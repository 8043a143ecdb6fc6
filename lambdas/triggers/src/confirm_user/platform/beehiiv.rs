//! Beehiiv: a subscription to a publication.
//!
//! What creating an existing subscription does is not documented, so it is looked for first. An inactive
//! one belongs to somebody who left and is not touched.
//!
//! API: <https://developers.beehiiv.com/api-reference/subscriptions/get-by-email>, `…/create`, `…/put` and
//! <https://developers.beehiiv.com/api-reference/subscription-tags/create>.

use http::Method;
use saasauth_contract::delivery::BEEHIIV;
use saasauth_contract::marketing::{Beehiiv, Secret};
use serde_json::{Value, json};

use super::{Line, Tell, address, base, json, judged, request, segment};
use crate::confirm_user::delivery::{Done, Failure, Person};

impl Tell for Beehiiv {
    const NAME: &'static str = BEEHIIV;

    fn secret(&self) -> &Secret {
        &self.api_key
    }

    async fn tell(&self, line: &Line<'_>, key: &str, person: &Person) -> Result<Done, Failure> {
        let email = address(person)?;
        let base = base(&self.endpoint, "https://api.beehiiv.com");
        let publication = segment(&self.publication);
        let all = format!("{base}/v2/publications/{publication}/subscriptions");
        let ask =
            |method, url| request(method, url).header("authorization", format!("Bearer {key}"));
        let fields: Vec<_> = person
            .fields(&self.fields)
            .map(|(name, value)| json!({ "name": name, "value": value }))
            .collect();

        let url = format!("{all}/by_email/{}", segment(email));
        let found = line.ask(ask(Method::GET, url), None).await?;
        let (id, status) = if found.status == 404 {
            let mut body = json!({
                "email": email,
                "reactivate_existing": false,
                "send_welcome_email": false,
                "utm_source": "saasauth",
            });
            if let Some(double) = self.double_opt_in {
                body["double_opt_override"] = json!(if double { "on" } else { "off" });
            }
            if !fields.is_empty() {
                body["custom_fields"] = json!(fields);
            }
            subscription(json(
                line.ask(ask(Method::POST, all.clone()), Some(&body))
                    .await?,
            )?)?
        } else {
            let (id, status) = subscription(json(found)?)?;
            if matches!(status.as_str(), "inactive" | "invalid") {
                return Ok(Done::LeftAlone);
            }
            if !fields.is_empty() {
                let url = format!("{all}/{}", segment(&id));
                let body = json!({ "custom_fields": fields });
                json(line.ask(ask(Method::PUT, url), Some(&body)).await?)?;
            }
            (id, status)
        };
        if status == "inactive" {
            return Ok(Done::LeftAlone);
        }
        if !self.tags.is_empty() {
            let url = format!("{all}/{}/tags", segment(&id));
            let body = json!({ "tags": self.tags });
            judged(line.ask(ask(Method::POST, url), Some(&body)).await?)?;
        }
        Ok(Done::Delivered)
    }
}

/// ID and status of the subscription in an answer.
fn subscription(answer: Value) -> Result<(String, String), Failure> {
    let text = |name: &str| answer.pointer(&format!("/data/{name}"))?.as_str();
    match text("id") {
        Some(id) => Ok((id.to_owned(), text("status").unwrap_or_default().to_owned())),
        None => Err(Failure::passing("answered without a subscription")),
    }
}
