//! Text that is not UTF-8: its lines are found in the file's own bytes and decoded one by one.
//!
//! Each line gets a decoder of its own, so that a broken line cannot spoil the next one and files
//! share nothing. What cannot be decoded becomes U+FFFD. For every place in the decoded text the
//! place in the file is known, so that positions count the file's bytes. Pure.
//!
//! A newline is the byte 0x0A in every encoding but UTF-16: the Encoding Standard
//! (<https://encoding.spec.whatwg.org>, the decoders of each encoding) has no trail byte below 0x30
//! in gb18030, none below 0x40 in Big5, EUC-KR and `Shift_JIS`, none below 0xA1 in EUC-JP, and none
//! below 0x21 in ISO-2022-JP, whose lines end in ASCII (RFC 1468). In UTF-16 a newline is a code
//! unit, which begins at an even offset of the file.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use memchr::memchr_iter;

use super::lines::UNFINISHED_MAX;

/// A line that is not UTF-8 and has no end is split when it is this long: UTF-16 takes two bytes
/// for what UTF-8 says in one, and so does gb18030 at worst.
pub(crate) const ENCODED_MAX: usize = 2 * UNFINISHED_MAX;
/// The bytes of a byte order mark that tell the byte order of UTF-16.
pub(crate) const MARK_BYTES: usize = 2;

/// Text out of a buffer.
#[derive(Debug)]
pub(super) struct Decoded<'a> {
    /// The lines, each ended by one newline; the last may have none.
    pub(super) text: String,
    /// Whether anything was replaced.
    pub(super) invalid: bool,
    encoding: &'static Encoding,
    bytes: &'a [u8],
    /// Where lines begin: in the text, and in the buffer. The last one is where both end.
    starts: Vec<(usize, usize)>,
}

/// The byte order that the beginning of a file tells; `None` while it is too short to tell.
pub(crate) fn by_mark(head: &[u8]) -> Option<&'static Encoding> {
    match head.get(..MARK_BYTES)? {
        [0xfe, 0xff] => Some(UTF_16BE),
        _ => Some(UTF_16LE),
    }
}

/// The length of the byte order mark that a file begins with.
pub(super) fn mark_len(head: &[u8], encoding: &'static Encoding) -> usize {
    match Encoding::for_bom(head) {
        Some((marked, len)) if marked == encoding => len,
        _ => 0,
    }
}

/// Whether the bytes before an index end a line.
pub(super) fn ends_line(before: &[u8], encoding: &'static Encoding) -> bool {
    if encoding == UTF_16LE {
        before.ends_with(b"\n\0")
    } else if encoding == UTF_16BE {
        before.ends_with(b"\0\n")
    } else {
        before.ends_with(b"\n")
    }
}

impl<'a> Decoded<'a> {
    /// Decodes the lines of `bytes` from index `from` on, whose offset in the file is `offset`;
    /// what has no end only with `rest`.
    pub(super) fn new(
        bytes: &'a [u8],
        from: usize,
        offset: u64,
        encoding: &'static Encoding,
        rest: bool,
    ) -> Self {
        let wide = is_wide(encoding);
        // Half a code unit, which reading from the end of an unfinished file may begin with. It
        // belongs to the line that follows.
        let half = wide && offset % 2 == 1 && from < bytes.len();
        let first = from + usize::from(half);
        let mut decoded = Self {
            text: String::new(),
            invalid: half,
            encoding,
            bytes,
            starts: Vec::new(),
        };
        let fresh = bytes.get(first..).unwrap_or(&[]);
        let mut start = first;
        for at in memchr_iter(b'\n', fresh) {
            let Some(newline) = newline_at(fresh, at, encoding) else {
                continue;
            };
            decoded.line(start, first + newline);
            decoded.text.push('\n');
            start = first + newline + 1 + usize::from(wide);
        }
        if rest && start < bytes.len() {
            decoded.line(start, bytes.len());
            start = bytes.len();
        }
        decoded.starts.push((decoded.text.len(), start));
        decoded
    }

    fn line(&mut self, start: usize, end: usize) {
        self.starts.push((self.text.len(), start));
        let bytes = self.bytes.get(start..end).unwrap_or(&[]);
        let mut decoder = self.encoding.new_decoder_without_bom_handling();
        let len_max = decoder.max_utf8_buffer_length(bytes.len());
        self.text.reserve(len_max.unwrap_or(0));
        let (_, _, replaced) = decoder.decode_to_string(bytes, &mut self.text, true);
        self.invalid |= replaced;
    }

