//! How often each value came, in bounded memory.
//!
//! Up to as many different values as a datum may hold are kept as they are. With more of them,
//! values are put into buckets whose borders grow by a constant factor, and a bucket tells the mean
//! of what it holds. So count, sum and average stay exact, as do the minimum and the maximum, which
//! are told apart from their buckets; a percentile is off by less than [`RELATIVE_ERROR`] of its
//! value. When the buckets get too many (values that span more than a factor of some 7,000), every
//! two neighbours become one and the error doubles.
//! Source of the bucket scheme: Epicoco, Melle, Cafaro, Pulimeno and Morleo, "UDDSketch: Accurate
//! Tracking of Quantiles in Data Streams", IEEE Access 8 (2020).

use std::collections::BTreeMap;

use plimsoll_aws::{DatumValue, limits::metrics::VALUES_MAX};

use super::Statistics;

/// How far a percentile may be off, as a share of its value, before neighbours are joined.
pub(crate) const RELATIVE_ERROR: f64 = 0.02;
/// Datums that a distribution may become. They are in one call and CloudWatch adds them up.
const DATUMS_MAX: usize = 3;
/// Buckets besides the exact minimum and maximum.
const BUCKETS_MAX: usize = DATUMS_MAX * VALUES_MAX - 2;
/// Counts below this are what rounding left over.
const LEFT_OVER: f64 = 1e-9;

/// Values with their counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Distribution {
    /// Few different values, in order, each with its count.
    Exact(Vec<(f64, f64)>),
    /// Many.
    Bucketed(Box<Buckets>),
}

impl Default for Distribution {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

/// Values that were put together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Buckets {
    /// How often neighbours were joined.
    level: u32,
    /// Positive values by the logarithm of their size, and negative ones likewise.
    positive: BTreeMap<i32, Bucket>,
    negative: BTreeMap<i32, Bucket>,
    zeros: f64,
    min: f64,
    max: f64,
}

/// What is in a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bucket {
    count: f64,
    sum: f64,
}

impl Distribution {
    /// Adds `value`, `count` times. What is not finite, or comes no times, is left out; the caller
    /// counts it.
    pub(crate) fn add(&mut self, value: f64, count: f64) {
        if !value.is_finite() || !count.is_finite() || count <= 0.0 {
            return;
        }
        // Zero without its sign, so that both zeros are one value.
        let value = value + 0.0;
        match self {
            Self::Exact(pairs) => {
                match pairs.binary_search_by(|(known, _)| known.total_cmp(&value)) {
                    Ok(place) => {
                        if let Some((_, known)) = pairs.get_mut(place) {
                            *known += count;
                        }
                    }
                    Err(place) => pairs.insert(place, (value, count)),
                }
                if pairs.len() > VALUES_MAX {
                    *self = Self::Bucketed(Box::new(Buckets::of(pairs)));
                }
            }
            Self::Bucketed(buckets) => buckets.add(value, count),
        }
    }

    /// Adds the values of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::Exact(pairs)) => {
                for (value, count) in pairs {
                    self.add(*value, *count);
                }
            }
            (Self::Bucketed(mine), Self::Bucketed(theirs)) => mine.merge(theirs),
            (Self::Exact(pairs), Self::Bucketed(theirs)) => {
                let mut merged = theirs.clone();
                for (value, count) in &*pairs {
                    merged.add(*value, *count);
                }
                *self = Self::Bucketed(merged);
            }
        }
    }

    /// Count, sum and extremes, all exact.
    #[must_use]
    pub(crate) fn statistics(&self) -> Statistics {
        let mut all = Statistics {
            count: 0.0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        };
        for (value, count) in self.pairs() {
            all.merge(&Statistics {
                count,
                sum: value * count,
                min: value,
                max: value,
            });
        }
        all
    }

    /// As the values of datums.
    #[must_use]
    pub(crate) fn datum_values(&self) -> Vec<DatumValue> {
        let pairs = self.pairs();
        let chunks = pairs.chunks(VALUES_MAX);
        chunks
            .map(|chunk| DatumValue::Distribution(chunk.into()))
            .collect()
    }

    /// The least value that at least `share` (0 to 1) of the counts do not exceed, within
    /// [`RELATIVE_ERROR`]; `None` if there are none.
    #[must_use]
    pub(crate) fn percentile(&self, share: f64) -> Option<f64> {
        let pairs = self.pairs();
        let total: f64 = pairs.iter().map(|(_, count)| count).sum();
        let mut before = 0.0;
        for (value, count) in &pairs {
            before += count;
            // Sampled counts are not whole, so what rounding left over is forgiven.
            if before + total * LEFT_OVER >= total * share {
                return Some(*value);
            }
        }
        pairs.last().map(|(value, _)| *value)
    }

    /// The values in order, each with its count.
    fn pairs(&self) -> Vec<(f64, f64)> {
        match self {
            Self::Exact(pairs) => pairs.clone(),
            Self::Bucketed(buckets) => buckets.pairs(),
        }
    }
}

