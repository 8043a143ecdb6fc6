//! Functions: CreateFunction, UpdateFunctionConfiguration, and where their failures go.

use serde_json::Value;

use super::iam::{allows_on, lets_assume};
use super::pools::role_name;
use super::{Rule, When, refuse_if, text};

const INVALID: &str = "InvalidParameterValueException";
const DESTINATIONS: &[&str] = &[
    "PutFunctionEventInvokeConfig",
    "UpdateFunctionEventInvokeConfig",
];
const BOTH: &[&str] = &["CreateFunction", "UpdateFunctionConfiguration"];

/// Variables that Lambda sets itself: the guide, Defined runtime environment variables, the reserved ones.
const RESERVED: [&str; 17] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
];

/// All variables together: the guide, Lambda quotas.
const VARIABLES_SIZE: usize = 4096;

/// The longest a function may run, in seconds. The model has no end to it.
const LONGEST: i64 = 900;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "a role that Lambda can't assume",
        service: "lambda",
        operations: BOTH,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let arn = text(facts.input, "/Role")?;
                // A role of another account is refused in another way, and by the emulator.
                let account = arn.split(':').nth(4)?;
                if account != facts.scope.account() {
                    return None;
                }
                let role = facts.role(role_name(arn)).await;
                let context = [("aws:sourceaccount", account)];
                refuse_if(
                    !role.is_some_and(|role| lets_assume(&role, "lambda.amazonaws.com", &context)),
                    "The role defined for the function cannot be assumed by Lambda.",
                )
            })
        }),
        source: "aws/aws-sdk-js#4408; localstack/localstack, snapshots of its Lambda tests",
    },
    Rule {
        name: "a zip without a runtime or a handler",
        service: "lambda",
        operations: &["CreateFunction"],
        code: INVALID,
        when: When::Input(|input| {
            let is_image = input["PackageType"] == "Image";
            refuse_if(
                !is_image
                    && (text(input, "/Runtime").is_none() || text(input, "/Handler").is_none()),
                "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
            )
        }),
        source: "localstack/localstack, snapshots of its Lambda tests",
    },
    Rule {
        name: "a package that is no zip",
        service: "lambda",
        operations: &["CreateFunction", "UpdateFunctionCode"],
        code: INVALID,
        when: When::Input(|input| {
            let zip = text(input, "/Code/ZipFile").or_else(|| text(input, "/ZipFile"))?;
            // "PK", then one of its record marks, in base64.
            refuse_if(
                !zip.starts_with("UEs"),
                "Could not unzip uploaded file. Please check your file, then try to upload again.",
            )
        }),
        source: "localstack/localstack, snapshots of its Lambda tests",
    },
    Rule {
        name: "a variable that is Lambda's",
        service: "lambda",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            let variables = input.pointer("/Environment/Variables")?.as_object()?;
            let reserved: Vec<&str> = variables
                .keys()
                .map(String::as_str)
                .filter(|name| RESERVED.contains(name))
                .collect();
            if reserved.is_empty() {
                return None;
            }
            Some(format!(
                "Lambda was unable to configure your environment variables because the environment variables you have \
                 provided contains reserved keys that are currently not supported for modification. Reserved keys used \
                 in this request: {}",
                reserved.join(", ")
            ))
        }),
        source: "guide, Defined runtime environment variables",
    },
    Rule {
        name: "more variables than fit",
        service: "lambda",
        operations: BOTH,
        code: INVALID,
        when: When::Input(|input| {
            let variables = input.pointer("/Environment/Variables")?;
            let size = variables.to_string().len();
            refuse_if(
                size > VARIABLES_SIZE,
                "Lambda was unable to configure your environment variables because the environment variables you have \
                 provided exceeded the 4KB limit.",
            )
        }),
        source: "guide, Lambda quotas; the message goes on with the variables, which are left out here",
    },
    Rule {
        name: "a function that may run for longer than any",
        service: "lambda",
        operations: BOTH,
        code: "ValidationException",
        when: When::Input(|input| {
            let seconds = input.pointer("/Timeout").and_then(Value::as_i64)?;
            (seconds > LONGEST).then(|| {
                format!(
                    "1 validation error detected: Value '{seconds}' at 'timeout' failed to satisfy constraint: Member \
                     must have value less than or equal to {LONGEST}"
                )
            })
        }),
        source: "guide, Lambda quotas",
    },
    Rule {
        name: "failures to a queue that isn't there",
        service: "lambda",
        operations: DESTINATIONS,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let arn = queue_of_failures(facts.input)?;
                let name = arn.rsplit(':').next()?;
                (!facts.has_queue(name).await)
                    .then(|| format!("The destination ARN {arn} is invalid."))
            })
        }),
        source: "hashicorp/terraform-provider-aws, internal/service/lambda/function_event_invoke_config.go",
    },
    Rule {
        name: "failures to where the role may not send",
        service: "lambda",
        operations: DESTINATIONS,
        code: INVALID,
        when: When::Facts(|facts| {
            Box::pin(async {
                let arn = queue_of_failures(facts.input)?;
                let function = text(facts.input, "/FunctionName")?;
                let role = facts.role_of_function(function).await?;
                let role = facts.role(role_name(&role)).await?;
                (!allows_on(&role, "sqs:SendMessage", arn)).then(|| {
                    format!(
                        "The function's execution role does not have permissions to call SendMessage on {arn}"
                    )
                })
            })
        }),
        source: "hashicorp/terraform-provider-aws, internal/service/lambda/function_event_invoke_config.go",
    },
];

/// The queue that failures are to go to, if it is a queue.
fn queue_of_failures(input: &Value) -> Option<&str> {
    let arn = text(input, "/DestinationConfig/OnFailure/Destination")?;
    (arn.split(':').nth(2) == Some("sqs")).then_some(arn)
}
