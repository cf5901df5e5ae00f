//! Where applications' values wait for the end of their window.
//!
//! One intake per feed, shared between the tasks that receive and the one that tells. The lock is
//! held for one burst of packets, or while a window is taken, and never across an await.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;

use super::{SeriesGuard, Window};
use crate::sample::Sample;

/// Windows that may be open at once besides the present one. Values of more different times than
/// that belong to the oldest open window, and are counted.
const WINDOWS_MAX: usize = 16;

/// A shared set of windows.
#[derive(Clone, Debug)]
pub(crate) struct Intake(Arc<Mutex<Windows>>);

/// The intake while it is held.
pub(crate) type IntakeGuard<'i> = MutexGuard<'i, Windows>;

/// The windows by their beginning.
#[derive(Debug)]
pub(crate) struct Windows {
    length: Duration,
    guard: SeriesGuard,
    open: BTreeMap<UnixMillis, Window>,
    misplaced: u64,
    made: u64,
}

/// What was taken out of an intake.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// The samples of each window, by the time of its beginning.
    pub(crate) windows: Vec<(UnixMillis, Vec<Sample>)>,
    /// Metrics that had more series than they may.
    pub(crate) overflowed: Vec<String>,
    /// Values that found no window of their time.
    pub(crate) misplaced: u64,
}

impl Intake {
    /// An intake whose windows are `length` long.
    #[must_use]
    pub(crate) fn new(length: Duration, guard: SeriesGuard) -> Self {
        Self(Arc::new(Mutex::new(Windows {
            length,
            guard,
            open: BTreeMap::new(),
            misplaced: 0,
            made: 0,
        })))
    }

    /// Holds it for a burst.
    pub(crate) fn hold(&self) -> IntakeGuard<'_> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes how long windows are and what they let in, for those that are opened from now on.
    pub(crate) fn reload(&self, length: Duration, guard: SeriesGuard) {
        let mut windows = self.hold();
        windows.length = length;
        windows.guard = guard;
    }

    /// Takes the windows that ended before `now`, or all of them at the end of the agent.
    pub(crate) fn take(&self, now: UnixMillis, all: bool) -> Gathered {
        self.hold().take(now, all)
    }
}

impl Windows {
    /// The window that `time` belongs to.
    pub(crate) fn window(&mut self, time: UnixMillis) -> &mut Window {
        let mut begin = time.align_down(self.length);
        if !self.open.contains_key(&begin) && self.open.len() > WINDOWS_MAX {
            self.misplaced += 1;
            begin = self.open.keys().next().copied().unwrap_or(begin);
        }
        let (guard, made) = (&self.guard, &mut self.made);
        self.open.entry(begin).or_insert_with(|| {
            *made += 1;
            Window::new(guard.clone(), *made)
        })
    }

    fn take(&mut self, now: UnixMillis, all: bool) -> Gathered {
        let mut gathered = Gathered {
            misplaced: std::mem::take(&mut self.misplaced),
            ..Gathered::default()
        };
        let length = self.length;
        let over = |begin: &UnixMillis| all || *begin + length <= now;
        let ended: Vec<UnixMillis> = self.open.keys().copied().filter(over).collect();
        for begin in ended {
            let Some(mut window) = self.open.remove(&begin) else {
                continue;
            };
            let (samples, overflowed) = window.take();
            gathered.windows.push((begin, samples));
            gathered.overflowed.extend(overflowed);
        }
        gathered
    }
}
