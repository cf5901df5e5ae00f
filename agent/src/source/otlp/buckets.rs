//! The buckets of OTLP's two histograms: compared with those before, and with their bounds.
//! Pure.
//! Source: OpenTelemetry metrics data model, `Histogram`, `ExponentialHistogram`.

use super::model;
use crate::sample::as_value;
use crate::source::told::Bucket;

/// Scales that the data model allows.
const SCALE_MIN: i32 = -10;
const SCALE_MAX: i32 = 20;
/// Buckets of one point. SDKs have at most 160 each for positive and negative values.
const BUCKETS_MAX: usize = 4096;

/// The counts of a histogram.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Counts {
    /// Between bounds that are told.
    Explicit {
        /// The bounds, ascending; one fewer than counts.
        bounds: Box<[f64]>,
        /// How many values are in each bucket.
        counts: Box<[u64]>,
    },
    /// Between powers of a base that the scale tells.
    Exponential {
        /// The base is 2 to the power of 2 to the power of minus this.
        scale: i32,
        /// Values that are zero, or too near to tell.
        zero: u64,
        /// Buckets above zero.
        positive: model::Buckets,
        /// Buckets below zero, by their absolute values.
        negative: model::Buckets,
    },
}

impl Counts {
    /// The counts of a point with bounds; `None` if they contradict themselves.
    pub(crate) fn explicit(point: &model::HistogramPoint<'_>) -> Option<Self> {
        let (bounds, counts) = (&point.explicit_bounds, &point.bucket_counts);
        let ascending = bounds.windows(2).all(|pair| match pair {
            [one, next] => one < next,
            _ => true,
        });
        let fits = ascending
            && bounds.iter().all(|bound| bound.is_finite())
            && counts.len() == bounds.len() + 1
            && counts.len() <= BUCKETS_MAX
            && sum(counts) == Some(point.count);
        fits.then(|| Self::Explicit {
            bounds: bounds.clone().into(),
            counts: counts.clone().into(),
        })
    }

    /// The counts of a point with a scale; `None` if they contradict themselves.
    pub(crate) fn exponential(point: &model::ExponentialPoint<'_>) -> Option<Self> {
        let (positive, negative) = (&point.positive.bucket_counts, &point.negative.bucket_counts);
        let count = sum(positive)?
            .checked_add(sum(negative)?)?
            .checked_add(point.zero_count)?;
        let fits = (SCALE_MIN..=SCALE_MAX).contains(&point.scale)
            && positive.len() + negative.len() <= BUCKETS_MAX
            && [&point.positive, &point.negative]
                .into_iter()
                .all(has_indices)
            && count == point.count;
        fits.then(|| Self::Exponential {
            scale: point.scale,
            zero: point.zero_count,
            positive: point.positive.clone(),
            negative: point.negative.clone(),
        })
    }

    /// Numbers that it takes to remember it.
    pub(crate) fn numbers(&self) -> usize {
        match self {
            Self::Explicit { bounds, counts } => bounds.len() + counts.len(),
            Self::Exponential {
                positive, negative, ..
            } => positive.bucket_counts.len() + negative.bucket_counts.len(),
        }
    }

    /// What is more than `before`; `None` if that has more of anything, or other bounds, so that
    /// this began anew. A histogram that widened its buckets is compared in the wider ones.
    pub(crate) fn since(&self, before: &Self) -> Option<Self> {
        match (self, before) {
            (
                Self::Explicit { bounds, counts },
                Self::Explicit {
                    bounds: bounds_before,
                    counts: counts_before,
                },
            ) => {
                if bounds != bounds_before {
                    return None;
                }
                let pairs = counts.iter().zip(counts_before);
                let counts = pairs.map(|(now, then)| now.checked_sub(*then));
                Some(Self::Explicit {
                    bounds: bounds.clone(),
                    counts: counts.collect::<Option<_>>()?,
                })
            }
            (
                Self::Exponential {
                    scale,
                    zero,
                    positive,
                    negative,
                },
                Self::Exponential {
                    scale: scale_before,
                    zero: zero_before,
                    positive: positive_before,
                    negative: negative_before,
                },
            ) => {
                let steps = scale_before.checked_sub(*scale)?;
                let steps = u32::try_from(steps).ok()?;
                Some(Self::Exponential {
                    scale: *scale,
                    zero: zero.checked_sub(*zero_before)?,
                    positive: more_than(positive, positive_before, steps)?,
                    negative: more_than(negative, negative_before, steps)?,
                })
            }
            _ => None,
        }
    }

