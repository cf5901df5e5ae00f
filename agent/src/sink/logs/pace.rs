//! How many calls may run at once, and how soon the next one may start. Pure.
//!
//! Additive increase, multiplicative decrease, of both. A success lets the limit on calls at once
//! grow by a fraction and a throttled call cuts it by a quarter. That alone cannot slow down a host
//! below one call after another, and the quota is one of calls in a second, shared by the whole
//! account: so a throttled call also sets a rate, below the one that was measured, which grows again
//! with success and is lifted after a while without throttling. Both are cut at most once a second,
//! because calls that were on their way together are throttled together. One call is always
//! allowed, if need be after a wait.

use std::time::Duration;

use tokio::time::Instant;

/// What a throttled call leaves of the limit on calls at once.
const CUT: f64 = 0.75;
/// What a throttled call leaves of the rate that was measured. Source: the AWS SDKs' adaptive retry
/// mode, whose beta it is.
const RATE_CUT: f64 = 0.7;
/// The shortest time between two cuts.
const CUT_INTERVAL: Duration = Duration::from_secs(1);
/// Calls a second by which the rate grows in a second of success.
const RATE_STEP: f64 = 0.5;
/// The same while somebody waits until all is sent: a backlog of 100 MiB is some 120 calls, and the
/// instance may have two minutes.
const RATE_STEP_HURRIED: f64 = 2.0;
/// The least rate, calls a second: 25,000 instances of one account fit into the quota of 5,000.
const RATE_MIN: f64 = 0.2;
/// How long after the last throttled call the rate is lifted.
const RATE_FORGET: Duration = Duration::from_mins(1);
/// Over how long the rate of calls is measured.
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);

/// The limit on calls.
#[derive(Debug)]
pub(crate) struct Pace {
    limit: f64,
    max: f64,
    cut: Option<Instant>,
    rate: Option<Rate>,
    rate_step: f64,
    measured: Measured,
}

/// A limit on calls a second: a bucket that holds one call.
#[derive(Clone, Copy, Debug)]
struct Rate {
    per_second: f64,
    next: Instant,
}

/// Calls that were started, by second.
#[derive(Debug)]
struct Measured {
    since: Option<Instant>,
    count: f64,
    per_second: f64,
}

impl Pace {
    /// Begins at `max` calls at once, at least one, and at any rate.
    pub(crate) fn new(max: usize) -> Self {
        let max = f64::from(u16::try_from(max.max(1)).unwrap_or(u16::MAX));
        Self {
            limit: max,
            max,
            cut: None,
            rate: None,
            rate_step: RATE_STEP,
            measured: Measured {
                since: None,
                count: 0.0,
                per_second: 0.0,
            },
        }
    }

    /// Another upper bound from now on. A limit that throttling has narrowed stays narrow.
    pub(crate) fn set_max(&mut self, max: usize) {
        let at_max = self.limit >= self.max;
        self.max = f64::from(u16::try_from(max.max(1)).unwrap_or(u16::MAX));
        self.limit = if at_max {
            self.max
        } else {
            self.limit.min(self.max)
        };
    }

    /// Forgets what throttling has narrowed, because all is to be sent soon. The next throttled call
    /// narrows again; from then on the rate grows faster than otherwise, until it is lifted.
    pub(crate) fn hurry(&mut self) {
        self.limit = self.max;
        self.cut = None;
        self.rate = None;
        self.rate_step = RATE_STEP_HURRIED;
    }

    /// Whether one more call may start when `running` are on their way.
    pub(crate) fn allows(&self, running: usize, now: Instant) -> bool {
        self.has_room(running) && self.rate.is_none_or(|rate| rate.next <= now)
    }

    /// When a call may start that only the rate holds back; `None` when calls that run hold it back.
    pub(crate) fn opens_at(&self, running: usize) -> Option<Instant> {
        let rate = self.rate?;
        self.has_room(running).then_some(rate.next)
    }

    fn has_room(&self, running: usize) -> bool {
        u16::try_from(running).is_ok_and(|running| f64::from(running) + 1.0 <= self.limit)
    }

    /// A call starts.
    pub(crate) fn started(&mut self, now: Instant) {
        self.measured.add(now);
        if let Some(rate) = &mut self.rate {
            rate.next = rate.next.max(now) + Duration::from_secs_f64(1.0 / rate.per_second);
        }
    }

    /// A call was accepted.
    pub(crate) fn accepted(&mut self, now: Instant) {
        self.limit = (self.limit + 1.0 / self.limit).min(self.max);
        if self.cut.is_none_or(|cut| now - cut >= RATE_FORGET) {
            self.rate = None;
            if self.cut.take().is_some() {
                self.rate_step = RATE_STEP;
            }
        }
        if let Some(rate) = &mut self.rate {
            rate.per_second += self.rate_step / rate.per_second.max(1.0);
        }
    }

