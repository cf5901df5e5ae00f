//! The pure functions that meet bytes which anyone may have written, each with what must hold for
//! all of them. For fuzzing, and for the property tests that run the same checks; no part of the
//! agent.

mod pull;

use encoding_rs::Encoding;
use plimsoll_core::clock::UnixMillis;
use regex::bytes::Regex;

use crate::config::{Framing, Mode, Modes, MultiLine, Rule, TextEncoding};
use crate::derive::encoding::{MARK_BYTES, by_mark};
use crate::derive::framing::{Ending, Input};
use crate::derive::multiline::State;
use crate::record::GUARD_BYTES;
pub use pull::{exposition, otlp};

/// Reads `data` as positions from the disk, and as what is in one of their frames.
///
/// # Panics
/// When what was understood is not understood again after it was written.
pub fn checkpoint(data: &[u8]) {
    crate::checkpoint::read_anything(data);
}

/// Reads `data` as what foreign hands may have written for the scrapers: the log page of a volume,
/// and the files of a process.
///
/// # Panics
/// When a page is understood that is too short to be one.
pub fn scraped(data: &[u8]) {
    crate::scraper::read_anything(data);
}

/// Splits `data` into lines, arriving in pieces whose length its first byte says, and checks that
/// every byte is in exactly one line or an end of line.
///
/// # Panics
/// When a byte is in no line, or in two.
pub fn splitter(data: &[u8]) {
    let (first, text) = data.split_first().unwrap_or((&0, &[]));
    let read = read_in_steps(&Framing::default(), text, usize::from(*first) + 1, true);
    read.assert_conserved(text);
    read.assert_whole(text.len());
}

/// Joins the lines of `data` by a rule that its first byte chooses, and checks that every byte is
/// in exactly one event or an end of line, and that events do not depend on how bytes arrive.
///
/// # Panics
/// When a byte is in no event, or in two; or when events differ.
pub fn multi_line(data: &[u8]) {
    let [rule, step, text @ ..] = data else {
        return;
    };
    let framing = framing_of(*rule);
    let at_once = read_in_steps(&framing, text, text.len().max(1), true);
    at_once.assert_conserved(text);
    at_once.assert_whole(text.len());
    let in_steps = read_in_steps(&framing, text, usize::from(*step) + 1, true);
    assert_eq!(
        at_once, in_steps,
        "events do not depend on how bytes arrive"
    );
}

/// Decodes `data` in an encoding that its first byte chooses, and checks that positions only grow
/// and that what is decoded does not depend on how bytes arrive.
///
/// # Panics
/// When a position goes back, or when events differ.
pub fn encoding(data: &[u8]) {
    let [label, step, text @ ..] = data else {
        return;
    };
    let labels = [
        "utf-16le",
        "utf-16be",
        "windows-1252",
        "shift_jis",
        "gb18030",
        "iso-2022-jp",
    ];
    let label = labels.get(usize::from(*label) % (labels.len() + 1));
    let encoding = label.and_then(|label| Encoding::for_label(label.as_bytes()));
    let framing = Framing {
        encoding: encoding.map_or(TextEncoding::Utf16, TextEncoding::Other),
        ..Framing::default()
    };
    let at_once = read_in_steps(&framing, text, text.len().max(1), true);
    at_once.assert_whole(text.len());
    assert!(
        at_once
            .events
            .is_sorted_by(|one, next| one.0 < next.0 || one.0 == 0)
    );
    let in_steps = read_in_steps(&framing, text, usize::from(*step) + 1, true);
    assert_eq!(
        at_once, in_steps,
        "events do not depend on how bytes arrive"
    );
}

fn framing_of(choice: u8) -> Framing {
    let modes = [
        Mode::Java,
        Mode::Python,
        Mode::Go,
        Mode::Node,
        Mode::DotNet,
        Mode::Rust,
        Mode::Indent,
    ];
    let pattern = |text: &str| Regex::new(text).ok();
    let all = modes.into_iter().fold(Modes::default(), Modes::with);
    let one = modes.get(usize::from(choice % 16)).copied();
    let rule = match (choice % 16, one) {
        (_, Some(mode)) => Some(Rule::Modes(Modes::default().with(mode))),
        (7, _) => pattern(r"^\d").map(Rule::Start),
        (8, _) => pattern(r"^\s|^a").map(Rule::Continuation),
        _ => Some(Rule::Modes(all)),
    };
    Framing {
        multi_line: rule.map(|rule| MultiLine {
            bytes_max: if choice & 16 == 0 { 40 } else { 4000 },
            lines_max: if choice & 32 == 0 { 4 } else { 400 },
            ..MultiLine::new(rule)
        }),
        ..Framing::default()
    }
}

