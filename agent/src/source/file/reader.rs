//! All followed files, and one round over them.
//!
//! A round is blocking and bounded: it takes hints, looks for files when that is due, and reads
//! files in turn until it has read [`ROUND_BYTES`] or nothing more is there. Between rounds the
//! caller waits; so the runtime never waits for a disk, and no thread exists per file.

mod archives;
mod asked;
mod copies;
mod descriptors;
mod due;
pub(super) mod follow;
mod retarget;
mod rotate;
mod sweep;
mod takeover;
mod told;
mod unseen;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use plimsoll_core::clock::{Clock, UnixMillis};
use tokio::time::Instant;

use archives::Archives;
use asked::Asked;
use due::Due;
pub(crate) use due::Rate;

use crate::checkpoint::Ledger;
use crate::fs::access::explain;
use crate::fs::{Kind, LogFs};
use crate::health::Health;
use crate::metrics::Intakes;
use crate::record::{Buffers, Chunk, FileId, Stream};
use crate::sample::Feed;
use crate::source::file::discover::Targets;
use crate::source::file::identity::Head;
use crate::source::file::tail::{BUFFER_BYTES, SPARE_BUFFERS_MAX, TURN_BYTES, Tail, Turn};
use crate::source::file::watch::{Hint, Watch};

use copies::{COPY_LOOK, Held};
use descriptors::DESCRIPTORS_MAX;
pub(crate) use descriptors::descriptor_budget;

/// What one round reads, longer lines aside: long enough that handing a round to another thread
/// does not show, short enough that the sink is never kept waiting for long.
pub(crate) const ROUND_BYTES: usize = 8 * TURN_BYTES;
/// What is read ahead for a stream whose calls keep failing. Without this bound the first stream
/// without permission would take all memory in flight and stop all others.
const STUCK_BYTES_MAX: u64 = 256 * 1024;
/// How soon a stream whose calls keep failing is looked at again.
const STUCK_WAIT: Duration = Duration::from_millis(250);
/// How far the clock may go back without being followed. Events may lie two hours in the future,
/// so within this bound the time of the last event is kept and order is not disturbed.
const CLOCK_BACK_MAX: Duration = Duration::from_hours(1);
/// Paths whose trouble was told and is not told again. Beyond it some are told twice.
const TROUBLED_MAX: usize = 1024;

/// How often what is looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// The shortest time between two rounds unless there is more to read: hints that arrive
    /// meanwhile are taken together.
    pub(crate) gap: Duration,
    /// How often every file's shape is compared, for what no hint told.
    pub(crate) sweep: Duration,
    /// How often directories are looked through.
    pub(crate) rescan: Duration,
    /// How long a rotated file must be quiet before it is closed, where the kernel does not say
    /// whether it has a writer: one may keep it open until it is told to reopen its log.
    pub(crate) rotate_wait: Duration,
    /// The same, where the kernel says that it has none.
    pub(crate) writerless_wait: Duration,
}

/// All followed files.
#[derive(Debug)]
pub(crate) struct Reader<F: LogFs> {
    fs: F,
    targets: Targets,
    ledger: Arc<Ledger>,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
    timing: Timing,
    /// Everything is read once, to its end, and unfinished lines too.
    once: bool,
    tails: BTreeMap<FileId, Tail<F>>,
    by_number: HashMap<(u64, u64), FileId>,
    by_path: HashMap<Arc<Path>, FileId>,
    /// Files that hold a descriptor, and how many may.
    open: BTreeSet<FileId>,
    descriptors_max: usize,
    /// New files that may be copies.
    held: Held<F>,
    /// Files that wait for a turn, in order.
    turns: VecDeque<FileId>,
    /// Files that wait for a time.
    due: Due,
    streams: HashMap<(String, String), Arc<Stream>>,
    stream_numbers: u64,
    buffers: Arc<Buffers>,
    watch: Option<Watch>,
    archives: Archives<F>,
    /// Whether somebody waits until all is read that was there.
    asked: Asked,
    scans: u64,
    scan_due: Instant,
    sweep_due: Instant,
    stamp: UnixMillis,
    clock_seen: UnixMillis,
    troubled: HashSet<PathBuf>,
    /// Files of an earlier run that could not be looked for yet.
    undecided: HashSet<FileId>,
    followed: u64,
    /// Whether files were opened that the disk may not know yet.
    opened: bool,
    /// Where another agent has left its positions.
    take_over: Option<PathBuf>,
    /// Where the metrics go that are in lines.
    intakes: Intakes,
}

