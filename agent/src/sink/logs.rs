//! Log lines to CloudWatch Logs.
//!
//! Lines are gathered into one open batch per stream. A batch leaves when it is full, when it has
//! waited long enough and a call may start, or when too much memory waits in open batches. Several
//! calls run at once, also for one stream: the service needs no order between them. What fails for a
//! while is tried again for ever; meanwhile other streams go on. Nothing here hears a shutdown: it
//! ends when its input has ended and everything is settled. It only hears that the end is near, and
//! then holds nothing back.

mod asked;
mod create;
mod open;
mod pace;
mod put;
mod waiting;

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use plimsoll_aws::{Action, Error, LogsApi};
use plimsoll_core::backoff::Backoff;
use plimsoll_core::logging::message;
use plimsoll_core::queue::{Held, Receiver};
use plimsoll_core::shutdown::Hurry;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::barrier::{Answer, Questions};
use crate::config::LogsConfig;
use crate::record::{Chunk, Stream};
use asked::Asked;
pub(crate) use create::Creator;
use open::OpenBatches;
use pace::Pace;
pub(crate) use put::{Encoder, Putter, reason};
use put::{Outcome, Work};
use waiting::Waiting;

/// Failures of one batch after which its stream counts as stuck. The first two are everyday
/// throttling.
const STUCK_FAILURES: u32 = 3;
/// How often the age of the oldest line is told while there is one.
const GAUGE_INTERVAL: Duration = Duration::from_secs(1);
/// How soon a batch that is due and held up by others of its stream is looked at again.
const HELD_INTERVAL: Duration = Duration::from_secs(1);
/// The longest back-off while somebody waits until all is sent: soon the instance may be gone.
const ASKED_PAUSE_MAX: Duration = Duration::from_secs(5);
/// Questions that follow each other within this time belong together: who waits for the reading
/// asks once a second.
const ASKED_INTERVAL: Duration = Duration::from_secs(2);
/// How long an event waits for its batch to fill once the end is near.
const HURRIED_FLUSH_INTERVAL: Duration = Duration::from_millis(500);

/// How a sink behaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SinkOptions {
    /// How long an event may wait for its batch to fill.
    pub(crate) flush_interval: Duration,
    /// Calls at once.
    pub(crate) puts_max: usize,
    /// Bytes in open batches; beyond it the largest leaves early. It must be less than what the
    /// queue holds, or batches would wait for lines that wait for batches.
    pub(crate) open_bytes_max: usize,
    /// Waits after throttling and passing faults.
    pub(crate) backoff: Backoff,
    /// Waits while a call is denied, or while refused events cannot be kept.
    pub(crate) denied_backoff: Backoff,
    /// Seeds the jitter.
    pub(crate) seed: u64,
}

/// The sink.
#[derive(Debug)]
pub(crate) struct Sink<A> {
    putter: Arc<Putter<A>>,
    options: SinkOptions,
    /// Tells when batches may wait another time or more calls may run.
    configs: Option<watch::Receiver<LogsConfig>>,
    /// Where is asked whether all that came is settled.
    questions: Option<Questions>,
    asked: Asked,
    /// When was asked last.
    asked_at: Option<Instant>,
    begun: Instant,
    open: OpenBatches,
    waiting: Waiting,
    puts: JoinSet<Outcome>,
    /// When the first event of each batch came that is on its way.
    running: HashMap<u64, Instant>,
    pace: Pace,
    /// Streams whose trouble was told.
    told: HashSet<u64>,
    /// Batches with refused events that could not be kept yet, and their streams.
    unkept: HashMap<u64, u64>,
    rng: fastrand::Rng,
    numbers: u64,
    unsettled_bytes: usize,
    gauge_due: Instant,
}

impl<A: LogsApi> Sink<A> {
    /// A sink that has sent nothing yet.
    pub(crate) fn new(putter: Putter<A>, options: SinkOptions) -> Self {
        Self {
            putter: Arc::new(putter),
            options,
            configs: None,
            questions: None,
            asked: Asked::default(),
            asked_at: None,
            begun: Instant::now(),
            open: OpenBatches::default(),
            waiting: Waiting::default(),
            puts: JoinSet::new(),
            running: HashMap::new(),
            pace: Pace::new(options.puts_max),
            told: HashSet::new(),
            unkept: HashMap::new(),
            rng: fastrand::Rng::with_seed(options.seed),
            numbers: 0,
            unsettled_bytes: 0,
            gauge_due: Instant::now(),
        }
    }

    /// The same, and listens to changes of its configuration.
    pub(crate) fn listening(mut self, configs: watch::Receiver<LogsConfig>) -> Self {
        self.configs = Some(configs);
        self
    }

    /// The same, and answers these questions once all that was sent to it before is settled.
    pub(crate) fn answering(mut self, questions: Questions) -> Self {
        self.questions = Some(questions);
        self
    }

