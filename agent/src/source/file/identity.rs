//! Which file is this? A path does not say: logs are renamed, replaced and truncated under it.
//!
//! The kernel's device and inode number name a file while it exists. Inode numbers are used again
//! soon after a file is deleted, so the time of birth is part of the identity where the file
//! system keeps one. What identity cannot see, a truncated file that was written anew, the
//! [`Guard`] does: the bytes before our position are no longer those that we read.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::UNIX_EPOCH;

use rustix::fs::{Mode, OFlags};

use crate::record::{GUARD_BYTES, Guard};

/// What the kernel says a file is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    /// The device. It may differ after a reboot.
    pub(crate) device: u64,
    /// The inode number.
    pub(crate) inode: u64,
    /// Nanoseconds from the epoch to the file's birth, where the file system knows.
    pub(crate) born: Option<u64>,
}

impl Identity {
    /// The identity in `metadata`.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let born = metadata
            .created()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            born: born.and_then(|age| u64::try_from(age.as_nanos()).ok()),
        }
    }

    /// Whether both may be the same file across a restart. Devices get new numbers at a reboot, so
    /// a time of birth to the nanosecond is enough without one.
    pub(crate) fn could_be(&self, other: &Self) -> bool {
        self.inode == other.inode
            && self.born == other.born
            && (self.device == other.device || self.born.is_some())
    }
}

/// What is looked at to see whether a file has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Its length in bytes.
    pub(crate) size: u64,
    /// When it was last written, in nanoseconds; only compared, never interpreted.
    pub(crate) written: i128,
    /// Whether no name leads to it any more.
    pub(crate) unlinked: bool,
}

impl Shape {
    /// The shape of an open file.
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            size: metadata.size(),
            written: i128::from(metadata.mtime()) * 1_000_000_000
                + i128::from(metadata.mtime_nsec()),
            unlinked: metadata.nlink() == 0,
        })
    }
}

/// Opens a regular file for reading. Anything else is `None`: reading from a pipe or a device
/// could block for ever, so the open itself must not.
pub(crate) fn open(path: &Path) -> io::Result<Option<(File, Metadata)>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some((file, metadata)))
}

/// Whether the bytes before `offset` are still those of `guard`.
pub(crate) fn guard_holds(file: &File, offset: u64, guard: Guard) -> io::Result<bool> {
    Ok(guard_at(file, offset, usize::from(guard.len))? == Some(guard))
}

/// The guard of `offset` as the file is now, over at most `len` bytes; `None` if the file is
/// shorter.
pub(crate) fn guard_at(file: &File, offset: u64, len: usize) -> io::Result<Option<Guard>> {
    let mut bytes = [0; GUARD_BYTES];
    let len = usize::try_from(offset).unwrap_or(len).min(len);
    let Some(covered) = bytes.get_mut(..len) else {
        return Ok(None);
    };
    match file.read_exact_at(covered, offset - len as u64) {
        Ok(()) => Ok(Some(Guard::of(covered))),
        Err(short) if short.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_inode_or_another_birth_is_another_file_and_another_device_only_without_birth() {
        let file = Identity {
            device: 1,
            inode: 2,
            born: Some(3),
        };
        assert!(file.could_be(&Identity { device: 9, ..file }));
        assert!(!file.could_be(&Identity { inode: 9, ..file }));
        assert!(!file.could_be(&Identity {
            born: Some(9),
            ..file
        }));
        let old = Identity { born: None, ..file };
        assert!(old.could_be(&old));
        assert!(!old.could_be(&Identity { device: 9, ..old }));
    }

    #[test]
    fn a_guard_holds_until_the_bytes_before_the_position_change_or_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.log");
        let check = |content: &str, holds: bool| {
            std::fs::write(&path, content).unwrap();
            let (file, _) = open(&path).unwrap().unwrap();
            let guard = Guard::of(b"one\ntwo\n");
            assert_eq!(guard_holds(&file, 8, guard).unwrap(), holds, "{content:?}");
        };
        check("one\ntwo\n", true);
        check("one\ntwo\nthree\n", true);
        check("one\nTWO\nthree\n", false);
        check("one\n", false);
    }

    #[test]
    fn what_is_not_a_regular_file_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        assert!(open(directory.path()).unwrap().is_none());
        assert!(open(Path::new("/dev/null")).unwrap().is_none());
    }
}
