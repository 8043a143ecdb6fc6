//! Who signed a request: AWS Signature Version 4, checked as AWS checks it.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>. The signature
//! stands in the `Authorization` header or, of a presigned URL, in the query. It covers the method, path, query, the
//! headers it names, and the body.

use std::time::{Duration, SystemTime};

use axum::http::{HeaderMap, HeaderName, Method, Uri};
use hmac::{Hmac, Mac};
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};
use time::PrimitiveDateTime;
use time::macros::format_description;

use super::RESERVED;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// How far a clock may be off. A request that is older was sent by somebody who saw it.
const WINDOW: Duration = Duration::from_secs(15 * 60);
/// The longest a presigned URL may be good for.
const LONGEST: u64 = 7 * 24 * 3600;
/// S3 lets bodies go unsigned, and nobody else.
const UNSIGNED: [&str; 2] = ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"];

/// A request, as far as its signature covers it.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// The method.
    pub method: &'a Method,
    /// Path and query as they came.
    pub uri: &'a Uri,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The body.
    pub body: &'a [u8],
}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is none.
    Missing,
    /// It can't be read, or covers too little.
    Incomplete(&'static str),
    /// Its time is not now.
    Expired,
    /// It was made with another key, or of another request.
    Mismatch,
}

/// What a request says of its signature.
#[derive(Debug, Clone)]
struct Claimed {
    /// Date, region, service.
    scope: [String; 3],
    access_key: String,
    signed_headers: String,
    signature: String,
    /// As `YYYYMMDDTHHMMSSZ`.
    date: String,
    /// Of a presigned URL: for how many seconds it is good.
    expires: Option<u64>,
}

/// The access key ID a request names.
pub(super) fn access_key(sent: Sent<'_>) -> Option<String> {
    Claimed::of(sent).ok().map(|claimed| claimed.access_key)
}

/// Checks that whoever sent this has the secret, at this time.
pub(super) fn verify(sent: Sent<'_>, secret: &str, now: SystemTime) -> Result<(), Fault> {
    let claimed = Claimed::of(sent)?;
    claimed.is_timely(now)?;
    let signed: Vec<&str> = claimed.signed_headers.split(';').collect();
    if !signed.contains(&"host") {
        return Err(Fault::Incomplete("`host` is not signed"));
    }
    if claimed.expires.is_none() && !signed.contains(&"x-amz-date") {
        return Err(Fault::Incomplete("`x-amz-date` is not signed"));
    }
    claimed.covers_what_counts(sent)?;
    let payload = payload(sent, &claimed)?;
    let expected = claimed.mac(sent, secret, &payload);
    let given =
        decoded(&claimed.signature).ok_or(Fault::Incomplete("the signature is no hexadecimal"))?;
    // In constant time.
    expected.verify_slice(&given).map_err(|_| Fault::Mismatch)
}

/// The `Authorization` header of a request that was signed, and has changed since: for what stands in between in tests.
pub fn resigned(sent: Sent<'_>, secret: &str) -> Option<String> {
    let claimed = Claimed::of(sent)
        .ok()
        .filter(|claimed| claimed.expires.is_none())?;
    let payload = payload(sent, &claimed).ok()?;
    let signature = hex(&claimed.mac(sent, secret, &payload).finalize().into_bytes());
    let Claimed {
        scope: [date, region, service],
        access_key,
        signed_headers,
        ..
    } = &claimed;
    Some(format!(
        "{ALGORITHM} Credential={access_key}/{date}/{region}/{service}/{TERMINATOR}, \
         SignedHeaders={signed_headers}, Signature={signature}"
    ))
}

