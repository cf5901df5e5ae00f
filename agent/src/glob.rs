//! Patterns of paths and names, matched in the same way everywhere in the agent.
//!
//! A pattern is split at its slashes, so that a search needs to look only where a match can be, and
//! is compared with bytes: a name that is not UTF-8 matches as any other does. `*` and `?` stay
//! inside a directory and need no dot for a leading dot, `[…]` is one character of a set, `**`
//! between slashes is any number of directories, `{a,b}` is either. Nothing escapes: `[*]` is a
//! star. Nothing here looks at a disk but [`walk`], which is given one.

pub(crate) mod walk;
mod wild;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use wild::Wild;

/// Patterns that one with braces may stand for. Each is looked for on its own.
const ALTERNATIVES_MAX: usize = 256;

/// Why a pattern cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at {at}")]
pub struct BadGlob {
    /// What is wrong.
    pub what: &'static str,
    /// The character it was found at, counted from zero.
    pub at: usize,
}

/// A pattern of paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathGlob {
    alternatives: Vec<Vec<Part>>,
    /// Whether it has a slash; one without is meant for the last name of a path.
    whole: bool,
}

/// What stands between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// This name.
    Name(Vec<u8>),
    /// Any name that fits.
    Wild(Wild),
    /// Any number of directories.
    Directories,
}

/// A pattern of names without structure: `*` is anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameGlob(Vec<Wild>);

/// A character of a pattern and where it stood before braces were written out.
type Placed = (usize, char);

impl PathGlob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// A bracket or brace that is not closed, a range that ends before it begins, a `**` that is
    /// not alone between slashes, or braces that stand for too many patterns.
    pub(crate) fn new(text: &str) -> Result<Self, BadGlob> {
        let alternatives = alternatives(text)?
            .iter()
            .map(|text| parts(text))
            .collect::<Result<_, _>>()?;
        let whole = text.contains('/');
        Ok(Self {
            alternatives,
            whole,
        })
    }

    /// The only path that fits, if the pattern is one.
    pub(crate) fn literal(&self) -> Option<PathBuf> {
        let [parts] = self.alternatives.as_slice() else {
            return None;
        };
        let mut path = PathBuf::from("/");
        for part in parts {
            let Part::Name(name) = part else { return None };
            path.push(OsStr::from_bytes(name));
        }
        Some(path)
    }

    /// The patterns that it stands for, each as what lies between its slashes.
    pub(crate) fn into_alternatives(self) -> Vec<Vec<Part>> {
        self.alternatives
    }

    /// Whether a path fits, or its last name if the pattern has no slash.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        let bytes = if self.whole {
            path.as_os_str()
        } else {
            path.file_name().unwrap_or_default()
        };
        let names = bytes.as_bytes().split(|byte| *byte == b'/');
        let names = names.filter(|name| !name.is_empty());
        self.alternatives
            .iter()
            .any(|parts| fit(parts, names.clone()))
    }
}

impl Part {
    /// Whether a name fits. Any name is a directory of `**`.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Name(own) => own == name,
            Self::Wild(wild) => wild.matches(name),
            Self::Directories => true,
        }
    }
}

impl NameGlob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// As for paths; `**` is as good as `*` here.
    pub(crate) fn new(text: &str) -> Result<Self, BadGlob> {
        let alternatives = alternatives(text)?;
        let wilds = alternatives.iter().map(|text| Wild::new(text));
        Ok(Self(wilds.collect::<Result<_, _>>()?))
    }

    /// Whether a name fits.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.0.iter().any(|wild| wild.matches(name.as_bytes()))
    }
}

fn fit<'a>(parts: &[Part], mut names: impl Iterator<Item = &'a [u8]> + Clone) -> bool {
    let Some((part, rest)) = parts.split_first() else {
        return names.next().is_none();
    };
    if *part == Part::Directories {
        return loop {
            if fit(rest, names.clone()) {
                break true;
            }
            if names.next().is_none() {
                break false;
            }
        };
    }
    names.next().is_some_and(|name| part.matches(name)) && fit(rest, names)
}

/// What lies between the slashes.
fn parts(text: &[Placed]) -> Result<Vec<Part>, BadGlob> {
    let mut parts = Vec::new();
    for text in text.split(|(_, char)| *char == '/') {
        let Some((at, _)) = text.first().copied() else {
            continue;
        };
        if text.iter().all(|(_, char)| *char == '*') && text.len() == 2 {
            if parts.last() != Some(&Part::Directories) {
                parts.push(Part::Directories);
            }
            continue;
        }
        let wild = Wild::new(text)?;
        if wild.repeats_star() {
            let what = "`**` must stand alone between slashes, found a name with it";
            return Err(BadGlob { what, at });
        }
        parts.push(match wild.literal() {
            Some(name) => Part::Name(name),
            None => Part::Wild(wild),
        });
    }
    // Everything below a directory is files in any number of directories.
    if parts.last() == Some(&Part::Directories) {
        parts.push(Part::Wild(Wild::anything()));
    }
    Ok(parts)
}

