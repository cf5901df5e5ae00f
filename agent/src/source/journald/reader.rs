//! All targets of the journal, and one round over them.
//!
//! Each target has a journal of its own with its selection, and one more shows everything: it
//! tells when something was written, where the end is, and whether an entry is still there. If
//! the journal cannot be read, it is tried again from time to time, and everything else goes on.

mod resume;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;
use tokio::time::Instant;

use crate::checkpoint::{Cursor, Ledger};
use crate::config::JournaldTarget;
use crate::health::Health;
use crate::record::{Chunk, Stream};
use crate::source::journald::host::unreadable;
use crate::source::journald::journal::{Journal, Journals, Seek, Unavailable};
use crate::source::journald::target::{PASS_INTERVAL, TURN_BYTES, Target};

/// What one round reads, longer entries aside.
pub(crate) const ROUND_BYTES: usize = 4 * TURN_BYTES;
/// The journal is looked at this often even when no hint came.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);
/// A library or a permission that is missing appears when somebody installs or gives it.
const RETRY_INTERVAL: Duration = Duration::from_mins(1);
/// As for files: what is read ahead for a stream whose calls keep failing, and how soon it is
/// looked at again.
const STUCK_BYTES_MAX: u64 = 256 * 1024;
const STUCK_WAIT: Duration = Duration::from_millis(250);
/// Streams of the journal are numbered from here on, those of files from one.
const FIRST_STREAM: u64 = 1 << 32;

/// What a reader is made of. It can be sent to the thread that the reader then lives in.
#[derive(Debug)]
pub(crate) struct Parts<J> {
    pub(crate) journals: J,
    pub(crate) targets: Vec<JournaldTarget>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) health: Arc<Health>,
    /// When the agent was started: what is received from then on is new.
    pub(crate) started: UnixMillis,
}

/// All targets of the journal.
#[derive(Debug)]
pub(crate) struct Reader<J: Journals> {
    journals: J,
    /// The one whose turn is next comes first.
    targets: Vec<Target<J::Journal>>,
    /// Shows every entry; `None` while the journal cannot be read.
    all: Option<J::Journal>,
    boot: u128,
    hints: Option<Arc<OwnedFd>>,
    ledger: Arc<Ledger>,
    health: Arc<Health>,
    started: UnixMillis,
    retry: Instant,
    /// Why the journal cannot be read, as it was last told.
    told: Option<&'static str>,
    /// Whether positions were set that the disk may not know yet.
    opened: bool,
    /// See [`Round::end_us`].
    end_us: Option<u64>,
}

/// What a round came to.
#[derive(Debug)]
pub(crate) struct Round {
    /// Events.
    pub(crate) chunks: Vec<Chunk>,
    /// Whether there is more to read now.
    pub(crate) more: bool,
    /// When to look again if no hint comes.
    pub(crate) wake: Instant,
    /// When the newest entry was received as the round began, in microseconds since the epoch; zero
    /// if there is none, `None` while the journal cannot be read.
    pub(crate) end_us: Option<u64>,
    /// Up to where every target was read: everything before it, and all at the end of the journal.
    pub(crate) read_to_us: u64,
    /// What becomes readable when there are hints.
    pub(crate) hints: Option<Arc<OwnedFd>>,
    /// Targets begin that had no position. It must be committed before they are read: a crash
    /// would begin later.
    pub(crate) opened: bool,
}

impl<J: Journals> Reader<J> {
    /// A reader that has looked at nothing yet.
    pub(crate) fn new(parts: Parts<J>, now: Instant) -> Self {
        let Parts {
            journals,
            targets,
            ledger,
            health,
            started,
        } = parts;
        let targets = targets.into_iter().zip(FIRST_STREAM..);
        let targets = targets.map(|(config, number)| {
            let stream = Stream::new(number, config.group.clone(), &config.stream);
            let (id, place) = ledger.follow_journal(config.key);
            let mut target = Target::new(config, id, Arc::new(stream), now);
            target.last = place;
            target
        });
        Self {
            journals,
            targets: targets.collect(),
            all: None,
            boot: 0,
            hints: None,
            ledger,
            health,
            started,
            retry: now,
            told: None,
            opened: false,
            end_us: None,
        }
    }

