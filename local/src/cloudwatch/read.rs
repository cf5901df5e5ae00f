//! ListMetrics, GetMetricData and GetMetricStatistics.

use std::time::Duration;

use plimsoll_core::clock::UnixMillis;

use super::math::run::{Line, Run};
use super::store::{MetricId, Store};
use super::{Statistic, query, refuse};
use crate::service::{Answer, Call, Refusal};
use crate::value::Value;

/// Metrics on a page of ListMetrics. Source: CloudWatch API reference, ListMetrics.
const LIST_PAGE: usize = 500;
/// Dimension filters of ListMetrics. Source: the same.
const FILTERS_MAX: usize = 10;
/// The only value of `RecentlyActive`, PT3H. Source: the same.
const RECENT: Duration = Duration::from_hours(3);
/// Queries of a GetMetricData. Source: CloudWatch API reference, GetMetricData.
const QUERIES_MAX: usize = 500;
/// Points of an answer of GetMetricData. Source: the same.
const POINTS_MAX: usize = 100_800;
/// Points of an answer of GetMetricStatistics. Source: its API reference.
const STATISTICS_POINTS_MAX: i64 = 1_440;

/// ListMetrics.
pub(super) fn list(store: &Store, call: &Call) -> Answer {
    let input = &call.input;
    let namespace = input.member("Namespace").text();
    let name = input.member("MetricName").text();
    let filters = input.member("Dimensions").items();
    if filters.len() > FILTERS_MAX {
        return Err(refuse::value(format!(
            "The collection Dimensions must not have a size greater than {FILTERS_MAX}."
        )));
    }
    let since = match input.member("RecentlyActive").text() {
        None => UnixMillis(i64::MIN),
        Some("PT3H") => call.now - RECENT,
        Some(_) => return Err(refuse::value("The parameter RecentlyActive must be PT3H.")),
    };
    let offset = offset(input)?;
    let fits = |id: &MetricId| {
        name.is_none_or(|name| name == id.name) && filters.iter().all(|filter| has(id, filter))
    };
    let mut found = store
        .metrics(namespace)
        .filter(|(id, newest)| *newest >= since && fits(id))
        .skip(offset);
    let metrics: Vec<_> = found
        .by_ref()
        .take(LIST_PAGE)
        .map(|(id, _)| metric(id))
        .collect();
    let more = found.next().is_some();
    Ok(Value::map([
        ("Metrics", Value::List(metrics)),
        (
            "NextToken",
            more.then(|| (offset + LIST_PAGE).to_string()).into(),
        ),
    ]))
}

fn has(id: &MetricId, filter: &Value) -> bool {
    let value = filter.member("Value").text();
    id.dimensions.iter().any(|(name, found)| {
        filter.member("Name").text() == Some(name) && value.is_none_or(|value| value == found)
    })
}

/// A metric as the API writes it.
pub(super) fn metric(id: &MetricId) -> Value {
    Value::map([
        ("Namespace", id.namespace.as_str().into()),
        ("MetricName", id.name.as_str().into()),
        ("Dimensions", dimensions(&id.dimensions)),
    ])
}

/// Dimensions as the API writes them.
pub(super) fn dimensions(dimensions: &[(String, String)]) -> Value {
    let pair = |(name, value): &(String, String)| {
        Value::map([
            ("Name", name.as_str().into()),
            ("Value", value.as_str().into()),
        ])
    };
    Value::List(dimensions.iter().map(pair).collect())
}

/// Reads a page token: the number of things that were given out before.
pub(super) fn offset(input: &Value) -> Result<usize, Refusal> {
    match input.member("NextToken").text() {
        None => Ok(0),
        Some(token) => token.parse().map_err(|_| refuse::next_token()),
    }
}

/// GetMetricData. Series come one after the other; what does not fit is left for the next page.
pub(super) fn data(store: &Store, call: &Call) -> Answer {
    let input = &call.input;
    let items = input.member("MetricDataQueries").items();
    if items.is_empty() {
        return Err(refuse::missing("MetricDataQueries"));
    }
    if items.len() > QUERIES_MAX {
        return Err(refuse::value(format!(
            "The collection MetricDataQueries must not have a size greater than {QUERIES_MAX}."
        )));
    }
    let queries = query::read(items, "MetricDataQueries")?;
    let (from, to) = span(input)?;
    let ascending = match input.member("ScanBy").text() {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(_) => return Err(refuse::value("The parameter ScanBy is not valid.")),
    };
    let limit = match input.member("MaxDatapoints").integer() {
        None => POINTS_MAX,
        Some(limit) => usize::try_from(limit).unwrap_or(0).clamp(1, POINTS_MAX),
    };
    let run = Run::new(store, &queries, from, to);
    let mut page = Page {
        skip: offset(input)?,
        left: limit,
        given: 0,
        more: false,
    };
    let mut results = Vec::new();
    for query in queries.iter().filter(|query| query.return_data) {
        let lines = run.lines(query).map_err(|why| {
            refuse::validation(format!("Error in expression '{}': {why}", query.id))
        })?;
        for line in lines {
            results.push(page.result(&query.id, line, ascending));
        }
    }
    let token = page
        .more
        .then(|| (offset(input).unwrap_or(0) + page.given).to_string());
    Ok(Value::map([
        ("MetricDataResults", Value::List(results)),
        ("Messages", Value::List(Vec::new())),
        ("NextToken", token.into()),
    ]))
}

