//! Positions beside the files that they are of, for people: what is known, what is there, and a
//! position that is set by hand.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::checkpoint::{Change, Entry, Snapshot, directory};
use crate::fs::{Kind, LogFs, Stat};
use crate::record::{FileId, GUARD_BYTES, Guard};
use crate::source::file::identity::guard_holds;

/// A position and its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Surveyed {
    /// The incarnation.
    pub(crate) id: FileId,
    /// What is known.
    pub(crate) entry: Entry,
    /// Where the file is now; `None` if it is gone from its directory.
    pub(crate) found: Option<Found>,
}

/// A file that a position is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its path now; it may have been renamed.
    pub(crate) path: PathBuf,
    /// Its size in bytes.
    pub(crate) size: u64,
    /// Whether the bytes before the position are those that were delivered; `None` if it cannot be
    /// read.
    pub(crate) guard_holds: Option<bool>,
}

impl Surveyed {
    /// `followed`, `parked` (rotated away and finished) or `gone`.
    pub(crate) fn state(&self) -> &'static str {
        match &self.found {
            None => "gone",
            Some(_) if self.entry.parked => "parked",
            Some(_) => "followed",
        }
    }

    /// Bytes that were not delivered yet; `None` if the file is gone or is another one by now.
    pub(crate) fn lag_bytes(&self) -> Option<u64> {
        let found = self.found.as_ref()?;
        if found.guard_holds == Some(false) {
            return None;
        }
        found.size.checked_sub(self.entry.offset)
    }
}

/// Looks for the file of each position, at its path and then in its directory.
pub(crate) fn survey<F: LogFs>(fs: &F, snapshot: &Snapshot) -> Vec<Surveyed> {
    let mut finder = Finder::new(fs);
    let files = snapshot.files.iter();
    files
        .map(|(id, entry)| Surveyed {
            id: *id,
            entry: entry.clone(),
            found: finder.find(entry).map(|(path, stat)| Found {
                guard_holds: holds(fs, &path, entry),
                size: stat.shape.size,
                path,
            }),
        })
        .collect()
}

/// Looks for files by what the kernel says they are, and lists no directory twice.
#[derive(Debug)]
pub(crate) struct Finder<'f, F> {
    fs: &'f F,
    listed: HashMap<PathBuf, Vec<(PathBuf, Stat)>>,
}

impl<'f, F: LogFs> Finder<'f, F> {
    /// Has looked at nothing yet.
    pub(crate) fn new(fs: &'f F) -> Self {
        Self {
            fs,
            listed: HashMap::new(),
        }
    }

    /// Where the file is now, at its path or in its directory; `None` if it is gone from there.
    pub(crate) fn find(&mut self, entry: &Entry) -> Option<(PathBuf, Stat)> {
        let is_it = |stat: &Stat| entry.identity.could_be(&stat.identity);
        if let Ok(stat) = self.fs.stat(&entry.path)
            && is_it(&stat)
        {
            return Some((entry.path.clone(), stat));
        }
        let names = self
            .listed
            .entry(directory(entry))
            .or_insert_with_key(|directory| files(self.fs, directory));
        names.iter().find(|(_, stat)| is_it(stat)).cloned()
    }
}

/// The regular files in a directory.
fn files<F: LogFs>(fs: &F, directory: &Path) -> Vec<(PathBuf, Stat)> {
    let names = fs.list(directory).unwrap_or_default();
    let files = names.into_iter().filter(|name| name.kind == Kind::File);
    files
        .filter_map(|name| {
            let stat = fs.stat(&name.path).ok()?;
            Some((name.path, stat))
        })
        .collect()
}

fn holds<F: LogFs>(fs: &F, path: &Path, entry: &Entry) -> Option<bool> {
    let (file, _) = fs.open(path).ok()??;
    guard_holds(fs, &file, entry.offset, entry.guard).ok()
}

/// Where a position is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The first byte.
    Beginning,
    /// The end of the file as it is now.
    End,
    /// So many bytes from the beginning.
    Offset(u64),
}

/// Why a position is not set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResetError {
    /// There is no file to be right about.
    #[error("{} is gone; nothing is left to set its position in", .0.display())]
    Gone(PathBuf),
    /// The file ends before that.
    #[error("{} has {size} bytes, fewer than {offset}", path.display())]
    Beyond {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// What was asked for.
        offset: u64,
    },
    /// Half a line would be sent.
    #[error(
        "offset {offset} of {} lies inside a line; give the first byte of one",
        path.display()
    )]
    InsideLine {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        offset: u64,
    },
    /// The file cannot be read.
    #[error("{} cannot be read", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
}

