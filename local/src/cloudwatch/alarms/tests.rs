//! Alarms from their settings to the topic.

use std::time::Duration;

use super::*;
use crate::cloudwatch::CloudWatch;
use crate::codec::json;

/// A whole minute: 2026-11-24T12:46:00Z.
const NOW: UnixMillis = UnixMillis(1_795_524_360_000);
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:ops";

struct Bench {
    service: CloudWatch,
    now: UnixMillis,
}

impl Bench {
    fn new(prompt: bool) -> Self {
        Self {
            service: CloudWatch::new("123456789012", "us-east-1", prompt),
            now: NOW,
        }
    }

    fn call(&mut self, operation: &str, body: &str) -> Result<Value, String> {
        let call = Call {
            operation: operation.to_owned(),
            key_id: String::new(),
            input: json::decode(body.as_bytes()).unwrap(),
            now: self.now,
            region: "us-east-1".to_owned(),
        };
        self.service
            .call(&call)
            .map_err(|refusal| format!("{}: {}", refusal.code, refusal.message))
    }

    /// Puts an alarm on the Maximum of T/m above 5, two minutes of two, with these changes.
    fn alarm(&mut self, changes: &[(&str, &str)]) -> Result<Value, String> {
        let mut members: BTreeMap<&str, String> = [
            ("AlarmName", "\"high\""),
            ("Namespace", "\"T\""),
            ("MetricName", "\"m\""),
            ("Statistic", "\"Maximum\""),
            ("Period", "60"),
            ("EvaluationPeriods", "2"),
            ("Threshold", "5"),
            ("ComparisonOperator", "\"GreaterThanThreshold\""),
        ]
        .into_iter()
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
        members.insert("AlarmActions", format!("[\"{TOPIC}\"]"));
        for (name, value) in changes {
            members.insert(name, (*value).to_owned());
        }
        let members: Vec<_> = members
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        self.call("PutMetricAlarm", &format!("{{{}}}", members.join(",")))
    }

    fn put(&mut self, value: f64, second: i64) {
        let at = NOW.as_secs() + second;
        let body = format!(
            r#"{{"Namespace":"T","MetricData":[{{"MetricName":"m","Value":{value},"Timestamp":{at}}}]}}"#
        );
        self.call("PutMetricData", &body).unwrap();
    }

    /// Moves to so many seconds after [`NOW`], evaluates and gives the state.
    fn state_at(&mut self, second: u64) -> String {
        self.now = NOW + Duration::from_secs(second);
        self.service.tick(self.now);
        self.member("StateValue")
    }

    fn member(&mut self, name: &str) -> String {
        let answer = self.call("DescribeAlarms", "{}").unwrap();
        let alarm = &answer.member("MetricAlarms").items()[0];
        alarm.member(name).text().unwrap_or_default().to_owned()
    }
}

#[test]
fn an_alarm_fires_once_on_its_way_to_alarm_and_goes_back() {
    let mut bench = Bench::new(false);
    bench.alarm(&[]).unwrap();
    bench.put(9.0, 0);
    bench.put(9.0, 60);
    assert_eq!(bench.member("StateValue"), "INSUFFICIENT_DATA");
    assert_eq!(bench.state_at(60), "INSUFFICIENT_DATA");
    assert_eq!(bench.state_at(119), "INSUFFICIENT_DATA");
    assert_eq!(bench.state_at(120), "ALARM");
    let reason = bench.member("StateReason");
    assert_eq!(
        reason,
        "Threshold Crossed: 2 out of the last 2 datapoints [9.0 (24/11/26 12:47:00), \
         9.0 (24/11/26 12:46:00)] were greater than the threshold (5.0) \
         (minimum 2 datapoints for OK -> ALARM transition)."
    );
    let told = bench.service.take_notifications();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].topic, TOPIC);
    assert_eq!(told[0].subject, "ALARM: \"high\" in US East (N. Virginia)");
    let message: serde_json::Value = serde_json::from_str(&told[0].message).unwrap();
    assert_eq!(message["OldStateValue"], "INSUFFICIENT_DATA");
    assert_eq!(message["Trigger"]["Statistic"], "MAXIMUM");
    assert_eq!(bench.state_at(130), "ALARM");
    bench.put(1.0, 120);
    assert_eq!(bench.state_at(180), "OK");
    assert!(
        bench.service.take_notifications().is_empty(),
        "there are no OK actions"
    );
    let history = bench
        .call("DescribeAlarmHistory", r#"{"AlarmName":"high"}"#)
        .unwrap();
    let kinds: Vec<_> = history
        .member("AlarmHistoryItems")
        .items()
        .iter()
        .map(|item| item.member("HistorySummary").text().unwrap().to_owned())
        .collect();
    assert_eq!(
        kinds,
        [
            "Alarm updated from ALARM to OK",
            "Successfully executed action arn:aws:sns:us-east-1:123456789012:ops",
            "Alarm updated from INSUFFICIENT_DATA to ALARM",
            "Alarm \"high\" created",
        ]
    );
}

