//! Conditions on JSON messages: `{ ($.status >= 500) && ($.path = "/api/*") }`.
//!
//! Source: CloudWatch Logs user guide, "Using filter patterns to match terms in JSON log events".
//! A message that is not a JSON object never matches, and neither does a comparison with a member
//! that is not there.

use std::cmp::Ordering;

use serde_json::Value as Json;

/// A condition, ready to be matched.
#[derive(Debug)]
pub(in crate::logs) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Test(Vec<Step>, Test),
}

/// One step of a selector: `.name` or `[3]`.
#[derive(Debug)]
pub(in crate::logs) enum Step {
    Member(String),
    Index(usize),
}

/// What a member is tested for.
#[derive(Debug)]
pub(in crate::logs) enum Test {
    Number(Comparison, f64),
    Text { equal: bool, pattern: String },
    True,
    False,
    Null,
    Absent,
}

/// How numbers are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::logs) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Parentheses deeper than this are refused: the parser must not use up its stack.
const DEPTH_MAX: usize = 32;

impl Condition {
    /// Reads `{ … }`.
    pub(in crate::logs) fn parse(text: &str) -> Result<Self, String> {
        let inner = text
            .strip_prefix('{')
            .and_then(|text| text.trim_end().strip_suffix('}'))
            .ok_or("a condition on JSON stands between { and }")?;
        let mut reader = Reader { rest: inner };
        let condition = reader.any(0)?;
        reader.space();
        if reader.rest.is_empty() {
            Ok(condition)
        } else {
            Err(format!("did not expect {:?}", reader.rest))
        }
    }

    /// Whether the message is a JSON object that keeps the condition.
    pub(in crate::logs) fn matches(&self, message: &str) -> bool {
        message.trim_start().starts_with('{')
            && serde_json::from_str(message).is_ok_and(|json| self.holds(&json))
    }

    fn holds(&self, json: &Json) -> bool {
        match self {
            Self::Any(conditions) => conditions.iter().any(|condition| condition.holds(json)),
            Self::All(conditions) => conditions.iter().all(|condition| condition.holds(json)),
            Self::Test(path, test) => test.holds(select(json, path)),
        }
    }
}

impl Test {
    fn holds(&self, found: Option<&Json>) -> bool {
        let Some(found) = found else {
            return matches!(self, Self::Absent);
        };
        match self {
            Self::Number(comparison, wanted) => match found.as_f64() {
                Some(number) => comparison.holds(number.partial_cmp(wanted)),
                None => *comparison == Comparison::NotEqual,
            },
            Self::Text { equal, pattern } => {
                found.as_str().is_some_and(|text| glob(pattern, text)) == *equal
            }
            Self::True => found.as_bool() == Some(true),
            Self::False => found.as_bool() == Some(false),
            Self::Null => found.is_null(),
            Self::Absent => false,
        }
    }
}

impl Comparison {
    fn holds(self, order: Option<Ordering>) -> bool {
        match self {
            Self::Equal => order == Some(Ordering::Equal),
            Self::NotEqual => order != Some(Ordering::Equal),
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => order.is_some_and(Ordering::is_le),
            Self::Greater => order == Some(Ordering::Greater),
            Self::GreaterOrEqual => order.is_some_and(Ordering::is_ge),
        }
    }
}

fn select<'a>(json: &'a Json, path: &[Step]) -> Option<&'a Json> {
    path.iter().try_fold(json, |held, step| match step {
        Step::Member(name) => held.get(name),
        Step::Index(index) => held.get(index),
    })
}

