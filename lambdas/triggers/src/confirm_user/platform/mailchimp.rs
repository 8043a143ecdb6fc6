//! Mailchimp: a member of an audience.
//!
//! `PUT /lists/{list}/members/{hash}` adds or updates; `status_if_new` speaks of new members only, so who
//! has unsubscribed stays so. Tags are added beside it, since an update ignores them.
//!
//! API: <https://mailchimp.com/developer/marketing/api/list-members/add-or-update-list-member/> and
//! <https://mailchimp.com/developer/marketing/api/list-member-tags/add-or-remove-member-tags/>.

use http::Method;
use md5::{Digest, Md5};
use saasauth_contract::delivery::MAILCHIMP;
use saasauth_contract::marketing::{Mailchimp, Secret};
use serde_json::{Map, Value, json};

use super::{Line, Tell, address, base, hex, judged, request, segment};
use crate::confirm_user::delivery::{Done, Failure, Person};

/// How Mailchimp refuses people who left, were removed for good, or never confirmed.
const LEFT: [&str; 2] = [
    "Member In Compliance State",
    "Forgotten Email Not Subscribed",
];

impl Tell for Mailchimp {
    const NAME: &'static str = MAILCHIMP;

    fn secret(&self) -> &Secret {
        &self.api_key
    }

    async fn tell(&self, line: &Line<'_>, key: &str, person: &Person) -> Result<Done, Failure> {
        let email = address(person)?;
        // A key ends with the data centre it belongs to: `…-us6`.
        let centre = key.rsplit_once('-').map(|(_, centre)| centre);
        let centre = centre
            .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric()));
        let usual = match (centre, &self.endpoint) {
            (Some(centre), _) => format!("https://{centre}.api.mailchimp.com"),
            (None, Some(_)) => String::new(),
            (None, None) => return Err(Failure::not_yet("the key names no data centre")),
        };
        let base = base(&self.endpoint, &usual);
        let hash = hex(&Md5::digest(email.to_lowercase()));
        let member = format!("{base}/3.0/lists/{}/members/{hash}", segment(&self.list));
        let login = aws_smithy_types::base64::encode(format!("saasauth:{key}"));
        let ask =
            |method, url| request(method, url).header("authorization", format!("Basic {login}"));

        let status = if self.double_opt_in == Some(true) {
            "pending"
        } else {
            "subscribed"
        };
        let mut body = json!({ "email_address": email, "status_if_new": status });
        let fields: Map<_, _> = person
            .fields(&self.fields)
            .map(|(field, value)| (field.to_owned(), json!(value)))
            .collect();
        if !fields.is_empty() {
            body["merge_fields"] = Value::Object(fields);
        }
        // Fields an audience requires may be ones the user was never asked for.
        let url = format!("{member}?skip_merge_validation=true");
        let answer = line.ask(ask(Method::PUT, url), Some(&body)).await?;
        let told = answer.json().unwrap_or_default();
        match (answer.status, told.get("title").and_then(Value::as_str)) {
            (400, Some(title)) if LEFT.contains(&title) => return Ok(Done::LeftAlone),
            // Its front turns a flood away with a bare 403; the API itself says why.
            (403, None) => return Err(Failure::passing("answered 403")),
            _ => {}
        }
        let member_now = super::json(answer)?;
        let status = member_now.get("status").and_then(Value::as_str);
        if matches!(status, Some("unsubscribed" | "cleaned" | "archived")) {
            return Ok(Done::LeftAlone);
        }
        if !self.tags.is_empty() {
            let tags: Vec<_> = self
                .tags
                .iter()
                .map(|name| json!({ "name": name, "status": "active" }))
                .collect();
            let ask = ask(Method::POST, format!("{member}/tags"));
            judged(line.ask(ask, Some(&json!({ "tags": tags }))).await?)?;
        }
        Ok(Done::Delivered)
    }
}
