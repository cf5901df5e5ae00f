//! A journal in memory that loses its oldest entries when it is told to.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard};

use super::Rounds;
use super::journal::{Journal, Journals, Seek, Unavailable};
use super::matches::{Step, passes};
use super::reader::{Reader, Round};
use tokio::time::Instant;

/// When the first entry was received; each later one a millisecond after the one before.
pub(super) const FIRST_US: u64 = 1_800_000_000_000_000;

/// The journal of a machine; clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct FakeJournals(Arc<Mutex<State>>);

#[derive(Debug, Default)]
pub(super) struct State {
    entries: Vec<Vec<Vec<u8>>>,
    /// Entries before this one are gone.
    pub(super) oldest: usize,
    /// Raised whenever files come or go.
    pub(super) changes: u64,
    pub(super) boot: u128,
    pub(super) down: Option<Unavailable>,
    /// Entries whose fields cannot be read.
    pub(super) broken: BTreeSet<usize>,
    /// Moving onto this entry fails, once.
    pub(super) fails_at: Option<usize>,
    /// How often fields were read.
    pub(super) reads: usize,
}

impl FakeJournals {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(super) fn count(&self) -> u64 {
        self.state().entries.len() as u64
    }

    pub(super) fn write(&self, fields: &[&str]) {
        let mut state = self.state();
        let boot = format!("_BOOT_ID={:032x}", state.boot);
        let fields = fields.iter().copied().chain([boot.as_str()]);
        let fields = fields.map(|field| field.as_bytes().to_vec()).collect();
        state.entries.push(fields);
    }

    /// All entries but the newest `left` are removed.
    pub(super) fn vacuum(&self, left: usize) {
        let mut state = self.state();
        state.oldest = state.oldest.max(state.entries.len().saturating_sub(left));
        state.changes += 1;
    }
}

impl Journals for FakeJournals {
    type Journal = FakeJournal;

    fn open(&mut self, selection: &[Step]) -> Result<FakeJournal, Unavailable> {
        let (down, seen) = {
            let state = self.state();
            (state.down.clone(), state.changes)
        };
        match down {
            Some(why) => Err(why),
            None => Ok(FakeJournal {
                journals: self.clone(),
                selection: selection.to_vec(),
                next: 0,
                current: None,
                seen,
            }),
        }
    }

    fn boot(&self) -> Result<u128, Unavailable> {
        Ok(self.state().boot)
    }
}

#[derive(Debug)]
pub(super) struct FakeJournal {
    journals: FakeJournals,
    selection: Vec<Step>,
    next: usize,
    current: Option<usize>,
    seen: u64,
}

fn name(index: usize) -> String {
    format!("s=5;i={index:x};t=0")
}

impl FakeJournal {
    fn selects(&self, state: &State, index: usize) -> bool {
        let has = |term: &str| state.entries[index].iter().any(|f| f == term.as_bytes());
        passes(&self.selection, &has)
    }

    fn here(&self) -> io::Result<usize> {
        let oldest = self.journals.state().oldest;
        let here = self.current.filter(|index| *index >= oldest);
        here.ok_or_else(|| io::Error::from_raw_os_error(libc::EADDRNOTAVAIL))
    }
}

impl Journal for FakeJournal {
    fn hints(&mut self) -> io::Result<Option<OwnedFd>> {
        Ok(None)
    }

    fn files_changed(&mut self) -> io::Result<bool> {
        let changes = self.journals.state().changes;
        Ok(std::mem::replace(&mut self.seen, changes) != changes)
    }

    fn seek(&mut self, to: Seek<'_>) -> io::Result<()> {
        self.current = None;
        self.next = match to {
            Seek::Head => 0,
            Seek::Tail => self.journals.state().entries.len(),
            Seek::Cursor(cursor) => cursor
                .strip_prefix("s=5;i=")
                .and_then(|rest| usize::from_str_radix(rest.strip_suffix(";t=0")?, 16).ok())
                .ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?,
            Seek::Realtime(micros) => {
                usize::try_from(micros.saturating_sub(FIRST_US).div_ceil(1000)).unwrap()
            }
        };
        Ok(())
    }

    fn forward(&mut self) -> io::Result<bool> {
        let mut state = self.journals.state();
        let range = self.next.max(state.oldest)..state.entries.len();
        let Some(found) = range.into_iter().find(|index| self.selects(&state, *index)) else {
            return Ok(false);
        };
        if state.fails_at == Some(found) {
            state.fails_at = None;
            return Err(io::Error::from_raw_os_error(libc::EBADMSG));
        }
        drop(state);
        (self.current, self.next) = (Some(found), found + 1);
        Ok(true)
    }

    fn back(&mut self) -> io::Result<bool> {
        let state = self.journals.state();
        let range = state.oldest..self.next.max(state.oldest);
        let found = range.rev().find(|index| self.selects(&state, *index));
        drop(state);
        self.current = found;
        Ok(found.is_some())
    }

    fn is_at(&mut self, cursor: &str) -> io::Result<bool> {
        Ok(name(self.here()?) == cursor)
    }

    fn cursor(&mut self) -> io::Result<String> {
        Ok(name(self.here()?))
    }

    fn realtime_us(&mut self) -> io::Result<u64> {
        Ok(FIRST_US + 1000 * self.here()? as u64)
    }

    fn fields(&mut self, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let here = self.here()?;
        let mut state = self.journals.state();
        state.reads += 1;
        if state.broken.contains(&here) {
            return Err(io::Error::from_raw_os_error(libc::EBADMSG));
        }
        state.entries[here].iter().for_each(|field| each(field));
        Ok(())
    }
}

/// Rounds without a thread, for paused time.
impl Rounds for Reader<FakeJournals> {
    async fn round(&mut self, now: Instant) -> Option<Round> {
        Some(Self::round(self, now))
    }
}
