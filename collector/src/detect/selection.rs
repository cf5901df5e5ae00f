//! One selection of a rule: tests on fields, with Sigma's modifiers.
//!
//! Texts compare without regard to case unless `cased`; `*` and `?` in a plain value are wildcards,
//! escaped by a backslash; `re` is a regular expression with regard to case. `null` holds when the
//! field is absent or null. A field with several values (a list) holds when one of them does. A
//! text test on an object looks at its JSON.
//! Source: Sigma specification 2.1.0, "Detection" and "Modifiers"; the modifiers that AWS rules
//! do not use (`base64`, `windash`, `expand`, …) are refused by name.

use std::net::IpAddr;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::field::{Event, Path, as_text};
use super::yaml::{Entry, Node, Tree};

/// Bytes of a compiled regular expression, so that a rule cannot take the machine.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// What must hold.
#[derive(Clone, Debug)]
pub(super) enum Selection {
    /// All of the tests.
    All(Vec<FieldTest>),
    /// One of the selections.
    Any(Vec<Selection>),
}

/// One test on one field.
#[derive(Clone, Debug)]
pub(super) struct FieldTest {
    path: Path,
    tests: Vec<Test>,
    /// Whether all of the tests must hold instead of one.
    all: bool,
}

#[derive(Clone, Debug)]
enum Test {
    Exact { text: String, cased: bool },
    Prefix { text: String, cased: bool },
    Suffix { text: String, cased: bool },
    Contains { text: String, cased: bool },
    Pattern(Regex),
    Number(Order, f64),
    Network(Network),
    Exists(bool),
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    address: IpAddr,
    prefix: u32,
}

/// What is wrong, under which key (below the selection) and in which line.
pub(super) type Wrong = (u64, String, String);

impl Selection {
    /// Reads a selection; every mistake goes into `wrong`.
    pub(super) fn parse(node: &Node, wrong: &mut Vec<Wrong>) -> Self {
        match &node.tree {
            Tree::Map(entries) => Self::All(
                entries
                    .iter()
                    .filter_map(|entry| {
                        FieldTest::parse(entry)
                            .map_err(|(line, what)| wrong.push((line, entry.key.clone(), what)))
                            .ok()
                    })
                    .collect(),
            ),
            Tree::List(items) => {
                Self::Any(items.iter().map(|item| Self::parse(item, wrong)).collect())
            }
            Tree::Scalar(_) => {
                let what = "a selection is a map of fields or a list of such maps; a bare word \
                            (keyword) is not supported";
                wrong.push((node.line, String::new(), what.to_owned()));
                Self::Any(Vec::new())
            }
        }
    }

    /// Whether it holds for the event.
    #[must_use]
    pub(super) fn holds(&self, event: Event<'_>) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds(event)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(event)),
        }
    }

    /// Whether it names a field below `each`.
    pub(super) fn uses_member(node: &Node) -> bool {
        match &node.tree {
            Tree::Map(entries) => entries.iter().any(|entry| entry.key.starts_with("each.")),
            Tree::List(items) => items.iter().any(Self::uses_member),
            Tree::Scalar(_) => false,
        }
    }
}

/// The modifiers of a field, read.
#[derive(Clone, Copy, Debug, Default)]
struct Modifiers {
    kind: Option<TestKind>,
    all: bool,
    cased: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TestKind {
    Contains,
    Prefix,
    Suffix,
    Regex,
    Network,
    Exists,
    Number(Order),
}

impl Modifiers {
    fn parse(names: std::str::Split<'_, char>) -> Result<Self, String> {
        let mut modifiers = Self::default();
        for name in names {
            let kind = match name {
                "all" => {
                    modifiers.all = true;
                    continue;
                }
                "cased" => {
                    modifiers.cased = true;
                    continue;
                }
                "contains" => TestKind::Contains,
                "startswith" => TestKind::Prefix,
                "endswith" => TestKind::Suffix,
                "re" => TestKind::Regex,
                "cidr" => TestKind::Network,
                "exists" => TestKind::Exists,
                "lt" => TestKind::Number(Order::Less),
                "lte" => TestKind::Number(Order::LessOrEqual),
                "gt" => TestKind::Number(Order::Greater),
                "gte" => TestKind::Number(Order::GreaterOrEqual),
                other => {
                    return Err(format!(
                        "the modifier `{other}` is not supported; there are: contains, \
                         startswith, endswith, re, cidr, exists, lt, lte, gt, gte, all, cased"
                    ));
                }
            };
            if modifiers.kind.replace(kind).is_some() {
                return Err("these modifiers cannot stand together".to_owned());
            }
        }
        Ok(modifiers)
    }
}

impl FieldTest {
    fn parse(entry: &Entry) -> Result<Self, (u64, String)> {
        let mut parts = entry.key.split('|');
        let name = parts.next().unwrap_or_default();
        let modifiers = Modifiers::parse(parts).map_err(|what| (entry.line, what))?;
        if name.is_empty() {
            let what = "a field name is missing; keywords are not supported";
            return Err((entry.line, what.to_owned()));
        }
        let single = std::slice::from_ref(&entry.node);
        let nodes = match &entry.node.tree {
            Tree::List(nodes) => nodes.as_slice(),
            Tree::Scalar(_) | Tree::Map(_) => single,
        };
        if nodes.is_empty() {
            return Err((entry.line, "an empty list can never hold".to_owned()));
        }
        let tests = nodes
            .iter()
            .map(|node| Test::parse(node, modifiers).map_err(|what| (node.line, what)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            path: Path::new(name),
            tests,
            all: modifiers.all,
        })
    }

