//! What a target said in its scrape before, so that what it counts becomes what happened since.
//!
//! A series that is seen for the first time tells nothing: what it counted may be as old as the
//! target. One that has become less began anew, and what it shows happened since then. Bounded in
//! series; one that a target no longer tells is forgotten.

use std::collections::HashMap;

use crate::source::told::{Bucket, spread};

/// Series of one target whose values are remembered: some 10 MiB.
const SERIES_MAX: usize = 50_000;
/// A series that so many scrapes in a row do not show is forgotten.
const SCRAPES_UNSEEN_MAX: u32 = 5;

/// The values of the scrape before.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    series: HashMap<Box<str>, Remembered>,
    scrape: u32,
}

#[derive(Debug)]
struct Remembered {
    scrape: u32,
    last: Last,
}

#[derive(Debug)]
enum Last {
    Number(f64),
    Histogram(Histogram),
}

/// A histogram as it is scraped.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Histogram {
    /// Upper bounds with the count of all values up to them, ascending, the last one infinite.
    pub(crate) buckets: Vec<(f64, f64)>,
    /// The sum of all values, if the target tells it.
    pub(crate) sum: Option<f64>,
}

/// What a value says together with the one before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Since<T> {
    /// This happened since.
    Known(T),
    /// The series was not seen before: this is what it shows.
    New(T),
}

/// Why a value says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// The scrape shows the series twice.
    Duplicate,
    /// There are too many series to remember.
    TooMany,
}

impl Memory {
    /// A scrape begins.
    pub(crate) fn begin(&mut self) {
        self.scrape = self.scrape.wrapping_add(1);
    }

    /// A scrape was read to its end.
    pub(crate) fn end(&mut self) {
        let scrape = self.scrape;
        self.series
            .retain(|_, one| scrape.wrapping_sub(one.scrape) < SCRAPES_UNSEEN_MAX);
    }

    /// What a counter has counted since.
    pub(crate) fn counter(&mut self, key: &str, value: f64) -> Result<Since<f64>, Unusable> {
        let Some(before) = self.exchange(key, Last::Number(value))? else {
            return Ok(Since::New(value));
        };
        Ok(Since::Known(match before {
            Last::Number(before) if before <= value => value - before,
            _ => value,
        }))
    }

    /// The values that a histogram has got since, each with its count.
    pub(crate) fn histogram(
        &mut self,
        key: &str,
        now: &Histogram,
    ) -> Result<Since<Vec<(f64, f64)>>, Unusable> {
        Ok(match self.exchange(key, Last::Histogram(now.clone()))? {
            Some(Last::Histogram(before)) => match now.since(&before) {
                Some(since) => Since::Known(since.values()),
                None => Since::New(now.values()),
            },
            _ => Since::New(now.values()),
        })
    }

    /// Puts a value in place of the one before, and gives that.
    fn exchange(&mut self, key: &str, last: Last) -> Result<Option<Last>, Unusable> {
        if let Some(known) = self.series.get_mut(key) {
            if known.scrape == self.scrape {
                return Err(Unusable::Duplicate);
            }
            known.scrape = self.scrape;
            return Ok(Some(std::mem::replace(&mut known.last, last)));
        }
        if self.series.len() >= SERIES_MAX {
            return Err(Unusable::TooMany);
        }
        let scrape = self.scrape;
        self.series.insert(key.into(), Remembered { scrape, last });
        Ok(None)
    }
}

impl Histogram {
    /// What came after `before`; all of it if the histogram began anew. `None` if its bounds are
    /// others, so that the two cannot be compared.
    fn since(&self, before: &Self) -> Option<Self> {
        let pairs = || self.buckets.iter().zip(&before.buckets);
        let same_bounds = self.buckets.len() == before.buckets.len()
            && pairs().all(|(now, then)| now.0.total_cmp(&then.0).is_eq());
        if !same_bounds {
            return None;
        }
        if pairs().any(|(now, then)| now.1 < then.1) {
            return Some(self.clone());
        }
        let buckets = pairs().map(|(now, then)| (now.0, now.1 - then.1));
        let sums = self.sum.zip(before.sum);
        Some(Self {
            buckets: buckets.collect(),
            sum: sums.map(|(now, then)| now - then),
        })
    }

    /// A value for each bucket with its count.
    fn values(&self) -> Vec<(f64, f64)> {
        let (mut lower, mut below) = (f64::NEG_INFINITY, 0.0);
        let buckets = self.buckets.iter().map(|(upper, up_to)| {
            // A target that is read while it counts may show less in a wider bucket.
            let up_to = up_to.max(below);
            let bucket = Bucket {
                lower,
                upper: *upper,
                count: up_to - below,
            };
            (lower, below) = (*upper, up_to);
            bucket
        });
        spread(&buckets.collect::<Vec<_>>(), self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_tells_what_it_counted_since_and_begins_anew_when_it_is_less() {
        let mut memory = Memory::default();
        let told: Vec<_> = [10.0, 15.0, 15.0, 4.0, 6.0]
            .into_iter()
            .map(|value| {
                memory.begin();
                let told = memory.counter("a", value).unwrap();
                memory.end();
                told
            })
            .collect();
        let expected = [
            Since::New(10.0),
            Since::Known(5.0),
            Since::Known(0.0),
            Since::Known(4.0),
            Since::Known(2.0),
        ];
        assert_eq!(told, expected);
        assert_eq!(memory.counter("a", 7.0), Err(Unusable::Duplicate));
    }

    #[test]
    fn a_series_that_is_no_longer_shown_is_forgotten() {
        let mut memory = Memory::default();
        memory.begin();
        memory.counter("a", 1.0).unwrap();
        for _ in 0..SCRAPES_UNSEEN_MAX {
            memory.begin();
            memory.end();
        }
        assert!(memory.series.is_empty());
    }

    #[test]
    fn a_histogram_tells_the_buckets_that_grew() {
        let shown = |one: f64, all: f64, sum: f64| Histogram {
            buckets: vec![(1.0, one), (f64::INFINITY, all)],
            sum: Some(sum),
        };
        let mut memory = Memory::default();
        let mut look = |shown: &Histogram| {
            memory.begin();
            memory.histogram("a", shown).unwrap()
        };
        assert!(matches!(look(&shown(1.0, 2.0, 4.5)), Since::New(_)));
        assert_eq!(
            look(&shown(3.0, 5.0, 8.0)),
            Since::Known(vec![(0.5, 2.0), (2.5, 1.0)])
        );
        // It began anew.
        assert_eq!(
            look(&shown(2.0, 3.0, 4.0)),
            Since::Known(vec![(0.5, 2.0), (3.0, 1.0)])
        );
        let other = Histogram {
            buckets: vec![(2.0, 9.0), (f64::INFINITY, 9.0)],
            sum: Some(9.0),
        };
        assert!(matches!(look(&other), Since::New(_)));
    }
}
