//! Each rule of the linter, once broken.

use super::*;
use crate::alarms::{Alarm, Missing, Statistic};
use crate::inventory::Inventory;

/// A body with one metric widget whose properties are `properties`.
fn metric(properties: &str) -> String {
    format!(r#"{{"widgets":[{{"type":"metric","x":0,"y":0,"properties":{{{properties}}}}}]}}"#)
}

/// A chart that is right but for `rows`.
fn rows(rows: &str) -> String {
    metric(&format!(
        r#""title":"T","region":"r","yAxis":{{"left":{{"label":"%"}}}},"metrics":[{rows}]"#
    ))
}

fn told(body: &str) -> Vec<String> {
    let known = ["plimsoll-a".to_owned()];
    dashboard(body, &known)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[track_caller]
fn check(body: &str, expected: &str) {
    let told = told(body);
    assert!(
        told.iter().any(|line| line.contains(expected)),
        "{body}: {told:#?}"
    );
}

#[test]
fn every_mistake_of_a_body_is_told_with_widget_and_key() {
    let text = r#"{"type":"text","properties":{"markdown":"x"}"#;
    let placed = |place: &str| format!(r#"{{"widgets":[{text},{place}}}]}}"#);
    let cases = [
        ("{".to_owned(), "body: is not JSON"),
        ("{}".to_owned(), "widgets: missing"),
        (
            r#"{"widgets":[],"begin":1}"#.to_owned(),
            "begin: unknown key",
        ),
        (
            r#"{"widgets":[],"start":"2026-01-01T00:00Z"}"#.to_owned(),
            "so end must be given",
        ),
        (
            r#"{"widgets":[],"periodOverride":"no"}"#.to_owned(),
            "auto, inherit",
        ),
        (
            r#"{"widgets":[{"type":"texts","properties":{}}]}"#.to_owned(),
            "widget 0 type: found \"texts\"",
        ),
        (
            r#"{"widgets":[{"type":"text"}]}"#.to_owned(),
            "properties: missing",
        ),
        (
            placed(r#""x":24,"y":0"#),
            "widget 0 x: found 24, expected 0 to 23",
        ),
        (placed(r#""x":1"#), "x and y come together"),
        (
            placed(r#""x":20,"y":0,"width":6"#),
            "width: reaches column 26",
        ),
        (placed(r#""height":0"#), "height: found 0"),
        (
            format!(r#"{{"widgets":[{text},"x":0,"y":0}},{text},"x":5,"y":5}}]}}"#),
            "widget 1 x, y: lies on widget 0",
        ),
    ];
    for (body, expected) in cases {
        check(&body, expected);
    }
}

#[test]
fn every_mistake_of_the_properties_of_a_widget_is_told() {
    let cases = [
        (
            metric(r#""title":"T","metrics":[]"#),
            "properties.region: missing",
        ),
        (
            metric(r#""title":"no stop.","region":"r","metrics":[]"#),
            "properties.title: starts with",
        ),
        (
            metric(r#""title":"T","region":"r""#),
            "properties.metrics: missing",
        ),
        (
            metric(r#""title":"T","region":"r","metrics":[],"view":"gauge""#),
            "a gauge needs min and max",
        ),
        (
            metric(r#""title":"T","region":"r","metrics":[]"#),
            "yAxis.left.label: missing",
        ),
        (
            metric(r#""title":"T","region":"r","metrics":[],"period":90"#),
            "not a multiple of 60",
        ),
        (
            metric(r#""title":"T","region":"r","metrics":[],"sparkline":true"#),
            "needs the view singleValue",
        ),
        (
            metric(
                r#""title":"T","region":"r","metrics":[],"annotations":{"horizontal":[{"value":"9"}]}"#,
            ),
            "annotations.horizontal[0]: value must be a number",
        ),
        (
            metric(
                r#""title":"T","region":"r","annotations":{"alarms":["arn:aws:cloudwatch:r:1:alarm:b"]}"#,
            ),
            "no alarm is named \"b\"",
        ),
        (
            r#"{"widgets":[{"type":"alarm","properties":{"alarms":[]}}]}"#.to_owned(),
            "properties.alarms: is empty",
        ),
    ];
    for (body, expected) in cases {
        check(&body, expected);
    }
}

#[test]
fn every_mistake_of_a_row_is_told() {
    let cases = [
        (
            r#"["Plimsoll/Host","mem_usd"]"#,
            "nobody sends the metric mem_usd of Plimsoll/Host",
        ),
        (
            r#"["AWS/EC2","CPUUtilisation"]"#,
            "nobody sends the metric CPUUtilisation",
        ),
        (
            r#"["Plimsoll/Host","disk_free"]"#,
            "always has the dimension path",
        ),
        (
            r#"["Plimsoll/Host","load_1","InstanceId","i-1"]"#,
            "instances come and go",
        ),
        (
            r#"["Plimsoll/Host","load_1","InstanceId"]"#,
            "a dimension has no value",
        ),
        (
            r#"["Plimsoll/Host"]"#,
            "needs at least a namespace and a name",
        ),
        (
            r#"["Plimsoll/Host","load_1"],["...",{"id":"Load"}]"#,
            "id must start with a small letter",
        ),
        (
            r#"["Plimsoll/Host","load_1",{"id":"a"}],[".","load_5",{"id":"a"}]"#,
            "id \"a\" is used twice",
        ),
        (
            r#"["Plimsoll/Host","load_1",{"colour":"red"}]"#,
            "colour: unknown key",
        ),
        (
            r#"[{"expression":"MAX(a"}]"#,
            "1 opening and 0 closing brackets",
        ),
        (
            r#"[{"expression":"SEARCH('{Plimsoll/Host,InstanceId} MetricName=\"nope\"', 'Average')"}]"#,
            "nobody sends the metric nope",
        ),
        (
            r#"[{"expression":"SEARCH('cpu', 'Average')"}]"#,
            "names no schema",
        ),
        (
            r#"[{"expression":"SELECT 1"}],[{"expression":"SELECT 2"}]"#,
            "one Metrics Insights query",
        ),
    ];
    for (row, expected) in cases {
        check(&rows(row), expected);
    }
}

#[test]
fn rows_that_repeat_the_row_before_are_understood() {
    let body = rows(
        r#"["Plimsoll/Host","disk_free","path","/"],["...","/var"],[".","disk_total",".","/"]"#,
    );
    assert_eq!(told(&body), Vec::<String>::new());
}

#[test]
fn more_metrics_than_a_dashboard_may_hold_are_told() {
    let row = vec![r#"["Plimsoll/Host","load_1"]"#; 501].join(",");
    check(&rows(&row), "properties.metrics: 501 items, at most 500");
    let widget = format!(
        r#"{{"type":"metric","properties":{{"title":"T","region":"r","yAxis":{{"left":{{"label":"l"}}}},"metrics":[{row}]}}}}"#
    );
    let body = format!(r#"{{"widgets":[{}]}}"#, vec![widget; 5].join(","));
    check(&body, "2505 metrics in all");
}

#[test]
fn every_mistake_of_an_alarm_is_told() {
    let right = crate::alarms::alarms(&Inventory::default()).remove(0);
    let check = |change: fn(&mut Alarm), expected: &str| {
        let mut wrong = right.clone();
        change(&mut wrong);
        let told = alarms(&[wrong]);
        assert!(
            told.iter()
                .any(|problem| problem.to_string().contains(expected)),
            "{expected}: {told:?}"
        );
    };
    assert_eq!(alarms(std::slice::from_ref(&right)), Vec::new());
    check(
        |alarm| alarm.name = "mine".to_owned(),
        "does not start with plimsoll-",
    );
    check(
        |alarm| alarm.description = "What: x".to_owned(),
        "lacks \"Why:\"",
    );
    check(|alarm| alarm.dimensions.clear(), "always has severity");
    check(|alarm| alarm.period_seconds = 45, "45 s is not");
    check(
        |alarm| alarm.datapoints_to_alarm = 2,
        "from 1 to evaluation_periods",
    );
    check(|alarm| alarm.evaluation_periods = 2_000, "more than a day");
    check(
        |alarm| alarm.threshold = f64::NAN,
        "can never, or will always",
    );
    check(
        |alarm| {
            alarm.statistic = Statistic::SampleCount;
            alarm.missing = Missing::Unknown;
        },
        "must take missing data as breaching",
    );
    assert!(
        alarms(&[right.clone(), right])
            .iter()
            .any(|problem| problem.message == "is used twice")
    );
}
