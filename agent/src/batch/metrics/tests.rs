//! What a tick becomes.

use plimsoll_aws::imds::Identity;
use plimsoll_aws::limits;
use plimsoll_core::catalog::{DISK_FREE, LOAD_1, Unit};
use plimsoll_core::clock::UnixMillis;

use super::*;
use crate::config::{Config, MetricRule, Shape};
use crate::identity::Host;
use crate::sample::GivenMetric;
use crate::scraper::{Family, NameFilter};

const NO_NAMES: &[&str] = &[];

fn names(patterns: &[&str]) -> NameFilter {
    NameFilter::new(patterns, NO_NAMES).unwrap()
}

fn lists(lists: &[&[&str]]) -> Vec<Vec<String>> {
    let list = |list: &&[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    lists.iter().map(list).collect()
}

fn host(group: Option<&str>) -> Host {
    Host {
        name: "web".to_owned(),
        instance: Some(Identity {
            instance_id: "i-1".to_owned(),
            instance_type: "m7".to_owned(),
            auto_scaling_group: group.map(str::to_owned),
            ..Identity::default()
        }),
        ..Host::default()
    }
}

fn shape(sets: &[&[&str]]) -> Shape {
    Shape {
        namespace: "Plimsoll/Host".to_owned(),
        sets: lists(sets),
        per_instance: names(&["*"]),
        in_every_list: names(&["*"]),
        ..Shape::default()
    }
}

fn batcher(shape: &Shape) -> MetricBatcher {
    MetricBatcher::new(shape.resolve(&host(Some("asg"))))
}

fn tick(samples: Vec<Sample>) -> Tick {
    Tick {
        feed: Feed::Host(Family::Disk),
        time: UnixMillis(60_000),
        resolution_seconds: 60,
        samples,
    }
}

fn disk(path: &str, value: f64) -> Sample {
    Sample::of(&DISK_FREE, &Arc::from(path), value)
}

/// Namespace, name, dimensions and sum of each datum.
fn told(shape: &Shape, samples: Vec<Sample>) -> Vec<String> {
    let (placed, unfit) = batcher(shape).datums(tick(samples));
    assert_eq!(unfit, []);
    let written = placed.iter().map(|one| {
        let dimensions = one.datum.dimensions().iter();
        let dimensions: Vec<String> = dimensions.map(|(n, v)| format!("{n}={v}")).collect();
        let (name, sum) = (one.datum.name(), one.datum.value.sum());
        format!("{} {name} {} {sum}", one.namespace, dimensions.join(","))
    });
    written.collect()
}

#[test]
fn a_sample_becomes_a_datum_for_each_whole_set_and_keeps_its_own_dimension() {
    let shape = shape(&[
        &["InstanceId"],
        &["ImageId"],
        &["AutoScalingGroupName", "ImageId?"],
    ]);
    assert_eq!(
        told(&shape, vec![disk("/data", 5.0)]),
        [
            "Plimsoll/Host disk_free InstanceId=i-1,path=/data 5",
            "Plimsoll/Host disk_free AutoScalingGroupName=asg,path=/data 5",
        ]
    );
}

#[test]
fn only_metrics_that_are_asked_for_are_told_per_instance_unless_there_is_no_group() {
    let mut shape = shape(&[&["InstanceId"], &["AutoScalingGroupName"]]);
    shape.per_instance = names(&["load_*"]);
    let samples = || vec![Sample::new(&LOAD_1, 1.0), disk("/", 2.0)];
    assert_eq!(
        told(&shape, samples()),
        [
            "Plimsoll/Host load_1 InstanceId=i-1 1",
            "Plimsoll/Host load_1 AutoScalingGroupName=asg 1",
            "Plimsoll/Host disk_free AutoScalingGroupName=asg,path=/ 2",
        ]
    );
    shape.sets.push(vec!["InstanceType".to_owned()]);
    shape.in_every_list = names(&["load_*"]);
    let mut alone = MetricBatcher::new(shape.resolve(&host(None)));
    // Both for the instance, and the load for its type.
    assert_eq!(alone.datums(tick(samples())).0.len(), 3);
}

#[test]
fn metrics_that_need_no_zone_are_told_in_the_first_shared_list_only() {
    let mut shape = shape(&[
        &["InstanceId"],
        &["AutoScalingGroupName"],
        &["InstanceType"],
    ]);
    shape.in_every_list = names(&["load_*"]);
    assert_eq!(
        told(&shape, vec![Sample::new(&LOAD_1, 1.0), disk("/", 2.0)]),
        [
            "Plimsoll/Host load_1 InstanceId=i-1 1",
            "Plimsoll/Host load_1 AutoScalingGroupName=asg 1",
            "Plimsoll/Host load_1 InstanceType=m7 1",
            "Plimsoll/Host disk_free InstanceId=i-1,path=/ 2",
            "Plimsoll/Host disk_free AutoScalingGroupName=asg,path=/ 2",
        ]
    );
}

#[test]
fn aggregations_fold_devices_and_are_left_out_when_a_name_is_missing() {
    let mut shape = shape(&[&["InstanceId", "AutoScalingGroupName"]]);
    shape.aggregations = lists(&[&["InstanceId"], &["path"], &[], &["device"]]);
    shape.rules = vec![MetricRule {
        names: names(&["disk_free"]),
        rename: Some("FREE".to_owned()),
        unit: Some(Unit::Gigabytes),
        drop_original: true,
        ..MetricRule::default()
    }];
    assert_eq!(
        told(&shape, vec![disk("/", 2.0), disk("/data", 3.0)]),
        [
            "Plimsoll/Host FREE InstanceId=i-1 5",
            "Plimsoll/Host FREE path=/ 2",
            "Plimsoll/Host FREE  5",
            "Plimsoll/Host FREE path=/data 3",
        ]
    );
}

#[test]
fn an_aggregation_with_all_dimensions_sums_up_nothing_and_gives_none() {
    let mut shape = shape(&[&["InstanceId"]]);
    shape.aggregations = lists(&[&["path", "InstanceId"], &["path"]]);
    shape.rules = vec![MetricRule {
        names: names(&["*"]),
        drop_original: true,
        ..MetricRule::default()
    }];
    let expected = ["Plimsoll/Host disk_free path=/ 2"];
    assert_eq!(told(&shape, vec![disk("/", 2.0)]), expected);
}

#[test]
fn what_is_appended_replaces_nothing_that_the_metric_says_itself() {
    let text = r#"
        [metrics]
        dimensions = [["InstanceId"]]
        append_dimensions = { path = "all", team = "web" }
        [metrics.disk]
        append_dimensions = { team = "disks", zone = "{az}" }
    "#;
    let config = Config::from_text("agent.toml", text).unwrap();
    let shape = config.metrics.unwrap().shape;
    let expected = ["Plimsoll/Host disk_free InstanceId=i-1,path=/,team=disks 2"];
    assert_eq!(told(&shape, vec![disk("/", 2.0)]), expected);
}

#[test]
fn a_value_that_is_no_number_costs_only_itself() {
    let samples = vec![Sample::new(&LOAD_1, f64::NAN), disk("/", 1.0)];
    let (placed, unfit) = batcher(&shape(&[&["InstanceId"]])).datums(tick(samples));
    assert_eq!(placed.len(), 1);
    assert_eq!(unfit[0].reason, "value_out_of_range");
}

#[test]
fn an_application_may_name_its_namespace_and_its_resolution() {
    let metric = MetricName::from(GivenMetric {
        namespace: Some(Arc::from("Shop")),
        high_resolution: true,
        ..GivenMetric::new("orders", Unit::Count)
    });
    let sample = Sample {
        metric,
        ..Sample::new(&LOAD_1, 1.0)
    };
    let (placed, _) = batcher(&shape(&[&["InstanceId"]])).datums(tick(vec![sample]));
    assert_eq!(&*placed[0].namespace, "Shop");
    assert_eq!(placed[0].datum.resolution_seconds, 1);
}

#[test]
fn series_of_a_later_tick_are_shared() {
    let mut maker = batcher(&shape(&[&["InstanceId"]]));
    let mut first = || maker.datums(tick(vec![Sample::new(&LOAD_1, 1.0)])).0;
    let (before, after) = (first(), first());
    assert!(Arc::ptr_eq(&before[0].datum.series, &after[0].datum.series));
    assert_eq!(maker.series(), 1);
}

#[test]
fn calls_keep_to_the_limit_of_datums_and_of_bytes() {
    let mut plain = batcher(&shape(&[&["InstanceId"]]));
    let many = |path: &str, count: usize| {
        let disks = (0..count).map(|n| disk(&format!("{path}{n}"), 1.0));
        tick(disks.collect())
    };
    let batches = fill(plain.datums(many("/", 2001)).0);
    let sizes: Vec<usize> = batches.iter().map(|batch| batch.datums.len()).collect();
    assert_eq!(sizes, [1000, 1000, 1]);

    let batches = fill(plain.datums(many(&"x".repeat(1000), 900)).0);
    assert!(batches.len() > 1);
    for batch in batches {
        let bytes: usize = batch.datums.iter().map(encoded_bytes_max).sum();
        assert!(bytes < limits::metrics::REQUEST_BYTES_MAX);
    }
}

#[test]
fn the_size_of_a_datum_is_never_underestimated() {
    let mut maker = batcher(&shape(&[&["InstanceId", "AutoScalingGroupName"]]));
    let datum = &maker.datums(tick(vec![disk("/a\"\\b", 1.0 / 3.0)])).0[0].datum;
    // The JSON form of the service, the longest of its protocols.
    let dimensions: Vec<serde_json::Value> = datum
        .dimensions()
        .iter()
        .map(|(name, value)| serde_json::json!({"Name": &**name, "Value": &**value}))
        .collect();
    let json = |value: serde_json::Value| {
        let mut json = serde_json::json!({
            "MetricName": datum.name(),
            "Dimensions": dimensions,
            "Timestamp": 1_795_524_360.123,
            "Unit": datum.unit().as_str(),
            "StorageResolution": 60,
        });
        json.as_object_mut()
            .unwrap()
            .extend(value.as_object().unwrap().clone());
        json.to_string().len()
    };
    let long = -1.234_567_890_123_456_7e-105;
    assert!(json(serde_json::json!({ "Value": long })) < encoded_bytes_max(datum));
    let set = serde_json::json!({ "StatisticValues": {
        "SampleCount": long, "Sum": long, "Minimum": long, "Maximum": long,
    }});
    let statistics = Datum {
        value: plimsoll_aws::DatumValue::Statistics {
            count: long,
            sum: long,
            min: long,
            max: long,
        },
        ..datum.clone()
    };
    assert!(json(set) < encoded_bytes_max(&statistics));
    let values = serde_json::json!({ "Values": vec![long; 150], "Counts": vec![long; 150] });
    let distribution = Datum {
        value: plimsoll_aws::DatumValue::Distribution(vec![(long, long); 150].into()),
        ..datum.clone()
    };
    assert!(json(values) < encoded_bytes_max(&distribution));
}
