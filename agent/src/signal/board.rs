//! What the metrics that signals are computed from said last.
//!
//! Only metrics that an expression names are kept, so a host with many series costs no more. A
//! single value that says how things are counts as known for a while; what is added up, and a
//! distribution, speak of their own interval only: a count of the interval before is no count of
//! this one. Pure: the time comes with each interval.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;

use super::expression::{FeedName, MetricRef, NoValue, Statistic, Values};
use crate::aggregate::{Distribution, Folded, Statistics};
use crate::sample::{Labels, Sample};

/// Series that are kept of all metrics together; some 2 MiB. Further ones are refused, and their
/// metric then has no value, since a statistic over a part of the series would be a wrong number.
const SERIES_MAX: usize = 10_000;
/// A percentile is told in thousandths of a percent.
const WHOLE: f64 = 100_000.0;

/// Last known values.
#[derive(Debug)]
pub(crate) struct Board {
    interval: Duration,
    stale_after: Duration,
    now: UnixMillis,
    metrics: BTreeMap<Arc<str>, Series>,
    series: usize,
    signals: BTreeMap<Arc<str>, Result<f64, NoValue>>,
}

/// The series of one name.
#[derive(Debug, Default)]
struct Series {
    of: BTreeMap<(FeedName, Labels), Told>,
    /// The interval in which there were too many.
    overflowed: Option<UnixMillis>,
}

#[derive(Debug)]
struct Told {
    time: UnixMillis,
    value: Folded,
    additive: bool,
}

impl Board {
    /// An empty board for the metrics of these names.
    pub(crate) fn new(
        interval: Duration,
        stale_after: Duration,
        names: impl IntoIterator<Item = Arc<str>>,
    ) -> Self {
        let names = names.into_iter();
        Self {
            interval,
            stale_after,
            now: UnixMillis::default(),
            metrics: names.map(|name| (name, Series::default())).collect(),
            series: 0,
            signals: BTreeMap::new(),
        }
    }

    /// Begins the interval that is over at `now`: forgets what is stale, and all signals.
    pub(crate) fn begin(&mut self, now: UnixMillis) {
        self.now = now;
        self.signals.clear();
        let stale_after = self.stale_after;
        for series in self.metrics.values_mut() {
            series.of.retain(|_, told| told.is_known(now, stale_after));
        }
        self.series = self.metrics.values().map(|one| one.of.len()).sum();
    }

    /// Writes down what was told for the present interval. What no expression names is left out.
    pub(crate) fn note(&mut self, feed: FeedName, sample: Sample) {
        let Some(series) = self.metrics.get_mut(sample.metric.name()) else {
            return;
        };
        let key = (feed, sample.labels);
        if !series.of.contains_key(&key) {
            if self.series >= SERIES_MAX {
                series.overflowed = Some(self.now);
                return;
            }
            self.series += 1;
        }
        let told = Told {
            time: self.now,
            value: sample.value,
            additive: sample.additive,
        };
        series.of.insert(key, told);
    }

    /// Writes down what a signal says, for those that name it.
    pub(crate) fn note_signal(&mut self, name: &Arc<str>, value: Result<f64, NoValue>) {
        self.signals.insert(Arc::clone(name), value);
    }

    fn matching<'b>(&'b self, metric: &'b MetricRef) -> Option<Vec<&'b Told>> {
        let series = self.metrics.get(&metric.name)?;
        // What was left out may be a gauge, which would count as known for as long.
        let is_incomplete =
            |at: UnixMillis| at <= self.now && self.now.since(at) <= self.stale_after;
        if series.overflowed.is_some_and(is_incomplete) {
            return None;
        }
        let fits = |(feed, labels): &(FeedName, Labels)| {
            let mut wanted = metric.labels.iter();
            metric.feed.is_none_or(|wanted| wanted == *feed)
                && wanted.all(|(name, value)| labels.value(name) == Some(value))
        };
        let all = series.of.iter().filter(|(key, _)| fits(key));
        let known = all.filter(|(_, told)| told.is_known(self.now, self.stale_after));
        Some(known.map(|(_, told)| told).collect())
    }
}

