//! The file system as the agent sees it: an argument, so that a test can be one.
//!
//! [`LogFs`] is what the file source needs of the files that it follows, and [`StateFs`] what the
//! checkpoint needs of the state directory. [`HostFs`] is the machine's own; the model test has one
//! that loses what was not synced. Nothing else in the agent opens a log or the checkpoint.

pub(crate) mod access;
pub(crate) mod archive;
mod host_file;
mod remote;

use std::ffi::OsStr;
use std::fmt::Debug;
use std::fs::{DirBuilder, File, FileType, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rustix::buffer::spare_capacity;
use rustix::fs::{AtFlags, FallocateFlags, Mode, OFlags, RawDir};
use rustix::io::Errno;

use crate::source::file::identity::{Identity, Shape};
use crate::sys::{handle, lease};
use archive::{Archive, Damage};
pub(crate) use host_file::HostFile;

/// State is for the agent alone: it names files and their content's check sums.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o750;
/// Room for the names of one system call, as glibc's `readdir(3)` has it.
const NAMES_BYTES: usize = 32 * 1024;

/// The files that are followed.
pub(crate) trait LogFs: Clone + Debug + Send + 'static {
    /// A file that is open for reading.
    type File: Debug + Send;

    /// What the kernel says about the file that `path` leads to, links followed. Nothing is opened.
    /// The handle is only asked for where the time of birth is not known: one call is cheaper than
    /// two, and either tells a used inode number from a new one.
    ///
    /// # Errors
    /// Those of `stat(2)`.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// Opens a regular file for reading. Anything else is `None`: reading from a pipe or a device
    /// could block for ever, so the open itself must not.
    ///
    /// # Errors
    /// Those of `open(2)`.
    fn open(&self, path: &Path) -> io::Result<Option<(Self::File, Stat)>>;

    /// What the kernel says about an open file now, its handle left out.
    ///
    /// # Errors
    /// Those of `fstat(2)`.
    fn stat_open(&self, file: &Self::File) -> io::Result<Stat>;

    /// Appends to `bytes` what the file holds from offset `at` on, at most as much as fits its
    /// capacity, and says how much that was; zero at the end of the file.
    ///
    /// # Errors
    /// Those of `pread(2)`.
    fn read_at(&self, file: &Self::File, bytes: &mut Vec<u8>, at: u64) -> io::Result<usize>;

    /// The names in a directory, in any order.
    ///
    /// # Errors
    /// Those of `opendir(3)` and `readdir(3)`.
    fn list(&self, directory: &Path) -> io::Result<Vec<Name>>;

    /// Whether any process has an open file open for writing; `None` if that cannot be known. It is
    /// for files that nobody is expected to open for writing any more.
    fn is_written(&self, file: &Self::File) -> Option<bool>;

    /// Opens a compressed file to be read as what it was made of, and gives what will tell of
    /// damage that is found on the way. Reading far ahead may need several calls:
    /// [`io::ErrorKind::WouldBlock`] asks for another. `None` if it cannot be read so.
    ///
    /// # Errors
    /// Those of `open(2)`.
    fn open_archive(&self, _path: &Path) -> io::Result<Option<(Self::File, Stat, Damage)>> {
        Ok(None)
    }

    /// Tells the names in a directory with inode and kind as in [`Name`], in any order, until
    /// `tell` says that it has enough. Unlike [`Self::list`] it need not keep them.
    ///
    /// # Errors
    /// Those of `opendir(3)` and `readdir(3)`; some names may have been told.
    fn each_name(
        &self,
        directory: &Path,
        tell: &mut dyn FnMut(&OsStr, u64, Kind) -> bool,
    ) -> io::Result<()> {
        for name in self.list(directory)? {
            let own = name.path.file_name().unwrap_or_default();
            if !tell(own, name.inode, name.kind) {
                break;
            }
        }
        Ok(())
    }

    /// Whether others may change files in a directory without this kernel knowing, so that no
    /// notification comes: see [`remote`].
    fn changes_unseen(&self, _directory: &Path) -> bool {
        false
    }

    /// The same path without links in it.
    ///
    /// # Errors
    /// Those of `realpath(3)`.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(path.to_owned())
    }
}

