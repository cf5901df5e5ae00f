//! The series that a source of datagrams has met, by the very bytes that named them.
//!
//! Applications send the same few names and tags again and again. The bytes of a name lead to its
//! series with one look into a table, without reading the tags again and without making anything.
//! What is remembered is bounded in number and in bytes; what does not fit is still counted, only
//! more slowly.

use std::collections::HashMap;

use crate::aggregate::{SeriesKey, Slot, Window};

/// Series that are remembered: as many as a window holds.
const KNOWN_MAX: usize = 20_000;
/// Bytes of the names of series that are new in one window. Labels take about three times that.
const NEW_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Series by the bytes that name them, each with what the source remembers of it.
#[derive(Debug)]
pub(crate) struct KnownSeries<T> {
    places: HashMap<Box<[u8]>, usize>,
    entries: Vec<Known<T>>,
    /// The latest window that was met, and what is new in it.
    newest: u64,
    new_bytes: usize,
    /// The window in which room was made last.
    cleared_in: u64,
    known_max: usize,
    new_bytes_max: usize,
}

#[derive(Debug)]
struct Known<T> {
    key: SeriesKey,
    generation: u64,
    slot: Slot,
    state: T,
}

/// A series that was found or made.
#[derive(Debug)]
pub(crate) struct Found<'k, T> {
    /// Where it is in the window.
    pub(crate) slot: Slot,
    /// What is remembered of it; `None` if there is no room to remember more.
    pub(crate) state: Option<&'k mut T>,
}

/// A series that came for the first time.
enum Met {
    Remembered(usize),
    Passing(Slot),
}

/// Why a series is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken<E> {
    /// It cannot be made.
    Wrong(E),
    /// New series have too long names, all in all.
    TooManyBytes,
}

impl<T> Default for KnownSeries<T> {
    fn default() -> Self {
        Self::new(KNOWN_MAX, NEW_BYTES_MAX)
    }
}

impl<T> KnownSeries<T> {
    fn new(known_max: usize, new_bytes_max: usize) -> Self {
        Self {
            places: HashMap::new(),
            entries: Vec::new(),
            newest: 0,
            new_bytes: 0,
            cleared_in: 0,
            known_max,
            new_bytes_max,
        }
    }

    /// Adds to `window` a value for each series that has one.
    pub(crate) fn add_to(&mut self, window: &mut Window, value: impl Fn(&mut T) -> Option<f64>) {
        for known in &mut self.entries {
            if let Some(value) = value(&mut known.state) {
                known.refresh(window);
                window.add(known.slot, value, 1.0);
            }
        }
    }
}

impl<T> Known<T> {
    fn refresh(&mut self, window: &mut Window) {
        if self.generation != window.generation() {
            self.slot = window.slot(self.key.clone());
            self.generation = window.generation();
        }
    }
}

