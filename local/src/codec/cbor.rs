//! CBOR as the Smithy RPC v2 protocol uses it: times carry tag 1, maps may be of indefinite
//! length.

use ciborium::value::Value as Cbor;

use super::DecodeError;
use crate::value::Value;

/// The tag of a number of seconds since the epoch. Source: RFC 8949, section 3.4.2.
const TAG_TIME: u64 = 1;
/// Nesting that is read. AWS's inputs have fewer than ten levels.
const DEPTH_MAX: usize = 64;

/// Reads a body. An empty one is an empty map.
///
/// # Errors
/// When the body is not one CBOR item, or a map has a key that is not text.
pub fn decode(body: &[u8]) -> Result<Value, DecodeError> {
    if body.is_empty() {
        return Ok(Value::Map(Vec::new()));
    }
    let mut rest = body;
    let item: Cbor = ciborium::de::from_reader_with_recursion_limit(&mut rest, DEPTH_MAX)
        .map_err(|error| DecodeError::Cbor(error.to_string()))?;
    if !rest.is_empty() {
        return Err(DecodeError::Cbor(format!(
            "{} bytes after the end",
            rest.len()
        )));
    }
    read(item)
}

/// Writes a body.
#[must_use]
pub fn encode(value: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    // Writing to memory cannot fail.
    ciborium::ser::into_writer(&write(value), &mut body).ok();
    body
}

fn read(item: Cbor) -> Result<Value, DecodeError> {
    Ok(match item {
        Cbor::Null => Value::Null,
        Cbor::Bool(yes) => Value::Bool(yes),
        Cbor::Integer(number) => {
            let number = i128::from(number);
            #[expect(
                clippy::cast_precision_loss,
                reason = "beyond 63 bits only magnitude matters"
            )]
            i64::try_from(number).map_or(Value::Double(number as f64), Value::Integer)
        }
        Cbor::Float(number) => Value::Double(number),
        Cbor::Text(text) => Value::Text(text),
        Cbor::Bytes(bytes) => Value::Bytes(bytes),
        Cbor::Tag(TAG_TIME, inner) => match read(*inner)?.number() {
            Some(seconds) => Value::Time(seconds),
            None => return Err(DecodeError::Cbor("a time that is not a number".to_owned())),
        },
        Cbor::Tag(_, inner) => read(*inner)?,
        Cbor::Array(items) => Value::List(items.into_iter().map(read).collect::<Result<_, _>>()?),
        Cbor::Map(members) => {
            let mut map = Vec::with_capacity(members.len());
            for (key, value) in members {
                let Cbor::Text(name) = key else {
                    return Err(DecodeError::Cbor("a key that is not text".to_owned()));
                };
                map.push((name, read(value)?));
            }
            Value::Map(map)
        }
        other => return Err(DecodeError::Cbor(format!("unexpected item {other:?}"))),
    })
}

fn write(value: &Value) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(yes) => Cbor::Bool(*yes),
        Value::Integer(number) => Cbor::Integer((*number).into()),
        Value::Double(number) => Cbor::Float(*number),
        Value::Text(text) => Cbor::Text(text.clone()),
        Value::Bytes(bytes) => Cbor::Bytes(bytes.clone()),
        Value::Time(seconds) => Cbor::Tag(TAG_TIME, Box::new(Cbor::Float(*seconds))),
        Value::List(items) => Cbor::Array(items.iter().map(write).collect()),
        Value::Map(members) => Cbor::Map(
            members
                .iter()
                .map(|(name, value)| (Cbor::Text(name.clone()), write(value)))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indefinite_maps_and_tagged_times_are_read() {
        // {_ "Namespace": "N", "At": 1(1795524360), "V": [_ 1.5]}
        let body =
            b"\xbf\x69Namespace\x61N\x62At\xc1\x1a\x6b\x05\x47\x08\x61V\x9f\xf9\x3e\x00\xff\xff";
        let expected = Value::map([
            ("Namespace", "N".into()),
            ("At", Value::Time(f64::from(0x6b05_4708_u32))),
            ("V", vec![1.5].into()),
        ]);
        assert_eq!(decode(body).unwrap(), expected);
    }

    #[test]
    fn every_kind_of_value_survives_a_round_trip() {
        let value = Value::map([
            ("text", "ü".into()),
            ("integer", Value::Integer(i64::MIN)),
            ("double", Value::Double(0.1)),
            ("time", Value::Time(1.25)),
            ("bytes", Value::Bytes(vec![0, 255])),
            ("list", Value::List(vec![Value::Bool(true), Value::Null])),
        ]);
        assert_eq!(decode(&encode(&value)).unwrap(), value);
    }

    #[test]
    fn broken_bodies_are_refused_without_a_panic() {
        let deep = vec![0x81; 100_000];
        for body in [
            &b"\xbf"[..],
            b"\xa1\x01\x02",
            b"\x01\x02",
            b"\xff",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            &deep,
        ] {
            assert!(decode(body).is_err(), "{:?}", body.get(..9).unwrap_or(body));
        }
    }
}