    fn holds(&self, event: Event<'_>) -> bool {
        let mut holds = |test: &Test| test.holds(&self.path, event);
        if self.all {
            self.tests.iter().all(&mut holds)
        } else {
            self.tests.iter().any(&mut holds)
        }
    }
}

impl Test {
    fn parse(node: &Node, modifiers: Modifiers) -> Result<Self, String> {
        let Tree::Scalar(value) = &node.tree else {
            return Err("a value must be text, a number, a boolean or null".to_owned());
        };
        let cased = modifiers.cased;
        let text = as_text(value).into_owned();
        match modifiers.kind {
            None if value.is_null() => Ok(Self::Null),
            None => with_wildcards(&text, cased, "", ""),
            Some(TestKind::Contains) => with_wildcards(&text, cased, "*", "*"),
            Some(TestKind::Prefix) => with_wildcards(&text, cased, "", "*"),
            Some(TestKind::Suffix) => with_wildcards(&text, cased, "*", ""),
            Some(TestKind::Regex) => regex(&text, false).map(Self::Pattern),
            Some(TestKind::Network) => network(&text).map(Self::Network),
            Some(TestKind::Exists) => match value {
                Value::Bool(exists) => Ok(Self::Exists(*exists)),
                _ => Err("`exists` takes true or false".to_owned()),
            },
            Some(TestKind::Number(order)) => match value.as_f64() {
                Some(bound) => Ok(Self::Number(order, bound)),
                None => Err("a comparison takes a number".to_owned()),
            },
        }
    }

    fn holds(&self, path: &Path, event: Event<'_>) -> bool {
        match self {
            Self::Null => !path.any(event, &mut |value| !value.is_null()),
            Self::Exists(exists) => path.any(event, &mut |_| true) == *exists,
            _ => path.any(event, &mut |value| !value.is_null() && self.fits(value)),
        }
    }

    fn fits(&self, value: &Value) -> bool {
        let same = |cased: bool, text: &str, expected: &str, test: fn(&str, &str) -> bool| {
            if cased {
                test(text, expected)
            } else {
                test(&text.to_lowercase(), expected)
            }
        };
        let text = as_text(value);
        match self {
            Self::Exact {
                text: expected,
                cased,
            } => same(*cased, &text, expected, |a, b| a == b),
            Self::Prefix {
                text: expected,
                cased,
            } => same(*cased, &text, expected, |a, b| a.starts_with(b)),
            Self::Suffix {
                text: expected,
                cased,
            } => same(*cased, &text, expected, |a, b| a.ends_with(b)),
            Self::Contains {
                text: expected,
                cased,
            } => same(*cased, &text, expected, |a, b| a.contains(b)),
            Self::Pattern(pattern) => pattern.is_match(&text),
            Self::Network(network) => text.parse().is_ok_and(|address| network.contains(address)),
            Self::Number(order, bound) => {
                value
                    .as_f64()
                    .or_else(|| text.parse().ok())
                    .is_some_and(|number| match order {
                        Order::Less => number < *bound,
                        Order::LessOrEqual => number <= *bound,
                        Order::Greater => number > *bound,
                        Order::GreaterOrEqual => number >= *bound,
                    })
            }
            Self::Exists(_) | Self::Null => false,
        }
    }
}

/// A plain value, as the cheapest test that does the same. `before` and `after` are `*` where the
/// modifier leaves that end open.
fn with_wildcards(text: &str, cased: bool, before: &str, after: &str) -> Result<Test, String> {
    let mut literal = String::new();
    let mut pattern = String::new();
    let mut wild = false;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek().is_some_and(|next| "*?\\".contains(*next)) => {
                let escaped = letters.next().unwrap_or('\\');
                literal.push(escaped);
                pattern.push_str(&regex::escape(&escaped.to_string()));
            }
            '*' => {
                wild = true;
                pattern.push_str(".*");
            }
            '?' => {
                wild = true;
                pattern.push('.');
            }
            other => {
                literal.push(other);
                pattern.push_str(&regex::escape(&other.to_string()));
            }
        }
    }
    if wild {
        let open = |end: &str| if end.is_empty() { "" } else { ".*" };
        let whole = format!("(?s)^{}{pattern}{}$", open(before), open(after));
        return regex(&whole, !cased).map(Test::Pattern);
    }
    let text = if cased {
        literal
    } else {
        literal.to_lowercase()
    };
    Ok(match (before, after) {
        ("", "") => Test::Exact { text, cased },
        ("", _) => Test::Prefix { text, cased },
        (_, "") => Test::Suffix { text, cased },
        _ => Test::Contains { text, cased },
    })
}

