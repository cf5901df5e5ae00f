//! What the spool needs of a file system besides what the checkpoint does.
//!
//! A trait of its own, so that a test can have a disk that is full, read-only or torn.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::fs::{HostFs, StateFs};

/// The directory of the spool.
pub(crate) trait SpoolFs: StateFs + Sync {
    /// The names in a directory, in any order.
    ///
    /// # Errors
    /// Those of `opendir(3)` and `readdir(3)`.
    fn names(&self, directory: &Path) -> io::Result<Vec<OsString>>;

    /// Opens a file that exists, to read and overwrite parts of it.
    ///
    /// # Errors
    /// Those of `open(2)`.
    fn reopen(&self, path: &Path) -> io::Result<Self::File>;

    /// Reads `length` bytes from offset `at` on.
    ///
    /// # Errors
    /// Those of `pread(2)`; also when the file ends before.
    fn read_part(&self, file: &Self::File, at: u64, length: usize) -> io::Result<Vec<u8>>;

    /// Overwrites one byte that exists, which no disk does by halves.
    ///
    /// # Errors
    /// Those of `pwrite(2)`.
    fn overwrite(&self, file: &Self::File, at: u64, byte: u8) -> io::Result<()>;

    /// Cuts a file to `length` bytes.
    ///
    /// # Errors
    /// Those of `ftruncate(2)`.
    fn shorten(&self, file: &Self::File, length: u64) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Those of `unlink(2)`.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

impl SpoolFs for HostFs {
    fn names(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        std::fs::read_dir(directory)?
            .map(|entry| Ok(entry?.file_name()))
            .collect()
    }

    fn reopen(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).open(path)
    }

    fn read_part(&self, file: &File, at: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, at)?;
        Ok(bytes)
    }

    fn overwrite(&self, file: &File, at: u64, byte: u8) -> io::Result<()> {
        file.write_all_at(&[byte], at)
    }

    fn shorten(&self, file: &File, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }
}