/// Writes out braces.
fn alternatives(text: &str) -> Result<Vec<Vec<Placed>>, BadGlob> {
    let mut waiting = vec![text.chars().enumerate().collect::<Vec<_>>()];
    let mut written = Vec::new();
    while let Some(text) = waiting.pop() {
        let Some((open, bounds)) = first_braces(&text)? else {
            written.push(text);
            continue;
        };
        let close = bounds.last().copied().unwrap_or(open);
        let (before, after) = (text.get(..open), text.get(close + 1..));
        let starts = std::iter::once(open).chain(bounds.iter().copied());
        let choices = starts.zip(bounds.iter().copied());
        let choices: Vec<_> = choices.map(|(from, to)| text.get(from + 1..to)).collect();
        if waiting.len() + written.len() + choices.len() > ALTERNATIVES_MAX {
            let what = "the braces stand for more than 256 patterns";
            let at = text.get(open).map_or(0, |(at, _)| *at);
            return Err(BadGlob { what, at });
        }
        for choice in choices.into_iter().rev() {
            let whole = [before, choice, after].into_iter().flatten();
            waiting.push(whole.flatten().copied().collect());
        }
    }
    Ok(written)
}

/// Where the first brace opens, and where its choices end: at commas and at the closing brace.
fn first_braces(text: &[Placed]) -> Result<Option<(usize, Vec<usize>)>, BadGlob> {
    let (mut depth, mut open, mut bounds) = (0_usize, 0, Vec::new());
    let mut index = 0;
    while let Some((at, char)) = text.get(index).copied() {
        match char {
            '[' => index = wild::class_end(text, index).unwrap_or(index),
            '{' => {
                if depth == 0 {
                    open = index;
                }
                depth += 1;
            }
            ',' if depth == 1 => bounds.push(index),
            '}' if depth == 0 => {
                let what = "`}` without `{`";
                return Err(BadGlob { what, at });
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    bounds.push(index);
                    return Ok(Some((open, bounds)));
                }
            }
            _ => {}
        }
        index += 1;
    }
    if depth > 0 {
        let what = "`{` that is never closed";
        let at = text.get(open).map_or(0, |(at, _)| *at);
        return Err(BadGlob { what, at });
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stays_inside_directories_unless_it_says_otherwise() {
        let check = |glob: &str, path: &str, fits: bool| {
            let glob_read = PathGlob::new(glob).unwrap();
            assert_eq!(glob_read.matches(Path::new(path)), fits, "{glob} {path}");
        };
        check("/v/*.log", "/v/a.log", true);
        check("/v/*.log", "/v/.a.log", true);
        check("/v/*.log", "/v/w/a.log", false);
        check("/v/?.log", "/v/é.log", true);
        check("/v/?.log", "/v/ab.log", false);
        check("/v/**/a.log", "/v/a.log", true);
        check("/v/**/a.log", "/v/w/x/a.log", true);
        check("/v/**/a.log", "/v/w/b.log", false);
        check("/v/**", "/v/w/x", true);
        check("/v/**", "/v", false);
        check("/**/l/**/*.log", "/a/l/b/l/x.log", true);
        check("/v/{a,b{1,2}}/x", "/v/b2/x", true);
        check("/v/{a,b{1,2}}/x", "/v/b/x", false);
        check("/v/{a/b,c}.log", "/v/a/b.log", true);
        check("/v/[{]a[}].log", "/v/{a}.log", true);
        check("*.gz", "/any/where.gz", true);
        check("*.gz", "/any.gz/where", false);
        check("/v//a", "/v/a", true);
    }

    #[test]
    fn a_name_that_is_not_utf8_matches_as_bytes_do() {
        let path = PathBuf::from(OsStr::from_bytes(b"/v/\xff-1\xe9.log"));
        for (glob, fits) in [
            ("/v/*.log", true),
            ("/v/?-1?.log", true),
            ("/v/a*.log", false),
        ] {
            assert_eq!(PathGlob::new(glob).unwrap().matches(&path), fits, "{glob}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let check = |glob: &str, what: &str, at: usize| {
            let error = PathGlob::new(glob).unwrap_err();
            assert!(
                error.what.contains(what) && error.at == at,
                "{glob}: {error}"
            );
        };
        check("/v/[ab", "never closed", 3);
        check("/v/{a,b", "never closed", 3);
        check("/v/a}", "without", 4);
        check("/v/a[z-a]", "ends before it begins", 5);
        check("/v/a**", "alone", 3);
        check("/v/{x,y[}", "never closed", 7);
        check(&format!("/{}", "{a,b}".repeat(9)), "more than 256", 41);
    }

    #[test]
    fn only_a_plain_path_is_literal() {
        let literal = |glob: &str| PathGlob::new(glob).unwrap().literal();
        assert_eq!(literal("/v/a.log"), Some(PathBuf::from("/v/a.log")));
        for glob in ["/v/*", "/v/{a,b}", "/**/a", "/v/[ab]"] {
            assert_eq!(literal(glob), None, "{glob}");
        }
        assert_eq!(literal("/v/[*]"), Some(PathBuf::from("/v/*")));
    }

    proptest::proptest! {
        #[test]
        fn ascii_patterns_match_as_those_of_another_implementation(
            glob in "/(\\*\\*/)?[ab*?]{1,3}(/\\*\\*)?/[ab?*]{1,3}(/(\\[!a\\]|\\{a,b\\})b?)?",
            path in "(/[ab]{1,3}){1,5}",
        ) {
            let Ok(own) = PathGlob::new(&glob) else { return Ok(()) };
            let other = globset::GlobBuilder::new(&glob).literal_separator(true).build().unwrap();
            let other = other.compile_matcher().is_match(&path);
            proptest::prop_assert_eq!(own.matches(Path::new(&path)), other, "{} {}", glob, path);
        }
    }
}
