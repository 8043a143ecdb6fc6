//! `AWS::CloudWatch::Alarm`.

use serde::{Deserialize, Serialize};

use super::ResourceType;
use super::expr::Tag;
use super::rules::{Compare, Identity, Mutability, Part, Replacement, Rules};

/// `AWS::CloudWatch::Alarm` on one metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Alarm {
    /// Unique in account and region.
    pub alarm_name: String,
    /// What it means and where to look, for whoever is woken.
    pub alarm_description: String,
    /// `AWS/Lambda`.
    pub namespace: String,
    /// The metric in it.
    pub metric_name: String,
    /// Whose metric.
    pub dimensions: Vec<Dimension>,
    /// `Sum` and the like; exactly one of this and the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistic: Option<String>,
    /// A percentile, such as `p99`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended_statistic: Option<String>,
    /// Seconds that make one data point.
    pub period: u32,
    /// How many data points in a row count.
    pub evaluation_periods: u32,
    /// `GreaterThanThreshold` and the like.
    pub comparison_operator: String,
    /// What the statistic is compared with.
    pub threshold: u32,
    /// `notBreaching`: a function nobody calls is fine.
    pub treat_missing_data: String,
    /// Who is told; empty for nobody, so that a topic that left the file is told no more.
    pub alarm_actions: Vec<String>,
    /// Tags.
    pub tags: Vec<Tag>,
}

/// One dimension of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Dimension {
    /// Such as `FunctionName`.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl ResourceType for Alarm {
    const RULES: Rules = Rules {
        compare: &[("AlarmActions", Compare::Set), ("Tags", Compare::Tags)],
        mutability: &[("AlarmName", Mutability::Replace)],
        replacement: Replacement::DeleteFirst,
        identity: Identity::Named(&[Part::Property("/AlarmName")]),
        ..Rules::of("AWS::CloudWatch::Alarm")
    };
}
