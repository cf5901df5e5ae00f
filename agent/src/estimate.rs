//! What a configuration would cost in a month, from one look at this host.
//!
//! Series are counted by measuring once, by the very road that sends them. Logs are told per
//! gigabyte, because how much will be written is not in the configuration. List prices, without
//! free tier; see [`plimsoll_core::price`].

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::catalog::namespace;
use plimsoll_core::clock::UnixMillis;
use plimsoll_core::price::{
    HOURS_PER_MONTH, LOG_GB_INFREQUENT, LOG_GB_STANDARD, PRICES_AS_OF, Usage,
};
use tokio::time::sleep;

use crate::batch::metrics::{DimensionSets, MetricBatcher};
use crate::config::{Config, MetricsConfig};
use crate::health::Health;
use crate::identity::Host;
use crate::sample::{Tick, as_value};
use crate::scraper::{HostRoot, Scrapers};

/// The time between the two readings that rates need to show.
const PAUSE: Duration = Duration::from_millis(200);
const SECONDS_PER_HOUR: f64 = 3600.0;
/// Dimensions that only this host has.
const OWN_DIMENSIONS: [&str; 2] = ["InstanceId", "Host"];

/// The estimate as lines of text.
pub(crate) async fn estimate(config: &Config, root: &HostRoot) -> String {
    let mut text =
        format!("estimated price a month by list prices of us-east-1 ({PRICES_AS_OF}):\n");
    match &config.metrics {
        Some(metrics) => metrics_lines(metrics, root, &mut text).await,
        None => text.push_str("  metrics: off\n"),
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

async fn metrics_lines(metrics: &MetricsConfig, root: &HostRoot, text: &mut String) {
    let is_own = |set: &&Vec<String>| set.iter().any(|name| OWN_DIMENSIONS.contains(&&**name));
    let own_sets = metrics.dimension_sets.iter().filter(is_own).count();
    let shared_sets = metrics.dimension_sets.len() - own_sets;
    let (host_series, agent_series, calls_per_tick) = measure(metrics, root).await;
    let first_is_own = metrics.dimension_sets.first().as_ref().is_some_and(is_own);
    let mut own = host_series * own_sets as u64;
    if first_is_own {
        own += agent_series;
    }
    let ticks = HOURS_PER_MONTH * SECONDS_PER_HOUR / metrics.interval.as_secs_f64();
    let calls = ticks * as_value(calls_per_tick);
    let series = Usage {
        metric_months: as_value(own),
        ..Usage::default()
    };
    let requests = Usage {
        api_requests: calls,
        ..Usage::default()
    };
    let (for_series, for_calls) = (series.usd(), requests.usd());
    writeln!(text, "  {own} series of this host: US$ {for_series:.2}").ok();
    writeln!(text, "  {calls:.0} PutMetricData calls: US$ {for_calls:.2}").ok();
    writeln!(
        text,
        "  metrics of this host: US$ {:.2}",
        for_series + for_calls
    )
    .ok();
    if shared_sets > 0 {
        let shared = host_series * shared_sets as u64;
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

/// Series of the host in one set, series of the agent, calls of one tick.
async fn measure(metrics: &MetricsConfig, root: &HostRoot) -> (u64, u64, u64) {
    let health = Arc::new(Health::default());
    let mut scrapers = Scrapers::new(root.clone(), &metrics.selection, health);
    scrapers.prime().await;
    sleep(PAUSE).await;
    let samples = scrapers.scrape().await;
    let host = Host::local(None);
    // The estimate holds for an instance: one set that every host has stands for each of them.
    let one_set = [vec!["InstanceId".to_owned()]];
    let (sets, _) = DimensionSets::resolve(&one_set, |name| host.dimension(name));
    let mut batcher = MetricBatcher::new(sets, &metrics.namespace, metrics.resolution_seconds());
    let time = UnixMillis::default();
    let (calls, _) = batcher.batches(Tick { time, samples });
    let count = |own: bool| -> usize {
        let namespaces = calls
            .iter()
            .filter(|batch| (*batch.namespace == *namespace::AGENT) == own);
        namespaces.map(|batch| batch.datums.len()).sum()
    };
    let as_count = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
    (
        as_count(count(false)),
        as_count(count(true)),
        as_count(calls.len()),
    )
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
        let text = "[metrics]\nscrapers = [\"load\"]\n";
        let config = Config::from_text("agent.toml", text).unwrap();
        let told = estimate(&config, &HostRoot::at(root.path())).await;
        for expected in [
            "  4 series of this host: US$ 1.20\n",
            "  43200 PutMetricData calls: US$ 0.43\n",
            "  metrics of this host: US$ 1.63\n",
            "  on top, once for each group: 8 series: US$ 2.40\n",
        ] {
            assert!(told.contains(expected), "{expected}\n{told}");
        }
    }
}
