//! One selection of a rule: tests on fields, with Sigma's modifiers.
//!
//! Texts compare without regard to case unless `cased`; `*` and `?` in a plain value are wildcards,
//! escaped by a backslash. `null` holds when the field is absent or null. A field with several values
//! (a list) holds when one of them does. A text test on an object looks at its JSON. Words without a
//! field (keywords) are looked for in the JSON of the whole record.
//! Source: Sigma specification 2.1.0, "Detection" and "Modifiers".

mod encode;
mod modifier;
mod test;
#[cfg(test)]
mod tests;

use std::cell::OnceCell;

use super::field::{Event, Path};
use super::yaml::{Entry, Node, Tree};
use modifier::Modifiers;
use test::Test;

/// What must hold.
#[derive(Clone, Debug)]
pub(super) enum Selection {
    /// All of the tests.
    All(Vec<FieldTest>),
    /// One of the selections.
    Any(Vec<Selection>),
    /// Words that the record must have anywhere.
    Words(Words),
}

/// Words without a field.
#[derive(Clone, Debug)]
pub(super) struct Words {
    tests: Vec<Test>,
    /// Whether all of them must be there instead of one.
    all: bool,
}

/// One test on one field.
#[derive(Clone, Debug)]
pub(super) struct FieldTest {
    path: Path,
    tests: Vec<Test>,
    /// Whether all of the tests must hold instead of one.
    all: bool,
    /// Whether the outcome is turned around.
    not: bool,
}

/// What is wrong, under which key (below the selection) and in which line.
pub(super) type Wrong = (u64, String, String);

impl Selection {
    /// Reads a selection; every mistake goes into `wrong`.
    pub(super) fn parse(node: &Node, wrong: &mut Vec<Wrong>) -> Self {
        match &node.tree {
            Tree::Map(entries) => match entries.as_slice() {
                [only] if only.key.split('|').next() == Some("") => Self::words(only, wrong),
                _ => Self::All(
                    entries
                        .iter()
                        .filter_map(|entry| note(FieldTest::parse(entry), &entry.key, wrong))
                        .collect(),
                ),
            },
            Tree::List(items) if items.iter().all(is_scalar) => {
                Self::words_of(items, &Modifiers::default(), "", wrong)
            }
            Tree::List(items) => {
                Self::Any(items.iter().map(|item| Self::parse(item, wrong)).collect())
            }
            Tree::Scalar(_) => {
                Self::words_of(std::slice::from_ref(node), &Modifiers::default(), "", wrong)
            }
        }
    }

    /// Words under a key without a field: `"|all": [one, other]`.
    fn words(entry: &Entry, wrong: &mut Vec<Wrong>) -> Self {
        let names = entry.key.split('|').skip(1);
        let read = Modifiers::parse(names).map_err(|what| (entry.line, what));
        let modifiers = note(read, &entry.key, wrong).unwrap_or_default();
        Self::words_of(values(&entry.node), &modifiers, &entry.key, wrong)
    }

    fn words_of(nodes: &[Node], modifiers: &Modifiers, key: &str, wrong: &mut Vec<Wrong>) -> Self {
        let all = modifiers.all;
        let tests = nodes.iter().filter_map(|node| {
            let read = Test::word(node, modifiers).map_err(|what| (node.line, what));
            note(read, key, wrong)
        });
        Self::Words(Words {
            tests: tests.collect(),
            all,
        })
    }

    /// Whether it holds for the event.
    #[must_use]
    pub(super) fn holds(&self, event: Event<'_>) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.holds(event)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(event)),
            Self::Words(Words { tests, all }) => {
                let text = OnceCell::new();
                let mut is_there =
                    |test: &Test| test.is_in(text.get_or_init(|| event.record.to_string()));
                if *all {
                    tests.iter().all(&mut is_there)
                } else {
                    tests.iter().any(&mut is_there)
                }
            }
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

impl FieldTest {
    fn parse(entry: &Entry) -> Result<Self, (u64, String)> {
        let mut parts = entry.key.split('|');
        let name = parts.next().unwrap_or_default();
        let modifiers = Modifiers::parse(parts).map_err(|what| (entry.line, what))?;
        if name.is_empty() {
            let what = "words without a field stand in a map of their own";
            return Err((entry.line, what.to_owned()));
        }
        let nodes = values(&entry.node);
        if nodes.is_empty() {
            return Err((entry.line, "an empty list can never hold".to_owned()));
        }
        let tests = nodes
            .iter()
            .map(|node| Test::parse(node, &modifiers).map_err(|what| (node.line, what)))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            path: Path::new(name),
            tests,
            all: modifiers.all,
            not: modifiers.not,
        })
    }

    fn holds(&self, event: Event<'_>) -> bool {
        let mut holds = |test: &Test| test.holds(&self.path, event);
        let found = if self.all {
            self.tests.iter().all(&mut holds)
        } else {
            self.tests.iter().any(&mut holds)
        };
        found != self.not
    }
}

/// The values of a field: one, or those of a list.
fn values(node: &Node) -> &[Node] {
    match &node.tree {
        Tree::List(nodes) => nodes,
        Tree::Scalar(_) | Tree::Map(_) => std::slice::from_ref(node),
    }
}

fn is_scalar(node: &Node) -> bool {
    matches!(node.tree, Tree::Scalar(_))
}

/// What was read, or `None` with the mistake noted under its key.
fn note<T>(read: Result<T, (u64, String)>, key: &str, wrong: &mut Vec<Wrong>) -> Option<T> {
    read.map_err(|(line, what)| wrong.push((line, key.to_owned(), what)))
        .ok()
}
