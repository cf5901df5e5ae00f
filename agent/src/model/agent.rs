//! The agent of the model: the real reader, ledger, store and batches, with a list in place of the
//! network.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use plimsoll_aws::LogGroup;
use plimsoll_core::clock::Clock;
use plimsoll_core::queue::{Held, Receiver, Sender, bounded};

use super::fs::SimFs;
use super::world::GLOBS;
use crate::batch::logs::Batch;
use crate::checkpoint::{Committer, Ledger, Store};
use crate::config::{FileTarget, Persistence, StartPosition};
use crate::health::Health;
use crate::record::{Chunk, FileId};
use crate::source::file::{Reader, Targets, Timing};

/// As in production.
pub(super) const ROTATE_WAIT: Duration = Duration::from_secs(30);
/// As in production.
pub(super) const WRITERLESS_WAIT: Duration = Duration::from_secs(10);
/// As in production.
pub(super) const REST_AFTER: Duration = Duration::from_mins(1);
/// After this long, both a scan and a sweep are due.
pub(super) const RESCAN: Duration = Duration::from_secs(10);
const SWEEP: Duration = Duration::from_secs(5);
/// Fewer descriptors than there are files.
const FEW: usize = 2;
/// Rounds of one look. A look that needs more would never end.
const ROUNDS_MAX: usize = 1_000;
/// More than a run of the model writes.
const QUEUE_BYTES: u32 = 1 << 28;

/// An agent that runs.
#[derive(Debug)]
pub(super) struct Agent {
    fs: SimFs,
    reader: Reader<SimFs>,
    ledger: Arc<Ledger>,
    committer: Committer<SimFs>,
    queue: (Sender<Chunk>, Receiver<Chunk>),
    open: BTreeMap<u64, Batch>,
    /// Batches that were sent and not answered.
    flight: Vec<Batch>,
    /// Up to where each incarnation was read.
    ends: HashMap<FileId, u64>,
    /// Whether it begins at the end of files that it does not know.
    skips: bool,
    has_looked: bool,
}

impl Agent {
    /// Starts, unless the disk is full. `skips` says whether it is the first start ever, at the
    /// ends of files.
    pub(super) fn start(fs: &SimFs, start: StartPosition, skips: bool) -> Option<Self> {
        let persistence = Persistence::Directory(PathBuf::from("/state"));
        let (store, _) = Store::open(fs.clone(), &persistence).ok()?;
        let ledger = Arc::new(Ledger::new(store.snapshot().clone()));
        let target = FileTarget {
            include: GLOBS.map(str::to_owned).to_vec(),
            start,
            group: LogGroup {
                name: "g".to_owned(),
                ..LogGroup::default()
            },
            stream: "{file_name}".to_owned(),
            ..FileTarget::default()
        };
        let health = Arc::new(Health::default());
        let committer = Committer::new(Arc::clone(&ledger), store, Arc::clone(&health));
        let clock = Arc::clone(&fs.world().clock);
        let timing = Timing {
            gap: Duration::ZERO,
            sweep: SWEEP,
            rescan: RESCAN,
            rotate_wait: ROTATE_WAIT,
            writerless_wait: WRITERLESS_WAIT,
        };
        let reader = Reader::new(
            fs.clone(),
            Targets::new(vec![target]).unwrap(),
            Arc::clone(&ledger),
            Arc::clone(&health),
            clock as Arc<dyn Clock>,
            timing,
            false,
        );
        let reader = if fs.world().crowded {
            reader.with_descriptors(FEW)
        } else {
            reader
        };
        Some(Self {
            fs: fs.clone(),
            reader,
            ledger,
            committer,
            queue: bounded(QUEUE_BYTES),
            open: BTreeMap::new(),
            flight: Vec::new(),
            ends: HashMap::new(),
            skips,
            has_looked: false,
        })
    }

    /// One round, as the source does it: what was opened is committed before its lines go on.
    /// Says whether there is more to read.
    pub(super) fn round(&mut self) -> bool {
        self.round_that(false)
    }

    /// A round that is known to look for files, or not.
    fn round_that(&mut self, scans: bool) -> bool {
        let before = self.fs.world().view();
        let now = self.fs.world().now;
        let round = self.reader.round(now);
        {
            let mut world = self.fs.world();
            if !self.has_looked {
                world.started(&before, self.skips);
            } else if scans {
                world.scanned(&before);
            }
            world.had_round(&before);
        }
        self.has_looked = true;
        if round.opened {
            self.commit();
        }
        for chunk in round.chunks {
            self.take(chunk);
        }
        round.more || round.opened
    }

