//! One followed file, and a turn of reading it.
//!
//! A turn reads at most [`TURN_BYTES`], so that a busy file cannot keep others waiting; only a
//! longer line makes it read more, up to the longest event. Every read begins with the bytes that
//! the last guard covers: they are compared for free, so a file that was truncated and has grown
//! beyond our position again is noticed at the next read. An unfinished line stays in the file and
//! is read again when it has grown, so a quiet file costs no memory but this struct.

use std::io;
use std::path::Path;
use std::sync::Arc;

use plimsoll_core::clock::UnixMillis;
use tokio::time::Instant;

use crate::derive::framing::{Ending, Framed, Input};
use crate::derive::{Events, Measured, Refined, Refiner};
use crate::fs::LogFs;
use crate::record::{Buffers, Chunk, ChunkParts, FileId, GUARD_BYTES, Guard, Place, Stream};
use crate::source::file::dated::Dated;
use crate::source::file::framing::FileFraming;
use crate::source::file::identity::{HEAD_BYTES, Head, Identity, Shape, guard_holds};
use crate::source::file::reader::Rate;

/// What one turn reads. 128 KiB amortises a system call well and still fits the second-level
/// cache together with what framing needs.
pub(crate) const TURN_BYTES: usize = 128 * 1024;
/// The capacity of a read buffer: a turn and the bytes of a guard before it.
pub(crate) const BUFFER_BYTES: usize = TURN_BYTES + GUARD_BYTES;
/// Read buffers that wait to be used again, while there is a backlog. They are part of what was in
/// flight before, so they add nothing to the peak.
pub(crate) const SPARE_BUFFERS_MAX: usize = 64;

/// A file that is followed.
#[derive(Debug)]
pub(crate) struct Tail<F: LogFs> {
    /// This incarnation.
    pub(crate) id: FileId,
    /// What the kernel says it is.
    pub(crate) identity: Identity,
    /// Its path when it was first opened.
    pub(crate) path: Arc<Path>,
    /// Where its lines go.
    pub(crate) stream: Arc<Stream>,
    /// The streams it goes to day by day; `None` if it has one for all days.
    pub(crate) dated: Option<Dated>,
    /// What the target wants done with events; `None` if nothing.
    pub(crate) refiner: Option<Arc<Refiner>>,
    /// The open file, unless it rests (see `reader::descriptors`).
    pub(crate) file: Option<F::File>,
    /// Where it was last found.
    pub(crate) at: Arc<Path>,
    /// Where it really is, if it rests and `at` is or goes through a link.
    pub(crate) real: Option<Arc<Path>>,
    /// Whether no name of it is known, so that it cannot be opened again.
    pub(crate) nameless: bool,
    /// How often in a row it could not be looked at.
    pub(crate) failures: u8,
    /// Up to where it was read.
    pub(crate) offset: u64,
    /// The guard of `offset`.
    pub(crate) guard: Guard,
    /// How it begins, as far as it was read.
    pub(crate) head: Head,
    /// How it looked when it was last read to its end.
    pub(crate) shape: Shape,
    /// How it looked when it was last looked at.
    pub(crate) seen: Shape,
    /// Whether it waits for a turn.
    pub(crate) queued: bool,
    /// When no path of the configuration led to it any more: it was renamed or deleted.
    pub(crate) detached: Option<Instant>,
    /// When it was last seen to change.
    pub(crate) changed: Instant,
    /// The scan that last found it.
    pub(crate) scan: u64,
    /// Whether a line without an end is sent: nothing more will be written.
    pub(crate) last: bool,
    /// Whether invalid UTF-8 and NULs in it were counted.
    pub(crate) told: [bool; 2],
    /// How its bytes become events.
    pub(crate) framing: FileFraming,
    /// What of its rate limit is used up.
    pub(crate) rate: Rate,
    /// When its last event is sent, which may go on.
    pub(crate) event_due: Option<Instant>,
}

/// What a chunk is made of, with its text if that is not what was read.
type Derived = (ChunkParts, Option<Vec<u8>>);

/// What a turn came to.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Lines, if there were any.
    pub(crate) chunk: Option<Chunk>,
    /// Lines behind those of `chunk` that go to streams of other days.
    pub(crate) further: Vec<Chunk>,
    /// Bytes that hold no line (empty ones), from and to, which nothing downstream will settle.
    pub(crate) skipped: Option<(u64, u64)>,
    /// Bytes that were read anew.
    pub(crate) read: usize,
    /// Whether there is more to read now.
    pub(crate) more: bool,
    /// Lines without content.
    pub(crate) empty: u64,
    /// Parts of long lines, beyond the first of each.
    pub(crate) splits: u64,
    /// Events of several lines that were ended by a bound.
    pub(crate) cuts: u64,
    /// What the lines are that may surprise a reader: counted once per file.
    pub(crate) oddities: [Option<&'static str>; 2],
    /// What was done with events as their target wants it.
    pub(crate) refined: Refined,
    /// The metrics that were in them.
    pub(crate) measured: Measured,
    /// The file is no longer the one whose position we keep: truncated, or written anew.
    pub(crate) replaced: bool,
    /// It is empty, as it was when it was seen to be written last, at this time; and was written to
    /// since.
    pub(crate) passed: Option<i128>,
}

