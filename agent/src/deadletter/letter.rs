//! One refused event as a line of JSON, written and read. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use plimsoll_core::clock::UnixMillis;
use serde_json::Value;

/// A refused event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeadLetter<'a> {
    /// The time of the event.
    pub(crate) time: UnixMillis,
    /// The log group it was meant for.
    pub(crate) group: &'a str,
    /// The log stream it was meant for.
    pub(crate) stream: &'a str,
    /// The file it was read from, for people.
    pub(crate) file: &'a str,
    /// Where in the file it begins.
    pub(crate) offset: u64,
    /// Why it was refused.
    pub(crate) reason: &'a str,
    /// What it says.
    pub(crate) message: &'a [u8],
}

impl DeadLetter<'_> {
    /// Appends the event as one line of JSON. A message that is not UTF-8 is kept in base64, so
    /// that none of its bytes are lost.
    pub(crate) fn write(&self, text: &mut String) {
        text.push_str(r#"{"time":""#);
        text.push_str(&self.time.to_string());
        text.push('"');
        let fields = [
            ("group", self.group),
            ("stream", self.stream),
            ("file", self.file),
            ("reason", self.reason),
        ];
        for (name, value) in fields {
            field(text, name, value);
        }
        text.push_str(r#","offset":"#);
        text.push_str(&self.offset.to_string());
        match std::str::from_utf8(self.message) {
            Ok(message) => field(text, "message", message),
            Err(_) => field(text, "message_base64", &STANDARD.encode(self.message)),
        }
        text.push_str("}\n");
    }
}

fn field(text: &mut String, name: &str, value: &str) {
    text.push_str(",\"");
    text.push_str(name);
    text.push_str("\":\"");
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            control if control < ' ' => {
                text.push_str("\\u00");
                for digit in [u32::from(control) >> 4, u32::from(control) & 15] {
                    text.extend(char::from_digit(digit, 16));
                }
            }
            other => text.push(other),
        }
    }
    text.push('"');
}

/// A refused event that was read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Letter {
    /// See [`DeadLetter::time`].
    pub(crate) time: UnixMillis,
    /// See [`DeadLetter::group`].
    pub(crate) group: String,
    /// See [`DeadLetter::stream`].
    pub(crate) stream: String,
    /// See [`DeadLetter::file`].
    pub(crate) file: String,
    /// See [`DeadLetter::offset`].
    pub(crate) offset: u64,
    /// See [`DeadLetter::reason`].
    pub(crate) reason: String,
    /// See [`DeadLetter::message`].
    pub(crate) message: Vec<u8>,
}

impl Letter {
    /// Reads a line that [`DeadLetter::write`] has written; `None` if it is not one, as after a
    /// crash in the middle of writing it.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        let time: Timestamp = value.get("time")?.as_str()?.parse().ok()?;
        let message = match value.get("message_base64") {
            Some(encoded) => STANDARD.decode(encoded.as_str()?).ok()?,
            None => text("message")?.into_bytes(),
        };
        Some(Self {
            time: UnixMillis(time.as_millisecond()),
            group: text("group")?,
            stream: text("stream")?,
            file: text("file")?,
            offset: value.get("offset")?.as_u64()?,
            reason: text("reason")?,
            message,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn letter(reason: &str, message: &[u8]) -> String {
        let letter = DeadLetter {
            time: UnixMillis(1_800_000_000_123),
            group: "g",
            stream: "s",
            file: "/var/log/\"a\".log",
            offset: 7,
            reason,
            message,
        };
        let mut text = String::new();
        letter.write(&mut text);
        text
    }

    #[test]
    fn an_event_is_one_line_of_json_that_holds_every_byte_of_it() {
        let read = |message| -> Value {
            let line = letter("too_old", message);
            assert_eq!(line.lines().count(), 1);
            serde_json::from_str(&line).unwrap()
        };
        let text = read(b"a \"b\" \\ \n\0\x1f \xc3\xa9");
        assert_eq!(text["message"], "a \"b\" \\ \n\0\x1f é");
        assert_eq!(text["time"], "2027-01-15T08:00:00.123Z");
        assert_eq!(text["file"], "/var/log/\"a\".log");
        assert_eq!(
            (&text["offset"], &text["reason"]),
            (&7.into(), &"too_old".into())
        );
        assert_eq!(read(b"\xff")["message_base64"], "/w==");
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back_and_no_part_of_it_is_taken_for_the_whole(
            message in proptest::collection::vec(any::<u8>(), 0..80),
            cut: proptest::sample::Index,
        ) {
            let line = letter("too_new", &message);
            let line = line.trim_end().as_bytes();
            let read = Letter::read(line).unwrap();
            prop_assert_eq!(&read.message, &message);
            prop_assert_eq!(read.time, UnixMillis(1_800_000_000_123));
            prop_assert_eq!(Letter::read(&line[..cut.index(line.len())]), None);
        }
    }
}
