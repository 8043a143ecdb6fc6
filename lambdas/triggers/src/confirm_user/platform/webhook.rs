//! Any other platform: a signed POST to a URL of the project's choice.
//!
//! The header `X-Saasauth-Signature: t=<seconds>,v1=<hex>` carries the time of sending and the HMAC-SHA256
//! of `<t>.<body>` under the shared secret. A receiver computes it over the bytes it got, compares in
//! constant time, and refuses what is older than a few minutes. Any status of 2xx is a receipt. Deliveries
//! can come more than once, with the same `id`; 409 says it is known.

use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use http::Method;
use saasauth_contract::delivery::WEBHOOK;
use saasauth_contract::marketing::{Secret, Webhook};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Line, Tell, hex, impossible, judged, request};
use crate::confirm_user::delivery::{Done, Failure, Person};

impl Tell for Webhook {
    const NAME: &'static str = WEBHOOK;

    fn secret(&self) -> &Secret {
        &self.secret
    }

    async fn tell(&self, line: &Line<'_>, key: &str, person: &Person) -> Result<Done, Failure> {
        let body = event(person).to_string();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        let request = request(Method::POST, self.url.clone())
            .header("content-type", "application/json")
            .header(
                "x-saasauth-signature",
                format!("t={now},v1={}", signature(key, now, &body)),
            )
            .body(body.into_bytes())
            .map_err(|_| impossible())?;
        let answer = line.send(request).await?;
        if answer.status != 409 {
            judged(answer)?;
        }
        Ok(Done::Delivered)
    }
}

/// What the receiver is told.
fn event(person: &Person) -> Value {
    json!({
        "id": format!("user.confirmed:{}", person.sub),
        "type": "user.confirmed",
        "created_at": person.created_at,
        "user": {
            "sub": person.sub,
            "email": person.email,
            "email_verified": person.email_verified,
            "role": person.role,
            "attributes": person.attributes,
        },
    })
}

fn signature(secret: &str, at: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    mac.update(format!("{at}.{body}").as_bytes());
    hex(&mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_openssl_makes() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            signature("key", 1_700_000_000, r#"{"a":1}"#),
            "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
        );
    }
}
