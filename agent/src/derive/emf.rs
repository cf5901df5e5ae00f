//! Embedded metric format: a JSON object that says which of its members are metrics.
//!
//! Read and checked here alike for sockets and for followed files; the split of documents with too
//! many metrics is in `split`. Pure, and bounded: a document of a megabyte that refers to the same
//! members again and again is refused before it costs more than its length is worth.
//! Source: CloudWatch user guide, "Specification: Embedded metric format".

mod fault;
mod split;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use memchr::memmem;
use plimsoll_aws::limits::metrics as limits;
use plimsoll_core::catalog::Unit;
use plimsoll_core::clock::UnixMillis;
use serde_json::value::RawValue;

pub(crate) use fault::{Fault, Faults};
pub(crate) use split::Whole;

use crate::aggregate::{How, SeriesKey, Windows};
use crate::derive::timestamp::Timestamps;
use crate::sample::{GivenMetric, Labels};

/// Metrics of one document that is sent to CloudWatch Logs, and values of one metric in it.
/// Source: the specification, `MetricDirective`, `Metrics`, and "Target members".
pub(crate) const METRICS_MAX: usize = 100;
pub(crate) const VALUES_MAX: usize = 100;
/// Metrics of one document that is read here. More are no measurement but a mistake.
const DOCUMENT_METRICS_MAX: usize = 5_000;
/// Dimension sets of one document. The specification has no bound; each set of each metric is a
/// series on the bill.
const DOCUMENT_SETS_MAX: usize = 1_000;
/// Values of a document, each counted once for every dimension set.
const DOCUMENT_VALUES_MAX: usize = 100_000;
/// Characters of a dimension's key, and of its value or a metric's name.
/// Source: the specification, `DimensionSet` and `MetricDefinition`.
const KEY_CHARS_MAX: usize = 250;
const TEXT_CHARS_MAX: usize = 1024;
/// What a character takes at most when JSON escapes it: a pair of surrogates.
const ESCAPED_BYTES_MAX: usize = 12;

/// What is done with documents in a followed file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Emf {
    /// They are sent as they are, and CloudWatch Logs takes the metrics out. What would have too
    /// many metrics for it is sent as several documents.
    #[default]
    Ship,
    /// Their metrics are taken out here and the document is not sent.
    Extract,
}

/// Members of an object by name; of two with the same name the last counts.
type Members<'t> = BTreeMap<String, &'t RawValue>;

/// A document that was read.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    members: Members<'t>,
    metadata: Members<'t>,
    time: UnixMillis,
    directives: Vec<Directive<'t>>,
    /// What of it breaks a rule and is left out.
    pub(crate) faults: Faults,
}

/// Metrics of one namespace with the same dimension sets.
#[derive(Debug)]
struct Directive<'t> {
    members: Members<'t>,
    sets: BTreeSet<Labels>,
    /// The keys of all sets.
    keys: BTreeSet<String>,
    metrics: Vec<Metric<'t>>,
}

/// One metric of a directive.
#[derive(Debug)]
struct Metric<'t> {
    definition: &'t RawValue,
    given: Arc<GivenMetric>,
    values: Vec<f64>,
    /// The values as they are written, if they are a list.
    written: Option<Vec<&'t RawValue>>,
}

/// The values of one series at one time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// When it was measured.
    pub(crate) time: UnixMillis,
    /// Which series.
    pub(crate) key: SeriesKey,
    /// What was measured; never empty.
    pub(crate) values: Vec<f64>,
}

impl Reading {
    /// Puts the values into the window of their time.
    pub(crate) fn hand_in(self, windows: &mut Windows) {
        let window = windows.window(self.time);
        let slot = window.slot(self.key);
        for value in self.values {
            window.add(slot, value, 1.0);
        }
    }
}

/// Whether a text is meant as a document, as far as a look at its bytes tells.
pub(crate) fn is_meant(text: &[u8]) -> bool {
    text.first() == Some(&b'{')
        && memmem::find(text, b"\"_aws\"").is_some()
        && memmem::find(text, b"\"CloudWatchMetrics\"").is_some()
}

