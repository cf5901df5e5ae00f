//! A compressed file that is read as if it were what it was made of.
//!
//! It is decompressed as it is read, in one direction: what was read last is kept, since a reader
//! looks back a little, and the beginning, since it is what files are told apart by. Nothing is
//! written and no more is held than was asked for at once.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use flate2::read::MultiGzDecoder;

use super::Stat;
use crate::source::file::identity::HEAD_BYTES;

/// What is decompressed without being wanted before the caller gets its thread back: some tenths
/// of a millisecond.
const SKIP_BYTES: usize = 256 * 1024;
/// What is decompressed at once when it is not wanted.
const SCRATCH_BYTES: usize = 16 * 1024;

/// What turned out to be wrong with an archive while it was read.
pub(crate) type Damage = Arc<OnceLock<String>>;

/// An archive in the gzip format, with any number of members (RFC 1952).
#[derive(Debug)]
pub(crate) struct Archive {
    inflating: Mutex<Inflating>,
    stat: Stat,
    damage: Damage,
}

#[derive(Debug)]
struct Inflating {
    decoder: MultiGzDecoder<File>,
    /// The first bytes, at most [`HEAD_BYTES`].
    beginning: Vec<u8>,
    /// The last bytes.
    window: Vec<u8>,
    /// The offset of the window's first byte.
    start: u64,
    /// Whether there is nothing after the window.
    ended: bool,
}

impl Archive {
    /// Reads the archive `file`, from its start, which looks like `stat`.
    pub(super) fn new(file: File, stat: Stat) -> Self {
        Self {
            inflating: Mutex::new(Inflating::from_start(file)),
            stat,
            damage: Damage::default(),
        }
    }

    /// What is found wrong while it is read. An archive ends where it is damaged.
    pub(crate) fn damage(&self) -> Damage {
        Arc::clone(&self.damage)
    }

    /// How it looks. Its size is that of its content, which is not known before its end was read;
    /// until then there is always more. No name leads to the content.
    pub(super) fn stat(&self) -> Stat {
        let inflating = self.inflating();
        let mut stat = self.stat;
        stat.shape.size = if inflating.ended {
            inflating.end()
        } else {
            u64::MAX
        };
        stat.shape.unlinked = true;
        stat
    }

    /// As [`super::LogFs::read_at`], for offsets in the content.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if the offset lies so far ahead that another call is needed;
    /// each comes nearer.
    pub(super) fn read_at(&self, bytes: &mut Vec<u8>, at: u64) -> io::Result<usize> {
        let room = bytes.capacity() - bytes.len();
        let mut inflating = self.inflating();
        if at < inflating.start {
            if let Some(found) = usize::try_from(at)
                .ok()
                .and_then(|at| inflating.beginning.get(at..))
                && !found.is_empty()
            {
                let found = found.get(..room).unwrap_or(found);
                bytes.extend_from_slice(found);
                return Ok(found.len());
            }
            inflating.begin_again()?;
        }
        if !inflating.reach(at, &self.damage) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        inflating.fill(room, &self.damage);
        // Beyond the end there is nothing.
        let found = if at > inflating.start {
            &[]
        } else {
            inflating.window.get(..room).unwrap_or(&inflating.window)
        };
        bytes.extend_from_slice(found);
        Ok(found.len())
    }

    fn inflating(&self) -> MutexGuard<'_, Inflating> {
        self.inflating
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inflating {
    fn from_start(file: File) -> Self {
        Self {
            decoder: MultiGzDecoder::new(file),
            beginning: Vec::new(),
            window: Vec::new(),
            start: 0,
            ended: false,
        }
    }

    /// The offset after the window.
    fn end(&self) -> u64 {
        self.start + self.window.len() as u64
    }

    fn begin_again(&mut self) -> io::Result<()> {
        let mut file = self.decoder.get_ref().try_clone()?;
        file.rewind()?;
        *self = Self::from_start(file);
        Ok(())
    }

    /// Moves the start of the window to `at`, or to the end if that comes first. `false` if that is
    /// more work than is done at once.
    fn reach(&mut self, at: u64, damage: &Damage) -> bool {
        let mut skipped = 0;
        while self.end() < at && !self.ended && skipped < SKIP_BYTES {
            self.start = self.end();
            self.window.clear();
            let missing = usize::try_from(at - self.start).unwrap_or(SCRATCH_BYTES);
            skipped += self.fill(missing.min(SCRATCH_BYTES), damage);
        }
        let passed = at.min(self.end()) - self.start;
        let passed = usize::try_from(passed).unwrap_or(self.window.len());
        self.window.drain(..passed.min(self.window.len()));
        self.start += passed as u64;
        self.start == at || self.ended
    }

    /// Decompresses until the window holds `wanted` bytes or there are no more, and says how many
    /// it took for that.
    fn fill(&mut self, wanted: usize, damage: &Damage) -> usize {
        let before = self.window.len();
        while self.window.len() < wanted && !self.ended {
            let len = self.window.len();
            let more = (wanted - len).min(SCRATCH_BYTES);
            self.window.resize(len + more, 0);
            let into = self.window.get_mut(len..).unwrap_or(&mut []);
            let got = match self.decoder.read(into) {
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    self.window.truncate(len);
                    continue;
                }
                Err(error) => {
                    // Another error may have been the first.
                    damage.set(error.to_string()).ok();
                    0
                }
            };
            self.window.truncate(len + got);
            self.ended = got == 0;
            self.keep_beginning(len);
        }
        self.window.len() - before
    }