/// How much of the points is on this page.
struct Page {
    skip: usize,
    left: usize,
    given: usize,
    more: bool,
}

impl Page {
    fn result(&mut self, id: &str, line: Line, ascending: bool) -> Value {
        let mut points: Vec<_> = line.points.into_iter().collect();
        if !ascending {
            points.reverse();
        }
        let skipped = self.skip.min(points.len());
        self.skip -= skipped;
        let shown = (points.len() - skipped).min(self.left);
        self.left -= shown;
        self.given += shown;
        let complete = skipped + shown == points.len();
        self.more |= !complete;
        let points = points.get(skipped..skipped + shown).unwrap_or_default();
        let time = |(second, _): &(i64, f64)| Value::time(UnixMillis(second * 1000));
        Value::map([
            ("Id", id.into()),
            ("Label", line.label.into()),
            ("Timestamps", Value::List(points.iter().map(time).collect())),
            (
                "Values",
                points
                    .iter()
                    .map(|(_, value)| *value)
                    .collect::<Vec<_>>()
                    .into(),
            ),
            (
                "StatusCode",
                if complete { "Complete" } else { "PartialData" }.into(),
            ),
        ])
    }
}

/// `StartTime` and `EndTime` in seconds.
fn span(input: &Value) -> Result<(i64, i64), Refusal> {
    let read = |name: &str| {
        let at = input.member(name).moment();
        at.map(UnixMillis::as_secs)
            .ok_or_else(|| refuse::missing(name))
    };
    let (from, to) = (read("StartTime")?, read("EndTime")?);
    if from >= to {
        return Err(refuse::value(
            "The parameter StartTime must be less than the parameter EndTime.",
        ));
    }
    Ok((from, to))
}

/// GetMetricStatistics: each unit on its own.
pub(super) fn statistics(store: &Store, call: &Call) -> Answer {
    let input = &call.input;
    let id = query::metric_id(input, "Metric").map_err(|mut refusal| {
        refusal.message = refusal.message.replace("Metric.", "");
        refusal
    })?;
    let period = query::period(input.member("Period"), "Period")?;
    let (from, to) = span(input)?;
    let from = from - from.rem_euclid(period.min(60));
    if (to - from) / period > STATISTICS_POINTS_MAX {
        return Err(refuse::combination(format!(
            "You have requested up to {} datapoints, which exceeds the limit of \
             {STATISTICS_POINTS_MAX}. You may reduce the datapoints requested by increasing \
             Period, or decreasing the time range.",
            (to - from) / period
        )));
    }
    let simple = wanted(input, "Statistics", Statistic::is_simple)?;
    let extended = wanted(input, "ExtendedStatistics", |statistic| {
        !statistic.is_simple()
    })?;
    if simple.is_empty() == extended.is_empty() {
        return Err(refuse::combination(
            "Exactly one of Statistics and ExtendedStatistics must be specified.",
        ));
    }
    let unit = query::unit(input.member("Unit"), "Metric")?;
    let units = unit.map_or_else(|| store.units(&id), |unit| vec![unit]);
    let mut points = Vec::new();
    for unit in &units {
        for (second, bucket) in store.periods(&id, Some(unit), from, to, period) {
            let read = |statistic: &Statistic| {
                Some((
                    statistic.to_string(),
                    Value::Double(bucket.read(*statistic)?),
                ))
            };
            let mut point = vec![
                (
                    "Timestamp".to_owned(),
                    Value::time(UnixMillis(second * 1000)),
                ),
                ("Unit".to_owned(), unit.as_str().into()),
            ];
            point.extend(simple.iter().filter_map(read));
            if !extended.is_empty() {
                let values = extended.iter().filter_map(read).collect();
                point.push(("ExtendedStatistics".to_owned(), Value::Map(values)));
            }
            points.push(Value::Map(point));
        }
    }
    Ok(Value::map([
        ("Label", id.name.into()),
        ("Datapoints", Value::List(points)),
    ]))
}

fn wanted(
    input: &Value,
    member: &str,
    fits: impl Fn(Statistic) -> bool,
) -> Result<Vec<Statistic>, Refusal> {
    let mut statistics = Vec::new();
    for item in input.member(member).items() {
        let name = item.text().unwrap_or_default();
        match Statistic::read(name).filter(|statistic| fits(*statistic)) {
            Some(statistic) => statistics.push(statistic),
            None => {
                return Err(refuse::value(format!(
                    "The value '{name}' for parameter {member} is not valid."
                )));
            }
        }
    }
    Ok(statistics)
}

#[cfg(test)]
mod tests;
