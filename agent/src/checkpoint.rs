//! Positions that survive a crash: how far each file has been delivered.
//!
//! A position moves only when everything before it was accepted or set aside. The [`Ledger`] keeps
//! positions in memory while answers arrive in any order; about once a second what changed is
//! appended to a log on disk by the [`Store`]. So a crash costs at most a second of duplicates and
//! never a line. Nothing here reads a log file or knows a sink.

mod codec;
mod cursors;
mod ledger;
mod store;
mod survey;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use codec::read_anything;
pub(crate) use cursors::Cursor;
pub(crate) use ledger::{Followed, FollowedJournal, Ledger, Resumed, directory};
pub(crate) use store::{FILES, LOCK_NAME, Store, StoreError};
pub(crate) use survey::{Finder, Place, Surveyed, reset, survey};

use plimsoll_core::logging::message;

use crate::fs::{HostFs, StateFs};
use crate::health::Health;
use crate::record::{FileId, Guard};
use crate::source::file::identity::{Head, Identity};

/// The longest time between an answer and its position on disk.
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
/// How soon a commit that failed is tried again when nothing else happens.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);
/// Files that are remembered although they are no longer followed (rotated ones that still
/// exist). About 200 bytes each; beyond this the oldest are forgotten.
const PARKED_MAX: usize = 1024;

/// What is known about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What the kernel says it is.
    pub(crate) identity: Identity,
    /// How it begins, as far as it was read.
    pub(crate) head: Head,
    /// Its path when it was first opened.
    pub(crate) path: PathBuf,
    /// Everything before this offset was delivered.
    pub(crate) offset: u64,
    /// The guard of `offset`.
    pub(crate) guard: Guard,
    /// It was read to its end after a rotation; nobody looks for it any more.
    pub(crate) parked: bool,
}

/// One change, as it is written to disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A file is followed from here on.
    Open(FileId, Entry),
    /// A file was delivered up to here.
    Moved(FileId, u64, Guard),
    /// A rotated file was finished.
    Parked(FileId),
    /// A file is gone.
    Forgotten(FileId),
    /// The files of this target that existed at the first start are known.
    Started(u64),
    /// A target of the journal was delivered up to here.
    Cursor(u64, Cursor),
}

/// Everything that the disk knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Files by incarnation, oldest first.
    pub(crate) files: BTreeMap<FileId, Entry>,
    /// Targets that were looked through once.
    pub(crate) targets: BTreeSet<u64>,
    /// Positions in journals, by target.
    pub(crate) cursors: BTreeMap<u64, Cursor>,
}

impl Snapshot {
    /// Makes one change.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Open(id, entry) => {
                self.files.insert(*id, entry.clone());
            }
            Change::Moved(id, offset, guard) => {
                if let Some(entry) = self.files.get_mut(id) {
                    entry.offset = *offset;
                    entry.guard = *guard;
                }
            }
            Change::Parked(id) => {
                if let Some(entry) = self.files.get_mut(id) {
                    entry.parked = true;
                }
            }
            Change::Forgotten(id) => {
                self.files.remove(id);
            }
            Change::Started(target) => {
                self.targets.insert(*target);
            }
            Change::Cursor(target, cursor) => {
                self.cursors.insert(*target, cursor.clone());
                if self.cursors.len() > cursors::CURSORS_MAX {
                    let oldest = self.cursors.iter().min_by_key(|(_, at)| at.realtime_us);
                    if let Some(target) = oldest.map(|(target, _)| *target) {
                        self.cursors.remove(&target);
                    }
                }
            }
        }
    }

    /// The changes that lead from nothing to here, for a compact log.
    fn changes(&self) -> impl Iterator<Item = Change> {
        let targets = self.targets.iter().map(|target| Change::Started(*target));
        let files = self.files.iter().flat_map(|(id, entry)| {
            let open = Change::Open(*id, entry.clone());
            std::iter::once(open).chain(entry.parked.then_some(Change::Parked(*id)))
        });
        let cursor = |(target, at): (&u64, &Cursor)| Change::Cursor(*target, at.clone());
        targets.chain(files).chain(self.cursors.iter().map(cursor))
    }
}

/// Brings the ledger's changes to disk.
#[derive(Clone, Debug)]
pub(crate) struct Committer<F: StateFs = HostFs> {
    ledger: Arc<Ledger>,
    store: Arc<Mutex<Store<F>>>,
    health: Arc<Health>,
    /// Whether the last commit failed, so that both the trouble and its end are told once.
    failing: Arc<AtomicBool>,
}

impl<F: StateFs> Committer<F> {
    /// Commits from `ledger` to `store`.
    pub(crate) fn new(ledger: Arc<Ledger>, store: Store<F>, health: Arc<Health>) -> Self {
        Self {
            ledger,
            store: Arc::new(Mutex::new(store)),
            health,
            failing: Arc::default(),
        }
    }

    /// Commits whenever something changed, at most once per [`COMMIT_INTERVAL`] unless much was
    /// accepted, and tries again while the disk is full. It sleeps while nothing changes, and never
    /// ends by itself.
    pub(crate) async fn run(self) {
        let mut written = self.store().is_written();
        loop {
            if written {
                self.ledger.changed().await;
                tokio::select! {
                    () = tokio::time::sleep(COMMIT_INTERVAL) => {}
                    () = self.ledger.much_changed() => {}
                }
            } else {
                // Nothing may change any more, and what changed must be written all the same.
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            written = self.commit().await;
        }
    }

    /// Commits now, and says whether everything that was acknowledged before is on disk. If it is
    /// not, a problem was counted, and the next commit writes it all again.
    pub(crate) async fn commit(&self) -> bool {
        let this = self.clone();
        let written = tokio::task::spawn_blocking(move || this.commit_here()).await;
        written.unwrap_or_else(|_| {
            log::error!("the task that writes positions has failed");
            false
        })
    }

    /// [`Self::commit`] on this thread, which waits for the disk.
    pub(crate) fn commit_here(&self) -> bool {
        // The changes are taken under the store's lock, so that two commits keep their order.
        let mut store = self.store();
        let written = store.append(&self.ledger.take_changes());
        self.tell(&written);
        written.is_ok()
    }

    fn tell(&self, written: &io::Result<()>) {
        let failed_before = self.failing.swap(written.is_err(), Ordering::Relaxed);
        match written {
            Err(error) => {
                self.health.problems.add("checkpoint_write", 1);
                if !failed_before {
                    log::error!(
                        message_id = message::AGENT_POSITIONS_UNWRITTEN.id;
                        "positions cannot be written, a restart now would send lines again: \
                         {error}; free space or fix the state directory"
                    );
                }
            }
            Ok(()) if failed_before => log::info!("positions can be written again"),
            Ok(()) => {}
        }
    }

    fn store(&self) -> MutexGuard<'_, Store<F>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
