//! The JSON body of PutLogEvents, written straight from the bytes that were read.
//!
//! This is the hot path of the agent: no event structs, one pass over a message of plain ASCII
//! (two over any other), one copy. It never checks a limit; the batch in the agent does that.

use bytes::Bytes;
use plimsoll_core::clock::UnixMillis;

/// What stands for bytes that are not UTF-8, U+FFFD in UTF-8.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
/// How an event looks around its time and its message.
const EVENT_OPEN: &[u8] = br#"{"timestamp":"#;
const EVENT_MIDDLE: &[u8] = br#","message":""#;
const EVENT_CLOSE: &[u8] = br#""}"#;
/// How the body ends after the last event.
const BODY_CLOSE: &[u8] = b"]}";
/// What an event adds to the body besides its message and escapes, with a comma and a time of
/// thirteen digits, which every time from 2001 to 2286 has.
pub const EVENT_JSON_OVERHEAD: usize =
    EVENT_OPEN.len() + 13 + EVENT_MIDDLE.len() + EVENT_CLOSE.len() + 1;

/// Writes the JSON body of PutLogEvents, event by event, into one buffer.
///
/// It can be used again after [`finish`](Self::finish). While it holds no events it holds no
/// memory but the names, so that a thousand quiet streams cost nothing.
#[derive(Debug)]
pub struct PutLogEventsBody {
    /// Everything before the first event: the names, as JSON.
    prefix: Box<[u8]>,
    /// What is reserved at the first event, in bytes.
    capacity: usize,
    buffer: Vec<u8>,
    events: usize,
    stamp: Stamp,
}

impl PutLogEventsBody {
    /// An empty body for one log stream. `capacity` is what the buffer reserves at its first
    /// event, in bytes; it grows beyond that if it must.
    #[must_use]
    pub fn new(group: &str, stream: &str, capacity: usize) -> Self {
        let mut prefix = Vec::with_capacity(64 + group.len() + stream.len());
        prefix.extend_from_slice(br#"{"logGroupName":""#);
        escape(&mut prefix, group.as_bytes(), Stop::Escapes);
        prefix.extend_from_slice(br#"","logStreamName":""#);
        escape(&mut prefix, stream.as_bytes(), Stop::Escapes);
        prefix.extend_from_slice(br#"","logEvents":["#);
        Self {
            prefix: prefix.into_boxed_slice(),
            capacity,
            buffer: Vec::new(),
            events: 0,
            stamp: Stamp::default(),
        }
    }

    /// Adds an event. Bytes that are not UTF-8 become U+FFFD, as [`String::from_utf8_lossy`] does;
    /// NUL, control characters, quotes and backslashes are escaped.
    pub fn push(&mut self, time: UnixMillis, message: &[u8]) {
        let buffer = &mut self.buffer;
        if self.events == 0 {
            buffer.reserve(self.capacity.max(self.prefix.len()));
            buffer.extend_from_slice(&self.prefix);
        } else {
            buffer.push(b',');
        }
        buffer.reserve(message.len() + EVENT_JSON_OVERHEAD);
        buffer.extend_from_slice(EVENT_OPEN);
        buffer.extend_from_slice(self.stamp.text(time));
        buffer.extend_from_slice(EVENT_MIDDLE);
        escape_lossy(buffer, message);
        buffer.extend_from_slice(EVENT_CLOSE);
        self.events += 1;
    }

    /// How many events the body holds.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events
    }

    /// Whether the body holds no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events == 0
    }

    /// How long the body would be if it were finished now, in bytes.
    #[must_use]
    pub fn wire_bytes(&self) -> usize {
        self.buffer.len().max(self.prefix.len()) + BODY_CLOSE.len()
    }

    /// Gives the whole body and starts the next one, which is empty.
    #[must_use]
    pub fn finish(&mut self) -> Bytes {
        let mut body = std::mem::take(&mut self.buffer);
        if self.events == 0 {
            body.extend_from_slice(&self.prefix);
        }
        body.extend_from_slice(BODY_CLOSE);
        self.events = 0;
        Bytes::from(body)
    }

    /// Drops the events and keeps the buffer for the next ones.
    pub fn reset(&mut self) {
        self.buffer.clear();
        self.events = 0;
    }
}

/// The length of a message as CloudWatch Logs counts it: in UTF-8, after every run of bytes that
/// is not UTF-8 became one U+FFFD of three bytes.
#[must_use]
pub fn billed_len(message: &[u8]) -> usize {
    if std::str::from_utf8(message).is_ok() {
        return message.len();
    }
    message
        .utf8_chunks()
        .map(|chunk| {
            let broken = usize::from(!chunk.invalid().is_empty());
            chunk.valid().len() + broken * REPLACEMENT.len()
        })
        .sum()
}

/// The last time that was written, as text: lines that were read together share it.
#[derive(Debug)]
struct Stamp {
    time: i64,
    text: [u8; 20],
    start: usize,
}

impl Default for Stamp {
    fn default() -> Self {
        let mut text = [0; 20];
        text[19] = b'0';
        Self {
            time: 0,
            text,
            start: 19,
        }
    }
}

impl Stamp {
    /// The decimal text of `time`.
    fn text(&mut self, time: UnixMillis) -> &[u8] {
        if time.0 != self.time {
            self.write(time.0);
        }
        self.text.get(self.start..).unwrap_or_default()
    }