    /// The buckets with their bounds, ascending, all values between `min` and `max` if these are
    /// known.
    pub(crate) fn buckets(&self, min: Option<f64>, max: Option<f64>) -> Vec<Bucket> {
        let mut buckets = match self {
            Self::Explicit { bounds, counts } => {
                let lower = [f64::NEG_INFINITY]
                    .into_iter()
                    .chain(bounds.iter().copied());
                let upper = bounds.iter().copied().chain([f64::INFINITY]);
                let pairs = lower.zip(upper).zip(counts);
                pairs
                    .map(|((lower, upper), count)| bucket(lower, upper, *count))
                    .collect()
            }
            Self::Exponential {
                scale,
                zero,
                positive,
                negative,
            } => {
                let below = indexed(negative).rev();
                let below = below.map(|(index, count)| {
                    bucket(-power(*scale, index + 1), -power(*scale, index), count)
                });
                let above = indexed(positive).map(|(index, count)| {
                    bucket(power(*scale, index), power(*scale, index + 1), count)
                });
                let zero = [bucket(0.0, 0.0, *zero)];
                below.chain(zero).chain(above).collect::<Vec<_>>()
            }
        };
        buckets.retain(|bucket| bucket.count > 0.0);
        if let (Some(first), Some(min)) = (buckets.first_mut(), min)
            && min > first.lower
            && min <= first.upper
        {
            first.lower = min;
        }
        if let (Some(last), Some(max)) = (buckets.last_mut(), max)
            && max < last.upper
            && max >= last.lower
        {
            last.upper = max;
        }
        buckets
    }
}

fn bucket(lower: f64, upper: f64, count: u64) -> Bucket {
    Bucket {
        lower,
        upper,
        count: as_value(count),
    }
}

fn sum(counts: &[u64]) -> Option<u64> {
    counts
        .iter()
        .try_fold(0_u64, |sum, count| sum.checked_add(*count))
}

/// Whether every bucket has an index, and the bound above it too.
fn has_indices(buckets: &model::Buckets) -> bool {
    let len = i32::try_from(buckets.bucket_counts.len());
    len.is_ok_and(|len| buckets.offset.checked_add(len).is_some())
}

/// Each count with the index of its bucket.
fn indexed(buckets: &model::Buckets) -> impl DoubleEndedIterator<Item = (i32, u64)> {
    let counts = buckets.bucket_counts.iter().enumerate();
    let offset = buckets.offset;
    counts.map(move |(at, count)| {
        let index = i32::try_from(at).unwrap_or(i32::MAX);
        (offset.saturating_add(index), *count)
    })
}

/// The lower bound of a bucket: the base to the power of its index.
fn power(scale: i32, index: i32) -> f64 {
    (f64::from(index) * (-f64::from(scale)).exp2()).exp2()
}

