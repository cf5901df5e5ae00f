//! One table of a configuration, from which known keys are taken by type.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::Places;
use super::quantity::{parse_duration, parse_size};
pub use report::nearest;

mod lists;
mod report;

/// A value and the place it was written at, so that a later check can still point there.
#[derive(Clone, Debug)]
pub struct Field<T> {
    /// The value.
    pub value: T,
    span: Range<usize>,
    key: String,
}

impl<T> Field<T> {
    /// The same place with another value, for a parse step after the type was right.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Field<U> {
        Field {
            value: change(self.value),
            span: self.span,
            key: self.key,
        }
    }
}

/// One table. Each `take_*` method notes the key as known; a wrong type or range is reported and
/// reads as absent, so that reading goes on.
#[derive(Debug)]
pub struct Section<'d> {
    places: &'d Places<'d>,
    table: &'d DeTable<'d>,
    path: String,
    span: Range<usize>,
    known: BTreeSet<&'static str>,
}

impl<'d> Section<'d> {
    pub(super) fn root(places: &'d Places<'d>, table: &'d DeTable<'d>) -> Self {
        Self {
            places,
            table,
            path: String::new(),
            span: 0..0,
            known: BTreeSet::new(),
        }
    }

    /// The keys that this section holds, whether known or not, in their order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.table.keys().map(|key| &**key.get_ref())
    }

    /// Whether `key` holds a table, for keys that have a short form as well.
    #[must_use]
    pub fn holds_table(&self, key: &str) -> bool {
        let mut items = self.table.iter();
        items.any(|(name, value)| &**name.get_ref() == key && value.get_ref().as_table().is_some())
    }

    /// A string.
    pub fn take_string(&mut self, key: &'static str) -> Option<Field<String>> {
        self.take(key, "expected a string", |value| {
            value.as_str().map(str::to_owned)
        })
    }

    /// A string that is not empty.
    pub fn take_name(&mut self, key: &'static str) -> Option<Field<String>> {
        let field = self.take_string(key)?;
        if field.value.trim().is_empty() {
            self.reject(&field, "found an empty string", "expected a name");
            return None;
        }
        Some(field)
    }

    /// `true` or `false`.
    pub fn take_bool(&mut self, key: &'static str) -> Option<bool> {
        self.take(key, "expected true or false", DeValue::as_bool)
            .map(|field| field.value)
    }

    /// A whole number within `allowed`.
    pub fn take_integer(&mut self, key: &'static str, allowed: RangeInclusive<u64>) -> Option<u64> {
        let expected = format!(
            "expected a whole number from {} to {}",
            allowed.start(),
            allowed.end()
        );
        let within = |value: &DeValue<'_>| {
            let integer = value.as_integer()?;
            let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok()?;
            allowed.contains(&number).then_some(number)
        };
        self.take(key, &expected, within).map(|field| field.value)
    }

    /// A number within `allowed`, whole or not.
    pub fn take_number(&mut self, key: &'static str, allowed: RangeInclusive<f64>) -> Option<f64> {
        let expected = format!(
            "expected a number from {} to {}",
            allowed.start(),
            allowed.end()
        );
        let within = |value: &DeValue<'_>| {
            let text = value
                .as_float()
                .map(toml::de::DeFloat::as_str)
                .or_else(|| value.as_integer().map(toml::de::DeInteger::as_str))?;
            text.parse().ok().filter(|number| allowed.contains(number))
        };
        self.take(key, &expected, within).map(|field| field.value)
    }

    /// A duration within `allowed`, written as a string: `"10s"`.
    pub fn take_duration(
        &mut self,
        key: &'static str,
        allowed: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let field = self.take_string(key)?;
        match parse_duration(&field.value) {
            Ok(length) if allowed.contains(&length) => Some(length),
            Ok(_) => {
                let range = format!("expected {:?} to {:?}", allowed.start(), allowed.end());
                self.reject(&field, &format!("found \"{}\"", field.value), &range);
                None
            }
            Err(expected) => {
                self.reject(&field, &format!("found \"{}\"", field.value), expected);
                None
            }
        }
    }

    /// A size in bytes within `allowed`, written as a string: `"16MiB"`.
    pub fn take_size(&mut self, key: &'static str, allowed: RangeInclusive<u64>) -> Option<u64> {
        let field = self.take_string(key)?;
        match parse_size(&field.value) {
            Ok(bytes) if allowed.contains(&bytes) => Some(bytes),
            Ok(_) => {
                let range = format!("expected {} to {} bytes", allowed.start(), allowed.end());
                self.reject(&field, &format!("found \"{}\"", field.value), &range);
                None
            }
            Err(expected) => {
                self.reject(&field, &format!("found \"{}\"", field.value), expected);
                None
            }
        }
    }

    /// One of a closed list of words.
    pub fn take_choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let field = self.take_string(key)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == field.value) {
            return Some(*value);
        }
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        self.places.report_near(
            Some(field.span),
            field.key,
            format!("found \"{}\"", field.value),
            format!("expected one of: {}", words.join(", ")),
            nearest(&field.value, words.into_iter()),
        );
        None
    }

    /// A sub-table. The caller must [`finish`](Self::finish) it.
    pub fn take_section(&mut self, key: &'static str) -> Option<Section<'d>> {
        let path = self.path_of(key);
        let value = self.find(key)?;
        self.as_section(value, path)
    }

    /// An array of tables, such as `[[logs.file]]`. The caller must finish each.
    pub fn take_sections(&mut self, key: &'static str) -> Vec<Section<'d>> {
        let path = self.path_of(key);
        let Some(value) = self.find(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.places.report(
                Some(value.span()),
                path.clone(),
                found(value.get_ref()),
                format!("expected an array of tables: [[{path}]]"),
            );
            return Vec::new();
        };
        let tables = items.iter().enumerate();
        tables
            .filter_map(|(index, item)| self.as_section(item, format!("{path}[{index}]")))
            .collect()
    }

    /// Reports every key that nobody asked for, with the nearest key that exists.
    pub fn finish(self) {
        for (key, _) in self.table {
            let name = &**key.get_ref();
            if self.known.contains(name) {
                continue;
            }
            let known: Vec<&str> = self.known.iter().copied().collect();
            self.places.report_near(
                Some(key.span()),
                self.path_of(name),
                "unknown key".to_owned(),
                format!("allowed here: {}", known.join(", ")),
                nearest(name, known.iter().copied()),
            );
        }
    }

    fn take<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&DeValue<'d>) -> Option<T>,
    ) -> Option<Field<T>> {
        let path = self.path_of(key);
        let value = self.find(key)?;
        if let Some(read) = read(value.get_ref()) {
            return Some(Field {
                value: read,
                span: value.span(),
                key: path,
            });
        }
        self.places.report(
            Some(value.span()),
            path,
            found(value.get_ref()),
            expected.to_owned(),
        );
        None
    }

    fn find(&mut self, key: &'static str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.known.insert(key);
        self.table
            .iter()
            .find(|(name, _)| &**name.get_ref() == key)
            .map(|(_, value)| value)
    }

    fn as_section(&self, value: &'d Spanned<DeValue<'d>>, path: String) -> Option<Section<'d>> {
        let Some(table) = value.get_ref().as_table() else {
            let expected = format!("expected a table: [{path}]");
            self.places
                .report(Some(value.span()), path, found(value.get_ref()), expected);
            return None;
        };
        let span = value.span();
        Some(Section {
            places: self.places,
            table,
            path,
            span,
            known: BTreeSet::new(),
        })
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }
}