impl<'t> Document<'t> {
    /// Reads a document at `now`. Single metrics and dimension sets that break a rule are left out
    /// and counted in [`Self::faults`], as CloudWatch Logs does it.
    ///
    /// # Errors
    /// Why nothing of it can be used.
    pub(crate) fn read(text: &'t [u8], now: UnixMillis) -> Result<Self, Fault> {
        let text = std::str::from_utf8(text).map_err(|_| Fault::NotObject)?;
        let members: Members<'t> = serde_json::from_str(text).map_err(|_| Fault::NotObject)?;
        let metadata = members.get("_aws").and_then(|raw| object(raw));
        let metadata = metadata.ok_or(Fault::NoMetrics)?;
        let directives = metadata.get("CloudWatchMetrics").and_then(|raw| list(raw));
        let directives = directives.ok_or(Fault::NoMetrics)?;
        let time = metadata.get("Timestamp").and_then(|raw| integer(raw));
        let time = time.map(UnixMillis).ok_or(Fault::Timestamp)?;
        if !Timestamps::in_window(time, now) {
            return Err(Fault::Timestamp);
        }
        let mut reader = Reader {
            members: &members,
            faults: Faults::default(),
            metrics: 0,
            sets: 0,
            values: 0,
        };
        let mut read = Vec::new();
        for directive in directives {
            read.extend(reader.directive(directive)?);
        }
        let faults = reader.faults;
        if reader.metrics == 0 && faults.is_empty() {
            return Err(Fault::NoMetrics);
        }
        Ok(Self {
            members,
            metadata,
            time,
            directives: read,
            faults,
        })
    }

    /// How many metrics it has, each counted once.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn metrics(&self) -> usize {
        self.directives.iter().map(|one| one.metrics.len()).sum()
    }

    /// Every metric in each of its dimension sets.
    pub(crate) fn readings(&self) -> impl Iterator<Item = Reading> {
        let metrics = self.directives.iter().flat_map(|directive| {
            let sets = directive.sets.iter();
            sets.flat_map(|set| directive.metrics.iter().map(move |metric| (set, metric)))
        });
        metrics.map(|(set, metric)| Reading {
            time: self.time,
            key: SeriesKey {
                metric: crate::sample::MetricName::Given(Arc::clone(&metric.given)),
                labels: set.clone(),
                // Percentiles are what CloudWatch Logs keeps of the values, too.
                how: How::Distribution,
            },
            values: metric.values.clone(),
        })
    }
}

/// Reads directives, and counts what a document holds.
struct Reader<'m, 't> {
    members: &'m Members<'t>,
    faults: Faults,
    metrics: usize,
    sets: usize,
    values: usize,
}

