//! The properties of a metric widget.

use serde_json::{Map, Value as Json};

use super::{Findings, is_alarm};

/// Metrics of a widget.
const METRICS_MAX: usize = 500;
/// Dimensions of a metric, each a name and a value.
const DIMENSIONS_MAX: usize = 30;
/// The members of a widget's properties.
const PROPERTIES: [&str; 26] = [
    "metrics",
    "region",
    "view",
    "period",
    "stat",
    "stacked",
    "sparkline",
    "trend",
    "liveData",
    "legend",
    "title",
    "timezone",
    "accountId",
    "yAxis",
    "table",
    "setPeriodToTimeRange",
    "singleValueFullPrecision",
    "annotations",
    "labels",
    "start",
    "end",
    "theme",
    "width",
    "height",
    "period_override",
    "gaugeType",
];
/// The members of a metric's options.
const OPTIONS: [&str; 10] = [
    "id",
    "label",
    "color",
    "stat",
    "period",
    "visible",
    "yAxis",
    "region",
    "accountId",
    "expression",
];

/// Looks at the properties and counts the metrics.
pub(super) fn check(findings: &mut Findings, path: &str, properties: &Map<String, Json>) -> usize {
    findings.strangers(path, properties, &PROPERTIES);
    findings.text(path, properties, "region", true);
    findings.text(path, properties, "title", false);
    findings.text(path, properties, "stat", false);
    let views = ["timeSeries", "singleValue", "gauge", "bar", "pie", "table"];
    findings.choice(path, properties, "view", &views);
    period(findings, path, properties);
    if let Some(legend) = properties.get("legend").and_then(Json::as_object) {
        let positions = ["right", "bottom", "hidden"];
        findings.choice(&format!("{path}/legend"), legend, "position", &positions);
    }
    if properties.get("view").and_then(Json::as_str) == Some("gauge") {
        let bound = |name| properties.get("yAxis")?.get("left")?.get(name)?.as_f64();
        if bound("min").is_none() || bound("max").is_none() {
            findings.error(
                &format!("{path}/yAxis/left"),
                "Should have min and max in a gauge",
            );
        }
    }
    let alarms = annotations(findings, path, properties);
    match properties.get("metrics") {
        None if alarms => 0,
        None => {
            findings.error(path, "Should have required property 'metrics'");
            0
        }
        Some(_) if alarms => {
            findings.error(path, "Should NOT have both metrics and an alarm annotation");
            0
        }
        Some(Json::Array(rows)) => metrics(findings, &format!("{path}/metrics"), rows),
        Some(_) => {
            findings.error(&format!("{path}/metrics"), "Should be array");
            0
        }
    }
}

fn period(findings: &mut Findings, path: &str, object: &Map<String, Json>) {
    let Some(value) = object.get("period") else {
        return;
    };
    let valid = value.as_i64().is_some_and(|period| {
        [1, 5, 10, 20, 30].contains(&period) || (period > 0 && period % 60 == 0)
    });
    if !valid {
        findings.error(
            &format!("{path}/period"),
            "Should be 1, 5, 10, 20, 30 or a multiple of 60",
        );
    }
}

/// Looks at the annotations and tells whether they name an alarm.
fn annotations(findings: &mut Findings, path: &str, properties: &Map<String, Json>) -> bool {
    let Some(annotations) = properties.get("annotations") else {
        return false;
    };
    let path = format!("{path}/annotations");
    let Some(annotations) = annotations.as_object() else {
        findings.error(&path, "Should be object");
        return false;
    };
    findings.strangers(&path, annotations, &["alarms", "horizontal", "vertical"]);
    for (name, number) in [("horizontal", true), ("vertical", false)] {
        for (position, line) in items(annotations, name).enumerate() {
            // A band is an array of two lines.
            let lines = line
                .as_array()
                .map_or(std::slice::from_ref(line), Vec::as_slice);
            let valid = lines.iter().all(|line| match line.get("value") {
                Some(value) if number => value.is_number(),
                Some(value) => value.is_string(),
                None => false,
            });
            if !valid || lines.len() > 2 {
                let kind = if number { "number" } else { "time" };
                findings.error(
                    &format!("{path}/{name}/{position}"),
                    format!("Should have a value that is a {kind}"),
                );
            }
        }
    }
    let mut count = 0;
    for (position, alarm) in items(annotations, "alarms").enumerate() {
        count += 1;
        if !alarm.as_str().is_some_and(is_alarm) || count > 1 {
            findings.error(
                &format!("{path}/alarms/{position}"),
                "Should be the ARN of one alarm",
            );
        }
    }
    count > 0
}

