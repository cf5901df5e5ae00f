//! One value of a rule, and whether a value of an event fits it.

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::encode::DASHES;
use super::modifier::{Flags, Kind, Modifiers, Order, TimePart};
use crate::detect::field::{Event, Path, as_text};
use crate::detect::yaml::{Node, Tree};

/// Bytes of a compiled regular expression, so that a rule cannot take the machine. Matching takes time
/// linear in the text, whatever the expression is.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// What a value must be.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Exact { text: String, cased: bool },
    Prefix { text: String, cased: bool },
    Suffix { text: String, cased: bool },
    Contains { text: String, cased: bool },
    Pattern(Regex),
    Number(Order, f64),
    Time(TimePart, Order, f64),
    Network(Network),
    Field { path: Path, ends: Ends, cased: bool },
    AnyOf(Vec<Test>),
    Exists(bool),
    Null,
}

/// Which ends of a text are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    before: bool,
    after: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Ends {
    const BOTH: Self = Self {
        before: true,
        after: true,
    };

    fn of(kind: Option<Kind>) -> Self {
        Self {
            before: matches!(kind, Some(Kind::Contains | Kind::Suffix)),
            after: matches!(kind, Some(Kind::Contains | Kind::Prefix)),
        }
    }

    fn holds(self, text: &str, expected: &str) -> bool {
        match (self.before, self.after) {
            (false, false) => text == expected,
            (false, true) => text.starts_with(expected),
            (true, false) => text.ends_with(expected),
            (true, true) => text.contains(expected),
        }
    }
}

impl Test {
    /// Reads a value.
    ///
    /// # Errors
    /// What the modifiers expect instead.
    pub(super) fn parse(node: &Node, modifiers: &Modifiers) -> Result<Self, String> {
        let Tree::Scalar(value) = &node.tree else {
            return Err("a value must be text, a number, a boolean or null".to_owned());
        };
        let cased = modifiers.cased;
        let text = as_text(value).into_owned();
        let ends = Ends::of(modifiers.kind);
        if modifiers.field {
            let path = Path::new(&text);
            return Ok(Self::Field { path, ends, cased });
        }
        if let Some(part) = modifiers.part {
            let order = match modifiers.kind {
                Some(Kind::Number(order)) => order,
                _ => Order::Equal,
            };
            return number(value).map(|bound| Self::Time(part, order, bound));
        }
        if let Some(encoding) = modifiers.encoding {
            // What was encoded is found with its case, and anywhere unless it is a whole.
            let forms = encoding.forms(&text).into_iter();
            let ends = if encoding.is_whole() {
                ends
            } else {
                Ends::BOTH
            };
            return Ok(Self::AnyOf(
                forms.map(|form| literal(form, true, ends)).collect(),
            ));
        }
        match modifiers.kind {
            None if value.is_null() => Ok(Self::Null),
            None | Some(Kind::Contains | Kind::Prefix | Kind::Suffix) => {
                with_wildcards(&text, cased, ends, modifiers.windash)
            }
            Some(Kind::Regex) => regex(&text, modifiers.flags).map(Self::Pattern),
            Some(Kind::Network) => network(&text).map(Self::Network),
            Some(Kind::Exists) => match value {
                Value::Bool(exists) => Ok(Self::Exists(*exists)),
                _ => Err("`exists` takes true or false".to_owned()),
            },
            Some(Kind::Number(order)) => number(value).map(|bound| Self::Number(order, bound)),
        }
    }

    /// Reads a word that is looked for in the whole record.
    ///
    /// # Errors
    /// A word that is none, or modifiers that need a field.
    pub(super) fn word(node: &Node, modifiers: &Modifiers) -> Result<Self, String> {
        let kind = modifiers.kind.unwrap_or(Kind::Contains);
        if !matches!(kind, Kind::Contains | Kind::Regex) || modifiers.field || modifiers.not {
            return Err("this modifier needs a field".to_owned());
        }
        let modifiers = Modifiers {
            kind: Some(kind),
            ..modifiers.clone()
        };
        Self::parse(node, &modifiers)
    }

    /// Whether the text has it.
    pub(super) fn is_in(&self, text: &str) -> bool {
        match self {
            Self::AnyOf(tests) => tests.iter().any(|test| test.is_in(text)),
            _ => self.fits_text(text),
        }
    }

    /// Whether the field of the event is so.
    pub(super) fn holds(&self, path: &Path, event: Event<'_>) -> bool {
        match self {
            Self::Null => !path.any(event, &mut |value| !value.is_null()),
            Self::Exists(exists) => path.any(event, &mut |_| true) == *exists,
            Self::Field {
                path: other,
                ends,
                cased,
            } => path.any(event, &mut |value| {
                let text = in_case(&as_text(value), *cased);
                !value.is_null()
                    && other.any(event, &mut |expected| {
                        let expected_text = in_case(&as_text(expected), *cased);
                        !expected.is_null() && ends.holds(&text, &expected_text)
                    })
            }),
            _ => path.any(event, &mut |value| !value.is_null() && self.fits(value)),
        }
    }

    fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Number(order, bound) => {
                let number = value.as_f64();
                let number = number.or_else(|| as_text(value).parse().ok());
                number.is_some_and(|number| order.holds(number, *bound))
            }
            Self::AnyOf(tests) => tests.iter().any(|test| test.fits(value)),
            _ => self.fits_text(&as_text(value)),
        }
    }

    fn fits_text(&self, text: &str) -> bool {
        let same = |cased: bool, expected: &str, test: fn(&str, &str) -> bool| {
            if cased {
                test(text, expected)
            } else {
                test(&text.to_lowercase(), expected)
            }
        };
        match self {
            Self::Exact {
                text: expected,
                cased,
            } => same(*cased, expected, |a, b| a == b),
            Self::Prefix {
                text: expected,
                cased,
            } => same(*cased, expected, |a, b| a.starts_with(b)),
            Self::Suffix {
                text: expected,
                cased,
            } => same(*cased, expected, |a, b| a.ends_with(b)),
            Self::Contains {
                text: expected,
                cased,
            } => same(*cased, expected, |a, b| a.contains(b)),
            Self::Pattern(pattern) => pattern.is_match(text),
            Self::Network(network) => text.parse().is_ok_and(|address| network.contains(address)),
            Self::Time(part, order, bound) => {
                let time: Option<Timestamp> = text.parse().ok();
                time.is_some_and(|time| order.holds(part.of(time), *bound))
            }
            Self::Number(..)
            | Self::AnyOf(_)
            | Self::Field { .. }
            | Self::Exists(_)
            | Self::Null => false,
        }
    }
}

impl Order {
    fn holds(self, number: f64, bound: f64) -> bool {
        match self {
            Self::Equal => (number - bound).abs() < f64::EPSILON,
            Self::Less => number < bound,
            Self::LessOrEqual => number <= bound,
            Self::Greater => number > bound,
            Self::GreaterOrEqual => number >= bound,
        }
    }
}

impl TimePart {
    fn of(self, time: Timestamp) -> f64 {
        let time = TimeZone::UTC.to_datetime(time);
        match self {
            Self::Minute => time.minute().into(),
            Self::Hour => time.hour().into(),
            Self::Day => time.day().into(),
            Self::Week => time.date().iso_week_date().week().into(),
            Self::Month => time.month().into(),
            Self::Year => time.year().into(),
        }
    }
}

fn number(value: &Value) -> Result<f64, String> {
    let number = value.as_f64();
    number.ok_or_else(|| "a comparison takes a number".to_owned())
}

fn in_case(text: &str, cased: bool) -> String {
    if cased {
        text.to_owned()
    } else {
        text.to_lowercase()
    }
}

/// A text without wildcards.
fn literal(text: String, cased: bool, ends: Ends) -> Test {
    let text = if cased { text } else { text.to_lowercase() };
    match (ends.before, ends.after) {
        (false, false) => Test::Exact { text, cased },
        (false, true) => Test::Prefix { text, cased },
        (true, false) => Test::Suffix { text, cased },
        (true, true) => Test::Contains { text, cased },
    }
}

/// A plain value, as the cheapest test that does the same.
fn with_wildcards(text: &str, cased: bool, ends: Ends, windash: bool) -> Result<Test, String> {
    let mut plain = String::new();
    let mut pattern = String::new();
    let mut is_plain = true;
    let mut before = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied();
        let next_is = |test: fn(char) -> bool| next.is_some_and(test);
        match letter {
            '\\' if next_is(|next| "*?\\".contains(next)) => {
                let escaped = letters.next().unwrap_or('\\');
                plain.push(escaped);
                pattern.push_str(&regex::escape(&escaped.to_string()));
            }
            '*' => {
                is_plain = false;
                pattern.push_str(".*");
            }
            '?' => {
                is_plain = false;
                pattern.push('.');
            }
            // A flag: nothing of a word before it, and a word behind it.
            '-' | '/' if windash && !before.is_some_and(is_word) && next_is(is_word) => {
                is_plain = false;
                pattern.push_str(DASHES);
            }
            other => {
                plain.push(other);
                pattern.push_str(&regex::escape(&other.to_string()));
            }
        }
        before = Some(letter);
    }
    if is_plain {
        return Ok(literal(plain, cased, ends));
    }
    let open = |is_open: bool| if is_open { ".*" } else { "" };
    let whole = format!("^{}{pattern}{}$", open(ends.before), open(ends.after));
    let flags = Flags {
        ignore_case: !cased,
        dot_all: true,
        ..Flags::default()
    };
    regex(&whole, flags).map(Test::Pattern)
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

fn regex(pattern: &str, flags: Flags) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(flags.ignore_case)
        .multi_line(flags.multi_line)
        .dot_matches_new_line(flags.dot_all)
        .size_limit(REGEX_BYTES_MAX)
        .build()
        .map_err(|error| {
            let why = error.to_string();
            let last = why.lines().last().unwrap_or_default().trim().to_owned();
            format!("the regular expression cannot be used: {last}")
        })
}

fn network(text: &str) -> Result<Network, String> {
    let wrong = || format!("`{text}` is not a network such as 10.0.0.0/8");
    let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let prefix: u32 = prefix.parse().map_err(|_| wrong())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    if prefix > longest {
        return Err(wrong());
    }
    Ok(Network { address, prefix })
}

impl Network {
    fn contains(self, address: IpAddr) -> bool {
        let differ = match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.checked_shr(32 - self.prefix).unwrap_or(0) != 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let differ = network.to_bits() ^ address.to_bits();
                differ.checked_shr(128 - self.prefix).unwrap_or(0) != 0
            }
            _ => true,
        };
        !differ
    }
}
