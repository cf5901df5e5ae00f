//! What travels from a source to a sink: a chunk of bytes, and the lines in it.
//!
//! A chunk is read once and shared; lines are ranges in it, so no line is ever copied before its
//! request is written. The chunk knows where its bytes lie in the file, so that an accepted line
//! can be turned into a position, and it carries the few bytes before it, so that a [`Guard`] can
//! be computed for any of its lines without reading again.

mod part;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use plimsoll_aws::limits::logs::EVENT_OVERHEAD;
use plimsoll_aws::{LogGroup, billed_len};
use plimsoll_core::clock::UnixMillis;

/// Bytes before a position that its [`Guard`] covers. Long enough that two log files hardly ever
/// agree in them at the same offset, short enough to read them along with every read.
pub(crate) const GUARD_BYTES: usize = 64;

/// One incarnation of a file: from its first byte to its truncation. A file that is truncated and
/// written anew gets a new one, so that late acknowledgements cannot move the wrong position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileId(pub(crate) u64);

/// A check sum over the bytes before a position. If it no longer holds, the file is another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Guard {
    /// CRC-32 (IEEE) of the bytes.
    pub(crate) crc: u32,
    /// How many bytes it covers, at most [`GUARD_BYTES`].
    pub(crate) len: u8,
}

impl Guard {
    /// The guard of the position at the end of `before`.
    pub(crate) fn of(before: &[u8]) -> Self {
        let covered = before
            .last_chunk::<GUARD_BYTES>()
            .map_or(before, <[u8; GUARD_BYTES]>::as_slice);
        Self {
            crc: crc32fast::hash(covered),
            len: u8::try_from(covered.len()).unwrap_or(u8::MAX),
        }
    }
}

/// A log stream that files are sent to, shared by everything that handles its lines.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Tells streams apart within this process.
    pub(crate) number: u64,
    /// The group, made on demand.
    pub(crate) group: LogGroup,
    /// The group's name, shared with the batches.
    pub(crate) group_name: Arc<str>,
    /// The stream's name.
    pub(crate) name: Arc<str>,
    /// Whether calls for this stream keep failing. Sources then read no further ahead for it, so
    /// that one stream without permission cannot take the memory of all others.
    pub(crate) stuck: AtomicBool,
    /// How often the stream was made by us, so that a batch that found it missing knows whether
    /// another has made it since.
    pub(crate) made: AtomicU64,
    /// Bytes in chunks that are not yet accepted.
    unsent_bytes: AtomicU64,
}

impl Stream {
    /// A stream of `group` that nothing was sent to yet.
    pub(crate) fn new(number: u64, group: LogGroup, name: &str) -> Self {
        Self {
            number,
            group_name: Arc::from(group.name.as_str()),
            group,
            name: Arc::from(name),
            stuck: AtomicBool::new(false),
            made: AtomicU64::new(0),
            unsent_bytes: AtomicU64::new(0),
        }
    }

    /// Bytes that were read for the stream and are not yet accepted.
    pub(crate) fn unsent_bytes(&self) -> u64 {
        self.unsent_bytes.load(Ordering::Relaxed)
    }
}

/// A line, or a part of one that was too long: where it lies in its chunk, and when it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its first byte, counted from the start of the chunk's buffer.
    pub(crate) start: u32,
    /// Its length without the end of line; never zero.
    pub(crate) len: u32,
    /// The time of the event.
    pub(crate) time: UnixMillis,
}

/// Where a line comes from that is no range of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Bytes from the chunk's offset to the line.
    pub(crate) from: u32,
    /// The guard of that place.
    pub(crate) guard: Guard,
}

/// Lines that were read together from one file.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The file.
    pub(crate) file: FileId,
    /// Its path when it was opened, for people.
    pub(crate) path: Arc<Path>,
    /// Where its lines go.
    pub(crate) stream: Arc<Stream>,
    /// The offset in the file of the byte at `lead`.
    pub(crate) offset: u64,
    /// Bytes in the buffer before the ones that were read anew; they only feed guards.
    pub(crate) lead: u32,
    /// Where the bytes end that this chunk accounts for.
    pub(crate) end: u32,
    /// The lines, in the order of the file. Never empty.
    pub(crate) lines: Vec<Line>,
    /// Where each line comes from, and after them where the chunk ends: only if `bytes` are not
    /// those of the file.
    pub(crate) places: Option<Vec<Place>>,
    /// Whether all lines are UTF-8, so that their length is what is billed.
    pub(crate) utf8: bool,
    /// The bytes that lines are ranges of.
    pub(crate) bytes: Vec<u8>,
    /// Where the buffer goes when it is free again.
    spare: Option<Arc<Buffers>>,
}

impl Chunk {
    /// Takes `bytes` and accounts for them with the stream until it is dropped.
    pub(crate) fn new(parts: ChunkParts, bytes: Vec<u8>, spare: Option<Arc<Buffers>>) -> Self {
        let chunk = Self {
            file: parts.file,
            path: parts.path,
            stream: parts.stream,
            offset: parts.offset,
            lead: parts.lead,
            end: parts.end,
            lines: parts.lines,
            places: parts.places,
            utf8: parts.utf8,
            bytes,
            spare,
        };
        chunk
            .stream
            .unsent_bytes
            .fetch_add(chunk.booked_bytes() as u64, Ordering::Relaxed);
        chunk
    }

