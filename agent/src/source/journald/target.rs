//! One target of the journal, and a turn of reading it.
//!
//! A turn reads until it has [`TURN_BYTES`] of text or [`TURN_ENTRIES`] entries. Every event has a
//! number, and where a turn ends the ledger is told the cursor: so a position moves only when all
//! events before it were settled, and also over entries that nobody wants.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;
use tokio::time::Instant;

use crate::checkpoint::{Cursor, Ledger};
use crate::config::JournaldTarget;
use crate::derive::lines::{CONTINUED, CONTINUES, part_of, room};
use crate::health::Health;
use crate::record::{Chunk, ChunkParts, FileId, Guard, Line, Place, Stream};
use crate::source::journald::entry::{Entry, Wanted};
use crate::source::journald::journal::Journal;

/// What one turn reads, a longer entry aside; as much as a turn of a file.
pub(crate) const TURN_BYTES: usize = 128 * 1024;
/// Entries of one turn, so that it is bounded also where none is wanted.
const TURN_ENTRIES: u64 = 4096;

/// How often the position of a target that reads nothing is moved to the end of the journal, so
/// that a restart finds it there and not removed.
pub(crate) const PASS_INTERVAL: Duration = Duration::from_mins(1);

/// A target that is read.
#[derive(Debug)]
pub(crate) struct Target<J> {
    /// As it was configured.
    pub(crate) config: JournaldTarget,
    wanted: Wanted,
    /// Its name in the ledger.
    pub(crate) id: FileId,
    /// Where its events go.
    pub(crate) stream: Arc<Stream>,
    path: Arc<Path>,
    /// The journal with the selection of this target, while it is open.
    pub(crate) journal: Option<J>,
    /// The number of the next event.
    pub(crate) next: u64,
    /// Whether the journal stands at an entry that is not read yet.
    pub(crate) primed: bool,
    /// Whether nothing was left after the last turn.
    pub(crate) at_end: bool,
    /// Up to where it was read.
    pub(crate) last: Option<Cursor>,
    /// When a target that reads nothing is told that time has passed.
    pub(crate) pass_due: Instant,
}

/// What is gathered in a turn.
#[derive(Debug, Default)]
struct Gathered {
    bytes: Vec<u8>,
    lines: Vec<Line>,
    entries: u64,
    events: u64,
    not_utf8: bool,
    /// When the last entry was received, and its cursor.
    place: Option<(u64, String)>,
}

impl<J: Journal> Target<J> {
    /// A target that was not opened yet.
    pub(crate) fn new(
        config: JournaldTarget,
        id: FileId,
        stream: Arc<Stream>,
        now: Instant,
    ) -> Self {
        Self {
            wanted: Wanted::new(&config),
            config,
            id,
            stream,
            path: Arc::from(Path::new("journal")),
            journal: None,
            next: 0,
            primed: false,
            at_end: false,
            last: None,
            pass_due: now,
        }
    }

    /// Reads on, at most one turn: how many entries, and the events in them.
    ///
    /// # Errors
    /// What the journal says. Nothing has moved then.
    pub(crate) fn turn(
        &mut self,
        boot: u128,
        ledger: &Ledger,
        health: &Health,
    ) -> io::Result<(u64, Option<Chunk>)> {
        let Some(journal) = &mut self.journal else {
            return Ok((0, None));
        };
        let mut gathered = Gathered::default();
        self.at_end = false;
        while gathered.bytes.len() < TURN_BYTES && gathered.entries < TURN_ENTRIES {
            let moved = std::mem::take(&mut self.primed)
                || match journal.forward() {
                    Ok(moved) => moved,
                    // What was read before it is sent; the next turn comes here again.
                    Err(_) if gathered.place.is_some() => break,
                    Err(error) => return Err(error),
                };
            if !moved {
                self.at_end = true;
                break;
            }
            gathered.entries += 1;
            read_entry(journal, &self.wanted, &mut gathered, health);
        }
        health.lines_read.add(gathered.events);
        health.bytes_read.add(gathered.bytes.len() as u64);
        let from = self.next;
        self.next += gathered.lines.len() as u64;
        if let Some((realtime_us, text)) = gathered.place.take() {
            let place = Cursor {
                boot,
                realtime_us,
                text,
            };
            ledger.mark(self.id, self.next, place.clone());
            self.last = Some(place);
        }
        let entries = gathered.entries;
        let chunk = (!gathered.lines.is_empty()).then(|| self.chunk(from, gathered));
        health.taps.events(chunk.iter());
        Ok((entries, chunk))
    }

