//! JSON as AWS's json and rest-json protocols use it: times are numbers of seconds, bytes are
//! base64, numbers that JSON lacks are words.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use super::DecodeError;
use crate::value::Value;

/// Reads a body. An empty one is an empty map. Nesting is bounded by `serde_json` (128 levels).
///
/// # Errors
/// When the body is not JSON.
pub fn decode(body: &[u8]) -> Result<Value, DecodeError> {
    if body.is_empty() {
        return Ok(Value::Map(Vec::new()));
    }
    Ok(serde_json::from_slice(body)?)
}

/// Writes a body.
#[must_use]
pub fn encode(value: &Value) -> Vec<u8> {
    // Writing a tree of strings and numbers to memory cannot fail: keys are strings, and numbers
    // that JSON lacks are written as words.
    serde_json::to_vec(value).unwrap_or_default()
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(yes) => serializer.serialize_bool(*yes),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Double(number) | Self::Time(number) => match word(*number) {
                Some(word) => serializer.serialize_str(word),
                None => serializer.serialize_f64(*number),
            },
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Map(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

/// What the protocols write for numbers that JSON and XML lack.
pub(super) fn word(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        Some("NaN")
    } else if number.is_infinite() {
        Some(if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        })
    } else {
        None
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Value, E> {
        Ok(Value::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "beyond 63 bits only magnitude matters"
        )]
        Ok(i64::try_from(number).map_or(Value::Double(number as f64), Value::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Double(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Value::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_members_survives_a_round_trip() {
        let text = r#"{"z":1,"a":[true,null,-2.5,"ü"],"m":{}}"#;
        let value = decode(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(encode(&value)).unwrap(), text);
    }

    #[test]
    fn times_are_numbers_and_bytes_are_base64() {
        let value = Value::map([
            ("at", Value::Time(1.5)),
            ("blob", Value::Bytes(b"hi".to_vec())),
            ("odd", Value::Double(f64::NAN)),
        ]);
        let text = String::from_utf8(encode(&value)).unwrap();
        assert_eq!(text, r#"{"at":1.5,"blob":"aGk=","odd":"NaN"}"#);
    }

    #[test]
    fn an_empty_body_is_an_empty_map_and_deep_nesting_is_refused() {
        assert_eq!(decode(b"").unwrap(), Value::Map(Vec::new()));
        assert!(decode("[".repeat(100_000).as_bytes()).is_err());
        assert!(decode(b"{} {}").is_err());
    }
}
