//! The text of a configuration file and the places of its parts.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use toml::de::DeTable;

use super::problem::{Problem, Problems};
use super::section::Section;

/// A parsed file. It keeps its text so that each mistake can be placed by line and column.
#[derive(Debug)]
pub struct Document {
    file: String,
    text: String,
}

/// What every section of one document shares.
#[derive(Debug)]
pub(super) struct Places<'d> {
    pub(super) file: &'d str,
    pub(super) text: &'d str,
    pub(super) problems: RefCell<Vec<(usize, Problem)>>,
}

impl Document {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// One [`Problem`] that says why the file cannot be read and what to do.
    pub fn read(path: &Path) -> Result<Self, Problems> {
        let file = path.display().to_string();
        let unreadable = |found: String, expected: &str| {
            Problems(vec![Problem {
                file: file.clone(),
                line: 0,
                column: 0,
                key: String::new(),
                found,
                expected: expected.to_owned(),
                nearest: None,
            }])
        };
        let bytes = std::fs::read(path).map_err(|error| {
            unreadable(
                format!("cannot be read: {error}"),
                "expected a TOML file that this user may read; name another one with --config",
            )
        })?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            unreadable(format!("byte {at} is not UTF-8"), "expected UTF-8 text")
        })?;
        Ok(Self { file, text })
    }

    /// A document from text, named `file` in its problems.
    #[must_use]
    pub fn from_text(file: &str, text: &str) -> Self {
        Self {
            file: file.to_owned(),
            text: text.to_owned(),
        }
    }

    /// Parses the text and lets `take` read the root table. Problems that `take` reports, keys
    /// that it did not ask for, and syntax errors come back together.
    ///
    /// # Errors
    /// Every mistake of the file, in the order of their places. `take` may return `None` only if
    /// it reported why.
    pub fn parse<T>(
        &self,
        take: impl FnOnce(&mut Section<'_>) -> Option<T>,
    ) -> Result<T, Problems> {
        let places = Places {
            file: &self.file,
            text: &self.text,
            problems: RefCell::default(),
        };
        let (table, errors) = DeTable::parse_recoverable(&self.text);
        for error in &errors {
            places.report(
                error.span(),
                String::new(),
                error.message().to_owned(),
                String::new(),
            );
        }
        let taken = {
            let mut root = Section::root(&places, table.get_ref());
            let taken = take(&mut root);
            root.finish();
            taken
        };
        let mut problems = places.problems.into_inner();
        match taken {
            Some(value) if problems.is_empty() => Ok(value),
            _ => {
                problems.sort_by_key(|(at, _)| *at);
                Err(Problems(
                    problems.into_iter().map(|(_, problem)| problem).collect(),
                ))
            }
        }
    }
}

impl Places<'_> {
    /// Notes a mistake at `span` of the text (the start of the file when unknown).
    pub(super) fn report(
        &self,
        span: Option<Range<usize>>,
        key: String,
        found: String,
        expected: String,
    ) {
        self.report_near(span, key, found, expected, None);
    }

    /// Notes a mistake and the nearest valid spelling.
    pub(super) fn report_near(
        &self,
        span: Option<Range<usize>>,
        key: String,
        found: String,
        expected: String,
        nearest: Option<String>,
    ) {
        let start = span.map_or(0, |span| span.start);
        let (line, column) = line_and_column(self.text, start);
        let file = self.file.to_owned();
        let problem = Problem {
            file,
            line,
            column,
            key,
            found,
            expected,
            nearest,
        };
        self.problems.borrow_mut().push((start, problem));
    }
}

/// Line and column, both from 1, of the byte at `offset`.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}
