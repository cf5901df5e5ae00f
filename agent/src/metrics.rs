//! The road of metrics, put together: tick → scrapers → batches → PutMetricData.
//!
//! The source is one task that wakes once per tick. The sink is another that never makes the
//! source wait. When the source is told to stop it takes one last reading of the agent's own
//! counters, so that what the last seconds did is told as well; then the sink drains.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::MetricsApi;
use plimsoll_core::backoff::Backoff;
use plimsoll_core::clock::{Clock, UnixMillis};
use plimsoll_core::shutdown::Shutdown;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::batch::metrics::{DimensionSets, MetricBatch, MetricBatcher};
use crate::config::MetricsConfig;
use crate::health::Health;
use crate::identity::Host;
use crate::logs::Mode;
use crate::sample::{Sample, Tick};
use crate::scraper::{HostRoot, Scrapers};
use crate::sink::metrics::{MetricsSink, SinkSettings};
use crate::ticker::Ticker;

/// Ticks between source and sink. The sink takes them at once; the second slot only spares the
/// source a switch.
const TICKS_MAX: usize = 2;
/// A rate over less than this says nothing: the first tick comes no sooner after the first
/// reading.
const LEAD_MAX: Duration = Duration::from_secs(1);
/// The longest that a host of a fleet holds its datums back.
const SPREAD_MAX: Duration = Duration::from_secs(3);
/// The share of the interval in which the datums of a fleet arrive.
const SPREAD_SHARE: u32 = 20;

/// What the road is given besides its configuration.
pub(crate) struct World<A> {
    pub(crate) api: Arc<A>,
    pub(crate) root: HostRoot,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) health: Arc<Health>,
    pub(crate) host: watch::Receiver<Host>,
    pub(crate) seed: u64,
    pub(crate) shutdown: Shutdown,
    pub(crate) drain_max: Duration,
}

/// Starts to measure. The task ends after `shutdown`, or after one tick in [`Mode::Once`], when
/// everything is sent or `drain_max` is over.
pub(crate) fn start<A: MetricsApi>(
    config: MetricsConfig,
    mode: Mode,
    world: World<A>,
) -> JoinHandle<()> {
    let mut random = fastrand::Rng::with_seed(world.seed);
    let spread_max = (config.interval / SPREAD_SHARE).min(SPREAD_MAX);
    let settings = SinkSettings {
        waiting_datums_max: config.waiting_datums_max,
        backoff: Backoff::default(),
        spread: spread_max.mul_f64(random.f64()),
        drain_max: world.drain_max,
    };
    let sink = MetricsSink::new(
        world.api,
        Arc::clone(&world.clock),
        Arc::clone(&world.health),
        settings,
        random.u64(..),
    );
    let (out, input) = mpsc::channel(TICKS_MAX);
    let batcher = MetricBatcher::new(
        DimensionSets::default(),
        &config.namespace,
        config.resolution_seconds(),
    );
    let mut source = Source {
        scrapers: Scrapers::new(world.root, &config.selection, Arc::clone(&world.health)),
        batcher,
        dimension_sets: config.dimension_sets,
        interval: config.interval,
        host: world.host,
        clock: world.clock,
        health: world.health,
        told_unknown: BTreeSet::new(),
        out,
    };
    tokio::spawn(async move {
        // The sink belongs to this task: if it is aborted, both stop.
        let source = async move {
            source.resolve_dimensions();
            match mode {
                Mode::Follow => source.follow(world.shutdown).await,
                Mode::Once => source.once().await,
            }
        };
        tokio::join!(source, sink.run(input));
    })
}

/// Measures on every tick.
struct Source {
    scrapers: Scrapers,
    batcher: MetricBatcher,
    dimension_sets: Vec<Vec<String>>,
    interval: Duration,
    host: watch::Receiver<Host>,
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
    told_unknown: BTreeSet<String>,
    out: mpsc::Sender<Vec<MetricBatch>>,
}

impl Source {
    async fn follow(mut self, mut shutdown: Shutdown) {
        self.scrapers.prime().await;
        let lead = LEAD_MAX.min(self.interval / 2);
        let mut ticker = Ticker::new(Arc::clone(&self.clock), self.interval, lead);
        loop {
            tokio::select! {
                due = ticker.tick() => {
                    if due.missed > 0 {
                        self.health.problems.add("ticks_missed", due.missed);
                        log::warn!(ticks = due.missed; "the host was too busy to be measured in time");
                    }
                    self.measure(due.time).await;
                }
                Ok(()) = self.host.changed() => self.resolve_dimensions(),
                () = shutdown.requested() => break,
            }
        }
        let own = self.scrapers.scrape_own().await;
        self.send(self.clock.now(), own).await;
    }

    async fn once(mut self) {
        self.scrapers.prime().await;
        sleep(LEAD_MAX.min(self.interval)).await;
        self.measure(self.clock.now()).await;
    }

    async fn measure(&mut self, time: UnixMillis) {
        let samples = self.scrapers.scrape().await;
        self.send(time, samples).await;
    }

    async fn send(&mut self, time: UnixMillis, samples: Vec<Sample>) {
        let (batches, unfit) = self.batcher.batches(Tick { time, samples });
        for unfit in unfit {
            if self.health.datums_dropped.add(unfit.reason, 1) {
                let (metric, of) = (
                    unfit.sample.metric.name,
                    unfit.sample.of.unwrap_or_default(),
                );
                log::warn!(
                    metric = metric, of = &*of, reason = unfit.reason;
                    "a datum that CloudWatch does not take is left out"
                );
            }
        }
        let series = u64::try_from(self.batcher.series()).unwrap_or(u64::MAX);
        self.health
            .series
            .set(series.max(self.health.series.value()));
        if self.out.send(batches).await.is_err() {
            log::error!("the sink of metrics is gone");
        }
    }

    /// Puts the values of the host into the dimension sets. A set that lacks one is left out, and
    /// told once.
    fn resolve_dimensions(&mut self) {
        let host = self.host.borrow_and_update().clone();
        let (sets, unknown) =
            DimensionSets::resolve(&self.dimension_sets, |name| host.dimension(name));
        for name in unknown {
            if self.told_unknown.insert(name.clone()) {
                log::info!(
                    dimension = name.as_str();
                    "dimension sets with this name are left out until its value is known"
                );
            }
        }
        if sets.len() == 0 {
            self.health.problems.add("dimensions_unknown", 1);
            log::warn!(
                "no dimension set has all its values; metrics wait for the identity of the host"
            );
        }
        self.batcher.set_dimensions(sets);
    }
}

#[cfg(test)]
mod tests;
