//! Lines that make one event.
//!
//! An event is one contiguous range of its file, the newlines and empty lines inside it included.
//! Whether a line belongs to the event before it often shows only later (an empty line is inside a
//! trace if the trace goes on after it), so a line can be taken on approval: if what follows does
//! not confirm it, it is looked at again as the first of its own. Nothing is kept between reads
//! but the [`State`] before the last event; its bytes wait in the file. Pure.

mod at;
mod go;
mod python;
mod rust;
mod text;

use memchr::memchr;

use super::framing::{Ending, Framed};
use super::lines::Found;
use crate::config::{Mode, Modes, MultiLine, Rule};
use text::{blank, indented};

/// Lines that are taken on approval before a trace must have gone on.
const APPROVAL_MAX: u8 = 16;

/// Inside which trace a line stands, and where in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// In none.
    #[default]
    Plain,
    /// In a trace with lines that begin with `at`: Java, .NET, Node.js.
    At(at::Place),
    /// In a traceback.
    Python(python::Place),
    /// In a panic or a dump of goroutines.
    Go(go::Place),
    /// In a panic or a report.
    Rust(rust::Place),
}

/// What a line is to the event before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The first line of another one.
    Start,
    /// The first line of another one; and all before it belongs to the event.
    StartAfterAll,
    /// A line of it, and all before it too.
    Join,
    /// A line of it if one follows that joins.
    Maybe,
}

use Verdict::{Join, Maybe, Start, StartAfterAll};

fn step(rule: &Rule, state: State, line: &[u8]) -> (Verdict, State) {
    match rule {
        Rule::Start(pattern) if pattern.is_match(line) => (Start, State::Plain),
        Rule::Start(_) if blank(line) => (Maybe, State::Plain),
        Rule::Start(_) => (Join, State::Plain),
        Rule::Continuation(pattern) if pattern.is_match(line) => (Join, State::Plain),
        Rule::Continuation(_) => (Start, State::Plain),
        Rule::Modes(modes) => trace_step(*modes, state, line),
    }
}

fn trace_step(modes: Modes, state: State, line: &[u8]) -> (Verdict, State) {
    let on = match state {
        State::Plain => (Start, State::Plain),
        State::At(place) => at::goes_on(modes, place, line),
        State::Python(place) => python::goes_on(place, line),
        State::Go(place) => go::goes_on(place, line),
        State::Rust(place) => rust::goes_on(place, line),
    };
    let (verdict, _) = on;
    if !matches!(verdict, Start | StartAfterAll) {
        return on;
    }
    let opened = python::opens(modes, line)
        .or_else(|| go::opens(modes, line))
        .or_else(|| rust::opens(modes, line))
        .or_else(|| at::opens(modes, line));
    match opened {
        Some((Start, state)) => (verdict, state),
        Some(joined) => joined,
        None if modes.has(Mode::Indent) && blank(line) => (Maybe, State::Plain),
        None if modes.has(Mode::Indent) && indented(line) => (Join, State::Plain),
        None => (verdict, State::Plain),
    }
}

/// Whether lines on approval are kept when the file goes quiet or ends.
fn settles(state: State) -> bool {
    matches!(
        state,
        State::Python(python::Place::Message(_)) | State::Rust(rust::Place::Message(_))
    )
}

/// One look at a text.
#[derive(Debug)]
pub(super) struct Scan<'c> {
    config: &'c MultiLine,
    ending: Ending,
    /// Whether no more can be read before something is sent.
    full: bool,
    state: State,
    open: Option<Open>,
    cuts: u64,
}

/// An event that may go on.
#[derive(Clone, Copy, Debug)]
struct Open {
    start: usize,
    /// The state before it.
    before: State,
    /// Its lines that are certain.
    sure: Extent,
    /// Those and the ones on approval.
    all: Extent,
}

/// The lines of an event up to some line.
#[derive(Clone, Copy, Debug)]
struct Extent {
    /// Where its last line with content ends, without its end of line.
    end: usize,
    /// Where the next line begins.
    next: usize,
    lines: usize,
    /// Empty lines after `end`.
    blanks: u64,
    state: State,
}

