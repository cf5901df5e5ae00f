//! The load that was: read from CSV, or from what the AWS CLI prints.

use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;

/// The longest history that is replayed, in seconds: 31 days.
pub const LENGTH_MAX: u32 = 31 * 86_400;
/// The shortest, in seconds.
pub const LENGTH_MIN: u32 = 600;
/// Times that are larger are milliseconds.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// What the values of a history are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// The load of the whole group.
    #[default]
    Total,
    /// The average of the instances; times the capacity that was recorded beside it it is the load.
    PerInstance,
}

/// A load over time.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Seconds since 1970 at which it begins.
    pub start: i64,
    /// Seconds from the start, and the load from then on. Ascending.
    points: Vec<(u32, f64)>,
    /// The usual distance of two points, in seconds. One that is more than twice as far is a gap.
    step: u32,
}

/// Goes through a history in the order of time.
#[derive(Debug)]
pub struct Walk<'h> {
    history: &'h History,
    at: usize,
}

impl Walk<'_> {
    /// The load at `second` from the start, which never goes back; `None` in a gap.
    pub fn load(&mut self, second: u32) -> Option<f64> {
        let points = &self.history.points;
        while points
            .get(self.at + 1)
            .is_some_and(|(next, _)| *next <= second)
        {
            self.at += 1;
        }
        let (from, value) = points.get(self.at)?;
        let age = second.checked_sub(*from)?;
        (age < self.history.step * 2).then_some(*value)
    }
}

impl History {
    /// Reads a file: JSON when its first character says so, else CSV.
    ///
    /// # Errors
    /// The file, the line or entry, what was found and what was expected.
    pub fn read(path: &Path, unit: Unit) -> Result<Self, String> {
        let name = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
        let rows = if text.trim_start().starts_with('{') {
            if unit == Unit::PerInstance {
                return Err(format!(
                    "{name}: values per instance need the capacity beside each, which only CSV \
                     has: time,value,capacity"
                ));
            }
            json(&text).map_err(|problem| format!("{name}: {problem}"))?
        } else {
            csv(&text, unit).map_err(|(line, problem)| format!("{name}:{line}: {problem}"))?
        };
        Self::of(rows).map_err(|problem| format!("{name}: {problem}"))
    }

    /// A history of (seconds since 1970, load), in ascending order.
    ///
    /// # Errors
    /// Fewer than two points, or a length that is not replayed.
    pub fn of(rows: Vec<(i64, f64)>) -> Result<Self, String> {
        let (Some((start, _)), true) = (rows.first().copied(), rows.len() > 1) else {
            return Err(format!("{} points, expected two or more", rows.len()));
        };
        let mut points = Vec::with_capacity(rows.len());
        for (at, value) in rows {
            let second = at
                .checked_sub(start)
                .and_then(|second| u32::try_from(second).ok())
                .filter(|second| *second <= LENGTH_MAX)
                .ok_or("longer than 31 days")?;
            points.push((second, value));
        }
        let mut distances: Vec<u32> = points
            .windows(2)
            .filter_map(|pair| Some(pair.get(1)?.0 - pair.first()?.0))
            .collect();
        distances.sort_unstable();
        let step = distances.get(distances.len() / 2).copied().unwrap_or(60);
        let history = Self {
            start,
            points,
            step,
        };
        if history.length() < LENGTH_MIN {
            return Err(format!(
                "{} s long, expected {LENGTH_MIN} s or more",
                history.length()
            ));
        }
        Ok(history)
    }

    /// Seconds from the first point to the end of the last.
    #[must_use]
    pub fn length(&self) -> u32 {
        self.points.last().map_or(0, |(at, _)| at + self.step)
    }

    /// The largest load.
    #[must_use]
    pub fn peak(&self) -> f64 {
        self.points
            .iter()
            .map(|(_, load)| *load)
            .fold(0.0, f64::max)
    }

    /// From its beginning.
    #[must_use]
    pub fn walk(&self) -> Walk<'_> {
        Walk {
            history: self,
            at: 0,
        }
    }
}

