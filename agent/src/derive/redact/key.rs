//! Private keys that are written row by row, each row an event of its own.
//!
//! Best effort over what is read at once: rows between BEGIN and END, from BEGIN to the end of the
//! read, and the rows right before an END whose BEGIN was read earlier.

use memchr::memmem;

use crate::record::Line;

const MARK: &[u8] = b"PRIVATE KEY";
const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
/// Rows of the longest key that is looked for, 16,384 bits of RSA at 64 characters a row, and its
/// headers. Beyond it an END was lost.
const ROWS_MAX: u32 = 256;

/// Which of `lines` are rows of a key; `None` if there is no key at all.
pub(crate) fn rows(source: &[u8], lines: &[Line]) -> Option<Vec<bool>> {
    memmem::find(source, MARK)?;
    let text = |line: &Line| source.get(line.start as usize..(line.start + line.len) as usize);
    let mut rows = vec![false; lines.len()];
    let mut left = 0;
    for (index, line) in lines.iter().enumerate() {
        let text_here = text(line)?;
        let marked = memmem::find(text_here, MARK).is_some();
        if marked && memmem::find(text_here, END).is_some() {
            if left == 0 {
                let before = lines.iter().zip(&mut rows).take(index).rev();
                for (_, row) in before.take_while(|(line, _)| text(line).is_some_and(is_row)) {
                    *row = true;
                }
            }
            left = 0;
        } else if marked && memmem::find(text_here, BEGIN).is_some() {
            left = ROWS_MAX;
        } else if left > 0 {
            left -= 1;
            if let Some(row) = rows.get_mut(index) {
                *row = is_row(text_here);
            }
        }
    }
    Some(rows)
}

/// A row of base64 and nothing else, or a header of an encrypted key.
fn is_row(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    text.iter().all(base64) || text.starts_with(b"Proc-Type:") || text.starts_with(b"DEK-Info:")
}
