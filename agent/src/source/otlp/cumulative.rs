//! What was reported of each stream before, so that running totals become what happened since.
//!
//! A stream is told apart by everything that names it: resource, scope, metric and attributes. A
//! total that is seen for the first time tells nothing unless it began while we listened; one that
//! began anew tells what it shows. A point that was sent again after a lost answer is told once.
//! Bounded in streams and in buckets; a stream that is silent for long is forgotten.
//! Source: OpenTelemetry metrics data model, "Resets and Gaps", "Temporality".

use std::collections::HashMap;

use super::buckets::Counts;

/// Numbers that are remembered over all streams: with their keys some 12 MiB.
const NUMBERS_MAX: usize = 500_000;
/// What a stream takes besides its numbers, as numbers.
const STREAM_NUMBERS: usize = 8;
/// A stream that is silent so long is forgotten, in nanoseconds: an hour, since exporters send
/// every minute.
const SILENT_NANOS_MAX: u64 = 3_600_000_000_000;

/// What names a stream, hashed twice with keys that nobody outside knows.
pub(crate) type StreamId = (u64, u64);

/// The streams.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    known: HashMap<StreamId, Stream>,
    numbers: usize,
    /// When this began to listen, in nanoseconds since 1970.
    since: u64,
    looked_through: u64,
}

#[derive(Debug)]
struct Stream {
    start: u64,
    time: u64,
    heard: u64,
    total: Total,
}

/// A running total.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Total {
    /// Nothing is kept: a stream of changes.
    None,
    /// Of a sum.
    Number(f64),
    /// Of a histogram, with the sum of its values.
    Counts(Counts, Option<f64>),
}

/// When a point was measured, in nanoseconds since 1970; 0 is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// When what it counts began.
    pub(crate) start: u64,
    /// Its own time.
    pub(crate) time: u64,
}

/// What a total says together with the one before.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Since {
    /// All of it is new.
    All,
    /// What is more than this is new.
    MoreThan(Total),
    /// Nothing can be said yet.
    Nothing,
}

/// Why a point is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is no later than the point before.
    Old,
    /// There are too many streams to remember.
    Full,
}

impl Streams {
    /// Streams of one that listens since this time.
    pub(crate) fn since(nanos: u64) -> Self {
        Self {
            since: nanos,
            looked_through: nanos,
            ..Self::default()
        }
    }

    /// Takes up the total of a stream. `began_anew` tells whether it is less than the one before.
    pub(crate) fn total(
        &mut self,
        id: StreamId,
        span: Span,
        now: u64,
        total: Total,
        began_anew: impl Fn(&Total) -> bool,
    ) -> Result<Since, Refused> {
        let Some(stream) = self.known.get_mut(&id) else {
            self.remember(id, span, now, total)?;
            let heard_from_the_start = span.start >= self.since && span.start != 0;
            return Ok(if heard_from_the_start {
                Since::All
            } else {
                Since::Nothing
            });
        };
        if span.time <= stream.time || span.start < stream.start {
            return Err(Refused::Old);
        }
        let anew = span.start != stream.start || began_anew(&stream.total);
        self.numbers = self.numbers - stream.total.numbers() + total.numbers();
        let before = std::mem::replace(&mut stream.total, total);
        (stream.start, stream.time, stream.heard) = (span.start, span.time, now);
        Ok(if anew {
            Since::All
        } else {
            Since::MoreThan(before)
        })
    }

    /// Takes up a change. It is refused if it was told already.
    pub(crate) fn change(&mut self, id: StreamId, span: Span, now: u64) -> Result<(), Refused> {
        let Some(stream) = self.known.get_mut(&id) else {
            return self.remember(id, span, now, Total::None);
        };
        if span.time != 0 && (span.start, span.time) == (stream.start, stream.time) {
            return Err(Refused::Old);
        }
        (stream.start, stream.time, stream.heard) = (span.start, span.time, now);
        Ok(())
    }

