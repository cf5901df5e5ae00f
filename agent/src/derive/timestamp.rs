//! When an event happened, by what its own text says.
//!
//! A stamp is looked for near the start of the text by a compiled [`Format`]. What it does not
//! tell (zone, year, day) is taken from the configuration and from the time of reading. Nothing
//! here refuses an event: without a stamp it keeps another time, and that is counted.

mod format;
mod resolve;
mod scan;
#[cfg(test)]
mod tests;

use std::ops::Range;

use jiff::tz::TimeZone;
use plimsoll_aws::limits::logs::{EVENT_AGE_MAX, EVENT_FUTURE_MAX};
use plimsoll_core::clock::UnixMillis;

pub(crate) use format::{Format, KNOWN};
pub(crate) use resolve::Resolver;
use scan::{Stamp, find};

/// How far into an event a stamp may begin unless the configuration says otherwise: behind the
/// address, the user and the like of an access log.
pub(crate) const SEARCH_BYTES: usize = 256;

/// What becomes of a stamp that CloudWatch Logs would refuse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OutOfWindow {
    /// It stays; the event is refused and kept as a dead letter.
    #[default]
    Keep,
    /// The event gets the time of reading.
    Now,
}

/// How the events of a target tell their time.
#[derive(Clone, Debug)]
pub(crate) struct Timestamps {
    /// Tried one after the other.
    pub(crate) formats: Vec<Format>,
    /// The zone of stamps that tell none.
    pub(crate) zone: TimeZone,
    /// How far into an event a stamp may begin.
    pub(crate) search_bytes: usize,
    /// See there.
    pub(crate) out_of_window: OutOfWindow,
    /// Whether a stamp is taken out of the text of its event.
    pub(crate) trim: bool,
}

impl Timestamps {
    /// The moment that `text` tells, and where it does so.
    pub(crate) fn of_text(
        &self,
        text: &[u8],
        resolver: &mut Resolver<'_>,
    ) -> Option<(UnixMillis, Range<usize>)> {
        self.within(text, self.search_bytes, resolver)
    }

    /// The moment that a field tells, at its beginning.
    pub(crate) fn of_field(&self, text: &str, resolver: &mut Resolver<'_>) -> Option<UnixMillis> {
        let found = self.within(text.as_bytes(), 0, resolver);
        found.map(|(moment, _)| moment)
    }

    fn within(
        &self,
        text: &[u8],
        search_bytes: usize,
        resolver: &mut Resolver<'_>,
    ) -> Option<(UnixMillis, Range<usize>)> {
        let mut stamps = self
            .formats
            .iter()
            .filter_map(|format| find(format, text, search_bytes));
        stamps.find_map(|(stamp, place): (Stamp, _)| Some((resolver.moment(&stamp)?, place)))
    }

    /// Whether CloudWatch Logs would take an event of `time` that is read at `now`.
    pub(crate) fn in_window(time: UnixMillis, now: UnixMillis) -> bool {
        (now - EVENT_AGE_MAX..=now + EVENT_FUTURE_MAX).contains(&time)
    }
}
