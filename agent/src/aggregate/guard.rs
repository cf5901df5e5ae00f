//! The cardinality guard: no metric may make more series than is good for the bill.

use std::collections::{BTreeSet, HashMap};

use super::SeriesKey;

/// The name of the one dimension of a series that stands for all that were too many.
pub(crate) const OVERFLOW: &str = "overflow";

/// How many series each metric may have in a window, and how many all of them together.
#[derive(Clone, Debug)]
pub(crate) struct SeriesGuard {
    per_metric_max: usize,
    all_max: usize,
    admitted: HashMap<Box<str>, usize>,
    all: usize,
    overflowed: BTreeSet<String>,
}

impl SeriesGuard {
    /// `all_max` bounds the memory, `per_metric_max` the bill.
    #[must_use]
    pub(crate) fn new(per_metric_max: usize, all_max: usize) -> Self {
        Self {
            per_metric_max,
            all_max,
            admitted: HashMap::new(),
            all: 0,
            overflowed: BTreeSet::new(),
        }
    }

    /// Whether one more series of this metric is let in.
    pub(crate) fn admits(&mut self, key: &SeriesKey) -> bool {
        let name = key.metric.name();
        if !self.admitted.contains_key(name) {
            self.admitted.insert(name.into(), 0);
        }
        let Some(admitted) = self.admitted.get_mut(name) else {
            return false;
        };
        if *admitted >= self.per_metric_max || self.all >= self.all_max {
            if !self.overflowed.contains(name) {
                self.overflowed.insert(name.to_owned());
            }
            return false;
        }
        *admitted += 1;
        self.all += 1;
        true
    }

    /// Forgets what was let in. Gives the metrics that had too many.
    pub(crate) fn begin_anew(&mut self) -> Vec<String> {
        self.admitted.clear();
        self.all = 0;
        std::mem::take(&mut self.overflowed).into_iter().collect()
    }
}
