//! Metrics, as lines of the log: CloudWatch reads them there (embedded metric format), so counting costs
//! no request and no permission.
//!
//! Format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::cell::Cell;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

/// Where CloudWatch keeps the metrics of all projects and stages; the function's name tells them apart.
pub(crate) const NAMESPACE: &str = "saasauth";

/// One per delivery that was tried, by what it is and how it ended.
pub(crate) const DELIVERIES: &str = "Deliveries";
/// One per confirmed user who could not be written down while they waited, and was handed over.
pub(crate) const LATE_RECORDS: &str = "LateRecords";
/// One per hand-over that failed.
pub(crate) const HAND_OVER_FAILURES: &str = "HandOverFailures";
/// Milliseconds from the start of a process until it is ready, emitted with its first event; its sample
/// count counts cold starts.
pub(crate) const COLD_START: &str = "ColdStart";

/// How long the start of a process took, told with its first event: until then there is no log to tell it
/// to, and a process that was started ahead may wait for one for minutes.
#[derive(Debug)]
pub(crate) struct ColdStart(Cell<Option<Duration>>);

impl ColdStart {
    /// A process that began then is ready now.
    pub(crate) fn since(began: Instant) -> Self {
        Self(Cell::new(Some(began.elapsed())))
    }

    /// Emits [`COLD_START`], the first time.
    pub(crate) fn tell(&self) {
        if let Some(took) = self.0.take() {
            let milliseconds = took.as_secs_f64() * 1000.0;
            emit(COLD_START, milliseconds, Unit::Milliseconds, &[]);
        }
    }
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Count,
    Bytes,
    Milliseconds,
}

impl Unit {
    /// CloudWatch's word for it.
    fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Bytes => "Bytes",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

/// Emits one value. The function's name is always a dimension; these come on top. CloudWatch bills every
/// combination of dimensions, so none may hold a user.
pub(crate) fn emit(name: &str, value: f64, unit: Unit, dimensions: &[(&str, &str)]) {
    let function = crate::process::variable(crate::process::FUNCTION_NAME).unwrap_or_default();
    let line = line(&function, name, value, unit, dimensions, SystemTime::now());
    // A metric that cannot be written must not stop a sign-in.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Emits one occurrence.
pub(crate) fn count(name: &str, dimensions: &[(&str, &str)]) {
    emit(name, 1.0, Unit::Count, dimensions);
}

fn line(
    function: &str,
    name: &str,
    value: f64,
    unit: Unit,
    dimensions: &[(&str, &str)],
    at: SystemTime,
) -> Value {
    let at = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let mut all = vec![("FunctionName", function)];
    all.extend(dimensions);
    let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
    let mut line = Map::from_iter([(
        "_aws".to_owned(),
        json!({
            "Timestamp": u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [names],
                "Metrics": [{ "Name": name, "Unit": unit.name() }],
            }],
        }),
    )]);
    for (name, value) in all {
        line.insert(name.to_owned(), json!(value));
    }
    line.insert(name.to_owned(), json!(value));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_in_the_embedded_metric_format() {
        let at = UNIX_EPOCH + Duration::from_millis(1500);
        let dimensions = [("Delivery", "welcome")];
        let line = line("f", DELIVERIES, 1.0, Unit::Count, &dimensions, at);
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 1500,
                    "CloudWatchMetrics": [{
                        "Namespace": "saasauth",
                        "Dimensions": [["FunctionName", "Delivery"]],
                        "Metrics": [{ "Name": "Deliveries", "Unit": "Count" }],
                    }],
                },
                "FunctionName": "f",
                "Delivery": "welcome",
                "Deliveries": 1.0,
            })
        );
    }
}
