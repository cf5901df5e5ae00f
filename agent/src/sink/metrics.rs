//! PutMetricData: fresh first, nothing lost in silence.
//!
//! What cannot be sent goes to the [spool](crate::spool) and waits there; without one, or when the
//! disk takes nothing, in memory, where at a bound the oldest datums are dropped and counted. While
//! calls fail, each fresh batch is written down before it is tried. The freshest goes first, since
//! an alarm wants to know how things are now; once CloudWatch takes calls again, what waits follows
//! from the oldest on, one full call at a time with a pause that differs from host to host.
//!
//! **Repeating.** PutMetricData knows no deduplication. What surely was not taken is repeated with
//! its own times. When the outcome is not known (the answer was lost), [`WhenUnknown`] decides: as
//! it stands, gauges are repeated, since that changes no average, minimum or maximum, and what is
//! added up is given up and counted, since a hole in a count is seen and a doubled count is not.
//!
//! **Rejection.** A call that CloudWatch refuses is halved until the datum at fault stands alone;
//! that one is dropped with its reason. When everything is refused, halving stops early.

mod keeper;
mod queue;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::{Action, Datum, Error, MetricsApi, limits};
use plimsoll_core::backoff::Backoff;
use plimsoll_core::clock::Clock;
use plimsoll_core::logging::message;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::barrier::Asked;
use crate::batch::metrics::MetricBatch;
use crate::config::WhenUnknown;
use crate::health::Health;
use crate::spool::{SpoolFs, State, Taken};
pub(crate) use keeper::{Keeper, SpoolSettings};
use queue::{Queue, Stored, Waiting};

/// The operation, as it is counted.
const CALL: &str = "PutMetricData";
/// How long to wait after a denial: someone has to act, and the log tells them.
const DENIED_PAUSE: Duration = Duration::from_mins(1);
/// The longest pause between two calls with what had to wait: hosts that were cut off together do
/// not catch up in one instant.
const REPLAY_PAUSE_MAX: Duration = Duration::from_secs(2);
/// The longest back-off while somebody waits until all is sent: soon the instance may be gone.
const ASKED_PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long to leave the spool alone that cannot be read or written.
const SPOOL_PAUSE: Duration = Duration::from_mins(1);
/// Refused calls without a success between them before the rest of a call is given up. A single
/// bad datum among 1,000 needs 11 refusals to be found.
const REJECTIONS_IN_A_ROW_MAX: u32 = 24;

/// How the sink behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SinkSettings {
    /// Datums that may wait in memory. At least one call's worth.
    pub(crate) waiting_datums_max: usize,
    /// Waits between tries.
    pub(crate) backoff: Backoff,
    /// How long a fresh batch is held back, so that a fleet whose ticks are aligned does not call
    /// in one instant.
    pub(crate) spread: Duration,
    /// How long the last datums may take once the input has ended.
    pub(crate) drain_max: Duration,
    /// What is done when an outcome is not known.
    pub(crate) when_unknown: WhenUnknown,
}

/// Sends batches until its input ends, then drains.
#[derive(Debug)]
pub(crate) struct MetricsSink<A, F: SpoolFs> {
    api: Arc<A>,
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
    settings: SinkSettings,
    keeper: Keeper<F>,
    random: fastrand::Rng,
    queue: Queue,
    /// The batch of the call under way.
    under_way: Option<Waiting>,
    /// Whether the last call was taken.
    reached: bool,
    failures: u32,
    rejections_in_a_row: u32,
    not_before: Instant,
    /// The same for what waits on disk.
    replay_not_before: Instant,
    /// Until when the service has asked to be left alone.
    allowed_at: Instant,
    /// Asks when nothing waits any more.
    asked: Asked,
}

/// A call under way.
type Put = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

impl<A: MetricsApi, F: SpoolFs> MetricsSink<A, F> {
    pub(crate) fn new(
        api: Arc<A>,
        clock: Arc<dyn Clock>,
        health: Arc<Health>,
        settings: SinkSettings,
        keeper: Keeper<F>,
        seed: u64,
    ) -> Self {
        Self {
            api,
            clock,
            health,
            settings,
            keeper,
            random: fastrand::Rng::with_seed(seed),
            queue: Queue::default(),
            under_way: None,
            reached: false,
            failures: 0,
            rejections_in_a_row: 0,
            not_before: Instant::now(),
            replay_not_before: Instant::now(),
            allowed_at: Instant::now(),
            asked: Asked::default(),
        }
    }

