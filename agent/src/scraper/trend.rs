//! When a file system will be full, from how its free space went in the last hours.
//!
//! The pace is the median of the slopes between all pairs of readings in a bounded window
//! (Theil–Sen), and it must be a pace in both halves of the window: one large file that was written
//! or deleted is no trend, wherever it lies.
//! Nothing is told before half an hour was seen, while the space does not shrink, and beyond a
//! year. The clock is the machine's own, so a change of the wall clock changes nothing; what was
//! not seen for a while is forgotten.
//! Source: P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", 1968.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::disk::Space;
use crate::sample::as_value;

/// The time between two readings that are kept.
const STEP: Duration = Duration::from_mins(5);
/// Readings that are kept: four hours. Their pairs are 1,128, a few microseconds of work.
const READINGS_MAX: usize = 48;
/// Readings without which nothing is told: half an hour.
const READINGS_MIN: usize = 7;
/// After such a pause the readings before it say nothing about the pace now.
const PAUSE_MAX: Duration = Duration::from_hours(1);
/// Mounts that are followed; more are told without a forecast.
const MOUNTS_MAX: usize = 256;
const SECONDS_PER_DAY: f64 = 86_400.0;
/// What fills more slowly is told as not filling.
const DAYS_MAX: f64 = 365.0;

/// The trends of all mounts.
#[derive(Debug, Default)]
pub(super) struct Trends(BTreeMap<Arc<str>, Trend>);

#[derive(Debug, Default)]
struct Trend {
    total: u64,
    readings: VecDeque<(Instant, u64)>,
    /// Bytes a second by which free space shrinks.
    pace: Option<f64>,
}

impl Trends {
    /// Takes a reading and tells the days until no space is left for ordinary users.
    pub(super) fn days_to_full(
        &mut self,
        path: &Arc<str>,
        taken: Instant,
        space: &Space,
    ) -> Option<f64> {
        if !self.0.contains_key(path) && self.0.len() >= MOUNTS_MAX {
            return None;
        }
        let trend = self.0.entry(Arc::clone(path)).or_default();
        trend.take(taken, space);
        let days = as_value(space.free) / trend.pace? / SECONDS_PER_DAY;
        (days <= DAYS_MAX).then_some(days)
    }

    /// Forgets mounts that are gone.
    pub(super) fn keep<'p>(&mut self, paths: impl Iterator<Item = &'p Arc<str>>) {
        let here: Vec<&Arc<str>> = paths.collect();
        // A mount that hangs for a while is left out for as long; its trend goes on afterwards.
        if self.0.len() > here.len() {
            let latest = self.0.values().filter_map(Trend::latest).max();
            self.0.retain(|path, trend| {
                let old = trend.latest().zip(latest);
                here.contains(&path)
                    || old
                        .is_some_and(|(seen, now)| now.saturating_duration_since(seen) <= PAUSE_MAX)
            });
        }
    }
}

impl Trend {
    fn latest(&self) -> Option<Instant> {
        self.readings.back().map(|(taken, _)| *taken)
    }

    fn take(&mut self, taken: Instant, space: &Space) {
        let since = self
            .latest()
            .map(|last| taken.saturating_duration_since(last));
        // Another size is another file system, or one that was grown.
        if space.total != self.total || since.is_some_and(|since| since > PAUSE_MAX) {
            self.readings.clear();
            self.pace = None;
            self.total = space.total;
        } else if since.is_some_and(|since| since < STEP) {
            return;
        }
        if self.readings.len() >= READINGS_MAX {
            self.readings.pop_front();
        }
        self.readings.push_back((taken, space.free));
        self.pace = self.median_pace();
    }

    /// `None` unless space shrinks, and did so in both halves of the window.
    fn median_pace(&self) -> Option<f64> {
        let readings = self.readings.len();
        if readings < READINGS_MIN {
            return None;
        }
        self.pace_of(0..readings / 2)?;
        self.pace_of(readings / 2..readings)?;
        self.pace_of(0..readings)
    }

