//! Which metrics a signal may name: those that something of this configuration can tell.

use plimsoll_core::catalog::cwagent::CWAGENT_METRICS;
use plimsoll_core::catalog::{DEVICE_METRICS, HOST_METRICS, PROCESS_METRICS};
use plimsoll_core::config::nearest;

use super::super::super::{LogsTemplate, MetricsConfig};
use crate::derive::emf::Emf;
use crate::derive::measure::Rule;
use crate::scraper::{Family, Style};
use crate::signal::expression::{FEEDS, FeedName, MetricRef};

/// Host metrics whose family the amazon-cloudwatch-agent's style tells by its own names.
const OWN_OF_THAT_STYLE: [&str; 8] = [
    "cpu_usage_",
    "mem_",
    "swap_",
    "disk_",
    "diskio_",
    "net_",
    "netstat_",
    "processes_",
];
/// Metrics of families that must be configured to be measured, by how their names begin.
const CONFIGURED: [(&str, Family); 5] = [
    ("procstat_", Family::Procstat),
    ("diskio_ebs_", Family::Nvme),
    ("diskio_instance_store_", Family::Nvme),
    ("ethtool_", Family::Ethtool),
    ("nvidia_smi_", Family::NvidiaGpu),
];

/// What the rest of the configuration says about metrics.
pub(super) struct Known<'c> {
    metrics: Option<&'c MetricsConfig>,
    logs: Option<&'c LogsTemplate>,
}

/// Why a metric cannot be told, and the nearest that can.
pub(super) struct Unknown {
    pub(super) expected: String,
    pub(super) near: Option<String>,
}

impl<'c> Known<'c> {
    pub(super) fn new(metrics: Option<&'c MetricsConfig>, logs: Option<&'c LogsTemplate>) -> Self {
        Self { metrics, logs }
    }

    /// Whether something can tell the metric.
    pub(super) fn check(&self, metric: &MetricRef) -> Result<(), Unknown> {
        let wanted = metric.feed;
        let feeds = FEEDS.iter().map(|(_, feed)| *feed);
        let mut feeds = feeds.filter(|feed| wanted.is_none_or(|wanted| wanted == *feed));
        if feeds.any(|feed| self.tells(feed, &metric.name)) {
            return Ok(());
        }
        let missing = CONFIGURED
            .iter()
            .find(|(begin, family)| metric.name.starts_with(begin) && !self.measures(*family));
        let expected = match (wanted, missing) {
            (None | Some(FeedName::Host), Some((_, family))) => {
                format!("expected the table metrics.{} as well", family.name())
            }
            (None, _) => {
                "expected a metric of the host, of log lines, or of a source in [metrics] \
                          that takes any name"
                    .to_owned()
            }
            (Some(FeedName::Host), _) => "expected a metric of the host".to_owned(),
            (Some(FeedName::Logs), _) => "expected a metric of [[logs.file.metric]]".to_owned(),
            (Some(feed), _) => {
                let word = FEEDS.iter().find(|(_, known)| *known == feed);
                let word = word.map_or("", |(word, _)| word);
                format!("expected the table metrics.{word} as well")
            }
        };
        let mut names: Vec<&str> = self.host().collect();
        names.extend(self.of_logs());
        Err(Unknown {
            expected,
            near: nearest(&metric.name, names.into_iter()),
        })
    }

    fn tells(&self, feed: FeedName, name: &str) -> bool {
        let applications = self.metrics.map(|metrics| &metrics.applications);
        let is_on =
            |is_on: fn(&crate::config::Applications) -> bool| applications.is_some_and(is_on);
        match feed {
            FeedName::Host => self.host().any(|known| known == name) || self.is_driver(name),
            FeedName::Logs => self.of_logs().any(|known| known == name),
            FeedName::Statsd => is_on(|applications| applications.statsd.is_some()),
            FeedName::Collectd => is_on(|applications| applications.collectd.is_some()),
            FeedName::Prometheus => is_on(|applications| !applications.prometheus.is_empty()),
            FeedName::Otlp => is_on(|applications| applications.otlp.is_some()),
            FeedName::Emf => is_on(|applications| applications.emf.is_some()) || self.extracts(),
        }
    }

    fn measures(&self, family: Family) -> bool {
        let families = self
            .metrics
            .iter()
            .flat_map(|metrics| &metrics.selection.families);
        families.into_iter().any(|one| one.family == family)
    }

    /// Counters of drivers have any name.
    fn is_driver(&self, name: &str) -> bool {
        name.starts_with("ethtool_") && self.measures(Family::Ethtool)
    }

    /// The metrics of the host in the style that is told.
    fn host(&self) -> impl Iterator<Item = &'static str> {
        let style = self
            .metrics
            .map_or(Style::Plimsoll, |metrics| metrics.selection.style);
        let compatible = style == Style::CloudWatchAgent;
        let own = HOST_METRICS.iter().map(|metric| metric.name);
        let own = own.filter(move |name| {
            !compatible
                || !OWN_OF_THAT_STYLE
                    .iter()
                    .any(|begin| name.starts_with(begin))
        });
        let theirs = CWAGENT_METRICS.iter().map(|metric| metric.name);
        let theirs = theirs.filter(move |_| compatible);
        let asked = PROCESS_METRICS
            .iter()
            .chain(DEVICE_METRICS)
            .map(|metric| metric.name);
        let on: Vec<&str> = CONFIGURED
            .iter()
            .filter(|(_, family)| self.measures(*family))
            .map(|(begin, _)| *begin)
            .collect();
        let asked = asked.filter(move |name| on.iter().any(|begin| name.starts_with(begin)));
        own.chain(theirs).chain(asked)
    }

    fn of_logs(&self) -> impl Iterator<Item = &'c str> {
        let files = self.logs.into_iter().flat_map(|logs| &logs.files);
        let refiners = files.filter_map(|file| file.refiner.as_ref());
        let measures = refiners.filter_map(|refiner| refiner.measures.as_ref());
        let rules = measures.flat_map(|measures| &measures.rules);
        rules.flat_map(|rule| -> Vec<&str> {
            match rule {
                Rule::One(one) => vec![&*one.metric.name],
                Rule::Access(log) => log.names().collect(),
            }
        })
    }

    fn extracts(&self) -> bool {
        let files = self.logs.into_iter().flat_map(|logs| &logs.files);
        let mut refiners = files.filter_map(|file| file.refiner.as_ref());
        refiners.any(|refiner| refiner.emf == Emf::Extract)
    }
}
