//! `AWS::Lambda::Function`, `AWS::Lambda::Permission` and `AWS::Lambda::EventInvokeConfig`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::expr::{Expr, Tag};
use super::rules::{Compare, Mutability, Replacement, Rules};

/// `AWS::Lambda::Function` on `provided.al2023`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Function<S = Expr> {
    /// Up to 64 characters, unique in account and region.
    pub function_name: String,
    /// What it is for.
    pub description: String,
    /// ARN of the execution role.
    pub role: S,
    /// `provided.al2023`.
    pub runtime: String,
    /// `bootstrap`; an OS-only runtime ignores it, but the API wants one.
    pub handler: String,
    /// Exactly one: `arm64` or `x86_64`.
    pub architectures: Vec<String>,
    /// MB.
    pub memory_size: u32,
    /// Seconds. Cognito waits 5 at most.
    pub timeout: u32,
    /// Environment variables.
    pub environment: Environment<S>,
    /// The deployment package.
    pub code: Code<S>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// Environment variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Environment<S = Expr> {
    /// By name.
    pub variables: BTreeMap<String, S>,
}

/// The deployment package.
///
/// CloudFormation reads it from a bucket; both fields are template parameters. The direct engine
/// answers the key's parameter with Lambda's own `CodeSha256` and sends the bytes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code<S = Expr> {
    /// The artifact bucket.
    #[serde(rename = "S3Bucket")]
    pub s3_bucket: S,
    /// The package's key in it.
    #[serde(rename = "S3Key")]
    pub s3_key: S,
}

/// The template parameter that names the artifact bucket.
pub const ARTIFACT_BUCKET: &str = "ArtifactBucket";

/// What the direct engine answers for [`ARTIFACT_BUCKET`]: the package travels in the request.
pub const SENT_DIRECTLY: &str = "direct";

pub(super) const FUNCTION: Rules = Rules {
    type_name: "AWS::Lambda::Function",
    compare: &[
        ("Environment.Variables", Compare::Map),
        ("Code", Compare::Digest("S3Key")),
        ("Tags", Compare::Tags),
    ],
    mutability: &[("FunctionName", Mutability::Replace)],
    replacement: Replacement::DeleteFirst,
    deferred: &[],
};

/// `AWS::Lambda::Permission`: one statement of a function's resource policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Permission<S = Expr> {
    /// The function's name.
    pub function_name: S,
    /// `lambda:InvokeFunction`.
    pub action: String,
    /// The service that may invoke.
    pub principal: String,
    /// The one resource that may invoke.
    pub source_arn: S,
    /// The account of that resource; closes the confused-deputy gap.
    pub source_account: S,
}

pub(super) const PERMISSION: Rules = Rules {
    type_name: "AWS::Lambda::Permission",
    compare: &[],
    // Every property is create-only in CloudFormation, and the API has no update either.
    mutability: &[
        ("FunctionName", Mutability::Replace),
        ("Action", Mutability::Replace),
        ("Principal", Mutability::Replace),
        ("SourceArn", Mutability::Replace),
        ("SourceAccount", Mutability::Replace),
    ],
    replacement: Replacement::DeleteFirst,
    deferred: &[],
};

/// `AWS::Lambda::EventInvokeConfig`: how often and how long an asynchronous invocation is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EventInvokeConfig<S = Expr> {
    /// The function's name.
    pub function_name: S,
    /// `$LATEST`, or a version or alias.
    pub qualifier: String,
    /// Attempts after the first, 0 to 2; Lambda waits one minute before the first and two before the second.
    pub maximum_retry_attempts: u32,
    /// How long an event may wait in Lambda's queue, 60 to 21600: while the function is throttled,
    /// Lambda keeps trying for this long.
    pub maximum_event_age_in_seconds: u32,
}

/// The qualifier of the function itself, beside its versions.
pub const LATEST: &str = "$LATEST";

pub(super) const EVENT_INVOKE_CONFIG: Rules = Rules {
    type_name: "AWS::Lambda::EventInvokeConfig",
    compare: &[],
    mutability: &[
        ("FunctionName", Mutability::Replace),
        ("Qualifier", Mutability::Replace),
    ],
    replacement: Replacement::DeleteFirst,
    deferred: &[],
};
