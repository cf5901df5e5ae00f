//! What is asked of the ledger by people: where each file's lines go, and since when they wait.
//!
//! A mark is kept for each turn of reading that is not settled yet: up to where the file was read,
//! and when. It decides nothing; positions do not know of it.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use tokio::time::Instant;

use super::Ledger;
use crate::checkpoint::{Cursor, Entry};
use crate::record::{FileId, Stream};

/// Marks of one file. Beyond it the last one grows, so that lines seem older than they are by at
/// most the time that the file has been behind; 16 bytes each, and only while lines wait.
const MARKS_MAX: usize = 64;

/// Lines of one file that were read and are not settled.
#[derive(Debug, Default)]
pub(super) struct Unsettled {
    /// Where they go. The ledger keeps no stream alive.
    stream: Weak<Stream>,
    /// Up to which offset was read, and when; the oldest in front.
    marks: VecDeque<(u64, Instant)>,
}

impl Unsettled {
    fn read(&mut self, to: u64, now: Instant) {
        let is_full = self.marks.len() >= MARKS_MAX;
        match self.marks.back_mut() {
            Some(last) if is_full || last.0 >= to => last.0 = last.0.max(to),
            _ => self.marks.push_back((to, now)),
        }
    }

    /// Everything before this offset is settled.
    pub(super) fn settled(&mut self, position: u64) {
        while self.marks.front().is_some_and(|(to, _)| *to <= position) {
            self.marks.pop_front();
        }
        if self.marks.is_empty() {
            self.marks.shrink_to(0);
        }
    }
}

/// A file as people are told of it.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    /// What is known about it.
    pub(crate) entry: Entry,
    /// Where its lines go; `None` for one that this process has not followed.
    pub(crate) stream: Option<Arc<Stream>>,
    /// When the oldest line was read that is not settled; `None` if there is none.
    pub(crate) oldest: Option<Instant>,
}

impl Followed {
    /// Whether calls for its stream keep failing.
    pub(crate) fn is_stuck(&self) -> bool {
        let stream = self.stream.as_ref();
        stream.is_some_and(|stream| stream.stuck.load(Ordering::Relaxed))
    }
}

/// A target of the journal as people are told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FollowedJournal {
    /// The target.
    pub(crate) key: u64,
    /// Up to where it is delivered.
    pub(crate) position: Option<Cursor>,
    /// When entries that wait for an answer were received, in microseconds since the epoch: the
    /// oldest of them at this time or before; `None` if nothing waits.
    pub(crate) waits_us: Option<u64>,
}

impl Ledger {
    /// The lines of a file go to `stream` from now on.
    pub(crate) fn sends_to(&self, id: FileId, stream: &Arc<Stream>) {
        if let Some(progress) = self.state().files.get_mut(&id) {
            progress.unsettled.stream = Arc::downgrade(stream);
        }
    }

    /// A file was read up to `to`, which is told before anything of it can be acknowledged.
    pub(crate) fn read(&self, id: FileId, to: u64, stream: &Arc<Stream>, now: Instant) {
        if let Some(progress) = self.state().files.get_mut(&id) {
            progress.unsettled.stream = Arc::downgrade(stream);
            progress.unsettled.read(to, now);
        }
    }

    /// All files but those that were finished, oldest first.
    pub(crate) fn followed(&self) -> Vec<Followed> {
        let state = self.state();
        let files = state.files.values().filter(|file| !file.entry.parked);
        let told = files.map(|file| Followed {
            entry: file.entry.clone(),
            stream: file.unsettled.stream.upgrade(),
            oldest: file.unsettled.marks.front().map(|(_, at)| *at),
        });
        told.collect()
    }

    /// All targets of the journal that are read.
    pub(crate) fn followed_journals(&self) -> Vec<FollowedJournal> {
        let state = self.state();
        let told = state
            .cursors
            .followed()
            .map(|(key, position, waits_us)| FollowedJournal {
                key,
                position: position.cloned(),
                waits_us,
            });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::Snapshot;
    use crate::record::Guard;
    use crate::source::file::identity::Identity;
    use std::path::Path;
    use std::time::Duration;

    fn stream() -> Arc<Stream> {
        let group = plimsoll_aws::LogGroup {
            name: "g".to_owned(),
            ..plimsoll_aws::LogGroup::default()
        };
        Arc::new(Stream::new(1, group, "s"))
    }

    fn ledger() -> (Ledger, FileId) {
        let ledger = Ledger::new(Snapshot::default());
        let identity = Identity {
            device: 1,
            inode: 1,
            born: None,
            handle: None,
        };
        let id = ledger.open(identity, Path::new("/a"), 0, Guard::default());
        (ledger, id)
    }

    #[test]
    fn a_file_is_as_late_as_the_oldest_turn_of_it_that_is_not_settled() {
        let (ledger, id) = ledger();
        let (stream, start) = (stream(), Instant::now());
        let second = Duration::from_secs(1);
        let oldest = || ledger.followed()[0].oldest.map(|at| at - start);
        assert_eq!(oldest(), None);
        for turn in 1..=3_u32 {
            ledger.read(id, u64::from(turn) * 10, &stream, start + second * turn);
        }
        ledger.acknowledge(id, 10, 20, Guard::default());
        assert_eq!(oldest(), Some(second), "what is settled beyond a gap");
        ledger.acknowledge(id, 0, 10, Guard::default());
        assert_eq!(oldest(), Some(second * 3));
        ledger.acknowledge(id, 20, 25, Guard::default());
        assert_eq!(oldest(), Some(second * 3), "half of a turn");
        ledger.acknowledge(id, 25, 30, Guard::default());
        assert_eq!(oldest(), None);
    }

    #[test]
    fn beyond_the_bound_lines_are_told_as_older_than_they_are_never_as_younger() {
        let (ledger, id) = ledger();
        let (stream, start) = (stream(), Instant::now());
        for turn in 1..=1000 {
            ledger.read(id, turn, &stream, start + Duration::from_secs(turn));
        }
        let marks = ledger.state().files[&id].unsettled.marks.len();
        assert_eq!(marks, MARKS_MAX);
        ledger.acknowledge(id, 0, 999, Guard::default());
        let oldest = ledger.followed()[0].oldest.map(|at| at - start);
        assert_eq!(oldest, Some(Duration::from_secs(MARKS_MAX as u64)));
    }

    #[test]
    fn the_ledger_keeps_no_stream_alive() {
        let (ledger, id) = ledger();
        let stream = stream();
        ledger.sends_to(id, &stream);
        assert_eq!(Arc::strong_count(&stream), 1);
        assert_eq!(
            &*ledger.followed()[0].stream.as_ref().unwrap().group_name,
            "g"
        );
        drop(stream);
        assert!(ledger.followed()[0].stream.is_none());
    }
}
