//! The checks, in one place and in order.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use crate::claims::{Claims, TokenUse};
use crate::keys::{Keys, NoKey};

/// Verifies the tokens of one issuer. Clones are cheap and share the keys.
#[derive(Clone)]
pub struct Verifier(Arc<Inner>);

struct Inner {
    /// One; two for a pool of Cognito, whose tokens may name it in two ways.
    issuers: Vec<Issuer>,
    kind: TokenKind,
    clients: Clients,
    /// Any of them; none where nothing was said.
    groups: Vec<String>,
    /// All of them.
    scopes: Vec<String>,
    checks: Vec<Check>,
    validation: Validation,
}

/// A check of the project's own.
#[derive(Clone)]
struct Check(Arc<dyn CheckFn>);

trait CheckFn: Fn(&Claims) -> Result<(), String> + Send + Sync {}

impl<F: Fn(&Claims) -> Result<(), String> + Send + Sync> CheckFn for F {}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Check")
    }
}

/// Who makes the tokens.
struct Issuer {
    /// What `iss` is then.
    name: String,
    keys: Keys,
    /// Whether the project named it. The other name of its pool, a pool need not go by.
    configured: bool,
}

impl Issuer {
    fn without_key(&self, none: NoKey) -> VerifyError {
        match none {
            NoKey::Unknown => VerifyError::UnknownKey,
            // Or else anybody could have us say that we are out of order.
            NoKey::Absent(_) if !self.configured => VerifyError::UnknownKey,
            NoKey::Absent(reason) | NoKey::Unavailable(reason) => {
                VerifyError::KeysUnavailable(reason)
            }
        }
    }
}

/// `iss` alone, of claims that nobody has verified yet.
#[derive(Deserialize)]
struct Unverified {
    iss: Option<Value>,
}

/// A token larger than this is none of Cognito's: 10 KB of headers is what API Gateway takes.
const LARGEST_TOKEN: usize = 16 * 1024;

/// Clocks that differ by more are wrong.
const LARGEST_LEEWAY: u64 = 300;

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

/// Why a token was not accepted. The messages say nothing about the token's content, but for what a
/// [`check`](Builder::check) of the project's says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Longer than 16 KB; nothing of it was read.
    #[error("the token is too long")]
    TooLong,
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
    /// The user is in none of the groups wanted.
    #[error("the token's user is in none of the groups wanted")]
    Groups,
    /// It lacks one of these OAuth scopes, which are separated by spaces.
    #[error("the token lacks a scope of: {0}")]
    Scopes(Arc<str>),
    /// A [`check`](Builder::check) of the project's refused it, for this reason.
    #[error("the token was refused: {0}")]
    Check(Arc<str>),
}

/// Why there is no verifier.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Neither `client_id` nor `any_client` was said.
    #[error("no client is named: a token of any client of the pool would be accepted")]
    NoClient,
    /// `groups` was said, and names none.
    #[error("no group is named: nobody could be in any of them")]
    NoGroup,
    /// `scopes` was said, and names none.
    #[error("no scope is named: every token has all of them")]
    NoScope,
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
    /// A host of Cognito's, and no user pool of its region.
    #[error(
        "the issuer is not a user pool: https://cognito-idp.REGION.amazonaws.com/REGION_ID is one"
    )]
    NotAPool,
    /// More than 300 seconds. That is no longer a difference of clocks, but a longer life for tokens.
    #[error("a leeway of more than {LARGEST_LEEWAY} seconds keeps expired tokens alive")]
    Leeway,
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
    groups: Option<Vec<String>>,
    scopes: Option<Vec<String>>,
    checks: Vec<Check>,
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

    /// Accepts tokens of users who are in any of these groups of the pool (`cognito:groups`); said again, in any
    /// of those as well.
    pub fn groups(mut self, groups: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let named = self.groups.get_or_insert_default();
        named.extend(groups.into_iter().map(Into::into));
        self
    }

    /// Accepts tokens that were granted all of these OAuth scopes; said again, those as well. An ID token has
    /// none.
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let named = self.scopes.get_or_insert_default();
        named.extend(scopes.into_iter().map(Into::into));
        self
    }

    /// Accepts tokens that this lets pass, after everything else about them was found right. The reason it
    /// gives is told to the caller. May be said more than once: each must let the token pass.
    pub fn check(
        mut self,
        check: impl Fn(&Claims) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.checks.push(Check(Arc::new(check)));
        self
    }

    /// By how many seconds this clock and the issuer's may differ: 300 at most. Default: 0.
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
        // A list that is empty, as one read from the environment may be, must not say the contrary of what it
        // was meant to.
        if self.groups.as_ref().is_some_and(Vec::is_empty) {
            return Err(BuildError::NoGroup);
        }
        if self.scopes.as_ref().is_some_and(Vec::is_empty) {
            return Err(BuildError::NoScope);
        }
        if self.leeway > LARGEST_LEEWAY {
            return Err(BuildError::Leeway);
        }
        let issuer = self.issuer.trim_end_matches('/').to_owned();
        let names = match cognito(&trustworthy("issuer", &issuer)?) {
            None => vec![issuer],
            Some(host) => host.names(&issuer).ok_or(BuildError::NotAPool)?,
        };
        // The only algorithm: a token must not choose how it is checked (RFC 8725, section 3.1).
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_required_spec_claims(&["exp", "iss"]);
        validation.set_issuer(&names);
        validation.leeway = self.leeway;
        validation.validate_nbf = true;
        // An access token has no `aud`; the client is checked below for both kinds.
        validation.validate_aud = false;
        let shared = self.jwks_uri.map(keys).transpose()?;
        let issuers = names
            .into_iter()
            .enumerate()
            .map(|(position, name)| {
                let keys = match &shared {
                    Some(keys) => keys.clone(),
                    // Each has its own, as aws-jwt-verify does: Cognito answers 403 for the name that a
                    // pool doesn't go by.
                    None => keys(format!("{name}/.well-known/jwks.json"))?,
                };
                Ok(Issuer {
                    name,
                    keys,
                    configured: position == 0,
                })
            })
            .collect::<Result<_, BuildError>>()?;
        Ok(Verifier(Arc::new(Inner {
            issuers,
            kind: self.kind,
            clients,
            groups: self.groups.unwrap_or_default(),
            scopes: self.scopes.unwrap_or_default(),
            checks: self.checks,
            validation,
        })))
    }
}

