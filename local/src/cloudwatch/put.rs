//! PutMetricData: every documented limit, and all or nothing.
//!
//! One bad datum fails the whole request, as at AWS, so all are checked before the first is kept.
//! Limits: CloudWatch API reference, PutMetricData, `MetricDatum`, Dimension, `StatisticSet`.

mod entity;

use std::collections::BTreeSet;
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;

use super::bucket::Bucket;
use super::refuse;
use super::store::{Datum, MetricId};
use crate::service::{Call, Refusal};
use crate::value::Value;

/// Datums of a request, with and without an entity.
const DATUMS_MAX: usize = 1_000;
/// Dimensions of a datum.
const DIMENSIONS_MAX: usize = 30;
/// Characters of a namespace, a metric's or a dimension's name.
const NAME_MAX: usize = 255;
/// Characters of a dimension's value.
const DIMENSION_VALUE_MAX: usize = 1024;
/// Values of a datum.
const VALUES_MAX: usize = 150;
/// The largest magnitude of a value: 2^360.
pub(crate) const MAGNITUDE_MAX: f64 = 2.348_542_582_773_833_3e108;
/// How old a datum may be.
const AGE_MAX: Duration = Duration::from_hours(14 * 24);
/// How far in the future it may be.
const FUTURE_MAX: Duration = Duration::from_hours(2);

/// The units that CloudWatch knows. Source: the same, `MetricDatum`, Unit.
pub(crate) const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// Checks a request and gives its datums.
///
/// # Errors
/// The first limit that is broken, in CloudWatch's words.
pub(super) fn read(call: &Call) -> Result<Vec<Datum>, Refusal> {
    let namespace = namespace(call.input.member("Namespace"))?;
    let (plain, entities) = (
        call.input.member("MetricData"),
        call.input.member("EntityMetricData"),
    );
    if plain.is_null() && entities.is_null() {
        return Err(refuse::missing("MetricData"));
    }
    entity::check(&call.input)?;
    let mut items: Vec<(String, &Value)> = Vec::new();
    for (number, item) in (1..).zip(plain.items()) {
        items.push((format!("MetricData.member.{number}"), item));
    }
    for (outer, entity) in (1..).zip(entities.items()) {
        for (number, item) in (1..).zip(entity.member("MetricData").items()) {
            let place = format!("EntityMetricData.member.{outer}.MetricData.member.{number}");
            items.push((place, item));
        }
    }
    if items.len() > DATUMS_MAX {
        return Err(refuse::value(format!(
            "The collection MetricData must not have a size greater than {DATUMS_MAX}."
        )));
    }
    items
        .iter()
        .map(|(place, item)| datum(namespace, place, item, call.now))
        .collect()
}

fn namespace(value: &Value) -> Result<&str, Refusal> {
    let name = text(value, "Namespace", NAME_MAX)?;
    if name.starts_with(':') || name.starts_with("AWS/") {
        return Err(refuse::value(format!(
            "The value {name} for parameter Namespace is invalid."
        )));
    }
    Ok(name)
}

fn datum(namespace: &str, place: &str, item: &Value, now: UnixMillis) -> Result<Datum, Refusal> {
    let name = text(
        item.member("MetricName"),
        &format!("{place}.MetricName"),
        NAME_MAX,
    )?;
    Ok(Datum {
        id: MetricId {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: dimensions(item.member("Dimensions"), place)?,
        },
        unit: unit(item.member("Unit"), place)?.to_owned(),
        at: time(item.member("Timestamp"), place, now)?,
        high_resolution: resolution(item.member("StorageResolution"), place)?,
        bucket: samples(item, place)?,
    })
}

/// A text that must be there, in ASCII without control characters, not all blank.
fn text<'a>(value: &'a Value, place: &str, max: usize) -> Result<&'a str, Refusal> {
    let Some(text) = value.text() else {
        return Err(refuse::missing(place));
    };
    if text.is_empty() {
        return Err(refuse::missing(place));
    }
    if text.chars().count() > max {
        return Err(refuse::value(format!(
            "The parameter {place} must be shorter than {} characters.",
            max + 1
        )));
    }
    if text.trim().is_empty()
        || text
            .chars()
            .any(|letter| !letter.is_ascii() || letter.is_control())
    {
        return Err(refuse::value(format!(
            "The parameter {place} must contain only ASCII characters, no control characters, and \
             at least one that is not white space."
        )));
    }
    Ok(text)
}

/// Dimensions, sorted by name.
pub(super) fn dimensions(value: &Value, place: &str) -> Result<Vec<(String, String)>, Refusal> {
    let items = value.items();
    if items.len() > DIMENSIONS_MAX {
        return Err(refuse::value(format!(
            "The collection {place}.Dimensions must not have a size greater than {DIMENSIONS_MAX}."
        )));
    }
    let mut dimensions = Vec::with_capacity(items.len());
    for (number, item) in (1..).zip(items) {
        let place = format!("{place}.Dimensions.member.{number}");
        let name = text(item.member("Name"), &format!("{place}.Name"), NAME_MAX)?;
        if name.starts_with(':') {
            return Err(refuse::value(format!(
                "The parameter {place}.Name must not start with a colon."
            )));
        }
        let value = text(
            item.member("Value"),
            &format!("{place}.Value"),
            DIMENSION_VALUE_MAX,
        )?;
        dimensions.push((name.to_owned(), value.to_owned()));
    }
    dimensions.sort();
    let names: BTreeSet<_> = dimensions.iter().map(|(name, _)| name).collect();
    if names.len() < dimensions.len() {
        return Err(refuse::value(format!(
            "No duplicate dimension names are allowed in {place}.Dimensions."
        )));
    }
    Ok(dimensions)
}

