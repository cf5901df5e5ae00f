//! Documents that are right, wrong, too large, and of any bytes.

use super::*;
use plimsoll_core::clock::UnixMillis;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// A document with one directive.
fn document(directive: &Value, members: &Value) -> String {
    let mut whole = json!({"_aws": {"Timestamp": NOW.0, "CloudWatchMetrics": [directive]}});
    let root = whole.as_object_mut().unwrap();
    root.extend(members.as_object().unwrap().clone());
    whole.to_string()
}

/// Every reading in short, and every fault.
fn told(text: &str) -> (Vec<String>, Vec<(&'static str, u64)>) {
    let mut faults = Faults::default();
    let readings = match Document::read(text.as_bytes(), NOW) {
        Ok(document) => {
            faults.merge(document.faults);
            document.readings().map(|reading| short(&reading)).collect()
        }
        Err(fault) => {
            faults.add(fault);
            Vec::new()
        }
    };
    let faults = faults.counts().filter(|(_, count)| *count > 0);
    (readings, faults.collect())
}

fn short(reading: &Reading) -> String {
    let crate::sample::MetricName::Given(given) = &reading.key.metric else {
        panic!("a metric of an application");
    };
    let labels = reading.key.labels.iter();
    let labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let namespace = given.namespace.as_deref().unwrap_or_default();
    let high = if given.high_resolution { " 1s" } else { "" };
    let (name, unit) = (&given.name, given.unit.as_str());
    format!(
        "{namespace}/{name} [{}] {unit}{high} {:?}",
        labels.join(","),
        reading.values
    )
}

#[test]
fn every_dimension_set_makes_a_series_with_the_unit_and_resolution_of_the_metric() {
    let directive = json!({
        "Namespace": "Shop", "Dimensions": [["Service", "Region"], ["Service"], []],
        "Metrics": [
            {"Name": "Time", "Unit": "Milliseconds", "StorageResolution": 1},
            {"Name": "Count"},
        ],
    });
    let members =
        json!({"Service": "cart", "Region": "eu", "Time": [3, 1.5, 3], "Count": 2, "x": {}});
    let (readings, faults) = told(&document(&directive, &members));
    assert_eq!(faults, []);
    assert_eq!(readings.len(), 6);
    for expected in [
        "Shop/Time [Region=eu,Service=cart] Milliseconds 1s [3.0, 1.5, 3.0]",
        "Shop/Time [Service=cart] Milliseconds 1s [3.0, 1.5, 3.0]",
        "Shop/Count [] None [2.0]",
    ] {
        assert!(
            readings.iter().any(|one| one == expected),
            "{expected}: {readings:?}"
        );
    }
}

/// A directive, changed in one key, in a document with members of every kind.
fn with(key: &str, value: Value) -> String {
    let mut directive =
        json!({"Namespace": "N", "Dimensions": [["d"]], "Metrics": [{"Name": "m"}]});
    directive[key] = value;
    let members = json!({"d": "v", "m": 1, "s": "text", "l": [1, "x"], "e": []});
    document(&directive, &members)
}

/// A metric before a good one.
fn before_a_good_one(metric: &Value) -> String {
    with("Metrics", json!([metric, {"Name": "m"}]))
}

/// Every text breaks one rule, and this many readings are left.
fn check<const N: usize>(cases: [(String, &'static str, usize); N]) {
    for (text, word, left) in cases {
        let (readings, faults) = told(&text);
        let found = (faults, readings.len());
        assert_eq!(found, (vec![(word, 1)], left), "{word}: {text:.200}");
    }
}

#[test]
fn every_broken_rule_is_told_by_its_word_and_costs_only_what_it_is_about() {
    let metric = |metric: Value| before_a_good_one(&metric);
    let sets = |sets: Value| with("Dimensions", sets);
    let many_keys: Vec<&str> = vec!["d"; 31];
    check([
        (with("Namespace", json!("")), "emf_namespace", 0),
        (with("Namespace", json!(":x")), "emf_namespace", 0),
        (sets(json!([])), "emf_dimensions", 0),
        (sets(json!([["d"], [1]])), "emf_dimensions", 1),
        (sets(json!([many_keys, ["d"]])), "emf_dimensions", 1),
        (sets(json!([["x"], ["d"]])), "emf_dimension_missing", 1),
        (sets(json!([["m"], ["d"]])), "emf_dimension_value", 1),
        (metric(json!({"Unit": "Count"})), "emf_metric_name", 1),
        (metric(json!({"Name": "gone"})), "emf_metric_missing", 1),
        (metric(json!({"Name": "s"})), "emf_value", 1),
        (metric(json!({"Name": "l"})), "emf_value", 1),
        (metric(json!({"Name": "e"})), "emf_value", 1),
        (metric(json!({"Name": "m", "Unit": "ms"})), "emf_unit", 1),
    ]);
    let resolution = metric(json!({"Name": "m", "StorageResolution": 5}));
    check([(resolution, "emf_resolution", 1)]);
}

#[test]
fn what_is_no_document_at_all_is_told_by_what_it_lacks() {
    let text = |text: &str| text.to_owned();
    let metrics: Vec<Value> = vec![json!({"Name": "m"}); DOCUMENT_METRICS_MAX + 1];
    let sets = json!(vec![["d"]; DOCUMENT_SETS_MAX + 1]);
    let old = with("Namespace", json!("N")).replace("1800000000000", "1700000000000");
    let open = text(r#"{"_aws":{"Timestamp":1800000000000,"#);
    let alone = text(r#"{"_aws":{"Timestamp":1800000000000}}"#);
    let timeless = text(r#"{"_aws":{"CloudWatchMetrics":[]}}"#);
    check([
        (text("plain"), "emf_not_object", 0),
        (text("[1]"), "emf_not_object", 0),
        (open, "emf_not_object", 0),
        (text(r#"{"a":1}"#), "emf_no_metrics", 0),
        (alone, "emf_no_metrics", 0),
        (with("Metrics", json!([])), "emf_no_metrics", 0),
        (timeless, "emf_timestamp", 0),
        (old, "emf_timestamp", 0),
        (with("Metrics", json!(metrics)), "emf_too_many_metrics", 0),
        (with("Dimensions", sets), "emf_too_many_metrics", 0),
    ]);
}

#[test]
fn values_beyond_what_cloudwatch_stores_are_refused() {
    for number in ["1e308", "1e999", "-3e108"] {
        let text = document(
            &json!({"Namespace": "N", "Dimensions": [[]], "Metrics": [{"Name": "m"}]}),
            &json!({"m": "here"}),
        );
        let (readings, faults) = told(&text.replace("\"here\"", number));
        assert_eq!(
            (readings.len(), faults),
            (0, vec![("emf_value", 1)]),
            "{number}"
        );
    }
}

#[test]
fn a_document_that_refers_to_a_long_list_again_and_again_is_refused_before_it_costs_much() {
    let values: Vec<u32> = (0..60_000).collect();
    let metrics: Vec<Value> = vec![json!({"Name": "m"}); 4_000];
    let directive = json!({"Namespace": "N", "Dimensions": [[]], "Metrics": metrics});
    let (readings, faults) = told(&document(&directive, &json!({"m": values})));
    assert_eq!(
        (readings.len(), faults),
        (0, vec![("emf_too_many_metrics", 1)])
    );
}

/// What a document says: every series with its values in order.
fn series(text: &[u8]) -> BTreeMap<String, Vec<f64>> {
    let document = Document::read(text, NOW).unwrap();
    assert!(document.faults.is_empty());
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for reading in document.readings() {
        let values = reading.values.clone();
        let key = short(&Reading {
            values: Vec::new(),
            ..reading
        });
        all.entry(key).or_default().extend(values);
    }
    all
}

#[test]
fn a_document_with_too_many_metrics_becomes_several_that_say_the_same_together() {
    let names: Vec<String> = (0..250).map(|n| format!("m{n}")).collect();
    let metrics: Vec<Value> = names.iter().map(|name| json!({"Name": name})).collect();
    let directive = json!({"Namespace": "N", "Dimensions": [["d"], []], "Metrics": metrics});
    let mut members = json!({"d": "v", "note": "only once"});
    for (index, name) in names.iter().enumerate() {
        members[name] = json!(index);
    }
    members["m7"] = json!((0..230).collect::<Vec<u32>>());
    let text = document(&directive, &members);
    let pieces = Document::read(text.as_bytes(), NOW)
        .unwrap()
        .pieces()
        .unwrap();
    assert_eq!(pieces.len(), 5, "three, and two more for the long list");
    let mut together: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut notes = 0;
    for piece in &pieces {
        let parsed: Value = serde_json::from_slice(piece).unwrap();
        let metrics = parsed["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            .as_array()
            .unwrap();
        assert!(metrics.len() <= METRICS_MAX);
        assert!(Document::read(piece, NOW).unwrap().pieces() == Err(Whole::Small));
        notes += usize::from(parsed.get("note").is_some());
        for (key, values) in series(piece) {
            together.entry(key).or_default().extend(values);
        }
    }
    assert_eq!(notes, 1, "what is no metric is paid once");
    assert_eq!(together, series(text.as_bytes()));
    let small = document(&directive, &members).replace("\"note\"", "\"other\"");
    assert!(
        Document::read(small.as_bytes(), NOW)
            .unwrap()
            .pieces()
            .is_ok()
    );
}

#[test]
fn a_document_whose_parts_would_not_fit_one_call_stays_whole() {
    let sets: Vec<Vec<String>> = (0..400).map(|n| vec![format!("d{n}")]).collect();
    let metrics: Vec<Value> = (0..201).map(|n| json!({"Name": format!("m{n}")})).collect();
    let directive = json!({"Namespace": "N", "Dimensions": sets, "Metrics": metrics});
    let mut members = json!({});
    for n in 0..400 {
        members[format!("d{n}")] = json!("x".repeat(1000));
    }
    for n in 0..201 {
        members[format!("m{n}")] = json!(n);
    }
    let text = document(&directive, &members);
    let document = Document::read(text.as_bytes(), NOW).unwrap();
    assert_eq!(document.pieces(), Err(Whole::TooLarge));
}

/// Bits of documents, so that chance builds what is nearly right.
fn bit() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"_aws\"",
        "\"Timestamp\"",
        "1800000000000",
        "\"CloudWatchMetrics\"",
        "\"Namespace\"",
        "\"N\"",
        "\"Dimensions\"",
        "[[]]",
        "\"Metrics\"",
        "{\"Name\":\"a\"}",
        "\"a\"",
        "1e400",
        "-0",
        "\"\\ud800\"",
        "null",
        "\u{7f}",
        "{\"_aws\":{\"Timestamp\":1800000000000,\"CloudWatchMetrics\":[{\"Namespace\":\"N\",\"Dimensions\":[[\"a\"]],\"Metrics\":[{\"Name\":\"b\"}]}]},\"a\":\"v\",\"b\":",
    ])
}

proptest! {
    #[test]
    fn no_document_makes_the_reader_panic_or_say_a_number_that_is_none(
        bits in prop::collection::vec(bit(), 0..30),
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        crate::fuzzing::emf(bits.concat().as_bytes());
        crate::fuzzing::emf(&bytes);
    }
}
