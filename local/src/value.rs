//! A value as AWS's protocols carry it, before or after any of them.
//!
//! JSON 1.0 and 1.1, CBOR and the query protocol all decode into a [`Value`] and are encoded from
//! one, so that a service is written once. The query protocol knows only text; the accessors
//! therefore read numbers and truth from text as well.

use plimsoll_core::clock::UnixMillis;

/// One value. Maps keep the order of the wire.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Absent or null.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Double(f64),
    /// Text.
    Text(String),
    /// Bytes: base64 in JSON and XML, a byte string in CBOR.
    Bytes(Vec<u8>),
    /// A moment in seconds since the epoch: a number in JSON, tag 1 in CBOR, RFC 3339 in XML.
    Time(f64),
    /// A list.
    List(Vec<Value>),
    /// Members by name.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// The member `name` of a map; [`Value::Null`] when there is none.
    #[must_use]
    pub fn member(&self, name: &str) -> &Self {
        const NULL: &Value = &Value::Null;
        match self {
            Self::Map(members) => members
                .iter()
                .find(|(key, _)| key == name)
                .map_or(NULL, |(_, value)| value),
            _ => NULL,
        }
    }

    /// Whether the value is absent.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, also from text (query protocol) and from a time.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "wire numbers fit 53 bits")]
            Self::Integer(number) => Some(*number as f64),
            Self::Double(number) | Self::Time(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The whole number, also from text and from a number without a fraction.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "checked to be whole and in range"
            )]
            Self::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                Some(*number as i64)
            }
            _ => None,
        }
    }

    /// The moment, from a number of seconds (JSON, CBOR) or an RFC 3339 text (query protocol).
    /// Seconds beyond ±9·10¹² (the year 285 000) are no moment.
    #[must_use]
    pub fn moment(&self) -> Option<UnixMillis> {
        if let Some(seconds) = self.number() {
            let millis = (seconds * 1000.0).round();
            #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
            return (millis.abs() < 9e15).then_some(UnixMillis(millis as i64));
        }
        let timestamp: jiff::Timestamp = self.text()?.parse().ok()?;
        Some(UnixMillis(timestamp.as_millisecond()))
    }

    /// A moment as it goes out.
    #[must_use]
    pub fn time(at: UnixMillis) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds fit 53 bits")]
        Self::Time(at.0 as f64 / 1000.0)
    }

    /// The truth value, also from text.
    #[must_use]
    pub fn boolean(&self) -> Option<bool> {
        match self {
            Self::Bool(yes) => Some(*yes),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The items of a list; empty for anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The members of a map; empty for anything else.
    #[must_use]
    pub fn members(&self) -> &[(String, Self)] {
        match self {
            Self::Map(members) => members,
            _ => &[],
        }
    }

    /// A map from pairs, without those that are null.
    #[must_use]
    pub fn map<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Map(
            members
                .into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Bool(yes)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}
