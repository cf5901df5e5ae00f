//! The road of logs, put together: files → batches → CloudWatch Logs → positions.
//!
//! At least once: a line is sent again after a crash if its position was not yet on disk, and a
//! line is never passed over. Memory between reading and acceptance is bounded by one number of
//! the configuration.

mod handover;

use std::sync::Arc;
use std::time::Duration;

use plimsoll_aws::LogsApi;
use plimsoll_core::backoff::Backoff;
use plimsoll_core::clock::Clock;
use plimsoll_core::queue::{Receiver, Sender, bounded};
use plimsoll_core::shutdown::{Hurry, Shutdown};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::barrier::{Asked, Barrier, Questions, barrier};
use crate::batch::logs::BODY_BYTES;
use crate::checkpoint::{Committer, Ledger, Store, StoreError};
use crate::config::{LogsConfig, Persistence};
use crate::deadletter::DeadLetters;
use crate::fs::HostFs;
use crate::health::Health;
use crate::metrics::Intakes;
use crate::record::Chunk;
use crate::sink::logs::{Creator, Encoder, Putter, Sink, SinkOptions};
use crate::source::file::{ROUND_BYTES, Reader, Source, Targets, Timing, descriptor_budget};
use crate::source::journald;

/// Rounds are at least this far apart unless there is more to read. Twenty wake-ups a second cost
/// two tenths of a percent of a core at most, and no line waits noticeably: it arrives within the
/// flush interval and a tenth of a second.
const GAP: Duration = Duration::from_millis(50);
/// How often shapes of files are compared. It bounds the delay where no notification comes: on
/// network file systems, and for rotated files that are still written to.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Writers reopen their log within seconds after it was rotated.
const ROTATE_WAIT: Duration = Duration::from_secs(30);
/// A rotated file that nobody has open for writing can only be opened anew, which a writer that
/// follows its rotation does not do; one look more bridges a writer that opens for each line.
const WRITERLESS_WAIT: Duration = Duration::from_secs(10);
/// The share of the queue that may wait in open batches. The rest is for batches on their way and for
/// what was read meanwhile. At the default, seven streams fill their batches to the last event.
const OPEN_SHARE: usize = 2;
/// A permission that is missing is tried again about twice a minute: soon enough after someone has
/// given it, seldom enough not to fill a trail of refused calls.
const DENIED_BASE: Duration = Duration::from_secs(5);
const DENIED_MAX: Duration = Duration::from_mins(1);

/// When the road ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// After a shutdown was asked for and everything that was read is settled.
    Follow,
    /// When every file that matches was read to its end, unfinished line included, and everything
    /// is settled.
    Once,
}

/// Why logs cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A glob is not valid.
    #[error("a glob of a file target is not valid")]
    Glob(#[from] crate::glob::BadGlob),
    /// The state directory is in use or unusable.
    #[error("{0}")]
    State(String),
    /// The system gives no thread.
    #[error("the journal cannot be read")]
    Thread(#[from] std::io::Error),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        use std::error::Error as _;
        let cause = error.source().map(|cause| format!(": {cause}"));
        Self::State(format!("{error}{}", cause.unwrap_or_default()))
    }
}

/// What was done, from the start of the road to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogsSummary {
    /// Complete lines that were read.
    pub lines: u64,
    /// Events that were accepted. A line longer than an event is several.
    pub events_sent: u64,
    /// Events that were refused and kept as dead letters.
    pub events_rejected: u64,
    /// Files that were followed.
    pub files: u64,
    /// Bytes that were read and are neither accepted nor kept; zero unless the road was cut off.
    pub unsent_bytes: u64,
}

/// The road under way.
#[derive(Debug)]
pub struct LogsRoad {
    /// Ends when everything has drained.
    pub task: JoinHandle<LogsSummary>,
    config: watch::Sender<LogsConfig>,
    barrier: Barrier,
    ledger: Arc<Ledger>,
}

impl LogsRoad {
    /// A road that is nothing but its task.
    #[cfg(test)]
    pub(crate) fn of_task(task: JoinHandle<LogsSummary>) -> Self {
        let config = watch::channel(LogsConfig::default()).0;
        let barrier = barrier().0;
        Self {
            task,
            config,
            barrier,
            ledger: Arc::new(Ledger::new(crate::checkpoint::Snapshot::default())),
        }
    }

