//! Moves the times inside a recorded JSON document. Pure.
//!
//! A time is a text that is an RFC 3339 moment from end to end, or the number of a launch time,
//! which CloudTrail's EC2 records give in milliseconds. Times inside of prose stay as they are.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// The member that holds milliseconds since the epoch.
/// Source: CloudTrail user guide, record of `RunInstances`, `responseElements.instancesSet`.
const LAUNCH_TIME: &str = "launchTime";

/// The latest time in the document; `None` without any.
pub(super) fn newest(document: &Value) -> Option<Timestamp> {
    match document {
        Value::String(text) => moment(text),
        Value::Array(items) => items.iter().filter_map(newest).max(),
        Value::Object(members) => members.values().filter_map(newest).max(),
        _ => None,
    }
}

/// Moves every time of the document by `by`. A time that would leave the calendar stays.
pub(super) fn shift(document: &mut Value, by: SignedDuration) {
    match document {
        Value::String(text) => {
            if let Some(moved) = moment(text).and_then(|time| time.checked_add(by).ok()) {
                *text = write_like(text, moved);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| shift(item, by)),
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_i64().filter(|_| name == LAUNCH_TIME) {
                    Some(millis) => *value = millis_after(millis, by).into(),
                    None => shift(value, by),
                }
            }
        }
        _ => {}
    }
}

/// Reads a text that is a moment and nothing else. A time zone other than UTC does not occur in
/// what is recorded and is left alone.
fn moment(text: &str) -> Option<Timestamp> {
    let shaped = text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
    shaped.then(|| text.parse().ok()).flatten()
}

/// Writes `time` with as many digits of a second as `sample` has.
fn write_like(sample: &str, time: Timestamp) -> String {
    let digits = sample
        .rsplit_once('.')
        .map_or(0, |(_, fraction)| fraction.len().saturating_sub(1));
    format!("{time:.digits$}")
}

fn millis_after(millis: i64, by: SignedDuration) -> i64 {
    millis.saturating_add(i64::try_from(by.as_millis()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_whole_moments_are_moved_and_keep_their_precision() {
        let cases = [
            ("2026-11-17T09:12:44Z", "2026-11-17T10:12:45Z"),
            ("2026-11-17T09:12:44.120Z", "2026-11-17T10:12:45.120Z"),
            ("2026-12-31T23:00:00.0Z", "2027-01-01T00:00:01.0Z"),
            ("at 2026-11-17T09:12:44Z", "at 2026-11-17T09:12:44Z"),
            ("2026-11-17", "2026-11-17"),
            ("9999-12-30T22:30:00Z", "9999-12-30T22:30:00Z"),
            ("", ""),
            ("é2345678T1Z", "é2345678T1Z"),
        ];
        for (before, after) in cases {
            let mut document = json!({ "a": [before] });
            shift(&mut document, SignedDuration::from_secs(3601));
            assert_eq!(document, json!({ "a": [after] }), "{before}");
        }
    }

    #[test]
    fn launch_times_are_moved_and_other_numbers_are_not() {
        let mut document = json!({ "launchTime": 1_000, "severity": 8.0, "count": 1_000 });
        shift(&mut document, SignedDuration::from_secs(2));
        assert_eq!(
            document,
            json!({ "launchTime": 3_000, "severity": 8.0, "count": 1_000 })
        );
    }

    #[test]
    fn the_newest_time_is_found_at_any_depth() {
        let document = json!({ "Records": [
            { "eventTime": "2026-11-17T09:12:44Z", "at": { "createdAt": "2026-11-17T09:12:45Z" } },
            "2025-01-01T00:00:00Z", 7, null,
        ] });
        assert_eq!(newest(&document), "2026-11-17T09:12:45Z".parse().ok());
        assert_eq!(newest(&json!({ "x": "never" })), None);
    }
}
