//! The log of positions on disk: one writer, appended to, synced, compacted.
//!
//! A compact log is written beside the old one, synced, renamed over it, and the directory is
//! synced, so that a crash at any moment leaves one of the two whole. Room is reserved ahead, so
//! that a disk that becomes full does not stop the next commits. If an append fails all the same,
//! what is on disk may end in half a frame; then nothing is appended to it any more, and every later
//! commit tries to write a compact log instead until one succeeds. A disk that is full at the start
//! is met the same way: the agent delivers, and its positions follow when there is room.

use std::io;
use std::path::{Path, PathBuf};

use crate::checkpoint::codec::{HEADER, decode, encode, frames};
use crate::checkpoint::{Change, Snapshot};
use crate::config::Persistence;
use crate::fs::{HostFs, StateFs};

/// The log, within the state directory.
const LOG_NAME: &str = "positions.log";
/// Where the log is written anew before it takes the place of the old one.
const NEW_NAME: &str = "positions.new";
/// The lock, within the state directory. A file of its own, because the log is replaced by renaming.
pub(crate) const LOCK_NAME: &str = "agent.lock";
/// All but the lock.
pub(crate) const FILES: [&str; 2] = [LOG_NAME, NEW_NAME];
/// A log is compacted when it is this many times as long as a compact one, and at least
/// [`COMPACT_BYTES_MIN`].
const COMPACT_FACTOR: u64 = 8;
/// Smaller logs are read in a moment.
const COMPACT_BYTES_MIN: u64 = 256 * 1024;
/// Room that is asked for ahead: more than a thousand positions, enough for a while in which
/// somebody can free space.
const RESERVE_BYTES: u64 = 64 * 1024;

/// Where positions are kept.
#[derive(Debug)]
pub(crate) struct Store<F: StateFs = HostFs> {
    fs: F,
    written: Option<u64>,
    snapshot: Snapshot,
    disk: Option<Disk<F>>,
}

#[derive(Debug)]
struct Disk<F: StateFs> {
    directory: PathBuf,
    /// The log, if it can be appended to.
    log: Option<F::File>,
    bytes: u64,
    compact_bytes: u64,
    /// Bytes of the log for which there is room.
    reserved: u64,
    _lock: F::Lock,
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Two agents would send everything twice and overwrite each other's positions.
    #[error("{} is in use by another agent; stop it or use another state directory", .0.display())]
    InUse(PathBuf),
    /// The directory or a file in it cannot be used.
    #[error("the state directory {} cannot be used", .0.display())]
    Unusable(PathBuf, #[source] io::Error),
}

impl<F: StateFs> Store<F> {
    /// Opens the store and reads what it knows. Says how many bytes at its end could not be read.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub(crate) fn open(fs: F, persistence: &Persistence) -> Result<(Self, usize), StoreError> {
        let (directory, writable) = match persistence {
            Persistence::Directory(directory) => (directory, true),
            Persistence::ReadOnly(directory) => (directory, false),
        };
        let unusable = |error| StoreError::Unusable(directory.clone(), error);
        let lock = if writable {
            let lock = fs.lock(&directory.join(LOCK_NAME)).map_err(unusable)?;
            Some(lock.ok_or_else(|| StoreError::InUse(directory.clone()))?)
        } else {
            None
        };
        let log = directory.join(LOG_NAME);
        // Before it is compacted.
        let written = fs.written(&log);
        let (snapshot, bad) = read(&fs, &log).map_err(unusable)?;
        let mut store = Self {
            fs,
            written,
            snapshot,
            disk: None,
        };
        if let Some(lock) = lock {
            store.disk = Some(Disk {
                directory: directory.clone(),
                log: None,
                bytes: 0,
                compact_bytes: 0,
                reserved: 0,
                _lock: lock,
            });
            match store.compact() {
                Err(error) if !is_full(&error) => return Err(unusable(error)),
                _ => {}
            }
        }
        Ok((store, bad))
    }

    /// Whether the disk knows what [`Self::snapshot`] says. If not, an append of nothing tries to
    /// tell it.
    pub(crate) fn is_written(&self) -> bool {
        self.disk.as_ref().is_none_or(|disk| disk.log.is_some())
    }

    /// When the agent before this one last wrote a position, in nanoseconds since the epoch; `None`
    /// if there was none.
    pub(crate) fn written(&self) -> Option<u64> {
        self.written
    }

    /// What the disk knows.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Writes changes and waits until they are on the disk.
    ///
    /// # Errors
    /// When they could not be written. They are kept in memory, and the next call writes them too.
    pub(crate) fn append(&mut self, changes: &[Change]) -> io::Result<()> {
        for change in changes {
            self.snapshot.apply(change);
        }
        let Some(disk) = &self.disk else {
            return Ok(());
        };
        let due = disk.bytes > COMPACT_BYTES_MIN.max(disk.compact_bytes * COMPACT_FACTOR);
        if due || disk.log.is_none() {
            match self.compact() {
                // A log that can be appended to is better than none, however long it is.
                Err(_) if self.is_written() => {}
                other => return other,
            }
        }
        self.add(changes)
    }

