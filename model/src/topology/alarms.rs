//! Alarms for the two functions, where the project file asks for them.

use super::{Builder, functions};
use crate::resource::alarm::Dimension;
use crate::resource::{Alarm, Resource};

/// Long enough for one slow minute not to wake anybody, short enough to hear of an outage in time.
const PERIOD: u32 = 300;

/// What one alarm watches.
struct Watch<'a> {
    /// The end of its names.
    id: &'a str,
    thing: &'a str,
    metric: &'a str,
    statistic: Option<&'a str>,
    extended_statistic: Option<&'a str>,
    evaluation_periods: u32,
    comparison_operator: &'a str,
    threshold: u32,
    description: String,
}

pub(super) fn declare(builder: &mut Builder<'_>) {
    let Some(alarms) = &builder.stage.alarms else {
        return;
    };
    for (function, name, trigger) in functions(builder.stage) {
        let name = builder.name(&name.replace('_', "-"));
        // Cognito gives up after 5 seconds, and so does a function that may run no longer. Ten per cent
        // below its own limit it is near that.
        let limit = *trigger.timeout_seconds;
        let slow = limit * 900;
        for watch in [
            Watch {
                id: "Errors",
                thing: "errors",
                metric: "Errors",
                statistic: Some("Sum"),
                extended_statistic: None,
                evaluation_periods: 1,
                comparison_operator: "GreaterThanThreshold",
                threshold: 0,
                description: format!("{name} failed; its log /aws/lambda/{name} says why"),
            },
            Watch {
                id: "Throttles",
                thing: "throttles",
                metric: "Throttles",
                statistic: Some("Sum"),
                extended_statistic: None,
                evaluation_periods: 1,
                comparison_operator: "GreaterThanThreshold",
                threshold: 0,
                description: format!(
                    "Lambda turned calls of {name} away; raise the account's concurrency quota"
                ),
            },
            Watch {
                id: "Duration",
                thing: "duration",
                metric: "Duration",
                statistic: None,
                extended_statistic: Some("p99"),
                // A single slow call is the p99 of a quiet period.
                evaluation_periods: 2,
                comparison_operator: "GreaterThanOrEqualToThreshold",
                threshold: slow,
                description: format!(
                    "One call of {name} in a hundred is near its limit of {limit} s"
                ),
            },
        ] {
            let alarm = Alarm {
                alarm_name: format!("{name}-{}", watch.thing),
                alarm_description: watch.description,
                namespace: "AWS/Lambda".to_owned(),
                metric_name: watch.metric.to_owned(),
                // The name, not a reference: an alarm needs no function to exist.
                dimensions: vec![Dimension {
                    name: "FunctionName".to_owned(),
                    value: name.clone(),
                }],
                statistic: watch.statistic.map(str::to_owned),
                extended_statistic: watch.extended_statistic.map(str::to_owned),
                period: PERIOD,
                evaluation_periods: watch.evaluation_periods,
                comparison_operator: watch.comparison_operator.to_owned(),
                threshold: watch.threshold,
                treat_missing_data: "notBreaching".to_owned(),
                alarm_actions: alarms.topic.iter().map(ToString::to_string).collect(),
                tags: builder.tags(),
            };
            builder.add(
                format!("{function}{}Alarm", watch.id),
                Resource::Alarm(alarm),
            );
        }
    }
}
