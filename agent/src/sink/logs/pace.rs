//! How many calls may run at once. Pure.
//!
//! Additive increase, multiplicative decrease: each success lets the limit grow by a fraction, a
//! throttled call cuts it by a quarter, but not more than once a second, because calls that were
//! on their way together are throttled together. One call is always allowed.

use std::time::Duration;

use tokio::time::Instant;

/// What a throttled call leaves of the limit.
const CUT: f64 = 0.75;
/// The shortest time between two cuts.
const CUT_INTERVAL: Duration = Duration::from_secs(1);

/// The limit on calls at once.
#[derive(Debug)]
pub(crate) struct Pace {
    limit: f64,
    max: f64,
    cut: Option<Instant>,
}

impl Pace {
    /// Begins at `max`, at least one.
    pub(crate) fn new(max: usize) -> Self {
        let max = f64::from(u16::try_from(max.max(1)).unwrap_or(u16::MAX));
        Self {
            limit: max,
            max,
            cut: None,
        }
    }

    /// Whether one more call may start when `running` are on their way.
    pub(crate) fn allows(&self, running: usize) -> bool {
        u16::try_from(running).is_ok_and(|running| f64::from(running) + 1.0 <= self.limit)
    }

    /// A call was accepted.
    pub(crate) fn accepted(&mut self) {
        self.limit = (self.limit + 1.0 / self.limit).min(self.max);
    }

    /// A call was throttled.
    pub(crate) fn throttled(&mut self, now: Instant) {
        if self.cut.is_none_or(|cut| now - cut >= CUT_INTERVAL) {
            self.cut = Some(now);
            self.limit = (self.limit * CUT).max(1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(pace: &Pace) -> usize {
        (0..100).find(|running| !pace.allows(*running)).unwrap()
    }

    #[test]
    fn throttling_narrows_once_a_second_down_to_one_and_success_widens_again() {
        let mut pace = Pace::new(8);
        let start = Instant::now();
        assert_eq!(allowed(&pace), 8);
        for _ in 0..10 {
            pace.throttled(start);
        }
        assert_eq!(allowed(&pace), 6);
        for second in 1..60 {
            pace.throttled(start + Duration::from_secs(second));
        }
        assert_eq!(allowed(&pace), 1);
        for _ in 0..100 {
            pace.accepted();
        }
        assert_eq!(allowed(&pace), 8);
    }
}
