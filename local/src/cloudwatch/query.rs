//! `MetricDataQuery`: what GetMetricData and alarms on metric math ask for.
//!
//! Limits: CloudWatch API reference, `MetricDataQuery`, `MetricStat`.

use std::collections::HashSet;

use super::math::{self, Expression};
use super::put::{UNITS, dimensions};
use super::store::MetricId;
use super::{Statistic, refuse};
use crate::service::Refusal;
use crate::value::Value;

/// Characters of an id.
const ID_MAX: usize = 255;

/// One query.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Query {
    /// Its id.
    pub(crate) id: String,
    /// What a chart calls it.
    pub(crate) label: Option<String>,
    /// What it asks for.
    pub(crate) what: What,
    /// Whether the answer carries it.
    pub(crate) return_data: bool,
    /// The query as it was sent.
    pub(crate) sent: Value,
}

/// A metric or an expression.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// A statistic of a metric.
    Metric {
        /// Which metric.
        id: MetricId,
        /// In which unit; all together when absent.
        unit: Option<String>,
        /// The statistic.
        statistic: Statistic,
        /// Seconds.
        period: i64,
    },
    /// Metric math.
    Expression {
        /// The expression as a tree.
        tree: Expression,
        /// Seconds, where the expression itself does not tell.
        period: Option<i64>,
    },
}

impl Query {
    /// The period, as far as the query tells it.
    pub(crate) fn period(&self) -> Option<i64> {
        match self.what {
            What::Metric { period, .. } => Some(period),
            What::Expression { period, .. } => period,
        }
    }
}

/// Reads the queries of a request; `place` is their member's name.
///
/// # Errors
/// The first that is not valid.
pub(super) fn read(items: &[Value], place: &str) -> Result<Vec<Query>, Refusal> {
    let mut ids = HashSet::new();
    let mut queries = Vec::with_capacity(items.len());
    for (number, item) in (1..).zip(items) {
        let query = one(item, &format!("{place}.member.{number}"))?;
        if !ids.insert(query.id.clone()) {
            return Err(refuse::validation(format!(
                "The values for parameter id in {place} are not unique: '{}'",
                query.id
            )));
        }
        queries.push(query);
    }
    Ok(queries)
}

fn one(item: &Value, place: &str) -> Result<Query, Refusal> {
    let id = item.member("Id").text().unwrap_or_default();
    let valid = id.starts_with(|letter: char| letter.is_ascii_lowercase())
        && id
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && id.len() <= ID_MAX;
    if !valid {
        return Err(refuse::validation(format!(
            "The value '{id}' for parameter {place}.Id is not matching the expected pattern \
             ^[a-z][a-zA-Z0-9_]*$."
        )));
    }
    let (metric, expression) = (item.member("MetricStat"), item.member("Expression"));
    let what = match (metric.is_null(), expression.text()) {
        (false, None) => read_metric(metric, &format!("{place}.MetricStat"))?,
        (true, Some(text)) => What::Expression {
            tree: math::parse(text)
                .map_err(|why| refuse::validation(format!("Error in expression '{id}': {why}")))?,
            period: match item.member("Period") {
                Value::Null => None,
                value => Some(period(value, &format!("{place}.Period"))?),
            },
        },
        _ => {
            return Err(refuse::validation(format!(
                "Exactly one of MetricStat and Expression must be specified in {place}."
            )));
        }
    };
    Ok(Query {
        id: id.to_owned(),
        label: item
            .member("Label")
            .text()
            .filter(|label| !label.is_empty())
            .map(str::to_owned),
        what,
        return_data: item.member("ReturnData").boolean().unwrap_or(true),
        sent: item.clone(),
    })
}

fn read_metric(stat: &Value, place: &str) -> Result<What, Refusal> {
    let metric = stat.member("Metric");
    let statistic = stat.member("Stat").text().unwrap_or_default();
    Ok(What::Metric {
        id: metric_id(metric, &format!("{place}.Metric"))?,
        unit: unit(stat.member("Unit"), place)?,
        statistic: Statistic::read(statistic).ok_or_else(|| {
            refuse::validation(format!(
                "The value '{statistic}' for parameter {place}.Stat is not supported."
            ))
        })?,
        period: period(stat.member("Period"), &format!("{place}.Period"))?,
    })
}

/// A metric's name, namespace and dimensions.
pub(super) fn metric_id(metric: &Value, place: &str) -> Result<MetricId, Refusal> {
    let required = |name: &str| {
        metric
            .member(name)
            .text()
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| refuse::missing(&format!("{place}.{name}")))
    };
    Ok(MetricId {
        namespace: required("Namespace")?,
        name: required("MetricName")?,
        dimensions: dimensions(metric.member("Dimensions"), place)?,
    })
}

/// A unit, or none for any.
pub(super) fn unit(value: &Value, place: &str) -> Result<Option<String>, Refusal> {
    match value.text() {
        None => Ok(None),
        Some(unit) if UNITS.contains(&unit) => Ok(Some(unit.to_owned())),
        Some(other) => Err(refuse::value(format!(
            "The value '{other}' for parameter {place}.Unit is not a unit."
        ))),
    }
}

/// 1, 5, 10, 20, 30 or a multiple of 60 seconds.
pub(super) fn period(value: &Value, place: &str) -> Result<i64, Refusal> {
    match value.integer() {
        None => Err(refuse::missing(place)),
        Some(period) if [1, 5, 10, 20, 30].contains(&period) => Ok(period),
        Some(period) if period > 0 && period % 60 == 0 => Ok(period),
        Some(period) => Err(refuse::value(format!(
            "The parameter {place} must be 1, 5, 10, 20, 30 or a multiple of 60; it is {period}."
        ))),
    }
}