    /// The index in the buffer of an index in the text.
    pub(super) fn index(&self, at: usize) -> usize {
        let after = self.starts.partition_point(|(text, _)| *text <= at);
        let Some((text, start)) = self.starts.get(after.saturating_sub(1)) else {
            return 0;
        };
        if at == *text {
            return *start;
        }
        let end = self.starts.get(after).map(|(_, end)| *end);
        let line = self.bytes.get(*start..end.unwrap_or(self.bytes.len()));
        start + self.bytes_of(line.unwrap_or(&[]), at - text)
    }

    /// How many bytes of `line` the first `len` bytes of its text come from. If bytes that cannot
    /// be decoded lie just there, they may belong to what follows.
    fn bytes_of(&self, line: &[u8], len: usize) -> usize {
        let mut decoder = self.encoding.new_decoder_without_bom_handling();
        let mut text = String::with_capacity(CHARACTERS_BYTES);
        let (mut said, mut taken) = (0, 0);
        for unit in line.chunks(if is_wide(self.encoding) { 2 } else { 1 }) {
            text.clear();
            let (_, _, replaced) = decoder.decode_to_string(unit, &mut text, false);
            if said + text.len() > len {
                debug_assert!(replaced, "one unit completes one character");
                return taken;
            }
            said += text.len();
            taken += unit.len();
            if said == len {
                return taken;
            }
        }
        taken
    }
}

/// Room for what one more unit can complete: the characters that a broken sequence falls into.
const CHARACTERS_BYTES: usize = 64;

