//! What AWS's refusals mean and what to do about them: the one table of all waits.
//!
//! For a service and an operation (or any), codes and words say whether it is *not yet* (an earlier change
//! has not arrived everywhere), *busy* (one change at a time), *throttled*, *over quota*, or final. What
//! waiting cures is tried again below every request (`attempts`), each for a bounded time and under
//! a name that the progress shows. Nothing here sends or waits.
//!
//! Where a row rests on more than the service's model or API reference, it says on what.

use super::answer::Answer;
use super::wait::Patience;

/// What an answer means for what we do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The resource isn't there.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// Something just made or removed isn't known everywhere yet.
    Propagation,
    /// The resource is busy with an earlier change.
    Busy,
    /// Too many requests.
    Throttled,
    /// An account may have no more of them, or it may not be larger.
    OverQuota,
    /// No answer, or one that doesn't say whether it was done.
    Unanswered,
    /// These credentials may not do that.
    Denied,
    /// A condition on the write did not hold.
    ConditionFailed,
    /// It was not sent, for the lock it was to be sent under is lost.
    LeaseOver,
    /// Nothing a retry or another call would change.
    Other,
}

/// What is waited for, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wait {
    /// Completes "waiting for …".
    pub(super) what: &'static str,
    pub(super) patience: Patience,
}

/// What an answer means, and what is waited for before the request is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) class: Class,
    pub(super) wait: Option<Wait>,
}

/// What was asked of whom, in the SDK's names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) service: String,
    pub(super) operation: String,
}

const COGNITO: &str = "Cognito Identity Provider";
const CLOUDWATCH: &str = "CloudWatch";
const DYNAMODB: &str = "DynamoDB";
const IAM: &str = "IAM";
const LAMBDA: &str = "Lambda";
const LOGS: &str = "CloudWatch Logs";
const SES: &str = "SESv2";
const SQS: &str = "SQS";
const SSM: &str = "SSM";

/// A new role is known everywhere within some 10 seconds; a minute is beyond what has been seen.
const PROPAGATION: Patience = Patience::new(500, 3_000, 60);

/// Tables and functions take 3 to 20 seconds for a change; two minutes is what the SDKs' own waiters give one
/// that is in trouble.
const ONE_AT_A_TIME: Patience = Patience::new(500, 3_000, 120);

/// A queue's name is free again 60 seconds after the queue was deleted; half as long again, for clocks that differ.
const FREED_NAME: Patience = Patience::new(2_000, 10_000, 90);

/// Quotas are shared with the live application, so patience beats failing.
const THROTTLED: Patience = Patience::new(150, 5_000, 120).spread();

/// Longer than a service's hiccup, shorter than an outage.
const UNANSWERED: Patience = Patience::new(100, 5_000, 30).spread();

/// What never left this machine: a network that was just switched on, or nothing that will answer.
const UNREACHED: Patience = Patience::new(200, 1_000, 4);

/// How a service is waited for where no row says more.
struct Service {
    name: &'static str,
    busy: Wait,
    throttled: &'static str,
    unanswered: &'static str,
}

const fn service(
    name: &'static str,
    busy: &'static str,
    patience: Patience,
    throttled: &'static str,
    unanswered: &'static str,
) -> Service {
    let busy = Wait {
        what: busy,
        patience,
    };
    Service {
        name,
        busy,
        throttled,
        unanswered,
    }
}