    /// Sends everything that comes, and ends when the input has ended and all of it is settled.
    pub(crate) async fn run(mut self, mut input: Receiver<Chunk>, mut hurry: Hurry) {
        let (mut ended, mut hurried) = (false, false);
        loop {
            let now = Instant::now();
            self.waiting.wait_is_over(now);
            self.start_ready(now);
            self.tell_gauges(now);
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
                    self.seal_all();
                },
                Some(answer) = heard(&mut self.questions) => self.ask(&mut input, answer),
                () = hurry.asked(), if !hurried => {
                    hurried = true;
                    self.hasten();
                    self.open.hurry(Instant::now());
                    self.set_flush_interval(self.options.flush_interval, true);
                }
                (flush_interval, puts_max) = changed(&mut self.configs) => {
                    self.set_flush_interval(flush_interval, hurried);
                    self.pace.set_max(puts_max);
                }
                () = sleep_until(wake.unwrap_or(now)), if wake.is_some() => {}
            }
        }
    }

    /// Holds nothing back of what was sent here, and answers when all of it is settled. What comes
    /// later is not waited for.
    fn ask(&mut self, input: &mut Receiver<Chunk>, answer: Answer) {
        // Room in the queue comes only from what is settled, so this ends.
        while let Some(chunk) = input.try_recv() {
            self.take(&Arc::new(chunk));
        }
        self.seal_all();
        if !self.is_asked() {
            self.hasten();
        }
        self.asked_at = Some(Instant::now());
        let running = self.running.keys().copied();
        let on_their_way = self.waiting.numbers().chain(running).collect();
        self.asked.ask(on_their_way, answer);
    }

    /// Whether somebody waits until all is sent.
    fn is_asked(&mut self) -> bool {
        let lately = self
            .asked_at
            .is_some_and(|at| at.elapsed() < ASKED_INTERVAL);
        lately || self.asked.is_open()
    }

    /// What failed or was throttled before is tried once without its wait. What the service asked
    /// for is kept to, and what fails again waits again.
    fn hasten(&mut self) {
        self.waiting.hasten(Instant::now());
        self.pace.hurry();
    }

    fn seal_all(&mut self) {
        while let Some(stream) = self.open.first() {
            self.seal(stream);
        }
    }

    /// How long an event may wait from now on: not long once the end is near.
    fn set_flush_interval(&mut self, interval: Duration, hurried: bool) {
        self.options.flush_interval = if hurried {
            interval.min(HURRIED_FLUSH_INTERVAL)
        } else {
            interval
        };
    }

    fn is_idle(&self) -> bool {
        self.open.is_empty() && self.waiting.is_empty() && self.puts.is_empty()
    }

    /// Puts the lines of a chunk into batches.
    fn take(&mut self, chunk: &Arc<Held<Chunk>>) {
        let stream = chunk.stream.number;
        let now = Instant::now();
        let due = self.due();
        let mut from = 0;
        while from < chunk.count() {
            let filled = self.open.fill(chunk, from, now, due);
            from = filled.next;
            self.unsettled_bytes += filled.billed_bytes;
            if filled.full {
                self.seal(stream);
            }
        }
        while self.open.billed_bytes() > self.options.open_bytes_max
            && let Some(largest) = self.open.largest()
        {
            self.seal(largest);
        }
    }

    /// When a batch that is opened now must leave. Those of the first interval leave sooner, by
    /// chance: a fleet that was started together would otherwise call together for ever.
    fn due(&mut self) -> Instant {
        let now = Instant::now();
        let interval = self.options.flush_interval;
        if now < self.begun + interval {
            return now + interval.mul_f64(self.rng.f64());
        }
        now + interval
    }

    /// An open batch leaves.
    fn seal(&mut self, stream: u64) {
        if let Some((batch, since)) = self.open.take(stream) {
            self.numbers += 1;
            let work = Work::new(self.numbers, batch.seal(), since);
            self.waiting.push(work);
        }
    }

    /// When something is due; `None` while nothing waits.
    fn wake(&self) -> Option<Instant> {
        let running = self.puts.len();
        let gauge = (!self.is_idle()).then_some(self.gauge_due);
        let next = if self.waiting.may_start() {
            self.pace.opens_at(running)
        } else {
            // What is due while no call may start leaves when one may.
            let due = self.open.next_due();
            match self.pace.opens_at(running) {
                Some(opens) => due.map(|due| due.max(opens)),
                None => due.filter(|_| self.pace.allows(running, Instant::now())),
            }
        };
        let wakes = [next, self.waiting.next(), gauge];
        wakes.into_iter().flatten().min()
    }

    /// Starts as many calls as the pace allows. An open batch that is due leaves only now, and only
    /// if no other batch of its stream must go first: until then it goes on filling, so that a slow
    /// network makes fewer calls and not smaller ones.
    fn start_ready(&mut self, now: Instant) {
        while self.pace.allows(self.puts.len(), now) {
            let later = now + self.options.flush_interval.min(HELD_INTERVAL);
            let waiting = &self.waiting;
            if let Some(due) = self.open.due(now, later, |stream| waiting.holds_up(stream)) {
                self.seal(due);
            }
            let Some(work) = self.waiting.pop(now) else {
                return;
            };
            self.running.insert(work.number, work.since);
            if !work.is_answered() {
                self.pace.started(now);
            }
            self.puts.spawn(Arc::clone(&self.putter).put(work));
        }
    }

    fn settle(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Settled(work) => {
                self.running.remove(&work.number);
                self.asked.settled(work.number);
                self.unsettled_bytes -= work.batch.billed_bytes();
                let stream = work.batch.stream();
                self.waiting.unblock(stream.number);
                if work.is_answered() {
                    self.kept(work.number);
                } else {
                    self.pace.accepted(Instant::now());
                }
                if self.unkept.values().all(|unkept| *unkept != stream.number) {
                    stream.stuck.store(false, Ordering::Relaxed);
                }
                if self.told.remove(&stream.number) {
                    log::info!("log events are accepted again by {}", stream.group_name);
                }
            }
            Outcome::Halved(work, halves) => {
                self.running.remove(&work.number);
                // The service has answered: whatever was wrong before is over.
                self.waiting.unblock(work.batch.stream().number);
                for batch in halves.into_iter().rev() {
                    self.numbers += 1;
                    self.asked.split(work.number, self.numbers);
                    self.waiting.push_first(work.half(self.numbers, batch));
                }
                self.asked.settled(work.number);
            }
            Outcome::Failed(work, error) => self.retry(work, &error),
            Outcome::Unkept(work, error) => self.keep_again(work, &error),
        }
    }

    /// Tries again after a while.
    fn retry(&mut self, mut work: Work, error: &Error) {
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
        let backoff = match (passing, self.is_asked()) {
            (true, true) => self.options.backoff.capped(ASKED_PAUSE_MAX),
            (true, false) => self.options.backoff,
            (false, _) => self.options.denied_backoff,
        };
        let stream = work.batch.stream();
        self.running.remove(&work.number);
        self.waiting.block(stream.number);
        if !passing || work.failures >= STUCK_FAILURES {
            stream.stuck.store(true, Ordering::Relaxed);
            if self.told.insert(stream.number) {
                tell(passing, stream, error);
            }
        }
        // The jitter comes on top of what was asked for: everyone was told the same time.
        let delay = least + backoff.delay(work.failures - 1, &mut self.rng);
        work.not_before = (!least.is_zero()).then(|| now + least);
        self.waiting.delay(work, now + delay);
    }

    /// Refused events that cannot be kept hold their position, like a call that fails. The other
    /// batches of the stream go on; only little more is read for it.
    fn keep_again(&mut self, work: Work, error: &io::Error) {
        let stream = work.batch.stream();
        self.running.remove(&work.number);
        self.waiting.unblock(stream.number);
        stream.stuck.store(true, Ordering::Relaxed);
        self.putter.health.problems.add("dead_letter_unkept", 1);
        if self.unkept.is_empty() {
            log::error!(
                "refused events cannot be kept: {error}; they wait in memory and are kept once \
                 there is room: free space or fix the state directory"
            );
        }
        self.unkept.insert(work.number, stream.number);
        let backoff = &self.options.denied_backoff;
        let delay = backoff.delay(work.failures - 1, &mut self.rng);
        self.waiting.delay(work, Instant::now() + delay);
    }

    /// Refused events of a batch were kept at last.
    fn kept(&mut self, work: u64) {
        self.unkept.remove(&work);
        if self.unkept.is_empty() {
            log::info!("refused events can be kept again");
        }
    }

    fn tell_gauges(&mut self, now: Instant) {
        let health = &self.putter.health;
        health.queue_bytes.set(self.unsettled_bytes as u64);
        if self.is_idle() {
            self.putter.encoder.rest();
            health.oldest_unsent_ms.set(0);
        } else if self.gauge_due <= now {
            self.gauge_due = now + GAUGE_INTERVAL;
            let running = self.running.values().copied().min();
            let oldest = [self.waiting.oldest(), self.open.oldest(), running];
            let oldest = oldest.into_iter().flatten().min();
            let age = oldest.map_or(Duration::ZERO, |oldest| now.duration_since(oldest));
            let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            health.oldest_unsent_ms.set(millis);
        }
    }
}

/// Completes when the configuration changes, with how long batches may wait and how many calls may
/// run; never when nobody can change it any more.
async fn changed(configs: &mut Option<watch::Receiver<LogsConfig>>) -> (Duration, usize) {
    if let Some(receiver) = configs
        && receiver.changed().await.is_ok()
    {
        let config = receiver.borrow_and_update();
        return (config.flush_interval, config.puts_in_flight_max);
    }
    std::future::pending().await
}

/// The next question; none where nobody asks.
async fn heard(questions: &mut Option<Questions>) -> Option<Answer> {
    questions.as_mut()?.recv().await
}

fn tell(passing: bool, stream: &Stream, error: &Error) {
    if passing {
        log::warn!("log events for {} wait: {error}", stream.group_name);
    } else {
        log::error!(
            message_id = message::AGENT_LOGS_WAIT.id;
            "log events for {} wait: {error}", stream.group_name
        );
    }
}

#[cfg(test)]
mod tests;
