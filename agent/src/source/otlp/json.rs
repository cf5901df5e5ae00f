//! What the JSON form of protobuf writes in its own way: numbers of 64 bits as texts, numbers that
//! are none as words, and `null` for what is left out.
//! Source: Protocol Buffers documentation, "ProtoJSON Format"; OTLP specification, "JSON Protobuf
//! Encoding".

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

/// A value, or its default for `null`.
pub(crate) fn or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// A number of 64 bits without a sign.
pub(crate) fn unsigned<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    Ok(optional::<D, u64>(from)?.unwrap_or_default())
}

/// A number of 64 bits with a sign, or nothing.
pub(crate) fn optional_signed<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    optional(from)
}

/// A floating-point number, or nothing.
pub(crate) fn optional_double<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    optional(from)
}

/// A floating-point number.
pub(crate) fn double<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(optional::<D, f64>(from)?.unwrap_or_default())
}

/// A list of numbers of 64 bits.
pub(crate) fn unsigneds<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u64>, D::Error> {
    from.deserialize_any(List(PhantomData))
}

/// A list of floating-point numbers.
pub(crate) fn doubles<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
    from.deserialize_any(List(PhantomData))
}

/// The value of an attribute as a text: what is not one is written as JSON writes it.
pub(crate) fn any_value<'de, D: Deserializer<'de>>(from: D) -> Result<Cow<'de, str>, D::Error> {
    from.deserialize_any(AnyValue)
}

/// A number that may be written as a text.
trait Number: Sized {
    fn of_text(text: &str) -> Option<Self>;
    fn of_signed(number: i64) -> Option<Self>;
    fn of_unsigned(number: u64) -> Option<Self>;
    fn of_double(number: f64) -> Option<Self>;
}

impl Number for u64 {
    fn of_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn of_signed(number: i64) -> Option<Self> {
        Self::try_from(number).ok()
    }
    fn of_unsigned(number: u64) -> Option<Self> {
        Some(number)
    }
    fn of_double(_: f64) -> Option<Self> {
        None
    }
}

impl Number for i64 {
    fn of_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn of_signed(number: i64) -> Option<Self> {
        Some(number)
    }
    fn of_unsigned(number: u64) -> Option<Self> {
        Self::try_from(number).ok()
    }
    fn of_double(_: f64) -> Option<Self> {
        None
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "CloudWatch stores doubles; above 2^53 the last digits do not matter to anyone"
)]
impl Number for f64 {
    fn of_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn of_signed(number: i64) -> Option<Self> {
        Some(number as Self)
    }
    fn of_unsigned(number: u64) -> Option<Self> {
        Some(number as Self)
    }
    fn of_double(number: f64) -> Option<Self> {
        Some(number)
    }
}

fn optional<'de, D, N>(from: D) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: Number,
{
    from.deserialize_any(One(PhantomData))
}

struct One<N>(PhantomData<N>);

impl<N: Number> Visitor<'_> for One<N> {
    type Value = Option<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a text that is one")
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let number = N::of_text(text).ok_or_else(|| unfit(de::Unexpected::Str(text), &self))?;
        Ok(Some(number))
    }
    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        let unexpected = de::Unexpected::Signed(number);
        Ok(Some(
            N::of_signed(number).ok_or_else(|| unfit(unexpected, &self))?,
        ))
    }
    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        let unexpected = de::Unexpected::Unsigned(number);
        Ok(Some(
            N::of_unsigned(number).ok_or_else(|| unfit(unexpected, &self))?,
        ))
    }
    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        let unexpected = de::Unexpected::Float(number);
        Ok(Some(
            N::of_double(number).ok_or_else(|| unfit(unexpected, &self))?,
        ))
    }
}

fn unfit<E: Error>(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> E {
    E::invalid_value(unexpected, expected)
}

struct List<N>(PhantomData<N>);

impl<'de, N: Number> Visitor<'de> for List<N> {
    type Value = Vec<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of numbers")
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Item(number)) = items.next_element()? {
            all.push(number);
        }
        Ok(all)
    }
}

struct Item<N>(N);

impl<'de, N: Number> Deserialize<'de> for Item<N> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let number: Option<N> = optional(from)?;
        number
            .map(Self)
            .ok_or_else(|| D::Error::custom("null in a list of numbers"))
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of an attribute")
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut value = Cow::Borrowed("");
        while let Some(kind) = fields.next_key::<Cow<'de, str>>()? {
            match &*kind {
                "stringValue" | "bytesValue" => value = fields.next_value()?,
                "intValue" => {
                    if let Some(Item::<i64>(number)) = fields.next_value()? {
                        value = Cow::Owned(number.to_string());
                    }
                }
                "doubleValue" => {
                    if let Some(Item::<f64>(number)) = fields.next_value()? {
                        value = Cow::Owned(number.to_string());
                    }
                }
                // True, false, lists and tables: as they are written.
                _ => value = Cow::Borrowed(fields.next_value::<&'de RawValue>()?.get()),
            }
        }
        Ok(value)
    }
}
