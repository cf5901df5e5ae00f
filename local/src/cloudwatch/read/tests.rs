//! What was put comes back, by metric, by expression and by search.

use super::*;
use crate::cloudwatch::CloudWatch;
use crate::codec::json;

const NOW: UnixMillis = UnixMillis(1_795_524_360_000);

fn call(service: &mut CloudWatch, operation: &str, body: &str) -> Answer {
    service.call(&Call {
        operation: operation.to_owned(),
        input: json::decode(body.as_bytes()).unwrap(),
        now: NOW,
        region: "us-east-1".to_owned(),
        key_id: "local".to_owned(),
    })
}

/// Three minutes of `cpu` of two instances, the second without the middle one.
fn filled() -> CloudWatch {
    let mut service = CloudWatch::new("123456789012", "us-east-1", false);
    let mut datums = Vec::new();
    for (instance, minute, value) in [
        ("a", 3, 10),
        ("a", 2, 20),
        ("a", 1, 60),
        ("b", 3, 1),
        ("b", 1, 3),
    ] {
        datums.push(format!(
            r#"{{"MetricName":"cpu","Dimensions":[{{"Name":"id","Value":"{instance}"}}],
            "Timestamp":{},"Value":{value},"Unit":"Percent"}}"#,
            NOW.as_secs() - 60 * minute
        ));
    }
    let body = format!(r#"{{"Namespace":"T","MetricData":[{}]}}"#, datums.join(","));
    call(&mut service, "PutMetricData", &body).unwrap();
    service
}

/// Values per series, oldest first, of the queries that return data.
fn values(queries: &str) -> Result<Vec<Vec<f64>>, String> {
    let body = format!(
        r#"{{"StartTime":{},"EndTime":{},"ScanBy":"TimestampAscending","MetricDataQueries":[{queries}]}}"#,
        NOW.as_secs() - 180,
        NOW.as_secs()
    );
    let answer = call(&mut filled(), "GetMetricData", &body).map_err(|refusal| refusal.message)?;
    let results = answer.member("MetricDataResults").items();
    Ok(results
        .iter()
        .map(|result| {
            let values = result.member("Values").items();
            values.iter().map(|value| value.number().unwrap()).collect()
        })
        .collect())
}

/// The metric of both instances as hidden `a` and `b`, and an expression.
fn expression(text: &str) -> Result<Vec<Vec<f64>>, String> {
    let metric = |id: &str| {
        format!(
            r#"{{"Id":"{id}","ReturnData":false,"MetricStat":{{"Stat":"Average","Period":60,"Metric":
            {{"Namespace":"T","MetricName":"cpu","Dimensions":[{{"Name":"id","Value":"{id}"}}]}}}}}}"#
        )
    };
    let text = text.replace('"', "\\\"");
    values(&format!(
        r#"{},{},{{"Id":"e1","Expression":"{text}"}}"#,
        metric("a"),
        metric("b")
    ))
}

