//! Lines out of a stream. Only a record that came in part is kept, and of all streams together a
//! bounded number of bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use memchr::memchr;
use plimsoll_aws::limits::logs::EVENT_BYTES_MAX;

use crate::derive::emf::Fault;

/// What records that came in part may hold in all streams: sixteen of the longest.
const HELD_BYTES_MAX: usize = 16 * EVENT_BYTES_MAX;

/// How much is held now, shared by all streams.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Arc<AtomicUsize>);

/// Finds the records of one stream.
#[derive(Debug)]
pub(super) struct Framer {
    part: Vec<u8>,
    /// Whether the record under way is too long and passed over.
    passing: bool,
    held: Held,
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub(super) fn new(held: Held) -> Self {
        Self {
            part: Vec::new(),
            passing: false,
            held,
        }
    }

    /// Gives every record that ends in `bytes`, without its end of line, and keeps the rest.
    pub(super) fn feed(&mut self, bytes: &[u8], each: &mut impl FnMut(Result<&[u8], Fault>)) {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or(&[]);
            if std::mem::take(&mut self.passing) {
                continue;
            }
            if self.part.is_empty() {
                give(line, each);
            } else if self.keep(line, each) {
                self.finish(each);
            } else {
                self.passing = false;
            }
        }
        if !rest.is_empty() && !self.passing {
            self.keep(rest, each);
        }
    }

    /// The stream ends here: what is kept is a record.
    pub(super) fn finish(&mut self, each: &mut impl FnMut(Result<&[u8], Fault>)) {
        give(&self.part, each);
        self.forget();
        self.passing = false;
    }

    /// Keeps a part of a record; `false` if that is more than may be held.
    fn keep(&mut self, part: &[u8], each: &mut impl FnMut(Result<&[u8], Fault>)) -> bool {
        let held = self.held.0.fetch_add(part.len(), Ordering::Relaxed) + part.len();
        self.part.extend_from_slice(part);
        if held <= HELD_BYTES_MAX && self.part.len() <= EVENT_BYTES_MAX {
            return true;
        }
        self.forget();
        self.passing = true;
        each(Err(Fault::TooLong));
        false
    }

    fn forget(&mut self) {
        self.held.0.fetch_sub(self.part.len(), Ordering::Relaxed);
        self.part = Vec::new();
    }
}

impl Drop for Framer {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Gives a record unless it is an empty line.
fn give(line: &[u8], each: &mut impl FnMut(Result<&[u8], Fault>)) {
    let line = line.trim_ascii();
    if !line.is_empty() {
        each(Ok(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is framed of pieces that arrive one after the other.
    fn framed(pieces: &[&[u8]]) -> (Vec<String>, usize) {
        let held = Held::default();
        let mut framer = Framer::new(held.clone());
        let mut told = Vec::new();
        let mut each = |record: Result<&[u8], Fault>| {
            told.push(match record {
                Ok(text) => String::from_utf8_lossy(text).into_owned(),
                Err(fault) => format!("{fault:?}"),
            });
        };
        for piece in pieces {
            framer.feed(piece, &mut each);
        }
        framer.finish(&mut each);
        (told, held.0.load(Ordering::Relaxed))
    }

    #[test]
    fn records_are_found_however_they_arrive_and_nothing_is_held_in_the_end() {
        let (told, held) = framed(&[b"{1}\r\n\n{", b"2", b"}\n{3}\n  ", b"{4}"]);
        assert_eq!(told, ["{1}", "{2}", "{3}", "{4}"]);
        assert_eq!(held, 0);
    }

    #[test]
    fn a_record_that_is_too_long_is_told_once_and_costs_no_other() {
        let long = vec![b'x'; EVENT_BYTES_MAX];
        let (told, held) = framed(&[b"{1}\n", &long, b"y", &long, b"\n{2}\n"]);
        assert_eq!(told, ["{1}", "TooLong", "{2}"]);
        assert_eq!(held, 0);
        let (told, _) = framed(&[&long, b"y\n{2}\n"]);
        assert_eq!(told, ["TooLong", "{2}"]);
    }
}
