//! What an AWS error means, decided once, by its code. The few errors that only their words tell apart
//! are matched here and nowhere else.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;
use aws_types::request_id::RequestId;

use saasauth_model::error::{Error, ErrorKind};

/// What an error means for what we do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The resource isn't there.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// Something just made isn't known everywhere yet: try again.
    Propagation,
    /// The resource is busy with an earlier change: try again.
    Busy,
    /// These credentials may not do that.
    Denied,
    /// A condition on the write did not hold.
    ConditionFailed,
    /// Nothing a retry or another call would change.
    Other,
}

/// One failed AWS request.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What it means.
    pub class: Class,
    /// AWS's code, such as `ResourceNotFoundException`.
    pub code: Option<String>,
    /// AWS's words, or why there was no answer.
    pub message: String,
    /// AWS's request ID, for their support.
    pub request_id: Option<String>,
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
        }
    }

    /// As the cause line of an error: code, words, request ID.
    pub fn cause(&self) -> String {
        let mut text = match &self.code {
            Some(code) if self.message.is_empty() => code.clone(),
            Some(code) => format!("{code}: {}", self.message),
            None => self.message.clone(),
        };
        if let Some(id) = &self.request_id {
            text.push_str(&format!(" (request {id})"));
        }
        text
    }

    /// As an error, for what was being done.
    pub fn while_doing(&self, doing: impl Into<String>) -> Error {
        let error = Error::new(ErrorKind::Aws, doing).with_cause(self.cause());
        match self.hint() {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }

    fn hint(&self) -> Option<String> {
        let code = self.code.as_deref().unwrap_or_default();
        if matches!(
            code,
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired"
        ) {
            return Some("sign in to AWS again, for example with `aws sso login`".to_owned());
        }
        if matches!(
            code,
            "UnrecognizedClientException" | "InvalidClientTokenId" | "SignatureDoesNotMatch"
        ) {
            return Some("check the credentials, or choose others with `--profile`".to_owned());
        }
        if self.class == Class::Denied {
            return Some(
                "give these credentials the right to do that, or use others with `--profile`"
                    .to_owned(),
            );
        }
        if code.is_empty() && self.message.contains("onnection refused") {
            return Some("nothing answers there; check the network, or `--endpoint-url` and `AWS_ENDPOINT_URL`".to_owned());
        }
        if code.is_empty() && self.message.contains("credential") {
            return Some("sign in to AWS, or choose a profile with `--profile`; `--stage local` needs no account".to_owned());
        }
        None
    }
}

/// Decides by code first, by words where codes are shared.
fn class(code: &str, message: &str) -> Class {
    match code {
        "ResourceNotFoundException"
        | "ResourceNotFound"
        | "NoSuchEntity"
        | "NoSuchEntityException"
        | "NotFoundException"
        | "ParameterNotFound"
        | "UserNotFoundException" => Class::NotFound,
        // Cognito answers DescribeUserPoolDomain of an unknown domain with an empty description, but
        // DeleteUserPoolDomain with this.
        "InvalidParameterException"
            if message.contains("does not exist") || message.contains("No such domain") =>
        {
            Class::NotFound
        }
        "EntityAlreadyExists"
        | "EntityAlreadyExistsException"
        | "ResourceAlreadyExistsException"
        | "AlreadyExistsException"
        | "ParameterAlreadyExists"
        | "GroupExistsException" => Class::AlreadyExists,
        "InvalidParameterException" if message.contains("Domain already") => Class::AlreadyExists,
        // DynamoDB and Lambda use one code both for a taken name and for a change under way.
        "ResourceInUseException" if message.contains("already exists") => Class::AlreadyExists,
        "ResourceConflictException"
            if message.contains("already exist") || message.contains("The statement id") =>
        {
            Class::AlreadyExists
        }
        "ResourceConflictException"
        | "ResourceInUseException"
        | "ConcurrentModificationException"
        | "ConcurrentModification"
        | "OperationAbortedException"
        | "ContinuousBackupsUnavailableException"
        | "TransactionInProgressException" => Class::Busy,
        // IAM is eventually consistent: a new role is unknown to the others for some seconds.
        "InvalidParameterValueException" if message.contains("cannot be assumed by Lambda") => {
            Class::Propagation
        }
        "InvalidSmsRoleTrustRelationshipException" | "InvalidSmsRoleAccessPolicyException" => {
            Class::Propagation
        }
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => Class::Denied,
        "ConditionalCheckFailedException" | "TransactionCanceledException" => {
            Class::ConditionFailed
        }
        _ => Class::Other,
    }
}

impl<E, R> From<SdkError<E, R>> for Fault
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
    SdkError<E, R>: RequestId,
{
    fn from(error: SdkError<E, R>) -> Self {
        let request_id = error.request_id().map(str::to_owned);
        if let Some((service, code)) = error
            .as_service_error()
            .and_then(|service| Some((service, service.code()?.to_owned())))
        {
            let message = service.message().unwrap_or_default().trim().to_owned();
            return Self {
                class: class(&code, &message),
                code: Some(code),
                message,
                request_id,
            };
        }
        // No answer from the service, or none that can be read: what went wrong stands in the chain of sources.
        // The SDK's own wrappers say no more than that there is a cause.
        const WRAPPERS: [&str; 5] = [
            "service error",
            "unhandled error",
            "dispatch failure",
            "other",
            "",
        ];
        let mut parts: Vec<String> = Vec::new();
        let mut next: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = next {
            // A list of every place where credentials could have been takes several lines.
            let text = error.to_string();
            let text = text
                .lines()
                .next()
                .unwrap_or_default()
                .trim_end_matches(" Attempted:");
            if !WRAPPERS.contains(&text) && !parts.iter().any(|part| part == text) {
                parts.push(text.to_owned());
            }
            next = error.source();
        }
        Self {
            class: Class::Other,
            code: None,
            message: parts.join(": "),
            request_id,
        }
    }
}

/// A request that lacks what it must have is our mistake, found before it is sent.
impl From<BuildError> for Fault {
    fn from(error: BuildError) -> Self {
        Self::ours(error.to_string())
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

    #[test]
    fn codes_shared_by_two_meanings_are_told_apart() {
        assert_eq!(
            class(
                "ResourceConflictException",
                "Function already exist: acme-dev-confirm-user"
            ),
            Class::AlreadyExists
        );
        assert_eq!(
            class(
                "ResourceConflictException",
                "The operation cannot be performed at this time. An update is in progress for resource"
            ),
            Class::Busy
        );
        assert_eq!(
            class(
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda."
            ),
            Class::Propagation
        );
        assert_eq!(
            class(
                "InvalidParameterValueException",
                "Unzipped size must be smaller"
            ),
            Class::Other
        );
    }

    #[test]
    fn a_fault_reads_as_one_cause() {
        let fault = Fault {
            class: Class::Other,
            code: Some("ValidationException".to_owned()),
            message: "bad".to_owned(),
            request_id: Some("1-2".to_owned()),
        };
        assert_eq!(fault.cause(), "ValidationException: bad (request 1-2)");
    }
}
