//! The rules of embedded metric format as a table.

use super::*;

const NOW: UnixMillis = UnixMillis(1_795_524_360_000);

fn check(message: &str, points: usize, unreadable: bool, invalid: u32) {
    let found = extract(message, NOW);
    let seen = (found.points.len(), found.unreadable, found.invalid);
    assert_eq!(seen, (points, unreadable, invalid), "{message}");
}

/// An event with one directive and the root members `rest`.
fn event(directive: &str, rest: &str) -> String {
    format!(
        r#"{{"_aws":{{"Timestamp":{},"CloudWatchMetrics":[{directive}]}},{rest}}}"#,
        NOW.0
    )
}

/// A directive with the dimension sets and metrics.
fn directive(sets: &str, metrics: &str) -> String {
    format!(r#"{{"Namespace":"n","Dimensions":{sets},"Metrics":[{metrics}]}}"#)
}

const REST: &str = r#""d":"v","m":5"#;
const METRIC: &str = r#"{"Name":"m"}"#;

#[test]
fn only_a_whole_event_of_the_right_form_is_read() {
    let good = event(&directive(r#"[["d"]]"#, METRIC), REST);
    let prefixed = format!("host app: {good}");
    check(&good, 1, false, 0);
    for (message, unreadable, invalid) in [
        ("plain text", false, 0),
        (r#"{"a":1}"#, false, 0),
        (prefixed.as_str(), true, 0),
        (
            r#"{"_aws":{"Timestamp":"x","CloudWatchMetrics":[]}}"#,
            true,
            0,
        ),
        (
            r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":{}}}"#,
            true,
            0,
        ),
        (
            r#"{"_aws":{"Timestamp":1,"CloudWatchMetrics":[]}}"#,
            false,
            1,
        ),
        (r#"{"x":{"_aws":{"CloudWatchMetrics":1}}}"#, false, 0),
    ] {
        check(message, 0, unreadable, invalid);
    }
}

#[test]
fn directives_and_dimension_sets_keep_their_limits() {
    let keys = |count: usize| {
        let keys: Vec<String> = (0..count).map(|key| format!("\"k{key}\"")).collect();
        let values: Vec<String> = keys.iter().map(|key| format!("{key}:\"v\"")).collect();
        let set = format!("[[{}]]", keys.join(","));
        event(
            &directive(&set, METRIC),
            &format!(r#"{},"m":1"#, values.join(",")),
        )
    };
    check(&keys(30), 1, false, 0);
    check(&keys(31), 0, false, 1);
    let metrics = |count: usize| directive("[[]]", &vec![METRIC; count].join(","));
    for (directive, points, invalid) in [
        (metrics(100), 100, 0),
        (metrics(101), 0, 1),
        (directive("[]", METRIC), 0, 1),
        (directive(r#"[["d"],[]]"#, METRIC), 2, 0),
        (directive(r#"[["gone"],[]]"#, METRIC), 1, 1),
        (directive(r#"[["m"]]"#, METRIC), 0, 1),
        (r#"{"Dimensions":[[]],"Metrics":[]}"#.to_owned(), 0, 1),
        (directive("[[]]", METRIC).replace(r#""n""#, r#""""#), 0, 1),
        (directive("[[]]", METRIC).replace(r#""n""#, r#"":n""#), 0, 1),
    ] {
        check(&event(&directive, REST), points, false, invalid);
    }
}

#[test]
fn metrics_and_their_values_keep_their_limits() {
    for (definition, points) in [
        (r#"{"Name":"m","Unit":"Count"}"#, 1),
        (r#"{"Name":"m","Unit":"Parsecs"}"#, 0),
        (r#"{"Name":"m","StorageResolution":1}"#, 1),
        (r#"{"Name":"m","StorageResolution":5}"#, 0),
        (r#"{"Name":"gone"}"#, 0),
        (r#"{"Unit":"Count"}"#, 0),
    ] {
        let message = event(&directive("[[]]", definition), REST);
        check(&message, points, false, u32::from(points == 0));
    }
    let numbers = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    for (value, points) in [
        (numbers(100), 1),
        (numbers(101), 0),
        (numbers(0), 0),
        ("1e200".to_owned(), 0),
        ("\"5\"".to_owned(), 0),
        ("[1,\"5\"]".to_owned(), 0),
    ] {
        let message = event(&directive("[[]]", METRIC), &format!(r#""m":{value}"#));
        check(&message, points, false, u32::from(points == 0));
    }
}

#[test]
fn a_point_carries_all_that_the_event_says() {
    let directive = r#"{"Namespace":"App","Dimensions":[["Zone","Host"]],
        "Metrics":[{"Name":"Latency","Unit":"Milliseconds","StorageResolution":1}]}"#;
    let message = event(directive, r#""Zone":"a","Host":"h","Latency":[1,2.5]"#);
    let point = extract(&message, NOW).points.remove(0);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        point,
        MetricPoint {
            namespace: "App".to_owned(),
            name: "Latency".to_owned(),
            dimensions: vec![pair("Zone", "a"), pair("Host", "h")],
            unit: "Milliseconds".to_owned(),
            resolution_seconds: 1,
            timestamp: NOW,
            values: vec![1.0, 2.5],
        }
    );
}
