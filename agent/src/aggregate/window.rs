//! The series of one feed in one stretch of time.
//!
//! A source that meets the same series again and again looks it up once with [`Window::slot`] and
//! keeps the slot; a slot is good in its own window only, which [`Window::generation`] names.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::{Distribution, Folded, OVERFLOW, SeriesGuard, Statistics};
use crate::sample::{Labels, MetricName, Sample};

/// Different members of a set that are told apart in one window; a larger set is told as this.
const MEMBERS_MAX: usize = 100_000;

/// How the values of a series become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum How {
    /// Added up: a counter.
    Sum,
    /// The last one counts: a gauge.
    Last,
    /// Count, sum and extremes: a gauge that is looked at often.
    Statistics,
    /// Percentiles are wanted: a timer, a histogram.
    Distribution,
    /// How many different members came: a set.
    Unique,
}

impl How {
    /// Whether such values of two hosts, or of two times, are added up.
    fn is_additive(self) -> bool {
        matches!(self, Self::Sum)
    }
}

/// What makes a series.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SeriesKey {
    /// The metric.
    pub(crate) metric: MetricName,
    /// Its own dimensions.
    pub(crate) labels: Labels,
    /// How its values become one.
    pub(crate) how: How,
}

/// Where a series is in its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot(u32);

/// Series and what came of them.
#[derive(Debug)]
pub(crate) struct Window {
    guard: SeriesGuard,
    slots: HashMap<SeriesKey, Slot>,
    series: Vec<(SeriesKey, Gathering)>,
    generation: u64,
}

/// What came of one series.
#[derive(Clone, Debug)]
enum Gathering {
    Nothing,
    Folded(Folded),
    Members(HashSet<u64>),
}

impl Window {
    /// An empty window that lets in as many series as `guard` allows.
    #[must_use]
    pub(crate) fn new(guard: SeriesGuard, generation: u64) -> Self {
        Self {
            guard,
            slots: HashMap::new(),
            series: Vec::new(),
            generation,
        }
    }

    /// Another for each window of an intake, so that slots of one are not used in another.
    #[must_use]
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The slot of a series. One too many for its metric shares the slot of the series whose only
    /// own dimension is [`OVERFLOW`].
    pub(crate) fn slot(&mut self, key: SeriesKey) -> Slot {
        if let Some(slot) = self.slots.get(&key) {
            return *slot;
        }
        let key = if self.guard.admits(&key) {
            key
        } else {
            let labels = Labels::one(OVERFLOW, &Arc::from("true"));
            let key = SeriesKey { labels, ..key };
            if let Some(slot) = self.slots.get(&key) {
                return *slot;
            }
            key
        };
        // The guard bounds the number of series far below that.
        let slot = Slot(u32::try_from(self.series.len()).unwrap_or(u32::MAX));
        self.slots.insert(key.clone(), slot);
        self.series.push((key, Gathering::Nothing));
        slot
    }

    /// Adds `value`, `count` times. For [`How::Unique`] the bits of the value are the member.
    pub(crate) fn add(&mut self, slot: Slot, value: f64, count: f64) {
        let Some((key, gathering)) = self.series.get_mut(slot.0 as usize) else {
            return;
        };
        gathering.add(key.how, value, count);
    }

    /// Adds a member to a set, by a hash of it.
    pub(crate) fn add_member(&mut self, slot: Slot, hash: u64) {
        let Some((_, gathering)) = self.series.get_mut(slot.0 as usize) else {
            return;
        };
        if !matches!(gathering, Gathering::Members(_)) {
            *gathering = Gathering::Members(HashSet::new());
        }
        if let Gathering::Members(members) = gathering
            && members.len() < MEMBERS_MAX
        {
            members.insert(hash);
        }
    }

    /// Adds a sample as it is.
    pub(crate) fn add_sample(&mut self, sample: Sample) {
        let how = match (&sample.value, sample.additive) {
            (Folded::Distribution(_), _) => How::Distribution,
            (_, true) => How::Sum,
            _ => How::Statistics,
        };
        let slot = self.slot(SeriesKey {
            metric: sample.metric,
            labels: sample.labels,
            how,
        });
        if let Some((_, gathering)) = self.series.get_mut(slot.0 as usize) {
            gathering.merge(sample.value);
        }
    }