/// A URL of this host's that whoever is given it may fetch for ten minutes; of a region and service.
pub(super) fn presigned(
    host: &str,
    path: &str,
    [region, service]: [&str; 2],
    secret: &str,
    now: SystemTime,
) -> String {
    const SECONDS: u64 = 600;
    // Lambda's own, which nobody else is known by.
    const ACCESS_KEY: &str = "LOCALLAMBDA";
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let date = time::OffsetDateTime::from(now).format(&format);
    let date = date.expect("a time of today can be written");
    let day = date[..8].to_owned();
    let credential = format!("{ACCESS_KEY}/{day}/{region}/{service}/{TERMINATOR}");
    let credential = utf8_percent_encode(&credential, RESERVED);
    let target = format!(
        "{path}?X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={date}\
         &X-Amz-Expires={SECONDS}&X-Amz-SignedHeaders=host"
    );
    let uri: Uri = target.parse().expect("it is put together as one");
    let mut headers = HeaderMap::new();
    headers.insert("host", host.parse().expect("an address is one"));
    let sent = Sent {
        method: &Method::GET,
        uri: &uri,
        headers: &headers,
        body: &[],
    };
    let claimed = Claimed {
        scope: [day, region.to_owned(), service.to_owned()],
        access_key: ACCESS_KEY.to_owned(),
        signed_headers: "host".to_owned(),
        signature: String::new(),
        date,
        expires: Some(SECONDS),
    };
    let payload = payload(sent, &claimed).unwrap_or_default();
    let signature = hex(&claimed.mac(sent, secret, &payload).finalize().into_bytes());
    format!("http://{host}{target}&X-Amz-Signature={signature}")
}

impl Claimed {
    fn of(sent: Sent<'_>) -> Result<Self, Fault> {
        let header = |name: &str| sent.headers.get(name)?.to_str().ok();
        let query = |name: &str| {
            parameters(sent.uri)
                .into_iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value)
        };
        if let Some(authorization) = header("authorization") {
            let rest = authorization
                .strip_prefix(ALGORITHM)
                .ok_or(Fault::Missing)?;
            let field = |name: &str| {
                let mut fields = rest.split(',').map(str::trim);
                fields
                    .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
                    .map(str::to_owned)
            };
            let date = header("x-amz-date").ok_or(Fault::Incomplete("`x-amz-date` is missing"))?;
            return Self::read(
                field("Credential"),
                field("SignedHeaders"),
                field("Signature"),
                date.to_owned(),
                None,
            );
        }
        if query("X-Amz-Algorithm").as_deref() != Some(ALGORITHM) {
            return Err(Fault::Missing);
        }
        let date = query("X-Amz-Date").ok_or(Fault::Incomplete("`X-Amz-Date` is missing"))?;
        let expires = query("X-Amz-Expires").and_then(|text| text.parse().ok());
        let expires = expires.filter(|seconds| (1..=LONGEST).contains(seconds));
        let expires = expires.ok_or(Fault::Incomplete("`X-Amz-Expires` is missing or too long"))?;
        Self::read(
            query("X-Amz-Credential"),
            query("X-Amz-SignedHeaders"),
            query("X-Amz-Signature"),
            date,
            Some(expires),
        )
    }

    fn read(
        credential: Option<String>,
        signed_headers: Option<String>,
        signature: Option<String>,
        date: String,
        expires: Option<u64>,
    ) -> Result<Self, Fault> {
        let incomplete = Fault::Incomplete("the signature lacks a part");
        let credential = credential.ok_or(incomplete)?;
        // From the end: only the access key may hold slashes.
        let mut parts = credential.rsplitn(5, '/').map(str::to_owned);
        let terminator = parts.next();
        let (Some(service), Some(region), Some(day), Some(access_key)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(incomplete);
        };
        if terminator.as_deref() != Some(TERMINATOR) || !date.starts_with(&day) || day.len() != 8 {
            return Err(Fault::Incomplete("the credential's scope is wrong"));
        }
        Ok(Self {
            scope: [day, region, service],
            access_key,
            signed_headers: signed_headers.ok_or(incomplete)?,
            signature: signature.ok_or(incomplete)?,
            date,
            expires,
        })
    }

    /// Whether all is signed that says which operation is meant. Whoever was given a presigned URL may add headers to it,
    /// and where the body goes unsigned, a form.
    ///
    /// Source: AWS wants every `X-Amz-` header signed (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
    fn covers_what_counts(&self, sent: Sent<'_>) -> Result<(), Fault> {
        let is_signed = |name: &str| self.signed_headers.split(';').any(|signed| signed == name);
        let counts = |name: &str| name.starts_with("x-amz-") || name == "smithy-protocol";
        let mut names = sent.headers.keys().map(HeaderName::as_str);
        if names.any(|name| counts(name) && !is_signed(name)) {
            return Err(Fault::Incomplete("a header `x-amz-…` is not signed"));
        }
        let forms = sent.headers.get_all("content-type").iter();
        let is_form = forms.into_iter().any(|kind| {
            let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
            kind.contains("x-www-form-urlencoded")
        });
        if self.expires.is_some() && is_form && !is_signed("content-type") {
            return Err(Fault::Incomplete("the form's `content-type` is not signed"));
        }
        Ok(())
    }

    fn is_timely(&self, now: SystemTime) -> Result<(), Fault> {
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let at = PrimitiveDateTime::parse(&self.date, &format)
            .map_err(|_| Fault::Incomplete("the date can't be read"))?;
        let at = SystemTime::from(at.assume_utc());
        let good_for = self.expires.map_or(WINDOW, Duration::from_secs);
        let is_early = at.duration_since(now).is_ok_and(|ahead| ahead > WINDOW);
        let is_late = now.duration_since(at).is_ok_and(|behind| behind > good_for);
        if is_early || is_late {
            return Err(Fault::Expired);
        }
        Ok(())
    }

    /// The signature to be, not yet finished.
    fn mac(&self, sent: Sent<'_>, secret: &str, payload: &str) -> Hmac<Sha256> {
        let [day, region, service] = &self.scope;
        let canonical = format!(
            "{}\n{}\n{}\n{}\n{}\n{payload}",
            sent.method,
            path(sent.uri.path(), service),
            query(sent.uri),
            headers(sent.headers, &self.signed_headers),
            self.signed_headers,
        );
        let to_sign = format!(
            "{ALGORITHM}\n{}\n{day}/{region}/{service}/{TERMINATOR}\n{}",
            self.date,
            hex(&Sha256::digest(canonical)),
        );
        let mut key = format!("AWS4{secret}").into_bytes();
        for part in [day, region, service, TERMINATOR] {
            key = keyed(&key, part).finalize().into_bytes().to_vec();
        }
        keyed(&key, &to_sign)
    }
}

