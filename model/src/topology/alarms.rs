//! Alarms for the two functions and for the queue of failures, where the project file asks for them.

use super::{Builder, FAILURES, functions, triggers};
use crate::project::stage::Alarms;
use crate::resource::alarm::Dimension;
use crate::resource::{Alarm, Resource};

/// Long enough for one slow minute not to wake anybody, short enough to hear of an outage in time.
const PERIOD: u32 = 300;

const LAMBDA: &str = "AWS/Lambda";

/// What one alarm watches.
struct Watch<'a> {
    /// Its logical ID.
    id: String,
    /// The end of its name, behind that of what it watches.
    thing: &'a str,
    namespace: &'a str,
    /// What the dimension is called that names what it watches, and that name.
    dimension: (&'a str, &'a str),
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
        let dimension = ("FunctionName", name.as_str());
        for watch in [
            Watch {
                id: format!("{function}ErrorsAlarm"),
                thing: "-errors",
                namespace: LAMBDA,
                dimension,
                metric: "Errors",
                statistic: Some("Sum"),
                extended_statistic: None,
                evaluation_periods: 1,
                comparison_operator: "GreaterThanThreshold",
                threshold: 0,
                description: format!("{name} failed; its log /aws/lambda/{name} says why"),
            },
            Watch {
                id: format!("{function}ThrottlesAlarm"),
                thing: "-throttles",
                namespace: LAMBDA,
                dimension,
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
                id: format!("{function}DurationAlarm"),
                thing: "-duration",
                namespace: LAMBDA,
                dimension,
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
            add(builder, alarms, watch);
        }
    }
    let queue = triggers::failures(builder);
    let failures = Watch {
        id: format!("{FAILURES}Alarm"),
        thing: "",
        namespace: "AWS/SQS",
        dimension: ("QueueName", &queue),
        metric: "ApproximateNumberOfMessagesVisible",
        statistic: Some("Maximum"),
        extended_statistic: None,
        evaluation_periods: 1,
        comparison_operator: "GreaterThanThreshold",
        threshold: 0,
        description: format!(
            "What {} was handed failed each time it was tried; `saasauth repair` hands it over again",
            builder.name("confirm-user")
        ),
    };
    add(builder, alarms, failures);
}

fn add(builder: &mut Builder<'_>, alarms: &Alarms, watch: Watch<'_>) {
    let (dimension, name) = watch.dimension;
    let alarm = Alarm {
        alarm_name: format!("{name}{}", watch.thing),
        alarm_description: watch.description,
        namespace: watch.namespace.to_owned(),
        metric_name: watch.metric.to_owned(),
        // The name, not a reference: an alarm needs nothing to exist.
        dimensions: vec![Dimension {
            name: dimension.to_owned(),
            value: name.to_owned(),
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
    builder.add(watch.id, Resource::Alarm(alarm));
}