    /// Adds what came in `later`, a window of a later time, as if it had come here.
    pub(crate) fn absorb(&mut self, later: Self) {
        for (key, gathering) in later.series {
            let how = key.how;
            let slot = self.slot(key);
            if let Some((_, mine)) = self.series.get_mut(slot.0 as usize) {
                mine.absorb(how, gathering);
            }
        }
    }

    /// A copy of what came of the metrics with these names.
    #[must_use]
    pub(crate) fn only(&self, wanted: &BTreeSet<Arc<str>>) -> Self {
        let series = self.series.iter();
        let series = series.filter(|(key, _)| wanted.contains(key.metric.name()));
        Self {
            guard: self.guard.clone(),
            slots: HashMap::new(),
            series: series.cloned().collect(),
            generation: self.generation,
        }
    }

    /// Takes what came, and begins anew. `overflowed` names the metrics that had too many series.
    pub(crate) fn take(&mut self) -> (Vec<Sample>, Vec<String>) {
        self.slots.clear();
        let samples = std::mem::take(&mut self.series).into_iter();
        let samples = samples.filter_map(|(key, gathering)| {
            Some(Sample {
                metric: key.metric,
                labels: key.labels,
                value: gathering.told()?,
                additive: key.how.is_additive(),
            })
        });
        (samples.collect(), self.guard.begin_anew())
    }

    /// Whether nothing came.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

impl Gathering {
    fn add(&mut self, how: How, value: f64, count: f64) {
        let one = match how {
            How::Sum => Folded::One(value * count),
            How::Last | How::Unique => Folded::One(value),
            How::Statistics => Folded::Statistics(Statistics {
                count,
                sum: value * count,
                min: value,
                max: value,
            }),
            How::Distribution => {
                if let Self::Folded(Folded::Distribution(all)) = self {
                    return all.add(value, count);
                }
                let mut all = Distribution::default();
                all.add(value, count);
                Folded::Distribution(Box::new(all))
            }
        };
        match (how, &mut *self) {
            (How::Sum, Self::Folded(Folded::One(sum))) => *sum += value * count,
            (How::Statistics | How::Distribution, Self::Folded(all)) => all.merge(&one),
            _ => *self = Self::Folded(one),
        }
    }

    fn absorb(&mut self, how: How, later: Self) {
        match (how, &mut *self, later) {
            (_, _, Self::Nothing) => {}
            (How::Sum, Self::Folded(Folded::One(sum)), Self::Folded(Folded::One(more))) => {
                *sum += more;
            }
            (_, Self::Members(members), Self::Members(more)) => {
                let room = MEMBERS_MAX.saturating_sub(members.len());
                members.extend(more.into_iter().take(room));
            }
            (
                How::Sum | How::Statistics | How::Distribution,
                Self::Folded(all),
                Self::Folded(more),
            ) => {
                all.merge(&more);
            }
            (_, _, later) => *self = later,
        }
    }

    fn merge(&mut self, value: Folded) {
        match self {
            Self::Folded(all) => all.merge(&value),
            _ => *self = Self::Folded(value),
        }
    }

