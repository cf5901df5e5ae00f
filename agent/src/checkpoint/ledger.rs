//! Positions in memory, while answers arrive in any order.
//!
//! Calls to one stream run side by side, so the answer for later bytes may come first. A file's
//! position is the end of what is delivered without a gap; stretches beyond the gap are kept until
//! it closes. There are never more of them than batches in flight.

mod lag;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use lag::Unsettled;
pub(crate) use lag::{Followed, FollowedJournal};

use crate::checkpoint::cursors::Cursors;
use crate::checkpoint::{Change, Cursor, Entry, PARKED_MAX, Snapshot};
use crate::record::{FileId, Guard};
use crate::source::file::identity::{Head, Identity};

/// Bytes that are acknowledged before a commit is worth its `fdatasync` ahead of time: a few
/// batches, so that in a backlog not every one of them waits for the disk.
const COMMIT_BYTES: u64 = 4 * 1024 * 1024;

/// Positions of all files.
#[derive(Debug)]
pub(crate) struct Ledger {
    state: Mutex<State>,
    changed: Notify,
    much_changed: Notify,
    stopped: Option<u64>,
}

/// Where a known file goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resumed {
    /// The incarnation.
    pub(crate) id: FileId,
    /// What is known about it.
    pub(crate) entry: Entry,
}

#[derive(Debug)]
struct State {
    files: BTreeMap<FileId, Progress>,
    targets: BTreeSet<u64>,
    next: u64,
    /// Changes that are not positions, in order.
    journal: Vec<Change>,
    moved: BTreeSet<FileId>,
    cursors: Cursors,
    bytes: u64,
}

#[derive(Debug)]
struct Progress {
    entry: Entry,
    /// Delivered stretches beyond the position: from → to, with the guard of `to`.
    ahead: BTreeMap<u64, (u64, Guard)>,
    /// Where its lines go, and since when they wait.
    unsettled: Unsettled,
}

