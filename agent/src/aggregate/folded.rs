//! The values of one series in one stretch of time.

use plimsoll_aws::DatumValue;

use super::Distribution;

/// One value, their statistics, or their distribution.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Folded {
    /// A single value.
    One(f64),
    /// Sum and extremes of several.
    Statistics(Statistics),
    /// How often each value came, for percentiles.
    Distribution(Box<Distribution>),
}

/// A statistic set.
/// Source: CloudWatch API reference, `StatisticSet`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Statistics {
    /// How many values.
    pub(crate) count: f64,
    /// Their sum.
    pub(crate) sum: f64,
    /// The least.
    pub(crate) min: f64,
    /// The greatest.
    pub(crate) max: f64,
}

impl Statistics {
    /// The statistics of a single value.
    #[must_use]
    pub(crate) const fn of(value: f64) -> Self {
        Self {
            count: 1.0,
            sum: value,
            min: value,
            max: value,
        }
    }

    /// Adds the values of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

impl Folded {
    /// The statistics of the values.
    #[must_use]
    pub(crate) fn statistics(&self) -> Statistics {
        match self {
            Self::One(value) => Statistics::of(*value),
            Self::Statistics(statistics) => *statistics,
            Self::Distribution(distribution) => distribution.statistics(),
        }
    }

    /// Adds the values of `other`. A distribution stays one as long as the other values are known
    /// one by one; statistics have lost them, so the whole becomes statistics.
    pub(crate) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Distribution(mine), Self::Distribution(theirs)) => mine.merge(theirs),
            (Self::Distribution(mine), Self::One(value)) => mine.add(*value, 1.0),
            (Self::One(value), Self::Distribution(theirs)) => {
                let mut merged = theirs.clone();
                merged.add(*value, 1.0);
                *self = Self::Distribution(merged);
            }
            _ => {
                let mut merged = self.statistics();
                merged.merge(&other.statistics());
                *self = Self::Statistics(merged);
            }
        }
    }

    /// As the values of datums: one, but for a distribution with more different values than a
    /// datum may hold. CloudWatch adds up datums of one series and time.
    #[must_use]
    pub(crate) fn datum_values(&self) -> Vec<DatumValue> {
        match self {
            Self::One(value) => vec![DatumValue::One(*value)],
            Self::Statistics(Statistics {
                count,
                sum,
                min,
                max,
            }) => vec![DatumValue::Statistics {
                count: *count,
                sum: *sum,
                min: *min,
                max: *max,
            }],
            Self::Distribution(distribution) => distribution.datum_values(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_merged_into_the_least_that_still_tells_them() {
        let mut folded = Folded::One(1.0);
        folded.merge(&Folded::One(3.0));
        let both = Statistics {
            count: 2.0,
            sum: 4.0,
            min: 1.0,
            max: 3.0,
        };
        assert_eq!(folded, Folded::Statistics(both));

        let mut distribution = Distribution::default();
        distribution.add(5.0, 2.0);
        let mut folded = Folded::One(1.0);
        folded.merge(&Folded::Distribution(Box::new(distribution)));
        assert!(matches!(&folded, Folded::Distribution(_)));
        assert_eq!(folded.statistics().count.to_bits(), 3f64.to_bits());
        folded.merge(&Folded::Statistics(both));
        let Statistics { count, max, .. } = folded.statistics();
        assert_eq!((count, max), (5.0, 5.0));
    }
}
