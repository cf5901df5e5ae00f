//! PutMetricData: fresh first, nothing lost in silence.
//!
//! Batches wait here while CloudWatch cannot be reached, the freshest in front: an alarm wants to
//! know how things are now, and history can follow. The wait is bounded; at the bound the oldest
//! datums are dropped and counted, because samples, unlike logs, lose their worth with age.
//!
//! **Repeating.** PutMetricData knows no deduplication. After a lost answer the call is repeated,
//! so a datum may be counted twice. Gauges and rates carry the same value at the same time, so
//! `Average`, `Minimum` and `Maximum` stay exact; only `Sum` and `SampleCount` of that one minute
//! can be too high. The other policy, never repeating, would make holes that alarms see as missing
//! data, which is worse.
//!
//! **Rejection.** A call that CloudWatch refuses is halved until the datum at fault stands alone;
//! that one is dropped with its reason. When everything is refused, halving stops early.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::{Action, Datum, Error, MetricsApi, limits};
use plimsoll_core::backoff::Backoff;
use plimsoll_core::clock::{Clock, UnixMillis};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::batch::metrics::MetricBatch;
use crate::health::Health;

/// The operation, as it is counted.
const CALL: &str = "PutMetricData";
/// How long to wait after a denial: someone has to act, and the log tells them.
const DENIED_PAUSE: Duration = Duration::from_mins(1);
/// Refused calls without a success between them before the rest of a call is given up. A single
/// bad datum among 1,000 needs 11 refusals to be found.
const REJECTIONS_IN_A_ROW_MAX: u32 = 24;

/// How the sink behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SinkSettings {
    /// Datums that may wait. At least one call's worth.
    pub(crate) waiting_datums_max: usize,
    /// Waits between tries.
    pub(crate) backoff: Backoff,
    /// How long a fresh batch is held back, so that a fleet whose ticks are aligned does not call
    /// in one instant.
    pub(crate) spread: Duration,
    /// How long the last datums may take once the input has ended.
    pub(crate) drain_max: Duration,
}

/// Sends batches until its input ends, then drains.
#[derive(Debug)]
pub(crate) struct MetricsSink<A> {
    api: Arc<A>,
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
    settings: SinkSettings,
    random: fastrand::Rng,
    /// Freshest first.
    waiting: VecDeque<Waiting>,
    failures: u32,
    rejections_in_a_row: u32,
    /// Datums of the call under way, to count them if it is cut off.
    in_flight: usize,
    not_before: Instant,
}

#[derive(Debug)]
struct Waiting {
    batch: MetricBatch,
    tried: bool,
}

impl Waiting {
    fn time(&self) -> UnixMillis {
        let first = self.batch.datums.first();
        first.map_or(UnixMillis::default(), |datum| datum.time)
    }
}

/// A call under way, which gives the batch back with the answer.
type Put = Pin<Box<dyn Future<Output = (Waiting, Result<(), Error>)> + Send>>;

impl<A: MetricsApi> MetricsSink<A> {
    pub(crate) fn new(
        api: Arc<A>,
        clock: Arc<dyn Clock>,
        health: Arc<Health>,
        settings: SinkSettings,
        seed: u64,
    ) -> Self {
        Self {
            api,
            clock,
            health,
            settings,
            random: fastrand::Rng::with_seed(seed),
            waiting: VecDeque::new(),
            failures: 0,
            rejections_in_a_row: 0,
            in_flight: 0,
            not_before: Instant::now(),
        }
    }

    /// Runs until `input` ends and what waits is sent, or the time to drain is over. Receiving
    /// goes on while a call is under way, so a slow answer never holds up the ticks.
    pub(crate) async fn run(mut self, mut input: mpsc::Receiver<Vec<MetricBatch>>) {
        let mut put: Option<Put> = None;
        loop {
            if put.is_none() && Instant::now() >= self.not_before {
                put = self.next();
            }
            let idle = put.is_none();
            tokio::select! {
                fresh = input.recv() => match fresh {
                    Some(batches) => self.accept(batches),
                    None => break,
                },
                (waiting, answer) = landed(&mut put) => self.settle(waiting, answer),
                () = sleep_until(self.not_before), if idle && !self.waiting.is_empty() => {}
            }
        }
        self.drain(put).await;
    }

    async fn drain(&mut self, mut put: Option<Put>) {
        let deadline = Instant::now() + self.settings.drain_max;
        self.not_before = Instant::now();
        loop {
            if put.is_none() {
                if self.waiting.is_empty() {
                    return;
                }
                if timeout_at(deadline, sleep_until(self.not_before))
                    .await
                    .is_err()
                {
                    break;
                }
                put = self.next();
            }
            match timeout_at(deadline, landed(&mut put)).await {
                Ok((waiting, answer)) => self.settle(waiting, answer),
                Err(_) => break,
            }
        }
        // A call that was cut off may have had its effect; its datums count as dropped all the same.
        let lost = self.waiting_datums() + self.in_flight;
        self.drop_datums("shutdown", lost);
    }