    /// The same, and answers once nothing waits any more, neither here nor on disk. Until then
    /// nothing is held back and no pause is made but after failures.
    pub(crate) fn answering(mut self, asked: Asked) -> Self {
        self.asked = asked;
        self
    }

    /// Runs until `input` ends and what waits is sent or kept, or the time to drain is over.
    /// Receiving goes on while a call is under way, so a slow answer never holds up the ticks.
    pub(crate) async fn run(mut self, mut input: mpsc::Receiver<Vec<MetricBatch>>) {
        self.keeper.open().await;
        let mut put: Option<Put> = None;
        loop {
            if put.is_none() && self.has_nothing() {
                self.asked.answer();
            }
            if put.is_none() && self.due().is_some_and(|due| Instant::now() >= due) {
                put = self.next(true).await;
            }
            let due = if put.is_none() { self.due() } else { None };
            tokio::select! {
                fresh = input.recv() => match fresh {
                    Some(batches) => self.accept(batches).await,
                    None => break,
                },
                answer = landed(&mut put) => self.settle(answer).await,
                () = self.asked.heard() => {
                    while let Ok(batches) = input.try_recv() {
                        self.accept(batches).await;
                    }
                    self.not_before = self.allowed_at;
                    self.replay_not_before = self.allowed_at;
                }
                () = sleep_until(due.unwrap_or(self.not_before)), if due.is_some() => {}
            }
        }
        self.drain(put).await;
    }

    /// Whether nothing waits for a call.
    fn has_nothing(&self) -> bool {
        self.queue.is_empty() && self.under_way.is_none() && !self.keeper.has_waiting()
    }

    /// When the next call may begin; `None` while there is nothing to send.
    fn due(&mut self) -> Option<Instant> {
        if !self.queue.is_empty() {
            return Some(self.not_before);
        }
        // What waits on disk does not test whether CloudWatch is there before anything fresh did.
        let may_replay = self.reached || self.failures > 0 || self.asked.is_open();
        let replays = may_replay && self.keeper.has_waiting();
        replays.then(|| self.not_before.max(self.replay_not_before))
    }

    /// Sends what is in memory; what is on disk waits for the next start.
    async fn drain(&mut self, mut put: Option<Put>) {
        let deadline = Instant::now() + self.settings.drain_max;
        // The last chance, so what the service asked for counts no more.
        self.not_before = Instant::now();
        while put.is_some() || !self.queue.is_empty() {
            if put.is_some() {
                match timeout_at(deadline, landed(&mut put)).await {
                    Ok(answer) => self.settle(answer).await,
                    Err(_) => break,
                }
            } else if timeout_at(deadline, sleep_until(self.not_before))
                .await
                .is_ok()
            {
                put = self.next(false).await;
            } else {
                break;
            }
        }
        drop(put);
        self.leave().await;
    }

    /// Leaves what is not sent to the next start.
    async fn leave(&mut self) {
        let mut lost = 0;
        if let Some(cut_off) = self.under_way.take()
            && cut_off.stored == Stored::No
            && self
                .keeper
                .write(&cut_off.batch, State::Trying)
                .await
                .is_none()
        {
            // It may have had its effect; its datums count as dropped all the same.
            lost += cut_off.len();
        }
        let left = self.keeper.keep(self.queue.take_all()).await;
        lost += left.iter().map(Waiting::len).sum::<usize>();
        self.drop_datums("shutdown", lost);
    }

    async fn accept(&mut self, batches: Vec<MetricBatch>) {
        if self.queue.is_empty() && !self.asked.is_open() {
            self.not_before = self.not_before.max(Instant::now() + self.settings.spread);
        }
        let mut fresh: Vec<Waiting> = batches.into_iter().map(Waiting::fresh).collect();
        if self.failures > 0 {
            self.keep_all().await;
            for waiting in &mut fresh {
                if let Some(id) = self.keeper.write(&waiting.batch, State::Pending).await {
                    waiting.stored = Stored::Whole(vec![id]);
                }
            }
        }
        for waiting in fresh.into_iter().rev() {
            self.queue.push_front(waiting);
        }
        self.keep_to_the_bound();
    }

