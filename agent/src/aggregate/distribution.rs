//! How often each value came, in bounded memory.

use std::collections::BTreeMap;

use plimsoll_aws::{DatumValue, limits::metrics::VALUES_MAX};

use super::Statistics;

/// Values with their counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Distribution {
    counts: BTreeMap<Key, f64>,
}

/// A value that is ordered: finite, and zero without a sign.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Key(f64);

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl Distribution {
    /// Adds `value`, `count` times. What is not finite, or comes no times, is left out; the caller
    /// counts it.
    pub(crate) fn add(&mut self, value: f64, count: f64) {
        if value.is_finite() && count.is_finite() && count > 0.0 {
            *self.counts.entry(Key(value + 0.0)).or_default() += count;
        }
    }

    /// Adds the values of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (value, count) in &other.counts {
            self.add(value.0, *count);
        }
    }

    /// Count, sum and extremes.
    #[must_use]
    pub(crate) fn statistics(&self) -> Statistics {
        let mut all = self.counts.iter().map(|(value, count)| Statistics {
            count: *count,
            sum: value.0 * count,
            min: value.0,
            max: value.0,
        });
        let Some(mut first) = all.next() else {
            return Statistics {
                count: 0.0,
                sum: 0.0,
                min: 0.0,
                max: 0.0,
            };
        };
        for other in all {
            first.merge(&other);
        }
        first
    }

    /// As the values of datums.
    #[must_use]
    pub(crate) fn datum_values(&self) -> Vec<DatumValue> {
        let pairs: Vec<(f64, f64)> = self.counts.iter().map(|(v, c)| (v.0, *c)).collect();
        let chunks = pairs.chunks(VALUES_MAX);
        chunks
            .map(|chunk| DatumValue::Distribution(chunk.into()))
            .collect()
    }
}
