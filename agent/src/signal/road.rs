//! The road of signals: tick → expressions → queue → PutMetricData.
//!
//! It shares nothing with the road of metrics but the counters and what applications hand in, so
//! that neither a slow device, nor a spool that is sent, nor a call that hangs delays it. A sample
//! carries the time at which its interval began, which is how CloudWatch names a period: it lies in
//! the newest period that is over, so an alarm sees it at its next look. Nothing here waits on disk:
//! a signal of some minutes ago moves no alarm.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::limits::metrics as limits;
use plimsoll_aws::{Datum, DatumValue, Error, MetricsApi, Series};
use plimsoll_core::backoff::Backoff;
use plimsoll_core::clock::{Clock, UnixMillis};
use plimsoll_core::shutdown::{Shutdown, Trigger, channel};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};

mod host;

use self::host::HostMetrics;
use super::Gate;
use super::board::Board;
use super::expression::{FEEDS, FeedName, MetricRef, NoValue};
use super::probe::Answers;
use super::queue::{AGE_MAX, Queue, SignalSample, Taken};
use crate::config::{SignalConfig, SignalsConfig};
use crate::health::Health;
use crate::identity::Host;
use crate::metrics::Intakes;
use crate::sample::Feed;
use crate::scraper::HostRoot;
use crate::ticker::Ticker;

/// The operation, as it is counted.
const CALL: &str = "PutMetricData";
/// How long after the end of an interval it is looked at: lines that were written within it have
/// been read by then (rounds are 50 ms apart).
const SETTLE: Duration = Duration::from_millis(250);
/// How far the calls of a fleet are spread. With the time to settle and the call itself this stays
/// below the two seconds in which a sample is to arrive.
const SPREAD_MAX: Duration = Duration::from_millis(750);
/// Calls at once: one that hangs, and one with what is fresh.
const CALLS_MAX: usize = 2;
/// The longest that a call is waited for, as a share of the interval, and never less than a second.
const CALL_SHARE: f64 = 0.8;
/// How long the last samples may take at the end of the agent.
const DRAIN: Duration = Duration::from_secs(1);
/// Where the kernel tells since when the host is up. Source: `proc_uptime(5)`.
const UPTIME: &str = "/proc/uptime";

/// What the road is given besides its configuration.
pub(crate) struct World<A> {
    pub(crate) api: Arc<A>,
    pub(crate) root: HostRoot,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) health: Arc<Health>,
    pub(crate) host: watch::Receiver<Host>,
    pub(crate) intakes: Intakes,
    pub(crate) gate: Gate,
    pub(crate) seed: u64,
}

/// The road under way.
#[derive(Debug)]
pub(crate) struct SignalRoad {
    pub(crate) task: JoinHandle<()>,
    stop: Trigger,
}

impl SignalRoad {
    /// A road that is nothing but its task.
    #[cfg(test)]
    pub(crate) fn of_task(stop: Trigger, task: JoinHandle<()>) -> Self {
        Self { task, stop }
    }

