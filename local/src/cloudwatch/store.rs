//! Series of metrics in bounded memory.
//!
//! One-second data lives for three hours, then joins the minute's data, which lives for 15 days,
//! as at AWS. (AWS goes on with five-minute and hourly data; nothing here is that old.) Beyond the
//! caps the stalest series goes first, and what went is counted.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;

use super::bucket::Bucket;

/// Different metrics that are kept.
pub(super) const SERIES_MAX: usize = 10_000;
/// The weight of all buckets ([`Bucket::weight`]), about 40 MB.
pub(super) const WEIGHT_MAX: usize = 400_000;
/// How long one-second data is kept. Source: CloudWatch user guide, metrics retention.
const FINE_AGE: Duration = Duration::from_hours(3);
/// How long minute data is kept. Source: the same.
const COARSE_AGE: Duration = Duration::from_hours(15 * 24);
/// Seconds of a coarse bucket.
const MINUTE: i64 = 60;

/// What names a metric: namespace, name and the exact set of dimensions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetricId {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// Name and value, sorted by name.
    pub dimensions: Vec<(String, String)>,
}

/// One datum, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// Which metric.
    pub id: MetricId,
    /// Its unit, one of CloudWatch's names; `None` as a word for none.
    pub unit: String,
    /// When it was measured.
    pub at: UnixMillis,
    /// Whether it is kept by the second.
    pub high_resolution: bool,
    /// Its samples.
    pub bucket: Bucket,
}

/// All series.
#[derive(Debug, Default)]
pub(super) struct Store {
    series: BTreeMap<MetricId, Series>,
    weight: usize,
    evicted_series: u64,
    expired_buckets: u64,
}

#[derive(Debug, Default)]
struct Series {
    /// Data in different units is different data.
    units: BTreeMap<String, Data>,
    /// The time of its newest datum.
    newest: UnixMillis,
    /// When it was last written to, for eviction.
    written: u64,
}

/// Buckets by the second at which they start.
#[derive(Debug, Default)]
struct Data {
    fine: BTreeMap<i64, Bucket>,
    coarse: BTreeMap<i64, Bucket>,
}

/// How full the store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Metrics.
    pub series: usize,
    /// The weight of the buckets over all metrics; a bucket of few values weighs 1.
    pub weight: usize,
    /// Metrics that made room for others.
    pub evicted_series: u64,
    /// Buckets that reached the end of their retention.
    pub expired_buckets: u64,
}

impl Store {
    /// Adds a datum. `write` must grow from call to call.
    pub(super) fn add(&mut self, datum: &Datum, write: u64) {
        if !self.series.contains_key(&datum.id) && self.series.len() >= SERIES_MAX {
            self.evict();
        }
        let series = self.series.entry(datum.id.clone()).or_default();
        series.newest = series.newest.max(datum.at);
        series.written = write;
        let data = match series.units.get_mut(&datum.unit) {
            Some(data) => data,
            None => series.units.entry(datum.unit.clone()).or_default(),
        };
        let second = datum.at.as_secs();
        let (grown, shrunk) = if datum.high_resolution {
            put(&mut data.fine, second, &datum.bucket)
        } else {
            let minute = second - second.rem_euclid(MINUTE);
            put(&mut data.coarse, minute, &datum.bucket)
        };
        self.weight = (self.weight + grown).saturating_sub(shrunk);
        while self.weight > WEIGHT_MAX && self.series.len() > 1 {
            self.evict();
        }
    }

    /// Ages the data: seconds become minutes, minutes go.
    pub(super) fn age(&mut self, now: UnixMillis) {
        let fine_from = (now - FINE_AGE).as_secs();
        let coarse_from = (now - COARSE_AGE).as_secs();
        let (mut weight, mut expired) = (0, 0);
        self.series.retain(|_, series| {
            for data in series.units.values_mut() {
                data.fold(fine_from);
                let kept = data.coarse.split_off(&coarse_from);
                expired += data.coarse.len();
                data.coarse = kept;
                weight += data.weight();
            }
            series
                .units
                .retain(|_, data| !data.fine.is_empty() || !data.coarse.is_empty());
            !series.units.is_empty()
        });
        self.weight = weight;
        self.expired_buckets += u64::try_from(expired).unwrap_or(0);
    }