/// Whether `text` fits `pattern`, in which `*` stands for any text.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Reads a condition from the front of a text.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn any(&mut self, depth: usize) -> Result<Condition, String> {
        let mut conditions = vec![self.all(depth)?];
        while self.take("||") {
            conditions.push(self.all(depth)?);
        }
        Ok(Condition::Any(conditions))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, String> {
        let mut conditions = vec![self.one(depth)?];
        while self.take("&&") {
            conditions.push(self.one(depth)?);
        }
        Ok(Condition::All(conditions))
    }

    fn one(&mut self, depth: usize) -> Result<Condition, String> {
        if depth > DEPTH_MAX {
            return Err("parentheses are nested too deeply".to_owned());
        }
        if self.take("(") {
            let condition = self.any(depth + 1)?;
            return if self.take(")") {
                Ok(condition)
            } else {
                Err("a parenthesis is not closed".to_owned())
            };
        }
        let path = self.selector()?;
        let test = self.test()?;
        Ok(Condition::Test(path, test))
    }

    fn selector(&mut self) -> Result<Vec<Step>, String> {
        if !self.take("$") {
            return Err(format!(
                "expected a selector such as $.name at {:?}",
                self.rest
            ));
        }
        let mut path = Vec::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix('.') {
                self.rest = rest;
                let ends =
                    |letter: char| letter.is_whitespace() || ".[]()=!<>&|\"".contains(letter);
                let name = self.until(ends);
                if name.is_empty() {
                    return Err("a selector lacks a name after its dot".to_owned());
                }
                path.push(Step::Member(name.to_owned()));
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                let (index, after) = rest.split_once(']').ok_or("a bracket is not closed")?;
                self.rest = after;
                path.push(match index.trim().strip_prefix('"') {
                    Some(name) => Step::Member(name.trim_end_matches('"').to_owned()),
                    None => {
                        Step::Index(index.trim().parse().map_err(|_| {
                            format!("an index must be a whole number, not {index:?}")
                        })?)
                    }
                });
            } else {
                return Ok(path);
            }
        }
    }

    fn test(&mut self) -> Result<Test, String> {
        for (words, test) in [
            ("IS TRUE", Test::True),
            ("IS FALSE", Test::False),
            ("IS NULL", Test::Null),
            ("NOT EXISTS", Test::Absent),
        ] {
            if words.split(' ').all(|word| self.rest_has(word)) && self.take_words(words) {
                return Ok(test);
            }
        }
        let comparison = [
            ("!=", Comparison::NotEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<=", Comparison::LessOrEqual),
            ("=", Comparison::Equal),
            (">", Comparison::Greater),
            ("<", Comparison::Less),
        ]
        .into_iter()
        .find(|(sign, _)| self.take(sign))
        .map(|(_, comparison)| comparison)
        .ok_or_else(|| format!("expected a comparison at {:?}", self.rest))?;
        self.space();
        let (value, is_quoted) = self.value()?;
        match (value.parse::<f64>(), comparison) {
            (Ok(number), _) if !is_quoted => Ok(Test::Number(comparison, number)),
            (_, Comparison::Equal | Comparison::NotEqual) => Ok(Test::Text {
                equal: comparison == Comparison::Equal,
                pattern: value,
            }),
            _ => Err(format!("{value:?} is not a number and cannot be ordered")),
        }
    }

    /// A value and whether it was quoted.
    fn value(&mut self) -> Result<(String, bool), String> {
        if let Some(rest) = self.rest.strip_prefix('"') {
            let mut text = String::new();
            let mut letters = rest.chars();
            loop {
                match letters.next() {
                    Some('"') => break,
                    Some('\\') => text.extend(letters.next()),
                    Some(letter) => text.push(letter),
                    None => return Err("a quotation mark is not closed".to_owned()),
                }
            }
            self.rest = letters.as_str();
            return Ok((text, true));
        }
        let value = self.until(|letter| letter.is_whitespace() || "()&|".contains(letter));
        if value.is_empty() {
            return Err("a comparison lacks its value".to_owned());
        }
        Ok((value.to_owned(), false))
    }

    fn until(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, sign: &str) -> bool {
        self.space();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn rest_has(&self, word: &str) -> bool {
        self.rest.contains(word)
    }

    /// Takes the words one after the other, or none of them.
    fn take_words(&mut self, words: &str) -> bool {
        let start = self.rest;
        let taken = words.split(' ').all(|word| self.take(word));
        if !taken {
            self.rest = start;
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = r#"{"status":404,"path":"/api/users","ok":false,"gone":null,
        "user":{"name":"ada","ips":["10.0.0.1","10.0.0.2"]},"lat":4998.5,"note":"5"}"#;

    #[test]
    fn conditions_follow_the_user_guide() {
        for (pattern, expected) in [
            ("{ $.status = 404 }", true),
            ("{ $.status != 404 }", false),
            ("{ $.status > 403 && $.status < 405 }", true),
            ("{ $.lat >= 4998.5 }", true),
            ("{ $.lat > 4998.5 }", false),
            ("{ $.lat <= 1e3 }", false),
            ("{ $.path = \"/api/*\" }", true),
            ("{ $.path = \"*/users\" }", true),
            ("{ $.path = \"/api\" }", false),
            ("{ $.user.name = ada }", true),
            ("{ $.user.name != \"ada\" }", false),
            ("{ $.user.ips[1] = \"10.0.0.2\" }", true),
            ("{ $.user[\"name\"] = \"a*a\" }", true),
            ("{ $.ok IS FALSE }", true),
            ("{ $.ok IS TRUE }", false),
            ("{ $.gone IS NULL }", true),
            ("{ $.missing NOT EXISTS }", true),
            ("{ $.status NOT EXISTS }", false),
            ("{ $.missing = 1 }", false),
            ("{ $.missing != 1 }", false),
            ("{ $.note = 5 }", false),
            (
                "{ ($.status = 1) || ($.user.name = \"ada\" && $.ok IS FALSE) }",
                true,
            ),
            (
                "{ ($.status = 1 || $.status = 404) && $.ok IS TRUE }",
                false,
            ),
        ] {
            let condition = Condition::parse(pattern).expect(pattern);
            assert_eq!(condition.matches(MESSAGE), expected, "{pattern}");
        }
    }

    #[test]
    fn a_message_that_is_not_json_never_matches() {
        let condition = Condition::parse("{ $.a NOT EXISTS }").expect("valid");
        for message in ["plain", "{ broken", "[1]", ""] {
            assert!(!condition.matches(message), "{message}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        let pattern = format!("{{ {}$.a = 1{} }}", "(".repeat(500), ")".repeat(500));
        assert!(Condition::parse(&pattern).is_err());
    }
}
