//! One row of a metric widget: names that exist, expressions that can be read.

use std::collections::BTreeSet;

use plimsoll_core::catalog;
use serde_json::Value;

use super::Report;
use super::foreign;
use super::property::Keys;
use crate::dimension::INSTANCE_ID;

/// The longest search. Source: CloudWatch user guide, "Search expression syntax".
const SEARCH_CHARS_MAX: usize = 1024;
/// The most dimensions of a series. Source: CloudWatch API reference, `Metric`.
const DIMENSIONS_MAX: usize = 30;
/// Options of a row.
const OPTIONS: [&str; 10] = [
    "accountId",
    "color",
    "expression",
    "id",
    "label",
    "period",
    "region",
    "stat",
    "visible",
    "yAxis",
];

/// What rows have in common while a widget is read.
#[derive(Debug, Default)]
pub(super) struct Rows {
    before: Vec<String>,
    ids: BTreeSet<String>,
    insights: usize,
}

impl Rows {
    /// Checks the row at `index`.
    pub(super) fn check(&mut self, index: usize, row: &Value, report: &mut Report<'_>) {
        let key = format!("properties.metrics[{index}]");
        let Some(items) = row.as_array() else {
            report.add(key, "is not an array");
            return;
        };
        let (names, options) = match items.split_last() {
            Some((last, names)) if last.is_object() => (names, Some(last)),
            _ => (items.as_slice(), None),
        };
        let expression = options.and_then(|options| options.get("expression"));
        if let Some(options) = options {
            self.check_options(&key, options, report);
        }
        match expression.map(Value::as_str) {
            Some(None) => report.add(key, "expression is not a string"),
            Some(Some(_)) if !names.is_empty() => {
                report.add(key, "a row is either a series or an expression");
            }
            Some(Some(expression)) => self.check_expression(&key, expression, report),
            None => self.check_series(&key, names, report),
        }
    }

    fn check_options(&mut self, key: &str, options: &Value, report: &mut Report<'_>) {
        let mut keys = Keys::of(options, "properties.metrics[].", report);
        keys.ignore(&OPTIONS);
        keys.choice("yAxis", false, &["left", "right"]);
        keys.flag("visible");
        let period = keys.number("period");
        let id = keys.text("id", false);
        keys.finish();
        if period.is_some_and(|period| period < 1.0) {
            report.add(key, "period is less than a second");
        }
        let Some(id) = id else { return };
        let well_formed = id.starts_with(|first: char| first.is_ascii_lowercase())
            && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !well_formed {
            let message = "id must start with a small letter and hold letters, digits and _";
            report.add(key, message);
        }
        if !self.ids.insert(id.to_owned()) {
            report.add(key, format!("id \"{id}\" is used twice"));
        }
    }

    fn check_expression(&mut self, key: &str, expression: &str, report: &mut Report<'_>) {
        if expression.trim().is_empty() {
            report.add(key, "expression is empty");
        }
        if expression.trim_start().starts_with("SELECT") {
            self.insights += 1;
            if self.insights > 1 {
                report.add(key, "a widget may hold one Metrics Insights query");
            }
        }
        let open = expression.matches('(').count();
        let close = expression.matches(')').count();
        if open != close {
            report.add(key, format!("{open} opening and {close} closing brackets"));
        }
        for search in expression.split("SEARCH('").skip(1) {
            let Some((sought, _)) = search.split_once('\'') else {
                report.add(key, "SEARCH has no closing quote");
                continue;
            };
            if sought.chars().count() > SEARCH_CHARS_MAX {
                report.add(
                    key,
                    format!("SEARCH is longer than {SEARCH_CHARS_MAX} characters"),
                );
            }
            check_sought(key, sought, report);
        }
    }

    /// Fills in `.` and `...`, then looks the series up.
    fn check_series(&mut self, key: &str, names: &[Value], report: &mut Report<'_>) {
        let mut filled: Vec<String> = Vec::new();
        for (position, name) in names.iter().enumerate() {
            match name.as_str() {
                Some("...") => {
                    let keep = (self.before.len() + position + 1).saturating_sub(names.len());
                    filled = self.before.iter().take(keep).cloned().collect();
                }
                Some(".") => {
                    filled.push(self.before.get(filled.len()).cloned().unwrap_or_default());
                }
                Some(name) => filled.push(name.to_owned()),
                None => report.add(key, format!("found {name}, expected a string")),
            }
        }
        if let [namespace, metric, dimensions @ ..] = filled.as_slice() {
            if dimensions.len() % 2 == 1 {
                report.add(key, "a dimension has no value");
            }
            if dimensions.len() > 2 * DIMENSIONS_MAX {
                report.add(key, format!("more than {DIMENSIONS_MAX} dimensions"));
            }
            let names: Vec<&str> = dimensions.iter().step_by(2).map(String::as_str).collect();
            if names.contains(&INSTANCE_ID) {
                let message = "names one instance; instances come and go, so search for them";
                report.add(key, message);
            }
            check_metric(key, namespace, metric, &names, report);
        } else {
            report.add(key, "needs at least a namespace and a name");
        }
        self.before = filled;
    }
}

/// Checks `{Namespace,Dimension} MetricName="name"`, the form in which the metric is certain.
fn check_sought(key: &str, sought: &str, report: &mut Report<'_>) {
    let schema = sought
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(schema, _)| schema);
    let name = sought
        .split_once("MetricName=\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(name, _)| name);
    let (Some(schema), Some(name)) = (schema, name) else {
        report.add(
            key,
            "SEARCH names no schema {Namespace,…} and MetricName=\"…\"",
        );
        return;
    };
    let mut parts = schema.split(',');
    let namespace = parts.next().unwrap_or_default();
    let dimensions: Vec<&str> = parts.collect();
    check_metric(key, namespace.trim_matches('"'), name, &dimensions, report);
}

/// Checks that somebody sends the metric, and with its own dimensions.
fn check_metric(
    key: &str,
    namespace: &str,
    name: &str,
    dimensions: &[&str],
    report: &mut Report<'_>,
) {
    let ours = catalog::all().find(|metric| metric.namespace == namespace && metric.name == name);
    if let Some(metric) = ours {
        let missing = metric
            .dimensions
            .iter()
            .find(|own| !dimensions.contains(own));
        if let Some(missing) = missing {
            report.add(
                key,
                format!("{namespace} {name} always has the dimension {missing}"),
            );
        }
        return;
    }
    let known = foreign::METRICS
        .iter()
        .any(|(known, names)| *known == namespace && names.contains(&name));
    if !known {
        report.add(
            key,
            format!("nobody sends the metric {name} of {namespace}"),
        );
    }
}
