//! What a group's capacity was, and how much of it was thrash.
//!
//! `reversals_per_hour`: changes of the desired capacity that go the other way than the one before,
//! divided by the hours that were watched (at least one). `wasted_share`: the instance-minutes of
//! capacity that was added and removed again within an hour, divided by all instance-minutes of
//! desired capacity; what is removed is taken to be what was added last.

use std::collections::VecDeque;

use plimsoll_core::clock::UnixMillis;
use serde_json::{Value as Json, json};

use super::decide::float;

/// Samples that are kept: two days of one each minute.
pub(super) const SAMPLES_MAX: usize = 2_880;
/// Changes of desired capacity that are kept.
pub(super) const CHANGES_MAX: usize = 2_000;
/// Capacity that is removed within this time of being added was wasted.
const WASTED_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// One look at the group.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) at: UnixMillis,
    pub(super) desired: i64,
    pub(super) in_service: i64,
    pub(super) pending: i64,
    pub(super) terminating: i64,
    /// Value and target of the first policy that tracks one.
    pub(super) metric: Option<f64>,
    pub(super) target: Option<f64>,
}

/// The past of a group.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    samples: VecDeque<Sample>,
    changes: VecDeque<(UnixMillis, i64)>,
    reversals: u64,
    since: Option<UnixMillis>,
    desired: i64,
    integrated: Option<UnixMillis>,
    instance_minutes: f64,
    wasted_minutes: f64,
    direction: i64,
}

impl History {
    /// The desired capacity changed.
    pub(super) fn changed(&mut self, at: UnixMillis, from: i64, to: i64) {
        self.integrate(at, from);
        self.desired = to;
        let direction = (to - from).signum();
        if self.direction != 0 && direction != self.direction {
            self.reversals += 1;
        }
        self.direction = direction;
        if to > from {
            self.changes.push_back((at, to - from));
            if self.changes.len() > CHANGES_MAX {
                self.changes.pop_front();
            }
            return;
        }
        let mut removed = from - to;
        while removed > 0
            && let Some((added, count)) = self.changes.pop_back()
        {
            let part = removed.min(count);
            let age = at.0.saturating_sub(added.0);
            if age <= WASTED_MS {
                self.wasted_minutes += float(part) * minutes(age);
            }
            removed -= part;
            if count > part {
                self.changes.push_back((added, count - part));
            }
        }
    }

    /// Keeps a sample, one for each minute and each change.
    pub(super) fn keep(&mut self, sample: Sample) {
        self.integrate(sample.at, sample.desired);
        if let Some(last) = self.samples.back() {
            let same = last.desired == sample.desired
                && last.in_service == sample.in_service
                && last.pending == sample.pending
                && last.terminating == sample.terminating;
            if same && last.at.0.div_euclid(MINUTE_MS) == sample.at.0.div_euclid(MINUTE_MS) {
                return;
            }
        }
        self.samples.push_back(sample);
        if self.samples.len() > SAMPLES_MAX {
            self.samples.pop_front();
        }
    }

    fn integrate(&mut self, now: UnixMillis, desired: i64) {
        self.since.get_or_insert(now);
        let from = self.integrated.replace(now).unwrap_or(now);
        self.instance_minutes += float(desired) * minutes(now.0.saturating_sub(from.0).max(0));
        self.desired = desired;
    }

    pub(super) fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }

    /// Reversals for each hour, and the wasted share.
    pub(super) fn thrash(&self) -> (f64, f64) {
        let end = self.integrated.or(self.since).unwrap_or_default();
        let watched = end.0.saturating_sub(self.since.unwrap_or(end).0).max(0);
        let hours = (minutes(watched) / 60.0).max(1.0);
        let reversals = i64::try_from(self.reversals).unwrap_or(i64::MAX);
        let share = if self.instance_minutes > 0.0 {
            (self.wasted_minutes / self.instance_minutes).min(1.0)
        } else {
            0.0
        };
        (float(reversals) / hours, share)
    }

    /// As the control path tells it.
    pub(super) fn json(&self) -> Json {
        let samples: Vec<Json> = self
            .samples
            .iter()
            .map(|one| {
                json!({
                    "at_ms": one.at.0,
                    "desired": one.desired,
                    "in_service": one.in_service,
                    "pending": one.pending,
                    "terminating": one.terminating,
                    "metric": one.metric,
                    "target": one.target,
                })
            })
            .collect();
        json!(samples)
    }
}

fn minutes(millis: i64) -> f64 {
    float(millis / 1000) / 60.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_that_comes_and_goes_within_an_hour_is_wasted() {
        let at = |minute: i64| UnixMillis(minute * MINUTE_MS);
        let mut history = History::default();
        history.integrate(at(0), 2);
        history.changed(at(10), 2, 4);
        history.changed(at(40), 4, 3);
        history.changed(at(100), 3, 2);
        history.integrate(at(120), 2);
        // 20 + 4 * 30 + 3 * 60 + 2 * 20 minutes; one instance was there for 30 of them and one
        // for 90, which is longer than an hour. Only one change went the other way.
        let (reversals, share) = history.thrash();
        assert!((share - 30.0 / 360.0).abs() < 1e-9, "{share}");
        assert!((reversals - 0.5).abs() < 1e-9, "{reversals}");
    }

    #[test]
    fn a_minute_without_a_change_is_one_sample() {
        let mut history = History::default();
        let sample = |at, desired| Sample {
            at: UnixMillis(at),
            desired,
            in_service: 1,
            pending: 0,
            terminating: 0,
            metric: None,
            target: None,
        };
        for (at, desired) in [(0, 1), (10_000, 1), (20_000, 2), (59_000, 2), (60_000, 2)] {
            history.keep(sample(at, desired));
        }
        assert_eq!(history.samples().count(), 3);
    }
}
