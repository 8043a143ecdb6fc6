//! A failed request as people and the rest of the tool see it. What it means is decided by the table in
//! `policy`.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;
use aws_types::request_id::RequestId;

use super::answer::Answer;
use super::attempts::disconnected;
use super::lease::LeaseOver;
pub use super::policy::Class;
use super::policy::{self, Asked, Verdict, Wait};
use saasauth_model::error::{Error, ErrorKind};

/// One failed AWS request.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What it means.
    pub class: Class,
    /// AWS's code, such as `ResourceNotFoundException`.
    pub code: Option<String>,
    /// AWS's words, or what is known where there was no answer.
    pub message: String,
    /// AWS's request ID, for their support.
    pub request_id: Option<String>,
    /// What it was made of: the SDK's error, or that of the step that found it.
    pub(super) source: Option<Arc<dyn StdError + Send + Sync>>,
    /// What was waited for, in vain.
    pub(super) waited: Option<Wait>,
    /// The quota that was reached, where that is known.
    pub(super) quota: Option<&'static str>,
}

/// The result of one AWS request.
pub type Result<T, E = Fault> = std::result::Result<T, E>;

impl Fault {
    /// A fault of our own finding, such as an answer that lacks what it must have.
    pub fn ours(message: impl Into<String>) -> Self {
        Self {
            class: Class::Other,
            code: None,
            message: message.into(),
            request_id: None,
            source: None,
            waited: None,
            quota: None,
        }
    }

    /// Says what it comes from.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// As causes of an error, nearest first: code, words and request ID on one line; then, where the
    /// service gave no answer, what the sources add to that.
    pub fn causes(&self) -> Vec<String> {
        let mut causes = vec![self.to_string()];
        if let Some(Wait { what, patience }) = self.waited {
            let seconds = patience.limit().as_secs();
            causes.push(format!("waited {seconds} s for {what}"));
        }
        if self.code.is_none() {
            for text in chain(self.source()) {
                if !causes.iter().any(|said| said.contains(&text)) {
                    causes.push(text);
                }
            }
        }
        causes
    }

