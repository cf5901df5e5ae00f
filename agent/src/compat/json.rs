//! JSON of which every key and value knows the line that it stands on.
//!
//! `serde_json` reads the text and borrows each value as it is written; where that text begins in
//! the file is where the value stands. Nothing here knows what a key means.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Deeper nesting than any configuration has: the schema's deepest key is at eight.
const DEPTH_MAX: usize = 64;

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The file as the user named it.
    pub(super) file: Rc<str>,
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A value and where it stands; that of a member of an object is the place of its name.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What a node holds. Numbers keep their text, so that `10` and `10.0` stay different.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// In the order of the file.
    Object(Vec<(String, Node)>),
}

impl Value {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(text) => text.clone(),
            Self::Text(text) => format!("\"{text}\""),
            Self::List(items) if items.is_empty() => "an empty list".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Object(_) => "an object".to_owned(),
        }
    }
}

/// Two values are the same if they say the same, wherever they stand and in whatever order.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a), Value::Number(b)) | (Value::Text(a), Value::Text(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Object(a), Value::Object(b)) => {
                let same = |(name, node): &(String, Self)| {
                    let other = b.iter().find(|(other, _)| other == name);
                    other.is_some_and(|(_, other)| other == node)
                };
                a.len() == b.len() && a.iter().all(same)
            }
            _ => false,
        }
    }
}

/// What is wrong with a text that is not JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadJson {
    pub(super) place: Place,
    pub(super) why: String,
}

/// Reads a text. A name that an object has twice counts with its last value, as everywhere.
///
/// # Errors
/// When it is not JSON, or nested beyond all measure.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, BadJson> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let file = Rc::from(file);
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| BadJson {
        place: Place {
            file: Rc::clone(&file),
            line: error.line(),
            column: error.column(),
        },
        why: why(&error),
    })?;
    let lines = text.match_indices('\n').map(|(index, _)| index + 1);
    let reading = Reading {
        file,
        text,
        lines: std::iter::once(0).chain(lines).collect(),
    };
    reading.node(whole, whole, 0)
}

/// The reason without the place, which is told beside it.
fn why(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map(|(reason, _)| reason);
    reason.map_or(text.clone(), str::to_owned)
}

struct Reading<'a> {
    file: Rc<str>,
    text: &'a str,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl<'a> Reading<'a> {
    /// The value `raw`, which is told to stand where `named` does.
    fn node(&self, raw: &'a RawValue, named: &RawValue, depth: usize) -> Result<Node, BadJson> {
        let place = self.place(named);
        let bad = |why: String| BadJson {
            place: self.place(raw),
            why,
        };
        if depth > DEPTH_MAX {
            return Err(bad(format!("nested deeper than {DEPTH_MAX} levels")));
        }
        let read = |error: serde_json::Error| bad(why(&error));
        let text = raw.get();
        let value = match text.as_bytes().first() {
            Some(b'{') => {
                let members: Members<'a> = serde_json::from_str(text).map_err(read)?;
                let mut object: Vec<(String, Node)> = Vec::with_capacity(members.0.len());
                for (name, value) in members.0 {
                    let node = self.node(value, name, depth + 1)?;
                    let name: String = serde_json::from_str(name.get()).map_err(read)?;
                    object.retain(|(earlier, _)| *earlier != name);
                    object.push((name, node));
                }
                Value::Object(object)
            }
            Some(b'[') => {
                let items: Vec<&'a RawValue> = serde_json::from_str(text).map_err(read)?;
                let items = items.into_iter();
                let nodes = items.map(|item| self.node(item, item, depth + 1));
                Value::List(nodes.collect::<Result<_, _>>()?)
            }
            Some(b'"') => {
                let text: Cow<'_, str> = serde_json::from_str(text).map_err(read)?;
                Value::Text(text.into_owned())
            }
            Some(b't' | b'f') => Value::Bool(text == "true"),
            Some(b'n') => Value::Null,
            _ => Value::Number(text.to_owned()),
        };
        Ok(Node { place, value })
    }

    /// Every raw value borrows from the text, so the distance of the two is where it begins.
    fn place(&self, raw: &RawValue) -> Place {
        let start = raw.get().as_ptr().addr();
        let offset = start.saturating_sub(self.text.as_ptr().addr());
        let line = self.lines.partition_point(|begin| *begin <= offset);
        let begin = self.lines.get(line.saturating_sub(1)).copied();
        let before = begin.and_then(|begin| self.text.get(begin..offset));
        Place {
            file: Rc::clone(&self.file),
            line,
            column: before.map_or(1, |before| before.chars().count() + 1),
        }
    }
}

/// The members of an object, names and values as they are written.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Collect<'a> {
            type Value = Members<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member<'a>(node: &'a Node, name: &str) -> &'a Node {
        let Value::Object(members) = &node.value else {
            panic!("{node:?}");
        };
        &members.iter().find(|(found, _)| found == name).unwrap().1
    }

    #[test]
    fn every_key_knows_its_line_and_every_item_too() {
        let text = "\u{feff}{\n  \"a\": {\"b\": [1,\n \"x\\n\"]},\n  \"é\": true, \"c\": null\n}";
        let root = parse("a.json", text).unwrap();
        let b = member(member(&root, "a"), "b");
        assert_eq!((b.place.line, b.place.column), (2, 9));
        let Value::List(items) = &b.value else {
            panic!("{b:?}");
        };
        assert_eq!((items[1].place.line, items[1].place.column), (3, 2));
        assert!(matches!(&items[1].value, Value::Text(text) if text == "x\n"));
        let c = member(&root, "c");
        assert_eq!((c.place.line, c.place.column), (4, 14));
        assert_eq!(c.place.to_string(), "a.json:4");
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        let bad = parse("a.json", "{\n \"a\": trx\n}").unwrap_err();
        assert_eq!((bad.place.line, bad.why.as_str()), (2, "expected ident"));
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert!(parse("a.json", &deep).unwrap_err().why.contains("64"));
        assert!(parse("a.json", "").is_err());
    }

    #[test]
    fn of_two_members_with_one_name_the_last_one_counts() {
        let root = parse("a.json", r#"{"a": 1, "a": 2}"#).unwrap();
        assert!(matches!(&root.value, Value::Object(members) if members.len() == 1));
        assert!(matches!(&member(&root, "a").value, Value::Number(text) if text == "2"));
    }

    #[test]
    fn objects_are_the_same_in_any_order_and_place() {
        let one = parse("a.json", r#"{"a": [1, "x"], "b": {}}"#).unwrap();
        let other = parse("b.json", "{\n\"b\": {},\n\"a\": [1, \"x\"]}").unwrap();
        assert_eq!(one, other);
        assert_ne!(one, parse("c.json", r#"{"a": ["x", 1], "b": {}}"#).unwrap());
    }
}
