//! Which events a target sends. What is left out here is counted, and its bytes are settled by
//! their neighbours.

use regex::bytes::{RegexSet, RegexSetBuilder};

/// What a list of patterns may take when compiled. The crate's own limit for one pattern, for each
/// list; a longer list is a mistake that is told when the configuration is read.
const COMPILED_BYTES_MAX: usize = 10 << 20;

/// Patterns an event must match, and patterns it must not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// One of them must match, if there are any.
    pub(crate) include: Option<RegexSet>,
    /// All of them must match.
    pub(crate) require: Option<RegexSet>,
    /// None of them may match.
    pub(crate) exclude: Option<RegexSet>,
}

impl Filter {
    /// Whether an event is sent.
    pub(crate) fn admits(&self, text: &[u8]) -> bool {
        let matches = |set: &RegexSet| set.is_match(text);
        let all = |set: &RegexSet| set.matches(text).matched_all();
        self.include.as_ref().is_none_or(matches)
            && self.require.as_ref().is_none_or(all)
            && !self.exclude.as_ref().is_some_and(matches)
    }

    /// Whether everything is sent.
    pub(crate) fn is_empty(&self) -> bool {
        self.include.is_none() && self.require.is_none() && self.exclude.is_none()
    }
}

/// Compiles a list; `None` for an empty one.
///
/// # Errors
/// When a pattern is not valid or all of them together are too large.
pub(crate) fn compile(patterns: &[String]) -> Result<Option<RegexSet>, regex::Error> {
    if patterns.is_empty() {
        return Ok(None);
    }
    RegexSetBuilder::new(patterns)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_needs_one_pattern_of_include_and_none_of_exclude() {
        let check = |include: &[&str], exclude: &[&str], text: &[u8], sent: bool| {
            let owned = |list: &[&str]| list.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
            let filter = Filter {
                include: compile(&owned(include)).unwrap(),
                exclude: compile(&owned(exclude)).unwrap(),
                require: None,
            };
            assert_eq!(
                filter.admits(text),
                sent,
                "{include:?} {exclude:?} {text:?}"
            );
        };
        check(&[], &[], b"any", true);
        check(&["ERROR", "WARN"], &[], b"a WARN b", true);
        check(&["ERROR", "WARN"], &[], b"a INFO b", false);
        check(&[], &["health"], b"GET /health", false);
        check(&["GET"], &["health"], b"GET /health", false);
        check(&["GET"], &["health"], b"GET /cart", true);
        check(&["(?m)^Caused by"], &[], b"first\nCaused by: x", true);
        check(&[r"\xff"], &[], b"a\xffb", false);
        check(&[r"(?-u:\xff)"], &[], b"a\xffb", true);
    }

    #[test]
    fn an_event_needs_all_patterns_that_are_required() {
        let filter = Filter {
            require: compile(&["GET".to_owned(), " 5\\d\\d ".to_owned()]).unwrap(),
            ..Filter::default()
        };
        for (text, sent) in [
            ("GET / 503 ", true),
            ("GET / 200 ", false),
            ("PUT / 503 ", false),
        ] {
            assert_eq!(filter.admits(text.as_bytes()), sent, "{text}");
        }
        assert!(!filter.is_empty());
    }
}
