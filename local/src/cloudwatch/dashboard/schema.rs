//! What CloudWatch takes as a dashboard's body.
//!
//! An error keeps the body from being saved; a warning, for a member that nobody knows, does not.
//! Source: CloudWatch API reference, "Dashboard body structure and syntax"; CloudWatch quotas.

mod metric;

use serde_json::{Map, Value as Json};

/// Widgets of a dashboard.
const WIDGETS_MAX: usize = 500;
/// Metrics over all widgets.
const METRICS_MAX: usize = 2_500;
/// Variables of a dashboard.
const VARIABLES_MAX: usize = 25;
/// Alarms of an alarm widget.
const ALARMS_MAX: usize = 100;
/// Columns of the grid.
const COLUMNS: i64 = 24;
/// Rows that a widget may be high.
const HEIGHT_MAX: i64 = 1_000;
/// Messages of each kind that are given.
const MESSAGES_MAX: usize = 100;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// Where: `/widgets/0/properties/view`.
    pub(super) path: String,
    /// What.
    pub(super) text: String,
}

/// All findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// The body is not saved.
    pub(super) errors: Vec<Message>,
    /// The body is saved.
    pub(super) warnings: Vec<Message>,
}

impl Findings {
    fn error(&mut self, path: &str, text: impl Into<String>) {
        add(&mut self.errors, path, text.into());
    }

    fn warn(&mut self, path: &str, text: impl Into<String>) {
        add(&mut self.warnings, path, text.into());
    }

    /// The errors as one text.
    pub(super) fn summary(&self) -> String {
        let list: Vec<_> = self
            .errors
            .iter()
            .map(|message| serde_json::json!({"dataPath": message.path, "message": message.text}))
            .collect();
        Json::Array(list).to_string()
    }

    /// Warns about members that are not among `known`.
    fn strangers(&mut self, path: &str, object: &Map<String, Json>, known: &[&str]) {
        for name in object.keys().filter(|name| !known.contains(&name.as_str())) {
            self.warn(
                &format!("{path}/{name}"),
                format!("The field {name} is not known"),
            );
        }
    }

    /// A text, which must be there if `required`.
    fn text<'a>(
        &mut self,
        path: &str,
        object: &'a Map<String, Json>,
        name: &str,
        required: bool,
    ) -> Option<&'a str> {
        match object.get(name) {
            None if required => {
                self.error(path, format!("Should have required property '{name}'"));
                None
            }
            None => None,
            Some(Json::String(text)) => Some(text),
            Some(_) => {
                self.error(&format!("{path}/{name}"), "Should be string");
                None
            }
        }
    }

    /// A text that is one of `allowed`.
    fn choice(&mut self, path: &str, object: &Map<String, Json>, name: &str, allowed: &[&str]) {
        if let Some(text) = self.text(path, object, name, false)
            && !allowed.contains(&text)
        {
            let allowed = allowed.join(", ");
            self.error(
                &format!("{path}/{name}"),
                format!("Should be one of {allowed}"),
            );
        }
    }

    /// A whole number from `min` to `max`.
    fn integer(&mut self, path: &str, object: &Map<String, Json>, name: &str, min: i64, max: i64) {
        let Some(value) = object.get(name) else {
            return;
        };
        match value.as_i64() {
            Some(number) if (min..=max).contains(&number) => {}
            _ => self.error(
                &format!("{path}/{name}"),
                format!("Should be an integer from {min} to {max}"),
            ),
        }
    }
}

fn add(messages: &mut Vec<Message>, path: &str, text: String) {
    if messages.len() < MESSAGES_MAX {
        messages.push(Message {
            path: path.to_owned(),
            text,
        });
    }
}