/// What a round came to.
#[derive(Debug)]
pub(crate) struct Round {
    /// Lines, by file.
    pub(crate) chunks: Vec<Chunk>,
    /// Whether there is more to read now.
    pub(crate) more: bool,
    /// Whether nothing at all waits to be read.
    pub(crate) drained: bool,
    /// When to look again if no hint comes.
    pub(crate) wake: Instant,
    /// Files are followed that were not known. They must be committed before their lines are sent:
    /// a file that the disk does not know cannot be found again under another name.
    pub(crate) opened: bool,
}

impl<F: LogFs> Reader<F> {
    /// A reader that has looked at nothing yet.
    pub(crate) fn new(
        fs: F,
        targets: Targets,
        ledger: Arc<Ledger>,
        health: Arc<Health>,
        clock: Arc<dyn Clock>,
        timing: Timing,
        once: bool,
    ) -> Self {
        let now = Instant::now();
        let watch = (!once).then(|| {
            let (watch, error) = Watch::new(now);
            if let Some(error) = error {
                health.problems.add("no_notification", 1);
                log::warn!("the kernel gives no change notifications, files are polled: {error}");
            }
            watch
        });
        Self {
            fs,
            targets,
            ledger,
            health,
            timing,
            once,
            tails: BTreeMap::new(),
            by_number: HashMap::new(),
            by_path: HashMap::new(),
            open: BTreeSet::new(),
            held: Held::new(),
            descriptors_max: DESCRIPTORS_MAX,
            turns: VecDeque::new(),
            due: Due::default(),
            streams: HashMap::new(),
            stream_numbers: 0,
            buffers: Arc::new(Buffers::new(BUFFER_BYTES, SPARE_BUFFERS_MAX)),
            watch,
            archives: Archives::default(),
            asked: Asked::default(),
            scans: 0,
            scan_due: now,
            sweep_due: now,
            stamp: UnixMillis(i64::MIN),
            clock_seen: UnixMillis(i64::MIN),
            clock,
            troubled: HashSet::new(),
            undecided: HashSet::new(),
            followed: 0,
            opened: false,
            take_over: None,
            intakes: Intakes::default(),
        }
    }

    /// The reader with another bound on descriptors that are held for quiet files.
    pub(crate) fn with_descriptors(mut self, descriptors_max: usize) -> Self {
        self.descriptors_max = descriptors_max;
        self
    }

    /// The reader that hands the metrics of lines in to these.
    pub(crate) fn with_intakes(mut self, intakes: Intakes) -> Self {
        self.intakes = intakes;
        self
    }

    /// The watch, for waiting on it.
    pub(crate) fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    /// How many files were followed since the start.
    pub(crate) fn followed(&self) -> u64 {
        self.followed
    }

    /// One round.
    pub(crate) fn round(&mut self, now: Instant) -> Round {
        self.take_hints(now);
        if self.scan_due <= now {
            self.scan(now);
            self.scan_due = now + self.timing.rescan;
            if !self.held.is_empty() {
                self.scan_due = self.scan_due.min(now + COPY_LOOK);
            }
            if self.opened {
                return self.outcome(now, Vec::new(), 0);
            }
        }
        if self.sweep_due <= now {
            if !self.once {
                self.sweep(now);
            }
            self.sweep_due = now + self.timing.sweep;
        }
        self.take_due(now);
        self.search_archives(now);
        self.note_ends(now);
        self.tell_time();
        let mut chunks = Vec::new();
        let (mut read, mut passed) = (0, 0);
        while read < ROUND_BYTES && passed < self.turns.len() {
            let Some(id) = self.turns.pop_front() else {
                break;
            };
            if let Some(turn) = self.turn(id, now) {
                passed = 0;
                read += turn.read;
                chunks.extend(turn.chunk);
                chunks.extend(turn.further);
            } else {
                passed += 1;
                self.turns.push_back(id);
            }
        }
        if self.turns.is_empty() {
            self.buffers.keep(1);
        }
        self.outcome(now, chunks, passed)
    }

