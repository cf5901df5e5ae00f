//! A detection rule: Sigma's format with a block of our own, `plimsoll`.
//!
//! Sigma says what matches. Our block says what to tell: a summary with `{field}` placeholders,
//! who and what is involved, what to do next; and how the rule is proven: its own test events.
//! It can also ask for what Sigma cannot say: that each member of a list is looked at on its own
//! (`each`), that the Region is new to the account (`new: region`), that what was started has a
//! price (`price: instances`), and what a call that failed is worth (`failed: lower` or `skip`).

mod parse;

use std::path::PathBuf;

use serde_json::Value;

use super::condition::Condition;
use super::field::{Event, Path};
use super::selection::Selection;
use super::template::Template;
use super::yaml::RuleError;
use crate::finding::{Entity, Severity};
use crate::signal::Activity;

/// Members of lists that one event is looked at for; the rest is not.
const MEMBERS_MAX: usize = 1_000;

/// A rule that can be used.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The file as it was named.
    pub file: String,
    /// Where `file` tests are looked for; `None` for rules that are built in.
    pub(super) folder: Option<PathBuf>,
    /// A UUID that stays when the rule changes.
    pub id: String,
    /// A short name for people.
    pub title: String,
    /// The severity of what it finds.
    pub level: Severity,
    /// What it finds and why that matters.
    pub description: String,
    pub(super) selections: Vec<Selection>,
    pub(super) condition: Condition,
    pub(super) each: Vec<Path>,
    pub(super) new: Option<NewThing>,
    pub(super) price: Option<Price>,
    pub(super) failed: Failed,
    pub(super) summary: Template,
    pub(super) entities: Vec<(EntityKind, Path)>,
    pub(super) next_steps: Vec<String>,
    pub(super) tests: Vec<RuleTest>,
}

/// What must be new for the rule to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewThing {
    /// The account did not use the Region before.
    Region,
}

/// What the event costs from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Price {
    /// The instances that the answer lists, On-Demand.
    Instances,
}

/// What a call that failed is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Failed {
    /// One step less.
    #[default]
    Lower,
    /// Nothing.
    Skip,
}

/// What a field of the rule's `entities` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntityKind {
    Principal,
    AccessKey,
    Instance,
    Resource,
}

impl EntityKind {
    pub(super) const ALL: [(&'static str, Self); 4] = [
        ("principal", Self::Principal),
        ("access_key", Self::AccessKey),
        ("instance", Self::Instance),
        ("resource", Self::Resource),
    ];

    pub(super) fn entity(self, value: String) -> Entity {
        match self {
            Self::Principal => Entity::Principal(value),
            Self::AccessKey => Entity::AccessKey(value),
            Self::Instance => Entity::Instance(value),
            Self::Resource => Entity::Resource(value),
        }
    }
}

/// A test that the rule brings along.
#[derive(Clone, Debug)]
pub(super) struct RuleTest {
    pub(super) name: String,
    pub(super) line: u64,
    pub(super) matches: bool,
    pub(super) new_region: bool,
    pub(super) event: TestEvent,
}

/// Where the event of a test is.
#[derive(Clone, Debug)]
pub(super) enum TestEvent {
    Inline(Value),
    File(String),
}

/// What is known about an event besides its record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Novelty {
    /// The account did not use the Region before.
    pub new_region: bool,
}

impl Rule {
    /// Reads a rule.
    ///
    /// # Errors
    /// Every mistake, each with its line and key.
    pub fn parse(file: &str, text: &str) -> Result<Self, Vec<RuleError>> {
        parse::rule(file, text)
    }

    /// Whether the rule holds for an activity; gives what to fill the summary from.
    #[must_use]
    pub(super) fn matched<'a>(
        &self,
        activity: &'a Activity,
        novelty: Novelty,
    ) -> Option<Event<'a>> {
        if activity.error_code.is_some() && self.failed == Failed::Skip {
            return None;
        }
        if self.new == Some(NewThing::Region) && !novelty.new_region {
            return None;
        }
        let whole = Event {
            record: &activity.record,
            member: None,
        };
        if self.each.is_empty() {
            return self.holds(whole).then_some(whole);
        }
        self.each
            .iter()
            .flat_map(|path| path.values(whole, MEMBERS_MAX))
            .map(|member| Event {
                record: &activity.record,
                member: Some(member),
            })
            .find(|event| self.holds(*event))
    }

    /// This rule with one of its selections always or never holding, for tests of its tests.
    #[cfg(test)]
    pub(super) fn with_selection(&self, number: usize, holds: bool) -> Self {
        let mut mutant = self.clone();
        mutant.selections[number] = if holds {
            Selection::All(Vec::new())
        } else {
            Selection::Any(Vec::new())
        };
        mutant
    }

    fn holds(&self, event: Event<'_>) -> bool {
        self.condition.holds(&mut |number| {
            self.selections
                .get(number)
                .is_some_and(|selection| selection.holds(event))
        })
    }
}
