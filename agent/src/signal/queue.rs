//! Samples of signals that wait for their call, or for the name of the group. Pure.
//!
//! The freshest goes first, since an alarm asks how things are now. What is too much, and what is
//! so old that the alarms have moved on, is dropped and told to the caller, which counts it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::catalog::Unit;
use plimsoll_core::clock::UnixMillis;

/// Ticks whose samples may wait: five minutes at the usual ten seconds.
pub(crate) const TICKS_MAX: usize = 30;
/// The age at which a sample is of no use to an alarm any more: the longest that a scale-out alarm
/// of target tracking looks back is three minutes. Source: EC2 Auto Scaling user guide, target
/// tracking (three periods of 60 s above the target).
pub(crate) const AGE_MAX: Duration = Duration::from_mins(5);

/// One value of one signal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SignalSample {
    /// The signal.
    pub(crate) name: Arc<str>,
    /// Its unit.
    pub(crate) unit: Unit,
    /// Its value.
    pub(crate) value: f64,
}

/// What was taken on one tick.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Taken {
    /// The tick, which is the end of the interval.
    pub(crate) tick: UnixMillis,
    /// The signals that had a value.
    pub(crate) samples: Vec<SignalSample>,
}

/// What waits, the oldest in front.
#[derive(Debug, Default)]
pub(crate) struct Queue(VecDeque<Taken>);

impl Queue {
    /// Lets it wait, in the order of its tick. Gives what had to go for it: the oldest.
    #[must_use]
    pub(crate) fn put(&mut self, taken: Taken) -> Option<Taken> {
        let place = self.0.partition_point(|one| one.tick <= taken.tick);
        self.0.insert(place, taken);
        if self.0.len() > TICKS_MAX {
            self.0.pop_front()
        } else {
            None
        }
    }

    /// Takes out what is older than [`AGE_MAX`].
    #[must_use]
    pub(crate) fn take_old(&mut self, now: UnixMillis) -> Vec<Taken> {
        let old = self.0.partition_point(|one| now.since(one.tick) > AGE_MAX);
        self.0.drain(..old).collect()
    }

    /// Takes out up to `samples_max` samples of whole ticks, the freshest first.
    #[must_use]
    pub(crate) fn take_freshest(&mut self, samples_max: usize) -> Vec<Taken> {
        let (mut taken, mut samples) = (Vec::new(), 0);
        while let Some(one) = self.0.pop_back() {
            samples += one.samples.len();
            if samples > samples_max && !taken.is_empty() {
                self.0.push_back(one);
                break;
            }
            taken.push(one);
        }
        taken
    }

    /// Whether nothing waits.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(seconds: i64) -> Taken {
        let sample = SignalSample {
            name: Arc::from("load"),
            unit: Unit::None,
            value: 1.0,
        };
        Taken {
            tick: UnixMillis(seconds * 1000),
            samples: vec![sample; 2],
        }
    }

    fn seconds(taken: &[Taken]) -> Vec<i64> {
        taken.iter().map(|one| one.tick.as_secs()).collect()
    }

    #[test]
    fn the_freshest_goes_first_and_what_comes_back_takes_its_old_place() {
        let mut queue = Queue::default();
        for tick in [10, 30, 20] {
            assert_eq!(queue.put(taken(tick)), None);
        }
        assert_eq!(seconds(&queue.take_freshest(5)), [30, 20]);
        assert_eq!(queue.put(taken(30)), None);
        assert_eq!(seconds(&queue.take_freshest(1)), [30]);
        assert_eq!(seconds(&queue.take_freshest(9)), [10]);
        assert!(queue.is_empty());
    }

    #[test]
    fn the_oldest_makes_room_and_what_is_too_old_is_taken_out() {
        let mut queue = Queue::default();
        let dropped: Vec<Taken> = (0..32).filter_map(|n| queue.put(taken(n * 10))).collect();
        assert_eq!(seconds(&dropped), [0, 10]);
        assert_eq!(seconds(&queue.take_old(UnixMillis(340_000))), [20, 30]);
        assert_eq!(seconds(&queue.take_old(UnixMillis(340_000))), [0i64; 0]);
    }
}