    /// Lets every file have its turn once more, for what was written since its last one.
    fn look_once_more(&mut self, now: Instant) {
        self.sweep_due = now;
        self.scan_due = now;
    }

    /// The same when nothing will be looked for any more.
    pub(crate) fn look_a_last_time(&mut self, now: Instant) {
        self.archives.stop_searching();
        self.look_once_more(now);
    }

    fn outcome(&mut self, now: Instant, chunks: Vec<Chunk>, passed: usize) -> Round {
        let opened = std::mem::take(&mut self.opened);
        let mut wake = self.scan_due.min(self.sweep_due);
        if passed > 0 {
            wake = wake.min(now + STUCK_WAIT);
        }
        if let Some(due) = self.next_due() {
            wake = wake.min(due);
        }
        if let Some(due) = self.watch.as_ref().and_then(Watch::poll_due) {
            wake = wake.min(due);
        }
        Round {
            chunks,
            more: self.turns.len() > passed || self.archives.has_work(),
            drained: self.turns.is_empty() && !self.any_rests() && !self.archives.is_searching(),
            wake,
            opened,
        }
    }

    /// Gives a file its turn; `None` if its stream may not read ahead now.
    fn turn(&mut self, id: FileId, now: Instant) -> Option<Turn> {
        let Some(tail) = self.tails.get_mut(&id) else {
            return Some(Turn::default());
        };
        if tail.stream.stuck.load(Ordering::Relaxed)
            && tail.stream.unsent_bytes() >= STUCK_BYTES_MAX
        {
            // It may not be read on, but what becomes of it is noticed: a file that is truncated
            // again and again in an outage leaves a copy each time.
            if tail.is_replaced(&self.fs) {
                self.restart(id, now);
                return Some(Turn::default());
            }
            return None;
        }
        if self.rests(id, now) {
            return Some(Turn::default());
        }
        let opened = self.open_again(id, now);
        let Some(tail) = self.tails.get_mut(&id) else {
            return Some(Turn::default());
        };
        let turn = opened.and_then(|()| tail.turn(&self.fs, self.stamp, &self.buffers));
        let mut turn = match turn {
            Ok(turn) => turn,
            Err(error) => {
                tail.queued = false;
                // Another shape than any file has: the next sweep tries again.
                tail.shape.written = i128::MIN;
                let path = Arc::clone(&tail.path);
                self.trouble(&path, "file_unreadable", &error);
                return Some(Turn::default());
            }
        };
        if turn.read > 0 {
            tail.changed = now;
            if tail.grow_head(&self.fs) {
                self.ledger.grow(id, tail.head);
            }
        }
        self.note(id, turn.read, now);
        let tail = self.tails.get_mut(&id)?;
        if let Some(written) = turn.passed {
            tail.queued = false;
            self.look_for_passed(id, Head::default(), written, now);
        } else if turn.replaced {
            self.restart(id, now);
        } else if turn.more {
            self.turns.push_back(id);
        } else {
            tail.queued = false;
        }
        if let Some((from, to)) = turn.skipped
            && let Some(tail) = self.tails.get(&id)
        {
            self.ledger.acknowledge(id, from, to, tail.guard);
        }
        self.count(&turn);
        self.hand_in(&mut turn);
        self.roll_over(id, &mut turn);
        self.tell_of(id, &turn, now);
        self.keep_within_budget();
        Some(turn)
    }

    /// Hands in the metrics that were in the lines of a turn.
    fn hand_in(&self, turn: &mut Turn) {
        let measured = std::mem::take(&mut turn.measured);
        let (logs, emf) = (self.intakes.of(Feed::Logs), self.intakes.of(Feed::Emf));
        if let (Some(logs), Some(emf)) = (logs, emf)
            && !measured.is_empty()
        {
            measured.hand_in(logs, emf);
        }
    }