const SERVICES: &[Service] = &[
    service(
        COGNITO,
        "the user pool to finish another change",
        PROPAGATION,
        "Cognito to take more requests",
        "Cognito to answer",
    ),
    service(
        CLOUDWATCH,
        "CloudWatch to finish another change",
        PROPAGATION,
        "CloudWatch to take more requests",
        "CloudWatch to answer",
    ),
    service(
        DYNAMODB,
        "the table to finish an earlier change",
        ONE_AT_A_TIME,
        "DynamoDB to take more requests",
        "DynamoDB to answer",
    ),
    service(
        IAM,
        "IAM to finish another change",
        PROPAGATION,
        "IAM to take more requests",
        "IAM to answer",
    ),
    service(
        LAMBDA,
        "the function to finish an earlier change",
        ONE_AT_A_TIME,
        "Lambda to take more requests",
        "Lambda to answer",
    ),
    service(
        LOGS,
        "CloudWatch Logs to finish another change",
        PROPAGATION,
        "CloudWatch Logs to take more requests",
        "CloudWatch Logs to answer",
    ),
    service(
        SES,
        "SES to finish another change",
        PROPAGATION,
        "SES to take more requests",
        "SES to answer",
    ),
    service(
        SQS,
        "SQS to finish another change",
        PROPAGATION,
        "SQS to take more requests",
        "SQS to answer",
    ),
    service(
        SSM,
        "SSM to finish another change",
        PROPAGATION,
        "SSM to take more requests",
        "SSM to answer",
    ),
];

/// For services that we only read from.
const ANY_SERVICE: Service = service(
    "",
    "AWS to finish another change",
    PROPAGATION,
    "AWS to take more requests",
    "AWS to answer",
);

/// A row of the table: the first that fits decides.
struct Rule {
    service: &'static str,
    /// Empty for all.
    operations: &'static [&'static str],
    codes: &'static [&'static str],
    /// One of them is in the message; empty for any message.
    words: &'static [&'static str],
    class: Class,
    wait: Option<Wait>,
}

const ANY: &[&str] = &[];

impl Rule {
    const fn new(
        service: &'static str,
        operations: &'static [&'static str],
        codes: &'static [&'static str],
        words: &'static [&'static str],
        class: Class,
    ) -> Self {
        Self {
            service,
            operations,
            codes,
            words,
            class,
            wait: None,
        }
    }

    const fn waits_for(self, what: &'static str, patience: Patience) -> Self {
        Self {
            wait: Some(Wait { what, patience }),
            ..self
        }
    }

    fn fits(&self, asked: &Asked, answer: &Answer) -> bool {
        self.service == asked.service
            && (self.operations.is_empty() || self.operations.contains(&asked.operation.as_str()))
            && self.codes.contains(&answer.code.as_str())
            && (self.words.is_empty()
                || self
                    .words
                    .iter()
                    .any(|words| answer.message.contains(words)))
    }
}

