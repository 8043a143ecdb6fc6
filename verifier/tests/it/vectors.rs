//! Tokens, good and bad, and what aws-jwt-verify (AWS's own verifier, for Node.js) says of each: ours accepts none
//! that it refuses, and where ours alone refuses, the reason stands beside the token.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ::axum::http::StatusCode;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA384, RSA_PSS_SHA256,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use saasauth_verifier::{TokenKind, Verifier, VerifyError};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::issuer::{self, Issuer, encode};

const POOL: &str = "eu-west-1_Vectors1";
const ISS: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Vectors1";
const UPDATED_ISS: &str = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Vectors1";
const CLIENT: &str = "1example23456789";

/// A token, and what both verifiers are to say of it.
struct Vector {
    name: &'static str,
    token: String,
    wants: Wants,
    /// None: it accepts it.
    ours: Option<VerifyError>,
    /// Why ours refuses what aws-jwt-verify accepts.
    stricter: Option<&'static str>,
}

/// What a verifier is told to accept.
#[derive(Default, Clone, PartialEq)]
struct Wants {
    kind: TokenKind,
    groups: &'static [&'static str],
    scopes: &'static [&'static str],
}

impl Wants {
    fn verifier(&self, keys: &str) -> Verifier {
        let mut builder = Verifier::builder(ISS)
            .jwks_uri(keys)
            .client_id(CLIENT)
            .token_use(self.kind);
        if !self.groups.is_empty() {
            builder = builder.groups(self.groups.iter().copied());
        }
        if !self.scopes.is_empty() {
            builder = builder.scopes(self.scopes.iter().copied());
        }
        builder.build().expect("the settings are whole")
    }

    /// The same for a CognitoJwtVerifier.
    fn properties(&self) -> Value {
        let kind = match self.kind {
            TokenKind::Access => json!("access"),
            TokenKind::Id => json!("id"),
            TokenKind::Either => Value::Null,
        };
        let mut properties = json!({ "userPoolId": POOL, "clientId": CLIENT, "tokenUse": kind });
        if !self.groups.is_empty() {
            properties["groups"] = json!(self.groups);
        }
        if !self.scopes.is_empty() {
            properties["scope"] = json!(self.scopes);
        }
        properties
    }
}

/// The tokens as they are made.
struct Vectors {
    issuer: Issuer,
    stranger: Issuer,
    ec: EcdsaKeyPair,
    all: Vec<Vector>,
}

