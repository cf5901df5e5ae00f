//! Each limit from both sides.

use super::*;
use crate::cloudwatch::Statistic;
use crate::codec::json;

const NOW: UnixMillis = UnixMillis(1_795_524_360_000);

fn put(body: &str) -> Result<Vec<Datum>, (&'static str, String)> {
    let call = Call {
        operation: "PutMetricData".to_owned(),
        input: json::decode(body.as_bytes()).unwrap(),
        now: NOW,
        region: "us-east-1".to_owned(),
        key_id: "local".to_owned(),
    };
    read(&call).map_err(|refusal| (refusal.code, refusal.message))
}

/// A request of one datum with these members.
fn one(members: &str) -> String {
    format!(r#"{{"Namespace":"N","MetricData":[{{{members}}}]}}"#)
}

fn repeat(count: usize, item: &str) -> String {
    vec![item; count].join(",")
}

fn numbered(count: usize) -> String {
    let items: Vec<_> = (0..count)
        .map(|number| format!(r#"{{"Name":"d{number}","Value":"v"}}"#))
        .collect();
    items.join(",")
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn each_limit_holds_on_both_sides() {
    let day = 86_400;
    let at = |seconds: i64| {
        one(&format!(
            r#""MetricName":"m","Value":1,"Timestamp":{}"#,
            NOW.as_secs() + seconds
        ))
    };
    let name = |length: usize| {
        one(&format!(
            r#""MetricName":"{}","Value":1"#,
            "n".repeat(length)
        ))
    };
    let dimensions = |count| {
        one(&format!(
            r#""MetricName":"m","Value":1,"Dimensions":[{}]"#,
            numbered(count)
        ))
    };
    let values = |count| {
        one(&format!(
            r#""MetricName":"m","Values":[{}]"#,
            repeat(count, "1")
        ))
    };
    let datums = |count| {
        format!(
            r#"{{"Namespace":"N","MetricData":[{}]}}"#,
            repeat(count, r#"{"MetricName":"m","Value":1}"#)
        )
    };
    let value = |text: &str| one(&format!(r#""MetricName":"m","Value":{text}"#));
    let with = |members: &str| one(&format!(r#""MetricName":"m","Value":1,{members}"#));
    for good in [
        at(0),
        at(-14 * day),
        at(2 * 3600),
        name(255),
        dimensions(30),
        values(150),
        datums(1000),
        value("2.3485425827738332e108"),
        value("-1e108"),
        with(r#""StorageResolution":1"#),
        with(r#""StorageResolution":60"#),
        with(r#""Unit":"Bytes/Second""#),
    ] {
        assert!(
            put(&good).is_ok(),
            "{:?}: {:?}",
            put(&good),
            good.get(..120)
        );
    }
    for (bad, code, part) in [
        (
            at(-14 * day - 1),
            "InvalidParameterValue",
            "within the past two weeks",
        ),
        (
            at(2 * 3600 + 1),
            "InvalidParameterValue",
            "two hours in the future",
        ),
        (name(256), "InvalidParameterValue", "shorter than 256"),
        (
            name(0),
            "MissingParameter",
            "MetricData.member.1.MetricName is required",
        ),
        (
            dimensions(31),
            "InvalidParameterValue",
            "size greater than 30",
        ),
        (
            values(151),
            "InvalidParameterValue",
            "size greater than 150",
        ),
        (values(0), "MissingParameter", "Values is required"),
        (
            datums(1001),
            "InvalidParameterValue",
            "size greater than 1000",
        ),
        (
            value("2.4e108"),
            "InvalidParameterValue",
            "for parameter MetricData.member.1.Value is invalid",
        ),
        (value("\"NaN\""), "InvalidParameterValue", "The value NaN"),
        (
            value("\"-Infinity\""),
            "InvalidParameterValue",
            "The value -inf",
        ),
        (value("null"), "MissingParameter", "At least one"),
        (
            with(r#""StorageResolution":5"#),
            "InvalidParameterValue",
            "1 or 60",
        ),
        (
            with(r#""Unit":"Furlongs""#),
            "InvalidParameterValue",
            "a value in the set",
        ),
        (
            with(r#""Values":[1]"#),
            "InvalidParameterCombination",
            "mutually exclusive",
        ),
        (
            with(r#""Dimensions":[{"Name":"a","Value":"1"},{"Name":"a","Value":"2"}]"#),
            "InvalidParameterValue",
            "duplicate",
        ),
        (
            with(r#""Dimensions":[{"Name":":a","Value":"1"}]"#),
            "InvalidParameterValue",
            "colon",
        ),
        (
            with(r#""Dimensions":[{"Name":"a","Value":" "}]"#),
            "InvalidParameterValue",
            "white space",
        ),
        (
            with(r#""Dimensions":[{"Name":"a","Value":"ü"}]"#),
            "InvalidParameterValue",
            "ASCII",
        ),
        (
            with(r#""Dimensions":[{"Name":"a"}]"#),
            "MissingParameter",
            "Dimensions.member.1.Value",
        ),
        (
            one(r#""MetricName":"m","Values":[1,2],"Counts":[1]"#),
            "InvalidParameterValue",
            "same size",
        ),
        (
            one(r#""MetricName":"m","Values":[1],"Counts":[0]"#),
            "InvalidParameterValue",
            "greater than 0",
        ),
        (
            one(r#""MetricName":"m","StatisticValues":{"SampleCount":1,"Sum":1,"Minimum":1}"#),
            "MissingParameter",
            "Maximum",
        ),
        (
            one(
                r#""MetricName":"m","StatisticValues":{"SampleCount":1,"Sum":1,"Minimum":2,"Maximum":1}"#,
            ),
            "InvalidParameterValue",
            "less than or equal",
        ),
        (
            r#"{"Namespace":":N","MetricData":[]}"#.to_owned(),
            "InvalidParameterValue",
            "Namespace",
        ),
        (
            r#"{"Namespace":"AWS/EC2","MetricData":[]}"#.to_owned(),
            "InvalidParameterValue",
            "Namespace",
        ),
        (
            r#"{"MetricData":[]}"#.to_owned(),
            "MissingParameter",
            "Namespace",
        ),
        (
            r#"{"Namespace":"N"}"#.to_owned(),
            "MissingParameter",
            "MetricData",
        ),
        (
            r#"{"Namespace":"N","EntityMetricData":[]}"#.to_owned(),
            "MissingParameter",
            "StrictEntityValidation",
        ),
    ] {
        let (found, message) = put(&bad).unwrap_err();
        assert_eq!(found, code, "{message}");
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn one_bad_datum_fails_the_request_and_is_named() {
    let body =
        r#"{"Namespace":"N","MetricData":[{"MetricName":"a","Value":1},{"MetricName":"b"}]}"#;
    let (code, _) = put(body).unwrap_err();
    assert_eq!(code, "MissingParameter");
}

#[test]
fn a_distribution_keeps_its_counts_and_a_datum_without_a_time_is_now() {
    let datums = put(&one(r#""MetricName":"m","Values":[1,5],"Counts":[3,1]"#)).unwrap();
    let bucket = &datums[0].bucket;
    assert_eq!(bucket.read(Statistic::Sum), Some(8.0));
    assert_eq!(bucket.read(Statistic::Percentile(75.0)), Some(1.0));
    assert_eq!((datums[0].at, datums[0].unit.as_str()), (NOW, "None"));
}

#[test]
fn datums_of_an_entity_count_like_others_and_a_bad_entity_fails_only_when_strict() {
    let body = |strict: bool| {
        format!(
            r#"{{"Namespace":"N","StrictEntityValidation":{strict},"EntityMetricData":[{{
            "Entity":{{"KeyAttributes":{{"Type":"Service"}}}},
            "MetricData":[{{"MetricName":"m","Value":1}}]}}]}}"#
        )
    };
    assert_eq!(put(&body(false)).unwrap().len(), 1);
    assert!(put(&body(true)).is_err());
}
