//! Which file is this? A path does not say: logs are renamed, replaced and truncated under it.
//!
//! The kernel's device and inode number name a file while it exists. Inode numbers are used again
//! soon after a file is deleted, so the time of birth is part of the identity where the file
//! system keeps one. What identity cannot see, a truncated file that was written anew, the
//! [`Guard`] does: the bytes before our position are no longer those that we read.

use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::UNIX_EPOCH;

use crate::fs::LogFs;
use crate::record::Guard;

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

/// Whether the bytes before `offset` are still those of `guard`.
pub(crate) fn guard_holds<F: LogFs>(
    fs: &F,
    file: &F::File,
    offset: u64,
    guard: Guard,
) -> io::Result<bool> {
    Ok(guard_at(fs, file, offset, usize::from(guard.len))? == Some(guard))
}

/// The guard of `offset` as the file is now, over at most `len` bytes; `None` if the file is
/// shorter.
pub(crate) fn guard_at<F: LogFs>(
    fs: &F,
    file: &F::File,
    offset: u64,
    len: usize,
) -> io::Result<Option<Guard>> {
    let len = usize::try_from(offset).unwrap_or(len).min(len);
    let mut covered = Vec::with_capacity(len);
    let start = offset - len as u64;
    while covered.len() < len {
        let at = start + covered.len() as u64;
        if fs.read_at(file, &mut covered, at)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(Guard::of(covered.get(..len).unwrap_or(&covered))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::HostFs;

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
            let (file, _) = HostFs.open(&path).unwrap().unwrap();
            let guard = Guard::of(b"one\ntwo\n");
            let held = guard_holds(&HostFs, &file, 8, guard).unwrap();
            assert_eq!(held, holds, "{content:?}");
        };
        check("one\ntwo\n", true);
        check("one\ntwo\nthree\n", true);
        check("one\nTWO\nthree\n", false);
        check("one\n", false);
    }
}