    /// As an error, for what was being done.
    pub fn while_doing(&self, doing: impl Into<String>) -> Error {
        let error = Error::new(ErrorKind::Aws, doing);
        let error = self.causes().into_iter().fold(error, Error::with_cause);
        match self.hint() {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    fn hint(&self) -> Option<String> {
        let code = self.code.as_deref().unwrap_or_default();
        // Before all else that is said of signatures and tokens: with a wrong clock they are all wrong. The SDK corrects a
        // difference it learns of and tries again, so this is left when it could not.
        if self.is_clock_skew() {
            return Some(
                "set this machine's clock: it and AWS's differ by more than signatures allow"
                    .to_owned(),
            );
        }
        if matches!(
            code,
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired"
        ) {
            return Some(
                "these temporary credentials are over: sign in again with `aws sso login` or `aws login`, or put new ones where they came from"
                    .to_owned(),
            );
        }
        if code == "SignatureDoesNotMatch" {
            return Some("check the secret key, or choose others with `--profile`".to_owned());
        }
        // A region that isn't enabled for the account doesn't know its keys.
        if matches!(code, "UnrecognizedClientException" | "InvalidClientTokenId") {
            return Some("check the credentials, or choose others with `--profile`; and whether the account has the region enabled".to_owned());
        }
        // Cognito gives an identifier to one provider at a time, and deletions come last in a deploy.
        if code == "DuplicateProviderException" {
            return Some(
                "if an identifier moves between providers, take it from the one in a deploy of its own first"
                    .to_owned(),
            );
        }
        // Where it isn't known, it isn't one of things that can be deleted: sign-ins have such a limit, too.
        if let (Class::OverQuota, Some(quota)) = (self.class, self.quota) {
            return Some(format!(
                "the quota is `{quota}`: delete what nobody needs any more, or ask for more in Service Quotas"
            ));
        }
        // Every service says in words of its own that KMS let nobody use the key.
        let is_ours_to_name = matches!(
            code,
            "InvalidParameterException" | "InvalidParameterValueException" | "ValidationException"
        );
        if code.starts_with("KMS") || (is_ours_to_name && self.message.contains("KMS")) {
            return Some(
                "the key's policy has to let these credentials, the functions' roles and CloudWatch Logs use it: see the README, \"A key of your own\""
                    .to_owned(),
            );
        }
        if self.class == Class::Denied {
            return Some(
                "give these credentials the right to do that, or use others with `--profile`"
                    .to_owned(),
            );
        }
        let unanswered = |words: &str| {
            code.is_empty() && self.causes().iter().any(|cause| cause.contains(words))
        };
        if unanswered("tunnel error") {
            return Some(
                "the proxy let nothing through: check `HTTPS_PROXY`, its name and password, or except AWS's hosts in `NO_PROXY`"
                    .to_owned(),
            );
        }
        if unanswered("invalid peer certificate") {
            return Some(
                "if a proxy opens TLS connections here, name the file of its certificates in `AWS_CA_BUNDLE`"
                    .to_owned(),
            );
        }
        if unanswered("onnection refused") {
            return Some("nothing answers there; check the network and the proxy, or `--endpoint-url` and `AWS_ENDPOINT_URL`".to_owned());
        }
        if unanswered("credential") {
            return Some("sign in to AWS, or choose a profile with `--profile`; `--stage local` needs no account".to_owned());
        }
        None
    }
}

impl Fault {
    /// Whether AWS refused a signature for its time. The codes tell it or are shared with wrong keys; then the words do
    /// ("Signature not yet current: …", "Signature expired: …"; IAM User Guide, "Troubleshoot Signature Version 4").
    pub fn is_clock_skew(&self) -> bool {
        let code = self.code.as_deref().unwrap_or_default();
        let shared = matches!(
            code,
            "InvalidSignatureException"
                | "SignatureDoesNotMatch"
                | "AuthFailure"
                | "AccessDeniedException"
        );
        let words = ["Signature expired", "Signature not yet current"];
        matches!(code, "RequestTimeTooSkewed" | "RequestInTheFuture")
            || (shared && words.iter().any(|words| self.message.contains(words)))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) if self.message.is_empty() => f.write_str(code)?,
            Some(code) => write!(f, "{code}: {}", self.message)?,
            None => f.write_str(&self.message)?,
        }
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl StdError for Fault {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source: &(dyn StdError + 'static) = self.source.as_deref()?;
        Some(source)
    }
}

/// What an error and its sources say, one line each. The SDK's own wrappers say no more than that there
/// is a source.
fn chain<'a>(error: Option<&'a (dyn StdError + 'static)>) -> impl Iterator<Item = String> + 'a {
    const WRAPPERS: [&str; 5] = [
        "service error",
        "unhandled error",
        "dispatch failure",
        "other",
        "",
    ];
    let texts = std::iter::successors(error, |&error| error.source()).map(|error| {
        // A list of every place where credentials could have been takes several lines.
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        line.trim_end_matches(" Attempted:").to_owned()
    });
    texts.filter(|text| !WRAPPERS.contains(&text.as_str()))
}

impl<E> From<SdkError<E, HttpResponse>> for Fault
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let request_id = error.request_id().map(str::to_owned);
        let response = error.raw_response();
        let asked = response.and_then(|response| response.extension::<Asked>());
        let asked = asked.cloned().unwrap_or_default();
        let answer = response.and_then(Answer::of);
        let service = error
            .as_service_error()
            .and_then(|service| Some((service.code()?, service.message().unwrap_or_default())));
        let (code, message) = match service {
            Some((code, message)) => (Some(code.to_owned()), message.trim().to_owned()),
            // No answer from the service, or none that can be read: the sources say why.
            None => (None, chain(Some(&error)).next().unwrap_or_default()),
        };
        let verdict = match (&error, &answer) {
            _ if LeaseOver::is_behind(&error) => Verdict {
                class: Class::LeaseOver,
                wait: None,
            },
            (_, Some(answer)) => policy::judge(&asked, answer),
            (SdkError::TimeoutError(_) | SdkError::ResponseError(_), None) => {
                policy::unanswered(&asked)
            }
            (SdkError::DispatchFailure(failure), None) => match failure.as_connector_error() {
                Some(connector) => disconnected(&asked, connector),
                None => policy::judge(&asked, &Answer::default()),
            },
            _ => policy::judge(&asked, &Answer::default()),
        };
        Self {
            class: verdict.class,
            code,
            message,
            request_id,
            // That nothing answered is said by the error itself.
            waited: verdict.wait.filter(|_| verdict.class != Class::Unanswered),
            quota: policy::quota(&asked),
            source: Some(Arc::new(error)),
        }
    }
}

/// A request that lacks what it must have is our mistake, found before it is sent.
impl From<BuildError> for Fault {
    fn from(error: BuildError) -> Self {
        Self::ours("the request is not whole").with_source(error)
    }
}

/// Turns "not there" into `None`.
pub fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(fault) if fault.class == Class::NotFound => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Turns "not there" into success: what a delete wants.
pub fn gone<T>(result: Result<T>) -> Result<()> {
    found(result).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::replay;

    #[test]
    fn a_fault_reads_as_one_cause() {
        let fault = Fault {
            code: Some("ValidationException".to_owned()),
            request_id: Some("1-2".to_owned()),
            ..Fault::ours("bad")
        };
        assert_eq!(fault.causes(), ["ValidationException: bad (request 1-2)"]);
    }

    #[test]
    fn a_wrong_clock_is_told_from_wrong_and_from_expired_credentials() {
        let hint = |code: &str, message: &str| {
            let fault = Fault {
                code: Some(code.to_owned()),
                ..Fault::ours(message)
            };
            fault.while_doing("could not look").hints.join("")
        };
        for (code, message) in [
            (
                "SignatureDoesNotMatch",
                "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (20260101T001500Z - 5 min.)",
            ),
            (
                "InvalidSignatureException",
                "Signature not yet current: 20260101T001500Z is still later than 20260101T000500Z",
            ),
            (
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            ),
        ] {
            assert!(hint(code, message).contains("clock"), "{code}");
        }
        let wrong =
            "The request signature we calculated does not match the signature you provided.";
        assert!(hint("SignatureDoesNotMatch", wrong).starts_with("check the secret key"));
        let over = "The security token included in the request is expired";
        assert!(hint("ExpiredTokenException", over).contains("aws sso login"));
    }

    #[tokio::test]
    async fn what_aws_said_stays_at_hand_as_the_source() {
        use aws_sdk_cognitoidentityprovider::operation::describe_user_pool::DescribeUserPoolError;

        let refused = replay::error(400, "NotAuthorizedException", "no");
        let (aws, _) = replay::aws([refused]);
        let fault = aws.user_count("p").await.expect_err("it is refused");
        assert_eq!(fault.causes(), ["NotAuthorizedException: no"]);
        let mut sources = std::iter::successors(fault.source(), |&error| error.source());
        let typed = sources.find_map(|error| error.downcast_ref::<DescribeUserPoolError>());
        assert!(typed.is_some_and(DescribeUserPoolError::is_not_authorized_exception));
    }

    #[test]
    fn what_stands_between_us_and_aws_has_its_own_cure() {
        for (words, cure) in [
            ("tunnel error: proxy authorization required", "HTTPS_PROXY"),
            ("invalid peer certificate: UnknownIssuer", "AWS_CA_BUNDLE"),
        ] {
            let fault = Fault::ours("io error").with_source(std::io::Error::other(words));
            let error = fault.while_doing("could not look");
            assert!(error.hints[0].contains(cure), "{words}: {error:?}");
        }
    }

    #[test]
    fn without_an_answer_the_sources_are_the_causes() {
        let refused =
            std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
        let fault = Fault::ours("could not reach the service").with_source(refused);
        let error = fault.while_doing("could not look");
        assert_eq!(
            error.causes,
            ["could not reach the service", "connection refused"]
        );
        assert_eq!(error.hints.len(), 1, "{error:?}");
    }
}
