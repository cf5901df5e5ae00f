//! The properties of a metric widget.

use serde_json::Value;

use super::property::Keys;
use super::row::Rows;
use super::{Report, check_alarm_arn};

/// Rows of one widget.
const ROWS_MAX: usize = 500;
/// Ways to draw.
const VIEWS: [&str; 6] = ["timeSeries", "singleValue", "gauge", "bar", "pie", "table"];

/// Checks the properties and gives how many metrics are drawn.
pub(super) fn check(properties: &Value, alarm_names: &[String], report: &mut Report<'_>) -> usize {
    let mut keys = Keys::of(properties, "properties.", report);
    keys.text("region", true);
    let title = keys.text("title", true);
    let view = keys.choice("view", false, &VIEWS);
    let period = keys.number("period");
    let stacked = keys.flag("stacked");
    let sparkline = keys.flag("sparkline");
    let whole_range = keys.flag("setPeriodToTimeRange");
    let rows = keys.array("metrics", false, ROWS_MAX);
    let annotations = keys.object("annotations", false);
    let axis = keys.object("yAxis", false);
    keys.text("stat", false);
    keys.object("legend", false);
    keys.object("table", false);
    keys.ignore(&[
        "accountId",
        "liveData",
        "singleValueFullPrecision",
        "timezone",
        "labels",
    ]);
    keys.finish();

    let view = view.as_deref().unwrap_or("timeSeries");
    if let Some(title) = title {
        check_title(title, report);
    }
    if period.is_some_and(|period| period < 60.0 || period % 60.0 != 0.0) {
        report.add("properties.period", "is not a multiple of 60 seconds");
    }
    if stacked == Some(true) && view != "timeSeries" && view != "bar" {
        report.add("properties.stacked", "needs the view timeSeries or bar");
    }
    if sparkline.is_some() && view != "singleValue" {
        report.add("properties.sparkline", "needs the view singleValue");
    }
    if sparkline == Some(true) && whole_range == Some(true) {
        let message = "cannot be used together with a sparkline";
        report.add("properties.setPeriodToTimeRange", message);
    }
    check_axis(view, axis, report);
    let alarm = annotations.and_then(|annotations| annotations.get("alarms"));
    check_annotations(annotations, alarm_names, report);
    match (rows, alarm) {
        (Some(_), Some(_)) => {
            report.add(
                "properties.metrics",
                "an alarm's chart takes its metric from the alarm",
            );
        }
        (None, None) => report.add("properties.metrics", "missing"),
        _ => {}
    }
    let rows = rows.unwrap_or_default();
    let mut seen = Rows::default();
    for (index, row) in rows.iter().enumerate() {
        seen.check(index, row, report);
    }
    rows.len()
}

/// A title is read at a glance: it starts with a capital or a digit and does not end in a stop.
fn check_title(title: &str, report: &mut Report<'_>) {
    let starts_well = title.starts_with(|c: char| c.is_uppercase() || c.is_numeric());
    if !starts_well || title.ends_with('.') {
        let message = "starts with a capital letter and does not end with a full stop";
        report.add("properties.title", message);
    }
}

/// A gauge needs both ends; a chart over time needs to say its unit.
fn check_axis(view: &str, axis: Option<&Value>, report: &mut Report<'_>) {
    let left = |key: &str| axis.and_then(|axis| axis.get("left")?.get(key));
    if view == "gauge" && (left("min").is_none() || left("max").is_none()) {
        report.add("properties.yAxis.left", "a gauge needs min and max");
    }
    if view == "timeSeries" && left("label").and_then(Value::as_str).is_none() {
        report.add("properties.yAxis.left.label", "missing: say the unit");
    }
    if let (Some(least), Some(most)) = (
        left("min").and_then(Value::as_f64),
        left("max").and_then(Value::as_f64),
    ) && least >= most
    {
        report.add(
            "properties.yAxis.left",
            format!("min {least} is not below max {most}"),
        );
    }
}

/// Thresholds and events, or one alarm.
fn check_annotations(annotations: Option<&Value>, alarm_names: &[String], report: &mut Report<'_>) {
    let Some(annotations) = annotations else {
        return;
    };
    let mut keys = Keys::of(annotations, "properties.annotations.", report);
    let alarms = keys.array("alarms", false, 1);
    let horizontal = keys.array("horizontal", false, usize::MAX);
    let vertical = keys.array("vertical", false, usize::MAX);
    keys.finish();
    for arn in alarms.unwrap_or_default() {
        check_alarm_arn(arn, "properties.annotations.alarms", alarm_names, report);
    }
    let lines = [("horizontal", horizontal), ("vertical", vertical)];
    for (direction, lines) in lines {
        for (index, line) in lines.unwrap_or_default().iter().enumerate() {
            let key = format!("properties.annotations.{direction}[{index}]");
            let parts = line
                .as_array()
                .map_or(std::slice::from_ref(line), Vec::as_slice);
            for part in parts {
                check_line(&key, direction, part, report);
            }
        }
    }
}

/// One line, or one end of a band.
fn check_line(key: &str, direction: &str, line: &Value, report: &mut Report<'_>) {
    let value = line.get("value");
    if direction == "horizontal" && !value.is_some_and(Value::is_number) {
        report.add(key, "value must be a number");
    }
    let fills: &[&str] = if direction == "horizontal" {
        &["above", "below", "none"]
    } else {
        let time = value.and_then(Value::as_str).unwrap_or_default();
        if !time.contains('T') {
            report.add(key, "value must be a time such as 2026-11-24T12:46:00.000Z");
        }
        &["before", "after", "none"]
    };
    if let Some(fill) = line.get("fill")
        && !fill.as_str().is_some_and(|fill| fills.contains(&fill))
    {
        report.add(
            key,
            format!("fill is {fill}, expected one of: {}", fills.join(", ")),
        );
    }
}