/// The counts of `now` without those of `before`, whose buckets are finer by `steps` halvings.
fn more_than(now: &model::Buckets, before: &model::Buckets, steps: u32) -> Option<model::Buckets> {
    let mut since = now.clone();
    for (index, count) in indexed(before).filter(|(_, count)| *count > 0) {
        // An arithmetic shift is the division that the merging of two buckets is, and 31 of them
        // leave only the sign.
        let index = index >> steps.min(31);
        let at = usize::try_from(index.checked_sub(now.offset)?).ok()?;
        let there = since.bucket_counts.get_mut(at)?;
        *there = there.checked_sub(count)?;
    }
    Some(since)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exponential(scale: i32, offset: i32, counts: &[u64]) -> Counts {
        Counts::Exponential {
            scale,
            zero: 0,
            positive: model::Buckets {
                offset,
                bucket_counts: counts.to_vec(),
            },
            negative: model::Buckets::default(),
        }
    }

    #[test]
    fn a_histogram_that_widened_its_buckets_is_compared_in_the_wider_ones() {
        // Of scale 1 the bounds are powers of the root of 2: -1 and 0 become -1 and 0 of scale 0.
        let before = exponential(1, -1, &[1, 2, 3]);
        let cases = [
            (
                exponential(1, -1, &[1, 2, 4]),
                Some(exponential(1, -1, &[0, 0, 1])),
            ),
            (
                exponential(1, -2, &[5, 1, 2, 3]),
                Some(exponential(1, -2, &[5, 0, 0, 0])),
            ),
            (
                exponential(0, -1, &[1, 7]),
                Some(exponential(0, -1, &[0, 2])),
            ),
            (exponential(1, -1, &[0, 2, 4]), None),
            (exponential(1, 0, &[2, 3]), None),
            (exponential(2, -1, &[1, 2, 3]), None),
        ];
        for (now, expected) in cases {
            assert_eq!(now.since(&before), expected, "{now:?}");
        }
    }

    #[test]
    fn bounds_are_powers_of_the_base() {
        let told = Counts::Exponential {
            scale: 0,
            zero: 1,
            positive: model::Buckets {
                offset: -1,
                bucket_counts: vec![2, 0, 3],
            },
            negative: model::Buckets {
                offset: 1,
                bucket_counts: vec![4, 5],
            },
        };
        let bounds = |min, max| -> Vec<(f64, f64, f64)> {
            let buckets = told.buckets(min, max).into_iter();
            buckets
                .map(|one| (one.lower, one.upper, one.count))
                .collect()
        };
        let expected = [
            (-8.0, -4.0, 5.0),
            (-4.0, -2.0, 4.0),
            (0.0, 0.0, 1.0),
            (0.5, 1.0, 2.0),
            (2.0, 4.0, 3.0),
        ];
        assert_eq!(bounds(None, None), expected);
        let narrowed = bounds(Some(-6.0), Some(3.0));
        assert_eq!(narrowed[0], (-6.0, -4.0, 5.0));
        assert_eq!(narrowed[4], (2.0, 3.0, 3.0));
    }

    #[test]
    fn points_that_contradict_themselves_are_none() {
        let point = |bounds: &[f64], counts: &[u64], count| model::HistogramPoint {
            explicit_bounds: bounds.to_vec(),
            bucket_counts: counts.to_vec(),
            count,
            ..model::HistogramPoint::default()
        };
        assert!(Counts::explicit(&point(&[1.0, 2.0], &[1, 1, 1], 3)).is_some());
        for wrong in [
            point(&[1.0, 2.0], &[1, 1, 1], 4),
            point(&[1.0, 2.0], &[1, 2], 3),
            point(&[2.0, 1.0], &[1, 1, 1], 3),
            point(&[1.0, f64::NAN], &[1, 1, 1], 3),
            point(&[1.0], &[u64::MAX, 1], 0),
        ] {
            assert_eq!(Counts::explicit(&wrong), None, "{wrong:?}");
        }
        for (scale, offset, count) in [(21, 0, 1), (-11, 0, 1), (0, i32::MAX, 1), (0, 0, 2)] {
            let wrong = model::ExponentialPoint {
                scale,
                count,
                positive: model::Buckets {
                    offset,
                    bucket_counts: vec![1],
                },
                ..model::ExponentialPoint::default()
            };
            assert_eq!(Counts::exponential(&wrong), None, "{wrong:?}");
        }
    }
}
