//! What runs beside a stage: log groups, alarms, parameters.

use super::{Rule, When, given, list, refuse_if, text};

/// For how many days a log group may keep its events: API reference, PutRetentionPolicy.
const RETENTION: [i64; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// What a parameter of the standard tier may hold, in characters.
const PARAMETER_SIZE: usize = 4096;

const DAY: i64 = 86_400;

pub(super) const RULES: &[Rule] = &[
    Rule {
        name: "logs kept for a number of days that isn't offered",
        service: "logs",
        operations: &["PutRetentionPolicy"],
        code: "InvalidParameterException",
        when: When::Input(|input| {
            let days = input["retentionInDays"].as_i64()?;
            (!RETENTION.contains(&days)).then(|| {
                format!(
                    "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: \
                     Member must satisfy enum value set"
                )
            })
        }),
        source: "API reference, PutRetentionPolicy",
    },
    Rule {
        name: "an alarm over a period that CloudWatch doesn't count in",
        service: "cloudwatch",
        operations: &["PutMetricAlarm"],
        code: "ValidationError",
        when: When::Input(|input| {
            let period = input["Period"].as_i64()?;
            refuse_if(
                ![10, 20, 30].contains(&period) && (period < 60 || period % 60 != 0),
                "Metric period must be 10, 20, 30, or a multiple of 60.",
            )
        }),
        source: "API reference, PutMetricAlarm.Period",
    },
    Rule {
        name: "an alarm that looks back further than alarms do",
        service: "cloudwatch",
        operations: &["PutMetricAlarm"],
        code: "ValidationError",
        when: When::Input(|input| {
            let period = input["Period"].as_i64()?;
            let checked = period.saturating_mul(input["EvaluationPeriods"].as_i64()?);
            let most = if period >= 3600 { 7 * DAY } else { DAY };
            refuse_if(
                checked > most,
                "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).",
            )
        }),
        source: "API reference, PutMetricAlarm.EvaluationPeriods: a day, or a week for periods of an hour or more",
    },
    Rule {
        name: "an alarm of more data points than periods",
        service: "cloudwatch",
        operations: &["PutMetricAlarm"],
        code: "ValidationError",
        when: When::Input(|input| {
            let points = input["DatapointsToAlarm"].as_i64()?;
            refuse_if(
                points > input["EvaluationPeriods"].as_i64()?,
                "DatapointsToAlarm must be less than or equal to EvaluationPeriods.",
            )
        }),
        source: "API reference, PutMetricAlarm.DatapointsToAlarm",
    },
    Rule {
        name: "a parameter by a name that is AWS's",
        service: "ssm",
        operations: &["PutParameter"],
        code: "AccessDeniedException",
        when: When::Input(|input| {
            let name = text(input, "/Name")?;
            let first = name.trim_start_matches('/').to_ascii_lowercase();
            (first.starts_with("aws") || first.starts_with("ssm"))
                .then(|| format!("No access to reserved parameter name: {name}."))
        }),
        source: "API reference, PutParameter.Name",
    },
    Rule {
        name: "a parameter larger than its tier",
        service: "ssm",
        operations: &["PutParameter"],
        code: "ValidationException",
        when: When::Input(|input| {
            let size = text(input, "/Value")?.chars().count();
            let standard = input["Tier"].as_str().is_none_or(|tier| tier == "Standard");
            refuse_if(
                standard && size > PARAMETER_SIZE,
                "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger \
                 parameter value, upgrade the parameter to use the advanced-parameter tier.",
            )
        }),
        source: "API reference, PutParameter.Tier",
    },
    Rule {
        name: "a parameter overwritten and tagged at once",
        service: "ssm",
        operations: &["PutParameter"],
        code: "ValidationException",
        when: When::Input(|input| {
            refuse_if(
                input["Overwrite"] == true && !list(input, "/Tags").is_empty(),
                "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please \
                 remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
                 RemoveTagsFromResource.",
            )
        }),
        source: "API reference, PutParameter.Tags",
    },
    Rule {
        name: "a secret parameter's key without a secret",
        service: "ssm",
        operations: &["PutParameter"],
        code: "ValidationException",
        when: When::Input(|input| {
            refuse_if(
                given(input, "/KeyId")
                    && input["Type"]
                        .as_str()
                        .is_some_and(|kind| kind != "SecureString"),
                "KeyId is required for SecureString type parameter only.",
            )
        }),
        source: "API reference, PutParameter.KeyId",
    },
];
