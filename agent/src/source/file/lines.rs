//! Finding lines in a buffer. Pure.
//!
//! A line ends at a newline; one carriage return before it belongs to the end as well. Empty lines
//! are counted and left out, because CloudWatch Logs refuses a batch with an empty message. A line
//! that is longer than an event may be is split, never cut off: at a character if it is UTF-8, and
//! so that each part is within the limit as CloudWatch Logs counts it, after bytes that are not
//! UTF-8 have grown to U+FFFD. A line without an end waits, unless it is the last of its file or
//! already longer than an event.

use std::ops::Range;

use memchr::memchr_iter;
use plimsoll_aws::limits::logs::EVENT_BYTES_MAX;
use plimsoll_core::clock::UnixMillis;

use crate::record::Line;

/// The length of U+FFFD in UTF-8: what a run of invalid bytes becomes.
const REPLACEMENT_LEN: usize = 3;
/// An unfinished line is split when it is this long. The two bytes above the limit leave room for
/// a carriage return and a newline, so that a line of exactly the limit stays whole.
pub(crate) const UNFINISHED_MAX: usize = EVENT_BYTES_MAX + 2;

/// What was found in a buffer besides its lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Framed {
    /// The index up to which the buffer is dealt with; the rest must be read again.
    pub(crate) end: usize,
    /// Lines without content that were left out.
    pub(crate) empty: u64,
    /// Parts beyond the first of lines that were split.
    pub(crate) splits: u64,
}

/// Finds the lines of `bytes` from index `from` on and appends them to `lines`. With `last`, a
/// line without an end is a line too.
pub(crate) fn frame(
    bytes: &[u8],
    from: usize,
    time: UnixMillis,
    last: bool,
    lines: &mut Vec<Line>,
) -> Framed {
    let mut framing = Framing {
        bytes,
        time,
        lines,
        framed: Framed {
            end: from,
            ..Framed::default()
        },
    };
    let fresh = bytes.get(from..).unwrap_or(&[]);
    for newline in memchr_iter(b'\n', fresh) {
        let newline = from + newline;
        framing.line(framing.framed.end..newline);
        framing.framed.end = newline + 1;
    }
    framing.rest(last);
    framing.framed
}

struct Framing<'a> {
    bytes: &'a [u8],
    time: UnixMillis,
    lines: &'a mut Vec<Line>,
    framed: Framed,
}

impl Framing<'_> {
    /// A whole line, without its newline.
    fn line(&mut self, mut range: Range<usize>) {
        if self.at(&range).ends_with(b"\r") {
            range.end -= 1;
        }
        if range.is_empty() {
            self.framed.empty += 1;
            return;
        }
        let first = self.lines.len();
        while !range.is_empty() {
            let len = part(self.at(&range));
            self.push(range.start, len);
            range.start += len;
        }
        self.framed.splits += (self.lines.len() - first - 1) as u64;
    }

    /// What follows the last newline.
    fn rest(&mut self, last: bool) {
        let mut range = self.framed.end..self.bytes.len();
        if last {
            if !range.is_empty() {
                self.line(range.clone());
            }
            self.framed.end = range.end;
            return;
        }
        while range.len() >= UNFINISHED_MAX {
            let len = part(self.at(&range));
            self.push(range.start, len);
            range.start += len;
            self.framed.splits += 1;
        }
        self.framed.end = range.start;
    }

    fn at(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or(&[])
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
}

/// How many bytes of `text` fit one event: all of them, or as many characters as fit. At least one
/// byte unless `text` is empty.
fn part(text: &[u8]) -> usize {
    part_of(text, EVENT_BYTES_MAX)
}

fn part_of(text: &[u8], max: usize) -> usize {
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
    use plimsoll_aws::billed_len;
    use proptest::prelude::*;

    const NOW: UnixMillis = UnixMillis(1);

    /// Frames `text` as a reader would that gets `step` bytes at a time and keeps the rest.
    fn framed(text: &[u8], step: usize, last: bool) -> (Vec<Vec<u8>>, usize, u64) {
        let (mut found, mut start, mut empty, mut filled) = (Vec::new(), 0, 0, 0);
        loop {
            filled = (filled + step).min(text.len());
            let at_end = filled == text.len();
            let buffer = &text[start..filled];
            let mut lines = Vec::new();
            let result = frame(buffer, 0, NOW, last && at_end, &mut lines);
            found.extend(lines.iter().map(|line| {
                let from = line.start as usize;
                buffer[from..from + line.len as usize].to_vec()
            }));
            empty += result.empty;
            start += result.end;
            if at_end {
                return (found, start, empty);
            }
        }
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
        check(EVENT_BYTES_MAX, "\n", &[EVENT_BYTES_MAX]);
        check(EVENT_BYTES_MAX, "\r\n", &[EVENT_BYTES_MAX]);
        check(EVENT_BYTES_MAX, "", &[]);
        check(EVENT_BYTES_MAX + 1, "\n", &[EVENT_BYTES_MAX, 1]);
        check(3 * EVENT_BYTES_MAX, "", &[EVENT_BYTES_MAX; 2]);
    }
}
