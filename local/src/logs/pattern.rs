//! Filter patterns: which messages a FilterLogEvents call wants.
//!
//! Terms, phrases, exclusions, alternatives and conditions on JSON are read as the CloudWatch Logs
//! user guide describes them ("Filter pattern syntax"). Patterns for space-delimited fields
//! (`[a, b]`) and regular expressions (`%…%`) are refused rather than half understood.

mod condition;

use condition::Condition;

/// A pattern, ready to be matched.
#[derive(Debug)]
pub(super) enum Pattern {
    /// The empty pattern: every message.
    All,
    /// Words and phrases.
    Terms(Terms),
    /// A condition on a message that is a JSON object.
    Json(Condition),
}

/// Words and phrases; case matters.
#[derive(Debug, Default)]
pub(super) struct Terms {
    all: Vec<Term>,
    any: Vec<Term>,
    none: Vec<Term>,
}

/// One word, which must stand alone, or one phrase, which may stand anywhere.
#[derive(Debug)]
struct Term {
    text: String,
    word: bool,
}

impl Pattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::All);
        }
        if text.starts_with('{') {
            return Condition::parse(text).map(Self::Json);
        }
        if text.starts_with('[') {
            return Err("space-delimited patterns are not served here".to_owned());
        }
        if text.starts_with('%') {
            return Err("regular expressions are not served here".to_owned());
        }
        Terms::parse(text).map(Self::Terms)
    }

    /// Whether the message is wanted.
    pub(super) fn matches(&self, message: &str) -> bool {
        match self {
            Self::All => true,
            Self::Terms(terms) => terms.matches(message),
            Self::Json(condition) => condition.matches(message),
        }
    }
}

impl Terms {
    fn parse(text: &str) -> Result<Self, String> {
        let mut terms = Self::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let (list, after_sign) = match first {
                '-' => (&mut terms.none, rest.strip_prefix('-')),
                '?' => (&mut terms.any, rest.strip_prefix('?')),
                _ => (&mut terms.all, Some(rest)),
            };
            let after_sign = after_sign.unwrap_or_default();
            let (term, after) = Term::parse(after_sign)?;
            list.push(term);
            rest = after.trim_start();
        }
        Ok(terms)
    }

    /// Alternatives count only when nothing else is asked for: combined with other terms,
    /// CloudWatch Logs ignores them.
    fn matches(&self, message: &str) -> bool {
        let alternatives_only = self.all.is_empty() && self.none.is_empty();
        self.all.iter().all(|term| term.is_in(message))
            && !self.none.iter().any(|term| term.is_in(message))
            && (!alternatives_only || self.any.iter().any(|term| term.is_in(message)))
    }
}

impl Term {
    /// Reads one term off the front; gives it and what follows.
    fn parse(text: &str) -> Result<(Self, &str), String> {
        if let Some(phrase) = text.strip_prefix('"') {
            let (phrase, rest) = phrase
                .split_once('"')
                .ok_or_else(|| "a quotation mark is not closed".to_owned())?;
            let text = phrase.to_owned();
            return Ok((Self { text, word: false }, rest));
        }
        let end = text
            .find(|letter: char| letter.is_whitespace() || letter == '"')
            .unwrap_or(text.len());
        let (term, rest) = text.split_at(end);
        if term.is_empty() {
            return Err("a sign stands without its term".to_owned());
        }
        let text = term.to_owned();
        Ok((Self { text, word: true }, rest))
    }

    fn is_in(&self, message: &str) -> bool {
        if !self.word {
            return message.contains(&self.text);
        }
        message.match_indices(&self.text).any(|(start, found)| {
            let before = message
                .get(..start)
                .and_then(|text| text.chars().next_back());
            let after = message
                .get(start + found.len()..)
                .and_then(|text| text.chars().next());
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    }
}

/// Letters that make up a word; all others separate words.
fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, message: &str, expected: bool) {
        let parsed = Pattern::parse(pattern).expect(pattern);
        assert_eq!(parsed.matches(message), expected, "{pattern} on {message}");
    }

    #[test]
    fn terms_phrases_exclusions_and_alternatives_are_told_apart() {
        for (pattern, message, expected) in [
            ("", "anything", true),
            ("ERROR", "[ERROR 400] BAD REQUEST", true),
            ("ERROR", "no error here", false),
            ("AUTHORIZED", "[ERROR 401] UNAUTHORIZED REQUEST", false),
            ("AUTHORIZED", "UNAUTHORIZED then AUTHORIZED", true),
            ("ERROR REQUEST", "[ERROR 401] UNAUTHORIZED REQUEST", true),
            ("ERROR ABSENT", "[ERROR 401] UNAUTHORIZED REQUEST", false),
            ("?ERROR ?WARN", "WARN disk", true),
            ("?ERROR ?WARN", "INFO disk", false),
            ("?ERROR INFO", "INFO disk", true),
            ("ERROR -retry", "ERROR once", true),
            ("ERROR -retry", "ERROR retry", false),
            ("-retry", "something else", true),
            ("\"BAD REQUEST\"", "[ERROR 400] BAD REQUEST", true),
            ("\"REQUEST BAD\"", "[ERROR 400] BAD REQUEST", false),
            ("-\"BAD REQUEST\"", "[ERROR 400] BAD REQUEST", false),
            ("?\"seq=7 \" ?\"seq=8 \"", "line seq=8 end", true),
            ("Grüße", "viele Grüße!", true),
        ] {
            check(pattern, message, expected);
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for pattern in [
            "\"open",
            "-",
            "[a, b]",
            "%x%",
            "{ $.a = }",
            "{ $.a = 1",
            "{ a = 1 }",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
