//! Panics, fatal errors and dumps of goroutines of Go.

use super::text::{blank, contains, indented, record_like};
use super::{APPROVAL_MAX, Join, Maybe, Start, State, Verdict};
use crate::config::{Mode, Modes};

/// Where in a dump a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// After what was said when it began, so many lines ago.
    Head(u8),
    /// After the head of a goroutine or the place of a call.
    Frames,
    /// After a function, whose place follows.
    Call,
    /// After an empty line.
    Blank,
}

fn to(verdict: Verdict, place: Place) -> (Verdict, State) {
    (verdict, State::Go(place))
}

/// Whether the line begins a dump.
pub(super) fn opens(modes: Modes, line: &[u8]) -> Option<(Verdict, State)> {
    if !modes.has(Mode::Go) {
        return None;
    }
    if goroutine(line) {
        return Some(to(Start, Place::Frames));
    }
    let words = [&b"panic: "[..], b"panic serving ", b"fatal error: "];
    let signals = [&b"SIGQUIT: "[..], b"SIGABRT: ", b"SIGSEGV: ", b"SIGBUS: "];
    let begins = words.iter().any(|word| contains(line, word))
        || signals.iter().any(|word| line.starts_with(word));
    begins.then(|| to(Start, Place::Head(0)))
}

/// What the line is to the dump.
pub(super) fn goes_on(place: Place, line: &[u8]) -> (Verdict, State) {
    if goroutine(line) || line == b"runtime stack:" {
        return to(Join, Place::Frames);
    }
    if line.starts_with(b"exit status ") {
        return (Join, State::Plain);
    }
    match place {
        Place::Head(lines) if lines >= APPROVAL_MAX => (Start, State::Plain),
        Place::Head(_) if line.starts_with(b"[signal ") || line.starts_with(b"\tpanic: ") => {
            to(Join, Place::Head(0))
        }
        Place::Head(_) if line.starts_with(b"panic: ") || record_like(line) => {
            (Start, State::Plain)
        }
        Place::Head(lines) => to(Maybe, Place::Head(lines + 1)),
        Place::Call if indented(line) => to(Join, Place::Frames),
        Place::Frames if indented(line) || elided(line) => to(Join, Place::Frames),
        Place::Frames if called(line) => to(Maybe, Place::Call),
        Place::Frames | Place::Blank if register(line) => to(Join, Place::Frames),
        Place::Frames | Place::Blank if blank(line) => to(Maybe, Place::Blank),
        Place::Call | Place::Frames | Place::Blank => (Start, State::Plain),
    }
}

fn goroutine(line: &[u8]) -> bool {
    line.starts_with(b"goroutine ") && line.ends_with(b"]:")
}

fn elided(line: &[u8]) -> bool {
    line.starts_with(b"...") && line.ends_with(b" elided...")
}

fn called(line: &[u8]) -> bool {
    line.starts_with(b"created by ") || (line.ends_with(b")") && line.contains(&b'('))
}

/// A register of the processor: `rip    0x4011a0`.
fn register(line: &[u8]) -> bool {
    let mut words = line
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty());
    let (Some(name), Some(value), None) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    name.len() <= 6 && value.starts_with(b"0x")
}
