//! What a queue's message wants: which objects to read, or the event itself.
//!
//! CloudTrail tells of a file in four shapes (its own notification through SNS, the same raw, S3's
//! event notification, EventBridge's "Object Created"), each possibly inside SNS's envelope; and
//! EventBridge delivers events and GuardDuty findings themselves. This module only reads the text.
//! Sources: AWS CloudTrail user guide, "Configuring Amazon SNS notifications for CloudTrail";
//! Amazon S3 user guide, "Event message structure" and "EventBridge event message structure";
//! Amazon SNS developer guide, "Parsing message formats".

use serde_json::Value;

use super::activity::text;

/// What the message is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Contents {
    /// Objects in S3 that hold records or findings.
    Objects(Vec<Object>),
    /// One CloudTrail record.
    Record(Value),
    /// One GuardDuty finding.
    Finding(Value),
    /// Nothing that concerns us; one word for counters.
    Nothing(&'static str),
    /// It cannot be told; a sentence for people.
    Unknown(String),
}

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The bucket.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
}

/// Envelopes inside envelopes: SNS around anything is one.
const ENVELOPES_MAX: usize = 3;

/// Reads a message.
#[must_use]
pub fn open(body: &str) -> Contents {
    open_within(body, ENVELOPES_MAX)
}

fn open_within(body: &str, envelopes_left: usize) -> Contents {
    let value: Value = match serde_json::from_str(body) {
        Ok(value) => value,
        // CloudTrail writes this plain sentence when a topic is attached to a trail.
        Err(_) if body.starts_with("CloudTrail validation message") => {
            return Contents::Nothing("validation");
        }
        Err(error) => return Contents::Unknown(format!("the message is not JSON: {error}")),
    };
    if let Some(event) = text(&value, &["detail-type"]) {
        return from_event_bridge(&event, value);
    }
    if let Some(kind) = text(&value, &["Type"]) {
        return match (kind.as_str(), text(&value, &["Message"])) {
            ("Notification", Some(message)) if envelopes_left > 0 => {
                open_within(&message, envelopes_left - 1)
            }
            ("SubscriptionConfirmation" | "UnsubscribeConfirmation", _) => {
                Contents::Nothing("subscription")
            }
            _ => Contents::Unknown(format!("an SNS message of type {kind} without content")),
        };
    }
    if let Some(bucket) = text(&value, &["s3Bucket"]) {
        return from_trail(&bucket, value.get("s3ObjectKey"));
    }
    if text(&value, &["Event"]).as_deref() == Some("s3:TestEvent") {
        return Contents::Nothing("test_event");
    }
    match value.get("Records").and_then(Value::as_array) {
        Some(records) => from_s3(records),
        None => Contents::Unknown(
            "the message is none of: CloudTrail's notification, S3's event notification, an \
             event of EventBridge, one of these inside SNS"
                .to_owned(),
        ),
    }
}

/// CloudTrail's own notification: a bucket and a list of keys as they are.
fn from_trail(bucket: &str, keys: Option<&Value>) -> Contents {
    let keys: Option<Vec<String>> = match keys {
        Some(Value::Array(keys)) => keys
            .iter()
            .map(|key| key.as_str().map(str::to_owned))
            .collect(),
        Some(Value::String(key)) => Some(vec![key.clone()]),
        _ => None,
    };
    match keys {
        Some(keys) => {
            let object = |key| Object {
                bucket: bucket.to_owned(),
                key,
            };
            Contents::Objects(keys.into_iter().map(object).collect())
        }
        None => Contents::Unknown("s3ObjectKey is not a list of keys".to_owned()),
    }
}

/// S3's event notification: keys are URL-encoded, with `+` for a space.
fn from_s3(records: &[Value]) -> Contents {
    let mut objects = Vec::new();
    for record in records {
        let created = text(record, &["eventName"]).is_some_and(|name| {
            let name = name.strip_prefix("s3:").unwrap_or(&name);
            name.starts_with("ObjectCreated:")
        });
        if !created {
            continue;
        }
        let bucket = text(record, &["s3", "bucket", "name"]);
        let key = text(record, &["s3", "object", "key"]).and_then(|key| url_decoded(&key));
        let (Some(bucket), Some(key)) = (bucket, key) else {
            return Contents::Unknown("an S3 event without a bucket or a readable key".to_owned());
        };
        objects.push(Object { bucket, key });
    }
    if objects.is_empty() {
        return Contents::Nothing("other_s3_event");
    }
    Contents::Objects(objects)
}