/// What the kernel says about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Which file it is.
    pub(crate) identity: Identity,
    /// How it looks.
    pub(crate) shape: Shape,
    /// What kind of file it is.
    pub(crate) kind: Kind,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    /// The directory and the name.
    pub(crate) path: PathBuf,
    /// The inode that it leads to, or that of the link itself.
    pub(crate) inode: u64,
    /// What it is; [`Kind::Link`] is not followed.
    pub(crate) kind: Kind,
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// Anything else: a pipe, a socket, a device.
    Other,
}

impl Kind {
    fn of(kind: FileType) -> Self {
        if kind.is_file() {
            Self::File
        } else if kind.is_dir() {
            Self::Directory
        } else if kind.is_symlink() {
            Self::Link
        } else {
            Self::Other
        }
    }

    fn of_raw(kind: rustix::fs::FileType) -> Self {
        match kind {
            rustix::fs::FileType::RegularFile => Self::File,
            rustix::fs::FileType::Directory => Self::Directory,
            rustix::fs::FileType::Symlink => Self::Link,
            _ => Self::Other,
        }
    }
}

/// The state directory.
pub(crate) trait StateFs: Clone + Debug + Send + 'static {
    /// A file that is open for appending.
    type File: Debug + Send;
    /// Holds the directory against other agents until it is dropped.
    type Lock: Debug + Send;

    /// Makes the directory if need be and locks the file `path` in it; `None` if another agent
    /// holds it.
    ///
    /// # Errors
    /// When the directory cannot be made or the file cannot be opened.
    fn lock(&self, path: &Path) -> io::Result<Option<Self::Lock>>;

    /// When a file was last written, in nanoseconds since the epoch; `None` if that is not known.
    fn written(&self, _path: &Path) -> Option<u64> {
        None
    }

    /// The whole content of a file.
    ///
    /// # Errors
    /// Those of `open(2)` and `read(2)`.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Makes an empty file, or empties the one that is there, for this user alone.
    ///
    /// # Errors
    /// Those of `open(2)`.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Writes all of `bytes` at the end. After an error, a part of them may have been written.
    ///
    /// # Errors
    /// Those of `write(2)`; above all a full disk.
    fn append(&self, file: &mut Self::File, bytes: &[u8]) -> io::Result<()>;

    /// Asks for room for `bytes` more at the end, without making the file longer, so that writing
    /// them cannot fail for want of it. A file system that cannot promise it promises nothing.
    ///
    /// # Errors
    /// Those of `fallocate(2)`; above all a full disk.
    fn reserve(&self, _file: &Self::File, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    /// Waits until the file's content is on the disk. Its name may not be: see
    /// [`Self::sync_directory`].
    ///
    /// # Errors
    /// Those of `fdatasync(2)`.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// Gives a file another name, replacing what had it.
    ///
    /// # Errors
    /// Those of `rename(2)`.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Waits until the names in a directory are on the disk.
    ///
    /// # Errors
    /// Those of `fsync(2)`.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
}

/// The machine's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HostFs;

