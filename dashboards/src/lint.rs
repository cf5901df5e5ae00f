//! Says what is wrong with a dashboard body or with alarms before CloudWatch does.
//!
//! CloudWatch accepts bodies whose charts stay empty for ever: a metric that nobody sends, a
//! widget under another, a gauge without ends. The linter knows the format, the grid, and every
//! metric of the catalog, and names the widget and the key of each mistake. It knows more of the
//! format than our generator uses, so that a board made by hand can be checked as well.
//! Source: CloudWatch API reference, "Dashboard body structure and syntax"; quotas page.

mod alarm;
mod foreign;
mod grid;
mod metric;
mod property;
mod row;

use std::fmt;

use serde_json::Value;

pub use alarm::alarms;
use property::Keys;

/// The most widgets of a dashboard.
const WIDGETS_MAX: usize = 500;
/// The most metrics of a dashboard, hidden ones included.
const METRICS_MAX: usize = 2_500;
/// A bound of our own: CloudWatch documents none, and a body this large loads slowly.
const BODY_BYTES_MAX: usize = 512 * 1024;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which widget, from 0 in the order of the body; `None` for the whole.
    pub widget: Option<usize>,
    /// The title of the widget, or the name of the alarm.
    pub title: String,
    /// The key, such as `properties.metrics[2]`.
    pub key: String,
    /// What was found and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(widget) = self.widget {
            write!(f, "widget {widget}")?;
        }
        if !self.title.is_empty() {
            write!(f, " \"{}\"", self.title)?;
        }
        write!(f, " {}: {}", self.key, self.message)
    }
}

/// Collects the problems of one widget or of the whole.
#[derive(Debug)]
struct Report<'p> {
    problems: &'p mut Vec<Problem>,
    widget: Option<usize>,
    title: String,
}

impl Report<'_> {
    fn add(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem {
            widget: self.widget,
            title: self.title.clone(),
            key: key.into(),
            message: message.into(),
        });
    }
}

/// Every mistake of the dashboard `body`; alarms must be among `alarm_names`.
#[must_use]
pub fn dashboard(body: &str, alarm_names: &[String]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut whole = Report {
        problems: &mut problems,
        widget: None,
        title: String::new(),
    };
    if body.len() > BODY_BYTES_MAX {
        let message = format!("{} bytes, at most {BODY_BYTES_MAX}", body.len());
        whole.add("body", message);
    }
    let parsed: Value = match serde_json::from_str(body) {
        Ok(parsed) => parsed,
        Err(error) => {
            whole.add("body", format!("is not JSON: {error}"));
            return problems;
        }
    };
    check_top(&parsed, &mut whole);
    let widgets = parsed.get("widgets").and_then(Value::as_array);
    let widgets = widgets.map_or(&[][..], Vec::as_slice);
    let mut metrics = 0;
    for (index, widget) in widgets.iter().enumerate() {
        let title = widget
            .pointer("/properties/title")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut report = Report {
            problems: &mut problems,
            widget: Some(index),
            title: title.to_owned(),
        };
        metrics += check_widget(widget, alarm_names, &mut report);
    }
    grid::check_overlap(widgets, &mut problems);
    if metrics > METRICS_MAX {
        problems.push(Problem {
            widget: None,
            title: String::new(),
            key: "widgets".to_owned(),
            message: format!("{metrics} metrics in all, at most {METRICS_MAX}"),
        });
    }
    problems
}

/// Checks what stands beside the widgets.
fn check_top(body: &Value, report: &mut Report<'_>) {
    let mut keys = Keys::of(body, "", report);
    keys.array("widgets", true, WIDGETS_MAX);
    keys.array("variables", false, 25);
    keys.choice("periodOverride", false, &["auto", "inherit"]);
    let relative = keys
        .text("start", false)
        .is_none_or(|start| start.starts_with("-P"));
    let has_end = keys.text("end", false).is_some();
    keys.finish();
    if !relative && !has_end {
        report.add("start", "is absolute, so end must be given as well");
    }
}

/// Checks one widget and gives how many metrics it draws.
fn check_widget(widget: &Value, alarm_names: &[String], report: &mut Report<'_>) -> usize {
    const KINDS: [&str; 6] = ["metric", "text", "alarm", "log", "explorer", "custom"];
    let mut keys = Keys::of(widget, "", report);
    let kind = keys.choice("type", true, &KINDS);
    let known = ["x", "y", "width", "height"];
    keys.ignore(&known);
    let properties = keys.object("properties", true);
    keys.finish();
    grid::check_place(widget, report);
    let Some(properties) = properties else {
        return 0;
    };
    match kind.as_deref() {
        Some("metric") => return metric::check(properties, alarm_names, report),
        Some("text") => {
            let mut keys = Keys::of(properties, "properties.", report);
            keys.text("markdown", true);
            keys.choice("background", false, &["solid", "transparent"]);
            keys.finish();
        }
        Some("alarm") => check_alarms(properties, alarm_names, report),
        Some("log") => {
            let mut keys = Keys::of(properties, "properties.", report);
            keys.text("query", true);
            keys.text("region", true);
            keys.text("title", false);
            keys.choice("view", false, &["table", "timeSeries", "bar", "pie"]);
            keys.ignore(&["accountId", "stacked", "queryLanguage"]);
            keys.finish();
        }
        _ => {}
    }
    0
}

/// Checks an alarm widget.
fn check_alarms(properties: &Value, alarm_names: &[String], report: &mut Report<'_>) {
    const STATES: [&str; 3] = ["OK", "ALARM", "INSUFFICIENT_DATA"];
    let mut keys = Keys::of(properties, "properties.", report);
    keys.text("title", false);
    keys.choice(
        "sortBy",
        false,
        &["default", "stateUpdatedTimestamp", "timestamp"],
    );
    let arns = keys.array("alarms", true, 100).unwrap_or_default();
    let states = keys
        .array("states", false, STATES.len())
        .unwrap_or_default();
    keys.finish();
    if arns.is_empty() {
        report.add("properties.alarms", "is empty, at least one ARN is needed");
    }
    for (index, arn) in arns.iter().enumerate() {
        check_alarm_arn(
            arn,
            &format!("properties.alarms[{index}]"),
            alarm_names,
            report,
        );
    }
    for state in states {
        if !state.as_str().is_some_and(|state| STATES.contains(&state)) {
            report.add("properties.states", format!("found {state}"));
        }
    }
}

/// Checks that `arn` names an alarm that exists.
fn check_alarm_arn(arn: &Value, key: &str, alarm_names: &[String], report: &mut Report<'_>) {
    let arn = arn.as_str().unwrap_or_default();
    let name = arn
        .starts_with("arn:")
        .then(|| arn.split_once(":alarm:"))
        .flatten()
        .map(|(_, name)| name);
    match name {
        None => report.add(key, format!("\"{arn}\" is not the ARN of an alarm")),
        Some(name) if !alarm_names.iter().any(|known| known == name) => {
            report.add(key, format!("no alarm is named \"{name}\""));
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests;
