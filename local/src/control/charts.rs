//! The host's metrics as the charts of the page.
//!
//! A chart is a set of metric names of the catalog; its lines are the series that exist. Agents
//! send some metrics under several sets of dimensions; the page shows the one of the instance.

use std::collections::BTreeMap;
use std::time::Duration;

use plimsoll_core::catalog::{self, Metric};
use serde_json::{Value as Json, json};

use super::View;
use super::series::{Range, Series, fetch, metric_query};
use crate::value::Value;

/// The stretch of time that is shown, once there is as much.
const SHOWN_MAX: Duration = Duration::from_mins(10);
/// The shortest stretch: two points a few seconds apart should not fill the whole width.
const SHOWN_MIN: Duration = Duration::from_mins(2);
/// Seconds of each point. Agents measure every few seconds at most.
const PERIOD: i64 = 5;
/// Lines in one chart; those with the greatest newest values are kept.
const LINES_MAX: usize = 8;

/// One chart: its title, its metrics with the word for each, and the upper end of its axis.
struct Chart {
    title: &'static str,
    lines: &'static [(&'static Metric, &'static str)],
    high: Option<f64>,
}

const fn chart(title: &'static str, lines: &'static [(&'static Metric, &'static str)]) -> Chart {
    Chart {
        title,
        lines,
        high: None,
    }
}

const fn share(title: &'static str, lines: &'static [(&'static Metric, &'static str)]) -> Chart {
    Chart {
        high: Some(100.0),
        ..chart(title, lines)
    }
}

const CHARTS: [Chart; 8] = [
    share(
        "Processor",
        &[
            (&catalog::CPU_USAGE_ACTIVE, "active"),
            (&catalog::CPU_USAGE_USER, "user"),
            (&catalog::CPU_USAGE_SYSTEM, "system"),
            (&catalog::CPU_USAGE_IOWAIT, "I/O wait"),
        ],
    ),
    share(
        "Memory in use",
        &[
            (&catalog::MEM_USED_PERCENT, "memory"),
            (&catalog::SWAP_USED_PERCENT, "swap"),
        ],
    ),
    chart(
        "Load average",
        &[
            (&catalog::LOAD_1, "1 min"),
            (&catalog::LOAD_5, "5 min"),
            (&catalog::LOAD_15, "15 min"),
        ],
    ),
    share("File systems in use", &[(&catalog::DISK_USED_PERCENT, "")]),
    chart(
        "Disk throughput",
        &[
            (&catalog::DISKIO_READ_BYTES, "read"),
            (&catalog::DISKIO_WRITE_BYTES, "write"),
        ],
    ),
    chart(
        "Network throughput",
        &[
            (&catalog::NET_BYTES_RECV, "in"),
            (&catalog::NET_BYTES_SENT, "out"),
        ],
    ),
    chart(
        "Lines and events of the agent",
        &[
            (&catalog::AGENT_LINES_READ, "lines read"),
            (&catalog::AGENT_EVENTS_SENT, "events sent"),
        ],
    ),
    chart(
        "Memory of the agent",
        &[(&catalog::AGENT_MEMORY, "resident")],
    ),
];

/// What tells the instance apart.
const INSTANCE: &str = "InstanceId";

/// The charts that have data.
pub(super) fn json(view: &View<'_>) -> Json {
    let range = range(view);
    let series = existing(view);
    let charts: Vec<Json> = CHARTS
        .iter()
        .filter_map(|chart| draw(view, chart, &series, range))
        .collect();
    let host = series
        .keys()
        .flat_map(|(_, dimensions)| dimensions)
        .find(|(name, _)| name == INSTANCE)
        .map(|(_, value)| value.clone());
    json!({ "host": host, "start": range.start.0, "end": range.end.0, "charts": charts })
}

/// From the first call, but neither too short nor too long.
pub(super) fn range(view: &View<'_>) -> Range {
    let length = view.now.since(view.since()).clamp(SHOWN_MIN, SHOWN_MAX);
    Range {
        start: view.now - length,
        end: view.now + Duration::from_secs(1),
    }
}

/// Metric name and dimensions, with the metric as CloudWatch names it.
type Existing = BTreeMap<(String, Vec<(String, String)>), Value>;

/// All series of the host and of the agent.
fn existing(view: &View<'_>) -> Existing {
    let host = [("Namespace", catalog::namespace::HOST.into())];
    view.all("ListMetrics", &host, "Metrics")
        .into_iter()
        .map(|metric| {
            let dimensions = metric.member("Dimensions").items().iter();
            let dimensions = dimensions
                .map(|one| {
                    let part = |name| super::text(one, name).to_owned();
                    (part("Name"), part("Value"))
                })
                .collect();
            (
                (super::text(&metric, "MetricName").to_owned(), dimensions),
                metric,
            )
        })
        .collect()
}

fn draw(view: &View<'_>, chart: &Chart, existing: &Existing, range: Range) -> Option<Json> {
    let mut labels = Vec::new();
    let mut queries = Vec::new();
    for (metric, word) in chart.lines {
        for (label, found) in finest(metric, word, existing) {
            let id = format!("m{}", labels.len());
            queries.push(metric_query(&id, found.clone(), "Average", PERIOD, true));
            labels.push((label, metric.name));
        }
    }
    let mut found: Vec<((String, &str), Series)> = fetch(view, queries, range)
        .unwrap_or_default()
        .into_iter()
        .zip(labels)
        .map(|(series, label)| (label, series))
        .filter(|(_, series)| !series.points.is_empty())
        .collect();
    if found.len() > LINES_MAX {
        let key = |series: &Series| series.last().unwrap_or(0.0);
        found.sort_by(|(_, a), (_, b)| key(b).total_cmp(&key(a)));
        found.truncate(LINES_MAX);
    }
    let unit = chart.lines.first()?.0.unit.as_str();
    let series: Vec<Json> = found
        .iter()
        .map(|((label, metric), series)| {
            let mut drawn = series.json(label, unit);
            drawn["metric"] = (*metric).into();
            drawn
        })
        .collect();
    (!series.is_empty()).then(|| {
        json!({
            "title": chart.title, "unit": unit,
            "low": 0, "high": chart.high, "series": series,
        })
    })
}

/// The series of a metric under the dimensions of the instance, or where there is no such series
/// under the largest set, each with a label made of its own dimensions, such as a path, and the
/// word.
fn finest<'a>(
    metric: &Metric,
    word: &str,
    existing: &'a Existing,
) -> impl Iterator<Item = (String, &'a Value)> {
    let own = metric.dimensions;
    let all: Vec<_> = existing
        .iter()
        .filter(|((name, _), value)| {
            name == metric.name && super::text(value, "Namespace") == metric.namespace
        })
        .collect();
    let rank = |dimensions: &[(String, String)]| {
        (
            dimensions.iter().any(|(name, _)| name == INSTANCE),
            dimensions.len(),
        )
    };
    let most = all
        .iter()
        .map(|((_, dimensions), _)| rank(dimensions))
        .max();
    let word = word.to_owned();
    all.into_iter()
        .filter(move |((_, dimensions), _)| Some(rank(dimensions)) == most)
        .map(move |((_, dimensions), value)| {
            let mut parts: Vec<&str> = dimensions
                .iter()
                .filter(|(name, _)| own.contains(&name.as_str()))
                .map(|(_, value)| value.as_str())
                .collect();
            if !word.is_empty() {
                parts.push(&word);
            }
            (parts.join(" "), value)
        })
}