    /// The samples from `from` until before `to` (seconds), in one unit or in all together;
    /// `None` when there are none.
    #[must_use]
    pub(super) fn window(
        &self,
        id: &MetricId,
        unit: Option<&str>,
        from: i64,
        to: i64,
    ) -> Option<Bucket> {
        self.periods(id, unit, from, to, to.saturating_sub(from))
            .into_values()
            .next()
    }

    /// The samples from `from` until before `to` in steps of `period` seconds that start at
    /// `from`. Steps without samples are absent.
    #[must_use]
    pub(super) fn periods(
        &self,
        id: &MetricId,
        unit: Option<&str>,
        from: i64,
        to: i64,
        period: i64,
    ) -> BTreeMap<i64, Bucket> {
        let mut periods = BTreeMap::new();
        let Some(series) = self.series.get(id) else {
            return periods;
        };
        if from >= to || period <= 0 {
            return periods;
        }
        let wanted = |name: &str| unit.is_none_or(|unit| unit == name);
        for data in series
            .units
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(_, data)| data)
        {
            for (second, bucket) in data.coarse.range(from..to).chain(data.fine.range(from..to)) {
                let start = second - (second - from).rem_euclid(period);
                put(&mut periods, start, bucket);
            }
        }
        periods
    }

    /// The units in which a metric has data.
    #[must_use]
    pub(super) fn units(&self, id: &MetricId) -> Vec<String> {
        self.series
            .get(id)
            .map(|series| series.units.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Metrics with the time of their newest datum, in order, of one namespace or of all.
    pub(super) fn metrics<'a>(
        &'a self,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a MetricId, UnixMillis)> {
        let start = MetricId {
            namespace: namespace.unwrap_or_default().to_owned(),
            name: String::new(),
            dimensions: Vec::new(),
        };
        self.series
            .range((Bound::Included(start), Bound::Unbounded))
            .take_while(move |(id, _)| namespace.is_none_or(|wanted| id.namespace == wanted))
            .map(|(id, series)| (id, series.newest))
    }

    /// How full the store is.
    #[must_use]
    pub(super) fn fill(&self) -> Fill {
        Fill {
            series: self.series.len(),
            weight: self.weight,
            evicted_series: self.evicted_series,
            expired_buckets: self.expired_buckets,
        }
    }

    /// Removes the series that was not written to for the longest time.
    fn evict(&mut self) {
        let stalest = self
            .series
            .iter()
            .min_by_key(|(_, series)| series.written)
            .map(|(id, _)| id.clone());
        if let Some(series) = stalest.and_then(|id| self.series.remove(&id)) {
            let freed: usize = series.units.values().map(Data::weight).sum();
            self.weight = self.weight.saturating_sub(freed);
            self.evicted_series += 1;
        }
    }
}

impl Data {
    fn weight(&self) -> usize {
        let buckets = self.fine.values().chain(self.coarse.values());
        buckets.map(Bucket::weight).sum()
    }

    /// Moves fine buckets before `from` into their minutes.
    fn fold(&mut self, from: i64) {
        while let Some(entry) = self.fine.first_entry().filter(|entry| *entry.key() < from) {
            let (second, bucket) = entry.remove_entry();
            put(
                &mut self.coarse,
                second - second.rem_euclid(MINUTE),
                &bucket,
            );
        }
    }
}

