//! Lists and tables of strings in a section.
//!
//! Each string of a list keeps its own place, so that a later check can point at the one that is
//! wrong. Nothing here knows what the strings mean.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeArray, DeValue};

use super::{Field, Section, found};

impl Section<'_> {
    /// A list of strings; each keeps its own place. An absent key gives an empty list.
    pub fn take_strings(&mut self, key: &'static str) -> Vec<Field<String>> {
        let path = self.path_of(key);
        let Some(value) = self.find(key) else {
            return Vec::new();
        };
        let Some(items) = value.get_ref().as_array() else {
            self.places.report(
                Some(value.span()),
                path,
                found(value.get_ref()),
                "expected a list of strings".to_owned(),
            );
            return Vec::new();
        };
        self.strings_of(&path, items)
    }

    /// One string, or a list of strings; each keeps its own place. An absent key gives an empty
    /// list.
    pub fn take_string_or_list(&mut self, key: &'static str) -> Vec<Field<String>> {
        let path = self.path_of(key);
        let Some(value) = self.find(key) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::String(text) => vec![Field {
                value: text.to_string(),
                span: value.span(),
                key: path,
            }],
            DeValue::Array(items) => self.strings_of(&path, items),
            other => {
                self.places.report(
                    Some(value.span()),
                    path,
                    found(other),
                    "expected a string or a list of strings".to_owned(),
                );
                Vec::new()
            }
        }
    }

    fn strings_of(&self, path: &str, items: &DeArray<'_>) -> Vec<Field<String>> {
        let mut strings = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let key = format!("{path}[{index}]");
            match item.get_ref().as_str() {
                Some(text) => {
                    strings.push(Field {
                        value: text.to_owned(),
                        span: item.span(),
                        key,
                    });
                }
                None => self.places.report(
                    Some(item.span()),
                    key,
                    found(item.get_ref()),
                    "expected a string".to_owned(),
                ),
            }
        }
        strings
    }

    /// A list of lists of strings, such as dimension sets. `None` when the key is absent.
    pub fn take_string_lists(&mut self, key: &'static str) -> Option<Vec<Vec<String>>> {
        let as_list = |value: &DeValue<'_>| {
            let as_strings = |item: &Spanned<DeValue<'_>>| {
                let strings = item.get_ref().as_array()?.iter();
                strings
                    .map(|text| text.get_ref().as_str().map(str::to_owned))
                    .collect()
            };
            value
                .as_array()?
                .iter()
                .map(as_strings)
                .collect::<Option<Vec<Vec<String>>>>()
        };
        let expected = "expected a list of lists of strings such as [[\"InstanceId\"]]";
        self.take(key, expected, as_list).map(|field| field.value)
    }

    /// A table of strings, such as tags. An absent key gives an empty map.
    pub fn take_string_map(&mut self, key: &'static str) -> BTreeMap<String, String> {
        let as_map = |value: &DeValue<'_>| {
            let pairs = value.as_table()?.iter();
            pairs
                .map(|(name, text)| {
                    Some((
                        name.get_ref().to_string(),
                        text.get_ref().as_str()?.to_owned(),
                    ))
                })
                .collect::<Option<BTreeMap<_, _>>>()
        };
        let expected = "expected a table of strings such as { team = \"web\" }";
        self.take(key, expected, as_map)
            .map_or_else(BTreeMap::new, |field| field.value)
    }
}