/// Looks at a body.
pub(super) fn check(body: &str) -> Findings {
    let mut findings = Findings::default();
    let parsed = serde_json::from_str::<Json>(body);
    let Ok(Json::Object(body)) = parsed else {
        let text = parsed.map_or_else(
            |error| format!("The field DashboardBody must be a valid JSON object: {error}"),
            |_| "The field DashboardBody must be a JSON object".to_owned(),
        );
        findings.error("", text);
        return findings;
    };
    let known = ["widgets", "variables", "start", "end", "periodOverride"];
    findings.strangers("", &body, &known);
    findings.choice("", &body, "periodOverride", &["auto", "inherit"]);
    findings.text("", &body, "start", false);
    if findings.text("", &body, "end", false).is_some() && !body.contains_key("start") {
        findings.error("/end", "Should have a start as well");
    }
    let Some(Json::Array(widgets)) = body.get("widgets") else {
        findings.error("/widgets", "Should be there, and be an array");
        return findings;
    };
    if widgets.len() > WIDGETS_MAX {
        findings.error(
            "/widgets",
            format!("Should NOT have more than {WIDGETS_MAX} items"),
        );
    }
    let mut metrics = 0;
    for (number, item) in widgets.iter().enumerate() {
        metrics += widget(&mut findings, &format!("/widgets/{number}"), item);
    }
    if metrics > METRICS_MAX {
        findings.error(
            "/widgets",
            format!("Should NOT have more than {METRICS_MAX} metrics"),
        );
    }
    if let Some(list) = body.get("variables") {
        variables(&mut findings, list);
    }
    findings
}

/// Looks at a widget and counts its metrics.
fn widget(findings: &mut Findings, path: &str, item: &Json) -> usize {
    let Json::Object(widget) = item else {
        findings.error(path, "Should be object");
        return 0;
    };
    findings.strangers(
        path,
        widget,
        &["type", "x", "y", "width", "height", "properties"],
    );
    findings.integer(path, widget, "x", 0, COLUMNS - 1);
    findings.integer(path, widget, "y", 0, i64::MAX);
    findings.integer(path, widget, "width", 1, COLUMNS);
    findings.integer(path, widget, "height", 1, HEIGHT_MAX);
    if widget.contains_key("x") != widget.contains_key("y") {
        findings.error(path, "Should have x and y together");
    }
    let kinds = [
        "metric", "text", "log", "alarm", "explorer", "chart", "custom",
    ];
    let kind = findings.text(path, widget, "type", true);
    findings.choice(path, widget, "type", &kinds);
    let place = format!("{path}/properties");
    let Some(Json::Object(properties)) = widget.get("properties") else {
        findings.error(&place, "Should be there, and be an object");
        return 0;
    };
    match kind {
        Some("metric") => return metric::check(findings, &place, properties),
        Some("text") => {
            findings.strangers(&place, properties, &["markdown", "background"]);
            findings.text(&place, properties, "markdown", true);
            findings.choice(&place, properties, "background", &["solid", "transparent"]);
        }
        Some("log") => log(findings, &place, properties),
        Some("alarm") => alarm(findings, &place, properties),
        Some("explorer") => explorer(findings, &place, properties),
        // The members of charts are not published, those of custom widgets are the user's.
        _ => {}
    }
    0
}

fn log(findings: &mut Findings, path: &str, properties: &Map<String, Json>) {
    let known = [
        "region",
        "query",
        "title",
        "accountId",
        "view",
        "stacked",
        "queryLanguage",
        "logGroupNames",
        "timezone",
    ];
    findings.strangers(path, properties, &known);
    findings.text(path, properties, "region", true);
    findings.text(path, properties, "query", true);
    findings.text(path, properties, "title", false);
    findings.choice(
        path,
        properties,
        "view",
        &["table", "timeSeries", "bar", "pie"],
    );
}

