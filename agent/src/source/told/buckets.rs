//! Buckets of a histogram as values with counts.
//!
//! A histogram tells how many values fell between two bounds, and their sum. CloudWatch takes
//! values with counts, and works out its own sum. So one value stands for each bucket, chosen so
//! that count, sum and average are those of the histogram: all buckets share the same place between
//! their bounds, and that place is what the sum says. A percentile is then off by no more than the
//! width of the bucket that it falls into.

/// Values above `lower`, up to and with `upper`. Either may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bucket {
    /// The bound below.
    pub(crate) lower: f64,
    /// The bound above.
    pub(crate) upper: f64,
    /// How many values.
    pub(crate) count: f64,
}

/// One value with its count for each bucket that is not empty, in the order of the buckets, which
/// must be ascending.
///
/// Without a sum the middle of a bucket stands for it. A bucket without an upper bound is stood for
/// by what the sum leaves for it when the others are in the middle, and no less than its lower
/// bound. One without a lower bound is taken to begin at zero, or at its upper bound if that is
/// negative, as PromQL does.
/// Source: Prometheus documentation, `histogram_quantile`.
pub(crate) fn spread(buckets: &[Bucket], sum: Option<f64>) -> Vec<(f64, f64)> {
    let told = buckets.iter().filter(|bucket| bucket.count > 0.0);
    let told: Vec<Bucket> = told.copied().map(Bucket::bounded_below).collect();
    let sum = sum.filter(|sum| sum.is_finite());
    let is_open = |bucket: &&Bucket| bucket.upper == f64::INFINITY;
    let (mut low, mut high) = (0.0, 0.0);
    for bucket in told.iter().filter(|bucket| !is_open(bucket)) {
        low += bucket.count * bucket.lower;
        high += bucket.count * bucket.upper;
    }
    let mut open_value = None;
    if let Some(open) = told.iter().find(is_open) {
        let rest = sum.map(|sum| (sum - f64::midpoint(low, high)) / open.count);
        let value = rest.map_or(open.lower, |rest| rest.max(open.lower));
        // All buckets but this one are told by what is left of the sum.
        open_value = Some((value, value * open.count));
    }
    let closed_sum = sum.map(|sum| sum - open_value.map_or(0.0, |(_, open_sum)| open_sum));
    let place = match closed_sum {
        Some(sum) if high > low => ((sum - low) / (high - low)).clamp(0.0, 1.0),
        _ => 0.5,
    };
    // With bounds near the greatest double the sums above are not finite.
    let place = if place.is_finite() { place } else { 0.5 };
    let values = told.iter().map(|bucket| {
        let value = match open_value {
            Some((value, _)) if is_open(&bucket) => value,
            _ => bucket.lower + place * (bucket.upper - bucket.lower),
        };
        (value, bucket.count)
    });
    values.collect()
}

impl Bucket {
    fn bounded_below(self) -> Self {
        if self.lower.is_finite() {
            return self;
        }
        let lower = match self.upper {
            f64::INFINITY => 0.0,
            upper => upper.min(0.0),
        };
        Self { lower, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Counts and sum of a histogram, and the values with counts that stand for it.
    type Case<'c> = (&'c [f64], Option<f64>, &'c [(f64, f64)]);

    fn buckets(counts: &[f64]) -> Vec<Bucket> {
        let bounds = [f64::NEG_INFINITY, 1.0, 2.0, 5.0, f64::INFINITY];
        let pairs = bounds.windows(2).zip(counts);
        pairs
            .map(|(pair, count)| Bucket {
                lower: pair[0],
                upper: pair[1],
                count: *count,
            })
            .collect()
    }

    #[test]
    fn the_place_in_a_bucket_is_what_the_sum_says() {
        let cases: [Case<'_>; 7] = [
            (&[2.0, 0.0, 0.0, 0.0], Some(0.5), &[(0.25, 2.0)]),
            (&[1.0, 0.0, 1.0, 0.0], Some(4.0), &[(0.5, 1.0), (3.5, 1.0)]),
            (&[1.0, 0.0, 1.0, 0.0], None, &[(0.5, 1.0), (3.5, 1.0)]),
            (&[0.0, 0.0, 0.0, 2.0], Some(20.0), &[(10.0, 2.0)]),
            (&[0.0, 0.0, 0.0, 2.0], None, &[(5.0, 2.0)]),
            // The sum leaves less for the last bucket than its bound: the first gives way.
            (
                &[1.0, 0.0, 0.0, 1.0],
                Some(5.25),
                &[(0.25, 1.0), (5.0, 1.0)],
            ),
            (&[0.0, 0.0, 0.0, 0.0], Some(0.0), &[]),
        ];
        for (counts, sum, expected) in cases {
            assert_eq!(
                spread(&buckets(counts), sum),
                expected,
                "{counts:?} {sum:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn count_and_sum_are_kept_and_each_value_is_in_its_bucket(
            values in prop::collection::vec(0.001f64..20.0, 1..50),
        ) {
            let mut filled = buckets(&[0.0; 4]);
            for value in &values {
                let bucket = filled.iter_mut().find(|one| *value <= one.upper).unwrap();
                bucket.count += 1.0;
            }
            let sum: f64 = values.iter().sum();
            let told = spread(&filled, Some(sum));
            let told_sum: f64 = told.iter().map(|(value, count)| value * count).sum();
            let told_count: f64 = told.iter().map(|(_, count)| count).sum();
            prop_assert!((told_sum - sum).abs() <= 1e-9 * sum, "{told_sum} {sum}");
            let count = u32::try_from(values.len()).map(f64::from).unwrap();
            prop_assert!((told_count - count).abs() < 1e-9);
            let not_empty = filled.iter().filter(|bucket| bucket.count > 0.0);
            for ((value, _), bucket) in told.iter().zip(not_empty) {
                prop_assert!(*value >= bucket.lower.max(0.0) && *value <= bucket.upper);
            }
        }
    }
}
