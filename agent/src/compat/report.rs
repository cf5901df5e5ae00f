//! What became of each key of the configuration that was translated, and what is wrong with it.
//!
//! Each key has one line: a second remark on it is added to the first. Nothing here decides
//! anything.

use std::cell::RefCell;
use std::collections::BTreeMap;

use plimsoll_core::config::Problem;

use super::json::{Node, Place};

/// What became of a key; the later, the more a person should know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// It does here what it does there.
    Taken,
    /// It has no effect here, and needs none.
    Ignored,
    /// It does something a little different here.
    Changed,
    /// It does nothing here.
    NotSupported,
}

impl Outcome {
    /// As it is written in the report.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Ignored => "ignored",
            Self::Changed => "changed",
            Self::NotSupported => "not supported",
        }
    }
}

/// One key of the configuration.
#[derive(Clone, Debug)]
pub(super) struct At {
    /// RFC 6901.
    pub(super) pointer: String,
    pub(super) place: Place,
}

impl At {
    pub(super) fn new(pointer: impl Into<String>, node: &Node) -> Self {
        Self {
            pointer: pointer.into(),
            place: node.place.clone(),
        }
    }
}

/// A key below another. Source: RFC 6901, section 3, for `~` and `/` in names.
pub(super) fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// One line of the report.
#[derive(Clone, Debug)]
struct Line {
    place: Place,
    outcome: Outcome,
    remark: String,
}

/// Everything that is noted while a configuration is translated.
#[derive(Debug, Default)]
pub(super) struct Notes {
    lines: RefCell<BTreeMap<String, Line>>,
    problems: RefCell<Vec<Problem>>,
}

impl Notes {
    /// Notes what became of a key. What is worse wins, and every remark is kept.
    pub(super) fn note(&self, at: &At, outcome: Outcome, remark: &str) {
        let mut lines = self.lines.borrow_mut();
        let line = lines.entry(at.pointer.clone()).or_insert_with(|| Line {
            place: at.place.clone(),
            outcome,
            remark: String::new(),
        });
        line.outcome = line.outcome.max(outcome);
        if !remark.is_empty() && !line.remark.contains(remark) {
            if !line.remark.is_empty() {
                line.remark.push_str("; ");
            }
            line.remark.push_str(remark);
        }
    }

    pub(super) fn taken(&self, at: &At) {
        self.note(at, Outcome::Taken, "");
    }

    pub(super) fn ignored(&self, at: &At, why: &str) {
        self.note(at, Outcome::Ignored, why);
    }

    pub(super) fn changed(&self, at: &At, how: &str) {
        self.note(at, Outcome::Changed, how);
    }

    pub(super) fn not_supported(&self, at: &At, why: &str) {
        self.note(at, Outcome::NotSupported, why);
    }

    /// Notes a mistake for which the amazon-cloudwatch-agent does not start, nor do we.
    pub(super) fn wrong(&self, at: &At, found: &str, expected: &str, nearest: Option<String>) {
        self.problems.borrow_mut().push(Problem {
            file: at.place.file.to_string(),
            line: at.place.line,
            column: at.place.column,
            key: at.pointer.clone(),
            found: found.to_owned(),
            expected: expected.to_owned(),
            nearest,
        });
    }

    /// Everything that was noted, in the order of the files.
    pub(super) fn close(self) -> (Report, Vec<Problem>) {
        let lines = self.lines.into_inner().into_iter();
        let mut entries: Vec<Entry> = lines
            .map(|(pointer, line)| Entry {
                file: line.place.file.to_string(),
                line: line.place.line,
                column: line.place.column,
                pointer,
                outcome: line.outcome,
                remark: line.remark,
            })
            .collect();
        let key = |entry: &Entry| (entry.file.clone(), entry.line, entry.column);
        entries.sort_by_key(key);
        let mut problems = self.problems.into_inner();
        problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        (Report { entries }, problems)
    }
}

/// What became of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The file as the user named it.
    pub(crate) file: String,
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    column: usize,
    /// Where the key stands in the JSON document; RFC 6901.
    pub(crate) pointer: String,
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// How it was changed, or why it does nothing and what to write instead.
    pub(crate) remark: String,
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (file, line, pointer) = (&self.file, self.line, &self.pointer);
        write!(f, "{file}:{line}: {pointer}: {}", self.outcome.word())?;
        if !self.remark.is_empty() {
            write!(f, ": {}", self.remark)?;
        }
        Ok(())
    }
}

/// What became of every key, in the order of the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// One for each key.
    pub(crate) entries: Vec<Entry>,
}

impl Report {
    /// What a person should know: all that was changed or is not supported.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = &Entry> {
        let entries = self.entries.iter();
        entries.filter(|entry| entry.outcome >= Outcome::Changed)
    }

    /// All of it, a line for each key, and how many there are of each kind.
    pub(crate) fn text(&self) -> String {
        let lines = self.entries.iter().map(|entry| format!("{entry}\n"));
        let text: String = lines.collect();
        let kinds = [
            Outcome::Taken,
            Outcome::Changed,
            Outcome::NotSupported,
            Outcome::Ignored,
        ];
        let counts = kinds.map(|kind| {
            let entries = self.entries.iter();
            let count = entries.filter(|entry| entry.outcome == kind).count();
            format!("{count} {}", kind.word())
        });
        let all = self.entries.len();
        format!("{text}{all} keys: {}\n", counts.join(", "))
    }
}