    fn told(self) -> Option<Folded> {
        match self {
            Self::Nothing => None,
            Self::Folded(folded) => Some(folded),
            Self::Members(members) => {
                let count = u64::try_from(members.len()).unwrap_or(u64::MAX);
                Some(Folded::One(crate::sample::as_value(count)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::GivenMetric;
    use plimsoll_core::catalog::Unit;

    fn key(name: &str, tag: &str, how: How) -> SeriesKey {
        SeriesKey {
            metric: GivenMetric::new(name, Unit::None).into(),
            labels: Labels::one("tag", &Arc::from(tag)),
            how,
        }
    }

    fn told(window: &mut Window) -> Vec<String> {
        let (samples, _) = window.take();
        let told = samples.iter().map(|sample| {
            let all = sample.value.statistics();
            let (count, sum, max) = (all.count, all.sum, all.max);
            let label = sample.label().unwrap_or_default();
            format!("{} {label} n={count} sum={sum} max={max}", sample.name())
        });
        told.collect()
    }

    #[test]
    fn each_kind_folds_its_values_in_its_own_way() {
        let mut window = Window::new(SeriesGuard::new(10, 100), 1);
        for how in [How::Sum, How::Last, How::Statistics, How::Distribution] {
            let slot = window.slot(key(&format!("{how:?}"), "a", how));
            for (value, count) in [(1.0, 2.0), (4.0, 1.0), (3.0, 1.0)] {
                window.add(slot, value, count);
            }
        }
        let slot = window.slot(key("Unique", "a", How::Unique));
        for member in [7, 8, 7] {
            window.add_member(slot, member);
        }
        window.slot(key("silent", "a", How::Sum));
        assert_eq!(
            told(&mut window),
            [
                "Sum a n=1 sum=9 max=9",
                "Last a n=1 sum=3 max=3",
                "Statistics a n=4 sum=9 max=4",
                "Distribution a n=4 sum=9 max=4",
                "Unique a n=1 sum=2 max=2",
            ]
        );
    }

    #[test]
    fn all_metrics_together_have_a_bound_as_well() {
        let mut window = Window::new(SeriesGuard::new(10, 3), 1);
        for name in ["a", "b", "c", "d", "d", "e"] {
            let slot = window.slot(key(name, name, How::Sum));
            window.add(slot, 1.0, 1.0);
        }
        let (samples, overflowed) = window.take();
        assert_eq!(overflowed, ["d", "e"]);
        let labels: Vec<_> = samples.iter().filter_map(Sample::label).collect();
        assert_eq!(labels, ["a", "b", "c", "true", "true"]);
    }

    #[test]
    fn series_beyond_the_guard_are_told_as_one_and_nothing_of_them_is_lost() {
        let mut window = Window::new(SeriesGuard::new(2, 100), 1);
        for (tag, value) in [("a", 1.0), ("b", 2.0), ("c", 3.0), ("d", 4.0), ("a", 5.0)] {
            let slot = window.slot(key("hits", tag, How::Sum));
            window.add(slot, value, 1.0);
        }
        let slot = window.slot(key("other", "a", How::Sum));
        window.add(slot, 1.0, 1.0);
        let (samples, overflowed) = window.take();
        assert_eq!(overflowed, ["hits"]);
        let sums: Vec<f64> = samples.iter().map(Sample::number).collect();
        assert_eq!(sums, [6.0, 2.0, 7.0, 1.0]);
        assert_eq!(samples[2].labels, Labels::one(OVERFLOW, &"true".into()));
    }

    proptest::proptest! {
        #[test]
        fn windows_that_are_absorbed_in_order_are_one_window(
            values in proptest::collection::vec((0..5_u8, 0..3_u8, -50..50_i32), 0..60),
            cuts in proptest::collection::vec(0..60_usize, 0..6),
        ) {
            let hows = [How::Sum, How::Last, How::Statistics, How::Distribution, How::Unique];
            let put = |window: &mut Window, (how, tag, value): (u8, u8, i32)| {
                let how = hows[usize::from(how)];
                let slot = window.slot(key(&format!("{how:?}"), &tag.to_string(), how));
                match how {
                    How::Unique => window.add_member(slot, value.unsigned_abs().into()),
                    _ => window.add(slot, f64::from(value), 1.0),
                }
            };
            let new = || Window::new(SeriesGuard::new(100, 100), 0);
            let (mut whole, mut parts) = (new(), vec![new()]);
            for (place, value) in values.into_iter().enumerate() {
                put(&mut whole, value);
                if cuts.contains(&place) {
                    parts.push(new());
                }
                put(parts.last_mut().unwrap(), value);
            }
            let mut joined = new();
            for part in parts {
                joined.absorb(part);
            }
            let sorted = |window: &mut Window| {
                let mut told = told(window);
                told.sort();
                told
            };
            proptest::prop_assert_eq!(sorted(&mut joined), sorted(&mut whole));
        }
    }
}
