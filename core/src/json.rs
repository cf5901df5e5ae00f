//! Writing text into JSON, fast and whatever its bytes.
//!
//! Every line that the agent ships passes through here, so this crate is compiled for speed where
//! the rest is compiled for size. It writes string contents only and never reads JSON.

#[cfg(target_arch = "x86_64")]
mod vector;

/// What stands for bytes that are not UTF-8, U+FFFD in UTF-8.
pub const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
/// The bytes of a machine word.
#[cfg(any(test, not(target_arch = "x86_64")))]
const WORD: usize = size_of::<u64>();
/// What is scanned and copied in one step: two vectors of every x86-64 processor.
const BLOCK: usize = 32;

/// Appends `text` as the inside of a JSON string. Bytes that are not UTF-8 become U+FFFD, as
/// [`String::from_utf8_lossy`] does; NUL, control characters, quotes and backslashes are escaped.
/// ASCII is looked at once, other text twice.
// Not inlined: in a caller that is compiled for size, this would be too.
#[inline(never)]
pub fn escape_lossy(buffer: &mut Vec<u8>, text: &[u8]) {
    buffer.reserve(text.len() + BLOCK);
    let rest = escape::<true>(buffer, text);
    if rest.is_empty() {
        return;
    }
    if std::str::from_utf8(rest).is_ok() {
        escape::<false>(buffer, rest);
        return;
    }
    for chunk in rest.utf8_chunks() {
        escape::<false>(buffer, chunk.valid().as_bytes());
        if !chunk.invalid().is_empty() {
            buffer.extend_from_slice(REPLACEMENT);
        }
    }
}

/// Writes `text` escaped. With `STOP`, which text that may not be UTF-8 needs, it gives what is
/// left of it from the first byte on that is not ASCII.
fn escape<'t, const STOP: bool>(buffer: &mut Vec<u8>, mut text: &'t [u8]) -> &'t [u8] {
    while !text.is_empty() {
        let mut block = [b' '; BLOCK];
        let len = if let Some(whole) = text.first_chunk() {
            block = *whole;
            BLOCK
        } else {
            block[..text.len()].copy_from_slice(text);
            text.len()
        };
        // The whole block is copied, which is two instructions, and its end taken back if need be.
        buffer.extend_from_slice(&block);
        let plain = (marks::<STOP>(&block).trailing_zeros() as usize).min(len);
        let rest = text.get(plain..).unwrap_or_default();
        if plain == BLOCK {
            text = rest;
            continue;
        }
        buffer.truncate(buffer.len() - (BLOCK - plain));
        match rest.split_first() {
            Some((&byte @ (b'"' | b'\\'), after)) => {
                buffer.extend_from_slice(&[b'\\', byte]);
                text = after;
            }
            Some((&byte, after)) if byte < 0x80 => {
                escape_control(buffer, byte);
                text = after;
            }
            _ => return rest,
        }
    }
    text
}

/// Writes the escape of a control character.
#[cold]
fn escape_control(buffer: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match byte {
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

#[cfg(not(target_arch = "x86_64"))]
use portable_marks as marks;
#[cfg(target_arch = "x86_64")]
use vector::marks;

/// Sets the bit of every byte that must not be copied as it is: control characters, quotes,
/// backslashes, and with `STOP` what is not ASCII. This is plain arithmetic on eight bytes at once
/// (SWAR) for processors without a way of their own; only its lowest bit is exact, because a borrow
/// can make false marks above it in the same word.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline]
fn portable_marks<const STOP: bool>(block: &[u8; BLOCK]) -> u32 {
    const ONES: u64 = u64::MAX / 255;
    const TOPS: u64 = ONES << 7;
    // Moves the top bit of each byte, once it is the lowest, into the top byte, in order.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let marks_of = |at: usize| -> u32 {
        let word = word(block, at);
        let control = word.wrapping_sub(ONES * 0x20);
        let quote = (word ^ (ONES * 0x22)).wrapping_sub(ONES);
        let backslash = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
        let found = control | quote | backslash;
        let found = if STOP { found | word } else { found & !word } & TOPS;
        u32::from((found >> 7).wrapping_mul(GATHER).to_be_bytes()[0]) << at
    };
    marks_of(0) | marks_of(WORD) | marks_of(2 * WORD) | marks_of(3 * WORD)
}

/// Eight bytes of a block; a place outside of it does not occur.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline]
fn word(block: &[u8; BLOCK], at: usize) -> u64 {
    let bytes = block.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
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
            for place in 0..71 {
                let mut text = vec![b'a'; 71];
                text[place] = byte;
                check(&text);
                text[(place + 3) % 71] = b'"';
                check(&text);
            }
        }
    }

    #[test]
    fn both_ways_of_looking_find_the_same_first_mark() {
        fn first<const STOP: bool>(block: &[u8; BLOCK]) {
            assert_eq!(
                marks::<STOP>(block).trailing_zeros(),
                portable_marks::<STOP>(block).trailing_zeros(),
                "{block:?}"
            );
        }
        for byte in 0..=u8::MAX {
            for place in 0..BLOCK {
                let mut block = [b'a'; BLOCK];
                block[place] = byte;
                first::<true>(&block);
                first::<false>(&block);
                block[(place + 7) % BLOCK] = 0x1f;
                first::<true>(&block);
                first::<false>(&block);
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
