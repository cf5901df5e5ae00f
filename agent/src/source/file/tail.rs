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

use crate::derive::{Events, Refined, Refiner};
use crate::fs::LogFs;
use crate::record::{Buffers, Chunk, ChunkParts, FileId, GUARD_BYTES, Guard, Place, Stream};
use crate::source::file::identity::{HEAD_BYTES, Head, Identity, Shape, guard_holds};
use crate::source::file::lines::{UNFINISHED_MAX, frame};

/// What one turn reads. 128 KiB amortises a system call well and still fits the second-level
/// cache together with what framing needs.
pub(crate) const TURN_BYTES: usize = 128 * 1024;
/// The capacity of a read buffer: a turn and the bytes of a guard before it.
pub(crate) const BUFFER_BYTES: usize = TURN_BYTES + GUARD_BYTES;

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
}

/// What a chunk is made of, with its text if that is not what was read.
type Derived = (ChunkParts, Option<Vec<u8>>);

/// What a turn came to.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// Lines, if there were any.
    pub(crate) chunk: Option<Chunk>,
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
    /// What the lines are that may surprise a reader: counted once per file.
    pub(crate) oddities: [Option<&'static str>; 2],
    /// What was done with events as their target wants it.
    pub(crate) refined: Refined,
    /// The file is no longer the one whose position we keep: truncated, or written anew.
    pub(crate) replaced: bool,
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
        if shape.size < self.offset {
            return Ok(Turn::replaced());
        }
        if shape.size == self.offset {
            let touched = shape.written != self.shape.written;
            self.shape = shape;
            if touched && !guard_holds(fs, file, self.offset, self.guard)? {
                return Ok(Turn::replaced());
            }
            return Ok(Turn::default());
        }
        let mut bytes = buffers.take();
        let turn = self.read(fs, &mut bytes, shape, time);
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

    /// Fills `bytes` and finds the lines in it.
    fn read(
        &mut self,
        fs: &F,
        bytes: &mut Vec<u8>,
        shape: Shape,
        time: UnixMillis,
    ) -> io::Result<(Turn, Option<Derived>)> {
        let lead = usize::from(self.guard.len);
        let mut events = Events::default();
        let mut at_end = self.fill(fs, bytes, BUFFER_BYTES)?;
        if bytes.get(..lead).map(Guard::of) != Some(self.guard) {
            return Ok((Turn::replaced(), None));
        }
        let mut framed = frame(bytes, lead, time, self.last && at_end, &mut events.lines);
        if framed.end == lead && !at_end {
            at_end = self.fill(fs, bytes, lead + UNFINISHED_MAX)?;
            framed = frame(bytes, lead, time, self.last && at_end, &mut events.lines);
        }
        let from = self.offset;
        let found = bytes.get(lead..framed.end).unwrap_or(&[]);
        self.offset += found.len() as u64;
        self.guard = Guard::of(bytes.get(..framed.end).unwrap_or(&[]));
        if at_end {
            self.shape = shape;
        }
        let refined = self.refiner.as_ref().map(|refiner| {
            let read = bytes.get(..framed.end).unwrap_or(bytes);
            refiner.refine(read, time, &mut events)
        });
        let Events { lines, text } = events;
        let said = text.as_ref().map_or(found, |text| &text.bytes);
        let utf8 = lines.is_empty() || std::str::from_utf8(said).is_ok();
        let turn = Turn {
            read: found.len(),
            more: !at_end,
            skipped: (lines.is_empty() && !found.is_empty()).then_some((from, self.offset)),
            empty: framed.empty,
            splits: framed.splits,
            oddities: self.oddities(found, utf8),
            refined: refined.unwrap_or_default(),
            ..Turn::default()
        };
        if lines.is_empty() {
            return Ok((turn, None));
        }
        let read = bytes.get(..framed.end).unwrap_or(bytes);
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

    fn oddities(&mut self, found: &[u8], utf8: bool) -> [Option<&'static str>; 2] {
        let [told_invalid, told_nul] = self.told;
        let invalid = !utf8 && !told_invalid;
        let nul = !told_nul && memchr::memchr(0, found).is_some();
        self.told = [told_invalid || invalid, told_nul || nul];
        [
            invalid.then_some("invalid_utf8"),
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
mod tests {
    use super::*;
    use crate::fs::HostFs;
    use crate::record::tests::stream;
    use std::fs::OpenOptions;
    use std::io::Write;
    use std::path::PathBuf;

    struct Followed {
        path: PathBuf,
        tail: Tail<HostFs>,
        buffers: Arc<Buffers>,
        _directory: tempfile::TempDir,
    }

    fn followed(content: &[u8]) -> Followed {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.log");
        std::fs::write(&path, content).unwrap();
        let (file, stat) = HostFs.open(&path).unwrap().unwrap();
        let tail = Tail {
            id: FileId(1),
            identity: stat.identity,
            path: Arc::from(path.as_path()),
            stream: stream(),
            refiner: None,
            file: Some(file),
            at: Arc::from(path.as_path()),
            real: None,
            nameless: false,
            failures: 0,
            offset: 0,
            guard: Guard::default(),
            head: Head::default(),
            shape: Shape::default(),
            queued: false,
            detached: None,
            changed: Instant::now(),
            scan: 0,
            last: false,
            told: [false; 2],
        };
        Followed {
            path,
            tail,
            buffers: Arc::new(Buffers::new(BUFFER_BYTES)),
            _directory: directory,
        }
    }

    impl Followed {
        fn append(&self, content: &[u8]) {
            let mut file = OpenOptions::new().append(true).open(&self.path).unwrap();
            file.write_all(content).unwrap();
        }

        fn turn(&mut self) -> Turn {
            self.tail
                .turn(&HostFs, UnixMillis(7), &self.buffers)
                .unwrap()
        }

        /// All lines until there is nothing more to read.
        fn lines(&mut self) -> Vec<Vec<u8>> {
            let mut lines = Vec::new();
            loop {
                let turn = self.turn();
                assert!(!turn.replaced);
                if let Some(chunk) = &turn.chunk {
                    lines.extend((0..chunk.count()).map(|line| chunk.line(line).to_vec()));
                }
                if !turn.more {
                    return lines;
                }
            }
        }
    }

    #[test]
    fn an_unfinished_line_waits_until_it_is_finished_or_the_last() {
        let mut file = followed(b"one\ntw");
        assert_eq!(file.lines(), [b"one"]);
        assert!(file.lines().is_empty());
        file.append(b"o\nthree");
        assert_eq!(file.lines(), [b"two"]);
        file.tail.last = true;
        assert_eq!(file.lines(), [b"three"]);
        assert_eq!(file.tail.offset, 13);
    }

    #[test]
    fn lines_longer_than_a_turn_arrive_whole_and_the_turns_join() {
        let mut text = Vec::new();
        for len in [10, TURN_BYTES * 2, 5, TURN_BYTES - 3, 1_000_000, 70] {
            text.extend(std::iter::repeat_n(b'x', len));
            text.push(b'\n');
        }
        let mut file = followed(&text);
        let lens: Vec<usize> = file.lines().iter().map(Vec::len).collect();
        assert_eq!(lens, [10, TURN_BYTES * 2, 5, TURN_BYTES - 3, 1_000_000, 70]);
    }

    #[test]
    fn a_huge_line_without_an_end_moves_on_in_bounded_memory() {
        let mut file = followed(&vec![b'x'; 10_000_000]);
        let (mut sent, mut more) = (0, true);
        while more {
            let turn = file.turn();
            more = turn.more;
            if let Some(chunk) = turn.chunk {
                assert!(chunk.bytes.capacity() < 2 * UNFINISHED_MAX);
                sent += (0..chunk.count())
                    .map(|line| chunk.line(line).len())
                    .sum::<usize>();
            }
        }
        assert_eq!(sent as u64, file.tail.offset);
        assert!(10_000_000 - sent < UNFINISHED_MAX);
    }

    #[test]
    fn a_truncated_file_is_noticed_smaller_equal_or_larger() {
        for anew in ["x\n", "one\nTWO\n", "another\nand more than before\n"] {
            let mut file = followed(b"one\ntwo\n");
            assert_eq!(file.lines().len(), 2);
            // Some file systems keep coarse times: an explicit one makes the rewrite visible.
            std::fs::write(&file.path, anew).unwrap();
            let later = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
            OpenOptions::new()
                .append(true)
                .open(&file.path)
                .unwrap()
                .set_modified(later)
                .unwrap();
            assert!(file.turn().replaced, "{anew:?}");
        }
    }

    #[test]
    fn a_few_bytes_do_not_hold_a_whole_read_buffer() {
        let mut file = followed(b"one\n");
        let chunk = file.turn().chunk.unwrap();
        assert!(chunk.bytes.capacity() < 1024);
    }

    #[test]
    fn empty_lines_are_counted_and_their_bytes_are_accounted_for() {
        let mut file = followed(b"\n\r\n\n");
        let turn = file.turn();
        assert_eq!((turn.empty, turn.skipped), (3, Some((0, 4))));
        assert!(turn.chunk.is_none());
    }

    #[test]
    fn bytes_of_which_every_line_is_left_out_are_settled_all_the_same() {
        let mut file = followed(b"one\ntwo\n");
        let none = crate::derive::filter::compile(&["x".to_owned()]).unwrap();
        let mut refiner = Refiner::default();
        refiner.filter.include = none;
        file.tail.refiner = Some(Arc::new(refiner));
        let turn = file.turn();
        assert!(turn.chunk.is_none());
        assert_eq!((turn.skipped, turn.refined.filtered), (Some((0, 8)), 2));
    }

    #[test]
    fn odd_bytes_are_told_once_per_file() {
        let mut file = followed(b"a\xff\0\n");
        assert_eq!(
            file.turn().oddities,
            [Some("invalid_utf8"), Some("nul_bytes")]
        );
        file.append(b"a\xff\0\n");
        assert_eq!(file.turn().oddities, [None, None]);
    }
}