/// The keys at an address.
fn keys(uri: String) -> Result<Keys, BuildError> {
    let url = trustworthy("address of the keys", &uri)?;
    // A redirect would let whoever answers name the host that is trusted.
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    // A proxy that the environment names can't reach this machine's loopback, where a local cloud is.
    let http = match is_local(&url) {
        true => http.no_proxy(),
        false => http,
    };
    Ok(Keys::new(http.build()?, uri))
}

/// A host that makes tokens for the user pools of a region.
struct CognitoHost {
    region: String,
    /// The domain of the partition: `amazonaws.com`, in China `amazonaws.com.cn`.
    domain: &'static str,
}

/// The host of an issuer, if it is Cognito's.
fn cognito(issuer: &reqwest::Url) -> Option<CognitoHost> {
    let host = issuer.host_str()?;
    let name = host
        .strip_prefix("issuer-cognito-idp.")
        .or_else(|| host.strip_prefix("cognito-idp."))?;
    ["amazonaws.com", "amazonaws.com.cn"]
        .into_iter()
        .find_map(|domain| {
            let region = name.strip_suffix(domain)?.strip_suffix('.')?;
            let is_region = !region.is_empty() && !region.contains('.');
            is_region.then(|| CognitoHost {
                region: region.to_owned(),
                domain,
            })
        })
}

impl CognitoHost {
    /// What tokens of this user pool have in `iss`, the name that was given first; none if it is no user pool
    /// of this region.
    ///
    /// A pool's IssuerConfiguration says which of two it is, and may change:
    /// <https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_IssuerConfigurationType.html>.
    /// For China no second one is documented.
    fn names(&self, issuer: &str) -> Option<Vec<String>> {
        let Self { region, domain } = self;
        let (_, pool) = issuer.rsplit_once('/')?;
        let id = pool.strip_prefix(region.as_str())?.strip_prefix('_')?;
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let original = format!("https://cognito-idp.{region}.{domain}/{pool}");
        let updated = format!("https://issuer-cognito-idp.{region}.{domain}/{pool}");
        match *domain {
            "amazonaws.com" if issuer == original => Some(vec![original, updated]),
            "amazonaws.com" if issuer == updated => Some(vec![updated, original]),
            _ if issuer == original => Some(vec![original]),
            _ => None,
        }
    }
}

