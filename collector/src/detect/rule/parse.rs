//! Text of a rule → [`Rule`], with every mistake at its line and key.

use serde_json::Value;

use super::{EntityKind, Failed, NewThing, Price, Rule, RuleTest, TestEvent};
use crate::detect::condition::Condition;
use crate::detect::field::Path;
use crate::detect::selection::Selection;
use crate::detect::template::Template;
use crate::detect::yaml::{Entry, Node, RuleError, Tree};
use crate::finding::{Severity, stable_id};

/// Keys of a rule. Source: Sigma specification 2.1.0, "Structure"; the last is ours. Others are let
/// be, as the specification has it, unless they look like one of these.
const KEYS: [&str; 20] = [
    "title",
    "id",
    "name",
    "related",
    "status",
    "description",
    "references",
    "author",
    "date",
    "modified",
    "tags",
    "logsource",
    "detection",
    "falsepositives",
    "fields",
    "level",
    "license",
    "scope",
    "taxonomy",
    "plimsoll",
];
/// Letters by which a key may differ from another and still be taken for it.
const TYPO_LETTERS: usize = 2;
/// What a rule without our block tells.
const SUMMARY: &str = "{principal} called {event} in {region} from {source_ip}";
/// Keys of our block.
const OWN_KEYS: [&str; 8] = [
    "summary",
    "entities",
    "each",
    "new",
    "price",
    "failed",
    "next_steps",
    "tests",
];
/// Keys of a test.
const TEST_KEYS: [&str; 5] = ["name", "match", "event", "file", "new_region"];
/// Values of `status` with which a rule is used.
const STATUSES: [&str; 3] = ["stable", "test", "experimental"];

/// A part of a rule that is being read.
#[derive(Default)]
struct Part<'a> {
    entries: &'a [Entry],
    line: u64,
    key: String,
}

/// Collects the mistakes of one file.
struct Reader {
    file: String,
    errors: Vec<RuleError>,
}

/// Reads a rule.
pub(super) fn rule(file: &str, text: &str) -> Result<Rule, Vec<RuleError>> {
    let root = Node::parse(file, text).map_err(|error| vec![error])?;
    let mut reader = Reader {
        file: file.to_owned(),
        errors: Vec::new(),
    };
    let rule = reader.rule(&root);
    match rule {
        Some(rule) if reader.errors.is_empty() => Ok(rule),
        _ => Err(reader.errors),
    }
}

impl Reader {
    fn wrong(&mut self, line: u64, key: impl Into<String>, what: impl Into<String>) {
        self.errors.push(RuleError {
            file: self.file.clone(),
            line,
            key: key.into(),
            what: what.into(),
        });
    }

