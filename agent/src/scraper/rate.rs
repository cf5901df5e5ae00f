//! Counters that only grow, turned into what was added between two readings.
//!
//! A change needs two readings. A counter that went backwards (it wrapped, or its device was made
//! anew) gives none for that device in that tick, rather than a wrong one: what else the device
//! counted may have begun anew too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::sample::as_value;

/// `N` counters of each device at one moment.
pub(crate) type Reading<const N: usize> = BTreeMap<Arc<str>, [u64; N]>;

/// What was added to `N` counters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change<const N: usize> {
    /// To each of them.
    pub(crate) added: [u64; N],
    /// In this time, which is never zero.
    pub(crate) seconds: f64,
}

impl<const N: usize> Change<N> {
    fn between(before: &[u64; N], now: &[u64; N], seconds: f64) -> Option<Self> {
        if seconds <= 0.0 {
            return None;
        }
        let mut added = [0; N];
        for ((added, now), before) in added.iter_mut().zip(now).zip(before) {
            *added = now.checked_sub(*before)?;
        }
        Some(Self { added, seconds })
    }

    /// The same per second.
    pub(crate) fn per_second(&self) -> [f64; N] {
        self.added.map(|added| as_value(added) / self.seconds)
    }
}

/// The last reading of counters of the whole host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counters<const N: usize> {
    before: Option<(Instant, [u64; N])>,
}

impl<const N: usize> Default for Counters<N> {
    fn default() -> Self {
        Self { before: None }
    }
}

impl<const N: usize> Counters<N> {
    /// Keeps `now` and gives the change since the reading before.
    pub(crate) fn advance(&mut self, taken: Instant, now: [u64; N]) -> Option<Change<N>> {
        let (then, before) = self.before.replace((taken, now))?;
        let seconds = taken.saturating_duration_since(then).as_secs_f64();
        Change::between(&before, &now, seconds)
    }
}

/// The last reading of a family of devices.
#[derive(Debug)]
pub(crate) struct Rates<const N: usize> {
    before: Option<(Instant, Reading<N>)>,
}

impl<const N: usize> Default for Rates<N> {
    fn default() -> Self {
        Self { before: None }
    }
}

impl<const N: usize> Rates<N> {
    /// Keeps `reading` and gives the changes since the one before, in the order of the devices.
    pub(crate) fn advance(
        &mut self,
        taken: Instant,
        reading: Reading<N>,
    ) -> Vec<(Arc<str>, Change<N>)> {
        let changes = self.before.as_ref().map_or_else(Vec::new, |(at, before)| {
            let seconds = taken.saturating_duration_since(*at).as_secs_f64();
            let devices = reading.iter();
            devices
                .filter_map(|(name, now)| {
                    let change = Change::between(before.get(name)?, now, seconds)?;
                    Some((Arc::clone(name), change))
                })
                .collect()
        });
        self.before = Some((taken, reading));
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn reading(devices: &[(&str, u64, u64)]) -> Reading<2> {
        devices
            .iter()
            .map(|(name, a, b)| (Arc::from(*name), [*a, *b]))
            .collect()
    }

    #[test]
    fn only_devices_seen_twice_and_never_backwards_have_a_rate() {
        let start = Instant::now();
        let mut rates = Rates::default();
        let first = reading(&[("a", 100, 0), ("b", 100, 0), ("gone", 1, 1)]);
        assert!(rates.advance(start, first).is_empty());

        let later = start + Duration::from_secs(10);
        let second = reading(&[("a", 150, 20), ("b", 50, 20), ("new", 7, 7)]);
        let changes = rates.advance(later, second.clone());
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(&*changes[0].0, "a");
        assert_eq!(changes[0].1.added, [50, 20]);
        let per_second: Vec<f64> = changes[0].1.per_second().into();
        assert_eq!(per_second, [5.0, 2.0]);
        assert!(rates.advance(later, second).is_empty(), "no time passed");
    }

    #[test]
    fn a_device_that_vanished_and_came_back_begins_anew() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut rates = Rates::default();
        rates.advance(at(0), reading(&[("a", 100, 100)]));
        rates.advance(at(10), reading(&[]));
        let back = rates.advance(at(20), reading(&[("a", 150, 150)]));
        assert!(back.is_empty(), "it may be another one");
        let next = rates.advance(at(30), reading(&[("a", 160, 160)]));
        assert_eq!(next[0].1.added, [10, 10]);
    }

    #[test]
    fn a_counter_that_wrapped_tells_nothing_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut counters = Counters::default();
        assert_eq!(counters.advance(at(0), [10]), None);
        assert_eq!(counters.advance(at(1), [3]), None, "it wrapped");
        let added = counters.advance(at(2), [5]).map(|change| change.added);
        assert_eq!(added, Some([2]));
    }
}
