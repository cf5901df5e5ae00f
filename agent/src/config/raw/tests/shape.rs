//! What is said about series.

use std::time::Duration;

use super::problems;
use crate::config::{Config, Feed};
use crate::scraper::Family;

#[test]
fn series_are_shaped_as_they_were_meant() {
    let text = r#"
        [metrics]
        interval = "60s"
        sample_interval = "5s"
        flush_interval = "2m"
        dimensions = [["InstanceId", "AutoScalingGroupName?"]]
        aggregation_dimensions = [["InstanceId"], []]
        per_instance = ["mem_*"]
        series_per_metric = 20
        [metrics.append_dimensions]
        Team = "web"
        Zone = "{az}"
        [metrics.cpu]
        interval = "10s"
        namespace = "Other"
        measurements = ["cpu_usage_active"]
        append_dimensions = { kind = "cpu" }
        [[metrics.rule]]
        match = ["cpu_*"]
        rename = "CPU"
        unit = "Percent"
        drop_original = true
    "#;
    let metrics = Config::from_text("agent.toml", text)
        .unwrap()
        .metrics
        .unwrap();
    let of = |family| {
        let mut all = metrics.selection.families.iter();
        let one = all.find(|one| one.family == family).unwrap();
        (one.sample_interval.as_secs(), one.interval.as_secs())
    };
    assert_eq!(of(Family::Cpu), (5, 10));
    assert_eq!(of(Family::Memory), (5, 60));
    assert_eq!(metrics.flush_interval, Duration::from_mins(2));
    assert_eq!(metrics.series_per_metric_max, 20);
    let shape = &metrics.shape;
    let cpu = Feed::Host(Family::Cpu);
    assert!(shape.per_instance.admits("mem_used") && !shape.per_instance.admits("load_1"));
    assert_eq!(shape.append.len(), 2);
    assert_eq!(shape.append_of[&cpu][0].0, "kind");
    assert_eq!(shape.namespace_of[&cpu], "Other");
    assert!(!shape.only_of[&cpu].admits("cpu_usage_user"));
    assert_eq!(shape.aggregations.len(), 2);
    assert!(shape.rules[0].drop_original && !shape.rules[0].drop);
}

#[test]
fn mistakes_about_series_are_told_with_place_and_remedy() {
    for (text, expected) in [
        (
            "sample_interval = \"7s\"",
            "expected a time of which `interval` is a multiple",
        ),
        ("interval = \"1500ms\"", "expected whole seconds"),
        ("series_per_metric = 0", "series_per_metric"),
        (
            "append_dimensions = { a = \"{nothing}\" }",
            "unknown placeholder {nothing}",
        ),
        (
            "append_dimensions = { a = \" \" }",
            "a value in ASCII that is not blank",
        ),
        (
            "append_dimensions = { \":a\" = \"x\" }",
            "do not begin with a colon",
        ),
        ("per_instance = [\"[\"]", "expected a pattern"),
        ("[[metrics.rule]]\nrename = \"x\"", "match"),
        (
            "[[metrics.rule]]\nmatch = [\"x\"]\nunit = \"Percents\"",
            "did you mean `Percent`?",
        ),
        (
            "[metrics.cpu]\nnamespace = \"AWS/EC2\"",
            "not starting with AWS/",
        ),
        (
            "[metrics.cpu]\nsample_interval = \"40s\"",
            "`interval` is a multiple",
        ),
        (
            "[metrics.cpu]\nintervall = \"40s\"",
            "did you mean `interval`?",
        ),
    ] {
        let told = problems(&format!("[metrics]\n{text}\n"));
        assert_eq!(told.len(), 1, "{text}: {told:#?}");
        assert!(told[0].contains(expected), "{text}: {told:#?}");
    }
}
