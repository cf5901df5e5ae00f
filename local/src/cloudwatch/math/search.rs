//! SEARCH: which metrics a text such as `{Namespace,Dimension} MetricName="x" web` finds.
//!
//! A schema in braces asks for exactly these dimensions. Words and texts in quotes follow, each
//! alone or as `Name=…`, joined by AND (also unsaid), OR, NOT and parentheses. A word finds what
//! contains it, a text in quotes what equals it; upper and lower case are the same.
//! Source: CloudWatch user guide, "CloudWatch search expression syntax".

use super::super::store::MetricId;

/// A search, read.
#[derive(Debug, PartialEq)]
pub(super) struct Search {
    /// The namespace and the names of the dimensions, when there is a schema.
    schema: Option<(String, Vec<String>)>,
    wanted: Wanted,
}

#[derive(Debug, PartialEq)]
enum Wanted {
    All(Vec<Wanted>),
    Any(Vec<Wanted>),
    Not(Box<Wanted>),
    Term {
        /// The name before `=`; empty for any.
        field: String,
        text: String,
        exact: bool,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Equals,
    Word(String),
    Quoted(String),
}

impl Search {
    /// Reads a search.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (schema, rest) = match text.strip_prefix('{').map(|rest| rest.split_once('}')) {
            None => (None, text),
            Some(None) => return Err("'}' is missing in SEARCH".to_owned()),
            Some(Some((schema, rest))) => {
                let mut names = schema
                    .split(',')
                    .map(|name| name.trim().trim_matches('"').to_owned());
                let namespace = names.next().unwrap_or_default();
                let mut dimensions: Vec<_> = names.collect();
                dimensions.sort();
                (Some((namespace, dimensions)), rest)
            }
        };
        let tokens = tokens(rest)?;
        let mut reader = Reader {
            tokens: &tokens,
            field: String::new(),
        };
        let wanted = reader.any()?;
        if !reader.tokens.is_empty() {
            return Err("unexpected ')' in SEARCH".to_owned());
        }
        Ok(Self { schema, wanted })
    }

    /// The namespace of the schema.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.schema
            .as_ref()
            .map(|(namespace, _)| namespace.as_str())
    }

    /// Whether the metric is found.
    pub(super) fn finds(&self, id: &MetricId) -> bool {
        let fits = self.schema.as_ref().is_none_or(|(namespace, names)| {
            id.namespace == *namespace
                && id.dimensions.iter().map(|(name, _)| name).eq(names.iter())
        });
        fits && self.wanted.finds(id)
    }
}

impl Wanted {
    fn finds(&self, id: &MetricId) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.finds(id)),
            Self::Any(parts) => parts.iter().any(|part| part.finds(id)),
            Self::Not(part) => !part.finds(id),
            Self::Term { field, text, exact } => {
                let hit = |found: &str| {
                    let found = found.to_lowercase();
                    if *exact {
                        found == *text
                    } else {
                        found.contains(text.as_str())
                    }
                };
                let mut dimensions = id.dimensions.iter();
                match field.as_str() {
                    "" => {
                        hit(&id.namespace)
                            || hit(&id.name)
                            || dimensions.any(|(name, value)| hit(name) || hit(value))
                    }
                    "metricname" => hit(&id.name),
                    "namespace" => hit(&id.namespace),
                    other => {
                        dimensions.any(|(name, value)| name.to_lowercase() == other && hit(value))
                    }
                }
            }
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let one = rest.get(first.len_utf8()..).unwrap_or_default();
        rest = match first {
            '(' => {
                tokens.push(Token::Open);
                one
            }
            ')' => {
                tokens.push(Token::Close);
                one
            }
            '=' => {
                tokens.push(Token::Equals);
                one
            }
            '"' => {
                let (quoted, rest) = one.split_once('"').ok_or("'\"' is missing in SEARCH")?;
                tokens.push(Token::Quoted(quoted.to_lowercase()));
                rest
            }
            _ => {
                let ends = |letter: char| letter.is_whitespace() || "()=\"".contains(letter);
                let (word, rest) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
                tokens.push(Token::Word(word.to_owned()));
                rest
            }
        }
        .trim_start();
    }
    Ok(tokens)
}

