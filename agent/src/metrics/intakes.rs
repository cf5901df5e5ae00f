//! Where applications hand in their metrics, one intake per feed.
//!
//! They outlive the road: sockets and followed logs go on handing in while the road is started anew
//! with another configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::aggregate::{Intake, SeriesGuard};
use crate::config::MetricsConfig;
use crate::sample::Feed;

/// Every feed that applications hand in to.
const FEEDS: [Feed; 6] = [
    Feed::Statsd,
    Feed::Emf,
    Feed::Logs,
    Feed::Collectd,
    Feed::Prometheus,
    Feed::Otlp,
];
/// Series of all metrics of a feed in one window: some 10 MiB.
const SERIES_MAX: usize = 20_000;

/// The intakes of all feeds.
#[derive(Clone, Debug)]
pub(crate) struct Intakes(BTreeMap<Feed, Intake>);

impl Default for Intakes {
    /// Intakes that wait for a configuration.
    fn default() -> Self {
        let guard = SeriesGuard::new(SERIES_MAX, SERIES_MAX);
        let intake = |feed: &Feed| (*feed, Intake::new(Duration::from_mins(1), guard.clone()));
        Self(FEEDS.iter().map(intake).collect())
    }
}

impl Intakes {
    /// Takes up a configuration.
    pub(crate) fn reload(&self, config: &MetricsConfig) {
        let guard = SeriesGuard::new(config.series_per_metric_max, SERIES_MAX);
        for (feed, intake) in &self.0 {
            intake.reload(Self::interval(config, *feed), guard.clone());
        }
    }

    /// Lets signals look each `interval` at the metrics with these names, by feed; a feed that is
    /// not named has nothing to show.
    pub(crate) fn watch(&self, interval: Duration, names: &BTreeMap<Feed, BTreeSet<Arc<str>>>) {
        for (feed, intake) in &self.0 {
            intake.watch(interval, names.get(feed).cloned().unwrap_or_default());
        }
    }

    /// The time that a datum of a feed stands for.
    pub(crate) fn interval(config: &MetricsConfig, feed: Feed) -> Duration {
        let own = config.applications.interval_of.get(&feed);
        own.copied().unwrap_or(config.interval)
    }

    /// The intake of a feed that applications hand in to.
    pub(crate) fn of(&self, feed: Feed) -> Option<&Intake> {
        self.0.get(&feed)
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Feed, &Intake)> {
        self.0.iter().map(|(feed, intake)| (*feed, intake))
    }
}
