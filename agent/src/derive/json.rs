//! Events that are JSON objects: a field that tells the time, a level, and what of them is sent.
//!
//! Only the fields that are wanted are looked at; all others are passed over without being built.
//! Values are taken as they are written, so no number changes. What is no object is sent as it is.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// What is wanted of events that are JSON objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Json {
    /// The field that tells the time.
    pub(crate) timestamp: Option<String>,
    /// The field that tells the level.
    pub(crate) level: String,
    /// Send this field only.
    pub(crate) message: Option<String>,
    /// Send an object of these fields only.
    pub(crate) fields: Vec<String>,
}

/// The wanted fields of an event, by their names.
#[derive(Debug, Default)]
pub(crate) struct Object<'t> {
    fields: Vec<(&'t str, &'t RawValue)>,
}

impl Json {
    /// The wanted fields of an event; `None` if it is no object.
    pub(crate) fn read<'t>(&'t self, text: &'t [u8]) -> Option<Object<'t>> {
        let text = std::str::from_utf8(text).ok()?;
        if !text.trim_start().starts_with('{') {
            return None;
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let object = reader.deserialize_map(Wanted(self)).ok()?;
        reader.end().ok()?;
        Some(object)
    }

    /// What is sent instead of the event: `None` to send it as it is, an error if the wanted field
    /// is not there or empty.
    pub(crate) fn rewrite(&self, object: &Object<'_>) -> Result<Option<Vec<u8>>, Missing> {
        if let Some(message) = &self.message {
            let value = object.field(message).ok_or(Missing)?;
            let text = string(value).unwrap_or_else(|| value.to_owned());
            return if text.is_empty() {
                Err(Missing)
            } else {
                Ok(Some(text.into_bytes()))
            };
        }
        if self.fields.is_empty() {
            return Ok(None);
        }
        let mut written = String::from("{");
        for name in &self.fields {
            let Some(value) = object.field(name) else {
                continue;
            };
            let name = serde_json::to_string(name).map_err(|_| Missing)?;
            if written.len() > 1 {
                written.push(',');
            }
            written.push_str(&name);
            written.push(':');
            written.push_str(value);
        }
        if written.len() == 1 {
            return Err(Missing);
        }
        written.push('}');
        Ok(Some(written.into_bytes()))
    }

    fn wants(&self, name: &str) -> Option<&str> {
        let one = [
            self.timestamp.as_ref(),
            Some(&self.level),
            self.message.as_ref(),
        ];
        one.into_iter()
            .flatten()
            .chain(&self.fields)
            .find(|wanted| *wanted == name)
            .map(String::as_str)
    }
}

/// The wanted field is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Missing;

impl Object<'_> {
    /// A field as it is written. Of two with the same name it is the last.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let of_name = |(known, _): &&(&str, &RawValue)| *known == name;
        let found = self.fields.iter().rev().find(of_name)?;
        Some(found.1.get())
    }

    /// The text of a field: what a string says, or a number as it is written.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = self.field(name)?;
        string(value).or_else(|| Some(value.to_owned()))
    }
}

/// What a JSON string says.
fn string(value: &str) -> Option<String> {
    serde_json::from_str(value).ok()
}

/// Takes the wanted fields out of an object.
struct Wanted<'t>(&'t Json);

impl<'t> Visitor<'t> for Wanted<'t> {
    type Value = Object<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Object<'t>, A::Error> {
        let mut object = Object::default();
        while let Some(name) = map.next_key_seed(Name(self.0))? {
            match name {
                Some(name) => object.fields.push((name, map.next_value()?)),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(object)
    }
}

/// The name of a field, if it is wanted.
struct Name<'t>(&'t Json);

impl<'t> DeserializeSeed<'t> for Name<'t> {
    type Value = Option<&'t str>;

    fn deserialize<D: Deserializer<'t>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'t> Visitor<'t> for Name<'t> {
    type Value = Option<&'t str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.wants(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent of `text`.
    fn sent(json: &Json, text: &str) -> Option<String> {
        let object = json.read(text.as_bytes())?;
        let written = json.rewrite(&object).ok()??;
        Some(String::from_utf8(written).unwrap())
    }

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_message_is_sent_as_what_it_says() {
        let json = Json {
            message: Some("msg".to_owned()),
            ..Json::default()
        };
        for (text, expected) in [
            (
                r#"{"a":[1,{"msg":"no"}],"msg":"gr\u00fcn\n\"x\""}"#,
                Some("grün\n\"x\""),
            ),
            (r#" {"msg":1.50e3} "#, Some("1.50e3")),
            (r#"{"msg":{"b":1.0}}"#, Some(r#"{"b":1.0}"#)),
            (r#"{"msg":"first","msg":"last"}"#, Some("last")),
            (r#"{"ms\u0067":"escaped"}"#, Some("escaped")),
            (r#"{"msg":""}"#, None),
            (r#"{"other":1}"#, None),
            (r#"{"msg":"x""#, None),
            (r#"{"msg":"x"} trailing"#, None),
            (r#"["msg"]"#, None),
            ("plain", None),
        ] {
            assert_eq!(sent(&json, text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn fields_are_sent_as_they_are_written_and_in_the_order_of_the_configuration() {
        let json = Json {
            fields: strings(&["b", "a", "gone"]),
            ..Json::default()
        };
        let text = r#"{"a":12345678901234567890.10,"x":null,"b":{"y": [1]}}"#;
        let expected = r#"{"b":{"y": [1]},"a":12345678901234567890.10}"#;
        assert_eq!(sent(&json, text).as_deref(), Some(expected));
        assert_eq!(sent(&json, r#"{"x":1}"#), None);
    }
}
