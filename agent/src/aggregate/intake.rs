//! Where applications' values wait for the end of their window.
//!
//! One intake per feed, shared between the tasks that receive and the one that tells. The lock is
//! held for one burst of packets, or while a window is taken, and never across an await.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plimsoll_core::clock::UnixMillis;

use super::{SeriesGuard, Window};
use crate::sample::Sample;

/// Windows that may be open at once besides the present one: an hour of late values. Values of
/// still other times are left out and counted, since no other window is right for them.
const WINDOWS_MAX: usize = 60;

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
    /// Where values go that have no window.
    outside: Window,
    misplaced: u64,
    made: u64,
    /// For whom windows are kept short.
    signals: Option<Watched>,
}

/// What signals want to see sooner than it is told.
#[derive(Debug)]
struct Watched {
    /// How long a window is for them: the length of what is told is a multiple of it.
    length: Duration,
    names: BTreeSet<Arc<str>>,
    /// Copies of windows that were told before they were looked at.
    told: BTreeMap<UnixMillis, Window>,
}

/// What was taken out of an intake.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// The samples of each window, by the time of its beginning.
    pub(crate) windows: Vec<(UnixMillis, Vec<Sample>)>,
    /// Metrics that had more series than they may.
    pub(crate) overflowed: Vec<String>,
    /// How often there was no window for the time of a burst of values.
    pub(crate) misplaced: u64,
}