impl Ledger {
    /// Goes on from what the disk knows.
    #[cfg(test)]
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        Self::resumed(snapshot, None)
    }

    /// Goes on from what the disk knows, after an agent that wrote its last position at `stopped`, in nanoseconds since the
    /// epoch.
    pub(crate) fn resumed(snapshot: Snapshot, stopped: Option<u64>) -> Self {
        let next = snapshot.files.keys().next_back().map_or(1, |id| id.0 + 1);
        let files = snapshot
            .files
            .into_iter()
            .map(|(id, entry)| (id, Progress::new(entry)));
        Self {
            state: Mutex::new(State {
                files: files.collect(),
                targets: snapshot.targets,
                next,
                journal: Vec::new(),
                moved: BTreeSet::new(),
                cursors: Cursors::new(snapshot.cursors),
                bytes: 0,
            }),
            changed: Notify::new(),
            much_changed: Notify::new(),
            stopped,
        }
    }

    /// Follows a file that was not known, delivered up to `offset`.
    pub(crate) fn open(
        &self,
        identity: Identity,
        path: &Path,
        offset: u64,
        guard: Guard,
    ) -> FileId {
        let entry = Entry {
            identity,
            head: Head::default(),
            path: path.to_owned(),
            offset,
            guard,
            parked: false,
        };
        let mut state = self.state();
        let id = FileId(state.next);
        state.next += 1;
        state.insert(id, entry);
        self.changed.notify_one();
        id
    }

    /// When the agent before this one last wrote a position, in nanoseconds since the epoch; `None`
    /// if that is not known.
    pub(crate) fn stopped(&self) -> Option<u64> {
        self.stopped
    }

    /// The paths that known files had when they were first opened, with repetitions.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        let state = self.state();
        let paths = state.files.values().map(|file| file.entry.path.clone());
        paths.collect()
    }

    /// The latest incarnation that may be the file `identity`, if one is known that is not
    /// `taken`.
    pub(crate) fn find(
        &self,
        identity: &Identity,
        taken: impl Fn(FileId) -> bool,
    ) -> Option<Resumed> {
        let state = self.state();
        let mut all = state.files.iter().rev();
        let (id, progress) =
            all.find(|(id, file)| file.entry.identity.could_be(identity) && !taken(**id))?;
        Some(Resumed {
            id: *id,
            entry: progress.entry.clone(),
        })
    }

    /// Follows a known file again, under the identity that it has now. What was acknowledged of it
    /// stays so.
    pub(crate) fn reopen(&self, id: FileId, identity: Identity) {
        let mut state = self.state();
        let Some(progress) = state.files.get_mut(&id) else {
            return;
        };
        let entry = &mut progress.entry;
        if entry.parked || entry.identity != identity {
            entry.parked = false;
            entry.identity = identity;
            let opened = Change::Open(id, entry.clone());
            state.journal.push(opened);
            self.changed.notify_one();
        }
    }

    /// The inode numbers of all files that are known.
    pub(crate) fn inodes(&self) -> HashSet<u64> {
        let state = self.state();
        let files = state.files.values();
        files.map(|file| file.entry.identity.inode).collect()
    }

    /// More of a file's beginning is known.
    pub(crate) fn grow(&self, id: FileId, head: Head) {
        let mut state = self.state();
        let Some(progress) = state.files.get_mut(&id) else {
            return;
        };
        progress.entry.head = head;
        let opened = Change::Open(id, progress.entry.clone());
        state.journal.push(opened);
        self.changed.notify_one();
    }

    /// Files that were followed when the agent last ran and that `claimed` does not know.
    pub(crate) fn unclaimed(&self, claimed: impl Fn(FileId) -> bool) -> Vec<Resumed> {
        let state = self.state();
        let left = state
            .files
            .iter()
            .filter(|(id, progress)| !progress.entry.parked && !claimed(**id));
        left.map(|(id, progress)| Resumed {
            id: *id,
            entry: progress.entry.clone(),
        })
        .collect()
    }

    /// Bytes `from..to` of a file were accepted or set aside; `guard` is that of `to`.
    pub(crate) fn acknowledge(&self, id: FileId, from: u64, to: u64, guard: Guard) {
        let mut state = self.state();
        let Some(progress) = state.files.get_mut(&id) else {
            if state.cursors.acknowledge(id, from, to) {
                self.changed.notify_one();
            }
            return;
        };
        if !progress.acknowledge(from, to, guard) {
            return;
        }
        state.moved.insert(id);
        state.bytes += to.saturating_sub(from);
        self.changed.notify_one();
        if state.bytes >= COMMIT_BYTES {
            self.much_changed.notify_one();
        }
    }

    /// Follows a target of the journal, whose events are numbered from zero on, and gives the
    /// position at which it goes on.
    pub(crate) fn follow_journal(&self, target: u64) -> (FileId, Option<Cursor>) {
        let mut state = self.state();
        let id = FileId(state.next);
        state.next += 1;
        let cursor = state.cursors.follow(id, target);
        (id, cursor)
    }

    /// A journal is delivered up to `cursor` when everything before its event `number` is.
    pub(crate) fn mark(&self, id: FileId, number: u64, cursor: Cursor) {
        if self.state().cursors.mark(id, number, cursor) {
            self.changed.notify_one();
        }
    }

    /// Up to where a file was delivered; `None` if it is not known.
    pub(crate) fn position(&self, id: FileId) -> Option<u64> {
        self.state().files.get(&id).map(|file| file.entry.offset)
    }

    /// A rotated file was finished and still exists.
    pub(crate) fn park(&self, id: FileId) {
        let mut state = self.state();
        if let Some(progress) = state.files.get_mut(&id) {
            progress.entry.parked = true;
            state.journal.push(Change::Parked(id));
        }
        let parked = state.files.iter().filter(|(_, file)| file.entry.parked);
        let parked: Vec<FileId> = parked.map(|(id, _)| *id).collect();
        let surplus = parked.len().saturating_sub(PARKED_MAX);
        for id in parked.into_iter().take(surplus) {
            state.forget(id);
        }
        self.changed.notify_one();
    }

    /// A file is gone, or became another.
    pub(crate) fn forget(&self, id: FileId) {
        self.state().forget(id);
        self.changed.notify_one();
    }

    /// Whether the files of a target that existed at the first start are known.
    pub(crate) fn has_started(&self, target: u64) -> bool {
        self.state().targets.contains(&target)
    }

    /// The files of a target that existed at the first start are known now.
    pub(crate) fn start(&self, target: u64) {
        let mut state = self.state();
        if state.targets.insert(target) {
            state.journal.push(Change::Started(target));
            self.changed.notify_one();
        }
    }

    /// Everything that changed since the last call, in an order in which it can be applied.
    pub(crate) fn take_changes(&self) -> Vec<Change> {
        let mut state = self.state();
        state.bytes = 0;
        let mut changes = std::mem::take(&mut state.journal);
        let moved = std::mem::take(&mut state.moved);
        changes.extend(moved.into_iter().filter_map(|id| {
            let entry = &state.files.get(&id)?.entry;
            Some(Change::Moved(id, entry.offset, entry.guard))
        }));
        changes.extend(state.cursors.take_changes());
        changes
    }

    /// Completes when something changed since it last completed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Completes when more than [`COMMIT_BYTES`] were acknowledged and not taken.
    pub(crate) async fn much_changed(&self) {
        self.much_changed.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn insert(&mut self, id: FileId, entry: Entry) {
        self.journal.push(Change::Open(id, entry.clone()));
        self.files.insert(id, Progress::new(entry));
    }

    fn forget(&mut self, id: FileId) {
        if self.files.remove(&id).is_some() {
            self.moved.remove(&id);
            self.journal.push(Change::Forgotten(id));
        }
    }
}

