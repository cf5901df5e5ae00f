//! What became of the samples of each signal, for the agent's metrics about itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One record for each signal; signals are few, and bounded by the configuration.
#[derive(Debug, Default)]
pub(crate) struct SignalHealth(Mutex<BTreeMap<Arc<str>, Record>>);

/// What became of the samples of one signal.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record {
    /// When the newest sample that CloudWatch has accepted was taken, and its value.
    pub(crate) taken: Option<Instant>,
    pub(crate) value: Option<f64>,
    /// Why the latest sample was withheld or dropped; `None` since one was accepted.
    pub(crate) withheld: Option<&'static str>,
    /// The longest time from taking a sample to its acceptance since the last look.
    pub(crate) delay_max: Option<Duration>,
    /// Samples that were withheld or dropped since the start, by reason.
    pub(crate) gaps: BTreeMap<&'static str, u64>,
}

impl SignalHealth {
    /// A sample that was taken then, with this value, was accepted now.
    pub(crate) fn accepted(&self, signal: &Arc<str>, value: f64, taken: Instant, now: Instant) {
        let mut all = self.all();
        let record = all.entry(Arc::clone(signal)).or_default();
        if record.taken.is_none_or(|before| before <= taken) {
            record.taken = Some(taken);
            record.value = Some(value);
            record.withheld = None;
        }
        let delay = now.saturating_duration_since(taken);
        record.delay_max = record.delay_max.max(Some(delay));
    }

    /// A sample was withheld or dropped. Tells whether it is the first for this reason.
    pub(crate) fn gap(&self, signal: &Arc<str>, reason: &'static str) -> bool {
        let mut all = self.all();
        let record = all.entry(Arc::clone(signal)).or_default();
        record.withheld = Some(reason);
        let count = record.gaps.entry(reason).or_insert(0);
        *count += 1;
        *count == 1
    }

    /// So many samples were not taken, which says nothing of the one that is next.
    pub(crate) fn not_taken(&self, signal: &Arc<str>, samples: u64) {
        let mut all = self.all();
        let record = all.entry(Arc::clone(signal)).or_default();
        *record.gaps.entry("not_taken").or_insert(0) += samples;
    }

    /// All records; the longest delays begin anew.
    pub(crate) fn look(&self) -> Vec<(Arc<str>, Record)> {
        let mut all = self.all();
        let records = all.iter_mut().map(|(signal, record)| {
            let seen = record.clone();
            record.delay_max = None;
            (Arc::clone(signal), seen)
        });
        records.collect()
    }

    /// All records as they are; nothing begins anew.
    pub(crate) fn records(&self) -> BTreeMap<Arc<str>, Record> {
        self.all().clone()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Record>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_delay_is_told_once_and_gaps_add_up() {
        let health = SignalHealth::default();
        let (name, start) = (Arc::from("load"), Instant::now());
        let second = Duration::from_secs(1);
        health.accepted(&name, 1.5, start, start + second * 2);
        health.accepted(&name, 2.5, start + second * 10, start + second * 11);
        let late = start + second * 9;
        health.accepted(&name, 3.5, late, start + second * 11);
        assert_eq!(health.records()[&name].value, Some(2.5), "the newest");
        assert!(health.gap(&name, "draining"));
        assert!(!health.gap(&name, "draining"));
        assert_eq!(health.records()[&name].withheld, Some("draining"));
        let (_, record) = health.look().pop().unwrap();
        assert_eq!(record.taken, Some(start + second * 10));
        assert_eq!(record.delay_max, Some(second * 2));
        assert_eq!(record.gaps, BTreeMap::from([("draining", 2)]));
        assert_eq!(health.look().pop().unwrap().1.delay_max, None);
        let later = start + second * 20;
        health.accepted(&name, 4.5, later, later);
        assert_eq!(health.records()[&name].withheld, None);
    }
}