    /// Moves what waits in memory to the disk, as far as it takes it.
    async fn keep_all(&mut self) {
        for left in self.keeper.keep(self.queue.take_all()).await {
            self.queue.put_back(left);
        }
        self.keep_to_the_bound();
    }

    /// The freshest batch, else the oldest of the spool if that may be asked, on its way.
    async fn next(&mut self, may_replay: bool) -> Option<Put> {
        let oldest = self.clock.now() - limits::metrics::AGE_MAX;
        loop {
            let waiting = match self.queue.pop_front() {
                Some(waiting) => waiting,
                None if may_replay => self.replay().await?,
                None => return None,
            };
            let (waiting, too_old) = waiting.retain(|datum| datum.time >= oldest);
            self.drop_datums("too_old", too_old);
            if waiting.batch.datums.is_empty() {
                self.keeper.done(waiting.stored.ids()).await;
                continue;
            }
            if let Err(error) = self.keeper.try_now(waiting.stored.ids()).await {
                // On disk it is safe; sent now, it would be sent again after a crash.
                self.leave_the_spool_alone(&error);
                continue;
            }
            self.health.calls.add(CALL, 1);
            if waiting.tried {
                self.health.retries.add(1);
            }
            let (api, batch) = (Arc::clone(&self.api), Arc::clone(&waiting.batch));
            self.under_way = Some(waiting);
            return Some(Box::pin(async move {
                api.put_metric_data(&batch.namespace, &batch.datums).await
            }));
        }
    }

    /// A call's worth of what waits on disk, without what an earlier run may have sent and must not
    /// be repeated.
    async fn replay(&mut self) -> Option<Waiting> {
        if Instant::now() < self.replay_not_before {
            return None;
        }
        // A call that only tests whether CloudWatch is there puts no more in doubt than it must.
        let most = if self.failures > 0 { 1 } else { usize::MAX };
        let taken = match self.keeper.take(most).await {
            Ok(taken) => taken,
            Err(error) => {
                self.leave_the_spool_alone(&error);
                return None;
            }
        };
        let (mut ids, mut datums, mut doubtful) = (Vec::new(), Vec::new(), 0);
        let namespace = Arc::clone(&taken.first()?.batch.namespace);
        for Taken {
            id,
            batch,
            in_doubt,
        } in taken
        {
            ids.push(id);
            let before = batch.datums.len();
            let policy = self.settings.when_unknown;
            let repeated = |datum: &Datum| !in_doubt || policy.repeats(datum.additive);
            let kept = datums.len();
            datums.extend(batch.datums.into_iter().filter(repeated));
            doubtful += before - (datums.len() - kept);
        }
        let stored = Stored::Whole(ids);
        let stored = if doubtful > 0 { stored.rest() } else { stored };
        self.give_up("the agent ended in the middle of a call", doubtful);
        Some(Waiting {
            batch: Arc::new(MetricBatch { namespace, datums }),
            tried: true,
            stored,
        })
    }

    async fn settle(&mut self, answer: Result<(), Error>) {
        let Some(waiting) = self.under_way.take() else {
            return;
        };
        let Err(error) = answer else {
            let datums = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
            self.health.datums_sent.add(datums);
            self.keeper.done(waiting.stored.ids()).await;
            if self.failures > 0 {
                log::info!("metrics reach CloudWatch again");
            }
            self.reached = true;
            self.failures = 0;
            self.health.metrics_failures.set(0);
            self.rejections_in_a_row = 0;
            let pause = if self.asked.is_open() {
                Duration::ZERO
            } else {
                REPLAY_PAUSE_MAX.mul_f64(self.random.f64())
            };
            self.replay_not_before = self.replay_not_before.max(Instant::now() + pause);
            return;
        };
        match error.action() {
            Action::RetryLater => {
                self.pause(&error, Duration::ZERO);
                self.put_back(waiting, &error).await;
            }
            Action::AskForPermission => {
                self.pause(&error, DENIED_PAUSE);
                self.put_back(waiting, &error).await;
            }
            Action::Create | Action::SetAside => self.halve(waiting, &error).await,
        }
    }

