//! The stand-in's clock: the machine's, moved by an offset that the control path sets.
//!
//! So a client's behaviour under clock skew, and alarms over long windows, can be shown without
//! touching the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use plimsoll_core::clock::{Clock, UnixMillis};

/// A clock that runs with another one, at an offset, and if asked several times as fast.
#[derive(Clone, Debug)]
pub struct LocalClock {
    base: Arc<dyn Clock>,
    offset_ms: Arc<AtomicI64>,
    start: UnixMillis,
    rate: i64,
}

impl LocalClock {
    /// Runs with `base`, at no offset.
    #[must_use]
    pub fn new(base: Arc<dyn Clock>) -> Self {
        Self::accelerated(base, 1)
    }

    /// Runs `rate` times as fast as `base` from its present time on; a rate below 1 is 1.
    #[must_use]
    pub fn accelerated(base: Arc<dyn Clock>, rate: u32) -> Self {
        Self {
            start: base.now(),
            base,
            offset_ms: Arc::default(),
            rate: i64::from(rate.max(1)),
        }
    }

    /// How many times as fast it runs.
    #[must_use]
    pub fn rate(&self) -> i64 {
        self.rate
    }

    /// The time on the clients' clocks, at the offset: what signatures, tokens, credentials and
    /// notices of instance metadata go by, which clients compare with their own clock.
    #[must_use]
    pub fn client_now(&self) -> UnixMillis {
        UnixMillis(self.base.now().0.saturating_add(self.offset_ms()))
    }

    /// A client's time on this clock. Times from before the start stay, and so do times that are
    /// nearer to this clock's present than to the client's: those were read from this clock.
    #[must_use]
    pub fn mapped(&self, at: UnixMillis) -> UnixMillis {
        let start = self.start.0.saturating_add(self.offset_ms());
        let near = |now: UnixMillis| now.0.abs_diff(at.0);
        if self.rate == 1 || at.0 <= start || near(self.now()) < near(self.client_now()) {
            return at;
        }
        UnixMillis(start.saturating_add((at.0 - start).saturating_mul(self.rate)))
    }

    /// The client's time of a time of this clock.
    #[must_use]
    pub fn unmapped(&self, at: UnixMillis) -> UnixMillis {
        let start = self.start.0.saturating_add(self.offset_ms());
        if at.0 <= start {
            return at;
        }
        UnixMillis(start + (at.0 - start) / self.rate)
    }

    /// Sets the offset in milliseconds; negative for the past.
    pub fn set_offset(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }

    /// The offset in milliseconds.
    #[must_use]
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }
}

impl Clock for LocalClock {
    fn now(&self) -> UnixMillis {
        let passed = self.base.now().0.saturating_sub(self.start.0);
        let moved = self.start.0.saturating_add(self.offset_ms());
        UnixMillis(moved.saturating_add(passed.saturating_mul(self.rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::clock::ManualClock;

    #[test]
    fn an_offset_moves_every_copy_of_the_clock() {
        let clock = LocalClock::new(Arc::new(ManualClock::at(UnixMillis(10_000))));
        let copy = clock.clone();
        clock.set_offset(-4_000);
        assert_eq!(copy.now(), UnixMillis(6_000));
    }

    #[test]
    fn times_of_clients_are_mapped_onto_a_faster_clock_and_back() {
        let base = Arc::new(ManualClock::at(UnixMillis(10_000)));
        let clock = LocalClock::accelerated(base.clone(), 10);
        base.set(UnixMillis(12_000));
        assert_eq!(clock.now(), UnixMillis(30_000));
        assert_eq!(clock.client_now(), UnixMillis(12_000));
        for (sent, expected) in [
            (12_000, 30_000),
            (11_500, 25_000),
            (9_000, 9_000),
            (29_000, 29_000),
        ] {
            assert_eq!(
                clock.mapped(UnixMillis(sent)),
                UnixMillis(expected),
                "{sent}"
            );
        }
        assert_eq!(clock.unmapped(UnixMillis(25_000)), UnixMillis(11_500));
    }
}
