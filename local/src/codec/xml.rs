//! The query protocol's answers: XML with every list as `<member>` elements, times in ISO 8601.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_core::clock::UnixMillis;

use super::json::word;
use crate::service::Refusal;
use crate::value::Value;

/// Members whose shape is a map from names that the user chose, written as `<entry>` elements.
/// A [`Value`] does not tell such maps from structures. Source: Amazon SNS API reference.
const MAPS: [&str; 1] = ["Attributes"];

/// The answer of an operation. A null value means an operation without an output.
#[must_use]
pub fn encode(operation: &str, namespace: &str, output: &Value, request_id: &str) -> String {
    let mut xml = format!("<{operation}Response xmlns=\"{namespace}\">");
    if !output.is_null() {
        element(&mut xml, &format!("{operation}Result"), output);
    }
    // Writing to a String cannot fail, here and below.
    write!(
        xml,
        "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    )
    .ok();
    xml
}

/// An error.
#[must_use]
pub fn encode_refusal(namespace: &str, refusal: &Refusal, request_id: &str) -> String {
    let fault = if refusal.status < 500 {
        "Sender"
    } else {
        "Receiver"
    };
    let mut xml = format!("<ErrorResponse xmlns=\"{namespace}\"><Error>");
    element(&mut xml, "Type", &fault.into());
    element(&mut xml, "Code", &refusal.code.into());
    element(&mut xml, "Message", &refusal.message.as_str().into());
    for (name, value) in &refusal.members {
        element(&mut xml, name, value);
    }
    write!(
        xml,
        "</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    .ok();
    xml
}

/// The answer of an operation of EC2: lists are `<item>` elements, and there is no result element.
/// Source: Amazon EC2 API reference, "Understanding the responses".
#[must_use]
pub fn encode_ec2(operation: &str, namespace: &str, output: &Value, request_id: &str) -> String {
    let mut xml = format!("<{operation}Response xmlns=\"{namespace}\">");
    element(&mut xml, "requestId", &request_id.into());
    for (name, value) in output.members() {
        write!(xml, "<{name}>").ok();
        match value {
            Value::List(items) => items
                .iter()
                .for_each(|item| element(&mut xml, "item", item)),
            Value::Text(text) => escape(&mut xml, text),
            _ => {}
        }
        write!(xml, "</{name}>").ok();
    }
    write!(xml, "</{operation}Response>").ok();
    xml
}

/// An error of EC2. Source: Amazon EC2 API reference, "Error codes".
#[must_use]
pub fn encode_ec2_refusal(refusal: &Refusal, request_id: &str) -> String {
    let mut xml = "<Response><Errors><Error>".to_owned();
    element(&mut xml, "Code", &refusal.code.into());
    element(&mut xml, "Message", &refusal.message.as_str().into());
    xml.push_str("</Error></Errors>");
    element(&mut xml, "RequestID", &request_id.into());
    xml.push_str("</Response>");
    xml
}

fn element(xml: &mut String, name: &str, value: &Value) {
    write!(xml, "<{name}>").ok();
    match value {
        Value::Null => {}
        Value::Bool(yes) => {
            write!(xml, "{yes}").ok();
        }
        Value::Integer(number) => {
            write!(xml, "{number}").ok();
        }
        Value::Double(number) => match word(*number) {
            Some(word) => xml.push_str(word),
            None => {
                write!(xml, "{number:?}").ok();
            }
        },
        Value::Time(seconds) => {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a float to integer cast saturates"
            )]
            let at = UnixMillis((seconds * 1000.0).round() as i64);
            write!(xml, "{at}").ok();
        }
        Value::Text(text) => escape(xml, text),
        Value::Bytes(bytes) => xml.push_str(&STANDARD.encode(bytes)),
        Value::List(items) => items.iter().for_each(|item| element(xml, "member", item)),
        Value::Map(members) if MAPS.contains(&name) => {
            for (key, value) in members {
                xml.push_str("<entry>");
                element(xml, "key", &key.as_str().into());
                element(xml, "value", value);
                xml.push_str("</entry>");
            }
        }
        Value::Map(members) => members
            .iter()
            .for_each(|(name, value)| element(xml, name, value)),
    }
    write!(xml, "</{name}>").ok();
}

fn escape(xml: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\r' => xml.push_str("&#xD;"),
            // XML 1.0 has no other control characters, not even escaped.
            '\n' | '\t' => xml.push(letter),
            control if control.is_control() => xml.push('\u{fffd}'),
            other => xml.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_members_and_maps_of_attributes_are_entries() {
        let output = Value::map([
            ("At", Value::Time(1.5)),
            ("Names", Value::List(vec!["<a&b>".into(), "c".into()])),
            ("Attributes", Value::map([("k", "v".into())])),
            ("Number", Value::Double(1e300)),
        ]);
        let xml = encode("Do", "urn:x", &output, "id");
        assert_eq!(
            xml,
            "<DoResponse xmlns=\"urn:x\"><DoResult><At>1970-01-01T00:00:01.500Z</At>\
             <Names><member>&lt;a&amp;b&gt;</member><member>c</member></Names>\
             <Attributes><entry><key>k</key><value>v</value></entry></Attributes>\
             <Number>1e300</Number></DoResult>\
             <ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></DoResponse>"
        );
    }

    #[test]
    fn an_error_tells_whose_fault_it_is() {
        let refusal = Refusal::new("InvalidParameter", "bad\u{1}");
        let xml = encode_refusal("urn:x", &refusal, "id");
        assert_eq!(
            xml,
            "<ErrorResponse xmlns=\"urn:x\"><Error><Type>Sender</Type><Code>InvalidParameter</Code>\
             <Message>bad\u{fffd}</Message></Error><RequestId>id</RequestId></ErrorResponse>"
        );
    }
}
