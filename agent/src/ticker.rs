//! Ticks that are aligned to the wall clock, so that the series of a fleet line up.
//!
//! A tick that could not be taken in time is skipped and counted, never made up for: two readings
//! in quick succession would tell nothing. When the clock goes backwards the ticks follow it, and a
//! time may come twice; CloudWatch then holds two samples for it.

use std::sync::Arc;
use std::time::Duration;

use plimsoll_core::clock::{Clock, UnixMillis};
use tokio::time::sleep;

/// The schedule.
#[derive(Debug)]
pub(crate) struct Ticker {
    clock: Arc<dyn Clock>,
    interval: Duration,
    next: UnixMillis,
}

/// One tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// The aligned time.
    pub(crate) time: UnixMillis,
    /// Ticks before this one that were not taken.
    pub(crate) missed: u64,
}

impl Ticker {
    /// The first tick comes at the next multiple of `interval` that is at least `lead` away.
    pub(crate) fn new(clock: Arc<dyn Clock>, interval: Duration, lead: Duration) -> Self {
        let next = (clock.now() + lead).align_down(interval) + interval;
        Self {
            clock,
            interval,
            next,
        }
    }

    /// Waits for the next tick. Nothing is lost when the wait is given up and begun anew.
    pub(crate) async fn tick(&mut self) -> Due {
        loop {
            let now = self.clock.now();
            if now >= self.next {
                let time = now.align_down(self.interval);
                let late = time.since(self.next).as_millis() / self.interval.as_millis().max(1);
                self.next = time + self.interval;
                return Due {
                    time,
                    missed: late.try_into().unwrap_or(u64::MAX),
                };
            }
            let wait = self.next.since(now);
            if wait > self.interval * 2 {
                // The clock went backwards by more than a tick.
                self.next = now.align_down(self.interval) + self.interval;
                continue;
            }
            sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_core::clock::ManualClock;

    const MINUTE: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn ticks_are_aligned_and_missed_ones_are_counted() {
        let clock = Arc::new(ManualClock::at(UnixMillis(90_000)));
        let mut ticker = Ticker::new(clock.clone(), MINUTE, Duration::ZERO);
        let due = |time, missed| Due {
            time: UnixMillis(time),
            missed,
        };
        clock.set(UnixMillis(120_007));
        assert_eq!(ticker.tick().await, due(120_000, 0));
        clock.set(UnixMillis(361_000));
        assert_eq!(ticker.tick().await, due(360_000, 3));
        clock.set(UnixMillis(420_000));
        assert_eq!(ticker.tick().await, due(420_000, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn ticks_follow_a_clock_that_went_backwards() {
        let clock = Arc::new(ManualClock::at(UnixMillis(7_200_000)));
        let mut ticker = Ticker::new(clock.clone(), MINUTE, Duration::ZERO);
        clock.set(UnixMillis(10_000));
        let wait = tokio::spawn(async move { ticker.tick().await });
        tokio::task::yield_now().await;
        clock.set(UnixMillis(60_000));
        assert_eq!(wait.await.unwrap().time, UnixMillis(60_000));
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_tick_leaves_time_for_a_rate() {
        let clock = Arc::new(ManualClock::at(UnixMillis(59_990)));
        let ticker = Ticker::new(clock, MINUTE, Duration::from_secs(1));
        assert_eq!(ticker.next, UnixMillis(120_000));
    }
}