fn regex(pattern: &str, ignore_case: bool) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn selection(yaml: &str) -> Result<Selection, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let selection = Selection::parse(&Node::parse("f", yaml).unwrap(), &mut wrong);
        if wrong.is_empty() {
            Ok(selection)
        } else {
            Err(wrong)
        }
    }

    #[track_caller]
    fn check(yaml: &str, expected: bool) {
        let record = json!({
            "name": "StopLogging", "n": 22, "text": "22", "yes": true, "nothing": null,
            "ip": "10.1.2.3", "ip6": "2001:db8::1", "bad_ip": "06.237.252.245",
            "object": {"inner": {"deep": "VALUE"}}, "list": [{"v": "a"}, {"v": "b"}],
            "star": "a*b", "path": "C:\\x", "empty": []
        });
        let event = Event {
            record: &record,
            member: None,
        };
        assert_eq!(selection(yaml).unwrap().holds(event), expected, "{yaml}");
    }

    #[test]
    fn fields_compare_as_sigma_says() {
        for (yaml, expected) in [
            ("name: stoplogging", true),
            ("name|cased: stoplogging", false),
            ("name: Stop", false),
            ("name: Stop*", true),
            ("name: S?opLogging", true),
            ("name: [StartLogging, StopLogging]", true),
            ("name|contains: plog", true),
            ("name|contains|all: [stop, logging]", true),
            ("name|contains|all: [stop, start]", false),
            ("name|startswith: stop", true),
            ("name|endswith: ging", true),
            ("name|endswith: gin", false),
            ("name|re: '^Stop(Logging|X)$'", true),
            ("name|re: '^stop'", false),
            ("{name: StopLogging, n: 22}", true),
            ("{name: StopLogging, n: 23}", false),
            ("[{name: X}, {n: 22}]", true),
            ("star: 'a\\*b'", true),
            ("star|contains: 'a\\*'", true),
            ("name: 'a\\*b'", false),
            ("path: 'c:\\x'", true),
        ] {
            check(yaml, expected);
        }
    }

    #[test]
    fn values_that_are_no_text_compare_too() {
        for (yaml, expected) in [
            ("n: 22", true),
            ("n: '22'", true),
            ("text: 22", true),
            ("yes: true", true),
            ("yes: false", false),
            ("nothing: null", true),
            ("absent: null", true),
            ("empty: null", true),
            ("name: null", false),
            ("nothing|exists: true", true),
            ("absent|exists: false", true),
            ("name|exists: false", false),
            ("n|gt: 21", true),
            ("n|gt: 22", false),
            ("n|gte: 22", true),
            ("text|lt: 23", true),
            ("n|lte: 21.5", false),
            ("name|gt: 1", false),
            ("object.inner.deep: value", true),
            ("object|contains: '\"deep\":\"value\"'", true),
            ("list.v: b", true),
            ("list.v|contains|all: [a, b]", true),
            ("ip|cidr: 10.0.0.0/8", true),
            ("ip|cidr: [192.168.0.0/16, 10.1.2.3/32]", true),
            ("ip|cidr: 10.0.0.0/16", false),
            ("ip|cidr: 0.0.0.0/0", true),
            ("ip6|cidr: 2001:db8::/32", true),
            ("ip6|cidr: 0.0.0.0/0", false),
            ("bad_ip|cidr: 0.0.0.0/0", false),
        ] {
            check(yaml, expected);
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_line_and_key() {
        for (yaml, line, key, part) in [
            ("a: 1\nname|windash: x", 2, "name|windash", "contains, "),
            (
                "name|contains|startswith: x",
                1,
                "name|contains|startswith",
                "together",
            ),
            ("name|re:\n  - '('", 2, "name|re", "regular expression"),
            ("ip|cidr: 10.0.0.0/33", 1, "ip|cidr", "10.0.0.0/33"),
            ("ip|cidr: ten", 1, "ip|cidr", "network"),
            ("a|exists: maybe", 1, "a|exists", "true or false"),
            ("a|gt: many", 1, "a|gt", "number"),
            ("a: []", 1, "a", "empty list"),
            ("a: {b: c}", 1, "a", "must be text"),
            ("'|all': x", 1, "|all", "field name"),
            ("[keyword]", 1, "", "keyword"),
        ] {
            let wrong = selection(yaml).unwrap_err();
            let (found_line, found_key, what) = &wrong[0];
            assert_eq!(
                (*found_line, found_key.as_str()),
                (line, key),
                "{yaml}: {what}"
            );
            assert!(what.contains(part), "{yaml}: {what}");
        }
    }
}