fn items<'a>(object: &'a Map<String, Json>, name: &str) -> impl Iterator<Item = &'a Json> {
    object
        .get(name)
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
}

fn metrics(findings: &mut Findings, path: &str, rows: &[Json]) -> usize {
    if rows.len() > METRICS_MAX {
        findings.error(
            path,
            format!("Should NOT have more than {METRICS_MAX} items"),
        );
    }
    let mut ids: Vec<&str> = Vec::new();
    let mut before: Option<Vec<&str>> = None;
    for (number, row) in rows.iter().enumerate() {
        let path = format!("{path}/{number}");
        let Some(row) = row.as_array().filter(|row| !row.is_empty()) else {
            findings.error(&path, "Should be an array that is not empty");
            continue;
        };
        let (words, options) = match row.split_last() {
            Some((Json::Object(options), words)) => (words, Some(options)),
            _ => (row.as_slice(), None),
        };
        if let Some(options) = options {
            option(
                findings,
                &format!("{path}/{}", words.len()),
                options,
                &mut ids,
            );
        }
        if words.is_empty() {
            if !options.is_some_and(|options| options.contains_key("expression")) {
                findings.error(&path, "Should have required property 'expression'");
            }
            continue;
        }
        if let Some(full) = name(findings, &path, words, before.as_deref()) {
            before = Some(full);
        }
    }
    rows.len()
}

/// Spells out a metric's row: `.` repeats the word above, `...` all words above that are not said.
fn name<'a>(
    findings: &mut Findings,
    path: &str,
    words: &'a [Json],
    before: Option<&[&'a str]>,
) -> Option<Vec<&'a str>> {
    let mut full: Vec<&str> = Vec::new();
    for (position, word) in words.iter().enumerate() {
        let Some(word) = word.as_str() else {
            findings.error(&format!("{path}/{position}"), "Should be string");
            return None;
        };
        let above = before.unwrap_or_default();
        match word {
            "..." => {
                // What follows replaces the end of the row above.
                let after = words.len() - position - 1;
                let kept = above.len().checked_sub(after).filter(|_| !above.is_empty());
                let Some(kept) = kept.and_then(|kept| above.get(full.len()..kept)) else {
                    findings.error(&format!("{path}/{position}"), "There is nothing to repeat");
                    return None;
                };
                full.extend(kept);
            }
            "." => {
                let Some(repeated) = above.get(full.len()) else {
                    findings.error(&format!("{path}/{position}"), "There is nothing to repeat");
                    return None;
                };
                full.push(repeated);
            }
            word => full.push(word),
        }
    }
    if full.len() < 2 || !full.len().is_multiple_of(2) || full.len() > 2 + 2 * DIMENSIONS_MAX {
        findings.error(
            path,
            format!(
                "Should have a namespace, a name and up to {DIMENSIONS_MAX} pairs of dimensions"
            ),
        );
        return None;
    }
    Some(full)
}

fn option<'a>(
    findings: &mut Findings,
    path: &str,
    options: &'a Map<String, Json>,
    ids: &mut Vec<&'a str>,
) {
    findings.strangers(path, options, &OPTIONS);
    for name in [
        "expression",
        "label",
        "color",
        "stat",
        "region",
        "accountId",
    ] {
        findings.text(path, options, name, false);
    }
    findings.choice(path, options, "yAxis", &["left", "right"]);
    period(findings, path, options);
    if let Some(id) = findings.text(path, options, "id", false) {
        let valid = id.starts_with(|letter: char| letter.is_ascii_lowercase())
            && id
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !valid {
            findings.error(&format!("{path}/id"), "Should match ^[a-z][a-zA-Z0-9_]*$");
        }
        if ids.contains(&id) {
            findings.error(&format!("{path}/id"), "Should be unique in the widget");
        }
        ids.push(id);
    }
}
