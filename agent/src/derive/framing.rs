//! From bytes that were read to events: lines are found, decoded if they are not UTF-8, and joined
//! if several make one event. Pure, and the same whatever pieces the bytes arrive in: what is not
//! complete is left to the next read, which begins with it.

use encoding_rs::{Encoding, UTF_8};
use plimsoll_core::clock::UnixMillis;

use super::encoding::{Decoded, ENCODED_MAX, by_mark, ends_line, mark_len};
use super::lines::{Found, UNFINISHED_MAX};
use super::multiline::{Scan, State};
use super::{Events, Text};
use crate::config::{Framing, TextEncoding};

/// What is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    /// The bytes, of which the first ones were dealt with before.
    pub(crate) bytes: &'a [u8],
    /// How many of them were.
    pub(crate) lead: usize,
    /// The offset in the file of the first one that was not.
    pub(crate) offset: u64,
    /// The time of the events.
    pub(crate) time: UnixMillis,
    /// What is known about what follows.
    pub(crate) ending: Ending,
    /// The encoding that the file's byte order mark tells.
    pub(crate) marked: Option<&'static Encoding>,
}

/// What is known about what follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    /// More may come, and belong to the last event.
    #[default]
    Open,
    /// Nothing came for a while: the last event is complete, if its last line is.
    Quiet,
    /// Nothing will come: even a line without an end is complete.
    Last,
}

/// What was found in a buffer.
#[derive(Debug, Default)]
pub(crate) struct Framed {
    /// The events.
    pub(crate) events: Events,
    /// The index up to which the buffer is dealt with; the rest must be read again.
    pub(crate) end: usize,
    /// Where in a trace the buffer is at `end`.
    pub(crate) state: State,
    /// Lines without content that were left out.
    pub(crate) empty: u64,
    /// Parts beyond the first of lines that were split.
    pub(crate) splits: u64,
    /// Events of several lines that were ended by a bound.
    pub(crate) cuts: u64,
    /// Whether decoding replaced anything.
    pub(crate) invalid: bool,
    /// Whether complete lines are left because their event may go on.
    pub(crate) waiting: bool,
}

impl Framing {
    /// How much an event can take of the file: what must be read before it can be told apart from
    /// one that is too long.
    pub(crate) fn unfinished_max(&self) -> usize {
        match self.encoding {
            TextEncoding::Utf8 => UNFINISHED_MAX,
            TextEncoding::Utf16 | TextEncoding::Other(_) => ENCODED_MAX,
        }
    }

    /// Whether the beginning of a file tells how it is encoded.
    pub(crate) fn needs_mark(&self) -> bool {
        self.encoding == TextEncoding::Utf16
    }

    /// Finds the events, going on from `state`.
    pub(crate) fn frame(&self, input: &Input<'_>, state: State) -> Framed {
        let encoding = match self.encoding {
            TextEncoding::Utf8 => UTF_8,
            TextEncoding::Utf16 => input.marked.or(by_mark(&[0, 0])).unwrap_or(UTF_8),
            TextEncoding::Other(encoding) => encoding,
        };
        let mark = match (input.offset, input.bytes.get(input.lead..)) {
            (0, Some(head)) => mark_len(head, encoding),
            _ => 0,
        };
        let begin = input.lead + mark;
        let before = input.bytes.get(..input.lead).unwrap_or(&[]);
        let inside = !before.is_empty() && !ends_line(before, encoding);
        let mut framed = if encoding == UTF_8 {
            self.in_place(input, begin, inside, state)
        } else {
            self.decoded(input, begin, inside, encoding, state)
        };
        if framed.end == begin && input.ending != Ending::Last {
            framed.end = input.lead;
        }
        framed
    }

    /// Events that are ranges of the buffer itself.
    fn in_place(&self, input: &Input<'_>, begin: usize, inside: bool, state: State) -> Framed {
        let mut found = Found::new(input.bytes, input.time, inside);
        let full = input.bytes.len() - input.lead >= UNFINISHED_MAX;
        let scanned = self.scan(&mut found, input, begin, full, state);
        scanned.with(found)
    }

    /// Events that are ranges of what the buffer says.
    fn decoded(
        &self,
        input: &Input<'_>,
        begin: usize,
        inside: bool,
        encoding: &'static Encoding,
        state: State,
    ) -> Framed {
        let last = input.ending == Ending::Last;
        let offset = input.offset + (begin - input.lead) as u64;
        let full = input.bytes.len() - input.lead >= ENCODED_MAX;
        let mut decoded = Decoded::new(input.bytes, begin, offset, encoding, last);
        let unfinished = full && decoded.text.is_empty();
        if unfinished {
            decoded = Decoded::new(input.bytes, begin, offset, encoding, true);
        }
        let text = decoded.text.as_bytes();
        let mut found = Found::new(text, input.time, inside);
        let mut framed = if unfinished {
            // Something is left for the part that ends the line.
            let len_max = text.len().saturating_sub(LAST_PART_MIN);
            let end = found.beginning(0..text.len(), len_max);
            Framed {
                end,
                state,
                ..Framed::default()
            }
        } else {
            self.scan(&mut found, input, 0, full, state)
        };
        framed.end = if framed.end == 0 && !last {
            begin
        } else {
            decoded.index(framed.end)
        };
        framed.invalid = decoded.invalid;
        let mut framed = framed.with(found);
        let starts = |events: &Events| {
            let starts = match &events.text {
                Some(text) => text.starts.clone(),
                None => events.lines.iter().map(|line| line.start).collect(),
            };
            let index = |at: u32| u32::try_from(decoded.index(at as usize)).unwrap_or(at);
            starts.into_iter().map(index).collect()
        };
        let starts = starts(&framed.events);
        let bytes = match framed.events.text.take() {
            Some(marked) => marked.bytes,
            None => decoded.text.into_bytes(),
        };
        framed.events.text = Some(Text { bytes, starts });
        framed
    }

    fn scan(
        &self,
        found: &mut Found<'_>,
        input: &Input<'_>,
        begin: usize,
        full: bool,
        state: State,
    ) -> Framed {
        match &self.multi_line {
            None => Framed {
                end: found.each_line(begin, input.ending == Ending::Last),
                ..Framed::default()
            },
            Some(multi_line) => Scan::new(multi_line, input.ending, full, state).run(found, begin),
        }
    }
}

impl Framed {
    fn with(mut self, found: Found<'_>) -> Self {
        self.empty = found.empty;
        self.splits = found.splits;
        self.events = found.into_events();
        self
    }
}

/// What is kept of an unfinished line for the part that ends it: the longest character.
const LAST_PART_MIN: usize = 4;
