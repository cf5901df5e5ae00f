//! Lines and events as ranges of a text, none longer than CloudWatch Logs takes. Pure.
//!
//! A line ends at a newline; one carriage return before it belongs to the end as well. Empty lines
//! are counted and left out, because CloudWatch Logs refuses a batch with an empty message. An
//! event that is longer than it may be is split, never cut off: at a character if it is UTF-8, and
//! so that each part is within the limit as CloudWatch Logs counts it, after bytes that are not
//! UTF-8 have grown to U+FFFD. A line without an end waits, unless it is the last of its file or
//! already longer than an event.
//!
//! A part that goes on in the next event ends with [`CONTINUES`], and one that begins inside a
//! line begins with [`CONTINUED`]: without both marks, parts are the text that they came from.

use std::ops::Range;

use memchr::memchr_iter;
use plimsoll_aws::limits::logs::EVENT_BYTES_MAX;
use plimsoll_core::clock::UnixMillis;

use super::{Events, Text};
use crate::record::Line;

/// What a part of a line ends with when the line goes on in the next event.
pub(crate) const CONTINUES: &[u8] = b" [continues]";
/// What an event begins with that begins inside a line.
pub(crate) const CONTINUED: &[u8] = b"[continued] ";
/// The length of U+FFFD in UTF-8: what a run of invalid bytes becomes.
const REPLACEMENT_LEN: usize = 3;
/// An unfinished line is split when it is this long. The two bytes above the limit leave room for
/// a carriage return and a newline, so that a line of exactly the limit stays whole.
pub(crate) const UNFINISHED_MAX: usize = EVENT_BYTES_MAX + 2;

/// Events as they are found in a text.
#[derive(Debug)]
pub(super) struct Found<'a> {
    text: &'a [u8],
    time: UnixMillis,
    /// Whether the text begins inside a line.
    inside: bool,
    lines: Vec<Line>,
    /// Which of `lines` are parts: whether they begin and whether they end inside a line.
    parts: Vec<(usize, Part)>,
    /// Lines without content that were left out.
    pub(super) empty: u64,
    /// Parts beyond the first of events that were split.
    pub(super) splits: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    begun: bool,
    goes_on: bool,
}

impl<'a> Found<'a> {
    /// Nothing yet of `text`, which begins at the beginning of a line or `inside` one.
    pub(super) fn new(text: &'a [u8], time: UnixMillis, inside: bool) -> Self {
        Self {
            text,
            time,
            inside,
            lines: Vec::new(),
            parts: Vec::new(),
            empty: 0,
            splits: 0,
        }
    }

