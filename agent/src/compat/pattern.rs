//! A regular expression as Go reads it (RE2) becomes one that means the same to us.
//!
//! Both are of one family. What differs: Go takes a brace that repeats nothing for a brace, and a
//! bracket inside of a class for a bracket. Source: Go's `regexp/syntax` and the documentation of
//! the crate `regex`.

use std::iter::Peekable;
use std::str::Chars;

use regex::bytes::Regex;

/// Translates a pattern.
///
/// # Errors
/// Why it is no pattern.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut written = String::with_capacity(pattern.len() + 8);
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => escape(&mut chars, &mut written),
            '[' => class(&mut chars, &mut written),
            '{' if written.is_empty() || !repeats(chars.clone()) => written.push_str("\\{"),
            c => written.push(c),
        }
    }
    match Regex::new(&written) {
        Ok(_) => Ok(written),
        Err(error) => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            Err(reason.trim_start_matches("error: ").to_owned())
        }
    }
}

/// What follows a backslash. Go's `\Q…\E` is text.
fn escape(chars: &mut Peekable<Chars<'_>>, written: &mut String) {
    match chars.next() {
        Some('Q') => {
            let rest: String = chars.clone().collect();
            let text = rest.split_once("\\E").map_or(&*rest, |(text, _)| text);
            written.push_str(&regex::escape(text));
            let taken = text.chars().count() + 2;
            chars.by_ref().take(taken).for_each(drop);
        }
        Some(c) => written.extend(['\\', c]),
        None => written.push('\\'),
    }
}

/// What is inside of brackets, behind the first one.
fn class(chars: &mut Peekable<Chars<'_>>, written: &mut String) {
    written.push('[');
    for first in ['^', ']'] {
        if chars.next_if_eq(&first).is_some() {
            written.push(first);
        }
    }
    while let Some(c) = chars.next() {
        match c {
            ']' => {
                written.push(c);
                return;
            }
            '\\' => {
                written.push(c);
                written.extend(chars.next());
            }
            '[' if chars.peek() == Some(&':') => {
                written.push(c);
                for c in chars.by_ref() {
                    written.push(c);
                    if c == ']' {
                        break;
                    }
                }
            }
            // They would be a class within the class, or an operation of two classes.
            '[' | '&' | '~' => written.extend(['\\', c]),
            '-' if chars.peek() == Some(&'-') => written.extend(['\\', c]),
            c => written.push(c),
        }
    }
}

/// Whether what follows a brace tells how often: `3}`, `3,}` or `3,5}`.
fn repeats(rest: Peekable<Chars<'_>>) -> bool {
    let inner: String = rest.take_while(|c| *c != '}').take(16).collect();
    let (least, most) = inner.split_once(',').unwrap_or((&inner, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_of_go_match_the_same_texts() {
        for (go, matching, other) in [
            (r#"^{"level":"#, r#"{"level":1}"#, "level"),
            (r"\d{4}-\d{2}", "2026-11", "26-11"),
            ("a{,2}", "a{,2}", "aa"),
            ("[[<]x", "[x", "x"),
            ("[^[]y", "ay", "[y"),
            ("[[:digit:]]+z", "12z", "z"),
            ("[]x]1", "]1", "1"),
            ("[a&&b]c", "&c", "c"),
            (r"\Qa.b(\E+c", "a.b((c", "axb(c"),
            (r"^[\S]", "x", " x"),
            (r"(?P<n>x)\{", "x{", "x"),
        ] {
            let written = translate(go).unwrap();
            let regex = Regex::new(&written).unwrap();
            assert!(regex.is_match(matching.as_bytes()), "{go} → {written}");
            assert!(!regex.is_match(other.as_bytes()), "{go} → {written}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told_in_one_line() {
        let why = translate("a(").unwrap_err();
        assert_eq!(why, "unclosed group");
    }
}