    fn write(&mut self, time: i64) {
        self.time = time;
        let mut rest = time.unsigned_abs();
        self.start = self.text.len();
        loop {
            self.start -= 1;
            // The remainder of a division by ten fits in a byte.
            self.text[self.start] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        // 2^63 has nineteen digits, so there is always room for the sign.
        if time < 0 {
            self.start -= 1;
            self.text[self.start] = b'-';
        }
    }
}

/// Where a scan stops.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// At what JSON needs escaped. For text known to be UTF-8.
    Escapes,
    /// There, and at the first byte that is not ASCII.
    EscapesAndNonAscii,
}

/// Writes `message` as the inside of a JSON string, whatever its bytes.
fn escape_lossy(buffer: &mut Vec<u8>, message: &[u8]) {
    let rest = escape(buffer, message, Stop::EscapesAndNonAscii);
    if rest.is_empty() {
        return;
    }
    if std::str::from_utf8(rest).is_ok() {
        escape(buffer, rest, Stop::Escapes);
        return;
    }
    for chunk in rest.utf8_chunks() {
        escape(buffer, chunk.valid().as_bytes(), Stop::Escapes);
        if !chunk.invalid().is_empty() {
            buffer.extend_from_slice(REPLACEMENT);
        }
    }
}

/// Writes `text` escaped and gives what is left of it from the first byte that is not ASCII on, if
/// that is where to stop.
fn escape<'t>(buffer: &mut Vec<u8>, mut text: &'t [u8], stop: Stop) -> &'t [u8] {
    loop {
        let (plain, rest) = text.split_at(plain_len(text, stop));
        buffer.extend_from_slice(plain);
        let Some((&byte, after)) = rest.split_first() else {
            return rest;
        };
        if byte >= 0x80 {
            return rest;
        }
        escape_byte(buffer, byte);
        text = after;
    }
}

/// Writes the escape of one byte that JSON needs escaped.
#[inline]
fn escape_byte(buffer: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\t' => b't',
        b'\r' => b'r',
        0x08 => b'b',
        0x0c => b'f',
        _ => {
            let high = HEX[usize::from(byte >> 4)];
            let low = HEX[usize::from(byte & 15)];
            buffer.extend_from_slice(&[b'\\', b'u', b'0', b'0', high, low]);
            return;
        }
    };
    buffer.extend_from_slice(&[b'\\', short]);
}

/// How many bytes from the start can be copied as they are. Looks at eight bytes at a time with
/// plain arithmetic (SWAR), which needs neither `unsafe` nor a certain processor.
#[inline]
fn plain_len(text: &[u8], stop: Stop) -> usize {
    let (words, tail) = text.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let marks = marks(u64::from_le_bytes(*word), stop);
        if marks != 0 {
            // The lowest mark is exact; a borrow can only make false marks above it.
            return at + usize::try_from(marks.trailing_zeros() / 8).unwrap_or(0);
        }
        at += 8;
    }
    at + tail
        .iter()
        .position(|&byte| is_marked(byte, stop))
        .unwrap_or(tail.len())
}

