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
    /// The issuer or the address of the keys is no URL.
    #[error("the {0} is not a URL")]
    NotAUrl(&'static str),
    /// The issuer or the address of the keys could be answered by anybody on the way.
    #[error(
        "the {0} is not https: only a loopback host (127.0.0.0/8, ::1, localhost) does without"
    )]
    NotHttps(&'static str),
    /// `http://localhost:x@evil.example` is a URL of `evil.example`, whatever it looks like.
    #[error("the {0} has user info, which hides the host it leads to")]
    UserInfo(&'static str),
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
        trustworthy("issuer", &issuer)?;
        let keys_url = trustworthy("address of the keys", &uri)?;
        // The only algorithm: a token must not choose how it is checked (RFC 8725, section 3.1).
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_required_spec_claims(&["exp", "iss"]);
        validation.set_issuer(&[issuer]);
        validation.leeway = self.leeway;
        validation.validate_nbf = true;
        // An access token has no `aud`; the client is checked below for both kinds.
        validation.validate_aud = false;
        // A redirect would let whoever answers name the host that is trusted.
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
        // A proxy that the environment names can't reach this machine's loopback, where a local cloud is.
        let http = match is_local(&keys_url) {
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

/// The URL, if what it answers can be believed: over TLS, or from this machine.
fn trustworthy(what: &'static str, text: &str) -> Result<reqwest::Url, BuildError> {
    let url = reqwest::Url::parse(text).map_err(|_| BuildError::NotAUrl(what))?;
    // The parser drops user info that is empty, so the text is asked as well.
    let authority = text.split_once("//").map_or("", |(_, rest)| {
        rest.split(['/', '\\', '?', '#']).next().unwrap_or_default()
    });
    if !url.username().is_empty() || url.password().is_some() || authority.contains('@') {
        return Err(BuildError::UserInfo(what));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_local(&url) => Ok(url),
        _ => Err(BuildError::NotHttps(what)),
    }
}

/// Whether a URL leads to this machine.
fn is_local(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
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

    fn build(issuer: &str, keys: Option<&str>) -> Result<Verifier, BuildError> {
        let builder = Verifier::builder(issuer).any_client();
        match keys {
            Some(keys) => builder.jwks_uri(keys).build(),
            None => builder.build(),
        }
    }

    #[test]
    fn without_tls_this_machine_alone_is_believed() {
        for here in [
            "http://127.0.0.1:4566/p",
            "http://127.9.9.9/p",
            "http://localhost:1",
            "http://LOCALHOST:1",
            "http://[::1]:2/",
            "http://a.localhost",
            "https://keys.example",
        ] {
            build(here, None).expect(here);
            build("https://issuer.example", Some(here)).expect(here);
        }
        for elsewhere in [
            "http://keys.example",
            "http://localhost.example.com",
            "http://notlocalhost",
            "http://128.0.0.1",
            "http://0.0.0.0",
            "http://[::2]",
            "ftp://localhost",
            "file:///etc/keys.json",
        ] {
            let as_issuer = build(elsewhere, None).map(drop);
            assert!(
                matches!(as_issuer, Err(BuildError::NotHttps("issuer"))),
                "{elsewhere}: {as_issuer:?}"
            );
            let as_keys = build("https://issuer.example", Some(elsewhere)).map(drop);
            assert!(
                matches!(as_keys, Err(BuildError::NotHttps("address of the keys"))),
                "{elsewhere}: {as_keys:?}"
            );
        }
        for nothing in ["", "no URL", "//host/path"] {
            let built = build("https://issuer.example", Some(nothing)).map(drop);
            assert!(
                matches!(built, Err(BuildError::NotAUrl(_))),
                "{nothing}: {built:?}"
            );
        }
    }

    #[test]
    fn user_info_hides_a_host() {
        for hidden in [
            "http://localhost:x@evil.example",
            "https://cognito-idp.eu-west-1.amazonaws.com@evil.example/eu-west-1_A",
            "https://@evil.example",
            "https://:@evil.example",
            "http://user@localhost/",
        ] {
            let built = build(hidden, None).map(drop);
            assert!(
                matches!(built, Err(BuildError::UserInfo("issuer"))),
                "{hidden}: {built:?}"
            );
            let built = build("https://issuer.example", Some(hidden)).map(drop);
            assert!(
                matches!(built, Err(BuildError::UserInfo(_))),
                "{hidden}: {built:?}"
            );
        }
        build("https://issuer.example/a@b", None).expect("a path may hold one");
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
            .jwks_uri("https://keys")
            .build();
        assert_eq!(given.expect("it builds").jwks_uri(), "https://keys");
    }
}
