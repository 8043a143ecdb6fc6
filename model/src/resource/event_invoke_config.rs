//! `AWS::Lambda::EventInvokeConfig`.

use serde::{Deserialize, Serialize};

use super::expr::{Expr, Phase};
use super::rules::{Identity, Mutability, Part, Replacement, Rules};
use super::{Kind, ResourceType};

/// `AWS::Lambda::EventInvokeConfig`: how often and how long an asynchronous invocation is tried again, and where it goes
/// then.
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
    /// Where a record of an invocation goes.
    pub destination_config: DestinationConfig<S>,
}

/// Where the records of asynchronous invocations go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct DestinationConfig<S = Expr> {
    /// Of one that failed each time it was tried, or was too old to be tried.
    pub on_failure: Destination<S>,
}

/// A queue, a topic, a bus, a bucket or a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Destination<S = Expr> {
    /// Its ARN.
    pub destination: S,
}

/// The qualifier of the function itself, beside its versions.
pub const LATEST: &str = "$LATEST";

impl<S: Phase> ResourceType for EventInvokeConfig<S> {
    const RULES: Rules = Rules {
        mutability: &[
            ("FunctionName", Mutability::Replace),
            ("Qualifier", Mutability::Replace),
        ],
        replacement: Replacement::DeleteFirst,
        identity: Identity::Named(&[
            Part::Property("/FunctionName"),
            Part::Property("/Qualifier"),
        ]),
        // It is one of the function's settings.
        goes_with: Some(Kind::Function),
        deleted_before: &[Kind::Function],
        ..Rules::of("AWS::Lambda::EventInvokeConfig")
    };
}