/// JSON's text for a claim, where `json!` can't write it.
struct Text(&'static str);

impl Vectors {
    async fn new() -> Self {
        let mut stranger = Issuer::start("k1").await;
        stranger.rotate("k1");
        Self {
            issuer: Issuer::start("k1").await,
            stranger,
            ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key pair"),
            all: Vec::new(),
        }
    }

    /// The set both verifiers have: the one key that should count, and others.
    fn jwks(&self) -> Value {
        let [n, e] = self.issuer.modulus_and_exponent();
        let rsa = |kid: &str, members: Value| {
            let mut key = json!({ "kty": "RSA", "kid": kid, "n": n, "e": e });
            merge(&mut key, members);
            key
        };
        let point = self.ec.public_key().as_ref();
        json!({ "keys": [
            rsa("no-alg", json!({ "use": "sig" })),
            rsa("no-use", json!({ "alg": "RS256" })),
            rsa("for-encryption", json!({ "alg": "RS256", "use": "enc" })),
            rsa("rs384", json!({ "alg": "RS384", "use": "sig" })),
            rsa("ps256", json!({ "alg": "PS256", "use": "sig" })),
            {
                "kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256", "use": "sig",
                "x": URL_SAFE_NO_PAD.encode(&point[1..33]), "y": URL_SAFE_NO_PAD.encode(&point[33..]),
            },
            { "kty": "oct", "kid": "secret", "alg": "RS256", "use": "sig", "k": "AAAA" },
            rsa("k1", json!({ "alg": "RS256", "use": "sig" })),
        ] })
    }

    fn add(&mut self, name: &'static str, token: String, ours: Option<VerifyError>) -> &mut Vector {
        assert!(self.all.iter().all(|one| one.name != name), "{name}: twice");
        self.all.push(Vector {
            name,
            token,
            wants: Wants::default(),
            ours,
            stricter: None,
        });
        self.all.last_mut().expect("it was added")
    }

    /// A token of the right key with these claims.
    fn claims(
        &mut self,
        name: &'static str,
        claims: Value,
        ours: Option<VerifyError>,
    ) -> &mut Vector {
        let token = self.issuer.sign(&claims);
        self.add(name, token, ours)
    }

    /// A token of the right key with a claim written like this.
    fn text(
        &mut self,
        name: &'static str,
        claim: &str,
        Text(text): Text,
        ours: Option<VerifyError>,
    ) -> &mut Vector {
        let claims = access(json!({ claim: null })).to_string();
        let payload = format!("{},\"{claim}\":{text}}}", &claims[..claims.len() - 1]);
        self.payload(name, payload.as_bytes(), ours)
    }

    /// A token of the right key with this between the dots, before it is encoded.
    fn payload(
        &mut self,
        name: &'static str,
        payload: &[u8],
        ours: Option<VerifyError>,
    ) -> &mut Vector {
        let message = format!("{}.{}", encode(&header()), URL_SAFE_NO_PAD.encode(payload));
        let token = self.issuer.signed(&message);
        self.add(name, token, ours)
    }

    /// A good token of the right key under this header; null removes a member.
    fn under(
        &mut self,
        name: &'static str,
        changes: Value,
        ours: Option<VerifyError>,
    ) -> &mut Vector {
        let mut header = header();
        merge(&mut header, changes);
        let token = self.issuer.sign_under(&header, &access(json!({})));
        self.add(name, token, ours)
    }
}

impl Vector {
    fn stricter(&mut self, reason: &'static str) -> &mut Self {
        assert!(self.ours.is_some(), "{}: it is accepted", self.name);
        self.stricter = Some(reason);
        self
    }

    fn wants(&mut self, wants: Wants) -> &mut Self {
        self.wants = wants;
        self
    }

    fn kind(&mut self, kind: TokenKind) -> &mut Self {
        self.wants.kind = kind;
        self
    }
}

fn header() -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" })
}

/// Sets members; null removes one.
fn merge(object: &mut Value, changes: Value) {
    let members = object.as_object_mut().expect("it is an object");
    for (name, value) in changes.as_object().expect("changes are an object") {
        match value {
            Value::Null => members.remove(name),
            value => members.insert(name.clone(), value.clone()),
        };
    }
}

fn access(changes: Value) -> Value {
    let mut claims = json!({
        "sub": "s-1", "username": "ada", "iss": ISS, "client_id": CLIENT, "token_use": "access",
        "scope": "openid api/read", "exp": issuer::now() + 3600, "iat": issuer::now(),
        "jti": "j-1", "origin_jti": "o-1", "auth_time": issuer::now(), "version": 2,
        "cognito:groups": ["staff", "owners"],
    });
    merge(&mut claims, changes);
    claims
}

fn id(changes: Value) -> Value {
    let mut claims = access(json!({
        "client_id": null, "username": null, "scope": null, "version": null,
        "aud": CLIENT, "token_use": "id", "cognito:username": "ada",
    }));
    merge(&mut claims, changes);
    claims
}

/// The parts of a good token.
fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<_> = token.split('.').collect();
    parts.try_into().expect("a token has three parts")
}

/// The same bytes in base64 that a strict reader refuses: the last character has bits that mean nothing.
fn non_canonical(encoded: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    assert_ne!(encoded.len() % 4, 0, "there are no bits to spare");
    let (rest, last) = encoded.split_at(encoded.len() - 1);
    let position = ALPHABET.find(last).expect("it is base64");
    format!("{rest}{}", &ALPHABET[position + 1..=position + 1])
}