    /// Adds frames to the log.
    fn add(&mut self, changes: &[Change]) -> io::Result<()> {
        let Some((disk, mut log)) = self.disk.as_mut().and_then(|disk| {
            let log = disk.log.take()?;
            Some((disk, log))
        }) else {
            return Ok(());
        };
        let mut frames = Vec::new();
        for change in changes {
            encode(change, &mut frames);
        }
        self.fs.append(&mut log, &frames)?;
        self.fs.sync(&log)?;
        disk.bytes += frames.len() as u64;
        if disk.bytes + RESERVE_BYTES / 2 > disk.reserved
            && self.fs.reserve(&log, RESERVE_BYTES).is_ok()
        {
            disk.reserved = disk.bytes + RESERVE_BYTES;
        }
        disk.log = Some(log);
        Ok(())
    }

    /// Replaces the log by the shortest one that says the same.
    fn compact(&mut self) -> io::Result<()> {
        let Some(disk) = &mut self.disk else {
            return Ok(());
        };
        let mut frames = HEADER.to_vec();
        for change in self.snapshot.changes() {
            encode(&change, &mut frames);
        }
        let path = disk.directory.join(LOG_NAME);
        let beside = disk.directory.join(NEW_NAME);
        let mut log = self.fs.create(&beside)?;
        self.fs.append(&mut log, &frames)?;
        disk.reserved = match self.fs.reserve(&log, RESERVE_BYTES) {
            Ok(()) => frames.len() as u64 + RESERVE_BYTES,
            Err(_) => 0,
        };
        self.fs.sync(&log)?;
        // From here on the old log may have no name any more.
        disk.log = None;
        self.fs.rename(&beside, &path)?;
        self.fs.sync_directory(&disk.directory)?;
        disk.log = Some(log);
        disk.bytes = frames.len() as u64;
        disk.compact_bytes = disk.bytes;
        Ok(())
    }
}

/// Whether an error goes away when somebody frees space.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// What a log says, and how many bytes of it could not be read.
fn read<F: StateFs>(fs: &F, path: &Path) -> io::Result<(Snapshot, usize)> {
    let bytes = match fs.read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
        Err(error) => return Err(error),
    };
    let mut snapshot = Snapshot::default();
    let Some(frames) = frames(&bytes) else {
        return Ok((snapshot, bytes.len()));
    };
    let bad = decode(frames, |change| snapshot.apply(change));
    Ok((snapshot, bad))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::codec::tests::change;
    use proptest::prelude::*;
    use std::fs::{File, OpenOptions};
    use std::io::Write;

    fn open(directory: &Path) -> (Store, usize) {
        Store::open(HostFs, &Persistence::Directory(directory.to_owned())).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_was_appended_is_there_after_any_restart_even_with_a_torn_tail(
            runs in proptest::collection::vec(
                proptest::collection::vec(change(), 0..8), 1..5),
            torn in proptest::collection::vec(any::<u8>(), 0..6),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let mut expected = Snapshot::default();
            for changes in &runs {
                let (mut store, bad) = open(directory.path());
                prop_assert!(bad <= torn.len());
                prop_assert_eq!(store.snapshot(), &expected);
                store.append(changes).unwrap();
                for change in changes {
                    expected.apply(change);
                }
                drop(store);
                let path = directory.path().join(LOG_NAME);
                let mut log = OpenOptions::new().append(true).open(path).unwrap();
                log.write_all(&torn).unwrap();
            }
        }
    }

    #[test]
    fn a_second_agent_on_the_same_directory_is_refused_until_the_first_ends() {
        let directory = tempfile::tempdir().unwrap();
        let persistence = Persistence::Directory(directory.path().to_owned());
        let (first, _) = open(directory.path());
        let refused = Store::open(HostFs, &persistence).unwrap_err();
        assert!(matches!(refused, StoreError::InUse(_)), "{refused}");
        drop(first);
        open(directory.path());
    }

    #[test]
    fn a_dry_run_reads_and_writes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let state = directory.path().join("state");
        let persistence = Persistence::ReadOnly(state.clone());
        let (mut store, _) = Store::open(HostFs, &persistence).unwrap();
        store.append(&[Change::Started(1)]).unwrap();
        assert!(!state.exists());

        open(&state).0.append(&[Change::Started(2)]).unwrap();
        let (store, _) = Store::open(HostFs, &persistence).unwrap();
        assert!(store.snapshot().targets.contains(&2));
    }

    #[test]
    fn a_failed_append_is_made_good_by_the_next_commit() {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, _) = open(directory.path());
        // A log that is open for reading only fails like a full disk does.
        let disk = store.disk.as_mut().unwrap();
        disk.log = Some(File::open(directory.path().join(LOG_NAME)).unwrap());
        assert!(store.append(&[Change::Started(1)]).is_err());
        store.append(&[Change::Started(2)]).unwrap();
        drop(store);
        let (store, _) = open(directory.path());
        assert_eq!(
            store.snapshot().targets.iter().collect::<Vec<_>>(),
            [&1, &2]
        );
    }

    #[test]
    fn a_long_log_is_compacted() {
        let directory = tempfile::tempdir().unwrap();
        let (mut store, _) = open(directory.path());
        let many = vec![Change::Started(1); 1000];
        for _ in 0..40 {
            store.append(&many).unwrap();
        }
        let bytes = std::fs::metadata(directory.path().join(LOG_NAME))
            .unwrap()
            .len();
        assert!(bytes < 2 * COMPACT_BYTES_MIN, "{bytes}");
    }
}
