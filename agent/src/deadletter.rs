//! Events that CloudWatch Logs refused, kept on this machine with the reason.
//!
//! A refused event is never sent again as it is, but it is not thrown away either: it is one line
//! of JSON in a file that a person can read, list, send again or purge (`plimsoll-agent dlq`). The
//! files are bounded: when one has reached half of the bound it becomes the older one of two, and
//! the older one before it is deleted, counted. Agent and commands take the same lock for each
//! change, and nobody holds it while waiting for anything but the disk.

mod keep;
mod letter;
mod read;
mod retry;

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

pub(crate) use keep::DeadLetters;
pub(crate) use letter::{DeadLetter, Letter};
pub(crate) use read::{Kept, Selection, purge, read, remove};
pub(crate) use retry::{Retried, Sender};

/// The file that is written to, and the one before it, within the state directory.
const NAME: &str = "dead-letters.jsonl";
const OLDER_NAME: &str = "dead-letters.1.jsonl";
/// Where a file is written anew before it takes the place of the old one.
const NEW_NAME: &str = "dead-letters.new";
/// Who changes the files holds this one.
const LOCK_NAME: &str = "dead-letters.lock";
/// All of them.
pub(crate) const FILES: [&str; 4] = [NAME, OLDER_NAME, NEW_NAME, LOCK_NAME];
/// Log lines may hold what is not for everyone.
const FILE_MODE: u32 = 0o600;

/// What is kept in `directory`, in bytes.
pub(crate) fn bytes(directory: &Path) -> u64 {
    let size = |name| std::fs::metadata(directory.join(name)).map_or(0, |file| file.len());
    [NAME, OLDER_NAME].map(size).iter().sum()
}

/// Gives a file that root has made to whom the directory belongs: the agent must be able to use it.
///
/// # Errors
/// Those of `fchown(2)`.
pub(crate) fn give_to_owner(directory: &Path, file: &File) -> io::Result<()> {
    let (owner, is) = (std::fs::metadata(directory)?, file.metadata()?);
    if is.uid() == owner.uid() || is.uid() != 0 {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, Some(owner.uid()), Some(owner.gid()))
}

/// Takes the lock of the dead letters in `directory`, or fails at once: who holds it is done within
/// moments, unless it was stopped in the middle, and then nobody must wait for it.
fn lock(directory: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(directory.join(LOCK_NAME))?;
    give_to_owner(directory, &file)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            "another process is changing the dead letters",
        )),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