impl<'t> Reader<'_, 't> {
    /// One directive; `None` if a rule is broken without which nothing of it can be used.
    fn directive(&mut self, raw: &'t RawValue) -> Result<Option<Directive<'t>>, Fault> {
        let Some(members) = object(raw) else {
            return Ok(self.fault(Fault::NoMetrics));
        };
        let Some(namespace) = members.get("Namespace").and_then(|raw| namespace(raw)) else {
            return Ok(self.fault(Fault::Namespace));
        };
        let written = members.get("Dimensions").and_then(|raw| list(raw));
        let Some(written) = written.filter(|sets| !sets.is_empty()) else {
            return Ok(self.fault(Fault::Dimensions));
        };
        let Some(definitions) = members.get("Metrics").and_then(|raw| list(raw)) else {
            return Ok(self.fault(Fault::NoMetrics));
        };
        self.sets += written.len();
        self.metrics += definitions.len();
        if self.sets > DOCUMENT_SETS_MAX || self.metrics > DOCUMENT_METRICS_MAX {
            return Err(Fault::TooManyMetrics);
        }
        let (mut sets, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for set in written {
            match self.set(set) {
                Ok(labels) => {
                    keys.extend(labels.iter().map(|(key, _)| key.to_string()));
                    sets.insert(labels);
                }
                Err(fault) => self.faults.add(fault),
            }
        }
        let mut metrics = Vec::with_capacity(definitions.len());
        for definition in definitions {
            match self.metric(definition, &namespace, sets.len()) {
                Ok(metric) => metrics.push(metric),
                Err(Fault::TooManyMetrics) => return Err(Fault::TooManyMetrics),
                Err(fault) => self.faults.add(fault),
            }
        }
        Ok(Some(Directive {
            members,
            sets,
            keys,
            metrics,
        }))
    }

    fn fault<T>(&mut self, fault: Fault) -> Option<T> {
        self.faults.add(fault);
        None
    }

    fn set(&self, raw: &RawValue) -> Result<Labels, Fault> {
        let keys: Vec<String> = serde_json::from_str(raw.get()).map_err(|_| Fault::Dimensions)?;
        if keys.len() > limits::DIMENSIONS_MAX {
            return Err(Fault::Dimensions);
        }
        let pairs = keys.into_iter().map(|key| {
            if !(1..=KEY_CHARS_MAX).contains(&key.chars().count()) {
                return Err(Fault::Dimensions);
            }
            let raw = self.members.get(&key).ok_or(Fault::DimensionMissing)?;
            let value = text(raw).ok_or(Fault::DimensionValue)?;
            Ok((Arc::from(key), Arc::from(value)))
        });
        Ok(Labels::new(pairs.collect::<Result<Vec<_>, Fault>>()?))
    }

    fn metric(
        &mut self,
        definition: &'t RawValue,
        namespace: &Arc<str>,
        sets: usize,
    ) -> Result<Metric<'t>, Fault> {
        let members = object(definition).ok_or(Fault::MetricName)?;
        let name = members.get("Name").and_then(|raw| text(raw));
        let name = name.ok_or(Fault::MetricName)?;
        let unit = match members.get("Unit") {
            None => Unit::None,
            Some(raw) => text(raw)
                .and_then(|unit| Unit::parse(&unit))
                .ok_or(Fault::Unit)?,
        };
        let high_resolution = match members.get("StorageResolution").map(|raw| integer(raw)) {
            None | Some(Some(60)) => false,
            Some(Some(1)) => true,
            Some(_) => return Err(Fault::Resolution),
        };
        let target = self.members.get(&name).ok_or(Fault::MetricMissing)?;
        let written = list(target);
        let count = written.as_ref().map_or(1, Vec::len);
        self.values += count * sets.max(1);
        if self.values > DOCUMENT_VALUES_MAX {
            return Err(Fault::TooManyMetrics);
        }
        let values: Option<Vec<f64>> = match &written {
            Some(list) => list.iter().map(|raw| number(raw)).collect(),
            None => number(target).map(|value| vec![value]),
        };
        let values = values.filter(|values| !values.is_empty());
        Ok(Metric {
            definition,
            values: values.ok_or(Fault::Value)?,
            written,
            given: Arc::new(GivenMetric {
                namespace: Some(Arc::clone(namespace)),
                high_resolution,
                ..GivenMetric::new(&name, unit)
            }),
        })
    }
}

fn object(raw: &RawValue) -> Option<Members<'_>> {
    serde_json::from_str(raw.get()).ok()
}

fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

fn integer(raw: &RawValue) -> Option<i64> {
    serde_json::from_str(raw.get()).ok()
}

/// A number that CloudWatch takes.
fn number(raw: &RawValue) -> Option<f64> {
    let value: f64 = serde_json::from_str(raw.get()).ok()?;
    (value.abs() <= limits::VALUE_MAX).then_some(value)
}

/// A string of a length that is allowed. One that is far too long is not even unescaped.
fn text(raw: &RawValue) -> Option<String> {
    if raw.get().len() > TEXT_CHARS_MAX * ESCAPED_BYTES_MAX + 2 {
        return None;
    }
    let text: String = serde_json::from_str(raw.get()).ok()?;
    (1..=TEXT_CHARS_MAX)
        .contains(&text.chars().count())
        .then_some(text)
}

/// A namespace of the specification that PutMetricData takes, too.
fn namespace(raw: &RawValue) -> Option<Arc<str>> {
    let name = text(raw)?;
    let fits = name.len() <= limits::NAME_MAX && !name.starts_with(':');
    fits.then(|| Arc::from(name))
}

#[cfg(test)]
mod tests;
