//! Wall time as an argument.
//!
//! Everything that stamps a record asks a [`Clock`]; durations and timers use `tokio::time`.
//! So a test decides what time it is, and `SystemTime::now` is named once, here.

use std::fmt::{self, Debug};
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01T00:00:00Z, the unit of CloudWatch Logs event times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Whole seconds since the epoch, rounded towards the past.
    #[must_use]
    pub fn as_secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The time elapsed since `earlier`; zero when the clock went backwards.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The start of the period of `length` that holds this moment, aligned to the epoch.
    /// A zero length aligns to the millisecond.
    #[must_use]
    pub fn align_down(self, length: Duration) -> Self {
        let period = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(1);
        Self(self.0.saturating_sub(self.0.rem_euclid(period)))
    }
}

impl Add<Duration> for UnixMillis {
    type Output = Self;
    fn add(self, length: Duration) -> Self {
        Self(
            self.0
                .saturating_add(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<Duration> for UnixMillis {
    type Output = Self;
    fn sub(self, length: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl fmt::Display for UnixMillis {
    /// RFC 3339 in UTC with milliseconds: `2026-11-24T12:46:00.000Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.as_secs(), self.0.rem_euclid(1000));
        let (days, second_of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (
            second_of_day / 3600,
            second_of_day / 60 % 60,
            second_of_day % 60,
        );
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z"
        )
    }
}

/// Tells wall time.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time now. It may go backwards: callers that need order must keep it themselves.
    fn now(&self) -> UnixMillis;
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads wall time"
    )]
    fn now(&self) -> UnixMillis {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(elapsed) => UnixMillis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX)),
            Err(before) => {
                UnixMillis(-i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX))
            }
        }
    }
}

/// A clock that stands where it was put. For tests and for replays of recorded history.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn at(now: UnixMillis) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves the clock to `now`, forwards or backwards.
    pub fn set(&self, now: UnixMillis) {
        self.0.store(now.0, Ordering::Relaxed);
    }

    /// Moves the clock forwards by `length`.
    pub fn advance(&self, length: Duration) {
        self.set(self.now() + length);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::Relaxed))
    }
}

/// Days since the epoch to a proleptic Gregorian date.
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_795_524_360_000, "2026-11-24T12:46:00.000Z"),
        ];
        for (millis, expected) in cases {
            assert_eq!(UnixMillis(millis).to_string(), expected);
        }
    }

    #[test]
    fn alignment_goes_to_the_past_also_before_the_epoch() {
        let minute = Duration::from_mins(1);
        assert_eq!(UnixMillis(61_000).align_down(minute), UnixMillis(60_000));
        assert_eq!(UnixMillis(-1).align_down(minute), UnixMillis(-60_000));
        assert_eq!(UnixMillis(7).align_down(Duration::ZERO), UnixMillis(7));
    }

    #[test]
    fn a_clock_that_went_backwards_gives_no_negative_duration() {
        assert_eq!(UnixMillis(5).since(UnixMillis(9)), Duration::ZERO);
        assert_eq!(UnixMillis(9).since(UnixMillis(5)), Duration::from_millis(4));
    }
}
