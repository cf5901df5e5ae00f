//! Writing text into JSON, fast and whatever its bytes.
//!
//! Every line that the agent ships passes through here, so this crate is compiled for speed where
//! the rest is compiled for size. It writes string contents only and never reads JSON.

/// What stands for bytes that are not UTF-8, U+FFFD in UTF-8.
pub const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
/// What is scanned and copied in one step.
const WORD: usize = size_of::<u64>();

/// Where a scan stops.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// At what JSON needs escaped. For text known to be UTF-8.
    Escapes,
    /// There, and at the first byte that is not ASCII.
    EscapesAndNonAscii,
}

/// Appends `text` as the inside of a JSON string. Bytes that are not UTF-8 become U+FFFD, as
/// [`String::from_utf8_lossy`] does; NUL, control characters, quotes and backslashes are escaped.
/// ASCII is looked at once, other text twice.
pub fn escape_lossy(buffer: &mut Vec<u8>, text: &[u8]) {
    buffer.reserve(text.len() + WORD);
    let rest = escape(buffer, text, Stop::EscapesAndNonAscii);
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
    while let Some((word, after)) = text.split_first_chunk::<WORD>() {
        // The whole word is copied, which is one instruction, and its end taken back if need be.
        buffer.extend_from_slice(word);
        let marks = marks(u64::from_le_bytes(*word), stop);
        if marks == 0 {
            text = after;
            continue;
        }
        // The lowest mark is exact; a borrow can only make false marks above it.
        let plain = usize::try_from(marks.trailing_zeros() / u8::BITS).unwrap_or(0);
        buffer.truncate(buffer.len() - (WORD - plain));
        let rest = text.get(plain..).unwrap_or_default();
        match rest.split_first() {
            Some((&byte, after)) if byte < 0x80 => {
                escape_byte(buffer, byte);
                text = after;
            }
            _ => return rest,
        }
    }
    while let Some((&byte, after)) = text.split_first() {
        if !is_marked(byte, stop) {
            buffer.push(byte);
        } else if byte < 0x80 {
            escape_byte(buffer, byte);
        } else {
            return text;
        }
        text = after;
    }
    text
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

/// Sets the top bit of every byte that must not be copied as it is, with plain arithmetic on eight
/// bytes at once (SWAR), which needs neither `unsafe` nor a certain processor.
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
    use super::*;

    /// The model: what the standard library makes of the bytes, escaped a character at a time.
    fn check(text: &[u8]) {
        let mut expected = String::new();
        for c in String::from_utf8_lossy(text).chars() {
            match c {
                '"' | '\\' => expected.extend(['\\', c]),
                '\n' => expected.push_str("\\n"),
                '\t' => expected.push_str("\\t"),
                '\r' => expected.push_str("\\r"),
                '\u{8}' => expected.push_str("\\b"),
                '\u{c}' => expected.push_str("\\f"),
                c if c.is_ascii_control() && c != '\u{7f}' => {
                    expected.extend(["\\u00", if c < '\u{10}' { "0" } else { "1" }]);
                    expected.extend(char::from_digit(u32::from(c) % 16, 16));
                }
                c => expected.push(c),
            }
        }
        let mut written = b"before".to_vec();
        escape_lossy(&mut written, text);
        assert_eq!(written, ["before", &expected].concat().into_bytes());
    }

    #[test]
    fn every_byte_at_every_place_of_a_word_is_written_right() {
        for byte in 0..=u8::MAX {
            for place in 0..17 {
                let mut text = b"abcdefghijklmnopq".to_vec();
                text[place] = byte;
                check(&text);
                text[(place + 3) % 17] = b'"';
                check(&text);
            }
        }
    }

    #[test]
    fn text_beyond_ascii_and_broken_text_keep_all_that_is_whole() {
        for text in ["", "é", "日本語\n\"quoted\" 日本語", "a\u{1f600}b"] {
            check(text.as_bytes());
            for cut in 0..text.len() {
                check(&text.as_bytes()[..cut]);
                check(&[&text.as_bytes()[cut..], b"\xff\xc0\"tail\0"].concat());
            }
        }
    }
}