    /// Keeps what is new in the window from `len` on, as far as it belongs to the beginning.
    fn keep_beginning(&mut self, len: usize) {
        let missing = usize::from(HEAD_BYTES).saturating_sub(self.beginning.len());
        if missing > 0 && self.start + len as u64 == self.beginning.len() as u64 {
            let new = self.window.get(len..).unwrap_or(&[]);
            self.beginning
                .extend_from_slice(new.get(..missing).unwrap_or(new));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fs::{HostFs, LogFs};
    use std::io::Write;
    use std::path::Path;

    /// `content` as one member of an archive.
    pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn content(len: usize) -> Vec<u8> {
        (0..len)
            .map(|index| u8::try_from(index % 251).unwrap())
            .collect()
    }

    fn archive(directory: &Path, bytes: &[u8]) -> Archive {
        let path = directory.join("a.gz");
        std::fs::write(&path, bytes).unwrap();
        let stat = HostFs.stat(&path).unwrap();
        Archive::new(File::open(&path).unwrap(), stat)
    }

    fn read(archive: &Archive, at: u64, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len);
        let len = bytes.capacity();
        while bytes.len() < len {
            let next = at + bytes.len() as u64;
            match archive.read_at(&mut bytes, next) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
            }
        }
        bytes
    }

    #[test]
    fn any_place_reads_as_it_does_in_the_content_whatever_was_read_before() {
        let directory = tempfile::tempdir().unwrap();
        let whole = content(1_000_000);
        let (one, two) = whole.split_at(300_000);
        let archive = archive(directory.path(), &[gzip(one), gzip(two)].concat());
        for (at, len) in [
            (0, 10),
            (5, 100_000),
            (90_000, 10),
            (0, 256),
            (100, 156),
            (290_000, 20_000),
            (290_000, 1000),
            (999_990, 100),
            (7, 1000),
            (1_000_000, 10),
            (2_000_000, 10),
        ] {
            let expected = whole.get(at..(at + len).min(whole.len())).unwrap_or(&[]);
            assert_eq!(read(&archive, at as u64, len), expected, "{at} {len}");
        }
        assert_eq!(archive.stat().shape.size, 1_000_000);
        assert_eq!(archive.damage().get(), None);
    }

    #[test]
    fn a_place_far_ahead_is_reached_in_several_calls() {
        let directory = tempfile::tempdir().unwrap();
        let whole = content(2_000_000);
        let archive = archive(directory.path(), &gzip(&whole));
        let mut bytes = Vec::with_capacity(10);
        let mut calls = 1;
        while archive.read_at(&mut bytes, 1_900_000).is_err() {
            calls += 1;
            assert!(archive.inflating().window.capacity() <= 4 * SCRATCH_BYTES);
        }
        assert_eq!(calls, 1_900_000_usize.div_ceil(SKIP_BYTES));
        assert_eq!(archive.stat().shape.size, u64::MAX, "not known yet");
    }

    #[test]
    fn a_damaged_archive_gives_what_is_before_the_damage_and_tells() {
        let directory = tempfile::tempdir().unwrap();
        let whole = content(500_000);
        let mut cut = gzip(&whole);
        cut.truncate(cut.len() - 100);
        let mut wrong = gzip(&whole);
        let last = wrong.len() - 6;
        wrong[last] ^= 1;
        for (bytes, least) in [(cut, 1), (wrong, 500_000), (b"no archive".to_vec(), 0)] {
            let archive = archive(directory.path(), &bytes);
            let found = read(&archive, 0, 600_000);
            assert!(found.len() >= least && whole.starts_with(&found));
            assert!(archive.damage().get().is_some());
            assert_eq!(archive.stat().shape.size, found.len() as u64);
        }
    }
}
