//! The service models: what requests AWS's services take, and what their parameters are held to.
//!
//! The tables are made by `extract.py` from botocore, of the version that all of them name. They are read once, when the
//! first request needs them.

mod check;

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use regex::Regex;
use serde::Deserialize;

pub(super) use self::check::{Violation, violations};

/// Each service's table, by its name in botocore.
const TABLES: [(&str, &str); 11] = [
    ("cloudwatch", include_str!("cloudwatch.json")),
    ("cognito-idp", include_str!("cognito-idp.json")),
    ("dynamodb", include_str!("dynamodb.json")),
    ("iam", include_str!("iam.json")),
    ("lambda", include_str!("lambda.json")),
    ("logs", include_str!("logs.json")),
    (
        "resourcegroupstaggingapi",
        include_str!("resourcegroupstaggingapi.json"),
    ),
    ("sesv2", include_str!("sesv2.json")),
    ("sqs", include_str!("sqs.json")),
    ("ssm", include_str!("ssm.json")),
    ("sts", include_str!("sts.json")),
];

static MODELS: LazyLock<BTreeMap<&str, Service>> = LazyLock::new(|| {
    let tables = TABLES.into_iter();
    let read = tables.filter_map(|(name, table)| {
        // A test reads all of them.
        let mut service: Service = serde_json::from_str(table).ok()?;
        service.name = name;
        Some((name, service))
    });
    read.collect()
});

/// A service.
#[derive(Debug, Deserialize)]
pub(super) struct Service {
    /// As a signature names it, but for SES, Logs and CloudWatch: see [`signed_as`].
    #[serde(skip)]
    pub(super) name: &'static str,
    pub(super) protocol: Protocol,
    /// What stands before the operation in `X-Amz-Target`, and in the path of RPC v2.
    #[serde(default)]
    pub(super) target: String,
    /// Of the XML that the query protocol answers with.
    #[serde(default)]
    pub(super) namespace: String,
    /// The HTTP status of errors that aren't a 400.
    errors: BTreeMap<String, u16>,
    pub(super) operations: BTreeMap<String, Operation>,
    shapes: BTreeMap<String, Shape>,
}

/// How a service is spoken to, where the request doesn't tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Protocol {
    Json,
    RestJson,
    Query,
    SmithyRpcV2Cbor,
}

#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    /// Method and path of a REST operation, such as `GET /2015-03-31/functions/{FunctionName}`.
    #[serde(default)]
    pub(super) http: String,
    #[serde(default)]
    pub(super) input: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Structure,
    List,
    Map,
    String,
    Boolean,
    Integer,
    Long,
    Float,
    Double,
    Timestamp,
    Blob,
}

/// A parameter's type and limits.
#[derive(Debug, Deserialize)]
pub(super) struct Shape {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    min: Option<f64>,
    max: Option<f64>,
    #[serde(rename = "enum", default)]
    values: Vec<String>,
    /// In Rust's spelling.
    pattern: Option<String>,
    /// In the model's spelling, where that is another.
    shown: Option<String>,
    #[serde(skip)]
    compiled: OnceLock<Option<Regex>>,
    #[serde(default)]
    sensitive: bool,
    #[serde(default)]
    required: Vec<String>,
    /// The member that is the whole body.
    #[serde(default)]
    pub(super) payload: Option<String>,
    #[serde(default)]
    pub(super) members: BTreeMap<String, Member>,
    /// The shape of what a list or a map holds.
    of: Option<Member>,
    keys: Option<String>,
}

/// A member of a structure: its shape, and where and under which name it travels.
#[derive(Debug, Deserialize)]
#[serde(from = "String")]
pub(super) struct Member {
    pub(super) shape: String,
    pub(super) location: Location,
    pub(super) called: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Location {
    Body,
    Path,
    Query,
    Header,
    /// A map spread over headers of one prefix.
    Headers,
}

impl From<String> for Member {
    fn from(text: String) -> Self {
        let mut parts = text.splitn(3, ' ');
        let shape = parts.next().unwrap_or_default().to_owned();
        let location = match parts.next() {
            Some("uri") => Location::Path,
            Some("query") => Location::Query,
            Some("header") => Location::Header,
            Some("headers") => Location::Headers,
            _ => Location::Body,
        };
        Self {
            shape,
            location,
            called: parts.next().map(str::to_owned),
        }
    }
}

impl Service {
    pub(super) fn shape(&self, name: &str) -> Option<&Shape> {
        self.shapes.get(name)
    }