    /// The entries of a map whose keys are all of `allowed`.
    fn part<'a>(&mut self, node: &'a Node, key: &str, allowed: &[&str]) -> Option<Part<'a>> {
        let Tree::Map(entries) = &node.tree else {
            self.wrong(node.line, key, "expected a map of keys and values");
            return None;
        };
        for entry in entries {
            if !allowed.is_empty() && !allowed.contains(&entry.key.as_str()) {
                let what = format!("unknown key; allowed are: {}", allowed.join(", "));
                self.wrong(entry.line, below(key, &entry.key), what);
            }
        }
        Some(Part {
            entries,
            line: node.line,
            key: key.to_owned(),
        })
    }

    /// The value of a key that must be there.
    fn need<'a>(&mut self, part: &Part<'a>, name: &str) -> Option<&'a Entry> {
        let found = part.entry(name);
        if found.is_none() {
            self.wrong(part.line, below(&part.key, name), "is missing");
        }
        found
    }

    /// The text under a key that must be there.
    fn text(&mut self, part: &Part<'_>, name: &str) -> Option<String> {
        let entry = self.need(part, name)?;
        let text = entry.node.as_str().map(str::trim).filter(|t| !t.is_empty());
        if text.is_none() {
            self.wrong(entry.line, below(&part.key, name), "expected a text");
        }
        text.map(str::to_owned)
    }

    /// The texts under a key that may be there: one, or a list.
    fn texts(&mut self, part: &Part<'_>, name: &str) -> Vec<String> {
        let Some(entry) = part.entry(name) else {
            return Vec::new();
        };
        let single = std::slice::from_ref(&entry.node);
        let nodes = match &entry.node.tree {
            Tree::List(items) => items.as_slice(),
            Tree::Scalar(_) | Tree::Map(_) => single,
        };
        let mut texts = Vec::new();
        for node in nodes {
            match node.as_str() {
                Some(text) => texts.push(text.trim().to_owned()),
                None => self.wrong(node.line, below(&part.key, name), "expected texts"),
            }
        }
        texts
    }

    /// One of a few words under a key that may be there.
    fn word<T: Copy>(&mut self, part: &Part<'_>, name: &str, words: &[(&str, T)]) -> Option<T> {
        let entry = part.entry(name)?;
        let found = entry.node.as_str();
        let value = words.iter().find(|(word, _)| Some(*word) == found);
        if value.is_none() {
            let allowed: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let found =
                found.map_or_else(|| entry.node.to_json().to_string(), |w| format!("\"{w}\""));
            let what = format!("found {found}, expected one of: {}", allowed.join(", "));
            self.wrong(entry.line, below(&part.key, name), what);
        }
        value.map(|(_, value)| *value)
    }

    fn rule(&mut self, root: &Node) -> Option<Rule> {
        let top = self.part(root, "", &[])?;
        self.look_alikes(&top);
        let head = self.head(&top);
        self.log_source(&top);
        let own = top
            .entry("plimsoll")
            .and_then(|entry| self.part(&entry.node, "plimsoll", &OWN_KEYS));
        let each = own.iter().flat_map(|own| self.texts(own, "each"));
        let each: Vec<Path> = each.map(|text| Path::new(&text)).collect();
        let is_ours = top.entry("plimsoll").is_some();
        let detection = self.detection(&top, !each.is_empty(), is_ours);
        let own = match own {
            Some(own) => own,
            None if is_ours => return None,
            None => Part::default(),
        };
        let summary = if is_ours {
            self.summary(&own)
        } else {
            Template::parse(SUMMARY).ok()
        };
        let entities = self.entities(&own);
        let new = self.word(&own, "new", &[("region", NewThing::Region)]);
        let price = self.word(&own, "price", &[("instances", Price::Instances)]);
        let failures = [("lower", Failed::Lower), ("skip", Failed::Skip)];
        let failed = self.word(&own, "failed", &failures).unwrap_or_default();
        let next_steps = self.texts(&own, "next_steps");
        let tests = if is_ours {
            self.tests(&own)
        } else {
            Vec::new()
        };
        let (selections, condition) = detection?;
        let (title, id, level, description) = head?;
        Some(Rule {
            file: self.file.clone(),
            folder: None,
            id,
            title,
            level,
            description,
            selections,
            condition,
            each,
            new,
            price,
            failed,
            summary: summary?,
            entities,
            next_steps,
            tests,
        })
    }

    /// Title, id, level and description. Only the title must be there: without an id the title makes
    /// one, and without a level the rule is `medium`.
    fn head(&mut self, top: &Part<'_>) -> Option<(String, String, Severity, String)> {
        let title = self.text(top, "title");
        let id = match (top.entry("id"), &title) {
            (None, Some(title)) => Some(stable_id([title.as_str()])),
            _ => self.text(top, "id"),
        };
        let description = match top.entry("description") {
            Some(_) => self.text(top, "description")?,
            None => String::new(),
        };
        self.word(top, "status", &STATUSES.map(|word| (word, ())));
        let levels = Severity::ALL.map(|level| (level.as_str(), level));
        let level = match top.entry("level") {
            Some(_) => self.word(top, "level", &levels),
            None => Some(Severity::Medium),
        };
        Some((title?, id?, level?, description))
    }

    /// Refuses keys that are nearly one that is known: what is meant by them would be lost.
    fn look_alikes(&mut self, top: &Part<'_>) {
        for entry in top.entries {
            let key = entry.key.as_str();
            let nearest = KEYS.iter().find(|known| {
                !KEYS.contains(&key) && strsim::damerau_levenshtein(known, key) <= TYPO_LETTERS
            });
            if let Some(nearest) = nearest {
                let what = format!("unknown key; did you mean `{nearest}`?");
                self.wrong(entry.line, key, what);
            }
        }
    }

    fn log_source(&mut self, top: &Part<'_>) {
        let Some(entry) = self.need(top, "logsource") else {
            return;
        };
        let keys = ["product", "service", "category", "definition"];
        let Some(part) = self.part(&entry.node, "logsource", &keys) else {
            return;
        };
        for (name, only) in [("product", "aws"), ("service", "cloudtrail")] {
            if self.need(&part, name).is_some() {
                self.word(&part, name, &[(only, ())]);
            }
        }
    }

    fn detection(
        &mut self,
        top: &Part<'_>,
        has_each: bool,
        is_ours: bool,
    ) -> Option<(Vec<Selection>, Condition)> {
        let entry = self.need(top, "detection")?;
        let block = self.part(&entry.node, "detection", &[])?;
        let wanted = self.need(&block, "condition");
        let parts: Vec<&Entry> = block
            .entries
            .iter()
            .filter(|entry| entry.key != "condition")
            .collect();
        let mut selections = Vec::new();
        for entry in &parts {
            let key = below("detection", &entry.key);
            let mut wrong = Vec::new();
            selections.push(Selection::parse(&entry.node, &mut wrong));
            for (line, field, what) in wrong {
                self.wrong(line, below(&key, &field), what);
            }
            if !has_each && Selection::uses_member(&entry.node) {
                self.wrong(entry.line, key, "fields below `each` need `plimsoll.each`");
            }
        }
        let written = wanted?;
        let names: Vec<&str> = parts.iter().map(|entry| entry.key.as_str()).collect();
        let texts = self.texts(&block, "condition");
        let parsed = texts.iter().map(|text| Condition::parse(text, &names));
        let parsed = parsed
            .collect::<Result<Vec<_>, _>>()
            .map_err(|what| self.wrong(written.line, "detection.condition", what))
            .ok()?;
        let parsed = Condition::any(parsed);
        let mut used = vec![false; names.len()];
        parsed.each_selection(&mut |number| {
            if let Some(used) = used.get_mut(number) {
                *used = true;
            }
        });
        for (entry, used) in parts.iter().zip(used) {
            if !used && is_ours {
                let key = below("detection", &entry.key);
                self.wrong(entry.line, key, "the condition does not use this selection");
            }
        }
        Some((selections, parsed))
    }

    fn summary(&mut self, own: &Part<'_>) -> Option<Template> {
        let text = self.text(own, "summary")?;
        let line = own.entry("summary").map_or(own.line, |entry| entry.line);
        Template::parse(&text)
            .map_err(|what| self.wrong(line, "plimsoll.summary", what))
            .ok()
    }

    /// A list of maps with one entry each: `- resource: requestParameters.name`.
    fn entities(&mut self, own: &Part<'_>) -> Vec<(EntityKind, Path)> {
        let mut entities = Vec::new();
        let Some(entry) = own.entry("entities") else {
            return entities;
        };
        let Tree::List(items) = &entry.node.tree else {
            self.wrong(entry.line, "plimsoll.entities", "expected a list");
            return entities;
        };
        let kinds = EntityKind::ALL.map(|(word, _)| word);
        for item in items {
            let Some(part) = self.part(item, "plimsoll.entities", &kinds) else {
                continue;
            };
            for (word, kind) in EntityKind::ALL {
                let paths = self.texts(&part, word);
                entities.extend(paths.iter().map(|path| (kind, Path::new(path))));
            }
        }
        entities
    }

    fn tests(&mut self, own: &Part<'_>) -> Vec<RuleTest> {
        let Some(entry) = self.need(own, "tests") else {
            return Vec::new();
        };
        let Tree::List(items) = &entry.node.tree else {
            self.wrong(entry.line, "plimsoll.tests", "expected a list");
            return Vec::new();
        };
        items.iter().filter_map(|item| self.test(item)).collect()
    }

    fn test(&mut self, item: &Node) -> Option<RuleTest> {
        let key = "plimsoll.tests";
        let part = self.part(item, key, &TEST_KEYS)?;
        let name = self.text(&part, "name");
        let matches = self.need(&part, "match").and_then(|entry| {
            let value = entry.node.as_bool();
            if value.is_none() {
                self.wrong(entry.line, below(key, "match"), "expected true or false");
            }
            value
        });
        let new_region = part
            .entry("new_region")
            .and_then(|entry| entry.node.as_bool());
        let event = match (part.entry("event"), part.entry("file")) {
            (Some(event), None) => Some(TestEvent::Inline(event.node.to_json())),
            (None, Some(file)) => file.node.as_str().map(|file| TestEvent::File(file.into())),
            _ => None,
        };
        if event.is_none() {
            self.wrong(item.line, key, "a test has either `event` or `file`");
        }
        Some(RuleTest {
            name: name?,
            line: item.line,
            matches: matches?,
            new_region: new_region.unwrap_or(false),
            event: event?,
        })
    }
}

impl<'a> Part<'a> {
    fn entry(&self, name: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == name)
    }
}

impl Node {
    fn as_bool(&self) -> Option<bool> {
        match &self.tree {
            Tree::Scalar(Value::Bool(value)) => Some(*value),
            _ => None,
        }
    }
}

/// The path of a key below another.
fn below(key: &str, name: &str) -> String {
    match (key, name) {
        ("", name) => name.to_owned(),
        (key, "") => key.to_owned(),
        (key, name) => format!("{key}.{name}"),
    }
}

#[cfg(test)]
mod tests;