    /// How far files and journals are delivered.
    pub(crate) fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
    }

    /// Where the road is asked whether everything is handed over that is in the files and in the
    /// journal.
    pub(crate) fn barrier(&self) -> Barrier {
        self.barrier.clone()
    }

    /// Goes on with another configuration; `None` follows nothing any more. Files that are wanted
    /// before and after stay open where they are. Bounds on memory stay as they were.
    pub fn reload(&self, wanted: Option<LogsConfig>) {
        self.config.send_modify(|config| match wanted {
            Some(wanted) => *config = wanted,
            None => config.files.clear(),
        });
    }
}

/// What tests make faster.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tuning {
    pub(crate) timing: Timing,
    pub(crate) backoff: Backoff,
    pub(crate) denied_backoff: Backoff,
}

impl Tuning {
    fn of(config: &LogsConfig) -> Self {
        Self {
            timing: Timing {
                gap: GAP,
                sweep: SWEEP_INTERVAL,
                rescan: config.rescan_interval,
                rotate_wait: ROTATE_WAIT,
                writerless_wait: WRITERLESS_WAIT,
            },
            backoff: Backoff::default(),
            denied_backoff: Backoff::new(DENIED_BASE, DENIED_MAX).unwrap_or_default(),
        }
    }
}

/// Starts to follow files. The task can be aborted at any time without losing a line: positions
/// are committed about once a second, and what is not committed is sent again after a restart.
///
/// Must be called within a tokio runtime with I/O and time. Reading the state directory blocks for
/// a moment.
///
/// # Errors
/// See [`StartError`].
#[expect(
    clippy::too_many_arguments,
    reason = "the world is an argument: each is a part of it"
)]
pub(crate) fn start<A: LogsApi>(
    config: LogsConfig,
    persistence: &Persistence,
    mode: Mode,
    api: Arc<A>,
    clock: Arc<dyn Clock>,
    health: Arc<Health>,
    seed: u64,
    shutdown: Shutdown,
    intakes: Intakes,
) -> Result<LogsRoad, StartError> {
    let world = World {
        api,
        clock,
        health,
        intakes,
        seed,
        shutdown,
    };
    let tuning = Tuning::of(&config);
    start_tuned(config, persistence, mode, world, tuning)
}

/// What a road is given besides its configuration.
#[derive(Debug)]
pub(crate) struct World<A> {
    pub(crate) api: Arc<A>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) health: Arc<Health>,
    pub(crate) intakes: Intakes,
    pub(crate) seed: u64,
    pub(crate) shutdown: Shutdown,
}

/// [`start`], with what tests make faster.
pub(crate) fn start_tuned<A: LogsApi>(
    config: LogsConfig,
    persistence: &Persistence,
    mode: Mode,
    world: World<A>,
    tuning: Tuning,
) -> Result<LogsRoad, StartError> {
    let once = mode == Mode::Once;
    let in_flight_bytes_max = config.in_flight_bytes_max;
    let (updates, configs) = watch::channel(config.clone());
    let (ledger, committer) = open_positions(persistence, &world.health)?;
    let queued = queued_bytes_max(&config);
    let (queue, receiver) = bounded(queued);
    let given = (&ledger, &committer, &queue);
    let (of_journal, asked_journal) = barrier();
    let journal = start_journal(&config, &world, &tuning, once, given, asked_journal)?;
    let options = sink_options(&config, queued, &tuning, world.seed);
    let putter = putter(&config, persistence, &world, &ledger);
    let hurry = world.shutdown.hurry();
    let (of_files, asked_files) = barrier();
    let (of_sink, asked_sink) = barrier();
    let sink = Sink::new(putter, options)
        .listening(configs.clone())
        .answering(asked_sink);
    let source = Source {
        reader: Reader::new(
            HostFs,
            Targets::new(config.files)?,
            Arc::clone(&ledger),
            Arc::clone(&world.health),
            world.clock,
            tuning.timing,
            once,
        )
        .with_descriptors(descriptor_budget())
        .with_take_over(config.cloudwatch_agent_state)
        .with_intakes(world.intakes),
        queue,
        committer: committer.clone(),
        shutdown: world.shutdown,
        asked: Asked::by(asked_files),
        configs,
        timing: tuning.timing,
        once,
        last_bytes_max: in_flight_bytes_max as usize,
    };
    let sources = (source, journal);
    let (asked, questions) = barrier();
    let answers = handover::answer(
        questions,
        [of_files, of_journal],
        of_sink,
        committer.clone(),
    );
    let run = run(
        sources,
        (sink, receiver, hurry),
        answers,
        committer,
        world.health,
    );
    Ok(LogsRoad {
        task: tokio::spawn(run),
        config: updates,
        barrier: asked,
        ledger,
    })
}

