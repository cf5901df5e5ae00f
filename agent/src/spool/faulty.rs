//! The machine's file system with a disk that can become full or read-only. Only for tests.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::SpoolFs;
use crate::fs::{HostFs, StateFs};

/// A disk that refuses on demand. Clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shaky {
    full: Arc<AtomicBool>,
    read_only: Arc<AtomicBool>,
}

impl Shaky {
    /// Every append is cut in its middle and fails.
    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// Nothing can be changed.
    pub(crate) fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only, Ordering::Relaxed);
    }

    fn writable(&self) -> io::Result<HostFs> {
        if self.read_only.load(Ordering::Relaxed) {
            return Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        }
        Ok(HostFs)
    }
}

impl StateFs for Shaky {
    type File = File;
    type Lock = File;

    fn lock(&self, path: &Path) -> io::Result<Option<File>> {
        self.writable()?.lock(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        HostFs.read(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        self.writable()?.create(path)
    }

    fn append(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        if self.full.load(Ordering::Relaxed) {
            HostFs.append(file, &bytes[..bytes.len() / 2])?;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.writable()?.append(file, bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        // What a test proves about order needs no real disk to wait for.
        let _ = file;
        self.writable().map(|_| ())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.writable()?.rename(from, to)
    }

    fn sync_directory(&self, _directory: &Path) -> io::Result<()> {
        Ok(())
    }
}

impl SpoolFs for Shaky {
    fn names(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        HostFs.names(directory)
    }

    fn reopen(&self, path: &Path) -> io::Result<File> {
        HostFs.reopen(path)
    }

    fn read_part(&self, file: &File, at: u64, length: usize) -> io::Result<Vec<u8>> {
        HostFs.read_part(file, at, length)
    }

    fn overwrite(&self, file: &File, at: u64, byte: u8) -> io::Result<()> {
        self.writable()?.overwrite(file, at, byte)
    }

    fn shorten(&self, file: &File, length: u64) -> io::Result<()> {
        self.writable()?.shorten(file, length)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.writable()?.remove(path)
    }
}