fn csv(text: &str, unit: Unit) -> Result<Vec<(i64, f64)>, (usize, String)> {
    let mut rows: Vec<(i64, f64)> = Vec::new();
    let lines = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    for (index, (number, line)) in lines.enumerate() {
        if index == 0 && line.starts_with("time,") {
            continue;
        }
        let row = row(line, unit).map_err(|problem| (number, problem))?;
        if rows.last().is_some_and(|(before, _)| *before >= row.0) {
            return Err((
                number,
                "the time is not later than that of the line before".to_owned(),
            ));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn row(line: &str, unit: Unit) -> Result<(i64, f64), String> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let (time, value, capacity) = match (fields.as_slice(), unit) {
        ([time, value] | [time, value, _], Unit::Total) => (time, value, None),
        ([time, value, capacity], Unit::PerInstance) => (time, value, Some(capacity)),
        (_, Unit::Total) => return Err(format!("found `{line}`, expected time,value")),
        (_, Unit::PerInstance) => {
            return Err(format!("found `{line}`, expected time,value,capacity"));
        }
    };
    let mut load = amount(value)?;
    if let Some(capacity) = capacity {
        load *= amount(capacity)?;
    }
    Ok((moment(time)?, load))
}

fn amount(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|value: &f64| value.is_finite() && *value >= 0.0)
        .ok_or_else(|| format!("found `{text}`, expected a number of zero or more"))
}

fn moment(text: &str) -> Result<i64, String> {
    if let Ok(number) = text.parse::<i64>() {
        let milliseconds = number >= MILLISECONDS_FROM;
        return Ok(if milliseconds { number / 1000 } else { number });
    }
    text.parse::<Timestamp>()
        .map(Timestamp::as_second)
        .map_err(|_| {
            format!(
                "found `{text}`, expected a time as 2026-11-24T10:00:00Z or in seconds since 1970"
            )
        })
}

/// What `aws cloudwatch get-metric-statistics` and `get-metric-data` print.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    datapoints: Option<Vec<Datapoint>>,
    metric_data_results: Option<Vec<Series>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datapoint {
    timestamp: String,
    sum: Option<f64>,
    average: Option<f64>,
    maximum: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Series {
    timestamps: Vec<String>,
    values: Vec<f64>,
}

fn json(text: &str) -> Result<Vec<(i64, f64)>, String> {
    let printed: Printed = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let pairs: Vec<(String, f64)> = match (printed.datapoints, printed.metric_data_results) {
        (Some(points), None) => points
            .into_iter()
            .map(|point| {
                let value = point.sum.or(point.average).or(point.maximum);
                let value = value.ok_or("a data point without Sum, Average or Maximum")?;
                Ok((point.timestamp, value))
            })
            .collect::<Result<_, String>>()?,
        (None, Some(mut series)) if series.len() == 1 => {
            let series = series.remove(0);
            if series.timestamps.len() != series.values.len() {
                return Err("not as many Values as Timestamps".to_owned());
            }
            series.timestamps.into_iter().zip(series.values).collect()
        }
        (None, Some(series)) => {
            return Err(format!("{} MetricDataResults, expected one", series.len()));
        }
        _ => {
            return Err(
                "expected the Datapoints of get-metric-statistics or the MetricDataResults of \
                 get-metric-data"
                    .to_owned(),
            );
        }
    };
    let mut rows = Vec::with_capacity(pairs.len());
    for (time, value) in pairs {
        rows.push((moment(&time)?, amount(&value.to_string())?));
    }
    rows.sort_by_key(|(at, _)| *at);
    if let Some(twice) = rows.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("two values for the second {}", twice[0].0));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_wrong_is_told_with_its_number() {
        let cases = [
            ("time,value\n0,1\n60,NaN\n", 3, "found `NaN`"),
            ("0,1\n60,-2\n", 2, "zero or more"),
            ("60,1\n0,2\n", 2, "not later"),
            ("# a day\n\n0,1\nyesterday,2\n", 4, "found `yesterday`"),
            ("0;1\n", 1, "expected time,value"),
            ("-9223372036854775808,1\n-1,2\n-2,3\n", 3, "not later"),
        ];
        for (text, line, expected) in cases {
            let (at, problem) = csv(text, Unit::Total).unwrap_err();
            assert_eq!(at, line, "{text}");
            assert!(problem.contains(expected), "{problem}");
        }
    }

    #[test]
    fn a_history_that_is_too_long_or_too_short_is_refused() {
        for (rows, expected) in [
            (
                vec![(i64::MIN, 1.0), (i64::MAX, 1.0)],
                "longer than 31 days",
            ),
            (vec![(0, 1.0), (60, 1.0)], "120 s long"),
            (vec![(0, 1.0)], "1 points"),
        ] {
            assert!(History::of(rows).unwrap_err().contains(expected));
        }
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let rows = (0..20)
            .map(|i| (i * 60, 5.0))
            .filter(|(at, _)| !(300..600).contains(at));
        let history = History::of(rows.collect()).unwrap();
        let mut walk = history.walk();
        let known: Vec<bool> = [0, 299, 359, 360, 599, 600]
            .map(|second| walk.load(second).is_some())
            .to_vec();
        assert_eq!(known, [true, true, true, false, false, true]);
    }

    #[test]
    fn what_the_aws_cli_prints_is_read_in_any_order() {
        let statistics = r#"{"Label": "x", "Datapoints": [
            {"Timestamp": "2026-11-24T00:01:00+00:00", "Average": 2.0, "Unit": "Count"},
            {"Timestamp": "2026-11-24T00:00:00Z", "Average": 1.0, "Unit": "Count"}]}"#;
        let data = r#"{"MetricDataResults": [{"Id": "m", "StatusCode": "Complete",
            "Timestamps": ["2026-11-24T00:01:00Z", "2026-11-24T00:00:00Z"], "Values": [2.0, 1.0]}]}"#;
        for text in [statistics, data] {
            let rows = json(text).unwrap();
            assert_eq!(rows[1].0 - rows[0].0, 60);
            assert!(rows[0].1 < rows[1].1);
        }
        assert!(
            json(r#"{"Metrics": []}"#)
                .unwrap_err()
                .contains("get-metric-data")
        );
    }

    #[test]
    fn values_per_instance_are_multiplied_by_the_capacity_beside_them() {
        let rows = csv("0,50,2\n60,50,4\n", Unit::PerInstance).unwrap();
        assert!((rows[1].1 - 200.0).abs() < 1e-9);
    }
}
