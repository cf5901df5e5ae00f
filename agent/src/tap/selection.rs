//! What a tap looks at: a stage, a source, a pattern. Pure.

use std::path::Path;

use plimsoll_core::error::chain;
use regex::bytes::{Regex, RegexBuilder};

use crate::glob::PathGlob;

/// The longest pattern, and what it may become in memory: it is built while the agent runs.
const FILTER_BYTES_MAX: usize = 1024;
const COMPILED_BYTES_MAX: usize = 256 * 1024;
/// The source of entries of the journal, as their records name it.
const JOURNAL: &str = "journal";

/// Where records pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Events of files and of the journal, as they will be sent.
    Logs,
    /// Events that CloudWatch Logs refused, with the reason.
    Refused,
    /// Calls that carry logs and metrics, with their outcome.
    Calls,
    /// Datums of calls that were made.
    Metrics,
    /// Signals on their ticks, withheld ones too.
    Signals,
}

/// What may be looked at besides a path.
pub(crate) const WORDS: [(&str, Stage); 6] = [
    ("logs", Stage::Logs),
    (JOURNAL, Stage::Logs),
    ("refused", Stage::Refused),
    ("calls", Stage::Calls),
    ("metrics", Stage::Metrics),
    ("signals", Stage::Signals),
];

impl Stage {
    pub(super) fn bit(self) -> u8 {
        1 << (self as u8)
    }
}

/// What a tap looks at.
#[derive(Debug)]
pub(crate) struct Selection {
    pub(super) stage: Stage,
    source: Option<Source>,
    filter: Option<Regex>,
}

/// A file, or those that a pattern fits. A name with brackets in it is also just a name.
#[derive(Debug)]
struct Source {
    text: String,
    glob: Option<PathGlob>,
}

impl Selection {
    /// Reads what to look at (a word, a path or a glob) and a pattern.
    ///
    /// # Errors
    /// What is wrong, and what may be given.
    pub(crate) fn new(of: &str, filter: Option<&str>) -> Result<Self, String> {
        let word = WORDS.iter().find(|(word, _)| *word == of);
        let (stage, source) = match word {
            Some((JOURNAL, stage)) => (*stage, Some(Source::new(of))),
            Some((_, stage)) => (*stage, None),
            None if of.starts_with('/') => (Stage::Logs, Some(Source::new(of))),
            None => {
                let words = WORDS.map(|(word, _)| word).join(", ");
                return Err(format!(
                    "`{of}` cannot be tapped; there are: {words}, and paths or globs of files that \
                     begin with /"
                ));
            }
        };
        Ok(Self {
            stage,
            source,
            filter: filter.map(pattern).transpose()?,
        })
    }

    /// Whether a source is looked at.
    pub(super) fn is_of(&self, path: &Path) -> bool {
        let source = self.source.as_ref();
        source.is_none_or(|source| {
            let glob = source.glob.as_ref();
            path == Path::new(&source.text) || glob.is_some_and(|glob| glob.matches(path))
        })
    }

    /// Whether the text of a record is looked for.
    pub(super) fn admits(&self, text: &[u8]) -> bool {
        let filter = self.filter.as_ref();
        filter.is_none_or(|filter| filter.is_match(text))
    }
}

impl Source {
    fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            glob: PathGlob::new(text).ok(),
        }
    }
}

fn pattern(text: &str) -> Result<Regex, String> {
    if text.len() > FILTER_BYTES_MAX {
        return Err(format!("a filter has at most {FILTER_BYTES_MAX} bytes"));
    }
    RegexBuilder::new(text)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|error| {
            format!(
                "the filter is no regular expression: {}; put \\ before characters that stand for \
                 themselves",
                chain(&error)
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_a_path_or_a_glob_says_what_is_looked_at() {
        let check = |of: &str, path: &str, expected: bool| {
            let selection = Selection::new(of, None).unwrap();
            assert_eq!(selection.is_of(Path::new(path)), expected, "{of} {path}");
        };
        check("logs", "/var/log/a", true);
        check("logs", "journal", true);
        check("journal", "journal", true);
        check("journal", "/var/log/a", false);
        check("/var/log/a", "/var/log/a", true);
        check("/var/log/a", "/var/log/ab", false);
        check("/var/log/*", "/var/log/a", true);
        check("/var/log/a[1]", "/var/log/a[1]", true);
        let unknown = Selection::new("log", None).unwrap_err();
        assert!(unknown.contains("logs, journal, refused, calls, metrics, signals"));
    }

    #[test]
    fn a_filter_is_a_bounded_regular_expression() {
        let selection = Selection::new("logs", Some("(?i)error|fail")).unwrap();
        assert!(selection.admits(b"an ERROR \xff") && !selection.admits(b"fine"));
        for (filter, part) in [
            ("a(", "no regular expression"),
            (&*"x".repeat(2000), "at most 1024"),
            (r"\w{999}{99}", "no regular expression"),
        ] {
            let told = Selection::new("logs", Some(filter)).unwrap_err();
            assert!(told.contains(part), "{told}");
        }
    }
}