fn from_event_bridge(event: &str, mut value: Value) -> Contents {
    let source = text(&value, &["source"]).unwrap_or_default();
    let detail = value.get_mut("detail").map(Value::take).unwrap_or_default();
    match event {
        "AWS API Call via CloudTrail"
        | "AWS Console Sign In via CloudTrail"
        | "AWS Service Event via CloudTrail"
        | "AWS Console Action via CloudTrail" => Contents::Record(detail),
        "GuardDuty Finding" => Contents::Finding(detail),
        "Object Created" if source == "aws.s3" => {
            let bucket = text(&detail, &["bucket", "name"]);
            match (bucket, text(&detail, &["object", "key"])) {
                (Some(bucket), Some(key)) => Contents::Objects(vec![Object { bucket, key }]),
                _ => Contents::Unknown("an Object Created event without bucket or key".to_owned()),
            }
        }
        _ => Contents::Nothing("other_event"),
    }
}

/// Undoes URL encoding. `None` when the result is not UTF-8 or an escape is incomplete.
fn url_decoded(encoded: &str) -> Option<String> {
    let mut bytes = encoded.bytes();
    let mut decoded = Vec::with_capacity(encoded.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(bytes.next()?)? * 16 + hex(bytes.next()?)?,
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KEY: &str = "AWSLogs/1/Cloud Trail/ä+b.json.gz";

    fn in_sns(inner: &str) -> String {
        json!({"Type": "Notification", "TopicArn": "t", "Message": inner}).to_string()
    }

    fn s3_event(name: &str) -> String {
        json!({"Records": [{"eventName": name, "s3": {"bucket": {"name": "logs"},
               "object": {"key": "AWSLogs/1/Cloud+Trail/%C3%A4%2Bb.json.gz"}}}]})
        .to_string()
    }

    #[test]
    fn every_shape_that_tells_of_an_object_gives_the_same_object() {
        let trail = json!({"s3Bucket": "logs", "s3ObjectKey": [KEY]}).to_string();
        let created = json!({"detail-type": "Object Created", "source": "aws.s3",
                             "detail": {"bucket": {"name": "logs"}, "object": {"key": KEY}}})
        .to_string();
        let expected = Contents::Objects(vec![Object {
            bucket: "logs".into(),
            key: KEY.into(),
        }]);
        for body in [
            in_sns(&trail),
            trail,
            s3_event("ObjectCreated:Put"),
            in_sns(&s3_event("s3:ObjectCreated:CompleteMultipartUpload")),
            in_sns(&created),
            created,
        ] {
            assert_eq!(open(&body), expected, "{body}");
        }
    }

    #[test]
    fn events_of_eventbridge_carry_the_record_or_the_finding_itself() {
        let event = |kind: &str| json!({"detail-type": kind, "detail": {"x": 1}}).to_string();
        let detail = json!({"x": 1});
        for kind in [
            "AWS API Call via CloudTrail",
            "AWS Console Sign In via CloudTrail",
            "AWS Service Event via CloudTrail",
        ] {
            assert_eq!(open(&event(kind)), Contents::Record(detail.clone()));
        }
        let finding = open(&event("GuardDuty Finding"));
        assert_eq!(finding, Contents::Finding(detail));
        let other = open(&event("EC2 Instance State-change Notification"));
        assert_eq!(other, Contents::Nothing("other_event"));
    }

    #[test]
    fn what_does_not_concern_us_is_told_from_what_cannot_be_read() {
        let test_event = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"logs"}"#;
        for (body, word) in [
            (test_event.to_owned(), "test_event"),
            (in_sns(test_event), "test_event"),
            (in_sns("CloudTrail validation message."), "validation"),
            (s3_event("ObjectRemoved:Delete"), "other_s3_event"),
            (
                r#"{"Type":"SubscriptionConfirmation"}"#.into(),
                "subscription",
            ),
        ] {
            assert_eq!(open(&body), Contents::Nothing(word), "{body}");
        }
        for body in [
            "",
            "\0",
            "null",
            "hello",
            "{}",
            "[1]",
            r#"{"s3Bucket":"b"}"#,
            r#"{"s3Bucket":"b","s3ObjectKey":[1]}"#,
            r#"{"Type":"Notification"}"#,
            r#"{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},
                "object":{"key":"%C3%"}}}]}"#,
            r#"{"detail-type":"Object Created","source":"aws.s3","detail":{}}"#,
        ] {
            assert!(matches!(open(body), Contents::Unknown(_)), "{body}");
        }
        let mut nested = s3_event("ObjectCreated:Put");
        for _ in 0..10 {
            nested = in_sns(&nested);
        }
        assert!(matches!(open(&nested), Contents::Unknown(_)));
    }
}