/// Whether a token is valid at this moment, to the fraction of a second: jsonwebtoken counts whole ones, and lets
/// the one of `exp` pass, on which a token must not be accepted any more (RFC 7519, section 4.1.4).
fn timely(claims: &Claims, now: f64, leeway: f64) -> Result<(), VerifyError> {
    if claims.exp as f64 + leeway <= now {
        return Err(VerifyError::Expired);
    }
    match claims.raw.get("nbf").map(Value::as_f64) {
        None => Ok(()),
        Some(None) => Err(VerifyError::Malformed),
        Some(Some(nbf)) if nbf - leeway > now => Err(VerifyError::NotYetValid),
        Some(Some(_)) => Ok(()),
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
            groups: None,
            scopes: None,
            checks: Vec::new(),
        }
    }

    /// Where the keys come from.
    pub fn jwks_uri(&self) -> &str {
        self.0.issuers[0].keys.uri()
    }

    /// The claims of a token, if everything about it is right.
    ///
    /// Must run inside a tokio runtime, since a missing key is fetched.
    pub async fn verify(&self, token: &str) -> Result<Claims, VerifyError> {
        let inner = &self.0;
        if token.len() > LARGEST_TOKEN {
            return Err(VerifyError::TooLong);
        }
        let header = decode_header(token).map_err(|_| VerifyError::Malformed)?;
        if header.alg != Algorithm::RS256 {
            return Err(VerifyError::Algorithm);
        }
        // An extension that must be understood (RFC 7515, section 4.1.11); we understand none.
        if header.crit.is_some() {
            return Err(VerifyError::Malformed);
        }
        let kid = header.kid.ok_or(VerifyError::Malformed)?;
        // Whose keys to take. The name is one of ours or the token ends here, so it leads nowhere else.
        let issuer = inner.issuer(token)?;
        let key = issuer
            .keys
            .get(&kid)
            .await
            .map_err(|none| issuer.without_key(none))?;
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
        // One text. A list that has the issuer among others is somebody else's token.
        if claims.raw.get("iss").and_then(Value::as_str) != Some(issuer.name.as_str()) {
            return Err(VerifyError::Issuer);
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(f64::INFINITY, |time| time.as_secs_f64());
        timely(&claims, now, inner.validation.leeway as f64)?;
        if !inner.kind.takes(claims.token_use) {
            return Err(VerifyError::TokenUse);
        }
        match &inner.clients {
            Clients::These(ids) if !ids.contains(&claims.client_id) => {
                return Err(VerifyError::Client);
            }
            _ => {}
        }
        inner.wanted(&claims)?;
        Ok(claims)
    }
}

impl Inner {
    /// What the project asks for beyond what makes a token good.
    fn wanted(&self, claims: &Claims) -> Result<(), VerifyError> {
        let is_in = |group: &String| claims.in_group(group);
        if !self.groups.is_empty() && !self.groups.iter().any(is_in) {
            return Err(VerifyError::Groups);
        }
        if !self.scopes.iter().all(|scope| claims.has_scope(scope)) {
            return Err(VerifyError::Scopes(self.scopes.join(" ").into()));
        }
        self.checks.iter().try_for_each(|Check(check)| {
            check(claims).map_err(|reason| VerifyError::Check(reason.into()))
        })
    }