/// What reading a text has come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    /// The events with their offsets.
    pub(crate) events: Vec<(u64, Vec<u8>)>,
    /// Up to where the text was dealt with.
    pub(crate) end: usize,
    /// Empty lines.
    pub(crate) empty: u64,
    /// Events that a bound has ended.
    pub(crate) cuts: u64,
}

impl Read {
    /// Every byte is in one event, or in an end of line, or in a byte order mark.
    fn assert_conserved(&self, text: &[u8]) {
        let mut at = if text.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        };
        for (offset, event) in &self.events {
            let offset = usize::try_from(*offset).unwrap_or(usize::MAX).max(at);
            let gap = text.get(at..offset).unwrap_or(b"no such place");
            assert!(
                gap.iter().all(|byte| b"\r\n".contains(byte)),
                "{at}: {gap:?}"
            );
            // What stands before the first event is settled with it.
            let said = text.get(offset..).unwrap_or(&[]);
            let skipped = said
                .iter()
                .take_while(|byte| b"\r\n".contains(byte))
                .count();
            let begins = (0..=skipped).find(|skip| {
                said.get(*skip..)
                    .is_some_and(|said| said.starts_with(event))
            });
            at = offset + begins.unwrap_or(usize::MAX / 2) + event.len();
            assert!(at <= text.len(), "{event:?} is not at {offset}");
        }
        let rest = text.get(at..self.end).unwrap_or(&[]);
        assert!(rest.iter().all(|byte| b"\r\n".contains(byte)), "{rest:?}");
    }

    fn assert_whole(&self, len: usize) {
        assert_eq!(self.end, len, "all was dealt with");
    }
}

/// Reads `text` as a reader does that gets `step` bytes at a time, keeps nothing but what a guard
/// covers, and begins each read where the last has ended. With `last`, the text ends there.
pub(crate) fn read_in_steps(framing: &Framing, text: &[u8], step: usize, last: bool) -> Read {
    let mut read = Read::default();
    let mut state = State::default();
    let mut filled = 0;
    loop {
        filled = (filled + step).min(text.len());
        let at_end = filled == text.len();
        let lead = read.end.min(GUARD_BYTES);
        let bytes = text.get(read.end - lead..filled).unwrap_or(&[]);
        let framed = framing.frame(
            &Input {
                bytes,
                lead,
                offset: read.end as u64,
                time: UnixMillis(1),
                ending: if last && at_end {
                    Ending::Last
                } else {
                    Ending::Open
                },
                marked: text.get(..MARK_BYTES.min(filled)).and_then(by_mark),
            },
            state,
        );
        let said = framed
            .events
            .text
            .as_ref()
            .map_or(bytes, |text| &text.bytes);
        for (index, line) in framed.events.lines.iter().enumerate() {
            let start = match &framed.events.text {
                Some(text) => text.starts.get(index).copied().unwrap_or(0),
                None => line.start,
            };
            let from = line.start as usize;
            let event = said
                .get(from..from + line.len as usize)
                .unwrap_or(b"beyond");
            let offset = read.end as u64 + u64::from(start) - lead as u64;
            read.events.push((offset, event.to_vec()));
        }
        read.empty += framed.empty;
        read.cuts += framed.cuts;
        read.end += framed.end - lead;
        state = framed.state;
        if at_end && (framed.end == lead || framed.end == bytes.len()) {
            return read;
        }
    }
}

/// Reads time stamps of every named format and of directives in `data`.
///
/// # Panics
/// When a time that was found is beyond the years that can be told.
pub fn timestamp(data: &[u8]) {
    use crate::derive::timestamp::{Format, Resolver, Timestamps};
    let now = UnixMillis(1_800_000_000_000);
    for text in [
        "rfc3339",
        "epoch",
        "epoch_ns",
        "%b %e %T",
        "%T",
        "%y%j%H%M %Z",
        "%I:%M %p%.f%z",
    ] {
        let timestamps = Timestamps {
            formats: Format::parse(text).into_iter().collect(),
            zone: jiff::tz::TimeZone::UTC,
            search_bytes: data.len(),
            out_of_window: crate::derive::timestamp::OutOfWindow::Keep,
            trim: false,
        };
        let mut resolver = Resolver::new(&timestamps.zone, now);
        if let Some((time, _)) = timestamps.of_text(data, &mut resolver) {
            assert!(text.starts_with("epoch") || jiff::Timestamp::from_millisecond(time.0).is_ok());
        }
    }
}