impl Told {
    fn is_known(&self, now: UnixMillis, stale_after: Duration) -> bool {
        let is_gauge = !self.additive && !matches!(self.value, Folded::Distribution(_));
        // After a clock that went backwards a value seems to come from the future.
        self.time == now || (is_gauge && self.time <= now && now.since(self.time) <= stale_after)
    }
}

impl Values for Board {
    fn metric(&self, metric: &MetricRef) -> Result<f64, NoValue> {
        let missing = || NoValue::Missing(metric.name.to_string());
        let told = self.matching(metric).ok_or_else(missing)?;
        if let Statistic::Percentile(thousandths) = metric.statistic {
            let share = f64::from(thousandths) / WHOLE;
            return percentile(&told, share).ok_or_else(missing);
        }
        let (first, rest) = told.split_first().ok_or_else(missing)?;
        let mut all: Statistics = first.value.statistics();
        for one in rest {
            all.merge(&one.value.statistics());
        }
        if all.count <= 0.0 {
            return Err(missing());
        }
        let is_added_up = told.iter().all(|one| one.additive);
        Ok(match metric.statistic {
            Statistic::Natural if is_added_up => all.sum,
            Statistic::Natural | Statistic::Average => all.sum / all.count,
            Statistic::Sum => all.sum,
            Statistic::Minimum => all.min,
            Statistic::Maximum => all.max,
            Statistic::Count => all.count,
            Statistic::Rate => all.sum / self.interval.as_secs_f64(),
            Statistic::Percentile(_) => return Err(missing()),
        })
    }

    fn signal(&self, name: &str) -> Result<f64, NoValue> {
        let Some((name, value)) = self.signals.get_key_value(name) else {
            return Err(NoValue::Missing(name.to_owned()));
        };
        value.clone().map_err(|why| NoValue::Signal {
            name: Arc::clone(name),
            why: Box::new(why),
        })
    }
}