const RULES: &[Rule] = &[
    // One reason in two messages, the second only for a function with variables
    // (hashicorp/terraform-provider-aws#4633 and its list of what CreateFunction retries).
    Rule::new(
        LAMBDA,
        ANY,
        &["InvalidParameterValueException"],
        &[
            "cannot be assumed by Lambda",
            "KMS key is invalid for CreateGrant",
        ],
        Class::Propagation,
    )
    .waits_for("IAM to know the role", PROPAGATION),
    // No change is under way that would end.
    Rule::new(
        LAMBDA,
        &["DeleteFunction"],
        &["ResourceConflictException"],
        &["alias"],
        Class::Other,
    ),
    Rule::new(
        LAMBDA,
        ANY,
        &["InvalidParameterValueException"],
        &["throttled by EC2"],
        Class::Throttled,
    )
    .waits_for("Lambda to take more requests", THROTTLED),
    // Lambda tries out where failures are to go: the queue, and the role's right to send there, may be seconds old
    // (terraform-provider-aws `internal/service/lambda/function_event_invoke_config.go`, which retries both).
    Rule::new(
        LAMBDA,
        &["PutFunctionEventInvokeConfig"],
        &["InvalidParameterValueException"],
        &["destination ARN", "does not have permissions"],
        Class::Propagation,
    )
    .waits_for("IAM to know that failures may be sent", PROPAGATION),
    Rule::new(
        SQS,
        &["CreateQueue"],
        &["QueueDeletedRecently"],
        ANY,
        Class::Busy,
    )
    .waits_for("SQS to free the name of a deleted queue", FREED_NAME),
    // One code for a taken name and for a change under way, in Lambda and in DynamoDB.
    Rule::new(
        LAMBDA,
        ANY,
        &["ResourceConflictException"],
        &["already exist"],
        Class::AlreadyExists,
    ),
    // AddPermission and RemovePermission, when the policy changed under them.
    Rule::new(
        LAMBDA,
        ANY,
        &["PreconditionFailedException", "ResourceNotReadyException"],
        ANY,
        Class::Busy,
    )
    .waits_for("the function to finish an earlier change", ONE_AT_A_TIME),
    Rule::new(
        DYNAMODB,
        ANY,
        &["ResourceInUseException"],
        &["already exists"],
        Class::AlreadyExists,
    ),
    Rule::new(
        DYNAMODB,
        ANY,
        &["ContinuousBackupsUnavailableException"],
        ANY,
        Class::Busy,
    )
    .waits_for("the table's backups to be available", ONE_AT_A_TIME),
    // The control plane's word for too many tables in change at a time. The number of tables there may be
    // comes under the same code.
    Rule::new(
        DYNAMODB,
        ANY,
        &["LimitExceededException"],
        &["There is a limit of"],
        Class::OverQuota,
    ),
    Rule::new(DYNAMODB, ANY, &["LimitExceededException"], ANY, Class::Busy)
        .waits_for("DynamoDB to finish with other tables", ONE_AT_A_TIME),
    Rule::new(
        DYNAMODB,
        ANY,
        &["TransactionInProgressException"],
        ANY,
        Class::Busy,
    )
    .waits_for("DynamoDB to finish the transaction", PROPAGATION),
    // A table is ACTIVE a moment before everybody who serves it knows it.
    Rule::new(
        DYNAMODB,
        &[
            "PutItem",
            "TransactWriteItems",
            "UpdateContinuousBackups",
            "UpdateItem",
        ],
        &["ResourceNotFoundException", "TableNotFoundException"],
        ANY,
        Class::Propagation,
    )
    .waits_for("DynamoDB to know the table", Patience::new(500, 2_000, 15)),
    // IAM reads and writes lag behind its writes.
    Rule::new(
        IAM,
        &[
            "PutRolePolicy",
            "TagRole",
            "UntagRole",
            "UpdateAssumeRolePolicy",
            "UpdateRoleDescription",
        ],
        &["NoSuchEntity", "NoSuchEntityException"],
        ANY,
        Class::Propagation,
    )
    .waits_for("IAM to know the role", Patience::new(500, 3_000, 30)),
    // The policy is deleted and IAM doesn't know it yet (hashicorp/terraform-provider-aws#3222). Managed
    // policies that somebody attached are told in other words ("must detach all policies first").
    Rule::new(
        IAM,
        &["DeleteRole"],
        &["DeleteConflict", "DeleteConflictException"],
        &["must delete policies first"],
        Class::Propagation,
    )
    .waits_for("IAM to forget the role's policies", PROPAGATION),
    // Cognito tries the role for text messages out when it is told of it; terraform-provider-aws retries
    // both in each of the three operations.
    Rule::new(
        COGNITO,
        ANY,
        &[
            "InvalidSmsRoleTrustRelationshipException",
            "InvalidSmsRoleAccessPolicyException",
        ],
        ANY,
        Class::Propagation,
    )
    .waits_for("IAM to know the role for text messages", PROPAGATION),
    // DescribeUserPoolDomain answers of an unknown domain with an empty description, but
    // DeleteUserPoolDomain with this.
    Rule::new(
        COGNITO,
        ANY,
        &["InvalidParameterException"],
        &["does not exist", "No such domain"],
        Class::NotFound,
    ),
    Rule::new(
        COGNITO,
        ANY,
        &["InvalidParameterException"],
        &[
            "Domain already",
            "already has a domain",
            "already exists in user pool",
            "already has name",
        ],
        Class::AlreadyExists,
    ),
    Rule::new(SSM, ANY, &["TooManyUpdates"], ANY, Class::Busy)
        .waits_for("SSM to finish another change", PROPAGATION),
];