#[test]
fn the_running_minute_counts_only_when_asked_for_and_only_where_it_decides() {
    for (prompt, statistic, comparison, expected) in [
        (true, "\"Maximum\"", "\"GreaterThanThreshold\"", "ALARM"),
        (true, "\"Sum\"", "\"GreaterThanThreshold\"", "ALARM"),
        (
            true,
            "\"Average\"",
            "\"GreaterThanThreshold\"",
            "INSUFFICIENT_DATA",
        ),
        (
            true,
            "\"Maximum\"",
            "\"LessThanThreshold\"",
            "INSUFFICIENT_DATA",
        ),
        (
            false,
            "\"Maximum\"",
            "\"GreaterThanThreshold\"",
            "INSUFFICIENT_DATA",
        ),
    ] {
        let mut bench = Bench::new(prompt);
        let changes = [
            ("Statistic", statistic),
            ("ComparisonOperator", comparison),
            ("EvaluationPeriods", "1"),
        ];
        bench.alarm(&changes).unwrap();
        bench.put(
            if comparison.contains("Less") {
                1.0
            } else {
                9.0
            },
            5,
        );
        assert_eq!(
            bench.state_at(10),
            expected,
            "{prompt} {statistic} {comparison}"
        );
    }
}

#[test]
fn windows_slide_by_the_minute_and_high_resolution_ones_by_ten_seconds() {
    let mut bench = Bench::new(false);
    bench
        .alarm(&[("Period", "300"), ("EvaluationPeriods", "1")])
        .unwrap();
    bench.put(9.0, 60);
    assert_eq!(
        bench.state_at(120),
        "ALARM",
        "two minutes into the clock's five"
    );
    let mut bench = Bench::new(false);
    bench
        .alarm(&[("Period", "10"), ("EvaluationPeriods", "1")])
        .unwrap();
    let at = NOW.as_secs() + 12;
    let body = format!(
        r#"{{"Namespace":"T","MetricData":[{{"MetricName":"m","Value":9,"Timestamp":{at},"StorageResolution":1}}]}}"#
    );
    bench.call("PutMetricData", &body).unwrap();
    assert_eq!(bench.state_at(19), "INSUFFICIENT_DATA");
    assert_eq!(bench.state_at(20), "ALARM");
}

#[test]
fn an_alarm_on_metric_math_is_evaluated() {
    let mut bench = Bench::new(false);
    let metrics = r#"[{"Id":"m1","ReturnData":false,"MetricStat":{"Stat":"Sum","Period":60,
        "Metric":{"Namespace":"T","MetricName":"m"}}},{"Id":"e1","Expression":"FILL(m1,0)*2"}]"#;
    let mut changes = vec![("Metrics", metrics), ("EvaluationPeriods", "1")];
    changes.extend(["MetricName", "Namespace", "Statistic", "Period"].map(|name| (name, "")));
    bench.alarm(&changes).unwrap();
    bench.put(3.0, 0);
    assert_eq!(bench.state_at(60), "ALARM");
    assert_eq!(bench.state_at(120), "OK", "FILL leaves nothing missing");
}

