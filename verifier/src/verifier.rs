//! The checks, in one place and in order.

use std::collections::HashSet;
use std::sync::Arc;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};

use crate::claims::{Claims, TokenUse};
use crate::keys::{Keys, NoKey};

/// Verifies the tokens of one issuer. Clones are cheap and share the keys.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    keys: Keys,
    kind: TokenKind,
    clients: Clients,
    validation: Validation,
}

enum Clients {
    Any,
    These(HashSet<String>),
}

/// Which tokens an API takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenKind {
    /// Access tokens, which are made for this.
    #[default]
    Access,
    /// ID tokens.
    Id,
    /// Both.
    Either,
}

impl TokenKind {
    fn takes(self, token: TokenUse) -> bool {
        match self {
            Self::Access => token == TokenUse::Access,
            Self::Id => token == TokenUse::Id,
            Self::Either => true,
        }
    }
}

/// Why a token was not accepted. The messages say nothing about the token's content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Not a signed token of ours in shape.
    #[error("the token is malformed")]
    Malformed,
    /// Signed in another way than RS256, or not at all.
    #[error("the token is not signed with RS256")]
    Algorithm,
    /// The issuer has no key of the name the token gives.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// The issuer's keys could not be fetched. Not the token's fault.
    #[error("the issuer's keys could not be fetched: {0}")]
    KeysUnavailable(Arc<str>),
    /// Altered, or signed by somebody else.
    #[error("the token's signature does not match")]
    Signature,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is still to come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is somebody else.
    #[error("the token is from another issuer")]
    Issuer,
    /// An ID token where an access token is wanted, or the reverse.
    #[error("the token is of another kind")]
    TokenUse,
    /// Made for another client.
    #[error("the token is for another client")]
    Client,
}

/// Why there is no verifier.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Neither `client_id` nor `any_client` was said.
    #[error("no client is named: a token of any client of the pool would be accepted")]
    NoClient,
    /// TLS could not be set up.
    #[error("the HTTP client could not be made")]
    Http(#[from] reqwest::Error),
}

/// Settings of a [`Verifier`].
#[derive(Debug, Clone)]
pub struct Builder {
    issuer: String,
    jwks_uri: Option<String>,
    clients: HashSet<String>,
    any_client: bool,
    kind: TokenKind,
    leeway: u64,
}

impl Builder {
    /// Where the keys are. Default: `{issuer}/.well-known/jwks.json`.
    pub fn jwks_uri(mut self, uri: impl Into<String>) -> Self {
        self.jwks_uri = Some(uri.into());
        self
    }

    /// Accepts tokens made for this app client; may be said more than once.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.clients.insert(id.into());
        self
    }

    /// Accepts tokens made for these app clients.
    pub fn client_ids(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.clients.extend(ids.into_iter().map(Into::into));
        self
    }

    /// Accepts tokens made for any app client of the pool.
    pub fn any_client(mut self) -> Self {
        self.any_client = true;
        self
    }

    /// Which kind of token to accept. Default: access tokens.
    pub fn token_use(mut self, kind: TokenKind) -> Self {
        self.kind = kind;
        self
    }

    /// By how many seconds this clock and the issuer's may differ. Default: 0.
    pub fn leeway(mut self, seconds: u64) -> Self {
        self.leeway = seconds;
        self
    }

    /// The verifier. Nothing is fetched yet.
    pub fn build(self) -> Result<Verifier, BuildError> {
        let clients = match (self.any_client, self.clients.is_empty()) {
            (true, _) => Clients::Any,
            (false, false) => Clients::These(self.clients),
            (false, true) => return Err(BuildError::NoClient),
        };
        let issuer = self.issuer.trim_end_matches('/').to_owned();
        let uri = self
            .jwks_uri
            .unwrap_or_else(|| format!("{issuer}/.well-known/jwks.json"));
        // The only algorithm: a token must not choose how it is checked (RFC 8725, section 3.1).
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_required_spec_claims(&["exp", "iss"]);
        validation.set_issuer(&[issuer]);
        validation.leeway = self.leeway;
        validation.validate_nbf = true;
        // An access token has no `aud`; the client is checked below for both kinds.
        validation.validate_aud = false;
        let http = reqwest::Client::builder();
        // A proxy that the environment names can't reach this machine's loopback, where a local cloud is.
        let http = match is_local(&uri) {
            true => http.no_proxy(),
            false => http,
        };
        let http = http.build()?;
        Ok(Verifier(Arc::new(Inner {
            keys: Keys::new(http, uri),
            kind: self.kind,
            clients,
            validation,
        })))
    }
}

