//! The query protocol's requests: a form whose dotted names spell out a tree.
//!
//! `MetricData.member.1.Dimensions.member.2.Name=az` becomes a list of maps. All values are text;
//! the accessors of [`Value`] read numbers from it.

use std::collections::BTreeMap;

use super::DecodeError;
use crate::value::Value;

/// Levels of a dotted name that are read.
const DEPTH_MAX: usize = 24;

/// Decodes `application/x-www-form-urlencoded` into pairs, in order.
#[must_use]
pub fn pairs(form: &str) -> Vec<(String, String)> {
    form.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(name), unescape(value))
        })
        .collect()
}

/// Reads a body.
///
/// # Errors
/// When it is not UTF-8 or a name has too many levels.
pub fn decode(body: &[u8]) -> Result<Value, DecodeError> {
    let form = std::str::from_utf8(body).map_err(|_| DecodeError::Form("it is not UTF-8"))?;
    let mut root = Node::default();
    for (name, value) in pairs(form) {
        if name.split('.').count() > DEPTH_MAX {
            return Err(DecodeError::Form("a name has too many levels"));
        }
        let mut node = &mut root;
        for part in name.split('.') {
            node = node.children.entry(part.to_owned()).or_default();
        }
        node.text = Some(value);
    }
    Ok(match root.into_value() {
        Value::Null => Value::Map(Vec::new()),
        value => value,
    })
}

#[derive(Default)]
struct Node {
    text: Option<String>,
    children: BTreeMap<String, Node>,
}

impl Node {
    fn into_value(mut self) -> Value {
        if let Some(list) = self.children.remove("member") {
            return Value::List(list.into_items());
        }
        if let Some(map) = self.children.remove("entry") {
            return Value::Map(map.into_items().into_iter().filter_map(entry).collect());
        }
        if self.children.is_empty() {
            return self.text.map_or(Value::Null, Value::Text);
        }
        let members = self.children.into_iter();
        Value::Map(
            members
                .map(|(name, node)| (name, node.into_value()))
                .collect(),
        )
    }

    /// Children by their number, which may leave gaps.
    fn into_items(self) -> Vec<Value> {
        let mut items: Vec<_> = self
            .children
            .into_iter()
            .filter_map(|(number, node)| Some((number.parse::<u32>().ok()?, node.into_value())))
            .collect();
        items.sort_by_key(|(number, _)| *number);
        items.into_iter().map(|(_, item)| item).collect()
    }
}

/// One entry of a map: `key` and `value`, or `Name` and `Value` as SNS's attributes have it.
fn entry(item: Value) -> Option<(String, Value)> {
    let Value::Map(members) = item else {
        return None;
    };
    let (mut key, mut content) = (None, Value::Null);
    for (name, value) in members {
        match name.as_str() {
            "key" | "Name" => key = value.text().map(str::to_owned),
            "value" | "Value" => content = value,
            _ => {}
        }
    }
    Some((key?, content))
}

/// Undoes percent-encoding and `+`. What is no valid escape stays as it is; bytes that are no
/// UTF-8 become replacement characters.
#[must_use]
pub fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut ahead = rest.clone();
                match (ahead.next().and_then(hex), ahead.next().and_then(hex)) {
                    (Some(high), Some(low)) => {
                        bytes.push(high << 4 | low);
                        rest = ahead;
                    }
                    _ => bytes.push(b'%'),
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_names_become_lists_and_maps() {
        let body = "Action=PutMetricData&Namespace=a%2Fb+c&MetricData.member.2.Value=2\
            &MetricData.member.1.Value=1&MetricData.member.10.Value=10\
            &MetricData.member.1.Dimensions.member.1.Name=az&Empty=";
        let value = decode(body.as_bytes()).unwrap();
        assert_eq!(value.member("Namespace").text(), Some("a/b c"));
        let values: Vec<_> = value
            .member("MetricData")
            .items()
            .iter()
            .map(|datum| datum.member("Value").integer().unwrap())
            .collect();
        assert_eq!(values, [1, 2, 10]);
        let first = &value.member("MetricData").items()[0];
        assert_eq!(
            first.member("Dimensions").items()[0].member("Name").text(),
            Some("az")
        );
        assert_eq!(value.member("Empty").text(), Some(""));
    }

    #[test]
    fn entries_become_maps_under_either_name() {
        let body = "MessageAttributes.entry.1.Name=kind&MessageAttributes.entry.1.Value.DataType=String\
            &Attributes.entry.1.key=a&Attributes.entry.1.value=b";
        let value = decode(body.as_bytes()).unwrap();
        let kind = value.member("MessageAttributes").member("kind");
        assert_eq!(kind.member("DataType").text(), Some("String"));
        assert_eq!(value.member("Attributes").member("a").text(), Some("b"));
    }

    #[test]
    fn odd_forms_are_read_without_a_panic() {
        for (form, expected) in [
            ("a=%", "%"),
            ("a=%e4", "\u{fffd}"),
            ("a=%zz", "%zz"),
            ("a", ""),
        ] {
            let value = decode(form.as_bytes()).unwrap();
            assert_eq!(value.member("a").text(), Some(expected), "{form}");
        }
        let deep = format!("{}=1", "a.".repeat(10_000));
        assert!(decode(deep.as_bytes()).is_err());
        assert!(decode(b"\xff=1").is_err());
    }
}
