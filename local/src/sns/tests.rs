//! What SNS refuses, what it keeps, and what alarms tell it.

use super::*;

const ARN: &str = "arn:aws:sns:us-east-1:123456789012:alerts";

fn topics() -> Topics {
    let mut topics = Topics::new("123456789012", "us-east-1");
    topics.create("alerts").expect("valid name");
    topics
}

fn call(topics: &mut Topics, operation: &str, json: &str) -> Answer {
    topics.call(&Call {
        operation: operation.to_owned(),
        input: serde_json::from_str(json).expect("valid test input"),
        now: UnixMillis(5),
        region: "us-east-1".to_owned(),
        key_id: "local".to_owned(),
    })
}

/// Publishes; `text` is a part of the refusal with `code`, or nothing when it is taken.
fn check_publish(json: &str, code: &str, text: &str) {
    match call(&mut topics(), "Publish", json) {
        Ok(answer) => {
            assert!(answer.member("MessageId").text().is_some());
            assert_eq!(text, "", "{json}");
        }
        Err(refused) => {
            assert_eq!(refused.code, code, "{text}");
            assert!(
                !text.is_empty() && refused.message.contains(text),
                "{}",
                refused.message
            );
        }
    }
}

/// A message to the topic with more members.
fn publish(message: &str, more: &str) -> String {
    format!(r#"{{"TopicArn":"{ARN}","Message":{message:?}{more}}}"#)
}

#[test]
fn messages_and_subjects_keep_their_limits() {
    for (message, text) in [
        ("m".to_owned(), ""),
        ("x".repeat(262_144), ""),
        ("x".repeat(262_145), "Message too long"),
        (String::new(), "Empty message"),
    ] {
        check_publish(&publish(&message, ""), "InvalidParameter", text);
    }
    for (subject, text) in [
        ("s".repeat(99), ""),
        ("s".repeat(100), "Subject"),
        ("two\\nlines".to_owned(), "Subject"),
        (" indented".to_owned(), "Subject"),
        ("Grüße".to_owned(), "Subject"),
        (String::new(), "Subject"),
    ] {
        let json = publish("m", &format!(r#","Subject":"{subject}""#));
        check_publish(&json, "InvalidParameter", text);
    }
}

#[test]
fn structures_attributes_and_topics_are_checked() {
    for (message, text) in [
        (r#"{"default":"d","email":"e"}"#, ""),
        (r#"{"email":"e"}"#, "No default entry"),
        (r#"{"default":1}"#, "No default entry"),
        ("{broken", "failed to parse"),
    ] {
        let json = publish(message, r#","MessageStructure":"json""#);
        check_publish(&json, "InvalidParameter", text);
    }
    for (kind, value, text) in [
        ("String", "high", ""),
        ("Number.int", "7", ""),
        ("Colour", "high", "severity"),
        ("String", "", "severity"),
    ] {
        let attribute = format!(r#"{{"DataType":"{kind}","StringValue":"{value}"}}"#);
        let more = format!(r#","MessageAttributes":{{"severity":{attribute}}}"#);
        check_publish(&publish("m", &more), "ParameterValueInvalid", text);
    }
    for (json, code, text) in [
        (
            r#"{"Message":"m"}"#.to_owned(),
            "InvalidParameter",
            "no value for required",
        ),
        (
            publish("m", "").replace(ARN, "alerts"),
            "InvalidParameter",
            "6 elements, not 1",
        ),
        (
            publish("m", "").replace("alerts", "other"),
            "NotFound",
            "Topic does not exist",
        ),
    ] {
        check_publish(&json, code, text);
    }
}

#[test]
fn a_message_is_kept_with_all_its_texts_and_attributes() {
    let mut topics = topics();
    let json = format!(
        r#"{{"TopicArn":"{ARN}","Subject":"s","MessageStructure":"json",
        "Message":"{{\"default\":\"d\",\"email\":\"e\",\"odd\":1}}",
        "MessageAttributes":{{"severity":{{"DataType":"String","StringValue":"high"}}}}}}"#
    );
    call(&mut topics, "Publish", &json).expect("valid");
    let [message] = topics.messages(9).try_into().expect("one message");
    let pairs = |map: &BTreeMap<String, String>| {
        map.iter()
            .map(|(name, text)| format!("{name}={text}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(pairs(&message.texts), ["default=d", "email=e"]);
    assert_eq!(pairs(&message.attributes), ["severity=high"]);
    assert_eq!((message.subject.as_str(), message.at), ("s", UnixMillis(5)));
}

#[test]
fn a_batch_answers_for_each_entry() {
    let mut topics = topics();
    let batch = |entries: &str| {
        format!(r#"{{"TopicArn":"{ARN}","PublishBatchRequestEntries":[{entries}]}}"#)
    };
    let json = batch(r#"{"Id":"a","Message":"m"},{"Id":"b","Message":""}"#);
    let answer = call(&mut topics, "PublishBatch", &json).expect("valid");
    assert_eq!(answer.member("Successful").items().len(), 1);
    let failed = &answer.member("Failed").items()[0];
    assert_eq!(failed.member("Id").text(), Some("b"));
    let entries: Vec<String> = (0..11)
        .map(|id| format!(r#"{{"Id":"{id}","Message":"m"}}"#))
        .collect();
    let large = format!(
        r#"{{"Id":"a","Message":"{0}"}},{{"Id":"b","Message":"{0}"}}"#,
        "x".repeat(140_000)
    );
    for (json, code) in [
        (batch(""), "EmptyBatchRequest"),
        (batch(&entries.join(",")), "TooManyEntriesInBatchRequest"),
        (
            batch(r#"{"Id":"a","Message":"m"},{"Id":"a","Message":"m"}"#),
            "BatchEntryIdsNotDistinct",
        ),
        (batch(&large), "BatchRequestTooLong"),
    ] {
        let refused = call(&mut topics, "PublishBatch", &json).expect_err(code);
        assert_eq!(refused.code, code);
    }
}

#[test]
fn topics_are_made_once_and_listed() {
    let mut topics = topics();
    let again = call(&mut topics, "CreateTopic", r#"{"Name":"alerts"}"#).expect("exists");
    assert_eq!(again.member("TopicArn").text(), Some(ARN));
    assert!(call(&mut topics, "CreateTopic", r#"{"Name":"a b"}"#).is_err());
    let listed = call(&mut topics, "ListTopics", "{}").expect("valid");
    assert_eq!(listed.member("Topics").items().len(), 1);
    let json = format!(r#"{{"TopicArn":"{ARN}"}}"#);
    let attributes = call(&mut topics, "GetTopicAttributes", &json).expect("valid");
    let owner = attributes.member("Attributes").member("Owner");
    assert_eq!(owner.text(), Some("123456789012"));
}

#[test]
fn what_alarms_tell_is_kept_or_counted_when_there_is_no_topic() {
    let mut topics = topics();
    let mut notification = Notification {
        topic: ARN.to_owned(),
        subject: "ALARM: \"cpu\"".to_owned(),
        message: "{}".to_owned(),
        at: UnixMillis(9),
    };
    topics.notify(&notification);
    notification.topic = "arn:aws:sns:us-east-1:123456789012:gone".to_owned();
    topics.notify(&notification);
    assert_eq!(topics.messages(9).len(), 1);
    assert_eq!(
        (topics.counts().published, topics.counts().undeliverable),
        (1, 1)
    );
}

#[test]
fn memory_is_bounded_and_what_went_is_counted() {
    let mut topics = topics();
    let json = format!(
        r#"{{"TopicArn":"{ARN}","Message":"{}"}}"#,
        "x".repeat(250_000)
    );
    for _ in 0..60 {
        call(&mut topics, "Publish", &json).expect("valid");
    }
    let kept = topics.messages(100);
    assert!(topics.bytes <= MEMORY_BYTES_MAX && kept.len() > 30);
    assert_eq!(topics.counts().forgotten, 60 - kept.len() as u64);
    assert_eq!(kept.last().map(|message| message.number), Some(60));
}