/// The SDK's list, without the codes that mean something else in services of ours.
const TOO_MANY: &[&str] = &[
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

const OVER_QUOTA: &[&str] = &[
    "CodeStorageExceededException",
    "LimitExceeded",
    "LimitExceededException",
    "LimitExceededFault",
    "ParameterLimitExceeded",
    "ParameterMaxVersionLimitExceeded",
    "PolicyLengthExceededException",
    "ServiceQuotaExceededException",
];

const NOT_FOUND: &[&str] = &[
    "NoSuchEntity",
    "NoSuchEntityException",
    "NotFoundException",
    "ParameterNotFound",
    "QueueDoesNotExist",
    "ResourceNotFound",
    "ResourceNotFoundException",
    // The not-found of DynamoDB's backup calls.
    "TableNotFoundException",
    "UserNotFoundException",
];

const ALREADY_EXISTS: &[&str] = &[
    "AlreadyExistsException",
    "DuplicateProviderException",
    "EntityAlreadyExists",
    "EntityAlreadyExistsException",
    "GroupExistsException",
    "ParameterAlreadyExists",
    "QueueNameExists",
    "ResourceAlreadyExistsException",
];

const BUSY: &[&str] = &[
    "ConcurrentModification",
    "ConcurrentModificationException",
    "EntityTemporarilyUnmodifiable",
    "EntityTemporarilyUnmodifiableException",
    "OperationAbortedException",
    "ResourceConflictException",
    "ResourceInUseException",
];

const DENIED: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
];

/// Why DynamoDB cancels a transaction that goes through when it is sent again (API reference of
/// TransactWriteItems).
const PASSING: &[&str] = &[
    "ProvisionedThroughputExceeded",
    "ThrottlingError",
    "TransactionConflict",
];

/// What AWS makes once more each time it is asked. An answer that was lost is never asked for again below:
/// who sends these looks first.
const MADE_ONCE: &[(&str, &[&str])] = &[(
    COGNITO,
    &[
        "AddUserPoolClientSecret",
        "CreateUserImportJob",
        "CreateUserPool",
        "CreateUserPoolClient",
    ],
)];

/// The quota behind an [`Class::OverQuota`], in the words of AWS's page of the service's quotas.
const QUOTAS: &[(&str, &str, &str)] = &[
    (CLOUDWATCH, "PutMetricAlarm", "metric alarms in a region"),
    (
        COGNITO,
        "AddCustomAttributes",
        "custom attributes of a user pool",
    ),
    (COGNITO, "CreateGroup", "groups of a user pool"),
    (
        COGNITO,
        "CreateIdentityProvider",
        "identity providers of a user pool",
    ),
    (
        COGNITO,
        "CreateResourceServer",
        "resource servers of a user pool",
    ),
    (COGNITO, "CreateUserPool", "user pools in a region"),
    (
        COGNITO,
        "CreateUserPoolClient",
        "app clients of a user pool",
    ),
    (
        COGNITO,
        "CreateUserPoolDomain",
        "custom domains in an account",
    ),
    (DYNAMODB, "CreateTable", "tables in a region"),
    (IAM, "CreateRole", "roles in an account"),
    (IAM, "PutRolePolicy", "size of a role's inline policies"),
    (IAM, "TagRole", "tags of a role"),
    (LAMBDA, "AddPermission", "size of a function's policy"),
    (LAMBDA, "CreateFunction", "function and layer storage"),
    (LAMBDA, "UpdateFunctionCode", "function and layer storage"),
    (LOGS, "CreateLogGroup", "log groups in a region"),
    (SES, "CreateConfigurationSet", "configuration sets"),
    (SES, "CreateEmailIdentity", "identities in a region"),
    (SES, "CreateEmailTemplate", "email templates in a region"),
    (SSM, "PutParameter", "parameters in a region"),
];