/// Whether a URL leads to this machine.
fn is_local(uri: &str) -> bool {
    let url = reqwest::Url::parse(uri).ok();
    let host = url
        .as_ref()
        .and_then(reqwest::Url::host_str)
        .unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    match address.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

impl Verifier {
    /// A verifier for the tokens of `issuer`, the address in their `iss`.
    pub fn builder(issuer: impl Into<String>) -> Builder {
        Builder {
            issuer: issuer.into(),
            jwks_uri: None,
            clients: HashSet::new(),
            any_client: false,
            kind: TokenKind::default(),
            leeway: 0,
        }
    }

    /// Where the keys come from.
    pub fn jwks_uri(&self) -> &str {
        self.0.keys.uri()
    }

    /// The claims of a token, if everything about it is right.
    ///
    /// Must run inside a tokio runtime, since a missing key is fetched.
    pub async fn verify(&self, token: &str) -> Result<Claims, VerifyError> {
        let inner = &self.0;
        let header = decode_header(token).map_err(|_| VerifyError::Malformed)?;
        if header.alg != Algorithm::RS256 {
            return Err(VerifyError::Algorithm);
        }
        // An extension that must be understood (RFC 7515, section 4.1.11); we understand none.
        if header.crit.is_some() {
            return Err(VerifyError::Malformed);
        }
        let kid = header.kid.ok_or(VerifyError::Malformed)?;
        let key = inner.keys.get(&kid).await.map_err(|error| match error {
            NoKey::Unknown => VerifyError::UnknownKey,
            NoKey::Unavailable(reason) => VerifyError::KeysUnavailable(reason),
        })?;
        let claims = decode::<Claims>(token, &key, &inner.validation)
            .map_err(|error| match error.kind() {
                ErrorKind::InvalidSignature => VerifyError::Signature,
                ErrorKind::ExpiredSignature => VerifyError::Expired,
                ErrorKind::ImmatureSignature => VerifyError::NotYetValid,
                ErrorKind::InvalidIssuer => VerifyError::Issuer,
                ErrorKind::InvalidAlgorithm => VerifyError::Algorithm,
                _ => VerifyError::Malformed,
            })?
            .claims;
        if !inner.kind.takes(claims.token_use) {
            return Err(VerifyError::TokenUse);
        }
        match &inner.clients {
            Clients::These(ids) if !ids.contains(&claims.client_id) => Err(VerifyError::Client),
            _ => Ok(claims),
        }
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("issuer", &self.0.validation.iss)
            .field("jwks_uri", &self.jwks_uri())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_told_from_others() {
        for here in [
            "http://127.0.0.1:4566/p",
            "http://localhost:1",
            "http://[::1]:2/",
            "http://a.localhost",
        ] {
            assert!(is_local(here), "{here}");
        }
        for elsewhere in [
            "https://cognito-idp.eu-west-1.amazonaws.com/p",
            "http://localhost.example.com",
            "no URL",
        ] {
            assert!(!is_local(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn a_verifier_needs_a_client() {
        let error = Verifier::builder("https://issuer")
            .build()
            .expect_err("no client is named");
        assert!(matches!(error, BuildError::NoClient));
        assert!(
            Verifier::builder("https://issuer")
                .any_client()
                .build()
                .is_ok()
        );
    }

    #[test]
    fn the_keys_are_where_cognito_puts_them_unless_said() {
        let default = Verifier::builder("https://issuer/pool/")
            .any_client()
            .build()
            .expect("it builds");
        assert_eq!(
            default.jwks_uri(),
            "https://issuer/pool/.well-known/jwks.json"
        );
        let given = Verifier::builder("https://issuer")
            .any_client()
            .jwks_uri("http://keys")
            .build();
        assert_eq!(given.expect("it builds").jwks_uri(), "http://keys");
    }
}
