//! Takes the readings and tells what is over: the part of the road that keeps time.
//!
//! A family that looks as often as it tells has each sample told at once, with the time of its
//! tick. One that looks more often has its samples folded; they are told with the time at which
//! their interval began, which is how CloudWatch names a period. What applications hand in is told
//! the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::limits::metrics as limits;
use plimsoll_core::clock::{Clock, UnixMillis};
use plimsoll_core::shutdown::Shutdown;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::{Intakes, World};
use crate::aggregate::{Gathered, SeriesGuard, Window, common};
use crate::barrier::{Answer, Barrier, Questions};
use crate::batch::metrics::{MetricBatch, MetricBatcher, Placed, Unfit, fill};
use crate::config::{MetricsConfig, Shape, resolution_seconds};
use crate::health::Health;
use crate::identity::Host;
use crate::sample::{Feed, Sample, Tick};
use crate::scraper::{Family, FamilySelection, Scrapers};
use crate::ticker::Ticker;

/// A rate over less than this says nothing: the first tick comes no sooner after the first
/// reading.
const LEAD_MAX: Duration = Duration::from_secs(1);
/// Series of one family in a window. Devices, mounts and processes of one host are far fewer.
const FAMILY_SERIES_MAX: usize = 20_000;

/// Measures on every tick.
pub(super) struct Teller {
    scrapers: Scrapers,
    families: BTreeMap<Family, FamilySelection>,
    /// Samples of the families that look more often than they tell.
    folding: BTreeMap<Family, Window>,
    intakes: Intakes,
    interval_of: BTreeMap<Feed, Duration>,
    shape: Shape,
    batcher: MetricBatcher,
    /// Datums that wait for the next call.
    placed: Vec<Placed>,
    tick: Duration,
    flush_interval: Duration,
    host: watch::Receiver<Host>,
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
    told_unknown: BTreeSet<String>,
    out: mpsc::Sender<Vec<MetricBatch>>,
}

impl Teller {
    pub(super) fn new<A>(
        config: &MetricsConfig,
        world: &World<A>,
        out: mpsc::Sender<Vec<MetricBatch>>,
    ) -> Self {
        let families = config.selection.families.iter();
        let families: BTreeMap<_, _> = families.map(|one| (one.family, *one)).collect();
        let interval_of: BTreeMap<_, _> = world
            .intakes
            .iter()
            .map(|(feed, _)| (feed, Intakes::interval(config, feed)))
            .collect();
        let looks = families.values().map(|one| one.sample_interval);
        let tells = interval_of.values().copied();
        let tick = looks.chain(tells).fold(config.flush_interval, common);
        let guard = SeriesGuard::new(config.series_per_metric_max, FAMILY_SERIES_MAX);
        let folding = families
            .values()
            .filter(|one| one.sample_interval < one.interval);
        let folding = folding.map(|one| (one.family, Window::new(guard.clone(), 0)));
        let shape = config.shape.clone();
        let resolved = shape.resolve(&world.host.borrow());
        let mut teller = Self {
            scrapers: Scrapers::new(
                world.root.clone(),
                &config.selection,
                Arc::clone(&world.health),
            ),
            folding: folding.collect(),
            families,
            intakes: world.intakes.clone(),
            interval_of,
            batcher: MetricBatcher::new(resolved),
            shape,
            placed: Vec::new(),
            tick,
            flush_interval: config.flush_interval,
            host: world.host.clone(),
            clock: Arc::clone(&world.clock),
            health: Arc::clone(&world.health),
            told_unknown: BTreeSet::new(),
            out,
        };
        teller.resolve_dimensions();
        teller
    }

    /// Tells until the shutdown, and everything at once when it is asked to. The sink answers then.
    pub(super) async fn follow(
        mut self,
        mut shutdown: Shutdown,
        mut questions: Questions,
        sink: &Barrier,
    ) {
        self.scrapers.prime().await;
        let lead = LEAD_MAX.min(self.tick / 2);
        let mut ticker = Ticker::new(Arc::clone(&self.clock), self.tick, lead);
        loop {
            tokio::select! {
                // A tick that is due comes first, so that each sample has the time of its own
                // interval.
                biased;
                due = ticker.tick() => {
                    if due.missed > 0 {
                        self.health.problems.add("ticks_missed", due.missed);
                        log::warn!(ticks = due.missed; "the host was too busy to be measured in time");
                    }
                    self.tell(due.time).await;
                }
                Ok(()) = self.host.changed() => self.resolve_dimensions(),
                Some(answer) = questions.recv() => self.hand_over(answer, sink).await,
                () = shutdown.requested() => break,
            }
        }
        let now = self.clock.now();
        self.fold_ended(now, true);
        self.take_intakes(now, true);
        let own = self.scrapers.scrape(|family| family == Family::Agent).await;
        for (family, samples) in own {
            self.place(Feed::Host(family), now, 60, samples);
        }
        self.flush().await;
    }

    /// Tells everything that is held, also of intervals that are not over. What comes later for
    /// the same interval is told as another datum of the same time: CloudWatch adds up the sums and
    /// the counts of samples of all datums of a period and takes the least and the greatest of
    /// them, so every statistic becomes what one datum would have given. Source: CloudWatch user
    /// guide, "Publishing statistic sets". Only a count that is told as one number becomes two
    /// samples, of which the sum is right.
    async fn hand_over(&mut self, answer: Answer, sink: &Barrier) {
        let now = self.clock.now();
        self.fold_ended(now, true);
        self.take_intakes(now, true);
        self.flush().await;
        sink.pass_on(answer).await;
    }