impl Progress {
    fn new(entry: Entry) -> Self {
        Self {
            entry,
            ahead: BTreeMap::new(),
            unsettled: Unsettled::default(),
        }
    }

    /// Says whether the position moved.
    fn acknowledge(&mut self, from: u64, to: u64, guard: Guard) -> bool {
        // Of several events that were made of one, the last settles its bytes.
        if from == to {
            return false;
        }
        if from != self.entry.offset {
            self.ahead.insert(from, (to, guard));
            return false;
        }
        let mut reached = (to, guard);
        while let Some(next) = self.ahead.remove(&reached.0) {
            reached = next;
        }
        (self.entry.offset, self.entry.guard) = reached;
        self.unsettled.settled(self.entry.offset);
        true
    }
}

/// The directory in which a file may be found under another name.
pub(crate) fn directory(entry: &Entry) -> PathBuf {
    let parent = entry.path.parent();
    parent.unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn identity(inode: u64) -> Identity {
        Identity {
            device: 1,
            inode,
            born: None,
            handle: None,
        }
    }

    fn guard(at: u64) -> Guard {
        Guard::of(&at.to_le_bytes())
    }

    proptest! {
        #[test]
        fn a_position_is_the_end_of_what_is_delivered_without_a_gap(
            lens in proptest::collection::vec(1_u64..50, 1..20),
            order in proptest::collection::vec(any::<u32>(), 20),
        ) {
            let ledger = Ledger::new(Snapshot::default());
            let id = ledger.open(identity(1), Path::new("/a"), 0, Guard::default());
            let mut stretches = Vec::new();
            let mut at = 0;
            for (len, key) in lens.iter().zip(order) {
                stretches.push((key, at, at + len));
                at += len;
            }
            let whole = stretches.clone();
            stretches.sort_unstable();
            let mut done = BTreeSet::new();
            for (_, from, to) in stretches {
                ledger.acknowledge(id, from, to, guard(to));
                done.insert(from);
                let gap = whole.iter().find(|(_, from, _)| !done.contains(from));
                let expected = gap.map_or(at, |(_, from, _)| *from);
                prop_assert_eq!(ledger.position(id), Some(expected));
            }
            let last = ledger.take_changes().pop();
            prop_assert_eq!(last, Some(Change::Moved(id, at, guard(at))));
        }
    }

    #[test]
    fn a_late_answer_for_a_forgotten_file_moves_nothing() {
        let ledger = Ledger::new(Snapshot::default());
        let old = ledger.open(identity(1), Path::new("/a"), 0, Guard::default());
        ledger.forget(old);
        let new = ledger.open(identity(1), Path::new("/a"), 0, Guard::default());
        ledger.acknowledge(old, 0, 10, guard(10));
        assert_eq!(ledger.position(new), Some(0));
        assert_eq!(ledger.find(&identity(1), |_| false).unwrap().id, new);
    }

    #[test]
    fn taken_changes_rebuild_the_ledger() {
        let ledger = Ledger::new(Snapshot::default());
        let mut disk = Snapshot::default();
        let first = ledger.open(identity(1), Path::new("/a"), 5, guard(5));
        let second = ledger.open(identity(2), Path::new("/b"), 0, Guard::default());
        ledger.start(7);
        ledger.acknowledge(first, 5, 9, guard(9));
        ledger
            .take_changes()
            .iter()
            .for_each(|change| disk.apply(change));
        ledger.park(first);
        ledger.acknowledge(second, 0, 3, guard(3));
        ledger
            .take_changes()
            .iter()
            .for_each(|change| disk.apply(change));

        let again = Ledger::new(disk);
        assert!(again.has_started(7));
        assert_eq!(again.position(first), Some(9));
        let left = again.unclaimed(|_| false);
        assert_eq!(left.len(), 1, "a finished file is not looked for");
        assert_eq!((left[0].id, left[0].entry.offset), (second, 3));
        assert!(again.open(identity(3), Path::new("/c"), 0, Guard::default()) > second);
    }

    #[test]
    fn finished_files_are_forgotten_oldest_first_beyond_the_bound() {
        let ledger = Ledger::new(Snapshot::default());
        let ids: Vec<FileId> = (0..=PARKED_MAX as u64)
            .map(|inode| ledger.open(identity(inode), Path::new("/a"), 0, Guard::default()))
            .collect();
        for id in &ids {
            ledger.park(*id);
        }
        assert_eq!(ledger.position(ids[0]), None);
        assert_eq!(ledger.position(ids[1]), Some(0));
    }
}
