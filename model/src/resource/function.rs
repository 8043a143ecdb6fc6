//! `AWS::Lambda::Function`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ResourceType;
use super::expr::{Expr, Phase, Tag};
use super::rules::{Compare, Identity, Mutability, Part, Replacement, Rules};

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
    /// ARN of a key of one's own for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
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

impl<S: Phase> ResourceType for Function<S> {
    const RULES: Rules = Rules {
        compare: &[
            ("Environment.Variables", Compare::Map),
            ("Code", Compare::Digest("S3Key")),
            ("Tags", Compare::Tags),
        ],
        mutability: &[("FunctionName", Mutability::Replace)],
        replacement: Replacement::DeleteFirst,
        identity: Identity::Named(&[Part::Property("/FunctionName")]),
        // Lambda answers a create before the function is Active.
        settles: true,
        // The grant by which Lambda reads the variables is the role's, by its ID: one that was deleted and made
        // anew can't use it, and invocations fail. Another role and back makes Lambda grant anew; the same
        // again does not (serverless/examples#279; AWS's knowledge center on KMSAccessDeniedException).
        holds: Some(("Role", "RoleId")),
        ..Rules::of("AWS::Lambda::Function")
    };
}