#[test]
fn a_state_that_was_set_acts_and_lasts_until_the_next_evaluation() {
    let mut bench = Bench::new(false);
    bench.alarm(&[("EvaluationPeriods", "1")]).unwrap();
    bench.put(1.0, 0);
    assert_eq!(bench.state_at(60), "OK");
    let set = r#"{"AlarmName":"high","StateValue":"ALARM","StateReason":"drill"}"#;
    bench.call("SetAlarmState", set).unwrap();
    assert_eq!(bench.service.take_notifications().len(), 1);
    assert_eq!(bench.state_at(70), "ALARM");
    assert_eq!(bench.state_at(120), "OK");
    bench
        .call("DisableAlarmActions", r#"{"AlarmNames":["high"]}"#)
        .unwrap();
    bench.call("SetAlarmState", set).unwrap();
    assert!(bench.service.take_notifications().is_empty());
    let error = bench
        .call("SetAlarmState", &set.replace("high", "low"))
        .unwrap_err();
    assert!(error.starts_with("ResourceNotFound: "), "{error}");
}

#[test]
fn settings_outside_the_limits_are_refused() {
    let arns = format!("[{}]", vec![format!("\"{TOPIC}\""); 6].join(","));
    let long = format!("\"{}\"", "n".repeat(256));
    for (changes, part) in [
        (&[("AlarmName", "")][..], "'AlarmName' failed"),
        (&[("AlarmName", &long)], "less than or equal to 255"),
        (
            &[("Period", "7")],
            "Period must be 10, 20, 30 or a multiple of 60",
        ),
        (&[("Period", "")], "Period must be"),
        (&[("Threshold", "")], "Threshold is required"),
        (&[("Threshold", "\"NaN\"")], "Threshold is required"),
        (&[("ComparisonOperator", "\"Greater\"")], "enum value set"),
        (
            &[("ComparisonOperator", "\"GreaterThanUpperThreshold\"")],
            "not available here",
        ),
        (&[("EvaluationPeriods", "0")], "greater than or equal to 1"),
        (&[("EvaluationPeriods", "1441")], "more than 1 day"),
        (
            &[("Period", "3600"), ("EvaluationPeriods", "169")],
            "more than 7 days",
        ),
        (
            &[("DatapointsToAlarm", "3")],
            "less than or equal to EvaluationPeriods",
        ),
        (
            &[("ExtendedStatistic", "\"p9\"")],
            "Exactly one of Statistic",
        ),
        (&[("Statistic", "\"p9\"")], "not supported"),
        (&[("TreatMissingData", "\"none\"")], "is not breaching"),
        (&[("AlarmActions", &arns)], "greater than 5"),
        (&[("AlarmActions", "[\"ops\"]")], "Invalid arn syntax: ops"),
        (&[("Unit", "\"Furlongs\"")], "is not a unit"),
        (
            &[("Metrics", "[{\"Id\":\"a\",\"Expression\":\"1\"}]")],
            "mutually exclusive",
        ),
    ] {
        let error = Bench::new(false).alarm(changes).unwrap_err();
        assert!(error.contains(part), "{changes:?}: {error}");
    }
    Bench::new(false)
        .alarm(&[("Period", "3600"), ("EvaluationPeriods", "168")])
        .unwrap();
}

#[test]
fn alarms_are_described_by_page_prefix_and_type_and_an_update_keeps_the_state() {
    let mut bench = Bench::new(false);
    for number in 0..120 {
        bench
            .alarm(&[("AlarmName", &format!("\"a{number:03}\""))])
            .unwrap();
    }
    let count = |answer: &Value| answer.member("MetricAlarms").items().len();
    let first = bench
        .call("DescribeAlarms", r#"{"MaxRecords":100}"#)
        .unwrap();
    assert_eq!(count(&first), 100);
    let token = first.member("NextToken").text().unwrap();
    let rest = bench
        .call("DescribeAlarms", &format!(r#"{{"NextToken":"{token}"}}"#))
        .unwrap();
    assert_eq!(
        (count(&rest), rest.member("NextToken").is_null()),
        (20, true)
    );
    let some = bench
        .call("DescribeAlarms", r#"{"AlarmNamePrefix":"a11"}"#)
        .unwrap();
    assert_eq!(count(&some), 10);
    let none = bench
        .call("DescribeAlarms", r#"{"AlarmTypes":["CompositeAlarm"]}"#)
        .unwrap();
    assert_eq!(count(&none), 0);
    assert!(
        bench
            .call("DescribeAlarms", r#"{"MaxRecords":101}"#)
            .is_err()
    );
    let set = r#"{"AlarmName":"a000","StateValue":"ALARM","StateReason":"drill"}"#;
    bench.call("SetAlarmState", set).unwrap();
    bench
        .alarm(&[("AlarmName", "\"a000\""), ("Threshold", "7")])
        .unwrap();
    assert_eq!(bench.member("StateValue"), "ALARM");
    let error = bench
        .call("DeleteAlarms", r#"{"AlarmNames":["a001","nope"]}"#)
        .unwrap_err();
    assert!(error.starts_with("ResourceNotFound"), "{error}");
    bench
        .call("DeleteAlarms", r#"{"AlarmNames":["a001","a002"]}"#)
        .unwrap();
    assert_eq!(bench.service.alarm_counts(), (118, 0));
}

#[test]
fn tags_are_set_once_and_changed_by_their_own_calls() {
    let mut bench = Bench::new(false);
    bench
        .alarm(&[("Tags", r#"[{"Key":"a","Value":"1"}]"#)])
        .unwrap();
    bench
        .alarm(&[("Tags", r#"[{"Key":"b","Value":"2"}]"#)])
        .unwrap();
    let arn = bench.member("AlarmArn");
    let body = |more: &str| format!(r#"{{"ResourceARN":"{arn}"{more}}}"#);
    bench
        .call("TagResource", &body(r#","Tags":[{"Key":"c","Value":"3"}]"#))
        .unwrap();
    bench
        .call("UntagResource", &body(r#","TagKeys":["a"]"#))
        .unwrap();
    let tags = bench.call("ListTagsForResource", &body("")).unwrap();
    let tag = Value::map([("Key", "c".into()), ("Value", "3".into())]);
    assert_eq!(tags.member("Tags").items(), [tag]);
}