    fn accept(&mut self, batches: Vec<MetricBatch>) {
        if self.waiting.is_empty() {
            self.not_before = self.not_before.max(Instant::now() + self.settings.spread);
        }
        for batch in batches.into_iter().rev() {
            self.waiting.push_front(Waiting {
                batch,
                tried: false,
            });
        }
        self.keep_to_the_bound();
    }
    /// The freshest batch that is still young enough, on its way.
    fn next(&mut self) -> Option<Put> {
        let oldest = self.clock.now() - limits::metrics::AGE_MAX;
        loop {
            let waiting = self.waiting.pop_front()?;
            let datums = waiting.batch.datums.len();
            if waiting.time() < oldest {
                self.drop_datums("too_old", datums);
                continue;
            }
            self.in_flight = datums;
            self.health.calls.add(CALL, 1);
            if waiting.tried {
                self.health.retries.add(1);
            }
            let api = Arc::clone(&self.api);
            return Some(Box::pin(async move {
                let batch = &waiting.batch;
                let answer = api.put_metric_data(&batch.namespace, &batch.datums).await;
                (waiting, answer)
            }));
        }
    }

    fn settle(&mut self, waiting: Waiting, answer: Result<(), Error>) {
        self.in_flight = 0;
        let Err(error) = answer else {
            let datums = waiting.batch.datums.len();
            self.health
                .datums_sent
                .add(datums.try_into().unwrap_or(u64::MAX));
            if self.failures > 0 {
                log::info!(datums = self.waiting_datums(); "metrics reach CloudWatch again");
            }
            self.failures = 0;
            self.rejections_in_a_row = 0;
            return;
        };
        match error.action() {
            Action::RetryLater => {
                self.pause(&error, Duration::ZERO);
                self.put_back(waiting);
            }
            Action::AskForPermission => {
                self.pause(&error, DENIED_PAUSE);
                self.put_back(waiting);
            }
            Action::Create | Action::SetAside => self.halve(waiting, &error),
        }
    }

    /// Waits before the next call: what the service asked for, the back-off, or `least`.
    fn pause(&mut self, error: &Error, least: Duration) {
        let mut wait = self.settings.backoff.delay(self.failures, &mut self.random);
        if let Error::Throttled { retry_after, .. } = error {
            self.health.throttles.add(1);
            wait = wait.max(retry_after.unwrap_or_default());
        }
        if self.failures == 0 {
            log::warn!(waiting = self.waiting_datums(); "metrics wait and will be sent later: {error}");
        }
        self.failures = self.failures.saturating_add(1);
        self.not_before = Instant::now() + wait.max(least);
    }

    /// Back to where its age belongs.
    fn put_back(&mut self, mut waiting: Waiting) {
        waiting.tried = true;
        let time = waiting.time();
        let fresher = self.waiting.partition_point(|other| other.time() > time);
        self.waiting.insert(fresher, waiting);
        self.keep_to_the_bound();
    }

    /// Splits what was refused, to find the datum at fault.
    fn halve(&mut self, waiting: Waiting, error: &Error) {
        self.rejections_in_a_row = self.rejections_in_a_row.saturating_add(1);
        let mut datums = waiting.batch.datums;
        if datums.len() > 1 && self.rejections_in_a_row < REJECTIONS_IN_A_ROW_MAX {
            let second = datums.split_off(datums.len() / 2);
            for datums in [second, datums] {
                let namespace = Arc::clone(&waiting.batch.namespace);
                self.waiting.push_front(Waiting {
                    batch: MetricBatch { namespace, datums },
                    tried: true,
                });
            }
            return;
        }
        let name = datums.first().map_or("", Datum::name);
        log::error!(metric = name, datums = datums.len(); "CloudWatch refused metrics; they are dropped: {error}");
        self.drop_datums("rejected", datums.len());
    }

    fn keep_to_the_bound(&mut self) {
        while self.waiting_datums() > self.settings.waiting_datums_max {
            let Some(oldest) = self.waiting.pop_back() else {
                return;
            };
            self.drop_datums("queue_full", oldest.batch.datums.len());
        }
    }

    fn waiting_datums(&self) -> usize {
        self.waiting
            .iter()
            .map(|waiting| waiting.batch.datums.len())
            .sum()
    }

    fn drop_datums(&self, reason: &'static str, datums: usize) {
        let count = u64::try_from(datums).unwrap_or(u64::MAX);
        if count > 0 && self.health.datums_dropped.add(reason, count) {
            log::warn!(reason = reason; "{count} metric datums were dropped");
        }
    }
}

/// The answer of the call under way; never, when there is none.
async fn landed(put: &mut Option<Put>) -> (Waiting, Result<(), Error>) {
    let Some(call) = put else {
        return std::future::pending().await;
    };
    let answer = call.await;
    *put = None;
    answer
}

#[cfg(test)]
mod tests;
