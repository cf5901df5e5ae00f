//! How far journals have been delivered.
//!
//! A journal has no offsets: its position is a cursor, a text that only the journal understands.
//! So its events are numbered while they are read, and some numbers carry a mark: the cursor of
//! the last entry before them. Answers settle numbers in any order; when everything before a mark
//! is delivered, its cursor is the position. A mark at a number that was reached already, for
//! entries that nobody wants, is the position at once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::checkpoint::Change;
use crate::record::FileId;

/// Marks of one journal that wait for answers. Beyond it every second one is dropped, which makes
/// the steps of the position coarser and loses nothing; 1,024 marks are about 200 KiB.
const MARKS_MAX: usize = 1024;
/// Cursors that are remembered; one of about 200 bytes for each target that was ever configured.
/// Beyond it the one that has not moved for the longest time is forgotten.
pub(super) const CURSORS_MAX: usize = 256;

/// A place in a journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The boot in which it was read, so that another boot can be told.
    pub(crate) boot: u128,
    /// When the entry at this place was received, in microseconds since the epoch.
    pub(crate) realtime_us: u64,
    /// What the journal calls it; empty if there was no entry yet.
    pub(crate) text: String,
}

/// Positions in all journals.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    /// By target.
    known: BTreeMap<u64, Cursor>,
    journals: BTreeMap<FileId, Progress>,
    moved: BTreeSet<u64>,
}

#[derive(Debug)]
struct Progress {
    key: u64,
    /// Everything before this number is delivered.
    position: u64,
    /// Delivered stretches beyond it: from → to.
    ahead: BTreeMap<u64, u64>,
    /// Cursors by the number that must be reached.
    marks: VecDeque<(u64, Cursor)>,
}

impl Cursors {
    /// Goes on from what the disk knows.
    pub(super) fn new(known: BTreeMap<u64, Cursor>) -> Self {
        Self {
            known,
            ..Self::default()
        }
    }

    /// Numbers the events of a target from zero on, under the name `id`, and gives its position.
    /// Answers for what was read under an earlier name of the same target move nothing any more.
    pub(super) fn follow(&mut self, id: FileId, key: u64) -> Option<Cursor> {
        self.journals.retain(|_, progress| progress.key != key);
        let progress = Progress {
            key,
            position: 0,
            ahead: BTreeMap::new(),
            marks: VecDeque::new(),
        };
        self.journals.insert(id, progress);
        self.known.get(&key).cloned()
    }

    /// When everything before event `number` is delivered, `cursor` is the position. Numbers of a
    /// journal never go back. Says whether the position moved.
    pub(super) fn mark(&mut self, id: FileId, number: u64, cursor: Cursor) -> bool {
        let Some(progress) = self.journals.get_mut(&id) else {
            return false;
        };
        if progress
            .marks
            .back()
            .is_some_and(|(last, _)| *last == number)
        {
            progress.marks.pop_back();
        }
        progress.marks.push_back((number, cursor));
        if progress.marks.len() > MARKS_MAX {
            progress.thin();
        }
        self.settle(id)
    }

    /// Events `from..to` were accepted or set aside. Says whether the position moved.
    pub(super) fn acknowledge(&mut self, id: FileId, from: u64, to: u64) -> bool {
        let Some(progress) = self.journals.get_mut(&id) else {
            return false;
        };
        progress.ahead.insert(from, to);
        while let Some(to) = progress.ahead.remove(&progress.position) {
            progress.position = to;
        }
        self.settle(id)
    }

    /// What moved since the last call.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        let moved = std::mem::take(&mut self.moved);
        let cursor = |key: u64| Some(Change::Cursor(key, self.known.get(&key)?.clone()));
        moved.into_iter().filter_map(cursor).collect()
    }

    /// Each journal that is followed: its target, its position, and when the entries were received
    /// up to which the next step of the position goes, if any event waits for an answer.
    pub(super) fn followed(&self) -> impl Iterator<Item = (u64, Option<&Cursor>, Option<u64>)> {
        self.journals.values().map(|progress| {
            let waits = progress.marks.front().map(|(_, cursor)| cursor.realtime_us);
            (progress.key, self.known.get(&progress.key), waits)
        })
    }

    fn settle(&mut self, id: FileId) -> bool {
        let Some(progress) = self.journals.get_mut(&id) else {
            return false;
        };
        let mut reached = None;
        while let Some((number, _)) = progress.marks.front()
            && *number <= progress.position
        {
            reached = progress.marks.pop_front();
        }
        let Some((_, cursor)) = reached else {
            return false;
        };
        self.known.insert(progress.key, cursor);
        self.moved.insert(progress.key);
        true
    }
}