    /// Takes no sample any more, and waits until what waits is sent or a second is over.
    pub(crate) async fn end(mut self) {
        self.stop.request();
        if timeout(DRAIN * 2, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// Starts to tell signals.
pub(crate) fn start<A: MetricsApi>(config: SignalsConfig, world: World<A>) -> SignalRoad {
    let (stop, shutdown) = channel();
    let task = tokio::spawn(Road::new(config, world, shutdown).run());
    SignalRoad { task, stop }
}

/// How a call ended: what it carried, and whether it was taken.
type Ended = (Vec<Taken>, Result<(), Error>);

struct Road<A> {
    config: SignalsConfig,
    world: World<A>,
    board: Board,
    of_host: HostMetrics,
    answers: Answers,
    probing: JoinSet<()>,
    booted: Option<Instant>,
    queue: Queue,
    calls: JoinSet<Ended>,
    random: fastrand::Rng,
    spread: Duration,
    failures: u32,
    not_before: Instant,
    /// The tick before, on the wall and monotonic.
    ticked: Option<(UnixMillis, Instant)>,
    group: Option<Arc<str>>,
    shutdown: Shutdown,
}

impl<A: MetricsApi> Road<A> {
    fn new(config: SignalsConfig, world: World<A>, shutdown: Shutdown) -> Self {
        let asked: Vec<&MetricRef> = all_metrics(&config.signals).collect();
        let names: BTreeSet<Arc<str>> = asked.iter().map(|one| Arc::clone(&one.name)).collect();
        world.intakes.watch(config.interval, &watched(&asked));
        let mut random = fastrand::Rng::with_seed(world.seed);
        let spread = SPREAD_MAX.min(config.interval / 4).mul_f64(random.f64());
        Self {
            board: Board::new(config.interval, config.stale_after, names.iter().cloned()),
            of_host: HostMetrics::new(
                world.root.clone(),
                &config.selection,
                Arc::clone(&world.health),
                names,
            ),
            answers: Answers::default(),
            probing: JoinSet::new(),
            booted: booted(&world.root),
            queue: Queue::default(),
            calls: JoinSet::new(),
            random,
            spread,
            failures: 0,
            not_before: Instant::now(),
            ticked: None,
            group: None,
            shutdown,
            config,
            world,
        }
    }

    async fn run(mut self) {
        let probes = self.config.signals.iter().flat_map(|one| &one.health);
        let probes: BTreeSet<_> = probes.cloned().collect();
        let root = self.world.root.clone();
        self.answers
            .ask(probes.into_iter().collect(), &root, &mut self.probing);
        self.name_group();
        self.of_host.prime().await;
        let clock = Arc::clone(&self.world.clock);
        let mut ticker = Ticker::new(clock, self.config.interval, self.config.interval / 2);
        let mut shutdown = self.shutdown.clone();
        loop {
            let may_send = self.may_send();
            let not_before = self.not_before;
            tokio::select! {
                due = ticker.tick() => {
                    sleep(SETTLE.min(self.config.interval / 4) + self.spread).await;
                    self.take(due.time, due.missed).await;
                    self.send();
                }
                Some(ended) = self.calls.join_next() => {
                    if let Ok(ended) = ended {
                        self.settle(ended);
                    }
                }
                () = sleep_until(not_before), if may_send && Instant::now() < not_before => self.send(),
                Ok(()) = self.world.host.changed() => self.name_group(),
                () = shutdown.requested() => break,
            }
        }
        self.not_before = Instant::now();
        drop(timeout(DRAIN, self.drain()).await);
        self.world
            .intakes
            .watch(self.config.interval, &BTreeMap::new());
    }

    async fn drain(&mut self) {
        self.send();
        while let Some(ended) = self.calls.join_next().await {
            if let Ok(ended) = ended {
                self.settle(ended);
            }
        }
    }

    /// Takes the samples of the interval that ended at `tick`, and counts those of the intervals
    /// before it that nobody took.
    async fn take(&mut self, tick: UnixMillis, missed: u64) {
        let now = Instant::now();
        let jumped = self.has_jumped(tick, now);
        self.ticked = Some((tick, now));
        self.board.begin(tick);
        self.of_host.note(&mut self.board).await;
        let begin = tick - self.config.interval;
        for (feed, name) in feeds() {
            let seen = self.world.intakes.of(feed).map(|one| one.look(begin, tick));
            for sample in seen.into_iter().flatten() {
                self.board.note(name, sample);
            }
        }
        let mut samples = Vec::new();
        let mut is_missing = false;
        for signal in &self.config.signals {
            if missed > 0 && !jumped {
                self.world.health.signals.not_taken(&signal.name, missed);
            }
            let value = signal.expression.value(&self.board);
            self.board.note_signal(&signal.name, value.clone());
            let withheld = if jumped {
                Some("clock_jumped")
            } else {
                self.withheld(signal)
            };
            let why = value.as_ref().map_err(NoValue::reason);
            let told = withheld.map_or(why.copied(), Err);
            self.world.health.taps.signal(&signal.name, tick, told);
            match (withheld, value) {
                (Some(reason), _) => self.gap(&signal.name, reason, None),
                (None, Err(why)) => {
                    is_missing |= matches!(why, NoValue::Missing(_));
                    self.gap(&signal.name, why.reason(), Some(&why));
                }
                (None, Ok(value)) => samples.push(SignalSample {
                    name: Arc::clone(&signal.name),
                    unit: signal.unit,
                    value,
                }),
            }
        }
        if is_missing {
            self.of_host.look_again();
        }
        if !samples.is_empty() {
            self.put(Taken { tick, samples });
        }
    }

    /// Whether the wall clock moved by more than an interval against the monotonic one.
    fn has_jumped(&self, tick: UnixMillis, now: Instant) -> bool {
        let Some((before, then)) = self.ticked else {
            return false;
        };
        let passed = now.saturating_duration_since(then);
        let told = tick.since(before);
        tick <= before || told.abs_diff(passed) > self.config.interval
    }

    /// Why a signal may not be told now, whatever its value.
    fn withheld(&self, signal: &SignalConfig) -> Option<&'static str> {
        if let Some(reason) = self.world.gate.closed() {
            return Some(reason);
        }
        let answering = self.answers.good_since(&signal.health);
        if answering.is_none() && !signal.health.is_empty() {
            return Some("unhealthy");
        }
        let warm_from = self.booted.max(answering);
        let is_cold = warm_from.is_some_and(|from| from.elapsed() < signal.warm_up);
        is_cold.then_some("warming_up")
    }

    fn gap(&self, signal: &Arc<str>, reason: &'static str, why: Option<&NoValue>) {
        if self.world.health.signals.gap(signal, reason) {
            let why = why.map_or_else(|| reason.to_owned(), ToString::to_string);
            log::info!(signal = &**signal, reason = reason; "a signal is withheld: {why}");
        }
    }

    fn put(&mut self, taken: Taken) {
        if let Some(dropped) = self.queue.put(taken) {
            self.drop_taken(&dropped, "dropped_full");
        }
    }

    fn drop_taken(&self, dropped: &Taken, reason: &'static str) {
        for sample in &dropped.samples {
            self.gap(&sample.name, reason, None);
        }
    }

    /// The name of the group, if it is known now; the last one goes on otherwise.
    fn name_group(&mut self) {
        let told = self
            .world
            .host
            .borrow_and_update()
            .dimension("AutoScalingGroupName");
        let own = self.config.group.as_deref().map(Arc::from);
        let name = own.or_else(|| told.map(|(_, name)| name));
        if name.is_some() && name != self.group {
            if let (Some(before), Some(now)) = (&self.group, &name) {
                log::warn!(before = &**before, now = &**now; "signals are told for another group");
            }
            self.group = name;
            self.send();
        }
    }

    fn may_send(&self) -> bool {
        self.group.is_some() && !self.queue.is_empty() && self.calls.len() < CALLS_MAX
    }

    /// One call with the freshest samples, if one may begin now.
    fn send(&mut self) {
        for old in self.queue.take_old(self.world.clock.now()) {
            self.drop_taken(&old, "dropped_old");
        }
        let Some(group) = self.group.clone() else {
            return;
        };
        if !self.may_send() || Instant::now() < self.not_before {
            return;
        }
        let taken = self.queue.take_freshest(limits::DATUMS_MAX);
        let datums = datums(&taken, self.config.interval, &group);
        let (api, namespace) = (Arc::clone(&self.world.api), self.config.namespace.clone());
        let patience = self.config.interval.mul_f64(CALL_SHARE).max(DRAIN);
        self.world.health.calls.add(CALL, 1);
        self.calls.spawn(async move {
            let call = api.put_metric_data(&namespace, &datums);
            let answer = timeout(patience, call).await.unwrap_or_else(|_| {
                Err(Error::Unavailable {
                    call: CALL,
                    why: "no answer in time".to_owned(),
                })
            });
            (taken, answer)
        });
    }

    fn settle(&mut self, (taken, answer): Ended) {
        let now = Instant::now();
        match answer {
            Ok(()) => {
                self.failures = 0;
                let clock = self.world.clock.now();
                for one in &taken {
                    let age = clock.since(one.tick).min(AGE_MAX);
                    let then = now.checked_sub(age).unwrap_or(now).into_std();
                    for sample in &one.samples {
                        let health = &self.world.health;
                        let (name, value) = (&sample.name, sample.value);
                        health.signals.accepted(name, value, then, now.into_std());
                        health.datums_sent.add(1);
                    }
                }
            }
            Err(error @ Error::Rejected { .. }) => {
                log::error!("CloudWatch refused signals; they are dropped: {error}");
                for one in &taken {
                    self.drop_taken(one, "rejected");
                }
            }
            Err(error) => {
                if let Error::Throttled { .. } = error {
                    self.world.health.throttles.add(1);
                }
                if self.failures == 0 {
                    log::warn!("signals wait and are sent again: {error}");
                }
                // A gauge that was taken and is sent again changes no average.
                let wait = Backoff::default().delay(self.failures, &mut self.random);
                self.not_before = now + wait.min(self.config.interval / 2);
                self.failures = self.failures.saturating_add(1);
                self.world.health.retries.add(1);
                for one in taken {
                    self.put(one);
                }
            }
        }
    }
}

/// Every metric that any expression names.
fn all_metrics(signals: &[SignalConfig]) -> impl Iterator<Item = &MetricRef> {
    signals.iter().flat_map(|one| one.expression.metrics())
}

/// Feeds that applications hand in to, as expressions call them.
fn feeds() -> impl Iterator<Item = (Feed, FeedName)> {
    let of = |name: FeedName| {
        Some(match name {
            FeedName::Host => return None,
            FeedName::Statsd => Feed::Statsd,
            FeedName::Emf => Feed::Emf,
            FeedName::Logs => Feed::Logs,
            FeedName::Collectd => Feed::Collectd,
            FeedName::Prometheus => Feed::Prometheus,
            FeedName::Otlp => Feed::Otlp,
        })
    };
    FEEDS
        .iter()
        .filter_map(move |(_, name)| Some((of(*name)?, *name)))
}

/// The names that each feed is asked for. A metric of the catalog is the host's unless its feed is
/// named, so that no feed keeps short windows for it.
fn watched(asked: &[&MetricRef]) -> BTreeMap<Feed, BTreeSet<Arc<str>>> {
    let mut all: BTreeMap<Feed, BTreeSet<Arc<str>>> = BTreeMap::new();
    for metric in asked {
        let is_hosts = plimsoll_core::catalog::all().any(|known| known.name == &*metric.name);
        for (feed, name) in feeds() {
            if metric.feed == Some(name) || (metric.feed.is_none() && !is_hosts) {
                let names = all.entry(feed).or_default();
                names.insert(Arc::clone(&metric.name));
            }
        }
    }
    all
}

fn datums(taken: &[Taken], interval: Duration, group: &Arc<str>) -> Vec<Datum> {
    let dimensions: Arc<[_]> = Arc::from([(Arc::from("AutoScalingGroupName"), Arc::clone(group))]);
    let all = taken.iter().flat_map(|one| {
        let time = one.tick - interval;
        one.samples.iter().map(move |sample| (time, sample))
    });
    let all = all.map(|(time, sample)| Datum {
        series: Arc::new(Series {
            name: Arc::clone(&sample.name),
            unit: sample.unit,
            dimensions: Arc::clone(&dimensions),
        }),
        time,
        value: DatumValue::One(sample.value),
        resolution_seconds: 1,
        additive: false,
    });
    all.collect()
}

/// When the host started, as far as it tells.
fn booted(root: &HostRoot) -> Option<Instant> {
    let text = std::fs::read_to_string(root.path(UPTIME)).ok()?;
    let up: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    Instant::now().checked_sub(Duration::try_from_secs_f64(up).ok()?)
}

#[cfg(test)]
mod tests;