fn unit(value: &Value, place: &str) -> Result<&'static str, Refusal> {
    let Some(name) = value.text() else {
        return Ok("None");
    };
    UNITS.into_iter().find(|unit| *unit == name).ok_or_else(|| {
        refuse::value(format!(
            "The parameter {place}.Unit must be a value in the set [ {} ].",
            UNITS.join(", ")
        ))
    })
}

fn time(value: &Value, place: &str, now: UnixMillis) -> Result<UnixMillis, Refusal> {
    if value.is_null() {
        return Ok(now);
    }
    let Some(at) = value.moment() else {
        return Err(refuse::value(format!(
            "The parameter {place}.Timestamp must be a time."
        )));
    };
    if now.since(at) > AGE_MAX {
        return Err(refuse::value(format!(
            "The parameter {place}.Timestamp must specify a time within the past two weeks."
        )));
    }
    if at.since(now) > FUTURE_MAX {
        return Err(refuse::value(format!(
            "The parameter {place}.Timestamp must specify a time no more than two hours in the future."
        )));
    }
    Ok(at)
}

fn resolution(value: &Value, place: &str) -> Result<bool, Refusal> {
    match value.integer() {
        None if value.is_null() => Ok(false),
        Some(60) => Ok(false),
        Some(1) => Ok(true),
        _ => Err(refuse::value(format!(
            "The parameter {place}.StorageResolution must be 1 or 60."
        ))),
    }
}

/// The samples: exactly one of `Value`, `Values` and `StatisticValues`.
fn samples(item: &Value, place: &str) -> Result<Bucket, Refusal> {
    let given: Vec<_> = ["Value", "Values", "StatisticValues"]
        .into_iter()
        .filter(|name| !item.member(name).is_null())
        .collect();
    match given.as_slice() {
        [] => Err(Refusal {
            message: "At least one of the parameters must be specified.".to_owned(),
            ..refuse::missing(place)
        }),
        [only] => match *only {
            "Value" => {
                let value = number(item.member("Value"), &format!("{place}.Value"))?;
                Ok(Bucket::of(value, 1.0))
            }
            "Values" => values(item, place),
            _ => statistics(item.member("StatisticValues"), place),
        },
        [first, second, ..] => Err(refuse::combination(format!(
            "The parameters {place}.{first} and {place}.{second} are mutually exclusive and you \
             have specified both."
        ))),
    }
}

fn values(item: &Value, place: &str) -> Result<Bucket, Refusal> {
    let (values, counts) = (item.member("Values").items(), item.member("Counts").items());
    if values.is_empty() {
        return Err(refuse::missing(&format!("{place}.Values")));
    }
    if values.len() > VALUES_MAX {
        return Err(refuse::value(format!(
            "The collection {place}.Values must not have a size greater than {VALUES_MAX}."
        )));
    }
    if !counts.is_empty() && counts.len() != values.len() {
        return Err(refuse::value(format!(
            "The parameters {place}.Values and {place}.Counts must have the same size."
        )));
    }
    let mut sum: Option<Bucket> = None;
    for (position, value) in values.iter().enumerate() {
        let value = number(value, &format!("{place}.Values.member.{}", position + 1))?;
        let count = match counts.get(position) {
            Some(count) => number(count, &format!("{place}.Counts.member.{}", position + 1))?,
            None => 1.0,
        };
        if count <= 0.0 {
            return Err(refuse::value(format!(
                "The parameter {place}.Counts.member.{} must be greater than 0.",
                position + 1
            )));
        }
        let bucket = Bucket::of(value, count);
        match &mut sum {
            Some(sum) => sum.merge(&bucket),
            None => sum = Some(bucket),
        }
    }
    sum.ok_or_else(|| refuse::missing(&format!("{place}.Values")))
}

fn statistics(set: &Value, place: &str) -> Result<Bucket, Refusal> {
    let read = |name: &str| number(set.member(name), &format!("{place}.StatisticValues.{name}"));
    let (count, sum) = (read("SampleCount")?, read("Sum")?);
    let (min, max) = (read("Minimum")?, read("Maximum")?);
    if count <= 0.0 {
        return Err(refuse::value(format!(
            "The parameter {place}.StatisticValues.SampleCount must be greater than 0."
        )));
    }
    if min > max {
        return Err(refuse::value(format!(
            "The parameter {place}.StatisticValues.Minimum must be less than or equal to \
             {place}.StatisticValues.Maximum."
        )));
    }
    Ok(Bucket::of_statistics(count, sum, min, max))
}

fn number(value: &Value, place: &str) -> Result<f64, Refusal> {
    // JSON and the query protocol write NaN and the infinities as words, which parse as well.
    let Some(number) = value.number() else {
        return Err(refuse::missing(place));
    };
    if number.is_nan() || number.abs() > MAGNITUDE_MAX {
        return Err(refuse::value(format!(
            "The value {number} for parameter {place} is invalid."
        )));
    }
    Ok(number)
}

#[cfg(test)]
mod tests;