    /// The issuer that a token names, which says nothing yet about who made it.
    fn issuer(&self, token: &str) -> Result<&Issuer, VerifyError> {
        let unverified: Unverified =
            insecure_decode_claims(token).map_err(|_| VerifyError::Malformed)?;
        let iss = unverified.iss.ok_or(VerifyError::Malformed)?;
        self.issuers
            .iter()
            .find(|issuer| iss == issuer.name)
            .ok_or(VerifyError::Issuer)
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("issuer", &self.0.issuers[0].name)
            .field("jwks_uri", &self.jwks_uri())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
    fn a_pool_has_two_names_and_the_keys_of_each() {
        let names = |issuer: &str| -> Vec<String> {
            let built = build(issuer, None).expect(issuer);
            let issuers = built.0.issuers.iter();
            issuers
                .inspect(|issuer| {
                    let keys = format!("{}/.well-known/jwks.json", issuer.name);
                    assert_eq!(issuer.keys.uri(), keys);
                })
                .map(|issuer| issuer.name.clone())
                .collect()
        };
        let original = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc123";
        let updated = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc123";
        assert_eq!(names(original), [original, updated]);
        assert_eq!(names(updated), [updated, original]);
        let china = "https://cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_A";
        assert_eq!(names(china), [china]);
        let gov = "https://cognito-idp.us-gov-west-1.amazonaws.com/us-gov-west-1_A";
        assert_eq!(names(gov)[0], gov);
        let another = "https://id.example/eu-west-1_A";
        assert_eq!(names(another), [another]);

        // Where the keys are said to be elsewhere, both are.
        let keys = "http://127.0.0.1:4566/keys";
        let built = build(original, Some(keys)).expect("it builds");
        let uris: Vec<_> = built.0.issuers.iter().map(|one| one.keys.uri()).collect();
        assert_eq!(uris, [keys, keys]);
    }

    #[test]
    fn a_name_that_a_pool_does_not_go_by_is_no_outage() {
        let original = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abc";
        let built = build(original, None).expect("it builds");
        let [configured, other] = &built.0.issuers[..] else {
            panic!("a pool has two names");
        };
        let absent = || NoKey::Absent("the answer is 403".into());
        let down = || NoKey::Unavailable("the answer is 500".into());
        assert!(matches!(
            configured.without_key(absent()),
            VerifyError::KeysUnavailable(_)
        ));
        assert_eq!(other.without_key(absent()), VerifyError::UnknownKey);
        for issuer in [configured, other] {
            assert!(matches!(
                issuer.without_key(down()),
                VerifyError::KeysUnavailable(_)
            ));
        }
    }

    #[test]
    fn an_issuer_at_cognito_is_a_pool_of_its_region() {
        let at = "https://cognito-idp.eu-west-1.amazonaws.com";
        for pool in [
            "",
            "pool",
            "eu-west-1",
            "eu-west-1_",
            "eu-west-2_Abc",
            "eu-west-1_A-b",
            "eu-west-1_A b",
            "eu-west-1_A/eu-west-1_B",
            "eu-west-1_A?b",
            "eu-west-1_A#b",
            "EU-WEST-1_A",
            "eu-west-1_%41",
            "eu-west-1_é",
        ] {
            let built = build(&format!("{at}/{pool}"), None).map(drop);
            assert!(
                matches!(built, Err(BuildError::NotAPool)),
                "{pool}: {built:?}"
            );
        }
        for issuer in [
            "https://cognito-idp.eu-west-1.amazonaws.com:8443/eu-west-1_A",
            "https://COGNITO-IDP.eu-west-1.amazonaws.com/eu-west-1_A",
            "https://issuer-cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_A",
            "https://cognito-idp.cn-north-1.amazonaws.com.cn/eu-west-1_A",
        ] {
            let built = build(issuer, None).map(drop);
            assert!(
                matches!(built, Err(BuildError::NotAPool)),
                "{issuer}: {built:?}"
            );
        }
    }

    #[test]
    fn leeway_is_for_clocks() {
        let with = |leeway| {
            Verifier::builder("https://issuer")
                .any_client()
                .leeway(leeway)
                .build()
        };
        with(300).expect("clocks differ");
        for leeway in [301, 3600, u64::MAX] {
            assert!(matches!(with(leeway), Err(BuildError::Leeway)), "{leeway}");
        }
    }

    #[test]
    fn a_token_ends_with_the_second_it_names() {
        let claims = |changes: Value| {
            let mut claims = json!({ "sub": "s", "client_id": "c", "token_use": "access" });
            let members = claims.as_object_mut().expect("it is an object");
            members.extend(changes.as_object().expect("it is an object").clone());
            serde_json::from_value::<Claims>(claims).expect("these are claims")
        };
        let until = claims(json!({ "exp": 1000 }));
        for (now, leeway, expected) in [
            (999.9, 0.0, Ok(())),
            (1000.0, 0.0, Err(VerifyError::Expired)),
            (1000.4, 0.0, Err(VerifyError::Expired)),
            (1029.9, 30.0, Ok(())),
            (1030.0, 30.0, Err(VerifyError::Expired)),
        ] {
            assert_eq!(timely(&until, now, leeway), expected, "{now}");
        }
        let from = claims(json!({ "exp": 2000, "nbf": 1000.4 }));
        for (now, leeway, expected) in [
            (1000.0, 0.0, Err(VerifyError::NotYetValid)),
            (1000.4, 0.0, Ok(())),
            (970.0, 30.0, Err(VerifyError::NotYetValid)),
            (971.0, 30.0, Ok(())),
        ] {
            assert_eq!(timely(&from, now, leeway), expected, "{now}");
        }
        let endless = claims(json!({ "exp": u64::MAX }));
        assert_eq!(timely(&endless, 1000.0, 0.0), Ok(()));
        let odd = claims(json!({ "exp": 2000, "nbf": "1" }));
        assert_eq!(timely(&odd, 1000.0, 0.0), Err(VerifyError::Malformed));
    }

    #[test]
    fn an_empty_list_is_no_wish() {
        let builder = || Verifier::builder("https://issuer").any_client();
        let none = || Vec::<String>::new();
        assert!(matches!(
            builder().groups(none()).build(),
            Err(BuildError::NoGroup)
        ));
        assert!(matches!(
            builder().scopes(none()).build(),
            Err(BuildError::NoScope)
        ));
        let named = builder().groups(none()).groups(["a"]).scopes(["s"]).build();
        named.expect("both are named");
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