    /// A turn found nothing, and `end` was written before it: this target has read up to there.
    pub(crate) fn pass(&mut self, end: &Cursor, ledger: &Ledger, now: Instant) {
        // A clock that was set back must not lead back.
        let last = self.last.as_ref();
        if last.is_some_and(|last| last.realtime_us > end.realtime_us) {
            return;
        }
        if self.pass_due <= now && last != Some(end) {
            self.pass_due = now + PASS_INTERVAL;
            ledger.mark(self.id, self.next, end.clone());
        }
        self.last = Some(end.clone());
    }

    fn chunk(&self, from: u64, gathered: Gathered) -> Chunk {
        let Gathered {
            mut bytes, lines, ..
        } = gathered;
        bytes.shrink_to_fit();
        let place = |index: usize| Place {
            from: narrow(index),
            guard: Guard::default(),
        };
        let parts = ChunkParts {
            file: self.id,
            path: Arc::clone(&self.path),
            stream: Arc::clone(&self.stream),
            offset: from,
            lead: 0,
            end: narrow(bytes.len()),
            places: Some((0..=lines.len()).map(place).collect()),
            lines,
            utf8: !gathered.not_utf8,
        };
        Chunk::new(parts, bytes, None)
    }
}

/// Takes the entry at which the journal stands. One that cannot be read is counted and left out:
/// the next ones can.
fn read_entry<J: Journal>(
    journal: &mut J,
    wanted: &Wanted,
    gathered: &mut Gathered,
    health: &Health,
) {
    let mut entry = Entry::default();
    let read = journal.fields(&mut |field| wanted.keep(&mut entry, field));
    let place = read.and_then(|()| Ok((journal.realtime_us()?, journal.cursor()?)));
    let received = match place {
        Ok((received, cursor)) => {
            gathered.place = Some((received, cursor));
            received
        }
        Err(error) => {
            if health.problems.add("journal_entry_unreadable", 1) {
                log::warn!("an entry of the journal cannot be read and is left out: {error}");
            }
            return;
        }
    };
    if wanted.leaves_out(&entry) {
        return;
    }
    if entry.cut > 0 && health.problems.add("journal_field_cut", entry.cut) {
        log::warn!("fields of the journal longer than 16 MiB are cut off");
    }
    let start = gathered.bytes.len();
    wanted.write(&entry, &mut gathered.bytes);
    if gathered.bytes.len() == start {
        if health.problems.add("journal_no_message", 1) {
            log::info!("entries of the journal without a message are left out");
        }
        return;
    }
    if !wanted.admits(gathered.bytes.get(start..).unwrap_or(&[])) {
        gathered.bytes.truncate(start);
        health.events_dropped.add("filtered", 1);
        return;
    }
    gathered.events += 1;
    let splits = gathered.split(start, &entry, received);
    if splits > 0 && health.problems.add("line_split", splits) {
        log::info!("lines longer than an event may be are sent in parts");
    }
}

impl Gathered {
    /// Makes events of the text from `start` on, parts with marks if it is longer than an event, as
    /// with lines of files. Says how many beyond the first.
    fn split(&mut self, start: usize, entry: &Entry, received: u64) -> u64 {
        let time = entry.time(received);
        let text = self.bytes.get(start..).unwrap_or(&[]);
        self.not_utf8 |= std::str::from_utf8(text).is_err();
        if part_of(text, room(false, false)) == text.len() {
            self.push(start, time);
            return 0;
        }
        let text = self.bytes.split_off(start);
        let (mut rest, mut parts) = (text.as_slice(), 0);
        loop {
            let (start, begun) = (self.bytes.len(), parts > 0);
            if begun {
                self.bytes.extend_from_slice(CONTINUED);
            }
            if part_of(rest, room(begun, false)) == rest.len() {
                self.bytes.extend_from_slice(rest);
                self.push(start, time);
                return parts;
            }
            let (part, after) = rest.split_at(part_of(rest, room(begun, true)));
            self.bytes.extend_from_slice(part);
            self.bytes.extend_from_slice(CONTINUES);
            self.push(start, time);
            rest = after;
            parts += 1;
        }
    }

    /// An event of the text from `start` on.
    fn push(&mut self, start: usize, time: UnixMillis) {
        self.lines.push(Line {
            start: narrow(start),
            len: narrow(self.bytes.len() - start),
            time,
        });
    }
}

/// An index into a turn's text, which is far smaller than 4 GiB: a field is bounded, and an entry
/// has at most a few hundred.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
