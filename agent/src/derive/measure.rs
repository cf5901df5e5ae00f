//! Metrics out of log lines: what is counted, read or timed when a line is of a kind.
//!
//! Lines of a turn are measured into a [`Measured`], which names each series once however many
//! lines it has; it is handed in to the intake in one burst. Pure: no clock, no I/O. A line that
//! no rule is about costs the look of the rules and nothing more.

pub(crate) mod access;
mod measured;

use std::sync::Arc;

use plimsoll_core::catalog::Unit;
use plimsoll_core::clock::UnixMillis;
use regex::bytes::{Captures, Regex};

pub(crate) use access::AccessLog;
pub(crate) use measured::Measured;

use crate::aggregate::{How, SeriesKey};
use crate::derive::json::{Json, Object};
use crate::derive::redact::{Redactor, Replaced};
use crate::sample::{GivenMetric, Labels, MetricName};

/// What a dimension says when the line does not.
pub(crate) const UNKNOWN: &str = "unknown";

/// Everything that is measured of the lines of a target.
#[derive(Debug, Default)]
pub(crate) struct Measures {
    /// The rules, in the order of the configuration.
    pub(crate) rules: Vec<Rule>,
    /// The fields that they look at, if they look at any.
    pub(crate) json: Option<Json>,
}

/// One `[[logs.file.metric]]`.
#[derive(Debug)]
pub(crate) enum Rule {
    /// A metric of its own.
    One(Box<One>),
    /// What every access log tells.
    Access(AccessLog),
}

/// A metric out of a pattern or out of JSON fields.
#[derive(Debug)]
pub(crate) struct One {
    /// The pattern that a line must match.
    pub(crate) pattern: Option<Regex>,
    /// Fields of a JSON object and what they must say.
    pub(crate) conditions: Vec<(String, String)>,
    /// Where the value is; without it a line counts as one.
    pub(crate) value: Option<Place>,
    /// How values become one.
    pub(crate) how: How,
    /// The metric.
    pub(crate) metric: Arc<GivenMetric>,
    /// The dimensions, with where their values are.
    pub(crate) dimensions: Vec<(Arc<str>, Place)>,
    /// Dimensions that are the same for every line.
    pub(crate) labels: Vec<(Arc<str>, Arc<str>)>,
}

/// Where in a line something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A group of the pattern.
    Group(usize),
    /// A field of the object.
    Field(String),
}

/// What could not be measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unmeasured {
    /// Lines whose value is no number that fits, or is not there.
    pub(crate) value: u64,
    /// Lines that are none of an access log.
    pub(crate) access: u64,
    /// Lines of a time that CloudWatch takes no metric for.
    pub(crate) time: u64,
}

impl Measures {
    /// The namespaces that rules name.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = &str> {
        let named = self.rules.iter().map(|rule| match rule {
            Rule::One(one) => one.metric.namespace.as_deref(),
            Rule::Access(access) => access.namespace(),
        });
        named.flatten()
    }

    /// Measures a line that happened at `time`. Dimensions are told as `redactor` leaves them.
    pub(crate) fn measure(
        &self,
        text: &[u8],
        time: UnixMillis,
        redactor: Option<&Redactor>,
        measured: &mut Measured,
    ) -> Unmeasured {
        let object = self.json.as_ref().and_then(|json| json.read(text));
        let mut unmeasured = Unmeasured::default();
        for (index, rule) in self.rules.iter().enumerate() {
            let line = Line {
                text,
                time,
                index,
                redactor,
            };
            match rule {
                Rule::One(one) => one.measure(&line, object.as_ref(), measured, &mut unmeasured),
                Rule::Access(access) => {
                    unmeasured.access += u64::from(!access.measure(&line, measured));
                }
            }
        }
        unmeasured
    }
}

/// A line, and which rule looks at it.
pub(crate) struct Line<'l> {
    text: &'l [u8],
    time: UnixMillis,
    index: usize,
    redactor: Option<&'l Redactor>,
}

