//! What a configuration would cost in a month, from one look at this host.
//!
//! Series are counted by measuring once, by the very road that sends them. Logs are told per
//! gigabyte, because how much will be written is not in the configuration. List prices, without
//! free tier; see [`plimsoll_core::price`].

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;
use plimsoll_core::price::{
    HOURS_PER_MONTH, LOG_GB_INFREQUENT, LOG_GB_STANDARD, PRICES_AS_OF, Usage,
};
use tokio::time::sleep;

use crate::batch::metrics::{MetricBatcher, Placed, fill};
use crate::config::{Config, MetricsConfig, SignalsConfig};
use crate::health::Health;
use crate::identity::Host;
use crate::sample::{Feed, Tick, as_value};
use crate::scraper::{HostRoot, Scrapers};

/// The time between the two readings that rates need to show.
const PAUSE: Duration = Duration::from_millis(200);
const SECONDS_PER_HOUR: f64 = 3600.0;
/// Dimensions that only this host has.
const OWN_DIMENSIONS: [&str; 3] = ["InstanceId", "Host", "host"];

/// The estimate as lines of text.
pub(crate) async fn estimate(config: &Config, root: &HostRoot) -> String {
    let mut text =
        format!("estimated price a month by list prices of us-east-1 ({PRICES_AS_OF}):\n");
    match &config.metrics {
        Some(metrics) => metrics_lines(metrics, root, &mut text).await,
        None => text.push_str("  metrics: off\n"),
    }
    if let Some(signals) = &config.signals {
        writeln!(text, "  signals: {}", SignalsPrice::of(signals)).ok();
    }
    if let Some(logs) = &config.logs {
        let (files, journald) = (logs.files.len(), logs.journald.len());
        let sources = match journald {
            0 => format!("{files} x [[logs.file]]"),
            _ => format!("{files} x [[logs.file]], {journald} x [[logs.journald]]"),
        };
        write!(text, "  logs ({sources}): US$ {LOG_GB_STANDARD:.2} a GB").ok();
        if logs.has_infrequent_access() {
            write!(
                text,
                ", US$ {LOG_GB_INFREQUENT:.2} a GB for INFREQUENT_ACCESS"
            )
            .ok();
        }
        text.push_str(", 26 bytes counted on top of each event\n");
    }
    text
}

/// What signals cost in a month, by list prices: their calls are each instance's own, their series
/// the group's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignalsPrice {
    /// `PutMetricData` calls of one instance.
    pub(crate) calls: f64,
    /// What those cost, in US dollars.
    pub(crate) calls_usd: f64,
    /// Series of the group.
    pub(crate) series: u64,
    /// What those cost, in US dollars.
    pub(crate) series_usd: f64,
}

impl SignalsPrice {
    pub(crate) fn of(signals: &SignalsConfig) -> Self {
        let calls = HOURS_PER_MONTH * SECONDS_PER_HOUR / signals.interval.as_secs_f64();
        let series = as_count(signals.signals.len());
        let for_calls = Usage {
            api_requests: calls,
            ..Usage::default()
        };
        let for_series = Usage {
            metric_months: as_value(series),
            ..Usage::default()
        };
        Self {
            calls,
            calls_usd: for_calls.usd(),
            series,
            series_usd: for_series.usd(),
        }
    }
}

impl fmt::Display for SignalsPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "US$ {:.2} for {:.0} calls of this instance; US$ {:.2} for {} series, once for each \
             group",
            self.calls_usd, self.calls, self.series_usd, self.series
        )
    }
}

async fn metrics_lines(metrics: &MetricsConfig, root: &HostRoot, text: &mut String) {
    let placed = measure(metrics, root).await;
    let is_own = |one: &&Placed| {
        let mut names = one.datum.dimensions().iter().map(|(name, _)| &**name);
        names.any(|name| OWN_DIMENSIONS.contains(&name))
    };
    let own = as_count(placed.iter().filter(is_own).count());
    let shared = as_count(placed.len()) - own;
    let calls_per_flush = as_count(fill(placed).len());
    let flushes = HOURS_PER_MONTH * SECONDS_PER_HOUR / metrics.flush_interval.as_secs_f64();
    let calls = flushes * as_value(calls_per_flush);
    let series = Usage {
        metric_months: as_value(own),
        ..Usage::default()
    };
    let requests = Usage {
        api_requests: calls,
        ..Usage::default()
    };
    // The sum of no items is a negative zero, which reads oddly.
    let (for_series, for_calls) = (series.usd() + 0.0, requests.usd());
    writeln!(text, "  {own} series of this host: US$ {for_series:.2}").ok();
    writeln!(text, "  {calls:.0} PutMetricData calls: US$ {for_calls:.2}").ok();
    writeln!(
        text,
        "  metrics of this host: US$ {:.2}",
        for_series + for_calls
    )
    .ok();
    if shared > 0 {
        let usage = Usage {
            metric_months: as_value(shared),
            ..Usage::default()
        };
        let usd = usage.usd();
        writeln!(
            text,
            "  on top, once for each group: {shared} series: US$ {usd:.2}"
        )
        .ok();
    }
}

/// What one look at this host would send, if it were an instance of a group.
async fn measure(metrics: &MetricsConfig, root: &HostRoot) -> Vec<Placed> {
    let health = Arc::new(Health::default());
    let mut scrapers = Scrapers::new(root.clone(), &metrics.selection, health);
    scrapers.prime().await;
    sleep(PAUSE).await;
    let mut batcher = MetricBatcher::new(metrics.shape.resolve(&Host::example()));
    let mut placed = Vec::new();
    for (family, samples) in scrapers.scrape(|_| true).await {
        let tick = Tick {
            feed: Feed::Host(family),
            time: UnixMillis::default(),
            resolution_seconds: 60,
            samples,
        };
        placed.extend(batcher.datums(tick).0);
    }
    placed
}

fn as_count(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn series_calls_and_the_share_of_a_group_are_priced() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("proc")).unwrap();
        std::fs::write(root.path().join("proc/loadavg"), "1 1 1 1/1 1\n").unwrap();
        std::fs::write(
            root.path().join("proc/stat"),
            "cpu  1 1 1 1\ncpu0 1 1 1 1\n",
        )
        .unwrap();
        let text = "[metrics]\nscrapers = [\"load\"]\nper_instance = [\"load_1\"]\n\
                    [signals]\ninterval = \"30s\"\n[[signal]]\nname = \"s\"\nexpression = \"load_1\"\n";
        let config = Config::from_text("agent.toml", text).unwrap();
        let told = estimate(&config, &HostRoot::at(root.path())).await;
        for expected in [
            "  1 series of this host: US$ 0.30\n",
            "  43200 PutMetricData calls: US$ 0.43\n",
            "  metrics of this host: US$ 0.73\n",
            "  on top, once for each group: 6 series: US$ 1.80\n",
            "  signals: US$ 0.86 for 86400 calls of this instance; US$ 0.30 for 1 series",
        ] {
            assert!(told.contains(expected), "{expected}\n{told}");
        }
    }
}
