//! CloudWatch over CBOR: datums, alarms, dashboards.

use ciborium::Value;

use super::*;
use crate::loopback::Told;
use crate::{Alarm, AlarmState, AlarmsApi};

pub(super) fn cbor(value: &Value) -> Told {
    let mut body = Vec::new();
    ciborium::into_writer(value, &mut body).expect("CBOR");
    let headers = vec![
        ("smithy-protocol", "rpc-v2-cbor".to_owned()),
        ("content-type", "application/cbor".to_owned()),
    ];
    (200, headers, body)
}

/// A CBOR map of text to values.
pub(super) fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.map(|(key, value)| (Value::from(key), value));
    Value::Map(entries.to_vec())
}

#[tokio::test]
async fn datums_go_out_with_name_unit_time_and_values() {
    let server = Loopback::start(|_| cbor(&map([]))).await;
    let cloudwatch = clients(&server).await.cloudwatch();
    let put = cloudwatch.put_metric_data("Plimsoll/Host", &datums()).await;
    assert_eq!(put, Ok(()));
    let asked = &server.asked()[0];
    assert!(asked.target.ends_with("/operation/PutMetricData"));
    let sent: Value = ciborium::from_reader(&*asked.body).expect("CBOR");
    let shown = format!("{sent:?}");
    let metric = catalog::HOST_METRICS[0];
    for expected in [
        "Plimsoll/Host",
        metric.name,
        metric.unit.as_str(),
        "InstanceId",
        "1795524360.5",
        "SampleCount",
        "StorageResolution",
    ] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
}

#[tokio::test]
async fn alarms_are_described_over_all_pages() {
    let server = Loopback::start(|asked| {
        let second = String::from_utf8_lossy(&asked.body).contains("more");
        let (name, state) = if second { ("b", "ALARM") } else { ("a", "OK") };
        let alarm = map([
            ("AlarmName", name.into()),
            ("StateValue", state.into()),
            ("EvaluationPeriods", 3.into()),
            ("Threshold", 5.5.into()),
        ]);
        let alarms = ("MetricAlarms", Value::Array(vec![alarm]));
        if second {
            cbor(&map([alarms]))
        } else {
            cbor(&map([alarms, ("NextToken", "more".into())]))
        }
    })
    .await;
    let cloudwatch = clients(&server).await.cloudwatch();
    let found = cloudwatch.describe_alarms("plimsoll-").await.expect("two");
    let shown: Vec<_> = found.iter().map(|f| (&*f.alarm.name, f.state)).collect();
    assert_eq!(shown, [("a", AlarmState::Ok), ("b", AlarmState::Alarm)]);
    assert_eq!(
        (found[0].alarm.datapoints_to_alarm, found[0].alarm.threshold),
        (3, 5.5)
    );
}

/// An error as CloudWatch gives it: the shape in the body, the older code in a header.
fn cloudwatch_error(status: u16, shape: &str, code: &str, more: Option<(&str, Value)>) -> Told {
    let mut entries = vec![
        (Value::from("__type"), Value::from(shape)),
        (Value::from("message"), Value::from("the message")),
    ];
    entries.extend(more.map(|(key, value)| (Value::from(key), value)));
    let (_, mut headers, body) = cbor(&Value::Map(entries));
    headers.push(("x-amzn-query-error", format!("{code};Sender")));
    (status, headers, body)
}

#[tokio::test]
async fn a_bad_dashboard_is_refused_with_its_places_and_a_missing_one_is_none() {
    let server = Loopback::start(|asked| {
        if asked.target.ends_with("/GetDashboard") {
            return cloudwatch_error(404, "DashboardNotFoundError", "ResourceNotFound", None);
        }
        let finding = map([
            ("DataPath", "/widgets/0".into()),
            ("Message", "no such type".into()),
        ]);
        let more = Some(("dashboardValidationMessages", Value::Array(vec![finding])));
        cloudwatch_error(
            400,
            "DashboardInvalidInputError",
            "InvalidParameterInput",
            more,
        )
    })
    .await;
    let cloudwatch = clients(&server).await.cloudwatch();
    assert_eq!(cloudwatch.get_dashboard("d").await, Ok(None));
    let error = cloudwatch.put_dashboard("d", "{}").await.expect_err("bad");
    assert_eq!(
        error,
        Error::Rejected {
            call: "PutDashboard",
            code: "InvalidParameterInput".to_owned(),
            why: "the message: /widgets/0: no such type".to_owned(),
        }
    );
}

#[tokio::test]
async fn an_alarm_goes_out_with_all_its_settings() {
    let server = Loopback::start(|_| cbor(&map([]))).await;
    let alarm = Alarm {
        name: "plimsoll-cpu".to_owned(),
        description: "what to do".to_owned(),
        namespace: "Plimsoll/Host".to_owned(),
        metric: "cpu".to_owned(),
        dimensions: BTreeMap::from([("InstanceId".to_owned(), "i-1".to_owned())]),
        statistic: "Average".to_owned(),
        period_seconds: 60,
        evaluation_periods: 3,
        datapoints_to_alarm: 2,
        comparison: "GreaterThanThreshold".to_owned(),
        threshold: 90.0,
        treat_missing_data: "breaching".to_owned(),
        alarm_actions: vec!["arn:aws:sns:eu-west-1:1:page".to_owned()],
        ok_actions: vec![],
        tags: BTreeMap::from([("owner".to_owned(), "plimsoll".to_owned())]),
    };
    let cloudwatch = clients(&server).await.cloudwatch();
    assert_eq!(cloudwatch.put_alarm(&alarm).await, Ok(()));
    let sent: Value = ciborium::from_reader(&*server.asked()[0].body).expect("CBOR");
    let shown = format!("{sent:?}");
    for expected in [
        "plimsoll-cpu",
        "GreaterThanThreshold",
        "DatapointsToAlarm",
        "breaching",
        "sns:eu-west-1:1:page",
        "owner",
    ] {
        assert!(shown.contains(expected), "{expected} in {shown}");
    }
}
