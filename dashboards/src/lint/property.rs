//! Takes the keys of one JSON object by type and reports what is left over.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Report;

/// The keys of one object.
#[derive(Debug)]
pub(super) struct Keys<'v, 'r, 'p> {
    object: Option<&'v serde_json::Map<String, Value>>,
    prefix: &'static str,
    known: BTreeSet<&'static str>,
    report: &'r mut Report<'p>,
}

impl<'v, 'r, 'p> Keys<'v, 'r, 'p> {
    /// Starts on `value`; `prefix` goes before keys in reports.
    pub(super) fn of(value: &'v Value, prefix: &'static str, report: &'r mut Report<'p>) -> Self {
        let object = value.as_object();
        if object.is_none() {
            report.add(prefix.trim_end_matches('.'), "is not an object");
        }
        Self {
            object,
            prefix,
            known: BTreeSet::new(),
            report,
        }
    }

    /// A string.
    pub(super) fn text(&mut self, key: &'static str, required: bool) -> Option<&'v str> {
        self.take(key, required, "expected a string", Value::as_str)
    }

    /// A number.
    pub(super) fn number(&mut self, key: &'static str) -> Option<f64> {
        self.take(key, false, "expected a number", Value::as_f64)
    }

    /// A boolean.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.take(key, false, "expected true or false", Value::as_bool)
    }

    /// An object.
    pub(super) fn object(&mut self, key: &'static str, required: bool) -> Option<&'v Value> {
        let as_object = |value: &'v Value| value.is_object().then_some(value);
        self.take(key, required, "expected an object", as_object)
    }

    /// An array of at most `max` items.
    pub(super) fn array(
        &mut self,
        key: &'static str,
        required: bool,
        max: usize,
    ) -> Option<&'v [Value]> {
        let items = self.take(key, required, "expected an array", |value| {
            value.as_array().map(Vec::as_slice)
        })?;
        if items.len() > max {
            let message = format!("{} items, at most {max}", items.len());
            self.report.add(format!("{}{key}", self.prefix), message);
        }
        Some(items)
    }

    /// One of a closed list of words.
    pub(super) fn choice(
        &mut self,
        key: &'static str,
        required: bool,
        allowed: &[&str],
    ) -> Option<String> {
        let word = self.text(key, required)?;
        if allowed.contains(&word) {
            return Some(word.to_owned());
        }
        let message = format!("found \"{word}\", expected one of: {}", allowed.join(", "));
        self.report.add(format!("{}{key}", self.prefix), message);
        None
    }

    /// Marks keys as known without a look at them.
    pub(super) fn ignore(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self) {
        let unknown = self
            .object
            .into_iter()
            .flat_map(serde_json::Map::keys)
            .filter(|key| !self.known.contains(key.as_str()));
        for key in unknown {
            let known: Vec<&str> = self.known.iter().copied().collect();
            let message = format!("unknown key, allowed here: {}", known.join(", "));
            self.report.add(format!("{}{key}", self.prefix), message);
        }
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        required: bool,
        expected: &str,
        read: impl FnOnce(&'v Value) -> Option<T>,
    ) -> Option<T> {
        self.known.insert(key);
        let Some(value) = self.object?.get(key) else {
            if required {
                self.report.add(format!("{}{key}", self.prefix), "missing");
            }
            return None;
        };
        let taken = read(value);
        if taken.is_none() {
            self.report.add(format!("{}{key}", self.prefix), expected);
        }
        taken
    }
}