    /// What events are ranges of.
    pub(super) fn text(&self) -> &'a [u8] {
        self.text
    }

    /// Makes each line from index `from` on an event; with `last`, one without an end too. Returns
    /// the index up to which the text is dealt with; the rest must come again.
    pub(super) fn each_line(&mut self, from: usize, last: bool) -> usize {
        let mut end = from;
        for newline in memchr_iter(b'\n', self.text.get(from..).unwrap_or(&[])) {
            let newline = from + newline;
            self.line(end..newline);
            end = newline + 1;
        }
        let rest = end..self.text.len();
        if !last {
            return self.unfinished(rest);
        }
        if !rest.is_empty() {
            self.line(rest.clone());
        }
        rest.end
    }

    /// A whole line, without its newline.
    fn line(&mut self, mut range: Range<usize>) {
        if self.at(&range).ends_with(b"\r") {
            range.end -= 1;
        }
        self.event(range);
    }

    /// An event, be it one line or several; an empty one is an empty line, unless it is only the
    /// end of a line whose parts were sent.
    pub(super) fn event(&mut self, range: Range<usize>) {
        let begun = std::mem::take(&mut self.inside);
        if range.is_empty() {
            self.empty += u64::from(!begun);
        } else if !begun && range.len() * REPLACEMENT_LEN <= EVENT_BYTES_MAX {
            self.push(range.start, range.len());
        } else {
            self.in_parts(range, begun);
        }
    }

    fn in_parts(&mut self, mut range: Range<usize>, mut begun: bool) {
        loop {
            let text = self.at(&range);
            let whole = part_of(text, room(begun, false)) == text.len();
            let goes_on = !whole;
            let len = if whole {
                text.len()
            } else {
                part_of(text, room(begun, true))
            };
            self.part(range.start, len, begun, goes_on);
            if whole {
                return;
            }
            self.splits += 1;
            range.start += len;
            begun = true;
        }
    }

    /// What follows the last newline: parts of it, as long as it is longer than any event. Returns
    /// where the rest begins.
    pub(super) fn unfinished(&mut self, mut range: Range<usize>) -> usize {
        while range.len() >= UNFINISHED_MAX {
            let begun = std::mem::replace(&mut self.inside, true);
            let len = part_of(self.at(&range), room(begun, true));
            self.part(range.start, len, begun, true);
            range.start += len;
            self.splits += 1;
        }
        range.start
    }

    /// One part of at most `len_max` bytes of a line that goes on; for text that was decoded.
    pub(super) fn beginning(&mut self, range: Range<usize>, len_max: usize) -> usize {
        let begun = std::mem::replace(&mut self.inside, true);
        let len = part_of(self.at(&range), room(begun, true).min(len_max));
        self.part(range.start, len, begun, true);
        self.splits += 1;
        range.start + len
    }

    fn part(&mut self, start: usize, len: usize, begun: bool, goes_on: bool) {
        if begun || goes_on {
            let part = Part { begun, goes_on };
            self.parts.push((self.lines.len(), part));
        }
        self.push(start, len);
    }

    fn at(&self, range: &Range<usize>) -> &'a [u8] {
        self.text.get(range.clone()).unwrap_or(&[])
    }

    fn push(&mut self, start: usize, len: usize) {
        // A buffer is far smaller than 4 GiB: it holds one read and at most one longest line.
        if let (Ok(start), Ok(len)) = (u32::try_from(start), u32::try_from(len)) {
            self.lines.push(Line {
                start,
                len,
                time: self.time,
            });
        }
    }

    /// The events as ranges of the text; or of a copy with marks, if any event is a part.
    pub(super) fn into_events(self) -> Events {
        if self.parts.is_empty() {
            return Events {
                lines: self.lines,
                ..Events::default()
            };
        }
        let mut marked = Events::default();
        let mut text = Text::default();
        let mut parts = self.parts.iter().peekable();
        for (index, line) in self.lines.iter().enumerate() {
            let part = parts
                .next_if(|(at, _)| *at == index)
                .map_or(Part::default(), |(_, part)| *part);
            let start = text.bytes.len();
            if part.begun {
                text.bytes.extend_from_slice(CONTINUED);
            }
            let from = line.start as usize;
            let said = self.text.get(from..from + line.len as usize);
            text.bytes.extend_from_slice(said.unwrap_or(&[]));
            if part.goes_on {
                text.bytes.extend_from_slice(CONTINUES);
            }
            let len = text.bytes.len() - start;
            if let (Ok(start), Ok(len)) = (u32::try_from(start), u32::try_from(len)) {
                marked.lines.push(Line {
                    start,
                    len,
                    ..*line
                });
                text.starts.push(line.start);
            }
        }
        marked.text = Some(text);
        marked
    }
}

/// What an event has room for besides its marks.
pub(crate) const fn room(begun: bool, goes_on: bool) -> usize {
    let mut room = EVENT_BYTES_MAX;
    if begun {
        room -= CONTINUED.len();
    }
    if goes_on {
        room -= CONTINUES.len();
    }
    room
}

