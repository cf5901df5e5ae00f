//! Embedded metric format: metrics that are taken out of log events.
//!
//! Source: CloudWatch user guide, "Specification: Embedded metric format". The event must be one
//! JSON object; its root member `_aws` names metrics and dimensions, which are root members too.
//! The sender of a bad event is never told; errors are counted, as CloudWatch Logs does in its
//! metrics `EMFParsingErrors` and `EMFValidationErrors`.

use plimsoll_core::clock::UnixMillis;
use serde_json::{Map, Value as Json};

use crate::cloudwatch::{MAGNITUDE_MAX, UNITS};

/// Metrics of one directive.
const METRICS_MAX: usize = 100;
/// Keys of one dimension set.
const DIMENSIONS_MAX: usize = 30;
/// Values of one metric.
const VALUES_MAX: usize = 100;
/// Characters of a namespace; a metric's namespace may have no more than this.
const NAMESPACE_CHARS_MAX: usize = 255;
/// Characters of a metric's name or of a dimension's value.
const NAME_CHARS_MAX: usize = 1024;
/// Characters of a dimension's key.
const KEY_CHARS_MAX: usize = 250;
/// Metrics may be two weeks old and two hours in the future.
const AGE_MILLIS_MAX: i64 = 14 * 86_400_000;
const FUTURE_MILLIS_MAX: i64 = 2 * 3_600_000;
/// Values of one metric at one time, to be put into CloudWatch.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricPoint {
    /// The namespace.
    pub namespace: String,
    /// The metric's name.
    pub name: String,
    /// Its dimensions, in the order of the event.
    pub dimensions: Vec<(String, String)>,
    /// Its unit, as CloudWatch spells it.
    pub unit: String,
    /// 1 or 60.
    pub resolution_seconds: u32,
    /// When it was measured.
    pub timestamp: UnixMillis,
    /// What was measured; at least one value.
    pub values: Vec<f64>,
}

/// What was found in one log event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extracted {
    /// The metrics.
    pub points: Vec<MetricPoint>,
    /// The event is meant as embedded metric format and cannot be read as such.
    pub unreadable: bool,
    /// How many directives, metrics or dimension sets broke a rule and were left out.
    pub invalid: u32,
}

/// Takes the metrics out of `message`. A message without `_aws` gives nothing and is no error.
#[must_use]
pub fn extract(message: &str, now: UnixMillis) -> Extracted {
    let meant = message.contains("\"_aws\"") && message.contains("\"CloudWatchMetrics\"");
    if !meant {
        return Extracted::default();
    }
    let Ok(Json::Object(root)) = serde_json::from_str::<Json>(message) else {
        return unreadable();
    };
    let Some(metadata) = root.get("_aws") else {
        // The words stood somewhere deeper: an ordinary event.
        return Extracted::default();
    };
    let timestamp = metadata.get("Timestamp").and_then(Json::as_i64);
    let directives = metadata.get("CloudWatchMetrics").and_then(Json::as_array);
    let (Some(timestamp), Some(directives)) = (timestamp, directives) else {
        return unreadable();
    };
    let mut found = Extracted::default();
    let age = now.0.saturating_sub(timestamp);
    if !(-FUTURE_MILLIS_MAX..=AGE_MILLIS_MAX).contains(&age) {
        found.invalid = 1;
        return found;
    }
    for directive in directives {
        read_directive(&root, directive, UnixMillis(timestamp), &mut found);
    }
    found
}

fn unreadable() -> Extracted {
    Extracted {
        unreadable: true,
        ..Extracted::default()
    }
}

fn read_directive(
    root: &Map<String, Json>,
    directive: &Json,
    timestamp: UnixMillis,
    found: &mut Extracted,
) {
    let namespace = directive.get("Namespace").and_then(Json::as_str);
    let sets = directive.get("Dimensions").and_then(Json::as_array);
    let definitions = directive.get("Metrics").and_then(Json::as_array);
    let (Some(namespace), Some(sets), Some(definitions)) = (namespace, sets, definitions) else {
        found.invalid += 1;
        return;
    };
    let named = (1..=NAMESPACE_CHARS_MAX).contains(&namespace.chars().count())
        && !namespace.starts_with(':');
    if !named || sets.is_empty() || definitions.len() > METRICS_MAX {
        found.invalid += 1;
        return;
    }
    let mut dimension_sets = Vec::with_capacity(sets.len());
    for set in sets {
        match dimensions_of(root, set) {
            Some(dimensions) => dimension_sets.push(dimensions),
            None => found.invalid += 1,
        }
    }
    for definition in definitions {
        let Some(metric) = read_metric(root, definition) else {
            found.invalid += 1;
            continue;
        };
        for dimensions in &dimension_sets {
            found.points.push(MetricPoint {
                namespace: namespace.to_owned(),
                name: metric.name.to_owned(),
                dimensions: dimensions.clone(),
                unit: metric.unit.to_owned(),
                resolution_seconds: metric.resolution_seconds,
                timestamp,
                values: metric.values.clone(),
            });
        }
    }
}

/// The names and values of one dimension set; nothing when one breaks a rule.
fn dimensions_of(root: &Map<String, Json>, set: &Json) -> Option<Vec<(String, String)>> {
    let keys = set.as_array()?;
    if keys.len() > DIMENSIONS_MAX {
        return None;
    }
    keys.iter()
        .map(|key| {
            let key = key.as_str()?;
            let value = root.get(key)?.as_str()?;
            let fits = (1..=KEY_CHARS_MAX).contains(&key.chars().count())
                && (1..=NAME_CHARS_MAX).contains(&value.chars().count());
            fits.then(|| (key.to_owned(), value.to_owned()))
        })
        .collect()
}

struct Metric<'a> {
    name: &'a str,
    unit: &'a str,
    resolution_seconds: u32,
    values: Vec<f64>,
}

fn read_metric<'a>(root: &Map<String, Json>, definition: &'a Json) -> Option<Metric<'a>> {
    let name = definition.get("Name")?.as_str()?;
    let unit = match definition.get("Unit") {
        None => "None",
        Some(unit) => unit.as_str().filter(|unit| UNITS.contains(unit))?,
    };
    let resolution_seconds = match definition.get("StorageResolution") {
        None => 60,
        Some(seconds) => match seconds.as_i64()? {
            1 => 1,
            60 => 60,
            _ => return None,
        },
    };
    let values: Vec<f64> = match root.get(name)? {
        Json::Array(values) => values.iter().map(Json::as_f64).collect::<Option<_>>()?,
        value => vec![value.as_f64()?],
    };
    let good = (1..=NAME_CHARS_MAX).contains(&name.chars().count())
        && (1..=VALUES_MAX).contains(&values.len())
        && values.iter().all(|value| value.abs() <= MAGNITUDE_MAX);
    good.then_some(Metric {
        name,
        unit,
        resolution_seconds,
        values,
    })
}

#[cfg(test)]
mod tests;