    /// One round.
    pub(crate) fn round(&mut self, now: Instant) -> Round {
        let mut chunks = Vec::new();
        self.end_us = None;
        let read = if self.all.is_none() && now < self.retry {
            Ok(None)
        } else {
            self.read(&mut chunks, now)
        };
        let wake = match read {
            Ok(Some(wake)) => wake,
            Ok(None) => self.retry,
            Err(unavailable) => {
                self.close(&unavailable, now);
                self.retry
            }
        };
        Round {
            more: self.targets.iter().any(|target| {
                target.journal.is_some() && !target.at_end && !is_stuck(&target.stream)
            }),
            end_us: self.end_us,
            read_to_us: self.read_to_us(),
            chunks,
            wake,
            hints: self.hints.clone(),
            opened: std::mem::take(&mut self.opened),
        }
    }

    /// Opens what is closed and gives targets their turns; says when to look again.
    fn read(
        &mut self,
        chunks: &mut Vec<Chunk>,
        now: Instant,
    ) -> Result<Option<Instant>, Unavailable> {
        let failed = |error| unreadable(&error);
        if self.all.is_none() {
            self.open()?;
            // Positions are on disk before anything is read.
            return Ok(Some(now));
        }
        // This comes before targets read: what they then do not find was not written before it.
        if let Some(all) = &mut self.all {
            all.files_changed().map_err(failed)?;
        }
        let end = self.end().map_err(failed)?;
        self.end_us = Some(end.as_ref().map_or(0, |end| end.realtime_us));
        let mut wake = now + SWEEP_INTERVAL;
        let mut bytes = 0;
        for _ in 0..self.targets.len() {
            if bytes >= ROUND_BYTES {
                break;
            }
            self.targets.rotate_left(1);
            self.notice_vacuum().map_err(failed)?;
            let Some(target) = self.targets.last_mut() else {
                break;
            };
            if is_stuck(&target.stream) {
                wake = now + STUCK_WAIT;
                continue;
            }
            let turn = target.turn(self.boot, &self.ledger, &self.health);
            let (entries, chunk) = turn.map_err(failed)?;
            bytes += chunk.as_ref().map_or(0, Chunk::booked_bytes);
            chunks.extend(chunk);
            if entries > 0 {
                target.pass_due = now + PASS_INTERVAL;
            } else if let Some(end) = &end {
                target.pass(end, &self.ledger, now);
            }
        }
        Ok(Some(wake))
    }

    /// See [`Round::read_to_us`].
    fn read_to_us(&self) -> u64 {
        let reached = self.targets.iter().map(|target| {
            if target.journal.is_some() && target.at_end {
                return u64::MAX;
            }
            target.last.as_ref().map_or(0, |last| last.realtime_us)
        });
        reached.min().unwrap_or(u64::MAX)
    }

    /// The newest entry.
    fn end(&mut self) -> io::Result<Option<Cursor>> {
        self.before(Seek::Tail)
    }

    /// The entry before a place.
    fn before(&mut self, place: Seek<'_>) -> io::Result<Option<Cursor>> {
        let boot = self.boot;
        let Some(all) = &mut self.all else {
            return Ok(None);
        };
        all.seek(place)?;
        if !all.back()? {
            return Ok(None);
        }
        Ok(Some(Cursor {
            boot,
            realtime_us: all.realtime_us()?,
            text: all.cursor()?,
        }))
    }

    /// Lets the last target take its hints. If files went away, entries that it had not read may
    /// be gone with them.
    fn notice_vacuum(&mut self) -> io::Result<()> {
        let Some(target) = self.targets.last_mut() else {
            return Ok(());
        };
        if let Some(journal) = &mut target.journal
            && journal.files_changed()?
            && let Some(last) = target.last.clone()
        {
            self.tell_gap(&last)?;
        }
        Ok(())
    }

    /// Says why the journal cannot be read, once for each reason, and tries again later. Where
    /// targets had read to, they go on.
    fn close(&mut self, unavailable: &Unavailable, now: Instant) {
        self.all = None;
        self.hints = None;
        for target in &mut self.targets {
            target.journal = None;
            target.primed = false;
        }
        self.retry = now + RETRY_INTERVAL;
        self.health.problems.add(unavailable.reason, 1);
        if self.told.replace(unavailable.reason) != Some(unavailable.reason) {
            log::error!(
                "the journal cannot be read and is tried again every minute: {unavailable}"
            );
        }
    }
}

fn is_stuck(stream: &Stream) -> bool {
    stream.stuck.load(Ordering::Relaxed) && stream.unsent_bytes() >= STUCK_BYTES_MAX
}
