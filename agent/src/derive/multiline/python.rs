//! Tracebacks of Python: chained ones, groups of exceptions, syntax errors.
//!
//! Nothing marks where the message of an exception ends. Its further lines are taken for part of
//! it if an indented line follows, or a line that looks like the beginning of a log record, or
//! nothing at all; otherwise they are lines of their own.

use super::text::{blank, contains, indented, record_like};
use super::{APPROVAL_MAX, Join, Maybe, Start, StartAfterAll, State, Verdict};
use crate::config::{Mode, Modes};

/// Where in a traceback a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Among the frames.
    Stack,
    /// Inside a group of exceptions.
    Group,
    /// After the exception and so many unindented lines of its message.
    Message(u8),
    /// After an empty line behind the exception.
    Blank,
    /// After the sentence that announces another traceback.
    Chain,
}

const HEAD: &[u8] = b"Traceback (most recent call last):";
const GROUP: &[u8] = b"Exception Group Traceback (most recent call last):";
const CHAINS: [&[u8]; 2] = [
    b"During handling of the above exception, another exception occurred:",
    b"The above exception was the direct cause of the following exception:",
];

fn to(verdict: Verdict, place: Place) -> (Verdict, State) {
    (verdict, State::Python(place))
}

/// Whether the line begins a traceback.
pub(super) fn opens(modes: Modes, line: &[u8]) -> Option<(Verdict, State)> {
    if !modes.has(Mode::Python) {
        return None;
    }
    head(line)
        .or(syntax(line).then_some(Place::Stack))
        .map(|place| to(Start, place))
}

/// The place of a syntax error in the file that was to be run, which no traceback precedes.
fn syntax(line: &[u8]) -> bool {
    line.starts_with(b"  File \"") && contains(line, b"\", line ")
}

fn head(line: &[u8]) -> Option<Place> {
    let text = line.trim_ascii_end();
    if text.ends_with(GROUP) {
        Some(Place::Group)
    } else if text.ends_with(HEAD) {
        Some(Place::Stack)
    } else {
        None
    }
}

/// What the line is to the traceback.
pub(super) fn goes_on(place: Place, line: &[u8]) -> (Verdict, State) {
    let text = line.trim_ascii_start();
    match (place, head(line)) {
        (Place::Group, _) if text.starts_with(b"|") || text.starts_with(b"+-") => {
            to(Join, Place::Group)
        }
        (Place::Chain, Some(head)) => to(Join, head),
        (Place::Message(_), None) if syntax(line) => (StartAfterAll, State::Plain),
        (Place::Message(_), Some(_)) => (StartAfterAll, State::Plain),
        (Place::Stack, None) if indented(line) => to(Join, Place::Stack),
        (Place::Stack, None) if exception(line) => to(Join, Place::Message(0)),
        (Place::Chain, None) if blank(line) => to(Maybe, Place::Chain),
        (Place::Group | Place::Message(_) | Place::Blank, None) => after(place, line),
        (Place::Stack | Place::Chain, None) | (_, Some(_)) => (Start, State::Plain),
    }
}

/// A line after the exception.
fn after(place: Place, line: &[u8]) -> (Verdict, State) {
    if CHAINS.iter().any(|sentence| line.starts_with(sentence)) {
        return to(Join, Place::Chain);
    }
    if line.starts_with(b"(Background on this error at: ") {
        return to(Join, Place::Message(0));
    }
    match place {
        _ if blank(line) => to(Maybe, Place::Blank),
        Place::Message(_) if indented(line) => to(Join, Place::Message(0)),
        Place::Message(_) if record_like(line) => (StartAfterAll, State::Plain),
        Place::Message(lines) if lines < APPROVAL_MAX => to(Maybe, Place::Message(lines + 1)),
        _ => (Start, State::Plain),
    }
}

/// Whether a line can be the name of an exception, with its message or without.
fn exception(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().unwrap_or(&[]);
    let of_name = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'<' | b'>') || *byte >= 0x80
    };
    name.first().is_some_and(|first| !first.is_ascii_digit()) && name.iter().all(of_name)
}
