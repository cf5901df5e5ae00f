//! Own counters: what the program says about itself, by the same road as everything it measures.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows, or that is set (a gauge). Cheap enough for the hot path.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `count`.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Sets the value, for gauges.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value now.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts by reason. Nothing is filtered or dropped without a line in one of these.
///
/// Reasons are `&'static str`: the set is closed by the source text, so the map is bounded.
#[derive(Debug, Default)]
pub struct Tally(Mutex<BTreeMap<&'static str, u64>>);

impl Tally {
    /// Counts `count` more for `reason` and tells whether this is the first of its kind.
    pub fn add(&self, reason: &'static str, count: u64) -> bool {
        let mut counts = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let total = counts.entry(reason).or_insert(0);
        let first = *total == 0;
        *total = total.saturating_add(count);
        first
    }

    /// All reasons with their counts, in order.
    #[must_use]
    pub fn snapshot(&self) -> Vec<(&'static str, u64)> {
        let counts = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        counts
            .iter()
            .map(|(reason, count)| (*reason, *count))
            .collect()
    }

    /// The sum over all reasons.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.snapshot().iter().map(|(_, count)| count).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_tells_the_first_of_each_reason_and_keeps_the_sum() {
        let dropped = Tally::default();
        assert!(dropped.add("too_old", 2));
        assert!(!dropped.add("too_old", 1));
        assert!(dropped.add("too_new", 1));
        assert_eq!(dropped.snapshot(), [("too_new", 1), ("too_old", 3)]);
        assert_eq!(dropped.total(), 4);
    }
}