impl Buckets {
    fn of(pairs: &[(f64, f64)]) -> Self {
        let mut buckets = Self {
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
            ..Self::default()
        };
        for (value, count) in pairs {
            buckets.add(*value, *count);
        }
        buckets
    }

    fn add(&mut self, value: f64, count: f64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        let side = if value > 0.0 {
            &mut self.positive
        } else if value < 0.0 {
            &mut self.negative
        } else {
            self.zeros += count;
            return;
        };
        let bucket = side.entry(index(value.abs(), self.level)).or_default();
        bucket.count += count;
        bucket.sum += value * count;
        self.keep_to_the_bound();
    }

    fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        while other.level < self.level {
            other.join_neighbours();
        }
        while self.level < other.level {
            self.join_neighbours();
        }
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.zeros += other.zeros;
        for (mine, theirs) in [
            (&mut self.positive, other.positive),
            (&mut self.negative, other.negative),
        ] {
            for (index, theirs) in theirs {
                mine.entry(index).or_default().take(theirs);
            }
        }
        self.keep_to_the_bound();
    }

    fn keep_to_the_bound(&mut self) {
        while self.positive.len() + self.negative.len() + 1 > BUCKETS_MAX {
            self.join_neighbours();
        }
    }

    fn join_neighbours(&mut self) {
        self.level += 1;
        for side in [&mut self.positive, &mut self.negative] {
            for (index, bucket) in std::mem::take(side) {
                // Rounds down for negative indexes too.
                side.entry(index >> 1).or_default().take(bucket);
            }
        }
    }

    /// The mean of each bucket in order, the exact extremes apart.
    fn pairs(&self) -> Vec<(f64, f64)> {
        let zeros = Bucket {
            count: self.zeros,
            sum: 0.0,
        };
        let negative = self.negative.values().rev().copied();
        let all = negative
            .chain([zeros])
            .chain(self.positive.values().copied());
        let mut all: Vec<Bucket> = all.filter(|bucket| bucket.count > LEFT_OVER).collect();
        let mut pairs = Vec::with_capacity(all.len() + 2);
        let first = all
            .first_mut()
            .and_then(|bucket| bucket.part_with(self.min));
        let last = all.last_mut().and_then(|bucket| bucket.part_with(self.max));
        pairs.extend(first);
        let rest = all.iter().filter(|bucket| bucket.count > LEFT_OVER);
        let mean = |bucket: &Bucket| (bucket.sum / bucket.count).clamp(self.min, self.max);
        pairs.extend(rest.map(|bucket| (mean(bucket), bucket.count)));
        pairs.extend(last);
        pairs
    }
}

impl Bucket {
    fn take(&mut self, other: Self) {
        self.count += other.count;
        self.sum += other.sum;
    }

    /// Takes one sample of this value out; less, if there is not that much.
    fn part_with(&mut self, value: f64) -> Option<(f64, f64)> {
        let count = self.count.min(1.0);
        if count <= LEFT_OVER {
            return None;
        }
        self.count -= count;
        self.sum -= value * count;
        Some((value, count))
    }
}

