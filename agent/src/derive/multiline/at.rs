//! Traces whose frames are lines that begin with `at`: Java, .NET and Node.js.
//!
//! Any line that is followed by a frame is the head of a trace, whatever its exception is called.
//! A message of several lines is kept together with its frames if the exception is recognised by
//! its name. Properties and causes that Node.js prints in braces end with their last brace.

use super::text::{blank, contains, indented, record_like};
use super::{APPROVAL_MAX, Join, Maybe, Start, State, Verdict, rust};
use crate::config::{Mode, Modes};

/// Where in a trace a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// After the place in the source that Node.js prints above an error, so many lines ago.
    Source(u8),
    /// After the name and message of an exception, so many lines ago.
    Head(u8),
    /// After a frame.
    Frames,
    /// Inside so many braces.
    Braces(u8),
    /// After an empty line at the end of a trace of Node.js.
    Blank,
}

fn to(verdict: Verdict, place: Place) -> (Verdict, State) {
    (verdict, State::At(place))
}

/// Whether traces of this kind are looked for.
pub(super) fn any(modes: Modes) -> bool {
    modes.has(Mode::Java) || modes.has(Mode::DotNet) || modes.has(Mode::Node)
}

/// Whether the line begins a trace, or goes on one whose head has no name that is known.
pub(super) fn opens(modes: Modes, line: &[u8]) -> Option<(Verdict, State)> {
    if !any(modes) {
        return None;
    }
    if let Some(joined) = part(modes, line).filter(|_| indented(line)) {
        return Some(joined);
    }
    if line.starts_with(b"Caused by: ") && modes.has(Mode::Java) && named(line) {
        return Some(to(Join, Place::Head(0)));
    }
    if modes.has(Mode::Node) && source(line) {
        return Some(to(Start, Place::Source(0)));
    }
    named(line).then(|| to(Start, Place::Head(0)))
}

/// What the line is to the trace.
pub(super) fn goes_on(modes: Modes, place: Place, line: &[u8]) -> (Verdict, State) {
    let node = modes.has(Mode::Node);
    if let Place::Braces(depth) = place {
        return braces(depth, line);
    }
    let head = matches!(place, Place::Head(_));
    let report = rust::reports(modes, line).filter(|_| head);
    if let Some(joined) = report.or_else(|| part(modes, line)) {
        return joined;
    }
    match place {
        Place::Source(lines) if lines < APPROVAL_MAX && named(line) => to(Maybe, Place::Head(0)),
        Place::Source(lines) if lines < APPROVAL_MAX && !record_like(line) => {
            to(Maybe, Place::Source(lines + 1))
        }
        Place::Head(lines)
            if lines < APPROVAL_MAX && !record_like(line) && (indented(line) || !named(line)) =>
        {
            to(Maybe, Place::Head(lines + 1))
        }
        Place::Frames if node && blank(line) => to(Maybe, Place::Blank),
        Place::Frames | Place::Blank if node && line.starts_with(b"Node.js v") => {
            (Join, State::Plain)
        }
        _ => (Start, State::Plain),
    }
}

/// A line that can only be part of a trace.
fn part(modes: Modes, line: &[u8]) -> Option<(Verdict, State)> {
    let text = line.trim_ascii();
    let node = modes.has(Mode::Node);
    if text.starts_with(b"at ") && indented(line) {
        return Some(framed(node, line));
    }
    if modes.has(Mode::Java) {
        let elided = text.starts_with(b"... ")
            && (text.ends_with(b" more") || text.ends_with(b" common frames omitted"));
        if elided || contains(text, b"[CIRCULAR REFERENCE") {
            return Some(to(Join, Place::Frames));
        }
        let caused = [&b"Caused by: "[..], b"Suppressed: ", b"Wrapped by: "];
        if caused.iter().any(|word| text.starts_with(word)) {
            return Some(to(Join, Place::Head(0)));
        }
    }
    if modes.has(Mode::DotNet) {
        if text.starts_with(b"---> ") {
            return Some(to(Join, Place::Head(0)));
        }
        if text.starts_with(b"--- End of ") || text.ends_with(b"<---") {
            return Some(to(Join, Place::Frames));
        }
    }
    if node {
        if text.starts_with(b"... ") && contains(text, b"matching cause stack trace") {
            return Some(framed(node, line));
        }
        if line.starts_with(b"Emitted 'error' event ") {
            return Some(to(Join, Place::Frames));
        }
    }
    None
}

/// A frame; those of Node.js may be followed by the properties of the error in braces.
fn framed(node: bool, line: &[u8]) -> (Verdict, State) {
    if node && line.ends_with(b" {") {
        to(Join, Place::Braces(1))
    } else {
        to(Join, Place::Frames)
    }
}

fn braces(depth: u8, line: &[u8]) -> (Verdict, State) {
    let text = line.trim_ascii();
    let text = text.strip_suffix(b",").unwrap_or(text);
    let closes = matches!(text.first(), Some(b'}' | b']'));
    if !indented(line) && !closes && !blank(line) {
        return (Start, State::Plain);
    }
    let opens = matches!(text.last(), Some(b'{' | b'['));
    let depth = depth
        .saturating_sub(u8::from(closes))
        .saturating_add(u8::from(opens));
    match depth {
        0 => to(Join, Place::Frames),
        _ => to(Join, Place::Braces(depth)),
    }
}

/// Whether an exception is named that a message may follow: a word that ends in `Exception`,
/// `Error` or `Throwable`, and then a colon or nothing.
fn named(line: &[u8]) -> bool {
    [&b"Exception"[..], b"Error", b"Throwable"]
        .iter()
        .any(|word| {
            memchr::memmem::find_iter(line, word).any(|at| {
                let after = line.get(at + word.len()..).unwrap_or(&[]);
                matches!(after.first(), None | Some(b':')) || after.starts_with(b" [")
            })
        })
}

/// A place in a source file: `/app/index.js:3`, `node:events:491`.
fn source(line: &[u8]) -> bool {
    let begins = [&b"/"[..], b"file:///", b"node:"];
    if !begins.iter().any(|word| line.starts_with(word)) || line.contains(&b' ') {
        return false;
    }
    let digits = line
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    digits > 0 && line.iter().rev().nth(digits) == Some(&b':')
}