/// Describes a value that was not expected, with its text when that is short.
fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) if text.chars().count() <= 60 => format!("found string \"{text}\""),
        DeValue::Integer(number) => format!("found integer {}", number.as_str()),
        DeValue::Float(number) => format!("found float {}", number.as_str()),
        DeValue::Boolean(yes) => format!("found {yes}"),
        other => format!("found {}", other.type_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Document;
    use std::time::Duration;

    fn problems_of(text: &str) -> Vec<String> {
        let document = Document::from_text("agent.toml", text);
        let parsed = document.parse(|root| {
            root.take_string("region");
            root.take_integer("flush_count", 1..=100);
            root.take_duration("interval", Duration::from_secs(1)..=Duration::from_mins(1));
            root.take_size("buffer", 1..=1 << 30);
            root.take_choice("class", &[("STANDARD", 1), ("INFREQUENT_ACCESS", 2)]);
            for mut file in root.take_sections("file") {
                if file.take_name("path").is_none() {
                    file.report_missing("path", "expected a glob");
                }
                file.finish();
            }
            Some(())
        });
        parsed.err().map_or_else(Vec::new, |problems| {
            problems.0.iter().map(ToString::to_string).collect()
        })
    }

    #[test]
    fn every_kind_of_mistake_is_placed_and_answered() {
        let cases = [
            (
                "region = 5",
                "agent.toml:1:10: region: found integer 5, expected a string",
            ),
            (
                "\nregon = \"x\"",
                "agent.toml:2:1: regon: unknown key, allowed here: buffer, class, file, \
                 flush_count, interval, region; did you mean `region`?",
            ),
            (
                "flush_count = 500",
                "agent.toml:1:15: flush_count: found integer 500, expected a whole number from 1 to 100",
            ),
            (
                "interval = \"5 minutes\"",
                "agent.toml:1:12: interval: found \"5 minutes\", expected a duration such as \
                 \"500ms\", \"10s\", \"5m\" or \"1h30m\"",
            ),
            (
                "interval = \"2h\"",
                "agent.toml:1:12: interval: found \"2h\", expected 1s to 60s",
            ),
            (
                "class = \"STANDART\"",
                "agent.toml:1:9: class: found \"STANDART\", expected one of: STANDARD, \
                 INFREQUENT_ACCESS; did you mean `STANDARD`?",
            ),
            (
                "[[file]]\n",
                "agent.toml:1:1: file[0].path: missing, expected a glob",
            ),
            (
                "[[file]]\npath = \"\"",
                "agent.toml:2:8: file[0].path: found an empty string, expected a name",
            ),
            (
                "file = 3",
                "agent.toml:1:8: file: found integer 3, expected an array of tables: [[file]]",
            ),
        ];
        for (text, expected) in cases {
            let problems = problems_of(text);
            assert!(
                problems.iter().any(|p| p == expected),
                "{text}: {problems:#?}"
            );
        }
    }

    #[test]
    fn all_mistakes_come_back_at_once_in_the_order_of_the_file() {
        let problems = problems_of("buffer = 1\nregion = 2\nwhat = 3\n");
        assert_eq!(problems.len(), 3);
        assert!(
            problems[0].contains(":1:") && problems[2].contains(":3:"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_syntax_error_is_placed_and_does_not_hide_the_rest() {
        let problems = problems_of("region = \nflush_count = 0\n");
        assert!(problems[0].starts_with("agent.toml:1:"), "{problems:?}");
        assert!(
            problems
                .iter()
                .any(|p| p.contains("flush_count: found integer 0")),
            "{problems:?}"
        );
    }

    #[test]
    fn a_right_file_gives_no_problem() {
        assert_eq!(
            problems_of("region = \"eu-west-1\"\nbuffer = \"1MiB\"\n"),
            Vec::<String>::new()
        );
    }
}