    /// Reads all that can be read.
    pub(super) fn look(&mut self) {
        self.fs.world().wait(RESCAN);
        let before = self.fs.world().view();
        let mut disturbed = false;
        for rounds in 0.. {
            let more = self.round_that(rounds == 0);
            let mut world = self.fs.world();
            disturbed |= world.disturbed;
            if !more && rounds > 0 {
                break;
            }
            if rounds > ROUNDS_MAX {
                world
                    .oracle
                    .fail("reading does not come to an end".to_owned());
                break;
            }
        }
        let mut world = self.fs.world();
        world.disturbed = disturbed;
        world.looked(&before);
    }

    /// Puts the lines of a chunk into batches, as the sink does.
    fn take(&mut self, chunk: Chunk) {
        self.check(&chunk);
        let bytes = chunk.booked_bytes();
        ready(self.queue.0.send(chunk, bytes)).unwrap();
        let chunk: Arc<Held<Chunk>> = Arc::new(ready(self.queue.1.recv()).unwrap());
        let stream = Arc::clone(&chunk.stream);
        let mut from = 0;
        while from < chunk.count() {
            let batch = self.open.entry(stream.number);
            let batch = batch.or_insert_with(|| Batch::new(Arc::clone(&stream)));
            from = batch.fill(&chunk, from);
            if (from < chunk.count() || batch.is_full())
                && let Some(full) = self.open.remove(&stream.number)
            {
                self.flight.push(full.seal());
            }
        }
    }

    fn check(&mut self, chunk: &Chunk) {
        let mut guard = self.fs.world();
        let world = &mut *guard;
        let mut oracle = std::mem::take(&mut world.oracle);
        for line in &chunk.lines {
            oracle.read(chunk.text(line), |text| world.is_part(text));
        }
        let end = self.ends.entry(chunk.file).or_default();
        if chunk.position(0) < *end {
            oracle.fail(format!(
                "{:?} is read again from {}",
                chunk.file,
                chunk.position(0)
            ));
        }
        *end = chunk.position(chunk.count());
        world.oracle = oracle;
    }

    /// Open batches leave.
    pub(super) fn flush(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.flight.extend(open.into_values().map(Batch::seal));
    }

    /// A batch is accepted, or set aside, which is as good. Says whether there was one.
    pub(super) fn accept(&mut self, pick: usize) -> bool {
        let Some(index) = pick.checked_rem(self.flight.len()) else {
            return false;
        };
        let batch = self.flight.remove(index);
        self.arrived(&batch, true);
        for span in batch.settled() {
            self.ledger
                .acknowledge(span.file, span.from, span.to, span.guard);
        }
        true
    }

    /// A batch is accepted, and is sent again because the answer is lost.
    pub(super) fn lose_answer(&mut self, pick: usize) {
        if let Some(index) = pick.checked_rem(self.flight.len()) {
            let batch = self.flight.remove(index);
            self.arrived(&batch, false);
            self.flight.push(batch);
        }
    }

    /// A batch is tried in halves.
    pub(super) fn halve(&mut self, pick: usize) {
        if let Some(index) = pick.checked_rem(self.flight.len()) {
            let halves = self.flight.remove(index).halves();
            self.flight
                .extend(halves.into_iter().filter(|half| half.events() > 0));
        }
    }

    fn arrived(&self, batch: &Batch, told: bool) {
        let mut world = self.fs.world();
        let mut last: HashMap<FileId, (i64, (u64, u32))> = HashMap::new();
        for (chunk, line) in batch.lines() {
            world.oracle.arrived(chunk.text(line), told);
            let at = (line.time.0, (chunk.offset, line.start));
            let before = last.insert(chunk.file, at);
            let ordered = before.is_none_or(|before| before.0 <= at.0 && before.1 < at.1);
            if !ordered && !world.stepped_back {
                world
                    .oracle
                    .fail(format!("{:?} has lines out of order", chunk.file));
            }
        }
    }

    /// Commits positions, as the committer does.
    pub(super) fn commit(&mut self) {
        if self.committer.commit_here() {
            self.fs.world().committed();
            self.skips &= !self.has_looked;
        }
    }

    /// Whether the next start is the first in the eyes of the disk.
    pub(super) fn skips(&self) -> bool {
        self.skips
    }
}

/// The value of a future that has no reason to wait.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the queue holds more than a run of the model writes"),
    }
}
