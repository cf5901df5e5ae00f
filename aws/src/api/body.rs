//! The JSON body of PutLogEvents, written straight from the bytes that were read.
//!
//! This is the hot path of the agent: no event structs and one copy of each message, escaped on
//! the way. It never checks a limit; the batch in the agent does that.

use bytes::Bytes;
use plimsoll_core::clock::UnixMillis;
use plimsoll_core::json::{REPLACEMENT, escape_lossy};
use serde_json::Value;

/// How an event looks around its time and its message; the first has no comma before it.
const EVENT_OPEN: &[u8] = br#",{"timestamp":"#;
const EVENT_MIDDLE: &[u8] = br#","message":""#;
const EVENT_CLOSE: &[u8] = br#""}"#;
/// How the body ends after the last event.
const BODY_CLOSE: &[u8] = b"]}";
/// What an event adds to the body besides its message and escapes, with a time of thirteen digits,
/// which every time from 2001 to 2286 has.
pub const EVENT_JSON_OVERHEAD: usize =
    EVENT_OPEN.len() + 13 + EVENT_MIDDLE.len() + EVENT_CLOSE.len();
/// Everything before a message, with the longest time: a sign and nineteen digits.
const OPENING_MAX: usize = EVENT_OPEN.len() + 20 + EVENT_MIDDLE.len();

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
    opening: Opening,
}

impl PutLogEventsBody {
    /// An empty body for one log stream. `capacity` is what the buffer reserves at its first
    /// event, in bytes; it grows beyond that if it must.
    #[must_use]
    pub fn new(group: &str, stream: &str, capacity: usize) -> Self {
        let (group, stream) = (Value::from(group), Value::from(stream));
        let prefix = format!(r#"{{"logGroupName":{group},"logStreamName":{stream},"logEvents":["#);
        Self {
            prefix: prefix.into_bytes().into(),
            capacity,
            buffer: Vec::new(),
            events: 0,
            opening: Opening::at(0),
        }
    }

    /// Writes into `buffer`, whose content is dropped and whose memory is used again. See
    /// [`finish_vec`](Self::finish_vec).
    #[must_use]
    pub fn with_buffer(mut self, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        self.buffer = buffer;
        self
    }

    /// Adds an event. Bytes that are not UTF-8 become U+FFFD, as [`String::from_utf8_lossy`] does;
    /// NUL, control characters, quotes and backslashes are escaped.
    pub fn push(&mut self, time: UnixMillis, message: &[u8]) {
        let buffer = &mut self.buffer;
        if self.opening.time != time.0 {
            self.opening = Opening::at(time.0);
        }
        let mut opening = self.opening.text();
        if self.events == 0 {
            buffer.reserve(self.capacity.max(self.prefix.len()));
            buffer.extend_from_slice(&self.prefix);
            opening = opening.get(1..).unwrap_or_default();
        }
        buffer.extend_from_slice(opening);
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
        Bytes::from(self.finish_vec())
    }

    /// As [`finish`](Self::finish), for those who want the memory back once the body was sent.
    #[must_use]
    pub fn finish_vec(&mut self) -> Vec<u8> {
        let mut body = std::mem::take(&mut self.buffer);
        if self.events == 0 {
            body.extend_from_slice(&self.prefix);
        }
        body.extend_from_slice(BODY_CLOSE);
        self.events = 0;
        body
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

/// All that stands before a message. Lines that were read together share a time and so their
/// opening.
#[derive(Debug)]
struct Opening {
    time: i64,
    text: [u8; OPENING_MAX],
    start: usize,
}

impl Opening {
    /// Writes the text from its end, where all openings are alike.
    fn at(time: i64) -> Self {
        let mut opening = Self {
            time,
            text: [0; OPENING_MAX],
            start: OPENING_MAX,
        };
        opening.put(EVENT_MIDDLE);
        let mut rest = time.unsigned_abs();
        loop {
            // The remainder of a division by ten fits in a byte.
            opening.put(&[b'0' + u8::try_from(rest % 10).unwrap_or(0)]);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if time < 0 {
            opening.put(b"-");
        }
        opening.put(EVENT_OPEN);
        opening
    }

    /// Puts `piece` before what is there. The longest time has just enough room.
    fn put(&mut self, piece: &[u8]) {
        let start = self.start - piece.len();
        self.text[start..self.start].copy_from_slice(piece);
        self.start = start;
    }

    fn text(&self) -> &[u8] {
        self.text.get(self.start..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

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
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
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
