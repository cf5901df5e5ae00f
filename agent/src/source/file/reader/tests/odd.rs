//! The machine's file system with a fault or a gap, for what cannot be brought about otherwise.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::fs::{HostFile, HostFs, LogFs, Name, Stat};

/// What is odd about it. By default nothing is, but that it does not say who writes.
#[derive(Clone, Debug, Default)]
pub(super) struct Odd {
    /// The server has lost all open files.
    pub(super) stale: Arc<AtomicBool>,
    /// This user may open nothing.
    pub(super) forbidden: Arc<AtomicBool>,
    /// Neither births nor handles are known.
    pub(super) plain: bool,
}

impl Odd {
    fn seen(&self, mut stat: Stat) -> Stat {
        if self.plain {
            stat.identity.born = None;
            stat.identity.handle = None;
        }
        stat
    }
}

impl LogFs for Odd {
    type File = HostFile;

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        HostFs.stat(path).map(|stat| self.seen(stat))
    }

    fn open(&self, path: &Path) -> io::Result<Option<(HostFile, Stat)>> {
        if self.forbidden.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let opened = HostFs.open(path)?;
        Ok(opened.map(|(file, stat)| (file, self.seen(stat))))
    }

    fn stat_open(&self, file: &HostFile) -> io::Result<Stat> {
        if self.stale.load(Ordering::Relaxed) {
            return Err(io::Error::from_raw_os_error(libc::ESTALE));
        }
        HostFs.stat_open(file).map(|stat| self.seen(stat))
    }

    fn read_at(&self, file: &HostFile, bytes: &mut Vec<u8>, at: u64) -> io::Result<usize> {
        HostFs.read_at(file, bytes, at)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<Name>> {
        HostFs.list(directory)
    }

    fn is_written(&self, _: &HostFile) -> Option<bool> {
        None
    }

    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        HostFs.resolve(path)
    }
}