impl Intake {
    /// An intake whose windows are `length` long.
    #[must_use]
    pub(crate) fn new(length: Duration, guard: SeriesGuard) -> Self {
        Self(Arc::new(Mutex::new(Windows {
            length,
            outside: Window::new(guard.clone(), 0),
            guard,
            open: BTreeMap::new(),
            misplaced: 0,
            made: 0,
            signals: None,
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

    /// Lets signals look each `interval` at what came of the metrics with these names; none end it.
    pub(crate) fn watch(&self, interval: Duration, names: BTreeSet<Arc<str>>) {
        let mut windows = self.hold();
        windows.signals = (!names.is_empty()).then(|| Watched {
            length: interval,
            names,
            told: BTreeMap::new(),
        });
    }

    /// What came of the watched metrics from `begin` to before `end`. Nothing is taken.
    pub(crate) fn look(&self, begin: UnixMillis, end: UnixMillis) -> Vec<Sample> {
        self.hold().look(begin, end)
    }

    /// Takes the windows that ended before `now`, or all of them at the end of the agent.
    pub(crate) fn take(&self, now: UnixMillis, all: bool) -> Gathered {
        self.hold().take(now, all)
    }
}

impl Windows {
    /// The window that `time` belongs to.
    pub(crate) fn window(&mut self, time: UnixMillis) -> &mut Window {
        let length = self.short();
        let begin = time.align_down(length);
        let windows_max = WINDOWS_MAX.saturating_mul(parts(self.length, length));
        if !self.open.contains_key(&begin) && self.open.len() > windows_max {
            self.misplaced += 1;
            return &mut self.outside;
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
        drop(self.outside.take());
        let length = self.length;
        let over = |begin: &UnixMillis| all || begin.align_down(length) + length <= now;
        let ended: Vec<UnixMillis> = self.open.keys().copied().filter(over).collect();
        // Short windows of one time, in their order, are one window of what is told.
        let mut whole: Option<(UnixMillis, Window)> = None;
        for begin in ended {
            let Some(window) = self.open.remove(&begin) else {
                continue;
            };
            self.keep_for_signals(begin, &window, now);
            match &mut whole {
                Some((of, all)) if *of == begin.align_down(length) => all.absorb(window),
                _ => {
                    gathered.add(whole.take());
                    whole = Some((begin.align_down(length), window));
                }
            }
        }
        gathered.add(whole);
        gathered
    }

    /// How long windows are.
    fn short(&self) -> Duration {
        let watched = self.signals.as_ref();
        watched.map_or(self.length, |watched| common(self.length, watched.length))
    }

    /// Signals may look at a window after it was told.
    fn keep_for_signals(&mut self, begin: UnixMillis, window: &Window, now: UnixMillis) {
        if let Some(watched) = &mut self.signals {
            let copy = window.only(&watched.names);
            watched.told.insert(begin, copy);
            let oldest = now - watched.length * 2;
            watched.told.retain(|begin, _| *begin >= oldest);
        }
    }

    fn look(&self, begin: UnixMillis, end: UnixMillis) -> Vec<Sample> {
        let Some(watched) = &self.signals else {
            return Vec::new();
        };
        let mut seen = Window::new(self.guard.clone(), 0);
        let told = watched.told.range(begin..end);
        let told = told.map(|(begin, window)| (*begin, window.only(&watched.names)));
        let open = self.open.range(begin..end);
        let open = open.map(|(begin, window)| (*begin, window.only(&watched.names)));
        let mut all: Vec<(UnixMillis, Window)> = told.chain(open).collect();
        all.sort_by_key(|(begin, _)| *begin);
        for (_, window) in all {
            seen.absorb(window);
        }
        seen.take().0
    }
}

impl Gathered {
    fn add(&mut self, whole: Option<(UnixMillis, Window)>) {
        if let Some((begin, mut window)) = whole {
            let (samples, overflowed) = window.take();
            self.windows.push((begin, samples));
            self.overflowed.extend(overflowed);
        }
    }
}

/// How many times `part` fits into `whole`.
fn parts(whole: Duration, part: Duration) -> usize {
    let times = whole.as_millis() / part.as_millis().max(1);
    usize::try_from(times).unwrap_or(1).max(1)
}

/// The longest whole number of seconds that both are multiples of.
pub(crate) fn common(one: Duration, other: Duration) -> Duration {
    let (mut a, mut b) = (one.as_secs(), other.as_secs());
    while b > 0 {
        (a, b) = (b, a % b);
    }
    Duration::from_secs(a.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{How, SeriesKey};
    use crate::sample::{GivenMetric, Labels};
    use plimsoll_core::catalog::Unit;

    const MINUTE: Duration = Duration::from_mins(1);

    fn add(intake: &Intake, time: i64) {
        let mut windows = intake.hold();
        let window = windows.window(UnixMillis(time));
        let slot = window.slot(SeriesKey {
            metric: GivenMetric::new("hits", Unit::Count).into(),
            labels: Labels::default(),
            how: How::Sum,
        });
        window.add(slot, 1.0, 1.0);
    }

    fn begins(gathered: &Gathered) -> Vec<(i64, f64)> {
        let windows = gathered.windows.iter();
        windows
            .map(|(begin, samples)| (begin.0, samples[0].number()))
            .collect()
    }

    #[test]
    fn only_windows_that_are_over_are_taken_and_each_has_its_own_time() {
        let intake = Intake::new(MINUTE, SeriesGuard::new(10, 10));
        for time in [59_999, 60_000, 119_999, 120_000] {
            add(&intake, time);
        }
        let taken = intake.take(UnixMillis(120_000), false);
        assert_eq!(begins(&taken), [(0, 1.0), (60_000, 2.0)]);
        let rest = intake.take(UnixMillis(120_001), true);
        assert_eq!(begins(&rest), [(120_000, 1.0)]);
    }

    #[test]
    fn times_that_are_too_many_are_left_out_and_counted() {
        let intake = Intake::new(MINUTE, SeriesGuard::new(10, 10));
        for minute in 0..70 {
            add(&intake, minute * 60_000);
        }
        let taken = intake.take(UnixMillis(0), true);
        assert_eq!(taken.windows.len(), WINDOWS_MAX + 1);
        assert_eq!(taken.misplaced, 70 - 61);
        assert!(begins(&taken).iter().all(|(_, sum)| *sum <= 1.0));
    }

    #[test]
    fn signals_look_at_short_windows_and_what_is_told_stays_the_same() {
        let intake = Intake::new(MINUTE, SeriesGuard::new(10, 10));
        let ten = Duration::from_secs(10);
        intake.watch(ten, BTreeSet::from([Arc::from("hits")]));
        for time in [0, 9_999, 10_000, 59_999, 60_000] {
            add(&intake, time);
        }
        let look = |begin, end| -> Vec<f64> {
            let seen = intake.look(UnixMillis(begin), UnixMillis(end));
            seen.iter().map(Sample::number).collect()
        };
        assert_eq!(look(0, 10_000), [2.0]);
        assert_eq!(look(20_000, 30_000), [0.0; 0]);
        let taken = intake.take(UnixMillis(60_000), false);
        assert_eq!(begins(&taken), [(0, 4.0)]);
        assert_eq!(look(50_000, 60_000), [1.0], "told before it was looked at");
        assert_eq!(look(60_000, 70_000), [1.0]);
        intake.watch(ten, BTreeSet::new());
        assert_eq!(look(60_000, 70_000), [0.0; 0]);
    }

    #[test]
    fn a_slot_is_told_apart_from_one_of_another_window() {
        let intake = Intake::new(MINUTE, SeriesGuard::new(10, 10));
        let of = |time| intake.hold().window(UnixMillis(time)).generation();
        assert_eq!(of(0), of(1));
        assert_ne!(of(0), of(60_000));
        let before = of(0);
        drop(intake.take(UnixMillis(0), true));
        assert_ne!(before, of(0));
    }
}