impl<F: LogFs> Tail<F> {
    /// Reads on, at most one turn.
    ///
    /// # Errors
    /// When the file cannot be read; nothing has moved then.
    pub(crate) fn turn(
        &mut self,
        fs: &F,
        time: UnixMillis,
        buffers: &Arc<Buffers>,
    ) -> io::Result<Turn> {
        let Some(file) = &self.file else {
            return Ok(Turn::default());
        };
        let shape = fs.stat_open(file)?.shape;
        if self.is_shorter(shape) {
            return Ok(Turn::replaced());
        }
        if shape.size == self.offset {
            let touched = shape.written != self.shape.written;
            if touched && !guard_holds(fs, file, self.offset, self.guard)? {
                return Ok(Turn::replaced());
            }
            // An empty file that was written to: what came and went again may be in a copy.
            let passed = self.offset == 0 && shape.written != self.seen.written;
            let turn = Turn {
                passed: passed.then_some(self.seen.written),
                ..Turn::default()
            };
            (self.shape, self.seen) = (shape, shape);
            return Ok(turn);
        }
        let mut bytes = buffers.take();
        let turn = self.read(fs, &mut bytes, shape, time);
        if turn.as_ref().is_ok_and(|(turn, _)| !turn.replaced) {
            self.seen = shape;
        }
        match turn {
            Ok((turn, Some((parts, None)))) => Ok(Turn {
                chunk: Some(Chunk::new_in(parts, bytes, buffers)),
                ..turn
            }),
            Ok((turn, Some((parts, Some(text))))) => {
                buffers.give_back(bytes);
                Ok(Turn {
                    chunk: Some(Chunk::new(parts, text, None)),
                    ..turn
                })
            }
            Ok((turn, None)) => {
                buffers.give_back(bytes);
                Ok(turn)
            }
            Err(error) => {
                buffers.give_back(bytes);
                Err(error)
            }
        }
    }

    /// Looks at the file's beginning while not all of it was seen, and says whether more is known
    /// of it now. The guard is compared afterwards: a file that was truncated meanwhile shows the
    /// beginning of another.
    pub(crate) fn grow_head(&mut self, fs: &F) -> bool {
        let seen = u16::try_from(self.offset)
            .unwrap_or(HEAD_BYTES)
            .min(HEAD_BYTES);
        let Some(file) = self.file.as_ref().filter(|_| self.head.len < seen) else {
            return false;
        };
        let grown = Head::read(fs, file, seen).ok().filter(|head| {
            head.len == seen && guard_holds(fs, file, self.offset, self.guard).unwrap_or(false)
        });
        self.head = grown.unwrap_or(self.head);
        grown.is_some()
    }

    /// Whether the file is no longer the one whose position we keep, as far as can be told without
    /// reading on.
    pub(crate) fn is_replaced(&mut self, fs: &F) -> bool {
        let looked = match &self.file {
            Some(file) => fs.stat_open(file),
            // It rests: its name tells whether it was truncated.
            None => fs.stat(self.real.as_deref().unwrap_or(&self.at)),
        };
        let Some(shape) = looked
            .ok()
            .filter(|stat| self.identity.is(&stat.identity))
            .map(|stat| stat.shape)
        else {
            return false;
        };
        let holds = |file| guard_holds(fs, file, self.offset, self.guard).unwrap_or(true);
        let touched = shape.written != self.seen.written;
        let replaced = self.is_shorter(shape)
            || (touched && self.file.as_ref().is_some_and(|file| !holds(file)));
        if !replaced {
            self.seen = shape;
        }
        replaced
    }

    /// Whether the file was truncated: before our position, or at all if nothing of it was read.
    fn is_shorter(&self, shape: Shape) -> bool {
        shape.size < self.offset || (self.offset == 0 && shape.size < self.seen.size)
    }

    /// Looks at the file as it is now, before anything of it is read. A file that cannot be looked
    /// at is taken to be as it was.
    pub(crate) fn look(&mut self, fs: &F) {
        let looked = self.file.as_ref().map(|file| fs.stat_open(file));
        self.seen = match looked {
            Some(Ok(stat)) => stat.shape,
            _ => Shape {
                size: 0,
                ..self.seen
            },
        };
    }