impl LogFs for HostFs {
    type File = HostFile;

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let mut stat = Stat::of(&std::fs::metadata(path)?);
        if stat.identity.born.is_none() && stat.kind == Kind::File {
            stat.identity.handle = handle::of_path(path);
        }
        Ok(stat)
    }

    fn open(&self, path: &Path) -> io::Result<Option<(HostFile, Stat)>> {
        let file = open(path)?;
        let mut stat = Stat::of(&file.metadata()?);
        if stat.kind != Kind::File {
            return Ok(None);
        }
        stat.identity.handle = handle::of_file(&file);
        Ok(Some((HostFile::Plain(file), stat)))
    }

    fn stat_open(&self, file: &HostFile) -> io::Result<Stat> {
        match file {
            HostFile::Plain(file) => Ok(Stat::of(&file.metadata()?)),
            HostFile::Archive(archive) => Ok(archive.stat()),
        }
    }

    fn read_at(&self, file: &HostFile, bytes: &mut Vec<u8>, at: u64) -> io::Result<usize> {
        let file = match file {
            HostFile::Plain(file) => file,
            HostFile::Archive(archive) => return archive.read_at(bytes, at),
        };
        loop {
            match rustix::io::pread(file, spare_capacity(bytes), at) {
                Err(Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Name>> {
        let mut names = Vec::new();
        self.each_name(directory, &mut |name, inode, kind| {
            let path = directory.join(name);
            names.push(Name { path, inode, kind });
            true
        })?;
        Ok(names)
    }

    fn each_name(
        &self,
        directory: &Path,
        tell: &mut dyn FnMut(&OsStr, u64, Kind) -> bool,
    ) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::DIRECTORY;
        let open = rustix::fs::open(directory, flags, Mode::empty())?;
        let mut space = Vec::with_capacity(NAMES_BYTES);
        let mut entries = RawDir::new(&open, space.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not say. What went away meanwhile is nothing to follow.
                rustix::fs::FileType::Unknown => {
                    let flags = AtFlags::SYMLINK_NOFOLLOW;
                    rustix::fs::statat(&open, name, flags).map_or(Kind::Other, |stat| {
                        Kind::of_raw(rustix::fs::FileType::from_raw_mode(stat.st_mode))
                    })
                }
                known => Kind::of_raw(known),
            };
            if !tell(OsStr::from_bytes(name.to_bytes()), entry.ino(), kind) {
                break;
            }
        }
        Ok(())
    }

    fn changes_unseen(&self, directory: &Path) -> bool {
        remote::changes_unseen(directory)
    }

    fn is_written(&self, file: &HostFile) -> Option<bool> {
        match file {
            HostFile::Plain(file) => lease::is_written(file),
            HostFile::Archive(_) => Some(false),
        }
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        std::fs::canonicalize(path)
    }

    fn open_archive(&self, path: &Path) -> io::Result<Option<(HostFile, Stat, Damage)>> {
        let file = open(path)?;
        let stat = Stat::of(&file.metadata()?);
        if stat.kind != Kind::File {
            return Ok(None);
        }
        let archive = Archive::new(file, stat);
        let damage = archive.damage();
        Ok(Some((HostFile::Archive(Box::new(archive)), stat, damage)))
    }
}

/// Opens for reading without waiting for anything, which a pipe or a device could make one do.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    Ok(File::from(rustix::fs::open(path, flags, Mode::empty())?))
}

impl Stat {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            identity: Identity::of(metadata),
            shape: Shape {
                size: metadata.size(),
                written: i128::from(metadata.mtime()) * 1_000_000_000
                    + i128::from(metadata.mtime_nsec()),
                unlinked: metadata.nlink() == 0,
            },
            kind: Kind::of(metadata.file_type()),
        }
    }
}

impl StateFs for HostFs {
    type File = File;
    type Lock = File;

    fn lock(&self, path: &Path) -> io::Result<Option<File>> {
        if let Some(directory) = path.parent() {
            DirBuilder::new()
                .recursive(true)
                .mode(DIRECTORY_MODE)
                .create(directory)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn written(&self, path: &Path) -> Option<u64> {
        let written = std::fs::metadata(path).ok()?.modified().ok()?;
        let age = written.duration_since(UNIX_EPOCH).ok()?;
        u64::try_from(age.as_nanos()).ok()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(FILE_MODE)
            .open(path)
    }

    fn append(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn reserve(&self, file: &File, bytes: u64) -> io::Result<()> {
        let end = file.metadata()?.len();
        match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, end, bytes) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            other => Ok(other?),
        }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_regular_file_is_not_opened() {
        let directory = tempfile::tempdir().unwrap();
        assert!(HostFs.open(directory.path()).unwrap().is_none());
        assert!(HostFs.open(Path::new("/dev/null")).unwrap().is_none());
    }
}