#[test]
fn expressions_are_computed() {
    for (text, expected) in [
        ("a", vec![vec![10.0, 20.0, 60.0]]),
        ("a + b * 2", vec![vec![12.0, 66.0]]),
        ("100 * (1 - a / 100)", vec![vec![90.0, 80.0, 40.0]]),
        ("a / 0", vec![vec![]]),
        ("SUM([a,b])", vec![vec![11.0, 20.0, 63.0]]),
        ("AVG(METRICS())", vec![vec![5.5, 20.0, 31.5]]),
        ("MAX([b, 2])", vec![vec![2.0, 3.0]]),
        (
            "a / SUM(a)",
            vec![vec![10.0 / 90.0, 20.0 / 90.0, 60.0 / 90.0]],
        ),
        ("MIN(a)", vec![vec![10.0, 10.0, 10.0]]),
        ("FILL(b, 0)", vec![vec![1.0, 0.0, 3.0]]),
        ("FILL(b, REPEAT)", vec![vec![1.0, 1.0, 3.0]]),
        ("FILL(b, LINEAR)", vec![vec![1.0, 2.0, 3.0]]),
        ("RATE(a)", vec![vec![10.0 / 60.0, 40.0 / 60.0]]),
        ("DIFF(b)", vec![vec![2.0]]),
        ("RUNNING_SUM(a)", vec![vec![10.0, 30.0, 90.0]]),
        ("IF(a > 15, 1, 0)", vec![vec![0.0, 1.0, 1.0]]),
        ("[a, b] * 2", vec![vec![20.0, 40.0, 120.0], vec![2.0, 6.0]]),
        (
            "SEARCH('{T,id} MetricName=\"cpu\"', 'Maximum', 60)",
            vec![vec![10.0, 20.0, 60.0], vec![1.0, 3.0]],
        ),
        (
            "SORT(SEARCH('{T,id}', 'Sum', 60), MAX, ASC, 1)",
            vec![vec![1.0, 3.0]],
        ),
        ("SUM(SEARCH('{T,id}', 'SampleCount', 180))", vec![vec![5.0]]),
        ("SEARCH('{T,id} id=\"c\"', 'Sum', 60)", vec![]),
    ] {
        assert_eq!(expression(text), Ok(expected), "{text}");
    }
}

#[test]
fn expressions_that_cannot_be_computed_are_refused() {
    for (text, part) in [
        ("e1 + 1", "'e1' refers to itself"),
        ("c", "'c' is not an id"),
        ("NOPE(a)", "NOPE with 1 arguments is not available"),
        ("[a,b] + [a,b]", "two arrays"),
        ("a +", "ends too early"),
    ] {
        let error = expression(text).unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }
}

