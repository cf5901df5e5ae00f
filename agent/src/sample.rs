//! A measured value on its way from a source to a batch.
//!
//! A sample of the host or of the agent is made from a metric of the catalog, so its name and unit
//! cannot be wrong; one of an application carries the name that the application gave. A sample
//! knows nothing of instances, dimension sets or calls; the batch adds those.

use std::sync::Arc;

use plimsoll_core::catalog::{Metric, Unit};
use plimsoll_core::clock::UnixMillis;

use crate::aggregate::Folded;

/// What is measured.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum MetricName {
    /// A metric of the catalog.
    Known(KnownMetric),
    /// A metric of an application.
    Given(Arc<GivenMetric>),
}

/// A metric of the catalog, compared by its name: the catalog has each name once in a namespace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownMetric(pub(crate) &'static Metric);

impl PartialEq for KnownMetric {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for KnownMetric {}

impl std::hash::Hash for KnownMetric {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.name.hash(state);
    }
}

impl PartialOrd for KnownMetric {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KnownMetric {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

impl KnownMetric {
    fn key(self) -> (&'static str, &'static str) {
        (self.0.namespace, self.0.name)
    }
}

/// What an application calls its metric. Not checked: the batch leaves out what CloudWatch refuses
/// and counts it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct GivenMetric {
    /// The name.
    pub(crate) name: Box<str>,
    /// The unit, [`Unit::None`] if the application tells none.
    pub(crate) unit: Unit,
    /// The namespace that the application asked for; otherwise that of its feed.
    pub(crate) namespace: Option<Arc<str>>,
    /// Whether the application asked for a storage resolution of one second.
    pub(crate) high_resolution: bool,
}

impl GivenMetric {
    /// A metric with nothing but a name and a unit.
    #[must_use]
    pub(crate) fn new(name: &str, unit: Unit) -> Self {
        Self {
            name: name.into(),
            unit,
            namespace: None,
            high_resolution: false,
        }
    }
}

impl MetricName {
    /// The name.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Known(metric) => metric.0.name,
            Self::Given(metric) => &metric.name,
        }
    }

    /// The unit.
    #[must_use]
    pub(crate) fn unit(&self) -> Unit {
        match self {
            Self::Known(metric) => metric.0.unit,
            Self::Given(metric) => metric.unit,
        }
    }
}

impl From<&'static Metric> for MetricName {
    fn from(metric: &'static Metric) -> Self {
        Self::Known(KnownMetric(metric))
    }
}

impl From<GivenMetric> for MetricName {
    fn from(metric: GivenMetric) -> Self {
        Self::Given(Arc::new(metric))
    }
}

/// The dimensions of a metric's own, such as a mount point, a device, or the tags that an
/// application gave: sorted by name, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Labels(Arc<[(Arc<str>, Arc<str>)]>);

impl Labels {
    /// Sorts the pairs. Of a name that comes twice the last one counts.
    #[must_use]
    pub(crate) fn new(pairs: impl IntoIterator<Item = (Arc<str>, Arc<str>)>) -> Self {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        // Stable, so that of equal names the last one written stays last.
        pairs.sort_by(|one, other| one.0.cmp(&other.0));
        let mut kept: Vec<(Arc<str>, Arc<str>)> = Vec::with_capacity(pairs.len());
        for pair in pairs {
            match kept.last_mut() {
                Some(last) if last.0 == pair.0 => *last = pair,
                _ => kept.push(pair),
            }
        }
        Self(kept.into())
    }

    /// A single pair.
    #[must_use]
    pub(crate) fn one(name: &str, value: &Arc<str>) -> Self {
        Self(Arc::from([(Arc::from(name), Arc::clone(value))]))
    }

    /// The pairs, sorted by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Arc<str>, Arc<str>)> {
        self.0.iter()
    }

    /// The value of a name.
    #[must_use]
    pub(crate) fn value(&self, name: &str) -> Option<&Arc<str>> {
        let found = self.0.iter().find(|(known, _)| &**known == name);
        found.map(|(_, value)| value)
    }
}

/// One value, or values that were folded already, of one metric.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// What is measured.
    pub(crate) metric: MetricName,
    /// Its own dimensions.
    pub(crate) labels: Labels,
    /// The value in the metric's unit.
    pub(crate) value: Folded,
    /// Whether values of different times are added up (what happened since the sample before)
    /// rather than averaged (how things are). See [`plimsoll_aws::Datum::additive`].
    pub(crate) additive: bool,
}

impl Sample {
    /// How things are: a sample of a metric without a dimension of its own.
    #[must_use]
    pub(crate) fn new(metric: &'static Metric, value: f64) -> Self {
        Self {
            metric: metric.into(),
            labels: Labels::default(),
            value: Folded::One(value),
            additive: false,
        }
    }

    /// How things are: a sample of a metric whose first own dimension has the value `of`.
    #[must_use]
    pub(crate) fn of(metric: &'static Metric, of: &Arc<str>, value: f64) -> Self {
        let name = metric.dimensions.first().copied().unwrap_or_default();
        Self {
            labels: Labels::one(name, of),
            ..Self::new(metric, value)
        }
    }

    /// The same sample with these dimensions of its own.
    #[must_use]
    pub(crate) fn labelled(self, labels: &Labels) -> Self {
        Self {
            labels: labels.clone(),
            ..self
        }
    }

    /// The same sample as what happened since the one before.
    #[must_use]
    pub(crate) fn counted(self) -> Self {
        Self {
            additive: true,
            ..self
        }
    }

    /// The metric's name.
    #[must_use]
    pub(crate) fn name(&self) -> &str {
        self.metric.name()
    }

    /// The sum of the values; the value itself of a single one.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn number(&self) -> f64 {
        self.value.statistics().sum
    }

    /// The value of the first own dimension.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn label(&self) -> Option<&str> {
        self.labels.iter().next().map(|(_, value)| &**value)
    }
}

/// What was measured at one time by one feed. All of it carries that time, so that the series of a
/// host, and those of a fleet, line up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// Where it comes from.
    pub(crate) feed: Feed,
    /// The aligned time.
    pub(crate) time: UnixMillis,
    /// 1 or 60 seconds.
    pub(crate) resolution_seconds: u8,
    /// What was measured.
    pub(crate) samples: Vec<Sample>,
}

/// Where samples come from: what has settings of its own in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feed {
    /// A scraper of the host.
    Host(crate::scraper::Family),
    /// StatsD and DogStatsD.
    Statsd,
    /// Embedded metric format, from sockets and from followed files.
    Emf,
    /// What followed logs say.
    Logs,
    /// The network protocol of collectd.
    Collectd,
    /// Scraped targets.
    Prometheus,
    /// OTLP over HTTP.
    Otlp,
}

/// A count or a size as the floating-point number that CloudWatch stores.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "CloudWatch stores doubles; above 2^53 the last digits do not matter to anyone"
)]
pub(crate) fn as_value(number: u64) -> f64 {
    number as f64
}

/// A time as milliseconds since 1970.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 are exact up to 2^53"
)]
pub(crate) fn millis(time: UnixMillis) -> f64 {
    time.0 as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_and_the_last_of_a_name_counts() {
        let pair = |name: &str, value: &str| (Arc::from(name), Arc::from(value));
        let labels = Labels::new([pair("b", "1"), pair("a", "2"), pair("b", "3")]);
        let told: Vec<String> = labels.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(told, ["a=2", "b=3"]);
        assert_eq!(labels.value("b").map(|value| &**value), Some("3"));
    }
}