impl Progress {
    /// Drops every second mark, never the last.
    fn thin(&mut self) {
        let last = self.marks.len() - 1;
        let mut index = 0;
        self.marks.retain(|_| {
            index += 1;
            index % 2 == 0 || index > last
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{Ledger, Snapshot};
    use crate::record::Guard;
    use proptest::prelude::*;

    fn cursor(number: u64) -> Cursor {
        Cursor {
            boot: 1,
            realtime_us: number,
            text: format!("i={number}"),
        }
    }

    /// What the disk would know.
    fn on_disk(ledger: &Ledger, disk: &mut Snapshot) -> Option<u64> {
        for change in ledger.take_changes() {
            disk.apply(&change);
        }
        disk.cursors.get(&7).map(|cursor| cursor.realtime_us)
    }

    proptest! {
        #[test]
        fn a_cursor_moves_to_a_mark_only_when_everything_before_it_is_delivered(
            lens in proptest::collection::vec(0_u64..5, 1..20),
            order in proptest::collection::vec(any::<u32>(), 20),
        ) {
            let ledger = Ledger::new(Snapshot::default());
            let mut disk = Snapshot::default();
            let (id, known) = ledger.follow_journal(7);
            prop_assert_eq!(known, None);
            // Each stretch ends at a mark; one of length zero is entries that nobody wants. A
            // cursor says how many stretches it stands behind.
            let mut stretches = Vec::new();
            let mut at = 0;
            for (index, (len, key)) in lens.iter().zip(order).enumerate() {
                let from = at;
                at += len;
                ledger.mark(id, at, cursor(index as u64 + 1));
                if *len > 0 {
                    stretches.push((key, from, at));
                }
            }
            let unwanted = |delivered: u64| {
                let mut end = 0;
                let behind = lens.iter().take_while(|len| {
                    end += **len;
                    end <= delivered
                });
                behind.count() as u64
            };
            let expected = |delivered: u64| Some(unwanted(delivered)).filter(|count| *count > 0);
            prop_assert_eq!(on_disk(&ledger, &mut disk), expected(0));
            let whole = stretches.clone();
            stretches.sort_unstable();
            let mut done = BTreeSet::new();
            for (_, from, to) in stretches {
                ledger.acknowledge(id, from, to, Guard::default());
                done.insert(from);
                let gap = whole.iter().find(|(_, from, _)| !done.contains(from));
                let delivered = gap.map_or(at, |(_, from, _)| *from);
                prop_assert_eq!(on_disk(&ledger, &mut disk), expected(delivered));
            }
        }
    }

    #[test]
    fn marks_are_bounded_and_the_last_one_is_kept() {
        let ledger = Ledger::new(Snapshot::default());
        let mut disk = Snapshot::default();
        let (id, _) = ledger.follow_journal(7);
        let many = 10 * MARKS_MAX as u64;
        for number in 1..=many {
            ledger.mark(id, number, cursor(number));
        }
        ledger.acknowledge(id, 0, many / 2, Guard::default());
        let half = on_disk(&ledger, &mut disk).unwrap();
        assert!((many / 4..=many / 2).contains(&half), "{half} of {many}");
        ledger.acknowledge(id, many / 2, many, Guard::default());
        assert_eq!(on_disk(&ledger, &mut disk), Some(many));

        let mut cursors = Cursors::default();
        cursors.follow(id, 7);
        for number in 1..=many {
            cursors.mark(id, number, cursor(number));
            assert!(cursors.journals[&id].marks.len() <= MARKS_MAX);
        }
    }

    #[test]
    fn a_late_answer_for_a_target_that_was_followed_anew_moves_nothing() {
        let ledger = Ledger::new(Snapshot::default());
        let mut disk = Snapshot::default();
        let (old, _) = ledger.follow_journal(7);
        ledger.mark(old, 1, cursor(1));
        let (new, _) = ledger.follow_journal(7);
        ledger.mark(new, 0, cursor(5));
        ledger.acknowledge(old, 0, 1, Guard::default());
        assert_eq!(on_disk(&ledger, &mut disk), Some(5));
        assert_eq!(Ledger::new(disk).follow_journal(7).1, Some(cursor(5)));
    }

    #[test]
    fn cursors_that_do_not_move_any_more_are_forgotten_oldest_first_beyond_the_bound() {
        let mut disk = Snapshot::default();
        for key in 0..=CURSORS_MAX as u64 {
            disk.apply(&Change::Cursor(key, cursor(1000 - key)));
        }
        assert_eq!(disk.cursors.len(), CURSORS_MAX);
        assert!(!disk.cursors.contains_key(&(CURSORS_MAX as u64)));
    }
}
