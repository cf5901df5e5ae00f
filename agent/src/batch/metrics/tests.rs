//! What a tick becomes.

use plimsoll_core::catalog::{AGENT_FILES, DISK_FREE, LOAD_1};
use plimsoll_core::clock::UnixMillis;

use super::*;

fn sets(names: &[&[&str]]) -> DimensionSets {
    let names: Vec<Vec<String>> = names
        .iter()
        .map(|set| set.iter().map(|name| (*name).to_owned()).collect())
        .collect();
    let value = |name: &str| (name != "Unknown").then(|| (Arc::from(name), Arc::from("v")));
    DimensionSets::resolve(&names, value).0
}

fn batcher(names: &[&[&str]]) -> MetricBatcher {
    MetricBatcher::new(sets(names), namespace::HOST, 60)
}

fn tick(samples: Vec<Sample>) -> Tick {
    Tick {
        time: UnixMillis(60_000),
        samples,
    }
}

fn written(datum: &Datum) -> Vec<String> {
    let dimensions = datum.dimensions.iter();
    dimensions
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

#[test]
fn a_sample_becomes_a_datum_for_each_whole_set_and_keeps_its_own_dimension() {
    let mut maker = batcher(&[&["InstanceId"], &["Unknown"], &["Zone", "Group"]]);
    let sample = Sample::of(&DISK_FREE, &Arc::from("/data"), 5.0);
    let (batches, unfit) = maker.batches(tick(vec![sample]));
    assert!(unfit.is_empty());
    let datums = &batches[0].datums;
    assert_eq!(written(&datums[0]), ["InstanceId=v", "path=/data"]);
    assert_eq!(written(&datums[1]), ["Group=v", "Zone=v", "path=/data"]);
    assert_eq!(datums.len(), 2);
    assert_eq!(maker.series(), 2);
}

#[test]
fn the_agents_own_metrics_have_their_namespace_and_the_first_set_only() {
    let mut maker = batcher(&[&["InstanceId"], &["Group"]]);
    let samples = vec![Sample::new(&AGENT_FILES, 3.0), Sample::new(&LOAD_1, 0.5)];
    let (batches, _) = maker.batches(tick(samples));
    let told: Vec<(&str, usize)> = batches
        .iter()
        .map(|batch| (&*batch.namespace, batch.datums.len()))
        .collect();
    assert_eq!(told, [(namespace::HOST, 2), (namespace::AGENT, 1)]);
}

#[test]
fn a_value_that_is_no_number_costs_only_itself() {
    let mut maker = batcher(&[&["InstanceId"]]);
    let samples = vec![Sample::new(&LOAD_1, f64::NAN), Sample::new(&LOAD_1, 1.0)];
    let (batches, unfit) = maker.batches(tick(samples));
    assert_eq!(batches[0].datums.len(), 1);
    assert_eq!(unfit[0].reason, "value_out_of_range");
}

#[test]
fn series_of_a_later_tick_share_their_dimensions() {
    let mut maker = batcher(&[&["InstanceId"]]);
    let mut first = || maker.batches(tick(vec![Sample::new(&LOAD_1, 1.0)])).0;
    let (before, after) = (first(), first());
    let dimensions = |batches: &[MetricBatch]| Arc::clone(&batches[0].datums[0].dimensions);
    assert!(Arc::ptr_eq(&dimensions(&before), &dimensions(&after)));
}

#[test]
fn calls_keep_to_the_limit_of_datums_and_of_bytes() {
    let mut plain = batcher(&[&["InstanceId"]]);
    let samples = vec![Sample::new(&LOAD_1, 1.0); 2001];
    let (batches, _) = plain.batches(tick(samples));
    let sizes: Vec<usize> = batches.iter().map(|batch| batch.datums.len()).collect();
    assert_eq!(sizes, [1000, 1000, 1]);

    let long: Arc<str> = "x".repeat(1000).into();
    let samples = vec![Sample::of(&DISK_FREE, &long, 1.0); 900];
    let (batches, _) = plain.batches(tick(samples));
    assert!(batches.len() > 1);
    for batch in batches {
        let bytes: usize = batch.datums.iter().map(encoded_bytes_max).sum();
        assert!(bytes < limits::metrics::REQUEST_BYTES_MAX);
    }
}

#[test]
fn the_size_of_a_datum_is_never_underestimated() {
    let mut maker = batcher(&[&["InstanceId", "AutoScalingGroupName"]]);
    let samples = vec![Sample::of(&DISK_FREE, &Arc::from("/a\"\\b"), 1.0 / 3.0)];
    let datum = &maker.batches(tick(samples)).0[0].datums[0];
    // The JSON form of the service, the longest of its protocols.
    let dimensions: Vec<serde_json::Value> = datum
        .dimensions
        .iter()
        .map(|(name, value)| serde_json::json!({"Name": &**name, "Value": &**value}))
        .collect();
    let json = serde_json::json!({
        "MetricName": datum.metric.name,
        "Dimensions": dimensions,
        "Timestamp": 1_795_524_360.123,
        "Value": -1.234_567_890_123_456_7e-105,
        "Unit": datum.unit().as_str(),
        "StorageResolution": 60,
    });
    assert!(json.to_string().len() < encoded_bytes_max(datum));
}
