//! Positions that survive a crash: how far each file has been delivered.
//!
//! A position moves only when everything before it was accepted or set aside. The [`Ledger`] keeps
//! positions in memory while answers arrive in any order; about once a second what changed is
//! appended to a log on disk by the [`Store`]. So a crash costs at most a second of duplicates and
//! never a line. Nothing here reads a log file or knows a sink.

mod codec;
mod ledger;
mod store;
mod survey;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(crate) use ledger::{Ledger, Resumed, directory};
pub(crate) use store::{Store, StoreError};
pub(crate) use survey::{Place, Surveyed, reset, survey};

use crate::health::Health;
use crate::record::{FileId, Guard};
use crate::source::file::identity::{Head, Identity};

/// The longest time between an answer and its position on disk.
const COMMIT_INTERVAL: Duration = Duration::from_secs(1);
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
}

/// Everything that the disk knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Files by incarnation, oldest first.
    pub(crate) files: BTreeMap<FileId, Entry>,
    /// Targets that were looked through once.
    pub(crate) targets: BTreeSet<u64>,
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
        }
    }

    /// The changes that lead from nothing to here, for a compact log.
    fn changes(&self) -> impl Iterator<Item = Change> {
        let targets = self.targets.iter().map(|target| Change::Started(*target));
        let files = self.files.iter().flat_map(|(id, entry)| {
            let open = Change::Open(*id, entry.clone());
            std::iter::once(open).chain(entry.parked.then_some(Change::Parked(*id)))
        });
        targets.chain(files)
    }
}

/// Brings the ledger's changes to disk.
#[derive(Clone, Debug)]
pub(crate) struct Committer {
    ledger: Arc<Ledger>,
    store: Arc<Mutex<Store>>,
    health: Arc<Health>,
}

impl Committer {
    /// Commits from `ledger` to `store`.
    pub(crate) fn new(ledger: Arc<Ledger>, store: Store, health: Arc<Health>) -> Self {
        Self {
            ledger,
            store: Arc::new(Mutex::new(store)),
            health,
        }
    }

    /// Commits whenever something changed, at most once per [`COMMIT_INTERVAL`] unless much was
    /// accepted. It sleeps while nothing changes, and never ends by itself.
    pub(crate) async fn run(self) {
        loop {
            self.ledger.changed().await;
            tokio::select! {
                () = tokio::time::sleep(COMMIT_INTERVAL) => {}
                () = self.ledger.much_changed() => {}
            }
            self.commit().await;
        }
    }

    /// Commits now. When it returns, everything that was acknowledged before is on disk, or a
    /// problem was counted and the next commit writes it all again.
    pub(crate) async fn commit(&self) {
        let Self {
            ledger,
            store,
            health,
        } = self.clone();
        let write = move || {
            // The changes are taken under the store's lock, so that two commits keep their order.
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            let changes = ledger.take_changes();
            match store.append(&changes) {
                Ok(()) => {}
                Err(error) => {
                    if health.problems.add("checkpoint_write", 1) {
                        log::error!(
                            "positions cannot be written, a restart now would send lines again: \
                             {error}; free space or fix the state directory"
                        );
                    }
                }
            }
        };
        if tokio::task::spawn_blocking(write).await.is_err() {
            log::error!("the task that writes positions has failed");
        }
    }
}