impl<T: Default> KnownSeries<T> {
    /// The series that `name` stands for, in `window`. `make` reads it when it is met first.
    ///
    /// # Errors
    /// When `make` fails, or memory is at its bound.
    pub(crate) fn find<E>(
        &mut self,
        name: &[u8],
        window: &mut Window,
        make: impl FnOnce() -> Result<SeriesKey, E>,
    ) -> Result<Found<'_, T>, NotTaken<E>> {
        let place = match self.places.get(name) {
            Some(place) => *place,
            None => match self.meet(name, window, make)? {
                Met::Remembered(place) => place,
                Met::Passing(slot) => return Ok(Found { slot, state: None }),
            },
        };
        // Every place leads to an entry.
        let known = self.entries.get_mut(place);
        let known = known.ok_or(NotTaken::TooManyBytes)?;
        known.refresh(window);
        Ok(Found {
            slot: known.slot,
            state: Some(&mut known.state),
        })
    }

    fn meet<E>(
        &mut self,
        name: &[u8],
        window: &mut Window,
        make: impl FnOnce() -> Result<SeriesKey, E>,
    ) -> Result<Met, NotTaken<E>> {
        let key = make().map_err(NotTaken::Wrong)?;
        let generation = window.generation();
        if generation > self.newest {
            self.newest = generation;
            self.new_bytes = 0;
        }
        self.new_bytes += name.len();
        if self.new_bytes > self.new_bytes_max {
            return Err(NotTaken::TooManyBytes);
        }
        if self.entries.len() >= self.known_max {
            self.make_room();
        }
        let slot = window.slot(key.clone());
        let place = self.entries.len();
        if place >= self.known_max {
            return Ok(Met::Passing(slot));
        }
        self.places.insert(name.into(), place);
        self.entries.push(Known {
            key,
            generation,
            slot,
            state: T::default(),
        });
        Ok(Met::Remembered(place))
    }

    /// Forgets the series that did not come in the latest window; once in a window, so that too
    /// many series cost no more than a look at each of them.
    fn make_room(&mut self) {
        if self.cleared_in == self.newest {
            return;
        }
        self.cleared_in = self.newest;
        let kept = |known: &Known<T>| known.generation == self.newest;
        let mut moved = vec![None; self.entries.len()];
        let mut next = 0;
        for (place, known) in moved.iter_mut().zip(&self.entries) {
            if kept(known) {
                *place = Some(next);
                next += 1;
            }
        }
        self.places.retain(|_, place| {
            let to = moved.get(*place).copied().flatten();
            *place = to.unwrap_or_default();
            to.is_some()
        });
        let newest = self.newest;
        self.entries.retain(|known| known.generation == newest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{How, SeriesGuard};
    use crate::sample::{GivenMetric, Labels};
    use plimsoll_core::catalog::Unit;

    fn window(generation: u64) -> Window {
        Window::new(SeriesGuard::new(100, 100), generation)
    }

    fn series(name: &str) -> SeriesKey {
        SeriesKey {
            metric: GivenMetric::new(name, Unit::None).into(),
            labels: Labels::default(),
            how: How::Sum,
        }
    }

    fn told(window: &mut Window) -> Vec<(String, f64)> {
        let (samples, _) = window.take();
        let told = samples.iter();
        told.map(|one| (one.name().to_owned(), one.number()))
            .collect()
    }

    #[test]
    fn a_series_is_made_once_and_has_its_own_slot_in_each_window() {
        let mut known = KnownSeries::<u32>::new(10, 1000);
        let (mut first, mut second) = (window(1), window(2));
        for (window, names) in [
            (&mut first, ["a", "b", "a"]),
            (&mut second, ["b", "b", "a"]),
        ] {
            for name in names {
                let found = known
                    .find(name.as_bytes(), window, || Ok::<_, ()>(series(name)))
                    .unwrap();
                *found.state.unwrap() += 1;
                let slot = found.slot;
                window.add(slot, 1.0, 1.0);
            }
        }
        assert_eq!(told(&mut first), [("a".into(), 2.0), ("b".into(), 1.0)]);
        assert_eq!(told(&mut second), [("b".into(), 2.0), ("a".into(), 1.0)]);
        let again = known.find(b"a", &mut window(3), || Err(())).unwrap();
        assert_eq!(again.state, Some(&mut 3));
    }

    #[test]
    fn what_does_not_fit_is_not_remembered_until_others_have_gone() {
        let mut known = KnownSeries::<u32>::new(2, 1000);
        let mut first = window(1);
        for (name, remembered) in [("a", true), ("b", true), ("c", false), ("a", true)] {
            let found = known.find(name.as_bytes(), &mut first, || Ok::<_, ()>(series(name)));
            assert_eq!(found.unwrap().state.is_some(), remembered, "{name}");
        }
        let mut second = window(2);
        for (name, remembered) in [("b", true), ("d", true), ("a", false), ("b", true)] {
            let found = known.find(name.as_bytes(), &mut second, || Ok::<_, ()>(series(name)));
            let found = found.unwrap();
            assert_eq!(found.state.is_some(), remembered, "{name}");
            let slot = found.slot;
            second.add(slot, 1.0, 1.0);
        }
        let expected = [("b", 2.0), ("d", 1.0), ("a", 1.0)];
        assert_eq!(told(&mut second), expected.map(|(n, v)| (n.to_owned(), v)));
    }

    #[test]
    fn names_are_bounded_in_bytes_and_a_new_window_has_room_again() {
        let mut known = KnownSeries::<()>::new(10, 10);
        let mut first = window(1);
        let mut find = |name: &str, window: &mut Window| {
            let found = known.find(name.as_bytes(), window, || Ok::<_, ()>(series(name)));
            found
                .map(|_| ())
                .map_err(|error| matches!(error, NotTaken::TooManyBytes))
        };
        assert_eq!(find("123456", &mut first), Ok(()));
        assert_eq!(find("12345", &mut first), Err(true));
        assert_eq!(find("123456", &mut first), Ok(()));
        assert_eq!(find("12345", &mut window(2)), Ok(()));
    }
}