/// The bucket of a positive value: its logarithm to the base of 1 + [`RELATIVE_ERROR`], rounded
/// down, with neighbours joined `level` times.
fn index(value: f64, level: u32) -> i32 {
    // At most 36,000 for the smallest double, so nothing is cut.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "bounded by the range of doubles"
    )]
    let index = (value.ln() / RELATIVE_ERROR.ln_1p()).floor() as i32;
    index >> level.min(31)
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use super::*;

    fn of(values: impl IntoIterator<Item = f64>) -> Distribution {
        let mut all = Distribution::default();
        for value in values {
            all.add(value, 1.0);
        }
        all
    }

    fn percentile(all: &Distribution, share: f64) -> f64 {
        all.percentile(share).unwrap()
    }

    #[test]
    fn few_different_values_are_kept_as_they_are() {
        let all = of([3.0, -1.0, 3.0, 0.0, -0.0]);
        assert_eq!(all.pairs(), [(-1.0, 1.0), (0.0, 2.0), (3.0, 2.0)]);
        let mut none = Distribution::default();
        none.add(f64::NAN, 1.0);
        none.add(1.0, 0.0);
        assert!(none.datum_values().is_empty());
    }

    #[test]
    fn many_values_keep_their_statistics_and_their_percentiles_within_the_error() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut values: Vec<f64> = (0..20_000)
            .map(|_| 0.5 + 300.0 * random.f64().powi(4))
            .collect();
        let all = of(values.iter().copied());
        values.sort_by(f64::total_cmp);
        let told = all.statistics();
        let sum: f64 = values.iter().sum();
        assert!((told.sum - sum).abs() < sum * 1e-9, "{} {sum}", told.sum);
        assert!((told.count - 20_000.0).abs() < 1e-6);
        assert_eq!((told.min, told.max), (values[0], values[19_999]));
        for share in [0.01, 0.5, 0.9, 0.99, 0.999] {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let exact = values[(20_000.0 * share) as usize - 1];
            let error = (percentile(&all, share) - exact).abs() / exact;
            assert!(error <= RELATIVE_ERROR, "p{share}: {error}");
        }
        for value in all.datum_values() {
            assert!(matches!(value, DatumValue::Distribution(pairs) if pairs.len() <= VALUES_MAX));
        }
    }

    #[test]
    fn any_span_of_values_fits_into_three_datums() {
        let wide = (-300..300).map(|power| 10f64.powi(power));
        let all = of(wide.clone().chain(wide.map(|value| -value)).chain([0.0]));
        assert!(all.datum_values().len() <= DATUMS_MAX);
        assert_eq!(
            all.statistics().min.total_cmp(&-10f64.powi(299)),
            Ordering::Equal
        );
        assert!((all.statistics().count - 1201.0).abs() < 1e-6);
    }

    #[test]
    fn merging_is_like_adding_everything_to_one() {
        let low = of((0..400).map(|n| f64::from(n) * 1.5));
        let high = of((0..4_000).map(|n| f64::from(n) * 1e6));
        let few = of([7.0, 7.5]);
        let mut merged = few.clone();
        merged.merge(&low);
        merged.merge(&high);
        merged.merge(&few);
        let mut whole = low.statistics();
        for other in [&high, &few, &few] {
            whole.merge(&other.statistics());
        }
        let told = merged.statistics();
        assert_eq!((told.min, told.max), (whole.min, whole.max));
        assert!((told.count - whole.count).abs() < 1e-6);
        assert!((told.sum - whole.sum).abs() <= whole.sum * 1e-9);
    }

    #[test]
    fn values_keep_their_place_when_buckets_of_different_widths_are_merged() {
        let fine = || of((0..1_000).map(|n| 50.0 + f64::from(n) / 10.0));
        let wide = || of((-120..120).flat_map(|power| [10f64.powi(power), -10f64.powi(power)]));
        for (mut merged, other) in [(fine(), wide()), (wide(), fine())] {
            merged.merge(&other);
            // Three quarters of all values are the fine ones, from 50 to 150.
            let share = (240.0 + 122.0 + 500.0) / 1480.0;
            let middle = percentile(&merged, share);
            assert!((95.0..105.0).contains(&middle), "{middle}");
        }
    }

    #[test]
    fn sampled_counts_need_not_be_whole() {
        let mut all = Distribution::default();
        for n in 1..=200 {
            all.add(f64::from(n), 10.0 / 3.0);
        }
        let told = all.statistics();
        assert!((told.count - 2_000.0 / 3.0).abs() < 1e-6, "{told:?}");
        assert_eq!((told.min, told.max), (1.0, 200.0));
    }
}