struct Reader<'a> {
    tokens: &'a [Token],
    /// The name before `=` of the parentheses that are being read.
    field: String,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.clone())
    }

    fn is_next(&self, word: &str) -> bool {
        matches!(self.tokens.first(), Some(Token::Word(next)) if next == word)
    }

    fn any(&mut self) -> Result<Wanted, String> {
        let mut parts = vec![self.all()?];
        while self.is_next("OR") {
            self.next();
            parts.push(self.all()?);
        }
        Ok(Wanted::Any(parts))
    }

    fn all(&mut self) -> Result<Wanted, String> {
        let mut parts = Vec::new();
        while !matches!(self.tokens.first(), None | Some(Token::Close)) && !self.is_next("OR") {
            if self.is_next("AND") {
                self.next();
                continue;
            }
            parts.push(self.one()?);
        }
        Ok(Wanted::All(parts))
    }

    fn one(&mut self) -> Result<Wanted, String> {
        match self.next() {
            Some(Token::Word(word)) if word == "NOT" => Ok(Wanted::Not(Box::new(self.one()?))),
            Some(Token::Open) => {
                let inner = self.any()?;
                match self.next() {
                    Some(Token::Close) => Ok(inner),
                    _ => Err("')' is missing in SEARCH".to_owned()),
                }
            }
            Some(Token::Word(word) | Token::Quoted(word))
                if self.tokens.first() == Some(&Token::Equals) =>
            {
                self.next();
                let outer = std::mem::replace(&mut self.field, word.to_lowercase());
                let inner = self.one();
                self.field = outer;
                inner
            }
            Some(Token::Word(word)) => Ok(self.term(word.to_lowercase(), false)),
            Some(Token::Quoted(text)) => Ok(self.term(text, true)),
            Some(Token::Equals | Token::Close) => Err("unexpected '=' in SEARCH".to_owned()),
            None => Err("SEARCH ends too early".to_owned()),
        }
    }

    fn term(&self, text: String, exact: bool) -> Wanted {
        Wanted::Term {
            field: self.field.clone(),
            text,
            exact,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str, dimensions: &[(&str, &str)]) -> MetricId {
        MetricId {
            namespace: "Plimsoll/Host".to_owned(),
            name: name.to_owned(),
            dimensions: dimensions
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn searches_find_by_schema_and_by_terms() {
        let cpu = id(
            "cpu_used_percent",
            &[("AutoScalingGroupName", "web-blue"), ("InstanceId", "i-1")],
        );
        for (text, expected) in [
            ("{Plimsoll/Host,InstanceId,AutoScalingGroupName}", true),
            ("{Plimsoll/Host,InstanceId}", false),
            (
                "{Plimsoll/Host,InstanceId,AutoScalingGroupName} MetricName=\"cpu_used_percent\"",
                true,
            ),
            ("MetricName=\"cpu_used\"", false),
            ("MetricName=cpu_used", true),
            ("web NOT green", true),
            ("web NOT blue", false),
            ("(green OR blue) AND i-1", true),
            ("AutoScalingGroupName=(\"web-green\" OR \"web-blue\")", true),
            ("AutoScalingGroupName=(\"web-green\" OR \"i-1\")", false),
            ("CPU_USED_PERCENT", true),
        ] {
            assert_eq!(Search::read(text).unwrap().finds(&cpu), expected, "{text}");
        }
    }

    #[test]
    fn broken_searches_are_refused() {
        for text in ["{A,b", "\"a", "(a", "a)", "=a", "a=", "NOT"] {
            assert!(Search::read(text).is_err(), "{text}");
        }
    }
}