/// The change that sets a position, checked against the file.
///
/// # Errors
/// See [`ResetError`].
pub(crate) fn reset<F: LogFs>(
    fs: &F,
    surveyed: &Surveyed,
    to: Place,
) -> Result<Change, ResetError> {
    let gone = || ResetError::Gone(surveyed.entry.path.clone());
    let path = &surveyed.found.as_ref().ok_or_else(gone)?.path;
    let unreadable = |error| ResetError::Unreadable(path.clone(), error);
    let (file, stat) = fs.open(path).map_err(unreadable)?.ok_or_else(gone)?;
    let size = stat.shape.size;
    let offset = match to {
        Place::Beginning => 0,
        Place::End => size,
        Place::Offset(offset) => offset,
    };
    let path = path.clone();
    if offset > size {
        return Err(ResetError::Beyond { path, size, offset });
    }
    let from = offset.saturating_sub(GUARD_BYTES as u64);
    let length = usize::try_from(offset - from).unwrap_or(GUARD_BYTES);
    let mut before = Vec::with_capacity(length);
    while before.len() < length {
        let at = from + before.len() as u64;
        match fs.read_at(&file, &mut before, at) {
            Ok(0) => return Err(ResetError::Beyond { path, size, offset }),
            Ok(_) => {}
            Err(error) => return Err(ResetError::Unreadable(path, error)),
        }
    }
    before.truncate(length);
    if matches!(to, Place::Offset(_)) && before.last().is_some_and(|last| *last != b'\n') {
        return Err(ResetError::InsideLine { path, offset });
    }
    let entry = Entry {
        offset,
        guard: Guard::of(&before),
        parked: false,
        ..surveyed.entry.clone()
    };
    Ok(Change::Open(surveyed.id, entry))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Ledger;
    use crate::fs::HostFs;

    struct Known {
        directory: tempfile::TempDir,
        snapshot: Snapshot,
    }

    /// A file of three lines, delivered up to the second.
    fn known() -> Known {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.log");
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        let identity = HostFs.stat(&path).unwrap().identity;
        let ledger = Ledger::new(Snapshot::default());
        ledger.open(identity, &path, 4, Guard::of(b"one\n"));
        let mut snapshot = Snapshot::default();
        let changes = ledger.take_changes();
        for change in &changes {
            snapshot.apply(change);
        }
        Known {
            directory,
            snapshot,
        }
    }

    impl Known {
        fn path(&self) -> PathBuf {
            self.directory.path().join("app.log")
        }

        fn one(&self) -> Surveyed {
            survey(&HostFs, &self.snapshot).remove(0)
        }

        fn reset(&self, to: Place) -> Result<(u64, Guard), ResetError> {
            match reset(&HostFs, &self.one(), to)? {
                Change::Open(_, entry) => Ok((entry.offset, entry.guard)),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_position_is_told_with_its_lag_and_whether_its_file_is_still_the_same() {
        let known = known();
        let told = |known: &Known| {
            let one = known.one();
            let holds = one.found.as_ref().and_then(|found| found.guard_holds);
            (one.state(), one.lag_bytes(), holds)
        };
        assert_eq!(told(&known), ("followed", Some(10), Some(true)));
        let renamed = known.directory.path().join("app.log.1");
        std::fs::rename(known.path(), &renamed).unwrap();
        std::fs::write(known.path(), "another\n").unwrap();
        assert_eq!(told(&known), ("followed", Some(10), Some(true)));
        assert_eq!(known.one().found.unwrap().path, renamed);
        std::fs::write(&renamed, "ONE\ntwo\n").unwrap();
        assert_eq!(told(&known), ("followed", None, Some(false)));
        std::fs::remove_file(&renamed).unwrap();
        assert_eq!(told(&known), ("gone", None, None));
    }

    #[test]
    fn a_position_is_only_set_to_the_start_of_a_line_within_the_file() {
        let known = known();
        assert_eq!(
            known.reset(Place::Beginning).unwrap(),
            (0, Guard::default())
        );
        let end = (14, Guard::of(b"one\ntwo\nthree\n"));
        assert_eq!(known.reset(Place::End).unwrap(), end);
        let second = (8, Guard::of(b"one\ntwo\n"));
        assert_eq!(known.reset(Place::Offset(8)).unwrap(), second);
        let refused = |to| known.reset(to).unwrap_err().to_string();
        assert!(refused(Place::Offset(9)).contains("inside a line"));
        assert!(refused(Place::Offset(15)).contains("14 bytes"));
        std::fs::remove_file(known.path()).unwrap();
        assert!(refused(Place::End).contains("is gone"));
    }
}
