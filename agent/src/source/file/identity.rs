//! Which file is this? A path does not say: logs are renamed, replaced and truncated under it.
//!
//! The kernel's device and inode number name a file while it exists. Inode numbers are used again
//! soon after a file is deleted, so two more things are part of the identity where they are known:
//! the time of birth, and the file handle, which holds the number's generation
//! (docs/adr/0013). What identity cannot see, a truncated file that was written anew, the
//! [`Guard`] does: the bytes before our position are no longer those that we read. And that another
//! inode is a copy of a known file, the [`Head`] does: how the file begins.

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
    /// The digest of the file's handle, where the file system has one and it was asked for.
    pub(crate) handle: Option<u64>,
}

impl Identity {
    /// The identity in `metadata`, without a handle.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let born = metadata
            .created()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            born: born.and_then(|age| u64::try_from(age.as_nanos()).ok()),
            handle: None,
        }
    }

    /// Device and inode number: unique among files that exist at the same time.
    pub(crate) fn number(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// Whether both are the same file, as far as is known of both.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.number() == other.number() && self.is_as_old_as(other)
    }

    /// Whether both may be the same file across a restart. Devices get new numbers at a reboot, so
    /// a time of birth to the nanosecond, or a generation, is enough without one.
    pub(crate) fn could_be(&self, other: &Self) -> bool {
        let both = |of: fn(&Self) -> Option<u64>| of(self).is_some() && of(other).is_some();
        self.inode == other.inode
            && self.is_as_old_as(other)
            && (self.device == other.device || both(|one| one.born) || both(|one| one.handle))
    }

    fn is_as_old_as(&self, other: &Self) -> bool {
        let agree = |of: fn(&Self) -> Option<u64>| match (of(self), of(other)) {
            (Some(one), Some(another)) => one == another,
            _ => true,
        };
        agree(|one| one.born) && agree(|one| one.handle)
    }
}

/// How a file begins: a check sum over its first bytes, of as many as there were when it was
/// taken. It tells a copy of a file from another file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// CRC-32 (IEEE) of the bytes.
    pub(crate) crc: u32,
    /// How many bytes it covers, at most [`HEAD_BYTES`].
    pub(crate) len: u16,
}

/// What a [`Head`] covers at most: a few lines, which bear times, names or numbers.
pub(crate) const HEAD_BYTES: u16 = 256;

impl Head {
    /// The head of an open file over at most `len` bytes; shorter if the file is.
    pub(crate) fn read<F: LogFs>(fs: &F, file: &F::File, len: u16) -> io::Result<Self> {
        let len = usize::from(len.min(HEAD_BYTES));
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = bytes.len() as u64;
            if fs.read_at(file, &mut bytes, at)? == 0 {
                break;
            }
        }
        bytes.truncate(len);
        Ok(Self {
            crc: crc32fast::hash(&bytes),
            len: u16::try_from(bytes.len()).unwrap_or(HEAD_BYTES),
        })
    }

    /// Whether an open file begins like this.
    pub(crate) fn holds<F: LogFs>(self, fs: &F, file: &F::File) -> io::Result<bool> {
        Ok(Self::read(fs, file, self.len)? == self)
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
            handle: None,
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
    fn an_inode_that_is_used_again_is_another_file_by_its_birth_or_its_handle() {
        let file = Identity {
            device: 1,
            inode: 2,
            born: None,
            handle: Some(4),
        };
        assert!(file.is(&file) && file.could_be(&Identity { device: 9, ..file }));
        for again in [
            Identity {
                handle: Some(9),
                ..file
            },
            Identity { inode: 9, ..file },
        ] {
            assert!(!file.is(&again) && !file.could_be(&again), "{again:?}");
        }
        let born = Identity {
            born: Some(3),
            ..file
        };
        let unasked = Identity {
            handle: None,
            ..born
        };
        assert!(
            born.is(&unasked),
            "what is not known of both does not count"
        );
        assert!(!born.is(&Identity {
            born: Some(9),
            ..unasked
        }));
        assert!(
            !file.is(&Identity { device: 9, ..file }),
            "nothing reboots while it runs"
        );
    }

    #[test]
    fn a_copy_begins_like_its_original_also_when_that_has_grown() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.log");
        let check = |head: Head, content: &str, holds: bool| {
            std::fs::write(&path, content).unwrap();
            let (file, _) = HostFs.open(&path).unwrap().unwrap();
            assert_eq!(head.holds(&HostFs, &file).unwrap(), holds, "{content:?}");
            Head::read(&HostFs, &file, HEAD_BYTES).unwrap()
        };
        let head = check(Head::default(), "one\ntwo\n", true);
        assert_eq!(head.len, 8);
        check(head, "one\ntwo\nthree\n", true);
        check(head, "one\n", false);
        let long = check(head, &format!("one\ntwo\n{}", "x".repeat(500)), true);
        assert_eq!(long.len, HEAD_BYTES);
        check(long, &format!("one\ntwo\n{}", "x".repeat(300)), true);
        check(long, &format!("one\ntwo\n{}y", "x".repeat(100)), false);
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