/// Sets the top bit of every byte that must not be copied as it is.
#[inline]
fn marks(word: u64, stop: Stop) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    let control = word.wrapping_sub(ONES * 0x20);
    let quote = (word ^ (ONES * 0x22)).wrapping_sub(ONES);
    let backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
    let found = control | quote | backslash;
    match stop {
        Stop::Escapes => found & !word & TOPS,
        Stop::EscapesAndNonAscii => (found | word) & TOPS,
    }
}

/// What [`marks`] does, for one byte.
#[inline]
fn is_marked(byte: u8, stop: Stop) -> bool {
    byte < 0x20
        || byte == b'"'
        || byte == b'\\'
        || (byte >= 0x80 && stop == Stop::EscapesAndNonAscii)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// The model: everything as `serde_json` and the standard library do it.
    fn check(events: &[(i64, Vec<u8>)]) {
        let mut body = PutLogEventsBody::new("g\"r", "s\\é\u{1}", 64);
        for _ in 0..2 {
            assert!(body.is_empty());
            for (time, message) in events {
                body.push(UnixMillis(*time), message);
            }
            assert_eq!(body.events(), events.len());
            let expected: Vec<Value> = events
                .iter()
                .map(|(time, message)| {
                    json!({"timestamp": time, "message": String::from_utf8_lossy(message)})
                })
                .collect();
            let wire_bytes = body.wire_bytes();
            let bytes = body.finish();
            assert_eq!(bytes.len(), wire_bytes);
            assert_eq!(
                serde_json::from_slice::<Value>(&bytes).expect("valid JSON"),
                json!({"logGroupName": "g\"r", "logStreamName": "s\\é\u{1}", "logEvents": expected})
            );
        }
    }

    /// Bytes that favour what is special: escapes, edges of UTF-8, control characters.
    fn message() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => "[ -~]{0,20}".prop_map(String::into_bytes),
            2 => "\\PC{0,8}".prop_map(String::into_bytes),
            2 => prop::collection::vec(prop::sample::select(&b"\"\\\n\0\x1f\x20\x7f\x80\xff"[..]), 1..6),
            1 => prop::collection::vec(any::<u8>(), 0..12),
        ];
        prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn a_body_says_what_the_model_says(
            events in prop::collection::vec((any::<i64>(), message()), 0..5)
        ) {
            check(&events);
        }

        #[test]
        fn a_message_is_escaped_byte_for_byte_as_serde_json_does(message in message()) {
            let mut written = vec![b'"'];
            escape_lossy(&mut written, &message);
            written.push(b'"');
            let expected = serde_json::to_vec(&String::from_utf8_lossy(&message)).expect("a string");
            prop_assert_eq!(written, expected);
        }

        #[test]
        fn a_message_is_billed_as_its_lossy_text(message in message()) {
            prop_assert_eq!(billed_len(&message), String::from_utf8_lossy(&message).len());
        }
    }

    #[test]
    fn every_byte_at_every_place_of_a_word_is_written_right() {
        for byte in 0..=u8::MAX {
            for place in 0..17 {
                let mut message = b"abcdefghijklmnopq".to_vec();
                message[place] = byte;
                check(&[(1_795_524_360_000, message)]);
            }
        }
    }

    #[test]
    fn times_are_written_whole() {
        for time in [0, 7, 10, -1, i64::MIN, i64::MAX, 999, 1000] {
            check(&[(time, b"x".to_vec()), (time, b"y".to_vec())]);
        }
    }

    #[test]
    fn a_reset_body_starts_over() {
        let mut body = PutLogEventsBody::new("g", "s", 1024);
        body.push(UnixMillis(1), b"gone");
        body.reset();
        assert_eq!(
            body.finish(),
            &br#"{"logGroupName":"g","logStreamName":"s","logEvents":[]}"#[..]
        );
    }
}