fn alarm(findings: &mut Findings, path: &str, properties: &Map<String, Json>) {
    findings.strangers(path, properties, &["alarms", "sortBy", "states", "title"]);
    findings.text(path, properties, "title", false);
    let orders = ["default", "stateUpdatedTimestamp", "timestamp"];
    findings.choice(path, properties, "sortBy", &orders);
    let place = format!("{path}/alarms");
    match properties.get("alarms") {
        Some(Json::Array(alarms)) if (1..=ALARMS_MAX).contains(&alarms.len()) => {
            for (number, alarm) in alarms.iter().enumerate() {
                if !alarm.as_str().is_some_and(is_alarm) {
                    findings.error(
                        &format!("{place}/{number}"),
                        "Should be the ARN of an alarm",
                    );
                }
            }
        }
        _ => findings.error(
            &place,
            format!("Should be an array of 1 to {ALARMS_MAX} ARNs"),
        ),
    }
    let states = ["OK", "ALARM", "INSUFFICIENT_DATA"];
    match properties.get("states") {
        None => {}
        Some(Json::Array(items))
            if items
                .iter()
                .all(|item| item.as_str().is_some_and(|text| states.contains(&text))) => {}
        Some(_) => findings.error(&format!("{path}/states"), "Should be an array of states"),
    }
}

/// `arn:aws:cloudwatch:region:account:alarm:name`.
fn is_alarm(arn: &str) -> bool {
    let parts: Vec<_> = arn.splitn(7, ':').collect();
    matches!(parts.as_slice(), ["arn", _, "cloudwatch", _, _, "alarm", name] if !name.is_empty())
}

fn explorer(findings: &mut Findings, path: &str, properties: &Map<String, Json>) {
    let known = [
        "metrics",
        "labels",
        "aggregateBy",
        "splitBy",
        "period",
        "widgetOptions",
        "title",
    ];
    findings.strangers(path, properties, &known);
    match properties.get("metrics") {
        Some(Json::Array(metrics)) if (1..=100).contains(&metrics.len()) => {
            for (number, metric) in metrics.iter().enumerate() {
                let place = format!("{path}/metrics/{number}");
                match metric.as_object() {
                    Some(metric) => {
                        for name in ["metricName", "resourceType", "stat"] {
                            findings.text(&place, metric, name, true);
                        }
                    }
                    None => findings.error(&place, "Should be object"),
                }
            }
        }
        _ => findings.error(
            &format!("{path}/metrics"),
            "Should be an array of 1 to 100 metrics",
        ),
    }
}

fn variables(findings: &mut Findings, list: &Json) {
    let Some(list) = list.as_array().filter(|list| list.len() <= VARIABLES_MAX) else {
        let text = format!("Should be an array of at most {VARIABLES_MAX} variables");
        return findings.error("/variables", text);
    };
    for (number, item) in list.iter().enumerate() {
        let path = format!("/variables/{number}");
        let Some(variable) = item.as_object() else {
            findings.error(&path, "Should be object");
            continue;
        };
        let known = [
            "type",
            "property",
            "pattern",
            "inputType",
            "id",
            "label",
            "values",
            "search",
            "populateFrom",
            "defaultValue",
            "visible",
        ];
        findings.strangers(&path, variable, &known);
        findings.choice(&path, variable, "type", &["property", "pattern"]);
        findings.choice(&path, variable, "inputType", &["input", "select", "radio"]);
        if let Some(kind @ ("property" | "pattern")) = findings.text(&path, variable, "type", true)
        {
            findings.text(&path, variable, kind, true);
        }
        findings.text(&path, variable, "inputType", true);
        let id = findings.text(&path, variable, "id", true).unwrap_or("-");
        let fits = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        if id.len() > 32 || id.is_empty() || !id.chars().all(fits) {
            findings.error(
                &format!("{path}/id"),
                "Should be 1 to 32 letters, digits, - and _",
            );
        }
        if variable.contains_key("search") && !variable.contains_key("populateFrom") {
            findings.error(&path, "Should have required property 'populateFrom'");
        }
    }
}

#[cfg(test)]
mod tests;
