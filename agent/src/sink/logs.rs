//! Log lines to CloudWatch Logs.
//!
//! Lines are gathered into one open batch per stream. A batch leaves when it is full, when it has
//! waited long enough, or when too much memory waits in open batches. Several calls run at once,
//! also for one stream: the service needs no order between them. What fails for a while is tried
//! again for ever; meanwhile other streams go on. Nothing here hears a shutdown: it ends when its
//! input has ended and everything is settled.

mod create;
mod pace;
mod put;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use plimsoll_aws::{Action, Error, LogsApi};
use plimsoll_core::backoff::Backoff;
use plimsoll_core::clock::{Clock, UnixMillis};
use plimsoll_core::queue::{Held, Receiver};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::batch::logs::Batch;
use crate::record::{Chunk, Stream};
pub(crate) use create::Creator;
use pace::Pace;
pub(crate) use put::{Encoder, Putter};
use put::{Outcome, Work};

/// Failures of one batch after which its stream counts as stuck. The first two are everyday
/// throttling.
const STUCK_FAILURES: u32 = 3;
/// How often the age of the oldest line is told while there is one.
const GAUGE_INTERVAL: Duration = Duration::from_secs(1);

/// How a sink behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SinkOptions {
    /// How long an event may wait for its batch to fill.
    pub(crate) flush_interval: Duration,
    /// Calls at once.
    pub(crate) puts_max: usize,
    /// Bytes in open batches; beyond it the oldest leaves early. It must be less than what the
    /// queue holds, or batches would wait for lines that wait for batches.
    pub(crate) open_bytes_max: usize,
    /// Waits after throttling and passing faults.
    pub(crate) backoff: Backoff,
    /// Waits while a call is denied.
    pub(crate) denied_backoff: Backoff,
    /// Seeds the jitter.
    pub(crate) seed: u64,
}

/// The sink.
#[derive(Debug)]
pub(crate) struct Sink<A> {
    putter: Arc<Putter<A>>,
    clock: Arc<dyn Clock>,
    options: SinkOptions,
    open: HashMap<u64, Open>,
    /// Open batches in the order in which they must leave; some have left already.
    dues: VecDeque<(Instant, u64, u64)>,
    open_bytes: usize,
    ready: VecDeque<Work>,
    delayed: Vec<(Instant, Work)>,
    puts: JoinSet<Outcome>,
    /// The first time of each batch that is on its way.
    running: HashMap<u64, UnixMillis>,
    pace: Pace,
    /// Streams whose last call failed: only a batch that failed may try them.
    failing: HashSet<u64>,
    /// Streams whose trouble was told.
    told: HashSet<u64>,
    rng: fastrand::Rng,
    numbers: u64,
    unsettled_bytes: usize,
    gauge_due: Instant,
}

#[derive(Debug)]
struct Open {
    number: u64,
    batch: Batch,
}

impl<A: LogsApi> Sink<A> {
    /// A sink that has sent nothing yet.
    pub(crate) fn new(putter: Putter<A>, clock: Arc<dyn Clock>, options: SinkOptions) -> Self {
        Self {
            putter: Arc::new(putter),
            clock,
            options,
            open: HashMap::new(),
            dues: VecDeque::new(),
            open_bytes: 0,
            ready: VecDeque::new(),
            delayed: Vec::new(),
            puts: JoinSet::new(),
            running: HashMap::new(),
            pace: Pace::new(options.puts_max),
            failing: HashSet::new(),
            told: HashSet::new(),
            rng: fastrand::Rng::with_seed(options.seed),
            numbers: 0,
            unsettled_bytes: 0,
            gauge_due: Instant::now(),
        }
    }