    fn remember(
        &mut self,
        id: StreamId,
        span: Span,
        now: u64,
        total: Total,
    ) -> Result<(), Refused> {
        let numbers = STREAM_NUMBERS + total.numbers();
        if self.numbers + numbers > NUMBERS_MAX {
            return Err(Refused::Full);
        }
        self.numbers += numbers;
        let stream = Stream {
            start: span.start,
            time: span.time,
            heard: now,
            total,
        };
        self.known.insert(id, stream);
        Ok(())
    }

    /// Forgets what was silent for long. Cheap unless that much time has passed again.
    pub(crate) fn forget(&mut self, now: u64) {
        if now.saturating_sub(self.looked_through) < SILENT_NANOS_MAX / 4 {
            return;
        }
        self.looked_through = now;
        self.known
            .retain(|_, stream| now.saturating_sub(stream.heard) < SILENT_NANOS_MAX);
        let numbers = self.known.values();
        self.numbers = numbers
            .map(|one| STREAM_NUMBERS + one.total.numbers())
            .sum();
    }
}

impl Total {
    fn numbers(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Number(_) => 1,
            Self::Counts(counts, _) => counts.numbers(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: StreamId = (1, 2);

    fn span(start: u64, time: u64) -> Span {
        Span { start, time }
    }

    #[test]
    fn totals_become_what_happened_since() {
        let more_than = |value| Ok(Since::MoreThan(Total::Number(value)));
        let cases = [
            // It began before we listened.
            (span(5, 20), 10.0, Ok(Since::Nothing)),
            (span(5, 30), 12.0, more_than(10.0)),
            (span(5, 30), 13.0, Err(Refused::Old)),
            (span(5, 29), 13.0, Err(Refused::Old)),
            (span(35, 40), 50.0, Ok(Since::All)),
            // Another that calls itself the same, and began earlier.
            (span(5, 41), 13.0, Err(Refused::Old)),
            (span(35, 50), 3.0, Ok(Since::All)),
            (span(35, 60), 4.0, more_than(3.0)),
        ];
        let mut streams = Streams::since(10);
        for (span, value, expected) in cases {
            let less = |before: &Total| matches!(before, Total::Number(before) if *before > value);
            let told = streams.total(ID, span, span.time, Total::Number(value), less);
            assert_eq!(told, expected, "{span:?} {value}");
        }
        let mut streams = Streams::since(10);
        let first = streams.total(ID, span(10, 20), 20, Total::Number(1.0), |_| false);
        assert_eq!(first, Ok(Since::All), "it began while we listened");
    }

    #[test]
    fn a_change_that_is_sent_again_is_told_once() {
        let mut streams = Streams::default();
        assert_eq!(streams.change(ID, span(1, 2), 2), Ok(()));
        assert_eq!(streams.change(ID, span(1, 2), 2), Err(Refused::Old));
        assert_eq!(streams.change(ID, span(2, 3), 3), Ok(()));
        assert_eq!(streams.change(ID, span(0, 0), 3), Ok(()));
        assert_eq!(
            streams.change(ID, span(0, 0), 3),
            Ok(()),
            "without a time it is not known"
        );
    }

    #[test]
    fn streams_are_bounded_and_forgotten_when_they_are_silent() {
        let mut streams = Streams::default();
        let mut told = 0;
        for id in 0..1_000_000 {
            if streams.change((id, 0), span(1, 2), 1).is_err() {
                break;
            }
            told += 1;
        }
        assert_eq!(told, (NUMBERS_MAX / STREAM_NUMBERS) as u64);
        assert_eq!(streams.change((0, 1), span(1, 2), 1), Err(Refused::Full));
        streams.forget(SILENT_NANOS_MAX);
        assert!(streams.known.len() as u64 == told, "not yet");
        streams.forget(SILENT_NANOS_MAX * 2);
        assert_eq!(streams.change((0, 1), span(1, 2), 1), Ok(()));
    }
}
