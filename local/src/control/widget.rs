//! What the widgets of a dashboard show at this moment.
//!
//! The rows of a metric widget are read as CloudWatch reads them, with `.` and `...` for what is
//! as in the row before, and become one GetMetricData. Source: CloudWatch API reference,
//! "Dashboard body structure and syntax", `metrics`.

use plimsoll_core::catalog::{self, Metric};
use serde_json::{Map, Value as Json, json};

use super::series::{Range, Series, fetch, metric_query};
use super::{View, alarms, board, charts};
use crate::plain::PlainRequest;
use crate::value::Value;

/// Seconds of a point where neither row nor widget says it.
const PERIOD_DEFAULT: i64 = 300;

/// The data of each widget of the dashboard that the request names by `dashboard`.
pub(super) fn json(view: &View<'_>, request: &PlainRequest) -> Json {
    let name = request.parameter("dashboard").unwrap_or_default();
    let shown: Vec<Json> = board::widgets(view, name)
        .iter()
        .map(|widget| one(view, widget))
        .collect();
    json!({ "widgets": shown })
}

fn one(view: &View<'_>, widget: &Json) -> Json {
    let properties = &widget["properties"];
    match widget["type"].as_str() {
        Some("alarm") => {
            let arns: Vec<&str> = list(&properties["alarms"])
                .filter_map(Json::as_str)
                .collect();
            json!({ "alarms": alarms::by_arn(view, &arns) })
        }
        Some("metric") => metric(view, properties),
        _ => json!({}),
    }
}

fn metric(view: &View<'_>, properties: &Json) -> Json {
    if let Some(arn) = properties["annotations"]["alarms"][0].as_str() {
        return json!({ "alarms": alarms::by_arn(view, &[arn]) });
    }
    let rows = rows(properties);
    let longest = rows
        .iter()
        .map(|row| row.period)
        .max()
        .unwrap_or(PERIOD_DEFAULT);
    let range = charts::range(view);
    // A point of a long period begins before what is shown.
    let reach = std::time::Duration::from_secs(longest.unsigned_abs());
    let asked = Range {
        start: range.start - reach,
        end: range.end,
    };
    let queries = rows.iter().map(Row::query).collect();
    match fetch(view, queries, asked) {
        Err(message) => json!({ "error": message }),
        Ok(found) => {
            let shown: Vec<Json> = found.iter().map(|series| drawn(series, &rows)).collect();
            json!({ "start": asked.start.0, "end": range.end.0, "series": shown })
        }
    }
}

/// The series with the label, colour and axis of its row.
fn drawn(series: &Series, rows: &[Row]) -> Json {
    let row = rows.iter().find(|row| row.id == series.id);
    let mut shown = series.json(&series.label, row.map_or("None", unit));
    if let Some(row) = row {
        shown["color"] = row.options["color"].clone();
        shown["axis"] = row.options["yAxis"].clone();
    }
    shown
}

/// The unit by the catalog; CloudWatch's GetMetricData does not tell it. A search has the unit of
/// the metric that it names.
fn unit(row: &Row) -> &'static str {
    let searched = row.options["expression"].as_str().unwrap_or_default();
    let is_meant = |known: &Metric| match row.metric.as_slice() {
        [namespace, name, ..] => known.namespace == namespace && known.name == name,
        _ => searched.contains(&format!("MetricName=\"{}\"", known.name)),
    };
    let known = catalog::all().find(|known| is_meant(known));
    known.map_or("None", |known| known.unit.as_str())
}

/// One row, with everything that it takes from its widget and the row before.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    id: String,
    /// Namespace, name, and the names and values of dimensions in turn; empty for an expression.
    metric: Vec<String>,
    period: i64,
    statistic: String,
    options: Json,
}

impl Row {
    fn query(&self) -> Value {
        let visible = self.options["visible"].as_bool().unwrap_or(true);
        let mut query = match self.options["expression"].as_str() {
            Some(expression) => Value::map([
                ("Id", self.id.as_str().into()),
                ("Expression", expression.into()),
                ("Period", self.period.into()),
                ("ReturnData", visible.into()),
            ]),
            None => metric_query(
                &self.id,
                metric_value(&self.metric),
                &self.statistic,
                self.period,
                visible,
            ),
        };
        if let (Value::Map(members), Some(label)) = (&mut query, self.options["label"].as_str()) {
            members.push(("Label".to_owned(), label.into()));
        }
        query
    }
}