/// Reads `data` as a document of embedded metric format, and splits it.
///
/// # Panics
/// When a value is none that CloudWatch stores, or when the parts of a document are not as it was.
pub fn emf(data: &[u8]) {
    use crate::derive::emf::{Document, METRICS_MAX};
    let now = UnixMillis(1_800_000_000_000);
    let Ok(document) = Document::read(data, now) else {
        return;
    };
    let count = |document: &Document<'_>| {
        let readings = document.readings();
        readings.map(|reading| reading.values.len()).sum::<usize>()
    };
    let finite = |value: &f64| value.is_finite();
    assert!(document.readings().all(|one| one.values.iter().all(finite)));
    let Ok(pieces) = document.pieces() else {
        return;
    };
    // What breaks a rule is sent as it is.
    if !document.faults.is_empty() {
        return;
    }
    let mut values = 0;
    for piece in &pieces {
        let part = Document::read(piece, now);
        assert!(part.is_ok(), "a part is a document");
        if let Ok(part) = part {
            assert!(part.faults.is_empty() && part.metrics() <= METRICS_MAX);
            values += count(&part);
        }
    }
    // Metrics of one name in two directives are in the parts of both.
    assert!(values >= count(&document), "no value is lost");
}

/// Reads `data` as a line of each access log.
///
/// # Panics
/// When a number is none that can be told.
pub fn access_log(data: &[u8]) {
    use crate::derive::measure::access::Format;
    for format in [Format::Nginx, Format::Apache, Format::Alb] {
        if let Some(access) = format.read(data) {
            assert!((100..600).contains(&access.status));
            let numbers = [access.response_bytes, access.request_bytes, access.seconds];
            let good = |number: f64| number.is_finite() && number >= 0.0;
            assert!(numbers.into_iter().flatten().all(good));
        }
    }
}

/// Reads `data` as lines of StatsD, and what was read as values and tags.
///
/// # Panics
/// When a line that was taken has a value that is none.
pub fn statsd(data: &[u8]) {
    use crate::source::statsd::line::{Read, read};
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(Read::Metric(read)) = read(line) {
            assert!(read.values().all(|value| value.is_ok()));
            assert!(read.rate > 0.0 && read.rate <= 1.0);
            assert!(read.tags().all(|(name, _)| name.len() <= line.len()));
        }
    }
}

/// Reads `data` as a packet of collectd, with users and without.
pub fn collectd(data: &[u8]) {
    crate::source::collectd::read_anything(data);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Pieces that mean something to some rule, so that chance builds what people write.
    fn line() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec![
            "",
            "\r",
            "a",
            "  b",
            "1",
            "{",
            "}",
            "2026-11-24 10:00:00 INFO x",
            "\tat a.B.c(D.java:1)",
            "Caused by: a.BException: c",
            "a.BException: c",
            "    at f (g.js:1:2) {",
            "  x: [",
            "  ]",
            "Traceback (most recent call last):",
            "  File \"a\", line 1",
            "ValueError: x",
            "During handling of the above exception, another exception occurred:",
            "panic: x",
            "goroutine 1 [running]:",
            "main.f()",
            "\t/a.go:1",
            "exit status 2",
            " ---> X: y",
            "thread 'main' panicked at a.rs:1:2:",
            "note: x",
            "stack backtrace:",
            "Error: x",
            "  + Exception Group Traceback (most recent call last):",
            "  | x",
            "/a.js:3",
        ])
    }

    proptest! {
        #[test]
        fn no_byte_is_lost_or_said_twice_by_any_rule(
            rule: u8, step: u8, lines in prop::collection::vec(line(), 0..40), end: bool,
        ) {
            let mut data = vec![rule, step];
            data.extend_from_slice(lines.join("\n").as_bytes());
            data.extend_from_slice(if end { b"\n" } else { b"" });
            multi_line(&data);
            splitter(&data[1..]);
            encoding(&data);
        }

        #[test]
        fn no_byte_is_lost_whatever_bytes_come(
            data in prop::collection::vec(
                prop_oneof![any::<u8>(), Just(b'\n'), Just(0), Just(0x1b), Just(0xd8), Just(0x81)], 0..200),
        ) {
            multi_line(&data);
            splitter(&data);
            encoding(&data);
            statsd(&data);
            collectd(&data);
        }
    }
}
