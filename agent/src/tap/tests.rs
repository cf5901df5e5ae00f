//! Taps beside what passes: bounded, counted, ended.

use std::path::Path;

use plimsoll_aws::{Datum, DatumValue, Error, LogGroup, Series};
use plimsoll_core::catalog::Unit;
use plimsoll_core::clock::UnixMillis;
use serde_json::Value;

use super::*;
use crate::record::{Chunk, ChunkParts, FileId, Line, Stream};

fn chunk(texts: &[&str]) -> Chunk {
    let group = LogGroup {
        name: "g".to_owned(),
        ..LogGroup::default()
    };
    let (mut bytes, mut lines) = (Vec::new(), Vec::new());
    for text in texts {
        let start = u32::try_from(bytes.len()).unwrap();
        bytes.extend_from_slice(text.as_bytes());
        let (len, time) = (u32::try_from(text.len()).unwrap(), UnixMillis(0));
        lines.push(Line { start, len, time });
    }
    let parts = ChunkParts {
        file: FileId(1),
        path: Arc::from(Path::new("/var/log/a")),
        stream: Arc::new(Stream::new(1, group, "s")),
        offset: 0,
        lead: 0,
        end: u32::try_from(bytes.len()).unwrap(),
        lines,
        places: None,
        utf8: true,
    };
    Chunk::new(parts, bytes, None)
}

fn selection(of: &str, filter: Option<&str>) -> Selection {
    Selection::new(of, filter).unwrap()
}

fn texts(waiting: &Waiting) -> Vec<String> {
    let lines = std::str::from_utf8(&waiting.lines).unwrap().lines();
    let text = |line: &str| {
        let record: Value = serde_json::from_str(line).unwrap();
        record["text"].as_str().unwrap().to_owned()
    };
    lines.map(text).collect()
}

#[tokio::test]
async fn a_tap_sees_what_it_selects_up_to_its_limit_and_nothing_else() {
    let taps = Arc::new(Taps::default());
    let all = taps.open(selection("/var/log/*", None), 100).unwrap();
    let two = taps.open(selection("logs", Some("^o")), 2).unwrap();
    let other = taps.open(selection("/var/log/b", None), 100).unwrap();
    let passed = chunk(&["one \"1\"\n", "two", "others", "only", "odd"]);
    taps.events([&passed].into_iter());
    let seen = all.next().await;
    assert_eq!(texts(&seen).len(), 5);
    assert_eq!(texts(&seen)[0], "one \"1\"\n");
    assert!(!seen.ended);
    let seen = two.next().await;
    assert_eq!(texts(&seen), ["one \"1\"\n", "others"]);
    assert!(seen.ended);
    assert!(other.tap.waiting().lines.is_empty());
}

#[tokio::test]
async fn what_does_not_fit_is_counted_and_what_is_taken_makes_room() {
    let taps = Arc::new(Taps::default());
    let tap = taps.open(selection("logs", None), u64::MAX).unwrap();
    let long = "x".repeat(10_000);
    let passed = chunk(&vec![long.as_str(); 1000]);
    taps.events([&passed].into_iter());
    assert!(tap.tap.waiting().lines.len() <= WAITING_BYTES_MAX);
    let seen = tap.next().await;
    let shown = texts(&seen);
    assert_eq!(shown.len() as u64 + seen.dropped, 1000);
    assert!(shown.len() > 50 && shown[0].len() == 4096);
    taps.events([&chunk(&["after"])].into_iter());
    let seen = tap.next().await;
    assert_eq!((texts(&seen), seen.dropped), (vec!["after".to_owned()], 0));
}

#[test]
fn calls_and_datums_are_shown_as_they_are_and_no_secret_of_an_error() {
    let taps = Arc::new(Taps::default());
    let (calls, metrics) = (taps.look("calls"), taps.look("metrics"));
    let why = "signature=abc".to_owned();
    let error = Error::Unavailable {
        call: "PutMetricData",
        why,
    };
    let call = Call {
        name: "PutMetricData",
        to: ["ns", ""],
        items: 2,
        took: std::time::Duration::from_millis(7),
    };
    taps.call(&call, None);
    taps.call(&call, Some(&error));
    let seen = calls.seen();
    let shown = |one: &Value| (one["items"].clone(), one["ms"].clone());
    assert_eq!(shown(&seen[0]), (2.into(), 7.into()));
    assert_eq!(seen[0]["outcome"], "accepted");
    let outcome = seen[1]["outcome"].as_str().unwrap();
    assert!(outcome.contains("could not be completed") && !outcome.contains("abc"));

    let series = Series {
        name: Arc::from("requests"),
        unit: Unit::Count,
        dimensions: Arc::from([(Arc::from("host"), Arc::from("a"))]),
    };
    let datum = |value| Datum {
        series: Arc::new(series.clone()),
        time: UnixMillis(0),
        value,
        resolution_seconds: 60,
        additive: true,
    };
    let values = [
        DatumValue::One(1.5),
        DatumValue::Distribution(Box::new([(2.0, 3.0)])),
    ];
    taps.datums("ns", &values.map(datum));
    let seen = metrics.seen();
    assert_eq!(seen[0]["dimensions"]["host"], "a");
    assert_eq!(
        (&seen[0]["name"], &seen[0]["value"]),
        (&"requests".into(), &1.5.into())
    );
    assert_eq!(seen[1]["value"]["values_and_counts"][0][1], 3.0);
}

#[test]
fn a_stage_is_wanted_only_while_somebody_looks_at_it() {
    let taps = Arc::new(Taps::default());
    assert!(!taps.wants(Stage::Logs));
    let logs = taps.open(selection("/a", None), 1).unwrap();
    let calls = taps.open(selection("calls", None), 1).unwrap();
    assert!(taps.wants(Stage::Logs) && taps.wants(Stage::Calls) && !taps.wants(Stage::Metrics));
    drop(logs);
    assert!(!taps.wants(Stage::Logs) && taps.wants(Stage::Calls));
    let more: Vec<_> = (0..TAPS_MAX)
        .map(|_| taps.open(selection("metrics", None), 1))
        .collect();
    assert_eq!(more.iter().flatten().count(), TAPS_MAX - 1);
    drop((calls, more));
    assert!(!taps.wants(Stage::Calls) && !taps.wants(Stage::Metrics));
}
