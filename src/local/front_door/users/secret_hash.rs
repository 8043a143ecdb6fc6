//! The proof that a call comes from an app client that has a secret. Pure.
//!
//! The developer guide, "Computing secret hash values": Base64 of HMAC-SHA256, keyed with the client's
//! secret, over the username as sent and the client's ID.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::facts::Client;
use super::{Refused, refuse};

/// Which calls have to carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// A call that begins something: a client without a secret must not send one.
    Start,
    /// An answer to a challenge or a refresh: one too many is overlooked.
    Continuation,
}

/// Refuses a call without the hash over one of `names`, the spellings of the user it may be made of.
pub(super) fn check(client: &Client, at: At, hash: Option<&str>, names: &[&str]) -> Refused {
    let id = &client.id;
    let Some(secret) = client.secret() else {
        if hash.is_some() && at == At::Start {
            let message =
                format!("Client {id} is not configured for secret but secret hash was received");
            return refuse("NotAuthorizedException", &message);
        }
        return Ok(());
    };
    let Some(hash) = hash.filter(|hash| !hash.is_empty()) else {
        let message =
            format!("Client {id} is configured with secret but SECRET_HASH was not received");
        return refuse("NotAuthorizedException", &message);
    };
    if names.iter().any(|name| is_right(secret, name, id, hash)) {
        return Ok(());
    }
    let message = format!("SecretHash does not match for the client: {id}");
    refuse("NotAuthorizedException", &message)
}

fn is_right(secret: &str, name: &str, client_id: &str, hash: &str) -> bool {
    let Ok(given) = BASE64_STANDARD.decode(hash) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.update(name.as_bytes());
    mac.update(client_id.as_bytes());
    mac.verify_slice(&given).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_client_with_a_secret_proves_it() {
        let client = Client::new("client", json!({ "ClientSecret": "secret" }));
        // hmac.new(b"secret", b"adaclient", "sha256"), by Python.
        let right = "FEW6rzXVdy2RLJp0KqkU9A6/pxQBq5FgsxTWe/Ot+CI=";
        let check = |hash, name: &str| check(&client, At::Start, hash, &[name]);
        assert!(check(None, "ada").is_err());
        assert!(check(Some(""), "ada").is_err());
        assert!(check(Some("AAAA"), "ada").is_err());
        assert!(check(Some(right), "bob").is_err());
        assert!(check(Some(right), "ada").is_ok());
    }

    #[test]
    fn a_client_without_one_must_not() {
        let client = Client::new("client", json!({}));
        assert!(check(&client, At::Start, Some("AAAA"), &["ada"]).is_err());
        assert!(check(&client, At::Start, None, &["ada"]).is_ok());
        assert!(check(&client, At::Continuation, Some("AAAA"), &["ada"]).is_ok());
    }
}
