//! LookupEvents: attributes, times, pages, refusals, and files.

use plimsoll_core::clock::UnixMillis;
use serde_json::json;

use super::*;

const NOW: UnixMillis = UnixMillis(1_795_524_360_000);

fn record(number: i64, name: &str) -> Json {
    let at = UnixMillis(NOW.0 - number * 60_000);
    json!({
        "eventID": format!("id-{number}"), "eventName": name, "eventTime": at.to_string(),
        "eventSource": "ec2.amazonaws.com", "readOnly": name.starts_with("Describe"),
        "eventCategory": "Management", "managementEvent": true,
        "userIdentity": {"type": "AssumedRole", "accessKeyId": "ASIA1",
            "arn": "arn:aws:sts::123456789012:assumed-role/admin/eve"},
        "resources": [{"ARN": "arn:aws:s3:::b", "type": "AWS::S3::Bucket"}],
    })
}

fn trail() -> Trail {
    let mut trail = Trail::default();
    // Given out of order, as files come.
    for number in (0..60).rev().chain(60..120) {
        let name = if number % 4 == 0 {
            "RunInstances"
        } else {
            "DescribeInstances"
        };
        assert!(trail.add(record(number, name)));
    }
    trail
}

fn look(trail: &Trail, json: &str) -> Answer {
    trail.call(&Call {
        operation: "LookupEvents".to_owned(),
        input: serde_json::from_str(json).expect("valid test input"),
        now: NOW,
        region: "us-east-1".to_owned(),
        key_id: "local".to_owned(),
    })
}

fn ids(answer: &Value) -> Vec<&str> {
    let events = answer.member("Events").items();
    events
        .iter()
        .filter_map(|event| event.member("EventId").text())
        .collect()
}

#[test]
fn events_come_newest_first_in_pages_of_fifty() {
    let trail = trail();
    let first = look(&trail, "{}").expect("valid");
    assert_eq!(ids(&first).len(), 50);
    assert_eq!(ids(&first)[..2], ["id-0", "id-1"]);
    let token = first.member("NextToken").text().expect("more").to_owned();
    let second = look(&trail, &format!(r#"{{"NextToken":"{token}"}}"#)).expect("valid");
    assert_eq!(ids(&second)[0], "id-50");
    let some = look(&trail, r#"{"MaxResults":3}"#).expect("valid");
    assert_eq!(ids(&some).len(), 3);
}

#[test]
fn one_attribute_and_times_select() {
    let trail = trail();
    let by = |name: &str, value: &str| {
        let json = format!(
            r#"{{"LookupAttributes":[{{"AttributeKey":"{name}","AttributeValue":"{value}"}}]}}"#
        );
        ids(&look(&trail, &json).expect("valid")).len()
    };
    for (name, value, count) in [
        ("EventId", "id-7", 1),
        ("EventName", "RunInstances", 30),
        ("ReadOnly", "false", 30),
        ("Username", "eve", 50),
        ("ResourceName", "arn:aws:s3:::b", 50),
        ("ResourceType", "AWS::S3::Bucket", 50),
        ("EventSource", "s3.amazonaws.com", 0),
        ("AccessKeyId", "ASIA1", 50),
    ] {
        assert_eq!(by(name, value), count, "{name}={value}");
    }
    let from = NOW.as_secs() - 120;
    let recent = look(&trail, &format!(r#"{{"StartTime":{from}}}"#)).expect("valid");
    assert_eq!(ids(&recent), ["id-0", "id-1", "id-2"]);
    let event = &recent.member("Events").items()[0];
    let inner: Json =
        serde_json::from_str(event.member("CloudTrailEvent").text().expect("text")).expect("JSON");
    assert_eq!(inner["eventID"], "id-0");
}

#[test]
fn bad_requests_are_refused_by_name() {
    let pair = r#"{"AttributeKey":"EventName","AttributeValue":"x"}"#;
    for (json, shape) in [
        (
            format!(r#"{{"LookupAttributes":[{pair},{pair}]}}"#),
            "InvalidLookupAttributesException",
        ),
        (
            r#"{"LookupAttributes":[{"AttributeKey":"Colour"}]}"#.to_owned(),
            "InvalidLookupAttributesException",
        ),
        (
            r#"{"StartTime":9,"EndTime":8}"#.to_owned(),
            "InvalidTimeRangeException",
        ),
        (
            r#"{"MaxResults":51}"#.to_owned(),
            "InvalidMaxResultsException",
        ),
        (
            r#"{"MaxResults":0}"#.to_owned(),
            "InvalidMaxResultsException",
        ),
        (
            r#"{"NextToken":"x"}"#.to_owned(),
            "InvalidNextTokenException",
        ),
        (
            r#"{"EventCategory":"data"}"#.to_owned(),
            "InvalidEventCategoryException",
        ),
    ] {
        assert_eq!(look(&trail(), &json).expect_err(shape).shape, shape);
    }
}

#[test]
fn data_events_and_what_is_older_than_90_days_cannot_be_looked_up() {
    let mut trail = Trail::default();
    let mut data = record(1, "GetObject");
    data["eventCategory"] = json!("Data");
    assert!(!trail.add(data));
    assert!(!trail.add(json!({"eventName": "timeless"})));
    assert!(trail.add(record(91 * 24 * 60, "Old")));
    assert!(ids(&look(&trail, "{}").expect("valid")).is_empty());
}

#[test]
fn files_are_read_in_every_shape_and_bad_ones_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let one = record(1, "A").to_string();
    std::fs::create_dir(path("deep")).expect("made");
    std::fs::write(
        path("deep/records.json"),
        format!(r#"{{"Records":[{one},{one}]}}"#),
    )
    .expect("written");
    std::fs::write(path("lines.json"), format!("{one}\n\n{one}\n")).expect("written");
    std::fs::write(path("notes.txt"), "not read").expect("written");
    let file = std::fs::File::create(path("z.json.gz")).expect("made");
    let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, one.as_bytes()).expect("written");
    gzip.finish().expect("written");
    let mut trail = Trail::default();
    assert_eq!(trail.add_path(folder.path()).expect("readable"), 5);
    std::fs::write(path("bad.json"), format!("{one}\nbroken")).expect("written");
    let error = trail
        .add_path(folder.path())
        .expect_err("broken")
        .to_string();
    assert!(error.ends_with("bad.json:2"), "{error}");
    assert_eq!(trail.len(), 5);
}