fn is_wide(encoding: &'static Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

/// Where the newline begins that has its byte 0x0A at index `at`; `None` if that byte is part of
/// another character. The text begins with a whole code unit.
fn newline_at(text: &[u8], at: usize, encoding: &'static Encoding) -> Option<usize> {
    if !is_wide(encoding) {
        return Some(at);
    }
    let unit = at & !1;
    let low_first = encoding == UTF_16LE;
    match text.get(unit..unit + 2)? {
        [b'\n', 0] if low_first => Some(unit),
        [0, b'\n'] if !low_first => Some(unit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::{CONTINUED, CONTINUES};
    use super::*;
    use crate::config::{Framing, TextEncoding};
    use crate::fuzzing::{Read, read_in_steps};
    use plimsoll_aws::limits::logs::EVENT_BYTES_MAX;
    use proptest::prelude::*;

    fn read(label: &str, bytes: &[u8], step: usize) -> Read {
        let encoding = match label {
            "utf-8" => TextEncoding::Utf8,
            "utf-16" => TextEncoding::Utf16,
            label => TextEncoding::Other(Encoding::for_label(label.as_bytes()).unwrap()),
        };
        let framing = Framing {
            encoding,
            ..Framing::default()
        };
        read_in_steps(&framing, bytes, step, true)
    }

    fn utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(to_bytes).collect()
    }

    #[test]
    fn lines_are_found_in_their_own_encoding_and_positions_count_the_files_bytes() {
        let check = |label: &str, bytes: &[u8], lines: &[(u64, &str)]| {
            for step in [1, 3, bytes.len()] {
                let found = read(label, bytes, step);
                let said: Vec<(u64, &str)> = (found.events.iter())
                    .map(|(at, text)| (*at, std::str::from_utf8(text).unwrap()))
                    .collect();
                assert_eq!(said, lines, "{label}, {step} bytes at a time");
                assert_eq!(found.end, bytes.len());
            }
        };
        // U+010A, U+0A0A and U+0A00 hold the byte of a newline, and are none.
        let text = "ä\u{10a}\u{a0a}\r\n\n\u{a00}😀\n";
        let lines = [(0, "ä\u{10a}\u{a0a}"), (12, "\u{a00}😀")];
        check("utf-16le", &utf_16(text, u16::to_le_bytes), &lines);
        check("utf-16be", &utf_16(text, u16::to_be_bytes), &lines);
        check("utf-16", &utf_16(text, u16::to_le_bytes), &lines);
        let marked = format!("\u{feff}{text}");
        for (label, to_bytes) in [
            ("utf-16", u16::to_be_bytes as fn(u16) -> [u8; 2]),
            ("utf-16", u16::to_le_bytes),
            ("utf-16be", u16::to_be_bytes),
        ] {
            let bytes = utf_16(&marked, to_bytes);
            let found = read(label, &bytes, 5);
            let at: Vec<u64> = found.events.iter().map(|(at, _)| *at).collect();
            assert_eq!(at, [2, 14], "{label}");
            assert_eq!(found.events[0].1, "ä\u{10a}\u{a0a}".as_bytes());
        }
        check("windows-1252", b"\x80\n\xe4\r\n", &[(0, "€"), (2, "ä")]);
        check("shift_jis", b"\x83\x5c\n\xb1", &[(0, "ソ"), (3, "ｱ")]);
        check("euc-kr", b"\xc7\xd1\nx", &[(0, "한"), (3, "x")]);
        check(
            "gb18030",
            b"\x81\x30\x81\x30\n\xc4\xe3\n",
            &[(0, "\u{80}"), (5, "你")],
        );
        check("big5", b"\xa4\xa4\n", &[(0, "中")]);
        check(
            "iso-2022-jp",
            b"\x1b$B$\"\n\x1b$B$\"\x1b(B\n",
            &[(0, "あ"), (6, "あ")],
        );
        // What cannot be decoded is replaced, and spoils no other line.
        check("shift_jis", b"\x83\nx\n", &[(0, "\u{fffd}"), (2, "x")]);
        check(
            "utf-16le",
            b"a\0\x00\xd8\n\0b\0\n\0c",
            &[(0, "a\u{fffd}"), (6, "b"), (10, "\u{fffd}")],
        );
        check("utf-8", b"\xef\xbb\xbfa\nb", &[(3, "a"), (5, "b")]);
    }

    #[test]
    fn half_a_code_unit_at_the_start_does_not_shift_what_follows() {
        let bytes = utf_16("ab\nc\n", u16::to_le_bytes);
        let decoded = Decoded::new(&bytes, 1, 1, UTF_16LE, false);
        assert_eq!(decoded.text, "b\nc\n");
        assert!(decoded.invalid);
        assert_eq!(decoded.index(2), 6);
    }

    #[test]
    fn a_line_is_split_by_what_it_says_at_the_place_where_the_file_says_it() {
        let check = |label: &str, char: &[u8], count: usize, parts: usize| {
            let mut bytes = char.repeat(count);
            bytes.extend_from_slice(if label == "utf-16le" { b"\n\0" } else { b"\n" });
            for step in [90_000, bytes.len()] {
                let found = read(label, &bytes, step);
                assert_eq!(found.events.len(), parts, "{label}");
                for (index, (at, text)) in found.events.iter().enumerate() {
                    let text = text.strip_prefix(CONTINUED).unwrap_or(text);
                    let text = text.strip_suffix(CONTINUES).unwrap_or(text);
                    assert!(text.len() <= EVENT_BYTES_MAX);
                    let next = found.events.get(index + 1).map(|(at, _)| *at);
                    let end = next.unwrap_or((char.len() * count) as u64);
                    let raw = &bytes[usize::try_from(*at).unwrap()..usize::try_from(end).unwrap()];
                    let encoding = Encoding::for_label(label.as_bytes()).unwrap();
                    let (said, _) = encoding.decode_without_bom_handling(raw);
                    assert_eq!(said.as_bytes(), text, "{label} {at}");
                }
            }
        };
        check("windows-1252", b"\x80", 600_000, 2);
        check("shift_jis", b"\x83\x5c", 400_000, 2);
        check("utf-16le", b"x\0", EVENT_BYTES_MAX, 1);
        check("utf-16le", b"x\0", EVENT_BYTES_MAX + 1, 2);
        check("utf-16le", b"\xac\x20", 1_200_000, 4);
    }

    proptest! {
        #[test]
        fn text_arrives_as_it_was_written(
            lines in prop::collection::vec("[ -~äソ한あ中]{1,12}", 1..8), step in 1_usize..40,
        ) {
            let text = lines.join("\n");
            for label in ["utf-16le", "utf-16be", "gb18030", "iso-2022-jp", "shift_jis", "euc-kr"] {
                let encoding = Encoding::for_label(label.as_bytes()).unwrap();
                let bytes = match label {
                    "utf-16le" => utf_16(&text, u16::to_le_bytes),
                    "utf-16be" => utf_16(&text, u16::to_be_bytes),
                    _ => encoding.encode(&text).0.into_owned(),
                };
                let written = encoding.decode_without_bom_handling(&bytes).0;
                let said: Vec<Vec<u8>> =
                    read(label, &bytes, step).events.into_iter().map(|(_, text)| text).collect();
                prop_assert_eq!(said.join(&b'\n'), written.as_bytes(), "{}", label);
            }
        }
    }
}