    /// Tells once.
    pub(super) async fn once(mut self) {
        self.scrapers.prime().await;
        sleep(LEAD_MAX.min(self.tick)).await;
        let now = self.clock.now();
        for (family, samples) in self.scrapers.scrape(|_| true).await {
            self.place(Feed::Host(family), now, 60, samples);
        }
        self.take_intakes(now, true);
        self.flush().await;
    }

    /// What is due at a tick.
    async fn tell(&mut self, time: UnixMillis) {
        let families = &self.families;
        let is_due = |family| {
            let one = families.get(&family);
            one.is_some_and(|one| is_multiple(time, one.sample_interval))
        };
        for (family, samples) in self.scrapers.scrape(is_due).await {
            if let Some(window) = self.folding.get_mut(&family) {
                for one in samples {
                    window.add_sample(one);
                }
            } else {
                let interval = self.families.get(&family).map(|one| one.interval);
                let resolution = resolution_seconds(interval.unwrap_or(self.tick));
                self.place(Feed::Host(family), time, resolution, samples);
            }
        }
        self.fold_ended(time, false);
        self.take_intakes(time, false);
        if is_multiple(time, self.flush_interval) {
            self.flush().await;
        }
    }

    /// Places the folded samples of the families whose interval is over.
    fn fold_ended(&mut self, time: UnixMillis, all: bool) {
        let mut ended = Vec::new();
        for (family, window) in &mut self.folding {
            let Some(one) = self.families.get(family) else {
                continue;
            };
            if (all || is_multiple(time, one.interval)) && !window.is_empty() {
                let (samples, overflowed) = window.take();
                // Just before the end, so that the interval that ends now is meant.
                let begin = (time - Duration::from_millis(1)).align_down(one.interval);
                ended.push((*family, begin, resolution_seconds(one.interval), samples));
                tell_overflow(&self.health, &overflowed);
            }
        }
        for (family, begin, resolution, samples) in ended {
            self.place(Feed::Host(family), begin, resolution, samples);
        }
    }

    /// Places what applications handed in, of the windows that are over.
    fn take_intakes(&mut self, time: UnixMillis, all: bool) {
        let taken: Vec<(Feed, Gathered)> = self
            .intakes
            .iter()
            .map(|(feed, intake)| (feed, intake.take(time, all)))
            .collect();
        for (feed, gathered) in taken {
            tell_overflow(&self.health, &gathered.overflowed);
            if gathered.misplaced > 0 {
                self.health.problems.add("metric_time", gathered.misplaced);
            }
            let interval = self.interval_of.get(&feed).copied();
            let resolution = resolution_seconds(interval.unwrap_or(self.tick));
            let (oldest, newest) = (time - limits::AGE_MAX, time + limits::FUTURE_MAX);
            for (begin, samples) in gathered.windows {
                if begin < oldest || begin > newest {
                    // An application's clock, or its unit of time, is wrong.
                    let count = u64::try_from(samples.len()).unwrap_or(u64::MAX);
                    self.health.datums_dropped.add("time_out_of_range", count);
                    continue;
                }
                self.place(feed, begin, resolution, samples);
            }
        }
    }

    /// Makes datums and keeps them for the next call.
    fn place(
        &mut self,
        feed: Feed,
        time: UnixMillis,
        resolution_seconds: u8,
        samples: Vec<Sample>,
    ) {
        let tick = Tick {
            feed,
            time,
            resolution_seconds,
            samples,
        };
        let (placed, unfit) = self.batcher.datums(tick);
        for Unfit {
            name,
            labels,
            reason,
        } in unfit
        {
            if self.health.datums_dropped.add(reason, 1) {
                log::warn!(
                    metric = name.as_str(), of:? = labels, reason = reason;
                    "a datum that CloudWatch does not take is left out"
                );
            }
        }
        self.placed.extend(placed);
    }

    async fn flush(&mut self) {
        let series = u64::try_from(self.batcher.series()).unwrap_or(u64::MAX);
        let known = self.health.series.value();
        self.health.series.set(series.max(known));
        let batches = fill(std::mem::take(&mut self.placed));
        if self.out.send(batches).await.is_err() {
            log::error!("the sink of metrics is gone");
        }
    }

    /// Puts the values of the host into the dimension sets. A set that lacks one is left out, and
    /// told once.
    fn resolve_dimensions(&mut self) {
        let host = self.host.borrow_and_update();
        let resolved = self.shape.resolve(&host);
        let instance = host.instance.as_ref();
        self.scrapers
            .set_instance_type(instance.map(|instance| instance.instance_type.as_str()));
        drop(host);
        for name in resolved.unknown() {
            if self.told_unknown.insert(name.clone()) {
                log::info!(
                    dimension = name.as_str();
                    "dimension sets with this name are left out until its value is known"
                );
            }
        }
        if !resolved.is_known() {
            self.health.problems.add("dimensions_unknown", 1);
            log::warn!(
                "no dimension set has all its values; metrics wait for the identity of the host"
            );
        }
        self.batcher.set_shape(resolved);
    }
}

/// Tells which metrics had too many series.
fn tell_overflow(health: &Health, overflowed: &[String]) {
    for metric in overflowed {
        if health.problems.add("series_overflowed", 1) {
            log::warn!(
                metric = metric.as_str();
                "a metric has more series than it may; what is too much is told as one series with \
                 the dimension `overflow`"
            );
        }
    }
}

/// Whether a whole number of intervals ended at `time`.
fn is_multiple(time: UnixMillis, interval: Duration) -> bool {
    time.align_down(interval) == time
}
