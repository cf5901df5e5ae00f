//! The journal as the source sees it: an argument, so that a test can be one.
//!
//! An open journal stands at one entry, or before the first one, and moves by one. It shows only
//! what its selection lets through. It must stay with the thread that opened it.

use std::io;
use std::os::fd::OwnedFd;

use crate::source::journald::matches::Step;

/// Opens journals.
pub(crate) trait Journals: 'static {
    /// An open journal.
    type Journal: Journal;

    /// Opens this machine's journal; what is not selected does not exist in it. No steps select
    /// everything.
    ///
    /// # Errors
    /// When there is none, or it may not be read.
    fn open(&mut self, selection: &[Step]) -> Result<Self::Journal, Unavailable>;

    /// The boot that runs now.
    ///
    /// # Errors
    /// When the kernel does not tell.
    fn boot(&self) -> Result<u128, Unavailable>;
}

/// Where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seek<'c> {
    /// Before the oldest entry.
    Head,
    /// Behind the newest entry.
    Tail,
    /// To this entry, or if it is not there, to the first one after it.
    Cursor(&'c str),
    /// To the first entry that was received at or after this time, in microseconds since the
    /// epoch.
    Realtime(u64),
}

/// An open journal. All methods fail with what the library says; a file that is damaged is left
/// out by the library itself.
pub(crate) trait Journal {
    /// What becomes readable when something was written; `None` if nobody tells.
    fn hints(&mut self) -> io::Result<Option<OwnedFd>>;

    /// Takes what the hints tell, and says whether files came or went.
    fn files_changed(&mut self) -> io::Result<bool>;

    /// Goes somewhere; the entry there is reached by the next move.
    fn seek(&mut self, to: Seek<'_>) -> io::Result<()>;

    /// Moves to the next entry; false if there is none now.
    fn forward(&mut self) -> io::Result<bool>;

    /// Moves to the entry before; false if there is none.
    fn back(&mut self) -> io::Result<bool>;

    /// Whether the entry is the one that `cursor` names.
    fn is_at(&mut self, cursor: &str) -> io::Result<bool>;

    /// The name of the entry.
    fn cursor(&mut self) -> io::Result<String>;

    /// When the entry was received, in microseconds since the epoch.
    fn realtime_us(&mut self) -> io::Result<u64>;

    /// Gives each field of the entry as `NAME=value`, in any order; a name may come several times.
    fn fields(&mut self, each: &mut dyn FnMut(&[u8])) -> io::Result<()>;
}

/// Why there is no journal to read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Unavailable {
    /// What it is counted as.
    pub(crate) reason: &'static str,
    /// What is wrong and what to do about it.
    pub(crate) why: String,
}