/// Operations that AWS takes once a second (their pages in the SES API reference), with what is waited for.
pub(super) fn pace(operation: &str) -> Option<(&'static str, std::time::Duration)> {
    let once_a_second = [
        "CreateEmailTemplate",
        "DeleteEmailTemplate",
        "UpdateEmailTemplate",
    ];
    let second = std::time::Duration::from_secs(1);
    once_a_second
        .contains(&operation)
        .then_some(("SES to take the next template", second))
}

/// What an answer that is an error means.
pub(super) fn judge(asked: &Asked, answer: &Answer) -> Verdict {
    let code = answer.code.as_str();
    let service = service_of(asked);
    let verdict = |class| Verdict { class, wait: None };
    let waiting = |class, what, patience| Verdict {
        class,
        wait: Some(Wait { what, patience }),
    };
    if code == "TransactionCanceledException" {
        let cancelled_by = |reason: &str| answer.reasons.iter().any(|one| one == reason);
        return if cancelled_by("ConditionalCheckFailed") {
            verdict(Class::ConditionFailed)
        } else if PASSING.iter().any(|reason| cancelled_by(reason)) {
            let what = "DynamoDB to take the transaction";
            waiting(Class::Busy, what, PROPAGATION)
        } else {
            verdict(Class::Other)
        };
    }
    if let Some(rule) = RULES.iter().find(|rule| rule.fits(asked, answer)) {
        return Verdict {
            class: rule.class,
            wait: rule.wait,
        };
    }
    match code {
        code if TOO_MANY.contains(&code) => waiting(Class::Throttled, service.throttled, THROTTLED),
        code if OVER_QUOTA.contains(&code) => verdict(Class::OverQuota),
        code if NOT_FOUND.contains(&code) => verdict(Class::NotFound),
        code if ALREADY_EXISTS.contains(&code) => verdict(Class::AlreadyExists),
        code if BUSY.contains(&code) => Verdict {
            class: Class::Busy,
            wait: Some(service.busy),
        },
        code if DENIED.contains(&code) => verdict(Class::Denied),
        "ConditionalCheckFailedException" => verdict(Class::ConditionFailed),
        _ if answer.status == 429 => waiting(Class::Throttled, service.throttled, THROTTLED),
        // What the SDKs count as a service that is in trouble.
        _ if matches!(answer.status, 500 | 502..=504) => unanswered(asked),
        "RequestTimeout" | "RequestTimeoutException" => unanswered(asked),
        _ => verdict(Class::Other),
    }
}

/// What it means that there is no answer, though the request may have arrived.
pub(super) fn unanswered(asked: &Asked) -> Verdict {
    let wait = Wait {
        what: service_of(asked).unanswered,
        patience: UNANSWERED,
    };
    Verdict {
        class: Class::Unanswered,
        wait: (!is_made_once(asked)).then_some(wait),
    }
}

/// What it means that the request can't have arrived.
pub(super) fn unreached(asked: &Asked) -> Verdict {
    let wait = Wait {
        what: service_of(asked).unanswered,
        patience: UNREACHED,
    };
    Verdict {
        class: Class::Unanswered,
        wait: Some(wait),
    }
}

/// How long the SDK's own reasons to send something again hold, such as a clock that is off.
pub(super) fn as_the_sdk_says(asked: &Asked) -> Wait {
    Wait {
        what: service_of(asked).unanswered,
        patience: UNANSWERED,
    }
}

/// The quota that was reached, where it is known.
pub(super) fn quota(asked: &Asked) -> Option<&'static str> {
    let mut quotas = QUOTAS.iter();
    quotas
        .find(|(service, operation, _)| *service == asked.service && *operation == asked.operation)
        .map(|&(_, _, name)| name)
}

fn is_made_once(asked: &Asked) -> bool {
    MADE_ONCE.iter().any(|(service, operations)| {
        *service == asked.service && operations.contains(&asked.operation.as_str())
    })
}

