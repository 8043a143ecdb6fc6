//! The marketing platforms: what each is told, and how its answers are read.
//!
//! Every call can be made twice without harm, and none brings back somebody who left. To add a platform,
//! add its settings to the contract, write its file, and add it to the list below.

mod beehiiv;
mod hubspot;
mod kit;
mod mailchimp;
mod webhook;

use std::time::Duration;

use http::request::Builder;
use http::{Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use saasauth_contract::marketing::{self, Secret};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::confirm_user::delivery::{Done, Failure, Person};
use crate::confirm_user::secrets::{self, Secrets};
use crate::http::{Answer, Http, Unanswered};

/// A platform's settings, and how to tell it of a person.
trait Tell: DeserializeOwned {
    /// Its name in the project file and in `pending`.
    const NAME: &'static str;

    /// The parameter that holds its key.
    fn secret(&self) -> &Secret;

    /// Tells it of the person.
    async fn tell(&self, line: &Line<'_>, key: &str, person: &Person) -> Result<Done, Failure>;
}

macro_rules! platforms {
    ($($platform:ident,)*) => {
        /// A marketing platform, with its settings.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Platform {
            $($platform(marketing::$platform),)*
        }

        impl Platform {
            /// Reads the settings of the platform of this name.
            pub(crate) fn from_json(name: &str, settings: Value) -> Option<Self> {
                $(if name == marketing::$platform::NAME {
                    return serde_json::from_value(settings).ok().map(Self::$platform);
                })*
                None
            }

            /// Its name in the project file and in `pending`.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$platform(_) => marketing::$platform::NAME,)* }
            }

            fn secret(&self) -> &str {
                match self { $(Self::$platform(platform) => &platform.secret().0,)* }
            }

            async fn tell(
                &self,
                line: &Line<'_>,
                key: &str,
                person: &Person,
            ) -> Result<Done, Failure> {
                match self { $(Self::$platform(platform) => platform.tell(line, key, person).await,)* }
            }
        }
    };
}

platforms![Beehiiv, Hubspot, Kit, Mailchimp, Webhook,];

impl Platform {
    /// Tells the platform of the person, within this time. A key the platform refuses is read once more,
    /// since it may have been rotated after it was remembered.
    pub(crate) async fn deliver(
        &self,
        http: &Http,
        secrets: &Secrets,
        person: &Person,
        within: Duration,
    ) -> Result<Done, Failure> {
        let line = Line { http, within };
        let key = secrets.get(self.secret()).await?;
        match self.told(&line, &key, person).await {
            Err(Failure::Unauthorised { .. }) if key.remembered => {
                secrets.forget(self.secret());
                let key = secrets.get(self.secret()).await?;
                self.told(&line, &key, person).await
            }
            outcome => outcome,
        }
    }

    async fn told(
        &self,
        line: &Line<'_>,
        key: &secrets::Secret,
        person: &Person,
    ) -> Result<Done, Failure> {
        self.tell(line, key.expose(), person).await
    }
}

/// Asks a platform's server.
struct Line<'a> {
    http: &'a Http,
    within: Duration,
}

impl Line<'_> {
    /// Sends the request; any answer of HTTP is an answer.
    async fn ask(&self, request: Builder, body: Option<&Value>) -> Result<Answer, Failure> {
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string().into_bytes()),
            None => request.body(Vec::new()),
        };
        let request = request.map_err(|_| impossible())?;
        self.send(request).await
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Answer, Failure> {
        self.http
            .send(request, self.within)
            .await
            .map_err(|why| match why {
                Unanswered::Impossible => impossible(),
                Unanswered::Timeout | Unanswered::Broken => Failure::passing(why.to_string()),
            })
    }
}

/// A request in the name of this product; some platforms refuse those that name none.
fn request(method: Method, url: String) -> Builder {
    Request::builder()
        .method(method)
        .uri(url)
        .header("accept", "application/json")
        .header(
            "user-agent",
            concat!("saasauth/", env!("CARGO_PKG_VERSION")),
        )
}

fn impossible() -> Failure {
    Failure::lasting("the endpoint or the key makes no valid request")
}

