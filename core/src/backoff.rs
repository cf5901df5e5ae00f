//! How long to wait before the next try.
//!
//! Full jitter: a delay drawn evenly from zero to `base × 2^attempt`, capped at `max`. It spreads
//! a fleet that was throttled in one instant better than any fixed schedule.
//! Source: AWS Architecture Blog, "Exponential Backoff And Jitter".

use std::time::Duration;

/// A validated schedule of waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    max: Duration,
}

/// Why a schedule was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBackoff {
    /// A zero base would spin.
    #[error("the base of a back-off must be greater than zero")]
    ZeroBase,
    /// The cap lies below the first wait.
    #[error("the maximum of a back-off must not be less than its base")]
    MaxBelowBase,
}

impl Backoff {
    /// A schedule that starts at `base` and never waits longer than `max`.
    ///
    /// # Errors
    /// When `base` is zero or `max` is less than `base`.
    pub const fn new(base: Duration, max: Duration) -> Result<Self, InvalidBackoff> {
        if base.is_zero() {
            return Err(InvalidBackoff::ZeroBase);
        }
        if max.as_nanos() < base.as_nanos() {
            return Err(InvalidBackoff::MaxBelowBase);
        }
        Ok(Self { base, max })
    }

    /// The wait before try number `attempt + 1`, where the first failure is attempt 0.
    /// Randomness comes from `rng`, so that a test can seed it.
    pub fn delay(&self, attempt: u32, rng: &mut fastrand::Rng) -> Duration {
        self.ceiling(attempt).mul_f64(rng.f64())
    }

    /// The same schedule, which never waits longer than `max`, but at least its base.
    #[must_use]
    pub fn capped(self, max: Duration) -> Self {
        let max = self.max.min(max).max(self.base);
        Self { max, ..self }
    }

    /// The longest wait that [`Self::delay`] can give for `attempt`.
    #[must_use]
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let factor = 2_u32.checked_pow(attempt).unwrap_or(u32::MAX);
        self.base
            .checked_mul(factor)
            .unwrap_or(self.max)
            .min(self.max)
    }
}

impl Default for Backoff {
    /// 100 ms doubling up to 20 s: the SDK's standard cap, so that a fleet recovers alike.
    fn default() -> Self {
        Self {
            base: Duration::from_millis(100),
            max: Duration::from_secs(20),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_stay_under_a_ceiling_that_doubles_to_the_cap() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5)).unwrap();
        let mut rng = fastrand::Rng::with_seed(7);
        for attempt in 0..100 {
            assert!(backoff.delay(attempt, &mut rng) <= backoff.ceiling(attempt));
        }
        let capped = backoff.capped(Duration::from_secs(1));
        assert_eq!(capped.ceiling(50), Duration::from_secs(1));
        assert_eq!(
            backoff.capped(Duration::ZERO).ceiling(50),
            Duration::from_millis(100)
        );
        assert_eq!(backoff.ceiling(0), Duration::from_millis(100));
        assert_eq!(backoff.ceiling(3), Duration::from_millis(800));
        assert_eq!(backoff.ceiling(99), Duration::from_secs(5));
    }

    #[test]
    fn delays_differ_between_two_hosts_that_failed_together() {
        let backoff = Backoff::default();
        let draw = |seed| backoff.delay(6, &mut fastrand::Rng::with_seed(seed));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn a_schedule_that_spins_or_shrinks_is_refused() {
        let second = Duration::from_secs(1);
        assert_eq!(
            Backoff::new(Duration::ZERO, second),
            Err(InvalidBackoff::ZeroBase)
        );
        assert_eq!(
            Backoff::new(second, second / 2),
            Err(InvalidBackoff::MaxBelowBase)
        );
    }
}