/// A line and where the next one begins.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: usize,
    end: usize,
    next: usize,
}

impl<'c> Scan<'c> {
    pub(super) fn new(config: &'c MultiLine, ending: Ending, full: bool, state: State) -> Self {
        Self {
            config,
            ending,
            full,
            state,
            open: None,
            cuts: 0,
        }
    }

    /// Finds the events from index `begin` of the text on.
    pub(super) fn run(mut self, found: &mut Found<'_>, begin: usize) -> Framed {
        let text = found.text();
        let mut at = begin;
        loop {
            if let Some(piece) = self.piece(text, at) {
                at = self.line(text, piece, found);
                continue;
            }
            let Some(open) = self.open else {
                let end = found.unfinished(at..text.len());
                return self.framed(end, self.state, false);
            };
            let ends = self.ending != Ending::Open;
            if !ends && !self.full {
                return self.framed(open.start, open.before, true);
            }
            self.cuts += u64::from(!ends);
            at = self.close(ends && settles(open.all.state), found);
            self.full = false;
        }
    }

    fn framed(&self, end: usize, state: State, waiting: bool) -> Framed {
        Framed {
            end,
            state,
            cuts: self.cuts,
            waiting,
            ..Framed::default()
        }
    }

    /// The line that begins at `at`, if it is complete.
    fn piece(&self, text: &[u8], at: usize) -> Option<Piece> {
        let rest = text.get(at..)?;
        let (end, next) = match memchr(b'\n', rest) {
            Some(newline) => (at + newline, at + newline + 1),
            None if self.ending == Ending::Last && !rest.is_empty() => (text.len(), text.len()),
            None => return None,
        };
        let carriage_return = usize::from(text.get(at..end)?.ends_with(b"\r"));
        Some(Piece {
            start: at,
            end: end - carriage_return,
            next,
        })
    }

    /// Takes a line, and says where to go on.
    fn line(&mut self, text: &[u8], piece: Piece, found: &mut Found<'_>) -> usize {
        let line = text.get(piece.start..piece.end).unwrap_or(&[]);
        let Some(mut open) = self.open else {
            let (_, state) = step(&self.config.rule, self.state, line);
            return self.begin(piece, state, found);
        };
        let (verdict, state) = step(&self.config.rule, open.all.state, line);
        match verdict {
            Join | Maybe if self.too_long(&open, piece) => {
                self.cuts += 1;
                self.close(false, found)
            }
            Join | Maybe => {
                open.all.add(piece, state);
                if verdict == Join {
                    open.sure = open.all;
                }
                self.open = Some(open);
                piece.next
            }
            Start | StartAfterAll => {
                let at = self.close(verdict == StartAfterAll, found);
                self.state = State::Plain;
                at
            }
        }
    }

    fn begin(&mut self, piece: Piece, state: State, found: &mut Found<'_>) -> usize {
        if piece.start == piece.end {
            found.event(piece.start..piece.end);
            self.state = State::Plain;
            return piece.next;
        }
        let first = Extent {
            end: piece.end,
            next: piece.next,
            lines: 1,
            blanks: 0,
            state,
        };
        self.open = Some(Open {
            start: piece.start,
            before: self.state,
            sure: first,
            all: first,
        });
        piece.next
    }

    fn too_long(&self, open: &Open, piece: Piece) -> bool {
        piece.end - open.start > self.config.bytes_max || open.all.lines >= self.config.lines_max
    }

    /// Ends the event, with the lines on approval or without them, and says where to go on.
    fn close(&mut self, all: bool, found: &mut Found<'_>) -> usize {
        let Some(open) = self.open.take() else {
            return 0;
        };
        let extent = if all { open.all } else { open.sure };
        found.event(open.start..extent.end);
        found.empty += extent.blanks;
        self.state = extent.state;
        extent.next
    }
}

impl Extent {
    fn add(&mut self, piece: Piece, state: State) {
        self.next = piece.next;
        self.lines += 1;
        self.state = state;
        if piece.start == piece.end {
            self.blanks += 1;
        } else {
            self.end = piece.end;
            self.blanks = 0;
        }
    }
}

#[cfg(test)]
mod tests;