    /// Waits before the next call: what the service asked for, the back-off, or `least`.
    fn pause(&mut self, error: &Error, least: Duration) {
        let mut wait = self.settings.backoff.delay(self.failures, &mut self.random);
        if self.asked.is_open() {
            wait = wait.min(ASKED_PAUSE_MAX);
        }
        if let Error::Throttled { retry_after, .. } = error {
            self.health.throttles.add(1);
            let asked_for = retry_after.unwrap_or_default();
            self.allowed_at = Instant::now() + asked_for;
            wait = wait.max(asked_for);
        }
        if self.failures == 0 {
            log::warn!("metrics wait and will be sent later: {error}");
        }
        self.reached = false;
        self.failures = self.failures.saturating_add(1);
        self.health.metrics_failures.set(u64::from(self.failures));
        self.not_before = Instant::now() + wait.max(least);
    }

    /// Back to where it waits, as far as it may be repeated, with all that waits in memory.
    async fn put_back(&mut self, mut waiting: Waiting, error: &Error) {
        waiting.tried = true;
        if error.effect_is_unknown() {
            let policy = self.settings.when_unknown;
            let (rest, given_up) = waiting.retain(|datum| policy.repeats(datum.additive));
            self.give_up(&error.to_string(), given_up);
            waiting = rest;
        }
        if waiting.batch.datums.is_empty() {
            self.keeper.done(waiting.stored.ids()).await;
        } else {
            self.queue.put_back(waiting);
        }
        self.keep_all().await;
    }

    /// Splits what was refused, to find the datum at fault.
    async fn halve(&mut self, waiting: Waiting, error: &Error) {
        self.rejections_in_a_row = self.rejections_in_a_row.saturating_add(1);
        let Waiting { batch, stored, .. } = waiting;
        let MetricBatch {
            namespace,
            mut datums,
        } = Arc::unwrap_or_clone(batch);
        if datums.len() > 1 && self.rejections_in_a_row < REJECTIONS_IN_A_ROW_MAX {
            let second = datums.split_off(datums.len() / 2);
            // The records are done when the last part is.
            for (datums, stored) in [(second, stored.rest()), (datums, Stored::No)] {
                let namespace = Arc::clone(&namespace);
                self.queue.push_front(Waiting {
                    batch: Arc::new(MetricBatch { namespace, datums }),
                    tried: true,
                    stored,
                });
            }
            return;
        }
        let name = datums.first().map_or("", Datum::name);
        log::error!(
            message_id = message::AGENT_DATUMS_REFUSED.id, metric = name, datums = datums.len();
            "CloudWatch refused metrics; they are dropped: {error}"
        );
        self.drop_datums("rejected", datums.len());
        self.keeper.done(stored.ids()).await;
    }

    fn keep_to_the_bound(&mut self) {
        while self.queue.datums() > self.settings.waiting_datums_max {
            let Some(oldest) = self.queue.pop_oldest() else {
                return;
            };
            self.drop_datums("queue_full", oldest.len());
        }
    }

    fn leave_the_spool_alone(&mut self, error: &std::io::Error) {
        self.replay_not_before = Instant::now() + SPOOL_PAUSE;
        if self.health.problems.add("spool_unusable", 1) {
            log::error!("metrics that wait on disk cannot be sent now: {error}");
        }
    }

    /// Counts datums that may have been taken and are not repeated.
    fn give_up(&self, why: &str, datums: usize) {
        if datums > 0 {
            log::warn!(
                datums = datums;
                "it is not known whether datums were counted; they are not repeated: {why}"
            );
        }
        self.drop_datums("unconfirmed", datums);
    }

    fn drop_datums(&self, reason: &'static str, datums: usize) {
        let count = u64::try_from(datums).unwrap_or(u64::MAX);
        if count > 0 && self.health.datums_dropped.add(reason, count) {
            log::warn!(reason = reason; "{count} metric datums were dropped");
        }
    }
}

/// The answer of the call under way; never, when there is none.
async fn landed(put: &mut Option<Put>) -> Result<(), Error> {
    let Some(call) = put else {
        return std::future::pending().await;
    };
    let answer = call.await;
    *put = None;
    answer
}

#[cfg(test)]
mod tests;