    /// Fills `bytes` and finds the lines in it.
    fn read(
        &mut self,
        fs: &F,
        bytes: &mut Vec<u8>,
        shape: Shape,
        time: UnixMillis,
    ) -> io::Result<(Turn, Option<Derived>)> {
        let lead = usize::from(self.guard.len);
        let mut at_end = self.fill(fs, bytes, BUFFER_BYTES)?;
        if bytes.get(..lead).map(Guard::of) != Some(self.guard) {
            return Ok((Turn::replaced(), None));
        }
        if let Some(file) = &self.file {
            self.framing.look(fs, file)?;
        }
        let mut framed = self.frame(bytes, time, shape.size, at_end);
        if framed.end == lead && !at_end {
            at_end = self.fill(fs, bytes, lead + self.framing.unfinished_max())?;
            framed = self.frame(bytes, time, shape.size, at_end);
        }
        self.framing.found(&framed, shape.size, at_end);
        let from = self.offset;
        let found = bytes.get(lead..framed.end).unwrap_or(&[]);
        self.offset += found.len() as u64;
        self.guard = Guard::of(bytes.get(..framed.end).unwrap_or(&[]));
        if at_end {
            self.shape = shape;
        }
        let mut events = framed.events;
        let read = bytes.get(..framed.end).unwrap_or(bytes);
        let wishes = self.refiner.as_ref();
        let refined = wishes.map(|refiner| refiner.refine(read, time, &mut events));
        let measured = std::mem::take(&mut events.measured);
        let Events { lines, text, .. } = events;
        let said = text.as_ref().map_or(found, |text| &text.bytes);
        let utf8 = lines.is_empty() || std::str::from_utf8(said).is_ok();
        let turn = Turn {
            read: found.len(),
            more: !at_end,
            skipped: (lines.is_empty() && !found.is_empty()).then_some((from, self.offset)),
            empty: framed.empty,
            splits: framed.splits,
            cuts: framed.cuts,
            oddities: self.oddities(said, utf8, framed.invalid),
            refined: refined.unwrap_or_default(),
            measured,
            ..Turn::default()
        };
        if lines.is_empty() {
            return Ok((turn, None));
        }
        let (start, end) = text
            .as_ref()
            .map_or((lead, framed.end), |text| (0, text.bytes.len()));
        let parts = ChunkParts {
            file: self.id,
            path: Arc::clone(&self.path),
            stream: Arc::clone(&self.stream),
            offset: from,
            lead: narrow(start),
            end: narrow(end),
            lines: lines.as_slice().to_vec(),
            places: text.as_ref().map(|text| places(read, lead, &text.starts)),
            utf8,
        };
        Ok((turn, Some((parts, text.map(|text| text.bytes)))))
    }

    fn frame(&self, bytes: &[u8], time: UnixMillis, size: u64, at_end: bool) -> Framed {
        let input = Input {
            bytes,
            lead: usize::from(self.guard.len),
            offset: self.offset,
            time,
            ending: Ending::default(),
            marked: None,
        };
        self.framing.frame(input, size, at_end, self.last)
    }

    /// Reads until `bytes` holds `wanted` bytes, the guard's included. Says whether the file ended
    /// before that.
    fn fill(&self, fs: &F, bytes: &mut Vec<u8>, wanted: usize) -> io::Result<bool> {
        let Some(file) = &self.file else {
            return Ok(true);
        };
        bytes.reserve_exact(wanted.saturating_sub(bytes.len()));
        let start = self.offset - u64::from(self.guard.len);
        while bytes.len() < wanted {
            let at = start + bytes.len() as u64;
            if fs.read_at(file, bytes, at)? == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn oddities(&mut self, said: &[u8], utf8: bool, replaced: bool) -> [Option<&'static str>; 2] {
        let [told_invalid, told_nul] = self.told;
        let invalid = (!utf8 || replaced) && !told_invalid;
        let nul = !told_nul && memchr::memchr(0, said).is_some();
        self.told = [told_invalid || invalid, told_nul || nul];
        [
            invalid.then_some(if replaced {
                "invalid_text"
            } else {
                "invalid_utf8"
            }),
            nul.then_some("nul_bytes"),
        ]
    }
}

impl Turn {
    fn replaced() -> Self {
        Self {
            replaced: true,
            ..Self::default()
        }
    }
}

/// Where events begin that are no ranges of `read`, and where it ends. What stands before the first
/// event belongs to it.
fn places(read: &[u8], lead: usize, starts: &[u32]) -> Vec<Place> {
    let end = narrow(read.len());
    let first = std::iter::once(narrow(lead));
    let later = starts.iter().skip(1).copied();
    first
        .chain(later)
        .chain([end])
        .map(|index| Place {
            from: index - narrow(lead),
            guard: Guard::of(read.get(..index as usize).unwrap_or(read)),
        })
        .collect()
}

/// An index into a read buffer, which is never longer than a few megabytes.
fn narrow(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