/// The percentile of all values together; `None` if those of any series are not known one by one.
fn percentile(told: &[&Told], share: f64) -> Option<f64> {
    let mut all = Distribution::default();
    for one in told {
        let Folded::Distribution(distribution) = &one.value else {
            return None;
        };
        all.merge(distribution);
    }
    all.percentile(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::GivenMetric;
    use crate::signal::expression::Expression;
    use crate::signal::preset::PRESETS;
    use plimsoll_core::catalog::Unit;

    const INTERVAL: Duration = Duration::from_secs(10);

    fn sample(label: &str, value: Folded, additive: bool) -> Sample {
        Sample {
            metric: GivenMetric::new("m", Unit::None).into(),
            labels: Labels::one("path", &Arc::from(label)),
            value,
            additive,
        }
    }

    fn asked(statistic: Statistic, path: Option<&str>) -> MetricRef {
        let label = path.map(|path| (Arc::from("path"), Arc::from(path)));
        MetricRef {
            feed: None,
            name: Arc::from("m"),
            labels: label.into_iter().collect(),
            statistic,
        }
    }

    fn board() -> Board {
        let mut board = Board::new(INTERVAL, Duration::from_secs(90), [Arc::from("m")]);
        board.begin(UnixMillis(100_000));
        board
    }

    fn spread(values: impl IntoIterator<Item = u32>) -> Folded {
        let mut all = Distribution::default();
        for value in values {
            all.add(f64::from(value), 1.0);
        }
        Folded::Distribution(Box::new(all))
    }

    #[test]
    fn statistics_are_over_all_series_that_match() {
        let mut board = board();
        board.note(FeedName::Host, sample("/", Folded::One(10.0), true));
        board.note(FeedName::Statsd, sample("/var", Folded::One(40.0), true));
        for (statistic, path, expected) in [
            (Statistic::Natural, None, 50.0),
            (Statistic::Average, None, 25.0),
            (Statistic::Minimum, None, 10.0),
            (Statistic::Maximum, None, 40.0),
            (Statistic::Count, None, 2.0),
            (Statistic::Rate, None, 5.0),
            (Statistic::Sum, Some("/var"), 40.0),
        ] {
            assert_eq!(
                board.metric(&asked(statistic, path)),
                Ok(expected),
                "{statistic:?}"
            );
        }
        let mut host = asked(Statistic::Sum, None);
        host.feed = Some(FeedName::Host);
        assert_eq!(board.metric(&host), Ok(10.0));
        assert!(board.metric(&asked(Statistic::Sum, Some("/tmp"))).is_err());
        assert!(
            board
                .metric(&asked(Statistic::Percentile(50_000), None))
                .is_err()
        );
    }

    #[test]
    fn a_percentile_is_that_of_all_series_together() {
        let mut board = board();
        board.note(FeedName::Emf, sample("a", spread(1..=50), false));
        board.note(FeedName::Emf, sample("b", spread(51..=100), false));
        let p = |thousandths| board.metric(&asked(Statistic::Percentile(thousandths), None));
        assert_eq!(p(50_000), Ok(50.0));
        assert_eq!(p(99_000), Ok(99.0));
    }

    #[test]
    fn requests_in_flight_are_the_same_in_short_long_and_folded_intervals() {
        // Three requests a second that stay two seconds each are six at a time (Little's law).
        let preset = PRESETS.iter().find(|one| one.name == "requests_in_flight");
        let expression = Expression::read(preset.unwrap().expression).unwrap();
        let folded = |count: f64| {
            let (min, max, sum) = (2.0, 2.0, 2.0 * count);
            Folded::Statistics(Statistics {
                count,
                sum,
                min,
                max,
            })
        };
        let each = |count: usize| spread(std::iter::repeat_n(2, count));
        for (seconds, values) in [
            (10, vec![each(30)]),
            (60, vec![each(180)]),
            (10, vec![folded(30.0)]),
            (60, vec![folded(180.0)]),
            (10, vec![each(10), folded(20.0)]),
        ] {
            let length = Duration::from_secs(seconds);
            let mut board = Board::new(length, length, [Arc::from("Latency")]);
            board.begin(UnixMillis(60_000));
            for (number, value) in values.into_iter().enumerate() {
                let mut sample = sample(&number.to_string(), value, false);
                sample.metric = GivenMetric::new("Latency", Unit::Seconds).into();
                board.note(FeedName::Logs, sample);
            }
            assert_eq!(expression.value(&board), Ok(6.0), "{seconds} s");
        }
    }

    #[test]
    fn a_gauge_is_known_for_a_while_and_a_count_in_its_own_interval_only() {
        for (value, additive, later, known) in [
            (Folded::One(1.0), false, 90, true),
            (Folded::One(1.0), false, 100, false),
            (Folded::One(1.0), true, 10, false),
            (spread([1]), false, 10, false),
        ] {
            let mut board = board();
            board.note(FeedName::Host, sample("/", value, additive));
            board.begin(UnixMillis(100_000) + Duration::from_secs(later));
            assert_eq!(
                board.metric(&asked(Statistic::Sum, None)).is_ok(),
                known,
                "{later}"
            );
        }
        let mut board = board();
        board.note(FeedName::Host, sample("/", Folded::One(1.0), false));
        board.begin(UnixMillis(50_000));
        assert!(
            board.metric(&asked(Statistic::Sum, None)).is_err(),
            "a clock went back"
        );
    }

    #[test]
    fn a_metric_with_too_many_series_has_no_value_rather_than_a_part_of_it() {
        let mut board = board();
        for n in 0..SERIES_MAX {
            board.note(
                FeedName::Statsd,
                sample(&n.to_string(), Folded::One(1.0), true),
            );
        }
        assert!(board.metric(&asked(Statistic::Sum, None)).is_ok());
        board.note(FeedName::Statsd, sample("one more", Folded::One(1.0), true));
        assert!(board.metric(&asked(Statistic::Sum, None)).is_err());
        // A gauge that was left out would be known for 90 s.
        for (now, expected) in [
            (110_000, None),
            (190_000, None),
            (200_000, Some(1.0)),
            (50_000, Some(1.0)),
        ] {
            board.begin(UnixMillis(now));
            board.note(FeedName::Statsd, sample("0", Folded::One(1.0), true));
            let told = board.metric(&asked(Statistic::Sum, None));
            assert_eq!(told.ok(), expected, "{now}");
        }
    }
}