async fn vectors() -> Vectors {
    use VerifyError::*;

    let mut v = Vectors::new().await;
    let now = issuer::now();
    let good = v.issuer.sign(&access(json!({})));
    let [head, body, signature] = parts(&good).map(str::to_owned);

    // Good ones.
    v.claims("access token", access(json!({})), None);
    v.claims("ID token", id(json!({})), None)
        .kind(TokenKind::Id);
    v.claims("ID token where either will do", id(json!({})), None)
        .kind(TokenKind::Either);
    v.claims(
        "the pool's other issuer",
        access(json!({ "iss": UPDATED_ISS })),
        None,
    );
    v.claims("nbf past", access(json!({ "nbf": now - 10 })), None);
    v.claims(
        "nbf past, a fraction",
        access(json!({ "nbf": now as f64 - 10.5 })),
        None,
    );
    v.claims("iat to come", access(json!({ "iat": now + 600 })), None);
    v.claims("aud beside client_id", access(json!({ "aud": "x" })), None);
    v.under("no typ", json!({ "typ": null }), None);

    // Time.
    v.claims("expired", access(json!({ "exp": now - 5 })), Some(Expired));
    v.claims("exp 0", access(json!({ "exp": 0 })), Some(Expired));
    v.claims(
        "exp negative",
        access(json!({ "exp": -1 })),
        Some(Malformed),
    );
    v.claims(
        "exp a text",
        access(json!({ "exp": (now + 600).to_string() })),
        Some(Malformed),
    );
    v.text("exp null", "exp", Text("null"), Some(Malformed));
    v.claims("exp true", access(json!({ "exp": true })), Some(Malformed));
    v.claims(
        "exp a fraction",
        access(json!({ "exp": now as f64 + 600.5 })),
        Some(Malformed),
    )
    .stricter("Cognito writes whole seconds");
    v.claims(
        "exp missing",
        access(json!({ "exp": null })),
        Some(Malformed),
    )
    .stricter("a token without end");
    v.text("exp huge", "exp", Text("18446744073709551615"), None);
    v.text("exp beyond 64 bits", "exp", Text("1e300"), Some(Malformed))
        .stricter("Cognito writes whole seconds");
    v.text("exp infinite", "exp", Text("1e999"), Some(Malformed));
    v.claims(
        "nbf to come",
        access(json!({ "nbf": now + 600 })),
        Some(NotYetValid),
    );
    v.claims("nbf a text", access(json!({ "nbf": "0" })), Some(Malformed));
    v.text("nbf null", "nbf", Text("null"), Some(Malformed));
    v.claims(
        "nbf negative",
        access(json!({ "nbf": -1 })),
        Some(Malformed),
    )
    .stricter("a time before 1970");
    v.claims("iat a text", access(json!({ "iat": "0" })), Some(Malformed));
    v.text("iat null", "iat", Text("null"), Some(Malformed));

    // The issuer.
    for (name, iss, ours) in [
        (
            "iss of another pool",
            json!("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Other"),
            Issuer,
        ),
        (
            "iss of another region",
            json!("https://cognito-idp.us-east-1.amazonaws.com/eu-west-1_Vectors1"),
            Issuer,
        ),
        (
            "iss of another host",
            json!("https://evil.example/eu-west-1_Vectors1"),
            Issuer,
        ),
        ("iss with a slash behind", json!(format!("{ISS}/")), Issuer),
        ("iss in capitals", json!(ISS.to_uppercase()), Issuer),
        (
            "iss without TLS",
            json!(ISS.replace("https", "http")),
            Issuer,
        ),
        ("iss a list", json!([ISS]), Issuer),
        ("iss an object", json!({ "0": ISS }), Issuer),
        ("iss empty", json!(""), Issuer),
        ("iss missing", Value::Null, Malformed),
    ] {
        v.claims(name, access(json!({ "iss": iss })), Some(ours));
    }
    v.text("iss null", "iss", Text("null"), Some(Malformed));

    // Whom it is for, and what it is.
    for (name, changes, ours) in [
        ("another client", json!({ "client_id": "another" }), Client),
        (
            "client_id a list",
            json!({ "client_id": [CLIENT] }),
            Malformed,
        ),
        ("client_id missing", json!({ "client_id": null }), Malformed),
        (
            "aud in client_id's place",
            json!({ "client_id": null, "aud": CLIENT }),
            Malformed,
        ),
        ("aud a number", json!({ "aud": 1 }), Malformed),
        (
            "aud a list with a number",
            json!({ "aud": [CLIENT, 1] }),
            Malformed,
        ),
        (
            "token_use refresh",
            json!({ "token_use": "refresh" }),
            Malformed,
        ),
        (
            "token_use in capitals",
            json!({ "token_use": "ACCESS" }),
            Malformed,
        ),
        (
            "token_use a list",
            json!({ "token_use": ["access"] }),
            Malformed,
        ),
        ("token_use missing", json!({ "token_use": null }), Malformed),
        ("scope a list", json!({ "scope": ["openid"] }), Malformed),
        ("jti a number", json!({ "jti": 1 }), Malformed),
        ("sub a number", json!({ "sub": 1 }), Malformed),
    ] {
        v.claims(name, access(changes), Some(ours));
    }
    v.claims("ID token for access", id(json!({})), Some(TokenUse));
    v.claims("access token for ID", access(json!({})), Some(TokenUse))
        .kind(TokenKind::Id);
    for (name, changes, ours) in [
        ("aud of another client", json!({ "aud": "another" }), Client),
        (
            "aud another, client_id ours",
            json!({ "aud": "another", "client_id": CLIENT }),
            Client,
        ),
        ("aud a list", json!({ "aud": [CLIENT] }), Malformed),
        (
            "aud a list of two",
            json!({ "aud": [CLIENT, "another"] }),
            Malformed,
        ),
        ("aud missing", json!({ "aud": null }), Malformed),
        (
            "client_id in aud's place",
            json!({ "aud": null, "client_id": CLIENT }),
            Malformed,
        ),
    ] {
        v.claims(name, id(changes), Some(ours))
            .kind(TokenKind::Either);
    }
    v.claims(
        "sub missing",
        access(json!({ "sub": null })),
        Some(Malformed),
    )
    .stricter("nobody to hold responsible");
    v.claims(
        "username a number",
        access(json!({ "username": 1 })),
        Some(Malformed),
    )
    .stricter("a claim of Cognito's in another shape");
    v.claims(
        "permissions a text",
        access(json!({ "permissions": "*" })),
        Some(Malformed),
    )
    .stricter("a claim of the trigger's in another shape");
    v.claims(
        "domain_roles a list",
        access(json!({ "domain_roles": ["acme.com"] })),
        Some(Malformed),
    )
    .stricter("a claim of the trigger's in another shape");

    // Groups and scopes.
    let staff = || Wants {
        groups: &["staff", "admins"],
        ..Wants::default()
    };
    v.claims("in a group", access(json!({})), None)
        .wants(staff());
    for (name, groups) in [
        ("in another group", json!(["owners"])),
        ("in no group", json!([])),
        ("groups missing", Value::Null),
        ("groups an object", json!({ "staff": true })),
        ("groups begin with a number", json!([1, "staff"])),
        ("group in capitals", json!(["STAFF"])),
    ] {
        v.claims(
            name,
            access(json!({ "cognito:groups": groups })),
            Some(Groups),
        )
        .wants(staff());
    }
    v.claims(
        "groups a text",
        access(json!({ "cognito:groups": "staff" })),
        Some(Groups),
    )
    .wants(staff())
    .stricter("Cognito writes a list");
    v.claims(
        "groups end with a number",
        access(json!({ "cognito:groups": ["staff", 1] })),
        Some(Groups),
    )
    .wants(staff())
    .stricter("Cognito writes a list of texts");
    let scopes = || Wants {
        scopes: &["api/read", "openid"],
        ..Wants::default()
    };
    let lacking = || Some(Scopes("api/read openid".into()));
    v.claims("all scopes", access(json!({})), None)
        .wants(scopes());
    v.claims("no scope", access(json!({ "scope": "email" })), lacking())
        .wants(scopes());
    v.claims("scope missing", access(json!({ "scope": null })), lacking())
        .wants(scopes());
    v.claims(
        "scope in capitals",
        access(json!({ "scope": "OPENID API/READ" })),
        lacking(),
    )
    .wants(scopes());
    v.claims(
        "one of the scopes",
        access(json!({ "scope": "openid" })),
        lacking(),
    )
    .wants(scopes())
    .stricter("ours asks for all, aws-jwt-verify for one of them");

    // The signature and its algorithm.
    let claims = access(json!({}));
    let none = json!({ "alg": "none", "kid": "k1" });
    let unsigned = format!("{}.{body}.", encode(&none));
    v.add("alg none", unsigned, Some(Malformed));
    v.under(
        "alg none, signed",
        json!({ "alg": "none" }),
        Some(Malformed),
    );
    v.under(
        "alg in small letters",
        json!({ "alg": "rs256" }),
        Some(Malformed),
    );
    v.under("alg missing", json!({ "alg": null }), Some(Malformed));
    v.under("alg a list", json!({ "alg": ["RS256"] }), Some(Malformed));
    let confused = v.issuer.sign_with_public_key_as_secret(&claims);
    v.add("HS256 with the public key", confused, Some(Algorithm));
    let confused = v
        .issuer
        .sign_with_public_key_under(&json!({ "alg": "HS256", "kid": "no-alg" }), &claims);
    v.add(
        "HS256 with a public key for anything",
        confused,
        Some(Algorithm),
    );
    for (name, kid, alg, stricter) in [
        ("RS384 by a key for RS256", "k1", "RS384", false),
        ("RS384 by its key", "rs384", "RS384", true),
        ("RS384 by a key for anything", "no-alg", "RS384", true),
        ("PS256 by a key for RS256", "k1", "PS256", false),
        ("PS256 by its key", "ps256", "PS256", false),
    ] {
        let message = format!("{}.{body}", encode(&json!({ "alg": alg, "kid": kid })));
        let signature = match alg {
            "PS256" => v.issuer.signature(&RSA_PSS_SHA256, &message),
            _ => v.issuer.signature(&RSA_PKCS1_SHA384, &message),
        };
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        let vector = v.add(name, token, Some(Algorithm));
        if stricter {
            vector.stricter("Cognito signs with RS256");
        }
    }
    for (name, kid, stricter) in [
        ("ES256 by its key", "ec", true),
        ("ES256 by a key for RS256", "k1", false),
    ] {
        let message = format!("{}.{body}", encode(&json!({ "alg": "ES256", "kid": kid })));
        let signature =
            v.ec.sign(&SystemRandom::new(), message.as_bytes())
                .expect("it signs");
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
        let vector = v.add(name, token, Some(Algorithm));
        if stricter {
            vector.stricter("Cognito signs with RS256");
        }
    }
    let message = format!("{head}.{body}");
    let other = v.issuer.signature(&RSA_PSS_SHA256, &message);
    v.add(
        "PS256 that says RS256",
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(other)),
        Some(Signature),
    );
    let forged = v.stranger.sign(&claims);
    v.add("a stranger's key", forged, Some(Signature));
    let richer = encode(&access(json!({ "permissions": ["*"] })));
    v.add(
        "claims tampered with",
        format!("{head}.{richer}.{signature}"),
        Some(Signature),
    );
    let longer = encode(&json!({ "alg": "RS256", "typ": "JWT", "kid": "k1", "x": 1 }));
    v.add(
        "header tampered with",
        format!("{longer}.{body}.{signature}"),
        Some(Signature),
    );
    let mut bytes = URL_SAFE_NO_PAD.decode(&signature).expect("it is base64");
    bytes[100] ^= 1;
    v.add(
        "signature tampered with",
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(&bytes)),
        Some(Signature),
    );
    bytes[100] ^= 1;
    v.add(
        "signature cut",
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(&bytes[..255])),
        Some(Signature),
    );
    bytes.push(0);
    v.add(
        "signature drawn out",
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(&bytes)),
        Some(Signature),
    );
    v.add(
        "signature of zeros",
        format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 256])),
        Some(Signature),
    );

    // The key.
    v.under("kid missing", json!({ "kid": null }), Some(Malformed));
    v.under("kid unknown", json!({ "kid": "k2" }), Some(UnknownKey));
    v.under("kid empty", json!({ "kid": "" }), Some(UnknownKey));
    v.under("kid a number", json!({ "kid": 1 }), Some(Malformed));
    v.under(
        "kid of JavaScript",
        json!({ "kid": "__proto__" }),
        Some(UnknownKey),
    );
    v.under(
        "a key for encryption",
        json!({ "kid": "for-encryption" }),
        Some(UnknownKey),
    );
    v.under("a secret", json!({ "kid": "secret" }), Some(UnknownKey));
    v.under("an EC key", json!({ "kid": "ec" }), Some(UnknownKey));
    v.under(
        "a key for RS384",
        json!({ "kid": "rs384" }),
        Some(UnknownKey),
    );
    v.under(
        "a key without alg",
        json!({ "kid": "no-alg" }),
        Some(UnknownKey),
    )
    .stricter("Cognito's keys say what they are for");
    v.under(
        "a key without use",
        json!({ "kid": "no-use" }),
        Some(UnknownKey),
    )
    .stricter("Cognito's keys say what they are for");
    let [n, e] = v.stranger.modulus_and_exponent();
    let jwk = json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1", "n": n, "e": e });
    let keys = format!("{}/.well-known/jwks.json", v.stranger.url());
    for (name, member, value) in [
        ("a key in the token", "jwk", jwk),
        ("an address of keys in the token", "jku", json!(keys)),
        (
            "an address of a certificate in the token",
            "x5u",
            json!(keys),
        ),
    ] {
        let mut header = header();
        header[member] = value;
        let forged = v.stranger.sign_under(&header, &claims);
        v.add(name, forged, Some(Signature));
    }

    // Extensions.
    v.under("crit", json!({ "crit": ["exp"] }), Some(Malformed))
        .stricter("what must be understood isn't (RFC 7515, section 4.1.11)");
    v.under("crit empty", json!({ "crit": [] }), Some(Malformed))
        .stricter("not allowed (RFC 7515, section 4.1.11)");
    v.under(
        "b64 false",
        json!({ "b64": false, "crit": ["b64"] }),
        Some(Malformed),
    )
    .stricter("what must be understood isn't (RFC 7515, section 4.1.11)");
    v.under("a member nobody knows", json!({ "x": { "y": 1 } }), None);
    let header_b64 = encode(&json!({ "alg": "RS256", "kid": "k1", "b64": false, "crit": ["b64"] }));
    let raw = v.issuer.signed(&format!("{header_b64}.{claims}"));
    v.add("b64 false, claims as they are", raw, Some(Malformed));

    // The text.
    for (name, token) in [
        ("nothing", String::new()),
        ("two parts", format!("{head}.{body}")),
        ("four parts", format!("{good}.{signature}")),
        (
            "five parts",
            format!("{head}.{body}.{signature}.{body}.{signature}"),
        ),
        ("dots", "..".to_owned()),
        ("a dot behind", format!("{good}.")),
        ("a blank behind", format!("{good} ")),
        ("a blank before", format!(" {good}")),
        ("a line break behind", format!("{good}\n")),
        ("a null byte behind", format!("{good}\0")),
        ("no header", format!(".{body}.{signature}")),
        ("no claims", format!("{head}..{signature}")),
        (
            "other base64",
            format!("{head}.{body}.+/{}", &signature[2..]),
        ),
    ] {
        v.add(name, token, Some(Malformed));
    }
    v.add("no signature", format!("{head}.{body}."), Some(Signature));
    v.add("signature padded", format!("{good}=="), Some(Malformed))
        .stricter("a token isn't padded (RFC 7515, section 2)");
    v.add(
        "signature not canonical",
        format!("{message}.{}", non_canonical(&signature)),
        Some(Malformed),
    )
    .stricter("one token in two spellings");
    let sized = |rest| {
        (0..)
            .map(|pad| encode(&access(json!({ "pad": "x".repeat(pad) }))))
            .find(|payload| payload.len() % 4 == rest)
            .expect("one of three")
    };
    let spelled = v
        .issuer
        .signed(&format!("{head}.{}", non_canonical(&sized(2))));
    v.add("claims not canonical", spelled, Some(Malformed))
        .stricter("one token in two spellings");
    let padded = v.issuer.signed(&format!("{head}.{}==", sized(2)));
    v.add("claims padded", padded, Some(Malformed))
        .stricter("a token isn't padded (RFC 7515, section 2)");
    v.claims(
        "16 KB and more",
        access(json!({ "pad": "x".repeat(13_000) })),
        Some(TooLong),
    )
    .stricter("nothing of it is read");

    // The JSON.
    let text = claims.to_string();
    let open = &text[..text.len() - 1];
    for (name, payload) in [
        ("claims a list", "[]".to_owned()),
        ("claims null", "null".to_owned()),
        ("claims a text", "\"x\"".to_owned()),
        ("garbage behind the claims", format!("{text}x")),
        ("claims twice", format!("{text}{text}")),
        ("claims not closed", open.to_owned()),
        ("a comma too many", format!("{open},}}")),
        ("a byte order mark", format!("\u{feff}{text}")),
        ("NaN", format!("{open},\"x\":NaN}}")),
    ] {
        v.payload(name, payload.as_bytes(), Some(Malformed));
    }
    v.payload(
        "blanks around the claims",
        format!(" \n{text}\t").as_bytes(),
        None,
    );
    let twice = |claim: &str, first: Value| format!("{{\"{claim}\":{first},{}", &text[1..]);
    for (name, claim, first) in [
        ("iss twice", "iss", json!("https://evil.example")),
        ("exp twice", "exp", json!(1)),
        ("sub twice", "sub", json!("s-2")),
    ] {
        v.payload(name, twice(claim, first).as_bytes(), Some(Malformed))
            .stricter("which of them holds is anybody's guess");
    }
    v.payload(
        "client_id twice, ours last",
        twice("client_id", json!("another")).as_bytes(),
        None,
    );
    let last = format!("{open},\"client_id\":\"another\"}}");
    v.payload("client_id twice, ours first", last.as_bytes(), Some(Client));
    let header_twice = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","alg":"RS256","kid":"k1"}"#);
    let token = v.issuer.signed(&format!("{header_twice}.{body}"));
    v.add("alg twice", token, Some(Malformed))
        .stricter("which of them holds is anybody's guess");
    v.payload(
        "not UTF-8",
        &[open.as_bytes(), b",\"x\":\"\xff\"}"].concat(),
        Some(Malformed),
    )
    .stricter("claims are UTF-8 (RFC 7519, section 3)");
    v.payload(
        "half a surrogate pair",
        format!("{open},\"x\":\"\\ud800\"}}").as_bytes(),
        Some(Malformed),
    )
    .stricter("no text");
    let deep = format!("{open},\"x\":{}{}}}", "[".repeat(200), "]".repeat(200));
    v.payload("200 lists in each other", deep.as_bytes(), Some(Malformed))
        .stricter("as deep as nobody writes");
    v.payload(
        "a number without end",
        format!("{open},\"x\":1e999}}").as_bytes(),
        Some(Malformed),
    )
    .stricter("no number");
    v
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "a test tells how much it has covered")]
async fn ours_accepts_nothing_that_aws_refuses() {
    let vectors = vectors().await;
    let keys = format!("{}/.well-known/jwks.json", vectors.issuer.url());
    let jwks = vectors.jwks();
    vectors
        .issuer
        .answer((StatusCode::OK, vec![], jwks.to_string()));
    let mut wrong = Vec::new();
    let mut verifiers: Vec<(&Wants, Verifier)> = Vec::new();
    for Vector {
        name,
        token,
        wants,
        ours,
        ..
    } in &vectors.all
    {
        let made = verifiers.iter().position(|(of, _)| *of == wants);
        let made = made.unwrap_or_else(|| {
            verifiers.push((wants, wants.verifier(&keys)));
            verifiers.len() - 1
        });
        let verdict = verifiers[made].1.verify(token).await.err();
        if verdict != *ours {
            wrong.push(format!("{name}: {verdict:?}, and not {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "ours:\n{}", wrong.join("\n"));

    let Some(theirs) = theirs(&jwks, &vectors.all) else {
        return;
    };
    for Vector {
        name,
        ours,
        stricter,
        ..
    } in &vectors.all
    {
        let verdict = &theirs[*name];
        let told = match (ours.is_none(), verdict.accepted) {
            (true, false) => "ours is LAXER",
            (false, true) if stricter.is_none() => {
                "ours is stricter, and no reason stands beside it"
            }
            (false, false) if stricter.is_some() => "both refuse it: ours is not stricter",
            _ => continue,
        };
        wrong.push(format!(
            "{name}: {told} ({ours:?}; theirs: {})",
            verdict.why
        ));
    }
    assert!(
        wrong.is_empty(),
        "beside aws-jwt-verify:\n{}",
        wrong.join("\n")
    );
    let stricter = vectors.all.iter().filter(|one| one.stricter.is_some());
    println!(
        "{} tokens, of which ours alone refuses {}",
        vectors.all.len(),
        stricter.count()
    );
}

#[derive(Deserialize)]
struct Verdict {
    accepted: bool,
    why: String,
}

/// What aws-jwt-verify says, by name; none without Node.js.
#[expect(clippy::print_stdout, reason = "a test tells what it has left out")]
fn theirs(jwks: &Value, vectors: &[Vector]) -> Option<BTreeMap<String, Verdict>> {
    let there = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !there("node") || !there("npm") {
        println!("not compared with aws-jwt-verify: that needs node and npm");
        return None;
    }
    let directory = installed();
    let vectors: Vec<_> = vectors
        .iter()
        .map(
            |Vector {
                 name, token, wants, ..
             }| {
                json!({ "name": name, "token": token, "wants": wants.properties() })
            },
        )
        .collect();
    let mut node = Command::new("node")
        .arg("verdicts.js")
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let input = json!({ "jwks": jwks, "vectors": vectors }).to_string();
    let mut stdin = node.stdin.take().expect("it is piped");
    stdin.write_all(input.as_bytes()).expect("node reads it");
    drop(stdin);
    let output = node.wait_with_output().expect("node ends");
    assert!(output.status.success(), "node failed");
    Some(serde_json::from_slice(&output.stdout).expect("these are verdicts"))
}

/// A directory with the script and the packages of the lock, made once for each lock.
fn installed() -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verifier-vectors");
    std::fs::create_dir_all(&target).expect("a directory");
    let stamp = target.join("installed");
    let lock = std::fs::read(source.join("package-lock.json")).expect("the lock");
    for file in ["package.json", "package-lock.json", "verdicts.js"] {
        std::fs::copy(source.join(file), target.join(file)).expect(file);
    }
    if std::fs::read(&stamp).is_ok_and(|of| of == lock) {
        return target;
    }
    let npm = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(&target)
        .output()
        .expect("npm starts");
    let said = String::from_utf8_lossy(&npm.stderr);
    assert!(npm.status.success(), "npm ci failed:\n{said}");
    std::fs::write(stamp, lock).expect("a file");
    target
}