    /// Takes what was read into one of `buffers`. If that is much less than the buffer holds, it
    /// is copied into memory of its own size, so that a short line that waits for its batch does
    /// not keep a large buffer waiting with it.
    pub(crate) fn new_in(parts: ChunkParts, bytes: Vec<u8>, buffers: &Arc<Buffers>) -> Self {
        let kept = bytes.get(..parts.end as usize).unwrap_or(&bytes);
        if kept.len() < bytes.capacity() / 2 {
            let own = kept.to_vec();
            buffers.give_back(bytes);
            return Self::new(parts, own, None);
        }
        Self::new(parts, bytes, Some(Arc::clone(buffers)))
    }

    /// How many lines it has.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }

    /// The bytes of a line; empty if there is no such line.
    #[cfg(test)]
    pub(crate) fn line(&self, index: u32) -> &[u8] {
        self.lines
            .get(index as usize)
            .map_or(&[], |line| self.text(line))
    }

    /// The bytes of a line of this chunk.
    pub(crate) fn text(&self, line: &Line) -> &[u8] {
        let start = line.start as usize;
        self.bytes
            .get(start..start + line.len as usize)
            .unwrap_or(&[])
    }

    /// Where in the file a line of this chunk begins.
    pub(crate) fn offset_of(&self, line: &Line) -> u64 {
        if self.places.is_none() {
            return self.offset + u64::from(line.start.saturating_sub(self.lead));
        }
        // Lines are kept in the order of the text that they are ranges of.
        let index = self.lines.partition_point(|other| other.start < line.start);
        self.position(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// What CloudWatch Logs counts for a line of this chunk, without its overhead.
    pub(crate) fn billed(&self, line: &Line) -> usize {
        if self.utf8 {
            line.len as usize
        } else {
            billed_len(self.text(line))
        }
    }

    /// What the chunk occupies of the bound on bytes in flight: its bytes, and for each line what
    /// the batch needs to keep it, which [`EVENT_OVERHEAD`] covers.
    pub(crate) fn booked_bytes(&self) -> usize {
        (self.end - self.lead) as usize + self.lines.len() * EVENT_OVERHEAD
    }

    /// The offset in the file before line `index`. Bytes that belong to no line (ends of lines,
    /// empty lines) belong to what stands before them; those at the very start to the first line.
    pub(crate) fn position(&self, index: u32) -> u64 {
        if let Some(place) = self.place(index) {
            return self.offset + u64::from(place.from);
        }
        self.offset + u64::from(self.boundary(index) - self.lead)
    }

    /// The guard of [`Self::position`].
    pub(crate) fn guard(&self, index: u32) -> Guard {
        if let Some(place) = self.place(index) {
            return place.guard;
        }
        let boundary = self.boundary(index) as usize;
        Guard::of(self.bytes.get(..boundary).unwrap_or(&self.bytes))
    }

    /// Whether line `index` was made of the same bytes of the file as the one before it.
    pub(crate) fn is_of_line_before(&self, index: u32) -> bool {
        let count = self.count();
        self.places.is_some()
            && (1..count).contains(&index)
            && self.position(index) == self.position(index - 1)
    }

    fn place(&self, index: u32) -> Option<Place> {
        let places = self.places.as_ref()?;
        places.get(index as usize).or(places.last()).copied()
    }

    fn boundary(&self, index: u32) -> u32 {
        match self.lines.get(index as usize) {
            Some(_) if index == 0 => self.lead,
            Some(line) => line.start,
            None => self.end,
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.stream
            .unsent_bytes
            .fetch_sub(self.booked_bytes() as u64, Ordering::Relaxed);
        if let Some(spare) = self.spare.take() {
            spare.give_back(std::mem::take(&mut self.bytes));
        }
    }
}

/// Everything a [`Chunk`] is made of besides its bytes. See there.
#[derive(Debug)]
pub(crate) struct ChunkParts {
    pub(crate) file: FileId,
    pub(crate) path: Arc<Path>,
    pub(crate) stream: Arc<Stream>,
    pub(crate) offset: u64,
    pub(crate) lead: u32,
    pub(crate) end: u32,
    pub(crate) lines: Vec<Line>,
    pub(crate) places: Option<Vec<Place>>,
    pub(crate) utf8: bool,
}

/// Buffers that are used again instead of being allocated each time: fresh memory costs a page
/// fault for every 4 KiB of it.
#[derive(Debug)]
pub(crate) struct Buffers {
    capacity: usize,
    spare_max: usize,
    spare: Mutex<Vec<Vec<u8>>>,
}

impl Buffers {
    /// Buffers of `capacity` bytes, of which up to `spare_max` wait to be used again.
    pub(crate) fn new(capacity: usize, spare_max: usize) -> Self {
        Self {
            capacity,
            spare_max,
            spare: Mutex::default(),
        }
    }

    /// An empty buffer.
    pub(crate) fn take(&self) -> Vec<u8> {
        let spare = self
            .spare
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        spare.unwrap_or_else(|| Vec::with_capacity(self.capacity))
    }

    /// Takes a buffer back. One that grew for a long line is freed instead.
    pub(crate) fn give_back(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() < self.capacity || buffer.capacity() > self.capacity * 2 {
            return;
        }
        buffer.clear();
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < self.spare_max {
            spare.push(buffer);
        }
    }

    /// Frees the buffers that wait but `count` of them, when little is going on.
    pub(crate) fn keep(&self, count: usize) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        spare.truncate(count);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use plimsoll_core::queue::{Held, bounded};

    /// A chunk at offset `offset` of file 1 whose lines are `lines`, each ended by a newline.
    pub(crate) fn chunk_of(stream: &Arc<Stream>, offset: u64, lines: &[(i64, &[u8])]) -> Chunk {
        let mut bytes = Vec::new();
        let mut found = Vec::new();
        for (time, text) in lines {
            found.push(Line {
                start: u32::try_from(bytes.len()).unwrap(),
                len: u32::try_from(text.len()).unwrap(),
                time: UnixMillis(*time),
            });
            bytes.extend_from_slice(text);
            bytes.push(b'\n');
        }
        let parts = ChunkParts {
            file: FileId(1),
            path: Arc::from(Path::new("/var/log/app.log")),
            stream: Arc::clone(stream),
            offset,
            lead: 0,
            end: u32::try_from(bytes.len()).unwrap(),
            lines: found,
            places: None,
            utf8: std::str::from_utf8(&bytes).is_ok(),
        };
        Chunk::new(parts, bytes, None)
    }

    /// The chunk as it comes out of a queue.
    pub(crate) fn held(chunk: Chunk) -> Arc<Held<Chunk>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let (sender, mut receiver) = bounded(u32::MAX >> 4);
        runtime.block_on(async {
            let bytes = chunk.booked_bytes();
            sender.send(chunk, bytes).await.unwrap();
            Arc::new(receiver.recv().await.unwrap())
        })
    }

    /// A stream of the group `g`.
    pub(crate) fn stream() -> Arc<Stream> {
        let group = LogGroup {
            name: "g".to_owned(),
            ..LogGroup::default()
        };
        Arc::new(Stream::new(1, group, "s"))
    }

    #[test]
    fn a_guard_covers_the_last_64_bytes_and_says_how_many() {
        let long: Vec<u8> = (0..=255).collect();
        assert_eq!(Guard::of(&long), Guard::of(&long[256 - 64..]));
        assert_eq!(Guard::of(&long).len, 64);
        assert_eq!(Guard::of(b"abc").len, 3);
        assert_eq!(Guard::of(b""), Guard::default());
    }

    #[test]
    fn positions_of_lines_join_without_gap() {
        let chunk = chunk_of(&stream(), 100, &[(0, b"one"), (0, b"three"), (0, b"x")]);
        assert_eq!(chunk.position(0), 100);
        assert_eq!(chunk.position(1), 104);
        assert_eq!(chunk.position(3), 112);
        assert_eq!(chunk.guard(1), Guard::of(b"one\n"));
    }

    #[test]
    fn a_line_that_is_no_range_of_its_file_settles_the_place_it_comes_from() {
        let mut chunk = chunk_of(&stream(), 100, &[(0, b"decoded"), (0, b"text")]);
        let place = |from: u32| Place {
            from,
            guard: Guard::of(&from.to_le_bytes()),
        };
        chunk.places = Some(vec![place(0), place(40), place(50)]);
        assert_eq!(chunk.position(1), 140);
        assert_eq!(chunk.position(2), 150);
        assert_eq!(chunk.guard(2), place(50).guard);
        let offsets = |chunk: &Chunk| -> Vec<u64> {
            let lines = chunk.lines.iter();
            lines.map(|line| chunk.offset_of(line)).collect()
        };
        assert_eq!(offsets(&chunk), [100, 140]);
        chunk.places = None;
        assert_eq!(offsets(&chunk), [100, 108]);
    }

    #[test]
    fn a_chunk_counts_for_its_stream_until_it_is_dropped() {
        let stream = stream();
        let chunk = chunk_of(&stream, 0, &[(0, b"one")]);
        assert_eq!(stream.unsent_bytes(), 4 + 26);
        drop(chunk);
        assert_eq!(stream.unsent_bytes(), 0);
    }

    #[test]
    fn a_buffer_is_used_again_unless_it_grew() {
        let buffers = Buffers::new(1024, 1);
        let mut buffer = buffers.take();
        buffer.push(1);
        let address = buffer.as_ptr();
        buffers.give_back(buffer);
        let again = buffers.take();
        assert_eq!((again.as_ptr(), again.len()), (address, 0));
        buffers.give_back(Vec::with_capacity(1_000_000));
        assert!(buffers.spare.lock().unwrap().is_empty());
    }
}
