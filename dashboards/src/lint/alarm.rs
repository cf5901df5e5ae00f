//! Whether alarms can be put, can go off, and say what to do.

use std::collections::BTreeSet;

use plimsoll_core::catalog::Unit;

use super::{Problem, Report};
use crate::alarms::{Alarm, Missing, PREFIX, Statistic};

/// An alarm's name. Source: CloudWatch API reference, PutMetricAlarm.
const NAME_MAX: usize = 255;
/// An alarm's description. Source: CloudWatch API reference, PutMetricAlarm.
const DESCRIPTION_MAX: usize = 1024;
/// What an alarm may look at when its periods are shorter than an hour, in seconds.
/// Source: CloudWatch API reference, PutMetricAlarm, `EvaluationPeriods`.
const SPAN_SECONDS_MAX: u64 = 86_400;
/// The parts of a description, in order.
const PARTS: [&str; 4] = ["What: ", "Why: ", "Next: ", "Missing data: "];

/// Every mistake of the alarms.
#[must_use]
pub fn alarms(alarms: &[Alarm]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    for alarm in alarms {
        let mut report = Report {
            problems: &mut problems,
            widget: None,
            title: alarm.name.clone(),
        };
        if !names.insert(&alarm.name) {
            report.add("name", "is used twice");
        }
        check_words(alarm, &mut report);
        check_series(alarm, &mut report);
        check_evaluation(alarm, &mut report);
    }
    problems
}

fn check_words(alarm: &Alarm, report: &mut Report<'_>) {
    if !alarm.name.starts_with(PREFIX) {
        report.add("name", format!("does not start with {PREFIX}"));
    }
    if alarm.name.chars().count() > NAME_MAX {
        report.add("name", format!("is longer than {NAME_MAX} characters"));
    }
    if alarm.description.chars().count() > DESCRIPTION_MAX {
        let message = format!("is longer than {DESCRIPTION_MAX} characters");
        report.add("description", message);
    }
    let mut rest = alarm.description.as_str();
    for part in PARTS {
        match rest.split_once(part) {
            Some((_, after)) if !after.trim().is_empty() => rest = after,
            _ => report.add("description", format!("lacks \"{}\"", part.trim())),
        }
    }
}

fn check_series(alarm: &Alarm, report: &mut Report<'_>) {
    for own in alarm.metric.dimensions {
        if !alarm.dimensions.contains_key(*own) {
            let message = format!("{} always has {own}", alarm.metric.name);
            report.add("dimensions", message);
        }
    }
    if let Some((name, _)) = alarm.dimensions.iter().find(|(_, value)| value.is_empty()) {
        report.add("dimensions", format!("{name} is empty"));
    }
}

fn check_evaluation(alarm: &Alarm, report: &mut Report<'_>) {
    let period = alarm.period_seconds;
    if ![10, 20, 30].contains(&period) && (period == 0 || !period.is_multiple_of(60)) {
        report.add(
            "period",
            format!("{period} s is not 10, 20, 30 or a multiple of 60"),
        );
    }
    if alarm.datapoints_to_alarm == 0 || alarm.datapoints_to_alarm > alarm.evaluation_periods {
        report.add(
            "datapoints_to_alarm",
            "must lie from 1 to evaluation_periods",
        );
    }
    if u64::from(period) * u64::from(alarm.evaluation_periods) > SPAN_SECONDS_MAX {
        report.add("evaluation_periods", "look back more than a day");
    }
    let counts = alarm.statistic == Statistic::SampleCount;
    let sane = alarm.threshold.is_finite()
        && alarm.threshold > 0.0
        && (counts || alarm.metric.unit != Unit::Percent || alarm.threshold < 100.0);
    if !sane {
        let message = format!("{} can never, or will always, be crossed", alarm.threshold);
        report.add("threshold", message);
    }
    if counts && alarm.missing != Missing::Breaching {
        report.add(
            "missing",
            "an alarm on silence must take missing data as breaching",
        );
    }
}