fn service_of(asked: &Asked) -> &'static Service {
    let mut services = SERVICES.iter();
    services
        .find(|service| service.name == asked.service)
        .unwrap_or(&ANY_SERVICE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Service, operation, code, message; and what they mean, with what is waited for.
    type Row = (
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        Class,
        Option<&'static str>,
    );

    fn asked(service: &str, operation: &str) -> Asked {
        Asked {
            service: service.to_owned(),
            operation: operation.to_owned(),
        }
    }

    fn answer(status: u16, code: &str, message: &str) -> Answer {
        Answer {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            reasons: Vec::new(),
        }
    }

    #[test]
    fn the_same_words_mean_what_they_mean_in_their_service() {
        let rows: &[Row] = &[
            (
                LAMBDA,
                "CreateFunction",
                "InvalidParameterValueException",
                "The role defined for the function cannot be assumed by Lambda.",
                Class::Propagation,
                Some("IAM to know the role"),
            ),
            (
                LAMBDA,
                "CreateFunction",
                "InvalidParameterValueException",
                "Lambda was unable to configure access to your environment variables because the KMS key is \
                 invalid for CreateGrant. Please check your KMS key settings. KMS Exception: \
                 InvalidArnException KMS Message: ARN does not refer to a valid principal",
                Class::Propagation,
                Some("IAM to know the role"),
            ),
            (
                LAMBDA,
                "CreateFunction",
                "InvalidParameterValueException",
                "Unzipped size must be smaller",
                Class::Other,
                None,
            ),
            (
                LAMBDA,
                "CreateFunction",
                "ResourceConflictException",
                "Function already exist: acme-dev-confirm-user",
                Class::AlreadyExists,
                None,
            ),
            (
                LAMBDA,
                "PutFunctionEventInvokeConfig",
                "InvalidParameterValueException",
                "The function's execution role does not have permissions to call SendMessage on arn:aws:sqs:…",
                Class::Propagation,
                Some("IAM to know that failures may be sent"),
            ),
            (
                LAMBDA,
                "PutFunctionEventInvokeConfig",
                "InvalidParameterValueException",
                "The destination ARN arn:aws:sqs:… is invalid.",
                Class::Propagation,
                Some("IAM to know that failures may be sent"),
            ),
            (
                SQS,
                "CreateQueue",
                "QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
                Class::Busy,
                Some("SQS to free the name of a deleted queue"),
            ),
            (
                SQS,
                "GetQueueUrl",
                "QueueDoesNotExist",
                "The specified queue does not exist.",
                Class::NotFound,
                None,
            ),
            (
                LAMBDA,
                "AddPermission",
                "ResourceConflictException",
                "The statement id (P) provided already exists. Please provide a new statement id, or remove \
                 the existing statement.",
                Class::AlreadyExists,
                None,
            ),
            (
                LAMBDA,
                "UpdateFunctionCode",
                "ResourceConflictException",
                "The operation cannot be performed at this time. An update is in progress for resource",
                Class::Busy,
                Some("the function to finish an earlier change"),
            ),
            (
                LAMBDA,
                "CreateFunction",
                "CodeStorageExceededException",
                "Code storage limit exceeded.",
                Class::OverQuota,
                None,
            ),
            (
                DYNAMODB,
                "CreateTable",
                "LimitExceededException",
                "Subscriber limit exceeded: Only 10 tables can be created, updated, or deleted simultaneously",
                Class::Busy,
                Some("DynamoDB to finish with other tables"),
            ),
            (
                IAM,
                "CreateRole",
                "LimitExceeded",
                "Cannot exceed quota for RolesPerAccount: 1000",
                Class::OverQuota,
                None,
            ),
            (
                COGNITO,
                "CreateUserPool",
                "LimitExceededException",
                "Exceeded the limit of user pools",
                Class::OverQuota,
                None,
            ),
            (
                IAM,
                "DeleteRole",
                "DeleteConflict",
                "Cannot delete entity, must delete policies first.",
                Class::Propagation,
                Some("IAM to forget the role's policies"),
            ),
            (
                IAM,
                "DeleteRole",
                "DeleteConflict",
                "Cannot delete entity, must detach all policies first.",
                Class::Other,
                None,
            ),
            (
                IAM,
                "PutRolePolicy",
                "NoSuchEntity",
                "The role with name x cannot be found.",
                Class::Propagation,
                Some("IAM to know the role"),
            ),
            (
                IAM,
                "GetRole",
                "NoSuchEntity",
                "The role with name x cannot be found.",
                Class::NotFound,
                None,
            ),
            (
                DYNAMODB,
                "DescribeContinuousBackups",
                "TableNotFoundException",
                "Table not found: t",
                Class::NotFound,
                None,
            ),
            (
                COGNITO,
                "UpdateUserPoolClient",
                "ConcurrentModificationException",
                "",
                Class::Busy,
                Some("the user pool to finish another change"),
            ),
            (
                SES,
                "CreateEmailTemplate",
                "TooManyRequestsException",
                "Too many requests",
                Class::Throttled,
                Some("SES to take more requests"),
            ),
        ];
        for (service, operation, code, message, class, what) in rows {
            let verdict = judge(&asked(service, operation), &answer(400, code, message));
            let waits = verdict.wait.map(|wait| wait.what);
            assert_eq!(
                (verdict.class, waits),
                (*class, *what),
                "{operation} {code}"
            );
        }
    }

    #[test]
    fn a_cancelled_transaction_is_told_by_its_reasons() {
        let cancelled = |reasons: &[&str]| {
            let mut answer = answer(400, "TransactionCanceledException", "Transaction cancelled");
            answer.reasons = reasons.iter().map(|&reason| reason.to_owned()).collect();
            judge(&asked(DYNAMODB, "TransactWriteItems"), &answer)
        };
        let (none, taken) = ("None", "ConditionalCheckFailed");
        assert_eq!(cancelled(&[none, taken]).class, Class::ConditionFailed);
        for passing in PASSING {
            let verdict = cancelled(&[none, passing]);
            assert_eq!(verdict.class, Class::Busy, "{passing}");
            assert!(verdict.wait.is_some(), "{passing}");
        }
        // What can't hold needs no second try.
        assert_eq!(
            cancelled(&["TransactionConflict", taken]).class,
            Class::ConditionFailed
        );
        assert_eq!(cancelled(&["ValidationError"]).class, Class::Other);
        assert_eq!(cancelled(&[]).class, Class::Other);
    }

    #[test]
    fn a_create_that_makes_another_is_not_sent_blindly() {
        let trouble = answer(500, "InternalErrorException", "");
        for operation in ["CreateUserPool", "CreateUserPoolClient"] {
            let asked = asked(COGNITO, operation);
            for verdict in [judge(&asked, &trouble), unanswered(&asked)] {
                let unsure = (Class::Unanswered, None);
                assert_eq!((verdict.class, verdict.wait), unsure, "{operation}");
            }
            // A definite no may be asked again, and so may what never arrived.
            let throttled = answer(400, "TooManyRequestsException", "");
            assert!(judge(&asked, &throttled).wait.is_some());
            assert!(unreached(&asked).wait.is_some());
        }
        let update = asked(COGNITO, "UpdateUserPool");
        assert!(judge(&update, &trouble).wait.is_some());
    }

    #[test]
    fn every_wait_is_bounded_and_says_what_for() {
        let rules = RULES.iter().filter_map(|rule| rule.wait);
        let services = SERVICES.iter().chain([&ANY_SERVICE]);
        for wait in rules.chain(services.map(|service| service.busy)) {
            let total: std::time::Duration = wait.patience.pauses().sum();
            assert!(total.as_secs() <= 120, "{wait:?}");
            assert!(
                !wait.what.ends_with('.') && wait.what.contains(" to "),
                "{wait:?}"
            );
        }
    }
}
