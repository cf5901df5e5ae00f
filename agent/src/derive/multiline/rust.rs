//! Panics of Rust with their backtraces, and the reports of anyhow and eyre.
//!
//! The message of a panic may have several lines and nothing marks its end but the note that
//! follows the first panic of a process. Its further lines are taken for part of it as those of
//! Python are.

use super::text::{blank, contains, indented, record_like};
use super::{APPROVAL_MAX, Join, Maybe, Start, StartAfterAll, State, Verdict, at};
use crate::config::{Mode, Modes};

/// Where in a panic or a report a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// After the head of a panic, whose message follows on the next line.
    Head,
    /// After the message and so many further lines that may be part of it.
    Message(u8),
    /// After a note or inside a backtrace.
    Trace,
    /// After the first line of a report.
    Report,
}

fn to(verdict: Verdict, place: Place) -> (Verdict, State) {
    (verdict, State::Rust(place))
}

/// Whether the line begins a panic or a report.
pub(super) fn opens(modes: Modes, line: &[u8]) -> Option<(Verdict, State)> {
    if !modes.has(Mode::Rust) {
        return None;
    }
    if panicked(line) {
        let place = if line.ends_with(b":") {
            Place::Head
        } else {
            Place::Message(0)
        };
        return Some(to(Start, place));
    }
    // Where errors of Node.js begin alike, what follows tells whose it is.
    (line.starts_with(b"Error: ") && !at::any(modes)).then(|| to(Start, Place::Report))
}

fn panicked(line: &[u8]) -> bool {
    contains(line, b"thread '") && contains(line, b" panicked at ")
}

/// What the line is to the panic or the report.
pub(super) fn goes_on(place: Place, line: &[u8]) -> (Verdict, State) {
    let note = line.starts_with(b"note: ")
        || line == b"stack backtrace:"
        || line.starts_with(b"thread panicked while ")
        || line.starts_with(b"thread caused non-unwinding panic");
    match place {
        Place::Report if report(line) => to(Join, Place::Report),
        Place::Report if blank(line) => to(Maybe, Place::Report),
        Place::Report => (Start, State::Plain),
        _ if panicked(line) => (StartAfterAll, State::Plain),
        _ if note => to(Join, Place::Trace),
        Place::Head => to(Join, Place::Message(0)),
        Place::Message(_) | Place::Trace if indented(line) => to(Join, place),
        Place::Message(_) if record_like(line) => (StartAfterAll, State::Plain),
        Place::Message(lines) if lines < APPROVAL_MAX => to(Maybe, Place::Message(lines + 1)),
        Place::Message(_) | Place::Trace => (Start, State::Plain),
    }
}

/// The line of a report, if it can be no other's, after a head that could be.
pub(super) fn reports(modes: Modes, line: &[u8]) -> Option<(Verdict, State)> {
    let words = [&b"Caused by:"[..], b"Location:", b"Stack backtrace:"];
    (modes.has(Mode::Rust) && words.contains(&line)).then(|| to(Join, Place::Report))
}

fn report(line: &[u8]) -> bool {
    let words = [
        &b"Caused by:"[..],
        b"Location:",
        b"Stack backtrace:",
        b"Backtrace:",
        b"note: ",
    ];
    indented(line) || words.iter().any(|word| line.starts_with(word))
}
