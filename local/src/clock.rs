//! The stand-in's clock: the machine's, moved by an offset that the control path sets.
//!
//! So a client's behaviour under clock skew, and alarms over long windows, can be shown without
//! touching the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use plimsoll_core::clock::{Clock, UnixMillis};

/// A clock that runs with another one, at an offset.
#[derive(Clone, Debug)]
pub struct LocalClock {
    base: Arc<dyn Clock>,
    offset_ms: Arc<AtomicI64>,
}

impl LocalClock {
    /// Runs with `base`, at no offset.
    #[must_use]
    pub fn new(base: Arc<dyn Clock>) -> Self {
        Self {
            base,
            offset_ms: Arc::default(),
        }
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
        UnixMillis(self.base.now().0.saturating_add(self.offset_ms()))
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
}