    fn pace_of(&self, range: Range<usize>) -> Option<f64> {
        let mut paces = Vec::with_capacity(range.len() * range.len() / 2);
        for (place, (later, free)) in self.readings.range(range.clone()).enumerate() {
            for (earlier, more) in self.readings.range(range.clone()).take(place) {
                let seconds = later.saturating_duration_since(*earlier).as_secs_f64();
                paces.push((as_value(*more) - as_value(*free)) / seconds.max(1.0));
            }
        }
        let middle = paces.len() / 2;
        if middle == 0 {
            return None;
        }
        let (_, pace, _) = paces.select_nth_unstable_by(middle, f64::total_cmp);
        (*pace > 0.0).then_some(*pace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    /// What is told at the end of readings of free gigabytes, five minutes apart.
    fn days(total: u64, free: impl Iterator<Item = u64>) -> Option<f64> {
        let mut trends = Trends::default();
        let start = Instant::now();
        let path = Arc::from("/data");
        let mut told = None;
        for (step, free) in (0..).zip(free) {
            let space = Space {
                total,
                free,
                ..Space::default()
            };
            told = trends.days_to_full(&path, start + STEP * step, &space);
        }
        told
    }

    #[test]
    fn a_file_system_that_fills_steadily_is_told_by_its_days() {
        // 1 GB in five minutes are 288 GB a day.
        let told = days(500 * GB, (0..12).map(|n| 300 * GB - n * GB)).unwrap();
        assert!((told - 289.0 / 288.0).abs() < 1e-6, "{told}");
    }

    #[test]
    fn nothing_is_told_without_a_trend() {
        let steady = |n: u64| 100 * GB - n * GB;
        assert_eq!(days(500 * GB, (0..6).map(steady)), None, "too early");
        assert_eq!(days(500 * GB, (0..12).map(|_| 100 * GB)), None, "it stays");
        assert_eq!(
            days(500 * GB, (0..12).map(|n| 100 * GB + n)),
            None,
            "it empties"
        );
        let slow = days(500 * GB, (0..12).map(|n| 400 * GB - n * 1000));
        assert_eq!(slow, None, "beyond a year");
    }

    #[test]
    fn one_large_file_is_no_trend_wherever_it_lies() {
        for written in 1..40 {
            let free = |n: u64| if n < written { 200 * GB } else { 120 * GB };
            assert_eq!(days(500 * GB, (0..40).map(free)), None, "{written}");
        }
        let deleted = |n: u64| 300 * GB - n * GB + if n < 35 { 0 } else { 60 * GB };
        let told = days(500 * GB, (0..40).map(deleted)).unwrap();
        assert!((told - 321.0 / 288.0).abs() < 1e-6, "{told}");
    }

    #[test]
    fn a_file_system_of_another_size_or_after_a_long_pause_begins_anew() {
        let mut trends = Trends::default();
        let start = Instant::now();
        let path: Arc<str> = Arc::from("/data");
        let space = |total, free| Space {
            total,
            free,
            ..Space::default()
        };
        let mut at = |minutes: u64, space: Space| {
            trends.days_to_full(&path, start + Duration::from_mins(minutes), &space)
        };
        for n in 0..12 {
            at(n * 5, space(500 * GB, 300 * GB - n * GB));
        }
        assert!(at(56, space(500 * GB, 288 * GB)).is_some());
        assert_eq!(at(60, space(600 * GB, 388 * GB)), None, "it was grown");
        for n in 0..12 {
            at(65 + n * 5, space(600 * GB, 300 * GB - n * GB));
        }
        assert!(at(121, space(600 * GB, 288 * GB)).is_some());
        assert_eq!(at(300, space(600 * GB, 288 * GB)), None, "it was away");
    }

    #[test]
    fn mounts_that_are_gone_are_forgotten_and_mounts_are_bounded() {
        let mut trends = Trends::default();
        let start = Instant::now();
        for n in 0..MOUNTS_MAX + 10 {
            trends.days_to_full(&Arc::from(n.to_string()), start, &Space::default());
        }
        assert_eq!(trends.0.len(), MOUNTS_MAX);
        let stays: Arc<str> = Arc::from("1");
        trends.days_to_full(&stays, start + PAUSE_MAX + STEP, &Space::default());
        trends.keep(std::iter::once(&stays));
        assert_eq!(trends.0.len(), 1);
    }
}