/// What an answer means when the platform's file knows nothing better.
fn judged(answer: Answer) -> Result<Answer, Failure> {
    let status = answer.status;
    if answer.is_success() {
        return Ok(answer);
    }
    let reason = match word(&answer) {
        Some(word) => format!("answered {status} ({word})"),
        None => format!("answered {status}"),
    };
    Err(match status {
        401 | 403 => Failure::Unauthorised { reason },
        // Payment due, or the list, the form or the receiver not there (yet, or under this name): all of
        // which somebody can see to without touching the person.
        402 | 404 => Failure::NotYet { reason },
        408 | 425 | 429 | 500.. => Failure::Passing {
            reason,
            after: answer.retry_after,
        },
        _ => Failure::Lasting { reason },
    })
}

/// The JSON of a good answer. Something else comes from a proxy or a page in between, so the platform may
/// not have heard of the person.
fn json(answer: Answer) -> Result<Value, Failure> {
    judged(answer)?
        .json()
        .filter(Value::is_object)
        .ok_or_else(|| Failure::passing("answered something other than JSON"))
}

/// The word an API gives an error by. The sentences beside it may quote the request, so they are left out.
fn word(answer: &Answer) -> Option<String> {
    let body = answer.json()?;
    let word = ["/title", "/category", "/errors/0/code", "/code"]
        .iter()
        .find_map(|path| body.pointer(path)?.as_str())?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " _-".contains(c);
    (word.len() <= 60 && word.chars().all(is_plain)).then(|| word.to_owned())
}

/// A text as one segment of a path.
fn segment(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Where an API is, without a slash at its end: what the project file says, or where it always is.
fn base<'a>(endpoint: &'a Option<String>, usual: &'a str) -> &'a str {
    endpoint.as_deref().unwrap_or(usual).trim_end_matches('/')
}

/// The person's address.
fn address(person: &Person) -> Result<&str, Failure> {
    let address = person.email.as_deref();
    address.ok_or_else(|| Failure::lasting("the user has no address"))
}

/// Lower-case hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.as_bytes().to_vec(),
            retry_after: Some(Duration::from_secs(9)),
        }
    }

    #[test]
    fn statuses_are_told_apart() {
        assert!(judged(answer(204, "")).is_ok());
        for status in [408, 425, 429, 500, 502, 503, 599] {
            let failure = judged(answer(status, "")).expect_err("it is no success");
            let after = Some(Duration::from_secs(9));
            let reason = format!("answered {status}");
            assert_eq!(failure, Failure::Passing { reason, after });
        }
        for status in [402, 404] {
            let failure = judged(answer(status, "")).expect_err("it is no success");
            assert!(matches!(failure, Failure::NotYet { .. }), "{status}");
        }
        for status in [301, 400, 410, 422] {
            let failure = judged(answer(status, "")).expect_err("it is no success");
            assert!(matches!(failure, Failure::Lasting { .. }), "{status}");
        }
        for status in [401, 403] {
            let failure = judged(answer(status, "")).expect_err("it is no success");
            assert!(matches!(failure, Failure::Unauthorised { .. }), "{status}");
        }
    }

    #[test]
    fn a_reason_quotes_no_sentence() {
        let body = r#"{"title":"Invalid Resource","detail":"ada@acme.com looks fake"}"#;
        let failure = judged(answer(400, body)).expect_err("it is no success");
        assert_eq!(failure, Failure::lasting("answered 400 (Invalid Resource)"));
        let body = r#"{"title":"ada@acme.com looks fake"}"#;
        let failure = judged(answer(400, body)).expect_err("it is no success");
        assert_eq!(failure, Failure::lasting("answered 400"));
    }

    #[test]
    fn a_page_is_no_answer() {
        assert!(json(answer(200, "<html>Welcome to our wifi</html>")).is_err());
        assert!(json(answer(200, "[]")).is_err());
        assert!(json(answer(200, "{}")).is_ok());
    }

    #[test]
    fn segments_are_escaped() {
        assert_eq!(segment("a+b@c.d/e"), "a%2Bb%40c.d%2Fe");
    }
}
