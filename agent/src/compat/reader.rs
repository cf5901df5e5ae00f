//! Takes the keys of an object by type and range, and notes what became of each.
//!
//! A key that was taken is noted as taken; whoever uses it may say more. What is left at the end is
//! an unknown key: a mistake where the amazon-cloudwatch-agent's schema is closed, a warning where
//! it is open and the key silently does nothing.

use std::ops::RangeInclusive;

use plimsoll_core::config::nearest;

use super::json::{Node, Value};
use super::report::{At, Notes, below};

/// A value with the key that it was found at.
#[derive(Clone, Debug)]
pub(super) struct Item<T> {
    pub(super) at: At,
    pub(super) value: T,
}

/// An object of which keys are taken.
pub(super) struct Reader<'a> {
    pub(super) notes: &'a Notes,
    pub(super) at: At,
    members: Vec<(&'a str, &'a Node)>,
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    /// Begins with an object; anything else is a mistake.
    pub(super) fn open(notes: &'a Notes, at: At, node: &'a Node) -> Option<Self> {
        let Value::Object(members) = &node.value else {
            notes.wrong(&at, &found(node), "expected an object", None);
            return None;
        };
        Some(Self {
            notes,
            at,
            members: members.iter().map(|(name, node)| (&**name, node)).collect(),
            known: Vec::new(),
        })
    }

    /// Whether the key is there and was not taken.
    pub(super) fn has(&self, key: &str) -> bool {
        self.members.iter().any(|(name, _)| *name == key)
    }

    /// Takes whatever stands at a key. Nothing is noted.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Item<&'a Node>> {
        self.known.push(key);
        self.pick(key)
    }

    fn pick(&mut self, key: &str) -> Option<Item<&'a Node>> {
        let index = self.members.iter().position(|(name, _)| *name == key)?;
        let (name, node) = self.members.remove(index);
        let at = At::new(below(&self.at.pointer, name), node);
        Some(Item { at, value: node })
    }

    /// Everything that is left, by name. Nothing is noted.
    pub(super) fn rest(&mut self) -> Vec<(&'a str, Item<&'a Node>)> {
        let names: Vec<&str> = self.members.iter().map(|(name, _)| *name).collect();
        let take = |name: &'a str| Some((name, self.pick(name)?));
        names.into_iter().filter_map(take).collect()
    }

    /// A text with so many characters.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        length: RangeInclusive<usize>,
    ) -> Option<Item<String>> {
        let item = self.take(key)?;
        text(self.notes, item, &length)
    }

    /// One of a few words.
    pub(super) fn choice(&mut self, key: &'static str, words: &[&str]) -> Option<Item<String>> {
        let item = self.text(key, 0..=usize::MAX)?;
        if words.contains(&item.value.as_str()) {
            return Some(item);
        }
        let found = format!("found \"{}\"", item.value);
        let expected = format!("expected one of: {}", words.join(", "));
        let near = nearest(&item.value, words.iter().copied());
        self.notes.wrong(&item.at, &found, &expected, near);
        None
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<Item<bool>> {
        let Item { at, value: node } = self.take(key)?;
        let Value::Bool(value) = node.value else {
            self.notes
                .wrong(&at, &found(node), "expected true or false", None);
            return None;
        };
        self.notes.taken(&at);
        Some(Item { at, value })
    }

    /// A whole number.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<Item<i64>> {
        let Item { at, value: node } = self.take(key)?;
        let value = match &node.value {
            Value::Number(text) => whole(text),
            _ => None,
        };
        let Some(value) = value.filter(|value| range.contains(value)) else {
            let (first, last) = range.into_inner();
            let expected = format!("expected a whole number, {first} to {last}");
            self.notes.wrong(&at, &found(node), &expected, None);
            return None;
        };
        self.notes.taken(&at);
        Some(Item { at, value })
    }

    /// The items of a list of so many. Nothing is noted for the items.
    pub(super) fn list(
        &mut self,
        key: &'static str,
        count: RangeInclusive<usize>,
    ) -> Option<Item<Vec<Item<&'a Node>>>> {
        let item = self.take(key)?;
        list(self.notes, item, &count)
    }

    /// A list of texts that is noted as one key.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        count: RangeInclusive<usize>,
        length: RangeInclusive<usize>,
    ) -> Option<Item<Vec<String>>> {
        let items = self.list(key, count)?;
        self.notes.taken(&items.at);
        let texts = items.value.into_iter();
        let texts = texts.filter_map(|item| plain(self.notes, &item, &length));
        Some(Item {
            at: items.at,
            value: texts.collect(),
        })
    }

    /// An object of texts, at most so many. Nothing is noted for the members.
    pub(super) fn table(&mut self, key: &'static str, most: usize) -> Vec<Item<(String, String)>> {
        let Some(mut reader) = self.object(key) else {
            return Vec::new();
        };
        let members = reader.rest();
        if members.len() > most {
            let found = format!("found {} of them", members.len());
            let expected = format!("expected at most {most}");
            self.notes.wrong(&reader.at, &found, &expected, None);
        }
        let members = members.into_iter().filter_map(|(name, item)| {
            let value = plain(self.notes, &item, &(1..=1024))?;
            Some(Item {
                at: item.at,
                value: (name.to_owned(), value),
            })
        });
        members.collect()
    }

    /// An object.
    pub(super) fn object(&mut self, key: &'static str) -> Option<Self> {
        let item = self.take(key)?;
        Self::open(self.notes, item.at, item.value)
    }

    /// A key that has no effect here, and needs none.
    pub(super) fn ignore(&mut self, key: &'static str, why: &str) {
        if let Some(item) = self.take(key) {
            self.notes.ignored(&item.at, why);
        }
    }

    /// A key, with all that is below it, that does nothing here.
    pub(super) fn refuse(&mut self, key: &'static str, why: &str) {
        if let Some(item) = self.take(key) {
            self.notes.not_supported(&item.at, why);
        }
    }

    /// A key without which the amazon-cloudwatch-agent does not start.
    pub(super) fn missing(&self, key: &str, expected: &str) {
        let found = format!("found no {key}");
        self.notes.wrong(&self.at, &found, expected, None);
    }

    /// The end of an object in which the amazon-cloudwatch-agent takes no other keys.
    pub(super) fn closed(mut self) {
        for (name, item) in self.rest() {
            let expected = format!("expected one of: {}", self.known.join(", "));
            let near = nearest(name, self.known.iter().copied());
            self.notes.wrong(&item.at, "unknown key", &expected, near);
        }
    }

    /// The end of an object in which it takes other keys and does nothing with them.
    pub(super) fn open_ended(mut self) {
        for (name, item) in self.rest() {
            let mut why = "unknown key; the amazon-cloudwatch-agent ignores it, too".to_owned();
            if let Some(near) = nearest(name, self.known.iter().copied()) {
                why = format!("{why}; did you mean `{near}`?");
            }
            self.notes.not_supported(&item.at, &why);
        }
    }
}