/// How the sink of a road behaves.
fn sink_options(config: &LogsConfig, queued: u32, tuning: &Tuning, seed: u64) -> SinkOptions {
    SinkOptions {
        flush_interval: config.flush_interval,
        puts_max: config.puts_in_flight_max,
        open_bytes_max: queued as usize / OPEN_SHARE,
        backoff: tuning.backoff,
        denied_backoff: tuning.denied_backoff,
        seed,
    }
}

/// What the sink of a road sends with.
fn putter<A: LogsApi>(
    config: &LogsConfig,
    persistence: &Persistence,
    world: &World<A>,
    ledger: &Arc<Ledger>,
) -> Putter<A> {
    let health = Arc::clone(&world.health);
    let dead_letters = DeadLetters::new(persistence, config.dead_letter_bytes_max, health);
    Putter {
        api: Arc::clone(&world.api),
        creator: Creator::default(),
        encoder: Encoder::default(),
        ledger: Arc::clone(ledger),
        dead_letters: Arc::new(dead_letters),
        health: Arc::clone(&world.health),
    }
}

/// What may be queued. A round of each source is read before it is booked, and requests are written
/// a second time from what is booked, so both are taken off the bound.
fn queued_bytes_max(config: &LogsConfig) -> u32 {
    let mut beside =
        ROUND_BYTES.saturating_add(BODY_BYTES.saturating_mul(config.puts_in_flight_max));
    if !config.journald.is_empty() {
        beside = beside.saturating_add(journald::ROUND_BYTES);
    }
    let beside = u32::try_from(beside).unwrap_or(u32::MAX);
    let bytes_max = config.in_flight_bytes_max;
    bytes_max.saturating_sub(beside).max(bytes_max / 2)
}

/// The source of the journal, if anything is to be read from it.
fn start_journal<A>(
    config: &LogsConfig,
    world: &World<A>,
    tuning: &Tuning,
    once: bool,
    (ledger, committer, queue): (&Arc<Ledger>, &Committer, &Sender<Chunk>),
    asked: Questions,
) -> Result<Option<journald::Source<journald::Thread>>, StartError> {
    if config.journald.is_empty() {
        return Ok(None);
    }
    let parts = journald::Parts {
        journals: journald::HostJournals::default(),
        targets: config.journald.clone(),
        ledger: Arc::clone(ledger),
        health: Arc::clone(&world.health),
        started: world.clock.now(),
    };
    Ok(Some(journald::Source {
        rounds: journald::Thread::start(parts)?,
        queue: queue.clone(),
        committer: committer.clone(),
        shutdown: world.shutdown.clone(),
        asked: Asked::by(asked),
        gap: tuning.timing.gap,
        once,
        last_bytes_max: config.in_flight_bytes_max as usize,
    }))
}

/// Opens the state directory and goes on from what it knows.
fn open_positions(
    persistence: &Persistence,
    health: &Arc<Health>,
) -> Result<(Arc<Ledger>, Committer), StartError> {
    let (store, bad_bytes) = Store::open(HostFs, persistence)?;
    if bad_bytes > 0 {
        health.problems.add("checkpoint_damaged", 1);
        log::warn!(
            "the last {bad_bytes} bytes of the positions could not be read, as after a crash; \
             lines since then are sent again"
        );
    }
    let ledger = Arc::new(Ledger::resumed(store.snapshot().clone(), store.written()));
    let committer = Committer::new(Arc::clone(&ledger), store, Arc::clone(health));
    Ok((ledger, committer))
}

/// Runs until everything has drained. All tasks belong to this one: if it is aborted, all stop.
async fn run<A: LogsApi>(
    (source, journal): (Source<HostFs>, Option<journald::Source<journald::Thread>>),
    (sink, receiver, hurry): (Sink<A>, Receiver<Chunk>, Hurry),
    answers: impl Future<Output = ()> + Send + 'static,
    committer: Committer,
    health: Arc<Health>,
) -> LogsSummary {
    let mut reading = JoinSet::new();
    reading.spawn(source.run());
    let mut listening = JoinSet::new();
    if let Some(journal) = journal {
        listening.spawn(journal.run());
    }
    let mut committing = JoinSet::new();
    committing.spawn(committer.clone().run());
    committing.spawn(answers);
    sink.run(receiver, hurry).await;
    let files = reading.join_next().await;
    committing.shutdown().await;
    committer.commit().await;
    LogsSummary {
        lines: health.lines_read.value(),
        events_sent: health.events_sent.value(),
        events_rejected: health.events_rejected.total(),
        files: files.and_then(Result::ok).unwrap_or(0),
        unsent_bytes: health.queue_bytes.value(),
    }
}

#[cfg(test)]
mod tests;
