//! The lines: 200 bytes each with the newline, as a web server writes them, with the file's number,
//! the line's number and the time of writing where the path of the request would be.

use plimsoll_core::clock::UnixMillis;

/// Bytes of a line, its newline included.
pub(crate) const LINE_BYTES: usize = 200;
/// What stands before the numbers.
const MARK: &[u8] = b"/cart/";
/// Digits of the file, the line and the time.
const DIGITS: [usize; 3] = [5, 10, 13];

/// What a line says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// The file it was written to.
    pub(crate) file: usize,
    /// Its number there, from zero.
    pub(crate) number: u64,
    /// When it was written, in milliseconds since 1970.
    pub(crate) written: u64,
}

/// Appends a line with its newline.
pub(crate) fn append(buffer: &mut Vec<u8>, file: usize, number: u64, now: UnixMillis) {
    let end = buffer.len() + LINE_BYTES;
    buffer.extend_from_slice(b"203.0.113.7 - - [24/Nov/2026:12:00:00 +0000] \"GET ");
    buffer.extend_from_slice(MARK);
    let values = [file as u64, number, now.0.unsigned_abs()];
    for (value, digits) in values.into_iter().zip(DIGITS) {
        put(buffer, value, digits);
        buffer.push(b'/');
    }
    buffer.extend_from_slice(b" HTTP/1.1\" 200 5123 \"-\" \"Mozilla/5.0 (X11; Linux x86_64) ");
    let pad = b"AppleWebKit/537.36 (KHTML, like Gecko) ";
    let room = end.saturating_sub(buffer.len() + 2);
    buffer.extend(pad.iter().cycle().take(room));
    buffer.extend_from_slice(b"\"\n");
}

fn put(buffer: &mut Vec<u8>, value: u64, digits: usize) {
    let mut text = [b'0'; 20];
    let mut rest = value;
    for place in text.iter_mut().rev() {
        *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    buffer.extend_from_slice(&text[text.len() - digits..]);
}

/// Reads what a line says, escaped or not; `None` if it is none of ours.
pub(crate) fn read(text: &[u8]) -> Option<Told> {
    let start = memchr::memmem::find(text, MARK)? + MARK.len();
    let mut rest = text.get(start..)?;
    let mut values = [0_u64; 3];
    for (value, digits) in values.iter_mut().zip(DIGITS) {
        let (number, after) = rest.split_at_checked(digits)?;
        for byte in number {
            let digit = byte.wrapping_sub(b'0');
            *value = *value * 10 + u64::from(Some(digit).filter(|digit| *digit < 10)?);
        }
        rest = after.strip_prefix(b"/")?;
    }
    let [file, number, written] = values;
    Some(Told {
        file: usize::try_from(file).ok()?,
        number,
        written,
    })
}