    /// A call was throttled.
    pub(crate) fn throttled(&mut self, now: Instant) {
        if self.cut.is_some_and(|cut| now - cut < CUT_INTERVAL) {
            return;
        }
        self.cut = Some(now);
        self.limit = (self.limit * CUT).max(1.0);
        let reached = self.measured.rate(now).max(1.0);
        let before = self.rate.map_or(reached, |rate| rate.per_second);
        let per_second = (before.min(reached) * RATE_CUT).max(RATE_MIN);
        let next = now + Duration::from_secs_f64(1.0 / per_second);
        self.rate = Some(Rate { per_second, next });
    }
}

impl Measured {
    fn add(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let elapsed = now - since;
        if elapsed >= MEASURE_INTERVAL {
            self.per_second = self.count / elapsed.as_secs_f64();
            self.since = Some(now);
            self.count = 0.0;
        }
        self.count += 1.0;
    }

    /// Calls a second, of the second that is under way or the one before it, whichever is more.
    fn rate(&self, now: Instant) -> f64 {
        let elapsed = self.since.map_or(Duration::ZERO, |since| now - since);
        let current = self.count / elapsed.max(MEASURE_INTERVAL).as_secs_f64();
        current.max(self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(pace: &Pace, now: Instant) -> usize {
        (0..100)
            .find(|running| !pace.allows(*running, now))
            .unwrap()
    }

    #[test]
    fn throttling_narrows_once_a_second_down_to_one_and_success_widens_again() {
        let mut pace = Pace::new(8);
        let start = Instant::now();
        assert_eq!(allowed(&pace, start), 8);
        for _ in 0..10 {
            pace.throttled(start);
        }
        let later = start + Duration::from_secs(10);
        assert_eq!(allowed(&pace, later), 6);
        for second in 1..60 {
            pace.throttled(start + Duration::from_secs(second));
        }
        let later = start + Duration::from_mins(3);
        assert_eq!(allowed(&pace, later), 1);
        for _ in 0..100 {
            pace.accepted(later);
        }
        assert_eq!(allowed(&pace, later), 8);
    }

    /// Calls that start within ten seconds when one runs at a time and each is `accepted`.
    fn calls_in_ten_seconds(pace: &mut Pace, start: Instant, accepted: bool) -> usize {
        let mut calls = 0;
        for milli in 0..10_000 {
            let now = start + Duration::from_millis(milli);
            if pace.allows(0, now) && calls < 2_000 {
                pace.started(now);
                calls += 1;
                if accepted {
                    pace.accepted(now);
                } else {
                    pace.throttled(now);
                }
            }
        }
        calls
    }

    #[test]
    fn a_throttled_host_also_calls_less_often_until_it_is_accepted_for_a_while() {
        let mut pace = Pace::new(1);
        let start = Instant::now();
        assert_eq!(calls_in_ten_seconds(&mut pace, start, true), 2_000);
        let mut now = start + Duration::from_secs(10);
        for _ in 0..6 {
            calls_in_ten_seconds(&mut pace, now, false);
            now += Duration::from_secs(10);
        }
        assert!(calls_in_ten_seconds(&mut pace, now, false) <= 3);
        now += Duration::from_secs(10);
        let slow = calls_in_ten_seconds(&mut pace, now, true);
        assert!((2..60).contains(&slow), "{slow}");
        now += RATE_FORGET;
        pace.accepted(now);
        assert_eq!(calls_in_ten_seconds(&mut pace, now, true), 2_000);
    }

    #[test]
    fn what_only_the_rate_holds_back_has_a_time() {
        let mut pace = Pace::new(2);
        let now = Instant::now();
        assert_eq!(pace.opens_at(0), None);
        pace.throttled(now);
        assert!(!pace.allows(0, now));
        assert!(pace.opens_at(0).unwrap() > now);
        assert_eq!(pace.opens_at(2), None);
    }

    #[test]
    fn a_hurry_forgets_throttling_until_it_comes_again_and_then_grows_faster() {
        let mut pace = Pace::new(4);
        let start = Instant::now();
        for second in 0..60 {
            pace.throttled(start + Duration::from_secs(second));
        }
        let mut now = start + Duration::from_mins(1);
        assert!(calls_in_ten_seconds(&mut pace, now, false) <= 3);
        now += Duration::from_secs(10);
        pace.hurry();
        assert_eq!(allowed(&pace, now), 4);
        pace.throttled(now);
        assert_eq!(allowed(&pace, now), 0, "an answer is honoured at once");
        let fast = calls_in_ten_seconds(&mut pace, now, true);
        assert!((60..200).contains(&fast), "{fast}");
    }
}