/// The digest of the body that the signature covers. One that a header states has to be the body's.
fn payload(sent: Sent<'_>, claimed: &Claimed) -> Result<String, Fault> {
    let digest = hex(&Sha256::digest(sent.body));
    let stated = sent.headers.get("x-amz-content-sha256");
    let is_s3 = claimed.scope[2] == "s3";
    match stated.map(|value| value.to_str().unwrap_or_default()) {
        Some(stated) if UNSIGNED.contains(&stated) && is_s3 => Ok(stated.to_owned()),
        Some(stated) if stated != digest => Err(Fault::Mismatch),
        None if is_s3 && claimed.expires.is_some() => Ok(UNSIGNED[0].to_owned()),
        _ => Ok(digest),
    }
}

/// The path, encoded once more than it came; S3's as it came, for names of objects are what they are.
fn path(path: &str, service: &str) -> String {
    if service == "s3" {
        return path.to_owned();
    }
    let segments = path
        .split('/')
        .map(|segment| utf8_percent_encode(segment, RESERVED).to_string());
    segments.collect::<Vec<_>>().join("/")
}

/// The query's parameters, decoded.
fn parameters(uri: &Uri) -> Vec<(String, String)> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        })
        .collect()
}

/// The query without its signature, encoded anew and in order.
fn query(uri: &Uri) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let mut pairs: Vec<(String, String)> = parameters(uri)
        .into_iter()
        .filter(|(key, _)| key != "X-Amz-Signature")
        .map(|(key, value)| (encoded(&key), encoded(&value)))
        .collect();
    pairs.sort();
    let pairs = pairs
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"));
    pairs.collect::<Vec<_>>().join("&")
}

