//! Batches that are full or due and wait for their call: fair between streams. No calls, no clock.
//!
//! Streams take turns, so that one with a thousand batches holds up none with a single one. A
//! stream whose last call failed is only tried by the batch that failed, so that its other batches
//! do not fail one by one. Each step costs the same with one stream or ten thousand.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use plimsoll_core::clock::UnixMillis;
use tokio::time::Instant;

use super::put::Work;

/// All batches that wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    lanes: HashMap<u64, Lane>,
    /// Streams whose turn comes, each once. A stream that was blocked meanwhile is passed over.
    turns: VecDeque<u64>,
    /// Streams whose last call failed.
    blocked: HashSet<u64>,
    /// Batches that failed, by when they are tried again. The number keeps keys apart.
    delayed: BTreeMap<(Instant, u64), Work>,
    /// Batches that failed and have waited.
    again: VecDeque<Work>,
}

/// The batches of one stream; never empty.
#[derive(Debug, Default)]
struct Lane {
    works: VecDeque<Work>,
    has_turn: bool,
}

impl Waiting {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.delayed.is_empty() && self.again.is_empty()
    }

    /// Whether a batch may be tried now, as far as is known without looking.
    pub(crate) fn may_start(&self) -> bool {
        !self.again.is_empty() || !self.turns.is_empty()
    }

    /// Whether another batch of a stream could not leave now: its last call failed, or others wait
    /// before it.
    pub(crate) fn holds_up(&self, stream: u64) -> bool {
        self.blocked.contains(&stream) || self.lanes.contains_key(&stream)
    }

    /// A batch waits for the turn of its stream.
    pub(crate) fn push(&mut self, work: Work) {
        let stream = work.batch.stream().number;
        let lane = self.lanes.entry(stream).or_default();
        lane.works.push_back(work);
        self.give_turn(stream);
    }

    /// A batch waits before all others of its stream.
    pub(crate) fn push_first(&mut self, work: Work) {
        let stream = work.batch.stream().number;
        let lane = self.lanes.entry(stream).or_default();
        lane.works.push_front(work);
        self.give_turn(stream);
    }

    /// A batch that failed is tried again at `at`.
    pub(crate) fn delay(&mut self, work: Work, at: Instant) {
        self.delayed.insert((at, work.number), work);
    }

    /// When the next batch that failed is tried again.
    pub(crate) fn next_retry(&self) -> Option<Instant> {
        self.delayed.first_key_value().map(|((at, _), _)| *at)
    }

    /// Batches that failed have waited long enough at `now`.
    pub(crate) fn wait_is_over(&mut self, now: Instant) {
        while let Some(first) = self.delayed.first_entry()
            && first.key().0 <= now
        {
            self.again.push_back(first.remove());
        }
    }

    /// The next batch to try.
    pub(crate) fn pop(&mut self) -> Option<Work> {
        if let Some(work) = self.again.pop_front() {
            return Some(work);
        }
        while let Some(stream) = self.turns.pop_front() {
            let Some(lane) = self.lanes.get_mut(&stream) else {
                continue;
            };
            lane.has_turn = false;
            if self.blocked.contains(&stream) {
                continue;
            }
            let work = lane.works.pop_front();
            if lane.works.is_empty() {
                self.lanes.remove(&stream);
            } else {
                self.give_turn(stream);
            }
            return work;
        }
        None
    }

    /// A call of the stream failed.
    pub(crate) fn block(&mut self, stream: u64) {
        self.blocked.insert(stream);
    }

    /// A call of the stream was answered.
    pub(crate) fn unblock(&mut self, stream: u64) {
        if self.blocked.remove(&stream) {
            self.give_turn(stream);
        }
    }

    fn give_turn(&mut self, stream: u64) {
        if let Some(lane) = self.lanes.get_mut(&stream)
            && !lane.has_turn
            && !self.blocked.contains(&stream)
        {
            lane.has_turn = true;
            self.turns.push_back(stream);
        }
    }

    /// The time of the first event of all.
    pub(crate) fn earliest(&self) -> Option<UnixMillis> {
        let lanes = self.lanes.values().flat_map(|lane| &lane.works);
        lanes
            .chain(self.delayed.values())
            .chain(&self.again)
            .map(|work| work.batch.earliest())
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::batch::logs::Batch;
    use crate::record::Stream;
    use plimsoll_aws::LogGroup;

    fn work(number: u64, stream: u64) -> Work {
        let stream = Stream::new(stream, LogGroup::default(), "s");
        Work::new(number, Batch::new(Arc::new(stream)))
    }

    fn order(waiting: &mut Waiting) -> Vec<u64> {
        std::iter::from_fn(|| waiting.pop())
            .map(|work| work.number)
            .collect()
    }

    #[test]
    fn streams_take_turns_and_keep_their_own_order() {
        let mut waiting = Waiting::default();
        for number in 0..4 {
            waiting.push(work(number, 1));
        }
        waiting.push(work(10, 2));
        waiting.push(work(20, 3));
        waiting.push_first(work(9, 2));
        assert_eq!(order(&mut waiting), [0, 9, 20, 1, 10, 2, 3]);
        assert!(waiting.is_empty());
    }

    #[test]
    fn a_stream_that_failed_is_tried_by_what_failed_alone_until_it_is_answered() {
        let mut waiting = Waiting::default();
        let now = Instant::now();
        waiting.push(work(1, 1));
        waiting.push(work(2, 2));
        waiting.block(1);
        waiting.push(work(3, 1));
        waiting.delay(work(0, 1), now);
        assert_eq!(order(&mut waiting), [2]);
        waiting.wait_is_over(now);
        assert_eq!(order(&mut waiting), [0]);
        waiting.unblock(1);
        waiting.unblock(1);
        assert_eq!(order(&mut waiting), [1, 3]);
        assert!(waiting.is_empty());
    }
}