    pub(super) fn input(&self, operation: &str) -> Option<&Shape> {
        self.shape(self.operations.get(operation)?.input.as_deref()?)
    }

    /// The HTTP status an error comes with.
    pub(super) fn status(&self, code: &str) -> u16 {
        self.errors.get(code).copied().unwrap_or(400)
    }
}

impl Shape {
    /// What a list holds.
    pub(super) fn element(&self) -> Option<&Member> {
        self.of.as_ref()
    }

    /// The pattern, compiled; nothing where there is none.
    fn matcher(&self) -> Option<&Regex> {
        let compile = || {
            // AWS matches the whole value.
            let whole = format!(r"\A(?:{})\z", self.pattern.as_deref()?);
            Regex::new(&whole).ok()
        };
        self.compiled.get_or_init(compile).as_ref()
    }

    fn shown_pattern(&self) -> &str {
        self.shown
            .as_deref()
            .or(self.pattern.as_deref())
            .unwrap_or_default()
    }
}

/// The service of this name in the models.
pub(super) fn service(name: &str) -> Option<&'static Service> {
    MODELS.get(name)
}

/// All services.
pub(super) fn services() -> impl Iterator<Item = &'static Service> {
    MODELS.values()
}

/// The service a signature names.
pub(super) fn signed_as(name: &str) -> Option<&'static Service> {
    service(match name {
        "ses" => "sesv2",
        "monitoring" => "cloudwatch",
        "tagging" => "resourcegroupstaggingapi",
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(table: &str) -> Service {
        serde_json::from_str(table).expect("a table's own shape")
    }

    #[test]
    fn the_tables_are_whole_and_every_pattern_compiles() {
        let mut patterns = 0;
        for (name, table) in TABLES {
            let service = service(table);
            for (shape_name, shape) in &service.shapes {
                let below = shape.members.values().map(|member| &member.shape);
                let element = shape.of.iter().map(|member| &member.shape);
                for other in below.chain(element).chain(&shape.keys) {
                    assert!(service.shapes.contains_key(other), "{name} {shape_name}");
                }
                if shape.pattern.is_some() {
                    assert!(shape.matcher().is_some(), "{name} {shape_name}: {shape:?}");
                    patterns += 1;
                }
            }
            for (operation_name, operation) in &service.operations {
                if let Some(input) = &operation.input {
                    assert!(service.shapes.contains_key(input), "{operation_name}");
                }
            }
        }
        assert!(patterns > 100, "{patterns}");
    }

    #[test]
    fn the_tables_are_of_the_version_that_their_maker_names() {
        let maker = include_str!("extract.py");
        let version = maker
            .lines()
            .find_map(|line| line.strip_prefix("BOTOCORE = \""))
            .expect("a version");
        let version = version.trim_end_matches('"');
        for (name, table) in TABLES {
            assert!(
                table.contains(&format!("\"botocore\":\"{version}\"")),
                "{name}"
            );
        }
    }

    #[test]
    fn only_patterns_that_look_around_are_left_out() {
        #[derive(Deserialize)]
        struct Skipped {
            skipped: Vec<String>,
        }
        let skipped: Vec<String> = TABLES
            .into_iter()
            .flat_map(|(name, table)| {
                let table: Skipped = serde_json::from_str(table).expect("a list");
                let names = table.skipped.into_iter();
                names.map(move |shape| format!("{name} {shape}"))
            })
            .collect();
        assert_eq!(skipped, ["lambda Alias", "lambda S3Bucket"]);
    }
}
