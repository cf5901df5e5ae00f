//! How one source or sink does: when it last worked, and since when it does not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plimsoll_core::clock::{Clock, UnixMillis};
use plimsoll_core::logging::scrub;

/// One source or sink, by what it reads or tells.
#[derive(Debug)]
pub struct Pulse {
    /// A word: `cloudtrail`, `notifications`.
    pub kind: &'static str,
    /// The queue, the directory, the topic.
    pub place: String,
    clock: Arc<dyn Clock>,
    beat: Mutex<Beat>,
}

/// What a pulse says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    /// When it last worked.
    pub worked: Option<UnixMillis>,
    /// Since when it fails, and why at last; `None` while it works.
    pub failing: Option<(UnixMillis, String)>,
    /// How often it has failed in a row.
    pub failures: u64,
}

impl Pulse {
    /// One that has neither worked nor failed yet.
    #[must_use]
    pub fn new(kind: &'static str, place: &str, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            kind,
            place: place.to_owned(),
            clock,
            beat: Mutex::default(),
        })
    }

    /// It worked just now.
    pub fn worked(&self) {
        *self.lock() = Beat {
            worked: Some(self.clock.now()),
            ..Beat::default()
        };
    }

    /// It failed just now; secrets are masked.
    pub fn failed(&self, why: &impl ToString) {
        let now = self.clock.now();
        let mut beat = self.lock();
        let since = beat.failing.as_ref().map_or(now, |(since, _)| *since);
        beat.failing = Some((since, scrub(&why.to_string()).into_owned()));
        beat.failures = beat.failures.saturating_add(1);
    }

    /// How it does.
    #[must_use]
    pub fn beat(&self) -> Beat {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Beat> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::clock::ManualClock;
    use std::time::Duration;

    #[test]
    fn a_failure_is_dated_from_the_first_in_a_row_and_ends_with_success() {
        let clock = Arc::new(ManualClock::at(UnixMillis(1000)));
        let pulse = Pulse::new("cloudtrail", "queue", Arc::clone(&clock) as Arc<dyn Clock>);
        assert_eq!(pulse.beat(), Beat::default());
        pulse.failed(&"first");
        clock.advance(Duration::from_secs(1));
        pulse.failed(&"password=hunter2");
        let beat = pulse.beat();
        assert_eq!(beat.failures, 2);
        let why = "password=[secret]".to_owned();
        assert_eq!(beat.failing, Some((UnixMillis(1000), why)));
        pulse.worked();
        let worked = Some(UnixMillis(2000));
        let expected = Beat {
            worked,
            ..Beat::default()
        };
        assert_eq!(pulse.beat(), expected);
    }
}
