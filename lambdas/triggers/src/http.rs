//! Plain HTTP for what needs no SDK crate: the same connection pool and TLS the SDK clients use, so that
//! nothing more is compiled in and no certificates are read twice.

use std::fmt;
use std::time::Duration;

use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::date_time::{DateTime, Format};

/// An answer is read up to here. What we ask for is answered in a few hundred bytes; the rest of a page
/// from a captive proxy is of no interest.
const LONGEST_ANSWER: usize = 256 * 1024;

/// Sends requests over one pool of connections.
#[derive(Debug, Clone)]
pub struct Http(SharedHttpConnector);

/// What a server answered, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// What `Retry-After` asks for, counted from the answer.
    pub retry_after: Option<Duration>,
}

/// Why there is no answer. The text names neither the address asked nor what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// It took longer than it was given.
    Timeout,
    /// The connection could not be made, broke, or carried something other than HTTP.
    Broken,
    /// The request itself is impossible, such as a URL that is none.
    Impossible,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "no answer in time",
            Self::Broken => "the connection failed",
            Self::Impossible => "the request is not a valid one",
        })
    }
}

impl Http {
    /// A pool of its own. Without TLS it reaches `http://` addresses only, and reads no certificates.
    pub fn new(with_tls: bool) -> Self {
        let connector = Connector::builder();
        Self(SharedHttpConnector::new(if with_tls {
            connector
                .tls_provider(tls::Provider::Rustls(
                    tls::rustls_provider::CryptoMode::Ring,
                ))
                .build()
        } else {
            connector.build_http()
        }))
    }

    /// What the SDK clients are given, so that they share the pool.
    pub(crate) fn connector(&self) -> SharedHttpConnector {
        self.0.clone()
    }

    /// Sends a request and reads the answer, all of it within this time. Sent again once when the
    /// connection breaks: between two events Lambda freezes a function for minutes, and servers hang up
    /// on connections that keep still that long. What is sent must bear being sent twice.
    pub async fn send(
        &self,
        request: http::Request<Vec<u8>>,
        within: Duration,
    ) -> Result<Answer, Unanswered> {
        let answer = async {
            match self.exchange(request.clone()).await {
                Err(Unanswered::Broken) => self.exchange(request).await,
                outcome => outcome,
            }
        };
        tokio::time::timeout(within, answer)
            .await
            .unwrap_or(Err(Unanswered::Timeout))
    }

    async fn exchange(&self, request: http::Request<Vec<u8>>) -> Result<Answer, Unanswered> {
        let request = request
            .map(SdkBody::from)
            .try_into()
            .map_err(|_| Unanswered::Impossible)?;
        let response = self.0.call(request).await.map_err(|error| {
            if error.is_user() {
                Unanswered::Impossible
            } else if error.is_timeout() {
                Unanswered::Timeout
            } else {
                Unanswered::Broken
            }
        })?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(wait);
        let mut body = Vec::new();
        let mut stream = ByteStream::new(response.into_body());
        while let Some(bytes) = stream.next().await {
            body.extend_from_slice(&bytes.map_err(|_| Unanswered::Broken)?);
            if body.len() > LONGEST_ANSWER {
                break;
            }
        }
        Ok(Answer {
            status,
            body,
            retry_after,
        })
    }
}

impl Answer {
    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; `None` when it is something else.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// The two spellings of `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn wait(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::from_str(value.trim(), Format::HttpDate).ok()?;
    let now = DateTime::from(std::time::SystemTime::now());
    let seconds = until.secs().saturating_sub(now.secs()).max(0);
    Some(Duration::from_secs(seconds.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_both_spellings() {
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(
            wait("Fri, 31 Dec 1999 23:59:59 GMT"),
            Some(Duration::ZERO),
            "a date gone by asks for nothing"
        );
        assert!(wait("Fri, 31 Dec 2999 23:59:59 GMT") > Some(Duration::from_secs(86_400)));
        assert_eq!(wait("soon"), None);
    }
}