/// What was found, for a message.
pub(super) fn found(node: &Node) -> String {
    format!("found {}", node.value.kind())
}

/// The items of a list of so many.
pub(super) fn list<'a>(
    notes: &Notes,
    item: Item<&'a Node>,
    count: &RangeInclusive<usize>,
) -> Option<Item<Vec<Item<&'a Node>>>> {
    let Item { at, value: node } = item;
    let Value::List(items) = &node.value else {
        notes.wrong(&at, &found(node), "expected a list", None);
        return None;
    };
    if !count.contains(&items.len()) {
        let found = format!("found {} items", items.len());
        let (least, most) = (count.start(), count.end());
        let expected = format!("expected {least} to {most}");
        notes.wrong(&at, &found, &expected, None);
        return None;
    }
    let items = items.iter().enumerate().map(|(index, item)| Item {
        at: At::new(below(&at.pointer, &index.to_string()), item),
        value: item,
    });
    Some(Item {
        value: items.collect(),
        at,
    })
}

/// A text with so many characters, noted as taken.
fn text(notes: &Notes, item: Item<&Node>, length: &RangeInclusive<usize>) -> Option<Item<String>> {
    let value = plain(notes, &item, length)?;
    notes.taken(&item.at);
    Some(Item { at: item.at, value })
}

/// A text with so many characters. Nothing is noted unless it is none.
pub(super) fn plain(
    notes: &Notes,
    item: &Item<&Node>,
    length: &RangeInclusive<usize>,
) -> Option<String> {
    let Value::Text(text) = &item.value.value else {
        notes.wrong(&item.at, &found(item.value), "expected a text", None);
        return None;
    };
    let characters = text.chars().count();
    if !length.contains(&characters) {
        let found = format!("found {characters} characters");
        let expected = format!("expected {} to {}", length.start(), length.end());
        notes.wrong(&item.at, &found, &expected, None);
        return None;
    }
    Some(text.clone())
}

/// A whole number, also as `10.0`. Source: JSON schema draft 4, `integer`.
fn whole(text: &str) -> Option<i64> {
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if zeros.bytes().all(|digit| digit == b'0') => digits,
        Some(_) => return None,
        None => text,
    };
    digits.parse().ok()
}