/// Adds samples to the bucket at `start` and gives its weight afterwards and before.
fn put(buckets: &mut BTreeMap<i64, Bucket>, start: i64, samples: &Bucket) -> (usize, usize) {
    if let Some(bucket) = buckets.get_mut(&start) {
        let before = bucket.weight();
        bucket.merge(samples);
        return (bucket.weight(), before);
    }
    buckets.insert(start, samples.clone());
    (samples.weight(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudwatch::Statistic;

    fn datum(name: &str, second: i64, high_resolution: bool, unit: &str) -> Datum {
        Datum {
            id: id(name),
            unit: unit.to_owned(),
            at: UnixMillis(second * 1000),
            high_resolution,
            bucket: Bucket::of(1.0, 1.0),
        }
    }

    fn id(name: &str) -> MetricId {
        MetricId {
            namespace: "Test".to_owned(),
            name: name.to_owned(),
            dimensions: Vec::new(),
        }
    }

    fn counts(periods: &BTreeMap<i64, Bucket>) -> Vec<(i64, f64)> {
        periods
            .iter()
            .map(|(start, bucket)| (*start, bucket.read(Statistic::SampleCount).unwrap()))
            .collect()
    }

    #[test]
    fn periods_start_at_the_start_and_leave_gaps() {
        let mut store = Store::default();
        for second in [0, 5, 59, 60, 185] {
            store.add(&datum("a", second, true, "None"), 1);
        }
        let periods = store.periods(&id("a"), None, 0, 240, 60);
        assert_eq!(counts(&periods), [(0, 3.0), (60, 1.0), (180, 1.0)]);
        assert_eq!(store.window(&id("a"), None, 100, 180), None);
    }

    #[test]
    fn units_are_apart_when_asked_for_and_together_when_not() {
        let mut store = Store::default();
        store.add(&datum("a", 0, false, "Bytes"), 1);
        store.add(&datum("a", 0, false, "None"), 2);
        let all = store.periods(&id("a"), None, 0, 60, 60);
        assert_eq!(counts(&all), [(0, 2.0)]);
        let bytes = store.periods(&id("a"), Some("Bytes"), 0, 60, 60);
        assert_eq!(counts(&bytes), [(0, 1.0)]);
    }

    #[test]
    fn seconds_become_minutes_after_three_hours_and_minutes_go_after_15_days() {
        let mut store = Store::default();
        for second in 0..60 {
            store.add(&datum("a", second, true, "None"), 1);
        }
        store.age(UnixMillis((3 * 3600 + 60) * 1000));
        assert_eq!(store.fill().weight, 1);
        let minute = store.periods(&id("a"), None, 0, 60, 60);
        assert_eq!(counts(&minute), [(0, 60.0)]);
        store.age(UnixMillis((15 * 86_400 + 1) * 1000));
        assert_eq!(store.fill().series, 0);
        assert_eq!(store.fill().expired_buckets, 1);
    }

    #[test]
    fn the_stalest_series_makes_room_and_is_counted() {
        let mut store = Store::default();
        for number in 0..=SERIES_MAX {
            store.add(
                &datum(&format!("m{number}"), 0, false, "None"),
                number as u64 + 1,
            );
        }
        assert_eq!(store.fill().series, SERIES_MAX);
        assert_eq!(store.fill().evicted_series, 1);
        assert_eq!(store.units(&id("m0")), Vec::<String>::new());
        assert_eq!(store.units(&id("m1")), ["None"]);
    }

    #[test]
    fn listed_values_weigh_and_too_much_weight_evicts() {
        let mut store = Store::default();
        let mut heavy = Bucket::of(0.0, 1.0);
        (1..400).for_each(|value| heavy.merge(&Bucket::of(f64::from(value), 1.0)));
        let each = heavy.weight();
        let fitting = WEIGHT_MAX / each;
        for number in 0..=fitting {
            let mut datum = datum(&format!("m{number}"), 0, false, "None");
            datum.bucket = heavy.clone();
            store.add(&datum, number as u64 + 1);
        }
        assert_eq!(store.fill().weight, fitting * each);
        assert_eq!(store.fill().evicted_series, 1);
    }
}