    /// Sends everything that comes, and ends when the input has ended and all of it is settled.
    pub(crate) async fn run(mut self, mut input: Receiver<Chunk>) {
        let mut ended = false;
        loop {
            self.start_ready();
            self.tell_gauges();
            if ended && self.is_idle() {
                return;
            }
            let wake = self.wake();
            tokio::select! {
                Some(outcome) = self.puts.join_next(), if !self.puts.is_empty() => {
                    match outcome {
                        Ok(outcome) => self.settle(outcome),
                        Err(error) => log::error!("a batch was lost until the restart: {error}"),
                    }
                }
                chunk = input.recv(), if !ended => if let Some(chunk) = chunk {
                    self.take(&Arc::new(chunk));
                } else {
                    ended = true;
                    while self.seal_oldest() {}
                },
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {
                    self.on_time(Instant::now());
                }
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.open.is_empty()
            && self.ready.is_empty()
            && self.delayed.is_empty()
            && self.puts.is_empty()
    }

    /// Puts the lines of a chunk into batches.
    fn take(&mut self, chunk: &Arc<Held<Chunk>>) {
        let stream = Arc::clone(&chunk.stream);
        let mut from = 0;
        while from < chunk.count() {
            if !self.open.contains_key(&stream.number) {
                self.open_batch(&stream);
            }
            let Some(open) = self.open.get_mut(&stream.number) else {
                return;
            };
            let before = open.batch.billed_bytes();
            from = open.batch.fill(chunk, from);
            let added = open.batch.billed_bytes() - before;
            let full = from < chunk.count() || open.batch.is_full();
            self.open_bytes += added;
            self.unsettled_bytes += added;
            if full {
                self.seal(stream.number);
            }
        }
        while self.open_bytes > self.options.open_bytes_max && self.seal_oldest() {}
    }

    fn open_batch(&mut self, stream: &Arc<Stream>) {
        let number = self.number();
        let batch = Batch::new(Arc::clone(stream));
        self.open.insert(stream.number, Open { number, batch });
        let due = Instant::now() + self.options.flush_interval;
        self.dues.push_back((due, stream.number, number));
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// An open batch leaves.
    fn seal(&mut self, stream: u64) {
        if let Some(Open { number, batch }) = self.open.remove(&stream) {
            self.open_bytes -= batch.billed_bytes();
            self.ready.push_back(Work::new(number, batch.seal()));
        }
        self.drop_stale_dues();
    }

    /// The open batch that has waited longest leaves; `false` if there is none.
    fn seal_oldest(&mut self) -> bool {
        self.drop_stale_dues();
        let Some((_, stream, _)) = self.dues.pop_front() else {
            return false;
        };
        self.seal(stream);
        true
    }

    fn drop_stale_dues(&mut self) {
        while let Some((_, stream, number)) = self.dues.front() {
            if self
                .open
                .get(stream)
                .is_some_and(|open| open.number == *number)
            {
                return;
            }
            self.dues.pop_front();
        }
    }

    /// When something is due; `None` while nothing waits.
    fn wake(&self) -> Option<Instant> {
        let flush = self.dues.front().map(|(due, ..)| *due);
        let retry = self.delayed.iter().map(|(due, _)| *due).min();
        let gauge = (!self.is_idle()).then_some(self.gauge_due);
        [flush, retry, gauge].into_iter().flatten().min()
    }

    fn on_time(&mut self, now: Instant) {
        while self.dues.front().is_some_and(|(due, ..)| *due <= now) && self.seal_oldest() {}
        for (_, work) in self.delayed.extract_if(.., |(due, _)| *due <= now) {
            self.ready.push_front(work);
        }
    }

    /// Starts as many calls as the pace allows. A stream whose last call failed is only tried by
    /// the batch that failed, so that its other batches do not fail one by one.
    fn start_ready(&mut self) {
        while self.pace.allows(self.puts.len()) {
            let next = self.ready.iter().position(|work| {
                work.failures > 0 || !self.failing.contains(&work.batch.stream().number)
            });
            let Some(work) = next.and_then(|index| self.ready.remove(index)) else {
                return;
            };
            self.running.insert(work.number, work.batch.earliest());
            self.puts.spawn(Arc::clone(&self.putter).put(work));
        }
    }

    fn settle(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Settled(work) => {
                let stream = work.batch.stream();
                self.running.remove(&work.number);
                self.unsettled_bytes -= work.batch.billed_bytes();
                self.failing.remove(&stream.number);
                stream.stuck.store(false, Ordering::Relaxed);
                self.pace.accepted();
                if self.told.remove(&stream.number) {
                    log::info!("log events are accepted again by {}", stream.group_name);
                }
            }
            Outcome::Halved(work, halves) => {
                self.running.remove(&work.number);
                for batch in halves.into_iter().rev() {
                    let number = self.number();
                    self.ready.push_front(work.half(number, batch));
                }
            }
            Outcome::Failed(work, error) => self.retry(work, &error),
        }
    }

    /// Tries again after a while.
    fn retry(&mut self, work: Work, error: &Error) {
        let health = &self.putter.health;
        health.retries.add(1);
        let now = Instant::now();
        let mut least = Duration::ZERO;
        if let Error::Throttled { retry_after, .. } = error {
            health.throttles.add(1);
            self.pace.throttled(now);
            least = retry_after.unwrap_or_default();
        }
        let passing = matches!(error.action(), Action::RetryLater | Action::Create);
        let backoff = if passing {
            &self.options.backoff
        } else {
            &self.options.denied_backoff
        };
        let stream = work.batch.stream();
        self.running.remove(&work.number);
        self.failing.insert(stream.number);
        if !passing || work.failures >= STUCK_FAILURES {
            stream.stuck.store(true, Ordering::Relaxed);
            if self.told.insert(stream.number) {
                tell(passing, stream, error);
            }
        }
        let delay = backoff.delay(work.failures - 1, &mut self.rng).max(least);
        self.delayed.push((now + delay, work));
    }

    fn tell_gauges(&mut self) {
        let health = &self.putter.health;
        health.queue_bytes.set(self.unsettled_bytes as u64);
        let now = Instant::now();
        if self.is_idle() {
            health.oldest_unsent_ms.set(0);
        } else if self.gauge_due <= now {
            self.gauge_due = now + GAUGE_INTERVAL;
            let waiting = self
                .ready
                .iter()
                .chain(self.delayed.iter().map(|(_, work)| work));
            let oldest = waiting
                .map(|work| work.batch.earliest())
                .chain(self.open.values().map(|open| open.batch.earliest()))
                .chain(self.running.values().copied())
                .min();
            let age = oldest.map_or(Duration::ZERO, |oldest| self.clock.now().since(oldest));
            let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            self.putter.health.oldest_unsent_ms.set(millis);
        }
    }
}

fn tell(passing: bool, stream: &Stream, error: &Error) {
    if passing {
        log::warn!("log events for {} wait: {error}", stream.group_name);
    } else {
        log::error!("log events for {} wait: {error}", stream.group_name);
    }
}

#[cfg(test)]
mod tests;