#[test]
fn bad_queries_are_refused() {
    let metric =
        r#""MetricStat":{"Stat":"Sum","Period":60,"Metric":{"Namespace":"T","MetricName":"cpu"}}"#;
    for (query, part) in [
        (
            format!(r#"{{"Id":"A",{metric}}}"#),
            "not matching the expected pattern",
        ),
        (
            format!(r#"{{"Id":"a",{metric},"Expression":"1"}}"#),
            "Exactly one",
        ),
        (r#"{"Id":"a"}"#.to_owned(), "Exactly one"),
        (
            format!(r#"{{"Id":"a",{metric}}},{{"Id":"a",{metric}}}"#),
            "not unique",
        ),
        (
            format!(r#"{{"Id":"a",{}}}"#, metric.replace("60", "7")),
            "must be 1, 5, 10, 20, 30",
        ),
        (
            format!(r#"{{"Id":"a",{}}}"#, metric.replace("Sum", "Median")),
            "is not supported",
        ),
        (vec![r#"{"Id":"a"}"#; 501].join(","), "greater than 500"),
    ] {
        let error = values(&query).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn data_is_newest_first_and_comes_in_pages() {
    let mut service = filled();
    let body = |token: &str| {
        format!(
            r#"{{"StartTime":{},"EndTime":{},"MaxDatapoints":2,{token}"MetricDataQueries":[{{"Id":"a",
            "MetricStat":{{"Stat":"p50","Period":60,"Metric":{{"Namespace":"T","MetricName":"cpu",
            "Dimensions":[{{"Name":"id","Value":"a"}}]}}}}}}]}}"#,
            NOW.as_secs() - 3600,
            NOW.as_secs()
        )
    };
    let first = call(&mut service, "GetMetricData", &body("")).unwrap();
    let result = &first.member("MetricDataResults").items()[0];
    assert_eq!(result.member("Values"), &vec![60.0, 20.0].into());
    assert_eq!(
        result.member("Timestamps").items()[0],
        Value::time(NOW - Duration::from_mins(1))
    );
    assert_eq!(result.member("StatusCode").text(), Some("PartialData"));
    let token = format!(
        r#""NextToken":"{}","#,
        first.member("NextToken").text().unwrap()
    );
    let second = call(&mut service, "GetMetricData", &body(&token)).unwrap();
    let result = &second.member("MetricDataResults").items()[0];
    assert_eq!(result.member("Values"), &vec![10.0].into());
    assert!(second.member("NextToken").is_null());
    let bad = call(&mut service, "GetMetricData", &body(r#""NextToken":"x","#)).unwrap_err();
    assert_eq!(bad.code, "InvalidNextToken");
}

#[test]
fn metrics_are_listed_by_filter() {
    let mut service = filled();
    for (filter, expected) in [
        ("{}", 2),
        (r#"{"Namespace":"T","MetricName":"cpu"}"#, 2),
        (r#"{"Namespace":"U"}"#, 0),
        (r#"{"MetricName":"mem"}"#, 0),
        (r#"{"Dimensions":[{"Name":"id"}]}"#, 2),
        (
            r#"{"Dimensions":[{"Name":"id","Value":"b"}],"RecentlyActive":"PT3H"}"#,
            1,
        ),
    ] {
        let answer = call(&mut service, "ListMetrics", filter).unwrap();
        assert_eq!(answer.member("Metrics").items().len(), expected, "{filter}");
    }
}

#[test]
fn statistics_are_given_per_unit_and_bounded() {
    let mut service = filled();
    let body = |period: i64, more: &str| {
        format!(
            r#"{{"Namespace":"T","MetricName":"cpu","Dimensions":[{{"Name":"id","Value":"a"}}],
            "StartTime":{},"EndTime":{},"Period":{period},{more}}}"#,
            NOW.as_secs() - 86_400 * 2,
            NOW.as_secs()
        )
    };
    let good = body(3600, r#""Statistics":["Sum","SampleCount"]"#);
    let answer = call(&mut service, "GetMetricStatistics", &good).unwrap();
    let point = &answer.member("Datapoints").items()[0];
    assert_eq!(point.member("Sum").number(), Some(90.0));
    assert_eq!(point.member("SampleCount").number(), Some(3.0));
    assert_eq!(point.member("Unit").text(), Some("Percent"));
    for (bad, part) in [
        (
            body(60, r#""Statistics":["Sum"]"#),
            "exceeds the limit of 1440",
        ),
        (
            body(3600, r#""Statistics":["p90"]"#),
            "'p90' for parameter Statistics",
        ),
        (body(3600, r#""Statistics":[]"#), "Exactly one"),
    ] {
        let refusal = call(&mut service, "GetMetricStatistics", &bad).unwrap_err();
        assert!(refusal.message.contains(part), "{}", refusal.message);
    }
}

#[test]
fn an_expression_over_all_of_time_gives_no_more_than_an_answer_can_hold() {
    let body = r#"{"StartTime":-9000000000000,"EndTime":9000000000000,
        "MetricDataQueries":[{"Id":"a","Expression":"FILL([1], 0) + 1","Period":1},
                             {"Id":"b","Expression":"2 * 3","Period":1}]}"#;
    // Whatever it says: it says it soon, and does not fill the memory.
    if let Ok(answer) = call(&mut filled(), "GetMetricData", body) {
        let results = answer.member("MetricDataResults").items();
        let points = |result: &Value| result.member("Values").items().len();
        assert!(results.iter().map(points).sum::<usize>() <= POINTS_MAX);
    }
}

#[test]
fn a_token_that_was_made_up_gives_an_empty_page() {
    let token = format!(r#"{{"NextToken":"{}"}}"#, usize::MAX);
    for (operation, member) in [
        ("ListMetrics", "Metrics"),
        ("DescribeAlarms", "MetricAlarms"),
        ("DescribeAlarmHistory", "AlarmHistoryItems"),
        ("ListDashboards", "DashboardEntries"),
    ] {
        let answer = call(&mut filled(), operation, &token).unwrap();
        assert_eq!(answer.member(member).items(), [], "{operation}");
        assert!(answer.member("NextToken").is_null(), "{operation}");
    }
}