    fn count(&self, turn: &Turn) {
        let health = &self.health;
        let lines = turn.chunk.as_ref().map_or(0, |chunk| chunk.lines.len()) as u64;
        let mut dropped = 0;
        for (reason, count) in turn.refined.dropped() {
            dropped += count;
            if count > 0 {
                health.events_dropped.add(reason, count);
            }
        }
        for (kind, count) in turn.refined.replaced.counts() {
            if count > 0 {
                health.redactions.add(kind, count);
            }
        }
        for (reason, count) in turn.refined.problems() {
            if count > 0 && health.problems.add(reason, count) {
                log::info!(reason = reason; "not all events are as the configuration expects them");
            }
        }
        let added = turn.splits + turn.refined.pieces;
        let lines = (lines + dropped).saturating_sub(added);
        health.lines_read.add(lines);
        health.bytes_read.add(turn.read as u64);
        if turn.empty > 0 && health.problems.add("empty_line", turn.empty) {
            log::info!("empty lines are left out: CloudWatch Logs refuses them");
        }
        if turn.splits > 0 && health.problems.add("line_split", turn.splits) {
            log::info!("lines longer than an event may be are sent in parts");
        }
        if turn.cuts > 0 && health.problems.add("multi_line_cut", turn.cuts) {
            log::info!("events of several lines that are too long are sent in parts");
        }
        for oddity in turn.oddities.iter().flatten() {
            health.problems.add(oddity, 1);
        }
    }

    /// Takes the time of this round's lines. It does not go back unless the clock does so by more
    /// than the limits of CloudWatch Logs leave room for.
    fn tell_time(&mut self) {
        let now = self.clock.now();
        if now < self.clock_seen && self.health.problems.add("clock_backwards", 1) {
            log::warn!("the clock went backwards; events keep the time of the one before them");
        }
        self.clock_seen = now;
        if now >= self.stamp || self.stamp.since(now) > CLOCK_BACK_MAX {
            self.stamp = now;
        }
    }

    fn take_hints(&mut self, now: Instant) {
        let Some(mut watch) = self.watch.take() else {
            return;
        };
        watch.drain(|hint| self.hinted(hint, now));
        let fs = self.fs.clone();
        watch.poll(&fs, now, |hint| self.hinted(hint, now));
        self.watch = Some(watch);
    }

    fn hinted(&mut self, hint: Hint, now: Instant) {
        match hint {
            Hint::Written(path) => match self.by_path.get(path.as_path()) {
                Some(id) => self.queue(*id),
                None if self.targets.matches(&path) => self.scan_due = now,
                None => {}
            },
            Hint::Renamed(path) => {
                if self.concerns(&path) {
                    self.scan_due = now;
                }
            }
            Hint::Moved { from, to } => {
                // Also when the old name is known: it may have been that of another file before.
                self.follow_moved(&from, &to, now);
                if self.concerns(&from) || self.concerns(&to) {
                    self.scan_due = now;
                }
            }
            Hint::Directory(_) => self.scan_due = now,
            Hint::Everything => self.look_once_more(now),
        }
    }

    /// Whether a name that changed can matter: it is followed, would be, or holds files that are.
    fn concerns(&self, path: &Path) -> bool {
        let directory = |path| {
            let stat = self.fs.stat(path);
            stat.is_ok_and(|stat| stat.kind == Kind::Directory)
        };
        self.by_path.contains_key(path) || self.targets.matches(path) || directory(path)
    }

    /// Lets a file wait for its turn.
    fn queue(&mut self, id: FileId) {
        if let Some(tail) = self.tails.get_mut(&id)
            && !tail.queued
        {
            tail.queued = true;
            self.turns.push_back(id);
        }
    }

    /// Counts what is wrong with a path and tells it once, until it is right again.
    fn trouble(&mut self, path: &Path, reason: &'static str, error: &std::io::Error) {
        if self.troubled.contains(path) {
            return;
        }
        if self.troubled.len() >= TROUBLED_MAX {
            self.troubled.clear();
        }
        self.troubled.insert(path.to_owned());
        self.health.problems.add(reason, 1);
        log::warn!(
            "{} is skipped until it can be read: {}",
            path.display(),
            explain(path, error)
        );
    }
}

#[cfg(test)]
mod tests;
