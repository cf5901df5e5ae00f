//! Counts what arrives: reads the body of PutLogEvents, checks the limits of a call, and keeps for
//! each file which numbers came.

use memchr::{memchr, memchr2};

use crate::line::{Told, read};

/// Limits of one call. Source: API reference of PutLogEvents.
const EVENTS_MAX: usize = 10_000;
const BYTES_MAX: usize = 1_048_576;
const EVENT_OVERHEAD: usize = 26;
const SPAN_MAX_MS: u64 = 24 * 3_600_000;
/// Latencies beyond this are all counted as this, in milliseconds.
const LATENCY_MAX_MS: usize = 600_000;

/// What one body held.
#[derive(Debug, Default)]
pub(crate) struct Body {
    /// Each event: its time as sent, and what its line says.
    events: Vec<(u64, Option<Told>)>,
    /// Bytes as CloudWatch Logs counts them.
    billed_bytes: usize,
}

impl Body {
    /// Reads a body whose events have their members in the order that clients use; an error
    /// otherwise, or when a limit is broken.
    pub(crate) fn read(body: &[u8]) -> Result<Self, &'static str> {
        const EVENTS: &[u8] = b"\"logEvents\":[";
        let start = memchr::memmem::find(body, EVENTS).ok_or("no logEvents")? + EVENTS.len();
        let mut rest = body.get(start..).unwrap_or_default();
        let mut read_all = Self::default();
        while let Some(after) = rest.strip_prefix(b"{\"timestamp\":") {
            let comma = memchr(b',', after).ok_or("no end of a time")?;
            let (digits, after) = after.split_at(comma);
            let time = std::str::from_utf8(digits)
                .ok()
                .and_then(|text| text.parse().ok());
            let text = after.strip_prefix(b",\"message\":\"").ok_or("no message")?;
            let (length, billed) = string(text).ok_or("a message without an end")?;
            let (message, after) = text.split_at(length);
            rest = after.strip_prefix(b"\"}").ok_or("no end of an event")?;
            rest = rest.strip_prefix(b",").unwrap_or(rest);
            read_all.billed_bytes += billed + EVENT_OVERHEAD;
            read_all
                .events
                .push((time.ok_or("no time")?, read(message)));
            if billed == 0 {
                return Err("an empty message");
            }
        }
        if rest != b"]}" {
            return Err("no end of the events");
        }
        read_all.within_limits()
    }

    fn within_limits(self) -> Result<Self, &'static str> {
        let times = self.events.iter().map(|(time, _)| *time);
        let span = times.clone().max().unwrap_or(0) - times.clone().min().unwrap_or(0);
        match () {
            () if self.events.is_empty() => Err("no events"),
            () if self.events.len() > EVENTS_MAX => Err("too many events"),
            () if self.billed_bytes > BYTES_MAX => Err("too many bytes"),
            () if span > SPAN_MAX_MS => Err("too long a span"),
            () if !times.is_sorted() => Err("not in order of time"),
            () => Ok(self),
        }
    }
}

/// The length of the inside of a JSON string and the bytes that its text has, in UTF-8.
fn string(text: &[u8]) -> Option<(usize, usize)> {
    let (mut at, mut escapes) = (0, 0);
    loop {
        let rest = text.get(at..)?;
        let found = memchr2(b'"', b'\\', rest)?;
        at += found;
        if text.get(at) == Some(&b'"') {
            return Some((at, at - escapes));
        }
        // `\u001f` is one byte of text, any other escape as well.
        let length = if text.get(at + 1) == Some(&b'u') {
            6
        } else {
            2
        };
        at += length;
        escapes += length - 1;
    }
}

/// Which numbers of one file came.
#[derive(Debug, Default)]
struct Seen {
    bits: Vec<u64>,
    /// The highest number that came, with the time that its event had.
    highest: Option<(u64, u64)>,
}

/// Everything that came.
#[derive(Debug)]
pub(crate) struct Totals {
    files: Vec<Seen>,
    calls: u64,
    refused: u64,
    lines: u64,
    unique: u64,
    strangers: u64,
    late: u64,
    misplaced: u64,
    billed_bytes: u64,
    latency_ms: Vec<u32>,
}

impl Totals {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            files: Vec::new(),
            calls: 0,
            refused: 0,
            lines: 0,
            unique: 0,
            strangers: 0,
            late: 0,
            misplaced: 0,
            billed_bytes: 0,
            latency_ms: vec![0; LATENCY_MAX_MS + 1],
        }
    }

    /// A call that broke a limit.
    pub(crate) fn refuse(&mut self) {
        self.refused += 1;
    }

    /// A call that was accepted at `now`, in milliseconds since 1970.
    pub(crate) fn accept(&mut self, body: &Body, now: u64) {
        self.calls += 1;
        self.billed_bytes += body.billed_bytes as u64;
        for (time, told) in &body.events {
            self.lines += 1;
            match told {
                Some(told) => self.line(*told, *time, now),
                None => self.strangers += 1,
            }
        }
    }

    fn line(&mut self, told: Told, time: u64, now: u64) {
        if self.files.len() <= told.file {
            self.files.resize_with(told.file + 1, Seen::default);
        }
        let seen = &mut self.files[told.file];
        let number = usize::try_from(told.number).unwrap_or(0);
        let (word, bit) = (number / 64, 1_u64 << (number % 64));
        if seen.bits.len() <= word {
            seen.bits.resize(word + 1, 0);
        }
        if seen.bits[word] & bit != 0 {
            return;
        }
        seen.bits[word] |= bit;
        self.unique += 1;
        match seen.highest {
            Some((highest, stamp)) if told.number < highest => {
                self.late += 1;
                self.misplaced += u64::from(time > stamp);
            }
            highest => {
                self.misplaced += u64::from(highest.is_some_and(|(_, stamp)| time < stamp));
                seen.highest = Some((told.number, time));
            }
        }
        let latency = usize::try_from(now.saturating_sub(told.written)).unwrap_or(usize::MAX);
        self.latency_ms[latency.min(LATENCY_MAX_MS)] += 1;
    }

    /// The latency that `share` of the lines did not exceed, in milliseconds.
    fn latency(&self, share: f64) -> usize {
        let total: f64 = self.latency_ms.iter().copied().map(f64::from).sum();
        let mut sum = 0.0;
        let reached = self.latency_ms.iter().position(|count| {
            sum += f64::from(*count);
            sum >= total * share && total > 0.0
        });
        reached.unwrap_or(0)
    }

    /// All of it as JSON.
    pub(crate) fn json(&self) -> String {
        let holes: u64 = self.files.iter().map(Seen::holes).sum();
        format!(
            "{{\"calls\": {}, \"refused\": {}, \"lines\": {}, \"unique\": {}, \"strangers\": {}, \
             \"holes\": {holes}, \"late\": {}, \"misplaced\": {}, \"billed_bytes\": {}, \
             \"p50_ms\": {}, \"p99_ms\": {}, \"max_ms\": {}}}",
            self.calls,
            self.refused,
            self.lines,
            self.unique,
            self.strangers,
            self.late,
            self.misplaced,
            self.billed_bytes,
            self.latency(0.5),
            self.latency(0.99),
            self.latency(1.0),
        )
    }
}

impl Seen {
    /// Numbers below the highest that did not come.
    fn holes(&self) -> u64 {
        let came: u64 = self
            .bits
            .iter()
            .map(|word| u64::from(word.count_ones()))
            .sum();
        self.highest.map_or(0, |(highest, _)| highest + 1 - came)
    }
}
