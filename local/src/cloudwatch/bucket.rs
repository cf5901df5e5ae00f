//! The samples of one series in one stretch of time, and the statistics that can be read from them.

use super::Statistic;

/// Different values that a bucket keeps exactly. Beyond it they are rounded to [`COARSE`] steps,
/// which bounds memory at the price of percentiles that are off by at most half a step.
const VALUES_MAX: usize = 500;
/// Listed values that take about as much memory as a bucket without any, 100 bytes.
const VALUES_PER_UNIT: usize = 6;
/// The ratio of two neighbouring values after rounding.
const COARSE: f64 = 1.02;

/// Count, sum and extremes, and as far as they are known the values themselves.
#[derive(Clone, Debug, PartialEq)]
pub struct Bucket {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
    values: Values,
}

/// What is known of the single values.
#[derive(Clone, Debug, PartialEq)]
enum Values {
    /// All are the same, the minimum.
    Same,
    /// Each with its count, ascending.
    Listed(Vec<(f64, f64)>),
    /// Nothing: a statistic set came in. Percentiles cannot be had.
    Unknown,
}

impl Bucket {
    /// A bucket of `count` times the same value.
    #[must_use]
    pub fn of(value: f64, count: f64) -> Self {
        Self {
            count,
            sum: value * count,
            min: value,
            max: value,
            values: Values::Same,
        }
    }

    /// A bucket of a statistic set. Its percentiles are known only if all values are the same.
    /// Source: CloudWatch API reference, `MetricDatum`, `StatisticValues`.
    #[must_use]
    pub fn of_statistics(count: f64, sum: f64, min: f64, max: f64) -> Self {
        let span = (max - min).abs();
        let same = span <= f64::EPSILON * min.abs();
        Self {
            count,
            sum,
            min,
            max,
            values: if same { Values::Same } else { Values::Unknown },
        }
    }

    /// Adds another bucket's samples.
    pub fn merge(&mut self, other: &Self) {
        self.values = match (self.list(), other.list()) {
            (Some(mine), Some(theirs)) => join(mine, theirs),
            _ => Values::Unknown,
        };
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How much memory it takes: 1, and 1 more for every [`VALUES_PER_UNIT`] values it lists.
    #[must_use]
    pub fn weight(&self) -> usize {
        match &self.values {
            Values::Listed(values) => 1 + values.len().div_ceil(VALUES_PER_UNIT),
            Values::Same | Values::Unknown => 1,
        }
    }

    /// The statistic; `None` for a percentile that cannot be had, and for an average of nothing.
    #[must_use]
    pub fn read(&self, statistic: Statistic) -> Option<f64> {
        match statistic {
            Statistic::Average => (self.count > 0.0).then(|| self.sum / self.count),
            Statistic::Sum => Some(self.sum),
            Statistic::Minimum => Some(self.min),
            Statistic::Maximum => Some(self.max),
            Statistic::SampleCount => Some(self.count),
            Statistic::Percentile(percent) => self.percentile(percent),
        }
    }

    /// The least value that at least `percent` of the samples do not exceed (nearest rank).
    fn percentile(&self, percent: f64) -> Option<f64> {
        let wanted = self.count * percent / 100.0;
        let mut seen = 0.0;
        for (value, count) in self.list()? {
            seen += count;
            if seen >= wanted {
                return Some(value);
            }
        }
        Some(self.max)
    }

    fn list(&self) -> Option<Vec<(f64, f64)>> {
        match &self.values {
            Values::Same => Some(vec![(self.min, self.count)]),
            Values::Listed(values) => Some(values.clone()),
            Values::Unknown => None,
        }
    }
}

/// Joins two ascending lists.
fn join(mut mine: Vec<(f64, f64)>, theirs: Vec<(f64, f64)>) -> Values {
    mine.extend(theirs);
    let mut values = fold(mine);
    if values.len() > VALUES_MAX {
        values = fold(
            values
                .into_iter()
                .map(|(value, count)| (round(value), count))
                .collect(),
        );
    }
    if values.len() == 1 {
        Values::Same
    } else {
        Values::Listed(values)
    }
}

/// Sorts, and adds up the counts of equal values.
fn fold(mut values: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    values.sort_by(|left, right| left.0.total_cmp(&right.0));
    values.dedup_by(|next, kept| {
        let equal = next.0.total_cmp(&kept.0).is_eq();
        if equal {
            kept.1 += next.1;
        }
        equal
    });
    values
}

fn round(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let step = (value.abs().ln() / COARSE.ln()).round();
    value.signum() * COARSE.powf(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(values: &[(f64, f64)]) -> Bucket {
        let mut buckets = values
            .iter()
            .map(|(value, count)| Bucket::of(*value, *count));
        let mut sum = buckets.next().unwrap();
        buckets.for_each(|bucket| sum.merge(&bucket));
        sum
    }

    #[test]
    fn statistics_count_every_sample_of_a_value() {
        let bucket = filled(&[(4.0, 1.0), (1.0, 3.0), (4.0, 1.0)]);
        for (statistic, expected) in [
            (Statistic::SampleCount, 5.0),
            (Statistic::Sum, 11.0),
            (Statistic::Average, 2.2),
            (Statistic::Minimum, 1.0),
            (Statistic::Maximum, 4.0),
            (Statistic::Percentile(50.0), 1.0),
            (Statistic::Percentile(60.0), 1.0),
            (Statistic::Percentile(61.0), 4.0),
            (Statistic::Percentile(99.9), 4.0),
        ] {
            let found = bucket.read(statistic).unwrap();
            assert!((found - expected).abs() < 1e-12, "{statistic:?}: {found}");
        }
    }

    #[test]
    fn a_statistic_set_has_percentiles_only_if_all_its_values_are_the_same() {
        let p90 = Statistic::Percentile(90.0);
        assert_eq!(
            Bucket::of_statistics(4.0, 8.0, 2.0, 2.0).read(p90),
            Some(2.0)
        );
        let mixed = Bucket::of_statistics(4.0, 8.0, 1.0, 3.0);
        assert_eq!(mixed.read(p90), None);
        let mut joined = Bucket::of(9.0, 1.0);
        joined.merge(&mixed);
        assert_eq!(joined.read(p90), None);
        assert_eq!(joined.read(Statistic::Sum), Some(17.0));
    }

    #[test]
    fn many_values_are_rounded_but_counted_in_full() {
        let values: Vec<_> = (1..=2000).map(|number| (f64::from(number), 1.0)).collect();
        let bucket = filled(&values);
        assert!(bucket.list().unwrap().len() <= VALUES_MAX);
        assert!(bucket.weight() > VALUES_MAX / VALUES_PER_UNIT / 2);
        let median = bucket.read(Statistic::Percentile(50.0)).unwrap();
        assert!((median / 1000.0 - 1.0).abs() < 0.02, "{median}");
        assert_eq!(bucket.read(Statistic::SampleCount), Some(2000.0));
    }
}