/// How many bytes of `text` are within `max` as they are billed: all of them, or as many
/// characters as fit. At least one byte unless `text` is empty.
pub(crate) fn part_of(text: &[u8], max: usize) -> usize {
    if text.len() * REPLACEMENT_LEN <= max {
        return text.len();
    }
    let (mut taken, mut billed) = (0, 0);
    for chunk in text.utf8_chunks() {
        let room = max - billed;
        if chunk.valid().len() > room {
            taken += chunk.valid().floor_char_boundary(room);
            break;
        }
        taken += chunk.valid().len();
        billed += chunk.valid().len();
        if chunk.invalid().is_empty() || billed + REPLACEMENT_LEN > max {
            break;
        }
        taken += chunk.invalid().len();
        billed += REPLACEMENT_LEN;
    }
    taken.max(1).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Framing;
    use crate::fuzzing::read_in_steps;
    use plimsoll_aws::billed_len;
    use proptest::prelude::*;

    /// Frames `text` as a reader would that gets `step` bytes at a time and keeps the rest.
    fn framed(text: &[u8], step: usize, last: bool) -> (Vec<Vec<u8>>, usize, u64) {
        let read = read_in_steps(&Framing::default(), text, step, last);
        let events = read.events.into_iter().map(|(_, event)| event);
        (events.collect(), read.end, read.empty)
    }

    /// The plainest splitter there is, for lines within the limit.
    fn naive(text: &[u8], last: bool) -> (Vec<Vec<u8>>, usize, u64) {
        let (mut found, mut empty, mut end) = (Vec::new(), 0, 0);
        let mut line = Vec::new();
        let mut finish = |line: &mut Vec<u8>| {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            if line.is_empty() {
                empty += 1;
            } else {
                found.push(std::mem::take(line));
            }
            line.clear();
        };
        for (index, byte) in text.iter().enumerate() {
            if *byte == b'\n' {
                finish(&mut line);
                end = index + 1;
            } else {
                line.push(*byte);
            }
        }
        if last {
            if end < text.len() {
                finish(&mut line);
            }
            end = text.len();
        }
        (found, end, empty)
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_naive_splitter_however_they_are_read(
            text in proptest::collection::vec(
                prop_oneof![Just(b'\n'), Just(b'\r'), Just(0_u8), Just(0xc3_u8), Just(b'a')], 0..200),
            step in 1_usize..64,
            last: bool,
        ) {
            prop_assert_eq!(framed(&text, step, last), naive(&text, last));
        }

        #[test]
        fn parts_fit_the_limit_lose_nothing_and_keep_characters_whole(
            text in proptest::collection::vec(
                prop_oneof![Just("a".as_bytes()), Just("é".as_bytes()), Just("😀".as_bytes()),
                            Just(&b"\xff"[..]), Just(&b"\xe2\x82"[..])], 1..40),
            max in 4_usize..24,
        ) {
            let text = text.concat();
            let mut rest = &text[..];
            let mut billed = 0;
            while !rest.is_empty() {
                let (head, tail) = rest.split_at(part_of(rest, max));
                prop_assert!(!head.is_empty() && billed_len(head) <= max);
                billed += billed_len(head);
                rest = tail;
            }
            prop_assert_eq!(billed, billed_len(&text), "no character was broken");
        }
    }

    /// The text of parts without their marks: what they were made of.
    fn joined(parts: &[Vec<u8>]) -> Vec<u8> {
        let unmarked = |part: &Vec<u8>| {
            let text = part.strip_prefix(CONTINUED).unwrap_or(part);
            text.strip_suffix(CONTINUES).unwrap_or(text).to_vec()
        };
        parts.iter().flat_map(unmarked).collect()
    }

    #[test]
    fn a_line_of_exactly_the_limit_stays_whole_and_a_longer_one_is_split() {
        let check = |len: usize, end: &str, parts: &[usize]| {
            let mut text = vec![b'x'; len];
            text.extend_from_slice(end.as_bytes());
            let (found, consumed, _) = framed(&text, 128 * 1024, false);
            let lens: Vec<usize> = found.iter().map(Vec::len).collect();
            assert_eq!(lens, parts, "{len} bytes and {end:?}");
            assert!(text.len() - consumed < UNFINISHED_MAX, "memory is bounded");
        };
        let marks = CONTINUES.len() + CONTINUED.len();
        check(EVENT_BYTES_MAX, "\n", &[EVENT_BYTES_MAX]);
        check(EVENT_BYTES_MAX, "\r\n", &[EVENT_BYTES_MAX]);
        check(EVENT_BYTES_MAX, "", &[]);
        check(EVENT_BYTES_MAX + 1, "\n", &[EVENT_BYTES_MAX, 1 + marks]);
        check(3 * EVENT_BYTES_MAX, "", &[EVENT_BYTES_MAX; 3]);
    }

    #[test]
    fn parts_of_a_line_are_marked_and_without_the_marks_they_are_the_line() {
        let line: Vec<u8> = (0..)
            .map(|n: usize| b"0123456789"[n % 10])
            .take(2_500_000)
            .collect();
        let text = [b"before\n", &line[..], b"\nafter\n"].concat();
        for step in [100_000, text.len()] {
            let (found, _, _) = framed(&text, step, false);
            let [before, parts @ .., after] = &found[..] else {
                panic!("{} events", found.len());
            };
            assert_eq!([&before[..], &after[..]], [&b"before"[..], b"after"]);
            assert_eq!(joined(parts), line);
            for (index, part) in parts.iter().enumerate() {
                assert_eq!(part.starts_with(CONTINUED), index > 0);
                assert_eq!(part.ends_with(CONTINUES), index + 1 < parts.len());
                assert!(part.len() <= EVENT_BYTES_MAX);
            }
        }
    }
}
