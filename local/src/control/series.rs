//! Asks CloudWatch for data points and gives them in the shape that the page draws.

use plimsoll_core::clock::UnixMillis;
use serde_json::{Value as Json, json};

use super::View;
use crate::value::Value;

/// One line of a chart, or what stands for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Series {
    /// The id of the query.
    pub(super) id: String,
    /// What CloudWatch calls it.
    pub(super) label: String,
    /// Milliseconds and value, oldest first.
    pub(super) points: Vec<(i64, f64)>,
}

impl Series {
    /// The newest value.
    pub(super) fn last(&self) -> Option<f64> {
        self.points.last().map(|(_, value)| *value)
    }

    /// The series as the page reads it.
    pub(super) fn json(&self, label: &str, unit: &str) -> Json {
        json!({ "label": label, "unit": unit, "points": self.points })
    }
}

/// Which points are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub(super) start: UnixMillis,
    pub(super) end: UnixMillis,
}

/// A query for one metric.
pub(super) fn metric_query(
    id: &str,
    metric: Value,
    statistic: &str,
    period: i64,
    returned: bool,
) -> Value {
    Value::map([
        ("Id", id.into()),
        (
            "MetricStat",
            Value::map([
                ("Metric", metric),
                ("Period", period.into()),
                ("Stat", statistic.into()),
            ]),
        ),
        ("ReturnData", returned.into()),
    ])
}

/// The data of `queries` in their order; or what CloudWatch says against them.
pub(super) fn fetch(
    view: &View<'_>,
    queries: Vec<Value>,
    range: Range,
) -> Result<Vec<Series>, String> {
    if queries.is_empty() {
        return Ok(Vec::new());
    }
    let input = Value::map([
        ("MetricDataQueries", Value::List(queries)),
        ("StartTime", Value::time(range.start)),
        ("EndTime", Value::time(range.end)),
        ("ScanBy", "TimestampAscending".into()),
    ]);
    let answer = view
        .cloudwatch("GetMetricData", input)
        .map_err(|refusal| refusal.message)?;
    Ok(answer
        .member("MetricDataResults")
        .items()
        .iter()
        .map(series_of)
        .collect())
}

fn series_of(result: &Value) -> Series {
    let times = result.member("Timestamps").items().iter();
    let values = result.member("Values").items().iter();
    let points = times
        .zip(values)
        .filter_map(|(time, value)| Some((time.moment()?.0, value.number()?)))
        .collect();
    Series {
        id: super::text(result, "Id").to_owned(),
        label: super::text(result, "Label").to_owned(),
        points,
    }
}