fn metric_value(parts: &[String]) -> Value {
    let part = |place: usize| parts.get(place).map_or("", String::as_str);
    let dimensions = parts
        .get(2..)
        .unwrap_or_default()
        .chunks_exact(2)
        .map(|pair| {
            let of = |place: usize| pair.get(place).map_or("", String::as_str);
            Value::map([("Name", of(0).into()), ("Value", of(1).into())])
        })
        .collect();
    Value::map([
        ("Namespace", part(0).into()),
        ("MetricName", part(1).into()),
        ("Dimensions", Value::List(dimensions)),
    ])
}

/// All rows of a metric widget.
fn rows(properties: &Json) -> Vec<Row> {
    let mut before: Vec<String> = Vec::new();
    let mut rows = Vec::new();
    for (place, row) in list(&properties["metrics"]).enumerate() {
        let mut parts: Vec<&Json> = list(row).collect();
        let options = match parts.last() {
            Some(Json::Object(_)) => parts.pop().cloned().unwrap_or_default(),
            _ => Json::Object(Map::new()),
        };
        let metric = unfolded(&parts, &before);
        if !metric.is_empty() {
            before.clone_from(&metric);
        }
        let own = |name: &str| match &options[name] {
            Json::Null => properties[name].clone(),
            set => set.clone(),
        };
        rows.push(Row {
            id: options["id"]
                .as_str()
                .map_or_else(|| format!("row{place}"), str::to_owned),
            metric,
            period: own("period").as_i64().unwrap_or(PERIOD_DEFAULT),
            statistic: own("stat").as_str().unwrap_or("Average").to_owned(),
            options,
        });
    }
    rows
}

/// A row's texts with `.` and `...` filled in from the row before.
fn unfolded(parts: &[&Json], before: &[String]) -> Vec<String> {
    let mut whole = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        match part.as_str().unwrap_or_default() {
            "." => whole.push(before.get(whole.len()).cloned().unwrap_or_default()),
            "..." => {
                let after = parts.len() - place - 1;
                let end = before.len().saturating_sub(after);
                whole.extend_from_slice(before.get(whole.len()..end).unwrap_or_default());
            }
            text => whole.push(text.to_owned()),
        }
    }
    whole
}

fn list(value: &Json) -> impl Iterator<Item = &Json> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_repeat_what_the_row_before_says() {
        let properties = json!({ "period": 60, "stat": "Maximum", "metrics": [
            ["Plimsoll/Host", "cpu_usage_active", "InstanceId", "i-1"],
            [".", "mem_used_percent", ".", "."],
            ["...", "i-2", { "stat": "Average", "period": 10, "id": "other" }],
            [{ "expression": "MAX(METRICS())", "label": "most", "id": "e1" }],
        ] });
        let found: Vec<(String, String, i64, String)> = rows(&properties)
            .into_iter()
            .map(|row| (row.id, row.metric.join(" "), row.period, row.statistic))
            .collect();
        let expected = [
            (
                "row0",
                "Plimsoll/Host cpu_usage_active InstanceId i-1",
                60,
                "Maximum",
            ),
            (
                "row1",
                "Plimsoll/Host mem_used_percent InstanceId i-1",
                60,
                "Maximum",
            ),
            (
                "other",
                "Plimsoll/Host mem_used_percent InstanceId i-2",
                10,
                "Average",
            ),
            ("e1", "", 60, "Maximum"),
        ];
        let expected = expected.map(|(id, metric, period, statistic)| {
            (
                id.to_owned(),
                metric.to_owned(),
                period,
                statistic.to_owned(),
            )
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_body_that_is_not_as_it_should_be_gives_no_rows_and_no_panic() {
        for broken in [
            json!(null),
            json!({ "metrics": 7 }),
            json!({ "metrics": [] }),
            json!({ "metrics": [[]] }),
            json!({ "metrics": [["..."], [".", "."], [null, 4, {}]] }),
        ] {
            for row in rows(&broken) {
                row.query();
            }
        }
    }
}
