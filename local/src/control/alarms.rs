//! Alarms as the page shows them.

use serde_json::{Value as Json, json};

use super::{View, text};
use crate::value::Value;

/// All alarms, those that are loud first, then by name.
pub(super) fn list(view: &View<'_>) -> Vec<Json> {
    let mut alarms: Vec<(u8, String, Json)> = described(view)
        .iter()
        .map(|alarm| {
            (
                rank(alarm),
                text(alarm, "AlarmName").to_owned(),
                shown(alarm),
            )
        })
        .collect();
    alarms.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    alarms.into_iter().map(|(_, _, alarm)| alarm).collect()
}

/// The alarms of an alarm widget, in the order in which it names them.
pub(super) fn by_arn(view: &View<'_>, arns: &[&str]) -> Vec<Json> {
    let all = described(view);
    arns.iter()
        .filter_map(|arn| all.iter().find(|alarm| text(alarm, "AlarmArn") == *arn))
        .map(shown)
        .collect()
}

/// Number of alarms, and of those in ALARM.
pub(super) fn count(view: &View<'_>) -> (usize, usize) {
    let all = described(view);
    let loud = all.iter().filter(|alarm| rank(alarm) == 0).count();
    (all.len(), loud)
}

/// Number of alarms in ALARM whose name begins with `prefix`.
pub(super) fn loud_named(view: &View<'_>, prefix: &str) -> usize {
    described(view)
        .iter()
        .filter(|alarm| rank(alarm) == 0 && text(alarm, "AlarmName").starts_with(prefix))
        .count()
}

/// Number of alarms with a period below a minute, which cost more.
pub(super) fn high_resolution(view: &View<'_>) -> usize {
    described(view)
        .iter()
        .filter(|alarm| {
            alarm
                .member("Period")
                .integer()
                .is_some_and(|period| period < 60)
        })
        .count()
}

fn described(view: &View<'_>) -> Vec<Value> {
    view.all(
        "DescribeAlarms",
        &[("MaxRecords", Value::Integer(100))],
        "MetricAlarms",
    )
}

fn rank(alarm: &Value) -> u8 {
    match text(alarm, "StateValue") {
        "ALARM" => 0,
        "INSUFFICIENT_DATA" => 2,
        _ => 1,
    }
}

fn shown(alarm: &Value) -> Json {
    let since = alarm.member("StateUpdatedTimestamp").moment();
    json!({
        "name": text(alarm, "AlarmName"),
        "state": text(alarm, "StateValue"),
        "reason": text(alarm, "StateReason"),
        "since": since.map(|at| at.0),
        "condition": condition(alarm),
        "description": text(alarm, "AlarmDescription"),
    })
}

/// The alarm's rule as a sentence.
fn condition(alarm: &Value) -> String {
    let statistic = match text(alarm, "Statistic") {
        "" => text(alarm, "ExtendedStatistic"),
        statistic => statistic,
    };
    let what = match text(alarm, "MetricName") {
        "" => "metric math".to_owned(),
        name => format!("{statistic} of {}/{name}", text(alarm, "Namespace")),
    };
    let comparison = match text(alarm, "ComparisonOperator") {
        "GreaterThanOrEqualToThreshold" => "≥",
        "GreaterThanThreshold" => ">",
        "LessThanThreshold" => "<",
        "LessThanOrEqualToThreshold" => "≤",
        other => other,
    };
    let number = |name: &str| alarm.member(name).number().unwrap_or_default();
    let of = number("EvaluationPeriods");
    let needed = alarm.member("DatapointsToAlarm").number().unwrap_or(of);
    format!(
        "{what} {comparison} {} in {needed} of {of} periods of {} s",
        number("Threshold"),
        number("Period"),
    )
}