impl Line<'_> {
    /// A dimension's value without what must not leave the host.
    fn told(&self, value: &[u8]) -> Arc<str> {
        let redacted = self
            .redactor
            .and_then(|redactor| redactor.redact(value, &mut Replaced::default()));
        let value = redacted.as_deref().unwrap_or(value);
        match String::from_utf8_lossy(value).trim() {
            "" => Arc::from(UNKNOWN),
            said => Arc::from(said),
        }
    }
}

impl One {
    fn measure(
        &self,
        line: &Line<'_>,
        object: Option<&Object<'_>>,
        measured: &mut Measured,
        unmeasured: &mut Unmeasured,
    ) {
        let says = |(field, wanted): &(String, String)| {
            object
                .and_then(|object| object.text(field))
                .is_some_and(|said| said == *wanted)
        };
        if !self.conditions.iter().all(says) {
            return;
        }
        let captures = match &self.pattern {
            Some(pattern) if self.needs_groups() => match pattern.captures(line.text) {
                Some(captures) => Some(captures),
                None => return,
            },
            Some(pattern) if !pattern.is_match(line.text) => return,
            _ => None,
        };
        let found = Found { captures, object };
        let value = match &self.value {
            None => Some(1.0),
            Some(place) => found.with(place, number).flatten(),
        };
        // A counter only grows.
        let value = value.filter(|value| self.how != How::Sum || *value >= 0.0);
        let Some(value) = value else {
            // A field that is not there is not meant; a pattern that matched is.
            let missing = matches!(&self.value, Some(Place::Field(name))
                if object.is_none_or(|object| object.field(name).is_none()));
            unmeasured.value += u64::from(!missing || self.pattern.is_some());
            return;
        };
        measured.begin_key(line.index);
        for (_, place) in &self.dimensions {
            found.with(place, |said| measured.extend_key(said));
            measured.extend_key(b"\x1f");
        }
        let series = measured.series(|| vec![(self.key(line, &found), 0)]);
        measured.add(series, line.time, value);
    }

    fn needs_groups(&self) -> bool {
        let mut places = self.dimensions.iter().map(|(_, place)| place);
        let is_group = |place: &Place| matches!(place, Place::Group(_));
        self.value.as_ref().is_some_and(is_group) || places.any(is_group)
    }

    fn key(&self, line: &Line<'_>, found: &Found<'_, '_>) -> SeriesKey {
        let told = self.dimensions.iter().map(|(name, place)| {
            let value = found.with(place, |said| line.told(said));
            (
                Arc::clone(name),
                value.unwrap_or_else(|| Arc::from(UNKNOWN)),
            )
        });
        SeriesKey {
            metric: MetricName::Given(Arc::clone(&self.metric)),
            labels: Labels::new(self.labels.iter().cloned().chain(told)),
            how: self.how,
        }
    }
}

/// What a pattern and a reading of JSON found in a line.
struct Found<'l, 'o> {
    captures: Option<Captures<'l>>,
    object: Option<&'o Object<'l>>,
}

impl Found<'_, '_> {
    /// Does something with what is at a place, if anything is.
    fn with<T>(&self, place: &Place, act: impl FnOnce(&[u8]) -> T) -> Option<T> {
        match place {
            Place::Group(group) => {
                let said = self.captures.as_ref()?.get(*group)?;
                Some(act(said.as_bytes()))
            }
            Place::Field(name) => {
                let said = self.object?.text(name)?;
                Some(act(said.as_bytes()))
            }
        }
    }
}

/// A number as people write it.
fn number(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let value: f64 = text.trim().parse().ok()?;
    (value.abs() <= plimsoll_aws::limits::metrics::VALUE_MAX).then_some(value)
}

/// A metric in the namespace that the configuration names.
pub(crate) fn metric(name: &str, unit: Unit, namespace: Option<&Arc<str>>) -> Arc<GivenMetric> {
    Arc::new(GivenMetric {
        namespace: namespace.cloned(),
        ..GivenMetric::new(name, unit)
    })
}

#[cfg(test)]
mod tests;