/// The headers the signature names, each on a line, with single blanks.
fn headers(all: &HeaderMap, signed: &str) -> String {
    let line = |name: &str| {
        let values = all.get_all(name).iter();
        let values = values.map(|value| {
            let text = String::from_utf8_lossy(value.as_bytes());
            text.split_whitespace().collect::<Vec<_>>().join(" ")
        });
        format!("{name}:{}\n", values.collect::<Vec<_>>().join(","))
    };
    signed.split(';').map(line).collect()
}

fn keyed(key: &[u8], text: &str) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key).expect("a key of any length");
    mac.update(text.as_bytes());
    mac
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decoded(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return None;
    }
    let digits = (0..hex.len()).step_by(2);
    digits
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_440_938_160; // 2015-08-30T12:36:00Z
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn now(seconds: i64) -> SystemTime {
        SystemTime::UNIX_EPOCH
            + Duration::from_secs(NOW.checked_add_signed(seconds).expect("a time"))
    }

    fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
        let headers = headers.iter();
        headers
            .map(|(name, value)| {
                (
                    name.parse().expect("a name"),
                    value.parse().expect("a value"),
                )
            })
            .collect()
    }

    fn check(
        uri: &str,
        headers: &[(&'static str, &str)],
        body: &str,
        at: SystemTime,
    ) -> Result<(), Fault> {
        let (uri, headers) = (uri.parse().expect("a URI"), map(headers));
        let sent = Sent {
            method: &Method::GET,
            uri: &uri,
            headers: &headers,
            body: body.as_bytes(),
        };
        verify(sent, SECRET, at)
    }

    #[test]
    fn a_url_of_ours_is_good_for_what_it_names_and_for_ten_minutes() {
        let url = presigned(
            "127.0.0.1:1",
            "/_saasauth/code/x",
            ["eu-west-1", "s3"],
            SECRET,
            now(0),
        );
        let target = url.strip_prefix("http://127.0.0.1:1").expect("a URL");
        let host = [("host", "127.0.0.1:1")];
        assert_eq!(check(target, &host, "", now(0)), Ok(()));
        assert_eq!(check(target, &host, "", now(599)), Ok(()));
        assert_eq!(check(target, &host, "", now(601)), Err(Fault::Expired));
        let other = target.replace("/code/x", "/code/y");
        assert_eq!(check(&other, &host, "", now(0)), Err(Fault::Mismatch));
        let longer = target.replace("Expires=600", "Expires=6000");
        assert_eq!(check(&longer, &host, "", now(0)), Err(Fault::Mismatch));
    }

    /// The vector `get-vanilla-query-order-key-case` of AWS's test suite for Signature Version 4.
    const VANILLA: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
        SignedHeaders=host;x-amz-date, Signature=b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";

    fn vanilla(authorization: &str) -> [(&'static str, &str); 3] {
        [
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
            ("authorization", authorization),
        ]
    }

    #[test]
    fn what_aws_signs_is_known_and_nothing_else() {
        let uri = "/?Param2=value2&Param1=value1";
        let headers = vanilla(VANILLA);
        assert_eq!(check(uri, &headers, "", now(0)), Ok(()));
        assert_eq!(
            check("/?Param1=value1&Param2=value2", &headers, "", now(0)),
            Ok(())
        );
        for (uri, body) in [
            ("/?Param1=value2", ""),
            ("/x?Param2=value2&Param1=value1", ""),
            (uri, "{}"),
        ] {
            assert_eq!(check(uri, &headers, body, now(0)), Err(Fault::Mismatch));
        }
        let other = VANILLA.replace("b97d", "b97e");
        assert_eq!(
            check(uri, &vanilla(&other), "", now(0)),
            Err(Fault::Mismatch)
        );
        let mut elsewhere = headers;
        elsewhere[0].1 = "evil.example";
        assert_eq!(check(uri, &elsewhere, "", now(0)), Err(Fault::Mismatch));
    }

    /// More of that suite: name, method, target, headers beside the host and the date, body, signed headers, signature.
    #[test]
    fn the_vectors_of_the_suite_are_right() {
        type Vector<'a> = (
            &'a str,
            Method,
            &'a str,
            &'a [(&'static str, &'a str)],
            &'a str,
            &'a str,
            &'a str,
        );
        let (get, post) = (Method::GET, Method::POST);
        let dated = "host;x-amz-date";
        let vectors: &[Vector<'_>] = &[
            (
                "get-vanilla",
                get.clone(),
                "/",
                &[],
                "",
                dated,
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-unreserved",
                get.clone(),
                "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                &[],
                "",
                dated,
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            (
                "get-vanilla-query-unreserved",
                get.clone(),
                "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                &[],
                "",
                dated,
                "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
            ),
            (
                "get-vanilla-utf8-query",
                get.clone(),
                "/?%E1%88%B4=bar",
                &[],
                "",
                dated,
                "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
            ),
            (
                "get-vanilla-query-order-encoded",
                get.clone(),
                "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
                &[],
                "",
                dated,
                "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
            ),
            (
                "get-header-value-trim",
                get.clone(),
                "/",
                &[("my-header1", "value1"), ("my-header2", "\"a   b   c\"")],
                "",
                "host;my-header1;my-header2;x-amz-date",
                "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
            (
                "get-header-value-order",
                get.clone(),
                "/",
                &[
                    ("my-header1", "value4"),
                    ("my-header1", "value1"),
                    ("my-header1", "value3"),
                    ("my-header1", "value2"),
                ],
                "",
                "host;my-header1;x-amz-date",
                "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
            ),
            (
                "get-vanilla-with-session-token",
                get,
                "/",
                &[(
                    "x-amz-security-token",
                    "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
                )],
                "",
                "host;x-amz-date;x-amz-security-token",
                "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
            ),
            (
                "post-vanilla-query",
                post.clone(),
                "/?Param1=value1",
                &[],
                "",
                dated,
                "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
            ),
            (
                "post-x-www-form-urlencoded",
                post,
                "/",
                &[
                    ("content-type", "application/x-www-form-urlencoded"),
                    ("content-length", "13"),
                    (
                        "x-amz-content-sha256",
                        "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
                    ),
                ],
                "Param1=value1",
                "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
                "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
            ),
        ];
        for (name, method, target, headers, body, signed, signature) in vectors {
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                 SignedHeaders={signed}, Signature={signature}"
            );
            let uri: Uri = target.parse().expect("a URI");
            let mut all = HeaderMap::new();
            for (name, value) in vanilla(&authorization).iter().chain(*headers) {
                all.append(*name, value.parse().expect("a value"));
            }
            let sent = |body| Sent {
                method,
                uri: &uri,
                headers: &all,
                body,
            };
            assert_eq!(
                verify(sent(body.as_bytes()), SECRET, now(0)),
                Ok(()),
                "{name}"
            );
            assert_eq!(
                verify(sent(b"other"), SECRET, now(0)),
                Err(Fault::Mismatch),
                "{name}"
            );
        }
    }

    #[test]
    fn nothing_that_says_what_is_meant_goes_unsigned() {
        for (name, value) in [
            ("x-amz-target", "DynamoDB_20120810.Scan"),
            ("x-amz-copy-source", "/other/key"),
            ("smithy-protocol", "rpc-v2-cbor"),
        ] {
            let mut headers = vanilla(VANILLA).to_vec();
            headers.push((name, value));
            let found = check("/?Param2=value2&Param1=value1", &headers, "", now(0));
            assert!(
                matches!(found, Err(Fault::Incomplete(_))),
                "{name}: {found:?}"
            );
        }
    }

    #[test]
    fn a_signature_is_good_for_a_quarter_of_an_hour() {
        let (uri, headers) = ("/?Param2=value2&Param1=value1", vanilla(VANILLA));
        for (seconds, expected) in [
            (899, Ok(())),
            (-899, Ok(())),
            (901, Err(Fault::Expired)),
            (-901, Err(Fault::Expired)),
        ] {
            assert_eq!(check(uri, &headers, "", now(seconds)), expected);
        }
    }

    #[test]
    fn what_is_no_signature_is_none() {
        for authorization in [
            "Bearer x",
            "Basic eA==",
            "AWS4-ECDSA-P256-SHA256 Credential=a",
        ] {
            assert_eq!(
                check("/", &vanilla(authorization), "", now(0)),
                Err(Fault::Missing)
            );
        }
        assert_eq!(
            check("/", &[("host", "h")], "", now(0)),
            Err(Fault::Missing)
        );
        for (from, to) in [
            ("host;x-amz-date", "x-amz-date"),
            ("host;x-amz-date", "host"),
            ("aws4_request", "aws5_request"),
            ("20150830", "20150829"),
            ("Signature=", "Sig="),
            ("Signature=b9", "Signature=zz"),
        ] {
            let found = check("/", &vanilla(&VANILLA.replace(from, to)), "", now(0));
            assert!(
                matches!(found, Err(Fault::Incomplete(_))),
                "{to}: {found:?}"
            );
        }
    }

    #[test]
    fn what_is_signed_anew_is_good() {
        let uri: Uri = "/2015-03-31/functions/arn%3Aaws%3Alambda/policy?Qualifier=a%20b&x"
            .parse()
            .expect("a URI");
        let mut headers = map(&vanilla(VANILLA));
        headers.insert("x-two", "  a   b ".parse().expect("a value"));
        let signed = VANILLA.replace("host;x-amz-date", "host;x-amz-date;x-two");
        headers.insert("authorization", signed.parse().expect("a value"));
        let mut sent = Sent {
            method: &Method::POST,
            uri: &uri,
            headers: &headers,
            body: b"{}",
        };
        assert_eq!(verify(sent, SECRET, now(0)), Err(Fault::Mismatch));
        let anew = resigned(sent, SECRET).expect("it was signed");
        let mut headers = headers.clone();
        headers.insert("authorization", anew.parse().expect("a value"));
        sent.headers = &headers;
        assert_eq!(verify(sent, SECRET, now(0)), Ok(()));
        assert_eq!(verify(sent, "another", now(0)), Err(Fault::Mismatch));
        sent.body = b"{ }";
        assert_eq!(verify(sent, SECRET, now(0)), Err(Fault::Mismatch));
        assert_eq!(access_key(sent).as_deref(), Some("AKIDEXAMPLE"));
    }

    /// The presigned URL of the S3 user guide, with its example keys.
    #[test]
    fn a_presigned_url_is_good_as_long_as_it_says() {
        const URL: &str = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
        const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let made = SystemTime::UNIX_EPOCH + Duration::from_secs(1_369_353_600);
        let (uri, headers) = (
            URL.parse().expect("a URI"),
            map(&[("host", "examplebucket.s3.amazonaws.com")]),
        );
        let sent = Sent {
            method: &Method::GET,
            uri: &uri,
            headers: &headers,
            body: b"",
        };
        assert_eq!(
            verify(sent, KEY, made + Duration::from_secs(86_400)),
            Ok(())
        );
        assert_eq!(
            verify(sent, KEY, made + Duration::from_secs(86_401)),
            Err(Fault::Expired)
        );
        let post = Sent {
            method: &Method::POST,
            ..sent
        };
        assert_eq!(verify(post, KEY, made), Err(Fault::Mismatch));
        // Whoever was given it adds nothing that would make it another request.
        for (name, value) in [
            ("x-amz-target", "DynamoDB_20120810.Scan"),
            ("content-type", "application/x-www-form-urlencoded"),
            (
                "content-type",
                "Application/X-WWW-Form-URLencoded; charset=utf-8",
            ),
        ] {
            let host = ("host", "examplebucket.s3.amazonaws.com");
            let headers = map(&[host, (name, value)]);
            let more = Sent {
                headers: &headers,
                body: b"Action=ListUsers",
                ..sent
            };
            let found = verify(more, KEY, made);
            assert!(
                matches!(found, Err(Fault::Incomplete(_))),
                "{value}: {found:?}"
            );
        }
    }
}
