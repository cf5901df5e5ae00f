//! Batches that are full or due and wait for their call: fair between streams. No calls, no clock.
//!
//! Streams take turns, so that one with a thousand batches holds up none with a single one. A
//! stream whose last call failed is only tried by the batch that failed, so that its other batches
//! do not fail one by one. A batch does not overtake the one before it of its stream unless that
//! takes long: so events of the same millisecond keep their order, and a slow answer still does not
//! hold up a busy stream. Each step costs the same with one stream or ten thousand.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::put::Work;

/// How long a batch waits for the one before it. Answers within a Region mostly come sooner; where
/// they take twice as long, a stream has two calls under way and still sends 40 MiB a second.
const OVERTAKE_AFTER: Duration = Duration::from_millis(25);

/// All batches that wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    lanes: HashMap<u64, Lane>,
    /// Streams whose turn comes, each once. A stream that was blocked meanwhile is passed over.
    turns: VecDeque<u64>,
    /// Streams whose last call failed.
    blocked: HashSet<u64>,
    /// Streams with a call under way, by when the next may follow it.
    followed: HashMap<u64, Instant>,
    follow_at: BTreeSet<(Instant, u64)>,
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

    /// The numbers of all batches that wait.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = u64> {
        let lanes = self.lanes.values().flat_map(|lane| &lane.works);
        let waiting = lanes.chain(self.delayed.values()).chain(&self.again);
        waiting.map(|work| work.number)
    }

    /// Whether another batch of a stream could not leave now: its last call failed, or others wait
    /// before it.
    pub(crate) fn holds_up(&self, stream: u64) -> bool {
        self.blocked.contains(&stream)
            || self.followed.contains_key(&stream)
            || self.lanes.contains_key(&stream)
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

    /// Batches that failed are tried again as soon as the service allows it.
    pub(crate) fn hasten(&mut self, now: Instant) {
        for ((at, number), work) in std::mem::take(&mut self.delayed) {
            let allowed = work.not_before.unwrap_or(now).max(now);
            self.delayed.insert((at.min(allowed), number), work);
        }
    }

    /// When a batch that failed is tried again, or one may overtake another.
    pub(crate) fn next(&self) -> Option<Instant> {
        let retry = self.delayed.first_key_value().map(|((at, _), _)| *at);
        let waits = |(_, stream): &&(Instant, u64)| self.lanes.contains_key(stream);
        let follow = self.follow_at.iter().find(waits).map(|(at, _)| *at);
        retry.into_iter().chain(follow).min()
    }

    /// Batches that failed, or that followed another, have waited long enough at `now`.
    pub(crate) fn wait_is_over(&mut self, now: Instant) {
        while let Some(first) = self.delayed.first_entry()
            && first.key().0 <= now
        {
            self.again.push_back(first.remove());
        }
        while let Some((at, stream)) = self.follow_at.first().copied()
            && at <= now
        {
            self.follow_at.pop_first();
            self.followed.remove(&stream);
            self.give_turn(stream);
        }
    }

    /// The next batch to try at `now`.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Work> {
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
            }
            let at = now + OVERTAKE_AFTER;
            self.followed.insert(stream, at);
            self.follow_at.insert((at, stream));
            return work;
        }
        None
    }

    /// A call of the stream failed.
    pub(crate) fn block(&mut self, stream: u64) {
        self.blocked.insert(stream);
    }

    /// A call of the stream was answered well.
    pub(crate) fn unblock(&mut self, stream: u64) {
        self.blocked.remove(&stream);
        self.answered(stream);
    }

    /// A call of the stream was answered: the next need not wait for it.
    pub(crate) fn answered(&mut self, stream: u64) {
        if let Some(at) = self.followed.remove(&stream) {
            self.follow_at.remove(&(at, stream));
        }
        self.give_turn(stream);
    }

    fn give_turn(&mut self, stream: u64) {
        if let Some(lane) = self.lanes.get_mut(&stream)
            && !lane.has_turn
            && !self.blocked.contains(&stream)
            && !self.followed.contains_key(&stream)
        {
            lane.has_turn = true;
            self.turns.push_back(stream);
        }
    }

    /// When the first event of all came.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let lanes = self.lanes.values().flat_map(|lane| &lane.works);
        lanes
            .chain(self.delayed.values())
            .chain(&self.again)
            .map(|work| work.since)
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
        Work::new(number, Batch::new(Arc::new(stream)), Instant::now())
    }

    /// In which order batches leave when each is answered before the next.
    fn order(waiting: &mut Waiting) -> Vec<u64> {
        let now = Instant::now();
        let mut numbers = Vec::new();
        while let Some(work) = waiting.pop(now) {
            numbers.push(work.number);
            waiting.answered(work.batch.stream().number);
        }
        numbers
    }

    #[test]
    fn a_batch_overtakes_none_of_its_stream_that_is_not_slow() {
        let mut waiting = Waiting::default();
        let now = Instant::now();
        for (number, stream) in [(1, 1), (2, 1), (3, 1), (10, 2)] {
            waiting.push(work(number, stream));
        }
        let next = |waiting: &mut Waiting, at| waiting.pop(at).map(|work| work.number);
        assert_eq!(next(&mut waiting, now), Some(1));
        assert_eq!(next(&mut waiting, now), Some(10));
        assert_eq!(next(&mut waiting, now), None);
        assert_eq!(waiting.next(), Some(now + OVERTAKE_AFTER));
        waiting.wait_is_over(now + OVERTAKE_AFTER);
        assert_eq!(next(&mut waiting, now + OVERTAKE_AFTER), Some(2));
        assert_eq!(next(&mut waiting, now + OVERTAKE_AFTER), None);
        waiting.answered(1);
        assert_eq!(next(&mut waiting, now + OVERTAKE_AFTER), Some(3));
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
    fn batches_that_wait_are_hastened_but_not_before_the_service_allows_it() {
        let mut waiting = Waiting::default();
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        waiting.delay(work(1, 1), after(20));
        let mut asked = work(2, 2);
        asked.not_before = Some(after(3));
        waiting.delay(asked, after(20));
        waiting.hasten(now);
        assert_eq!(waiting.next(), Some(now));
        waiting.wait_is_over(now);
        assert_eq!(order(&mut waiting), [1]);
        assert_eq!(waiting.next(), Some(after(3)));
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
